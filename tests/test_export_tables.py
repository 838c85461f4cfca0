"""Findings as tables and as JSON lines: what stands in them, and that the dictionary says what it means."""

from __future__ import annotations

import csv as reader
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from decks import a_case, a_set, taught
from hypothesis import given, settings
from hypothesis import strategies as st

from casearchive.deid import leaks, own
from casearchive.exporters import csv, jsonl
from casearchive.exporters._tables import rows
from casearchive.model import Case, Evidence, Finding, Identifier, Measurement
from casearchive.record import findings_file
from casearchive.teaching import TeachingCase, TeachingSet

OWN = own.phrases("casearchive.deid", "casearchive.exporters", "casearchive.record")
FILES = ["data-dictionary.csv", "evidence.csv", "findings.csv", "measurements.csv"]


def tables(teaching: TeachingSet, folder: Path) -> dict[str, list[dict[str, str]]]:
    folder.mkdir(exist_ok=True)
    csv.export(teaching, folder, {})
    return {path.stem: list(reader.DictReader(lines(path))) for path in sorted(folder.iterdir())}


def lines(path: Path) -> io.StringIO:
    return io.StringIO(path.read_bytes().decode("utf-8"), newline="")


def objects(teaching: TeachingSet, folder: Path) -> list[dict[str, Any]]:
    folder.mkdir(exist_ok=True)
    jsonl.export(teaching, folder, {})
    text = (folder / "findings.jsonl").read_bytes().decode("utf-8")
    assert text.endswith("\n") or not text
    return [json.loads(line) for line in text.split("\n") if line]


# ------------------------------------------------------------------------------------------------ dictionary


def test_the_dictionary_describes_every_column_of_every_table_and_no_other(tmp_path: Path) -> None:
    csv.export(a_set(), tmp_path, {})
    assert sorted(path.name for path in tmp_path.iterdir()) == FILES
    told = list(reader.DictReader(lines(tmp_path / "data-dictionary.csv")))
    for table in rows.TABLES:
        header = next(reader.reader(lines(tmp_path / f"{table}.csv")))
        assert header == [row["column"] for row in told if row["table"] == table]
    assert {row["table"] for row in told} == set(rows.TABLES)
    assert all(len(row["meaning"].split()) >= 3 and row["meaning"].endswith(".") for row in told)
    kinds = {"text", "list", "points", "yes/no", "number", "whole number", "code"}
    assert {row["type"] for row in told} == kinds


@pytest.mark.parametrize("table", rows.TABLES)
def test_rows_have_exactly_the_columns_that_the_dictionary_names_with_values_of_its_types(table: str) -> None:
    told = {
        r["column"]: r["type"]
        for r in reader.DictReader(io.StringIO(rows.dictionary()))
        if r["table"] == table
    }
    types: dict[str, tuple[type, ...]] = {
        "text": (str,), "code": (str,), "list": (list,), "points": (list,), "yes/no": (bool,),
        "number": (float, int), "whole number": (int, type(None)),
    }  # fmt: skip
    found = list(rows.rows(a_set(), table))
    assert found
    for row in found:
        assert tuple(row) == rows.columns(table)
        assert all(type(value) in types[told[column]] for column, value in row.items())


def test_columns_that_a_findings_file_has_too_are_called_alike() -> None:
    shared = set(findings_file.COLUMNS) - {"id", "frames"}
    assert shared <= {column for table in rows.TABLES for column in rows.columns(table)}


# ---------------------------------------------------------------------------------------------------- tables


def test_a_code_that_means_a_part_only_is_not_given_for_the_whole(tmp_path: Path) -> None:
    """The vocabulary names five veins where it says ``calf_vein``: the first of them is not the calf's veins."""
    case = replace(a_case(), findings=(Finding("F1", "hematoma", "calf_vein"),))
    (row,) = tables(a_set(taught(case)), tmp_path / "out")["findings"]
    assert (row["structure_code"], row["abnormality_code"]) == ("", "SCT:35566002")


