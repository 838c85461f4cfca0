"""The command line is a contract: words, JSON keys, exit codes, and nothing said that should not be said."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import helpers
import pytest
from click.testing import CliRunner, Result
from pydicom import dcmread

from casearchive import Archive, film, rooms
from casearchive.choices import REASONS
from casearchive.cli import VERBS, cli
from casearchive.cli import search as search_verb
from casearchive.cli._talk import State
from casearchive.errors import EXIT_CODES
from casearchive.index.hits import Results

SLUG = "rectus-femoris-complete-tear"
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="POSIX only")
CLIP = Path(__file__).parent.parent / "cases" / SLUG / "short-axis-rest.dcm"
RECORD = helpers.RECORD.replace("frames = [1, 2], ", "").replace(", polygon = [[2, 2], [9, 2], [9, 9]]", "")
SECRETS = ("quillfeather", "orsino", helpers.NUMBER.lower(), "19620229", "1962-02-29", "1962")


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with an archive (a case ready to leave, a draft, loose files) and a stick to take in."""
    home = tmp_path_factory.mktemp("home")
    case = home / "cases" / SLUG
    case.mkdir(parents=True)
    shutil.copy(CLIP, case / "loop.dcm")
    (case / "case.toml").write_text(RECORD, "utf-8")
    helpers.dicom(home / "loose" / "IM1", seed=1, Manufacturer="Philips")
    helpers.picture(home / "loose" / "photo.png")
    helpers.dicom(home / "ultrasound-stick" / "IM2", seed=2)
    archive = Archive.create(home / "my-archive")
    assert archive.ingest([home / "cases", home / "loose"], workers=0).failed == 0
    archive.new("draft-case", media=[next(h.sha256 for h in archive.list() if h.kind == "image")])
    (home / "sports.txt").write_text("# Thigh\nrectus femoris tear\n2 x achilles rupture\n", "utf-8")
    archive.set_create("thigh", title="Thigh", cases=[SLUG])
    return home


