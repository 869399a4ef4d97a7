"""Where a B-scan lies on the screen: true proportions, zoom and pan."""

from dataclasses import dataclass, replace

from PySide6.QtCore import QPointF, QRectF, QSizeF
from PySide6.QtGui import QTransform

from app.study import Spacing

_MOST_ZOOM = 24.0
_ROUND_LENGTHS_UM = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """How much a scan is enlarged beyond fitting the view, and how far it is moved."""

    zoom: float = 1.0
    dx: float = 0.0  # of the scan's centre from the view's, in units of the view's size
    dy: float = 0.0


def sample_size(spacing: Spacing, *, true_proportions: bool) -> QSizeF:
    """Width and height of one sample, in mm where both are known and wanted, else equal."""
    if true_proportions and spacing.lateral_mm and spacing.axial_mm:
        return QSizeF(spacing.lateral_mm, spacing.axial_mm)
    return QSizeF(1, 1)


def transform(view: QRectF, columns: int, rows: int, sample: QSizeF, at: Placement) -> QTransform:
    """From (column, row) of the scan to the view, fitted whole at zoom 1."""
    width, height = columns * sample.width(), rows * sample.height()
    scale = min(view.width() / width, view.height() / height) * at.zoom
    centre = view.center() + QPointF(at.dx * view.width(), at.dy * view.height())
    result = QTransform()
    result.translate(centre.x(), centre.y())
    result.scale(sample.width() * scale, sample.height() * scale)
    result.translate(-columns / 2, -rows / 2)
    return result


def zoomed(view: QRectF, at: Placement, factor: float, point: QPointF) -> Placement:
    """Zoom so that what lies under `point` stays there."""
    zoom = min(max(at.zoom * factor, 1.0), _MOST_ZOOM)
    if zoom == 1.0:
        return Placement()
    ratio = zoom / at.zoom
    away_x = (point.x() - view.center().x()) / view.width()
    away_y = (point.y() - view.center().y()) / view.height()
    return Placement(
        zoom=zoom, dx=away_x + (at.dx - away_x) * ratio, dy=away_y + (at.dy - away_y) * ratio
    )


def moved(view: QRectF, at: Placement, by: QPointF) -> Placement:
    """Pan, but never so far that the scan's centre leaves the enlarged view."""
    most = at.zoom / 2
    return replace(
        at,
        dx=min(max(at.dx + by.x() / view.width(), -most), most),
        dy=min(max(at.dy + by.y() / view.height(), -most), most),
    )


def scale_bar_um(per_um: float, longest: float) -> int | None:
    """The longest round length, in µm, whose bar stays within `longest`; None if none fits.

    Args:
        per_um: Length on the screen of one µm.
        longest: Of the bar, in the same unit.
    """
    fitting = [length for length in _ROUND_LENGTHS_UM if length * per_um <= longest]
    return fitting[-1] if fitting else None
