"""Rehearse a run: what data, what network, how much memory and time, before it is started.

Under `torchrun` every process rehearses its share, all at once, as they will run.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import psutil
import torch
from torch import Tensor, nn
from torch.nn import functional

from ml.assemble import (
    Division,
    divide,
    network_of,
    on_same_data,
    require_exportable,
    require_sound_data,
    run_folder,
    why_no_package,
)
from ml.augment import oversized
from ml.config import Run, load_run
from ml.data import largest, network_input
from ml.loop import size_share
from ml.memory import keep_freed_memory
from ml.models import Start, count_parameters
from ml.optimize import autocast, optimizer_for
from ml.processes import device, require_even_shares, world_size

_STEPS = 3


def rehearse(run: Run) -> str:
    """Build everything, take true steps on noise, and say what the run will need."""
    train = run.train
    require_even_shares(train.batch)
    if run.package:
        require_exportable(run)
    require_sound_data(run)
    division = divide(run)
    if device().type == "cpu":
        keep_freed_memory()
    network = network_of(run, Start.NOISE if run.model.builds_on else None).to(device())
    if train.channels_last:
        network.to(memory_format=torch.channels_last)
    parameters = count_parameters(network)
    share_of_batch = train.batch // world_size()
    frames = torch.rand(share_of_batch, 1, run.input.height, run.input.width).to(device())
    labels = torch.randint(0, len(run.data.classes), (share_of_batch,)).to(device())
    optimizer = optimizer_for(network, replace(train, lr=1e-9, head_lr=1e-9))

    def step(share: float) -> None:
        inputs = network_input(frames, run.input, share, channels_last=train.channels_last)
        with autocast(train, device()):
            logits = network.train()(inputs).float()
        functional.cross_entropy(logits, labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()

    known = len(division.train) // train.batch * train.epochs  # of the others no teacher is asked
    batches = (len(division.train) + len(division.outliers)) // train.batch
    shares = Counter(size_share(train.sizes, epoch) for epoch in range(train.epochs))
    seconds = {share: _time(partial(step, share)) for share in shares}
    total = sum(batches * epochs * seconds[share] for share, epochs in shares.items())
    lines = [
        *_data(run, division),
        f"{run.model.architecture}: {parameters / 1e6:.1f} M parameters, "
        f"{run.input.height} x {run.input.width}, start from {run.model.first_weights()}",
        f"{batches * train.epochs} batches of {train.batch}; {max(seconds.values()):.2f} s each "
        f"on {device().type}{', less while views are small' if len(seconds) > 1 else ''}: "
        f"about {total / 60:.0f} minutes, validation not counted",
        *_earlier(run),
        *_teachers(run, frames, known),
        *_package(run, network),
        _memory(run, division, network),
    ]
    return "\n".join(lines)


def _data(run: Run, division: Division) -> list[str]:
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
    if division.outliers:
        lines.append(f"and {len(division.outliers)} training B-scans of other diseases")
    return lines


def _package(run: Run, network: nn.Module) -> list[str]:
    """A word if no package can be made."""
    why = why_no_package(run, network.cpu())
    return [why] if why else []


def _memory(run: Run, division: Division, network: nn.Module) -> str:
    """What this process takes now, and what the run will keep beside it."""
    bands, copies = _bands(run, division), _copies(run, network)
    needed = psutil.Process().memory_info().rss + bands
    if device().type != "cuda":
        needed, gpu = needed + copies, ""
    else:
        gpu = f", and {_size(torch.cuda.max_memory_allocated(device()) + copies)} of its GPU's"
    return f"memory: about {_size(needed)} for each process, of which bands {_size(bands)}{gpu}"


def _bands(run: Run, division: Division) -> int:
    """Bytes of all B-scans that every process keeps: those shown, larger than views, and judged."""
    teachers = run.distill.teachers if run.distill else ()
    views = largest((run.input, *(load_run(config).input for config in teachers)))
    height, width = oversized(views, run.augment.recipe)
    shown = len(division.train) + len(division.outliers)
    return shown * height * width + len(division.val) * run.input.height * run.input.width


def _copies(run: Run, network: nn.Module) -> int:
    """Bytes of the weights' averages, and of those that are put aside while an epoch is judged."""
    own: int = sum(each.nbytes for each in network.state_dict().values())
    return own * (1 + bool(run.train.ema) + (run.train.swa_start >= 0))


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _earlier(run: Run) -> list[str]:
    """The runs that have to be trained before this one, whose time is not in the estimate."""
    distill = run.distill
    teachers = distill.teachers if distill else ()
    cross = distill.cross if distill else 0
    builds_on = [run.model.builds_on] if run.model.builds_on else []
    lines = [
        f"train {config.stem} first: it goes on from what that learnt"
        if config == run.model.continues and not distill
        else f"first {config.stem} is trained; --dry-run of {config} says how long"
        for config in dict.fromkeys([*builds_on, *(() if cross else teachers)])
        if not (run_folder(config, run) / "model.safetensors").exists()
    ]
    lines += [
        f"first {config.stem} is trained {cross} times, as far as it is not; --dry-run of {config} "
        "says how long one takes"
        for config in (teachers if cross else ())
    ]
    return lines


def _teachers(run: Run, frames: Tensor, batches: int) -> list[str]:
    """What asking the teachers costs; with replay each view's answer is asked for once."""
    if run.distill is None:
        return []
    epochs = run.train.epochs
    asked = batches * min(run.augment.views or epochs, epochs) // epochs
    lines = []
    for config in run.distill.teachers:
        own = on_same_data(load_run(config), run)
        network = network_of(own, Start.NOISE).to(device()).eval()
        inputs = network_input(frames, own.input)
        with torch.inference_mode():
            seconds = _time(partial(network, inputs))
        times = asked if run.distill.replay else batches
        lines.append(
            f"teacher {config.stem}, {own.model.architecture}: {times} batches at {seconds:.2f} s, "
            f"about {times * seconds / 60:.0f} minutes"
        )
    return lines


def _time(step: Callable[[], object]) -> float:
    """Seconds of the quickest of a few steps: the others warmed up, or waited for other work."""
    seconds = []
    for _ in range(_STEPS):
        begun = time.perf_counter()
        step()
        if device().type == "cuda":
            torch.cuda.synchronize(device())  # until then the step is only asked for
        seconds.append(time.perf_counter() - begun)
    return min(seconds)
