"""The other end of ``_codecs``: a program of its own that decodes frame after frame and knows nothing else.

Asked on standard input: one letter for the kind, eight bytes of length, the data. Answers on standard output:
how many numbers follow, the bytes of a sample and the shape, then the samples; or a zero.
"""

from __future__ import annotations

import math
import struct
import sys
import time
from typing import Any

#: Seconds of the processor that a frame may take, however large.
_WORK = 6
#: A frame of as many colour pixels as are shown at most, and the decoder's own needs.
_MEMORY = 4 << 30


def main() -> None:
    _bounded()
    import imagecodecs
    import numpy as np

    decoders: dict[bytes, Any] = {
        b"s": imagecodecs.jpegls_decode,
        b"x": lambda data: imagecodecs.jpegxl_decode(data, numthreads=1),
        b"d": imagecodecs.jpeg8_decode,
    }
    source, out = sys.stdin.buffer, sys.stdout.buffer
    while head := source.read(9):
        kind, length = struct.unpack("<cQ", head)
        data = source.read(length)
        _allow_work()
        try:
            samples = np.ascontiguousarray(decoders[kind](data))
            if samples.dtype.kind != "u":
                raise TypeError
            shape = (samples.itemsize, *samples.shape)
        except Exception:  # noqa: BLE001 - decoders raise whatever damaged data makes of them
            out.write(b"\0")
        else:
            out.write(struct.pack(f"<B{len(shape)}Q", len(shape), *shape))
            out.write(samples.data)
        out.flush()


def _allow_work() -> None:
    """Let the system end this process where one frame takes more of the processor than any sound one."""
    try:
        import resource

        soft = math.ceil(time.process_time() + _WORK)
        resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    except (ImportError, ValueError, OSError):
        return


def _bounded() -> None:
    """No more memory than a frame can need, where the system can hold a program to that."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    except (ImportError, ValueError, OSError):
        return


if __name__ == "__main__":
    main()
