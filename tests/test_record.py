"""The case file keeps its promises: read exactly, refuse with every reason, write back what was meant."""

# ruff: noqa: E501  (rows of a table of cases read best on one line)

from __future__ import annotations

import math
import string
import subprocess
import sys
import time
import tomllib
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casearchive import model, record
from casearchive.errors import CaseArchiveError, RecordError
from casearchive.model import Case, Diagnosis, Evidence, Finding, Grade, Measurement, Media, Story
from casearchive.record.layout import Layout
from casearchive.record.reading import dotted
from casearchive.record.table import CASE, SHAPES, Field, Table
from casearchive.terms import lexicon

CASES = sorted((Path(__file__).parent.parent / "cases").glob("*/case.toml"))

EXAMPLE = """\
# A case to learn from.                                   FICTIONAL
title      = "Complete rectus femoris tear treated as a minor strain"
quiz_title = "Anterior thigh pain in a footballer"   # shown while the answer is hidden
status     = "ready"
difficulty = "intermediate"
tags       = ["sport", "dynamic"]
fictional  = true

[author]
name = "A. Author"

[consent]                       # what the patient agreed to
scope = "teaching"
until = 2028-01-31

[patient]
age = "24 Y"
sex = "M"

[story]
history    = "Sudden pain at the front of the right thigh while striking a long ball."
technique  = "Linear probe, supine, resisted knee extension"
diagnosis  = [{ what = "complete tear", structure = "RF", side = "right", confirmed_by = "surgery" }]
differential = ["strain"]
points     = ["Watch the muscle contract."]

[[prior]]
day = -28
modality = "clinical_exam"
impression = "minor quadriceps strain"
says = ["strain"]
discordance = "undergraded"
missed = ["complete rupture"]

# ---- pictures ----

[[media]]
id = "M1"
file = "rest.dcm"
caption = "At rest."

[[media]]
id = "M2"
file = "clips/contraction.dcm"
caption = "During contraction the ends separate."
quiz_caption = "Long axis, resisted knee extension"
structure = "Rectus femoris"    # as the sonographer said
side = "right"
plane = "long axis"
mode = "B-mode"
maneuver = "contraction"
key_frame = 61
pair = "M1"
calibration = { points = [[100, 60], [100, 460]], mm = 40.0 }

# ---- findings ----

[[finding]]
id = "F1"
structure = "rectus_femoris"
site = "mid-belly"
side = "right"
abnormality = "full-thickness tear"
certainty = "probable"
echogenicity = ["hypoechoic"]
grades = { peetrons = "3", bamic = 4 }
doppler = { scale = "pd", value = 0 }
dynamic = { maneuver = "contraction", at_rest = "6 mm", during = "31 mm" }
relation = [{ kind = "adjacent_to", structure = "sciatic nerve" }]
evidence = [
  { media = "M2", frames = [39, 98], polygon = [[212, 158], [640, 158], [640, 331]], best = true },
  { media = "M1", point = [300.5, 240] },   # the stump
]

[[measurement]]
finding = "F1"
what = "gap"
state = "contraction"
value = 31
unit = "mm"
media = "M2"
frame = 61
points = [[300, 240], [520, 244]]

[[quiz]]
question = "What happens to the gap on contraction?"
options = ["It closes", "It widens", "No change"]
answer = 2
ask_point = { media = "M2", frame = 61, finding = "F1" }
"""


def read(text: str) -> Case:
    return record.loads(text, slug="a-case")


def problems(text: str, slug: str = "a-case") -> list[tuple[int, str, str]]:
    with pytest.raises(RecordError) as caught:
        record.loads(text, slug=slug, file="case.toml")
    assert all(p.level == "error" and p.file == "case.toml" for p in caught.value.problems)
    return [(p.line, p.field, p.message) for p in caught.value.problems]


def where(text: str, needle: str) -> int:
    return text[: text.index(needle)].count("\n") + 1


# ------------------------------------------------------------------------------------------------- reading


def test_a_case_file_becomes_the_case_it_describes() -> None:
    case = read(EXAMPLE)
    assert (case.slug, case.status, case.fictional, case.tags) == (
        "a-case",
        "ready",
        True,
        ("sport", "dynamic"),
    )
    assert case.consent.until == "2028-01-31"
    assert case.story.diagnosis == (
        Diagnosis("complete_tear", "rectus_femoris", "right", "definite", "surgery"),
    )
    assert case.priors[0].missed == ("complete_tear",) and case.priors[0].day == -28
    clip = case.media[1]
    assert (clip.structure, clip.plane, clip.mode, clip.maneuver) == (
        "rectus_femoris", "long_axis", "b_mode", "contraction",
    )  # fmt: skip
    assert clip.calibration == model.Calibration(((100.0, 60.0), (100.0, 460.0)), 40.0)
    (finding,) = case.findings
    assert (finding.site, finding.abnormality) == ("muscle_belly", "full_thickness_tear")
    assert finding.grades == (Grade("peetrons", "3"), Grade("bamic", "4"))
    assert finding.evidence[1] == Evidence("M1", None, "point", ((300.5, 240.0),))
    assert finding.evidence[0].frames == (39, 98) and finding.evidence[0].shape == "polygon"
    assert case.measurements[0].value == 31.0 and case.quiz[0].answer == 2


