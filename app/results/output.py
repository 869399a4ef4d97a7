"""Write a result file whole, or say in a sentence why not."""

import errno
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from app.errors import ReportError, system_says
from app.files import whole_file
from app.language import fill, mark
from app.study import Study

_FULL = mark("The disk is full. Free some space, or save to another disk.")

_ADVICE = {
    errno.ENOSPC: _FULL,
    getattr(errno, "EDQUOT", errno.ENOSPC): _FULL,  # a user's quota; Windows has none
    errno.EACCES: mark("You may not write there. Save to another folder."),
    errno.EPERM: mark("You may not write there, or another program has the file open."),
    errno.EROFS: mark("The disk is write-protected. Save to another folder."),
    errno.ENAMETOOLONG: mark("The file name is too long. Choose a shorter one."),
}


def file_stem(study: Study) -> str:
    """Name the files of a study: the same every time, and nothing of the patient."""
    return f"study-{hashlib.sha256(study.uid.encode()).hexdigest()[:8]}"


@contextmanager
def output_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file that appears at `path` only once it is whole.

    Raises:
        ReportError: If it cannot be written; what stood there before stays as it was.
    """
    try:
        with whole_file(path) as file:
            yield file
    except OSError as error:
        advice = _ADVICE.get(
            error.errno or 0,
            fill("{reason}. Save to another folder.", reason=system_says(error)),
        )
        raise ReportError(
            fill("“{name}” could not be written. {advice}", name=path.name, advice=advice)
        ) from error
