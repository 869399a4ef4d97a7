"""Times as Windows counts them: in 100 ns from 1601, as Heidelberg's files hold them."""

from datetime import datetime, timedelta

_ZERO = datetime(1601, 1, 1)


def moment_of(ticks: int) -> datetime | None:
    """The time, without a zone; None where none is stated or no calendar reaches."""
    try:
        return _ZERO + timedelta(microseconds=ticks // 10) if ticks else None
    except OverflowError:
        return None
