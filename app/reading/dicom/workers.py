"""Keep processes that decode compressed frames, and start another when one dies.

A frame that kills its decoder, or takes too long, costs one worker and is reported as damaged;
the program and the other frames go on. Of a file that took too long no further frame is tried, so
that a volume of such frames costs its reader one wait and not hundreds. Two workers use two cores;
each is started when needed and then kept, since starting takes longer than decoding.
"""

import atexit
import os
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

import numpy as np

from app.errors import DamagedFile, UnsupportedFile
from app.language import fill
from app.reading.dicom.codestream import Codestream
from app.reading.dicom.decode import ABSENT, CONTENT, PICTURE, PLACE, READY, REPLY, REQUEST
from app.reading.dicom.syntaxes import Decoder
from app.reading.entries import Entry, bytes_at
from app.reading.grey import Stored
from app.reading.limits import LARGEST_FRAME

DECODE_FLAG = "--decode-frames"
"""What the packaged program is started with to become a worker; see `app.__main__`."""

TIME_LIMIT = 20.0  # seconds per frame; the slowest whole frame met took 0.3
START_LIMIT = 180.0  # seconds; the packaged program may be read from a slow disk, and scanned
_MOST = max(1, min(4, os.cpu_count() or 1))


class TooSlow(DamagedFile):
    """A frame was not decoded in time."""


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
        self._ready = False
        self._late = False

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def decode(self, request: bytes, frame: bytes, time_limit: float) -> tuple[int, bytes]:
        """Return the status and bytes of the reply.

        Raises:
            DamagedFile: If the process did not start, died or had to be ended.
        """
        requests, replies = self._pipes()
        self._await_start(replies)
        if not self._ready:
            self.end()
            raise DamagedFile(
                "The program that decodes frames could not be started, so a frame was not read. "
                "Close other programs, then analyse the study again."
            )
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
            raise TooSlow(
                fill(
                    "A frame was not decoded within {limit} seconds: it is damaged.",
                    limit=f"{time_limit:.0f}",
                )
            )
        raise DamagedFile("A frame is damaged: its decoder had to stop.")

    def _await_start(self, replies: IO[bytes]) -> None:
        """What starting takes is no fault of the frame's. A process that does not is ended."""
        if not self._ready:
            watch = threading.Timer(START_LIMIT, self._process.kill)
            watch.start()
            self._ready = replies.read(len(READY)) == READY
            watch.cancel()

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
_SLOW: set[tuple[Path, int]] = set()
"""Files, by path and size, of which a frame has taken too long since the program started."""


def decode_frame(
    frame: bytes, decoder: Decoder, syntax: str, stream: Codestream, *, signed: bool, entry: Entry
) -> bytes:
    """Decode one compressed frame in a worker.

    Args:
        entry: The file that the frame is of.

    Returns:
        Samples in row order, colour by pixel, one byte each up to 8 bits of precision and two,
        little endian, above.

    Raises:
        DamagedFile: If it cannot be decoded, or another frame of the file took too long before.
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
    reply = _ask(request, frame, entry)
    size = 1 if stream.precision <= 8 else 2
    if len(reply) != stream.rows * stream.columns * stream.components * size:
        raise DamagedFile("A frame is damaged: it decodes to another size than it says.")
    return reply


def decode_picture(entry: Entry, page: int) -> Stored:
    """Decode one page, counted from 0, of a PNG, JPEG, TIFF or BMP file in a worker.

    Returns:
        Grey values, shape (rows, columns), 8 or more bits or floats; colours as their luminance.

    Raises:
        DamagedFile: If it cannot be read or decoded.
    """
    if entry.on_disk:
        bytes_at(entry, entry.size - 1, 1)  # here it can be said why not, if it has gone
        source = PLACE + os.fsencode(entry.path.absolute())
    else:
        source = CONTENT + bytes_at(entry, 0, entry.size)
    request = REQUEST.pack(PICTURE, b"", 0, 0, 0, 0, 0, len(source) + 4)
    reply = _ask(request, struct.pack("<L", page) + source, entry)
    kind, rows, columns = struct.unpack_from("<3sLL", reply)
    values = np.frombuffer(reply, np.dtype(kind.decode()), offset=11)
    if rows * columns > LARGEST_FRAME or len(values) != rows * columns:
        raise DamagedFile("A picture is damaged: it decodes to another size than it says.")
    return values.reshape(rows, columns)


def _ask(request: bytes, data: bytes, entry: Entry) -> bytes:
    known = (entry.path, entry.size)
    if known in _SLOW:
        raise DamagedFile(
            "A frame of this file took too long to decode, so its others are not tried until the "
            "program is started again."
        )
    try:
        status, reply = WORKERS.decode(request, data, TIME_LIMIT)
    except TooSlow:
        _SLOW.add(known)
        raise
    if status == ABSENT:
        raise UnsupportedFile(
            fill(
                "Its compression cannot be read here: the decoder {decoder} is not installed.",
                decoder=reply.decode(),
            )
        )
    if status:
        raise DamagedFile("A frame is damaged: it cannot be decoded.")
    return reply


def _command() -> list[str]:
    if getattr(sys, "frozen", False):
        return [sys.executable, DECODE_FLAG]
    # Not by `-m` or multiprocessing: either would import what the main program does, torch in `ml`.
    root = Path(__file__).resolve().parents[3]
    call = "from app.reading.dicom.decode import serve; serve()"
    return [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(root)!r}); {call}"]
