"""What the clinic and this user set."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from app.errors import AppError
from app.gui import theme, wording
from app.gui.dialogs import save_or_cancel
from app.gui.jobs import Jobs
from app.gui.languages import apart, told, wrap
from app.gui.operating_form import OperatingForm
from app.installed import choose_package
from app.language import languages
from app.modelpack import ModelPackage
from app.settings import Settings, edited_onto, locked_settings

_SCALES = (75, 100, 125, 150, 175, 200, 250, 300)
_INITIALS = 12


class SettingsDialog(QDialog):
    """Edits a copy; once it is accepted, `changed` carries what holds then with what was edited."""

    changed = Signal(object)  # Settings
    broken = Signal(Exception)

    def __init__(self, current: Callable[[], Settings], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Settings"))
        self._current = current
        self._settings = settings = current()
        self._locked = locked_settings()
        self.operating: OperatingForm | None = None
        self._choosers: dict[str, QPushButton] = {}
        self._jobs = Jobs(self)
        self._jobs.failed.connect(self._no_model)
        self.pages = QTabWidget()
        theme.say(self.pages, self.tr("Groups of settings"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 12)
        layout.setSpacing(14)
        layout.addWidget(self.pages, 1)
        self._add_clinic()
        self._add_reading()
        self._add_window()
        if self._locked:
            layout.addWidget(_note(self.tr("What is greyed is set for the whole clinic.")))
        layout.addWidget(save_or_cancel(self))
        theme.fit(self, 600, 520)
        # As the controls show them, which cannot show each value.
        self._before = self.edited()
        model = settings.model_id, settings.keys
        self._jobs.do(lambda: choose_package(*model), self._show_model)

    def accept(self) -> None:
        self.changed.emit(edited_onto(self._current(), self._before, self.edited()))
        super().accept()

    def done(self, result: int) -> None:
        super().done(result)
        self._jobs.retire(self)

    def shut_down(self) -> None:
        self._jobs.shut_down()

    def edited(self) -> Settings:
        """The settings as they stand in the dialog."""
        return replace(
            self.operating.edited() if self.operating is not None else self._settings,
            clinic_name=self.clinic.text().strip(),
            clinic_address=self.address.text().strip(),
            logo=_path(self.logo),
            folder=_path(self.folder),
            paper=self.paper.currentData(),
            export_identity=self.identity.isChecked(),
            reader=self.reader.text().strip(),
            blind_first=self.blind_first.isChecked(),
            keys=_path(self.keys),
            language=self.language.currentData(),
            theme=self.theme.currentData(),
            ui_scale=int(self.scale.currentData()),
        )

    # Pages

    def _add_clinic(self) -> None:
        form = self._add_page(self.tr("&Clinic"))
        settings = self._settings
        self.clinic = self._line(form, "clinic_name", self.tr("Clinic's name"))
        self.address = self._line(form, "clinic_address", self.tr("Address line"))
        self.logo = self._place(form, "logo", self.tr("Logo"), self._find_logo)
        self.logo.setPlaceholderText(self.tr("PNG or JPEG, printed on every report"))
        self.folder = self._place(form, "folder", self.tr("Folder for reports"), self._find_folder)
        self.folder.setPlaceholderText(self.tr("Documents"))
        papers = {"A4": "A4", "Letter": "Letter"}
        self.paper = self._choice(form, "paper", self.tr("Paper"), papers, settings.paper)
        self.identity = self._switch(
            form,
            "export_identity",
            self.tr("Put the patient's name and number into exported JSON and CSV files"),
        )

    def _add_reading(self) -> None:
        form = self._add_page(self.tr("&Reading"))
        self.reader = self._line(form, "reader", self.tr("Your initials"))
        self.reader.setMaxLength(_INITIALS)
        self.reader.setPlaceholderText(self.tr("stand under every decision"))
        self.blind_first = self._switch(
            form, "blind_first", self.tr("My call first, then the machine's")
        )
        self.keys = self._place(
            form, "keys", self.tr("Keys of signers"), lambda: self._find_into(self.keys)
        )
        self.keys.setPlaceholderText(self.tr("Folder with public keys whose models you trust"))
        self._model_place = QVBoxLayout()
        self._model_note = _note(self.tr("Reading the model's thresholds…"))
        self._model_place.addWidget(self._model_note)
        form.addRow(self._model_place)

    def _add_window(self) -> None:
        form = self._add_page(self.tr("&Window"))
        settings = self._settings
        spoken = languages()
        self.language = self._choice(
            form, "language", self.tr("Language"), spoken, settings.language
        )
        self.theme = self._choice(
            form,
            "theme",
            self.tr("Theme"),
            {
                "system": self.tr("As the desktop"),
                "dark": self.tr("Dark"),
                "light": self.tr("Light"),
            },
            settings.theme,
        )
        scales = {str(each): apart(f"{each} %") for each in sorted({*_SCALES, settings.ui_scale})}
        self.scale = self._choice(
            form, "ui_scale", self.tr("Size of the window's text"), scales, str(settings.ui_scale)
        )
        form.addRow(_note(self.tr("Another language or size holds from the next start on.")))

    def _show_model(self, package: ModelPackage) -> None:
        self.operating = OperatingForm(package.card, self._settings, self._locked)
        self._model_note.setText(
            self.tr("Operating point of {model}").format(model=told(package.card.title))
        )
        self._model_place.addWidget(self.operating)
        # Made after the buttons, it would come after them.
        last: QWidget = self._choosers["keys"]
        for line in self.operating.lines:
            for control in (line.prevalence, line.threshold):
                QWidget.setTabOrder(last, control)
                last = control

    def _no_model(self, error: Exception) -> None:
        if isinstance(error, AppError):
            self._model_note.setText(told(str(error)))
        else:
            self.broken.emit(error)

    def _add_page(self, title: str) -> QFormLayout:
        """A form that scrolls where the screen is small."""
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.pages.addTab(area, title)
        inside = QWidget()
        area.setWidget(inside)
        # Filled only in its place: Qt dresses all of what it moves to another parent again.
        form = QFormLayout(inside)
        form.setContentsMargins(12, 12, 12, 12)
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(8)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        return form

    # Rows

    def _line(self, form: QFormLayout, name: str, words: str) -> QLineEdit:
        line = QLineEdit(str(getattr(self._settings, name) or ""))
        form.addRow(words, self._named(line, name, words))
        return line

    def _place(
        self, form: QFormLayout, name: str, words: str, find: Callable[[], None]
    ) -> QLineEdit:
        line = QLineEdit(str(getattr(self._settings, name) or ""))
        button = QPushButton(self.tr("Choose…"))
        button.clicked.connect(lambda: find())
        self._choosers[name] = button
        row = QHBoxLayout()
        row.setSpacing(theme.GAP)
        row.addWidget(self._named(line, name, words), 1)
        row.addWidget(self._named(button, name, self.tr("Choose: {what}").format(what=words)))
        form.addRow(words, row)
        return line

    def _choice(
        self, form: QFormLayout, name: str, words: str, options: dict[str, str], chosen: str
    ) -> QComboBox:
        box = QComboBox()
        for key, shown in options.items():
            box.addItem(shown, key)
        box.setCurrentIndex(max(0, box.findData(chosen)))
        form.addRow(words, self._named(box, name, words))
        return box

    def _switch(self, form: QFormLayout, name: str, words: str) -> QCheckBox:
        box = QCheckBox(words)
        box.setChecked(getattr(self._settings, name))
        form.addRow(self._named(box, name, words))  # its words need all of the width
        return box

    def _named(self, control: QWidget, name: str, words: str) -> QWidget:
        """Say what a control is, and where the clinic keeps it from being changed, why."""
        why = wording.set_for_the_clinic()
        locked = name in self._locked
        theme.say(control, words, why if locked else "")
        control.setEnabled(not locked)
        if locked:
            control.setToolTip(why)
        return control

    # Files and folders

    def _find_logo(self) -> None:
        dialog = self._dialog(self.tr("Choose a logo"), self.logo)
        dialog.setNameFilter(self.tr("Pictures (*.png *.jpg *.jpeg)"))
        dialog.open()

    def _find_folder(self) -> None:
        self._find_into(self.folder)

    def _find_into(self, line: QLineEdit) -> None:
        dialog = self._dialog(line.accessibleName(), line)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.open()

    def _dialog(self, title: str, line: QLineEdit) -> QFileDialog:
        dialog = QFileDialog(self, title)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(line.setText)
        return dialog


def _note(words: str) -> QLabel:
    note = QLabel(words)
    note.setObjectName("muted")
    wrap(note)
    return note


def _path(line: QLineEdit) -> Path | None:
    text = line.text().strip()
    return Path(text) if text else None
