"""The CSV of an analysis: one row for each B-scan, for a spreadsheet or a data frame.

UTF-8 with a byte order mark and commas, which Excel needs to show names right. Every row repeats
what holds for its study, eye and volume, so that tables of many studies can be put together.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from app.modelpack import Card
from app.results.output import output_file
from app.results.record import file_names
from app.study import StudyResult

Cell = str | int | float | bool | None


def write_csv(result: StudyResult, card: Card, path: Path, *, identity: bool = False) -> None:
    """Write one row for each B-scan, in spatial order, eye by eye.

    Args:
        identity: Whether the patient's name and number and the names of files go in.

    Raises:
        ReportError: If the file cannot be written.
    """
    text = io.StringIO(newline="")
    rows = list(_rows(result, card, identity=identity))
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
    with output_file(path) as file:
        file.write(text.getvalue().encode("utf-8-sig"))


def _rows(result: StudyResult, card: Card, *, identity: bool) -> Iterator[dict[str, Cell]]:
    names = file_names(result, identity=identity)
    study, patient = result.study, result.study.patient
    whose: dict[str, Cell] = {"study_uid": study.uid}
    if identity:
        whose |= {"patient_id": patient.identifier, "patient_name": patient.name}
    for eye in result.eyes:
        for volume in eye.volumes:
            for position, bscan in enumerate(volume.bscans, start=1):
                odds = bscan.probabilities or (None,) * len(card.classes)
                yield {
                    **whose,
                    "visited": study.visited.isoformat() if study.visited else None,
                    "eye": str(eye.laterality),
                    "volume_uid": volume.volume.uid,
                    "position": position,
                    "bscans": len(volume.bscans),
                    "file": names[bscan.source.path],
                    "frame_number": bscan.source.frame_number,
                    "sop_instance_uid": bscan.source.sop_instance_uid,
                    "gradability": str(bscan.gradability),
                    **{
                        f"p_{name}": None if value is None else round(value, 6)
                        for name, value in zip(card.names, odds, strict=True)
                    },
                    "unfamiliarity": bscan.unfamiliarity,
                    "familiar": bscan.familiar,
                    "deciding": position - 1 in volume.call.evidence,
                    "volume_outcome": str(volume.call.outcome),
                    "volume_label": volume.call.label,
                    "eye_outcome": str(eye.call.outcome),
                    "eye_label": eye.call.label,
                    "patient_outcome": str(result.call.outcome),
                    "patient_label": result.call.label,
                    "referral": result.referral.level,
                    "synthetic": volume.volume.synthetic,
                    "model_id": result.model_id,
                    "model_version": result.model_version,
                    "model_sha256": result.model_sha256,
                    "model_trained": card.trained,
                    "software_version": result.software,
                    "analysed": result.analysed.isoformat(timespec="seconds"),
                }


def _cell(value: Cell) -> Cell:
    """A spreadsheet runs text that begins like a formula; an apostrophe makes it text again."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value
