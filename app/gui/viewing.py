"""The commands that act on the scans in front."""

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QObject, QTimer

from app.gui.actions import Actions, quiet
from app.gui.heat_controls import HeatControls
from app.gui.reading_room import ReadingRoom
from app.gui.session import Session
from app.study import Laterality

_GREY_STEP = 12
_ZOOM_STEP = 1.25
_KEEP_MS = 500
"""From a choice to its being kept: a slider goes through many."""


class Viewing(QObject):
    """Joins the menu of views, the heat map's controls and the reading room."""

    def __init__(
        self, session: Session, room: ReadingRoom, heat: HeatControls, actions: Actions
    ) -> None:
        super().__init__(room)
        self._session, self._room, self._heat, self._actions = session, room, heat, actions
        room.eye_named.connect(self._name_eye)
        room.place_command(actions["visits"])
        room.visits_found.connect(actions["visits"].setEnabled)
        # Two visits are of most use in step, and the menu shows that they are.
        room.compared.connect(lambda: actions["in_step"].setChecked(True))
        heat.class_chosen.connect(self._choose_heat)
        heat.opacity_chosen.connect(lambda opacity: self._choose_looks(opacity=opacity))
        settings = session.settings
        room.set_options(opacity=settings.heat_opacity, outlined=settings.heat_outlined)
        actions["outlined"].setChecked(settings.heat_outlined)
        self._keep_due = QTimer(self, singleShot=True, interval=_KEEP_MS)
        self._keep_due.timeout.connect(self._keep)

    def acts(self) -> dict[str, Callable[[], object]]:
        """What each command does."""
        room = self._room
        return {
            "name_right": lambda: self._name_shown(Laterality.RIGHT),
            "name_left": lambda: self._name_shown(Laterality.LEFT),
            "show_right": lambda: room.show_eye(Laterality.RIGHT),
            "show_left": lambda: room.show_eye(Laterality.LEFT),
            "show_both": lambda: room.show_eye(None),
            "next_deciding": lambda: room.in_hand.go_to_deciding(1),
            "previous_deciding": lambda: room.in_hand.go_to_deciding(-1),
            "zoom_in": lambda: room.in_hand.view.zoom_by(_ZOOM_STEP),
            "zoom_out": lambda: room.in_hand.view.zoom_by(1 / _ZOOM_STEP),
            "brighter": lambda: room.in_hand.view.adjust_window(centre=-_GREY_STEP),
            "darker": lambda: room.in_hand.view.adjust_window(centre=_GREY_STEP),
            "more_contrast": lambda: room.in_hand.view.adjust_window(width=-2 * _GREY_STEP),
            "less_contrast": lambda: room.in_hand.view.adjust_window(width=2 * _GREY_STEP),
            "invert": lambda: room.in_hand.view.invert(),
            "reset": lambda: room.in_hand.view.reset(),
            "clear_measurements": room.clear_measurements,
            "stronger": lambda: self._heat.step(1),
            "fainter": lambda: self._heat.step(-1),
        }

    def toggles(self) -> dict[str, Callable[[bool], object]]:
        """What each command that is on or off does."""
        room = self._room
        return {
            "heat": lambda on: room.set_options(heat=on),
            "outlined": lambda on: self._choose_looks(outlined=on),
            "measure": lambda on: room.set_options(measuring=on),
            "true_proportions": lambda on: room.set_options(true_proportions=on),
            "in_step": room.set_in_step,
            "visits": room.want_visits,
        }

    def keep(self) -> None:
        """Keep at once what was chosen of late. Call it before the window goes."""
        if self._keep_due.isActive():
            self._keep_due.stop()
            self._keep()

    def _keep(self) -> None:
        """Have the next start show heat maps as this one does."""
        options, settings = self._room.options, self._session.settings
        self._session.change_settings(
            replace(settings, heat_opacity=options.opacity, heat_outlined=options.outlined)
        )

    def enable(self) -> None:
        """Offer to name the eye where the file does not."""
        volume = self._room.panel.volume
        # What the file says of the eye stands; what the reader said can be taken back.
        open_eye = volume is not None and (
            volume.laterality is Laterality.UNKNOWN or volume.eye_set
        )
        self._actions.enable(open_eye, "name_right", "name_left")

    def _choose_looks(self, **changes: object) -> None:
        self._room.set_options(**changes)
        self._keep_due.start()

    def _choose_heat(self, name: str | None) -> None:
        if not self._actions["heat"].isChecked():
            quiet(self._actions["heat"], checked=True)
        self._room.set_options(class_name=name, heat=True)

    def _name_shown(self, laterality: Laterality) -> None:
        volume = self._room.panel.volume
        if volume is not None:
            self._room.active = laterality
            self._name_eye(volume.uid, laterality)

    def _name_eye(self, uid: str, laterality: Laterality) -> None:
        if self._session.current is not None:
            self._session.set_eye(self._session.current, uid, laterality)
