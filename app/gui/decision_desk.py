"""Where readers' decisions go: to the trail, one after the other, off the GUI thread.

A decision is not shown before it stands in the trail. The desk also keeps the machine's answers
from who reads blind first, and knows which were seen all the same.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from PySide6.QtCore import QObject, Signal

from app.cases.store import PATIENT, Decision, Entry, Store, bscan_subject, trail_key
from app.cases.subjects import is_eye
from app.cases.trail import OTHER_SCANS
from app.errors import AppError
from app.gui.decision_moves import (
    Carried,
    eyes_moved,
    on_other_scans,
    told_of,
    told_withdrawn,
    withdrawal,
)
from app.gui.languages import apart
from app.gui.session import Case, Notice, Session
from app.gui.taking_back import TakingBack
from app.gui.undoing import Undoing
from app.modelpack import Card
from app.readings import Readings, machine_answers, model_line
from app.settings import locked_settings
from app.study import Laterality, Study, StudyResult
from app.visits import AnalysedStudy


class Desk(QObject):
    """Takes decisions on the session's cases, and tells when they stand."""

    decided = Signal(object)  # Case
    initials_wanted = Signal(object)  # Case: nobody signs a decision without

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._known: set[Case] = set()  # whose decisions are loaded
        self._undoing = Undoing()
        self.back = TakingBack(self, session, self._undoing)
        self._unsigned: list[Callable[[], None]] = []
        self._asked: list[Decision] = []  # on their way to the trail
        self._answers: tuple[StudyResult, dict[str, str]] | None = None  # the machine's, latest
        session.cases_changed.connect(self._take_stock)
        session.settings_changed.connect(self._take_stock)
        session.eyes_set.connect(self._follow_eyes)
        session.scans_changed.connect(self._follow_scans)
        self._take_stock()

    # What a reader says

    def agree(self, case: Case, subject: str) -> None:
        """Say what the machine says; nothing while its answer is hidden."""
        if self.shows(case, subject):
            answer = self.machine_answer(case, subject)
            if answer is not None:
                self.decide(case, subject, answer)

    def agree_with_all(self, case: Case) -> None:
        """Agree with the machine on each eye and the patient, where nothing else was said.

        The patient's call is that of the eyes: it is left open where the reader's differ.
        """
        if case.result is None or not case.revealed():
            return
        eyes = [str(eye.laterality) for eye in case.result.eyes]
        said = {subject: self._said(case, subject) for subject in (*eyes, PATIENT)}
        differs = any(said[eye] not in (None, self.machine_answer(case, eye)) for eye in eyes)
        if differs and said[PATIENT] is None:
            del said[PATIENT]
            self._session.noticed.emit(
                Notice(
                    kind="information",
                    text=self.tr(
                        "You called an eye otherwise than the machine, so the patient's call is "
                        "left to you (Ctrl+D)."
                    ),
                )
            )
        for subject, answer in said.items():
            if answer is None:
                self.agree(case, subject)

    def decide(self, case: Case, subject: str, answer: str | None, note: str = "") -> None:
        """Put an answer into the trail; None withdraws the one that stands."""
        if not self._session.settings.reader:
            self._ask_who_reads(case, lambda: self.decide(case, subject, answer, note))
            return
        decision = self._decision(case, subject, answer, note)
        if decision is None:
            self._tell_unsaved(case)
        elif not self._stands(case, decision):
            self._submit(
                case,
                decision,
                lambda entry: self._undoing.decided(case, case.readings.of(subject), entry),
            )

    def write(
        self,
        case: Case,
        subject: str,
        answer: str | None,
        note: str,
        remember: Callable[[Entry], object],
    ) -> None:
        """Decide what was decided before; see `_submit`."""
        decision = self._decision(case, subject, answer, note)
        if decision is None:
            self._tell_unsaved(case)
        else:
            self._submit(case, decision, remember)

    def sign(self, initials: str) -> None:
        """Remember who reads, and carry out what was said unsigned; nothing without initials."""
        waiting, self._unsigned = self._unsigned, []
        if initials:
            self._session.change_settings(replace(self._session.settings, reader=initials))
            for each in waiting:
                each()

    # What is shown

    def shows(self, case: Case, subject: str) -> bool:
        """Whether the machine's answer on a subject may be seen."""
        return case.revealed(_eye_of(case, subject))

    def machine_answer(self, case: Case, subject: str) -> str | None:
        return self.answers(case).get(subject)

    def answers(self, case: Case) -> Mapping[str, str]:
        """The machine's answers, by the subjects that there are."""
        facts = _facts(case)
        if facts is None:
            return {}
        # Asked for at every B-scan that the reader scrolls over, of hundreds.
        if self._answers is None or self._answers[0] is not facts[0]:
            self._answers = facts[0], machine_answers(*facts)
        return self._answers[1]

    def shows_visit(
        self, visit: AnalysedStudy, laterality: Laterality, decided: frozenset[str]
    ) -> bool:
        """Whether the machine's answer on an eye at any visit may be seen.

        Args:
            decided: The subjects at that visit of which the trail tells.
        """
        study, settings = visit.study, self._session.settings
        for case in self._session.cases:
            if (case.uid, case.summary.patient) == (study.uid, study.patient):
                return case.revealed(laterality)
        # Kept by another window since.
        earlier = visit.result.analysed.timestamp() < settings.blind_since
        return not settings.blind_first or earlier or str(laterality) in decided

    @property
    def writing(self) -> bool:
        """Whether a decision is on its way to the trail."""
        return bool(self._asked)

    def read_trail(self, case: Case | None, then: Callable[[list[Entry]], object]) -> None:
        """Read the trail of a case, or with None of all, and then go on with it."""
        if case is None:
            self._session.keeper.do(lambda store: store.trail(), then)
        else:
            visit = case.uid, case.summary.patient
            self._session.keeper.do(lambda store: store.trails([visit])[0], then)

    # Between the two

    def _ask_who_reads(self, case: Case, then: Callable[[], None]) -> None:
        """Go on once the reader has signed."""
        if "reader" in locked_settings():
            text = self.tr(
                "Nothing can be decided, because the clinic's configuration keeps the initials "
                "empty; ask whoever looks after this computer."
            )
            self._session.noticed.emit(Notice(kind="problem", text=text))
            return
        self._unsigned.append(then)
        if len(self._unsigned) == 1:
            self.initials_wanted.emit(case)

    def _tell_unsaved(self, case: Case) -> None:
        text = self.tr(
            "Your call on {name} was not saved, because the result it was given on is no longer "
            "there; show the study, analyse it again (F5) and decide once more."
        ).format(name=apart(case.summary.name))
        self._session.noticed.emit(Notice(kind="problem", text=text))

    def _decision(self, case: Case, subject: str, answer: str | None, note: str) -> Decision | None:
        facts = _facts(case)
        if facts is None:
            return None
        known = self.shows(case, subject) or self._on_its_way(case, subject) is not None
        if subject == PATIENT:
            # One eye's answer tells of the patient's.
            known = any(case.revealed(each) for each in case.summary.eyes)
        return Decision(
            reader=self._session.settings.reader,
            study_uid=_key(case),
            subject=subject,
            answer=answer,
            machine=machine_answers(*facts).get(subject),
            # Pictures made by a program are no test of a reader.
            blind=not (known or case.study.synthetic),
            note=note,
            model=model_line(facts[0]),
        )

    def _on_its_way(self, case: Case, subject: str) -> Decision | None:
        """The newest decision on a subject that does not stand in the trail yet."""
        asked = (each for each in reversed(self._asked) if each.study_uid == _key(case))
        return next((each for each in asked if each.subject == subject), None)

    def _said(self, case: Case, subject: str) -> str | None:
        """The reader's answer, be it still on its way."""
        asked, entry = self._on_its_way(case, subject), case.readings.of(subject)
        if asked is not None:
            return asked.answer
        return entry.after if entry is not None else None

    def _stands(self, case: Case, decision: Decision) -> bool:
        """Whether it would change nothing: once more in the trail, it would not be read blind."""
        last = self._on_its_way(case, decision.subject)
        if last is not None:
            # How blind it is may differ: the first of the two is the one that counts.
            return replace(last, blind=decision.blind) == decision
        entry = case.readings.of(decision.subject)
        if entry is None:
            return decision.answer is None
        now = decision.reader, decision.answer, decision.machine, decision.note, decision.model
        return (entry.reader, entry.after, entry.machine, entry.note, entry.model) == now

    def _submit(
        self,
        case: Case,
        decision: Decision,
        remember: Callable[[Entry], object] = lambda entry: None,
    ) -> None:
        """Write a decision.

        Args:
            remember: Called once it is written, before it stands.
        """
        self._session.stay()
        self._asked.append(decision)

        def written(entry: Entry) -> None:
            self._asked.remove(decision)
            if is_eye(decision.subject):
                # From here on the machine's answer is beside it, whatever becomes of it.
                case.seen |= {Laterality(decision.subject)}
            remember(entry)
            case.readings = case.readings.with_entry(entry)
            self._tell(case)

        def not_written(error: AppError) -> None:
            self._asked.remove(decision)
            self._session.noticed.emit(Notice(kind="problem", text=str(error)))

        when = datetime.now().astimezone()
        before = case.readings.of(decision.subject)
        follows = before.study_uid if before is not None else None
        self._session.keeper.do(
            lambda store: store.decide(decision, when, follows), written, not_written
        )

    def _follow_eyes(self, case: Case, before: Study) -> None:
        """Let no answer stand on an eye that shows other scans than those it was given on.

        It goes along where the scans were all of their eye and are all of the new one, and their
        reader is the one who names it.
        """
        changed, goes_to = eyes_moved(before, case.study)
        self._undoing.drop(case, map(str, changed))
        carried: list[Carried] = []
        withdrawn: list[Laterality] = []
        for eye in changed:
            entry = case.readings.of(str(eye))
            on_its_way = self._on_its_way(case, str(eye)) is not None
            if entry is None and not on_its_way:
                continue
            withdrawal = self._on_new_scans(case, eye, None, entry)
            self._submit(case, withdrawal, partial(self._forget, case))
            mine = entry is not None and entry.reader == self._session.settings.reader
            if entry is not None and mine and eye in goes_to and not on_its_way:
                carried.append((entry, eye, goes_to[eye]))
            else:
                withdrawn.append(eye)
        for entry, _, other in carried:
            self._submit(case, self._on_new_scans(case, other, entry.after, entry))
        notice = told_of(carried, withdrawn)
        if notice is not None:
            self._session.noticed.emit(notice)

    def _follow_scans(self, case: Case, before: Study, replaced: Collection[str]) -> None:
        """Let no answer stand on scans that came to the study since, or in the place of others."""
        subjects = on_other_scans(before, case.study, replaced)
        key, visit = _key(case), (case.uid, case.summary.patient)
        reader, when = self._session.settings.reader, datetime.now().astimezone()

        def withdraw(store: Store) -> list[Entry]:
            # As the trail has them: those of earlier runs may not be loaded yet.
            standing = Readings.standing(store.trails([visit])[0]).entries
            return [
                store.decide(withdrawal(each, key, reader), when, each.study_uid)
                for each in standing
                if each.subject in subjects
            ]

        if subjects:
            self._session.keeper.do(withdraw, partial(self._withdrawn, case))

    def _withdrawn(self, case: Case, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        subjects = [each.subject for each in entries]
        for each in entries:
            case.readings = case.readings.with_entry(each)
        self._undoing.drop(case, subjects)
        self._tell(case)
        self._session.noticed.emit(told_withdrawn(case.summary.name, subjects))

    def _forget(self, case: Case, withdrawn: Entry) -> None:
        """Leave no way back to what was on its way when its eye came to show other scans."""
        self._undoing.drop(case, [withdrawn.subject])

    def _on_new_scans(
        self, case: Case, eye: Laterality, answer: str | None, entry: Entry | None
    ) -> Decision:
        facts = _facts(case)
        return Decision(
            reader=self._session.settings.reader,
            study_uid=_key(case),
            subject=str(eye),
            answer=answer,
            machine=self.machine_answer(case, str(eye)),
            # The answer was counted on its former eye.
            blind=False,
            note=entry.note if entry is not None and answer is not None else OTHER_SCANS,
            model=model_line(facts[0]) if facts is not None else entry.model if entry else "",
        )

    def _take_stock(self) -> None:
        """Hide and show as the settings say, and load the decisions on cases that are new."""
        settings = self._session.settings
        for case in self._session.cases:
            made = case.analysed.timestamp() if case.analysed is not None else time.time()
            if settings.blind_first and not case.blind_first and made < settings.blind_since:
                # What was found before could be seen, in this run or an earlier one.
                case.seen |= set(case.summary.eyes)
            case.blind_first = settings.blind_first
        fresh = [case for case in self._session.cases if case not in self._known]
        self._known = set(self._session.cases)
        self._undoing.keep(self._known)
        if fresh:
            visits = [(case.uid, case.summary.patient) for case in fresh]
            self._session.keeper.do(
                lambda store: store.trails(visits), partial(self._loaded, fresh)
            )

    def _loaded(self, cases: Sequence[Case], trails: Sequence[Sequence[Entry]]) -> None:
        for case, entries in zip(cases, trails, strict=True):
            if entries:
                case.seen |= {Laterality(each.subject) for each in entries if is_eye(each.subject)}
                case.readings = Readings.standing(entries)
                self._undoing.learn(case, entries)
                self._tell(case)
        if any(trails):
            # Said before they were listed: it has a part in where they stand.
            self._session.cases_changed.emit()

    def _tell(self, case: Case) -> None:
        self._session.case_changed.emit(case)
        self.decided.emit(case)


def _key(case: Case) -> str:
    return trail_key(case.uid, case.summary.patient)


def _facts(case: Case) -> tuple[StudyResult, Card] | None:
    if case.result is None or case.card is None:
        return None
    return case.result, case.card


def _eye_of(case: Case, subject: str) -> Laterality | None:
    """The eye whose answer tells of a subject; None for the patient, who has all of them."""
    if subject == PATIENT:
        return None
    for volume in case.study.volumes:
        if str(volume.laterality) == subject:
            return volume.laterality
        if any(bscan_subject(volume, at) == subject for at in range(len(volume.bscans))):
            return volume.laterality
    return None
