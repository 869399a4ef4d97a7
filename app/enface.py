"""The view from above: each B-scan becomes one row, the mean of its columns."""

import numpy as np
from numpy.typing import NDArray

from app.errors import ReadError
from app.preprocess import missing
from app.progress import Progress, ignore_progress
from app.study import Volume


def mean_projection(volume: Volume, progress: Progress = ignore_progress) -> NDArray[np.float32]:
    """Project a volume along the axial direction, one B-scan in memory at a time.

    What the exporter filled in is left out of the mean. Rows of shorter B-scans are stretched to
    the longest.

    Returns:
        Mean intensity, shape (n_bscans, columns), rows in spatial order; NaN where nothing was
        measured or the B-scan cannot be read.
    """
    columns = max(each.columns for each in volume.bscans)
    projection = np.full((len(volume.bscans), columns), np.nan, np.float32)
    for index, bscan in enumerate(volume.bscans):
        try:
            pixels = bscan.pixels()
        except ReadError:
            row = np.full(bscan.columns, np.nan)
        else:
            row = column_means(pixels)
        at = (np.arange(columns) * len(row)) // columns
        projection[index] = row[at]
        progress(index + 1, len(volume.bscans))
    return projection


def to_grey(projection: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Spread a projection from black to white, leaving out the extreme percent on both sides.

    What was not measured becomes black.
    """
    measured = projection[np.isfinite(projection)]
    if not measured.size:
        return np.zeros(projection.shape, np.uint8)
    low, high = np.percentile(measured, (1, 99))
    spread = (np.nan_to_num(projection, nan=low) - low) / max(high - low, 1e-6)
    grey: NDArray[np.uint8] = np.rint(255 * np.clip(spread, 0, 1)).astype(np.uint8)
    grey[~np.isfinite(projection)] = 0
    return grey


def column_means(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean of each column without what the exporter filled in; NaN where nothing was measured."""
    known = ~missing(pixels)
    counts = known.sum(axis=0)
    sums = np.where(known, pixels, 0).sum(axis=0, dtype=np.float64)
    means: NDArray[np.float64] = np.full(len(counts), np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means
