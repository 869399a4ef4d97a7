"""Pictures that are no B-scan of a retina: what a gate must never take for one.

Eight kinds, drawn by seed: noise, blank frames, textures with the spectrum of natural images,
line drawings, round fundus-like pictures, and real B-scans turned upside down, on their side or
cut into shuffled tiles.
"""

from collections.abc import Callable, Mapping, Sequence
from zlib import crc32

import numpy as np

from app.study import Pixels

_ROWS, _COLUMNS = 320, 512


def noise(rng: np.random.Generator, scan: Pixels) -> Pixels:
    """Grains of random size."""
    grain = int(rng.integers(1, 12))
    coarse = rng.normal(128, rng.uniform(10, 70), (_ROWS // grain + 1, _COLUMNS // grain + 1))
    return _grey(np.kron(coarse, np.ones((grain, grain)))[:_ROWS, :_COLUMNS])


def blank(rng: np.random.Generator, scan: Pixels) -> Pixels:
    """One grey, or a slow gradient, with a little noise."""
    ramp = np.linspace(0, rng.uniform(0, 120), _ROWS)[:, None]
    turned = ramp if rng.random() < 0.5 else ramp[::-1]
    return _grey(rng.uniform(0, 130) + turned + rng.normal(0, 3, (_ROWS, _COLUMNS)))


def texture(rng: np.random.Generator, scan: Pixels) -> Pixels:
    """Noise whose amplitude falls with frequency, as in pictures of the world."""
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(_COLUMNS), np.fft.fftfreq(_ROWS)))
    amplitude = np.maximum(frequency, 1 / _COLUMNS) ** -rng.uniform(0.8, 1.8)
    phase = np.exp(2j * np.pi * rng.random((_ROWS, _COLUMNS)))
    return _stretched(np.fft.ifft2(amplitude * phase).real)


def drawing(rng: np.random.Generator, scan: Pixels) -> Pixels:
    """Straight edges and rectangles: a page, a screen, a room."""
    page = np.full((_ROWS, _COLUMNS), rng.uniform(0, 255))
    for _ in range(int(rng.integers(6, 30))):
        top, left = int(rng.integers(0, _ROWS)), int(rng.integers(0, _COLUMNS))
        bottom = top + int(rng.integers(2, _ROWS // 2))
        page[top:bottom, left : left + int(rng.integers(2, _COLUMNS // 2))] = rng.uniform(0, 255)
    return _grey(page)


def fundus(rng: np.random.Generator, scan: Pixels) -> Pixels:
    """A round bright field with dark branching lines and a bright disc."""
    row, column = np.mgrid[:_ROWS, :_COLUMNS]
    field = np.hypot(row - _ROWS / 2, column - _COLUMNS / 2) < _ROWS * rng.uniform(0.4, 0.5)
    picture = np.where(field, rng.uniform(90, 150), 5.0)
    at = (_ROWS / 2, _COLUMNS / 2 + rng.choice([-1, 1]) * _ROWS * 0.3)
    for _ in range(14):
        angle, place = rng.uniform(0, 2 * np.pi), np.array(at)
        for _ in range(260):
            angle += rng.normal(0, 0.08)
            place = place + np.array((np.sin(angle), np.cos(angle)))
            r, c = place.astype(int)
            if 2 <= r < _ROWS - 2 and 2 <= c < _COLUMNS - 2:
                picture[r - 1 : r + 2, c - 1 : c + 2] *= 0.8
    picture += 90 * (np.hypot(row - at[0], column - at[1]) < _ROWS * 0.07)
    return _grey(picture + rng.normal(0, 6, picture.shape))


def upside_down(rng: np.random.Generator, scan: Pixels) -> Pixels:
    return scan[::-1]


def on_its_side(rng: np.random.Generator, scan: Pixels) -> Pixels:
    return np.rot90(scan, int(rng.choice([1, 3])))


def shuffled(rng: np.random.Generator, scan: Pixels) -> Pixels:
    """The same greys, no anatomy: tiles in another order."""
    rows, columns = (size // 4 * 4 for size in scan.shape)
    tiles = scan[:rows, :columns].reshape(4, rows // 4, 4, columns // 4).swapaxes(1, 2)
    mixed = tiles.reshape(16, rows // 4, columns // 4)[rng.permutation(16)]
    return mixed.reshape(4, 4, rows // 4, columns // 4).swapaxes(1, 2).reshape(rows, columns)


KINDS: Mapping[str, Callable[[np.random.Generator, Pixels], Pixels]] = {
    kind.__name__: kind
    for kind in (noise, blank, texture, drawing, fundus, upside_down, on_its_side, shuffled)
}


def strangers(
    scans: Sequence[Pixels], *, seed: int, kinds: Sequence[str] = tuple(KINDS)
) -> list[Pixels]:
    """Make one strange picture of each B-scan given, the kinds taken in turn."""
    rng = np.random.default_rng(seed)
    return [
        np.ascontiguousarray(KINDS[kinds[index % len(kinds)]](rng, scan))
        for index, scan in enumerate(scans)
    ]


def stranger_of(scan: Pixels) -> Pixels:
    """Make the one strange picture that follows from a B-scan's own greys, kind and all."""
    rng = np.random.default_rng(crc32(np.ascontiguousarray(scan).tobytes()))
    kinds = list(KINDS.values())
    return np.ascontiguousarray(kinds[int(rng.integers(len(kinds)))](rng, scan))


def _grey(values: np.ndarray) -> Pixels:
    return np.asarray(np.clip(values, 0, 255), dtype=np.uint8)


def _stretched(values: np.ndarray) -> Pixels:
    low, high = np.percentile(values, (1, 99))
    return _grey(255 * (values - low) / max(high - low, 1e-9))
