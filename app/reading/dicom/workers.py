"""Keep processes that decode compressed frames, and start another when one dies.

A frame that kills its decoder, or takes too long, costs one worker and is reported as damaged;
the program and the other frames go on. Two workers use two cores; each is started when needed and
then kept, since starting takes longer than decoding.
"""

import atexit
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

from app.errors import DamagedFile, UnsupportedFile
from app.reading.dicom.codestream import Codestream
from app.reading.dicom.decode import ABSENT, REPLY, REQUEST
from app.reading.dicom.syntaxes import Decoder

DECODE_FLAG = "--decode-frames"
"""What the packaged program is started with to become a worker; see `app.__main__`."""

TIME_LIMIT = 20.0  # seconds per frame; the slowest whole frame met took 0.3
_MOST = max(1, min(4, os.cpu_count() or 1))


class Worker:
    """One decoding process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            _command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._late = False

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def decode(self, request: bytes, frame: bytes, time_limit: float) -> tuple[int, bytes]:
        """Return the status and bytes of the reply.

        Raises:
            DamagedFile: If the process died or had to be ended.
        """
        requests, replies = self._pipes()
        watch = threading.Timer(time_limit, self._end_late)
        watch.start()
        try:
            requests.write(request)
            requests.write(frame)
            requests.flush()
            head = replies.read(REPLY.size)
            if len(head) == REPLY.size:
                status, length = REPLY.unpack(head)
                reply = replies.read(length)
                if len(reply) == length:
                    return status, reply
        except OSError:
            pass  # the pipe broke: the process is gone, which is said below
        finally:
            watch.cancel()
        self.end()
        if self._late:
            raise DamagedFile(
                f"A frame was not decoded within {time_limit:.0f} seconds: it is damaged."
            )
        raise DamagedFile("A frame is damaged: its decoder had to stop.")

    def end(self) -> None:
        self._process.kill()
        for pipe in self._pipes():
            try:
                pipe.close()
            except OSError:
                continue  # what was still to be written has nowhere to go
        self._process.wait()

    def _end_late(self) -> None:
        self._late = True
        self._process.kill()

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        return self._process.stdin, self._process.stdout


class Workers:
    """The processes that are waiting for a frame, and how many may be at work at once."""

    def __init__(self, most: int = _MOST) -> None:
        self._waiting: list[Worker] = []
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(most)

    def warm_up(self) -> None:
        """Start one worker if none is waiting, without waiting for it."""
        with self._lock:
            if not self._waiting:
                self._waiting.append(Worker())

    def decode(self, request: bytes, frame: bytes, time_limit: float) -> tuple[int, bytes]:
        with self._places:
            with self._lock:
                worker = self._waiting.pop() if self._waiting else None
            if worker is not None and not worker.alive:
                worker.end()
                worker = None
            worker = worker or Worker()
            reply = worker.decode(request, frame, time_limit)
            with self._lock:
                self._waiting.append(worker)
            return reply

    def end(self) -> None:
        with self._lock:
            for worker in self._waiting:
                worker.end()
            self._waiting.clear()


WORKERS = Workers()
atexit.register(WORKERS.end)


def decode_frame(
    frame: bytes, decoder: Decoder, syntax: str, stream: Codestream, *, signed: bool
) -> bytes:
    """Decode one compressed frame in a worker.

    Returns:
        Samples in row order, colour by pixel, one byte each up to 8 bits of precision and two,
        little endian, above.

    Raises:
        DamagedFile: If it cannot be decoded.
        UnsupportedFile: If the decoder is not installed.
    """
    request = REQUEST.pack(
        decoder.value.encode(),
        syntax.encode(),
        stream.rows,
        stream.columns,
        stream.components,
        stream.precision,
        signed,
        len(frame),
    )
    status, reply = WORKERS.decode(request, frame, TIME_LIMIT)
    if status == ABSENT:
        raise UnsupportedFile(
            f"Its compression cannot be read here: the decoder {reply.decode()} is not installed."
        )
    if status:
        raise DamagedFile("A frame is damaged: it cannot be decoded.")
    size = 1 if stream.precision <= 8 else 2
    if len(reply) != stream.rows * stream.columns * stream.components * size:
        raise DamagedFile("A frame is damaged: it decodes to another size than it says.")
    return reply


def _command() -> list[str]:
    if getattr(sys, "frozen", False):
        return [sys.executable, DECODE_FLAG]
    # Not by `-m` or multiprocessing: either would import what the main program does, torch in `ml`.
    root = Path(__file__).resolve().parents[3]
    call = "from app.reading.dicom.decode import serve; serve()"
    return [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(root)!r}); {call}"]
