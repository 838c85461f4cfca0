"""From words and fields to atoms: the smallest things a question says, each with its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest

from casearchive.errors import QueryError
from casearchive.frozen import dataclass
from casearchive.query import fts
from casearchive.query.cues import Cue, cues
from casearchive.query.fields import Field
from casearchive.query.measures import Compared, comparisons, measure_named
from casearchive.query.persons import Short, shorthand
from casearchive.query.tree import GradeTest, Has, Like, Mention, Node, Phrase, Range, Test, Wanted, Words
from casearchive.query.values import field_atom
from casearchive.query.wanted import ambiguous, either, is_abnormality, is_structure, wanted
from casearchive.query.words import Piece
from casearchive.terms import ABNORMALITY_KINDS, STRUCTURE_KINDS, Lexicon
from casearchive.terms import Mention as Found
from casearchive.terms.grades import called, ordinal, scale_of, spellings
from casearchive.terms.spelling import likest

#: Words that carry no meaning of their own in a question.
STOP = frozenset(
    """a about after all also an and any anything are as at be because been before but by came can case cases condition
    disorder do does during find finding findings for found from had has have her his i if image images in into is
    issue it its just like look looking me my not of on one or our out over pathology patient patients picture
    pictures please plus problem problems really seen show showed shown shows showing so some something than that the
    their then there these they thing this those to trouble was we were what when where which while who whose will
    with you""".split()  # noqa: SIM905 - a list of words reads best as words
)

#: "right" and "left" as other words: right after, left untreated, was left, all right.
_NOT_SIDE_BEFORE = frozenset(
    """after alone angle angled angles away before behind handed handedness here immediately now out over
    the there through undiagnosed unnoticed unrepaired untreated""".split()  # noqa: SIM905
)
_NOT_SIDE_AFTER = frozenset(("all", "be", "been", "got", "had", "has", "have", "is", "just", "was", "were"))

#: Words that say how something is: torn, enlarged.
_HOW_IT_IS = re.compile(r"(?i)(?:[a-z]{2}ed|torn|normal|broken|swollen|split|frozen|thick|thin|wide|loose)\Z")

_DENIALS = frozenset(("no", "without", "nor"))
_WORD = re.compile(r"\S+")

#: How the lexicon writes a certainty, severity … is what the findings hold; these differ.
_DISCORDANCE = {"missed_finding": "missed"}
_MODALITY = {"surgery_finding": "surgery"}

#: Kinds whose words narrow a finding down when one is asked for.
MODIFIERS = ("side", "certainty", "severity", "temporality", "modality", "site", "maneuver")


@dataclass(frozen=True)
class Atom:
    """One thing said. ``kind`` is structure, abnormality, site, maneuver (with ``wanted``), side, certainty,
    severity, temporality, modality or another finding property (with ``values`` or ``tests``), denial, word,
    group (with ``alternatives``), test (of a clip), node (a finished clause) or negated (a ``node``).
    """

    kind: str
    start: int
    end: int
    text: str = ""
    wanted: Wanted | None = None
    values: tuple[str, ...] = ()
    test: Test | None = None
    prop: object = None
    node: Node | None = None
    alternatives: tuple[tuple[Atom, ...], ...] = ()
    by_field: bool = False


def closest(atom: Atom, others: Sequence[Atom]) -> Atom | None:
    """The one of the others that stands nearest to it."""
    return min(others, key=lambda other: apart(atom, other), default=None)


def apart(first: Atom, second: Atom) -> int:
    """How many characters lie between the two; less than none where they overlap."""
    return max(first.start, second.start) - min(first.end, second.end)


#: The cases that are like one, each with how alike it is; None where there is no such case.
Alike = Callable[[str], Sequence[tuple[str, float]] | None]


@dataclass(frozen=True)
class Speaker:
    """What is needed to understand anything: the vocabulary and the fields, and the question for messages."""

    text: str
    lexicon: Lexicon
    fields: Mapping[str, Field]
    exact: bool = False
    saved: Callable[[str], Node | None] = lambda name: None
    alike: Alike = lambda slug: None
    sets: Collection[str] | None = None


def words_to_atoms(speaker: Speaker, pieces: Sequence[Piece]) -> tuple[Atom, ...]:
    """The atoms of some neighbouring words: concepts first (the longest), then what is left, word by word."""
    if not pieces:
        return ()
    start, end = pieces[0].start, pieces[-1].end
    text = speaker.text[start:end]
    atoms: list[Atom] = []
    last = 0
    known = speaker.lexicon.recognise(text)
    # "absent lung sliding" is the name of a sign, not the absence of one
    said = [c for c in cues(text) if not any(_inside(c, f) for f in known)]
    patients = [
        p
        for p in shorthand(text)
        if not any(_overlap(p, f) for f in known) and not any(_overlap(p, c) for c in said)
    ]
    taken: tuple[Compared | Cue | Short, ...] = (
        *said,
        *patients,
        *(
            n
            for n in comparisons(text)
            if not any(_overlap(n, c) for c in said) and not any(_overlap(n, p) for p in patients)
        ),
    )
    names = [f for f in known if not any(_overlap(f, n) for n in taken)]
    ordered: list[Found | Compared | Cue | Short] = sorted((*names, *taken), key=lambda f: f.start)
    for found in ordered:
        if found.start < last:
            continue
        atoms.extend(_loose(speaker, text, last, found.start, start))
        words = text[found.start : found.end].strip()
        if isinstance(found, Compared):
            atoms.append(Atom("number", start + found.start, start + found.end, words, prop=found))
        elif isinstance(found, Short):
            here = (start + found.start, start + found.end)
            age = Compared(*here, found.age, found.age, True, True, "years", True)
            atoms += [Atom("number", *here, words, prop=age), Atom("word", *here, found.word)]
        elif isinstance(found, Cue):
            atoms.append(Atom("cue", start + found.start, start + found.end, words, values=(found.kind,)))
        else:
            atoms.append(_concept_atom(speaker, text, found, start))
        last = found.end
    atoms.extend(_loose(speaker, text, last, len(text), start))
    return _either_of(_graded(_denying(atoms, speaker.lexicon), speaker.lexicon))


def _denying(atoms: Sequence[Atom], lexicon: Lexicon) -> list[Atom]:
    """The "not" of "is not torn" denies what follows, where that says how something is."""
    return [
        denying(atom)
        if atom.kind == "stop" and atom.text.lower() == "not" and says_how(following, lexicon)
        else atom
        for atom, following in zip_longest(atoms, atoms[1:])
    ]


def denying(atom: Atom) -> Atom:
    """A "not" that denies what follows it."""
    return replace(atom, kind="cue", values=("not_so",))


def says_how(atom: Atom | None, lexicon: Lexicon) -> bool:
    """Whether this says how a structure is (torn, enlarged, intact; compressed, of a nerve) and not what it has."""
    if atom is None:
        return False
    if atom.kind == "cue":
        return atom.values == ("intact",)
    if not _HOW_IT_IS.search(atom.text):
        return False
    named = (f"{atom.text} {kind}" for kind in STRUCTURE_KINDS)
    return atom.kind == "abnormality" or (
        atom.kind == "word" and any(lexicon.resolve(name, ABNORMALITY_KINDS) for name in named)
    )


def _graded(atoms: Sequence[Atom], lexicon: Lexicon) -> list[Atom]:
    """ "Goutallier 3" and "grade 2" as a grade on that scale, or on any."""
    result: list[Atom] = []
    waiting = list(atoms)
    while waiting:
        atom = waiting.pop(0)
        scale = _scale_of(atom, lexicon)
        if scale == "" and result and (scale := _scale_of_mode(result[-1], lexicon) or ""):
            atom = replace(atom, start=result.pop().start)  # "PD grade 2"
        if scale is None and waiting and _grade_test("", waiting[0], lexicon) is not None:
            scale = _scale_of_mode(atom, lexicon)  # "PD 2"
        if scale is None:
            result.append(atom)
            continue
        said = _whole_grade(scale, atom.text, lexicon)
        if said is not None:
            result.append(
                Atom("property", atom.start, atom.end, atom.text, prop=("grade", said), by_field=True)
            )
            continue
        rest = waiting[1:] if waiting and waiting[0].text.lower() in ("grade", "type", "stage") else waiting
        test = _grade_test(scale, rest[0], lexicon) if rest else None
        if test is None:
            result.append(atom)
            continue
        result.append(
            Atom("property", atom.start, rest[0].end, atom.text, prop=("grade", test), by_field=True)
        )
        waiting = list(rest[1:])
    return result


def _whole_grade(scale: str, text: str, lexicon: Lexicon) -> GradeTest | None:
    """ "Graf IIa", which is a name of the scale with one of its grades."""
    last = text.rpartition(" ")[2]
    return (
        GradeTest(scale, value=last) if scale and last != text and _is_grade(scale, last, lexicon) else None
    )


def _grade_test(scale: str, atom: Atom, lexicon: Lexicon) -> GradeTest | None:
    """A whole grade of any scale (3, III), or one that this scale has (2a, IIa)."""
    number = _grade_number(atom.text) if atom.kind == "word" else None
    if number is not None:
        return GradeTest(scale, Range(number, number))
    return GradeTest(scale, value=atom.text) if scale and _is_grade(scale, atom.text, lexicon) else None


def _is_grade(scale: str, text: str, lexicon: Lexicon) -> bool:
    concept = lexicon.resolve(scale.replace("_", " "), ("scale",))
    written = {s for grade in (concept.values if concept else ()) for s in spellings(grade)}
    return bool(written & set(spellings(text)))


def _scale_of(atom: Atom, lexicon: Lexicon) -> str | None:
    """The scale that is named; empty for the mere word grade; None for anything else."""
    if atom.wanted is not None and atom.wanted.kind == "scale":
        return called(atom.wanted.asked[0], lexicon)
    return "" if atom.kind == "word" and atom.text.lower() in ("grade", "grades", "type") else None


def _scale_of_mode(atom: Atom, lexicon: Lexicon) -> str | None:
    """The scale that is called as the mode is in which it is read: PD is power Doppler and its grade."""
    if not isinstance(atom.node, Mention) or atom.node.wanted.kind != "mode":
        return None
    return scale_of(atom.text, lexicon) or None


def _grade_number(text: str) -> float | None:
    """The number of a whole grade: 3 or III, not 2b."""
    return ordinal(text) if re.fullmatch(r"(?ai)\d|[ivx]+", text) else None


def _either_of(atoms: Sequence[Atom]) -> tuple[Atom, ...]:
    """ "forearm or elbow": two of a kind with a small "or" between them are one, either of the two."""
    result: list[Atom] = []
    for atom in atoms:
        before = result[-2:]
        if (
            len(before) == 2
            and before[1].kind == "stop"
            and (
                before[1].text.lower() == "or"
                or (before[1].text.lower() == "and" and _regions(before[0], atom))
            )
            and before[0].kind == atom.kind
            and atom.kind in ("structure", "abnormality", "site")
            and before[0].wanted is not None
            and atom.wanted is not None
        ):
            joined = replace(before[0], end=atom.end, wanted=either(before[0].wanted, atom.wanted))
            result[-2:] = [joined]
        else:
            result.append(atom)
    return tuple(result)


def _regions(one: Atom, other: Atom) -> bool:
    """ "foot and ankle" is anything in either."""
    kinds = [a.wanted.kind for a in (one, other) if a.wanted is not None]
    return kinds == ["region", "region"]


def _inside(cue: Cue, name: Found) -> bool:
    """Whether the words of a cue are part of a longer name."""
    return name.start <= cue.start and cue.end <= name.end and cue.end - cue.start < name.end - name.start


def _overlap(one: Found | Compared | Cue | Short, other: Found | Compared | Cue | Short) -> bool:
    return one.start < other.end and other.start < one.end


def _loose(speaker: Speaker, text: str, low: int, high: int, offset: int) -> list[Atom]:
    atoms = []
    for match in _WORD.finditer(text, low, high):
        word = match[0].strip(".,;:!?'’*/\\[]{}<>=+~^")
        if not fts.searchable(word):
            continue
        start = offset + match.start()
        atoms.append(_word_atom(speaker, word, start, offset + match.end()))
    return atoms


def _word_atom(speaker: Speaker, word: str, start: int, end: int) -> Atom:
    lower = word.lower()
    if lower in _DENIALS:
        return Atom("denial", start, end, word, values=("absent",))
    if lower in STOP:
        return Atom("stop", start, end, word)
    senses = ambiguous(speaker.lexicon, word)
    if len(senses) == 1:
        found = Found(0, len(word), senses[0], word, "abbreviation")
        return replace(_concept_atom(speaker, word, found, start), end=end)
    if senses:
        several = [wanted(speaker.lexicon, i, word, exact=speaker.exact) for i in senses]
        kind = "structure" if is_structure(several[0].kind) else "abnormality"
        return Atom(kind, start, end, word, wanted=either(*several))
    return Atom("word", start, end, word)


def _concept_atom(speaker: Speaker, text: str, found: Found, offset: int) -> Atom:
    start, end = offset + found.start, offset + found.end
    concept = speaker.lexicon.concept(found.concept)
    kind = concept.kind if concept else ""
    meant = wanted(speaker.lexicon, found.concept, found.text, exact=speaker.exact)
    atom = Atom("node", start, end, found.text, wanted=meant)
    if kind == "laterality":
        if _is_adverb(text, found):
            return Atom("stop", start, end, found.text)
        return replace(atom, kind="side", values=(found.concept,))
    if is_structure(kind):
        return replace(atom, kind="structure")
    if is_abnormality(kind):
        return replace(atom, kind="abnormality")
    if kind in ("site", "maneuver", "maneuver_state"):
        return replace(atom, kind="site" if kind == "site" else "maneuver")
    if kind in ("certainty", "severity", "temporality"):
        return replace(atom, kind=kind, values=(found.concept,))
    if kind == "measurement":
        return replace(atom, prop=measure_named(speaker.lexicon, found.concept), node=Mention(meant))
    if kind == "modality":
        return replace(atom, kind="modality", values=(_MODALITY.get(found.concept, found.concept),))
    if kind == "media_kind" and found.concept in ("cine", "still"):
        return replace(atom, node=Has(found.concept))
    if kind == "discordance":
        meant = replace(meant, ids=(_DISCORDANCE.get(found.concept, found.concept),))
    return replace(atom, node=Mention(meant))


def _is_adverb(text: str, found: Found) -> bool:
    if found.text.lower() not in ("left", "right"):
        return False
    before = re.findall(r"[a-z]+", text[: found.start].lower())
    after = re.findall(r"[a-z]+", text[found.end :].lower())
    if any(
        not text[found.end : number.start].strip()
        for number in comparisons(text)
        if number.start >= found.end
    ):
        return False  # "right over 70 mm2": what follows says how much
    return bool((after and after[0] in _NOT_SIDE_BEFORE) or (before and before[-1] in _NOT_SIDE_AFTER))


def phrase_atom(piece: Piece) -> Atom | None:
    """A quoted phrase, literally; None where there is no word in it."""
    if not fts.searchable(piece.text):
        return None
    return Atom("node", piece.start, piece.end, piece.text, node=Phrase(" ".join(piece.text.split())))


def field_to_atom(speaker: Speaker, piece: Piece, following: Sequence[Piece]) -> tuple[Atom, int]:
    """The atom of a field, and how many of the ``following`` words belong to its value.

    Raises:
        QueryError: an unknown field or a value it cannot take, with the nearest that would do.
    """
    if piece.text.lower() == "similar" and (piece.op or piece.value):
        return _likeness(speaker, piece), 0
    if piece.text.lower() == "set":
        _known_sets(speaker, piece)
    saved = speaker.saved(piece.value.strip()) if piece.text.lower() == "set" else None
    if saved is not None:
        return Atom("node", piece.start, piece.end, piece.text, node=saved), 0
    parsed, used = field_atom(
        speaker.text, speaker.lexicon, speaker.fields, piece, following, exact=speaker.exact
    )
    if parsed is None:
        return Atom("word", piece.start, piece.end, piece.text), 0
    end = following[used - 1].end if used else piece.end
    text = speaker.text[piece.start : end]
    if parsed.together:
        named = [_named_atom(kind, w, piece.start, end) for kind, w in parsed.together[0]]
        if parsed.values:
            named.append(Atom("certainty", piece.start, end, text, values=parsed.values, by_field=True))
        return Atom("group", piece.start, end, text, alternatives=(tuple(named),)), used
    return Atom(
        parsed.kind, piece.start, end, text, wanted=parsed.wanted, values=parsed.values, test=parsed.test,
        prop=parsed.prop, node=parsed.node, by_field=True,
    ), used  # fmt: skip


def _known_sets(speaker: Speaker, piece: Piece) -> None:
    """Refuse the name of a set that there is not, where it is known which there are."""
    if speaker.sets is None or piece.op not in ("", "=", "=="):
        return
    known = {name.lower(): name for name in speaker.sets}
    for name in (n.strip() for n in piece.value.split(",") if n.strip()):
        if "*" in name or name.lower() in known:
            continue
        near = likest(name.lower(), known, most=2, least=0.5) or sorted(known)[:5]
        hint = (
            f"Did you mean {' or '.join(f'set:{known[n]}' for n in near)}?"
            if near
            else "There are no sets yet."
        )
        raise QueryError(f"there is no set “{name}”", query=speaker.text, position=piece.start, hint=hint)


def _likeness(speaker: Speaker, piece: Piece) -> Atom:
    slug = piece.value.strip().lower()
    hint = "See the slugs with: casearchive search --ids"
    if piece.op not in ("", "=", "==") or not slug:
        what = f"similar cannot be compared with {piece.op}" if slug else "similar: needs the slug of a case"
        raise QueryError(what, query=speaker.text, position=piece.start, hint=hint)
    found = speaker.alike(slug)
    if found is None:
        raise QueryError(
            f"there is no case “{slug}” to be like", query=speaker.text, position=piece.start, hint=hint
        )
    return Atom("node", piece.start, piece.end, piece.text, node=Like(slug, tuple(found)))


def _named_atom(kind: str, meant: Wanted, start: int, end: int) -> Atom:
    values = meant.asked[:1] if kind == "side" else ()
    return Atom(kind, start, end, meant.typed, wanted=meant, values=values, by_field=True)


def free_words(atoms: Sequence[Atom]) -> Words | None:
    words = tuple(dict.fromkeys(a.text for a in atoms))
    return Words(words) if words else None
