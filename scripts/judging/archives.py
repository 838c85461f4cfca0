"""Archives made of the invented cases through the public API: with their findings, or with their words alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tomlkit
from PIL import Image

from casearchive import Archive

_IN_STORY = ("symptoms", "mechanism", "diagnosis", "differential")
_AT_TOP = ("patient", "prior", "test", "measurement", "difficulty", "category")


def build(folder: Path, cases: list[dict[str, Any]], track: str) -> Archive:
    """An archive in ``folder/archive`` that holds ``cases``; raises ``RuntimeError`` where one was not taken."""
    desk = folder / "cases"
    for case in cases:
        _write(desk / case["id"], record(case) if track == "annotated" else words_only(case))
    archive = Archive.create(folder / "archive")
    refused: list[str] = []
    summary = archive.ingest(
        [desk], report=lambda o: refused.append(o.message) if o.outcome in ("failed", "skipped") else None
    )
    if refused or summary.cases != len(cases):
        raise RuntimeError(f"{len(cases) - summary.cases} cases were not taken: {'; '.join(refused[:5])}")
    return archive


def record(case: dict[str, Any]) -> dict[str, Any]:
    """The case as a case file holds it."""
    full = words_only(case)
    full["story"] |= {key: case[key] for key in _IN_STORY if key in case}
    full |= {key: case[key] for key in _AT_TOP if key in case}
    full["finding"] = [
        {"id": f"F{n}", "certainty": "definite", **finding}
        for n, finding in enumerate(case["finding"], start=1)
    ]
    full["media"] = [
        {"id": f"M{n}", "file": _file(n, media), "mode": "b_mode"}
        | {key: value for key, value in media.items() if key != "frames"}
        for n, media in enumerate(case.get("media", ()), start=1)
    ]
    full["_frames"] = [media.get("frames", 1) for media in case.get("media", ())]
    return full


def words_only(case: dict[str, Any]) -> dict[str, Any]:
    """Title and story: what a clinic has before anybody annotates."""
    return {
        "title": case["title"],
        "status": "ready",
        "fictional": True,
        "story": {"history": case["story"]},
    }


def _write(folder: Path, case: dict[str, Any]) -> None:
    folder.mkdir(parents=True)
    frames = case.pop("_frames", [])
    for number, (media, count) in enumerate(zip(case.get("media", ()), frames, strict=True), start=1):
        _picture(folder / media["file"], f"{folder.name}/{number}", count)
    (folder / "case.toml").write_text(tomlkit.dumps(case), "utf-8")


def _file(number: int, media: dict[str, Any]) -> str:
    return f"m{number}.gif" if media.get("frames", 1) > 1 else f"m{number}.png"


def _picture(path: Path, name: str, frames: int) -> None:
    """A picture of 16 x 12 pixels, or a loop of them; no two are alike, so that each is a file of its own."""
    seed = list(name.encode())
    pictures = [
        Image.frombytes(
            "L", (16, 12), bytes((seed[i % len(seed)] * 7 + i * (n + 1)) % 256 for i in range(192))
        )
        for n in range(frames)
    ]
    pictures[0].save(path, save_all=frames > 1, append_images=pictures[1:], duration=40)
