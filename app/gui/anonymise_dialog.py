"""Save anonymised copies of a study: what is kept, where they go, and what to look at."""

from functools import partial
from itertools import chain, count
from pathlib import Path

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.errors import AppError
from app.gui import theme
from app.gui.languages import told, wrap
from app.gui.tasks import Task
from app.progress import Progress
from app.study import Study


class AnonymiseDialog(QDialog):
    """Asks what to keep, then writes; it stays open to tell what the reader must look at."""

    broken = Signal(Exception)

    def __init__(self, study: Study, ask_folder: QFileDialog, parent: QWidget) -> None:
        """Build it.

        Args:
            ask_folder: The dialog that is shown when the copies are to be written.
        """
        super().__init__(parent)
        self.setWindowTitle(self.tr("Save anonymised copy"))
        self._study = study
        self._folder: Path | None = None
        self._ask_folder = ask_folder
        ask_folder.fileSelected.connect(lambda name: self.save_to(Path(name)))
        self._task = Task(self._write, self)
        self._task.progressed.connect(self._progressed)
        self._task.succeeded.connect(self._written)
        self._task.failed.connect(self._failed)
        self._task.cancelled.connect(partial(self._ended, self.tr("Stopped. No more is written.")))
        self._build()

    def _build(self) -> None:
        what = _words(
            self.tr(
                "Name, number, birth date, dates, physicians, institution, private and free text "
                "are removed, and identifiers are replaced, by the basic profile of the DICOM "
                "standard (PS3.15). The copies of one saving belong together; another saving "
                "gives other identifiers."
            )
        )
        burned = _words(
            self.tr(
                "Text that is part of the images stays. Look at every image before you give the "
                "copies away."
            )
        )
        burned.setText(f"<b>{burned.text()}</b>")
        self.device = QCheckBox(self.tr("Keep what tells the &device, such as serial numbers"))
        theme.say(self.device, self.tr("Keep what tells the device"))
        self.dates = QCheckBox(self.tr("Keep &dates and times, but no birth date"))
        theme.say(self.dates, self.tr("Keep dates and times"))
        self.bar = QProgressBar()
        theme.say(self.bar, self.tr("Volumes written"))
        self.bar.hide()
        self.told = _words("")
        self.told.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        theme.say(self.told, self.tr("What was written, and what to look at"))
        self.told.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 12)
        layout.setSpacing(10)
        for each in (what, burned, self.device, self.dates, self.bar, self.told):
            layout.addWidget(each)
        layout.addStretch()
        layout.addWidget(self._buttons())
        self.resize(500, 320)

    def _buttons(self) -> QDialogButtonBox:
        buttons = QDialogButtonBox()
        role = QDialogButtonBox.ButtonRole
        self.save = QPushButton(self.tr("&Save in a folder…"))
        self.stop = QPushButton(self.tr("S&top"))
        self.show_folder = QPushButton(self.tr("Open &folder"))
        buttons.addButton(self.save, role.ActionRole)
        buttons.addButton(self.stop, role.ActionRole)
        buttons.addButton(self.show_folder, role.ActionRole)
        buttons.addButton(QDialogButtonBox.StandardButton.Close)
        self.save.setDefault(True)
        self.stop.hide()
        self.show_folder.hide()
        self.save.clicked.connect(lambda: self._ask_folder.open())
        self.stop.clicked.connect(self._task.cancel)
        self.show_folder.clicked.connect(self._open_folder)
        buttons.rejected.connect(self.reject)
        return buttons

    def save_to(self, folder: Path) -> None:
        """Write the copies into a new folder in `folder`, over nothing that stands there."""
        if self._folder is not None:
            return
        names = chain(["anonymised"], (f"anonymised-{number}" for number in count(2)))
        self._folder = next(folder / name for name in names if not (folder / name).exists())
        self.save.hide()
        self.stop.show()
        self.bar.setRange(0, len(self._study.volumes))
        self.bar.show()
        for each in (self.device, self.dates):
            each.setEnabled(False)
        self._task.start()

    def done(self, result: int) -> None:
        """Close; a copy that is being written is finished, and no other is begun."""
        super().done(result)
        self._task.retire(self)

    def shut_down(self) -> None:
        self._task.cancel()
        self._task.wait()

    def _write(self, progress: Progress) -> object:
        # Here, not above: the window must not wait for what the worker needs.
        from app.anonymise import Retain, anonymise_studies

        assert self._folder is not None
        retain = Retain(device=self.device.isChecked(), dates=self.dates.isChecked())
        return anonymise_studies([self._study], self._folder, retain=retain, progress=progress)

    def _progressed(self, done: int, total: int) -> None:
        self.bar.setRange(0, total)
        self.bar.setValue(done)

    def _written(self, copies: object) -> None:
        from app.anonymise import Copies

        assert isinstance(copies, Copies)
        lines = [self.tr("{n} files were written.").format(n=len(copies.written))]
        lines += [told(str(each)) for each in (*copies.warnings, *copies.failures)]
        self.show_folder.setVisible(bool(copies.written))
        self._ended("\n".join(lines))

    def _failed(self, error: Exception) -> None:
        if isinstance(error, AppError):
            self._ended(told(str(error)))
        else:
            self._ended(self.tr("The copies could not be written."))
            self.broken.emit(error)

    def _ended(self, words: str) -> None:
        self.stop.hide()
        self.bar.hide()
        self.told.setText(words)
        self.told.show()

    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._folder)))


def _words(text: str) -> QLabel:
    label = QLabel(text)
    wrap(label)
    return label
