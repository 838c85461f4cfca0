"""The whole way out: sets, the airlock, the exporters, the scan of the finished bytes, the ledger."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pytest
from helpers import needs_detector
from PIL import Image
from pydicom import dcmread
from test_looking import written

from casearchive import Archive, release
from casearchive.errors import CaseArchiveError, IdentityFound, NotFound, ReviewNeeded, UsageError
from casearchive.exporters import html
from casearchive.files import exchanged
from casearchive.ledger import Ledger
from casearchive.rereading import Reread

LIGHT = """\
title = "Short axis of a thigh at rest"
status = "ready"
[author]
name = "A. Teacher"
[[media]]
id = "M1"
file = "short-axis-rest.dcm"
caption = "Mid-thigh, relaxed"
[[finding]]
id = "F1"
structure = "rectus_femoris"
abnormality = "partial_tear"
side = "right"
"""
CASES = Path(__file__).parent.parent / "cases"
FULL = "rectus-femoris-complete-tear"
TEAR = "thigh-at-rest"


def _archive(folder: Path, *cases: Path) -> Archive:
    archive = Archive.create(folder / "archive")
    assert archive.ingest(cases, workers=0).failed == 0
    return archive


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """An archive that holds a whole sample case, with a clip."""
    return _archive(tmp_path_factory.mktemp("full"), CASES / FULL)


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """An archive that holds one case of one still, quick to export."""
    folder = tmp_path_factory.mktemp("release")
    (folder / TEAR).mkdir()
    shutil.copy(CASES / FULL / "short-axis-rest.dcm", folder / TEAR)
    (folder / TEAR / "case.toml").write_text(LIGHT, "utf-8")
    return _archive(folder, folder / TEAR)


def test_a_set_goes_out_whole_with_its_certificate(taken: Archive, tmp_path: Path) -> None:
    taken.set_create("thigh", title="The painful thigh", cases=[TEAR])
    made = taken.export(["thigh"], formats=["html", "folder"], to=tmp_path)
    assert (made.cases, made.clips, made.withheld) == (1, 1, ())
    assert (tmp_path / "thigh" / "html" / "index.html").is_file()
    assert (tmp_path / "thigh" / "folder" / TEAR / "case.toml").is_file()
    paper = json.loads((tmp_path / "thigh" / "certificate.json").read_text("utf-8"))
    assert paper["set"] == "thigh"
    assert {f["path"] for f in paper["files"]} == set(made.files) - {"certificate.json", "certificate.html"}
    assert [e.event for e in taken.log("thigh")] == ["set-created", "exporting", "exported"]


def test_nothing_that_goes_out_says_who_the_patient_was(full: Archive, tmp_path: Path) -> None:
    assert full.export([FULL], formats=["html", "folder"], to=tmp_path).clips == 5
    names = (b"Quillfeather", b"QUILLFEATHER", b"Orsino", b"ORSINO", b"SE-4", b"St. Elsewhere")
    for file in tmp_path.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert not any(name in content for name in names), file.name


def test_what_goes_out_as_a_folder_comes_back_in_as_the_same_case(full: Archive, tmp_path: Path) -> None:
    full.export([FULL], formats=["folder"], to=tmp_path / "out")
    other = Archive.create(tmp_path / "other")
    summary = other.ingest([tmp_path / "out" / FULL / "folder"], workers=0)
    assert (summary.failed, summary.cases) == (0, 1)
    before, after = full.show(FULL), other.show(FULL)
    assert after.case.findings == before.case.findings  # type: ignore[union-attr]
    assert after.case.story == before.case.story  # type: ignore[union-attr]
    assert after.case.measurements == before.case.measurements  # type: ignore[union-attr]
    for (_, one), (_, two) in zip(before.clips, after.clips, strict=True):  # type: ignore[union-attr]
        ours, theirs = one.detail.facts, two.detail.facts
        assert (theirs.instance.rows, theirs.instance.columns) == (ours.instance.rows, ours.instance.columns)
        assert theirs.instance.frames == ours.instance.frames
        assert theirs.timing.fps == pytest.approx(ours.timing.fps) if ours.timing.fps else True
        assert theirs.regions == ours.regions


def test_a_draft_stays_in_and_is_listed(tmp_path: Path) -> None:
    archive = Archive.create(tmp_path / "archive")
    archive.ingest([CASES / FULL / "short-axis-rest.dcm"], case="calf", workers=0)
    with pytest.raises(ReviewNeeded, match="draft"):
        archive.export(["calf"], formats=["html"], to=tmp_path / "out")
    assert not (tmp_path / "out" / "calf").exists()


def test_a_dry_run_says_what_would_leave_and_writes_nothing(taken: Archive, tmp_path: Path) -> None:
    made = taken.export([TEAR], formats=["html"], to=tmp_path / "out", dry_run=True)
    assert (made.cases, made.files, made.certificate) == (1, (), None)
    assert not (tmp_path / "out").exists()


def test_a_leak_in_the_finished_bytes_releases_nothing(
    taken: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = html.export

    def careless(teaching, target, options):  # type: ignore[no-untyped-def]
        good(teaching, target, options)
        (target / "notes.txt").write_text("patient: Quillfeather, Orsino", "utf-8")

    monkeypatch.setattr(html, "export", careless)
    with pytest.raises(IdentityFound) as caught:
        taken.export([TEAR], formats=["html"], to=tmp_path)
    assert caught.value.exit_code == 20
    assert "quillfeather" not in str(caught.value).lower()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("title", "what"),
    [
        ("Knee of Dr. Miller", "title and name"),
        ("Seen 12.03.1999", "a date"),
        ("tel 0170 1234567", "telephone"),
    ],
)
def test_what_a_set_is_called_tells_of_nobody(taken: Archive, tmp_path: Path, title: str, what: str) -> None:
    slug = f"called-{what.split()[-1]}"
    taken.set_create(slug, title=title, cases=[TEAR])
    with pytest.raises(IdentityFound, match=what):
        taken.export([slug], formats=["html"], to=tmp_path)
    assert not any(tmp_path.iterdir())


def test_what_an_interrupted_export_left_in_the_archive_is_swept(taken: Archive, tmp_path: Path) -> None:
    left = taken.path / "tmp" / "tmp-of-an-export"
    (left / TEAR).mkdir(parents=True)
    (left / TEAR / "M1.frames").write_bytes(b"frames")
    taken.ingest([CASES / FULL / "short-axis-rest.dcm"], workers=0)
    assert not left.exists()


def test_an_export_never_overwrites_what_it_did_not_make(taken: Archive, tmp_path: Path) -> None:
    mine = tmp_path / TEAR
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work", "utf-8")
    with pytest.raises(CaseArchiveError, match="did not make") as caught:
        taken.export([TEAR], formats=["html"], to=tmp_path)
    assert caught.value.where.endswith("thesis.txt"), "what is in the way is named"
    assert (mine / "thesis.txt").read_text("utf-8") == "years of work"


def test_an_export_replaces_its_own_earlier_one(taken: Archive, tmp_path: Path) -> None:
    taken.export([TEAR], formats=["folder"], to=tmp_path)
    taken.export([TEAR], formats=["html"], to=tmp_path)
    assert sorted(p.name for p in (tmp_path / TEAR).iterdir()) == [
        "certificate.html",
        "certificate.json",
        "html",
    ]
    assert [p.name for p in tmp_path.iterdir()] == [TEAR]


def test_an_export_into_the_archive_is_refused(taken: Archive) -> None:
    with pytest.raises(CaseArchiveError, match="archive itself"):
        taken.export([TEAR], formats=["html"], to=taken.path / "out")


def test_the_same_set_gives_the_same_bytes_twice(taken: Archive, tmp_path: Path) -> None:
    for name in ("one", "two"):
        taken.export([TEAR], formats=["html", "folder"], to=tmp_path / name)
    one, two = (
        {p.relative_to(tmp_path / name): p.read_bytes() for p in (tmp_path / name).rglob("*") if p.is_file()}
        for name in ("one", "two")
    )
    assert one == two


def test_an_unknown_format_and_an_unknown_name_are_said_plainly(taken: Archive, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no output format"):
        taken.export([TEAR], formats=["pdf"], to=tmp_path)
    with pytest.raises(NotFound):
        taken.export(["spleen laceration"], formats=["html"], to=tmp_path)


def test_a_query_can_be_exported(taken: Archive, tmp_path: Path) -> None:
    made = taken.export(["rectus", "femoris", "tear"], formats=["folder"], to=tmp_path)
    assert made.cases == 1
    assert (tmp_path / "rectus-femoris-tear" / "folder" / TEAR).is_dir()


def test_the_title_of_a_chosen_case_does_not_give_the_answer_away(taken: Archive) -> None:
    assert taken.wanted([TEAR]).title == "Teaching cases"


def test_sets_are_files_that_survive_the_index(taken: Archive) -> None:
    taken.set_create("kept", title="Kept", cases=[TEAR])
    with pytest.raises(UsageError, match="already"):
        taken.set_create("kept")
    assert taken.set_remove("kept", [TEAR]).cases == ()
    assert taken.set_add("kept", ["rectus femoris tear"]).cases == (TEAR,)
    (taken.path / "index.db").unlink()
    taken.reindex(workers=0)
    assert next(s for s in taken.sets() if s.slug == "kept").cases == (TEAR,)


def test_an_export_checks_out_from_its_own_files_and_one_changed_bit_is_found(
    taken: Archive, tmp_path: Path
) -> None:
    taken.export([TEAR], formats=["folder"], to=tmp_path)
    assert Archive.verify_export(tmp_path / TEAR) == ()
    (clip,) = (tmp_path / TEAR).rglob("*.dcm")
    content = bytearray(clip.read_bytes())
    content[-1] ^= 1
    clip.write_bytes(content)
    assert Archive.verify_export(tmp_path / TEAR)


def test_inside_the_archive_an_export_is_searched_for_its_patients_too(
    taken: Archive, tmp_path: Path
) -> None:
    taken.export([TEAR], formats=["folder"], to=tmp_path)
    assert taken.search_export(tmp_path / TEAR) == Reread(1)
    (tmp_path / TEAR / "folder" / "notes.txt").write_text("patient: Quillfeather, Orsino", "utf-8")
    again = taken.search_export(tmp_path / TEAR)
    assert again.cases == 1 and any("notes.txt: PatientName" in place for place in again.found)
    assert "quillfeather" not in " ".join(again.found).lower()
    (tmp_path / TEAR / "certificate.json").write_text("{}", "utf-8")
    assert taken.search_export(tmp_path / TEAR) == Reread()


@pytest.mark.parametrize("at_once", [True, False])
def test_a_newer_export_takes_the_place_of_an_older_one_at_one_instant_or_in_two_steps(
    taken: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: bool
) -> None:
    taken.export([TEAR], formats=["folder"], to=tmp_path)
    if not at_once:
        monkeypatch.setattr(release, "exchanged", lambda *_: False)
    taken.export([TEAR], formats=["csv"], to=tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {TEAR}
    assert not (tmp_path / TEAR / "folder").exists()
    assert Archive.verify_export(tmp_path / TEAR) == ()


def test_names_are_exchanged_or_nothing_is_changed(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "page").write_text("1", "utf-8")
    (tmp_path / "other").mkdir()
    done = exchanged(tmp_path / "one", tmp_path / "other")
    assert (tmp_path / ("other" if done else "one") / "page").read_text("utf-8") == "1"
    assert not exchanged(tmp_path / "one", tmp_path / "nowhere")
    assert {p.name for p in tmp_path.iterdir()} == {"one", "other"}


def test_what_a_person_put_beside_an_export_is_never_thrown_away(taken: Archive, tmp_path: Path) -> None:
    taken.export([TEAR], formats=["folder"], to=tmp_path)
    again = taken.export([TEAR], formats=["html"], to=tmp_path)
    assert again.replaced == ("folder",)
    (tmp_path / TEAR / "my notes.txt").write_text("room 3", "utf-8")
    with pytest.raises(CaseArchiveError, match="did not make"):
        taken.export([TEAR], formats=["html"], to=tmp_path)
    assert (tmp_path / TEAR / "my notes.txt").read_text("utf-8") == "room 3"


def test_what_a_killed_export_left_is_gone_with_the_next_one(taken: Archive, tmp_path: Path) -> None:
    """It was not searched for identities yet; an earlier export that had been moved aside for it is not lost."""
    half = tmp_path / f".{TEAR}-abcd_123.unfinished"
    half.mkdir()
    (half / "page.html").write_text("QUILLFEATHER", "utf-8")
    other = tmp_path / f".{TEAR}-two-abcd_123.unfinished"
    other.mkdir()
    taken.export([TEAR], formats=["folder"], to=tmp_path)
    assert not half.exists() and other.exists()
    (tmp_path / TEAR).rename(tmp_path / f".{TEAR}-abcd_123.replaced")
    taken.export([TEAR], formats=["html"], to=tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([TEAR, other.name])


def test_a_patient_over_89_can_be_told_of_in_a_way_that_leaves(taken: Archive, tmp_path: Path) -> None:
    taken.edit(TEAR, {"patient.age": "90 Y"})
    with pytest.raises(ReviewNeeded, match=">89 Y"):
        taken.export([TEAR], formats=["folder"], to=tmp_path)
    taken.edit(TEAR, {"patient.age": ">89 Y"})
    try:
        assert taken.export([TEAR], formats=["folder"], to=tmp_path).cases == 1
        assert [h.case for h in taken.search("age>=90").hits] == [TEAR]
    finally:
        taken.edit(TEAR, {"patient.age": "24 Y"})


def _quiz(folder: Path, **said: str) -> Archive:
    """An archive of the light case with what ``said`` shows before the answer."""
    text = LIGHT.replace("status =", f'quiz_title = "{said.get("title", "A sore thigh")}"\nstatus =')
    text = text.replace("caption =", f'quiz_caption = "{said.get("caption", "Short axis")}"\ncaption =')
    (folder / TEAR).mkdir()
    shutil.copy(CASES / FULL / "short-axis-rest.dcm", folder / TEAR)
    (folder / TEAR / "case.toml").write_text(text, "utf-8")
    return _archive(folder, folder / TEAR)


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ({"title": "A torn thigh muscle"}, "quiz_title: .*'torn'.*write the complaint"),
        ({"caption": "Incomplete tear, relaxed"}, r"M1: media\[1\].quiz_caption: .*'Incomplete tear'"),
    ],
)
def test_a_case_that_tells_its_answer_stays_out_of_pages_that_hide_it(
    tmp_path: Path, said: dict[str, str], place: str
) -> None:
    archive = _quiz(tmp_path, **said)
    with pytest.raises(ReviewNeeded) as caught:
        archive.export([TEAR], formats=["folder", "html"], to=tmp_path / "out")
    assert re.search(place, caught.value.hint)
    assert "the author of the case" in caught.value.hint
    assert archive.export([TEAR], formats=["folder"], to=tmp_path / "out").cases == 1


def test_names_of_sets_and_files_give_no_answer_away(tmp_path: Path) -> None:
    archive = _quiz(tmp_path)
    archive.set_create("thigh", title="Muscle tears", description="Each is a rupture.", cases=[TEAR])
    archive.export(["thigh"], formats=["html"], to=tmp_path / "out")
    pages = tmp_path / "out" / "thigh" / "html"
    for path in pages.rglob("*"):
        assert not re.search("M1|short-axis|tear|rupture", path.relative_to(pages).as_posix())
        if path.suffix == ".html":
            assert not re.search(
                rf"\bM1\b|{TEAR}|tear|rupture", path.read_text("utf-8").split('id="sealed"')[0]
            )
    assert "Teaching cases" in (pages / "index.html").read_text("utf-8")


@pytest.mark.parametrize(
    "called",
    ["Marks^Made", "Prior^Take", "Kept^Created", "Sealed^Noto", "Mark^Check", "Ruler^Search", "Lang^Page"],
)
def test_a_patient_called_like_a_word_of_our_own_does_not_hold_a_set_in(tmp_path: Path, called: str) -> None:
    (tmp_path / TEAR).mkdir()
    scan = dcmread(CASES / FULL / "short-axis-rest.dcm")
    scan.PatientName = called
    scan.save_as(tmp_path / TEAR / "short-axis-rest.dcm")
    (tmp_path / TEAR / "case.toml").write_text(LIGHT, "utf-8")
    archive = _archive(tmp_path, tmp_path / TEAR)
    assert archive.export([TEAR], formats=["html", "folder"], to=tmp_path / "out").clips == 1
    assert archive.export([TEAR], formats=["html"], to=tmp_path / "one", options=["single-file"]).clips == 1


def test_a_name_that_only_the_comments_of_an_image_tell_does_not_leave(tmp_path: Path) -> None:
    (tmp_path / TEAR).mkdir()
    scan = dcmread(CASES / FULL / "short-axis-rest.dcm")
    scan.ImageComments = "asked for by MILLERSON"
    scan.save_as(tmp_path / TEAR / "short-axis-rest.dcm")
    (tmp_path / TEAR / "case.toml").write_text(LIGHT.replace("Short axis of", "Millerson’s"), "utf-8")
    archive = _archive(tmp_path, tmp_path / TEAR)
    with pytest.raises(ReviewNeeded) as caught:
        archive.export([TEAR], formats=["html"], to=tmp_path / "out")
    assert "title, character 1: ImageComments" in caught.value.hint
    own = '[millerson_sign]\nkind = "abnormality"\nname = "Millerson sign"\n'
    (archive.path / "terms.toml").write_text(own, "utf-8")
    assert Archive.open(archive.path).export([TEAR], formats=["html"], to=tmp_path / "out").cases == 1


def test_options_of_rules_and_of_outputs_are_told_apart(taken: Archive, tmp_path: Path) -> None:
    made = taken.export([TEAR], formats=["html"], to=tmp_path, options=["no-dates", "edge=64"])
    assert made.certificate is not None
    paper = json.loads(made.certificate.read_text("utf-8"))
    assert (paper["profile"]["options"], paper["options"]) == (["no-dates"], {"edge": "64"})
    for wrong, told in (("edge=64", "there is no option 'edge'"), ("no-dates=1", "has no value")):
        with pytest.raises(UsageError, match=told):
            taken.export([TEAR], formats=["folder"], to=tmp_path, options=[wrong])


def test_a_file_in_the_way_of_an_export_is_named(taken: Archive, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", "utf-8")
    (tmp_path / TEAR).write_text("mine, too", "utf-8")
    for to, where in ((tmp_path / "file", tmp_path / "file"), (tmp_path, tmp_path / TEAR)):
        with pytest.raises(CaseArchiveError, match="is a file") as caught:
            taken.export([TEAR], formats=["csv"], to=to)
        assert caught.value.where == str(where)


def test_a_set_shows_the_findings_that_it_is_told_to(taken: Archive, tmp_path: Path) -> None:
    taken.set_create("focused", cases=[TEAR])
    taken.set_edit("focused", options={"findings": "definite"})
    made = taken.export(["focused"], formats=["jsonl"], to=tmp_path)
    assert made.certificate is not None
    assert json.loads(made.certificate.read_text("utf-8"))["options"] == {"findings": "definite"}
    lines = (tmp_path / "focused/jsonl/findings.jsonl").read_text("utf-8").splitlines()
    assert {row["certainty"] for row in map(json.loads, lines) if row["finding"]} == {"definite"}
    for wrong in ("findings=unicorn", "findings="):
        with pytest.raises(UsageError):
            taken.export([TEAR], formats=["jsonl"], to=tmp_path / "no", options=[wrong])
    told: list[str] = []
    with pytest.raises(UsageError, match="no finding"):
        taken.export(
            [TEAR], formats=["jsonl"], to=tmp_path / "no", options=["findings=sciatic nerve"],
            tell=lambda what, _done, _total: told.append(what),
        )  # fmt: skip
    assert told == [], "it is refused before a case is touched"
    with pytest.raises(UsageError, match="unicorn"):
        taken.set_edit("focused", options={"findings": "unicorn"})
    assert not (tmp_path / "no").exists()


def test_an_option_of_another_output_is_told_whose_it_is(taken: Archive, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no option 'edge' here: it belongs to anki and html"):
        taken.export([TEAR], formats=["csv"], to=tmp_path, options=["edge=64"])
    taken.set_create("any-set")
    with pytest.raises(UsageError) as caught:
        taken.set_edit("any-set", options={"egde": "64"})
    assert "edge (anki, html)" in caught.value.hint


def test_nothing_is_no_export(taken: Archive, tmp_path: Path) -> None:
    taken.set_create("holds-nothing")
    with pytest.raises(UsageError, match="no cases"):
        taken.export(["holds-nothing"], formats=["html"], to=tmp_path / "out")
    with pytest.raises(UsageError, match="no cases"):
        taken.preview("holds-nothing")
    with pytest.raises(UsageError, match="no format"):
        taken.export([TEAR], formats=[], to=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_empty_folder_is_not_in_the_way(taken: Archive, tmp_path: Path) -> None:
    (tmp_path / TEAR).mkdir()
    assert taken.export([TEAR], formats=["csv"], to=tmp_path).cases == 1
    assert (tmp_path / TEAR / "certificate.json").is_file()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(f".{TEAR}")] == []


@pytest.mark.parametrize(
    ("format_", "option"),
    [
        ("html", "edge=12"),
        ("html", "instructor=yes"),
        ("anki", "cards=tarot"),
        ("dicom", "codes=own"),
        ("mirc", "quiz=yes"),
        ("pptx", "theme="),
        ("pptx", "theme=missing.potx"),
    ],
)
def test_a_value_that_an_output_cannot_use_is_told_before_a_case_is_touched(
    taken: Archive, tmp_path: Path, format_: str, option: str
) -> None:
    if format_ == "pptx":
        pytest.importorskip("pptx")
    told: list[str] = []
    for dry_run in (False, True):
        with pytest.raises(UsageError):
            taken.export(
                [TEAR], formats=["folder", format_], to=tmp_path, options=[option], dry_run=dry_run,
                tell=lambda what, _done, _total: told.append(what),
            )  # fmt: skip
    assert told == [] and list(tmp_path.glob(f"{TEAR}*")) == []
    slug = f"valued-{format_}-{len(option)}"
    taken.set_create(slug, cases=[TEAR])
    name, _, value = option.partition("=")
    with pytest.raises(UsageError):
        taken.set_edit(slug, options={name: value})
    assert taken.set(slug).options == ()


def test_a_certificate_does_not_tell_where_a_theme_lies(taken: Archive, tmp_path: Path) -> None:
    pptx = pytest.importorskip("pptx")
    theme = tmp_path / "quillfeather" / "clinic.pptx"
    theme.parent.mkdir()
    pptx.Presentation().save(str(theme))
    made = taken.export([TEAR], formats=["pptx"], to=tmp_path / "out", options=[f"theme={theme}"])
    assert made.certificate is not None
    assert json.loads(made.certificate.read_text("utf-8"))["options"] == {"theme": "clinic.pptx"}
    assert str(tmp_path) not in made.certificate.with_suffix(".html").read_text("utf-8")


@needs_detector
def test_the_pictures_of_an_export_are_read_again_also_in_packed_files(
    taken: Archive, tmp_path: Path
) -> None:
    taken.export([TEAR], formats=["folder"], to=tmp_path)
    folder = tmp_path / TEAR / "folder"
    Image.fromarray(written(np.zeros((200, 400, 3), np.uint8), "QUILLFEATHER", (40, 80), 18)).save(
        tmp_path / "told.png"
    )
    with zipfile.ZipFile(folder / "more.zip", "w") as packed:
        packed.write(tmp_path / "told.png", "pictures/1.png")
    told = "folder/more.zip!pictures/1.png: text in the picture of frame 1"
    assert taken.search_export(tmp_path / TEAR) == Reread(1, (told,))


@needs_detector
def test_a_picture_that_cannot_be_read_again_is_told_as_not_looked_at(taken: Archive, tmp_path: Path) -> None:
    taken.export([TEAR], formats=["folder"], to=tmp_path)
    folder = tmp_path / TEAR / "folder"
    Image.fromarray(np.zeros((20, 40, 3), np.uint8)).save(folder / "whole.png")
    (folder / "cut.png").write_bytes((folder / "whole.png").read_bytes()[:40])
    (folder / "no.jpg").write_text("not a picture at all", "utf-8")
    again = taken.search_export(tmp_path / TEAR)
    assert again.found == ()
    assert sorted(place.partition(":")[0] for place in again.unread) == ["folder/cut.png", "folder/no.jpg"]


def test_a_set_keeps_its_options_and_counts_its_versions(taken: Archive, tmp_path: Path) -> None:
    taken.set_create("optional", cases=[TEAR])
    taken.set_edit("optional", title="The thigh", options={"edge": "64", "no-dates": ""})
    with pytest.raises(UsageError, match="there is no option 'egde'"):
        taken.set_edit("optional", options={"egde": "64"})
    assert taken.set_version("optional") == 2

    def told(formats: list[str], to: str, options: tuple[str, ...] = ()) -> tuple[list[str], dict[str, str]]:
        made = taken.export(["optional"], formats=formats, to=tmp_path / to, options=options)
        assert made.certificate is not None
        paper = json.loads(made.certificate.read_text("utf-8"))
        return paper["profile"]["options"], paper["options"]

    assert told(["html"], "one") == (["no-dates"], {"edge": "64"})
    assert told(["html"], "two", ("edge=80",)) == (["no-dates"], {"edge": "80"})
    assert told(["folder"], "three") == (["no-dates"], {}), "an option of another output is left alone"
    with pytest.raises(UsageError, match="nothing to change"):
        taken.set_edit("optional")
    with pytest.raises(UsageError, match="no option 'descriptors'") as caught:
        taken.set_edit("optional", options={"descriptors": None})
    assert caught.value.hint == "It has: edge, no-dates."
    taken.set_edit("optional", options={"no-dates": None})
    assert told(["folder"], "four") == ([], {})


def test_a_set_is_checked_and_looked_at_before_anything_leaves(taken: Archive, tmp_path: Path) -> None:
    taken.set_create("looked-at", cases=[TEAR])
    made = taken.preview("looked-at")
    assert made.folder is not None and (made.folder / "html" / "index.html").is_file()
    assert made.folder.is_relative_to(taken.path / "cache")
    assert [e.event for e in taken.log("looked-at")] == ["set-created"], "nothing left"
    linted, withheld = taken.set_check("looked-at")
    assert [one.slug for one in linted] == [TEAR] and withheld == ()
    taken.edit(TEAR, {"quiz_title": "A partial tear of the thigh"})
    try:
        _, withheld = taken.set_check("looked-at")
        assert any("quiz_title" in one.reason for one in withheld)
        taken.edit(TEAR, {"status": "held", "quiz_title": ""})
        _, withheld = taken.set_check("looked-at")
        assert [one.reason for one in withheld] == ["held: the record says why"]
    finally:
        taken.edit(TEAR, {"status": "ready", "quiz_title": ""})
    assert taken.set_check(taken.set_create("empty").slug) == ((), ())


@pytest.mark.parametrize("earlier", [False, True])
def test_an_export_that_cannot_be_noted_is_taken_back(
    taken: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, earlier: bool
) -> None:
    if earlier:
        taken.export([TEAR], formats=["folder"], to=tmp_path)
    before = {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    lines = len(taken.log())
    append = Ledger.append

    def full(self: Ledger, events: Iterable[tuple[str, str, Mapping[str, object]]]) -> object:
        told = list(events)
        if told[0][0] == "exported":
            raise OSError(28, "No space left on device")
        return append(self, told)

    monkeypatch.setattr(Ledger, "append", full)
    with pytest.raises(OSError, match="No space"):
        taken.export([TEAR], formats=["html"], to=tmp_path)
    assert {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    assert [e.event for e in taken.log()[lines:]] == ["exporting"], "it was never said that it left"


def test_an_export_that_cannot_land_is_not_said_to_have_left(
    taken: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = len(taken.log())
    rename = Path.rename

    def vanished(self: Path, target: Path) -> Path:
        if self.suffix == ".unfinished":
            raise FileNotFoundError(2, "No such file or directory")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", vanished)
    with pytest.raises(OSError):
        taken.export([TEAR], formats=["folder"], to=tmp_path)
    assert not list(tmp_path.iterdir())
    assert [e.event for e in taken.log()[lines:]] == ["exporting"]


def test_what_may_have_left_before_a_kill_can_be_told_from_its_pseudonym(
    taken: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(self: Ledger, events: Iterable[tuple[str, str, Mapping[str, object]]]) -> object:
        told = list(events)
        if told[0][0] == "exported":
            found.extend(dcmread(p).PatientID for p in tmp_path.rglob("*.dcm"))
            raise Killed
        return append(self, told)

    found: list[str] = []
    append = Ledger.append
    monkeypatch.setattr(Ledger, "append", killed)
    with pytest.raises(Killed):
        taken.export([TEAR], formats=["folder"], to=tmp_path, options=[])
    monkeypatch.undo()
    assert found
    assert taken.who(found[0])
