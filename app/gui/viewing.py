"""The commands that act on the scans in front."""

from collections.abc import Callable

from PySide6.QtCore import QObject

from app.gui.actions import Actions, quiet
from app.gui.heat_controls import HeatControls
from app.gui.reading_room import ReadingRoom
from app.gui.session import Session
from app.study import Laterality

_GREY_STEP = 12
_ZOOM_STEP = 1.25


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
        heat.opacity_chosen.connect(lambda opacity: room.set_options(opacity=opacity))
        room.set_options(opacity=session.settings.heat_opacity)

    def acts(self) -> dict[str, Callable[[], object]]:
        """What each command does."""
        room = self._room
        return {
            "name_right": lambda: self._name_shown(Laterality.RIGHT),
            "name_left": lambda: self._name_shown(Laterality.LEFT),
            "show_right": lambda: room.show_eye(Laterality.RIGHT),
            "show_left": lambda: room.show_eye(Laterality.LEFT),
            "show_both": lambda: room.show_eye(None),
            "next_deciding": lambda: room.panel.go_to_deciding(1),
            "previous_deciding": lambda: room.panel.go_to_deciding(-1),
            "zoom_in": lambda: room.panel.view.zoom_by(_ZOOM_STEP),
            "zoom_out": lambda: room.panel.view.zoom_by(1 / _ZOOM_STEP),
            "brighter": lambda: room.panel.view.adjust_window(centre=-_GREY_STEP),
            "darker": lambda: room.panel.view.adjust_window(centre=_GREY_STEP),
            "more_contrast": lambda: room.panel.view.adjust_window(width=-2 * _GREY_STEP),
            "less_contrast": lambda: room.panel.view.adjust_window(width=2 * _GREY_STEP),
            "invert": lambda: room.panel.view.invert(),
            "reset": lambda: room.panel.view.reset(),
            "clear_measurements": room.clear_measurements,
            "stronger": lambda: self._heat.step(1),
            "fainter": lambda: self._heat.step(-1),
        }

    def toggles(self) -> dict[str, Callable[[bool], object]]:
        """What each command that is on or off does."""
        room = self._room
        return {
            "heat": lambda on: room.set_options(heat=on),
            "outlined": lambda on: room.set_options(outlined=on),
            "measure": lambda on: room.set_options(measuring=on),
            "true_proportions": lambda on: room.set_options(true_proportions=on),
            "in_step": room.set_in_step,
            "visits": room.want_visits,
        }

    def enable(self) -> None:
        """Offer to name the eye where the file does not."""
        volume = self._room.panel.volume
        # What the file says of the eye stands; what the reader said can be taken back.
        open_eye = volume is not None and (
            volume.laterality is Laterality.UNKNOWN or volume.eye_set
        )
        self._actions.enable(open_eye, "name_right", "name_left")

    def _choose_heat(self, position: int | None) -> None:
        if not self._actions["heat"].isChecked():
            quiet(self._actions["heat"], checked=True)
        self._room.set_options(class_index=position, heat=True)

    def _name_shown(self, laterality: Laterality) -> None:
        volume = self._room.panel.volume
        if volume is not None:
            self._room.active = laterality
            self._name_eye(volume.uid, laterality)

    def _name_eye(self, uid: str, laterality: Laterality) -> None:
        if self._session.current is not None:
            self._session.set_eye(self._session.current, uid, laterality)