def test_a_title_is_all_a_draft_needs() -> None:
    assert read('title = "Lump in the calf"') == Case(slug="a-case", title="Lump in the calf")


def test_clips_and_findings_without_an_id_get_one_that_is_free() -> None:
    case = read(
        'title = "t"\n[[media]]\n[[media]]\nid = "M1"\n[[media]]\nid = ""\npair = "M2"\n[[finding]]\n'
    )
    assert [m.id for m in case.media] == ["M2", "M1", "M3"]
    assert [f.id for f in case.findings] == ["F1"]


def test_words_the_vocabulary_does_not_know_are_kept_and_reported_with_suggestions() -> None:
    case = read(
        'title = "t"\n[[media]]\nmode = "holographic"\n[[finding]]\nstructure = "rectis femorus"\n'
        'abnormality = "TA"\ngrades = { peetrons = "7", heckmat = "2" }\nechogenicity = ["sparkling"]'
    )
    assert case.findings[0].structure == "rectis femorus"
    unknown = {dotted(u.path): (u.word, u.nearest) for u in record.unknown_words(case)}
    assert unknown["finding[1].structure"] == ("rectis femorus", ("rectus femoris",))
    assert unknown["media[1].mode"][0] == "holographic"
    assert unknown["finding[1].grades.peetrons"] == ("7", ("0", "1", "2", "3"))
    assert "Heckmatt" in unknown["finding[1].grades.heckmat"][1]
    assert unknown["finding[1].echogenicity[1]"][0] == "sparkling"


def test_an_ambiguous_abbreviation_is_not_guessed_but_explained() -> None:
    case = read('title = "t"\n[[finding]]\nstructure = "TA"')
    assert case.findings[0].structure == "TA"
    (unknown,) = record.unknown_words(case)
    assert (dotted(unknown.path), unknown.word) == ("finding[1].structure", "TA")
    assert set(unknown.nearest) == {"tibialis anterior muscle", "Achilles tendon"}


def test_scales_and_measurements_are_called_by_their_short_words() -> None:
    case = read(
        'title = "t"\n[[finding]]\ngrades = { "Peetrons grade" = 2, scale_pd03 = 1 }\n'
        '[[measurement]]\nwhat = "cross-sectional area"\nvalue = 60'
    )
    assert [g.scale for g in case.findings[0].grades] == ["peetrons", "pd"]
    assert case.measurements[0].what == "csa"


def test_a_byte_order_mark_and_windows_line_ends_are_read() -> None:
    assert read("\ufeff" + EXAMPLE.replace("\n", "\r\n")) == read(EXAMPLE)


# ------------------------------------------------------------------------------------------------- refusing


