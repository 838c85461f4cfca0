"""What stands after a colon: concepts, choices, numbers with units, dates, ranges and lists, checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from casearchive.errors import QueryError
from casearchive.frozen import dataclass
from casearchive.query.fields import (
    ALIASES,
    FIELDS,
    FINDING,
    HAS,
    MEDIA,
    NUMBER_UNITS,
    Field,
    field_names,
    has_value,
    scale,
    scales,
)
from casearchive.query.measures import Measure, measure_named, span
from casearchive.query.tree import (
    CaseClause,
    GradeTest,
    Has,
    MeasureClause,
    Node,
    PriorClause,
    Range,
    TermClause,
    Test,
    Wanted,
)
from casearchive.query.wanted import either, is_abnormality, is_structure, literal, wanted
from casearchive.query.words import Piece
from casearchive.terms import STRUCTURE_KINDS, Concept, Lexicon
from casearchive.terms.grades import ordinal
from casearchive.terms.spelling import allowed, distance, likest
from casearchive.units import base_of, counts

_NUMBER = re.compile(r"(?P<number>[+-]?\d+(?:[.,]\d+)?)\s*(?P<unit>[^\d\s]\S*)?\Z")
_DASHED = re.compile(r"(\d+(?:[.,]\d+)?)\s*-\s*(\d+(?:[.,]\d+)?)\s*([^\d\s]\S*)?")
_DATE = re.compile(r"(\d{4})(?:-?(\d\d)(?:-?(\d\d))?)?\Z")
_ROLES = {"dx": "diagnosis", "ddx": "differential", "symptom": "symptom", "mechanism": "mechanism"}
_FILLED = "*"


@dataclass(frozen=True)
class Parsed:
    """The meaning of one ``field:value``; the members are those of ``atoms.Atom``.

    ``together`` holds concepts that were named in one value and belong together (no:"rectus femoris tear").
    """

    kind: str
    wanted: Wanted | None = None
    values: tuple[str, ...] = ()
    test: Test | None = None
    prop: object = None
    node: Node | None = None
    together: tuple[tuple[tuple[str, Wanted], ...], ...] = ()


@dataclass(frozen=True)
class Asked:
    """One field with its value and all that is needed to read it."""

    query: str
    lexicon: Lexicon
    field: Field
    name: str
    op: str
    value: str
    position: int
    exact: bool = False

    def error(self, what: str, hint: str = "") -> QueryError:
        return QueryError(what, query=self.query, position=self.position, hint=hint)


def field_atom(
    query: str,
    lexicon: Lexicon,
    fields: Mapping[str, Field],
    piece: Piece,
    following: Sequence[Piece],
    *,
    exact: bool = False,
) -> tuple[Parsed | None, int]:
    """Read a field; None where it is only a word with a colon after it ("MRI: …").

    ``exact`` takes concepts without their kinds and parts and corrects nothing.
    """
    written = piece.text
    name = ALIASES.get(written.lower(), written.lower())
    measure, _, state = name.partition("@")
    field = fields.get(name)
    if field is None and (of_scale := scale(name.removeprefix("grade."), lexicon)) is not None:
        field = Field(of_scale, FINDING, "grade", "")
    if field is None and measure_named(lexicon, measure) is not None:
        field = Field(measure, FINDING, "measure", "")
    if field is None:
        if not piece.op and not piece.value and not piece.quoted:
            return None, 0
        raise _unknown(query, fields, piece, lexicon)
    asked = Asked(query, lexicon, field, name, piece.op, piece.value.strip(), piece.start, exact)
    if not asked.value:
        raise asked.error(
            f"{written}: needs a value",
            f"{field.help or 'For example ' + name + '>=2'}; {name}:* asks whether it is filled.",
        )
    used = 0
    if field.takes in ("number", "measure") and following and not piece.quoted:
        asked, used = _with_unit(asked, following[0])
    if field.kinds and not piece.quoted and "," not in piece.value:
        asked, used = _longer(asked, following)
    return _READ[field.takes](replace(asked, name=state if field.takes == "measure" else name)), used


def _unknown(query: str, fields: Mapping[str, Field], piece: Piece, lexicon: Lexicon) -> QueryError:
    near = likest(piece.text.lower(), field_names(fields, lexicon), most=3, least=0.6)
    hint = f"Did you mean {' or '.join(n + ':' for n in near)}?" if near else "See: casearchive search --help"
    quoted = f"{piece.text}{piece.op or ':'}{piece.value}"
    return QueryError(
        f"there is no field “{piece.text}”",
        query=query,
        position=piece.start,
        hint=f'{hint} To look for the words themselves, quote them: "{quoted}".',
    )


def _with_unit(asked: Asked, following: Piece) -> tuple[Asked, int]:
    """gap>20 mm: the next word belongs to the number where it is a unit."""
    unit = following.text.strip(".,;").lower()
    units = NUMBER_UNITS.get(asked.field.name, {}) if asked.field.takes == "number" else {}
    if unit == "in" and asked.query[following.end :].strip():
        return asked, 0  # "gap>2 in the left soleus"
    if asked.value[-1:].isdigit() and (unit in units or (asked.field.takes == "measure" and base_of(unit))):
        return replace(asked, value=asked.value + unit), 1
    return asked, 0


def _longer(asked: Asked, following: Sequence[Piece]) -> tuple[Asked, int]:
    """finding:complete tear: take the next words too where together they name one concept."""
    words: list[str] = []
    end = None
    best = (asked, 0)
    for count, piece in enumerate(following[:4], 1):
        if end is not None and not asked.query[end : piece.start].isspace():
            break
        end = piece.end
        words.append(piece.text.strip(".,;"))
        value = " ".join((asked.value, *words))
        if asked.lexicon.resolve(value, asked.field.kinds) is not None:
            best = (replace(asked, value=value), count)
    return best


# ------------------------------------------------------------------------------------------- kinds of value


def _concept(asked: Asked) -> Parsed:
    field = asked.field
    if asked.op in (">", "<", ">=", "<="):
        raise asked.error(
            f"{field.name} cannot be compared with {asked.op}", f"Write {field.name}:{asked.value}."
        )
    if asked.value == _FILLED:
        return _filled(field)
    asked = _without_denial(asked)
    field = asked.field
    found = [_one(asked, value) for value in _list(asked.value)]
    together = [t for t in found if isinstance(t, tuple)]
    single = [w for w in found if isinstance(w, Wanted)]
    if together:
        if len(found) > 1:
            raise asked.error(f"{field.name}: a list takes one name between two commas")
        return _together(asked, together[0])
    return _named(field, either(*single) if len(single) > 1 else single[0])


def _without_denial(asked: Asked) -> Asked:
    """``finding:"no tear"`` asks for ``no:tear``; in other fields what is denied or doubted is no name."""
    kinds = asked.field.kinds
    plain = asked.value.replace("_", " ")
    if " " not in plain or "," in plain or asked.lexicon.resolve(plain, kinds) is not None:
        return asked
    from casearchive.terms.context import scopes

    told = {scope.presence for scope in scopes(plain, asked.lexicon)}
    named = [
        mention.text
        for mention in asked.lexicon.recognise(plain)
        if (concept := asked.lexicon.concept(mention.concept)) is not None
        and (concept.kind in kinds or concept.kind in STRUCTURE_KINDS or concept.kind == "laterality")
    ]
    if not told or not named:
        return asked
    name = " ".join(named)
    if asked.field.name == "finding" and told == {"absent"}:
        return replace(asked, field=FIELDS["no"], value=name)
    quoted = f'"{name}"' if " " in name else name
    hint = f"Write {asked.field.name}:{quoted}; no:tear asks for what was excluded, certainty:possible for a doubt."
    raise asked.error(f"{asked.field.name}: “{plain}” says more than a name", hint)


def _named(field: Field, meant: Wanted, structure: Wanted | None = None) -> Parsed:
    """The atom of a concept field."""
    name = field.name
    if name in ("structure", "region"):
        return Parsed("structure", meant)
    if name == "finding":
        return Parsed("abnormality", meant)
    if name == "no":
        return Parsed("abnormality", meant, values=("absent",))
    if name in ("site", "maneuver"):
        return Parsed(name, meant)
    if name == "prior":
        return Parsed("node", node=PriorClause(says=meant))
    if name == "missed":
        return Parsed("node", node=PriorClause(missed=meant))
    if name in _ROLES:
        return Parsed("node", node=TermClause(_ROLES[name], meant, structure))
    return Parsed("test", test=Test(name, "concept", values=meant.ids))


def _one(asked: Asked, text: str) -> Wanted | tuple[tuple[str, Wanted], ...]:
    """One concept, or a structure and an abnormality named together, or the words as they were written."""
    kinds = asked.field.kinds
    exact = asked.exact or asked.op == "=="
    concept = asked.lexicon.resolve(text, kinds)
    if concept is not None:
        return wanted(asked.lexicon, concept.id, text, exact=exact, by_field=True)
    senses = asked.lexicon.senses(text, kinds)
    if senses:
        return either(*(wanted(asked.lexicon, i, text, exact=exact, by_field=True) for i in senses))
    if asked.field.name in ("finding", "no", "dx", "ddx", "prior"):
        parts = _pair(asked, text)
        if parts:
            return parts
    near = _near(asked.lexicon, text, kinds)
    if near is None and kinds and not asked.exact:
        from casearchive.terms.phrases import held

        found = held(text, kinds, asked.lexicon)
        if found is not None and found.sides:
            raise asked.error(
                f"{asked.field.name}: leave the side out", f"Write side:{found.sides[0]} beside it."
            )
        near = found.concept.id if found is not None else None
    if near is not None and not asked.exact:
        return wanted(asked.lexicon, near, text, exact=exact, by_field=True)
    return literal(text, next(iter(sorted(kinds)), ""), near=asked.lexicon.nearest(text, kinds, 2))


def _pair(asked: Asked, text: str) -> tuple[tuple[str, Wanted], ...]:
    found: dict[str, Wanted] = {}
    covered = 0
    for mention in asked.lexicon.recognise(text):
        meant = wanted(asked.lexicon, mention.concept, mention.text, exact=asked.exact, by_field=True)
        if is_structure(meant.kind):
            kind = "structure"
        elif is_abnormality(meant.kind):
            kind = "abnormality"
        elif meant.kind == "laterality":
            kind = "side"
        else:
            return ()
        if kind in found:
            return ()
        found[kind] = meant
        covered += len(mention.text)
    left_over = len(re.sub(r"\W", "", text)) - len(
        re.sub(r"\W", "", "".join(w.typed for w in found.values()))
    )
    return tuple(found.items()) if "abnormality" in found and left_over <= 4 and covered else ()


def _together(asked: Asked, parts: tuple[tuple[str, Wanted], ...]) -> Parsed:
    named = dict(parts)
    if asked.field.name in ("finding", "no"):
        return Parsed("together", values=("absent",) if asked.field.name == "no" else (), together=(parts,))
    if "side" in named:
        raise asked.error(f"{asked.field.name}: leave the side out", "Write side:left beside it.")
    return _named(asked.field, named["abnormality"], named.get("structure"))


def _near(lexicon: Lexicon, text: str, kinds: frozenset[str]) -> str | None:
    """The one concept this word was probably meant to be, or None."""
    if len(text) < 5:
        return None
    names = lexicon.nearest(text, kinds, 2)
    reach = allowed(text)
    close = [n for n in names if distance(text.lower(), n.lower(), reach) <= reach]
    if len(close) != 1 and not (close and distance(text.lower(), close[0].lower(), reach) == 1):
        return None
    concept = lexicon.resolve(close[0], kinds)
    return concept.id if concept else None


def _filled(field: Field) -> Parsed:
    if field.name in ("structure", "finding", "site", "maneuver", "region"):
        column = {"finding": "abnormality", "region": "structure"}.get(field.name, field.name)
        return Parsed("property", prop=("filled", column))
    if field.name in ("prior", "missed", "discordance", "prior.modality"):
        return Parsed("node", node=PriorClause(filled=True))
    if field.name in _ROLES:
        return Parsed("node", node=TermClause(_ROLES[field.name], None))
    if field.name == "certainty":
        return Parsed("certainty", values=field.choices)
    if field.name == "quality":
        return Parsed("property", prop=("reviewed", None))
    test = Test(field.name, "filled")
    return Parsed("test", test=test) if field.level == MEDIA else Parsed("node", node=CaseClause(test))


def _no(asked: Asked) -> Parsed:
    return Parsed("certainty", values=("absent",)) if asked.value == _FILLED else _concept(asked)


def _choice(asked: Asked) -> Parsed:
    field = asked.field
    if asked.value == _FILLED:
        if field.level == FINDING and field.name not in ("certainty", "quality"):
            return Parsed("property", prop=("filled", field.name))
        return _filled(field)
    if asked.op in (">", "<", ">=", "<="):
        values = _ordered(asked)
    else:
        low, dots, high = asked.value.partition("..")
        values = (
            _between(asked, low, high)
            if dots and field.ordered
            else tuple(_chosen(asked, v) for v in _list(asked.value))
        )
    if field.name == "discordance":
        return Parsed("node", node=PriorClause(discordance=values))
    if field.name == "prior.modality":
        return Parsed("node", node=PriorClause(modality=values))
    if field.name == "quality":
        return Parsed("property", prop=("reviewed", None if len(values) > 1 else values == ("reviewed",)))
    if field.level == FINDING:
        return Parsed(field.name, values=values)
    if field.name == "kind" and values == ("case",):
        return Parsed("node", node=Has("case"))
    test = Test(field.name, "choice", values=values)
    return Parsed("test", test=test) if field.level == MEDIA else Parsed("node", node=CaseClause(test))


_CHOICE_KINDS = {
    "side": ("laterality",),
    "certainty": ("certainty",),
    "severity": ("severity",),
    "temporality": ("temporality",),
    "modality": ("modality",),
    "prior.modality": ("modality",),
    "discordance": ("discordance",),
    "difficulty": ("difficulty",),
}
_CHOICE_TOO = {
    "surgery_finding": "surgery",
    "missed_finding": "missed",
    "maybe": "possible",
    "male": "M",
    "man": "M",
    "female": "F",
    "woman": "F",
    "other": "O",
    "true": "yes",
    "false": "no",
    "photo": "image",
    "video": "clip",
}


def _chosen(asked: Asked, text: str) -> str:
    """The one of the field's choices that ``text`` names."""
    choices = asked.field.choices
    word = text.strip().lower().replace("-", "_").replace(" ", "_")
    for choice in choices:
        if word == choice.lower():
            return choice
    concept = asked.lexicon.resolve(text, _CHOICE_KINDS.get(asked.field.name, ("none",)))
    for name in (concept.id if concept else "", word):
        name = _CHOICE_TOO.get(name, name).removeprefix("difficulty_")
        if name in choices:
            return name
    near = likest(word, [c.lower() for c in choices], most=1, least=0.6)
    hint = f"Did you mean {asked.field.name}:{near[0]}? " if near else ""
    if asked.field.name == "severity":
        hint += "For how much is torn, ask finding:partial_tear or finding:complete_tear. "
    raise asked.error(f"{asked.field.name} cannot be “{text}”", hint + f"It takes {', '.join(choices)}.")


