"""Nidek NAVIS-EX export: `NAMEx.xml` with pictures `NAMEoct_c_001.bmp` … beside it.

The XML names the eye, the depth of a pixel and the scan pattern. Its widths are degrees, so the
lateral scale stays unknown. Layout as uocte describes it.
"""

import re
from collections.abc import Mapping
from datetime import date
from xml.etree.ElementTree import Element

from app.errors import DamagedFile
from app.language import mark
from app.reading.dicom.frames import eye_of
from app.reading.entries import Entry
from app.reading.found import Found, by_description
from app.reading.heyex_xml import parsed
from app.reading.identifiers import uid_of_content
from app.reading.pictures import read_pages
from app.study import Laterality, Localizer, Patient, Spacing, Volume

_MAPS = ("maculamap", "makulamap")  # the pattern of many parallel B-scans
_DEEPEST_UM = 50.0


def read_nidek(entry: Entry, pictures: Mapping[str, Entry]) -> tuple[Found, set[str]]:
    """Read an export.

    Args:
        entry: The XML.
        pictures: The pictures in its folder, by their names in lower case.

    Returns:
        The volume, and the names of the pictures that are its.

    Raises:
        DamagedFile: If the XML is damaged, or pictures are missing.
        OSError: If it cannot be read.
    """
    root = parsed(entry, "Nidek")
    base = re.sub(r"x?\.xml$", "", entry.path.name.lower())
    if _text(root, "ScanPattern").lower() in _MAPS:
        count = int(_number(root, "ScanPointB") or 0)
        names = [f"{base}oct_c_{number:03d}.bmp" for number in range(1, min(count, 9999) + 1)]
    else:
        names = [f"{base}oct_c_xh1.bmp"]
    if not names or not all(name in pictures for name in names):
        raise DamagedFile("It is a Nidek export, but pictures that it names are not beside it.")
    bscans = tuple(read_pages(pictures[name])[0] for name in names)
    depth = _number(root, "OCTDepthResolution")
    visited = _date(_text(root, "ReleaseDate"))
    uid = uid_of_content([entry, *(pictures[name] for name in names)])
    volume = Volume(
        uid=uid,
        laterality=eye_of(_text(root, "Eye")) or Laterality.UNKNOWN,
        bscans=bscans,
        order=mark("file name"),
        spacing=Spacing(axial_mm=depth / 1000 if depth and depth <= _DEEPEST_UM else None),
        device=_device(root),
        localizer=_localizer(root, pictures.get(f"{base}.bmp")),
        notes=(by_description(mark("a Nidek export")),),
    )
    used = {*names, f"{base}.bmp"} & set(pictures)
    return Found(volume=volume, patient=Patient(), study_uid=uid, visited=visited), used


def _localizer(root: Element, picture: Entry | None) -> Localizer | None:
    if picture is None:
        return None
    (page, *_) = read_pages(picture)
    scale = _number(root, "SLOPixelSpacing")  # µm
    return Localizer(
        source=page.source,
        rows=page.rows,
        columns=page.columns,
        load=page.load,
        spacing_mm=(scale / 1000, scale / 1000) if scale and scale < 1000 else None,
    )


def _device(root: Element) -> str:
    words = (_text(root, "Manufacture") or "Nidek", _text(root, "Model"))
    return " ".join(word for word in words if word)


def _text(root: Element, tag: str) -> str:
    return next((each.text or "" for each in root.iter(tag)), "").strip()


def _number(root: Element, tag: str) -> float | None:
    try:
        value = float(_text(root, tag))
    except ValueError:
        return None
    return value if 0 < value < 1e6 else None


def _date(text: str) -> date | None:
    match = re.match(r"(\d{4})[-/.]?(\d{2})[-/.]?(\d{2})", text)
    try:
        return date(*map(int, match.groups())) if match else None
    except ValueError:
        return None
