"""Cards for Anki: what they ask, what they tell, and that a correction reaches those who learn with them."""

from __future__ import annotations

import html
import io
import json
import re
import sqlite3
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import thigh
from decks import SECRETS, Read, a_case, a_set, read, taught
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from casearchive import Archive
from casearchive.deid import leaks, own
from casearchive.errors import ReviewNeeded, UsageError
from casearchive.exporters import _anki, _cards, anki
from casearchive.exporters._labels import say
from casearchive.model import Case, Evidence, Identifier
from casearchive.teaching import TeachingSet

OWN = own.phrases("casearchive.deid", "casearchive.exporters", "casearchive.record")


def deck(teaching: TeachingSet, folder: Path, **options: str) -> Read:
    folder.mkdir(exist_ok=True)
    anki.export(teaching, folder, options)
    (made,) = folder.iterdir()
    return read(made, folder.parent)


def kinds(found: Read) -> list[str]:
    return sorted(tag for note in found.notes.values() for tag in note["tags"] if tag.startswith("kind::"))


# ------------------------------------------------------------------------------------------------ the cards


def test_a_case_gives_picture_clip_and_mark_cards(tmp_path: Path) -> None:
    found = deck(a_set(), tmp_path / "out")
    assert kinds(found) == ["kind::clip", *["kind::mark"] * 2, *["kind::picture"] * 2]
    assert len(found.tables["cards"]) == len(found.tables["notes"]) == 5


def test_the_front_never_tells(tmp_path: Path) -> None:
    for note in deck(a_set(), tmp_path / "out").notes.values():
        front = " ".join(note[name] for name in _cards.TYPE.fields[:4])
        assert not [word for word in SECRETS if word.lower() in front.lower()]
        assert "Sore heel after a barn dance" in note["What is known"]
    front = _cards.TYPE.front
    assert set(re.findall(r"\{\{(.+?)\}\}", front)) == set(_cards.TYPE.fields[1:4])


def test_the_front_tells_a_later_picture_from_an_earlier_one(tmp_path: Path) -> None:
    teaching = a_set()
    case = teaching.cases[0].case
    later = replace(case, media=(replace(case.media[0], quiz_caption="", day=14), *case.media[1:]))
    teaching = replace(teaching, cases=(replace(teaching.cases[0], case=later), *teaching.cases[1:]))
    known = {note["What is known"] for note in deck(teaching, tmp_path / "out").notes.values()}
    assert any("14 days later" in said for said in known)


def test_the_back_tells_diagnosis_findings_and_measurements(tmp_path: Path) -> None:
    notes = deck(a_set(), tmp_path / "out", cards="picture").notes.values()
    (first,) = [note for note in notes if "Long axis" in note["What is known"]]
    assert "Complete tear of the right Achilles tendon" in first["What the answer is"]
    assert "gap on dorsiflexion (right): 22 mm" in first["What the answer is"]
    assert "Opens like a gate." in first["What to keep in mind"]
    assert "An invented case." in first["Where it comes from"]
    assert "haematoma" not in first["What the answer is"], "it is not shown on this clip"


