"""Bars across the window: what holds for all that is shown, and what just happened."""

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleEvent,
    QColor,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.gui import theme
from app.gui.icons import icon, pixmap
from app.gui.languages import told
from app.gui.session import Notice

_MOST = 3
"""Notices that stand at once; older ones give way."""
_SHARE = 5  # of a low window that bars may take


class Bar(QFrame):
    """One sentence across the window."""

    closed = Signal()
    acted = Signal()

    def __init__(self, kind: str, text: str, action: str = "", *, lasting: bool = False) -> None:
        super().__init__()
        self.text = text
        self.action = action
        self._kind = kind
        theme.say(self, text)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 4, 8, 5)
        self._picture = QLabel()
        layout.addWidget(self._picture)
        words = QLabel(text)
        words.setWordWrap(True)
        words.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        words.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        words.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        layout.addWidget(words, 1)
        if action:
            button = QPushButton(action)
            button.clicked.connect(self.acted)
            layout.addWidget(button)
        if not lasting:
            close = QToolButton()
            close.setIcon(icon("close"))
            close.setToolTip(self.tr("Dismiss"))
            theme.say(close, self.tr("Dismiss this message"))
            close.clicked.connect(self.closed)
            layout.addWidget(close)
        self.dress()

    def dress(self) -> None:
        """Draw the picture in the present theme's colour."""
        _, ink = theme.notice_colours(self._kind, theme.current())
        name = {"information": "info"}.get(self._kind, self._kind)
        self._picture.setPixmap(pixmap(name, QColor(ink), 18))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        colours = theme.current()
        ground, _ = theme.notice_colours(self._kind, colours)
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(ground))
        painter.fillRect(self.rect().adjusted(0, self.height() - 1, 0, 0), QColor(colours.line))


class Bars(QWidget):
    """Banners that stay while they hold, above notices that can be dismissed."""

    acted = Signal(object)  # Notice whose button was pressed
    troubled = Signal()  # a problem is told

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._banners: list[Bar] = []
        self._notices: list[Bar] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(0)

    @property
    def texts(self) -> list[str]:
        return [bar.text for bar in (*self._banners, *self._notices)]

    def show_banners(self, sentences: tuple[str, ...]) -> None:
        sentences = tuple(map(told, sentences))
        if [bar.text for bar in self._banners] == list(sentences):
            return
        for bar in self._banners:
            self._drop(bar)
        self._banners = [Bar("warning", sentence, lasting=True) for sentence in sentences]
        for place, bar in enumerate(self._banners):
            self._layout.insertWidget(place, bar)

    def show_notice(self, notice: Notice) -> None:
        text = told(notice.text)
        # Said once more in the same words, what has a button may be of another thing.
        for bar in [each for each in self._notices if each.text == text and not each.action]:
            self._dismiss(bar)
        while len(self._notices) >= _MOST:
            self._dismiss(self._notices[0])
        bar = Bar(notice.kind, text, notice.action)
        bar.closed.connect(lambda: self._dismiss(bar))
        bar.acted.connect(lambda: self.acted.emit(notice))
        self._notices.append(bar)
        self._layout.addWidget(bar)
        # What just happened is read out at once, wherever the focus is.
        QAccessible.updateAccessibility(QAccessibleEvent(bar, QAccessible.Event.Alert))
        if notice.kind == "problem":
            self.troubled.emit()

    def clear_notices(self) -> None:
        for bar in list(self._notices):
            self._dismiss(bar)

    def heights(self, width: int) -> list[int]:
        """How high each bar is in that width, from above."""
        bars = (*self._banners, *self._notices)
        return [max(each.heightForWidth(width), each.minimumSizeHint().height()) for each in bars]

    def dress(self) -> None:
        for bar in (*self._banners, *self._notices):
            bar.dress()

    def _dismiss(self, bar: Bar) -> None:
        if bar in self._notices:
            self._notices.remove(bar)
            self._drop(bar)

    def _drop(self, bar: Bar) -> None:
        bar.hide()
        self._layout.removeWidget(bar)
        bar.deleteLater()


class RollingBars(QScrollArea):
    """The bars as high as they need, up to a share of the window: there they roll."""

    def __init__(self, bars: Bars) -> None:
        super().__init__()
        self.setWidget(bars)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._bars = bars
        roller = self.verticalScrollBar()
        # What came last is what the reader has not read yet.
        roller.rangeChanged.connect(lambda _, last: roller.setValue(last))
        bars.installEventFilter(self)
        self.fit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() is QEvent.Type.LayoutRequest:
            self.fit()
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self.fit()

    def fit(self) -> None:
        """Take the height that the bars need in the room that there is now."""
        heights = self._bars.heights(self.width())
        most = max(self.window().height() // _SHARE, *heights[-1:], 0)
        height = min(sum(heights), most)
        if height != self.maximumHeight():  # its minimum is 0 before it is first set
            self.setFixedHeight(height)
