"""Turn stored values into the fixed 8-bit intensity of the rest of the program, once.

The grayscale pipeline of PS3.3 C.11 and PS3.4 N.2: modality (rescale or table), then values of
interest (window or table), then presentation (inverted or not).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.language import fill
from app.study import Pixels

Stored = NDArray[Any]
"""A frame's stored values, integer or float, shape (rows, columns), before any look-up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """A look-up table (PS3.3 C.11.1.1): `values[0]` is for input `first` and all below it."""

    first: int
    bits: int  # of each value
    values: tuple[int, ...]

    def apply(self, data: NDArray[np.float64]) -> NDArray[np.float64]:
        index = np.clip(data - self.first, 0, len(self.values) - 1).astype(np.intp)
        return np.asarray(self.values, dtype=np.float64)[index]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    center: float
    width: float
    function: str = "LINEAR"  # LINEAR, LINEAR_EXACT or SIGMOID

    def apply(self, data: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map to 0..255 (PS3.3 C.11.2.1.2 and C.11.2.1.3)."""
        if self.function == "SIGMOID":
            return 255 / (1 + np.exp(np.clip(-4 * (data - self.center) / self.width, -700, 700)))
        center, width = self.center, self.width
        if self.function != "LINEAR_EXACT":
            center, width = center - 0.5, max(width - 1, 1e-9)
        return np.clip(((data - center) / width + 0.5) * 255, 0, 255)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tone:
    """How one frame's stored values become intensities. The defaults leave 8 bits as they are."""

    slope: float = 1.0
    intercept: float = 0.0
    modality: Lookup | None = None  # instead of slope and intercept
    window: Window | None = None
    interest: Lookup | None = None  # instead of a window
    # Where neither is given: the values, after the modality step, shown black and white.
    span: tuple[float, float] = (0.0, 255.0)
    inverted: bool = False
    padding: tuple[float, float] | None = None  # stored values, inclusive, that are no image


AS_STORED = Tone()
"""The tone of eight bits that need no change."""


def to_grey(stored: Stored, tone: Tone) -> Pixels:
    """Apply `tone` to a frame of stored values, shape (rows, columns), integer or float."""
    if stored.dtype == np.uint8 and tone == AS_STORED:
        return stored.astype(np.uint8, copy=False)
    if stored.dtype.kind in "iu" and stored.dtype.itemsize <= 2:
        offset = int(np.iinfo(stored.dtype).min)
        return _table(tone, stored.dtype.str)[stored.astype(np.int32) - offset]
    with np.errstate(invalid="ignore"):  # what is no number stays none
        return _to_grey(stored.astype(np.float64), tone)


@lru_cache(maxsize=64)
def _table(tone: Tone, dtype: str) -> Pixels:
    limits = np.iinfo(np.dtype(dtype))
    return _to_grey(np.arange(limits.min, limits.max + 1, dtype=np.float64), tone)


def _to_grey(data: NDArray[np.float64], tone: Tone) -> Pixels:
    with np.errstate(over="ignore", invalid="ignore"):
        value = modality_values(data, tone)
        if tone.interest is not None:
            shown = tone.interest.apply(value) * 255 / (2**tone.interest.bits - 1)
        elif tone.window is not None:
            shown = tone.window.apply(value)
        else:
            low, high = tone.span
            shown = (value - low) * (255 / (high - low))
    grey = np.rint(np.clip(np.nan_to_num(shown, nan=0.0, posinf=255, neginf=0), 0, 255))
    pixels: Pixels = grey.astype(np.uint8)
    if tone.inverted:
        pixels = 255 - pixels
    missing = ~np.isfinite(data)
    if tone.padding is not None:
        missing |= (data >= tone.padding[0]) & (data <= tone.padding[1])
    pixels[missing] = 0
    return pixels


def modality_values(data: NDArray[np.float64], tone: Tone) -> NDArray[np.float64]:
    """Stored values after rescale or modality table."""
    if tone.modality is not None:
        return tone.modality.apply(data)
    return data * tone.slope + tone.intercept


def luminance(colour: Stored) -> NDArray[np.float64]:
    """Grey of red, green and blue, shape (rows, columns, 3), by ITU-R BT.601."""
    weights = np.array([0.299, 0.587, 0.114])
    grey: NDArray[np.float64] = colour.astype(np.float64) @ weights
    return grey


def filled_range(low: float, high: float) -> tuple[float, float]:
    """The span that shows values of no known meaning: what they fill, from nothing up."""
    start = min(low, 0.0)
    return start, high if high > start else start + 1


def range_note(span: tuple[float, float]) -> str:
    """Say to the user that values are shown by the range that they fill."""
    return fill(
        "The file does not say how bright its values are meant to be; {least} to "
        "{greatest}, the range that they fill, is shown from black to white.",
        least=f"{span[0]:g}",
        greatest=f"{span[1]:g}",
    )