def _ordered(asked: Asked) -> tuple[str, ...]:
    if not asked.field.ordered:
        raise asked.error(
            f"{asked.field.name} has no order to compare with {asked.op}",
            f"Write {asked.field.name}:{asked.value}.",
        )
    choices = asked.field.choices
    if asked.field.name == "certainty":
        choices = choices[:3]
    at = choices.index(value) if (value := _chosen(asked, asked.value)) in choices else -1
    if at < 0:
        raise asked.error(f"certainty cannot be compared with “{value}”", "Write certainty:" + value + ".")
    if asked.op.startswith(">"):
        return choices[at + (asked.op == ">") :] or ("",)
    return choices[: at + (asked.op == "<=")] or ("",)


def _between(asked: Asked, low: str, high: str) -> tuple[str, ...]:
    choices = asked.field.choices
    first = choices.index(_chosen(asked, low)) if low else 0
    last = choices.index(_chosen(asked, high)) if high else len(choices) - 1
    if first > last:
        raise asked.error(f"{low}..{high} ends before it begins", f"Write {asked.field.name}:{high}..{low}.")
    return choices[first : last + 1]


#: Fields that count in fractions: asked for one number, they answer within half a percent.
_MEASURED = frozenset({"fps", "duration", "depth", "frequency", "mi", "ti"})


