"""How long work tells where it stands, and how it is stopped.

A long function takes `progress(done, total)` and calls it once per B-scan or file. Cancelling
makes that call raise `Cancelled`, so that one parameter serves both purposes and the core knows
nothing of windows or threads.
"""

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""`progress(done, total)`, both counts of the same unit; `total` is 0 while it is unknown."""


class Cancelled(Exception):
    """Raised out of a progress call when the user cancels."""


def ignore_progress(done: int, total: int) -> None:
    """Take the report and do nothing: the default where nobody watches."""
