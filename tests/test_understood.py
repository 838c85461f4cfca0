"""What was read in the words of a case is kept for when it is shown again, and tells the same as reading it anew."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import RECORD, case_folder

from casearchive import Archive, mining, understood
from casearchive.model import Case, Finding, Media, Story
from casearchive.settings import Layout
from casearchive.views import CaseView

HISTORY = "No tear of the right rectus femoris. A hypoechoic haematoma of the right soleus, 3 x 2 cm."
TOLD = f'{RECORD}\n[story]\nhistory = "{HISTORY}"\n'
CASE = Case(
    "told",
    "Calf injury, right",
    media=(Media("M1", caption="On contraction a tear of the soleus is seen, frames 3 to 9."),),
    findings=(Finding("F1", "partial_tear", "rectus_femoris", side="right"),),
    story=Story(
        history=HISTORY,
        discussion="Grade 2 strain of the medial gastrocnemius.",
        points=("This man was sent in as a thrombosis.",),
    ),
)
REPORT = "Full-thickness tear of the left supraspinatus."


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    made = Archive.create(tmp_path / "archive")
    made.ingest([case_folder(tmp_path / "seen" / "told", text=TOLD)], workers=0)
    return made


def show(archive: Archive) -> CaseView:
    view = archive.show("told")
    assert isinstance(view, CaseView)
    return view


def kept(archive: Archive) -> Path:
    return Layout(archive.path).understood("told")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A line for each time that the words of a case were read."""
    found: list[str] = []
    of_case = mining.of_case

    def heard(case: Case, *more: object, **by_name: object) -> mining.Mining:
        found.append(case.slug)
        return of_case(case, *more, **by_name)  # type: ignore[arg-type]

    monkeypatch.setattr(mining, "of_case", heard)
    return found


def test_what_was_read_when_a_case_was_taken_is_not_read_again_when_it_is_shown(
    archive: Archive, read: list[str]
) -> None:
    at_once = show(archive)
    assert not read
    kept(archive).unlink()
    assert show(archive) == at_once
    assert read


def test_every_sample_case_is_shown_from_what_was_read_when_it_was_taken(
    tmp_path: Path, read: list[str]
) -> None:
    samples = Path(__file__).parent.parent / "cases"
    archive = Archive.create(tmp_path / "archive")
    archive.ingest([samples], workers=0)
    slugs = [path.stem for path in sorted((archive.path / "cases").glob("*.toml"))]
    assert len(slugs) >= 12
    read.clear()
    at_once = [archive.show(slug) for slug in slugs]
    assert not read
    shutil.rmtree(kept(archive).parent)
    assert [archive.show(slug) for slug in slugs] == at_once


def test_a_case_shown_again_tells_the_same_and_is_not_read_again(archive: Archive, read: list[str]) -> None:
    kept(archive).unlink()
    first = show(archive)
    assert read
    assert [m.finding.abnormality for m in first.mined] == ["hematoma"]
    assert "the history says otherwise" in first.doubts[0].message
    read.clear()
    assert show(archive) == first
    assert not read