def _number(asked: Asked) -> Parsed:
    field = asked.field
    if asked.value == _FILLED:
        if field.name == "doppler":
            return Parsed("property", prop=("filled", "doppler_value"))
        test = Test(field.name, "filled")
        return Parsed("test", test=test) if field.level == MEDIA else Parsed("node", node=CaseClause(test))
    span = _range(asked, lambda text: _value(asked, text))
    if field.name == "doppler":
        return Parsed("property", prop=("doppler", span))
    if field.name in _MEASURED and span.low is not None and span.low == span.high:
        span = Range(span.low * 0.995, span.low * 1.005)  # 30 means 29.97 and 30.0003 too
    test = Test(field.name, "number", range=span)
    return Parsed("test", test=test) if field.level == MEDIA else Parsed("node", node=CaseClause(test))


def _value(asked: Asked, text: str) -> float:
    match = _NUMBER.match(text.strip())
    if match is None:
        raise asked.error(
            f"{asked.field.name} needs a number, not “{text}”",
            f"For example {asked.field.name}>=20 or {asked.field.name}:20..40.",
        )
    number = float(match["number"].replace(",", "."))
    if number < 0:
        raise asked.error(
            f"{asked.field.name} is never less than nothing", f"For example {asked.field.name}>=20."
        )
    unit = (match["unit"] or "").lower()
    if not unit:
        return number
    units = NUMBER_UNITS.get(asked.field.name, {})
    if unit not in units:
        known = ", ".join(units) or "no unit"
        raise asked.error(f"{asked.field.name} does not know the unit “{unit}”", f"It takes {known}.")
    return number * units[unit]


