"""Make the pictures of the README with the program itself: a contact sheet, and a screenshot of a teaching page.

    python scripts/make_pictures.py

Needs casearchive installed and a Chromium or Chrome. Writes docs/pictures/.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from casearchive import Archive

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
CASE = "rectus-femoris-complete-tear"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def main() -> int:
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        print("No Chromium or Chrome was found: install one, then run this again.", file=sys.stderr)
        return 1
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        archive = Archive.create(work / "archive")
        archive.ingest([ROOT / "cases" / CASE])
        _save(Image.open(io.BytesIO(archive.frames(CASE))), "contact-sheet.jpg", 1000)
        archive.set_create("thigh", title="The painful thigh", cases=[CASE])
        archive.export(["thigh"], formats=["html"], to=work / "out")
        page = work / "out" / "thigh" / "html" / "cases" / "case-01.html"
        _save(_screenshot(browser, page, work / "page.png"), "teaching-page.jpg", 1000)
    print(f"Wrote {', '.join(p.name for p in sorted(PICTURES.glob('*.jpg')))} to {PICTURES}")
    return 0


def _screenshot(browser: str, page: Path, target: Path) -> Image.Image:
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1280,900")
    quiet = ("--disable-background-networking", "--no-first-run", "--virtual-time-budget=3000")
    subprocess.run(
        [browser, *options, *quiet, f"--screenshot={target}", page.as_uri()], check=True, capture_output=True
    )
    return Image.open(target)


def _save(picture: Image.Image, name: str, width: int) -> None:
    height = round(picture.height * width / picture.width)
    small = picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    small.save(PICTURES / name, quality=84, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
