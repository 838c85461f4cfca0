"""Which format suits an animated preview: size, CPU and faithfulness of WebP, AVIF and H.264 on the same frames."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, features

from benchmarks.measure import table

Pixels = npt.NDArray[np.uint8]
EDGE = 320  # as casearchive.preview makes them
CASES = Path(__file__).resolve().parents[2] / "cases"
#: One grey loop, one with colour, one that is video already: what is measured where no files are named.
OWN = (
    "rectus-femoris-complete-tear/long-axis-contraction.dcm",
    "tarsal-tunnel-ganglion/dorsiflexion.dcm",
    "sacroiliac-joint-imitating-sciatica/guided-injection.mp4",
)


def measure(files: Sequence[Path], most: int) -> tuple[dict[str, Any], str]:
    """At most ``most`` frames of each file, all encoders in turn; CPU beside decoding these frames once."""
    found: dict[str, Any] = {}
    text = []
    for path in files or [CASES / name for name in OWN]:
        frames, spent = _frames(path, most)
        rows: dict[str, Any] = {}
        for name, encode, decode in _encoders():
            started = time.process_time()
            data = encode(frames)
            cpu = time.process_time() - started
            rows[name] = {
                "kB": len(data) / 1000,
                "cpu_ms_a_frame": 1000 * cpu / len(frames),
                "psnr_db": _psnr(frames, decode(data)),
            }
        wide, high = frames[0].size
        each = 1000 * spent / len(frames)
        title = f"{path.name}: {len(frames)} frames of {wide}x{high}, decoding {each:.1f} ms a frame"
        text.append(
            f"{title}\n\n"
            + table(
                ("", "kB", "CPU ms a frame", "PSNR dB"),
                [
                    (n, f"{r['kB']:.0f}", f"{r['cpu_ms_a_frame']:.1f}", f"{r['psnr_db']:.1f}")
                    for n, r in rows.items()
                ],
            )
        )
        found[path.name] = {"frames": len(frames), "decode_ms_a_frame": 1000 * spent / len(frames), **rows}
    return {"files": found}, "\n\n".join(text)


def _frames(path: Path, most: int) -> tuple[list[Image.Image], float]:
    """Frames as the preview sees them, and the CPU that decoding them at full size took."""
    from casearchive.readers import open_clip

    clip = open_clip(path, "0" * 64)
    started = time.process_time()
    whole = [clip.frame(n) for n in range(1, min(clip.facts.instance.frames, most) + 1)]
    spent = time.process_time() - started
    clip.close()
    images = []
    for frame in whole:
        image = Image.fromarray(frame).convert("RGB")
        image.thumbnail((EDGE, EDGE), Image.Resampling.BICUBIC, reducing_gap=2.0)
        images.append(image.crop((0, 0, image.width & ~1, image.height & ~1)))  # H.264 wants even sides
    return images, spent


Encoder = Callable[[list[Image.Image]], bytes]
Decoder = Callable[[bytes], list[Pixels]]


def _encoders() -> list[tuple[str, Encoder, Decoder]]:
    def webp(quality: int, method: int) -> Encoder:
        return lambda frames: _saved(frames, "WEBP", quality=quality, method=method)

    def avif(quality: int, speed: int) -> Encoder:
        return lambda frames: _saved(frames, "AVIF", quality=quality, speed=speed, max_threads=1)

    found: list[tuple[str, Encoder, Decoder]] = [
        (f"WebP quality {q}, method {m}", webp(q, m), _unsaved)
        for q, m in ((50, 0), (70, 0), (70, 2), (70, 4))
    ]
    if features.check("avif"):
        found += [
            (f"AVIF quality {q}, speed {s}", avif(q, s), _unsaved) for q, s in ((50, 10), (60, 10), (60, 8))
        ]
    try:
        import av  # noqa: F401 only asked whether it is there
    except ImportError:
        return found
    found += [
        (f"H.264 crf {crf}, {preset}", _h264(crf, preset), _unpacked)
        for crf, preset in ((23, "veryfast"), (28, "veryfast"), (28, "ultrafast"))
    ]
    return found


def _saved(frames: list[Image.Image], kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    frames[0].save(out, kind, save_all=True, append_images=frames[1:], duration=40, loop=0, **options)
    return out.getvalue()


def _unsaved(data: bytes) -> list[Pixels]:
    image = Image.open(io.BytesIO(data))
    found = []
    for number in range(image.n_frames):
        image.seek(number)
        image.load()
        # WebP lays frames that are alike together and lets the one stand longer
        found += [np.asarray(image.convert("RGB"))] * round(image.info["duration"] / 40)
    return found


def _h264(crf: int, preset: str) -> Encoder:
    def encode(frames: list[Image.Image]) -> bytes:
        import av

        out = io.BytesIO()
        with av.open(out, "w", format="mp4") as container:
            stream = container.add_stream("libx264", rate=Fraction(25))
            stream.width, stream.height = frames[0].size
            stream.pix_fmt, stream.thread_count = "yuv420p", 1
            stream.options = {"crf": str(crf), "preset": preset}
            for frame in frames:
                container.mux(stream.encode(av.VideoFrame.from_image(frame)))
            container.mux(stream.encode())
        return out.getvalue()

    return encode


def _unpacked(data: bytes) -> list[Pixels]:
    import av

    with av.open(io.BytesIO(data)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def _psnr(before: list[Image.Image], after: list[Pixels]) -> float:
    """Peak signal-to-noise ratio in decibels over all frames. Raises ``RuntimeError`` where frames are missing."""
    if len(before) != len(after):
        raise RuntimeError(f"{len(before)} frames went in and {len(after)} came out")
    wrong = [
        float(np.square(np.asarray(b).astype(float) - a).mean()) for b, a in zip(before, after, strict=True)
    ]
    return float(10 * np.log10(255**2 / max(float(np.mean(wrong)), 1e-9)))