def _range(asked: Asked, read: Callable[[str], float]) -> Range:
    value = asked.value
    if dashed := _DASHED.fullmatch(value):
        low, high, unit = dashed.groups("")
        raise asked.error(
            f"“{value}” is no number: a range is written with two dots",
            f"Write {asked.field.name}:{low}{unit}..{high}{unit}.",
        )
    if asked.op in (">", ">="):
        return Range(low=read(value), low_in=asked.op == ">=")
    if asked.op in ("<", "<="):
        return Range(high=read(value), high_in=asked.op == "<=")
    low, dots, high = value.partition("..")
    if not dots:
        number = read(value)
        return Range(number, number)
    if not low.strip() and not high.strip():
        raise asked.error(
            f"{asked.field.name}: a range needs at least one end", "For example 20..40 or 20.. ."
        )
    span = Range(read(low) if low.strip() else None, read(high) if high.strip() else None)
    if span.low is not None and span.high is not None and span.low > span.high:
        raise asked.error(f"{low}..{high} ends before it begins", f"Write {asked.field.name}:{high}..{low}.")
    return span


def _date(asked: Asked) -> Parsed:
    if asked.value == _FILLED:
        return Parsed("test", test=Test(asked.field.name, "filled"))
    low, dots, high = asked.value.partition("..")
    if asked.op in (">", ">=", "<", "<=") or not dots:
        day = _day(asked, asked.value)
        bounds = {
            ">": (day + "~", ""),
            ">=": (day, ""),
            "<": ("", day),
            "<=": ("", day + "~"),
        }.get(asked.op, (day, day + "~"))
    else:
        first, last = (_day(asked, d) if d.strip() else "" for d in (low, high))
        if not first and not last:
            raise asked.error("date: a range needs at least one end", "For example date:2023..2024.")
        if first and last and first > last:
            raise asked.error(f"{low}..{high} ends before it begins", f"Write date:{high}..{low}.")
        bounds = (first, last + "~" if last else "")
    return Parsed("test", test=Test(asked.field.name, "date", bounds=bounds))


