"""Copies of a report for the clipboard and for drag and drop, which take files by their place.

They lie in a folder that only this user may read, under a name that tells nothing of the patient,
and only while the program runs: what a crash left behind goes at the next start.
"""

import shutil
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QMimeData, QUrl

from app.errors import ReportError, system_says
from app.gui.session import default_report_name
from app.paths import user_data


class HandedOut:
    """The folder of these copies."""

    def __init__(self) -> None:
        self._folder = user_data() / "handed-out"
        self.clear()

    def clear(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def write(self, pdf: bytes) -> Path:
        """Put a copy there, off the GUI thread, and return where it is.

        Raises:
            ReportError: If it cannot be written.
        """
        path = self._folder / default_report_name(datetime.now())
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # What it is copied to may be reading it: the same report is not written twice.
            if not (path.is_file() and path.read_bytes() == pdf):
                path.write_bytes(pdf)
        except OSError as error:
            words = QCoreApplication.translate(
                "HandedOut", "The report could not be copied ({why}). Save it as a file instead."
            )
            raise ReportError(words.format(why=system_says(error))) from error
        return path


def mime(copy: Path, pdf: bytes) -> QMimeData:
    """A report as a file and as bytes, for whoever it is given to."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(copy))])
    data.setData("application/pdf", pdf)
    return data