def test_a_title_or_name_of_the_set_that_tells_is_left_out(tmp_path: Path) -> None:
    told = a_set(title="Rupture of the Achilles tendon", slug="complete-tear")
    found = deck(told, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["cards.apkg"]
    names = {found_deck["name"] for found_deck in found.decks.values()}
    assert not [name for name in names if any(word.lower() in name.lower() for word in SECRETS)]
    assert {d["name"] for d in deck(a_set(title="A::B"), tmp_path / "b").decks.values()} == {"Default", "A:B"}


def test_the_mark_card_asks_on_a_bare_frame_and_answers_with_the_shape(tmp_path: Path) -> None:
    found = deck(a_set(), tmp_path / "out", cards="mark")
    by_question = {note["What is asked"]: note for note in found.notes.values()}
    assert set(by_question) == {"Where do the ends part?", say("cards.asked_mark")}
    note = by_question["Where do the ends part?"]
    bare, marked = (picture(found, note[name]) for name in ("What is shown", "What is marked there"))
    assert bare.shape == marked.shape == (90, 120, 3)
    assert brightest_column(bare) == 4 * 3, "the frame that the quiz asks for"
    apart = np.abs(bare.astype(int) - marked).max(axis=2)
    assert apart[40, 20] > 60, "a side of the polygon"
    assert apart[80, 100] < 20, "nothing far from it"


def test_a_question_that_tells_is_not_asked(tmp_path: Path) -> None:
    case = a_case()
    telling = replace(case, quiz=(replace(case.quiz[0], question="Where is the complete tear?"),))
    found = deck(a_set(taught(telling)), tmp_path / "out", cards="mark")
    assert {note["What is asked"] for note in found.notes.values()} == {say("cards.asked_mark")}


def test_what_was_looked_for_and_not_found_is_not_asked_for(tmp_path: Path) -> None:
    case = a_case()
    absent = replace(case.findings[2], evidence=(Evidence("M1", (1, 2), "box", ((1.0, 1.0), (9.0, 9.0))),))
    with_it = replace(case, findings=(*case.findings[:2], absent))
    assert kinds(deck(a_set(taught(with_it)), tmp_path / "out", cards="mark")) == ["kind::mark"] * 2


def test_a_clip_plays_as_a_film_or_moves_as_a_picture(tmp_path: Path) -> None:
    film = tmp_path / "made.mp4"
    film.write_bytes(b"\0\0\0\x18ftypmp42 a film")
    found = deck(a_set(taught(film=film)), tmp_path / "film", cards="clip")
    (note,) = found.notes.values()
    name = re.fullmatch(r"\[sound:(casearchive-[0-9a-f]{24}\.mp4)\]", note["What is shown"])
    assert name and found.media[name[1]] == film.read_bytes()
    assert picture(found, note["What is marked there"]).shape == (90, 120, 3)
    without = deck(a_set(), tmp_path / "none", cards="clip")
    (note,) = without.notes.values()
    moving = Image.open(io.BytesIO(without.media[source_of(note["What is shown"])]))
    assert (moving.format, moving.n_frames) == ("WEBP", 6)  # type: ignore[attr-defined]


def test_media_are_called_by_their_bytes_and_all_of_them_are_used(tmp_path: Path) -> None:
    found = deck(a_set(), tmp_path / "out")
    fields = " ".join(str(value) for note in found.notes.values() for value in note.values())
    assert set(re.findall(r"casearchive-[0-9a-f]{24}\.\w+", fields)) == set(found.media)
    assert all(re.fullmatch(r"casearchive-[0-9a-f]{24}\.webp", name) for name in found.media)


def test_tags_name_structure_and_difficulty(tmp_path: Path) -> None:
    for note in deck(a_set(), tmp_path / "out").notes.values():
        assert {"structure::achilles_tendon", "difficulty::advanced"} <= set(note["tags"])
    assert _anki.tag("structure", "the  left: heel") == "structure::the_left_heel"


def test_pictures_are_made_smaller_and_kinds_chosen_by_option(tmp_path: Path) -> None:
    small = deck(a_set(), tmp_path / "small", cards="picture", edge="64")
    assert kinds(small) == ["kind::picture"] * 2
    assert {max(Image.open(io.BytesIO(data)).size) for data in small.media.values()} == {64}
    for wrong in ({"cards": "essay"}, {"cards": ","}, {"edge": "7"}, {"edge": ""}):
        with pytest.raises(UsageError):
            anki.export(a_set(), tmp_path, wrong)


def test_two_cards_of_one_case_do_not_come_in_a_row(tmp_path: Path) -> None:
    other = replace(a_case("other-heel"), quiz_title="Another heel")
    found = deck(a_set(taught(), taught(other)), tmp_path / "out")
    order = [
        note["What is known"].split("<br>")[0]
        for note in sorted(found.notes.values(), key=lambda n: n["due"])
    ]
    assert order == ["Sore heel after a barn dance", "Another heel"] * 5


# ------------------------------------------------------------------------------------------------- identity


def test_the_same_set_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        deck(a_set(), tmp_path / name)
    assert (tmp_path / "one/feet.apkg").read_bytes() == (tmp_path / "two/feet.apkg").read_bytes()


def test_a_corrected_case_keeps_its_notes_and_is_newer(tmp_path: Path) -> None:
    other = replace(a_case("other-heel"), quiz_title="Another heel")
    edition = 1_790_000_000
    before = deck(a_set(taught(edition=edition), taught(other, edition=edition)), tmp_path / "before")
    corrected = replace(a_case(), title="Corrected", difficulty="primary", findings=a_case().findings[:2])
    after = deck(
        a_set(taught(corrected, edition=edition + 1), taught(other, edition=edition)), tmp_path / "after"
    )
    assert set(before.notes) == set(after.notes)
    for guid, note in after.notes.items():
        changed = "Another heel" not in note["What is known"]
        assert (note["mod"] > before.notes[guid]["mod"]) == changed
        assert ("difficulty::primary" in note["tags"]) == changed


def test_a_case_of_the_same_name_in_another_archive_is_another_case(tmp_path: Path) -> None:
    ours, theirs = (deck(a_set(taught(key=key)), tmp_path / key) for key in ("ours", "theirs"))
    assert not set(ours.notes) & set(theirs.notes)


def test_a_case_keeps_its_notes_whatever_set_it_is_in_and_wherever(tmp_path: Path) -> None:
    other = taught(a_case("other-heel"))
    one = deck(a_set(taught()), tmp_path / "one")
    two = deck(a_set(other, taught(), slug="more", title="More"), tmp_path / "two")
    assert set(one.notes) < set(two.notes)


def test_what_anki_knows_a_note_type_by_never_changes() -> None:
    """A type with other fields or another name of its card is refused by Anki for notes that learners have."""
    assert (_cards.TYPE.id, _cards.TYPE.card) == (1_704_067_200_417, "Question and answer card")
    assert _cards.TYPE.fields == (
        "What it is called", "What is asked", "What is shown", "What is known", "What the answer is",
        "What is marked there", "What to keep in mind", "Where it comes from",
    )  # fmt: skip


# --------------------------------------------------------------------------------------------------- format


@given(st.text())
def test_text_in_a_field_is_text(words: str) -> None:
    written = _anki.text(words)
    assert not set("<>[{\x1f") & set(written.replace("<br>", ""))
    kept = "".join(c for c in words if c == "\n" or ord(c) >= 32)
    assert html.unescape(written.replace("<br>", "\n")) == kept


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.text(min_size=1, max_size=9), st.text(max_size=6000), st.integers(0, 2_000_000_000)),
        max_size=6,
        unique_by=lambda row: row[0],
    )
)
def test_any_notes_come_back_from_a_package(tmp_path_factory: pytest.TempPathFactory, rows: list) -> None:  # type: ignore[type-arg]
    folder = tmp_path_factory.mktemp("deck")
    kind = _anki.NoteType(7, "T", ("A", "B"), "C", "{{A}}", "{{B}}", "")
    notes = tuple(_anki.Note(i, (_anki.text(i), _anki.text(t)), ("x::y",), e) for i, t, e in rows)
    _anki.write(folder / "d.apkg", _anki.Deck("d", "D", notes, {"m.webp": b"abc"}), kind)
    found = read(folder / "d.apkg", folder)
    assert found.media == {"m.webp": b"abc"}
    assert len(found.tables["cards"]) == len(rows)
    assert {guid: (n["A"], n["B"], n["mod"]) for guid, n in found.notes.items()} == {
        _anki.guid(i): (_anki.text(i), _anki.text(t), max(e, _anki.BORN)) for i, t, e in rows
    }
    ids = [row[0] for table in ("notes", "cards") for row in found.tables[table]]
    assert len(set(ids)) == len(ids)