def _day(asked: Asked, text: str) -> str:
    match = _DATE.match(text.strip())
    if match is None or not 1 <= int(match[2] or 1) <= 12 or not 1 <= int(match[3] or 1) <= 31:
        raise asked.error(f"“{text}” is no date", "Write 2024, 2024-05 or 2024-05-17.")
    return "-".join(part for part in match.groups() if part)


def _text(asked: Asked) -> Parsed:
    field = asked.field
    if field.level == FINDING:
        if asked.value == _FILLED:
            return Parsed(
                "property", prop=("filled", "confirmed_by" if field.name == "confirmed" else field.name)
            )
        return Parsed("property", prop=(field.name, _list(asked.value)))
    how = "filled" if asked.value == _FILLED else "same" if asked.op in ("=", "==") else "text"
    test = Test(field.name, how, values=() if how == "filled" else _list(asked.value))
    return Parsed("test", test=test) if field.level == MEDIA else Parsed("node", node=CaseClause(test))


def _same(asked: Asked) -> Parsed:
    how = "filled" if asked.value == _FILLED else "same"
    test = Test(asked.field.name, how, values=() if how == "filled" else _list(asked.value))
    return Parsed("test", test=test) if asked.field.level == MEDIA else Parsed("node", node=CaseClause(test))