@pytest.mark.parametrize(
    ("old", "new", "field", "message"),
    [
        ("quiz_title =", "quiztitle =", "quiztitle", "unknown key 'quiztitle'; did you mean 'quiz_title'?"),
        ('name = "A.', 'nmae = "A.', "author.nmae", "did you mean 'name'?"),
        ('structure = "RF"', 'struktur = "RF"', "story.diagnosis[1].struktur", "did you mean 'structure'?"),
        ('side = "right"\nabnormality', 'side = "rigth"\nabnormality', "finding[1].side", "did you mean 'right'?"),
        ('side = "right"\nplane', 'side = "Right"\nplane', "media[2].side", "did you mean 'right'?"),
        ('"probable"', '"sure"', "finding[1].certainty", "one of definite, probable, possible, absent"),
        ('"ready"', '"finished"', "status", "one of draft, ready, held, retired"),
        ("frames = [39, 98]", "frames = [0, 98]", "finding[1].evidence[1].frames", "must be 1 or more"),
        ("frames = [39, 98]", "frames = [98, 39]", "finding[1].evidence[1].frames", "(98) comes after the last (39)"),
        ("frames = [39, 98]", "frames = [39.0, 98]", "finding[1].evidence[1].frames", "must be a whole number"),
        ("frames = [39, 98]", "frames = 39", "finding[1].evidence[1].frames", "must be [first, last]"),
        ("key_frame = 61", "key_frame = 0", "media[2].key_frame", "must be 1 or more"),
        ("key_frame = 61", "key_frame = true", "media[2].key_frame", "not true or false"),
        ('id = "M2"', 'id = "M1"', "media[2].id", "already the id of media[1]"),
        ('id = "M2"', 'id = "M 2"', "media[2].id", "'M 2' cannot stand here"),
        ('media = "M2", frames', 'media = "M9", frames', "finding[1].evidence[1].media", "no media has the id 'M9'"),
        ('finding = "F1"\nwhat', 'finding = "F2"\nwhat', "measurement[1].finding", "no finding has the id 'F2'"),
        ('finding = "F1" }', 'finding = "G1" }', "quiz[1].ask_point.finding", "did you mean 'F1'?"),
        ('pair = "M1"', 'pair = "M7"', "media[2].pair", "no media has the id 'M7'"),
        ("answer = 2", "answer = 4", "quiz[1].answer", "there are 3 options"),
        ("answer = 2", 'reasons = ["No."]\nanswer = 2', "quiz[1].reasons", "there are 3 options and 1 reasons"),
        ("answer = 2", "answer = 0", "quiz[1].answer", "must be 1 or more"),
        ("point = [300.5, 240]", "point = [300.5, 240], box = [[1, 2], [3, 4]]", "finding[1].evidence[2].box", "one shape"),
        ("point = [300.5, 240]", "point = [300.5]", "finding[1].evidence[2].point", "a point is [x, y]"),
        ("point = [300.5, 240]", "point = [nan, 240]", "finding[1].evidence[2].point", "finite"),
        ("point = [300.5, 240]", "ellipse = [[1, 2], [3, 4], [5, 6]]", "finding[1].evidence[2].ellipse", "four ends"),
        ("[640, 158], [640, 331]]", "[640, 158]]", "finding[1].evidence[1].polygon", "takes at least 3 points, not 2"),
        ("value = 31", "value = inf", "measurement[1].value", "finite"),
        ("value = 31", 'value = "31"', "measurement[1].value", "must be a number, not text"),
        ("value = 31\n", "", "measurement[1].value", "value is missing"),
        ("mm = 40.0", "mm = 0", "media[2].calibration.mm", "more than 0"),
        ("[100, 460]]", "[100, 60]]", "media[2].calibration.points", "two different points"),
        ("until = 2028-01-31", 'until = "next year"', "consent.until", "not a date"),
        ("until = 2028-01-31", "until = 2028-01-31T10:00:00", "consent.until", "must be a date"),
        ('age = "24 Y"', 'age = "born 1999"', "patient.age", 'write it as "24 Y"'),
        ('age = "24 Y"', "age = 24", "patient.age", "must be text in quotes, not a number"),
        ('"rest.dcm"', '"/etc/passwd"', "media[1].file", "plain name inside the case's folder"),
        ('"rest.dcm"', '"../rest.dcm"', "media[1].file", "plain name inside the case's folder"),
        ('"rest.dcm"', "'C:\\rest.dcm'", "media[1].file", "plain name inside the case's folder"),
        ('"rest.dcm"', '"~/rest.dcm"', "media[1].file", "plain name inside the case's folder"),
        ('file = "rest.dcm"', 'sha256 = "ABC"', "media[1].sha256", "64 characters"),
        ('tags       = ["sport", "dynamic"]', 'tags = "sport"', "tags", "must be a list"),
        ('["sport", "dynamic"]', '["sport", 7]', "tags[2]", "must be text in quotes, not a number"),
        ('["sport", "dynamic"]', '["sport", " "]', "tags[2]", "empty"),
        ("fictional  = true", 'fictional = "yes"', "fictional", "must be true or false"),
        ("bamic = 4", "bamic = 4.5", "finding[1].grades.bamic", "a grade is text"),
        ("bamic = 4", '"Peetrons grade" = 4', "finding[1].grades.Peetrons grade", "graded twice"),
        ("[[quiz]]\nquestion", "[quiz]\nquestion", "quiz", "written [[quiz]]"),
        ("[author]\nname", "[[author]]\nname", "author", "must be a table, not a list"),
        ('title      = "Complete', 'title      = "\\u001b[31mComplete', "title", "control character (U+001B)"),
        ('title      = "Complete', 'title      = "One\\ntwo', "title", "one line"),
    ],
)  # fmt: skip
def test_each_mistake_is_named_with_its_line_field_and_remedy(
    old: str, new: str, field: str, message: str
) -> None:
    assert EXAMPLE.count(old) == 1, "the example must hold the text once"
    text = EXAMPLE.replace(old, new)
    found = problems(text)
    assert field in [f for _, f, _ in found], found
    line, _, said = next(p for p in found if p[1] == field)
    assert message in said
    assert line == (where(EXAMPLE, old) if new else where(EXAMPLE, "[[measurement]]")), found


def test_every_mistake_is_reported_at_once_in_the_order_of_the_file() -> None:
    found = problems('titel = "t"\nstatus = "redy"\n[[media]]\nkey_frame = 0\nmode = 3\n[[quiz]]\n')
    assert sorted((line, field) for line, field, _ in found) == [
        (1, "titel"), (1, "title"), (2, "status"), (4, "media[1].key_frame"), (5, "media[1].mode"),
        (6, "quiz[1].question"),
    ]  # fmt: skip
    assert [line for line, _, _ in found] == [1, 1, 2, 4, 5, 6]


def test_a_missing_title_says_so() -> None:
    ((line, field, message),) = problems('status = "draft"\n')
    assert (line, field) == (1, "title") and "missing" in message


