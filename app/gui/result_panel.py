"""What was found: the patient's call and advice, each eye's, and the B-scan on show."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.acquisition import remarks
from app.gui import theme, wording
from app.gui.decision_row import DecisionRow
from app.gui.icons import pixmap
from app.gui.languages import apart, led, told, wrap
from app.gui.probability_bars import ProbabilityBars
from app.gui.session import Case, CaseState
from app.modelpack import Card
from app.notices import HEAT_MAP, advice_title
from app.spread import score_ranges
from app.study import BScanResult, Call, EyeResult, Laterality, Outcome, Study, StudyResult

_EVIDENCE = 8  # B-scans named; the filmstrip marks the rest


def _label(text: str = "", name: str = "") -> QLabel:
    label = QLabel(text)
    label.setObjectName(name)
    wrap(label)
    return label


class _Block(QFrame):
    """One card of the panel: heading, the machine's answer, sentence, bars, the reader's."""

    linked = Signal(int)  # a B-scan's index

    def __init__(self, *, large: bool = False) -> None:
        super().__init__()
        self.setObjectName("card")
        self.heading = _label(name="muted")
        self._picture = QLabel()
        self._picture.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.answer = _label(name="heading")
        self._size = 26 if large else 18
        font = self.answer.font()
        font.setPointSizeF(font.pointSizeF() * (1.5 if large else 1.15))
        font.setBold(True)
        self.answer.setFont(font)
        self.sentence = _label()
        self.bars = ProbabilityBars()
        self.links = _label(name="muted")
        self.links.setTextInteractionFlags(
            Qt.TextInteractionFlag.LinksAccessibleByMouse
            | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
        )
        self.links.linkActivated.connect(lambda link: self.linked.emit(int(link)))
        row = QHBoxLayout()
        row.setSpacing(theme.GAP)
        row.addWidget(self._picture)
        row.addWidget(self.answer, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 10)
        layout.setSpacing(5)
        layout.addWidget(self.heading)
        layout.addLayout(row)
        self.row = DecisionRow()
        for each in (self.sentence, self.bars, self.links, self.row):
            layout.addWidget(each)

    def hide_answer(self, words: str, sentence: str) -> None:
        """Keep the machine's answer from a reader who has not answered yet."""
        self.show_answer(words, "eye", QColor(theme.current().accent))
        self.show_text(self.sentence, sentence)
        for each in (self.bars, self.links):
            each.hide()
        self.links.clear()

    def show_answer(self, words: str, picture: str, colour: QColor | None) -> None:
        self.answer.setText(led(words))
        self._picture.setVisible(bool(picture))
        if picture:
            ink = colour or QColor(theme.current().muted)
            self._picture.setPixmap(pixmap(picture, ink, self._size))

    def show_text(self, label: QLabel, text: str) -> None:
        label.setText(text)
        label.setVisible(bool(text))


