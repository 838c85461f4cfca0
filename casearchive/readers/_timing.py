"""From the times of frames to a speed: even or not, possible or not, the same for every medium."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise

from casearchive.model import Timing

#: Slower than a frame in ten seconds is no clip, and faster than 500 a second no scanner stores.
SLOWEST_FPS, FASTEST_FPS = 0.1, 500.0

UNEVEN = "its frames are not evenly spaced in time; each keeps its own time, and the mean rate is given"


def possible(fps: float) -> bool:
    """Whether a clip can have so many frames a second."""
    return math.isfinite(fps) and SLOWEST_FPS <= fps <= FASTEST_FPS


def steady(fps: float, frames: int, source: str) -> Timing:
    """A clip whose ``frames`` frames follow each other evenly; ``fps`` must be possible."""
    return Timing(fps=round(fps, 4), source=source, duration_s=round(frames / fps, 4))


def from_times(
    times: Sequence[float], source: str, *, stated: float | None = None, tick: float = 0.0
) -> Timing | None:
    """The timing of frames shown at ``times`` (seconds, not falling), or None where that is not possible.

    ``tick`` is the smallest step the medium can express, in seconds: steps that differ by no more than that are
    even. ``stated`` is the rate that the medium names; it is taken where the times agree, being less rounded.
    """
    if len(times) < 2:
        return None
    span = times[-1] - times[0]
    if not math.isfinite(span) or span <= 0 or not possible((len(times) - 1) / span):
        return None
    step = span / (len(times) - 1)
    if _even(times, step, tick):
        agreed = stated is not None and possible(stated) and abs(stated * step - 1) <= 0.01
        return steady(stated if agreed and stated else 1 / step, len(times), source)
    return Timing(
        fps=round(1 / step, 4),
        source=source,
        duration_s=round(span + step, 4),
        times=tuple(round(time - times[0], 6) for time in times),
    )


def from_durations(durations: Sequence[float], source: str, *, tick: float = 0.0) -> Timing | None:
    """The timing of frames that are each shown for one of ``durations`` (seconds), or None: not possible."""
    found = from_times((0.0, *accumulate(durations[:-1])), source, tick=tick)
    if found is None or not found.times:
        return found
    total = math.fsum(durations)
    return Timing(round(len(durations) / total, 4), source, round(total, 4), found.times)


def _even(times: Sequence[float], step: float, tick: float) -> bool:
    """No step leaves the mean by more than a tenth, and no frame its even place by more than half a step."""
    slack = max(1.01 * tick, step / 10)
    if any(abs(after - before - step) > slack for before, after in pairwise(times)):
        return False
    return all(abs(time - times[0] - n * step) <= max(step / 2, slack) for n, time in enumerate(times))
