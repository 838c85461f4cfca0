"""Reading a question: the grammar of words, phrases, fields, brackets, OR and NOT.

question := either
either   := together ("OR" together)*
together := item+                          side by side means "and"
item     := ["-" | "NOT"] (word | "phrase" | field:value | "(" either ")")
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice, pairwise, product, zip_longest

from casearchive.errors import QueryError
from casearchive.query.atoms import (
    Alike,
    Atom,
    Speaker,
    denying,
    field_to_atom,
    phrase_atom,
    says_how,
    words_to_atoms,
)
from casearchive.query.bind import bind
from casearchive.query.cues import Cue, cues
from casearchive.query.describe import described
from casearchive.query.fields import FIELDS, Field
from casearchive.query.tree import And, Everything, Maybe, Node, Not, Or, Query, Some, Words
from casearchive.query.words import Piece, clean, cut
from casearchive.terms import Lexicon
from casearchive.terms.slips import ordinary
from casearchive.terms.spelling import allowed, distance
from casearchive.terms.words import fold

#: More than anybody types, less than a database refuses.
MAX_TERMS = 64
MAX_DEPTH = 20

#: How many unknown words are looked up for a spelling; each costs a walk through the whole vocabulary.
_MOST_RESPELT = 6
#: Names as near as each other that one word may have meant, and ways to read a question of several such words.
_MOST_MEANT, _MOST_READINGS = 3, 6

#: A small "not" behind one of these says something of the case; it leaves nothing out.
_VERBS = frozenset(
    ("can", "could", "did", "do", "does", "had", "has", "have", "is", "may", "might", "must", "should", "was", "were",
     "will", "would")
)  # fmt: skip
#: What stands between a "not" and the name of what is left out.
_ARTICLES = frozenset(("a", "an", "any"))


def parse(
    text: str,
    lexicon: Lexicon,
    fields: Mapping[str, Field] = FIELDS,
    *,
    exact: bool = False,
    saved: Mapping[str, str] | None = None,
    alike: Alike = lambda slug: None,
    sets: Collection[str] | None = None,
) -> Query:
    """Understand a question.

    Args:
        text: whatever somebody typed; an empty question asks for everything.
        lexicon: the vocabulary that words are recognised in.
        fields: the fields that may be asked (``query.FIELDS``).
        saved: the questions behind living sets, by name; set:NAME asks what they ask.
        sets: the names of all sets; None where they are not known.
        alike: tells which cases are like one, for similar:SLUG; None where there is no such case.
        exact: take every concept by itself, without its kinds and parts, and correct no spelling.

    Raises:
        QueryError: the question cannot be read; it says where and what to write instead.
    """
    pieces = _said(cut(text), cues(clean(text)))
    if len(pieces) > MAX_TERMS * 4:
        raise _too_much(text, pieces[MAX_TERMS * 4].start)
    asked = [piece for piece in pieces if piece.kind == "field"]
    if len(asked) > MAX_TERMS:  # before their values are looked up, which takes time where they are unknown
        raise _too_much(text, asked[MAX_TERMS].start)
    reader = _Reader(
        Speaker(
            clean(text), lexicon, fields, exact, _nested(lexicon, fields, saved or {}, alike), alike, sets
        ),
        pieces,
    )
    atoms = reader.either(0)
    if reader.at < len(pieces):
        raise QueryError(
            "a bracket is closed that was never opened",
            query=text,
            position=pieces[reader.at].start,
            hint="Remove it, or quote it to look for it as text.",
        )
    root = bind(atoms, lexicon)
    if isinstance(root, Everything) and text.strip() and not any(a.kind == "node" for a in _flat(atoms)):
        raise QueryError(
            "there is nothing in the question to look for",
            query=text,
            hint="Ask for a structure, a finding or a word; an empty question lists every case.",
        )
    size = _size(root)
    if size > MAX_TERMS:
        raise _too_much(text, 0)
    misspelt = [atom for atom in _flat(atoms) if _misspelt(atom, lexicon)]
    notes = tuple(_spelt(atom) for atom in misspelt)
    better = tuple((a.start, a.end, _right(a, lexicon)) for a in misspelt if not a.by_field)
    unknown = tuple((a.start, a.end) for a in _flat(atoms) if a.kind == "word")
    again = partial(parse, lexicon=lexicon, fields=fields, saved=saved, alike=alike, sets=sets)
    return Query(text, root, (*described(root), *notes), unknown, exact, better, again)


def _said(pieces: tuple[Piece, ...], found: tuple[Cue, ...]) -> tuple[Piece, ...]:
    """The pieces, with a "not" that belongs to a turn of phrase ("not seen on MRI") or to a verb ("does not slide")
    as a mere word."""
    result: list[Piece] = []
    for piece, following in zip_longest(pieces, pieces[1:]):
        named = following is not None and following.text.lower() in _ARTICLES  # "is not a tear"
        of_verb = (
            bool(result) and result[-1].kind == "word" and result[-1].text.lower() in _VERBS and not named
        )
        of_phrase = any(c.start <= piece.start < c.end for c in found)
        plain = piece.kind == "not" and piece.text == "not" and (of_verb or of_phrase)
        result.append(replace(piece, kind="word") if plain else piece)
    return tuple(result)


def _nested(
    lexicon: Lexicon, fields: Mapping[str, Field], saved: Mapping[str, str], alike: Alike
) -> Callable[[str], Node | None]:
    """What a saved search asks, by its name; one that asks itself, even by way of others, asks nothing."""

    def node(name: str) -> Node | None:
        if name not in saved:
            return None
        others = {other: text for other, text in saved.items() if other != name}
        return parse(saved[name], lexicon, fields, saved=others, alike=alike).root

    return node


def _too_much(text: str, position: int) -> QueryError:
    return QueryError(
        f"the question has too many parts; at most {MAX_TERMS} are read",
        query=text if len(text) < 500 else "",
        position=position,
        hint="Ask for less at once.",
    )


def _size(node: Node) -> int:
    if isinstance(node, And | Or | Some):
        return sum(_size(part) for part in node.parts)
    if isinstance(node, Not):
        return _size(node.part)
    if isinstance(node, Maybe | Everything):
        return 0
    return len(node.words) if isinstance(node, Words) else 1


def _flat(atoms: Sequence[Atom]) -> list[Atom]:
    found: list[Atom] = []
    for atom in atoms:
        if atom.kind == "group":
            for alternative in atom.alternatives:
                found.extend(_flat(alternative))
        else:
            found.append(atom)
    return found


def _misspelt(atom: Atom, lexicon: Lexicon) -> bool:
    """Whether a concept was recognised by a known misspelling, or guessed from one."""
    if atom.wanted is None or len(atom.wanted.asked) != 1 or atom.wanted.literal:
        return False
    concept = lexicon.concept(atom.wanted.asked[0])
    if concept is None:
        return False
    typed = atom.wanted.typed.lower()
    known = {n.lower() for n in (concept.id, concept.preferred, *concept.names, *concept.abbreviations)}
    if typed in known:
        return False
    return typed in {m.lower() for m in concept.misspellings} or lexicon.resolve(typed) is None


def _right(atom: Atom, lexicon: Lexicon) -> str:
    """The name of its concept that is nearest to what was typed."""
    assert atom.wanted is not None
    concept = lexicon.concept(atom.wanted.asked[0])
    typed = atom.wanted.typed.lower()
    names = (concept.preferred, *concept.names) if concept is not None else (atom.wanted.label,)
    return min(names, key=lambda name: distance(typed, name.lower(), len(typed)))


def _spelt(atom: Atom) -> str:
    wanted = atom.wanted
    assert wanted is not None
    return f"showing results for {wanted.label} (you typed {wanted.typed})"


@dataclass
class _Reader:
    speaker: Speaker
    pieces: tuple[Piece, ...]
    at: int = 0

    def either(self, depth: int) -> tuple[Atom, ...]:
        """Atoms of the alternatives up to a closing bracket; several alternatives come as one group."""
        start = self.at
        alternatives = [self.together(depth)]
        while self.at < len(self.pieces) and self.pieces[self.at].kind == "or":
            operator = self.pieces[self.at]
            self.at += 1
            alternatives.append(self.together(depth))
            if not alternatives[-2] or not alternatives[-1]:
                raise self.error(operator, "OR needs something on both sides")
        if len(alternatives) == 1:
            return alternatives[0]
        begin, end = self.pieces[start].start, self.pieces[self.at - 1].end
        return (Atom("group", begin, end, alternatives=tuple(alternatives)),)

    def together(self, depth: int) -> tuple[Atom, ...]:
        atoms: list[Atom] = []
        words: list[Piece] = []
        while self.at < len(self.pieces) and self.pieces[self.at].kind not in ("or", "close"):
            piece = self.pieces[self.at]
            if piece.kind == "word":
                words.append(piece)
                self.at += 1
                continue
            atoms.extend(words_to_atoms(self.speaker, words))
            words = []
            if piece.kind == "and":
                self.at += 1
                continue
            atoms.extend(self.item(depth))
        atoms.extend(words_to_atoms(self.speaker, words))
        return tuple(atoms)

    def item(self, depth: int) -> tuple[Atom, ...]:
        piece = self.pieces[self.at]
        if piece.kind == "not":
            return self.negated(depth)
        if piece.kind == "open":
            return self.group(depth)
        self.at += 1
        if piece.kind == "phrase":
            atom = phrase_atom(piece)
            return (atom,) if atom else ()
        following = self.words_ahead()
        atom, used = field_to_atom(self.speaker, piece, following)
        self.at += used
        return (atom,)

    def words_ahead(self) -> tuple[Piece, ...]:
        end = self.at
        while end < len(self.pieces) and self.pieces[end].kind == "word":
            end += 1
        return self.pieces[self.at : end]

    def group(self, depth: int) -> tuple[Atom, ...]:
        opened = self.pieces[self.at]
        if depth >= MAX_DEPTH:
            raise self.error(opened, f"brackets are nested more than {MAX_DEPTH} deep")
        self.at += 1
        atoms = self.either(depth + 1)
        if self.at >= len(self.pieces):
            raise self.error(opened, "a bracket is never closed", "Close it with ), or leave it out.")
        closed = self.pieces[self.at]
        self.at += 1
        if len(atoms) == 1:
            return atoms
        return (Atom("group", opened.start, closed.end, alternatives=(atoms,)),) if atoms else ()

    def negated(self, depth: int) -> tuple[Atom, ...]:
        operator = self.pieces[self.at]
        self.at += 1
        if self.at >= len(self.pieces) or self.pieces[self.at].kind in ("or", "close", "and"):
            raise self.error(operator, f"{operator.text} needs something after it")
        if depth >= MAX_DEPTH:
            raise self.error(operator, f"more than {MAX_DEPTH} denials in a row")
        words = self.words_ahead()
        if len(words) > 1 and words[0].text.lower() in _ARTICLES:
            self.at += 1
            words = words[1:]
        piece = self.pieces[self.at]
        if piece.kind == "word":
            first = words_to_atoms(self.speaker, words)[:1] if operator.text == "not" else ()
            if first and says_how(first[0], self.speaker.lexicon):
                return (denying(Atom("stop", operator.start, operator.end, operator.text)),)
            count = self.first_name(words)
            self.at += count
            atoms = words_to_atoms(self.speaker, words[:count])
        elif piece.kind == "not":
            atoms = self.negated(depth + 1)
        else:
            atoms = self.item(depth)
        node = bind(atoms, self.speaker.lexicon)
        if isinstance(node, Everything):
            return ()
        return (Atom("negated", operator.start, self.pieces[self.at - 1].end, node=node),)

    def first_name(self, words: Sequence[Piece]) -> int:
        """How many words the name takes that begins here: -rectus femoris tear denies rectus femoris."""
        start = words[0].start
        text = self.speaker.text[start : words[-1].end]
        for found in self.speaker.lexicon.recognise(text)[:1]:
            if found.start == 0:
                return sum(1 for w in words if w.start - start < found.end)
        return 1

    def error(self, piece: Piece, what: str, hint: str = "") -> QueryError:
        return QueryError(
            what, query=self.speaker.text, position=piece.start, hint=hint or "Quote it to look for the word."
        )


# ------------------------------------------------------------------------------------------- spelling


def respelt(query: Query, lexicon: Lexicon) -> tuple[Query, ...]:
    """The same question with its unknown words as they were probably meant; nothing where nothing is near.

    Words of four letters or more are compared with the names of the lexicon, together with an unknown
    neighbour first ("rectus femoriss"). Where several names are as near as each other (entesitis: enteritis,
    enthesitis) there is a question for each: what is held may tell which was meant.
    """
    changes = _changes(query, lexicon)
    found = []
    for chosen in islice(product(*(better for _, _, better in changes)), _MOST_READINGS) if changes else ():
        text = query.text
        notes: list[str] = []
        for (start, end, _), better in reversed(list(zip(changes, chosen, strict=True))):
            if (start, end, better) not in query.misspelt:
                notes.insert(0, f"showing results for {better} (you typed {query.text[start:end]})")
            text = text[:start] + better + text[end:]
        try:
            meant = query.again(text) if query.again is not None else parse(text, lexicon)
        except QueryError:
            continue
        found.append(replace(meant, understood=(*meant.understood, *notes)))
    return tuple(found)


def _changes(query: Query, lexicon: Lexicon) -> list[tuple[int, int, tuple[str, ...]]]:
    """The places (start, end; 0-based) of unknown words, each with the names that are nearest to it."""
    changes = []
    places = list(query.unknown[:_MOST_RESPELT])
    while places:
        for count in (3, 2, 1):
            window = places[:count]
            if len(window) < count or not _neighbours(query.text, window):
                continue
            start, end = window[0][0], window[-1][1]
            better = _nearest(query.text[start:end].strip(".,;:!?"), lexicon)
            if better:
                changes.append((start, end, better))
                places = places[count:]
                break
        else:
            beside = _with_neighbours(query.text, places[0], lexicon)
            changes += [beside] if beside is not None else []
            places = places[1:]
    known = [(start, end, (better,)) for start, end, better in query.misspelt]
    # what is understood though it is misspelt is put right as well: nobody is asked "did you mean" another slip
    return (
        sorted([*changes, *(k for k in known if not any(k[0] < c[1] and c[0] < k[1] for c in changes))])
        if changes
        else []
    )


def _with_neighbours(
    text: str, place: tuple[int, int], lexicon: Lexicon
) -> tuple[int, int, tuple[str, ...]] | None:
    """An unknown word as the one wrong word of a longer name ("myositis ossifcans")."""
    words = [m.span() for m in re.finditer(r"[^\s()\"]+", text)]
    at = next((n for n, (start, end) in enumerate(words) if start <= place[0] < end), None)
    if at is None:
        return None
    for low, high in ((at - 1, at), (at, at + 1), (at - 2, at), (at - 1, at + 1), (at, at + 2)):
        if low < 0 or high >= len(words):
            continue
        start, end = words[low][0], words[high][1]
        typed = text[start:end].split()
        names = _nearest(text[start:end], lexicon)
        whole = tuple(n for n in names if _differs_only(n.split(), typed, at - low))
        if whole:
            return start, end, whole
    return None


def _differs_only(name: Sequence[str], typed: Sequence[str], at: int) -> bool:
    return len(name) == len(typed) and all(
        fold(a) == fold(b) for n, (a, b) in enumerate(zip(name, typed, strict=True)) if n != at
    )


def _neighbours(text: str, places: Sequence[tuple[int, int]]) -> bool:
    return all(text[before[1] : after[0]].isspace() for before, after in pairwise(places))


def _nearest(word: str, lexicon: Lexicon) -> tuple[str, ...]:
    """The nearest name, or those that are as near as it; nothing where more are than can have been meant."""
    reach = allowed(word)
    if not reach or not any(c.isalpha() for c in word) or ordinary(word, lexicon):
        return ()
    scored = sorted(
        (edits, name)
        for name in lexicon.nearest(word, (), 6)
        if 0 < (edits := distance(word.lower(), name.lower(), reach)) <= reach
    )
    nearest: dict[str, str] = {}  # of the spellings of one thing (hematoma, haematoma) the first
    for edits, name in scored:
        if edits == scored[0][0]:
            concept = lexicon.resolve(name)
            nearest.setdefault(concept.id if concept else name, name)
    return tuple(nearest.values()) if len(nearest) <= _MOST_MEANT else ()
