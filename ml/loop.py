"""The one training loop: teacher and student differ only in their `Task`.

Every random number follows from the seed, the epoch and the batch, so that a run that was killed
and resumed gives the numbers of one that was not.
"""

import math
import os
import shutil
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import asdict
from itertools import chain, islice
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from app.errors import UsageError
from ml.checkpoint import (
    State,
    flatten_optimizer,
    load_state,
    load_tensors,
    require_free,
    restore_optimizer,
    save_state,
    save_tensors,
    write_json,
)
from ml.config import Run, as_trained, dump_run, keep_run, undump_run
from ml.data import Batch, Views, batches, draw_epoch, network_input
from ml.optimize import autocast, freeze_backbone, half_precision, optimizer_for, set_rates
from ml.processes import (
    is_first,
    rank,
    require_even_shares,
    wait_for_all,
    world_size,
)
from ml.runlog import Row, RunLog
from ml.swa import Average, update_batch_norm
from ml.validation import Scores, Validation, score

_BATCH_NORM_BATCHES = 40  # enough to measure statistics anew


class Task(Protocol):
    """What is learnt from a batch."""

    def loss(self, logits: Tensor, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """The loss to lower, and by name what the log shows: "loss" and its parts."""

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint must keep of the task."""

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take back what `tensors` gave."""


class Trainer:
    """One run. `fit` trains and leaves the chosen weights in `out/model.safetensors`."""

    def __init__(
        self,
        *,
        run: Run,
        network: nn.Module,
        task: Task,
        views: Views,
        labels: list[int],
        validation: Validation,
        out: Path,
        split_sha256: str,
        device: torch.device | None = None,
    ) -> None:
        self.run = run
        self.network = network
        self.out = out
        self._task = task
        self._views = views
        self._labels = labels
        self._validation = validation
        self._device = device or torch.device("cpu")
        self.network.to(self._device)
        if run.train.channels_last:
            self.network.to(memory_format=torch.channels_last)
        self._optimizer = optimizer_for(network, run.train)
        self._scaler = torch.amp.GradScaler(
            self._device.type,
            enabled=run.train.precision == "float16" and self._device.type == "cuda",
        )
        self._swa, self._ema = Average(), Average(run.train.ema)
        self._state = State(run=dump_run(run), split_sha256=split_sha256)
        self._saved = self._since = time.monotonic()

    def fit(self, *, resume: bool = False) -> Scores:
        """Train to the end or to the patience's, evaluate the averages, keep the best.

        Raises:
            UsageError: If `out` holds another run, several processes cannot share a batch, the
                loss is no number, or the disk is full.
        """
        require_even_shares(self.run.train.batch)
        self._begin(resume=resume)
        self._since = time.monotonic()
        forward = self._forward()
        self._say_precision()
        log = RunLog(self.out) if is_first() else None
        with closing(self._stream()) as stream:
            for epoch in range(self._state.epoch, self.run.train.epochs):
                if self._out_of_patience(epoch):
                    break
                scores = self._train_epoch(forward, epoch, stream)
                if log:
                    log.add(self._row(epoch, scores), self._seconds(), self._means())
                self._state.epoch, self._state.batch, self._state.sums = epoch + 1, 0, {}
                self._state.seconds, self._since = 0.0, time.monotonic()
                self._save()
        if log:
            log.close()
        return self._finish()

    def _train_epoch(self, forward: nn.Module, epoch: int, stream: Iterator[Batch]) -> Scores:
        train = self.run.train
        freeze_backbone(self.network, frozen=epoch < train.frozen_epochs)
        count = len(self._groups(epoch))
        bar = self._bar(stream, epoch, count)
        for batch in bar:
            self._step(forward, batch, count)
            if train.ema and self._at_step_end(count):
                self._ema.update(self.network)
            bar.set_postfix(loss=f"{self._means()['loss']:.4f}", refresh=False)
            # Within a group of accumulated batches a checkpoint would lose their gradients.
            due = time.monotonic() - self._saved > train.checkpoint_minutes * 60
            if due and self._at_step_end(count):
                self._save()
        if 0 <= train.swa_start <= epoch:
            self._swa.update(self.network)
        return self._judge(epoch)

    def _begin(self, *, resume: bool) -> None:
        loaded = load_state(self.out) if resume else None
        if loaded:
            self._take_up(*loaded)
            return
        require_free(self.out)
        if is_first():
            write_json(self.out / "split.json", {"sha256": self._state.split_sha256})
            keep_run(self.run, self.out)

    def _take_up(self, groups: dict[str, dict[str, Tensor]], state: State) -> None:
        own = undump_run(state.run, str(self.out))
        same_split = state.split_sha256 == self._state.split_sha256
        if as_trained(own) != as_trained(self.run) or not same_split:
            raise UsageError(
                f"{self.out} holds a run with another configuration or split. Name another "
                "--out, or resume with the file it was started with."
            )
        state.run = dump_run(self.run)
        if is_first():
            keep_run(self.run, self.out)
        self.network.load_state_dict(groups["network"])
        restore_optimizer(self._optimizer, groups.get("optimizer", {}))
        self._swa.state, self._swa.count = groups.get("swa", {}), state.averaged
        self._ema.state, self._ema.count = groups.get("ema", {}), state.smoothed
        self._scaler.load_state_dict(state.scaler)
        self._task.restore(groups.get("task", {}))
        self._state = state

    def _row(self, epoch: int, scores: Scores) -> Row:
        return Row(
            epoch=epoch + 1,
            lr=self._state.rate,
            train_loss=self._means()["loss"],
            val_loss=scores.loss,
            val_accuracy=scores.accuracy,
            val_balanced_accuracy=scores.balanced_accuracy,
        )

    def _forward(self) -> nn.Module:
        network: nn.Module = self.network
        if world_size() > 1:
            network = DistributedDataParallel(
                network, find_unused_parameters=self.run.train.frozen_epochs > 0
            )
        if self.run.train.compile:
            if shutil.which("c++") or self._device.type != "cpu":
                return torch.compile(network)  # type: ignore[return-value]
            tqdm.write("There is no C++ compiler, so the network runs as it is (train.compile).")
        return network

    def _say_precision(self) -> None:
        wanted = self.run.train.precision
        if wanted != "float32" and not half_precision(self.run.train, self._device) and is_first():
            tqdm.write(
                f"This {self._device.type.upper()} has no quick {wanted}, so the run is in full "
                "precision (train.precision)."
            )

    def _groups(self, epoch: int) -> list[list[tuple[int, int]]]:
        """This process's share of the epoch's batches; what does not fill a batch is left out."""
        train = self.run.train
        pairs = draw_epoch(self._labels, self.run, epoch)
        size = min(train.batch, len(pairs) // world_size() * world_size())
        whole = [pairs[i : i + size] for i in range(0, len(pairs) - size + 1, size)]
        return [group[rank() :: world_size()] for group in whole]

    def _stream(self) -> Generator[Batch]:
        """All batches from where the run stands to its end.

        One stream, so that workers are started once, while the process is small, and draw the
        next epoch's first views while this epoch is judged.
        """
        first, done = self._state.epoch, self._state.batch
        groups = chain.from_iterable(
            self._groups(epoch)[done if epoch == first else 0 :]
            for epoch in range(first, self.run.train.epochs)
        )
        return batches(self._views, groups, self.run.train.workers)

    def _bar(self, stream: Iterator[Batch], epoch: int, count: int) -> "tqdm[Batch]":
        done = self._state.batch
        return tqdm(
            islice(stream, count - done),
            total=count,
            initial=done,
            desc=f"epoch {epoch + 1}/{self.run.train.epochs}",
            disable=not is_first(),
            mininterval=1 if os.isatty(2) else 60,
        )

    def _means(self) -> dict[str, float]:
        """The loss and its parts, over this epoch's batches so far."""
        return {name: total / self._state.batch for name, total in self._state.sums.items()}

    def _at_step_end(self, count: int) -> bool:
        accumulate = self.run.train.accumulate
        return self._state.batch % accumulate == 0 or self._state.batch == count

    def _step(self, forward: nn.Module, batch: Batch, count: int) -> None:
        """One batch; the last group of an epoch's accumulation is stepped even if it is short."""
        train = self.run.train
        done, epoch = self._state.batch, self._state.epoch
        torch.manual_seed(hash((train.seed, epoch, done, rank())) % 2**63)  # for dropout
        set_rates(self._optimizer, train, epoch + done / count)
        self._state.rate = self._optimizer.param_groups[0]["lr"]
        forward.train()
        share = size_share(train.sizes, epoch)
        frames = self._input(batch, share)
        with autocast(train, self._device):
            logits = forward(frames).float()
        loss, parts = self._task.loss(logits, batch)
        if not torch.isfinite(loss):
            raise UsageError(
                f"The loss became {loss.item()} in epoch {epoch + 1}. Lower train.lr, or set "
                "train.clip."
            )
        first_of_group = done - done % train.accumulate
        self._scaler.scale(loss / min(train.accumulate, count - first_of_group)).backward()  # type: ignore[no-untyped-call]
        for name, value in parts.items():
            self._state.sums[name] = self._state.sums.get(name, 0.0) + value
        self._state.batch += 1
        if self._at_step_end(count):
            if train.clip:
                self._scaler.unscale_(self._optimizer)
                nn.utils.clip_grad_norm_(self.network.parameters(), train.clip)
            self._scaler.step(self._optimizer)
            self._scaler.update()
            self._optimizer.zero_grad()
            self._state.steps += 1

    def _judge(self, epoch: int) -> Scores:
        """Score the epoch's weights, the smoothed ones if there are any, and keep the best."""
        own = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}
        if self._ema.count:
            self.network.load_state_dict(self._ema.state)
        scores = self.score()
        criterion = scores.criterion(self.run.train.select)
        if not math.isfinite(criterion):
            raise UsageError(
                f"The validation loss became {scores.loss} in epoch {epoch + 1}. Lower train.lr, "
                "or set train.clip."
            )
        if self._state.best is None or criterion > self._state.best:
            self._state.best, self._state.best_epoch = criterion, epoch
            if is_first():
                save_tensors(self.out / "best.safetensors", self.network.state_dict())
        if self._ema.count:
            self.network.load_state_dict(own)
        return scores

    def _input(self, batch: Batch, share: float = 1.0) -> Tensor:
        return network_input(
            batch.frames.to(self._device),
            self.run.input,
            share,
            channels_last=self.run.train.channels_last,
        )

    def score(self) -> Scores:
        """Score the network as it is on the validation patients, the same in every process."""
        return score(self.network, self._validation, self.run, self._device)

    def _out_of_patience(self, epoch: int) -> bool:
        patience = self.run.train.patience
        return bool(patience) and epoch - self._state.best_epoch > patience

    def _finish(self) -> Scores:
        """Compare the best epoch with the averaged weights; the better of the two is kept."""
        wait_for_all()  # the first process may still be writing the best epoch
        candidates = {"best epoch": load_tensors(self.out / "best.safetensors")}
        if self._swa.count:
            candidates["swa"] = self._averaged()
        scores: dict[str, Scores] = {}
        for name, tensors in candidates.items():
            self.network.load_state_dict(tensors)
            scores[name] = self.score()
        kept = max(scores, key=lambda name: scores[name].criterion(self.run.train.select))
        self.network.load_state_dict(candidates[kept])
        if is_first():
            result = {
                "kept": kept,
                "best_epoch": self._state.best_epoch + 1,
                "steps": self._state.steps,
                "validation": {name: asdict(each) for name, each in scores.items()},
            }
            write_json(self.out / "result.json", result)
            save_tensors(self.out / "model.safetensors", candidates[kept])  # last: now it is whole
        wait_for_all()  # what was written is read next
        return scores[kept]

    def _averaged(self) -> dict[str, Tensor]:
        """The SWA weights, their BatchNorm statistics measured anew where there are any."""
        self.network.load_state_dict(self._swa.state)
        torch.manual_seed(self.run.train.seed)  # for dropout
        with autocast(self.run.train, self._device):
            update_batch_norm(self.network, self._some_inputs())
        return {name: tensor.clone() for name, tensor in self.network.state_dict().items()}

    def _some_inputs(self) -> Iterator[Tensor]:
        groups = self._groups(self.run.train.epochs)[:_BATCH_NORM_BATCHES]
        for batch in batches(self._views, groups, self.run.train.workers):
            yield self._input(batch)

    def _seconds(self) -> float:
        """Spent on this epoch, by all the processes that worked on it one after the other."""
        return self._state.seconds + time.monotonic() - self._since

    def _save(self) -> None:
        self._state.seconds, self._since = self._seconds(), time.monotonic()
        self._saved = self._since
        if not is_first():
            return
        self._state.averaged, self._state.smoothed = self._swa.count, self._ema.count
        self._state.scaler = self._scaler.state_dict()
        groups = {
            "network": self.network.state_dict(),
            "optimizer": flatten_optimizer(self._optimizer),
            "swa": self._swa.state,
            "ema": self._ema.state,
            "task": self._task.tensors(),
        }
        save_state(self.out, {name: group for name, group in groups.items() if group}, self._state)


def size_share(sizes: tuple[tuple[int, float], ...], epoch: int) -> float:
    """Share of the input's size in an epoch: that of the last entry that has begun."""
    return next((share for first, share in reversed(sizes) if epoch >= first), 1.0)
