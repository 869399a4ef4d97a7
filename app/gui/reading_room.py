"""The middle of the window: whose eyes these are, and the panels that show them."""

from dataclasses import replace
from itertools import chain

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.gui import theme, wording
from app.gui.elided_label import ElidedLabel
from app.gui.eye_panel import EyePanel
from app.gui.findings import Findings, ViewOptions
from app.gui.icons import pixmap
from app.gui.session import Case
from app.modelpack import Card
from app.study import EyeResult, Laterality, Volume, VolumeResult


class EmptyRoom(QWidget):
    """What stands there while no study is open."""

    folder_wanted = Signal()
    files_wanted = Signal()
    demo_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picture = QLabel()
        self._picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        title = QLabel(self.tr("Drop an OCT study here"))
        title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        font = title.font()
        font.setPointSizeF(font.pointSizeF() * 1.5)
        font.setBold(True)
        title.setFont(font)
        about = QLabel(
            self.tr("A folder or files: DICOM OCT, or images of B-scans (PNG, JPEG, TIFF).")
        )
        about.setObjectName("muted")
        about.setWordWrap(True)
        about.setAlignment(Qt.AlignmentFlag.AlignCenter)
        row = QHBoxLayout()
        row.addStretch(1)
        for words, signal in (
            (self.tr("Open folder…"), self.folder_wanted),
            (self.tr("Open files…"), self.files_wanted),
            (self.tr("Open the demo study"), self.demo_wanted),
        ):
            button = QPushButton(words)
            button.clicked.connect(signal)
            row.addWidget(button)
        row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setSpacing(14)
        layout.addStretch(2)
        for each in (self._picture, title, about):
            layout.addWidget(each)
        layout.addLayout(row)
        layout.addStretch(3)
        self.dress()

    def dress(self) -> None:
        self._picture.setPixmap(pixmap("eye", QColor(theme.current().muted), 64))


