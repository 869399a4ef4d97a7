"""How quick training is, as ratios of one run on one machine."""

import time
from dataclasses import replace
from itertools import islice
from pathlib import Path
from statistics import median

import pytest
import torch

from ml.assemble import divide, labels_of
from ml.config import Distill, load_run
from ml.data import Batch, Views, batches, draw_epoch, network_input
from ml.depthwise import use_fast_depthwise
from ml.distill import Distillation
from ml.models import build
from ml.optimize import autocast
from ml.phantom.dataset import write_dataset
from ml.predict import Trained
from ml.teachers import Teacher

CONFIGS = Path(__file__).parents[2] / "ml" / "configs"
BATCH = 4
ROUNDS = 5
STEPS = 12  # in a row: more than the batches that a worker holds ready
TIMES_AS_QUICK = 5  # reading the teacher back, against asking it
FED = 0.95  # of the network's speed alone, where views are drawn beside it


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """The shipped student's run, on phantoms and on views that come again."""
    manifest = write_dataset(tmp_path_factory.mktemp("phantoms"), patients=10, frames=4)
    run = load_run(CONFIGS / "desk.toml")
    return replace(
        run,
        data=replace(run.data, manifest=manifest, balance="none"),
        augment=replace(run.augment, views=4),
        loss=replace(run.loss, outliers=0),  # phantoms have no other disease
        train=replace(run.train, batch=BATCH),
    )


def student_of(run):
    network = build(run.model.architecture, len(run.data.classes), dropout=run.model.dropout)
    use_fast_depthwise(network)
    return network.to(memory_format=torch.channels_last).train()


def step(network, run, batch: Batch, task: Distillation | None = None) -> float:
    with autocast(run.train, torch.device("cpu")):
        logits = network(network_input(batch.frames, run.input)).float()
    loss = (
        task.loss(logits, batch)[0]
        if task
        else torch.nn.functional.cross_entropy(logits, batch.labels)
    )
    loss.backward()
    network.zero_grad()
    return loss.item()


def views_of(run) -> Views:
    division = divide(run)
    return Views(division.train, labels_of(division.train, run.data.classes), run, run.input)


@pytest.mark.benchmark
def test_that_reading_the_teacher_back_is_five_times_as_quick(desk, tmp_path):
    """The paper's teacher; an epoch with its logits read back against asking it each time."""
    paper = load_run(CONFIGS / "paper-neh-teacher.toml")
    network = build(paper.model.architecture.split(".")[0], 4).eval()
    teacher = Trained(network=network, run=desk, folder=tmp_path, split_sha256="")
    teacher = replace(teacher, run=replace(desk, input=paper.input))
    views = views_of(desk)
    (batch,) = batches(views, [draw_epoch(views.labels, desk, 0)[:BATCH]], 0)
    tasks = {
        replay: Distillation(
            Distill(teachers=(), replay=replay),
            [Teacher([teacher])],
            len(views),
            desk.augment.views,
        )
        for replay in (False, True)
    }
    tasks[True].targets(batch)  # the first epoch
    torch.manual_seed(0)
    student = student_of(desk)
    step(student, desk, batch)
    seconds, losses = dict.fromkeys(tasks, 0.0), {}
    for _ in range(2):  # in turn, so that other work on the machine slows both alike
        for replay, task in tasks.items():
            torch.manual_seed(1)
            begun = time.perf_counter()
            losses[replay] = step(student, desk, batch, task)
            seconds[replay] += time.perf_counter() - begun

    ratio = seconds[False] / seconds[True]
    print(
        f"\ndistillation: {2 * BATCH / seconds[True]:.2f} images/s with the teacher read back, "
        f"{2 * BATCH / seconds[False]:.2f} with it asked: {ratio:.1f} times"
    )
    assert losses[True] == pytest.approx(losses[False], abs=1e-6)
    assert ratio >= TIMES_AS_QUICK


@pytest.mark.benchmark
def test_that_the_input_pipeline_does_not_starve_the_network(desk):
    views = views_of(desk)
    groups = [
        draw_epoch(views.labels, desk, epoch)[start : start + BATCH]
        for epoch in range(6)
        for start in range(0, 12 * BATCH, BATCH)
    ]
    groups = [group for group in groups if len(group) == BATCH]
    network = student_of(desk)
    ready = next(iter(batches(views, groups[:1], 0)))
    step(network, desk, ready)
    # As in a run, one stream serves all epochs; its start is paid once for all of them.
    begun = time.perf_counter()
    stream = batches(views, groups, desk.train.workers)
    step(network, desk, next(stream))
    start = time.perf_counter() - begun
    ratios = []
    for _ in range(ROUNDS):  # in turn, so that other work on the machine slows both alike
        begun = time.perf_counter()
        for _ in range(STEPS):
            step(network, desk, ready)
        half = time.perf_counter()
        for batch in islice(stream, STEPS):
            step(network, desk, batch)
        ratios.append((half - begun) / (time.perf_counter() - half))

    print(
        f"\ninput pipeline: {median(ratios):.3f} of the network-only throughput "
        f"({min(ratios):.3f} to {max(ratios):.3f}), its start {start:.1f} s once"
    )
    assert median(ratios) >= FED
