"""Whatever happens to a file, what comes out is a frame as announced or a sentence."""

import importlib.util
import re
import subprocess
import sys
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from app.reading import open_studies
from tests.fuzz.mutations import corpus, lay, read_everything, session

# Libraries warn of the damage that they meet; here damage is all there is.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def test_the_corpus_itself_is_read(tmp_path: Path):
    (tmp_path / "whole").mkdir()
    files = corpus(tmp_path)
    for name, data in files.items():
        path = lay(tmp_path / "whole", files, name, data)
        read_everything(path)
        assert open_studies([path]).studies, name


def test_mutated_files_give_frames_or_sentences(tmp_path: Path):
    # By number before time: machines that are not very slow try the same ones.
    tried = Counter(islice(session(tmp_path, seconds=60, seed=1), 1500))
    print(f"{tried.total()} inputs tried")
    assert tried.total() > 0


def test_a_bounded_session_guided_by_coverage(tmp_path: Path):
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is not installed here: it is made for Linux on x86-64 only.")
    root = Path(__file__).resolve().parents[2]
    # Every file of the corpus, and then as many inputs as take some seconds.
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.guided", "-runs=200", "-seed=1", str(tmp_path)],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert re.search(r"Done \d+ runs", done.stderr)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 6))
def test_mutated_files_for_minutes(tmp_path: Path, seed: int):
    tried = Counter(session(tmp_path, seconds=150, seed=seed))
    print(f"{tried.total()} inputs tried: {dict(tried)}")
