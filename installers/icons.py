"""Draw resources/icons/kd-oct.svg in every size that desktops ask for.

    python installers/icons.py build/icons

Gives hicolor/SIZExSIZE/apps/kd-oct.png and the same drawing as .svg for Linux, kd-oct.ico for
Windows and kd-oct.icns for macOS.
"""

import os
import shutil
import sys
from pathlib import Path

from PIL import Image

SIZES = (16, 22, 24, 32, 48, 64, 128, 256, 512)
DRAWING = Path(__file__).resolve().parent.parent / "resources" / "icons" / "kd-oct.svg"


def draw(folder: Path) -> None:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import Qt
    from PySide6.QtGui import QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    renderer = QSvgRenderer(str(DRAWING))
    themed = folder / "hicolor"
    for size in (*SIZES, 1024):
        picture = QImage(size, size, QImage.Format.Format_ARGB32)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        renderer.render(painter)
        painter.end()
        place = themed / f"{size}x{size}" / "apps" if size in SIZES else folder
        place.mkdir(parents=True, exist_ok=True)
        picture.save(str(place / "kd-oct.png"))
    scalable = themed / "scalable" / "apps"
    scalable.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(DRAWING, scalable / "kd-oct.svg")
    _for_windows_and_macos(folder)


def _for_windows_and_macos(folder: Path) -> None:
    # Each size as it was drawn: a small icon scaled down from a large one is a smear.
    drawn = {
        size: Image.open(folder / "hicolor" / f"{size}x{size}" / "apps" / "kd-oct.png")
        for size in SIZES
    }
    with Image.open(folder / "kd-oct.png") as largest:
        largest.save(folder / "kd-oct.icns", append_images=list(drawn.values()))
    sizes = [size for size in SIZES if size <= 256]
    drawn[256].save(
        folder / "kd-oct.ico",
        sizes=[(size, size) for size in sizes],
        append_images=[drawn[size] for size in sizes],
    )


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
