"""At the foot of the window: what runs, how long it will take, and how to stop it."""

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QWidget

from app.gui import theme, wording
from app.gui.session import CaseState, Session

_REFRESH_MS = 100
"""Progress comes for every B-scan; nobody reads faster than this."""


class Activity(QWidget):
    """Progress of reading and analysis, with Cancel; nothing while nothing runs."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.words = QLabel()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(180)
        theme.say(self.bar, self.tr("Progress"))
        self.cancel = QPushButton(self.tr("Cancel"))
        self.cancel.setToolTip(self.tr("Stop reading and analysis (Ctrl+.)"))
        self.cancel.clicked.connect(session.cancel)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 1, 4, 1)
        for each in (self.words, self.bar, self.cancel):
            layout.addWidget(each)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_REFRESH_MS)
        self._timer.timeout.connect(self._show)
        session.progressed.connect(self._soon)
        self._show()

    def _soon(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _show(self) -> None:
        self.setVisible(self._session.busy)
        reading, case = self._session.reading, self._session.running
        if reading is not None:
            self._progress(self.tr("Reading files"), reading.done, reading.total)
        elif case is not None:
            parts = [self.tr("Analysing")]
            waiting = sum(each.state is CaseState.QUEUED for each in self._session.cases)
            if waiting:
                parts.append(self.tr("({n} waiting)").format(n=waiting))
            left = case.seconds_left()
            if left is not None:
                parts.append(wording.duration(left))
            self._progress("  ".join(parts), case.done, case.total)

    def _progress(self, words: str, done: int, total: int) -> None:
        self.words.setText(words)
        self.bar.setRange(0, total)
        self.bar.setValue(done)
