"""Damage that looks for new paths through the readers, guided by their coverage (atheris).

`python -m tests.fuzz.guided [-runs=N] [-max_total_time=SECONDS] [FOLDER]`, or `make fuzz`. It
begins with the same files as `mutations`; the first byte of an input says which of them it is. What
leads to a new path is kept in FOLDER, for the next session.
"""

import atexit
import os
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["app.reading", "pydicom.filereader"]):
    import app.reading.pile  # noqa: F401

from tests.fuzz.mutations import corpus, lay, read_everything


def main() -> None:
    warnings.simplefilter("ignore")  # libraries warn of the damage that they meet
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    files = corpus(folder)
    names = sorted(files)
    place = folder / "tried"
    place.mkdir()

    def try_one(data: bytes) -> None:
        if not data:
            return
        path = lay(place, files, names[data[0] % len(names)], data[1:])
        read_everything(path)
        if path.is_file():
            path.unlink()

    options = [each for each in sys.argv[1:] if each.startswith("-")]
    kept = [each for each in sys.argv[1:] if not each.startswith("-")]
    seeds = folder / "seeds"
    seeds.mkdir()
    for index, name in enumerate(names):
        (seeds / f"{index:03d}").write_bytes(bytes([index]) + files[name])
    for each in kept:
        os.makedirs(each, exist_ok=True)
        options.append(f"-artifact_prefix={each}/")  # an input at fault is tried again next time
    largest = max(map(len, files.values())) + 1
    defaults = [f"-max_len={largest}", "-rss_limit_mb=6000", "-timeout=60"]
    atheris.Setup([sys.argv[0], *defaults, *options, *kept, str(seeds)], try_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