def _has(asked: Asked) -> Parsed:
    what = has_value(asked.value)
    if what is None:
        near = likest(asked.value.lower(), HAS, most=1, least=0.5)
        hint = f"Did you mean has:{near[0]}? " if near else ""
        raise asked.error(f"has:{asked.value} is not known", hint + "It takes " + ", ".join(HAS) + ".")
    return Parsed("node", node=Has(what))


def _grade(asked: Asked) -> Parsed:
    """peetrons>=2, peetrons:2..3, munich:3a, grade:peetrons>=2, grade:* (any scale)."""
    name, op, value = asked.field.name, asked.op, asked.value
    if asked.field.name == "grade":
        if value == _FILLED:
            return Parsed("property", prop=("grade", GradeTest("")))
        match = re.match(r"([a-z_]+)\s*(?:(>=|<=|==|>|<|=|:)\s*(\S+))?\Z", value.lower())
        of_scale = scale(match[1], asked.lexicon) if match is not None else None
        if match is None or of_scale is None:
            raise asked.error(
                "a grade belongs to its scale; scales never mix",
                f"Name one of {', '.join(scales(asked.lexicon))}: grade:peetrons>=2.",
            )
        name, op, value = of_scale, (match[2] or "").lstrip(":="), match[3] or _FILLED
    if value == _FILLED:
        return Parsed("property", prop=("grade", GradeTest(name)))
    plain = replace(asked, op=op, value=value, field=replace(asked.field, name=name))
    if _DASHED.fullmatch(value):
        _range(plain, lambda t: _value(plain, t))
    if op in ("", "=", "==") and ".." not in value and not re.fullmatch(r"\d+(\.\d+)?", value):
        return Parsed("property", prop=("grade", GradeTest(name, value=value)))
    limits = _range(plain, lambda t: _value(plain, t))
    known = asked.lexicon.resolve(name.replace("_", " "), ("scale",))
    grades = known.values if known is not None else ()
    if grades and not any((n := ordinal(g)) is not None and limits.holds(n) for g in grades):
        raise asked.error(f"{name} has no such grade", f"Its grades are {', '.join(grades)}.")
    return Parsed("property", prop=("grade", GradeTest(name, limits)))


