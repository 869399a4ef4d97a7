"""The one training loop: teacher and student differ only in their `Task`.

Every random number follows from the seed, the epoch and the batch, so that a run that was killed
and resumed gives the numbers of one that was not.
"""

import csv
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from app.errors import UsageError
from ml.checkpoint import (
    State,
    flatten_optimizer,
    load_state,
    load_weights,
    restore_optimizer,
    save_state,
    save_tensors,
    write_json,
)
from ml.config import Run, dump_run
from ml.data import Batch, Views, batches, draw_epoch, network_input
from ml.optimize import autocast, freeze_backbone, optimizer_for, set_rates
from ml.predict import outputs_of_bands
from ml.swa import Average, has_batch_norm, update_batch_norm

_BATCH_NORM_BATCHES = 40  # enough to measure statistics anew


class Task(Protocol):
    """What is learnt from a batch."""

    def loss(self, logits: Tensor, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """The loss to lower, and its parts by name for the log."""

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint must keep of the task."""

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take back what `tensors` gave."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Validation:
    """Held-out patients of the fold, by which epochs are compared."""

    bands: NDArray[np.uint8]
    labels: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    loss: float
    accuracy: float
    balanced_accuracy: float

    def criterion(self, select: str) -> float:
        """Higher is better."""
        return {"loss": -self.loss, "accuracy": self.accuracy}.get(select, self.balanced_accuracy)


@dataclass(slots=True, kw_only=True)
class Trainer:
    """One run. `fit` trains and leaves the chosen weights in `out/model.safetensors`."""

    run: Run
    network: nn.Module
    task: Task
    views: Views
    labels: list[int]
    validation: Validation
    out: Path
    split_sha256: str
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    _state: State = field(default_factory=State)

    def fit(self, *, resume: bool = False) -> Scores:
        """Train to the end or to the patience's, evaluate the averages, keep the best.

        Raises:
            UsageError: If `out` holds another run, or there is none to resume.
        """
        train = self.run.train
        self.network.to(self.device)
        if train.channels_last:
            self.network.to(memory_format=torch.channels_last)
        optimizer = optimizer_for(self.network, train)
        swa, ema = Average(), Average(train.ema)
        scaler = torch.amp.GradScaler(
            self.device.type, enabled=train.precision == "float16" and self.device.type == "cuda"
        )
        self._begin(optimizer, swa, ema, resume=resume)
        forward = self._forward()
        writer = SummaryWriter(str(self.out / "tensorboard")) if is_first() else None
        saved = time.monotonic()
        for epoch in range(self._state.epoch, train.epochs):
            if self._out_of_patience(epoch):
                break
            freeze_backbone(self.network, frozen=epoch < train.frozen_epochs)
            groups = self._groups(epoch)
            losses: list[float] = []
            bar = self._bar(groups, epoch)
            for batch in bar:
                self._step(forward, optimizer, scaler, batch, len(groups), losses)
                if self._state.steps and train.ema and self._at_step_end(len(groups)):
                    ema.update(self.network)
                    self._state.smoothed = ema.count
                bar.set_postfix(loss=f"{np.mean(losses[-50:]):.4f}", refresh=False)
                if is_first() and time.monotonic() - saved > train.checkpoint_minutes * 60:
                    self._save(optimizer, swa, ema)
                    saved = time.monotonic()
            if 0 <= train.swa_start <= epoch:
                swa.update(self.network)
                self._state.averaged = swa.count
            scores = self._judge(ema.state if train.ema else None, epoch)
            self._log(
                writer,
                epoch,
                float(np.mean(losses)) if losses else math.nan,
                scores,
                optimizer.param_groups[0]["lr"],
            )
            self._state.epoch, self._state.batch = epoch + 1, 0
            if is_first():
                self._save(optimizer, swa, ema)
                saved = time.monotonic()
        if writer:
            writer.close()
        return self._finish(swa)

    def _begin(
        self, optimizer: torch.optim.Optimizer, swa: Average, ema: Average, *, resume: bool
    ) -> None:
        loaded = load_state(self.out)
        configuration = dump_run(self.run)
        if resume and loaded:
            groups, state = loaded
            if state.run != configuration or state.split_sha256 != self.split_sha256:
                raise UsageError(
                    f"{self.out} holds a run with another configuration or split. Name another "
                    "--out, or resume with the file it was started with."
                )
            self.network.load_state_dict(groups["network"])
            restore_optimizer(optimizer, groups.get("optimizer", {}))
            swa.state, swa.count = groups.get("swa", {}), state.averaged
            ema.state, ema.count = groups.get("ema", {}), state.smoothed
            self.task.restore(groups.get("task", {}))
            self._state = state
            return
        if loaded or (self.out / "model.safetensors").exists():
            raise UsageError(
                f"{self.out} already holds a run. Add --resume, or name another --out."
            )
        self._state = State(run=configuration, split_sha256=self.split_sha256)
        if is_first():
            write_json(self.out / "split.json", {"sha256": self.split_sha256})
            (self.out / "run.json").write_text(configuration)

    def _forward(self) -> nn.Module:
        network: nn.Module = self.network
        if world_size() > 1:
            network = DistributedDataParallel(
                network, find_unused_parameters=self.run.train.frozen_epochs > 0
            )
        if self.run.train.compile:
            return torch.compile(network)  # type: ignore[return-value]
        return network

    def _groups(self, epoch: int) -> list[list[tuple[int, int]]]:
        """This process's share of the epoch's batches; what does not fill a batch is left out."""
        train = self.run.train
        pairs = draw_epoch(self.labels, self.run, epoch)
        size = min(train.batch, len(pairs))
        whole = [pairs[i : i + size] for i in range(0, len(pairs) - size + 1, size)]
        return [group[rank() :: world_size()] for group in whole]

    def _bar(self, groups: list[list[tuple[int, int]]], epoch: int) -> "tqdm[Batch]":
        done = self._state.batch
        source: Iterator[Batch] = batches(self.views, groups[done:], self.run.train.workers)
        return tqdm(
            source,
            total=len(groups),
            initial=done,
            desc=f"epoch {epoch + 1}/{self.run.train.epochs}",
            disable=not is_first(),
            mininterval=1 if os.isatty(2) else 60,
        )

    def _at_step_end(self, count: int) -> bool:
        accumulate = self.run.train.accumulate
        return self._state.batch % accumulate == 0 or self._state.batch == count

    def _step(
        self,
        forward: nn.Module,
        optimizer: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler,
        batch: Batch,
        count: int,
        losses: list[float],
    ) -> None:
        """One batch; the last group of an epoch's accumulation is stepped even if it is short."""
        train = self.run.train
        done, epoch = self._state.batch, self._state.epoch
        torch.manual_seed(hash((train.seed, epoch, done, rank())) % 2**63)  # for dropout
        set_rates(optimizer, train, epoch + done / count)
        forward.train()
        share = size_share(train.sizes, epoch)
        frames = network_input(batch.frames.to(self.device), self.run.input, share)
        with autocast(train, self.device):
            logits = forward(frames).float()
        loss, parts = self.task.loss(logits, batch)
        if not torch.isfinite(loss):
            raise UsageError(
                f"The loss became {loss.item()} in epoch {epoch + 1}. Lower train.lr, or set "
                "train.clip."
            )
        first_of_group = done - done % train.accumulate
        scaler.scale(loss / min(train.accumulate, count - first_of_group)).backward()  # type: ignore[no-untyped-call]
        losses.append(parts.get("loss", loss.item()))
        self._state.batch += 1
        if self._at_step_end(count):
            if train.clip:
                scaler.unscale_(optimizer)
                nn.utils.clip_grad_norm_(self.network.parameters(), train.clip)
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
            self._state.steps += 1

    def _judge(self, averaged: dict[str, Tensor] | None, epoch: int) -> Scores:
        """Score the epoch's weights, the smoothed ones if there are any, and keep the best."""
        own = {n: t.clone() for n, t in self.network.state_dict().items()} if averaged else None
        if averaged:
            self.network.load_state_dict(averaged)
        scores = self.score()
        criterion = scores.criterion(self.run.train.select)
        if self._state.best is None or criterion > self._state.best:
            self._state.best, self._state.best_epoch = criterion, epoch
            if is_first():
                save_tensors(self.out / "best.safetensors", self.network.state_dict())
        if own:
            self.network.load_state_dict(own)
        return scores

    def score(self) -> Scores:
        """Score the network as it is on the validation patients."""
        spec, labels = self.run.input, torch.from_numpy(self.validation.labels)
        with autocast(self.run.train, self.device):
            outputs = outputs_of_bands(
                self.network, self.validation.bands, spec, device=self.device
            )
        logits = torch.from_numpy(outputs.logits)
        right = logits.argmax(1) == labels
        by_class = [
            right[labels == c].float().mean().item()
            for c in range(int(labels.max()) + 1)
            if (labels == c).any()
        ]
        return Scores(
            loss=functional.cross_entropy(logits, labels).item(),
            accuracy=right.float().mean().item(),
            balanced_accuracy=float(np.mean(by_class)),
        )

    def _out_of_patience(self, epoch: int) -> bool:
        patience = self.run.train.patience
        return bool(patience) and epoch - self._state.best_epoch > patience

    def _finish(self, swa: Average) -> Scores:
        """Compare the best epoch with the averaged weights; the better of the two is kept."""
        scores: dict[str, Scores] = {}
        best = self.out / "best.safetensors"
        if swa.count:
            self.network.load_state_dict(swa.state)
            if has_batch_norm(self.network):
                with autocast(self.run.train, self.device):
                    update_batch_norm(self.network, self._some_inputs())
            scores["swa"] = self.score()
            averaged = {n: t.clone() for n, t in self.network.state_dict().items()}
        load_weights(self.network, best, self.run.model.architecture)
        scores["best epoch"] = self.score()
        select = self.run.train.select
        kept = max(scores, key=lambda name: scores[name].criterion(select))
        if kept == "swa":
            self.network.load_state_dict(averaged)
        if is_first():
            save_tensors(self.out / "model.safetensors", self.network.state_dict())
            write_json(
                self.out / "result.json",
                {
                    "kept": kept,
                    "best_epoch": self._state.best_epoch,
                    "steps": self._state.steps,
                    "validation": {
                        name: {
                            "loss": each.loss,
                            "accuracy": each.accuracy,
                            "balanced_accuracy": each.balanced_accuracy,
                        }
                        for name, each in scores.items()
                    },
                },
            )
        return scores[kept]

    def _some_inputs(self) -> Iterator[Tensor]:
        groups = self._groups(self.run.train.epochs)[:_BATCH_NORM_BATCHES]
        for batch in batches(self.views, groups, self.run.train.workers):
            yield network_input(batch.frames.to(self.device), self.run.input)

    def _save(self, optimizer: torch.optim.Optimizer, swa: Average, ema: Average) -> None:
        groups = {
            "network": self.network.state_dict(),
            "optimizer": flatten_optimizer(optimizer),
            "swa": swa.state,
            "ema": ema.state,
            "task": self.task.tensors(),
        }
        save_state(self.out, {name: group for name, group in groups.items() if group}, self._state)

    def _log(
        self, writer: SummaryWriter | None, epoch: int, loss: float, scores: Scores, rate: float
    ) -> None:
        if writer is None:
            return
        row = {
            "epoch": epoch + 1,
            "lr": rate,
            "train_loss": loss,
            "val_loss": scores.loss,
            "val_accuracy": scores.accuracy,
            "val_balanced_accuracy": scores.balanced_accuracy,
        }
        for name, value in row.items():
            writer.add_scalar(name, value, epoch + 1)
        log = self.out / "log.csv"
        new = not log.exists()
        with log.open("a", newline="") as file:
            table = csv.DictWriter(file, row)
            if new:
                table.writeheader()
            table.writerow(row)
        tqdm.write(
            f"epoch {epoch + 1}: training loss {loss:.4f}, validation loss {scores.loss:.4f}, "
            f"accuracy {scores.accuracy:.4f}, balanced {scores.balanced_accuracy:.4f}"
        )


def size_share(sizes: tuple[tuple[int, float], ...], epoch: int) -> float:
    """Share of the input's size in an epoch: that of the last entry that has begun."""
    return next((share for first, share in reversed(sizes) if epoch >= first), 1.0)


def rank() -> int:
    return torch.distributed.get_rank() if torch.distributed.is_initialized() else 0


def world_size() -> int:
    return torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1


def is_first() -> bool:
    """Whether this process writes files and speaks."""
    return rank() == 0
