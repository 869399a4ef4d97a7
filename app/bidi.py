"""Put text of mixed directions into the order in which it is read on paper.

The Unicode bidirectional algorithm (UAX #9) without its explicit embeddings and overrides, whose
control characters are dropped: names and sentences in DICOM do not carry them, and a hidden one
must not reorder a report. Isolates are kept: they reorder nothing outside themselves, and
`app.language` puts Latin words into a Persian sentence with them.
"""

import unicodedata
from dataclasses import dataclass

LRI, RLI, _FSI, PDI = "\u2066", "\u2067", "\u2068", "\u2069"

_ISOLATES = {LRI, RLI, _FSI}
_OBJECT = "\ufffc"  # a neutral character, as which an isolate stands in its line
_CONTROLS = {"LRE", "RLE", "LRO", "RLO", "PDF", "BN"}
_NEUTRAL = {"B", "S", "WS", "ON"}
_BRACKETS = dict(zip("([{", ")]}", strict=True))
_JOINERS = "\u200c\u200d"  # class BN, but they shape Persian and Hindi


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring characters of one direction, in the order they are spoken."""

    text: str
    rtl: bool


def is_rtl(text: str) -> bool:
    """Whether a paragraph runs from right to left: its first letter decides (rules P2 and P3).

    Isolates do not count; in a paragraph of nothing else, any letter from right to left decides.
    """
    flat, isolated = _flat(text)
    for each in flat:
        kind = unicodedata.bidirectional(each)
        if kind in ("L", "R", "AL"):
            return kind != "L"
    return bool(isolated) and holds_rtl(text)


def holds_rtl(text: str) -> bool:
    """Whether any letter of it is written from right to left."""
    return any(unicodedata.bidirectional(each) in ("R", "AL") for each in text)


def visual_runs(
    text: str, *, base_rtl: bool | None = None, before: str = "", after: str = ""
) -> list[Run]:
    """Split one line into runs and put these in order from left to right.

    Args:
        base_rtl: Direction of the paragraph the line belongs to; None takes it from the line.
        before: The paragraph up to the line: "CST" there keeps "310 µm" here from being parted.
        after: The rest of the paragraph.
    """
    if text.isascii() and text.isprintable() and not base_rtl:
        return [Run(text=text, rtl=False)] if text else []
    before, text, after = map(_uncontrolled, (before, text, after))
    base = int(is_rtl(text) if base_rtl is None else base_rtl)
    levels = _with_isolates(before + text + after, base)[len(before) : len(before) + len(text)]
    runs: list[tuple[int, str]] = []
    for each, level in zip(text, levels, strict=True):
        # What begins and ends an isolate has no shape, but parts it from its neighbours.
        drawn = "" if each in _ISOLATES or each == PDI else each
        if runs and runs[-1][0] == level:
            runs[-1] = (level, runs[-1][1] + drawn)
        else:
            runs.append((level, drawn))
    return [Run(text=part, rtl=level % 2 == 1) for level, part in _reordered(runs) if part]


def _uncontrolled(text: str) -> str:
    return "".join(
        each
        for each in text
        if each in _JOINERS or unicodedata.bidirectional(each) not in _CONTROLS
    )


def _reordered(runs: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Rule L2: from the highest level down to the lowest odd one, reverse what lies above it."""
    if not runs:
        return []
    for level in range(max(each for each, _ in runs), 0, -1):
        ordered: list[tuple[int, str]] = []
        group: list[tuple[int, str]] = []
        for run in runs:
            if run[0] >= level:
                group.append(run)
            else:
                ordered += [*reversed(group), run]
                group = []
        runs = ordered + list(reversed(group))
    return runs


def _flat(text: str) -> tuple[str, list[tuple[int, int]]]:
    """Put a neutral character for each isolate (rule BD9); also return where these lay."""
    flat, spans, begun, depth = "", [], 0, 0
    for index, each in enumerate(text):
        if each in _ISOLATES:
            begun = begun if depth else index
            depth += 1
        elif each == PDI and depth:
            depth -= 1
            if not depth:
                spans.append((begun, index))
                flat += _OBJECT
        elif not depth:
            flat += _OBJECT if each == PDI else each
    if depth:  # it ends with its line
        spans.append((begun, len(text)))
        flat += _OBJECT
    return flat, spans


