"""Studies analysed once more, and the answer held against the former one."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QCoreApplication, QObject, Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QVBoxLayout, QWidget

from app.gui import theme
from app.gui.case import Case
from app.gui.case_queue import Repeated
from app.gui.dialogs import heading_of, table
from app.gui.languages import told
from app.gui.session import Session
from app.results.compare import Comparison, compare
from app.results.record import as_record


def translate(text: str) -> str:
    return QCoreApplication.translate("again", text)


class Again(QObject):
    """Analyses again what is selected; of the study on show it compares the answers."""

    def __init__(
        self, session: Session, window: QWidget, selected: Callable[[], Sequence[Case]]
    ) -> None:
        super().__init__(window)
        self._session, self._window, self._selected = session, window, selected
        session.repeated.connect(self._show)

    def acts(self) -> dict[str, Callable[[], object]]:
        """What each command does."""
        return {"analyse": self._analyse, "repeat": self._repeat}

    def _analyse(self) -> None:
        for case in self._selected():
            self._session.analyse(case)

    def _repeat(self) -> None:
        if self._session.current is not None:
            self._session.repeat(self._session.current)

    def _show(self, repeated: Repeated) -> None:
        dialog = AgainDialog(self._window, repeated)
        dialog.accepted.connect(lambda: self._session.take(repeated))
        dialog.open()


class AgainDialog(QDialog):
    """What the former and the new result rest on, and how they differ.

    Accepted, if the reader takes the new one.
    """

    def __init__(self, parent: QWidget, repeated: Repeated) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Analysed again"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        found = _compared(repeated)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 12)
        layout.setSpacing(theme.GAP)
        layout.addWidget(heading_of(repeated.case.summary))
        layout.addWidget(_sentence(_verdict(found)))
        layout.addWidget(_basis(found))
        for each in found.differences:
            layout.addWidget(_sentence(told(each)))
        layout.addStretch(1)
        layout.addWidget(self._buttons(differ=bool(found.differences) or not found.basis.same))
        theme.fit(self, 560, 420)

    def _buttons(self, *, differ: bool) -> QDialogButtonBox:
        roles = QDialogButtonBox.ButtonRole
        buttons = QDialogButtonBox()
        words = self.tr("&Keep the former result") if differ else self.tr("Close")
        keep = buttons.addButton(words, roles.RejectRole)
        if differ:
            take = buttons.addButton(self.tr("&Take the new result"), roles.AcceptRole)
            take.setAutoDefault(False)
        keep.setDefault(True)
        keep.setFocus()
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        return buttons


def _compared(repeated: Repeated) -> Comparison:
    former, made = repeated.former, repeated.made
    assert made.result is not None
    return compare(as_record(former.result, former.card), as_record(made.result, made.card))


def _verdict(found: Comparison) -> str:
    if found.verdict:
        return told(found.verdict)
    return translate(
        "The answer may differ, because not all is as it was. The reader's own calls stay."
    )


def _basis(found: Comparison) -> QWidget:
    words = {
        True: translate("the same"),
        False: translate("different"),
        None: translate("not stated in both"),
    }
    rows = [(told(name), words[same]) for name, same in found.basis.told()]
    headings = (translate("Rests on"), translate("Then and now"))
    return table(headings, rows, translate("What the two results rest on"))


def _sentence(text: str) -> QLabel:
    label = QLabel(text)
    label.setWordWrap(True)
    return label
