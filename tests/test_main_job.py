"""The main job as a clinician does it: from the command line, on real and on broken files."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from click.testing import CliRunner, Result

from casearchive import Archive
from casearchive.cli import cli
from casearchive.errors import EXIT_CODES

ROOT = Path(__file__).parent.parent
CASES = ROOT / "cases"
FULL = "rectus-femoris-complete-tear"
STILL = CASES / FULL / "short-axis-rest.dcm"
CLIP = CASES / FULL / "long-axis-contraction.dcm"
PICTURE = CASES / "achilles-complete-rupture" / "plantaris-short-axis.png"

Run = Callable[..., Result]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    Archive.create(tmp_path / "archive")
    return tmp_path / "archive"


@pytest.fixture
def run(archive: Path) -> Run:
    def call(*words: object, code: int = 0) -> Result:
        result = CliRunner().invoke(cli, ["--archive", str(archive), *map(str, words)])
        assert result.exit_code == code, result.output + result.stderr
        return result

    return call


def _report(path: Path) -> dict[str, dict[str, object]]:
    return {Path(str(o["path"])).name: o for o in map(json.loads, path.read_text("utf-8").splitlines())}


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is linked on Windows")
def test_what_was_copied_although_links_were_asked_for_is_told_and_a_record_is_no_such_file(
    run: Run, tmp_path: Path
) -> None:
    shutil.copytree(CASES / FULL, tmp_path / FULL)
    told = run("ingest", "--link", tmp_path / FULL).stderr
    assert "1 case;" in told
    assert "copied all the same" not in told
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as out:
        out.write(PICTURE, "picture.png")
    assert "1 file copied all the same" in run("ingest", "--link", tmp_path / "more.zip").stderr


@pytest.fixture
def mixture(tmp_path: Path) -> Path:
    """A stick as it comes: good files beside everything that goes wrong."""
    folder = tmp_path / "stick"
    (folder / "DICOM" / "ST0").mkdir(parents=True)
    content = STILL.read_bytes()
    (folder / "DICOM" / "ST0" / "IM000001").write_bytes(content)
    (folder / "again.dcm").write_bytes(content)
    (folder / "bare").write_bytes(_without_preamble(CLIP))
    (folder / "photo.jpg").write_bytes(PICTURE.read_bytes())
    (folder / "empty.dcm").write_bytes(b"")
    (folder / "cut.dcm").write_bytes(content[: len(content) // 2])
    (folder / "letter.dcm").write_text("Dear colleague", "utf-8")
    (folder / "notes.txt").write_text("call back", "utf-8")
    (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "gone.dcm").symlink_to(folder / "nowhere.dcm")
    os.mkfifo(folder / "pipe")
    return folder


def _without_preamble(path: Path) -> bytes:
    data = path.read_bytes()
    return data[132:]


def test_every_file_of_a_stick_gets_one_line_and_everything_good_is_taken(
    run: Run, mixture: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.jsonl"
    run("ingest", mixture, "--report", report, "--workers", 2, code=3)
    found = _report(report)
    assert {name: (o["outcome"], o["reason"]) for name, o in found.items()} == {
        "IM000001": ("added", None),
        "again.dcm": ("known", None),
        "bare": ("added", None),
        "photo.jpg": ("added", None),
        "empty.dcm": ("failed", "empty"),
        "cut.dcm": ("failed", "truncated"),
        "letter.dcm": ("failed", "not-an-image"),
        "notes.txt": ("skipped", "not-an-image"),
        ".DS_Store": ("skipped", "ignored"),
        "loop": ("skipped", "link"),
        "gone.dcm": ("skipped", "link"),
        "pipe": ("skipped", "special-file"),
    }
    assert found["photo.jpg"]["kind"] == "image"
    assert all(o["message"] for o in found.values() if o["outcome"] in ("failed", "skipped"))


def test_originals_are_kept_bit_for_bit_and_private(run: Run, archive: Path, mixture: Path) -> None:
    run("ingest", mixture, "--workers", 0, code=3)
    held = json.loads(run("list", "--json").stdout)
    assert len(held) == 3
    for one in held:
        path = archive / "objects" / one["sha256"][:2] / one["sha256"]
        source = {"IM000001": mixture / "DICOM/ST0/IM000001", "again.dcm": mixture / "again.dcm"}.get(
            one["name"], mixture / one["name"]
        )
        assert path.read_bytes() == source.read_bytes()
    for path in archive.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_running_it_again_changes_nothing(run: Run, archive: Path, mixture: Path) -> None:
    run("ingest", mixture, "--workers", 0, code=3)
    ledger, dump = (archive / "ledger.jsonl").read_bytes(), list(Archive.open(archive).dump())
    again = json.loads(run("--json", "ingest", mixture, "--workers", 0, code=3).stdout)
    assert (again["added"], again["known"], again["bytes"]) == (0, 4, 0)
    assert (archive / "ledger.jsonl").read_bytes() == ledger
    assert list(Archive.open(archive).dump()) == dump


def test_a_dry_run_changes_nothing(run: Run, archive: Path, mixture: Path) -> None:
    before = {p: p.read_bytes() for p in archive.rglob("*") if p.is_file()}
    run("ingest", "-n", mixture, "--workers", 0, code=3)
    run("new", "-n", "calf")
    assert {p: p.read_bytes() for p in archive.rglob("*") if p.is_file()} == before


def test_a_zip_is_looked_into_and_cannot_reach_outside(run: Run, tmp_path: Path, archive: Path) -> None:
    path = tmp_path / "from-a-friend.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.write(STILL, "calf pain/M1.dcm")
        out.writestr("calf pain/case.toml", 'title = "Calf pain"\n[[media]]\nfile = "M1.dcm"\n')
        out.writestr("../../escape.dcm", STILL.read_bytes())
        out.writestr("/etc/absolute.dcm", STILL.read_bytes())
        out.writestr("calf pain/inner.zip", b"PK\x03\x04")
    report = tmp_path / "report.jsonl"
    run("ingest", path, "--report", report, "--workers", 0, code=3)
    found = _report(report)
    assert found["M1.dcm"]["outcome"] == "added"
    assert found["M1.dcm"]["path"] == f"{path}!calf pain/M1.dcm"
    assert (found["case.toml"]["outcome"], found["case.toml"]["case"]) == ("added", "calf-pain")
    assert {found[n]["reason"] for n in ("escape.dcm", "absolute.dcm")} == {"unsafe-name"}
    assert found["inner.zip"]["reason"] == "archive-refused"
    assert not list(tmp_path.glob("escape*"))
    assert list((archive / "tmp").iterdir()) == []


def test_a_broken_case_file_names_line_and_field_and_its_clips_are_kept(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "calf"
    folder.mkdir()
    (folder / "M1.dcm").write_bytes(STILL.read_bytes())
    (folder / "case.toml").write_text(
        'title = "Calf"\n[[media]]\nid = "M1"\nfile = "M1.dcm"\nside = "lefft"\n', "utf-8"
    )
    broken = run("ingest", folder, "--workers", 0, code=3)
    assert "case.toml:5: media[1].side" in broken.stderr
    assert "left" in broken.stderr
    (folder / "case.toml").write_text(
        'title = "Calf"  # mine\n[[media]]\nid = "M1"\nfile = "M1.dcm"\n', "utf-8"
    )
    mended = json.loads(run("--json", "ingest", folder, "--workers", 0).stdout)
    assert (mended["added"], mended["known"], mended["cases"]) == (1, 1, 1)


def test_a_frame_beyond_the_clip_is_refused_with_its_place(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "calf"
    folder.mkdir()
    (folder / "M1.dcm").write_bytes(STILL.read_bytes())
    text = 'title = "Calf"\n[[media]]\nid = "M1"\nfile = "M1.dcm"\nkey_frame = 7\n'
    (folder / "case.toml").write_text(text, "utf-8")
    assert "frame 7 is beyond the clip" in run("ingest", folder, "--workers", 0, code=3).stderr


def test_the_archives_own_edits_are_never_overwritten(run: Run, archive: Path, tmp_path: Path) -> None:
    folder = tmp_path / "calf"
    folder.mkdir()
    (folder / "case.toml").write_text('title = "Calf"  # mine\n', "utf-8")
    run("ingest", folder, "--workers", 0)
    record = archive / "cases" / "calf.toml"
    assert "# mine" in record.read_text("utf-8")
    (folder / "case.toml").write_text('title = "Calf pain"  # mine\n', "utf-8")
    run("ingest", folder, "--workers", 0)
    assert "Calf pain" in record.read_text("utf-8")
    run("edit", "calf", "--set", "title=Calf pain after a serve")
    (folder / "case.toml").write_text('title = "Something else"\n', "utf-8")
    refused = run("ingest", folder, "--workers", 0, code=3)
    assert "left as it is" in refused.stderr
    assert "Calf pain after a serve" in record.read_text("utf-8")


def test_files_become_a_case_later(run: Run, archive: Path) -> None:
    run("ingest", STILL, CLIP, "--workers", 0)
    run("new", "thigh", "--from", "kind:dicom")
    shown = json.loads(run("show", "thigh", "--json").stdout)
    assert shown["status"] == "draft"
    assert len(shown["media"]) == 2
    assert shown["patient"] == {"age": "24 Y", "sex": "M", "activity": ""}
    assert "Quillfeather" not in (archive / "cases" / "thigh.toml").read_text("utf-8")
    assert json.loads(run("search", "kind:dicom", "--json").stdout)["hits"][0]["case"] == "thigh"
    run("edit", "thigh", "--set", "status=ready")
    assert json.loads(run("show", "thigh", "--json").stdout)["status"] == "ready"
    assert run("edit", "thigh", "--set", "status=finished", code=2).stderr.count("status") == 1


def test_what_is_derived_comes_back_equal(run: Run, archive: Path) -> None:
    run("ingest", CASES / FULL, "--workers", 0)
    before = list(Archive.open(archive).dump())
    thumbnails = sorted(p.name for p in (archive / "cache").rglob("*.jpg"))
    (archive / "index.db").unlink()
    assert "reindex" in run("search", "tear", code=30).stderr
    for path in (archive / "cache").rglob("*.jpg"):
        path.unlink()
    run("reindex", "--workers", 0)
    assert list(Archive.open(archive).dump()) == before
    assert sorted(p.name for p in (archive / "cache").rglob("*.jpg")) == thumbnails
    assert json.loads(run("verify", "--json").stdout)["sound"]


def test_damage_is_found_and_named(run: Run, archive: Path) -> None:
    run("ingest", STILL, PICTURE, "--workers", 0)
    held = json.loads(run("list", "--json").stdout)
    first, second = (archive / "objects" / h["sha256"][:2] / h["sha256"] for h in held)
    first.chmod(0o600)
    flipped = bytearray(first.read_bytes())
    flipped[1000] ^= 1
    first.write_bytes(flipped)
    assert run("verify").exit_code == 0
    assert "object-damaged" in run("verify", "--full", code=30).stdout
    second.unlink()
    assert "object-missing" in run("verify", code=30).stdout
    lines = (archive / "ledger.jsonl").read_text("utf-8").splitlines(keepends=True)
    (archive / "ledger.jsonl").write_text("".join(reversed(lines)), "utf-8")
    assert "ledger-damaged" in run("verify", code=30).stdout


def test_no_identity_is_printed_by_any_verb(run: Run) -> None:
    run("ingest", STILL, "--workers", 0)
    said = []
    for words in (
        ["list"], ["list", "--json"], ["search", "kind:dicom"], ["search", "kind:dicom", "--json"], ["stats"],
        ["log"], ["log", "--json"], ["-v", "verify", "--full"],
    ):  # fmt: skip
        result = run(*words)
        said.append(result.output + result.stderr)
    sha256 = json.loads(run("list", "--json").stdout)[0]["sha256"]
    said += [run("show", sha256).output, run("show", sha256, "--json").output]
    everything = "\n".join(said).lower()
    assert "quillfeather" not in everything
    assert "se-4" not in everything


def test_exit_codes_are_the_promised_ones(run: Run, archive: Path, tmp_path: Path) -> None:
    bare = CliRunner()
    assert bare.invoke(cli, ["--archive", str(tmp_path / "nothing"), "stats"]).exit_code == 10
    run("show", "nobody", code=1)
    run("search", "(tear", code=2)
    run("search", "nosuchfield:tear", code=2)
    run("ingest", code=2)
    run("export", "nothing-here", "--to", tmp_path / "out", code=1)
    run("search", "tear")
    marker = archive / "archive.toml"
    marker.write_text(marker.read_text("utf-8").replace("format = 1", "format = 2"), "utf-8")
    run("stats", code=12)


def test_a_busy_archive_says_who_holds_it(archive: Path) -> None:
    from casearchive.rooms import Rooms
    from casearchive.settings import Layout

    rooms = Rooms.of(Layout(archive))
    with rooms.writer():
        script = (
            "from casearchive import rooms; rooms.WAIT = 0.2\n"
            "from casearchive.rooms import Rooms\nfrom casearchive.settings import Layout\nimport sys, pathlib\n"
            "try:\n  with Rooms.of(Layout(pathlib.Path(sys.argv[1]))).writer(wait=0.2): pass\n"
            "except rooms.ArchiveBusy as e: print(e.exit_code, e)"
        )
        done = subprocess.run([sys.executable, "-c", script, str(archive)], capture_output=True, text=True)
    assert done.stdout.startswith("11 ")
    assert f"process {os.getpid()}" in done.stdout


def test_an_interrupted_run_leaves_a_consistent_archive(archive: Path) -> None:
    command = [sys.executable, "-m", "casearchive", "--archive", str(archive), "ingest", str(CASES)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while not any((archive / "objects").iterdir()) and time.monotonic() < deadline:
        os.sched_yield() if hasattr(os, "sched_yield") else None
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert child.returncode in (130, 0, 3), said
    assert "Traceback" not in said
    runner = CliRunner()
    again = runner.invoke(cli, ["--archive", str(archive), "--json", "ingest", str(CASES)])
    assert again.exit_code == 0, again.stderr
    assert len(json.loads(runner.invoke(cli, ["--archive", str(archive), "list", "--json"]).stdout)) == 42
    assert runner.invoke(cli, ["--archive", str(archive), "verify", "--full"]).exit_code == 0


def test_a_worker_that_is_killed_costs_one_file(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from casearchive.ingest import crew
    from casearchive.ingest.gather import Task

    crooked = crew.Crew(1, patience=0.5)
    good = Task(archive, STILL)
    deaf = "import sys\nwhile sys.stdin.buffer.read(1): pass"  # whatever the task holds, there is no answer
    stuck = subprocess.Popen([sys.executable, "-c", deaf], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    dead = subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    hired = iter([stuck, dead])
    real = crew._hire
    monkeypatch.setattr(crew, "_hire", lambda: next(hired, None) or real())
    results = []
    for _ in range(2):
        crooked.submit(good)
        results.append(crooked.next())
    patient = crew.Crew(1)
    monkeypatch.setattr(crew, "_hire", real)
    patient.submit(good)
    results.append(patient.next())
    crooked.close()
    patient.close()
    assert results[0].reason == "timed-out"
    assert results[1].reason == "damaged"
    assert results[2].facts is not None


def test_pydicoms_own_ultrasound_examples_are_taken_with_pictures(run: Run) -> None:
    folder = Path(pydicom.__file__).parent / "data" / "test_files"
    examples = [folder / f"examples_{n}.dcm" for n in ("palette", "rgb_color", "ybr_color", "jpeg2k")]
    run("ingest", *examples, "--workers", 0)
    for one in json.loads(run("list", "--json").stdout):
        shown = json.loads(run("show", one["sha256"], "--json").stdout)
        assert shown["thumbnail"] and Path(shown["thumbnail"]).stat().st_size > 500
        assert shown["rows"] and shown["columns"]
    found = json.loads(run("search", "frames>20", "--json").stdout)
    assert found["total"] == 1
    assert found["hits"][0]["case"] is None
    assert found["hits"][0]["instance"]["frames"] == 30


def _philips() -> list[Path]:
    return [Path(pydicom.__file__).parent / "data" / "test_files" / "examples_palette.dcm"]


def test_the_programs_help_names_every_exit_code() -> None:
    text = CliRunner().invoke(cli, ["--help"]).output
    for code, meaning in EXIT_CODES.items():
        assert f"{code}  {meaning[:30]}" in " ".join(text.split()).replace(f"{code} ", f"{code}  ")


def test_the_archive_is_found_by_option_variable_and_walking_up(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = CliRunner()
    monkeypatch.delenv("CASEARCHIVE_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    assert runner.invoke(cli, ["stats"]).exit_code == 10
    monkeypatch.chdir(archive / "objects")
    assert runner.invoke(cli, ["stats"]).exit_code == 0
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CASEARCHIVE_HOME", str(archive))
    assert runner.invoke(cli, ["stats"]).exit_code == 0
    assert runner.invoke(cli, ["--archive", str(tmp_path), "stats"]).exit_code == 10
    assert runner.invoke(cli, ["stats", "--archive", str(archive)]).exit_code == 0


def test_the_module_runs_and_completion_is_offered(archive: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "casearchive", "--archive", str(archive), "stats", "--json"],
        capture_output=True,
        text=True,
    )
    assert json.loads(done.stdout)["files"] == 0
    environment = {**os.environ, "_CASEARCHIVE_COMPLETE": "bash_source"}
    script = subprocess.run(
        [sys.executable, "-c", "from casearchive.cli import main; main()"],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert "complete -o nosort -F" in script.stdout


#: The rooms that showing a case comes by: neither ingest nor readers, and nothing that decodes.
READING = (
    "attributes", "claims", "doubts", "index", "measure", "measurements", "mined", "mining", "model", "record", "scale",
    "terms", "understood",
)  # fmt: skip


@pytest.mark.parametrize(
    ("words", "allowed"),
    [
        (["--help"], ()),
        (["show", "--help"], ()),
        (["search", "tear"], ("attributes", "index", "query", "terms")),
        (["show", "a-draft"], READING),
    ],
)
def test_short_commands_load_only_what_they_are_about(
    archive: Path, words: list[str], allowed: tuple[str, ...]
) -> None:
    """The contract behind a start of under three times a bare Python (docs/performance.md): rooms, not milliseconds."""
    Archive.open(archive).new("a-draft")
    code = (
        "import sys\nfrom casearchive.cli import cli\n"
        "try: cli(['--archive', *sys.argv[1:]], prog_name='casearchive')\n"
        "except SystemExit: pass\n"
        "print(*sorted(m for m in sys.modules if m.startswith('casearchive.')))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(archive), *words], capture_output=True, text=True)
    ground = {
        "archive", "cli", "choices", "disk", "errors", "files", "frozen", "settings", "units", "views", "cache"
    }  # fmt: skip
    assert done.returncode == 0
    loaded = {name.split(".")[1] for name in done.stdout.splitlines()[-1].split()}
    assert loaded <= ground | set(allowed), done.stdout + done.stderr


def test_asking_loads_no_heavy_library(archive: Path) -> None:
    code = (
        "import sys\nfrom casearchive.cli import cli\n"
        "try: cli(['--archive', sys.argv[1], 'search', 'tear'], prog_name='casearchive')\n"
        "except SystemExit: pass\n"
        "print(sorted({'pydicom', 'PIL', 'numpy', 'sqlite_utils', 'av', 'jinja2', 'tomlkit'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(archive)], capture_output=True, text=True)
    assert done.stdout.strip().endswith("[]"), done.stdout + done.stderr
