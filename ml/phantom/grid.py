"""Where the samples of a phantom volume lie."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.study import Laterality

Field = NDArray[np.float32]
"""A value for every A-scan of a volume, shape (frames, columns)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Sampling of a volume, centred on the fovea.

    The default is a common dense macular scan: 20° x 20°, 49 B-scans of 512 A-scans.
    """

    frames: int = 49
    rows: int = 496
    columns: int = 512
    axial_mm: float = 0.00387
    lateral_mm: float = 0.01152
    between_mm: float = 0.1204
    laterality: Laterality = Laterality.RIGHT

    def __post_init__(self) -> None:
        if min(self.frames, self.rows, self.columns) < 1:
            raise ValueError(f"a volume needs frames, rows and columns: {self}")
        if min(self.axial_mm, self.lateral_mm, self.between_mm) <= 0:
            raise ValueError(f"spacing must be positive: {self}")
        if self.laterality is Laterality.UNKNOWN:
            raise ValueError("a phantom is a right or a left eye")

    @property
    def nasal(self) -> Field:
        """Distance from the fovea towards the optic disc in mm: to the right of a right eye."""
        x = (np.arange(self.columns, dtype=np.float32) - (self.columns - 1) / 2) * self.lateral_mm
        side = 1 if self.laterality is Laterality.RIGHT else -1
        return np.broadcast_to(side * x, (self.frames, self.columns))

    @property
    def inferior(self) -> Field:
        """Distance below the fovea in mm: the first frame is the highest on the retina."""
        y = (np.arange(self.frames, dtype=np.float32) - (self.frames - 1) / 2) * self.between_mm
        return np.broadcast_to(y[:, None], (self.frames, self.columns))
