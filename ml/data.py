"""From samples to batches: bands kept in memory, views drawn by seed alone."""

from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from app.modelpack import InputSpec
from app.preprocess import retina_band
from app.progress import Progress, ignore_progress
from app.study import Pixels
from ml.augment import Augmentation, Grey, augmentation, oversized
from ml.config import Balance, Run
from ml.manifest import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    frames: Tensor  # float32 (n, 1, height, width), grey in [0, 1]
    # int64 (n,), NO_LABEL for other diseases; where views are mixed, float32 (n, classes), shares
    labels: Tensor
    samples: Tensor  # int64 (n,), indices into the data set
    views: Tensor  # int64 (n,), which view of each sample this is

    def take(self, chosen: Tensor) -> "Batch":
        """The B-scans that a mask names."""
        return Batch(
            frames=self.frames[chosen],
            labels=self.labels[chosen],
            samples=self.samples[chosen],
            views=self.views[chosen],
        )


def band_of(pixels: Pixels, spec: InputSpec) -> Grey:
    """The retinal band of a B-scan, uint8 (height, width)."""
    grey = retina_band(pixels, spec).grey
    return np.asarray(np.rint(grey * 255), dtype=np.uint8)


def read_bands(
    samples: Sequence[Sample], spec: InputSpec, progress: Progress = ignore_progress
) -> NDArray[np.uint8]:
    """The bands of many B-scans, (n, height, width), read on two threads.

    Raises:
        DamagedFile: If one cannot be read.
    """
    bands = np.empty((len(samples), spec.height, spec.width), dtype=np.uint8)
    with ThreadPoolExecutor(2) as pool:
        read = pool.map(lambda sample: band_of(sample.pixels(), spec), samples)
        for index, band in enumerate(read):
            bands[index] = band
            progress(index + 1, len(samples))
    return bands


Label = int | NDArray[np.float32]
Item = tuple[NDArray[np.float32], Label, int, int]


def largest(specs: Iterable[InputSpec]) -> InputSpec:
    """Views are drawn at the largest size anyone needs; the others see them smaller."""
    return max(specs, key=lambda spec: spec.height * spec.width)


