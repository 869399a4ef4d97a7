"""The middle of the window: whose eyes these are, and the panels that show them."""

from dataclasses import replace

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from app.gui.callipers import Callipers, Measurement
from app.gui.case import Case
from app.gui.empty_room import EmptyRoom
from app.gui.eye_panel import EyePanel
from app.gui.findings import Findings, ViewOptions, study_scales
from app.gui.keeper import Keeper
from app.gui.notice import Notice
from app.gui.pages import Pages
from app.gui.past_visits import PastVisits
from app.gui.room_header import RoomHeader
from app.gui.shown_case import changed_calls, deciding_place, held_eyes, volume_result
from app.gui.visit_chart import day
from app.gui.visit_strip import VisitStrip
from app.modelpack import Card
from app.study import Laterality, VolumeResult
from app.visits import Visit


class ReadingRoom(QWidget):
    """Shows the current case: one eye, all of them, or one eye at two visits."""

    shown_changed = Signal()  # another B-scan, volume or eye is in front
    eye_named = Signal(str, object)  # Volume.uid, Laterality
    visits_found = Signal(bool)  # whether there are others of the eye in front
    compared = Signal()  # another visit is shown beside the present one
    noticed = Signal(object)  # Notice
    broken = Signal(Exception)

    def __init__(self, keeper: Keeper, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.case: Case | None = None
        self.card: Card | None = None
        self.active = Laterality.RIGHT
        self.options = ViewOptions()
        self._together = False
        self._in_step = False
        self._following = False
        self._filling = False
        self._chosen: dict[Laterality, int] = {}
        self._visit: Visit | None = None  # beside the present one
        self._beside_in_hand = False
        self._visits_wanted = False
        self.callipers = Callipers(keeper, self)
        self.callipers.changed.connect(self._show_callipers)
        self.past = PastVisits(keeper, self)
        self.past.changed.connect(self._show_visits)
        self.panels = {laterality: self._make_panel(laterality) for laterality in Laterality}
        self.beside = self._make_beside()
        self._build()

    def _build(self) -> None:
        self.empty = EmptyRoom()
        self.header = RoomHeader()
        self.header.eye_chosen.connect(self.show_eye)
        self.visits = VisitStrip()
        self.visits.chosen.connect(self.show_beside)
        self.visits.hide()
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._splitter.setChildrenCollapsible(False)
        for panel in (self.beside, *self.panels.values()):
            self._splitter.addWidget(panel)
        self._place_eyes()
        room = QWidget()
        layout = QVBoxLayout(room)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.header)
        layout.addWidget(self.visits)
        layout.addWidget(self._splitter, 1)
        self._pages = Pages()
        self._pages.addWidget(self.empty)
        self._pages.addWidget(room)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._pages)

    def _make_panel(self, laterality: Laterality) -> EyePanel:
        panel = EyePanel()
        panel.touched.connect(lambda: self._activate(laterality))
        panel.index_changed.connect(lambda index: self._moved(panel, index))
        panel.volume_chosen.connect(lambda place: self._choose_volume(laterality, place))
        panel.eye_named.connect(lambda eye: self._name_eye(panel, eye))
        panel.measured.connect(lambda line: self._keep_line(panel, line))
        panel.broken.connect(self.broken)
        return panel

    def _make_beside(self) -> EyePanel:
        panel = EyePanel()
        panel.hide()
        panel.touched.connect(self._take_beside)
        panel.index_changed.connect(lambda index: self._moved(panel, index))
        panel.measured.connect(lambda line: self._keep_line(panel, line))
        panel.closed.connect(self.close_beside)
        panel.broken.connect(self.broken)
        return panel

    @property
    def panel(self) -> EyePanel:
        """The eye in front."""
        return self.panels[self.active]

    @property
    def in_hand(self) -> EyePanel:
        """What commands of the view act on: the panel that the reader touched last.

        Decisions stay with the eye in front, whatever other visit stands beside it.
        """
        return self.beside if self._beside_in_hand else self.panel

    def show_case(self, case: Case | None, card: Card | None) -> None:
        """Show a case, or what has become known of the one on show."""
        if case is not self.case:
            self._chosen.clear()
            self._drop_beside()
            for panel in self.panels.values():
                panel.close_volume()
        self.case, self.card = case, card
        self._pages.setCurrentIndex(0 if case is None else 1)
        self.past.look_up(case)
        if case is None:
            self._show_visits()
            self.shown_changed.emit()
            return
        held = held_eyes(case)
        self.header.show_study(case.study, held)
        self.callipers.fetch(case.study.uid)
        self._filling = True
        try:
            for laterality, panel in self.panels.items():
                self._fill(panel, laterality, case)
        finally:
            self._filling = False
        self._show_callipers(case.study.uid)
        if self.active not in held:
            self.active = held[0]
        self._arrange()

    def show_eye(self, laterality: Laterality | None) -> None:
        """Show one eye alone, or with None all of them side by side."""
        self._together = laterality is None
        if laterality is not None:
            self.active = laterality
        self._drop_beside()
        if self.case is not None:
            self._arrange()
            self.panel.view.setFocus()

    def set_options(self, **changes: object) -> None:
        self.options = replace(self.options, **changes)  # type: ignore[arg-type]
        for panel in (*self.panels.values(), self.beside):
            panel.set_options(self.options)

    def set_in_step(self, in_step: bool) -> None:
        """Scroll all that is side by side together, each by its own share of its volume."""
        self._in_step = in_step

    def jump(self, laterality: Laterality, index: int) -> None:
        if self.case is None:
            return
        held = held_eyes(self.case)
        if laterality not in held:
            return
        if not self._together and laterality is not self.active:
            self.show_eye(laterality)
        self._choose_volume(laterality, deciding_place(self.case, laterality))
        self.panels[laterality].go_to(index)
        self._activate(laterality)

    def shown_result(self) -> VolumeResult | None:
        findings = self.panel.findings
        return findings.result if findings is not None else None

    def shut_down(self) -> None:
        for panel in (*self.panels.values(), self.beside):
            panel.shut_down()

    def set_short(self, *, short: bool) -> None:
        """Spare height where the window is low."""
        self.header.set_short(short=short)
        for panel in (*self.panels.values(), self.beside):
            panel.header.set_short(short=short)

    def dress(self) -> None:
        self.empty.dress()

    # Visits

    def place_command(self, action: QAction) -> None:
        """Offer a command above the eyes, as long as it can be carried out."""
        self.header.add_command(action)

    def want_visits(self, wanted: bool) -> None:
        """Show the eye's other visits, where there are any."""
        self._visits_wanted = wanted
        if not wanted:
            self.close_beside()
        self._show_visits()
        if not self.visits.isHidden():
            self.visits.list.setFocus()

    def show_beside(self, visit: Visit) -> None:
        """Show one eye at another visit beside the present one."""
        if self.case is None:
            return
        self._together, self._visit = False, visit
        result = visit.eye.volumes[visit.eye.deciding]
        self.beside.show_volume(result.volume, siblings=(result.volume,), visit=day(visit.moment))
        card, of = visit.source.card, visit.source.result
        present = self.case.result
        if present is not None and self.card is not None and present.model_sha256 == visit.model:
            # What is compared is coloured on one scale.
            of = present
        scales = study_scales(of, len(card.classes))
        self.beside.show_findings(Findings(result=result, card=card, scales=scales))
        self.callipers.fetch(visit.source.study.uid)
        self._show_callipers(visit.source.study.uid)
        self._arrange()
        self.compared.emit()
        self._moved(self.panel, self.panel.index)
        self.panel.view.setFocus()

    def close_beside(self) -> None:
        """Show the present visit alone."""
        if self._visit is not None:
            self._drop_beside()
            self._arrange()
            self.panel.view.setFocus()

    def _drop_beside(self) -> None:
        self._visit, self._beside_in_hand = None, False
        self.beside.hide()
        self.beside.close_volume()

    def _show_visits(self) -> None:
        visits, present = self.past.of(self.active)
        several = len(visits) > 1
        self.visits.setVisible(several and self._visits_wanted)
        if several:
            self.visits.show_visits(visits, present)
        self.visits_found.emit(several)

    # Callipers

    def clear_measurements(self) -> None:
        """Remove the callipers from the B-scan in hand."""
        panel = self.in_hand
        uid = self._study_uid(panel)
        if uid is not None and panel.volume is not None:
            bring_back = self.callipers.clear(uid, panel.volume, panel.index)
            if bring_back is not None:
                removed = self.tr("The measurements on this B-scan were removed.")
                self.noticed.emit(
                    Notice(kind="information", text=removed, action=self.tr("Undo"), act=bring_back)
                )

    def _keep_line(self, panel: EyePanel, line: Measurement) -> None:
        uid = self._study_uid(panel)
        if uid is not None and panel.volume is not None:
            self.callipers.add(uid, panel.volume, line)

    def _show_callipers(self, study_uid: str) -> None:
        for panel in (*self.panels.values(), self.beside):
            if panel.volume is not None and self._study_uid(panel) == study_uid:
                panel.view.set_measurements(self.callipers.on(study_uid, panel.volume))

    def _study_uid(self, panel: EyePanel) -> str | None:
        if panel is self.beside:
            return self._visit.source.study.uid if self._visit is not None else None
        return self.case.study.uid if self.case is not None else None

    # Eyes and volumes

    def _fill(self, panel: EyePanel, laterality: Laterality, case: Case) -> None:
        volumes = tuple(each for each in case.study.volumes if each.laterality is laterality)
        if not volumes:
            panel.close_volume()
            return
        if panel.moved and panel.volume is not None and laterality not in self._chosen:
            shown = panel.volume.uid
            uids = [each.uid for each in volumes]
            if shown in uids:
                self._chosen[laterality] = uids.index(shown)
        place = self._chosen.get(laterality, deciding_place(case, laterality))
        volume = volumes[min(place, len(volumes) - 1)]
        panel.show_volume(volume, siblings=volumes)
        result = volume_result(case, volume)
        known = panel.findings.result if panel.findings is not None else None
        if result is not known:
            findings = None
            if result is not None and self.card is not None and case.result is not None:
                scales = study_scales(case.result, len(self.card.classes))
                findings = Findings(result=result, card=self.card, scales=scales)
            panel.show_findings(findings)
        panel.show_changed(changed_calls(case, volume))

    def _choose_volume(self, laterality: Laterality, place: int) -> None:
        self._chosen[laterality] = place
        if self.case is not None:
            self._fill(self.panels[laterality], laterality, self.case)
            self._show_callipers(self.case.study.uid)
        self.shown_changed.emit()

    def _name_eye(self, panel: EyePanel, laterality: Laterality) -> None:
        if panel.volume is not None:
            self.active = laterality
            self.eye_named.emit(panel.volume.uid, laterality)

    def _arrange(self) -> None:
        assert self.case is not None
        held = held_eyes(self.case)
        for laterality, panel in self.panels.items():
            panel.setVisible(laterality in held and (self._together or laterality is self.active))
        self.beside.setVisible(self._visit is not None)
        self.header.check(None if self._together and len(held) > 1 else self.active)
        self._show_visits()
        self.shown_changed.emit()

    def _take_beside(self) -> None:
        self._beside_in_hand = self._visit is not None

    def _activate(self, laterality: Laterality) -> None:
        self._beside_in_hand = False
        if laterality is not self.active:
            self.active = laterality
            self._show_visits()
            self.shown_changed.emit()

    def _moved(self, leader: EyePanel, index: int) -> None:
        if self._in_step and not self._following and leader.volume is not None:
            self._following = True
            try:
                self._lead(leader, index / max(len(leader.volume.bscans) - 1, 1))
            finally:
                self._following = False
        # What a case is filled with is told once, when it stands.
        if not self._filling and (leader is self.panel or self._in_step):
            self.shown_changed.emit()

    def _lead(self, leader: EyePanel, share: float) -> None:
        """Show on every other panel the B-scan that lies at the same share of its volume."""
        for each in (*self.panels.values(), self.beside):
            if each is not leader and each.volume is not None and not each.isHidden():
                each.go_to(round(share * (len(each.volume.bscans) - 1)))

    def _place_eyes(self) -> None:
        """The right eye stands on the left, as in front of the patient, in every language."""
        self._splitter.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        for panel in (*self.panels.values(), self.beside):
            panel.setLayoutDirection(self.layoutDirection())

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        super().changeEvent(event)
        if event.type() is QEvent.Type.LayoutDirectionChange:
            self._place_eyes()
