"""Make the pictures of the README with the program itself: a contact sheet, pages of a teaching set, one of its slides.

    python scripts/make_pictures.py

Needs casearchive[pptx] installed, a Chromium or Chrome, LibreOffice, poppler's tools and Liberation Sans (or Arial).
Writes docs/pictures/.
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
TOLD = "Complete rectus femoris tear"
OTHERS = (
    "tennis-leg-thrombosis-excluded",
    "foot-drop-common-fibular-nerve",
    "normal-sciatic-nerve-reference",
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def main() -> int:
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    office = shutil.which("soffice")
    if browser is None or office is None or shutil.which("pdftoppm") is None:
        print(
            "It needs Chromium or Chrome, LibreOffice and pdftoppm: install them, then run it again.",
            file=sys.stderr,
        )
        return 1
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        archive = Archive.create(work / "archive")
        archive.ingest([ROOT / "cases" / case for case in (CASE, *OTHERS)])
        _save(Image.open(io.BytesIO(archive.frames(CASE))), "contact-sheet.jpg", 760)
        archive.set_create("thigh", title="From thigh to foot", cases=[CASE, *OTHERS])
        archive.export(["thigh"], formats=["html", "pptx"], to=work / "out")
        archive.export(["thigh"], formats=["html"], to=work / "told", options=["instructor"])
        pages, told = (work / out / "thigh" / "html" for out in ("out", "told"))
        _save(_screenshot(browser, pages / "index.html", work / "index.png"), "teaching-index.jpg", 900)
        case = "cases/case-01.html"
        _save(_screenshot(browser, pages / case, work / "unknown.png"), "teaching-unknown.jpg", 900)
        _save(_screenshot(browser, told / case, work / "case.png", "#findings"), "teaching-case.jpg", 900)
        _save(_slide(office, next((work / "out" / "thigh").rglob("*.pptx")), work), "teaching-slide.jpg", 900)
    print(f"Wrote {', '.join(p.name for p in sorted(PICTURES.glob('*.jpg')))} to {PICTURES}")
    return 0


def _slide(office: str, deck: Path, work: Path) -> Image.Image:
    """The first slide that tells an answer."""
    quiet = [office, f"-env:UserInstallation={(work / 'office').as_uri()}", "--headless"]
    subprocess.run(
        [*quiet, "--convert-to", "pdf", "--outdir", str(work), str(deck)], check=True, capture_output=True
    )
    pdf = work / f"{deck.stem}.pdf"
    subprocess.run(["pdftoppm", "-r", "80", "-png", str(pdf), str(work / "slide")], check=True)
    words = subprocess.run(["pdftotext", str(pdf), "-"], check=True, capture_output=True, text=True).stdout
    answer = next(n for n, page in enumerate(words.split("\f")) if TOLD in page)
    return Image.open(sorted(work.glob("slide-*.png"))[answer])


def _screenshot(browser: str, page: Path, target: Path, at: str = "") -> Image.Image:
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1280,900")
    quiet = ("--disable-background-networking", "--no-first-run", "--virtual-time-budget=3000")
    subprocess.run(
        [browser, *options, *quiet, f"--screenshot={target}", page.as_uri() + at],
        check=True,
        capture_output=True,
    )
    return Image.open(target)


def _save(picture: Image.Image, name: str, width: int) -> None:
    height = round(picture.height * width / picture.width)
    small = picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    small.save(PICTURES / name, quality=72, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
