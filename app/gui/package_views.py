"""The two sides of the window of model packages: which there are, and their cards compared."""

from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QListWidget,
    QListWidgetItem,
    QTableWidget,
    QTableWidgetItem,
)

from app.gui import theme
from app.gui.card_compare import compare, seal_words
from app.gui.languages import apart, told
from app.installed import Origin
from app.packages import Examined, Installed
from app.signatures import NO_SEAL

_PACKAGE = Qt.ItemDataRole.UserRole
_HEADING_WIDTH = 170


class PackageList(QListWidget):
    """Installed packages, and below them the one in a file that was opened."""

    def __init__(self) -> None:
        super().__init__()
        theme.say(self, self.tr("Installed model packages"))
        self.setMinimumWidth(180)
        self.setWordWrap(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setResizeMode(QListWidget.ResizeMode.Adjust)

    def fill(self, packages: Iterable[Installed], select: str) -> None:
        """List them; the one named `select`, else the one in use, becomes the current one."""
        self.clear()
        for each in packages:
            self._add(each, *self._words(each))
            if each.name == select or (not select and each.chosen):
                self.setCurrentRow(self.count() - 1)

    def add_file(self, path: Path, found: Examined) -> None:
        title = self.tr("In the file “{name}”").format(name=apart(path.name))
        self._add(found, title, f"{apart(found.name)} · {seal_words(found.seal)}")

    def selected(self) -> Installed | Examined | None:
        item = self.currentItem()
        found = item.data(_PACKAGE) if item is not None else None
        return found if isinstance(found, Installed | Examined) else None

    def _add(self, package: Installed | Examined, title: str, state: str) -> None:
        item = QListWidgetItem(f"{title}\n{state}")
        item.setData(_PACKAGE, package)
        item.setToolTip(state)
        self.addItem(item)

    def _words(self, package: Installed) -> tuple[str, str]:
        card = package.card
        origin = {
            Origin.SHIPPED: self.tr("ships with the program"),
            Origin.SITE: self.tr("added for all users"),
            Origin.USER: self.tr("added by you"),
        }[package.origin]
        state = self.tr("cannot be used") if card is None else seal_words(package.seal)
        used = [self.tr("in use")] if package.chosen else []
        title = package.name if card is None else f"{told(card.title)} {apart(card.version)}"
        return title, " · ".join([*used, state, origin])


class CardTable(QTableWidget):
    """The card of the model in use beside another one; what differs is bold."""

    def __init__(self) -> None:
        super().__init__(0, 3)
        theme.say(self, self.tr("The selected model beside the one in use"))
        self.setHorizontalHeaderLabels([self.tr("Card"), self.tr("In use"), self.tr("Selected")])
        self.verticalHeader().hide()
        self.setWordWrap(True)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        header = self.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter)
        header.resizeSection(0, _HEADING_WIDTH)
        for column in (1, 2):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
        header.sectionResized.connect(lambda *_: self.resizeRowsToContents())

    def compare(self, used: Installed | None, shown: Installed | Examined | None) -> None:
        rows = compare(
            used.card if used is not None else None,
            shown.card if shown is not None else None,
            used.seal if used is not None else NO_SEAL,
            shown.seal if shown is not None else NO_SEAL,
        )
        self.setRowCount(len(rows))
        for number, (what, one, other) in enumerate(rows):
            for column, text in enumerate((what, one, other)):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                if one != other and column:
                    font = item.font()
                    font.setBold(True)
                    item.setFont(font)
                self.setItem(number, column, item)
        self.resizeRowsToContents()
