"""From a package or predictions to figures, and to a page that needs nothing beside it."""

import csv
import json
import re
import shutil
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from app.engine import Engine
from app.errors import UsageError
from app.preprocess import prepare, retina_band
from ml.assemble import divide
from ml.cost import cost_of, count
from ml.data import network_input
from ml.evaluate import main
from ml.evaluation import evaluate, scope_of
from ml.evaluation_report import report, worst_mistakes
from ml.evaluation_tables import as_csv
from ml.familiarity import EnergyGate
from ml.graph import Explained, export_graph
from ml.importers import import_folders
from ml.manifest import read_manifest, write_manifest
from ml.models import build, count_parameters
from ml.phantom.dataset import write_dataset
from ml.predict import five_views, load_trained
from ml.predictions import (
    join_predictions,
    load_predictions,
    predictions_of,
    save_predictions,
)
from ml.quantize import quantized
from ml.scoring import FIVE_VIEWS, score_package, score_run
from ml.softmax import fit_temperature
from ml.splits import make_folds, write_splits
from ml.teach import teach
from tests.labelled_sets import sample, write_image
from tests.ml.training_data import tiny_run
from tests.tiny_package import CLASSES, tiny_card, tiny_package


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Two B-scans of a patient of each class to test on, and one to train on."""
    folder = tmp_path_factory.mktemp("data")
    for seed, label in enumerate(CLASSES):
        for frame in range(2):
            write_image(folder / f"test/{label}/p{seed}/{frame}.png", 10 * seed + frame)
        write_image(folder / f"train/{label}/q{seed}/0.png", 100 + seed)
    write_manifest(import_folders(folder), folder / "manifest.csv")
    return folder / "manifest.csv"


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return tiny_package(tmp_path_factory.mktemp("models"), temperature=1.0)


def answers(names, *, sureness=6.0, **described):
    """Predictions of B-scans a, b, c … of as many patients, labelled and answered as named."""
    samples = [
        sample(chr(97 + i), label=label, patient=f"p{i}", source="here")
        for i, (label, _) in enumerate(names)
    ]
    logits = sureness * np.eye(4)[[CLASSES.index(answer) for _, answer in names]]
    return predictions_of(samples, CLASSES, logits, **({"model": "m"} | described))


RIGHT = [(name, name) for name in CLASSES] * 3


def test_that_a_package_is_scored_as_the_program_runs_it(manifest, package):
    samples = read_manifest(manifest)[:11]

    found = score_package(package, samples)

    frames = np.stack([prepare(each.pixels(), package.card.input).tensor for each in samples])
    expected = Engine(package).infer(frames)
    assert np.allclose(found.logits, expected.logits, atol=1e-5)
    assert np.allclose(found.probabilities, expected.probabilities, atol=1e-6)
    assert np.allclose(found.unfamiliarity, expected.unfamiliarity, atol=1e-6)


def test_that_five_views_are_averaged_and_said(manifest, package):
    samples = read_manifest(manifest)[:3]
    spec = package.card.input

    one, five = score_package(package, samples), score_package(package, samples, tta=True)

    bands = [retina_band(each.pixels(), spec).grey for each in samples]
    grey = torch.from_numpy(np.stack(bands))[:, None]
    views = [network_input(view, spec).numpy() for view in five_views(grey)]
    expected = np.mean([Engine(package).infer(view).logits for view in views], axis=0)
    assert (len(views), five.views) == (5, FIVE_VIEWS)
    assert not np.allclose(one.logits, five.logits)
    assert np.allclose(five.logits, expected, atol=1e-4)


def test_the_command_from_a_package_to_a_page(manifest, package, tmp_path, capsys):
    out = tmp_path / "evaluation"
    status = main(
        f"--package {package.folder} --manifest {manifest} --replicates 50 --out {out}".split()
    )
    plain = json.loads((out / "evaluation.json").read_text())
    page = (out / "report.html").read_text()

    assert status == 0
    assert "all, by B-scan (8 of 4 patients)" in capsys.readouterr().out
    assert {each["unit"] for each in plain["results"]} == {"B-scan", "patient"}
    assert plain["split_sha256"]
    assert plain["cost"]["median_seconds"] > 0
    assert "<svg" in page
    assert "data:image/jpeg;base64," in page
    assert not re.search(r"(src|href)='?\"?(https?|/|\.\.)", page)
    assert len(load_predictions(out / "predictions.npz")) == 8
    with (out / "figures.csv").open() as file:
        figures = {(row["unit"], row["figure"]): row["value"] for row in csv.DictReader(file)}
    stated = {each["name"]: each["value"] for each in plain["results"][0]["figures"]}
    assert float(figures["B-scan", "accuracy"]) == pytest.approx(stated["accuracy"], abs=1e-6)


def judged(manifest, package, folder, *more):
    """The command's status on a package, and what it wrote if it wrote something."""
    command = f"--package {package.folder} --manifest {manifest} --replicates 5 --out"
    status = main([*command.split(), str(folder), *more])
    written = folder / "evaluation.json"
    return status, json.loads(written.read_text()) if written.exists() else None


