"""Above the report: what is in it, and what can be done with it."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QPushButton, QWidget

from app.gui import theme
from app.gui.icons import icon
from app.language import languages
from app.report.sections import ALL_SECTIONS, Section


class ReportHead(QWidget):
    """Buttons in a row; the choices are kept here and told with `chosen`."""

    closed = Signal()
    chosen = Signal()  # other sections, or another language

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._page = parent
        self.sections: frozenset[Section] = ALL_SECTIONS
        self.language = ""  # empty: that of the settings
        back = QPushButton(icon("previous"), self.tr("&Back to the scans"))
        back.setToolTip(self.tr("Back to the scans (Esc)"))
        back.clicked.connect(self.closed)
        self.save = self._action(self.tr("Sa&ve PDF…"), "save")
        self.print = self._action(self.tr("P&rint…"), "print")
        self.copy_page = self._action(self.tr("This &page as a picture"), "", "Ctrl+C")
        self.copy_file = self._action(self.tr("The whole PDF as a &file"), "", "Ctrl+Shift+C")
        row = self._row = QHBoxLayout(self)
        row.setContentsMargins(10, 6, 10, 6)
        row.setSpacing(theme.GAP)
        row.addWidget(back)
        row.addWidget(self._menu_button(self.tr("C&ontents"), "list", self._contents()))
        row.addStretch(1)
        row.addWidget(self._menu_button(self.tr("&Copy"), "copy", self._copies()))
        for action in (self.save, self.print):
            row.addWidget(self._button(action))
        self._words = {each: each.text() for each in self.findChildren(QPushButton)}
        self._needed = 0  # width with all words
        for button, words in self._words.items():
            theme.say(button, words.replace("&", ""))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(0, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Leave the words out where a narrow window has no room for them."""
        super().resizeEvent(event)
        if all(each.text() for each in self._words):
            self._needed = self._row.minimumSize().width()
        spelt_out = self._needed <= event.size().width()
        for button, words in self._words.items():
            button.setText(words if spelt_out else "")
            button.setToolTip(button.toolTip() or words.replace("&", ""))

    def choose(self, sections: frozenset[Section]) -> None:
        """Set what is in the report, without telling."""
        self.sections = sections
        for section, action in self._boxes.items():
            action.blockSignals(True)
            action.setChecked(section in sections)
            action.blockSignals(False)

    def _action(self, words: str, picture: str, keys: str = "") -> QAction:
        action = QAction(words, self)
        if picture:
            action.setIcon(icon(picture))
        if keys:
            action.setShortcut(QKeySequence(keys))
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            # On the page's whole, so that the key works wherever the focus is there.
            self._page.addAction(action)
        return action

    def _button(self, action: QAction) -> QPushButton:
        button = QPushButton(action.icon(), action.text())
        button.clicked.connect(action.trigger)
        return button

    def _menu_button(self, words: str, picture: str, menu: QMenu) -> QPushButton:
        button = QPushButton(icon(picture), words)
        button.setMenu(menu)
        return button

    def _contents(self) -> QMenu:
        menu = QMenu(self)
        self._boxes: dict[Section, QAction] = {}
        for section, words in (
            (Section.EVIDENCE, self.tr("&Key B-scans with their heat maps")),
            (Section.METHOD, self.tr("&Rule, model and measured figures")),
            (Section.SIGNATURE, self.tr("&Form for the reader's assessment")),
        ):
            box = menu.addAction(words)
            box.setCheckable(True)
            box.setChecked(True)
            box.toggled.connect(self._choose_sections)
            self._boxes[section] = box
        menu.addSeparator()
        always = menu.addAction(self.tr("Call, notes and limits are always in it"))
        always.setEnabled(False)
        # Not before it is asked for: a window in English reads no catalogue as it starts.
        menu.aboutToShow.connect(
            lambda: self._offer_languages(menu), Qt.ConnectionType.SingleShotConnection
        )
        return menu

    def _offer_languages(self, menu: QMenu) -> None:
        offered = languages()
        if len(offered) < 2:
            return
        menu.addSection(self.tr("Language"))
        group = QActionGroup(self)
        for code, name in {"": self.tr("As the window"), **offered}.items():
            choice = menu.addAction(name)
            choice.setCheckable(True)
            choice.setChecked(code == self.language)
            choice.triggered.connect(lambda _=False, code=code: self._choose_language(code))
            group.addAction(choice)

    def _copies(self) -> QMenu:
        menu = QMenu(self)
        menu.addActions([self.copy_page, self.copy_file])
        return menu

    def _choose_sections(self) -> None:
        self.sections = frozenset(each for each, box in self._boxes.items() if box.isChecked())
        self.chosen.emit()

    def _choose_language(self, code: str) -> None:
        self.language = code
        self.chosen.emit()
