"""What the clinic and this user set."""

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.gui import theme
from app.settings import Settings

_SCALES = (75, 100, 125, 150, 175, 200, 250, 300)


class SettingsDialog(QDialog):
    """Edits a copy; `changed` carries it once it is accepted."""

    changed = Signal(object)  # Settings

    def __init__(self, settings: Settings, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Settings"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._settings = settings
        self._form = QFormLayout()
        self._form.setHorizontalSpacing(16)
        self._form.setVerticalSpacing(8)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.clinic = self._line(self.tr("Clinic's name"), settings.clinic_name)
        self.address = self._line(self.tr("Address line"), settings.clinic_address)
        self.logo = self._line(self.tr("Logo"), str(settings.logo or ""), self._find_logo)
        self.logo.setPlaceholderText(self.tr("PNG or JPEG, printed on every report"))
        self.folder = self._line(
            self.tr("Folder for reports"), str(settings.folder or ""), self._find_folder
        )
        self.folder.setPlaceholderText(self.tr("Documents"))
        self.paper = self._choice(
            self.tr("Paper"), {"A4": "A4", "Letter": "Letter"}, settings.paper
        )
        self.theme = self._choice(
            self.tr("Theme"),
            {
                "system": self.tr("As the desktop"),
                "dark": self.tr("Dark"),
                "light": self.tr("Light"),
            },
            settings.theme,
        )
        scales = {str(each): f"{each} %" for each in sorted({*_SCALES, settings.ui_scale})}
        self.scale = self._choice(
            self.tr("Size of the window's text"), scales, str(settings.ui_scale)
        )
        hint = QLabel(self.tr("Another size holds from the next start on."))
        hint.setObjectName("muted")
        self._form.addRow("", hint)
        self.identity = QCheckBox(
            self.tr("Put the patient's name and number into exported JSON and CSV files")
        )
        self.identity.setChecked(settings.export_identity)
        self._form.addRow("", self.identity)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 12)
        layout.setSpacing(14)
        layout.addLayout(self._form)
        layout.addStretch(1)
        layout.addWidget(buttons)
        self.setMinimumWidth(560)

    def accept(self) -> None:
        self.changed.emit(self.edited())
        super().accept()

    def edited(self) -> Settings:
        """The settings as they stand in the dialog."""
        logo, folder = self.logo.text().strip(), self.folder.text().strip()
        return replace(
            self._settings,
            clinic_name=self.clinic.text().strip(),
            clinic_address=self.address.text().strip(),
            logo=Path(logo) if logo else None,
            folder=Path(folder) if folder else None,
            paper=self.paper.currentData(),
            theme=self.theme.currentData(),
            ui_scale=int(self.scale.currentData()),
            export_identity=self.identity.isChecked(),
        )

    def _line(self, words: str, value: str, find=None) -> QLineEdit:  # type: ignore[no-untyped-def]  # noqa: ANN001
        line = QLineEdit(value)
        theme.say(line, words)
        if find is None:
            self._form.addRow(words, line)
            return line
        button = QPushButton(self.tr("Choose…"))
        theme.say(button, self.tr("Choose: {what}").format(what=words))
        button.clicked.connect(find)
        row = QHBoxLayout()
        row.setSpacing(theme.GAP)
        row.addWidget(line, 1)
        row.addWidget(button)
        self._form.addRow(words, row)
        return line

    def _choice(self, words: str, options: dict[str, str], chosen: str) -> QComboBox:
        box = QComboBox()
        theme.say(box, words)
        for key, shown in options.items():
            box.addItem(shown, key)
        box.setCurrentIndex(box.findData(chosen))
        self._form.addRow(words, box)
        return box

    def _find_logo(self) -> None:
        dialog = QFileDialog(self, self.tr("Choose a logo"))
        dialog.setNameFilter(self.tr("Pictures (*.png *.jpg *.jpeg)"))
        dialog.fileSelected.connect(self.logo.setText)
        dialog.open()

    def _find_folder(self) -> None:
        dialog = QFileDialog(self, self.tr("Folder for reports"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(self.folder.setText)
        dialog.open()
