"""The eye from above: where the present B-scan lies, and where the disease does."""

from itertools import pairwise

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QImage,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
    QTransform,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.gui import theme
from app.gui.bscan_chooser import BScanChooser
from app.study import BScan, Volume

_MARGIN = 6
_PRESENT = QColor("#8ef0c0")
_UNDER = QColor(0, 0, 0, 160)
_OTHERS = QColor(255, 255, 255, 38)
_WORDS = QColor("#b4bec8")
_EDGE = 5  # width of the column of class colours beside a projection


class EnfaceView(BScanChooser):
    """Localizer, or mean projection of the volume; click to go to a B-scan."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(110, 90)
        self._volume: Volume | None = None
        self._picture: QImage | None = None
        self._heat: QImage | None = None
        self._colours: tuple[QColor | None, ...] = ()
        self._localized = False
        theme.say(
            self,
            self.tr("En-face view"),
            self.tr("The eye from above, with a line for the present B-scan. Click to go there."),
        )

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(190, 170)

    def show_volume(self, volume: Volume | None) -> None:
        self._volume, self._picture, self._heat, self._index = volume, None, None, 0
        self._colours = ()
        self._localized = False
        self._redraw()

    def show_picture(self, picture: QImage | None, *, localizer: bool) -> None:
        """Show the localizer, or the projection with one row for each B-scan."""
        self._picture = picture
        self._localized = (
            localizer
            and self._volume is not None
            and any(bscan.location for bscan in self._volume.bscans)
        )
        self.setToolTip(self._kind())
        self._redraw()

    def show_heat(self, heat: QImage | None) -> None:
        """Lay a map of the class over a projection: one row for each B-scan."""
        self._heat = heat
        self._redraw()

    def show_colours(self, colours: tuple[QColor | None, ...]) -> None:
        """Colour each B-scan by its class; None is ungradable."""
        self._colours = colours
        self._redraw()

    def _kind(self) -> str:
        if self._localized:
            return self.tr("The file's own localizer, with the place of every B-scan")
        return self.tr("Computed here: each row is the mean of one B-scan along its depth")

    def _index_at(self, position: QPointF) -> int | None:
        if self._volume is None or self._picture is None:
            return None
        picture = self._place()
        if not picture.adjusted(-_EDGE - 3, 0, 0, 0).contains(position):
            return None
        if not self._localized:
            count = len(self._volume.bscans)
            row = int((position.y() - picture.top()) / picture.height() * count)
            return min(max(row, 0), count - 1)
        distances = [
            (_distance(position, self._line(index, picture)), index)
            for index, bscan in enumerate(self._volume.bscans)
            if bscan.location
        ]
        return min(distances)[1]

    def _place(self) -> QRectF:
        """Where the picture lies on this widget, in its true proportions where they are known."""
        assert self._picture is not None
        assert self._volume is not None
        width, height = float(self._picture.width()), float(self._picture.height())
        spacing = self._volume.spacing
        if self._localized and self._volume.localizer is not None:
            if self._volume.localizer.spacing_mm is not None:
                height *= self._volume.localizer.spacing_mm[0]
                width *= self._volume.localizer.spacing_mm[1]
        elif spacing.between_mm and spacing.lateral_mm and len(self._volume.bscans) > 1:
            width = self._volume.bscans[0].columns * spacing.lateral_mm
            height = len(self._volume.bscans) * spacing.between_mm
        else:
            height = width
        box = QRectF(self.rect()).adjusted(_MARGIN + _EDGE + 2, _MARGIN, -_MARGIN, -_MARGIN)
        scale = min(box.width() / width, box.height() / height)
        place = QRectF(0, 0, width * scale, height * scale)
        place.moveCenter(box.center())
        return place

    def _line(self, index: int, picture: QRectF) -> tuple[QPointF, ...]:
        """The points of a B-scan's line on this widget."""
        assert self._volume is not None
        location = self._volume.bscans[index].location
        if not self._localized:
            y = picture.top() + (index + 0.5) * picture.height() / len(self._volume.bscans)
            return QPointF(picture.left(), y), QPointF(picture.right(), y)
        localizer = self._volume.localizer
        if location is None or localizer is None:
            return ()
        across, down = picture.width() / localizer.columns, picture.height() / localizer.rows
        return tuple(
            QPointF(picture.left() + column * across, picture.top() + row * down)
            for row, column in location
        )

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._still(self.size(), theme.IMAGE_GROUND))
        if self._volume is None or self._picture is None:
            return
        line = self._line(self._index, self._place())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for colour, width in ((_UNDER, 4), (_PRESENT, 2)):
            painter.setPen(QPen(colour, width))
            painter.drawPolyline(line)

    def _paint_still(self, painter: QPainter) -> None:
        if self._volume is None or self._picture is None:
            return
        picture = self._place()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(picture, self._picture)
        if self._heat is not None:
            self._paint_heat(painter, picture, self._heat)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._localized:
            self._paint_lines(painter, picture)
        else:
            self._paint_edge(painter, picture)

    def _paint_heat(self, painter: QPainter, picture: QRectF, heat: QImage) -> None:
        if not self._localized:
            painter.drawImage(picture, heat)
            return
        first, last = (self._line(index, picture) for index in (0, heat.height() - 1))
        straight = all(len(each.location or ()) == 2 for each in self._volume_bscans())
        if heat.height() < 2 or not straight:
            # Only parallel lines span a field that a picture can be stretched over.
            return
        width, height = heat.width(), heat.height()
        corners = [(0, 0.5), (width, 0.5), (width, height - 0.5), (0, height - 0.5)]
        onto = QTransform()
        if QTransform.quadToQuad(
            QPolygonF([QPointF(*each) for each in corners]),
            QPolygonF([first[0], first[1], last[1], last[0]]),
            onto,
        ):
            painter.save()
            painter.setTransform(onto, True)
            painter.drawImage(0, 0, heat)
            painter.restore()

    def _volume_bscans(self) -> tuple[BScan, ...]:
        return self._volume.bscans if self._volume is not None else ()

    def _paint_lines(self, painter: QPainter, picture: QRectF) -> None:
        assert self._volume is not None
        for index in range(len(self._volume.bscans)):
            line = self._line(index, picture)
            painter.setPen(QPen(_OTHERS, 1))
            painter.drawPolyline(line)
            if index < len(self._colours) and line:
                # Beside the field, so that the fundus stays visible.
                colour = self._colours[index]
                style = Qt.PenStyle.SolidLine if colour else Qt.PenStyle.DotLine
                painter.setPen(QPen(colour or _WORDS, 2, style))
                painter.drawLine(line[0] - QPointF(_EDGE + 3, 0), line[0] - QPointF(3, 0))

    def _paint_edge(self, painter: QPainter, picture: QRectF) -> None:
        height = picture.height() / max(len(self._colours), 1)
        for index, colour in enumerate(self._colours):
            box = QRectF(
                picture.left() - _EDGE - 2, picture.top() + index * height, _EDGE, height + 0.5
            )
            if colour is None:
                painter.fillRect(box, Qt.BrushStyle.BDiagPattern)
            else:
                painter.fillRect(box, colour)


def _distance(point: QPointF, line: tuple[QPointF, ...]) -> float:
    """From a point to the nearest of a line's segments."""
    nearest = float("inf")
    for start, end in pairwise(line):
        along = end - start
        length = QPointF.dotProduct(along, along)
        share = QPointF.dotProduct(point - start, along) / length if length else 0.0
        away = point - (start + along * min(max(share, 0.0), 1.0))
        nearest = min(nearest, QPointF.dotProduct(away, away))
    return nearest
