"""How values are put into words: one wording for the whole report."""

from datetime import date

from app.decimals import alike
from app.language import all_of, fill, list_of, mark
from app.modelpack import Card, Figure
from app.study import Call, Laterality, Outcome

EYES = {
    Laterality.RIGHT: mark("Right eye (OD)"),
    Laterality.LEFT: mark("Left eye (OS)"),
    Laterality.UNKNOWN: mark("Eye unknown"),
}

_LIKELIHOOD = (
    (0.95, mark("very likely")),
    (0.75, mark("likely")),
    (0.40, mark("possible")),
    (0.10, mark("unlikely")),
    (0.0, mark("very unlikely")),
)


def likelihood(probability: float) -> str:
    """Put a calibrated probability into words."""
    return next(word for least, word in _LIKELIHOOD if probability >= least)


def percent(value: float) -> str:
    """A share in whole percent; what is not certain is never rounded to certainty."""
    if 0 < value < 0.01:
        return "< 1 %"
    if 0.99 < value < 1:
        return "> 99 %"
    return f"{100 * value:.0f} %"


def headline(call: Call, card: Card) -> str:
    """An answer in a few words."""
    match call.outcome:
        case Outcome.UNGRADABLE:
            return mark("Ungradable")
        case Outcome.OUT_OF_SCOPE:
            return mark("Outside what the model knows")
    title = card.class_named(call.label or "").title
    if call.outcome is Outcome.UNCERTAIN:
        return fill("Uncertain: {disease} suspected", disease=lower_first(title))
    return upper_first(title)


def upper_first(title: str) -> str:
    return title[:1].upper() + title[1:]


def lower_first(title: str) -> str:
    """The title within a sentence: an abbreviation at its head stays as it is."""
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]


def age(born: date, on: date) -> int:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def listed(numbers: list[int], most: int = 1000) -> str:
    """Put rising numbers into words: "8 to 12, 15 and 17", at most `most` numbers or spans."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][-1] + 1:
            spans[-1].append(number)
        else:
            spans.append([number])
    parts = [
        fill("{first} to {last}", first=each[0], last=each[-1])
        if len(each) > 2
        else list_of(map(str, each))
        for each in spans[:most]
    ]
    left_out = sum(map(len, spans[most:]))
    if left_out:
        parts.append(fill("{count} more", count=left_out))
    return all_of(parts)


def measured(figure: Figure) -> tuple[str, str]:
    """Return a measured figure and its interval; shares are given in percent."""
    values = figure.value, figure.low, figure.high
    shares = figure.name.lower().startswith(("sensitivity", "specificity", "accuracy"))
    if shares and not figure.unit and max(values) <= 1:
        value, low, high = (f"{100 * each:.1f}" for each in values)
        return f"{value} %", fill("{first} to {last}", first=low, last=high)
    unit = f" {figure.unit}" if figure.unit else ""
    value, low, high = alike(*values)
    return f"{value}{unit}", fill("{first} to {last}", first=low, last=f"{high}{unit}")


def scale_length_um(width_um: float) -> int:
    """A round length between a tenth and a third of the picture's width, in µm."""
    steps = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
    fitting = [each for each in steps if each <= width_um / 4]
    return fitting[-1] if fitting else steps[0]
