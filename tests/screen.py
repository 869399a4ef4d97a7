"""What an X display shows, seen from outside the program that draws on it."""

import os
import sys

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

THERE = sys.platform == "linux" and bool(os.environ.get("DISPLAY"))


def screen(program: QApplication) -> NDArray[np.uint8]:
    """The grey values of the whole display, shape (rows, columns)."""
    picture = program.primaryScreen().grabWindow(0).toImage()
    grey = picture.convertToFormat(QImage.Format.Format_Grayscale8)
    rows = np.frombuffer(grey.constBits(), np.uint8).reshape(grey.height(), grey.bytesPerLine())
    return rows[:, : grey.width()].copy()
