"""A file manager's part in dragging: a small window of its own process to drag a path out of.

It prints what would become of a drop where the mouse is, as far as that is known, and what became
of it.

python tests/bundle/drag_source.py PATH X Y
"""

import sys
from pathlib import Path

from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QDrag, QMouseEvent
from PySide6.QtWidgets import QApplication, QLabel


class Source(QLabel):
    def __init__(self, path: Path) -> None:
        super().__init__(path.name)
        self.setWindowTitle("drag source")
        self.setWindowFlag(Qt.WindowType.WindowStaysOnTopHint)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setFixedSize(200, 60)
        self._path = path

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        content = QMimeData()
        content.setUrls([QUrl.fromLocalFile(str(self._path))])
        drag = QDrag(self)
        drag.setMimeData(content)
        drag.actionChanged.connect(lambda action: print("over", action.name, flush=True))
        taken = drag.exec(Qt.DropAction.CopyAction)
        print("dropped", taken.name, flush=True)


def main(path: Path, x: int, y: int) -> None:
    program = QApplication(sys.argv[:1])
    source = Source(path)
    source.move(x, y)
    source.show()
    sys.exit(program.exec())


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
