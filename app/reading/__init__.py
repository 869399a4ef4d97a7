"""Read whatever OCT a clinic drops on us: one small module per family of files.

`open_studies` looks at headers only; pixels are read by `BScan.load`, one frame at a time. A file
that cannot be read is listed with the reason, and the others go on.
"""

from collections.abc import Sequence
from pathlib import Path

from app.progress import Progress, ignore_progress
from app.study import Opened

__all__ = ["open_studies"]


def open_studies(paths: Sequence[Path], progress: Progress = ignore_progress) -> Opened:
    """Find and sort the OCT in files and folders.

    Args:
        paths: Files and folders, read with everything under them.
        progress: Told after every file, with a total of 0 while files are still being found; may
            raise to cancel.

    Returns:
        The studies, by date of visit, and every file that was not taken, with the reason.
    """
    # The readers bring pydicom and Pillow, which the first window need not wait for.
    from app.acquisition import note_shared_folders
    from app.reading.pile import Pile

    return note_shared_folders(Pile(progress).open([Path(path) for path in paths]))