@pytest.mark.parametrize("slug", ["", "Knee", "../x", "a b", "a/b", "ä", "a_b", "x\n"])
def test_a_slug_that_is_none_is_refused(slug: str) -> None:
    ((_, field, message),) = problems('title = "t"', slug=slug)
    assert field == "slug" and "a-z, 0-9 and hyphens" in message


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('title = "t"\nstatus == "x"\n', 2, "column 9"),
        ('title = "t"\ntitle = "u"\n', 2, "column"),
        ('title = "t\n', 1, "column 11"),
        ('title = "t"\ntags = [', 2, "at the end"),
    ],
)
def test_a_text_that_is_no_toml_is_refused_with_line_and_column(text: str, line: int, said: str) -> None:
    ((at, field, message),) = problems(text)
    assert (at, field) == (line, "TOML") and said in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('title = "t"\n#' + "x" * record.MAX_BYTES, "larger than 1024 KiB"),
        ('title = "t"\nx = ' + "[" * 40 + "]" * 40, "deeper than 20"),
        ('title = "t"\nx = ' + "[" * 50_000 + "]" * 50_000, "deeper than 20"),
        ('title = "t"\n' + ".".join(["a"] * 200_000) + " = 1", "deeper than 20"),
        ('title = "t"\n[' + " . ".join(["'a'"] * 90_000) + "]", "deeper than 20"),
        ('title = "t"\nx = ' + "9" * 9_000, "cannot be read"),
    ],
)
def test_a_text_made_to_exhaust_the_reader_is_refused(text: str, said: str) -> None:
    begin = time.process_time()
    ((_, field, message),) = problems(text)
    assert field == "file" and said in message
    assert time.process_time() - begin < 10


def test_a_long_list_of_rows_is_read_in_linear_time() -> None:
    begin = time.process_time()
    case = read('title = "t"\n' + "[[finding]]\n" * 5_000)
    assert (case.findings[0].id, case.findings[-1].id) == ("F1", "F5000")
    assert time.process_time() - begin < 5


@given(st.text(max_size=200) | st.lists(st.sampled_from(EXAMPLE.split("\n")), max_size=12).map("\n".join))
def test_any_text_is_a_case_or_a_list_of_problems_with_lines_of_the_text(text: str) -> None:
    try:
        assert isinstance(read(text), Case)
    except RecordError as error:
        assert error.problems
        assert all(
            1 <= p.line <= max(1, text.count("\n") + 1) and p.field is not None for p in error.problems
        )


