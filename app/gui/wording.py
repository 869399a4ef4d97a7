"""How results are put in words on the screen."""

from collections.abc import Iterable, Sequence
from html import escape

from PySide6.QtCore import QCoreApplication

from app.aggregate import spoken
from app.cases.kept import Summary
from app.cases.trail import Entry
from app.gui.languages import apart, told
from app.modelpack import Card, ClassInfo
from app.study import (
    BScanResult,
    Call,
    Gradability,
    Laterality,
    Outcome,
    Patient,
    Spacing,
    Study,
    Volume,
)


def translate(text: str) -> str:
    return QCoreApplication.translate("wording", text)


def eye_short(laterality: Laterality) -> str:
    return translate("Eye?") if laterality is Laterality.UNKNOWN else str(laterality)


def eye_long(laterality: Laterality) -> str:
    return {
        Laterality.RIGHT: translate("Right eye"),
        Laterality.LEFT: translate("Left eye"),
        Laterality.UNKNOWN: translate("Eye unknown"),
    }[laterality]


def call_title(call: Call) -> str:
    """The answer in a few words: "CNV", "Uncertain: possible CNV", "Ungradable"."""
    match call.outcome:
        case Outcome.UNCERTAIN:
            return translate("Uncertain: possible {name}").format(
                name=told(spoken(call.label or "?"))
            )
        case Outcome.OUT_OF_SCOPE:
            return translate("Out of scope")
        case Outcome.UNGRADABLE:
            return translate("Ungradable")
    return class_word(call.label or "?")


def call_icon(call: Call, card: Card) -> str:
    """The shape that goes with a call's colour."""
    match call.outcome:
        case Outcome.UNCERTAIN:
            return "question"
        case Outcome.OUT_OF_SCOPE:
            return "scope"
        case Outcome.UNGRADABLE:
            return "ungradable"
    healthy = call.label is not None and card.class_named(call.label).severity == 0
    return "check" if healthy else "urgent"


def class_word(name: str) -> str:
    """A class name standing alone: "CNV", "Drusen"."""
    return told(name if len(name) <= 4 else name.capitalize())


def reader_s_call(entry: Entry) -> str:
    """Who and what: "AB: DME"."""
    return translate("{reader}: {answer}").format(
        reader=apart(entry.reader), answer=answer_word(entry.after or "")
    )


def answer_word(answer: str) -> str:
    """A reader's or the machine's answer standing alone; see `app.readings`."""
    words = {
        "uncertain": translate("Uncertain"),
        "ungradable": translate("Ungradable"),
        "other finding": translate("Other finding"),
        "out of scope": translate("Out of scope"),
    }
    return words.get(answer) or class_word(answer)


def listed(parts: Iterable[str]) -> str:
    """Names or figures one after the other."""
    return translate(", ").join(parts)


def as_html(text: str) -> str:
    """What a reader typed, as it stands, within rich text."""
    return escape(text, quote=False)


def at_least(info: ClassInfo, card: Card) -> str:
    """What an eye's score for a class means: "DME or worse", and plainly the most severe."""
    word = class_word(info.name)
    worst = max(each.severity for each in card.classes)
    if info.severity in (0, worst):
        return word
    return translate("{name} or worse").format(name=word)


def percent(share: float) -> str:
    """A probability as a reader wants it: never a bare 0 or 100."""
    if share < 0.01:
        return apart("< 1 %")
    if share > 0.99:
        return apart("> 99 %")
    return apart(f"{share * 100:.0f} %")


def bscan_finding(result: BScanResult, card: Card) -> tuple[str, int | None]:
    """What is said of one B-scan, and the position of its class, None if it has none."""
    if result.probabilities is None:
        if result.gradability is Gradability.UNREADABLE:
            return translate("Unreadable"), None
        return translate("Ungradable: {why}").format(why=_why(result.gradability)), None
    best = _strongest(result.probabilities)
    words = f"{class_word(card.names[best])} {percent(result.probabilities[best])}"
    if not result.familiar:
        words = translate("{finding} · unlike training data").format(finding=words)
    return words, best


def bscan_class(result: BScanResult) -> int | None:
    """The position of a B-scan's class, None if it has none."""
    return None if result.probabilities is None else _strongest(result.probabilities)


def _strongest(probabilities: Sequence[float]) -> int:
    return max(range(len(probabilities)), key=probabilities.__getitem__)


def _why(gradability: Gradability) -> str:
    return {
        Gradability.BLANK: translate("blank"),
        Gradability.SATURATED: translate("saturated"),
        Gradability.CUT: translate("cut off"),
        Gradability.BLURRED: translate("blurred"),
    }.get(gradability, str(gradability))


def patient_line(patient: Patient) -> str:
    """Name, number, birth date and sex, as far as they are known."""
    sexes = {"F": translate("female"), "M": translate("male"), "O": translate("other")}
    parts = [patient.name or translate("Name unknown")]
    if patient.identifier:
        parts.append(translate("No. {number}").format(number=patient.identifier))
    if patient.birth_date:
        parts.append(translate("born {date}").format(date=patient.birth_date.isoformat()))
    if patient.sex in sexes:
        parts.append(sexes[patient.sex])
    return "  ·  ".join(map(apart, parts))


def set_for_the_clinic() -> str:
    """Why something cannot be changed here."""
    return translate("Set for the whole clinic; ask whoever looks after this computer.")


def whose(summary: Summary) -> str:
    """Patient and visit in one line; where no patient is named, what tells the study apart."""
    known = summary.patient.name or summary.patient.identifier
    patient = patient_line(summary.patient) if known else apart(summary.name)
    return f"{patient}  ·  {visit_line(summary)}"


def visit_line(study: Study | Summary) -> str:
    if study.visited is None:
        return translate("Visit date unknown")
    return apart(study.visited.isoformat())


def volume_line(volume: Volume) -> str:
    """What one acquisition is: frames, size, device, time."""
    parts = [translate("{count} B-scans").format(count=len(volume.bscans))]
    if len(volume.bscans) == 1:
        parts = [translate("1 B-scan")]
    width = _width_mm(volume.spacing, volume.bscans[0].columns)
    if width:
        parts.append(width)
    if volume.device:
        parts.append(volume.device)
    if volume.acquired:
        parts.append(f"{volume.acquired:%H:%M}")
    return "  ·  ".join(map(apart, parts))


def duration(seconds: float) -> str:
    if seconds < 60:
        return translate("{n} s left").format(n=max(1, round(seconds)))
    return translate("{n} min left").format(n=round(seconds / 60))


def _width_mm(spacing: Spacing, columns: int) -> str:
    return f"{spacing.lateral_mm * columns:.1f} mm" if spacing.lateral_mm else ""
