"""Model packages: what is installed, what a file holds, which one is used."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from app import packages
from app.errors import AppError, UnsignedPackage
from app.gui import theme
from app.gui.jobs import Jobs
from app.gui.languages import apart, told
from app.gui.package_views import CardTable, PackageList
from app.installed import Origin
from app.package_file import SUFFIX
from app.packages import Examined, Installed
from app.settings import Settings, locked_settings


class ModelManager(QDialog):
    """Lists, compares, installs, chooses and removes packages; all real work is `app.packages`."""

    chosen = Signal(object)  # Settings with another model
    broken = Signal(Exception)

    def __init__(self, settings: Settings, window: QWidget) -> None:
        super().__init__(window)
        self.setWindowTitle(self.tr("Model packages"))
        self._settings = settings
        self._locked = "model_id" in locked_settings()
        self._packages: tuple[Installed, ...] = ()
        self._candidate: tuple[Path, Examined] | None = None
        self._jobs = Jobs(self)
        self._build()
        self._jobs.changed.connect(self._enable)
        self._jobs.failed.connect(self._failed)
        theme.fit(self, 900, 560)
        self.refresh()

    # Building

    def _build(self) -> None:
        self.list = PackageList()
        self.list.currentItemChanged.connect(lambda _: self._show())
        self.cards = CardTable()
        panes = QSplitter(Qt.Orientation.Horizontal)
        panes.setChildrenCollapsible(False)
        panes.addWidget(self.list)
        panes.addWidget(self.cards)
        panes.setStretchFactor(1, 1)
        panes.setSizes([260, 640])
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        theme.say(self.bar, self.tr("At work"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 10)
        layout.setSpacing(theme.GAP)
        layout.addWidget(panes, 1)
        layout.addWidget(self.message)
        layout.addWidget(self.bar)
        layout.addLayout(self._buttons())

    def _buttons(self) -> QHBoxLayout:
        self.from_file = self._button(self.tr("Install from &file…"), self.ask_file)
        self.install = self._button(self.tr("&Install this one"), self._install)
        self.verify = self._button(self.tr("&Verify all"), self._verify)
        self.use = self._button(self.tr("&Use this model"), self._choose)
        self.back = self._button(self.tr("&Go back"), self._roll_back)
        self.remove = self._button(self.tr("&Remove…"), self._ask_remove)
        self.close_button = self._button(self.tr("Close"), self.reject)
        row = QHBoxLayout()
        for each in (self.from_file, self.install, self.verify):
            row.addWidget(each)
        row.addStretch(1)
        for each in (self.use, self.back, self.remove, self.close_button):
            row.addWidget(each)
        return row

    def _button(self, words: str, act: Callable[[], object]) -> QPushButton:
        button = QPushButton(words)
        button.setAutoDefault(False)
        button.clicked.connect(lambda: act())
        return button

    # Doing

    def refresh(self, select: str = "") -> None:
        """Verify and list what is installed, and select one."""
        selected = self.selected()
        name = select or (selected.name if selected is not None else "")

        def listed(found: tuple[Installed, ...]) -> None:
            self._packages = found
            self._fill(name)

        self._jobs.do(lambda: packages.list_installed(self._settings), listed)

    def ask_file(self) -> None:
        dialog = QFileDialog(self, self.tr("Install a model package"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setNameFilter(self.tr("Model packages (*{suffix})").format(suffix=SUFFIX))
        dialog.fileSelected.connect(lambda name: self.examine(Path(name)))
        dialog.open()

    def examine(self, path: Path) -> None:
        """Show what a file holds beside the model in use; nothing is installed by it."""
        self._tell("")

        def examined(found: Examined) -> None:
            self._candidate = (path, found)
            self._fill()
            self.list.setCurrentRow(self.list.count() - 1)
            if found.installed:
                self._tell(self.tr("This package is installed already."))
            self.install.setFocus()

        self._jobs.do(lambda: packages.examine(path, self._settings.keys), examined)

    def _install(self, *, accept_unsigned: bool = False) -> None:
        if self._candidate is None:
            return
        path, _ = self._candidate
        keys = self._settings.keys

        def work() -> Installed | UnsignedPackage:
            try:
                return packages.install(path, keys, accept_unsigned=accept_unsigned)
            except UnsignedPackage as error:
                return error

        self._jobs.do(work, self._installed)

    def _installed(self, made: Installed | UnsignedPackage) -> None:
        if isinstance(made, UnsignedPackage):
            self._ask_unsigned(str(made))
            return
        self._candidate = None
        self._tell(
            self.tr("{name} is installed. It is used once you choose it.").format(name=made.name)
        )
        self.refresh(made.name)

    def _ask_unsigned(self, sentence: str) -> None:
        box = QMessageBox(self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setIcon(QMessageBox.Icon.Warning)
        box.setWindowTitle(self.tr("Nobody vouches for this model"))
        box.setText(told(sentence))
        install = box.addButton(
            self.tr("Install all the same"), QMessageBox.ButtonRole.DestructiveRole
        )
        stay = box.addButton(QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(stay)
        box.setEscapeButton(stay)
        install.clicked.connect(lambda: self._install(accept_unsigned=True))
        box.open()

    def _verify(self) -> None:
        self._tell("")
        self.refresh()

    def _choose(self) -> None:
        selected = self.selected()
        if selected is not None:
            name = selected.name
            self._change(lambda: packages.choose(name, self._settings))

    def _roll_back(self) -> None:
        self._change(lambda: packages.roll_back(self._settings))

    def _change(self, work: Callable[[], Settings]) -> None:
        def then(settings: Settings) -> None:
            self._settings = settings
            self.chosen.emit(settings)
            self._tell(
                self.tr(
                    "{name} is used from now on. Results that are there stay as they are; F5 "
                    "analyses a study again."
                ).format(name=settings.model_id or self.tr("The model that ships"))
            )
            self.refresh()

        self._jobs.do(work, then)

    def _ask_remove(self) -> None:
        selected = self.selected()
        if selected is None:
            return
        name = selected.name
        box = QMessageBox(self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle(self.tr("Remove a model"))
        box.setText(
            self.tr(
                "{name} is deleted from this computer. This cannot be undone; to have it again, "
                "install it from its file."
            ).format(name=name)
        )
        remove = box.addButton(self.tr("Remove"), QMessageBox.ButtonRole.DestructiveRole)
        stay = box.addButton(QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(stay)
        box.setEscapeButton(stay)
        remove.clicked.connect(lambda: self._remove(name))
        box.open()

    def _remove(self, name: str) -> None:
        def then(_: None) -> None:
            self._tell(self.tr("{name} is removed.").format(name=name))
            self.refresh()

        self._jobs.do(lambda: packages.remove(name, self._settings), then)

    def _failed(self, error: Exception) -> None:
        if isinstance(error, AppError):
            self._tell(str(error), kind="problem")
        else:
            self.broken.emit(error)

    def shut_down(self) -> None:
        self._jobs.shut_down()

    def done(self, result: int) -> None:
        super().done(result)
        self._jobs.retire(self)

    # Showing

    def selected(self) -> Installed | None:
        """The installed package that is selected; None if that is the one in a file."""
        found = self.list.selected()
        return found if isinstance(found, Installed) else None

    def _fill(self, select: str = "") -> None:
        self.list.fill(self._packages, select)
        if self._candidate is not None:
            self.list.add_file(*self._candidate)
        self._show()

    def _show(self) -> None:
        shown = self.list.selected()
        used = next((each for each in self._packages if each.chosen), None)
        self.cards.compare(used, shown)
        if isinstance(shown, Installed) and shown.problem:
            self._tell(shown.problem, kind="problem")
        self._enable()

    def _enable(self) -> None:
        idle = not self._jobs.busy
        selected = self.selected()
        sound = selected is not None and selected.card is not None
        self.bar.setVisible(not idle)
        self.from_file.setEnabled(idle)
        self.verify.setEnabled(idle)
        self.install.setVisible(self._candidate is not None)
        self.install.setEnabled(idle and self._candidate is not None and selected is None)
        other = selected is not None and not selected.chosen
        self.use.setEnabled(idle and sound and other and not self._locked)
        before = self._settings.previous_model
        there = any(each.name == before for each in self._packages)
        self.back.setEnabled(idle and there and not self._locked)
        own = selected is not None and selected.origin is Origin.USER
        self.remove.setEnabled(idle and own and other)
        why = self.tr("The clinic's configuration sets the model.") if self._locked else ""
        self.use.setToolTip(why)
        back = (
            self.tr("To {name}").format(name=apart(before))
            if before
            else self.tr("No way back yet")
        )
        self.back.setToolTip(why or back)

    def _tell(self, text: str, kind: str = "") -> None:
        text = told(text)
        self.message.setText(text)
        self.message.setObjectName(kind)
        self.message.setVisible(bool(text))
        theme.say(self.message, text)
        # The style sheet looks at the name only when it is told to.
        theme.repolish(self.message)