def test_reading_needs_only_the_standard_library() -> None:
    program = (
        "import sys; from casearchive import record; record.loads('title = \"t\"', slug='a');"
        "print([m for m in ('tomlkit', 'pydicom', 'numpy', 'sqlite3', 'click') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


# ------------------------------------------------------------------------------------------------- places


def test_the_line_of_a_key_is_found_in_every_way_of_writing_it() -> None:
    text = (
        'a = 1\n"b.c" = """\nx = 1\n""" # c\nd.e = 2\n[t]\nu = [\n  1, # one\n  { v = 3,\n w = 4 },\n]\n'
        "[[r]]\n[[r]]\n[[r.s]]\nx = ''''q'''\n[r.t]\nz = '''\n[no]\n'''\nlast = 1979-05-27 07:32:00\n"
    )
    tomllib.loads(text.replace("{ v = 3,\n", "{ v = 3,"))
    layout = Layout(text)
    assert {path: layout.line(path) for path in [
        ("a",), ("b.c",), ("d",), ("d", "e"), ("t",), ("t", "u"), ("t", "u", 0), ("t", "u", 1, "v"),
        ("t", "u", 1, "w"), ("r", 0), ("r", 1), ("r", 1, "s", 0), ("r", 1, "s", 0, "x"), ("r", 1, "t"),
        ("r", 1, "t", "z"), ("r", 1, "t", "last"), ("unknown",),
    ]} == {
        ("a",): 1, ("b.c",): 2, ("d",): 5, ("d", "e"): 5, ("t",): 6, ("t", "u"): 7, ("t", "u", 0): 8,
        ("t", "u", 1, "v"): 9, ("t", "u", 1, "w"): 10, ("r", 0): 12, ("r", 1): 13, ("r", 1, "s", 0): 14,
        ("r", 1, "s", 0, "x"): 15, ("r", 1, "t"): 16, ("r", 1, "t", "z"): 17, ("r", 1, "t", "last"): 20,
        ("unknown",): 1,
    }  # fmt: skip
    place = layout.values["r", 1, "t", "last"]
    assert text[place.start : place.end] == "1979-05-27 07:32:00"


# ------------------------------------------------------------------------------------------------- any case

TERMS = lexicon()
#: Cases are large values: fewer of them, and no complaint that making one takes a while.
SOME = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
PLAIN = st.characters(exclude_categories=("Cs", "Cc"), include_characters="\t")
WORDS = st.text(st.sampled_from(string.ascii_letters + "äß \"'\\#=[]{}."), max_size=12)
LINE = st.text(PLAIN, max_size=12) | WORDS
PROSE = (
    st.text(PLAIN | st.just("\n"), max_size=20) | WORDS | st.just('"""quoted"""\n\\"') | st.just("a\n\tb\n")
)
NUMBER = st.integers(-1000, 1000).map(float) | st.floats(-1e6, 1e6, allow_nan=False).filter(math.isfinite)
POINT = st.tuples(NUMBER, NUMBER)
DAYS = st.none() | st.integers(-4000, 4000)
FRAME = st.none() | st.integers(1, 5000)


def _texts(items: st.SearchStrategy[str] = LINE) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(items.filter(lambda t: bool(t.strip())), max_size=3).map(tuple)


def _concepts(kinds: frozenset[str]) -> st.SearchStrategy[str]:
    """Ids of the lexicon, or words it does not know (a known word would be read as its id)."""
    return st.sampled_from(sorted(TERMS.ids(kinds))) | LINE.filter(lambda t: TERMS.resolve(t, kinds) is None)


def _words(kinds: frozenset[str]) -> st.SearchStrategy[str]:
    from casearchive.terms.grades import called

    known = [called(i, TERMS) for i in TERMS.ids(kinds)]
    return st.sampled_from(known) | LINE.filter(lambda t: bool(t.strip()) and TERMS.resolve(t, kinds) is None)


@cache
def _shape() -> st.SearchStrategy[tuple[str, tuple[tuple[float, float], ...]]]:
    def of(shape: str) -> st.SearchStrategy[Any]:
        fewest, most = SHAPES[shape]
        sizes = [2, 4] if shape == "ellipse" else range(fewest, (most or fewest + 2) + 1)
        lists = st.sampled_from(list(sizes)).flatmap(lambda n: st.lists(POINT, min_size=n, max_size=n))
        return st.tuples(st.just(shape), lists.map(tuple))

    return st.sampled_from(list(SHAPES)).flatmap(of) | st.just(("", ()))


@cache
def values(field: Field) -> st.SearchStrategy[Any]:
    """Any value of one field, as ``loads`` could give it."""

    def said(text: str) -> bool:
        return bool(text.strip()) or not field.required

    if field.key == "age":
        return st.sampled_from(["24 Y", "3M", "90+ Y", "30-39 Y"])
    if field.key == "sha256":
        return st.text("0123456789abcdef", min_size=64, max_size=64)
    grades = st.dictionaries(_words(frozenset({"scale"})), LINE.filter(bool), max_size=3)
    made: dict[str, st.SearchStrategy[Any]] = {
        "line": LINE.filter(said),
        "text": PROSE.filter(said),
        "path": st.sampled_from(["a.dcm", "clips/b c.mp4", "ä.png"]),
        "choice": st.sampled_from(field.choices or ("",)),
        "texts": _texts(PROSE),
        "bool": st.booleans(),
        "int": st.integers(1 if field.low else -4000, 5000),
        "number": NUMBER.map(lambda v: abs(v) + 1.0) if field.low == 0 else NUMBER,
        "date": st.dates().map(lambda d: d.isoformat()),
        "points": st.lists(POINT, max_size=3).map(tuple),
        "pair": st.tuples(POINT, POINT).filter(lambda p: p[0] != p[1]),
        "frames": st.tuples(st.integers(1, 500), st.integers(1, 500)).map(lambda f: tuple(sorted(f))),
        "grades": grades.map(lambda d: tuple(Grade(k, v) for k, v in d.items())),
    }
    if field.concepts:
        made["concept"] = _concepts(field.concepts).filter(said)
        made["word"] = _words(field.concepts)
        made["concepts"] = _texts(_concepts(field.concepts))
    return made[field.kind]


@st.composite
def rows(draw: st.DrawFn, table: Table, ids: dict[str, list[str]], own: str = "") -> Any:
    """Any value of one table, as ``loads`` could give it; of a case, the values of its head."""
    made: dict[str, Any] = {}
    for field in table.fields:
        if table is CASE and field.table is not None:
            continue
        if field.kind == "shape":
            made["shape"], made["points"] = draw(_shape())
            continue
        default = table.default(field)
        if field.key == "id":
            made["id"] = own
            continue
        if not field.required and draw(st.booleans()):
            made[field.name] = default
            continue
        if field.refers:
            if field.required and not ids[field.refers]:
                return None
            made[field.name] = draw(st.sampled_from(ids[field.refers])) if ids[field.refers] else ""
        elif field.kind == "table" and field.table is not None:
            row = draw(rows(field.table, ids))
            made[field.name] = default if row is None else row
        elif field.kind == "tables" and field.table is not None:
            some = [draw(rows(field.table, ids)) for _ in range(draw(st.integers(0, 2)))]
            made[field.name] = tuple(row for row in some if row is not None)
        else:
            made[field.name] = draw(values(field))
    return made if table is CASE else table.made(**made)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any case that a case file can say."""
    ids = {
        "media": draw(st.lists(st.sampled_from(["M1", "M2", "M3", "x.1"]), unique=True, max_size=3)),
        "finding": draw(st.lists(st.sampled_from(["F1", "F2", "g-3"]), unique=True, max_size=2)),
    }
    made: dict[str, Any] = {"slug": "a-case"}
    for field in CASE.fields:
        if field.key in ids and field.table is not None:
            made[field.name] = tuple(draw(rows(field.table, ids, own)) for own in ids[field.key])
        elif field.kind == "tables" and field.table is not None:
            some = [draw(rows(field.table, ids)) for _ in range(draw(st.integers(0, 2)))]
            made[field.name] = tuple(row for row in some if row is not None)
        elif field.kind == "table" and field.table is not None:
            made[field.name] = draw(rows(field.table, ids))
    made |= draw(rows(CASE, ids))
    quiz = []
    for asked in made["quiz"]:
        right = asked.answer if asked.answer is not None and asked.answer <= len(asked.options) else None
        reasons = asked.reasons if len(asked.reasons) == len(asked.options) else ()
        quiz.append(replace(asked, answer=right, reasons=reasons))
    return Case(**{**made, "quiz": tuple(quiz)})


@SOME
@given(cases())
def test_what_is_written_reads_back_as_the_same_case(case: Case) -> None:
    text = record.dumps(case)
    assert record.loads(text, slug=case.slug) == case
    assert record.dumps(record.loads(text, slug=case.slug)) == text


@SOME
@given(cases(), cases())
def test_an_update_of_any_case_file_to_any_case_reads_back_as_that_case(before: Case, after: Case) -> None:
    text = record.dumps(before)
    assert record.update(text, before) == text
    changed = record.update(text, after)
    assert record.loads(changed, slug=after.slug) == after


@SOME
@given(cases())
def test_a_commented_file_can_become_any_case(after: Case) -> None:
    changed = record.update(EXAMPLE, after)
    assert record.loads(changed, slug=after.slug) == after


def test_a_new_file_says_only_what_differs_from_the_default_in_the_usual_order() -> None:
    case = Case(
        slug="a-case",
        title="Lump",
        story=Story(history='One.\nTwo "quoted".'),
        media=(Media("M1", file="a.dcm"),),
        findings=(Finding("F1", "hematoma", evidence=(Evidence("M1", (1, 2)),)),),
        measurements=(Measurement("gap", 6.0, "mm"),),
    )
    assert record.dumps(case) == (
        'title = "Lump"\n\n[story]\nhistory = """\nOne.\nTwo "quoted"."""\n\n[[media]]\nid = "M1"\nfile = "a.dcm"\n\n'
        '[[finding]]\nid = "F1"\nabnormality = "hematoma"\nevidence = [{ media = "M1", frames = [1, 2] }]\n\n'
        '[[measurement]]\nwhat = "gap"\nvalue = 6\nunit = "mm"\n'
    )


# ------------------------------------------------------------------------------------------------- updating


def comments(text: str) -> list[str]:
    return [line[line.index("#") :] for line in text.split("\n") if "#" in line]


def change(edit: Any) -> tuple[Case, str]:
    case = edit(read(EXAMPLE))
    text = record.update(EXAMPLE, case)
    assert read(text) == case
    return case, text


def test_an_unchanged_case_leaves_the_text_as_it_is() -> None:
    assert record.update(EXAMPLE, read(EXAMPLE)) == EXAMPLE


def test_the_archive_can_replace_files_by_hashes_and_the_rest_stays() -> None:
    def stored(case: Case) -> Case:
        return replace(
            case,
            media=tuple(
                replace(m, file="", sha256=f"{n:064x}", name=m.file) for n, m in enumerate(case.media)
            ),
        )

    _, text = change(stored)
    assert comments(text) == comments(EXAMPLE)
    lines = EXAMPLE.split("\n")
    gone = [line for line in lines if line not in text.split("\n")]
    assert gone == ['file = "rest.dcm"', 'file = "clips/contraction.dcm"']
    assert 'id = "M1"\nsha256 = "000' in text


def test_one_changed_value_changes_one_line() -> None:
    _, text = change(lambda case: replace(case, status="held", hold="histology"))
    before, after = EXAMPLE.split("\n"), text.split("\n")
    assert [line for line in before if line not in after] == ['status     = "ready"']
    assert [line for line in after if line not in before] == ['status     = "held"', 'hold = "histology"']
    assert after.index('hold = "histology"') == after.index('status     = "held"') + 1


def test_a_value_that_means_the_same_keeps_the_authors_word() -> None:
    def deeper(case: Case) -> Case:
        return replace(case, media=(case.media[0], replace(case.media[1], caption="New.")))

    _, text = change(deeper)
    assert 'structure = "Rectus femoris"    # as the sonographer said' in text


def test_a_value_inside_an_inline_table_is_changed_in_place() -> None:
    def moved(case: Case) -> Case:
        (finding,) = case.findings
        first, second = finding.evidence
        return replace(case, findings=(replace(finding, evidence=(replace(first, frames=(40, 41)), second)),))

    _, text = change(moved)
    assert text == EXAMPLE.replace("[39, 98]", "[40, 41]")


def test_a_new_row_stands_behind_the_last_of_its_kind() -> None:
    _, text = change(lambda case: replace(case, media=(*case.media, Media("M3", caption="Third"))))
    assert comments(text) == comments(EXAMPLE)
    assert text.index('id = "M2"') < text.index('id = "M3"') < text.index("# ---- findings ----")


def test_a_removed_row_takes_no_comment_of_its_neighbours_with_it() -> None:
    def without_first(case: Case) -> Case:
        (finding,) = case.findings
        findings = (replace(finding, evidence=finding.evidence[:1]),)
        return replace(case, media=(replace(case.media[1], pair=""),), findings=findings)

    _, text = change(without_first)
    assert "# ---- pictures ----" in text and "# ---- findings ----" in text and "rest.dcm" not in text


def test_rows_are_put_into_the_order_of_the_case() -> None:
    _, text = change(lambda case: replace(case, media=case.media[::-1]))
    assert text.index('id = "M2"') < text.index('id = "M1"')
    assert comments(text) == comments(EXAMPLE)


def test_a_section_can_go_and_come_back() -> None:
    _, text = change(lambda case: replace(case, author=model.Author(), consent=model.Consent()))
    assert "[author]" not in text and "[consent]" not in text
    again = record.update(text, read(EXAMPLE))
    assert read(again) == read(EXAMPLE)
    assert again.index("[author]") < again.index("[consent]") < again.index("[patient]")


def test_windows_line_ends_and_a_byte_order_mark_survive() -> None:
    text = "\ufeff" + EXAMPLE.replace("\n", "\r\n")
    case = replace(read(EXAMPLE), title="Other", hold="x", story=Story(history="two\nlines"))
    changed = record.update(text, case)
    assert read(changed) == case and changed.startswith("\ufeff")
    assert changed.count("\n") == changed.count("\r\n")


@pytest.mark.parametrize(
    "text",
    [
        '# head\ntitle = "t"\nauthor.name = "A"\nauthor.contact = "B"\n',
        '# head\ntitle = "t"\nauthor = { name = "A", contact = "B" }\nmedia = [{ id = "M1" }, { id = "M2" }]\n',
        '# head\ntitle = "t"\n[[media]]\nid = "M1"\n[[finding]]\nid = "F1"\n[[media]]\nid = "M2"\n',
        '# head\ntitle = "t"\n[[finding]]\nid = "F1"\n[finding.grades]\npeetrons = "3"\n[[finding.evidence]]\nmedia = "M1"\n'
        '[[media]]\nid = "M1"\n[[media]]\nid = "M2"',
    ],
)
def test_unusual_layouts_are_followed_or_rewritten_but_never_wrong(text: str) -> None:
    case = read(text)
    assert record.update(text, case) == text
    wanted = replace(
        case,
        author=model.Author("Other"),
        media=(Media("M2", caption="x"), Media("M3"), Media("M1")),
        findings=(Finding("F1", "tear", grades=(Grade("pd", "1"),), evidence=(Evidence("M2"),)),),
        tags=("a",),
    )
    changed = record.update(text, wanted)
    assert read(changed) == wanted and changed.startswith("# head\n")


def test_a_text_with_errors_is_not_updated() -> None:
    with pytest.raises(RecordError):
        record.update("titel = 1", Case("a-case", "t"))


def test_a_case_that_no_case_file_may_hold_is_refused_and_not_written() -> None:
    case = read(EXAMPLE)
    with pytest.raises(RecordError, match="title: holds a control character"):
        record.update(EXAMPLE, replace(case, title="a\x00b"))
    with pytest.raises(CaseArchiveError, match="would not read back"):
        record.update(
            EXAMPLE, replace(case, findings=(replace(case.findings[0], structure="Rectus femoris"),))
        )


# ------------------------------------------------------------------------------------------------- lint


def test_a_complete_case_scores_a_hundred() -> None:
    assert record.completeness(read(EXAMPLE)) == record.Completeness(100, ())


def test_a_draft_scores_little_and_is_told_what_to_write() -> None:
    result = record.completeness(read('title = "t"'))
    assert result.score <= 10
    said = {p.field: p.message for p in result.missing}
    assert {"quiz_title", "difficulty", "author.name", "consent.scope", "patient.age", "patient.sex", "story.history",
            "story.diagnosis", "story.discussion", "media", "finding"} <= set(said)  # fmt: skip
    assert all(p.level == "missing" and "\n" not in p.message for p in result.missing)


@pytest.mark.parametrize(
    ("old", "new", "field", "said"),
    [
        ('quiz_title = "Anterior thigh pain in a footballer"', 'quiz_title = "Torn thigh muscle"', "quiz_title", "'Torn'"),
        ('quiz_caption = "Long axis, resisted knee extension"', 'quiz_caption = "Complete tear"', "media[2].quiz_caption", "gives the answer away"),
        ('caption = "At rest."', 'caption = "Tear at rest."', "media[1].caption", "write a quiz_caption"),
        ('caption = "At rest."', 'caption = ""', "media[1].caption", "no caption"),
        ('file = "rest.dcm"', "", "media[1]", "names no file"),
        (', confirmed_by = "surgery" }', " }", "story.diagnosis[1]", "nothing confirms"),
        ('fictional  = true', "", "", ""),
        ('scope = "teaching"\n', "", "", ""),
        ('side = "right"\nabnormality', "abnormality", "finding[1].side", "no side"),
        ('structure = "rectus_femoris"\n', "", "finding[1].structure", "F1 names no structure"),
        ('difficulty = "intermediate"', "", "difficulty", "no difficulty"),
        ('sex = "M"', "", "patient.sex", "sex is missing"),
    ],
)  # fmt: skip
def test_each_gap_is_one_clinicians_line_at_its_place(old: str, new: str, field: str, said: str) -> None:
    assert EXAMPLE.count(old) == 1
    text = EXAMPLE.replace(old, new)
    result = record.completeness(read(text), text=text)
    if not field:  # consent is met by either
        assert result.score == 100
        return
    assert [p.field for p in result.missing] == [field]
    (gap,) = result.missing
    assert said in gap.message and result.score < 100
    if field.split(".")[-1] in new:
        assert gap.line == where(EXAMPLE, old)


def test_a_real_patient_without_consent_is_reported() -> None:
    text = EXAMPLE.replace("fictional  = true\n", "").replace('scope = "teaching"\n', "")
    (gap,) = record.completeness(read(text), text=text).missing
    assert gap.field == "consent.scope" and gap.line == where(text, "[consent]")


def test_an_absent_finding_and_one_of_another_modality_need_no_evidence() -> None:
    text = (
        EXAMPLE
        + '[[finding]]\nstructure = "soleus"\nside = "left"\nabnormality = "tear"\ncertainty = "absent"\n'
    )
    text += '[[finding]]\nstructure = "disc_l4_l5"\nside = "none"\nabnormality = "disc_herniation"\nmodality = "mri"\n'
    assert record.completeness(read(text)).missing == ()
    seen = text + '[[finding]]\nstructure = "soleus"\nside = "left"\nabnormality = "hematoma"\n'
    assert [p.field for p in record.completeness(read(seen)).missing] == ["finding[4].evidence"]


# ------------------------------------------------------------------------------------------------- schema


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """The part of JSON Schema that the case file's schema uses."""
    import re

    types = {
        "object": dict,
        "array": list,
        "string": str,
        "boolean": bool,
        "integer": int,
        "number": (int, float),
    }
    wanted = schema.get("type")
    if wanted is not None:
        names = wanted if isinstance(wanted, list) else [wanted]
        if not any(
            isinstance(value, types[n]) and (n == "boolean" or not isinstance(value, bool)) for n in names
        ):
            return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if isinstance(value, str):
        return bool(re.search(schema.get("pattern", ""), value)) and len(value) >= schema.get("minLength", 0)
    if isinstance(value, (int, float)):
        return value >= schema.get("minimum", value) and value > schema.get("exclusiveMinimum", value - 1)
    if isinstance(value, list):
        few, many = schema.get("minItems", 0), schema.get("maxItems", len(value))
        return few <= len(value) <= many and all(fits(v, schema.get("items", {})) for v in value)
    if isinstance(value, dict):
        known, more = schema.get("properties", {}), schema.get("additionalProperties", True)
        if any(all(k in value for k in s["required"]) for s in schema.get("not", {}).get("anyOf", [])):
            return False
        return all(k in value for k in schema.get("required", [])) and all(
            fits(v, known[k]) if k in known else (fits(v, more) if isinstance(more, dict) else more)
            for k, v in value.items()
        )
    return True


def as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: as_json(v) for k, v in value.items()}
    if isinstance(value, list):
        return [as_json(v) for v in value]
    return value if isinstance(value, (str, int, float, bool)) else value.isoformat()


