"""Sets as files and as they are changed, and where an export may go. All cases and persons are invented."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_review import case, scan
from test_saved import archive  # noqa: F401 - a fixture

from casearchive import Archive
from casearchive.errors import IdentityFound, NotFound, UsageError
from casearchive.teachingsets import dump, load


def written(folder: Path, options: str) -> Path:
    path = folder / "thigh.toml"
    path.write_text(f'title = "The thigh"\ncases = ["left-one"]\n[options]\n{options}', "utf-8")
    return path


# ------------------------------------------------------------------------------------------------ sets as files


def test_what_is_written_of_options_is_read_again(tmp_path: Path) -> None:
    found = load(written(tmp_path, "instructor = true\nedge = 600\n"))
    again = tmp_path / "thigh.toml"
    again.write_text(dump(found), "utf-8")
    assert load(again) == found
    assert "instructor = true" in again.read_text("utf-8")


# ------------------------------------------------------------------------------------------------ changing them


def test_an_edit_that_changes_nothing_says_so(archive: Archive) -> None:  # noqa: F811
    archive.set_create("thigh", cases=["left-one"])
    with pytest.raises(UsageError, match="nothing to change") as refusal:
        archive.set_edit("thigh")
    assert "--title" in refusal.value.hint
    assert archive.set_version("thigh") == 1


def test_only_an_option_that_a_set_has_can_be_taken_away(archive: Archive) -> None:  # noqa: F811
    archive.set_create("thigh", cases=["left-one"])
    with pytest.raises(UsageError, match="has no option 'edge'") as refusal:
        archive.set_edit("thigh", options={"edge": None})
    assert refusal.value.hint == "It has none."
    archive.set_edit("thigh", options={"edge": "600", "instructor": ""})
    with pytest.raises(UsageError) as refusal:
        archive.set_edit("thigh", options={"cards": None, "edge": "700"})
    assert refusal.value.hint == "It has: edge, instructor."
    assert dict(archive.set("thigh").options)["edge"] == "600"
    assert archive.set_edit("thigh", options={"edge": None}).options == (("instructor", ""),)


def test_a_case_that_a_set_does_not_hold_is_named_with_where_to_look(archive: Archive) -> None:  # noqa: F811
    archive.set_create("thigh", cases=["left-one"])
    with pytest.raises(NotFound, match="does not hold right-one") as refusal:
        archive.set_order("thigh", ["right-one"])
    assert "set show thigh" in refusal.value.hint


# ------------------------------------------------------------------------------------------------ where to


@pytest.mark.parametrize("name", ["", "  "])
def test_a_folder_without_a_name_is_refused(archive: Archive, name: str) -> None:  # noqa: F811
    with pytest.raises(UsageError, match="no folder") as refusal:
        archive.export(["left-one"], formats=["folder"], to=name)
    assert refusal.value.where == "--to"


def test_a_patient_called_like_a_page_is_looked_for_in_names_of_files_too(tmp_path: Path) -> None:
    """Names of our own files are no exception: pages name them in their links, where nothing is passed over."""
    one_patient = Archive.create(tmp_path / "archive")
    one = scan(tmp_path / "1.dcm", 1, regions=True, PatientName="Score^Orsino")
    one_patient.ingest([case(tmp_path / "in", "calf", one)], workers=0)
    with pytest.raises(IdentityFound):
        one_patient.export(["calf"], formats=["html"], to=tmp_path / "out")
    assert one_patient.export(["calf"], formats=["folder"], to=tmp_path / "out").cases == 1
