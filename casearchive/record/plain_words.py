"""A line as a clinician would say it, into annotations: "complete tear right RF, 31 mm gap on contraction, M2".

``terms.understanding`` reads the words; here stand only what belongs to a case file: its clips and frames, and which
of the statements become findings. It is shown as understood before anything is saved.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

from casearchive.choices import CERTAINTIES
from casearchive.record.annotating import Annotation, Refused
from casearchive.terms import ABNORMALITY_KINDS, lexicon
from casearchive.terms.context import scopes
from casearchive.terms.grades import called
from casearchive.terms.quantities import sides_of
from casearchive.terms.slips import mended
from casearchive.terms.understanding import SIZE, About, Statement, understand
from casearchive.units import WRITTEN

_FRAMES = re.compile(r"\bframes?\s*(\d{1,6})(?:\s*(?:-|–|to|until)\s*(\d{1,6}))?", re.IGNORECASE)
#: "M2 5-9": frames need no word beside their clip, unless the numbers are a size.
_BESIDE = re.compile(
    rf"\s{{0,2}}[:,]?\s{{0,2}}(\d{{1,6}})\s?(?:-|–|to|until)\s?(\d{{1,6}})(?![\w.,]*\s{{0,2}}(?:{WRITTEN}))(?!\w)"
)
#: A number with what stands beside it.
_NUMBER = re.compile(
    rf"(?:\b(?P<word>grade|type|stage|class|score|gr\.?)\s{{0,2}}(?:[IVX]{{1,4}}|\d+[a-d]?)\b)|"
    rf"(?<![\w.,/-])\d+(?:[.,]\d+)?(?:\s?(?:{WRITTEN}))?(?![\w/-])",
    re.IGNORECASE,
)
#: Said of this patient's examination; anything else is asked, advised, an earlier label, or somebody else's.
_FOUND = (*CERTAINTIES, "historical")
_GAPS = ("gap", "separation", "retraction")
_PLACES = frozenset(
    ("muscle", "tendon", "ligament", "nerve", "bursa", "vessel", "organ", "disc", "fascia", "cartilage")
)
_DOPPLER = ("pd", "ohberg")
_IDLE = frozenset(
    re.findall(
        r"\w+",
        "a an the of in on at with and or is are was were there to by for from its it this that these seen found shows "
        "shown show no not without clip clips frame frames picture image grade grades type measuring measures measured "
        "about during after while has as be side sided both x right left wide long thick deep apart between",
    )
)


def understood(text: str, media: Collection[str] = (), target: str = "") -> tuple[Annotation, ...]:
    """The findings that ``text`` tells, several parted by semicolons or lines; ``media`` are the ids of the clips.

    A statement without a structure takes that of the one before it. With ``target`` the words tell more of that
    finding, and need not name it again. Raises ``Refused`` where no finding is told, or where one is said to be
    on both sides, naming the words.
    """
    found: list[Annotation] = []
    for part in re.split(r"[;\n]", text):
        if part.strip():
            found += _annotations(part.strip(), media, target, found[-1] if found else None)
    if not found:
        raise Refused((("the words", "they tell nothing"),))
    return tuple(found)


def _annotations(
    text: str, media: Collection[str], target: str, before: Annotation | None
) -> list[Annotation]:
    names = "|".join([r"M\d{1,4}", *map(re.escape, media)])
    clips = list(re.finditer(rf"(?<![\w-])(?:{names})(?![\w-])", text))
    beside = [m for clip in clips if (m := _BESIDE.match(text, clip.end())) is not None]
    frames = [*_FRAMES.finditer(text), *beside]
    words = _blanked(text, [*clips, *frames])
    told = before.finding if before is not None else {}
    about = About(str(told.get("structure", "")), str(told.get("side", "unknown")))
    statements = _merged([s for s in understand(words, about=about) if not s.inferred])
    findings = [s for s in statements if s.presence in _FOUND and (s.abnormality or target)]
    if not findings:
        _refuse_nothing(text, words, statements)
    evidence = _evidence(clips, frames)
    left = tuple(_left_aside(words, statements))
    made: list[Statement] = []
    for statement in findings:
        where = statement.structure or next(
            (s.structure for s in reversed(made) if s.structure), about.structure
        )
        made.append(replace(statement, structure="" if target and not statement.own else where))
    return [_annotation(s, words, text, target, evidence, clips, frames, left) for s in made]


def _annotation(
    statement: Statement,
    words: str,
    text: str,
    target: str,
    evidence: dict[str, Any],
    clips: Sequence[re.Match[str]],
    frames: Sequence[re.Match[str]],
    left: tuple[str, ...],
) -> Annotation:
    _check_sides(statement, words)
    made: dict[str, Any] = {
        "structure": statement.structure,
        "site": statement.site,
        "severity": statement.severity or (_named(words, "severity") if target else ""),
        "temporality": statement.temporality,
        "echogenicity": list(statement.echogenicity),
    }
    gap = words[statement.start : statement.end].lower() in _GAPS
    if not (target and (gap or not statement.abnormality)):
        made["abnormality"] = statement.abnormality
        made["certainty"] = "definite" if statement.presence == "historical" else statement.presence
    if statement.side not in ("unknown", "contralateral"):
        made["side"] = statement.side
    if statement.modality != "us":
        made["modality"] = statement.modality
    for grade in statement.grades:
        name = called(grade.scale, lexicon())
        if name in _DOPPLER:
            made["doppler"] = {"scale": name, "value": float(re.sub(r"\D", "", grade.value) or 0)}
        elif name:
            made.setdefault("grades", {})[name] = grade.value
    made = {k: v for k, v in made.items() if v not in ("", [])}
    quote = f"“{words[statement.start : statement.end] or text[:60]}”"
    said = dict.fromkeys((*made, *made.get("grades", ())), quote)
    said |= {"side": f"“{made['side']}”"} if "side" in made else {}
    said |= {"media": f"“{clips[0][0]}”"} if clips else {}
    said |= {"frames": f"“{frames[0][0]}”"} if frames else {}
    if left:
        made["note"] = text
    rows = tuple(_measurements(statement, evidence))
    said |= {f"measure {n}": f"“{text[:60]}”" for n in range(len(rows))}
    return Annotation(target, made, evidence, measurements=rows, said=said, left_aside=left)


def _measurements(statement: Statement, evidence: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for quantity in statement.measurements:
        for what, value in sides_of(quantity):
            name = called(what, lexicon()) or "length"
            row: dict[str, Any] = {"what": name, "value": value, "unit": quantity.unit}
            row |= {"state": quantity.state} if quantity.state else {}
            row |= {"side": quantity.side} if quantity.side and quantity.side != statement.side else {}
            row |= {"media": evidence["media"]} if evidence else {}
            yield row


def _merged(statements: Sequence[Statement]) -> list[Statement]:
    """A measured gap beside a tear belongs to the tear; a measurement of a structure belongs to what is said of it."""
    tears = lexicon().narrower("tear")
    kept: list[Statement] = []
    for one in statements:
        gap = one.abnormality == "retraction" and one.measurements
        hosts = [
            n
            for n, s in enumerate(kept)
            if s.structure == one.structure and s.presence in _FOUND and s.presence != "absent"
            and (s.abnormality in tears if gap else not one.abnormality)
        ]  # fmt: skip
        if hosts and (gap or not one.abnormality):
            host = kept[hosts[-1]]
            measurements = (*host.measurements, *one.measurements)
            kept[hosts[-1]] = replace(host, measurements=measurements, grades=(*host.grades, *one.grades))
        else:
            kept.append(one)
    return kept


def _check_sides(statement: Statement, words: str) -> None:
    """Left and right in one clause: nobody can tell which is meant."""
    start = max(
        (m.start() for m in re.finditer(r",(?!\d)|\bbut\b", words) if m.start() < statement.start), default=0
    )
    end = min(
        (m.start() for m in re.finditer(r",(?!\d)|\bbut\b", words) if m.start() >= statement.end),
        default=len(words),
    )
    clause = words[start:end].lower()
    if (
        statement.side in ("left", "right")
        and re.search(r"\bleft\b", clause)
        and re.search(r"\bright\b", clause)
    ):
        raise Refused(
            ((f"“{words[start:end].strip(' ,')[:80]}”", "says left and right of the same finding"),),
            "Write two statements with a semicolon between them, or say bilateral.",
        )


def _evidence(clips: Sequence[re.Match[str]], frames: Sequence[re.Match[str]]) -> dict[str, Any]:
    if not clips:
        if frames:
            raise Refused(((f"“{frames[0][0]}”", "of which clip? Name it: M2 frames 39-98"),))
        return {}
    made: dict[str, Any] = {"media": clips[0][0]}
    if frames:
        made["frames"] = [int(frames[0][1]), int(frames[0][2] or frames[0][1])]
    return made


def _blanked(text: str, taken: Sequence[re.Match[str]]) -> str:
    """The text without what is no word, every other letter in its place."""
    for match in taken:
        text = text[: match.start()] + " " * (match.end() - match.start()) + text[match.end() :]
    return text


def _named(words: str, kind: str) -> str:
    """The first concept of a kind that stands in the words."""
    found = (lexicon().concept(m.concept) for m in lexicon().recognise(words))
    return next((c.id for c in found if c is not None and c.kind == kind), "")


def _left_aside(words: str, statements: Sequence[Statement]) -> Iterator[str]:
    """Words that nothing was made of."""
    text = mended(words, lexicon()).text
    known = [(m.start, m.end) for m in lexicon().recognise(text)]
    known += [(g.start, g.end) for s in statements for g in s.grades]
    known += [(q.start, q.end) for s in statements for q in s.measurements]
    known += [m.span() for m in SIZE.finditer(text) if any(s.severity for s in statements)]
    denials = {w.lower() for s in scopes(text, lexicon()) for w in re.findall(r"\w+", s.trigger)}
    numbers = [m for m in _NUMBER.finditer(text) if not any(a < m.end() and m.start() < b for a, b in known)]
    known += [m.span() for m in numbers]
    yield from (m[0].strip() for m in numbers)
    yield from _unused(text, statements)
    for match in re.finditer(r"[^\W\d_]+(?:['’-][^\W_]+)*", text):
        word = match[0].lower()
        if len(word) < 3 or word in _IDLE or word in denials or word in _GAPS:
            continue
        if not any(start <= match.start() < end for start, end in known):
            yield match[0]


def _unused(text: str, statements: Sequence[Statement]) -> Iterator[str]:
    """What has a meaning, and no place in any of the findings: a structure, a side, what was only asked."""
    words = lexicon()
    used = {
        i for s in statements if s.structure for i in words.narrower(s.structure) | words.broader(s.structure)
    }
    sides = {s.side for s in statements}
    for mention in words.recognise(text):
        concept = words.concept(mention.concept)
        if concept is None or concept.id == concept.kind:
            continue
        lost = concept.kind in _PLACES and concept.id not in used
        if lost or (concept.id in ("left", "right") and not sides & {concept.id, "bilateral"}):
            yield mention.text
    for statement in statements:
        if statement.abnormality and statement.presence not in _FOUND:
            yield text[statement.start : statement.end]


def _refuse_nothing(text: str, words: str, statements: Sequence[Statement]) -> None:
    quote = f"“{text[:80]}”"
    if any(s.abnormality for s in statements):
        why = "tells what was asked, thought before or advised, not what was found (--prior tells what was thought)"
        raise Refused(((quote, why),))
    near = next(
        (n for w in _left_aside(words, statements) if (n := lexicon().nearest(w, ABNORMALITY_KINDS))), ()
    )
    meant = f"; did you mean {', '.join(near)}?" if near else ": say what was seen, or “normal”"
    raise Refused(((quote, f"names no finding that the vocabulary knows{meant}"),))