def test_that_nothing_to_judge_is_said(manifest, package, tmp_path, capsys):
    assert judged(manifest, package, tmp_path, "--sources", "elsewhere") == (2, None)
    assert "There is no B-scan of elsewhere to score (test)" in capsys.readouterr().err

    unlabelled = [replace(each, label=None, finding="?") for each in read_manifest(manifest)]
    write_manifest(unlabelled, manifest.with_name("unlabelled.csv"))
    own = manifest.with_name("unlabelled.csv")
    assert judged(own, package, tmp_path, "--split", "all") == (2, None)
    assert "None of these B-scans has a label" in capsys.readouterr().err


def test_that_a_package_of_another_division_is_not_judged_on_patients_it_may_know(
    manifest, tmp_path, capsys
):
    samples = read_manifest(manifest)
    folds = make_folds(samples, folds=2)
    write_splits(folds, tmp_path / "folds.json")
    own = {"sha256": folds.sha256, "fold": 1}
    package = tiny_package(tmp_path / "models", split=own)
    given = ("--folds", str(tmp_path / "folds.json"), "--fold")

    assert judged(manifest, package, tmp_path / "own", *given, "1")[0] == 0
    for name, wrong in (("other fold", (*given, "0")), ("the manifest's own", ())):
        status, written = judged(manifest, package, tmp_path / name, *wrong)
        assert (status, written) == (2, None)
        assert "it may know some of these patients. Name its own" in capsys.readouterr().err


def test_that_a_package_is_checked_beside_another_of_its_name_that_lends_the_rule(
    manifest, tmp_path, capsys
):
    folds = make_folds(read_manifest(manifest), folds=2)
    write_splits(folds, tmp_path / "folds.json")
    judged_one, lender = (
        tiny_package(tmp_path / name, split={"sha256": folds.sha256, "fold": fold})
        for name, fold in (("judged", 1), ("lender", 0))
    )
    part = ("--folds", str(tmp_path / "folds.json"), "--fold")
    rule = ("--card", str(lender.folder))

    assert judged(manifest, judged_one, tmp_path / "out", *part, "0", *rule) == (2, None)
    assert "it may know some of these patients" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("", "Say what to evaluate"),
        ("--package p --run r", "Say what to evaluate"),
        ("--predictions p.npz --tta", "--tta changes nothing, because the predictions were made"),
        ("--predictions p.npz --split val", "--split changes nothing"),
        ("--package p --temperature 2", "--temperature changes nothing, because a package brings"),
        ("--run r --fold 0", "--fold changes nothing, because without --folds"),
    ],
)
def test_that_an_option_that_nothing_follows_is_refused(given, sentence, tmp_path, capsys):
    assert main([*given.split(), "--out", str(tmp_path)]) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(("part", "said"), [("val", "val"), ("", "unknown")])
def test_that_predictions_tell_of_which_part_they_are(part, said, tmp_path):
    save_predictions(answers(RIGHT, part=part), tmp_path / "made.npz")

    assert main(f"--predictions {tmp_path}/made.npz --out {tmp_path} --replicates 5".split()) == 0

    assert json.loads((tmp_path / "evaluation.json").read_text())["part"] == said


