"""The JSON record of an analysis: `FORMAT` says how it is laid out.

Layout of format 1. A field that is not known is null. Times are ISO 8601 with time zone.

    format        1
    software      {name, version} of the program that analysed
    notice        "Research use only. …"
    analysed      when the analysis ended
    model         {id, version, sha256, signed_by, key_withdrawn, trained, classes, temperature,
                  unfamiliarity_threshold, aggregation, input, preprocessing}; `key_withdrawn` is
                  the day since which the signer's key does not count; `classes` is the order of
                  every list of probabilities and scores below; a rule's `packaged` is the
                  package's threshold where the clinic set its own; `preprocessing` is a version,
                  within which a frame always becomes the same input
    study         {uid, visited, description, synthetic, patient}; `patient` is null if
                  pseudonymised, else {identifier, name, birth_date, sex}
    acquisition   what to know of the scans: [{sentence, eyes}]
    call          the patient's: {outcome, label, confidence, scores, evidence, reason, eye}
    referral      {level, advice}
    reader        what a reader said of the patient, null if nobody did: {answer, agrees, initials,
                  time, blind, note, machine, model}, the last two as they were at that time;
                  `note` is null if pseudonymised
    eyes          for each eye {laterality, call, reader, deciding, volumes}, `laterality` OD, OS
                  or unknown, `deciding` the index of the volume whose call it is
      volumes     {uid, acquired, device, order, spacing_mm, notes, synthetic, call, bscans}
        bscans    in spatial order {position, file, frame_number, sop_instance_uid, gradability,
                  probabilities, unfamiliarity, familiar, reader}

`position` counts from 1 in spatial order, as on screen and in the report, and so does `evidence`;
`frame_number` counts from 1 as stored in the file.
"""

import json
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from app.acquisition import remarks
from app.cases.trail import Entry
from app.modelpack import Card
from app.notices import RESEARCH_USE
from app.readings import NOTHING_READ, Readings, machine_answer, machine_bscan_answer
from app.results.output import output_file
from app.study import BScanResult, Call, EyeResult, StudyResult, VolumeResult

FORMAT = 1
"""Rises when a reader of the former layout would misread a record."""

Json = dict[str, Any]


def write_json(
    result: StudyResult,
    card: Card,
    path: Path,
    *,
    identity: bool = False,
    readings: Readings = NOTHING_READ,
) -> None:
    """Write everything that was found, as UTF-8 JSON.

    Args:
        identity: Whether the patient's name and number and the names of files go in.
        readings: What readers decided.

    Raises:
        ReportError: If the file cannot be written.
    """
    record = as_record(result, card, identity=identity, readings=readings)
    with output_file(path) as file:
        text = json.dumps(record, ensure_ascii=False, indent=1, allow_nan=False)
        file.write(text.encode() + b"\n")


def as_record(
    result: StudyResult,
    card: Card,
    *,
    identity: bool = False,
    readings: Readings = NOTHING_READ,
) -> Json:
    """Return the record as plain lists, dictionaries, strings and numbers."""
    names = file_names(result, identity=identity)
    study = result.study
    # A note may name the patient.
    said = readings if identity else readings.without_notes()
    return {
        "format": FORMAT,
        "software": {"name": "KD-OCT", "version": result.software},
        "notice": RESEARCH_USE,
        "analysed": result.analysed.isoformat(timespec="seconds"),
        "model": {
            "id": result.model_id,
            "version": result.model_version,
            "sha256": result.model_sha256,
            "signed_by": result.model_signer,
            "key_withdrawn": _iso(result.model_key_withdrawn),
            "trained": card.trained,
            "classes": list(card.names),
            "temperature": card.temperature,
            "unfamiliarity_threshold": card.unfamiliarity_threshold,
            "aggregation": asdict(card.aggregation),
            "input": asdict(card.input),
            "preprocessing": result.preprocessing,
        },
        "study": {
            "uid": study.uid,
            "visited": _iso(study.visited),
            "description": study.description if identity else None,
            "synthetic": study.synthetic,
            "patient": _patient(result) if identity else None,
        },
        "acquisition": [
            {"sentence": each.sentence, "eyes": [str(eye) for eye in each.eyes]}
            for each in remarks(study, card, result)
        ],
        "call": _call(result.call) | {"eye": str(result.eyes[result.deciding].laterality)},
        "referral": {"level": result.referral.level, "advice": result.referral.advice},
        "reader": _said(said.patient, machine_answer(result.call)),
        "eyes": [_eye(each, names, said, card) for each in result.eyes],
    }


