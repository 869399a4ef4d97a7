import re
from dataclasses import replace
from pathlib import Path

import pytest

from app.errors import UsageError
from app.modelpack import load_package
from app.paths import resources
from ml.config import Loss, check_run, dump_run, load_run, read_dumped
from ml.teach import main as teach
from tests.ml.training_data import tiny_settings, write_toml

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


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("checkpoint_minutes", float("inf")),
        ("lr", float("nan")),
        ("weight_decay", -0.1),
        ("seed", -1),
    ],
)
def test_that_numbers_that_nothing_can_be_done_with_are_refused(key, value, tmp_path):
    with pytest.raises(UsageError, match=rf"train\.{key}"):
        check_run(tiny_settings(tmp_path, train={key: value}), "run.toml")


def test_that_a_key_without_a_value_is_as_if_the_file_had_none(tmp_path):
    config = write_toml(tmp_path / "run.toml", tiny_settings(tmp_path, train={"seed": 7}))

    assert load_run(config, ["train.seed="]).train.seed == 43
    assert load_run(config, ["train.ema="]) == load_run(config)
    assert load_run(config, ["distill.replay="]).distill is None
    with pytest.raises(UsageError, match=re.escape("“train.epohcs”. Did you mean “train.epochs”?")):
        load_run(config, ["train.epohcs="])


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ({"start": "noise"}, r"model\.start changes nothing, because model\.pretrained begins"),
        ({"continues": "b.toml"}, r"model\.pretrained changes nothing, because model\.continues"),
    ],
)
def test_that_a_run_begins_with_one_thing(model, sentence, tmp_path):
    settings = tiny_settings(tmp_path, model={"pretrained": "a.toml"})
    settings["model"].update(model)

    with pytest.raises(UsageError, match=sentence):
        check_run(settings, "run.toml")


@pytest.mark.parametrize("section", ["model", "distill"])
def test_that_a_run_does_not_build_on_itself(section, tmp_path):
    config = tmp_path / "run.toml"
    key = {"model": "pretrained", "distill": "teachers"}[section]
    named = str(config) if section == "model" else (str(config),)
    write_toml(config, tiny_settings(tmp_path, **{section: {key: named}}))

    with pytest.raises(UsageError, match=r"run\.toml names itself"):
        load_run(config)


def test_that_two_runs_do_not_build_on_each_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for own, other in (("a.toml", "b.toml"), ("b.toml", "a.toml")):
        write_toml(Path(own), tiny_settings(tmp_path, distill={"teachers": (other,)}))

    with pytest.raises(UsageError, match=r"a\.toml names a run that builds on it"):
        load_run(Path("a.toml"))


def test_that_a_package_is_refused_of_a_run_that_makes_none(tmp_path):
    with pytest.raises(UsageError, match="package changes nothing, because a run without"):
        check_run({**tiny_settings(tmp_path), "package": "kd"}, "run.toml")


def test_that_a_class_named_twice_is_refused(tmp_path):
    with pytest.raises(UsageError, match="names a class twice"):
        check_run(tiny_settings(tmp_path, data={"classes": ("CNV", "CNV")}), "run.toml")


def test_that_a_mixture_of_two_patients_is_not_asked_of_crossed_teachers(tmp_path):
    settings = tiny_settings(
        tmp_path, augment={"mixup": 0.2}, distill={"teachers": ["t.toml"], "cross": 2}
    )

    with pytest.raises(UsageError, match=r"distill\.cross and augment\.mixup exclude"):
        check_run(settings, "run.toml")


def test_that_a_file_in_another_encoding_is_refused(tmp_path):
    (tmp_path / "run.toml").write_bytes('version = "größer"'.encode("latin-1"))

    with pytest.raises(UsageError, match="is not in UTF-8"):
        load_run(tmp_path / "run.toml")


@pytest.mark.parametrize(
    "overrides", [["package.x=1"], ["package.x="], ["train=3", "train.epochs=1"]]
)
def test_that_a_key_within_a_value_is_refused(overrides):
    with pytest.raises(UsageError, match="is one value and no section"):
        load_run(CONFIGS / "desk.toml", overrides)


