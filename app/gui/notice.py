"""A sentence for the reader, shown above the scans."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A sentence for the reader, with a way on."""

    kind: str  # "information", "warning" or "problem"
    text: str
    action: str = ""  # the button's words
    act: Callable[[], object] | None = field(default=None, compare=False)