class _Remarks(QFrame):
    """What to know of the scans before the result is believed."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("card")
        self._picture = QLabel()
        self._picture.setAlignment(Qt.AlignmentFlag.AlignTop)
        heading = _label(self.tr("Before you read"), "heading")
        self.words = _label()
        self.words.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.words.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        row = QHBoxLayout()
        row.setSpacing(theme.GAP)
        row.addWidget(self._picture)
        row.addWidget(heading, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 10)
        layout.setSpacing(5)
        layout.addLayout(row)
        layout.addWidget(self.words)

    def show_study(
        self, study: Study | None, card: Card | None, result: StudyResult | None
    ) -> None:
        found = remarks(study, card, result) if study is not None else ()
        several = study is not None and len({each.laterality for each in study.volumes}) > 1
        self.setVisible(bool(found))
        colour = QColor(theme.current().uncertain)
        self._picture.setPixmap(pixmap("warning", colour, 18))
        sentences = []
        for each in found:
            eyes = wording.listed(apart(wording.eye_short(eye)) for eye in each.eyes)
            sentence = told(each.sentence)
            words = f"{eyes}: {sentence}" if several else sentence
            sentences.append(f"<p style='margin: 2px 0'>{wording.as_html(words)}</p>")
        self.words.setText("".join(sentences))


class ResultPanel(QScrollArea):
    """The right side of the window."""

    jumped = Signal(object, int)  # Laterality, index of a B-scan

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setMinimumWidth(262)
        theme.say(self, self.tr("Results"))
        inside = QWidget()
        self._layout = QVBoxLayout(inside)
        self._layout.setContentsMargins(theme.GAP, theme.GAP, theme.GAP, theme.GAP)
        self._layout.setSpacing(theme.GAP)
        self.remarks = _Remarks()
        self.patient = _Block(large=True)
        self.eyes = {laterality: self._eye_block(laterality) for laterality in Laterality}
        self.bscan = _Block()
        self.model = _label(name="muted")
        self._layout.addWidget(self.remarks)
        self._layout.addWidget(self.patient)
        for block in self.eyes.values():
            self._layout.addWidget(block)
        self._layout.addWidget(self.bscan)
        self._layout.addWidget(self.model)
        self._layout.addStretch(1)
        self._front = Laterality.RIGHT
        self._hidden: set[Laterality] = set()  # eyes whose answer is kept from the reader
        self.setWidget(inside)
        self.show_case(None, None)

    def _eye_block(self, laterality: Laterality) -> _Block:
        block = _Block()
        block.linked.connect(lambda index: self.jumped.emit(laterality, index))
        return block

    def show_case(self, case: Case | None, card: Card | None) -> None:
        """Show a case's calls, or how far it is."""
        result = case.result if case is not None else None
        self.patient.setVisible(case is not None)
        self.remarks.show_study(case.study if case is not None else None, card, result)
        if result is None or card is None:
            for block in (*self.eyes.values(), self.bscan):
                block.hide()
            self.model.setText("")
            if case is not None:
                self._show_state(case)
            return
        assert case is not None
        self._hidden = {each for each in self.eyes if not case.revealed(each)}
        if case.revealed():
            self._show_patient(result, card)
        else:
            self._hide_patient()
        by_eye = {eye.laterality: eye for eye in result.eyes}
        for laterality, block in self.eyes.items():
            block.setVisible(laterality in by_eye)
            if laterality in by_eye:
                self._show_eye(block, by_eye[laterality], card)
            if laterality in self._hidden:
                block.hide_answer(self.tr("Not read yet"), "")
        self.bring_forward(self._front)
        self.model.setText(
            self.tr("Model {title}, version {version}. {heat}").format(
                title=told(card.title), version=card.version, heat=told(HEAT_MAP)
            )
        )

    def bring_forward(self, front: Laterality) -> None:
        """Show the eye in front in full, and of the others only what was found."""
        self._front = front
        for laterality, block in self.eyes.items():
            block.bars.setVisible(laterality is front and laterality not in self._hidden)
            block.links.setVisible(laterality is front and bool(block.links.text()))

    def show_bscan(
        self, laterality: Laterality, index: int, result: BScanResult | None, card: Card | None
    ) -> None:
        """Show the probabilities of the B-scan on show."""
        if result is None or card is None:
            self.bscan.hide()
            return
        self.bscan.show()
        self.bscan.heading.setText(
            led(self.tr("{eye}  ·  B-scan {n}")).format(
                eye=wording.eye_short(laterality), n=index + 1
            )
        )
        words, position = wording.bscan_finding(result, card)
        answer = wording.class_word(card.names[position]) if position is not None else words
        self.bscan.show_answer(answer, "", None)
        remark = ""
        if position is not None and not result.familiar:
            remark = self.tr("Unlike the training data: not counted for the call.")
        elif position is None:
            remark = self.tr("Left out of the call.")
        self.bscan.show_text(self.bscan.sentence, remark)
        self.bscan.bars.setVisible(result.probabilities is not None)
        self.bscan.bars.show_values(result.probabilities, card, self.tr("Probabilities"))
        self.bscan.links.hide()

    def _show_state(self, case: Case) -> None:
        words, picture, sentence = {
            CaseState.QUEUED: (self.tr("Waiting"), "clock", self.tr("Next in turn.")),
            CaseState.RUNNING: (
                self.tr("Being analysed"),
                "clock",
                self.tr("The B-scans can be viewed meanwhile."),
            ),
            CaseState.STOPPED: (
                self.tr("Not analysed"),
                "info",
                self.tr("The analysis was cancelled. Press F5 to analyse this study."),
            ),
            CaseState.FAILED: (self.tr("Could not be analysed"), "problem", told(case.problem)),
            CaseState.READY: ("", "", ""),
        }[case.state]
        self.patient.heading.setText(self.tr("Patient"))
        self.patient.show_answer(words, picture, None)
        self.patient.show_text(self.patient.sentence, sentence)
        self.patient.bars.hide()
        self.patient.links.hide()

    def _show_patient(self, result: StudyResult, card: Card) -> None:
        self.patient.heading.setText(self.tr("Patient"))
        self._show_call(self.patient, result.call, card)
        referral = result.referral
        self.patient.show_text(
            self.patient.sentence,
            f"<b>{told(advice_title(referral.level))}</b><br>{told(referral.advice)}",
        )
        self.patient.bars.hide()
        self.patient.links.hide()

    def _hide_patient(self) -> None:
        self.patient.heading.setText(self.tr("Patient"))
        self.patient.hide_answer(
            self.tr("Your call first"),
            self.tr(
                "Give your own call for each eye; the machine's is then shown beside it. Report "
                "and export come after that."
            ),
        )

    def _show_eye(self, block: _Block, eye: EyeResult, card: Card) -> None:
        short, long = wording.eye_short(eye.laterality), wording.eye_long(eye.laterality)
        unknown = eye.laterality is Laterality.UNKNOWN
        block.heading.setText(long if unknown else led(f"{apart(short)}  ·  {long}"))
        call = eye.call
        self._show_call(block, call, card)
        block.show_text(block.sentence, told(call.reason))
        block.bars.show_values(
            call.scores,
            card,
            self.tr("Scores of the eye"),
            at_least=True,
            ranges=score_ranges(eye.volumes[eye.deciding].bscans, card),
        )
        block.show_text(block.links, self._evidence(call))

    def _show_call(self, block: _Block, call: Call, card: Card) -> None:
        severities = {each.name: each.severity for each in card.classes}
        colour = theme.call_colour(call, severities, theme.current())
        block.show_answer(wording.call_title(call), wording.call_icon(call, card), colour)

    def _evidence(self, call: Call) -> str:
        if not call.evidence or call.outcome is Outcome.UNGRADABLE:
            return ""
        colour = theme.current().accent
        links = [
            f'<a style="color:{colour}" href="{index}">{index + 1}</a>'
            for index in call.evidence[:_EVIDENCE]
        ]
        more = len(call.evidence) - len(links)
        words = self.tr("Weighed most: B-scans {links}")
        if more > 0:
            words = self.tr("Weighed most: B-scans {links} and {n} more")
        return words.format(links=wording.listed(links), n=more)
