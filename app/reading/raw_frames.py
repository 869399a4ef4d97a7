"""Uncompressed B-scans in a vendor's file: numbers of one type, frame after frame.

None of these files says how bright its numbers are meant to be; they are shown by the range that
they fill, and the volume says so.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from app.reading.entries import Entry, bytes_at
from app.reading.grey import Stored, Tone, filled_range, range_note, to_grey
from app.study import BScan, FrameSource, Pixels

_SAMPLED = 5  # frames that show the range of a volume's values


@dataclass(frozen=True, slots=True, kw_only=True)
class RawFrames:
    """Where the frames of one volume lie, first to last, and how."""

    entry: Entry
    offsets: tuple[int, ...]  # bytes, of each frame
    dtype: str  # of numpy, byte order included
    rows: int
    columns: int
    by_column: bool = False  # stored A-scan by A-scan
    upward: bool = False  # an A-scan is stored from its deep end

    def bscans(self) -> tuple[tuple[BScan, ...], str]:
        """Every frame, and the note on how its values are shown.

        Raises:
            DamagedFile: If the file cannot be read.
        """
        count = len(self.offsets)
        picked = sorted({round(at) for at in np.linspace(0, count - 1, min(count, _SAMPLED))})
        known = [values[np.isfinite(values)] for values in map(self._stored, picked)]
        known = [values for values in known if values.size]
        span = filled_range(
            min((float(values.min()) for values in known), default=0.0),
            max((float(values.max()) for values in known), default=1.0),
        )
        tone = Tone(span=span)
        made = tuple(self._bscan(self.entry.path, index, tone) for index in range(count))
        return made, range_note(span)

    def _bscan(self, path: Path, index: int, tone: Tone) -> BScan:
        return BScan(
            source=FrameSource(path=path, frame_number=index + 1),
            rows=self.rows,
            columns=self.columns,
            load=partial(self._load, index, tone),
        )

    def _load(self, index: int, tone: Tone) -> Pixels:
        return to_grey(self._stored(index), tone)

    def _stored(self, index: int) -> Stored:
        kind = np.dtype(self.dtype)
        length = self.rows * self.columns * kind.itemsize
        values = np.frombuffer(bytes_at(self.entry, self.offsets[index], length), kind)
        if self.by_column:
            values = values.reshape(self.columns, self.rows).T
        else:
            values = values.reshape(self.rows, self.columns)
        return np.ascontiguousarray(values[::-1] if self.upward else values)
