"""Numbers in a text: measurements with their units and states, and grades with their scales.

Units are written in UCUM (``mm2``, ``mL``); a decimal comma is understood. A number followed by "proximal to" is
a place, not a size, and is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from casearchive.terms.concepts import Lexicon
from casearchive.terms.naming import Named
from casearchive.terms.norms import norms
from casearchive.units import WRITTEN, counts, in_base, ucum

_NUMBER = r"\d{1,6}(?:[.,]\d{1,4})?"
_MEASURE = re.compile(
    rf"(?<![\w.,/-])(?P<one>{_NUMBER})\s{{0,2}}(?:(?P<of_one>{WRITTEN})\s{{0,2}})?"
    rf"(?:(?P<by>[x×*]|by)\s{{0,2}}(?P<two>{_NUMBER})\s{{0,2}}(?:(?P<of_two>{WRITTEN})\s{{0,2}})?"
    rf"(?:(?:[x×*]|by)\s{{0,2}}(?P<three>{_NUMBER})\s{{0,2}})?|(?:-|–|"
    rf"to)\s{{0,2}}(?P<high>{_NUMBER})\s{{0,2}})?"
    rf"(?P<hyphen>-)?(?P<unit>{WRITTEN})",
    re.IGNORECASE,
)
#: "2 cm proximal to the insertion" tells where, "at 4 cm depth" too.
_PLACE = re.compile(
    r"\s*(?:(?:more\s+)?(?:proximal|distal|above|below|cranial|caudal|medial|lateral|deep|superficial|away|"
    r"inferior|superior)\b"
    r"|from\s+(?:the|its)\b)",
    re.IGNORECASE,
)
#: "The stump 45 mm proximal" tells how far it went.
_STUMP = re.compile(r"\b(?:stump|end|tendon end)s? (?:(?:is|lies|sits|found|was|at) ){0,2}\Z", re.IGNORECASE)
#: What a number is said to be, where no measurement of the lexicon is named.
_SPOKEN = {
    "gap": "meas_gap", "stump": "meas_gap", "stumps": "meas_gap", "retraction": "meas_gap",
    "retracted": "meas_gap", "separation": "meas_gap", "separated": "meas_gap", "apart": "meas_gap",
    "thick": "meas_thickness", "thickness": "meas_thickness",
    "thickened": "meas_thickness", "area": "meas_csa", "csa": "meas_csa", "long": "meas_length",
    "length": "meas_length",
    "deep": "meas_depth", "depth": "meas_depth", "volume": "meas_volume", "glide": "meas_excursion",
    "glides": "meas_excursion", "gliding": "meas_excursion", "excursion": "meas_excursion", "wide": "meas_ml",
    "width": "meas_ml", "moves": "meas_excursion", "diameter": "meas_diameter", "diameters": "meas_diameter",
}  # fmt: skip
_STATES = {
    "at rest": "rest", "resting": "rest", "relaxed": "rest", "when relaxed": "rest", "in relaxation": "rest",
    "resisted": "contraction", "isometric": "contraction", "against resistance": "contraction",
    "tensed": "contraction", "on contraction": "contraction", "with contraction": "contraction",
    "during contraction": "contraction", "when contracted": "contraction", "contracted": "contraction",
    "on stretching": "passive_stretch",
}  # fmt: skip
_ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5"}
_VALUE = r"(?P<value>\d{1,2}(?:\.\d)?\+?[a-dA-D]?|IV|I{1,3}|V)(?![\w/%.,]*\d)(?!\w)"
_AFTER_SCALE = re.compile(
    rf"[\s:(=-]{{0,3}}(?:(?:ultrasound|muscle|injury|echogenicity|signal|vascularity|category|score|grade|"
    rf"grades|type|class|stage|"
    rf"flow)\s+){{0,2}}(?:of\s+)?{_VALUE}",
    re.IGNORECASE,
)
#: A grade of whatever scale.
GRADED = re.compile(
    rf"\b(?P<word>grade|type|class|score|stage|gr\.?)\s{{0,2}}[:=]?\s{{0,2}}{_VALUE}", re.IGNORECASE
)
_BEFORE_SCALE = re.compile(
    rf"\b(?:grade|type|class|score|stage)\s{{0,2}}{_VALUE}\s{{0,2}}[(,]?\s{{0,2}}(?:(?:by|on|according to|"
    rf"of)\s+)?(?:the\s+)?\Z",
    re.IGNORECASE,
)
_GRADED_WORDS = re.compile(
    r"\s*(?:\(?(?:by |on |according to )?)?(?:the )?([A-Za-z'’-]+)(?:\s+([A-Za-z'’-]+))?"
)


@dataclass(frozen=True, slots=True)
class Quantity:
    """``value`` in ``unit`` (UCUM); ``what`` is a measurement of the lexicon or empty, ``state`` a manoeuvre or
    ``rest``, ``side`` where it was said of one side. ``values`` holds every side of "54 x 19 x 28 mm"."""

    what: str
    value: float
    unit: str
    state: str = ""
    side: str = ""
    values: tuple[float, ...] = ()
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Graded:
    """A grade with its scale's concept id; ``scale`` is empty where the text names none."""

    scale: str
    value: str
    start: int = 0
    end: int = 0