def test_the_schema_accepts_what_the_reader_accepts() -> None:
    assert fits(as_json(tomllib.loads(EXAMPLE)), record.schema())


@SOME
@given(cases())
def test_the_schema_accepts_every_case_that_is_written(case: Case) -> None:
    assert fits(as_json(tomllib.loads(record.dumps(case))), record.schema())


@pytest.mark.parametrize(
    ("old", "new"),
    [("quiz_title =", "quiztitle ="), ('"ready"', '"finished"'), ("value = 31\n", ""), ("answer = 2", "answer = 0"),
     ("frames = [39, 98]", "frames = [0, 98]"), ("point = [300.5, 240]", "point = [1, 2], box = [[1, 2], [3, 4]]"),
     ('age = "24 Y"', 'age = "1999"')],
)  # fmt: skip
def test_the_schema_refuses_what_the_reader_refuses(old: str, new: str) -> None:
    text = EXAMPLE.replace(old, new)
    assert not fits(as_json(tomllib.loads(text)), record.schema())
    assert problems(text)


def test_the_table_names_every_attribute_of_the_model() -> None:
    def check(table: Table) -> None:
        named = {f.name for f in table.fields if f.kind != "shape"}
        shapes = {"shape", "points"} if any(f.kind == "shape" for f in table.fields) else set()
        slug = {"slug"} if table is CASE else set()
        assert named | shapes | slug == {f.name for f in fields(table.made)}, table.made
        for field in table.fields:
            if field.table is not None:
                check(field.table)

    check(CASE)


@pytest.mark.skipif(not CASES, reason="no sample cases beside the tests")
@pytest.mark.parametrize("path", CASES, ids=lambda p: p.parent.name)
def test_every_sample_case_is_read_written_updated_and_fits_the_schema(path: Path) -> None:
    text = path.read_text("utf-8")
    case = record.loads(text, slug=path.parent.name, file=str(path))
    assert record.loads(record.dumps(case), slug=case.slug) == case
    assert record.update(text, case) == text
    assert record.unknown_words(case) == ()
    assert fits(as_json(tomllib.loads(text)), record.schema())
    renamed = replace(case, title=case.title + " (revised)")
    assert comments(record.update(text, renamed)) == comments(text)