@pytest.fixture
def home(master: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(master, tmp_path / "home")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CASEARCHIVE_HOME", str(tmp_path / "home" / "my-archive"))
    monkeypatch.chdir(tmp_path / "home")
    return tmp_path / "home"


def run(*words: str, code: int = 0, stdin: str | bytes | None = None) -> Result:
    result = CliRunner().invoke(cli, list(words), input=stdin)
    assert result.exit_code == code, (words, result.exit_code, result.stdout, result.stderr)
    assert "Traceback" not in result.output
    return result


def data(*words: str, code: int = 0) -> Any:
    """What ``--json`` prints: JSON and nothing else on standard output."""
    return json.loads(run(*words, "--json", code=code).stdout)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


# --------------------------------------------------------------------------------------------- the help


def commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(cli)
    yield "", cli
    for name in VERBS:
        command = cli.get_command(context, name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            for below in command.list_commands(context):
                inner = command.get_command(context, below)
                assert inner is not None
                yield f"{name} {below}", inner


def examples() -> list[str]:
    found = []
    for _, command in commands():
        text = (command.epilog or "").partition("Example:\n")[2]
        found += [line.strip() for line in text.splitlines() if line.strip()]
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_every_help_ends_with_an_example(name: str) -> None:
    text = run(*name.split(), "--help").stdout
    last = text.rstrip().rpartition("\n")[2].strip()
    assert "Example:" in text
    assert last.startswith("casearchive ")
    assert last in examples()


@pytest.mark.parametrize("line", examples())
def test_every_example_works(home: Path, line: str) -> None:
    words = shlex.split(line)[1:]
    if words[0] == "init":
        shutil.rmtree(home / "my-archive")
    if words[:2] == ["set", "create"]:
        (home / "my-archive" / "sets" / "thigh.toml").unlink()
        run("reindex", "--workers", "0")
    if words[:2] == ["set", "remove"]:
        run("set", "add", "thigh", "draft-case")
    if words[:2] == ["review", "learn"]:
        run("review", "mask", words[2], "--keep", "box 20,40,300,200")
    if words[:2] == ["review", "sound"]:
        source = home / "flow-in-a-vein"
        helpers.talking(source / "flow.mov")
        (source / "case.toml").write_text(
            'title = "Flow"\n[[media]]\nid = "M1"\nfile = "flow.mov"\n', encoding="utf-8"
        )
        run("ingest", str(source), "--workers", "0")
    if words[0] == "verify-export":
        run("export", "thigh", "--to", os.path.expanduser("~/teaching"))
    if words[0] == "restore":
        run("backup", os.path.expanduser(words[1]))
    if words[0] == "who":  # an example's pseudonym is nobody's: here is one that somebody has
        run("export", "thigh", "--as", "folder", "--to", os.path.expanduser("~/teaching"))
        path = next((home / "teaching").rglob("*.dcm"))
        words[1] = str(dcmread(path, stop_before_pixels=True).PatientID)
    run(*(os.path.expanduser(word) for word in words))


def test_the_promised_exit_codes_are_in_the_help() -> None:
    text = run("--help").stdout
    assert all(f"{code:>3}  " in text for code in EXIT_CODES)
    assert set(EXIT_CODES) == {0, 1, 2, 3, 10, 11, 12, 20, 21, 30, 130}


# ------------------------------------------------------------------------------------------- exit codes


def test_0_a_search_without_hits_is_all_done(home: Path) -> None:
    assert data("search", "finding:abscess")["total"] == 0


def test_1_what_is_not_there(home: Path) -> None:
    assert "no such case" in run("show", "nothing-of-the-kind", code=1).stderr


@pytest.mark.parametrize(
    "words", [("ingest",), ("nonsense",), ("new", "Not A Slug"), ("edit", SLUG, "--set", "status"),
              ("search", "--json", "--ids", "x"), ("search", "side:sideways"), ("export", "thigh")],
)  # fmt: skip
def test_2_wrong_usage(home: Path, words: tuple[str, ...]) -> None:
    result = run(*words, code=2)
    assert result.stdout == ""
    assert result.stderr.strip()


def test_3_partly(home: Path) -> None:
    (home / "ultrasound-stick" / "broken.dcm").write_bytes(b"")
    assert run("ingest", "ultrasound-stick", "--workers", "0", code=3).stderr.count("broken.dcm") == 1


def test_10_no_archive_here(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CASEARCHIVE_HOME")
    monkeypatch.chdir(tmp_path)
    for verb in ("list", "stats", "verify"):
        assert "casearchive init" in run(verb, code=10).stderr
    run("--archive", str(tmp_path / "nowhere"), "list", code=10)


def test_11_busy_says_who(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "WAIT", 0.2)
    archive = Archive.open(home / "my-archive")
    with archive._rooms().writer():
        result = run("ingest", "ultrasound-stick", "--workers", "0", code=11)
        assert data("search", "tear")["total"] == 1, "reading goes on"
    assert f"process {os.getpid()}" in result.stderr
    run("ingest", "ultrasound-stick", "--workers", "0")


@pytest.mark.parametrize("what", ["archive", "index"])
def test_12_written_by_a_newer_casearchive(home: Path, what: str) -> None:
    if what == "archive":
        marker = home / "my-archive" / "archive.toml"
        marker.write_text(marker.read_text().replace("format = 1", "format = 99"))
    else:
        import sqlite3

        connection = sqlite3.connect(home / "my-archive" / "index.db")
        connection.execute("PRAGMA user_version = 99")
        connection.close()
    before = helpers.tree(home / "my-archive" / "objects"), (home / "my-archive" / "index.db").read_bytes()
    for words in (("list",), ("ingest", "ultrasound-stick")):
        assert "newer" in run(*words, code=12).stderr
    assert before == (
        helpers.tree(home / "my-archive" / "objects"),
        (home / "my-archive" / "index.db").read_bytes(),
    )


def test_20_an_identity_in_the_output_releases_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from casearchive.exporters import html

    good = html.export

    def careless(teaching: Any, target: Path, options: Any) -> None:
        good(teaching, target, options)
        (target / "notes.txt").write_text("patient: Quillfeather, Orsino", "utf-8")

    monkeypatch.setattr(html, "export", careless)
    result = run("export", "thigh", "--to", "out", code=20)
    assert not any(secret in result.output.lower() for secret in SECRETS)
    assert not (home / "out" / "thigh").exists()


def test_21_nothing_could_leave_without_a_person(home: Path) -> None:
    told = data("export", "draft-case", "--to", "out", code=21)
    assert told["withheld"]
    assert set(told["withheld"][0]) >= {"case", "sha256", "reason", "decide"}
    assert not (home / "out" / "draft-case").exists()


def test_30_damage(home: Path) -> None:
    (home / "my-archive" / "cases" / f"{SLUG}.toml").unlink()
    told = data("verify", code=30)
    assert told["sound"] is False
    assert told["faults"][0]["code"] == "record-missing"
    assert "record-missing" in run("verify", code=30).stdout


# ----------------------------------------------------------------------------------------------- ingest


def test_the_report_is_one_json_line_a_file_with_the_promised_keys(home: Path) -> None:
    stick = home / "ultrasound-stick"
    (stick / "broken.dcm").write_bytes(b"")
    helpers.zipped(stick / "disc.zip", {"IM9": helpers.dicom(home / "x", seed=9).read_bytes()})
    told = run("ingest", "ultrasound-stick", "--report", "-", "--workers", "0", code=3)
    found = lines(told.stdout)
    keys = {"path", "outcome", "sha256", "kind", "case", "sop_instance_uid", "reason", "message", "notes"}
    assert all(set(line) == keys for line in found)
    assert {line["outcome"] for line in found} <= {"added", "known", "skipped", "failed"}
    assert {line["kind"] for line in found} <= {"dicom", "image", "clip", "case", "other"}
    assert {line["reason"] for line in found} <= {None, *REASONS}
    assert [line["path"] for line in found] == [
        "ultrasound-stick/IM2", "ultrasound-stick/broken.dcm", "ultrasound-stick/disc.zip!IM9",
    ]  # fmt: skip
    run("ingest", "ultrasound-stick", "--report", "taken.jsonl", "--workers", "0", code=3)
    again = lines((home / "taken.jsonl").read_text())
    assert [(a["path"], a["sha256"]) for a in again] == [(b["path"], b["sha256"]) for b in found]
    if sys.platform != "win32":
        assert (home / "taken.jsonl").stat().st_mode & 0o077 == 0


def test_the_summary_has_the_promised_keys_and_adds_up(home: Path) -> None:
    told = data("ingest", "ultrasound-stick", "cases", "--workers", "0")
    assert set(told) == {"added", "known", "skipped", "failed", "cases", "bytes", "seconds"}
    assert (told["added"], told["known"]) == (1, 2)
    both = run("ingest", "ultrasound-stick", "--report", "-", "--json", "--workers", "0")
    assert [set(line) >= {"known"} for line in lines(both.stdout)] == [False, True]


def test_paths_can_come_from_standard_input(home: Path) -> None:
    helpers.dicom(home / "with space.dcm", seed=12)
    told = run(
        "ingest", "-", "--report", "-", "--workers", "0", stdin="with space.dcm\nultrasound-stick/IM2\n"
    )
    assert [line["outcome"] for line in lines(told.stdout)] == ["added", "added"]
    odd = run("ingest", "-", "--report", "-", "--workers", "0", stdin=b"caf\xe9.dcm\nnul\0.dcm\n", code=3)
    assert [line["reason"] for line in lines(odd.stdout)] == ["unreadable", "unreadable"]


def test_dry_runs_write_nothing(home: Path) -> None:
    def truth() -> dict[str, bytes]:
        return {k: v[2] for k, v in helpers.tree(home).items() if (home / k).is_file()}

    before = truth()
    run("ingest", "ultrasound-stick", "-n", "--workers", "0")
    run("ingest", "ultrasound-stick", "-n", "--workers", "0", "--case", "knee")
    run("new", "knee", "--from", "manufacturer:philips", "-n")
    run("edit", SLUG, "--set", "status=held", "-n")
    run("set", "create", "other", SLUG, "-n")
    run("set", "add", "thigh", "draft-case", "-n")
    run("set", "remove", "thigh", SLUG, "-n")
    run("export", "thigh", "--to", "out", "-n")
    run("init", "other-archive", "-n")
    run("reindex", "-n")
    assert truth() == before


# ------------------------------------------------------------------------------------------ cases and sets


def test_a_draft_from_a_query_is_prefilled_without_identity(home: Path) -> None:
    told = data("new", "calf-pain", "--from", "manufacturer:philips")
    assert set(told) == {"case", "media", "record"}
    assert len(told["media"]) == 1
    assert not any(secret in told["record"].lower() for secret in SECRETS)
    run("new", "calf-pain", code=2)
    run("new", "other", "--from", "manufacturer:nobody", code=1)


def test_a_case_from_the_command_line_alone(home: Path) -> None:
    run("ingest", "ultrasound-stick", "--case", "knee", "--workers", "0")
    run("edit", "knee", "--set", "status=ready", "--set", "difficulty=primary")
    told = data("show", "knee")
    assert (told["status"], told["difficulty"], len(told["media"])) == ("ready", "primary", 1)
    before = Archive.open(home / "my-archive").record_text("knee")
    result = run("edit", "knee", "--set", "status=nonsense", code=2)
    assert "status" in result.stderr
    assert Archive.open(home / "my-archive").record_text("knee") == before
    run("verify", "--full")


def test_show_of_a_file_has_the_promised_keys(home: Path) -> None:
    held = next(h for h in data("list") if h["kind"] == "dicom" and h["case"] is None)
    told = data("show", held["sha256"][:12])
    assert set(told) >= {
        "sha256", "kind", "sop_instance_uid", "sop_class_uid", "transfer_syntax_uid", "photometric_interpretation",
        "rows", "columns", "frames", "fps", "fps_source", "duration_s", "key_frame", "regions", "transducer", "modes",
        "manufacturer", "model", "notes", "thumbnail", "filmstrip", "preview",
    }  # fmt: skip
    assert Path(told["thumbnail"]).is_file()
    assert data("show", told["sop_instance_uid"]) == told
    run("show", SLUG, "--frames", "sheet.png")
    assert (home / "sheet.png").read_bytes().startswith(b"\x89PNG")


def test_facets_of_a_part_of_the_hits_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    facets = {"side": {"left": 200, "right": 50}, "kind": {"case": 250}}
    for total, said in ((250, "By side: left 200"), (60_000, "By side, of the best 250: left 200")):
        search_verb._facets(State(None), Results("tear", (), total, (), facets=facets))
        assert said in capsys.readouterr().err


def test_search_in_its_three_forms(home: Path) -> None:
    told = data("search", "rectus", "femoris", "tear")
    assert set(told) >= {"query", "understood", "total", "hits", "hidden", "facets", "did_you_mean"}
    (hit,) = told["hits"]
    assert set(hit) >= {"case", "title", "score", "why", "findings", "media", "instance"}
    assert (hit["case"], hit["instance"]) == (SLUG, None)
    assert set(hit["media"][0]) >= {"sha256", "frames"}
    assert run("search", "rectus femoris tear", "--ids").stdout == f"{SLUG}\n"
    table = run("search", "rectus femoris tear", "--csv").stdout.splitlines()
    assert table[0].startswith("case,sha256,title")
    assert len(table) == 2
    loose = data("search", "manufacturer:philips")["hits"][0]
    assert loose["case"] is None
    assert set(loose["instance"]) >= {"sha256", "sop_instance_uid", "study_description", "study_date"}


def test_list_lint_stats_and_log(home: Path) -> None:
    held = data("list")
    assert [h["sha256"] for h in held] == sorted(h["sha256"] for h in held)
    assert all(set(h) >= {"sha256", "kind", "case", "name"} for h in held)
    assert data("list") == held
    assert {c["case"] for c in data("lint")["cases"]} == {SLUG, "draft-case"}
    assert data("lint", "draft-case")["cases"][0]["problems"]
    assert (data("stats")["cases"], data("stats")["files"]) == (2, 3)
    assert [e["event"] for e in data("log", "thigh")] == ["set-created"]
    assert len(data("log", "--limit", "2")) == 2


def test_sets_keep_their_order(home: Path) -> None:
    assert data("set", "add", "thigh", "draft-case")["cases"] == [SLUG, "draft-case"]
    assert data("set", "show", "thigh")["cases"] == [SLUG, "draft-case"]
    assert data("set", "order", "thigh", "draft-case")["cases"] == ["draft-case", SLUG]
    run("set", "order", "thigh", "nobody", code=1)
    assert data("set", "remove", "thigh", SLUG)["cases"] == ["draft-case"]
    assert [s["set"] for s in data("set", "list")["sets"]] == ["thigh"]
    run("set", "remove", "thigh", "nobody", code=1)
    run("set", "show", "nobody", code=1)


def test_an_export_says_what_it_made(home: Path) -> None:
    told = data("export", "thigh", "--as", "html", "--as", "folder,html", "--to", "out")
    assert set(told) >= {"set", "formats", "cases", "clips", "withheld", "files", "certificate"}
    assert Path(told["certificate"]).is_file()
    assert (home / "out" / "thigh" / "folder").is_dir()


def test_an_export_without_an_encoder_says_what_to_install(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moves = home / "cases" / "moves"
    moves.mkdir()
    scan = dcmread(CLIP)
    scan.SOPClassUID = scan.file_meta.MediaStorageSOPClassUID = helpers.MULTI_FRAME
    scan.SOPInstanceUID = scan.file_meta.MediaStorageSOPInstanceUID = "1.2.3.2"
    scan.NumberOfFrames, scan.FrameTime, scan.PixelData = 2, 40.0, 2 * scan.PixelData
    scan.save_as(moves / "loop.dcm")
    (moves / "case.toml").write_text(RECORD, "utf-8")
    run("ingest", str(moves), "--workers", "0")
    monkeypatch.setattr(film, "encoder", lambda: "")
    assert "pip install 'casearchive[video]'" in run("export", "moves", "--as", "anki", "--to", "out").stderr
    assert "install" not in run("export", "moves", "--as", "csv", "--to", "out").stderr, "no clips in it"


# ------------------------------------------------------------------------------------- finding the archive


def test_the_archive_is_the_one_named_else_home_else_the_one_above(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two", "three"):
        run("init", name)
    helpers.dicom(home / "f1", seed=21)
    for name, seeds in (("one", [1]), ("two", [1, 2]), ("three", [1, 2, 3])):
        files = [str(helpers.dicom(home / f"{name}-{seed}", seed=30 + seed)) for seed in seeds]
        run("--archive", name, "ingest", *files, "--workers", "0")
    monkeypatch.chdir(home / "one" / "cases")
    monkeypatch.setenv("CASEARCHIVE_HOME", str(home / "two"))
    assert data("--archive", str(home / "three"), "stats")["files"] == 3
    assert data("stats", "--archive", str(home / "three"))["files"] == 3
    assert data("stats")["files"] == 2
    monkeypatch.delenv("CASEARCHIVE_HOME")
    assert data("stats")["files"] == 1


# ------------------------------------------------------------------------------- what must not be said


def test_no_verb_says_who_the_patient_was(home: Path) -> None:
    stick = home / "ultrasound-stick"
    whole = helpers.dicom(stick / "IM3", seed=3).read_bytes()
    (stick / "cut.dcm").write_bytes(whole[:-300])  # taken, with what is there
    (stick / "header-cut.dcm").write_bytes(whole[:700])  # refused
    (stick / "double").write_bytes(whole)
    held = next(h["sha256"] for h in data("list") if h["kind"] == "dicom" and h["case"] is None)
    said = ""
    for words, code in (
        (("-v", "ingest", "ultrasound-stick", "--report", "-", "--workers", "1"), 3),
        (("ingest", "ultrasound-stick", "--case", "knee", "--workers", "0"), 3),
        (("new", "calf", "--from", "manufacturer:philips"), 0),
        (("list",), 0), (("list", "--json"), 0), (("stats",), 0), (("log", "--json"), 0), (("log",), 0),
        (("show", held), 0), (("show", held, "--json"), 0), (("show", "knee"), 0), (("show", "knee", "--json"), 0),
        (("search", "Quillfeather"), 0), (("search", helpers.NUMBER), 0), (("search", "--json", "thigh"), 0),
        (("search", "--csv", "thigh", "--explain"), 0), (("lint",), 0), (("verify", "--full"), 0),
        (("-v", "export", "thigh", "--to", "out"), 0), (("export", "knee", "--to", "out"), 21),
        (("reindex", "--workers", "0"), 0), (("set", "list"), 0),
    ):  # fmt: skip
        result = run(*words, code=code)
        said += result.output.lower().replace(" ".join(words[1:]).lower(), "")
    assert len(said) > 3000
    said = said.replace("did you mean", "")
    assert not [s for s in SECRETS if s in said]


def test_control_codes_in_names_never_reach_the_terminal(home: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("such names cannot be made here")
    (home / "ultrasound-stick" / "\x1b[31mred\n.dcm").write_bytes(b"")
    result = run("-v", "ingest", "ultrasound-stick", "--workers", "0", code=3)
    assert "\x1b" not in result.output
    assert "\\x1b[31mred" in result.stderr


# --------------------------------------------------------------------------------------------- the shell


def _program(*words: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "casearchive", *words],
        env={**os.environ, **environment}, cwd=home, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def test_python_dash_m_is_the_same_program(home: Path) -> None:
    done = _program("--version", home=home)
    assert (done.returncode, done.stdout.split()[0].rstrip(",")) == (0, "casearchive")
    assert _program("show", "nobody", home=home).returncode == 1


def test_shells_are_offered_completion(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from casearchive.cli import main; main()"], cwd=home, capture_output=True, text=True,
        env={**os.environ, "_CASEARCHIVE_COMPLETE": "bash_source"},
    )  # fmt: skip
    assert done.returncode == 0
    assert "complete " in done.stdout
    offered = subprocess.run(
        [sys.executable, "-c", "from casearchive.cli import main; main()"], cwd=home, capture_output=True, text=True,
        env={**os.environ, "_CASEARCHIVE_COMPLETE": "bash_complete", "COMP_WORDS": "casearchive show rec",
             "COMP_CWORD": "2"},
    )  # fmt: skip
    assert SLUG in offered.stdout


@POSIX
@pytest.mark.parametrize("words", [("search", "tear"), ("show", "nobody"), ("verify", "--full")])
def test_no_color_means_no_escape_codes_even_on_a_terminal(home: Path, words: tuple[str, ...]) -> None:
    assert b"\x1b" not in helpers.on_a_terminal(home, *words, NO_COLOR="1")
    assert b"\x1b" not in helpers.on_a_terminal(home, *words, TERM="dumb")


@POSIX
def test_a_terminal_is_used_where_it_may_be(home: Path) -> None:
    assert b"\x1b" in helpers.on_a_terminal(home, "search", "tear")


@POSIX
def test_a_reader_that_goes_away_is_no_error(home: Path) -> None:
    command = f"{shlex.quote(sys.executable)} -m casearchive list --json | head -c 1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, cwd=home)
    assert "Traceback" not in done.stderr


def test_files_that_are_not_taken_are_named_until_there_are_too_many(home: Path, tmp_path: Path) -> None:
    for number in range(25):
        (tmp_path / "odd" / f"{number:02}.txt").parent.mkdir(exist_ok=True)
        (tmp_path / "odd" / f"{number:02}.txt").write_text("call back", "utf-8")
    said = run("ingest", "--workers", "0", str(tmp_path / "odd")).stderr
    assert said.count(".txt: no reader") == 20
    assert "5 more were skipped" in said


def test_a_failure_is_said_even_where_only_what_is_needed_is(home: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.dcm").touch()
    assert "failed: " in run("ingest", "-q", "--workers", "0", str(tmp_path / "empty.dcm"), code=3).stderr


@pytest.mark.skipif(os.name != "posix", reason="POSIX only")
def test_a_contact_sheet_is_private_and_says_why(home: Path) -> None:
    before = os.umask(0)
    try:
        said = run("show", "rectus-femoris-complete-tear", "--frames", "sheet.png").stderr
    finally:
        os.umask(before)
    assert "keep it private" in said
    assert stat.S_IMODE(Path("sheet.png").stat().st_mode) == 0o600
    assert run("show", "rectus-femoris-complete-tear", "--frames", "sheet.xyz", code=2).stderr
    assert not Path("sheet.xyz").exists()


def test_what_is_shown_fits_eighty_columns_where_nobody_looks(home: Path) -> None:
    helpers.dicom(
        home / "long.dcm", seed=78, SeriesDescription="A long description " * 3, ImageComments="x " * 200
    )
    run("ingest", "--workers", "0", str(home / "long.dcm"))
    for what in (SLUG, "draft-case", "1.2.826.0.1.3680043.8.498.78.3"):
        lines = run("show", what).stdout.splitlines()
        assert not [line for line in lines if len(line) > 80 and len(line.split()) > 2], what


def test_json_of_a_clip_names_a_preview_that_is_there(home: Path) -> None:
    helpers.dicom(home / "loop.dcm", seed=77, frames=3)
    run("ingest", "--workers", "0", str(home / "loop.dcm"))
    told = data("show", "1.2.826.0.1.3680043.8.498.77.3")
    assert all(Path(told[what]).is_file() for what in ("thumbnail", "filmstrip", "preview"))


def test_one_thing_stays_in_and_two_stay_in() -> None:
    from casearchive.cli._talk import staying

    assert (staying(["a"]), staying(["a", "b"])) == ("1 thing stays in", "2 things stay in")


def test_a_full_disk_is_said_in_a_whole_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import errno

    from casearchive.archive import Archive
    from casearchive.cli import cli

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Archive, "create", full)
    with pytest.raises(SystemExit) as caught:
        cli.main(["init", "anywhere"])
    assert caught.value.code == 1
    assert capsys.readouterr().err.startswith(
        "Error: the disk is full (No space left on device)\n  Make room"
    )
