"""Random views of a B-scan for training.

A view is decided by a seed alone, so the same view can be made again: for an exact resume, and
for reading back what a teacher said of it. Views know nothing of each other.

The "oct" recipe varies what varies between machines, eyes and operators, and nothing that does
not: no vertical flip (the retina has an up), no hue (there is none).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.transforms import v2

from app.modelpack import InputSpec

cv2.setNumThreads(1)  # the processors are the network's

Grey = NDArray[np.uint8]  # (height, width) of the oversized band
View = NDArray[np.float32]  # (height, width) of the input, in [0, 1]
Augmentation = Callable[[Grey, int], View]

OVERSIZE = {"none": 1.0, "oct": 1.25, "paper-teacher": 416 / 384, "paper-student": 416 / 384}
"""How much larger than the input the band is kept, per recipe."""


def oversized(spec: InputSpec, recipe: str) -> tuple[int, int]:
    """Height and width at which bands are kept for a recipe."""
    return round(spec.height * OVERSIZE[recipe]), round(spec.width * OVERSIZE[recipe])


def augmentation(recipe: str, spec: InputSpec, strength: float = 1.0) -> Augmentation:
    """Return the recipe as a function of a band and a view's seed."""
    if recipe == "oct":
        return OctViews(height=spec.height, width=spec.width, strength=strength)
    if recipe == "paper-teacher":
        return PaperViews(_paper_teacher(spec))
    if recipe == "paper-student":
        return PaperViews(_paper_student(spec))
    return _as_it_is


def _as_it_is(grey: Grey, seed: int) -> View:
    return np.asarray(grey, dtype=np.float32) / np.float32(255)


_GRAIN = 32  # views


