"""One eye: its B-scans, the view from above and the filmstrip, all at one B-scan."""

from collections.abc import Mapping
from dataclasses import replace

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QImage, QResizeEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QVBoxLayout, QWidget

from app.gui.bscan_marks import Caption
from app.gui.bscan_view import BScanView
from app.gui.enface_view import EnfaceView
from app.gui.eye_header import EyeHeader
from app.gui.eye_map import EyeMap
from app.gui.filmstrip import Filmstrip
from app.gui.findings import Findings, ViewOptions
from app.gui.frames import Frames, Heat, Look
from app.gui.languages import told
from app.gui.overview import Overview
from app.gui.position_bar import PositionBar
from app.study import Volume

_ROOM_FOR_MAP = 620  # width of a panel that has room for the map of the eye
_PLACES_MS = 20
"""From a result to the places of the disease: computed with it, or before it is painted, they
would hold the window."""


class EyePanel(QWidget):
    """Shows one volume at a time of one eye."""

    index_changed = Signal(int)
    volume_chosen = Signal(int)
    eye_named = Signal(object)  # Laterality
    closed = Signal()
    measured = Signal(object)  # Measurement
    touched = Signal()
    broken = Signal(Exception)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.volume: Volume | None = None
        self.findings: Findings | None = None
        self.index = 0
        self._options = ViewOptions()
        self._frames: Frames | None = None
        self._overview: Overview | None = None
        self._changed: dict[int, str] = {}  # the reader's calls on B-scans, by index
        self._sharp: tuple[int, int | None, QImage] | None = None  # index, class, on show
        self.moved = False  # by the reader, who is not to be taken elsewhere
        self._places_due = QTimer(self, singleShot=True, interval=_PLACES_MS)
        self._places_due.timeout.connect(self._show_places)
        self._build()

    def _build(self) -> None:
        self.header = EyeHeader()
        self.header.volume_chosen.connect(self.volume_chosen)
        self.header.eye_named.connect(self.eye_named)
        self.header.closed.connect(self.closed)
        self.view = BScanView()
        self.view.asked.connect(self.go_to)
        self.view.window_changed.connect(self._look_again)
        self.view.touched.connect(self.touched)
        self.view.measured.connect(self.measured)
        self.enface = EnfaceView()
        self.map = EyeMap()
        self.map.hide()
        self.strip = Filmstrip()
        self.position = PositionBar()
        self.position.stepped.connect(self.touched)
        self.position.stepped.connect(self.go_to_deciding)
        for each in (self.enface, self.map, self.strip, self.position):
            each.asked.connect(self.touched)
            each.asked.connect(self.go_to)
        program = QApplication.instance()
        assert isinstance(program, QApplication)
        program.focusChanged.connect(self._follow_focus)

        below = QHBoxLayout()
        below.setContentsMargins(0, 0, 0, 0)
        below.setSpacing(1)
        below.addWidget(self.enface, 5)
        below.addWidget(self.map, 3)
        column = QVBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.position)
        column.addWidget(self.strip, 1)
        below.addLayout(column, 12)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(1)
        layout.addWidget(self.header)
        layout.addWidget(self.view, 3)
        layout.addLayout(below, 2)

    # What is shown

    def show_volume(self, volume: Volume, *, siblings: tuple[Volume, ...], visit: str = "") -> None:
        """Show a volume; `siblings` are all of this eye, this one among them."""
        if self.volume is None or volume.bscans is not self.volume.bscans:
            self._open(volume)
        self.volume = volume
        self.header.show_volume(volume, siblings, visit=visit)
        self._show_index()

    def show_findings(self, findings: Findings | None) -> None:
        """Add the result to the volume on show, or take it away."""
        self.findings = findings
        if self._frames is None:
            return
        heat = None
        if findings is not None:
            heat = Heat(bscans=findings.result.bscans, scales=findings.scales)
        self._frames.set_heat(heat)
        self._sharp = None
        self.strip.show_result(
            findings.result if findings else None, findings.card if findings else None
        )
        self.enface.show_colours(findings.colours if findings is not None else ())
        self._show_map()  # in its place at once, for what lies beside it to be laid out only once
        self._places_due.start()
        if findings is not None and findings.result.call.evidence and not self.moved:
            self._move(findings.result.call.evidence[0])
        self._show_index()

    def show_changed(self, changed: Mapping[int, str]) -> None:
        """Mark the B-scans of which the reader says something else than the machine.

        Args:
            changed: Reader and call, by index.
        """
        if changed != self._changed:
            self._changed = dict(changed)
            self.strip.show_changed(changed)
            self._show_index()

    def set_options(self, options: ViewOptions) -> None:
        self._options = options
        self.view.set_true_proportions(options.true_proportions)
        self.view.set_measuring(options.measuring)
        self._show_places()
        self._show_index()

    def close_volume(self) -> None:
        """Take the volume away, and all that shows it; its background work stops on its own."""
        for each in (self._frames, self._overview):
            if each is not None:
                each.retire()
        self._frames = self._overview = self._sharp = None
        self.volume, self.findings = None, None
        # Whatever goes wrong with the next one: these scans must not stand under its name.
        self.view.clear()
        self.strip.show_volume([], 1.0)
        self.enface.show_volume(None)
        self.map.show_findings(None, None)
        self._show_map()

    def shut_down(self) -> None:
        """Wait until no background work is left. Call it before the window goes."""
        self.close_volume()
        for frames in self.findChildren(Frames):
            frames.close()
        for overview in self.findChildren(Overview):
            overview.close()

    def go_to(self, index: int) -> None:
        """Show B-scan `index` because the reader asks for it."""
        self.moved = True
        self._move(index)

    def go_to_deciding(self, step: int) -> None:
        """Go to the next B-scan that decided the call, or with -1 to the one before."""
        if self.findings is None:
            return
        deciding = sorted(self.findings.result.call.evidence, reverse=step < 0)
        onward = [each for each in deciding if (each - self.index) * step > 0]
        if onward:
            self.go_to(onward[0])

    def heat_class(self) -> int | None:
        """Position of the class whose heat map is shown; None: none is."""
        return self.findings.heat_class(self._options) if self.findings is not None else None

    def _open(self, volume: Volume) -> None:
        self.close_volume()
        self.moved = False
        self.index = len(volume.bscans) // 2
        self._frames = Frames(volume, self)
        self._frames.ready.connect(self._picture_ready)
        self._frames.broken.connect(self.broken)
        self._overview = Overview(volume, self.index, self)
        self._overview.grown.connect(self._overview_grown)
        self._overview.broken.connect(self.broken)
        self.view.show_volume(len(volume.bscans), volume.spacing)
        aspect = volume.bscans[0].columns / max(volume.bscans[0].rows, 1)
        self._changed = {}
        self.strip.show_volume(self._overview.thumbnails, aspect)
        self.enface.show_volume(volume)
        self._overview.start()

    def _follow_focus(self, _: QWidget | None, now: QWidget | None) -> None:
        if now is not None and self.isAncestorOf(now):
            self.touched.emit()

    def _move(self, index: int) -> None:
        if self.volume is None or index == self.index or not self._frames:
            return
        self.index = min(max(index, 0), len(self.volume.bscans) - 1)
        self._show_index()
        self.index_changed.emit(self.index)

    def _look(self) -> Look:
        window = self.view.grey_window
        return Look(
            class_index=self.heat_class(),
            opacity=self._options.opacity,
            outlined=self._options.outlined,
            centre=window.centre,
            width=window.width,
            inverted=window.inverted,
        )

    def _look_again(self) -> None:
        self._show_index()

    def _show_index(self) -> None:
        if self.volume is None or self._frames is None or self._overview is None:
            return
        forwards = self.index >= self.position.index
        self.position.show_place(self.index, len(self.volume.bscans))
        self.strip.set_index(self.index)
        self.enface.set_index(self.index)
        self.map.set_index(self.index)
        self._frames.want(self.index, self._look(), forwards=forwards)
        self._show_picture()

    def _show_picture(self) -> None:
        assert self.volume is not None
        assert self._frames is not None
        assert self._overview is not None
        bscan = self.volume.bscans[self.index]
        look = self._look()
        picture = self._frames.picture(self.index, look)
        if picture is not None:
            self._sharp = self.index, look.class_index, picture
        elif self._sharp is not None and self._sharp[:2] == (self.index, look.class_index):
            # Another opacity or window is on its way; the same scan must not flicker meanwhile.
            picture = self._sharp[2]
        else:
            # The right B-scan coarse beats the wrong one sharp.
            picture = self._overview.thumbnails[self.index]
        self.view.show_bscan(
            self.index, (bscan.columns, bscan.rows), picture, self._caption(picture)
        )

    def _caption(self, picture: QImage | None) -> Caption:
        assert self.volume is not None
        assert self._frames is not None
        place = self.tr("B-scan {n} of {count}").format(
            n=self.index + 1, count=len(self.volume.bscans)
        )
        problem = told(self._frames.problem(self.index) or "")
        message = problem or (self.tr("Loading…") if picture is None else "")
        if self.findings is None:
            return Caption(place=place, message=message)
        caption = self.findings.caption(self.index, self._options, place=place, message=message)
        changed = self._changed.get(self.index, "")
        return replace(caption, changed=f"◆ {changed}" if changed else "")

    def _picture_ready(self, index: int) -> None:
        if index == self.index and self.volume is not None:
            self._show_picture()

    def _overview_grown(self) -> None:
        if self._overview is None:
            return
        self.strip.update()
        self.enface.show_picture(self._overview.enface, localizer=self._overview.has_localizer)
        self._show_picture()

    def _show_places(self) -> None:
        """Show where the disease lies, over the view from above and on the map of the eye."""
        findings = self.findings
        position = self.heat_class()
        heat = None
        if findings is not None and position is not None:
            heat = findings.heat_from_above(position, self._options.opacity)
        self.enface.show_heat(heat)
        sought = findings.sought(self._options) if findings is not None else None
        self.map.show_findings(findings, sought)
        self._show_map()

    def _show_map(self) -> None:
        several = self.volume is not None and len(self.volume.bscans) > 1
        room = self.width() >= _ROOM_FOR_MAP
        self.map.setVisible(several and room and self.findings is not None)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self._show_map()
