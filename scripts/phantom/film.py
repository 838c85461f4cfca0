"""Pictures without a header: PNG stills and MP4 clips."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from PIL import Image

from phantom.screen import Pixels


def have_video() -> bool:
    """Is PyAV there?"""
    try:
        import av  # noqa: F401
    except ImportError:
        return False
    return True


def write_png(path: Path, frame: Pixels) -> None:
    """One RGB or grey frame."""
    Image.fromarray(frame).save(path, "PNG", optimize=True)


def write_mp4(path: Path, frames: Pixels, fps: int, crf: int = 19) -> None:
    """H.264 in MP4, yuv420p, one thread so that the same frames give the same bytes."""
    import av

    with av.open(
        str(path), "w", format="mp4", options={"movflags": "+faststart", "fflags": "+bitexact"}
    ) as box:
        stream = box.add_stream("libx264", rate=Fraction(fps))
        stream.width, stream.height = frames.shape[2], frames.shape[1]
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(crf), "preset": "slow", "threads": "1", "flags": "+bitexact"}
        for frame in frames:
            box.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        box.mux(stream.encode())
