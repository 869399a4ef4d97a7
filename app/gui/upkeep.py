"""What is set: settings, model packages and theme."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.gui import theme
from app.gui.model_manager import ModelManager
from app.gui.session import Session
from app.gui.settings_dialog import SettingsDialog
from app.settings import Settings


class Upkeep(QObject):
    """Opens the dialogs that change the settings; what they change goes to the session."""

    broken = Signal(Exception)

    def __init__(self, session: Session, window: QWidget) -> None:
        super().__init__(window)
        self._session = session
        self._window = window

    def acts(self) -> dict[str, Callable[[], object]]:
        """What each command does."""
        return {"settings": self._edit_settings, "models": self.manage_models}

    def manage_models(self, file: Path | None = None) -> None:
        """Open the window of model packages, with the package in a file beside the one in use."""
        managers = self._window.findChildren(ModelManager)
        manager = next((each for each in managers if each.isVisible()), None)
        if manager is None:
            manager = ModelManager(self._session.settings, self._window)
            manager.chosen.connect(self._choose_model)
            manager.broken.connect(self.broken)
            manager.show()
        manager.activateWindow()
        if file is not None:
            manager.examine(file)

    def choose_theme(self, choice: theme.ThemeChoice) -> None:
        self._session.change_settings(replace(self._session.settings, theme=choice.value))

    def choose_blind_first(self, on: bool) -> None:
        self._session.change_settings(replace(self._session.settings, blind_first=on))

    def shut_down(self) -> None:
        for manager in self._window.findChildren(ModelManager):
            manager.shut_down()
        for settings in self._window.findChildren(SettingsDialog):
            settings.shut_down()

    def _edit_settings(self) -> None:
        dialog = SettingsDialog(lambda: self._session.settings, self._window)
        dialog.changed.connect(self._session.change_settings)
        dialog.broken.connect(self.broken)
        dialog.open()

    def _choose_model(self, chosen: Settings) -> None:
        # The window of packages stays open, so that other settings may have changed meanwhile.
        self._session.change_settings(
            replace(
                self._session.settings,
                model_id=chosen.model_id,
                previous_model=chosen.previous_model,
            )
        )