def sides_of(quantity: Quantity) -> list[tuple[str, float]]:
    """(what, 54), ("meas_ml", 28), ("meas_ap", 19) of "54 x 19 x 28 mm": the longest side is what was measured."""
    values = sorted(quantity.values or (quantity.value,), reverse=True)
    return list(zip((quantity.what, "meas_ml", "meas_ap"), values, strict=False))


def quantities(text: str, start: int, end: int) -> Iterator[Quantity]:
    """The measurements in ``text[start:end]``, without what and in which state (see ``described``)."""
    limits = {number for _, number in norms(text, start, end)}
    for match in _MEASURE.finditer(text, start, end):
        if match.start() in limits:
            continue
        unit = ucum(match["unit"]) or match["unit"]
        if (
            counts(unit) == "a length"
            and _PLACE.match(text, match.end())
            and not _STUMP.search(text[: match.start()])
        ):
            continue
        numbers = tuple(
            _in_unit(_number(match[k]), match.groupdict().get(f"of_{k}"), unit)
            for k in ("one", "two", "three")
            if match[k]
        )
        if match["high"]:
            numbers = (_number(match["high"]),)
        yield Quantity("", max(numbers), unit, values=numbers if len(numbers) > 1 else (),
                       start=match.start(), end=match.end())  # fmt: skip


def _in_unit(value: float, written: str | None, unit: str) -> float:
    """ "4 cm x 30 mm": a side in a unit of its own, in the unit that stands last."""
    if written is None or counts(ucum(written) or "") != counts(unit):
        return value
    return round(in_base(value, written)[0] / in_base(1.0, unit)[0], 6)


def _number(written: str) -> float:
    if re.fullmatch(r"[1-9]\d{0,2},\d{3}", written):  # "1,200 ml": thousands, not a decimal comma
        return float(written.replace(",", ""))
    return float(written.replace(",", "."))


def described(
    found: Sequence[Quantity], text: str, bounds: tuple[int, int], named: Sequence[Named], terms: Lexicon
) -> list[Quantity]:
    """What each measurement of one clause measures, in which state and on which side.

    ``named`` is what the clause names. The name, state or side that follows a number before the
    next number belongs to it; else the nearest one before it.
    """
    text = _THICK.sub(lambda m: " " * len(m[0]), text)
    made: list[Quantity] = []
    sided = stated = bounds[0]  # a side or a state that the number before has taken is not this one's too
    for place, quantity in enumerate(found):
        before = found[place - 1].end if place else bounds[0]
        after = found[place + 1].start if place + 1 < len(found) else bounds[1]
        what = _what(text, quantity, before, after, bounds, named, terms)
        if (
            made
            and what in ("", "meas_length")
            and counts(made[-1].unit) == counts(quantity.unit)
            and _goes_on(text, made[-1], quantity)
        ):
            what = made[-1].what
        state, stated = _state(text, quantity, (max(before, stated), after), named)
        side = (
            _near(text, quantity, max(before, sided), after, named, ("laterality",)) if len(found) > 1 else ""
        )
        sided = max((n.end for n in named if side and n.kind == "laterality" and n.concept == side
                     and n.start < after), default=sided)  # fmt: skip
        known = what if what in terms or not what else ""
        if what == "meas_diameter" and not known:
            known = "meas_length"
        made.append(replace(quantity, what=known, state=state, side=side))
    return made


