"""Put text of mixed directions into the order in which it is read on paper.

The Unicode bidirectional algorithm (UAX #9) without its explicit embeddings and isolates, whose
control characters are dropped: names and sentences in DICOM do not carry them, and a hidden one
must not reorder a report.
"""

import unicodedata
from dataclasses import dataclass

_CONTROLS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI", "BN"}
_NEUTRAL = {"B", "S", "WS", "ON"}
_JOINERS = "\u200c\u200d"  # class BN, but they shape Persian and Hindi


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring characters of one direction, in the order they are spoken."""

    text: str
    rtl: bool


def is_rtl(text: str) -> bool:
    """Whether a paragraph runs from right to left: its first letter decides (rules P2 and P3)."""
    for each in text:
        kind = unicodedata.bidirectional(each)
        if kind in ("L", "R", "AL"):
            return kind != "L"
    return False


def visual_runs(text: str, *, base_rtl: bool | None = None) -> list[Run]:
    """Split one line into runs and put these in order from left to right.

    Args:
        base_rtl: Direction of the paragraph the line belongs to; None takes it from the line.
    """
    if text.isascii() and text.isprintable() and not base_rtl:
        return [Run(text=text, rtl=False)] if text else []
    text = "".join(
        each
        for each in text
        if each in _JOINERS or unicodedata.bidirectional(each) not in _CONTROLS
    )
    base = int(is_rtl(text) if base_rtl is None else base_rtl)
    levels = _levels(text, base)
    runs: list[tuple[int, str]] = []
    for each, level in zip(text, levels, strict=True):
        if runs and runs[-1][0] == level:
            runs[-1] = (level, runs[-1][1] + each)
        else:
            runs.append((level, each))
    return [Run(text=part, rtl=level % 2 == 1) for level, part in _reordered(runs)]


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


def _levels(text: str, base: int) -> list[int]:
    kinds = _weak(text, "R" if base else "L")
    _neutral(kinds, "R" if base else "L")
    # Rules I1 and I2.
    raise_by = {0: {"L": 0, "R": 1, "AN": 2, "EN": 2}, 1: {"L": 1, "R": 0, "AN": 1, "EN": 1}}[base]
    levels = [base + raise_by[kind] for kind in kinds]
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
