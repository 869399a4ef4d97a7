"""Optovue (RTVue, Avanti) raw export `.OCT`: bare 32-bit floats, all else in a `.txt` beside it.

The text names the height of an A-scan and, for each step of the protocol, how many A-scans and
B-scans it has. Layout as OCT-Converter and others who read Avanti exports describe it.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.errors import DamagedFile
from app.language import mark
from app.reading.dicom.frames import eye_of
from app.reading.entries import Entry
from app.reading.found import Found, by_description
from app.reading.identifiers import uid_of_content, uid_of_words
from app.reading.limits import check_size
from app.reading.raw_frames import RawFrames
from app.study import Laterality, Patient, Spacing, Volume

MARKS = (b"OCT Window Height", b"XY Scan Length", b"Eye Scanned", b"Physical video")
"""One of these stands in the text from its beginning."""

_LARGEST_TEXT = 1 << 20  # bytes
_MOMENT = re.compile(r"_(\d{4}-\d{1,2}-\d{1,2}_\d{1,2}\.\d{1,2}\.\d{1,2})")
_WIDEST_MM = 60.0


@dataclass(slots=True, kw_only=True)
class _Step:
    """One step of the protocol."""

    columns: int
    bscans: int = 0
    facts: dict[str, str] = field(default_factory=dict)


def read_optovue(entry: Entry, texts: Mapping[str, Entry]) -> list[Found]:
    """Read one raw export.

    Args:
        entry: The floats.
        texts: The texts in its folder, by their names in lower case.

    Raises:
        DamagedFile: If its text is missing, or tells of another size.
        OSError: If it cannot be read.
    """
    text = texts.get(text_of(entry))
    if text is None:
        raise DamagedFile(
            "It is an Optovue OCT file, and the text of the same name that says what it holds is "
            "not beside it. Export both, or export DICOM."
        )
    facts, steps = _parsed(text)
    rows = _number(facts, "oct window height") or _number(facts, "window height")
    found, at, uid = [], 0, uid_of_content([entry, text])
    for step in _stored(steps, int(rows or 0), entry.size):
        found.append(_found(entry, facts, step, (int(rows or 0), at), uid))
        at += step.columns * step.bscans * int(rows or 0) * 4
    return found


def text_of(entry: Entry) -> str:
    """The name, in lower case, of the text that belongs to an export."""
    return entry.path.with_suffix(".txt").name.lower()


def _parsed(text: Entry) -> tuple[dict[str, str], list[_Step]]:
    """What holds for the whole file, and the steps in their order."""
    with text.open() as file:
        lines = file.read(_LARGEST_TEXT).decode("latin-1").splitlines()
    facts: dict[str, str] = {}
    steps: list[_Step] = []
    for line in lines:
        key, mark, value = (part.strip() for part in line.partition("="))
        key = key.lower()
        if not mark:
            continue
        if key in ("xy scan length", "scan length"):
            steps.append(_Step(columns=int(_leading(value) or 0)))
        elif key in ("xy scan usage", "scan usage") and steps:
            steps[-1].bscans = int(_leading(value) or 0)
        elif key.startswith("xy scan") and steps:
            steps[-1].facts.setdefault(key, value)
        else:
            facts.setdefault(key, value)
    return facts, [step for step in steps if step.columns > 0 and step.bscans > 0]


def _stored(steps: list[_Step], rows: int, size: int) -> list[_Step]:
    """The steps that the file holds: all, or the only one of its size."""
    sizes = [step.columns * step.bscans * rows * 4 for step in steps]
    if steps and sum(sizes) == size:
        return steps
    fitting = {
        (step.columns, step.bscans): step
        for step, needed in zip(steps, sizes, strict=True)
        if needed == size
    }
    if len(fitting) == 1:
        return list(fitting.values())
    raise DamagedFile(
        "It is an Optovue OCT file that is cut, or whose text tells of another size than it has."
    )


def _found(
    entry: Entry, facts: Mapping[str, str], step: _Step, place: tuple[int, int], uid: str
) -> Found:
    rows, start = place
    check_size(rows, step.columns, step.bscans)
    each = rows * step.columns * 4
    bscans, note = RawFrames(
        entry=entry,
        offsets=tuple(start + index * each for index in range(step.bscans)),
        dtype="<f4",
        rows=rows,
        columns=step.columns,
        by_column=True,
        upward=True,
    ).bscans()
    depth, width = _number(facts, "scan depth"), _number(step.facts, "xy scan size1")
    acquired = _moment(entry.path.name)
    volume = Volume(
        uid=uid_of_words(uid, start),
        laterality=eye_of(facts.get("eye scanned")) or Laterality.UNKNOWN,
        bscans=bscans,
        order=mark("stored order"),
        spacing=Spacing(
            axial_mm=depth / rows if depth else None,
            lateral_mm=width / step.columns if width else None,
            between_mm=_number(step.facts, "xy scan interval1") if step.bscans > 1 else None,
        ),
        acquired=acquired,
        device="Optovue",
        notes=(by_description(mark("an Optovue OCT file")), note),
    )
    visited = acquired.date() if acquired else None
    return Found(volume=volume, patient=Patient(), study_uid=uid, visited=visited)


def _leading(value: str) -> float | None:
    match = re.match(r"[0-9]+(\.[0-9]*)?", value[:40])
    return float(match[0]) if match else None


def _number(facts: Mapping[str, str], key: str) -> float | None:
    """A positive number; lengths, which are in mm, are no longer than a scan can be."""
    value = _leading(facts.get(key, ""))
    most = math.inf if key.endswith("height") else _WIDEST_MM
    return value if value and 0 < value <= most else None


def _moment(name: str) -> datetime | None:
    match = _MOMENT.search(name)
    if match is None:
        return None
    try:
        return datetime.strptime(match[1], "%Y-%m-%d_%H.%M.%S")
    except ValueError:
        return None
