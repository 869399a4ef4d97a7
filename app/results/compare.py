"""Two records of an analysis held against each other: was it the same work, and the same answer?

A result that is run again must be the same if the input, the model, the thresholds and the
preparation of the frames are. Where it is not, it must show which of them changed.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.errors import UsageError, system_says
from app.language import fill, list_of, mark
from app.results.record import FORMAT

_PROBABILITY = 0.01
"""Below it probabilities count as the same: processors round differently."""

_MOST = 8  # B-scans named; the others are counted

SAME = mark("The machine's results are the same.")
FAULT = mark("The same work gave another result. Report this as a fault.")

_PATIENT = mark("The patient")
_EYES = (
    mark("Only the first record has the eye {key}."),
    mark("Only the second record has the eye {key}."),
)
_VOLUMES = (
    mark("Only the first record has the volume {key}."),
    mark("Only the second record has the volume {key}."),
)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """Whether two records rest on the same: each None where a record does not tell."""

    images: bool | None
    model: bool | None
    thresholds: bool | None
    preparation: bool | None  # of the frames, before the network
    software: bool | None

    @property
    def same(self) -> bool:
        """Whether the answers must be the same."""
        return all((self.images, self.model, self.thresholds, self.preparation))

    def told(self) -> tuple[tuple[str, bool | None], ...]:
        """What a result rests on, by name, and whether it is the same."""
        return (
            (mark("Images"), self.images),
            (mark("Model"), self.model),
            (mark("Thresholds"), self.thresholds),
            (mark("Preparation"), self.preparation),
            (mark("Program"), self.software),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    basis: Basis
    differences: tuple[str, ...]  # between the machine's results, a sentence for each
    decisions: tuple[str, ...]  # between the reader's

    @property
    def verdict(self) -> str:
        """What follows for the machine's results, in a sentence; "" if the basis explains it."""
        if not self.differences:
            return SAME
        return FAULT if self.basis.same else ""


def read_record(path: Path) -> Json:
    """Read what `write_json` wrote.

    Raises:
        UsageError: If it is no such record, or one of a later version.
    """
    try:
        record = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(
            fill("“{name}” cannot be read: {reason}.", name=path.name, reason=system_says(error))
        ) from error
    except ValueError as error:
        raise UsageError(
            fill("“{name}” is no JSON result of this program.", name=path.name)
        ) from error
    if not isinstance(record, dict) or not {"format", "model", "study", "eyes"} <= set(record):
        raise UsageError(fill("“{name}” is no JSON result of this program.", name=path.name))
    if record["format"] > FORMAT:
        raise UsageError(
            fill("“{name}” was made by a later version. Update the program.", name=path.name)
        )
    return record


def compare(old: Json, new: Json) -> Comparison:
    """Hold a record against a later one."""
    then, now = old["model"], new["model"]
    basis = Basis(
        images=_frames(old) == _frames(new),
        model=_same(then, now, "sha256"),
        thresholds=_same(then, now, "aggregation", "unfamiliarity_threshold", "temperature"),
        preparation=_same(then, now, "preprocessing", "input"),
        software=_same(old["software"], new["software"], "version"),
    )
    return Comparison(
        basis=basis,
        differences=tuple(_differences(old, new)),
        decisions=tuple(_decisions(old, new)),
    )


def _same(then: Json, now: Json, *keys: str) -> bool | None:
    if any(each.get(key) is None for key in keys for each in (then, now)):
        return None
    return all(then[key] == now[key] for key in keys)


def _frames(record: Json) -> list[tuple[Any, ...]]:
    """What was analysed, in order: the eye, the volume and each of its frames."""
    return [
        (eye["laterality"], volume["uid"], bscan["sop_instance_uid"], bscan["frame_number"])
        for eye in record["eyes"]
        for volume in eye["volumes"]
        for bscan in volume["bscans"]
    ]


