"""Each switch in a run of its own, on phantoms and a network of 0.4 M parameters."""

import re
from pathlib import Path

import pytest

from app.errors import UsageError
from ml.ablate import BASE, SWITCHES, Before, ablate, main
from ml.config import load_run
from tests.ml.training_data import FINDINGS, tiny_settings, two_devices, write_toml

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def base(phantoms, tmp_path):
    settings = tiny_settings(phantoms, train={"epochs": 2, "batch": 8, "workers": 0})
    return write_toml(tmp_path / "base.toml", settings)


def test_that_every_switch_changes_the_shipped_base():
    config = CHECKOUT / "ml" / "configs" / "ablation.toml"
    base = load_run(config)
    for switch in SWITCHES:
        keys = Before(teachers=(Path("a.toml"), Path("b.toml"))).keys(switch)

        assert (load_run(config, keys) == base) == (switch.name == BASE), switch.name


def test_that_what_is_averaged_are_several_epochs():
    config = CHECKOUT / "ml" / "configs" / "ablation.toml"
    (switch,) = (each for each in SWITCHES if each.name == "SWA")

    train = load_run(config, switch.keys).train

    assert train.epochs - train.swa_start > 1


def test_that_a_switch_is_measured_against_the_base_and_not_trained_twice(base, tmp_path, capsys):
    out = tmp_path / "ablation"
    command = ["--config", str(base), "--out", str(out), "--only", "EMA", "--teachers"]

    assert main(command) == 0
    weights = out / "EMA" / "model.safetensors"
    trained = weights.stat().st_mtime_ns
    assert main(command) == 0

    assert weights.stat().st_mtime_ns == trained
    assert {path.name for path in out.iterdir()} == {"base", "EMA", "table.md"}
    lines = (out / "table.md").read_text().splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| base", "| EMA"]
    assert re.search(
        r"train\.ema=0\.99 \| base \| \d\.\d{3} \(.* to .*\) \| [+-]\d\.\d{3}", lines[3]
    )
    assert lines[3] in capsys.readouterr().out
    base.write_text(base.read_text().replace("lr = 0.001", "lr = 0.002"))
    assert main(command) == 1
    assert "base holds a finished run of another configuration" in capsys.readouterr().err


def test_that_runs_of_another_division_are_not_judged_on_patients_they_may_know(
    base, phantoms, tmp_path, capsys
):
    command = ["--config", str(base), "--out", str(tmp_path / "out"), "--only", BASE, "--teachers"]
    assert main(command) == 0
    header, *rows = phantoms.read_text().splitlines()
    (tmp_path / "fewer.csv").write_text("\n".join([header, *rows[:-1]]) + "\n")
    named = base.read_text().replace(str(phantoms), str(tmp_path / "fewer.csv"))
    base.write_text(named.replace("[data]", f'[data]\nroot = "{phantoms.parent}"'))

    assert main(command) == 1

    assert "may know some of the patients" in capsys.readouterr().err


def test_that_an_unknown_switch_and_missing_teachers_are_refused(base, tmp_path):
    with pytest.raises(UsageError, match=r"no switch “magic”\. There are base, start from noise"):
        ablate(base, tmp_path / "out", Before(teachers=()), ["magic"])
    with pytest.raises(UsageError, match="Name 2 more teachers"):
        ablate(base, tmp_path / "out", Before(teachers=()))


@pytest.mark.long
def test_that_a_run_that_fails_says_so(base, tmp_path):
    base.write_text(base.read_text().replace("test_efficientnet", "no_such_network"))

    with pytest.raises(UsageError, match="The run “base” failed"):
        ablate(base, tmp_path / "out", Before(teachers=()), ["EMA"])


@pytest.mark.long
def test_that_every_switch_can_be_measured(tmp_path, monkeypatch):
    """Also compiled, begun with a pre-trained run, and with two teachers, one of them crossed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(CHECKOUT))
    manifest = two_devices(tmp_path, patients=10)
    short = {"epochs": 3, "batch": 8, "workers": 0}
    base = write_toml(tmp_path / "base.toml", tiny_settings(manifest, train=short))
    findings = {"classes": FINDINGS, "label": "finding", "sources": ["octdl"]}
    before = Before(
        teachers=tuple(
            write_toml(tmp_path / f"{seed}.toml", tiny_settings(manifest, train={"seed": seed}))
            for seed in (1, 2)
        ),
        pretrained=write_toml(tmp_path / "octdl.toml", tiny_settings(manifest, data=findings)),
    )

    measured = {each.switch.name: each for each in ablate(base, tmp_path / "out", before)}

    assert list(measured) == [switch.name for switch in SWITCHES]
    replayed = measured["replay"].differences["negative log-likelihood"]
    assert replayed.value == pytest.approx(0, abs=1e-5)
