"""What every section is given, and how the report looks."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import reduce

from app.language import Language, language
from app.modelpack import Card
from app.readings import NOTHING_READ, Readings, answer_word
from app.report.fonts import Fonts, Style
from app.report.page import MM, SHEETS
from app.report.words import likelihood, percent
from app.settings import Settings
from app.study import Call, Outcome, StudyResult

MARGIN = 16 * MM
GUTTER = 8 * MM  # between two columns

INK = "1b2733"
MUTED = "5b6875"
LINE = "cfd6dd"
PANEL = "f3f5f7"
ACCENT = "17406d"
WARNING, ON_WARNING = "fff1cc", "573d00"

FILLS = ("9fb3c6", "d9a400", "1a76b0", "c03a14", "8d3ca0", "47782a")
"""Of bars, by severity: told apart without red-green vision, and on a grey print by lightness."""

TONES = ("2f5d86", "856500", "1a76b0", "c03a14", "8d3ca0", "47782a")
"""Of words, by severity: dark enough on white."""

UNDECIDED = {
    Outcome.UNCERTAIN: "8f5a00",
    Outcome.OUT_OF_SCOPE: "6a46b5",
    Outcome.UNGRADABLE: "5b6671",
}

TITLE = Style(17, bold=True, leading=1.2)
HEADING = Style(10.5, bold=True, colour=ACCENT)
STRONG = Style(9, bold=True)
BODY = Style(9)
SMALL = Style(8)
NOTE = Style(7.5, colour=MUTED)
LABEL = Style(7, colour=MUTED)
MONO = Style(7.5)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Context:
    """One report in the making."""

    result: StudyResult
    card: Card
    settings: Settings
    when: datetime
    fonts: Fonts
    readings: Readings = NOTHING_READ
    enface: float = 50 * MM  # the most an en-face picture may be high

    @property
    def language(self) -> Language:
        return language(self.settings.language)

    def say(self, template: str, **values: object) -> str:
        """Fill in a template in the report's language; the values are as they shall stand."""
        return self.language.say(template, **values)

    def tell(self, sentence: str) -> str:
        """Say an English sentence of the core in the report's language."""
        return self.language.tell(sentence)

    def class_word(self, name: str) -> str:
        """A class name standing alone, as the window says it: "CNV", "Drusen"."""
        return self.tell(answer_word(name))

    def parted(self, parts: Iterable[str]) -> str:
        """Parts that are in the report's language already, as one sentence without its end."""
        return reduce(lambda one, each: self.say("{one}; {next}", one=one, next=each), parts)

    def listed(self, words: Iterable[str]) -> str:
        """Words that are in the report's language already, with commas."""
        return reduce(lambda one, each: self.say("{one}, {next}", one=one, next=each), words)

    def probability(self, value: float) -> str:
        """A calibrated probability in figures and words."""
        return self.say(
            "{percent}, {likelihood}",
            percent=percent(value),
            likelihood=self.say(likelihood(value)),
        )

    @property
    def sheet(self) -> tuple[float, float]:
        return SHEETS[self.settings.paper]

    @property
    def width(self) -> float:
        """Room between the margins."""
        return self.sheet[0] - 2 * MARGIN

    @property
    def column(self) -> float:
        """Width of one of two columns."""
        return (self.width - GUTTER) / 2

    def tone(self, call: Call) -> str:
        """The colour that goes with a call's words; it never says anything alone."""
        if call.outcome is Outcome.CALLED and call.label is not None:
            return TONES[self.card.class_named(call.label).severity % len(TONES)]
        return UNDECIDED[call.outcome]

    def fill(self, class_index: int) -> str:
        return FILLS[self.card.classes[class_index].severity % len(FILLS)]
