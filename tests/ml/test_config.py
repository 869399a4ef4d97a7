import re
from pathlib import Path

import pytest

from app.errors import UsageError
from app.modelpack import load_package
from app.paths import resources
from ml.config import check_run, load_run
from tests.ml.training_data import tiny_settings

CONFIGS = Path(__file__).parents[2] / "ml" / "configs"


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_that_every_shipped_run_is_valid(path):
    run = load_run(path)

    for teacher in run.distill.teachers if run.distill else ():
        assert load_run(Path(__file__).parents[2] / teacher).data.classes == run.data.classes


def test_that_the_shipped_package_is_what_its_run_makes():
    run = load_run(CONFIGS / "desk.toml")
    card = load_package(resources() / "models" / run.package).card

    assert (card.id, card.version) == (run.package, run.version)
    assert card.input == run.input
    assert card.names == run.data.classes


def test_that_an_unknown_key_is_refused_with_the_nearest_name(tmp_path):
    settings = tiny_settings(tmp_path, train={"epoch": 3})

    with pytest.raises(UsageError, match=re.escape("“train.epoch”. Did you mean “train.epochs”?")):
        check_run(settings, "run.toml")


def test_that_a_wrong_value_is_named_by_its_key(tmp_path):
    with pytest.raises(UsageError, match=r"train\.batch"):
        check_run(tiny_settings(tmp_path, train={"batch": 0}), "run.toml")


def test_that_any_key_can_be_set_on_the_command_line():
    run = load_run(
        CONFIGS / "desk.toml",
        ["train.epochs=3", "model.start=noise", "input.mean=[0.1, 0.2, 0.3]", "train.ema=0.9"],
    )

    assert run.train.epochs == 3
    assert run.model.start == "noise"
    assert run.input.mean == (0.1, 0.2, 0.3)
    assert run.train.ema == 0.9
    assert load_run(CONFIGS / "desk.toml", ['package=""']).package == ""


def test_that_an_override_without_a_value_is_refused():
    with pytest.raises(UsageError, match=r"section\.key=value"):
        load_run(CONFIGS / "desk.toml", ["train.epochs"])


def test_that_replay_without_a_number_of_views_is_refused(tmp_path):
    settings = tiny_settings(tmp_path, distill={"teachers": ["t.toml"], "replay": True})

    with pytest.raises(UsageError, match=r"augment\.views"):
        check_run(settings, "run.toml")


def test_that_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        load_run(tmp_path / "none.toml")
