"""See casearchive at work: an archive of fictional cases, three searches, and a teaching set to open.

    python3 scripts/demo.py [--to DIR]

Makes its own environment; needs only Python and pip. Everything it makes lies in .demo/ (or DIR).
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

from _environment import ROOT, Steps, clean, environment, say

SEARCHES = (
    ["left", "hamstring", "tear"],
    ["sciatic", "nerve", "entrapment", "cine"],
    ["no:tear", "structure:rectus_femoris"],
)
SET = "sample-cases"
CHOICE = ("status:ready",)  # all of them
_ULTRASOUND = """
import json, pathlib, pydicom, warnings
warnings.simplefilter("ignore")
found = []
for path in sorted((pathlib.Path(pydicom.__file__).parent / "data" / "test_files").glob("*.dcm")):
    try:
        if pydicom.dcmread(path, specific_tags=["Modality"], stop_before_pixels=True).get("Modality") == "US":
            found.append(str(path))
    except Exception:
        pass
print(json.dumps(found))
"""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--to", type=Path, default=ROOT / ".demo", help="where to make it (default: .demo)")
    target: Path = parser.parse_args().to.absolute()
    python = environment(".venv-demo", "text,video,pptx")
    names = ["sample cases", "archive", "ingest", "search", "teaching set"]
    steps = Steps(ROOT / ".venv-demo" / "last-times.json", names)
    archive, teaching = target / "archive", target / "teaching"

    started = steps.start("sample cases")
    if not _complete():
        _run([str(python), str(ROOT / "scripts" / "make_cases.py")])
    else:
        say("The sample cases are there.")
    steps.end("sample cases", started)

    started = steps.start("archive")
    target.mkdir(parents=True, exist_ok=True)
    mark = target / "made-by-the-demo"
    if not mark.exists() and (archive.exists() or teaching.exists()):
        sys.exit(f"{target} holds something that this demo did not make. Choose another folder with --to.")
    mark.touch()
    if archive.exists():
        shutil.rmtree(archive)
    _casearchive(python, None, ["init", str(archive)])
    steps.end("archive", started)

    started = steps.start("ingest")
    _casearchive(python, archive, ["ingest", str(ROOT / "cases")])
    examples = subprocess.run(
        [str(python), "-c", _ULTRASOUND], capture_output=True, text=True, check=True, env=clean()
    )
    say("… and the ultrasound examples that pydicom ships:")
    _casearchive(python, archive, ["ingest", *json.loads(examples.stdout)])
    steps.end("ingest", started)

    started = steps.start("search")
    for words in SEARCHES:
        _casearchive(python, archive, ["search", "--limit", "3", *words])
    steps.end("search", started)

    started = steps.start("teaching set")
    shutil.rmtree(teaching / SET, ignore_errors=True)
    _casearchive(python, archive, ["set", "create", SET, "--title", "Seen only when it moves", *CHOICE])
    # 3: some clips have to stay in, and it is said which
    _casearchive(python, archive, ["export", SET, "--as", "html,pptx", "--to", str(teaching)], allowed=(0, 3))
    steps.end("teaching set", started)
    page = teaching / SET / "html" / "index.html"
    if not page.is_file():
        say("The page was not made.")
        return 1
    say(f"\nOpen this page in your browser:\n{page}")
    say(f"The same as slides:\n{teaching / SET / 'pptx' / 'slides.pptx'}")
    return 0


def _complete() -> bool:
    """Does every sample case have the clips it names?"""
    import tomllib

    records = sorted((ROOT / "cases").glob("*/case.toml"))
    media = [r.parent / m["file"] for r in records for m in tomllib.loads(r.read_text("utf-8"))["media"]]
    return bool(media) and all(m.is_file() for m in media)


def _casearchive(
    python: Path, archive: Path | None, words: list[str], allowed: tuple[int, ...] = (0,)
) -> None:
    shown = " ".join(f'"{w}"' if " " in w else w for w in words[:8]) + (" …" if len(words) > 8 else "")
    say(f"\n$ casearchive {shown}")
    where = ["--archive", str(archive)] if archive else []
    _run([str(python), "-m", "casearchive", *where, *words], allowed)


def _run(command: list[str], allowed: tuple[int, ...] = (0,)) -> None:
    code = subprocess.run(command, cwd=ROOT, env=clean()).returncode
    if code not in allowed:
        sys.exit(f"That did not work (exit {code}).")


if __name__ == "__main__":
    sys.exit(main())
