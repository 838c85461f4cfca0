"""The sets of facts say the same as the rows, for every way of asking; and arithmetic on sets is arithmetic."""

from __future__ import annotations

import gc
import sqlite3
import weakref
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plainly import compiled
from test_search import CASES, ask, case, fresh, put_case, put_file, sha, slugs

from casearchive.index import noting, order, seals, shelf
from casearchive.index.shelf import Shelf
from casearchive.index.write import Recorded, put_cases, remove_case
from casearchive.model import Measurement, Media, Story
from casearchive.query import bits, parse, ranked
from casearchive.query.bits import Ranked
from casearchive.terms import lexicon

QUESTIONS = (
    "", "tear", "left", "muscle", "left hamstring tear", "rectus femoris tear", "thigh muscle tear", "no tear",
    "hamstring tear right", "quadriceps", "quadriceps left", "side:left", "side:left tear", "tennis leg",
    "tennis leg left", "calf tear", "rupture of the achilles", "achilles rupture", "structure:quadriceps",
    "structure==quadriceps", "finding:tear", "finding==tear", "tear OR hematoma", "(tear OR hematoma) left",
    "(tear OR hematoma) side:right -achilles", "hematoma -tear", "-tear", "-muscle left", "certainty:probable",
    "certainty:absent", "certainty>=probable tear", "tear certainty:absent left", "severity:severe",
    "severe hematoma", "finding:hematoma severity:mild", "modality:mri", "mri", "ultrasound", "mri disc",
    "modality:us side:right", "old achilles rupture", "temporality:historical", "peetrons>=2", "peetrons:2 tear",
    "bamic:2b", "grade:*", "piriformis syndrome", "sciatica", "sciatic nerve entrapment deep gluteal space",
    "tarsal tunnel", "flossing", "contraction", "sciatic nerve flossing", "plane:long_axis", "mode:power_doppler",
    "mode:power_doppler plane:long_axis", "power doppler", "has:cine", "has:still", "has:doppler", "has:case",
    "has:measurement", "has:prior", "has:grade", "has:evidence", "has:quiz", "has:thumbnail", "has:conflict",
    "has:roi", "gap>10mm", "difficulty:advanced", "difficulty:advanced tear", "status:draft", "sprinter",
    "sprinting", "pain", "buttock pain", '"wear and tear"', "fall", "weakness", "dx:piriformis_syndrome",
    "ddx:tendinopathy", "prior:strain", "prior:contusion", "tag:muscle", "set:muscles", "age:20..30", "sex:F",
    "tear goalkeeper OR calf", "frames>100", "kind:dicom", "doppler>=1", "echogenicity:hypoechoic tear",
    "structure:* finding:tear", "finding:xyzzy", "structure:xyzzy left", "site:myotendinous_junction tear",
    "myotendinous junction", "muscle tear with hematoma", "TA tear", "thrombosis", "tear excluded left",
    "wrist", "nerve", "bilateral", "(left hamstring tear) OR (right achilles rupture)", "nerve tumour",
    "gap>10mm right", "gap>10mm left", "gap>10mm supraspinatus right", "side:left (gap>10mm OR tear)",
    "unilateral hamstring tear", "unilateral", "woman", "24M", "men over 20", "PD 1", "grade 2",
    "normal sciatic nerve", "normal sciatic nerve left", "hamstring not torn", "sciatic nerve unaffected",
    "gap right over 10 mm", "tear -gap>10mm right",
)  # fmt: skip


# ---------------------------------------------------------------------------------------------- against the rows


def _same_as_rows(connection: sqlite3.Connection, question: str) -> None:
    statement = compiled(parse(question, lexicon()).root)
    plain = {
        key: (level, score) for key, score, level in connection.execute(statement.text, statement.params)
    }
    sets = Shelf(connection)
    found = ranked(parse(question, lexicon()).root, sets)
    places = {sets.place(document): document for document in plain}
    assert found.members == sum(1 << place for place in places)
    for place, document in places.items():
        level, score = plain[document]
        assert [w >> place & 1 for w in found.within] == [level <= n for n in range(3)], document
        assert found.score(place) == pytest.approx(score, abs=0.0004), document


@pytest.mark.parametrize("question", QUESTIONS)
def test_sets_and_rows_give_the_same_documents_levels_and_scores(
    index: sqlite3.Connection,
    question: str,
) -> None:
    _same_as_rows(index, question)


