"""Whatever happens to a file, what comes out is a frame as announced or a sentence."""

from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from tests.fuzz.mutations import corpus, read_everything, session

# Libraries warn of the damage that they meet; here damage is all there is.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def test_the_corpus_itself_is_read(tmp_path: Path):
    for name, data in corpus(tmp_path).items():
        path = tmp_path / "whole" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        read_everything(path)


def test_mutated_files_give_frames_or_sentences(tmp_path: Path):
    # By number, not by time: every machine tries the same ones.
    tried = Counter(islice(session(tmp_path, seconds=120, seed=1), 3000))
    print(f"{tried.total()} inputs tried")
    assert tried.total() > 0


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 6))
def test_mutated_files_for_minutes(tmp_path: Path, seed: int):
    tried = Counter(session(tmp_path, seconds=150, seed=seed))
    print(f"{tried.total()} inputs tried: {dict(tried)}")