def _with_isolates(text: str, base: int) -> list[int]:
    """The level of each character: rules X5a to X6a, and within each isolate all rules anew."""
    flat, spans = _flat(text)
    outer = iter(_levels(flat, base))
    levels: list[int] = []
    for begin, end in spans:
        levels += [next(outer) for _ in range(begin - len(levels))]
        around = next(outer)
        within = text[begin + 1 : end]
        rtl = is_rtl(within) if text[begin] == _FSI else text[begin] == RLI
        deeper = base + 1 if (base % 2 == 0) == rtl else base + 2
        levels += [around, *_with_isolates(within, deeper), around][: len(text) - begin]
    return [*levels, *outer]


def _levels(text: str, base: int) -> list[int]:
    side = "R" if base % 2 else "L"
    kinds = _weak(text, side)
    _brackets(text, kinds, side)
    _neutral(kinds, side)
    # Rules I1 and I2.
    raise_by = {"L": {"L": 0, "R": 1, "AN": 2, "EN": 2}, "R": {"L": 1, "R": 0, "AN": 1, "EN": 1}}
    levels = [base + raise_by[side][kind] for kind in kinds]
    # Rule L1: white space at the end of the line belongs to the paragraph.
    for index in range(len(text) - 1, -1, -1):
        if not text[index].isspace():
            break
        levels[index] = base
    return levels


def _weak(text: str, base: str) -> list[str]:
    """Rules W1 to W7: numbers and what stands in and beside them."""
    kinds: list[str] = []
    for each in text:
        kind = unicodedata.bidirectional(each) or "L"
        kinds.append((kinds[-1] if kinds else base) if kind in ("NSM", "BN") else kind)
    strong = base
    for index, kind in enumerate(kinds):
        if kind in ("L", "R", "AL"):
            strong = kind
        elif kind == "EN" and strong == "AL":
            kinds[index] = "AN"
    kinds = ["R" if kind == "AL" else kind for kind in kinds]
    for index in range(1, len(kinds) - 1):
        before, kind, after = kinds[index - 1 : index + 2]
        same = before == after and before in ("EN", "AN")
        if same and (kind == "CS" or (kind == "ES" and before == "EN")):
            kinds[index] = before
    for order in (range(len(kinds)), range(len(kinds) - 1, -1, -1)):
        last = ""
        for index in order:
            if kinds[index] == "ET" and last == "EN":
                kinds[index] = "EN"
            last = kinds[index]
    strong = base
    for index, kind in enumerate(kinds):
        if kind in ("ES", "ET", "CS"):
            kinds[index] = "ON"
        elif kind in ("L", "R"):
            strong = kind
        elif kind == "EN" and strong == "L":
            kinds[index] = "L"
    return kinds


def _brackets(text: str, kinds: list[str], base: str) -> None:
    """Rule N0: both brackets of a pair take the direction of what they hold or of what is before.

    Else in a line from right to left "Clinic (2)" would lose its last bracket to the other end.
    """
    for begin, end in _pairs(text, kinds):
        held = {_side(each) for each in kinds[begin + 1 : end] if each not in _NEUTRAL}
        if not held:
            continue
        strong = (_side(each) for each in reversed(kinds[:begin]) if each not in _NEUTRAL)
        kinds[begin] = kinds[end] = base if base in held else next(strong, base)


def _pairs(text: str, kinds: list[str]) -> list[tuple[int, int]]:
    """Where brackets that belong together stand (rule BD16), by the place of the first."""
    pairs, begun = [], list[tuple[str, int]]()
    for index, each in enumerate(text):
        if kinds[index] != "ON":
            continue
        if each in _BRACKETS:
            begun.append((_BRACKETS[each], index))
        elif any(each == closing for closing, _ in begun):
            while begun[-1][0] != each:
                begun.pop()
            pairs.append((begun.pop()[1], index))
    return sorted(pairs)


def _neutral(kinds: list[str], base: str) -> None:
    """Rules N1 and N2: what has no direction takes its neighbours', if they agree, else base."""
    index = 0
    while index < len(kinds):
        if kinds[index] not in _NEUTRAL:
            index += 1
            continue
        end = index
        while end < len(kinds) and kinds[end] in _NEUTRAL:
            end += 1
        before = _side(kinds[index - 1]) if index else base
        after = _side(kinds[end]) if end < len(kinds) else base
        kinds[index:end] = [before if before == after else base] * (end - index)
        index = end


def _side(kind: str) -> str:
    return "L" if kind == "L" else "R"
