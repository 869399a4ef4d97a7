"""How fast studies open, against pydicom reading the same files."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from openjpeg.utils import encode_array
from pydicom.uid import JPEG2000Lossless

from app.reading import open_studies
from app.reading.dicom.workers import WORKERS
from tests.oct_files import bscans, compress, rewrite, write, write_single_frames

pytestmark = pytest.mark.benchmark


def seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """The best of some repeats: what else the machine does only ever adds."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


@pytest.fixture(scope="module")
def compressed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 frames of 496 x 768 as JPEG 2000."""
    made = bscans(6, rows=496, columns=768)
    frames = [made[index % 6] for index in range(300)]
    coded = {id(frame): bytes(encode_array(frame)) for frame in made}
    path = write(tmp_path_factory.mktemp("compressed") / "a.dcm", frames)
    return compress(path, JPEG2000Lossless, lambda frame: coded[id(frame)], frames)


def test_opening_300_compressed_frames(compressed: Path):
    def open_to_first_frame() -> None:
        open_studies([compressed]).studies[0].volumes[0].bscans[0].pixels()

    def bare_first_frame() -> None:
        dataset = pydicom.dcmread(compressed)
        for groups in dataset.PerFrameFunctionalGroupsSequence:
            _ = groups.FrameContentSequence[0].InStackPositionNumber
        pydicom.pixels.pixel_array(compressed, index=0, decoding_plugin="pylibjpeg")

    ours, first = seconds(open_to_first_frame), seconds(bare_first_frame)
    whole = seconds(lambda: pydicom.dcmread(compressed).pixel_array, repeats=1)
    print(
        f"\n300 compressed frames opened to the first: {ours:.3f} s; pydicom reads headers and one "
        f"frame in {first:.3f} s: {ours / first:.2f} times (at most 2), and all in {whole:.1f} s: "
        f"{ours / whole:.3f} times"
    )
    assert ours <= 2 * first
    assert ours <= 2 * whole


def test_frames_are_decoded_on_both_cores(compressed: Path):
    frames = open_studies([compressed]).studies[0].volumes[0].bscans[:40]

    def load(part: int, parts: int) -> None:
        for bscan in frames[part::parts]:
            bscan.pixels()

    def load_by_two() -> None:
        threads = [threading.Thread(target=load, args=(part, 2)) for part in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    load_by_two()  # both workers are running then
    one, two = seconds(lambda: load(0, 1), 3), seconds(load_by_two, 3)
    print(f"\ntwo threads decode {one / two:.2f} times as fast as one")
    assert one / two > 1.5


def test_listing_a_folder_of_10_000_files(tmp_path: Path):
    (pattern,) = write_single_frames(tmp_path, bscans(1, rows=32, columns=48), series="1.2.77")
    content = pattern.read_bytes()
    pattern.unlink()
    uid = pydicom.dcmread(_restored(tmp_path / "a", content)).SOPInstanceUID
    (tmp_path / "a").unlink()
    for number in range(10_000):
        other = f"{uid[:-5]}{number:05d}".encode()
        folder = tmp_path / f"{number // 500}"
        folder.mkdir(exist_ok=True)
        (folder / f"IM{number}").write_bytes(content.replace(uid.encode(), other))
    paths = [path for path in tmp_path.rglob("*") if path.is_file()]

    def bare() -> None:
        for path in paths:
            pydicom.dcmread(path, stop_before_pixels=True)

    scan, ours = seconds(bare, 2), seconds(lambda: open_studies([tmp_path]), 2)
    print(
        f"\n10,000 files listed in {ours:.1f} s, {scan / ours:.2f} of the rate of a bare header "
        "scan (at least 0.33)"
    )
    assert scan / ours >= 1 / 3


def _restored(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return rewrite(path, lambda dataset: None)


def test_a_worker_starts(compressed: Path):
    frames = open_studies([compressed]).studies[0].volumes[0].bscans
    frames[0].pixels()
    warm = seconds(frames[0].pixels)
    WORKERS.end()
    cold = seconds(frames[0].pixels, 1)
    print(f"\na frame takes {warm:.3f} s, and {cold:.3f} s when its worker has to start first")