def test_that_it_is_said_where_nobody_knows_whom_a_package_was_trained_on(
    manifest, package, tmp_path, capsys
):
    _, silent = judged(manifest, package, tmp_path / "silent")
    assert "does not say on which division" in silent["notes"][0]
    assert "does not say on which division" in capsys.readouterr().err

    stated = tiny_package(tmp_path / "models", split={"sha256": "a" * 64})
    _, everything = judged(manifest, stated, tmp_path / "all", "--split", "all")
    assert "the whole manifest" in everything["notes"][0]


def test_that_a_rule_of_another_division_does_not_call_a_run_s_patients(phantoms, tmp_path, capsys):
    teach(tiny_run(phantoms, train={"epochs": 1}), tmp_path / "run")
    lender = tiny_package(tmp_path / "models", split={"sha256": "a" * 64})
    command = f"--run {tmp_path}/run --manifest {phantoms} --card {lender.folder} --out {tmp_path}"

    assert main(command.split()) == 2
    assert "it may know some of these patients" in capsys.readouterr().err


@pytest.mark.parametrize("classes", [CLASSES[::-1], CLASSES[:3]])
def test_that_a_rule_for_other_classes_calls_nobody(classes):
    samples = [sample(name, label=name, patient=name) for name in classes]
    said = predictions_of(samples, classes, np.eye(len(classes)), model="m")

    with pytest.raises(UsageError, match="for the classes NORMAL, DRUSEN, DME, CNV, but what it"):
        evaluate(said, card=tiny_card())


def test_that_a_run_can_be_judged_on_data_that_it_never_saw(phantoms, tmp_path):
    teach(tiny_run(phantoms, train={"epochs": 1}), tmp_path / "run")
    others = write_dataset(tmp_path / "others", patients=1, frames=1, seed=9)
    command = f"--run {tmp_path}/run --manifest {others} --replicates 5 --out {tmp_path}".split()

    assert main([*command, "--split", "all"]) == 0

    note = json.loads((tmp_path / "evaluation.json").read_text())["notes"][0]
    assert note.startswith("The run run was judged on the whole manifest")


def test_that_five_views_of_a_run_have_a_temperature_of_their_own(phantoms, tmp_path):
    run = tiny_run(phantoms, train={"epochs": 3})
    teach(run, tmp_path / "run")
    command = f"--run {tmp_path}/run --manifest {phantoms} --replicates 5 --tta --out {tmp_path}"

    assert main(command.split()) == 0

    said = score_run(tmp_path / "run", divide(run).val, tta=True, temperature=1.0)
    expected = fit_temperature(said.logits, said.labels)
    assert load_predictions(tmp_path / "predictions.npz").temperature == expected != 1


def test_that_a_package_s_five_views_are_said_to_have_the_temperature_of_one(
    manifest, package, tmp_path
):
    _, one = judged(manifest, package, tmp_path / "one")
    _, five = judged(manifest, package, tmp_path / "five", "--tta")

    assert [each for each in five["notes"] if each not in one["notes"]] == [
        "The model's temperature was fitted on one view of each B-scan, as the program looks at "
        "it, and not on the mean of five: what is said of calibration is not the best for five."
    ]


def test_that_a_package_that_refers_nothing_is_judged_all_the_same():
    classes = [replace(each, referable=False) for each in tiny_card().classes]
    card = tiny_card(temperature=1.0, classes=[asdict(each) for each in classes])

    found = evaluate(answers(RIGHT), card=card, replicates=5)

    assert found.result("all", "patient").value("accuracy").value == 1
    assert "AUROC for referable" in as_csv(found)


def test_that_teacher_and_student_scored_in_different_ways_are_not_compared(tmp_path, capsys):
    save_predictions(answers(RIGHT), tmp_path / "one.npz")
    save_predictions(answers(RIGHT, views=FIVE_VIEWS), tmp_path / "two.npz")

    status = main(
        f"--predictions {tmp_path}/one.npz --compare {tmp_path}/two.npz --out {tmp_path}".split()
    )

    assert status == 2
    assert "Score both the same way" in capsys.readouterr().err


