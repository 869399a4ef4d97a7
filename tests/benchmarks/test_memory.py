"""How much memory an analysis takes above the loaded program, in an interpreter of its own."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.benchmark

CODE = """
import json, sys, threading
from pathlib import Path
import psutil
from app.analysis import analyse
from app.engine import Engine
from app.modelpack import load_package
from app.reading import open_studies

package = load_package(Path(sys.argv[1]))
engine = Engine(package)
process, ended = psutil.Process(), threading.Event()
loaded = peak = process.memory_info().rss

def watch():
    global peak
    while not ended.wait(0.01):
        peak = max(peak, process.memory_info().rss)

watcher = threading.Thread(target=watch)
watcher.start()
[study] = open_studies([Path(sys.argv[2])]).studies
result = analyse(study, package, engine=engine)
ended.set()
watcher.join()
frames = len(result.eyes[0].volumes[0].bscans)
print(json.dumps({"loaded": loaded, "peak": peak, "frames": frames}))
"""


def measure(package, path):
    return json.loads(
        subprocess.check_output([sys.executable, "-c", CODE, str(package.folder), str(path)])
    )


def test_peak_memory_above_the_loaded_program(package, volume_file):
    above = {}
    for frames in (40, 300):
        found = measure(package, volume_file(frames))
        assert found["frames"] == frames
        above[frames] = (found["peak"] - found["loaded"]) / 2**20
    print(
        f"\n{above[300]:.0f} MB above the loaded program for 300 frames of 496 x 768, "
        f"{above[40]:.0f} MB for 40"
    )
    assert above[300] <= 250
    # Streamed: what grows with the frames is their small maps alone.
    assert above[300] <= above[40] + 30