def test_what_is_kept_is_what_was_read_to_the_last_value(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    first = understood.understood(layout, CASE, [REPORT])
    assert first.findings == mining.of_case(CASE, reports=[REPORT]).findings
    assert first.disputes == mining.of_case(CASE).disputes != ()
    found = [m.finding for m in first.findings]
    assert any(f.grades for f in found) and any(f.echogenicity for f in found)
    assert any(f.dynamic for f in found) and any(e.frames for f in found for e in f.evidence)
    assert {m.source for m in first.findings} >= {"report", "history", "caption M1"}
    assert layout.understood("told").is_file()
    assert understood.understood(layout, CASE, [REPORT]) == first


def test_a_report_that_came_or_went_is_noticed(tmp_path: Path, read: list[str]) -> None:
    layout = Layout(tmp_path)
    with_it = understood.understood(layout, CASE, [REPORT])
    without = understood.understood(layout, CASE, [])
    assert {m.source for m in with_it.findings} - {m.source for m in without.findings} == {"report"}
    read.clear()
    assert understood.understood(layout, replace(CASE, title="Calf injury, left"), []) != without
    assert read


def _by_hand(archive: Archive) -> None:
    path = Layout(archive.path).record("told")
    path.write_text(path.read_text("utf-8").replace("hypoechoic", "hyperechoic"), "utf-8")


def _own_words(archive: Archive) -> None:
    text = '[swelling_of_ours]\nkind = "abnormality"\nname = "boggy swelling"\n'
    (archive.path / "terms.toml").write_text(text, "utf-8")


def _decayed(archive: Archive) -> None:
    content = kept(archive).read_bytes()
    kept(archive).write_bytes(content.replace(b"hematoma", b"hematomb"))


def _half(archive: Archive) -> None:
    kept(archive).write_bytes(kept(archive).read_bytes()[:100])


def _emptied(archive: Archive) -> None:
    kept(archive).write_bytes(b"")


@pytest.mark.parametrize("change", [_by_hand, _own_words, _decayed, _half, _emptied])
def test_what_does_not_hold_any_more_is_read_anew(
    archive: Archive, read: list[str], change: Callable[[Archive], None]
) -> None:
    show(archive)
    change(archive)
    read.clear()
    again = show(Archive.open(archive.path))
    assert read
    kept(archive).unlink()
    assert again == show(Archive.open(archive.path))


def test_what_another_program_understood_does_not_count(
    archive: Archive, read: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    show(archive)
    read.clear()
    other = tmp_path / "other.py"
    other.write_text("# understands more", "utf-8")
    monkeypatch.setattr(understood, "_program", other.read_bytes)
    show(archive)
    assert read


def test_all_that_reads_words_is_known_to_do_so() -> None:
    code = (
        "import sys, casearchive.mining\n"
        "print(*(m.__file__ for n, m in sys.modules.items() if n.startswith('casearchive.')), sep='\\n')"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {Path(line) for line in loaded.stdout.splitlines()} <= set(understood.sources())


def test_where_nothing_can_be_kept_it_is_read_each_time_and_told(archive: Archive, read: list[str]) -> None:
    shutil.rmtree(kept(archive).parent)
    kept(archive).parent.write_text("in the way", "utf-8")
    first = show(archive)
    read.clear()
    assert show(archive) == first
    assert read


def test_a_link_in_its_place_is_neither_read_nor_written_through(archive: Archive, tmp_path: Path) -> None:
    first = show(archive)
    elsewhere = tmp_path / "elsewhere.json"
    kept(archive).rename(elsewhere)
    content = elsewhere.read_bytes()
    try:
        kept(archive).symlink_to(elsewhere)
    except OSError:
        pytest.skip("no links can be made here")
    elsewhere.write_bytes(b"other words")
    assert show(archive) == first
    assert elsewhere.read_bytes() == b"other words"
    assert kept(archive).read_bytes() == content and not kept(archive).is_symlink()


def test_nothing_is_kept_in_a_backup(archive: Archive, tmp_path: Path) -> None:
    archive.backup(tmp_path / "backup")
    backup = Archive.open(tmp_path / "backup")
    assert show(backup).mined == show(archive).mined
    assert not kept(backup).exists()


def test_words_that_were_changed_or_removed_are_kept_no_longer(archive: Archive) -> None:
    show(archive)
    assert b"haematoma" in kept(archive).read_bytes()
    archive.edit("told", {"story.history": "A fall."})
    assert b"haematoma" not in kept(archive).read_bytes()
    assert show(archive).mined == ()
    archive.remove(archive.plan_removal("told"))
    assert not kept(archive).exists()


def test_a_case_shown_again_loads_nothing_that_understands_words(archive: Archive) -> None:
    """Half of the time of ``show`` is saved by it (docs/performance.md)."""
    show(archive)
    code = (
        "import sys\nfrom casearchive.cli import cli\n"
        "try: cli(['--archive', sys.argv[1], 'show', 'told'], prog_name='casearchive')\n"
        "except SystemExit: pass\n"
        "print(*sorted(m for m in sys.modules if m.startswith('casearchive.')))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(archive.path)], capture_output=True, text=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "haematoma" in done.stdout.lower(), done.stderr
    assert "casearchive.understood" in loaded
    assert not loaded & {
        "casearchive.mining",
        "casearchive.terms.understanding",
        "casearchive.terms.triggers",
    }