def test_that_models_of_two_divisions_are_not_compared(tmp_path, capsys):
    for name in "12":
        save_predictions(answers(RIGHT, split_sha256=name * 64), tmp_path / f"{name}.npz")
    save_predictions(answers(RIGHT), tmp_path / "unknown.npz")
    command = f"--predictions {tmp_path}/1.npz --replicates 5 --out {tmp_path} --compare".split()

    assert main([*command, str(tmp_path / "2.npz")]) == 2
    assert "Score both on one division" in capsys.readouterr().err
    assert main([*command, str(tmp_path / "unknown.npz")]) == 0


def test_that_a_run_is_judged_without_the_labels_that_it_ignores(phantoms, tmp_path):
    """Of a manifest that lies apart from its images."""
    data = {"classes": ("NORMAL", "DRUSEN", "CNV"), "ignore": ("DME",), "limit": 8}
    teach(tiny_run(phantoms, data=data, train={"epochs": 1}), tmp_path / "run")
    manifest = shutil.copy(phantoms, tmp_path / "elsewhere.csv")
    command = f"--run {tmp_path}/run --manifest {manifest} --replicates 5 --out {tmp_path}"

    assert main([*command.split(), "--root", str(phantoms.parent)]) == 0

    cost = json.loads((tmp_path / "evaluation.json").read_text())["cost"]
    assert cost["what"] == "network in PyTorch"
    assert cost["parameters"] == count_parameters(load_trained(tmp_path / "run").network)
    assert cost["macs"] > 1e5
    tested = [each for each in read_manifest(phantoms) if each.split == "test"]
    assert sorted(load_predictions(tmp_path / "predictions.npz").images) == sorted(
        each.sha256 for each in tested if each.label != "DME"
    )


def test_that_a_comparison_aligns_the_bscans_and_refuses_other_ones():
    mine = answers(RIGHT)
    theirs = answers([("CNV", "DME") if label == "CNV" else (label, label) for label, _ in RIGHT])
    turned = theirs.take(np.arange(len(theirs))[::-1])

    (comparison,) = evaluate(mine, others=[turned], replicates=50).comparisons

    assert comparison.differences[0].value == pytest.approx(3 / 12)
    assert (comparison.only_this_right, comparison.only_other_right) == (3, 0)
    with pytest.raises(UsageError, match="not scored on 1 of the 12"):
        evaluate(mine, others=[theirs.take(np.arange(11))], replicates=50)


def test_that_a_network_with_a_gate_is_compared_with_one_without_as_if_it_had_none():
    bare = answers(RIGHT)
    gated = answers(RIGHT, unfamiliarity=np.linspace(0, 2, len(RIGHT)))
    card = tiny_card(temperature=1.0, unfamiliarity_threshold=1.0)

    found = evaluate(gated, card=card, others=[bare], replicates=50)

    assert found.result("all", "patient").value("accuracy").value == pytest.approx(1 / 2)
    for each in found.comparisons:
        assert each.differences[0].value == 0
        assert (each.only_this_right, each.only_other_right) == (0, 0)
    assert "patients are called without a gate" in report(found, {})


def test_that_the_test_parts_of_folds_are_judged_together(tmp_path, capsys):
    whole = answers(RIGHT)
    save_predictions(whole.take(np.arange(5)), tmp_path / "fold0.npz")
    save_predictions(whole.take(np.arange(5, 12)), tmp_path / "fold1.npz")

    main(f"--predictions {tmp_path}/fold0.npz {tmp_path}/fold1.npz --out {tmp_path}/all".split())

    assert "all, by B-scan (12 of 12 patients): accuracy 1.000" in capsys.readouterr().out