_PLACE = re.compile(r"(?P<place>[^<>=\d][^<>=]*?)(?:(?P<op>>=|<=|==|>|<|=)(?P<rest>.*))?\Z")


def _measure(asked: Asked) -> Parsed:
    """gap>20mm, gap@contraction>=3cm, volume:10..30mL, csa:sciatic>60mm2; a bare number is in the usual unit."""
    measure = measure_named(asked.lexicon, asked.field.name)
    assert measure is not None
    structure = None
    at = _PLACE.match(asked.value) if asked.op in ("", "=") and asked.value != _FILLED else None
    if at is not None:
        concept = _structure(asked.lexicon, at["place"].strip())
        if concept is None:
            raise asked.error(
                f"{measure.label} needs a number or a structure, not “{at['place'].strip()}”",
                f"For example {asked.field.name}>20{measure.unit} or {asked.field.name}:sciatic_nerve>20.",
            )
        structure = wanted(asked.lexicon, concept.id, at["place"].strip(), exact=asked.exact, by_field=True)
        asked = replace(asked, op=at["op"] or "", value=(at["rest"] or "").strip() or _FILLED)
    limits = (
        Range() if asked.value == _FILLED else _range(asked, lambda text: _measured(asked, measure, text))
    )
    states: tuple[str, ...] = ()
    if asked.name:
        states = tuple(sorted(asked.lexicon.narrower(_state(asked, measure))))
    clause = MeasureClause(
        measure.names, measure.label, limits, measure.unit, states, structure, by_field=True
    )
    return Parsed("node", node=clause)


def _state(asked: Asked, measure: Measure) -> str:
    """The state or manoeuvre behind the @ of a measurement."""
    kinds = ("maneuver", "maneuver_state")
    named = asked.name.replace("_", " ")
    concept = asked.lexicon.resolve(asked.name, kinds) or asked.lexicon.resolve(named, kinds)
    if concept is not None:
        return concept.id
    near = asked.lexicon.nearest(named, kinds, 2)
    meant = f"Did you mean {' or '.join(near)}? " if near else ""
    raise asked.error(
        f"{measure.label}@{asked.name}: “{named}” is no state or manoeuvre",
        f"{meant}For example {asked.field.name}@contraction>20{measure.unit} or {asked.field.name}@rest.",
    )


def _structure(lexicon: Lexicon, word: str) -> Concept | None:
    """A structure by its name, or by the telling half of it: the sciatic, the Achilles."""
    for kind in ("", " nerve", " muscle", " tendon", " ligament", " artery", " vein", " joint"):
        concept = lexicon.resolve(word + kind, STRUCTURE_KINDS)
        if concept is not None:
            return concept
    return None


def _measured(asked: Asked, measure: Measure, text: str) -> float:
    match = _NUMBER.match(text.strip())
    if match is None:
        raise asked.error(
            f"{measure.label} needs a number, not “{text}”",
            f"For example {asked.field.name}>20{measure.unit}.",
        )
    number = float(match["number"].replace(",", "."))
    if number < 0 and counts(measure.unit) in ("a length", "an area", "a volume"):
        raise asked.error(
            f"{measure.label} is never less than nothing", f"For example {asked.field.name}>20."
        )
    limits = span(measure, number, None, match["unit"] or "")
    if limits is None or limits.low is None:
        raise asked.error(
            f"{measure.label} is not measured in “{match['unit']}”", f"Its unit is {measure.unit}."
        )
    return limits.low


def _list(value: str) -> tuple[str, ...]:
    """a,b,c as its parts; a comma by itself is text."""
    parts = tuple(p.strip() for p in value.split(",") if p.strip())
    return parts or (value,)


_READ = {
    "concept": _concept,
    "no": _no,
    "choice": _choice,
    "number": _number,
    "date": _date,
    "text": _text,
    "same": _same,
    "has": _has,
    "grade": _grade,
    "measure": _measure,
}
