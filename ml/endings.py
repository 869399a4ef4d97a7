"""How commands end: with a status, and what the user can mend in one sentence."""

import sys
from collections.abc import Callable

from app.errors import AppError
from ml.memory import out_of_memory
from ml.processes import lost_process, lost_worker

_INTERRUPTED = 130  # as a shell reports a program that Ctrl-C ended
OUT_OF_MEMORY = (
    "The memory does not suffice. Lower train.batch and raise train.accumulate by the same "
    "factor, or lower input.height and input.width, and start again with another --out."
)
OUT_OF_MEMORY_NOW = (
    "The memory does not suffice. End other programs, or take a computer with more of it, and "
    "start the same command again."
)
LOST_WORKER = (
    "A process that draws views ended, or got no shared memory: most likely the memory does not "
    "suffice. End other programs and go on with --resume; if it happens again, lower train.workers "
    "(0: no such process) and start again with another --out."
)
LOST_PROCESS = (
    "Another of the processes ended, so this one cannot go on. Mend what that one says, then start "
    "all of them again with --resume."
)


def in_one_sentence(work: Callable[[], int], *, status: int = 1, trains: bool = False) -> int:
    """Do the work and return its status; what the user can mend ends in one sentence.

    Args:
        work: Of a command.
        status: What to return after the sentence, which goes to standard error.
        trains: Whether the command trains a run in this process, and goes on with --resume.
    """
    try:
        return work()
    except KeyboardInterrupt:
        again = " Go on with --resume." if trains else ""
        print(f"Stopped. What was written so far is whole.{again}", file=sys.stderr)
        return _INTERRUPTED
    except AppError as error:
        sentence = str(error)
    except Exception as error:
        sentence = _sentence(error, trains=trains)
        if not sentence:
            raise
    print(sentence, file=sys.stderr)
    return status


def _sentence(error: Exception, *, trains: bool) -> str:
    """What to tell the user of an error that is none of the program's; "" if it is one."""
    if lost_worker(error):
        return LOST_WORKER
    if out_of_memory(error):
        return OUT_OF_MEMORY if trains else OUT_OF_MEMORY_NOW
    if isinstance(error, OSError):
        again = "go on with --resume" if trains else "start the same command again"
        return f"{error}. Mend that, then {again}."
    return LOST_PROCESS if lost_process(error) else ""