def test_a_finding_is_a_row_with_its_words_and_codes(tmp_path: Path) -> None:
    first, second, third = tables(a_set(), tmp_path / "out")["findings"]
    assert (first["case"], first["finding"], first["difficulty"]) == ("sore-heel", "F1", "advanced")
    assert (first["structure"], first["structure_name"]) == ("achilles_tendon", "Achilles tendon")
    assert (first["structure_code"], first["side_code"]) == ("SCT:61352006", "SCT:24028007")
    assert (first["side"], first["certainty"], first["severity"]) == ("right", "definite", "severe")
    assert first["grades"] == "peetrons=3 | bamic=2b"
    assert first["echogenicity"] == "hypoechoic | a \\| b"
    assert (first["doppler"], first["relation"]) == ("pd=1", "compressed_by=piriformis")
    assert (first["at_rest"], first["during"], first["maneuver"]) == ("8 mm", "22 mm", "dorsiflexion")
    assert (first["media"], first["reviewed"]) == ("M1 | M2", "yes")
    assert second["abnormality"] == "retraction"
    assert (third["certainty"], third["note"]) == ("absent", "'=2+2"), "no formula for a spreadsheet"


def test_evidence_names_clip_frames_from_1_and_points(tmp_path: Path) -> None:
    one, two, three = tables(a_set(), tmp_path / "out")["evidence"]
    assert (one["media"], one["first_frame"], one["last_frame"], one["best"]) == ("M1", "2", "4", "yes")
    assert (one["shape"], one["points"]) == ("polygon", "20,20 80,20 80,60 20,60")
    assert (two["media"], two["first_frame"], two["points"]) == ("M2", "", "30.5,31")
    assert (three["finding"], three["shape"], three["best"]) == ("F2", "", "no")


def test_measurements_are_numbers_with_a_unit_and_their_place(tmp_path: Path) -> None:
    gap, area = tables(a_set(), tmp_path / "out")["measurements"]
    assert (gap["finding"], gap["measure"], gap["value"], gap["unit"]) == ("F1", "gap", "22", "mm")
    assert (gap["state"], gap["measured_side"], gap["measured_side_code"]) == (
        "dorsiflexion",
        "right",
        "SCT:24028007",
    )
    assert (gap["measured_on"], gap["frame"], gap["measured_points"]) == ("M1", "3", "1,2 3.5,4")
    assert gap["measure_note"] == "'-x"
    assert (area["finding"], area["value"], area["unit"]) == ("", "52.25", "mm2")
    assert area["measure_name"] == "cross-sectional area"


def test_tables_end_lines_as_the_standard_says(tmp_path: Path) -> None:
    csv.export(a_set(), tmp_path, {})
    for path in tmp_path.iterdir():
        content = path.read_bytes()
        assert content.endswith(b"\r\n") and not content.startswith(b"\xef\xbb\xbf")
        assert content.count(b"\n") == content.count(b"\r\n")


def test_a_set_without_findings_has_tables_without_rows(tmp_path: Path) -> None:
    bare = a_set(taught(Case("bare", "Bare")))
    found = tables(bare, tmp_path / "csv")
    assert [found[table] for table in rows.TABLES] == [[], [], []]
    assert objects(bare, tmp_path / "jsonl") == []


#: What an author may write into one line; a surrogate is no text.
WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=30)


@settings(max_examples=60, deadline=None)
@given(note=WORDS, structure=WORDS, how=WORDS, value=st.floats(allow_nan=False, allow_infinity=False))
def test_whatever_an_author_writes_comes_back(
    tmp_path_factory: pytest.TempPathFactory, note: str, structure: str, how: str, value: float
) -> None:
    case = Case(
        "c",
        "C",
        findings=(Finding("F1", "tear", structure, note=note, evidence=(Evidence("M1"),)),),
        measurements=(Measurement("gap", value, "mm", "F1", note=how),),
    )
    teaching = a_set(TeachingCase(case, ()))
    found = tables(teaching, tmp_path_factory.mktemp("csv"))
    (line,) = objects(teaching, tmp_path_factory.mktemp("jsonl"))
    for said, cell in ((note, found["findings"][0]["note"]), (structure, found["findings"][0]["structure"])):
        assert cell == said or cell == f"'{said}"
        assert not cell or cell[0] not in "=+-@\t\r" or is_number(cell)
    assert float(found["measurements"][0]["value"]) == value
    assert line["note"] == (note or None) and line["structure"] == (structure or None)
    assert line["measurements"][0]["value"] == value
    assert line["measurements"][0]["measure_note"] == (how or None)


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


