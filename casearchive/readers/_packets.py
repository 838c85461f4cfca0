"""What a video container says of its frames, read from the packets and without decoding them."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

#: Beyond this many packets the container's own count is believed.
MOST_PACKETS = 200_000


@dataclass(frozen=True, slots=True)
class Key:
    """A packet from which decoding can start: the time at which it is shown, and a sum of its bytes."""

    time: int
    sum: int


@dataclass(frozen=True, slots=True)
class Packets:
    """The frames of one video stream in the order in which they are shown.

    ``times`` are presentation times in ticks of the stream, each once and rising, or None where the stream does
    not have them (bare elementary streams, AVI with reordered frames): its frames can then only be counted.
    ``kept`` counts packets that give a frame, ``all`` those that an edit list hides as well. ``doubtful`` is true
    where packets and frames need not be the same number. ``broken`` is true where reading stopped at damage,
    ``stopped`` where there were more packets than are counted.
    """

    times: tuple[int, ...] | None
    keys: tuple[Key, ...]
    kept: int
    all: int
    doubtful: bool
    broken: bool
    stopped: bool


def read(packets: Iterable[Any], damage: tuple[type[Exception], ...]) -> Packets:
    """Read every packet of one stream, to its end or to the first ``damage``."""
    times: list[int] = []
    keys: list[Key] = []
    kept = everything = unknown = 0
    doubtful = broken = stopped = False
    try:
        for packet in packets:
            if packet.size == 0:
                continue
            everything += 1
            if everything > MOST_PACKETS:
                stopped = True
                break
            # What stands before the first key frame, and what is too small to be a picture, may show nothing.
            doubtful |= (everything == 1 and not packet.is_keyframe) or packet.is_corrupt or packet.size < 9
            if packet.is_keyframe and packet.pts is not None:
                keys.append(Key(packet.pts, zlib.crc32(packet)))
            if packet.is_discard:
                continue
            kept += 1
            if packet.pts is None:
                unknown += 1
            else:
                times.append(packet.pts)
    except damage:
        broken = True
    distinct = len(set(times)) == len(times)
    known = not unknown and distinct
    return Packets(
        times=tuple(sorted(times)) if known else None,
        keys=tuple(sorted(keys, key=lambda key: key.time)),
        kept=kept,
        all=everything,
        doubtful=doubtful or not distinct or bool(times and unknown),
        broken=broken,
        stopped=stopped,
    )
