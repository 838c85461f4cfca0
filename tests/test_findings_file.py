"""Promises of findings in files: what goes out comes back the same, and what is not understood is named."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import helpers
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from casearchive import Archive
from casearchive.choices import CERTAINTIES, MODALITIES, SEVERITIES, SIDES, TEMPORALITIES
from casearchive.cli import cli
from casearchive.model import (
    Case,
    Doppler,
    Dynamic,
    Evidence,
    Finding,
    Grade,
    Measurement,
    Media,
    Relation,
)  # fmt: skip
from casearchive.record import dumps, loads
from casearchive.record.findings_file import COLUMNS, to_csv, to_json_lines
from casearchive.record.findings_reading import read
from casearchive.record.importing import imported

ROOT = Path(__file__).parent.parent
CASES = sorted((ROOT / "cases").glob("*/case.toml"))

# ---------------------------------------------------------------------------------------- out and in again

_WORDS = (
    st.text(st.sampled_from("abc =+-@'\"|\\;,.é\n\t\u2028"), min_size=1, max_size=12)
    .map(str.strip)
    .filter(bool)
)
_LINES = _WORDS.map(lambda w: " ".join(w.split())).filter(bool)
_POINT = st.tuples(st.integers(0, 30).map(float), st.floats(0, 30).map(lambda n: round(n, 2)))
_FRAMES = st.tuples(st.integers(1, 9), st.integers(0, 9)).map(lambda ab: (ab[0], ab[0] + ab[1]))
_SHAPES = st.sampled_from([("", 0), ("point", 1), ("line", 2), ("polygon", 4), ("box", 2), ("ellipse", 4)])


@st.composite
def _evidence(draw: st.DrawFn) -> Evidence:
    shape, count = draw(_SHAPES)
    points = tuple(draw(st.lists(_POINT, min_size=count, max_size=count)))
    return Evidence(
        draw(st.sampled_from(["M1", "M2"])), draw(st.none() | _FRAMES), shape, points, draw(st.booleans())
    )


@st.composite
def _measurement(draw: st.DrawFn, finding: str) -> Measurement:
    return Measurement(
        draw(st.sampled_from(["gap", "csa", "thickness"])),
        draw(st.floats(-1e6, 1e6)),
        draw(st.sampled_from(["mm", "mm2", "", "furlong"])),
        finding,
        draw(st.sampled_from(["", "rest", "contraction"])),
        draw(st.sampled_from(["", *SIDES])),
        draw(st.sampled_from(["", "M1"])),
        draw(st.none() | st.integers(1, 9)),
        tuple(draw(st.lists(_POINT, max_size=3))),
        draw(st.just("") | _WORDS),
    )


@st.composite
def _case(draw: st.DrawFn) -> Case:
    findings, measurements = [], []
    for number in range(draw(st.integers(0, 3))):
        name = f"F{number + 1}"
        dynamic = draw(st.none() | st.builds(Dynamic, st.sampled_from(["", "contraction"]), _LINES, _LINES))
        findings.append(
            Finding(
                name,
                draw(st.sampled_from(["tear", "normal", "hematoma"]) | _LINES.map(lambda w: f"x{w}")),
                draw(st.sampled_from(["", "rectus_femoris", "sciatic_nerve"])),
                draw(st.sampled_from(["", "muscle_belly"])),
                draw(st.sampled_from(SIDES)),
                draw(st.sampled_from(CERTAINTIES)),
                draw(st.sampled_from(["", *SEVERITIES])),
                draw(st.sampled_from(["", *TEMPORALITIES])),
                tuple(draw(st.lists(_LINES.map(lambda w: f"x{w}"), max_size=2))),
                tuple(draw(st.sampled_from([(), (Grade("peetrons", "2"), Grade("munich", "3A"))]))),
                draw(st.none() | st.just(Doppler("pd", 2.0))),
                dynamic,
                draw(st.just("") | _LINES),
                draw(st.sampled_from(MODALITIES)),
                tuple(draw(st.sampled_from([(), (Relation("compressed_by", "piriformis"),)]))),
                draw(st.just("") | _LINES),
                draw(st.just("") | _WORDS),
                tuple(draw(st.lists(_evidence(), max_size=2))),
                draw(st.booleans()),
            )
        )
        measurements += draw(st.lists(_measurement(name), max_size=2))
    measurements += draw(st.lists(_measurement(""), max_size=1))
    media = (Media("M1", sha256="1" * 64), Media("M2", sha256="2" * 64))
    made = Case("thigh", "T", media=media, findings=tuple(findings), measurements=tuple(measurements))
    return loads(dumps(made), slug="thigh")  # the words of the vocabulary as the record keeps them


def _again(case: Case, content: str, *, json_lines: bool) -> Case:
    """The findings of ``content`` in a case that has none."""
    found, complaints = read(content.encode(), json_lines=json_lines)
    assert not complaints, [str(c) for c in complaints]
    bare = Case(case.slug, case.title, media=case.media)
    if not found:
        return bare
    after, _ = imported(
        bare, found, files={}, as_written=True
    )  # units that are odd are refused, and read all the same
    return after


@settings(max_examples=40, deadline=None)
@given(_case())
def test_what_goes_out_as_a_table_comes_back_the_same(case: Case) -> None:
    assert _again(case, to_csv([case]), json_lines=False).findings == case.findings
    assert _sorted(_again(case, to_csv([case]), json_lines=False)) == _sorted(case)


@settings(max_examples=40, deadline=None)
@given(_case())
def test_what_goes_out_as_json_lines_comes_back_the_same(case: Case) -> None:
    assert _again(case, to_json_lines([case]), json_lines=True).findings == case.findings
    assert _sorted(_again(case, to_json_lines([case]), json_lines=True)) == _sorted(case)


def _sorted(case: Case) -> list[Measurement]:
    return sorted(case.measurements, key=repr)


@settings(max_examples=25, deadline=None)
@given(_case())
def test_taking_in_what_is_there_changes_nothing(case: Case) -> None:
    for json_lines, content in ((False, to_csv([case])), (True, to_json_lines([case]))):
        found, _ = read(content.encode(), json_lines=json_lines)
        after, refused = imported(case, found, files={}) if found else (case, ())
        assert (after, refused) == (case, ())


@settings(max_examples=40, deadline=None)
@given(_case())
def test_no_cell_can_be_taken_for_a_formula(case: Case) -> None:
    for row in csv.reader(io.StringIO(to_csv([case]))):
        for cell in row:
            assert not cell.startswith(("=", "+", "@", "\t", "\r")), cell
            if cell.startswith("-"):
                float(cell)  # a number is none


@pytest.mark.parametrize("path", CASES, ids=lambda p: p.parent.name)
def test_the_sample_cases_survive_the_way_out_and_in(path: Path) -> None:
    case = loads(path.read_text("utf-8"), slug=path.parent.name)
    for json_lines, content in ((False, to_csv([case])), (True, to_json_lines([case]))):
        again = _again(case, content, json_lines=json_lines)
        assert again.findings == case.findings
        assert _sorted(again) == _sorted(case)


# ---------------------------------------------------------------------------------------- in an archive


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    for seed, slug in enumerate(("calf", "thigh"), 80):
        helpers.case_folder(tmp_path / "in" / slug, seed=seed)
    made = Archive.create(tmp_path / "archive")
    assert made.ingest([tmp_path / "in"], workers=0).failed == 0
    monkeypatch.setenv("CASEARCHIVE_HOME", str(made.path))
    monkeypatch.chdir(tmp_path)
    return made


def run(*words: str, code: int = 0, stdin: str | bytes | None = None) -> Result:
    result = CliRunner().invoke(cli, ["annotate", *words], input=stdin)
    assert result.exit_code == code, (words, result.exit_code, result.stdout, result.stderr)
    return result


def truth(archive: Archive) -> object:
    return helpers.tree(archive.path / "cases"), len(archive.log())


@pytest.mark.parametrize("name", ["f.csv", "f.jsonl"])
def test_an_exported_file_taken_in_again_changes_nothing(archive: Archive, name: str) -> None:
    run("--export", name)
    before = truth(archive)
    assert "nothing was changed" in run("--import", name).stderr
    assert truth(archive) == before


def test_an_export_names_the_cases_asked_for_and_replaces_no_file_unasked(archive: Archive) -> None:
    assert run("thigh", "--export", "-").stdout.count("thigh,F1") == 1
    Path("f.csv").write_text("mine")
    run("--export", "f.csv", code=2)
    assert Path("f.csv").read_text() == "mine"
    run("--export", "f.csv", "--yes")
    assert Path("f.csv").read_bytes().startswith(b"\xef\xbb\xbfcase,")
    run("--export", "f.xlsx", code=2)
    run("nobody", "--export", "-", code=1)


TABLE = """\
case;ID;Structure;Side;Finding;Media;Frames;Measure;Value;Unit
thigh;;RF;right;complete tear;M1;1-3;gap;31,5;mm
thigh;F1;RF;right;partial tear;M1;2-3;;;
"""


@pytest.mark.parametrize(
    "content",
    [
        TABLE.encode(),
        ("\ufeff" + TABLE).encode(),
        TABLE.encode("utf-16"),
        ("sep=;\n" + TABLE).encode("cp1252"),
        TABLE.replace("31,5", "31.5").replace(";", ",").encode(),
        TABLE.replace(";", "\t").replace("\n", "\r\n").encode(),
    ],
    ids=["semicolons", "mark", "utf-16", "sep", "commas", "tabs"],
)
def test_tables_as_spreadsheets_write_them_are_taken(archive: Archive, content: bytes) -> None:
    Path("t.csv").write_bytes(content)
    run("--import", "t.csv")
    case = loads(archive.record_text("thigh"), slug="thigh")
    assert [(f.id, f.abnormality) for f in case.findings] == [("F1", "partial_tear"), ("F2", "complete_tear")]
    assert case.findings[1].evidence[0].frames == (1, 3)
    assert (case.measurements[0].value, case.measurements[0].finding) == (31.5, "F2")
    assert "# A remark of the author" in archive.record_text("thigh")
    assert archive.search("complete tear").hits[0].case == "thigh"


def test_columns_that_are_not_there_stay_as_they_are(archive: Archive) -> None:
    Path("t.csv").write_text("case,id,severity\nthigh,F1,mild\n")
    run("--import", "t.csv")
    made = loads(archive.record_text("thigh"), slug="thigh").findings[0]
    assert (made.severity, made.side, made.abnormality) == ("mild", "right", "partial_tear")
    assert made.evidence[0].shape == "polygon"
    Path("t.csv").write_text("case,id,severity\nthigh,F1,\n")
    run("--import", "t.csv")
    assert loads(archive.record_text("thigh"), slug="thigh").findings[0].severity == ""


LOSING = {
    "case,id,abnormality\nthigh,F1,\n": "a finding needs an abnormality",
    '{"case": "thigh", "id": "F1", "abnormality": null}\n': "a finding needs an abnormality",
    "case,id,abnormality\nthigh,F77,tear\n": "there is no such finding; the case has F1",
    "case,id,abnormality\nthigh,xyz,tear\n": "leave the id empty",
    'case,id,measure,value,unit\nthigh,F1,csa,"1,234",mm2\n': "is that 1234 or 1.234?",
    "case\tid\tmeasure\tvalue\tunit\nthigh\tF1\tcsa\t-12,345\tmm2\n": "is that -12345 or -12.345?",
}


@pytest.mark.parametrize("content", LOSING)
def test_what_would_lose_or_mistake_something_is_refused(archive: Archive, content: str) -> None:
    name = "t.jsonl" if content.startswith("{") else "t.csv"
    Path(name).write_text(content)
    before = truth(archive)
    said = " ".join(run("--import", name, code=2).stdout.split())
    assert LOSING[content] in said
    assert truth(archive) == before


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ("case;id;measure;value;unit\nthigh;F1;csa;1,234;mm2\n", 1.234),
        ('case,id,measure,value,unit\nthigh,F1,csa,"31,5",mm2\n', 31.5),
        ('case,id,measure,value,unit\nthigh,F1,csa,"0,125",mm2\n', 0.125),
        ("case,id,measure,value,unit\nthigh,F1,csa,1234,mm2\n", 1234.0),
    ],
)
def test_a_comma_that_can_only_mean_one_thing_is_taken(archive: Archive, content: str, value: float) -> None:
    Path("t.csv").write_text(content)
    run("--import", "t.csv")
    assert loads(archive.record_text("thigh"), slug="thigh").measurements[0].value == value


def test_what_a_case_loses_is_said_before_and_after(archive: Archive) -> None:
    Path("t.csv").write_text(
        "case,id,measure,measured_side,value,unit,measured_on,measured_points\n"
        'thigh,F1,gap,right,10,mm,M1,"4,5 24,5"\nthigh,F1,gap,left,6,mm,,\n'
    )
    assert "Note" not in run("--import", "t.csv").stderr
    Path("t.csv").write_text("case,id,side,media,measure,value,unit\nthigh,F1,,,gap,30,mm\n")
    for words in (("-n",), ("-n", "--json"), ()):
        said = run("--import", "t.csv", *words)
        told = " ".join(json.loads(said.stdout)["notes"]) if "--json" in words else said.stderr
        assert "F1 loses side, evidence on M1, gap (left): 6 mm" in " ".join(told.split())
    assert "loses" not in run("--import", "t.csv").stderr


def test_a_new_value_that_its_old_points_contradict_is_said(archive: Archive, tmp_path: Path) -> None:
    scaled = helpers.RECORD.replace(
        'id = "M1"', 'id = "M1"\ncalibration = { points = [[4, 5], [24, 5]], mm = 10 }'
    )
    helpers.case_folder(tmp_path / "more" / "scaled", seed=90, text=scaled)
    assert archive.ingest([tmp_path / "more"], workers=0).failed == 0
    Path("t.csv").write_text(
        'case,id,measure,value,unit,measured_on,measured_points\nscaled,F1,gap,10,mm,M1,"4,5 24,5"\n'
    )
    assert "Note" not in run("--import", "t.csv").stderr
    Path("t.csv").write_text("case,id,measure,value,unit\nscaled,F1,gap,30,mm\n")
    said = " ".join(run("--import", "t.csv", "-n").stderr.split())
    assert "scaled: F1 gap: 30 mm typed, 10 mm by its points" in said


def test_what_contradicts_itself_or_was_guessed_is_said(archive: Archive) -> None:
    Path("t.csv").write_text("case,abnormality,certainty,severity\nthigh,teer,absent,severe\n")
    said = " ".join(run("--import", "t.csv", "-n").stderr.split())
    assert "thigh: F2 is absent, and yet has the severity severe" in said
    assert "thigh: line 2: “teer” is taken for tear" in said
    Path("t.csv").write_text("case,id,measure,value,unit\nthigh,F1,gap,-4,mm\n")
    assert "never less than nothing" in " ".join(run("--import", "t.csv", code=2).stdout.split())


@pytest.mark.parametrize(
    ("written", "side"), [("Left", "left"), ("L", "left"), ("RT", "right"), ("Both", "bilateral")]
)
def test_sides_are_taken_as_a_spreadsheet_writes_them(archive: Archive, written: str, side: str) -> None:
    Path("t.csv").write_text(
        f"case,abnormality,side,certainty,severity\nthigh,edema,{written},Not assessed,MILD\n"
    )
    run("--import", "t.csv")
    made = loads(archive.record_text("thigh"), slug="thigh").findings[-1]
    assert (made.side, made.certainty, made.severity) == (side, "not_assessed", "mild")
    assert f'side = "{side}"' in archive.record_text("thigh")


WRONG = """\
case,structure,side,abnormality,media,frames,shape,points,measure,value,unit,severity
thigh,RF,rihgt,tear,M1,1-9,box,"1,1 99,9",gap,3,mn,
nobody,RF,right,tear,,,,,,,,
thigh,RF,right,teaar,,,,,,,,
calf,RF,right,edema,M1,1-2,,,,,,severe
calf,RF,right,tear,M1,one,,,gapp,abc,mm,
calf,RF,right,tear,M1,,square,"1,1",,,,
"""


def test_a_dry_run_names_line_column_value_and_the_nearest_of_each_thing(archive: Archive) -> None:
    Path("t.csv").write_text(WRONG)
    before = truth(archive)
    told = json.loads(run("--import", "t.csv", "-n", "--json", code=2).stdout)
    found = {(c["line"], c["column"]): (c["value"], c["why"]) for c in told["not_understood"]}
    assert set(found) >= {
        (2, "side"), (2, "frames"), (2, "points"), (2, "unit"), (3, "case"), (4, "abnormality"),
        (6, "frames"), (6, "value"), (7, "shape"),
    }  # fmt: skip
    assert found[2, "side"][0] == "rihgt" and "right" in found[2, "side"][1]
    assert found[2, "frames"][0] == "1-9" and "3 frames" in found[2, "frames"][1]
    assert "tear" in found[4, "abnormality"][1]
    text = " ".join(run("--import", "t.csv", "-n", code=2).stdout.split())
    assert "line 2, side “rihgt”" in text and "did you mean" in text
    assert truth(archive) == before


def test_nothing_is_written_where_anything_is_refused_unless_that_was_said(archive: Archive) -> None:
    Path("t.csv").write_text(WRONG)
    before = truth(archive)
    run("--import", "t.csv", code=2)
    assert truth(archive) == before
    told = json.loads(run("--import", "t.csv", "--partial", "--json", code=3).stdout)
    assert (told["cases"], told["findings"], told["saved"]) == (["calf"], 1, True)
    case = loads(archive.record_text("calf"), slug="calf")
    assert [(f.id, f.abnormality, f.severity) for f in case.findings][1:] == [("F2", "edema", "severe")]
    assert not archive.verify(full=True).faults


def test_the_case_may_be_named_once_for_a_whole_file(archive: Archive) -> None:
    rows = 'abnormality,structure,side\nedema,RF,right\n"tear",RF,left\n'
    run("thigh", "--import", "-", stdin=rows)
    assert len(loads(archive.record_text("thigh"), slug="thigh").findings) == 3
    run("--import", "-", stdin=rows, code=2)


def test_ids_that_were_taken_out_are_not_given_again(archive: Archive) -> None:
    run("thigh", "--remove", "F1")
    Path("t.csv").write_text("case,id,abnormality,side\nthigh,F1,tear,left\n")
    assert "removed" in " ".join(run("--import", "t.csv", code=2).stdout.split())
    Path("t.csv").write_text("case,id,abnormality,side\nthigh,,tear,left\n")
    run("--import", "t.csv")
    assert [f.id for f in loads(archive.record_text("thigh"), slug="thigh").findings] == ["F2"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", 2),
        ("\n\n", 2),
        ("\0" * 40, 2),
        ("nonsense\nthigh\n", 2),
        ("case,case\nthigh,thigh\n", 2),
        ('case,abnormality\nthigh,"unclosed\n', 2),
        ("case,abnormality\nthigh,tear,too,many\n", 2),
        ("case,note\nthigh," + "x" * 200_000 + "\n", 2),
        ("case,abnormality\n../../etc/passwd,tear\n", 2),
        ("case,id,abnormality\nthigh,F 1,tear\n", 2),
        ("case,id,abnormality,side\nthigh,F1,tear,left\nthigh,F1,tear,right\n", 2),
        ("case,media,frames\nthigh,M1,1-2\n", 2),
    ],
)
def test_bad_tables_are_refused_and_nothing_is_written(archive: Archive, content: str, code: int) -> None:
    Path("t.csv").write_text(content)
    before = truth(archive)
    result = run("--import", "t.csv", code=code)
    assert "Traceback" not in result.output
    assert truth(archive) == before


@pytest.mark.parametrize(
    "line",
    [
        "{", "[1]", '"x"', "{}", '{"case": "thigh"}', '{"case": "thigh", "abnormality": 4}', "[" * 5000,
        '{"case": ["a"], "id": {}}',
        '{"case": "thigh", "abnormality": "tear", "evidence": {}}',
        '{"case": "thigh", "abnormality": "tear", "evidence": [1]}',
        '{"case": "thigh", "abnormality": "tear", "frobnicate": 1}',
        '{"case": "thigh", "evidence": [{"media": "M1"}]}',
        '{"case": "thigh", "abnormality": "tear", "measurement": [{"what": "gap", "value": 1e999, "unit": "mm"}]}',
    ],
)  # fmt: skip
def test_bad_json_lines_are_refused_and_nothing_is_written(archive: Archive, line: str) -> None:
    Path("t.jsonl").write_text(line + "\n")
    before = truth(archive)
    result = CliRunner().invoke(cli, ["annotate", "--import", "t.jsonl"])
    assert result.exit_code in (0, 2) and "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert truth(archive) == before


def test_the_help_and_the_columns_agree() -> None:
    assert list(COLUMNS)[:2] == ["case", "id"]
    assert all(text for text in COLUMNS.values())
    header = to_csv([]).strip().split(",")
    assert header == list(COLUMNS)


def test_the_document_names_every_column_as_the_program_does() -> None:
    text = (ROOT / "docs" / "findings-file.md").read_text("utf-8")
    for column, meaning in COLUMNS.items():
        assert f"| `{column}` | {meaning.replace('|', chr(92) + '|')} |" in text


@pytest.mark.parametrize(
    ("columns", "cells"),
    [
        ("during", "31 mm"),
        ("media", "M1"),
        ("measure,state,value,unit", "gap,rest,7,mm"),
    ],
)
def test_columns_that_the_table_does_not_have_stay_as_they_are(columns: str, cells: str) -> None:
    before = Case(
        "a-case",
        "A case",
        media=(Media("M1"),),
        findings=(
            Finding(
                id="F1",
                abnormality="tear",
                dynamic=Dynamic("contraction", "6 mm", "30 mm"),
                evidence=(Evidence("M1", (1, 2), "box", ((1.0, 2.0), (3.0, 4.0)), True),),
            ),
        ),
        measurements=(
            Measurement(
                "gap", 6.0, "mm", finding="F1", state="rest", media="M1", points=((1.0, 2.0), (3.0, 4.0))
            ),
        ),
    )
    given_rows, complaints = read(f"case,id,{columns}\na-case,F1,{cells}\n".encode(), json_lines=False)
    after, refused = imported(before, given_rows, files={})
    assert not complaints and not refused
    (finding,), (measured,) = after.findings, after.measurements
    assert finding.dynamic is not None and (finding.dynamic.maneuver, finding.dynamic.at_rest) == (
        "contraction",
        "6 mm",
    )
    assert finding.evidence == before.findings[0].evidence
    assert measured.points == before.measurements[0].points and measured.media == "M1"


@pytest.mark.parametrize("value", ['"x"', "null", "[1]"])
def test_a_value_that_is_no_number_is_named(value: str) -> None:
    before = Case("a-case", "A case", findings=(Finding(id="F1", abnormality="tear"),))
    line = f'{{"case": "a-case", "id": "F1", "measurement": [{{"what": "gap", "value": {value}}}]}}'
    given_rows, _ = read(line.encode(), json_lines=True)
    assert any(
        c.cell.column.endswith("value") or "value" in c.why
        for _, c in imported(before, given_rows, files={})[1]
    )


def test_half_a_letter_is_named() -> None:
    before = Case("a-case", "A case", findings=(Finding(id="F1", abnormality="tear"),))
    given_rows, _ = read(b'{"case": "a-case", "id": "F1", "note": "a\\udc85b"}', json_lines=True)
    ((_, complaint),) = imported(before, given_rows, files={})[1]
    assert complaint.cell.column == "note" and "UTF-8" in complaint.why
