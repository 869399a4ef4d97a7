"""One eye: its B-scans, the view from above and the filmstrip, all at one B-scan."""

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.gui import theme, wording
from app.gui.bscan_marks import Caption
from app.gui.bscan_view import BScanView, Measurement
from app.gui.elided_label import ElidedLabel
from app.gui.enface_view import EnfaceView
from app.gui.filmstrip import Filmstrip
from app.gui.frames import Frames, Heat, Look
from app.gui.icons import icon
from app.gui.images import colour_image, map_projection
from app.gui.overview import Overview
from app.modelpack import Card
from app.study import Laterality, Outcome, Volume, VolumeResult

_PROJECTION_COLUMNS = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewOptions:
    """What the reader chose for all eyes."""

    heat: bool = True
    class_index: int | None = None  # None: the class that the eye was called
    opacity: float = 0.6
    outlined: bool = False
    true_proportions: bool = True
    measuring: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Findings:
    """The result of one volume with what it takes to show it."""

    result: VolumeResult
    card: Card
    scales: tuple[float, ...]  # of each class's maps, over the whole study


class EyePanel(QWidget):
    """Shows one volume at a time of one eye."""

    index_changed = Signal(int)
    volume_chosen = Signal(int)
    eye_named = Signal(object)  # Laterality
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
        self.moved = False  # by the reader, who is not to be taken elsewhere
        self._lines: list[Measurement] = []
        self._build()

    def _build(self) -> None:
        self._title = QLabel()
        self._title.setObjectName("heading")
        self._about = ElidedLabel("muted")
        self._volumes = QComboBox()
        theme.say(self._volumes, self.tr("Acquisition"))
        self._volumes.setMaximumWidth(200)
        self._volumes.activated.connect(self.volume_chosen)
        self._right = self._eye_button(self.tr("Right (OD)"), Laterality.RIGHT)
        self._left = self._eye_button(self.tr("Left (OS)"), Laterality.LEFT)
        header = QHBoxLayout()
        header.setContentsMargins(10, 4, 8, 4)
        header.setSpacing(10)
        header.addWidget(self._title)
        header.addWidget(self._about, 1)
        for each in (self._volumes, self._right, self._left):
            header.addWidget(each)

        self.view = BScanView()
        self.view.asked.connect(self.go_to)
        self.view.window_changed.connect(self._look_again)
        self.view.touched.connect(self.touched)
        self.view.measured.connect(self.add_measurement)
        self.enface = EnfaceView()
        self.enface.asked.connect(self.go_to)
        self.strip = Filmstrip()
        self.strip.asked.connect(self.go_to)

        below = QHBoxLayout()
        below.setContentsMargins(0, 0, 0, 0)
        below.setSpacing(1)
        below.addWidget(self.enface, 2)
        column = QVBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(self._build_slider())
        column.addWidget(self.strip, 1)
        below.addLayout(column, 5)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(1)
        layout.addLayout(header)
        layout.addWidget(self.view, 3)
        layout.addLayout(below, 2)

    def _build_slider(self) -> QHBoxLayout:
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setPageStep(10)
        theme.say(self.slider, self.tr("Position in the volume"))
        self.slider.valueChanged.connect(self.go_to)
        self._place = QLabel()
        self._place.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        row = QHBoxLayout()
        row.setContentsMargins(8, 4, 8, 4)
        for name, words, step in (
            ("previous", self.tr("Previous deciding B-scan"), -1),
            ("next", self.tr("Next deciding B-scan"), 1),
        ):
            button = QToolButton()
            button.setIcon(icon(name))
            button.setToolTip(words)
            theme.say(button, words)
            button.clicked.connect(lambda _=False, step=step: self.go_to_deciding(step))
            row.addWidget(button)
        row.addWidget(self.slider, 1)
        row.addSpacing(6)
        row.addWidget(self._place)
        return row

    def _eye_button(self, words: str, laterality: Laterality) -> QPushButton:
        button = QPushButton(words)
        button.setAccessibleDescription(self.tr("Say which eye this is"))
        button.clicked.connect(lambda: self.eye_named.emit(laterality))
        return button

    # What is shown

    def show_volume(self, volume: Volume, *, siblings: tuple[Volume, ...]) -> None:
        """Show a volume; `siblings` are all of this eye, this one among them."""
        if self.volume is None or volume.bscans is not self.volume.bscans:
            self._open(volume)
        self.volume = volume
        unknown = volume.laterality is Laterality.UNKNOWN
        short, long = wording.eye_short(volume.laterality), wording.eye_long(volume.laterality)
        self._title.setText(self.tr("Which eye is it?") if unknown else f"{short}  {long}")
        self._about.setText(wording.volume_line(volume))
        self._about.setToolTip("\n".join((wording.volume_line(volume), *volume.notes)))
        for button in (self._right, self._left):
            button.setVisible(unknown)
        self._volumes.setVisible(len(siblings) > 1)
        self._volumes.clear()
        for number, each in enumerate(siblings, start=1):
            self._volumes.addItem(f"{number}: {wording.volume_line(each)}")
        self._volumes.setCurrentIndex([each.uid for each in siblings].index(volume.uid))
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
        self.strip.show_result(
            findings.result if findings else None, findings.card if findings else None
        )
        self.enface.show_colours(self._class_colours())
        self._show_heat_from_above()
        if findings is not None and findings.result.call.evidence and not self.moved:
            self._move(findings.result.call.evidence[0])
        self._show_index()

    def set_options(self, options: ViewOptions) -> None:
        self._options = options
        self.view.set_true_proportions(options.true_proportions)
        self.view.set_measuring(options.measuring)
        self._show_heat_from_above()
        self._show_index()

    def close_volume(self) -> None:
        """Take the volume away; its background work stops on its own."""
        for each in (self._frames, self._overview):
            if each is not None:
                each.retire()
        self._frames = self._overview = None
        self.volume, self.findings = None, None

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

    def add_measurement(self, line: Measurement) -> None:
        self._lines.append(line)
        self.view.set_measurements(tuple(self._lines))

    def clear_measurements(self) -> None:
        """Remove the callipers from the B-scan on show."""
        self._lines = [each for each in self._lines if each.frame != self.index]
        self.view.set_measurements(tuple(self._lines))

    def heat_class(self) -> int | None:
        """Position of the class whose heat map is shown; None: none is."""
        if not self._options.heat or self.findings is None:
            return None
        if self._options.class_index is not None:
            return self._options.class_index
        call, card = self.findings.result.call, self.findings.card
        if call.outcome not in (Outcome.CALLED, Outcome.UNCERTAIN) or call.label is None:
            return None
        # What speaks for a healthy eye lies everywhere and says nothing.
        if card.class_named(call.label).severity == 0:
            return None
        return card.names.index(call.label)

    def _open(self, volume: Volume) -> None:
        self.close_volume()
        self.moved = False
        self._lines = []
        self.index = len(volume.bscans) // 2
        self._frames = Frames(volume, self)
        self._frames.ready.connect(self._picture_ready)
        self._frames.broken.connect(self.broken)
        self._overview = Overview(volume, self)
        self._overview.grown.connect(self._overview_grown)
        self._overview.broken.connect(self.broken)
        self.view.show_volume(len(volume.bscans), volume.spacing)
        aspect = volume.bscans[0].columns / max(volume.bscans[0].rows, 1)
        self.strip.show_volume(self._overview.thumbnails, aspect)
        self.enface.show_volume(volume)
        self.slider.blockSignals(True)
        self.slider.setRange(0, len(volume.bscans) - 1)
        self.slider.blockSignals(False)
        self._overview.start()

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
        forwards = self.index >= self.slider.value()
        self.slider.blockSignals(True)
        self.slider.setValue(self.index)
        self.slider.blockSignals(False)
        self._place.setText(f"{self.index + 1} / {len(self.volume.bscans)}")
        self.strip.set_index(self.index)
        self.enface.set_index(self.index)
        self._frames.want(self.index, self._look(), forwards=forwards)
        self._show_picture()

    def _show_picture(self) -> None:
        assert self.volume is not None
        assert self._frames is not None
        assert self._overview is not None
        bscan = self.volume.bscans[self.index]
        picture = self._frames.picture(self.index, self._look())
        if picture is None:
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
        problem = self._frames.problem(self.index) or ""
        message = problem or (self.tr("Loading…") if picture is None else "")
        if self.findings is None:
            return Caption(place=place, message=message)
        result, card = self.findings.result, self.findings.card
        finding, position = wording.bscan_finding(result.bscans[self.index], card)
        colour = QColor(theme.DARK.ungradable)
        if position is not None:
            colour = theme.class_colour(card.classes[position].severity, theme.DARK)
        heat = self.heat_class()
        legend = ""
        if heat is not None and result.bscans[self.index].maps is not None:
            legend = self.tr("Heat map: {name}").format(name=wording.class_word(card.names[heat]))
        hint = ""
        if self._options.heat and heat is None:
            hint = self.tr("No heat map: no disease was called. Choose a class to see its map.")
        deciding = self.index in result.call.evidence
        return Caption(
            place=place,
            finding=finding,
            finding_colour=colour,
            remark=self.tr("▼ weighed most") if deciding else "",
            message=message,
            legend=legend,
            hint=hint,
        )

    def _picture_ready(self, index: int) -> None:
        if index == self.index and self.volume is not None:
            self._show_picture()

    def _overview_grown(self) -> None:
        if self._overview is None:
            return
        self.strip.update()
        self.enface.show_picture(self._overview.enface, localizer=self._overview.has_localizer)
        self._show_picture()

    def _class_colours(self) -> tuple[QColor | None, ...]:
        if self.findings is None:
            return ()
        card = self.findings.card
        positions = (wording.bscan_finding(r, card)[1] for r in self.findings.result.bscans)
        return tuple(
            None if each is None else theme.class_colour(card.classes[each].severity, theme.DARK)
            for each in positions
        )

    def _show_heat_from_above(self) -> None:
        position = self.heat_class()
        if position is None or self.findings is None or self.volume is None:
            self.enface.show_heat(None)
            return
        from app.overlay import FLOOR, colours

        strength = map_projection(
            self.findings.result.bscans,
            (bscan.columns for bscan in self.volume.bscans),
            position,
            _PROJECTION_COLUMNS,
        )
        share = np.clip(strength / self.findings.scales[position], 0, 1)
        ramp = np.clip((share - FLOOR) / (1 - FLOOR), 0, 1)
        alpha = (ramp * self._options.opacity * 255).astype(np.uint8)
        picture = np.dstack([colours()[(share * 255).astype(np.uint8)], alpha])
        self.enface.show_heat(colour_image(picture))