#: The depth of a tear, which measures nothing.
_THICK = re.compile(r"\b(?:full|partial)[- ]thickness\b", re.IGNORECASE)
_BECOMES = re.compile(
    r"\b(?:opening|widening|closing|gaping|growing|increasing|decreasing|rising|falling|narrowing|shrinking|reducing|"
    r"stretching|thickening|opens|widens|closes|gapes|grows|increases|decreases|rises|falls|narrows|shrinks|reduces|"
    r"becomes) (?:up |down |only )?(?:to )?\Z",
    re.IGNORECASE,
)


def _goes_on(text: str, last: Quantity, quantity: Quantity) -> bool:
    """ "6 mm at rest and 31 mm on contraction", "5 mm, opening to 23 mm": one thing, measured twice."""
    if _BECOMES.search(text[last.end : quantity.start]):
        return True
    return re.search(
        r"\b(?:and|to|but|versus|vs|compared|than)\b|,", text[last.end : quantity.start]
    ) is not None and not (
        re.search(r"\b(?:with|of|the)\b", text[last.end : quantity.start].lower())
        and "compared" not in text[last.end : quantity.start]
    )


def _near(
    text: str, quantity: Quantity, before: int, after: int, named: Sequence[Named], kinds: Sequence[str]
) -> str:
    behind = [m for m in named if m.kind in kinds and quantity.end <= m.start < after]
    ahead = [m for m in named if m.kind in kinds and before <= m.start < quantity.start]
    if behind and _close(text, quantity.end, behind[0].start):
        return behind[0].concept
    if ahead:
        return ahead[-1].concept
    return behind[0].concept if behind else ""


def _close(text: str, start: int, end: int) -> bool:
    """Nothing between the two but a few small words, and no comma."""
    between = text[start:end]
    return "," not in between and not re.search(r"\band\b", between) and len(between.split()) <= 4


def _state(text: str, quantity: Quantity, window: tuple[int, int], named: Sequence[Named]) -> tuple[str, int]:
    """The state of a measurement, and where the words that say so end."""
    before, after = window
    kinds = ("maneuver", "maneuver_state")
    found = _near(text, quantity, before, after, named, kinds)
    if found:
        ends = [n.end for n in named if n.kind in kinds and n.concept == found and before <= n.start < after]
        return found, max(ends)
    for low, high in ((quantity.end, after), (before, quantity.start)):
        piece = text[low:high].lower()
        for words, state in _STATES.items():
            if words in piece:
                return state, low + piece.index(words) + len(words)
    return "", before


def _suits(what: str, unit: str, terms: Lexicon) -> bool:
    concept = terms.concept(what)
    if concept is None or not concept.unit:
        return True
    return concept.unit == unit or counts(concept.unit) == counts(unit) != ""


def _what(
    text: str,
    quantity: Quantity,
    before: int,
    after: int,
    bounds: tuple[int, int],
    named: Sequence[Named],
    terms: Lexicon,
) -> str:
    measured = _near(text, quantity, before, after, named, ("measurement",))
    if measured and _suits(measured, quantity.unit, terms):
        return measured
    words = re.findall(r"[a-z]+", text[quantity.end : min(after, quantity.end + 40)].lower())[:3]
    low = max(before, quantity.start - 60, _own(text, quantity, before, named))
    words += re.findall(r"[a-z]+", text[low : quantity.start].lower())[::-1][:6]
    counted = counts(quantity.unit)
    for word in words:
        what = _SPOKEN.get(word)
        if what and _suits(what, quantity.unit, terms):
            return what
    if counted == "an area":
        return "meas_csa"
    if counted == "a volume":
        return "meas_volume"
    if quantity.unit == "%":
        torn = re.search(
            r"\b(?:cross-?section|fibres?|fibers?|torn|tears?|csa|width|thickness)\b",
            text[bounds[0] : bounds[1]],
            re.I,
        )
        return "meas_percent_csa" if torn else ""
    return "meas_length" if counted == "a length" else ""


def _own(text: str, quantity: Quantity, before: int, named: Sequence[Named]) -> int:
    """Where the words begin that tell what is measured: "no retraction, haematoma 4 cm" measures no retraction."""
    comma = text.rfind(",", before, quantity.start)
    if comma < 0:
        return before
    return max((n.start for n in named if n.abnormal and comma < n.start < quantity.start), default=before)