class ReadingRoom(QWidget):
    """Shows the current case: one eye, or all of them side by side."""

    shown_changed = Signal()  # another B-scan, volume or eye is in front
    eye_named = Signal(str, object)  # Volume.uid, Laterality
    broken = Signal(Exception)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.case: Case | None = None
        self.card: Card | None = None
        self.active = Laterality.RIGHT
        self.options = ViewOptions()
        self._together = False
        self._in_step = False
        self._chosen: dict[Laterality, int] = {}
        self.empty = EmptyRoom()
        self.panels = {laterality: self._make_panel(laterality) for laterality in Laterality}
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._splitter.setChildrenCollapsible(False)
        for panel in self.panels.values():
            self._splitter.addWidget(panel)
        room = QWidget()
        layout = QVBoxLayout(room)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._build_header())
        layout.addWidget(self._splitter, 1)
        self._pages = QStackedWidget()
        self._pages.addWidget(self.empty)
        self._pages.addWidget(room)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._pages)

    def _build_header(self) -> QWidget:
        self._patient = ElidedLabel("heading")
        self._visit = ElidedLabel("muted")
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(self._patient)
        words.addWidget(self._visit)
        row = QHBoxLayout()
        row.setContentsMargins(10, 5, 8, 5)
        row.addLayout(words, 1)
        self._eyes = QButtonGroup(self)
        self._buttons: dict[Laterality | None, QToolButton] = {}
        for laterality in (*Laterality, None):
            button = QToolButton()
            button.setCheckable(True)
            button.setText(self.tr("Both") if laterality is None else wording.eye_short(laterality))
            name = self.tr("Side by side") if laterality is None else wording.eye_long(laterality)
            button.setToolTip(name)
            theme.say(button, name)
            button.clicked.connect(lambda _=False, eye=laterality: self.show_eye(eye))
            self._eyes.addButton(button)
            self._buttons[laterality] = button
            row.addWidget(button)
        header = QWidget()
        header.setLayout(row)
        return header

    def _make_panel(self, laterality: Laterality) -> EyePanel:
        panel = EyePanel()
        panel.touched.connect(lambda: self._activate(laterality))
        panel.index_changed.connect(lambda index: self._moved(laterality, index))
        panel.volume_chosen.connect(lambda place: self._choose_volume(laterality, place))
        panel.eye_named.connect(lambda eye: self._name_eye(panel, eye))
        panel.broken.connect(self.broken)
        return panel

    @property
    def panel(self) -> EyePanel:
        """The eye in front."""
        return self.panels[self.active]

    @property
    def together(self) -> bool:
        return self._together

    def show_case(self, case: Case | None, card: Card | None) -> None:
        """Show a case, or what has become known of the one on show."""
        if case is not self.case:
            self._chosen.clear()
            for panel in self.panels.values():
                panel.close_volume()
        self.case, self.card = case, card
        self._pages.setCurrentIndex(0 if case is None else 1)
        if case is None:
            self.shown_changed.emit()
            return
        self._patient.setText(wording.patient_line(case.study.patient))
        description = case.study.description or ""
        self._visit.setText(
            "  ·  ".join(filter(None, (wording.visit_line(case.study), description)))
        )
        scales = self._scales(case)
        for laterality, panel in self.panels.items():
            self._fill(panel, laterality, case, scales)
        held = self._held(case)
        if self.active not in held:
            self.active = held[0]
        for eye, button in self._buttons.items():
            button.setVisible(len(held) > 1 and (eye is None or eye in held))
        self._arrange()

    def show_eye(self, laterality: Laterality | None) -> None:
        """Show one eye alone, or with None all of them side by side."""
        self._together = laterality is None
        if laterality is not None:
            self.active = laterality
        if self.case is not None:
            self._arrange()
            self.panel.view.setFocus()

    def set_options(self, **changes: object) -> None:
        self.options = replace(self.options, **changes)  # type: ignore[arg-type]
        for panel in self.panels.values():
            panel.set_options(self.options)

    def set_in_step(self, in_step: bool) -> None:
        """Scroll the eyes together, each by its own share of its volume."""
        self._in_step = in_step

    def jump(self, laterality: Laterality, index: int) -> None:
        if self.case is None:
            return
        held = self._held(self.case)
        if laterality not in held:
            return
        if not self._together:
            self.show_eye(laterality)
        self._chosen.setdefault(laterality, self._default_place(laterality))
        self._choose_volume(laterality, self._default_place(laterality))
        self.panels[laterality].go_to(index)
        self._activate(laterality)

    def shown_result(self) -> VolumeResult | None:
        findings = self.panel.findings
        return findings.result if findings is not None else None

    def shut_down(self) -> None:
        for panel in self.panels.values():
            panel.shut_down()

    def dress(self) -> None:
        self.empty.dress()

    # Eyes and volumes

    def _held(self, case: Case) -> list[Laterality]:
        held = {volume.laterality for volume in case.study.volumes}
        return [each for each in Laterality if each in held]

    def _fill(
        self, panel: EyePanel, laterality: Laterality, case: Case, scales: tuple[float, ...]
    ) -> None:
        volumes = tuple(each for each in case.study.volumes if each.laterality is laterality)
        if not volumes:
            panel.close_volume()
            return
        if panel.moved and panel.volume is not None and laterality not in self._chosen:
            shown = panel.volume.uid
            uids = [each.uid for each in volumes]
            if shown in uids:
                self._chosen[laterality] = uids.index(shown)
        place = self._chosen.get(laterality, self._default_place(laterality))
        volume = volumes[min(place, len(volumes) - 1)]
        panel.show_volume(volume, siblings=volumes)
        result = self._result_of(volume)
        known = panel.findings.result if panel.findings is not None else None
        if result is not known:
            findings = None
            if result is not None and self.card is not None:
                findings = Findings(result=result, card=self.card, scales=scales)
            panel.show_findings(findings)

    def _scales(self, case: Case) -> tuple[float, ...]:
        """One scale for each class over all eyes: a healthy fellow eye must not look alarming."""
        if case.result is None or self.card is None:
            return ()
        from app.overlay import heat_scale

        volumes = [volume for eye in case.result.eyes for volume in eye.volumes]
        bscans = list(chain.from_iterable(volume.bscans for volume in volumes))
        return tuple(heat_scale(bscans, position) for position in range(len(self.card.classes)))

    def _eye_result(self, laterality: Laterality) -> EyeResult | None:
        if self.case is None or self.case.result is None or not self.case.revealed(laterality):
            return None
        eyes = self.case.result.eyes
        return next((eye for eye in eyes if eye.laterality is laterality), None)

    def _default_place(self, laterality: Laterality) -> int:
        eye = self._eye_result(laterality)
        return eye.deciding if eye is not None else 0

    def _result_of(self, volume: Volume) -> VolumeResult | None:
        eye = self._eye_result(volume.laterality)
        if eye is None:
            return None
        return next((each for each in eye.volumes if each.volume.uid == volume.uid), None)

    def _choose_volume(self, laterality: Laterality, place: int) -> None:
        self._chosen[laterality] = place
        if self.case is not None:
            self._fill(self.panels[laterality], laterality, self.case, self._scales(self.case))
        self.shown_changed.emit()

    def _name_eye(self, panel: EyePanel, laterality: Laterality) -> None:
        if panel.volume is not None:
            self.active = laterality
            self.eye_named.emit(panel.volume.uid, laterality)

    def _arrange(self) -> None:
        assert self.case is not None
        held = self._held(self.case)
        for laterality, panel in self.panels.items():
            panel.setVisible(laterality in held and (self._together or laterality is self.active))
        chosen = None if self._together and len(held) > 1 else self.active
        self._buttons[chosen].setChecked(True)
        self.shown_changed.emit()

    def _activate(self, laterality: Laterality) -> None:
        if laterality is not self.active:
            self.active = laterality
            self.shown_changed.emit()

    def _moved(self, laterality: Laterality, index: int) -> None:
        panel = self.panels[laterality]
        if self._in_step and self._together and laterality is self.active and panel.volume:
            last = max(len(panel.volume.bscans) - 1, 1)
            for other in self.panels.values():
                if other is not panel and other.volume is not None:
                    other.go_to(round(index / last * (len(other.volume.bscans) - 1)))
        if laterality is self.active:
            self.shown_changed.emit()
