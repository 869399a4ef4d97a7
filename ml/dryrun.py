"""Rehearse a run: what data, what network, how much memory and time, before it is started."""

import time
from collections import Counter
from dataclasses import replace

import psutil
import torch
from torch.nn import functional

from ml.assemble import device, divide
from ml.config import Run
from ml.data import network_input
from ml.depthwise import use_fast_depthwise
from ml.models import build, count_parameters
from ml.optimize import autocast, optimizer_for


def rehearse(run: Run) -> str:
    """Build everything, take two true steps on noise, and say what the run will need."""
    division = divide(run)
    train = run.train
    network = build(
        run.model.architecture,
        len(run.data.classes),
        start=run.model.start,
        channels=len(run.input.mean),
        dropout=run.model.dropout,
        drop_path=run.model.drop_path,
    ).to(device())
    use_fast_depthwise(network)
    optimizer = optimizer_for(network, replace(train, lr=1e-9, head_lr=1e-9))
    frames = torch.rand(train.batch, 1, run.input.height, run.input.width)
    labels = torch.randint(0, len(run.data.classes), (train.batch,))
    times = []
    for _ in range(2):
        begun = time.perf_counter()
        with autocast(train, device()):
            logits = network.train()(network_input(frames.to(device()), run.input)).float()
        functional.cross_entropy(logits, labels.to(device())).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        times.append(time.perf_counter() - begun)
    steps = len(division.train) // train.batch * train.epochs
    used = psutil.Process().memory_info().rss / 2**20
    lines = [f"split {division.split.sha256[:12]}, fold {run.data.fold}"]
    for part, samples in (
        ("training", division.train),
        ("validation", division.val),
        ("test", division.test),
    ):
        counts = Counter(sample.label for sample in samples)
        classes = ", ".join(f"{name} {counts[name]}" for name in run.data.classes)
        patients = len({sample.patient for sample in samples})
        lines.append(f"{part}: {len(samples)} B-scans of {patients} patients ({classes})")
    lines += [
        f"{run.model.architecture}: {count_parameters(network) / 1e6:.1f} M parameters, "
        f"{run.input.height} x {run.input.width}, start from {run.model.start.value}",
        f"{steps} batches of {train.batch}; {times[-1]:.2f} s each on {device().type}: "
        f"about {steps * times[-1] / 60:.0f} minutes, validation and teachers not counted",
        f"memory in use {used:.0f} MB",
    ]
    return "\n".join(lines)
