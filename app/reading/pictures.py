"""Plain pictures of B-scans: PNG, JPEG, BMP and TIFF, also of several pages.

They say nothing of patient, eye or scale. A folder of them is taken for one volume of one eye, in
the natural order of the file names, and the volume says that this was assumed.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from app.errors import DamagedFile, ReadError
from app.language import mark
from app.reading.dicom.workers import decode_picture
from app.reading.entries import Entry, natural
from app.reading.found import Found
from app.reading.grey import AS_STORED, Tone, filled_range, to_grey
from app.reading.identifiers import uid_of_content
from app.reading.limits import check_size
from app.study import BScan, FrameSource, Laterality, Loss, Patient, Pixels, Skipped, Volume

FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
LOSS_NOTE = mark("The images were compressed with loss (JPEG).")
_LOSSY = ("jpeg", "tiff_jpeg")  # Pillow's names of a TIFF's compression
_LARGEST_FILE = 4 << 30  # bytes
PICTURE_ERRORS = (
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
    UnidentifiedImageError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)
"""What Pillow raises on bytes that are not what they claim to be."""


def read_pictures(entries: Sequence[Entry]) -> tuple[list[Found], list[Skipped]]:
    """Make a volume of the pictures of each folder, and one of each file of several pages."""
    folders: dict[Path, list[tuple[Entry, BScan]]] = defaultdict(list)
    found: list[Found] = []
    skipped: list[Skipped] = []
    for entry in entries:
        try:
            pages = read_pages(entry)
        except ReadError as error:
            skipped.append(Skipped(path=entry.path, reason=str(error), failed=True))
            continue
        if len(pages) > 1:
            found.append(_volume([entry], pages, mark("page")))
        else:
            folders[entry.path.parent].append((entry, pages[0]))
    for inside in folders.values():
        inside.sort(key=lambda each: natural(each[0].path.name))
        found.append(
            _volume(
                [entry for entry, _ in inside], [bscan for _, bscan in inside], mark("file name")
            )
        )
    return found, skipped


def read_pages(entry: Entry) -> list[BScan]:
    """Read the header of each page of a picture.

    Raises:
        DamagedFile: If it is no picture, or too small or large to be a B-scan.
    """
    if entry.size > _LARGEST_FILE:
        raise DamagedFile("This picture is larger than any scanner makes; it is not opened.")
    try:
        with entry.open() as file, Image.open(file, formats=FORMATS) as image:
            count = getattr(image, "n_frames", 1) if image.format == "TIFF" else 1
            pages, modes = [], set()
            for index in range(count):
                if count > 1:
                    image.seek(index)
                check_size(image.height, image.width, count)
                pages.append(image.size)
                modes.add(image.mode)
    except PICTURE_ERRORS as error:
        raise DamagedFile("This picture is damaged, or not what its name says.") from error
    tone = _tone(entry, count) if modes & {"I", "F", "I;16", "I;16B", "I;16L"} else AS_STORED
    return [
        BScan(
            source=FrameSource(path=entry.path, frame_number=index + 1),
            rows=rows,
            columns=columns,
            load=partial(load_page, entry, index, (rows, columns), tone),
        )
        for index, (columns, rows) in enumerate(pages)
    ]


def loss_of(entry: Entry) -> Loss | None:
    """Whether a picture that was read before was compressed with loss."""
    try:
        with entry.open() as file, Image.open(file, formats=FORMATS) as image:
            packed = image.format == "JPEG" or image.info.get("compression") in _LOSSY
            plain = image.width * image.height * len(image.getbands())
    except PICTURE_ERRORS:
        return None
    if not packed:
        return None
    alone = image.format == "JPEG"  # a TIFF's size is that of all its pages
    return Loss(methods=("ISO_10918_1",), ratios=(plain / entry.size,) if alone else ())


def load_page(entry: Entry, index: int, size: tuple[int, int], tone: Tone) -> Pixels:
    """Decode one page, counted from 0, of the size (rows, columns) that was found before.

    Raises:
        DamagedFile: If it cannot be decoded, or has changed.
    """
    stored = decode_picture(entry, index)
    if stored.shape != size:
        raise DamagedFile("A picture has changed since it was opened.")
    return to_grey(stored, tone)


def _tone(entry: Entry, count: int) -> Tone:
    """Show 16 bits whole, or by the range that they fill where that is dim; so floats."""
    sampled = [decode_picture(entry, index) for index in sorted({0, count // 2, count - 1})]
    low = float(min(each.min() for each in sampled))
    high = float(max(each.max() for each in sampled))
    if sampled[0].dtype.kind in "iu" and low >= 0 and 0xFFFF / 8 <= high <= 0xFFFF:
        return Tone(span=(0.0, 65535.0))
    return Tone(span=filled_range(low, high))


_PAGES = mark(
    "These are plain pictures: they do not say whose eye they show, which eye, or at what scale. "
    "They are taken for one volume, in the order of the pages."
)
_FILES = mark(
    "These are plain pictures: they do not say whose eye they show, which eye, or at what scale. "
    "They are taken for one volume, in the order of the file names."
)


def _volume(entries: Sequence[Entry], bscans: Iterable[BScan], order: str) -> Found:
    uid = uid_of_content(entries)
    notes = [_PAGES if order == "page" else _FILES]
    loss = next((each for each in map(loss_of, entries) if each), None)
    if loss:
        notes.append(LOSS_NOTE)
    volume = Volume(
        uid=uid,
        laterality=Laterality.UNKNOWN,
        bscans=tuple(bscans),
        order=order,
        notes=tuple(notes),
        loss=loss,
    )
    return Found(volume=volume, patient=Patient(), study_uid=uid)
