"""What there is to say of a video stream: its speed, and what a person should know of it."""

from __future__ import annotations

from casearchive.model import Timing
from casearchive.readers import _timing
from casearchive.readers._video import VideoFacts


def timing(video: VideoFacts) -> tuple[Timing, tuple[str, ...]]:
    """The speed a stream says of itself, and notes: its times, else the rate it names, else unknown."""
    if video.frames < 2:
        return Timing(), ()
    if video.times:
        found = _timing.from_times(video.times, "container", stated=video.rate, tick=video.tick)
        if found is None:
            return Timing(), ("the times of its frames are not possible and were not believed",)
        return found, (_timing.UNEVEN,) if found.times else ()
    if video.rate is None:
        return Timing(), ("it does not say how fast it is",)
    if not _timing.possible(video.rate):
        return Timing(), ("the frame rate that it names is not possible and was not believed",)
    return _timing.steady(video.rate, video.frames, "container"), ()


def remarks(video: VideoFacts) -> tuple[str, ...]:
    """What a person should know of a stream, beside its speed."""
    notes = []
    if video.sound:
        notes.append("it holds sound: voices identify")
    if not video.counted:
        notes.append("the number of frames is what the container says; it was not counted")
    elif video.promised > video.frames:
        notes.append(f"it promises {video.promised} frames and holds {video.frames}")
    if video.broken:
        notes.append("the stream is damaged and was read up to there")
    if video.turned.words:
        notes.append(f"{video.turned.words}, as the container asks")
    if video.stretched:
        notes.append("scaled to square pixels, as the container asks")
    if video.interlaced:
        notes.append("interlaced: each frame holds two moments, and what moves shows a comb")
    return tuple(notes)