def test_notes_that_cannot_be_told_apart_are_refused(tmp_path: Path) -> None:
    kind = _anki.NoteType(7, "T", ("A",), "C", "{{A}}", "", "")
    twins = (_anki.Note("one", ("a",)), _anki.Note("one", ("b",)))
    with pytest.raises(ValueError, match="one identity"):
        _anki.write(tmp_path / "d.apkg", _anki.Deck("d", "D", twins), kind)
    with pytest.raises(ValueError, match="fields"):
        _anki.write(tmp_path / "d.apkg", _anki.Deck("d", "D", (_anki.Note("x", ("a", "b")),)), kind)


def test_the_version_of_sqlite_is_not_in_the_bytes(tmp_path: Path) -> None:
    deck(a_set(), tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "out/feet.apkg") as packed:
        assert packed.read("collection.anki2")[96:100] == (3_040_001).to_bytes(4, "big")


def test_tables_are_those_of_another_writer(tmp_path: Path) -> None:
    genanki = pytest.importorskip("genanki", reason="genanki is not installed")
    ours = deck(a_set(), tmp_path / "out")
    kind = _cards.TYPE
    model = genanki.Model(
        kind.id,
        kind.name,
        fields=[{"name": name} for name in kind.fields],
        templates=[{"name": kind.card, "qfmt": kind.front, "afmt": kind.back}],
        css=kind.css,
    )
    made = genanki.Deck(1, "Sore feet")
    for guid, note in ours.notes.items():
        fields = [note[name] for name in kind.fields]
        made.add_note(genanki.Note(model, fields, tags=note["tags"], guid=guid, due=note["due"]))
    genanki.Package(made).write_to_file(tmp_path / "theirs.apkg", timestamp=_anki.BORN)
    theirs = read(tmp_path / "theirs.apkg", tmp_path)
    fields = ("tags", "due", *kind.fields)
    assert {g: {f: n[f] for f in fields} for g, n in ours.notes.items()} == {
        g: {f: n[f] for f in fields} for g, n in theirs.notes.items()
    }
    shape = {
        "name",
        "flds",
        "tmpls",
        "css",
        "req",
        "sortf",
        "type",
        "id",
        "usn",
        "tags",
        "vers",
        "did",
        "mod",
    }
    assert (
        shape | {"latexPre", "latexPost", "latexsvg"}
        == set(theirs.models[str(kind.id)])
        == set(ours.models[str(kind.id)])
    )
    assert [f["name"] for f in theirs.models[str(kind.id)]["flds"]] == list(kind.fields)
    assert set(ours.decks["1"]) == set(theirs.decks["1"])
    keys = [
        json.loads(r.tables["col"][0][8]).keys() | json.loads(r.tables["col"][0][11])["1"].keys()
        for r in (ours, theirs)
    ]
    assert keys[0] == keys[1]
    ignored = {"id", "nid", "did", "mod"}  # ids are each writer's own
    for table in ("cards",):
        names = columns(tmp_path / "feet.sqlite", table)
        assert names == columns(tmp_path / "theirs.sqlite", table)
        plain = [
            sorted(
                tuple(v for n, v in zip(names, row, strict=True) if n not in ignored)
                for row in r.tables[table]
            )
            for r in (ours, theirs)
        ]
        assert plain[0] == plain[1]
    for table in ("col", "notes", "revlog", "graves"):
        assert columns(tmp_path / "feet.sqlite", table) == columns(tmp_path / "theirs.sqlite", table)