def _differences(old: Json, new: Json) -> Iterator[str]:
    if old["study"]["uid"] != new["study"]["uid"]:
        yield mark("The records are of two studies.")
    yield from _changed(_PATIENT, old, new)
    if old["referral"]["level"] != new["referral"]["level"]:
        yield fill(
            "Advice: {before}, now {after}.",
            before=old["referral"]["level"],
            after=new["referral"]["level"],
        )
    yield from _only(_EYES, _by(old["eyes"], "laterality"), _by(new["eyes"], "laterality"))
    then, now = _by(old["eyes"], "laterality"), _by(new["eyes"], "laterality")
    for laterality in [each for each in then if each in now]:
        yield from _changed(laterality, then[laterality], now[laterality])
        yield from _volumes(laterality, then[laterality], now[laterality])


def _changed(name: str, old: Json, new: Json) -> Iterator[str]:
    before, after = _call(old["call"]), _call(new["call"])
    if before != after:
        yield fill("{name}: {before}, now {after}.", name=name, before=before, after=after)


def _volumes(laterality: str, old: Json, new: Json) -> Iterator[str]:
    then, now = _by(old["volumes"], "uid"), _by(new["volumes"], "uid")
    yield from _only(_VOLUMES, then, now)
    for uid in [each for each in then if each in now]:
        frames, others = then[uid]["bscans"], now[uid]["bscans"]
        if len(frames) != len(others):
            yield fill(
                "{name}: {before} B-scans, now {after}.",
                name=laterality,
                before=len(frames),
                after=len(others),
            )
            continue
        pairs = list(zip(frames, others, strict=True))
        apart = [_apart(one, other) for one, other in pairs]
        moved = [one["position"] for (one, _), by in zip(pairs, apart, strict=True) if by]
        if moved:
            yield fill(
                "{name}: {count} of {total} B-scans have other probabilities ({bscans}), by "
                "{most} at most.",
                name=laterality,
                count=len(moved),
                total=len(frames),
                bscans=_listed(moved),
                most=f"{max(apart):.2f}",
            )


def _apart(one: Json, other: Json) -> float:
    """How far the probabilities of a B-scan differ; 0 if no more than by rounding."""
    before, after = one["probabilities"], other["probabilities"]
    if before is None or after is None:
        return 0.0 if before == after else 1.0
    if len(before) != len(after):
        return 1.0
    most = max(abs(p - q) for p, q in zip(before, after, strict=True))
    return most if most >= _PROBABILITY else 0.0


def _only(templates: tuple[str, str], then: Json, now: Json) -> Iterator[str]:
    for template, rows, others in zip(templates, (then, now), (now, then), strict=True):
        yield from (fill(template, key=key) for key in rows if key not in others)


def _by(rows: list[Json], key: str) -> Json:
    return {row[key]: row for row in rows}


def _call(call: Json) -> str:
    if call["outcome"] == "called":
        return str(call["label"])
    return list_of([call["outcome"], call["label"]] if call["label"] else [call["outcome"]])


def _decisions(old: Json, new: Json) -> Iterator[str]:
    """What the reader said otherwise, or of something else."""
    then, now = dict(_said(old)), dict(_said(new))
    for name in dict.fromkeys([*then, *now]):
        before, after = then.get(name, "none"), now.get(name, "none")
        if before != after:
            yield fill(
                "{name}, reader's call: {before}, now {after}.",
                name=name,
                before=before,
                after=after,
            )


def _said(record: Json) -> Iterator[tuple[str, str]]:
    yield _PATIENT, _reader(record)
    for eye in record["eyes"]:
        yield eye["laterality"], _reader(eye)
        for volume in eye["volumes"]:
            for bscan in volume["bscans"]:
                yield f"{eye['laterality']}, B-scan {bscan['position']}", _reader(bscan)


def _reader(subject: Json) -> str:
    said = subject.get("reader")
    return f"{said['answer']} ({said['initials']})" if said else "none"


def _listed(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:_MOST]))
    rest = len(numbers) - _MOST
    return fill("{listed} and {rest} more", listed=shown, rest=rest) if rest > 0 else shown