@cache
def _grain(pixels: int) -> NDArray[np.float32]:
    """Normal noise for many views of so many pixels; drawing it anew takes longer than a view."""
    return np.random.default_rng(0).standard_normal(_GRAIN * pixels, dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class OctViews:
    """Placement, then light, then what the machine and the eye's media add."""

    height: int
    width: int
    strength: float = 1.0

    def __call__(self, grey: Grey, seed: int) -> View:
        rng = np.random.default_rng(seed)
        placed = self._place(grey, rng)
        if rng.random() < 0.15 * self.strength:
            placed = np.asarray(cv2.GaussianBlur(placed, (0, 0), rng.uniform(0.3, 1.2)), np.uint8)
        gamma = np.exp(rng.uniform(-0.4, 0.4) * self.strength)
        view: View = (np.linspace(0, 1, 256) ** gamma).astype(np.float32)[placed]
        self._add_shadows(view, rng)
        view = self._add_speckle(view, rng)
        view *= np.float32(1 + rng.uniform(-0.2, 0.2) * self.strength)
        self._erase(view, rng)
        return np.clip(view, 0, 1, out=view)

    def _place(self, grey: Grey, rng: np.random.Generator) -> Grey:
        """Rotate, tilt, scale, shift and mirror in one resampling."""
        s = self.strength
        angle = np.deg2rad(rng.uniform(-10, 10) * s)
        tilt = rng.uniform(-0.15, 0.15) * s
        wide, high = np.exp(rng.uniform(-0.2, 0.2, 2) * s)
        across, down = rng.uniform(-0.1, 0.1, 2) * s
        matrix = steps(angle, tilt, wide, high, mirrored=rng.random() < 0.5)
        # View to band, the middle of the first pixel at 0, as OpenCV wants it.
        band_height, band_width = grey.shape
        matrix *= [[band_width / self.width], [band_height / self.height]]
        centre = np.array([band_width * (0.5 + across), band_height * (0.5 + down)]) - 0.5
        offset = centre - matrix @ [(self.width - 1) / 2, (self.height - 1) / 2]
        placed = cv2.warpAffine(
            grey,
            np.column_stack([matrix, offset]),
            (self.width, self.height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        )
        return np.asarray(placed, np.uint8)

    def _add_shadows(self, view: View, rng: np.random.Generator) -> None:
        """Darken columns below a vessel or an opacity."""
        for _ in range(rng.poisson(0.6 * self.strength)):
            half = rng.uniform(0.01, 0.05) * self.width
            place = rng.uniform(0, self.width)
            profile = np.exp(-(((np.arange(self.width) - place) / half) ** 2))
            view *= (1 - rng.uniform(0.2, 0.8) * profile).astype(np.float32)

    def _add_speckle(self, view: View, rng: np.random.Generator) -> View:
        amount = rng.uniform(0, 0.25) * self.strength
        floor = rng.uniform(0, 0.04) * self.strength
        start = rng.integers((_GRAIN - 1) * view.size)
        noise = _grain(view.size)[start : start + view.size].reshape(view.shape)
        return np.asarray(view * (1 + amount * noise) + floor * np.abs(noise), dtype=np.float32)

    def _erase(self, view: View, rng: np.random.Generator) -> None:
        if rng.random() < 0.25 * self.strength:
            high = int(rng.uniform(0.1, 0.4) * self.height)
            wide = int(rng.uniform(0.05, 0.25) * self.width)
            top = rng.integers(0, self.height - high)
            left = rng.integers(0, self.width - wide)
            view[top : top + high, left : left + wide] = rng.uniform(0, 0.5)


def steps(
    angle: float, tilt: float, wide: float, high: float, *, mirrored: bool
) -> NDArray[np.float64]:
    """Where a step along a view's rows and one along its columns lead in the band, as columns.

    Args:
        angle: Of the rotation, in radians.
        tilt: Axial shift for each A-scan, in pixels.
        wide: Band for each pixel of the view, across.
        high: The same, in depth.
        mirrored: Whether the first step goes the other way.
    """
    cos, sin = np.cos(angle), np.sin(angle)
    rotated = np.array([[cos * wide, sin * wide], [-sin * high, cos * high]])
    tilted = np.array([[1.0, 0.0], [tilt, 1.0]]) @ rotated
    return np.asarray(tilted * ([-1.0, 1.0] if mirrored else [1.0, 1.0]))


@dataclass(frozen=True, slots=True)
class PaperViews:
    """The published recipes, of torchvision's own transforms, made repeatable by their seed."""

    transform: v2.Transform

    def __call__(self, grey: Grey, seed: int) -> View:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            frame = torch.from_numpy(grey.copy()).expand(3, -1, -1)
            view = self.transform(frame)
        return np.asarray(view[0].numpy(), dtype=np.float32)


def _paper_teacher(spec: InputSpec) -> v2.Transform:
    """Order and strengths of the published teacher (see README.md)."""
    return v2.Compose(
        [
            v2.RandomCrop((spec.height, spec.width)),
            # The paper's code shifts by 0.09 pixels, that is not at all; here it is a share.
            _two_of(0.3, 9, 0.09),
            v2.RandomRotation(20),
            v2.RandomAffine(0, shear=15, scale=(0.85, 1.15)),
            v2.ColorJitter(0.3, 0.3, 0.2, 0.05),
            v2.RandomHorizontalFlip(0.5),
            v2.RandomApply([v2.GaussianBlur(3)], 0.2),
            v2.RandomPosterize(4, 0.2),
            v2.ToDtype(torch.float32, scale=True),
            v2.RandomErasing(0.25, scale=(0.02, 0.15)),
        ]
    )


def _paper_student(spec: InputSpec) -> v2.Transform:
    return v2.Compose(
        [
            v2.RandomCrop((spec.height, spec.width)),
            _two_of(0.233, 4.67, 0.07, saturation=False),
            v2.RandomRotation(15),
            v2.ColorJitter(0.2, 0.2, 0.2),
            v2.RandomHorizontalFlip(0.5),
            v2.ToDtype(torch.float32, scale=True),
            v2.RandomErasing(0.2, scale=(0.02, 0.1)),
        ]
    )


def _two_of(
    amount: float, degrees: float, shift: float, *, saturation: bool = True
) -> v2.Transform:
    """The paper's own RandAugment: two operations of six (teacher) or four (student)."""
    operations: list[v2.Transform] = [
        v2.ColorJitter(brightness=amount),
        v2.ColorJitter(contrast=amount),
        v2.RandomRotation(degrees),
        v2.RandomAffine(0, translate=(shift, shift)),
    ]
    if saturation:
        operations += [v2.ColorJitter(saturation=amount), _Sharpness(amount)]
    return _SomeOf(operations, 2)


class _Sharpness(v2.Transform):  # type: ignore[misc]
    """Blur or sharpen by a factor of up to `amount` from 1; torchvision's own has one factor."""

    def __init__(self, amount: float) -> None:
        super().__init__()
        self._amount = amount

    def forward(self, frame: torch.Tensor) -> torch.Tensor:
        factor = torch.empty(1).uniform_(1 - self._amount, 1 + self._amount).item()
        sharpened: torch.Tensor = v2.functional.adjust_sharpness(frame, factor)
        return sharpened


class _SomeOf(v2.Transform):  # type: ignore[misc]
    """Apply some of the operations, chosen without replacement, in the order of choice."""

    def __init__(self, operations: list[v2.Transform], count: int) -> None:
        super().__init__()
        self._operations = operations
        self._count = count

    def forward(self, frame: torch.Tensor) -> torch.Tensor:
        for index in torch.randperm(len(self._operations))[: self._count].tolist():
            frame = self._operations[index](frame)
        return frame