@lru_cache(maxsize=4)
def _scale_names(terms: Lexicon) -> re.Pattern[str]:
    """Every way of naming a scale, short ones too: a number beside it makes clear what is meant."""
    names: set[str] = set()
    for scale in terms.ids({"scale"}):
        concept = terms.concept(scale)
        if concept is not None:
            names.update((*concept.names, *concept.abbreviations, *concept.short_names))
    ways = "|".join(re.escape(n) for n in sorted(names, key=len, reverse=True)) or r"\Z\A"
    return re.compile(rf"(?<![\w-])(?:modified\s+)?(?P<name>{ways})(?![\w])", re.IGNORECASE)


def grades(text: str, start: int, end: int, named: Sequence[Named], terms: Lexicon) -> list[Graded]:
    """Grades in ``text[start:end]``: "Peetrons 2", "Heckmatt III", "grade 2 power Doppler",
    "grade 2 (BAMIC)"."""
    found: list[Graded] = []
    spoken = [
        (m.start(), m.end(), _scale(terms, m["name"])) for m in _scale_names(terms).finditer(text, start, end)
    ]
    spoken += [(n.start, n.end, _scale(terms, f"{n.text} grade")) for n in named if n.kind == "mode"]
    for low, high, scale in sorted(spoken):
        if not scale or any(g.start <= low < g.end for g in found):
            continue
        match = _AFTER_SCALE.match(text, high, end)
        if match:
            found.append(Graded(scale, _value(match["value"], scale, terms), low, match.end()))
            continue
        before = _BEFORE_SCALE.search(text, start, low)
        if before:
            found.append(Graded(scale, _value(before["value"], scale, terms), before.start(), high))
    for match in GRADED.finditer(text, start, end):
        if not any(g.start <= match.start() < g.end for g in found):
            graded = _graded(text, match, named, terms)
            if graded is not None:
                found.append(graded)
    return found


def _graded(text: str, match: re.Match[str], named: Sequence[Named], terms: Lexicon) -> Graded | None:
    """ "grade 2 sprain", "grade 2 MCL sprain": the scale is that of what is graded."""
    after = _GRADED_WORDS.match(text, match.end())
    words = [w for w in after.groups() if w] if after else []
    for count in (2, 1):
        if len(words) >= count:
            scale = _scale(terms, f"{' '.join(words[:count])} grade")
            if scale:
                return Graded(scale, _value(match["value"], scale, terms), match.start(), match.end())
    thing = next((n for n in named if n.abnormal and n.start >= match.end()), None)
    between = [n for n in named if thing and match.end() <= n.start and n.end <= thing.start]
    left = _blanked(text, match.end(), thing.start, between) if thing else "."
    scale = _scale(terms, f"{thing.text} grade") if thing and between and not left.strip() else ""
    return Graded(scale, _value(match["value"], scale, terms), match.start(), match.end()) if scale else None


def _blanked(text: str, start: int, end: int, named: Sequence[Named]) -> str:
    piece = list(text[start:end])
    for name in named:
        for at in range(name.start - start, name.end - start):
            piece[at] = " "
    return "".join(piece)


#: What a muscle has that is given a grade, where nothing else is said of it; grade 0 is none.
_SHOWS: dict[str, dict[str, str]] = {
    "scale_peetrons": {"1": "strain", "2": "partial_tear", "3": "complete_tear"},
    "scale_bamic": {"": "strain"}, "scale_munich": {"": "strain"},
    "scale_heckmatt": {"2": "fatty_infiltration", "3": "fatty_infiltration", "4": "fatty_infiltration"},
    "scale_goutallier": {"": "fatty_infiltration"}, "scale_kellgren": {"": "osteoarthritis"},
}  # fmt: skip


def shown(grade: Graded) -> str:
    """The abnormality that a grade tells by itself ("Peetrons 2 of the soleus"), or nothing."""
    kinds = _SHOWS.get(grade.scale, {})
    return kinds.get(grade.value, kinds.get("", "")) if not grade.value.startswith("0") else ""


def _scale(terms: Lexicon, name: str) -> str:
    concept = terms.resolve(name, {"scale"})
    return concept.id if concept else ""


def _value(written: str, scale: str, terms: Lexicon) -> str:
    """The grade as its scale writes it: III is 3, 2B is 2b."""
    concept = terms.concept(scale)
    values = concept.values if concept else ()
    for way in (written, written.lower(), written.upper(), _ROMAN.get(written.lower(), written)):
        if way in values:
            return way
    return _ROMAN.get(written.lower(), written.lower())
