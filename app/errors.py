"""Every error a user may be shown.

AppError
├── ReadError            a file is not OCT that we can read
│   ├── DamagedFile      it is one, but cut, contradictory or undecodable
│   └── UnsupportedFile  it is intact, but of a kind or coding that we do not read
├── PackageError         a model package does not verify, or does not fit this program
│   └── UnsignedPackage  nobody known vouches for it, and nobody said to take it all the same
├── InvalidOutput        the network returned something that is not a probability
├── ReportError          a report or result file could not be written
├── StorageError         the case list or the settings could not be read or written
│   └── DamagedRecord    what was kept of one study is damaged; the others can be read
└── UsageError           a call, option or configuration is wrong

A message is one or two sentences in words a clinician reads: which file, what is wrong, what to
do next. It never holds a patient's name, number or birth date: it is logged. What is not an
AppError is a bug and reaches `sys.excepthook`.
"""


def system_says(error: OSError) -> str:
    """Why the system refused, in its own words; not every error has any."""
    return error.strerror or str(error) or type(error).__name__


class AppError(Exception):
    """Base of every error with a message meant for the user."""


class ReadError(AppError):
    """The file is not OCT that we can read."""


class DamagedFile(ReadError):
    """The file is of a kind we read, but cut, contradictory or undecodable."""


class UnsupportedFile(ReadError):
    """The file is intact, but of a kind or coding that we do not read."""


class PackageError(AppError):
    """The model package does not verify, or does not fit this program."""


class UnsignedPackage(PackageError):
    """Nobody known to this computer vouches for the model package."""


class InvalidOutput(AppError):
    """The network returned something that is not a probability."""


class ReportError(AppError):
    """A report or result file could not be written."""


class StorageError(AppError):
    """The case list or the settings could not be read or written."""


class DamagedRecord(StorageError):
    """What was kept of one study is damaged; the others can be read."""


class UsageError(AppError):
    """A call, option or configuration is wrong."""