@pytest.mark.parametrize(
    "question", ["power doppler", "mode:power_doppler", "valsalva", "maneuver:valsalva", "-valsalva"]
)
def test_what_only_a_header_or_a_measurement_says_counts_in_rows_too(question: str) -> None:
    connection = fresh()
    put_case(
        connection, case("header", "Ankle", "F1 soleus tear left definite", media=(Media("M1"),)), {"M1": 20}
    )
    connection.execute(
        "INSERT INTO claims (instance_id, what, source, value)"
        " SELECT id, 'mode', 'ImageType', 'power_doppler' FROM instances"
    )
    (document,) = connection.execute("SELECT id FROM documents WHERE case_id IS NOT NULL").fetchone()
    shelf.put(connection, (document, {}, noting.of_document(connection, document)))
    put_case(connection, case("state", "Thigh", "F1 rectus_femoris tear left definite",
                              measurements=(Measurement("gap", 3, "mm", "F1", "valsalva"),)))  # fmt: skip
    _same_as_rows(connection, question)
    assert all("everything" not in " ".join(hit.why) for hit in ask(connection, question).hits)


def test_the_answer_does_not_depend_on_how_the_bits_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same in blocks of eight documents, with many facts kept as they lie."""
    for name, value in (("BLOCK", 8), ("_RANK", 1), ("_BYTES_A_BIT", 8)):
        monkeypatch.setattr(shelf, name, value)
    connection = fresh()
    for made in CASES:
        put_case(connection, made, {"M1": 60} if made.slug == "hamstring-left" else None)
    put_file(connection, "THIGH_RT-long.dcm", frames=120, side="right", description="US thigh right")
    put_file(connection, "scan1.dcm", description="Achilles tendon rupture?", modes=("power_doppler",))
    for question in QUESTIONS[::2]:
        _same_as_rows(connection, question)


def test_findings_read_in_the_text_count_in_sets_as_in_rows() -> None:
    connection = fresh()
    for made in CASES[:12]:
        put_case(connection, made)
    drafts = (
        ("one", "soleus", "tear", "definite"),
        ("two", "", "tear", "definite"),
        ("three", "", "tear", "absent"),
    )
    for slug, structure, kind, certainty in drafts:
        put_case(connection, case(slug, "Tear of the calf", status="draft"))
        (number,) = connection.execute("SELECT id FROM cases WHERE slug = ?", (slug,)).fetchone()
        before = noting.of_document(connection, number)
        connection.execute(
            "INSERT INTO findings (document, key, position, finding_id, abnormality, structure, certainty, reviewed,"
            " origin, source, quote) VALUES (?1, ?1, 1, 'T1', ?2, ?3, ?4, 0, 'text', 'title', 'a tear')",
            (number, kind, structure, certainty),
        )
        shelf.put(connection, (number, before, noting.of_document(connection, number)))
    for question in QUESTIONS:
        _same_as_rows(connection, question)


def _told(connection: sqlite3.Connection) -> set[tuple[str, int, int]]:
    rows = connection.execute("SELECT name, block, dense, bits FROM facts")
    return {(name, block, bit) for name, block, dense, bits in rows for bit in shelf.bits_of(dense, bits)}


@pytest.mark.parametrize("dense", [False, True])
def test_cases_written_together_say_what_they_say_one_by_one(
    monkeypatch: pytest.MonkeyPatch, dense: bool
) -> None:
    """Also of one that is written again, takes a file that stood for itself, and gives it back."""
    if dense:
        for name, value in (("BLOCK", 8), ("_RANK", 1), ("_BYTES_A_BIT", 8)):
            monkeypatch.setattr(shelf, name, value)
    thigh, ankle = CASES[0], replace(CASES[1], media=())
    with_file = replace(thigh, media=(Media("M1", sha256=sha("scan.dcm")),))
    several = [
        Recorded(c, "0" * 64, 1) for c in (with_file, ankle, replace(thigh, media=()), with_file, ankle)
    ]
    alone, together = fresh(), fresh()
    for connection in (alone, together):
        connection.execute("PRAGMA foreign_keys = ON")
        put_file(connection, "scan.dcm", frames=3, side="left", description="Thigh")
        seals.everything(connection)
    for one in several:
        put_cases(alone, [one])
    put_cases(together, several)
    assert _told(together) == _told(alone)
    for connection in (alone, together):
        assert list(seals.broken(connection)) == []


def test_most_questions_find_something(index: sqlite3.Connection) -> None:
    assert sum(ask(index, question, limit=1).total > 0 for question in QUESTIONS) > len(QUESTIONS) * 0.8


# ---------------------------------------------------------------------------------------------- writing


def _strict() -> sqlite3.Connection:
    connection = fresh()
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _kept(connection: sqlite3.Connection) -> dict[tuple[str, int], set[int]]:
    """Every fact that the sets hold: name and block, and where its bits are."""
    kept = {}
    for name, block, dense, blob in connection.execute("SELECT name, block, dense, bits FROM facts"):
        places = bits.positions(int.from_bytes(blob, "little")) if dense else shelf._listed(blob)
        if places:
            kept[name, block] = set(places)
    return kept


def _made_anew(connection: sqlite3.Connection) -> dict[tuple[str, int], set[int]]:
    made: dict[tuple[str, int], set[int]] = {}
    for (document,) in connection.execute("SELECT id FROM documents"):
        block, place = divmod(document, shelf.BLOCK)
        for name, items in noting.of_document(connection, document).items():
            made.setdefault((name, block), set()).update(shelf._ranks(items, place))
    return made


@pytest.mark.parametrize("allowed", [0, 2048, 10**9])
def test_sets_follow_every_change_of_the_rows(allowed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "_BYTES_A_BIT", allowed)
    connection = _strict()
    for made in CASES[:6]:
        put_case(connection, made, {"M1": 60})
    put_file(connection, "loose.dcm", frames=3, side="left", description="US hamstring left")
    assert _kept(connection) == _made_anew(connection)
    changed = replace(CASES[0], media=(), title="Something else", findings=CASES[0].findings[1:])
    put_case(connection, changed)
    assert _kept(connection) == _made_anew(connection)
    assert connection.execute("SELECT count(*) FROM documents WHERE instance_id IS NOT NULL").fetchone() == (
        2,
    )
    put_case(connection, case("many", "Many", *(f"F{n} soleus tear left definite" for n in range(1, 40))))
    remove_case(connection, CASES[1].slug)
    assert _kept(connection) == _made_anew(connection)
    for made in (*CASES[:6], case("many", "Many")):
        remove_case(connection, made.slug)
    assert _kept(connection) == _made_anew(connection)
    assert ask(connection, "").total == 2


def test_the_sets_of_a_search_go_when_it_ends(index: sqlite3.Connection) -> None:
    gc.disable()
    try:
        held = Shelf(index)
        ranked(parse("left tear OR hematoma", lexicon()).root, held)
        gone = weakref.ref(held)
        del held
        assert gone() is None, "no ring that only the collector of garbage would find"
    finally:
        gc.enable()


def test_numbers_that_nobody_has_cost_nothing() -> None:
    connection = _strict()
    put_case(connection, CASES[0])
    connection.execute("UPDATE sqlite_sequence SET seq = 5000000 WHERE name = 'documents'")
    put_case(connection, CASES[1])
    assert Shelf(connection).width == 2 * shelf.BLOCK
    assert sorted(slugs(ask(connection, "hamstring tear"))) == [CASES[0].slug, CASES[1].slug]
    assert sorted(slugs(ask(connection, "sprinter OR semimembranosus"))) == [CASES[0].slug, CASES[1].slug]


def test_a_case_of_a_thousand_findings_makes_no_giant_of_the_index() -> None:
    connection = _strict()
    put_case(connection, case("few", "Few", "F1 soleus tear left definite"))
    many = [f"F{n} soleus tear {'left' if n % 2 else 'right'} definite" for n in range(1, 1001)]
    put_case(connection, case("many", "Many", *many))
    assert connection.execute("SELECT sum(length(bits)) FROM facts").fetchone()[0] < 200_000
    assert slugs(ask(connection, "left soleus tear")) == ["few", "many"]
    put_case(connection, case("many", "Many", *many[:300]))
    assert _kept(connection) == _made_anew(connection)
    assert slugs(ask(connection, "side:right")) == ["many"]


def test_a_case_keeps_its_number_when_it_is_written_again() -> None:
    connection = _strict()
    for made in CASES[1:4]:
        put_case(connection, made)
    before = connection.execute("SELECT id, slug FROM cases ORDER BY id").fetchall()
    put_case(connection, replace(CASES[2], title="Written again"))
    assert connection.execute("SELECT id, slug FROM cases ORDER BY id").fetchall() == before
    assert connection.execute("SELECT case_id FROM documents ORDER BY id").fetchall() == [
        (n,) for n, _ in before
    ]


# ---------------------------------------------------------------------------------------------- order


def test_many_that_tie_come_in_the_same_order_as_few(
    index: sqlite3.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = slugs(ask(index, ""))
    monkeypatch.setattr(order, "_MOST_LOOKED_UP", 0)
    for limit in (1, 2, 5, 20, 100):
        assert slugs(ask(index, "", limit=limit)) == whole[:limit]


def test_words_that_most_have_rank_by_the_title(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = fresh()
    told = "A goalkeeper, goalkeeper, goalkeeper."
    put_case(connection, case("a-story", "Knee", story=Story(history=told)))
    put_case(connection, case("b-title", "The goalkeeper who had a long title about many other things"))
    put_case(connection, case("c-title", "Goalkeeper"))
    for made in CASES[:10]:
        put_case(connection, made)
    assert slugs(ask(connection, "goalkeeper")) == ["c-title", "b-title", "a-story"]
    monkeypatch.setattr(shelf, "MOST_WEIGHED", 1)
    assert slugs(ask(connection, "goalkeeper")) == ["b-title", "c-title", "a-story"]


# ---------------------------------------------------------------------------------------------- arithmetic

_DOCUMENTS = st.dictionaries(st.integers(0, 20), st.tuples(st.integers(0, 2), st.integers(0, 30_000)))


def _ranked(documents: dict[int, tuple[int, int]]) -> Ranked:
    return bits.of_tiers(
        bits.Tier(score, level, score / bits.UNITS, 1 << n) for n, (level, score) in documents.items()
    )


def _plain(found: Ranked) -> dict[int, tuple[int, int]]:
    levels = {n: [w >> n & 1 for w in found.within].index(1) for n in bits.positions(found.members)}
    return {n: (level, round(found.score(n) * bits.UNITS)) for n, level in levels.items()}


@settings(deadline=None)
@given(_DOCUMENTS, _DOCUMENTS)
def test_joining_sets_is_joining_their_documents(
    a: dict[int, tuple[int, int]], b: dict[int, tuple[int, int]]
) -> None:
    first, second = _ranked(a), _ranked(b)
    told = {n: [d[n] for d in (a, b) if n in d] for n in a.keys() | b.keys()}
    both = {n: (max(a[n][0], b[n][0]), a[n][1] + b[n][1]) for n in a.keys() & b.keys()}
    assert _plain(bits.every([first, second])) == both
    lifted = {n: (level, score + (b[n][1] if n in b else 0)) for n, (level, score) in a.items()}
    assert _plain(bits.lifted(first, second)) == lifted
    assert _plain(bits.without(first, second.members)) == {n: t for n, t in a.items() if n not in b}
    better = {n: min(t, key=lambda t: (t[0], -t[1])) for n, t in told.items()}
    assert _plain(bits.best_of([first, second])) == better
    some = {n: (min(level for level, _ in t), sum(score for _, score in t)) for n, t in told.items()}
    assert _plain(bits.some([first, second])) == some


@settings(deadline=None)
@given(_DOCUMENTS, st.integers(1, 25))
def test_the_best_are_the_best(documents: dict[int, tuple[int, int]], count: int) -> None:
    found = _ranked(documents)
    sure, tied = bits.best(found, found.members, count)
    scores = sorted((score for _, score in documents.values()), reverse=True)
    chosen = sorted((documents[n][1] for n in bits.positions(sure)), reverse=True)
    assert chosen == scores[: len(chosen)]
    if tied:
        assert {documents[n][1] for n in bits.positions(tied)} == {scores[count - 1]}
        assert sure.bit_count() < count < (sure | tied).bit_count()
    else:
        assert len(chosen) == min(count, len(documents))


@given(st.sets(st.integers(0, 500)))
def test_positions_and_sets_are_the_same_thing(numbers: set[int]) -> None:
    assert bits.positions(bits.of_positions(numbers)) == sorted(numbers)
    assert bits.positions(bits.of_positions(numbers), 3) == sorted(numbers)[:3]
    assert bits.positions(bits.folded(bits.of_positions(numbers), 16)) == sorted({n % 16 for n in numbers})