def test_anki_itself_takes_the_deck_and_a_correction_and_keeps_the_history(tmp_path: Path) -> None:
    collection = pytest.importorskip("anki.collection", reason="Anki's library is not installed")
    options = pytest.importorskip("anki.import_export_pb2").ImportAnkiPackageOptions()
    learner = collection.Collection(str(tmp_path / "learner.anki2"))

    def take(found: str) -> tuple[int, int, int]:
        request = collection.ImportAnkiPackageRequest(package_path=str(tmp_path / found), options=options)
        log = learner.import_anki_package(request).log
        return len(log.new), len(log.updated), len(log.duplicate)

    deck(a_set(taught(edition=1_790_000_000)), tmp_path / "one")
    corrected = replace(a_case(), difficulty="primary")
    deck(a_set(taught(corrected, edition=1_790_000_001)), tmp_path / "two")
    try:
        assert take("one/feet.apkg") == (5, 0, 0)
        (home,) = [d.id for d in learner.decks.all_names_and_ids() if d.name == "Sore feet"]
        learner.decks.select(home)
        for _ in range(3):
            learner.sched.answerCard(learner.sched.getCard(), 4)
        known = learner.db.all("select id, nid, ivl, due, reps from cards order by id")
        assert take("one/feet.apkg") == (0, 0, 5)
        assert take("two/feet.apkg") == (0, 5, 0)
        assert learner.db.all("select id, nid, ivl, due, reps from cards order by id") == known
        assert learner.db.scalar("select count() from revlog") == 3
        assert len(learner.find_notes("tag:difficulty::primary")) == 5
        report = learner.media.check()
        assert not report.missing and not report.unused
    finally:
        learner.close()


