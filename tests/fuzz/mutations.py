"""Damage files as disks, networks and bad programs do, and watch what comes out.

Run `python -m tests.fuzz.mutations SECONDS` for a long session of blind damage; `guided` has the
session that looks for new paths through the readers.
"""

import io
import random
import re
import struct
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from openjpeg.utils import encode_array
from PIL import Image
from pydicom.uid import JPEG2000Lossless, RLELossless

from app.errors import ReadError
from app.reading import open_studies
from tests.oct_files import bscans, compress, rewrite, write
from tests.vendor_files import (
    e2e_pieces,
    write_avi,
    write_bioptigen,
    write_e2e,
    write_fda,
    write_fds,
    write_nidek,
    write_optovue,
    write_vol,
)

CUBE = "P_Macular Cube 16x2_1-31-2010_1-2-3_OD_sn1_cube_z.img"
SENTENCE = re.compile(r"^[A-Z“].*[.]$", re.DOTALL)
_INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)


def corpus(folder: Path) -> dict[str, bytes]:
    """Small whole files of every family that is read."""
    frames = bscans(2, rows=40, columns=48)  # JPEG 2000 codes none much smaller
    made: dict[str, bytes] = {}
    made["native.dcm"] = write(folder / "a.dcm", frames).read_bytes()
    rewrite(folder / "a.dcm", lambda dataset: dataset.compress(RLELossless))
    made["rle.dcm"] = (folder / "a.dcm").read_bytes()
    path = write(folder / "b.dcm", frames)
    compress(path, JPEG2000Lossless, lambda frame: bytes(encode_array(frame)), frames)
    made["jpeg2000.dcm"] = path.read_bytes()
    for form in ("PNG", "JPEG", "TIFF", "BMP"):
        buffer = io.BytesIO()
        Image.fromarray(frames[0]).save(buffer, form)
        made[f"picture.{form.lower()}"] = buffer.getvalue()
    made["scan.vol"] = write_vol(folder / "a.vol", frames).read_bytes()
    made["heyex/export.xml"] = _XML
    made["heyex/picture.png"] = made["picture.png"]
    made[CUBE] = bytes(512 * 16 * 2)
    made["scan.e2e"] = write_e2e(folder / "a.e2e", e2e_pieces(frames)).read_bytes()
    made["scan.fda"] = write_fda(folder / "a.fda", frames).read_bytes()
    made["scan.fds"] = write_fds(folder / "a.fds", frames).read_bytes()
    made["bioptigen.OCT"] = write_bioptigen(folder / "b.OCT", frames).read_bytes()
    for path in (write_optovue(folder / "o.OCT", frames), folder / "o.txt"):
        made[f"optovue/{path.name}"] = path.read_bytes()
    write_nidek(folder / "nidek", frames)
    for path in sorted((folder / "nidek").iterdir()):
        made[f"nidek/{path.name}"] = path.read_bytes()
    made["plain.avi"] = write_avi(folder / "a.avi", frames).read_bytes()
    made["jpegs.avi"] = write_avi(folder / "a.avi", frames, codec=b"MJPG").read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.dcm", made["native.dcm"])
        archive.writestr("b.png", made["picture.png"])
    made["archive.zip"] = buffer.getvalue()
    return made


def lay(folder: Path, files: dict[str, bytes], name: str, data: bytes) -> Path:
    """Write one file of the corpus as `data`, with what must lie beside it whole.

    Returns:
        What to open: the file, or its folder.
    """
    beside = Path(name).parent
    if beside == Path():
        (folder / name).write_bytes(data)
        return folder / name
    (folder / beside).mkdir(exist_ok=True)
    for other, whole in files.items():
        if Path(other).parent == beside:
            (folder / other).write_bytes(data if other == name else whole)
    return folder / beside


_XML = b"""<HEDX><BODY><Patient><ID>1</ID><Study><StudyUID>1.2</StudyUID><Series><ID>1</ID>
<Laterality>R</Laterality><Image><ImageType><Type>OCT</Type></ImageType>
<OphthalmicAcquisitionContext><Width>48</Width><Height>40</Height><ScaleX>0.01</ScaleX>
<Start><Coord><X>1</X><Y>2</Y></Coord></Start><End><Coord><X>3</X><Y>2</Y></Coord></End>
</OphthalmicAcquisitionContext><ImageData><ExamURL>x\\picture.png</ExamURL></ImageData></Image>
</Series></Study></Patient></BODY></HEDX>"""


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Damage a file: bytes and numbers changed, pieces lost, doubled or moved, the end cut."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at = chance.randrange(len(changed)) if changed else 0
        match chance.randrange(6):
            case 0:
                changed[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                size = chance.choice(("<H", "<L", ">H", ">L"))
                value = chance.choice(_INTERESTING) & (0xFFFF if size[1] == "H" else 0xFFFFFFFF)
                number = struct.pack(size, value)
                changed[at : at + len(number)] = number
            case 2:
                del changed[at : at + chance.randrange(1, 40)]
            case 3:
                changed[at:at] = changed[at : at + chance.randrange(1, 200)]
            case 4:
                end = chance.randrange(len(changed) + 1)
                changed[at : at + 20] = changed[end : end + 20]
            case 5:
                del changed[max(at, len(changed) // 2) :]
    return bytes(changed)


def read_everything(path: Path) -> None:
    """Open a file and read all its frames; anything but the project's errors is a fault.

    Raises:
        AssertionError: If a sentence is none, or a frame is not as announced.
    """
    opened = open_studies([path])
    sentences = [each.reason for each in opened.skipped]
    sentences += [
        note for study in opened.studies for volume in study.volumes for note in volume.notes
    ]
    for study in opened.studies:
        for volume in study.volumes:
            for bscan in volume.bscans[:3]:
                try:
                    pixels = bscan.pixels()
                except ReadError as error:
                    sentences.append(str(error))
                    continue
                assert pixels.shape == (bscan.rows, bscan.columns)
                assert pixels.dtype == np.uint8
    wrong = [each for each in sentences if not SENTENCE.match(each)]
    assert not wrong, wrong


def session(folder: Path, seconds: float, seed: int) -> Iterator[str]:
    """Try mutations for some time; yield the name of each file tried."""
    chance = random.Random(seed)
    files = corpus(folder)
    place = folder / "tried"
    place.mkdir()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        name = chance.choice(list(files))
        path = lay(place, files, name, mutated(files[name], chance))
        try:
            read_everything(path)
        except BaseException:
            print(f"seed {seed}: {place / name} is the input at fault", file=sys.stderr)
            raise
        if path.is_file():
            path.unlink()
        yield name


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        tried = sum(1 for _ in session(Path(made), float(sys.argv[1]), int(time.time())))
        print(f"{tried} inputs tried, none at fault")