class Views(Dataset[Item]):
    """Random views of labelled B-scans; item (sample, view) is always the same.

    With mixup (Zhang et al. 2018) a view is mixed with one of another B-scan. Whom and how much the
    view's seed says, so that what a teacher said of the mixture can be read back.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        labels: Sequence[int],
        run: Run,
        spec: InputSpec,
        progress: Progress = ignore_progress,
    ) -> None:
        """Read all bands of `samples`; views have the size of `spec`."""
        height, width = oversized(spec, run.augment.recipe)
        self._bands = read_bands(samples, replace(spec, height=height, width=width), progress)
        self.labels = list(labels)
        self._keys = [int(sample.sha256[:12], 16) for sample in samples]
        self._seed = run.train.seed
        self._mixup, self._classes = run.augment.mixup, len(run.data.classes)
        self._partners = np.cumsum(_partner_shares(self.labels, run.data.balance))
        self._augment: Augmentation = augmentation(run.augment.recipe, spec, run.augment.strength)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, key: tuple[int, int]) -> Item:
        sample, view = key
        seeds = np.random.SeedSequence([self._seed, self._keys[sample], view])
        frame = self._augment(self._bands[sample], int(seeds.generate_state(1)[0]))
        if not self._mixup:
            return frame, self.labels[sample], sample, view
        frame, label = self._mixed(frame, sample, np.random.default_rng(seeds.spawn(1)[0]))
        return frame, label, sample, view

    def _mixed(
        self, frame: NDArray[np.float32], sample: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        share = np.float32(rng.beta(self._mixup, self._mixup))
        partner = int(np.searchsorted(self._partners, rng.random() * self._partners[-1], "right"))
        other = self._augment(self._bands[partner], int(rng.integers(2**32)))
        label = np.zeros(self._classes, dtype=np.float32)
        label[self.labels[sample]] += share
        label[self.labels[partner]] += 1 - share
        return share * frame + (1 - share) * other, label


def drawn_shares(counts: NDArray[np.integer], balance: Balance) -> NDArray[np.float64]:
    """The share of an epoch that each class gets, from how many B-scans it has; (classes,)."""
    power = {"none": 1.0, "root": 0.5, "equal": 0.0}[balance]
    weights = counts**power
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def _partner_shares(labels: Sequence[int], balance: Balance) -> NDArray[np.float64]:
    """How often each B-scan is mixed into others: as often as an epoch draws it; (n,)."""
    _, own, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return np.asarray((drawn_shares(counts, balance) / counts)[own])


def draw_epoch(labels: Sequence[int], run: Run, epoch: int) -> list[tuple[int, int]]:
    """The (sample, view) pairs of an epoch, in random order decided by seed and epoch.

    Balancing repeats the B-scans of rare classes and leaves out some of the frequent ones, a
    different choice each epoch; the epoch's length stays that of the data, less what is left over
    of each class's share.
    """
    rng = np.random.default_rng([run.train.seed, epoch])
    targets = np.asarray(labels)
    present, counts = np.unique(targets, return_counts=True)
    shares = drawn_shares(counts, run.data.balance) * len(targets)
    wanted = np.floor(shares + 1e-9).astype(int)  # a share of 110 may be computed as 109.999…
    drawn: list[int] = []
    for label, count in zip(present, wanted, strict=True):
        own = np.flatnonzero(targets == label)
        rounds = [rng.permutation(own) for _ in range(-(-count // len(own)))]
        drawn += np.concatenate(rounds)[:count].tolist() if rounds else []
    occurrences: dict[int, int] = {}
    pairs = []
    for sample in drawn:
        again = occurrences.get(sample, 0)
        occurrences[sample] = again + 1
        # Without replay a view is never used again: epochs get numbers far from each other.
        view = (epoch + again) % run.augment.views if run.augment.views else epoch * 1000 + again
        pairs.append((sample, view))
    return [pairs[index] for index in rng.permutation(len(pairs))]


def batches(
    views: Views, groups: Iterable[list[tuple[int, int]]], workers: int
) -> Generator[Batch]:
    """Make batches of the given (sample, view) pairs, ahead of their use if there are workers."""
    loader = (
        DataLoader(
            views, batch_sampler=groups, num_workers=workers, collate_fn=_collate, prefetch_factor=4
        )
        if workers
        else DataLoader(views, batch_sampler=groups, collate_fn=_collate)
    )
    yield from loader


def _collate(items: list[Item]) -> Batch:
    frames, labels, samples, views = zip(*items, strict=True)
    return Batch(
        frames=torch.from_numpy(np.stack(frames))[:, None],
        labels=torch.from_numpy(np.asarray(labels)),
        samples=torch.tensor(samples),
        views=torch.tensor(views),
    )


def network_input(
    frames: Tensor, spec: InputSpec, share: float = 1.0, *, channels_last: bool = True
) -> Tensor:
    """Turn grey in [0, 1], (n, 1, h, w), into what a network of this spec takes.

    Views are drawn once for student and teachers of several sizes; each gets them at its own.
    `share` shrinks the size further, to multiples of 32 and at least that, for early epochs.
    """
    size = (spec.height, spec.width)
    if share < 1:
        size = (_smaller(spec.height, share), _smaller(spec.width, share))
    if tuple(frames.shape[2:]) != size:
        frames = functional.interpolate(
            frames, size, mode="bilinear", align_corners=False, antialias=True
        )
    mean = torch.tensor(spec.mean).view(1, -1, 1, 1)
    std = torch.tensor(spec.std).view(1, -1, 1, 1)
    normal = (frames - mean.to(frames.device)) / std.to(frames.device)
    return normal.contiguous(memory_format=torch.channels_last) if channels_last else normal


def _smaller(pixels: int, share: float) -> int:
    return max(round(pixels * share / 32), 1) * 32