def file_names(result: StudyResult, *, identity: bool) -> dict[Path, str]:
    """Return what to call each source file: its name, or a number if it must not be told."""
    paths = dict.fromkeys(
        bscan.source.path for eye in result.eyes for each in eye.volumes for bscan in each.bscans
    )
    if identity:
        return {path: path.name for path in paths}
    return {path: f"file {number}" for number, path in enumerate(paths, start=1)}


def _patient(result: StudyResult) -> Json:
    patient = result.study.patient
    return {
        "identifier": patient.identifier,
        "name": patient.name,
        "birth_date": _iso(patient.birth_date),
        "sex": patient.sex,
    }


def _said(entry: Entry | None, machine: str) -> Json | None:
    """A reader's decision beside the machine's answer in this record."""
    if entry is None:
        return None
    return {
        "answer": entry.after,
        "agrees": entry.after == machine,
        "initials": entry.reader,
        "time": entry.time,
        "blind": entry.blind,
        "note": entry.note or None,
        "machine": entry.machine,
        "model": entry.model,
    }


def _eye(eye: EyeResult, names: dict[Path, str], readings: Readings, card: Card) -> Json:
    return {
        "laterality": str(eye.laterality),
        "call": _call(eye.call),
        "reader": _said(readings.eye(eye.laterality), machine_answer(eye.call)),
        "deciding": eye.deciding,
        "volumes": [_volume(each, names, readings, card) for each in eye.volumes],
    }


def _volume(result: VolumeResult, names: dict[Path, str], readings: Readings, card: Card) -> Json:
    volume = result.volume
    said = dict(readings.bscans(volume))
    return {
        "uid": volume.uid,
        "acquired": _iso(volume.acquired),
        "device": volume.device,
        "order": volume.order,
        "spacing_mm": {
            "axial": volume.spacing.axial_mm,
            "lateral": volume.spacing.lateral_mm,
            "between": volume.spacing.between_mm,
        },
        "notes": list(volume.notes),
        "synthetic": volume.synthetic,
        "call": _call(result.call),
        "bscans": [
            {"position": index + 1}
            | _bscan(each, names)
            | {"reader": _said(said.get(index), machine_bscan_answer(each, card))}
            for index, each in enumerate(result.bscans)
        ],
    }


def _bscan(bscan: BScanResult, names: dict[Path, str]) -> Json:
    return {
        "file": names[bscan.source.path],
        "frame_number": bscan.source.frame_number,
        "sop_instance_uid": bscan.source.sop_instance_uid,
        "gradability": str(bscan.gradability),
        "probabilities": _rounded(bscan.probabilities),
        "unfamiliarity": None if bscan.unfamiliarity is None else round(bscan.unfamiliarity, 6),
        "familiar": bscan.familiar,
    }


def _call(call: Call) -> Json:
    return {
        "outcome": str(call.outcome),
        "label": call.label,
        "confidence": None if call.confidence is None else round(call.confidence, 6),
        "scores": _rounded(call.scores),
        "evidence": [index + 1 for index in call.evidence],
        "reason": call.reason,
    }


def _rounded(values: tuple[float, ...] | None) -> list[float] | None:
    # Six decimals: more would only record the last bit of one processor's arithmetic.
    return None if values is None else [round(value, 6) for value in values]


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