# ------------------------------------------------------------------------------------------------ JSON lines


def test_a_finding_is_one_object_with_its_evidence_and_measurements(tmp_path: Path) -> None:
    first, second, third, loose = objects(a_set(), tmp_path / "out")
    assert [o["finding"] for o in (first, second, third, loose)] == ["F1", "F2", "F3", None]
    assert first["grades"] == ["peetrons=3", "bamic=2b"]
    assert first["evidence"][0] == {
        "media": "M1",
        "first_frame": 2,
        "last_frame": 4,
        "shape": "polygon",
        "points": [[20, 20], [80, 20], [80, 60], [20, 60]],
        "best": True,
    }
    assert [m["value"] for m in first["measurements"]] == [22.0]
    assert (second["severity"], second["measurements"]) == (None, [])
    assert third["note"] == "=2+2", "JSON is no spreadsheet: it stays as it was written"
    assert [m["measure"] for m in loose["measurements"]] == ["csa"]


def test_the_keys_are_the_columns_of_the_dictionary(tmp_path: Path) -> None:
    first = objects(a_set(), tmp_path / "out")[0]
    assert set(first) == {*rows.columns("findings"), "evidence", "measurements"}
    assert {"case", "finding", *first["evidence"][0]} == set(rows.columns("evidence"))
    assert {"case", "finding", *first["measurements"][0]} == set(rows.columns("measurements"))
    assert (tmp_path / "out/data-dictionary.csv").read_bytes().decode("utf-8") == rows.dictionary()


def test_findings_of_two_cases_do_not_mix(tmp_path: Path) -> None:
    other = replace(a_case("other"), measurements=(Measurement("gap", 1.0, "mm", "F2"),))
    found = objects(a_set(taught(), taught(other)), tmp_path / "out")
    values = {(o["case"], o["finding"]): [m["value"] for m in o["measurements"]] for o in found}
    assert values["sore-heel", "F1"] == [22.0]
    assert (values["other", "F1"], values["other", "F2"]) == ([], [1.0])


@pytest.mark.parametrize("output", [csv, jsonl], ids=lambda o: o.NAME)
def test_the_same_set_gives_the_same_bytes(output: Any, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        output.export(a_set(), tmp_path / name, {})
    one, two = ({p.name: p.read_bytes() for p in (tmp_path / n).iterdir()} for n in ("one", "two"))
    assert one == two


# ----------------------------------------------------------------------------------------------------- leaks


@pytest.mark.parametrize("output", [csv, jsonl], ids=lambda o: o.NAME)
def test_a_patient_may_be_called_like_a_column(output: Any, tmp_path: Path) -> None:
    """Doppler, Case, Site and Grades are surnames."""
    nothing = a_set(taught(Case("quiet", "Q", findings=(Finding("F1", "cyst"),))))
    output.export(nothing, tmp_path, {})
    columns = sorted({part for table in rows.TABLES for c in rows.columns(table) for part in c.split("_")})
    told = [
        Identifier("PatientName", f"{name.title()}^Orsino") for name in columns if name not in ("yes", "no")
    ]
    said = {leak.file for leak in leaks.scan(tmp_path, told, own=OWN)}
    assert said == set()


@pytest.mark.parametrize("output", [csv, jsonl], ids=lambda o: o.NAME)
def test_a_name_in_a_note_is_found(output: Any, tmp_path: Path) -> None:
    named = Case("c", "C", findings=(Finding("F1", "cyst", note="seen with Quillfeather"),))
    output.export(a_set(taught(named)), tmp_path, {})
    found = leaks.scan(tmp_path, [Identifier("PatientName", "Quillfeather^Orsino")], own=OWN)
    assert {leak.file for leak in found} == {"findings.csv" if output is csv else "findings.jsonl"}