# ----------------------------------------------------------------------------------------------------- leaks


def a_deck_that_says(folder: Path, words: str) -> Path:
    kind = replace(_cards.TYPE)
    note = _anki.Note(
        "n", tuple(_anki.text(words) if name == "What to keep in mind" else name for name in kind.fields)
    )
    _anki.write(folder / "d.apkg", _anki.Deck("d", "D", (note,)), kind)
    return folder / "d.apkg"


@pytest.mark.parametrize("before", [0, 3900, 4050, 9000])
@pytest.mark.parametrize("name", ["Quillfeather", "Ōtsuki", "Vega"])
def test_a_name_in_a_card_is_found_wherever_it_stands(tmp_path: Path, name: str, before: int) -> None:
    """Long fields are cut into pages of the file, a name with them."""
    made = a_deck_that_says(tmp_path, "x " * (before // 2) + f"{name}, seen on Tuesday " + "y " * 2000)
    found = leaks.scan(made, [Identifier("PatientName", name)], own=OWN)
    assert any("table notes.flds" in leak.place for leak in found)
    assert not any(name.lower() in str(leak).lower() for leak in found)


def test_a_deck_without_the_name_is_clean(tmp_path: Path) -> None:
    made = a_deck_that_says(tmp_path, "Nothing is told here.")
    assert leaks.scan(made, [Identifier("PatientName", "Quillfeather^Orsino")], own=OWN) == ()


@pytest.mark.parametrize(
    "name",
    [
        "Graves", "Default", "Factor", "Lapse", "Finger", "Media", "Context", "Source", "Shown", "Clip", "Kind", "Mark",
        "Picture", "Finding", "Case", "Seen", "Pitfalls", "Made", "Front", "Card", "Serif", "Question",
    ],
)  # fmt: skip
def test_nobody_is_found_in_the_words_of_the_format_itself(tmp_path: Path, name: str) -> None:
    anki.export(a_set(), tmp_path, {})
    assert leaks.scan(tmp_path, [Identifier("PatientName", name)], own=OWN) == ()


@pytest.mark.parametrize("cut", [16, 60, 4096, 9000])
def test_a_damaged_database_is_not_called_clean(tmp_path: Path, cut: int) -> None:
    anki.export(a_set(), tmp_path, {})
    with zipfile.ZipFile(tmp_path / "feet.apkg") as packed:
        whole = packed.read("collection.anki2")
    (tmp_path / "cut.sqlite").write_bytes(whole[:cut])
    found = leaks.scan(tmp_path / "cut.sqlite", [Identifier("PatientName", "Quillfeather")], own=OWN)
    assert [leak.keyword for leak in found] == [leaks.UNSEARCHABLE]


def test_blobs_views_and_strange_tables_of_a_database_are_searched_or_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "strange.sqlite"
    connection = sqlite3.connect(path)
    connection.execute('CREATE TABLE "a ""b" (c)')
    connection.execute('INSERT INTO "a ""b" VALUES (?)', (b"\x89PNG\r\n\x1a\n Quillfeather",))
    connection.execute("CREATE VIEW trap AS SELECT load_extension('x')")
    connection.execute("CREATE VIRTUAL TABLE words USING fts5(t)")
    connection.execute("INSERT INTO words VALUES ('plain')")
    connection.commit()
    connection.close()
    found = leaks.scan(path, [Identifier("PatientName", "Quillfeather")])
    assert found and leaks.UNSEARCHABLE not in {leak.keyword for leak in found}


# --------------------------------------------------------------------------------------------------- release


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return thigh.archive(tmp_path_factory.mktemp("cards"))


def released(archive: Archive, to: Path) -> Read:
    archive.export(["thigh"], formats=["anki"], to=to)
    assert Archive.verify_export(to / "thigh") == ()
    return read(to / "thigh" / "anki" / "thigh.apkg", to)


def test_a_deck_leaves_with_its_certificate_and_twice_the_same(taken: Archive, tmp_path: Path) -> None:
    found = released(taken, tmp_path / "one")
    assert kinds(found) == ["kind::mark", "kind::picture"]
    released(taken, tmp_path / "two")
    one, two = (tmp_path / n / "thigh/anki/thigh.apkg" for n in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    paper = json.loads((tmp_path / "one/thigh/certificate.json").read_text("utf-8"))
    assert [entry["path"] for entry in paper["files"]] == ["anki/thigh.apkg"]


def test_a_change_of_the_record_makes_its_cards_newer_and_no_day_leaves(
    taken: Archive, tmp_path: Path
) -> None:
    before = released(taken, tmp_path / "before")
    taken.edit("thigh", {"difficulty": "advanced"})
    after = released(taken, tmp_path / "after")
    assert set(before.notes) == set(after.notes)
    assert all(note["mod"] > before.notes[guid]["mod"] for guid, note in after.notes.items())
    from datetime import UTC, datetime

    for note in after.notes.values():
        told = datetime.fromtimestamp(note["mod"], UTC)
        assert (told.day, told.hour, told.minute) == (1, 0, 0), "the month, and how many changes"


def test_a_quiz_title_that_tells_keeps_the_case_in(taken: Archive, tmp_path: Path) -> None:
    taken.edit("thigh", {"quiz_title": "Partial tear of the rectus femoris"})
    try:
        with pytest.raises(ReviewNeeded, match="gives the answer away"):
            taken.export(["thigh"], formats=["anki"], to=tmp_path, dry_run=True)
    finally:
        taken.edit("thigh", {"quiz_title": "A footballer with a sore thigh"})


# --------------------------------------------------------------------------------------------------- helpers


def source_of(field: str) -> str:
    found = re.search(r'<img src="([^"]+)">', field)
    assert found
    return found[1]


def picture(found: Read, field: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(found.media[source_of(field)])).convert("RGB"))


def brightest_column(pixels: np.ndarray) -> int:
    return int((pixels.mean(axis=(0, 2)) > 120).argmax())


def columns(base: Path, table: str) -> list[str]:
    connection = sqlite3.connect(base)
    try:
        return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    finally:
        connection.close()


def a_bare_case() -> Case:
    return Case("bare", "Bare")


def test_a_case_that_says_nothing_still_gives_a_card(tmp_path: Path) -> None:
    found = deck(a_set(taught(a_bare_case())), tmp_path / "out", cards="picture")
    assert {note["What is known"] for note in found.notes.values()} == {"Case 1"}
    assert {tuple(note["tags"]) for note in found.notes.values()} == {
        ("difficulty::not_said", "kind::picture")
    }
