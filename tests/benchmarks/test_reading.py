"""How fast studies open and frames are read, against pydicom with the same files.

Counted in processor seconds of this process and of the decoding workers, so that what else the
machine does changes nothing; each figure is a ratio.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pydicom
import pytest
from openjpeg.utils import encode_array
from pydicom.uid import JPEG2000Lossless

from app.reading import open_studies
from app.reading.dicom.workers import WORKERS
from tests.oct_files import bscans, compress, rewrite, write, write_single_frames

pytestmark = pytest.mark.benchmark

_FRAMES = 300
_SAMPLED = 20  # frames of which pydicom's time for all is reckoned


def processor_seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """The least of some repeats: a cold cache only ever adds."""
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time() + _of_workers()
        work()
        best = min(best, time.process_time() + _of_workers() - start)
    return best


def wall_seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """The least of some repeats; other work on the machine adds to it."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def _of_workers() -> float:
    spent = (psutil.Process(each._process.pid).cpu_times() for each in WORKERS._waiting)
    return sum(each.user + each.system for each in spent)


@pytest.fixture(scope="module")
def compressed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 frames of 496 x 768 as JPEG 2000."""
    made = bscans(6, rows=496, columns=768)
    frames = [made[index % 6] for index in range(_FRAMES)]
    coded = {id(frame): bytes(encode_array(frame)) for frame in made}
    path = write(tmp_path_factory.mktemp("compressed") / "a.dcm", frames)
    return compress(path, JPEG2000Lossless, lambda frame: coded[id(frame)], frames)


def test_opening_300_compressed_frames(compressed: Path):
    def open_to_first_frame() -> None:
        open_studies([compressed]).studies[0].volumes[0].bscans[0].pixels()

    def read_header() -> None:
        dataset = pydicom.dcmread(compressed)
        for groups in dataset.PerFrameFunctionalGroupsSequence:
            _ = groups.FrameContentSequence[0].InStackPositionNumber

    def read_frames() -> None:
        for index in range(_SAMPLED):
            pydicom.pixels.pixel_array(compressed, index=index, decoding_plugin="pylibjpeg")

    open_to_first_frame()  # a worker is running then
    ours = processor_seconds(open_to_first_frame)
    header = processor_seconds(read_header)
    frame = processor_seconds(read_frames, 2) / _SAMPLED
    least, whole = header + frame, header + frame * _FRAMES
    print(
        f"\n300 compressed frames opened to the first: {ours:.3f} s; pydicom reads headers and one "
        f"frame in {least:.3f} s: {ours / least:.2f} times, and all in {whole:.1f} s: "
        f"{ours / whole:.3f} times (at most 2)"
    )
    assert ours <= 2 * whole
    # Far more than was asked, and what a reader feels.
    assert ours <= 2 * least


def test_frames_are_decoded_on_both_cores(compressed: Path):
    """Two threads are as fast as the share of the work that lies outside this process allows."""
    frames = open_studies([compressed]).studies[0].volumes[0].bscans[:12]

    def load(part: int, parts: int) -> None:
        for bscan in frames[part::parts]:
            bscan.pixels()

    def load_by_two() -> None:
        threads = [threading.Thread(target=load, args=(part, 2)) for part in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    load_by_two()
    assert len(WORKERS._waiting) >= 2  # as many processes as threads
    here = time.process_time()
    both = processor_seconds(load_by_two, 1)
    alone = time.process_time() - here
    # Only one thread at a time runs in this process; the rest of the work has a core each.
    possible = both / max(alone, both / 2)
    one, two = wall_seconds(lambda: load(0, 1)), wall_seconds(load_by_two)
    print(
        f"\n{alone / both:.0%} of the work of reading a frame is done in this process, so two "
        f"threads may be {possible:.2f} times as fast as one; they were {one / two:.2f} times"
    )
    assert possible > 1.8


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

    scan = processor_seconds(bare, 1)
    ours = processor_seconds(lambda: open_studies([tmp_path]), 1)
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
    warm = processor_seconds(frames[0].pixels)
    WORKERS.end()
    cold = processor_seconds(frames[0].pixels, 1)
    print(f"\na frame takes {warm:.3f} s, and {cold:.3f} s when its worker has to start first")
