"""Decodes what only the extra ``codecs`` can, in a process of its own: JPEG-LS, JPEG XL, JPEG of more than 8 bits.

These are rare in ultrasound and their decoders are less hardened than Pillow's: damaged colour JPEG-LS keeps one
busy for ever. So the work is done aside, with a limit of time and memory, and a frame that breaks it costs that frame.
"""

from __future__ import annotations

import atexit
import os
import struct
import subprocess
import sys
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock, Timer

import numpy as np

from casearchive.errors import PictureUnavailable
from casearchive.readers._frames import Samples

JPEG_LS, JPEG_XL, DEEP_JPEG = b"s", b"x", b"d"
_NAMES = {JPEG_LS: "JPEG-LS", JPEG_XL: "JPEG XL", DEEP_JPEG: "JPEG of more than 8 bits a sample"}
#: The head (bytes a sample, then the shape) and the samples.
_Reply = tuple[tuple[int, ...], bytes]
_LIMIT_S = 20.0
#: What is left to further frames of a file in which one did not come to an end, and how many of those are borne.
_LIMIT_AFTER_S, _MOST_ENDLESS = 1.0, 2
_PROGRAM = Path(__file__).with_name("_aside.py")


@cache
def available() -> bool:
    return find_spec("imagecodecs") is not None


def needs_extra(kind: bytes) -> PictureUnavailable:
    """What to tell where the codecs are missing."""
    return PictureUnavailable(
        f"showing {_NAMES[kind]} needs a codec that is not installed",
        hint="the original is kept; to see it: pip install 'casearchive[codecs]'",
    )


def decoded(kind: bytes, data: bytes) -> Samples:
    """(rows, columns[, samples]) as stored. Raises PictureUnavailable."""
    if not available():
        raise needs_extra(kind)
    reply = _HELPER.asked(kind, data)
    if reply is None:
        raise PictureUnavailable(f"its {_NAMES[kind]} data is damaged: decoding it did not come to an end")
    head, body = reply
    if not head:
        raise PictureUnavailable(f"its {_NAMES[kind]} data is damaged")
    return np.frombuffer(body, f"u{head[0]}").reshape(head[1:])


def begin() -> None:
    """Another file: its frames are decoded with fresh patience."""
    _HELPER.endless = 0


class _Helper:
    """The decoding process: begun with the first frame that needs it, ended with this one, or by a bad frame."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self.endless = 0  # frames of the file in hand that had to be ended

    def asked(self, kind: bytes, data: bytes) -> _Reply | None:
        """The answer, or None where the process had to be ended."""
        if (
            self.endless >= _MOST_ENDLESS
        ):  # a clip of such frames would keep one waiting for as many times as it has
            return None
        with self._lock:
            process = self._running()
            timer = Timer(_LIMIT_AFTER_S if self.endless else _LIMIT_S, process.kill)
            timer.start()
            try:
                return _asked(process, kind, data)
            except (OSError, struct.error):
                self._end()
                self.endless += 1
                return None
            finally:
                timer.cancel()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._owner != os.getpid():
            self._process = None  # begun by the process that this one was forked from, and still its own
        if self._process is None:
            command = [sys.executable, "-P", str(_PROGRAM)]
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            self._owner = os.getpid()
        return self._process

    def end(self) -> None:
        with self._lock:
            self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):  # what was still to be written has no reader any more
                    pipe.close()
        process.wait()


_HELPER = _Helper()
atexit.register(_HELPER.end)


def _asked(process: subprocess.Popen[bytes], kind: bytes, data: bytes) -> _Reply:
    """The head (bytes a sample, then the shape; nothing where it cannot be decoded) and the samples."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(struct.pack("<cQ", kind, len(data)) + data)
    process.stdin.flush()
    (count,) = struct.unpack("<B", process.stdout.read(1))
    head = struct.unpack(f"<{count}Q", process.stdout.read(8 * count))
    size = int(np.prod(head)) if head else 0
    body = process.stdout.read(size)
    if len(body) != size:
        raise OSError
    return head, body
