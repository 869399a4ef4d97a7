"""How long the window's thread is held, seen by a watchdog on its event loop."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QTimer

STALL_MS = 50
"""A reader notices more."""


class Heartbeat:
    """How long the thread of the window was at work between two turns of its event loop."""

    def __init__(self) -> None:
        self.held_ms: list[float] = []  # of its processor
        self.gaps_ms: list[float] = []  # by the clock, other work counted
        self._last = time.perf_counter(), time.thread_time()
        self._timer = QTimer()
        self._timer.timeout.connect(self._beat)
        # Not 0: a loop that never rests would keep the workers from their turn.
        self._timer.start(5)

    def _beat(self) -> None:
        now = time.perf_counter(), time.thread_time()
        self.gaps_ms.append((now[0] - self._last[0]) * 1000)
        self.held_ms.append((now[1] - self._last[1]) * 1000)
        self._last = now

    def stop(self) -> None:
        self._timer.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """The longest turn of the event loop."""

    processor_ms: float
    clock_ms: float


def longest_hold(act: Callable[[], object], wait: Callable[[], object]) -> Hold:
    """Act as an event would, and return what held the window longest until `wait` returns."""
    beat = Heartbeat()
    QTimer.singleShot(20, act)
    wait()
    beat.stop()
    return Hold(processor_ms=max(beat.held_ms), clock_ms=max(beat.gaps_ms))
