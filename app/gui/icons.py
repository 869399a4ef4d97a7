"""The program's own icons, drawn in the colour of the text around them."""

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QIconEngine, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

from app.gui import theme
from app.paths import resources


def icon(name: str) -> QIcon:
    """The icon `resources/icons/NAME.svg`; it follows theme, scale and enabled state."""
    return QIcon(_TintedEngine(name))


def program_icon() -> QIcon:
    return QIcon(str(resources() / "icons" / "kd-oct.svg"))


def pixmap(name: str, colour: QColor, size: int) -> QPixmap:
    """One icon, `size` device-independent pixels square, in one colour."""
    program = QApplication.instance()
    assert isinstance(program, QApplication)
    ratio = program.devicePixelRatio()
    picture = QPixmap(QSize(size, size) * ratio)
    picture.setDevicePixelRatio(ratio)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    _renderer(name, colour.name()).render(painter, QRectF(0, 0, size, size))
    painter.end()
    return picture


@lru_cache(maxsize=256)
def _renderer(name: str, colour: str) -> QSvgRenderer:
    drawing = (resources() / "icons" / f"{name}.svg").read_text(encoding="utf-8")
    return QSvgRenderer(QByteArray(drawing.replace("currentColor", colour).encode()))


class _TintedEngine(QIconEngine):
    """Asks for the colour when it paints, so that a change of theme needs no new icons."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def paint(self, painter, rect, mode, state) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        colours = theme.current()
        colour = colours.muted if mode is QIcon.Mode.Disabled else colours.text
        if mode is QIcon.Mode.Selected:
            colour = colours.on_accent
        _renderer(self._name, colour).render(painter, QRectF(rect))

    def pixmap(self, size, mode, state) -> QPixmap:  # type: ignore[no-untyped-def]  # noqa: ANN001
        picture = QPixmap(size)
        if picture.isNull():
            return picture  # a button that is being squeezed has no room for one
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        self.paint(painter, picture.rect(), mode, state)
        painter.end()
        return picture

    def clone(self) -> QIconEngine:
        return _TintedEngine(self._name)