def test_that_any_key_can_be_set_on_the_command_line():
    run = load_run(
        CONFIGS / "desk-first.toml",
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


TAUGHT = {"teachers": ["t.toml"]}


@pytest.mark.parametrize(
    ("sections", "key", "reason"),
    [
        ({"loss": {"kind": "focal"}, "distill": TAUGHT}, "loss.kind", "plain cross-entropy"),
        ({"loss": {"gamma": 1.0}, "distill": TAUGHT}, "loss.gamma", "plain cross-entropy"),
        ({"loss": {"balanced": True}, "distill": TAUGHT}, "loss.balanced", "plain cross-entropy"),
        ({"loss": {"smoothing": 0.1}, "distill": TAUGHT}, "loss.smoothing", "plain cross-entropy"),
        ({"loss": {"kind": "focal", "smoothing": 0.1}}, "loss.smoothing", "focal loss"),
        ({"loss": {"gamma": 1.0}}, "loss.gamma", "loss.kind = focal"),
        ({"data": {"fold": 1}}, "data.fold", "data.split"),
        ({"train": {"swa_lr": 1e-3}}, "train.swa_lr", "train.swa_start"),
        (
            {"augment": {"recipe": "paper-student", "strength": 0.5}},
            "augment.strength",
            "paper-student",
        ),
    ],
)
def test_that_a_key_that_nothing_follows_is_refused(tmp_path, sections, key, reason):
    with pytest.raises(UsageError, match=f"run.toml: {key} changes nothing, because .*{reason}"):
        check_run(tiny_settings(tmp_path, **sections), "run.toml")


def test_that_a_start_is_refused_where_another_run_is_gone_on_from(tmp_path):
    """Even the default one: whoever names it believes that it counts."""
    for start in ("noise", "hub"):
        with pytest.raises(UsageError, match=r"model\.start changes nothing, .* what desk-second"):
            load_run(CONFIGS / "desk.toml", [f"model.start={start}"])

    continued = load_run(CONFIGS / "desk.toml")
    (tmp_path / "run.json").write_text(dump_run(continued))
    assert read_dumped(tmp_path / "run.json") == continued


@pytest.mark.parametrize(
    ("train", "sentence"),
    [
        ({"swa_start": 2}, "train.swa_start = 2 .* Lower it, or raise train.epochs = 2"),
        ({"frozen_epochs": 2}, "train.frozen_epochs = 2 leaves no epoch .* train.epochs = 2"),
        ({"sizes": [[1, 0.5]]}, "train.sizes must begin with epoch 0 .* epochs 1"),
        ({"sizes": [[0, 0.5], [0, 1.0]]}, "train.sizes must .* in order, .* epochs 0, 0"),
        ({"sizes": [[0, 0.0]]}, "train.sizes.0.1: Input should be greater than 0"),
        ({"sizes": [[0, 1.5]]}, "train.sizes.0.1: Input should be less than or equal to 1"),
        ({"lr": 0.0}, "train.lr: Input should be greater than 0"),
        ({"head_lr": -1e-3}, "train.head_lr: Input should be greater than 0"),
    ],
)
def test_that_epochs_and_rates_that_cannot_be_are_refused(tmp_path, train, sentence):
    with pytest.raises(UsageError, match=f"run.toml: {sentence}"):
        check_run(tiny_settings(tmp_path, train=train), "run.toml")


def test_that_keys_that_are_followed_are_taken(tmp_path):
    for sections in (
        {"loss": {"outliers": 0.5}, "distill": TAUGHT},
        {"loss": {"kind": "focal", "gamma": 1.0, "balanced": True}},
        {"loss": {"smoothing": 0.1, "balanced": True}},
        {"data": {"split": "folds.json", "fold": 1}},
        {"train": {"swa_start": 1, "swa_lr": 1e-3, "frozen_epochs": 1}},
        {"train": {"sizes": [[0, 0.5], [1, 1.0]]}},
        {"augment": {"strength": 0.5}},
    ):
        check_run(tiny_settings(tmp_path, **sections), "run.toml")


def test_that_a_run_that_was_made_with_such_a_key_can_still_be_read(tmp_path):
    made = replace(check_run(tiny_settings(tmp_path), "run.toml"), loss=Loss(gamma=1.0))
    (tmp_path / "run.json").write_text(dump_run(made))

    assert read_dumped(tmp_path / "run.json") == made


def test_that_a_run_with_teachers_is_not_trained_without_them(tmp_path, capsys):
    config = write_toml(
        tmp_path / "student.toml", tiny_settings(tmp_path, distill={"teachers": ("t.toml",)})
    )

    for more in ([], ["--dry-run"]):
        assert teach(["--config", str(config), "--out", str(tmp_path / "out"), *more]) == 1
        assert "python -m ml.distill" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_that_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        load_run(tmp_path / "none.toml")