def test_that_parts_of_different_kinds_are_not_joined():
    whole = answers(RIGHT)
    first, rest = whole.take(np.arange(5)), whole.take(np.arange(5, 12))

    assert join_predictions([first, replace(rest, part="test")]).part == "test"
    with pytest.raises(UsageError, match="Predictions of test and of val B-scans cannot"):
        join_predictions([replace(first, part="val"), replace(rest, part="test")])


def test_that_every_source_is_judged_by_itself_too():
    mixed = answers(RIGHT)
    mixed = predictions_of(
        [
            sample(str(i), label=c, patient=str(i), source="ab"[i % 2])
            for i, c in enumerate(CLASSES)
        ],
        CLASSES,
        mixed.logits[:4],
    )

    found = evaluate(mixed, replicates=10)

    assert [each.subset for each in found.results] == ["all", "a", "b"]


def test_that_eyes_are_judged_where_they_are_known():
    samples = [
        sample(f"{eye}{i}", label="CNV", patient="p", eye=eye, frame=str(i))
        for eye in ("OD", "OS")
        for i in range(3)
    ]
    predictions = predictions_of(samples, CLASSES, np.tile([0.0, 0, 0, 9], (6, 1)))

    found = evaluate(predictions, card=tiny_card(temperature=1.0), replicates=10)

    assert [(each.cases.unit, len(each.cases.labels)) for each in found.results] == [
        ("B-scan", 6),
        ("eye", 2),
        ("patient", 1),
    ]
    assert found.notes == ()


def test_the_gate_by_hand():
    scores = np.array([0.1, 0.2, 0.9, 0.3, 0.8, 0.95])
    outside = np.array([False, False, False, True, True, True])
    findings = np.array(["CNV", "CNV", "DME", "ERM", "ERM", "RVO"])
    sources = np.array(list("aabbbb"))
    people = np.arange(6).astype(str)

    found = scope_of(scores, outside, people, findings, sources, threshold=0.5, replicates=20)

    assert found.auroc.value == pytest.approx(7 / 9)
    assert found.caught.value == pytest.approx(2 / 3)
    assert found.sent.value == pytest.approx(1 / 3)
    assert found.caught_at_share.value == pytest.approx(1 / 3)  # none in scope lies above 0.9
    assert found.by_finding == {"ERM": (1, 2), "RVO": (1, 1)}
    assert found.by_source == {"a": (0, 2), "b": (1, 1)}
    assert found.same_device.value == pytest.approx(1 / 3)


def test_that_disease_called_healthy_is_the_worst_mistake():
    predictions = answers([("CNV", "DME"), ("NORMAL", "CNV"), ("DRUSEN", "NORMAL"), ("DME", "DME")])

    assert worst_mistakes(predictions)[0] == 2
    assert sorted(worst_mistakes(predictions)) == [0, 1, 2]


def test_that_the_cost_is_counted_from_the_graph(package):
    cost = cost_of(package)
    spec = package.card.input
    area = (spec.height // 8) * (spec.width // 8)

    assert cost.parameters == 8 * 64 + 4 * 8 + 4
    assert cost.macs == area * (8 * 64 + 4 * 8)
    assert 0 < cost.median_seconds <= cost.p95_seconds


def test_that_a_package_in_8_bit_integers_has_as_many_parameters():
    torch.manual_seed(0)
    network = build("test_efficientnet", 4).eval()
    for each in network.modules():
        if isinstance(each, torch.nn.BatchNorm2d):  # folded into biases, which become integers too
            torch.nn.init.normal_(each.bias)
            torch.nn.init.normal_(each.running_mean)
    explained = Explained(network, EnergyGate()).eval()
    whole = export_graph(explained, (3, 64, 96))

    small = quantized(whole, np.random.default_rng(0).random((8, 3, 64, 96), dtype=np.float32))

    assert len(small) < 0.6 * len(whole)
    assert count(small)[0] == count(whole)[0]


def test_that_matrix_products_count_too():
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["frames", "w"], ["logits"])],
        "product",
        [helper.make_tensor_value_info("frames", TensorProto.FLOAT, ["n", 5])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(np.ones((5, 3), np.float32), "w")],
    )

    assert count(helper.make_model(graph).SerializeToString()) == (15, 15)
