"""A line as a clinician would say it, into annotations: "complete tear right RF, 31 mm gap on contraction, M2".

The vocabulary recognises the concepts, ``terms.negation`` what is denied; a few rules do sides, numbers, grades
and frames. It is shown as understood before anything is saved.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from casearchive.record.annotating import Annotation, Refused
from casearchive.record.reading import short_word
from casearchive.record.units import UNITS, ucum
from casearchive.terms import ABNORMALITY_KINDS, STRUCTURE_KINDS, Mention, lexicon
from casearchive.terms.negation import ASKED, DENIED, UNASSESSED, scopes

_SIDES = ("left", "right", "bilateral", "midline")
_MODALITIES = ("mri", "xray", "ct", "emg", "ncs", "clinical_exam", "surgery")
_CERTAINTY = {DENIED: "absent", UNASSESSED: "not_assessed", ASKED: "possible"}
_UNIT = "|".join(
    re.escape(u)
    for u in sorted((*UNITS, "mm²", "cm²", "ml", "cc", "°", "degrees"), key=len, reverse=True)
    if u != "1"
)
_NUMBER = r"\d{1,5}(?:[.,]\d{1,3})?"
_VALUE = re.compile(
    rf"(?<![\w.])({_NUMBER}(?:\s*(?:mm|cm)?\s*[x×]\s*{_NUMBER}){{0,2}})\s*({_UNIT})(?![\w²/])", re.IGNORECASE
)
_FRAMES = re.compile(r"\bframes?\s*(\d{1,6})(?:\s*(?:-|–|to|until)\s*(\d{1,6}))?", re.IGNORECASE)
#: Words for what was measured that the vocabulary does not list as names of measurements.
_MEASURED = {
    "gap": "gap", "separation": "gap", "retraction": "gap", "retracted": "gap", "thick": "thickness",
    "long": "length", "wide": "ml", "deep": "depth", "across": "ml", "area": "csa",
}  # fmt: skip
_BY_UNIT = {"mm2": "csa", "cm2": "csa", "mL": "volume", "cm3": "volume", "mm3": "volume", "deg": "angle",
            "m/s": "shear_wave", "kPa": "stiffness", "%": "percent_csa"}  # fmt: skip
_IDLE = frozenset(
    re.findall(
        r"\w+",
        "a an the of in on at with and or is are was there to by for from its it this that seen found shows shown "
        "show no not without clip clips frame frames picture image grade grades type measuring measures measured "
        "about during after while has as be side sided both x right left",
    )
)


@dataclass(frozen=True, slots=True)
class _Said:
    """Something recognised: what it is, its concept or value, and where it stands."""

    kind: str
    value: Any
    start: int
    end: int


def understood(text: str, media: Collection[str] = (), target: str = "") -> tuple[Annotation, ...]:
    """The findings that ``text`` tells, several parted by semicolons or lines; ``media`` are the ids of the clips.

    A statement without a structure takes that of the one before it. With ``target`` the words tell more of that
    finding, and need not name it again. Raises ``Refused`` where no finding is told, or where one is said to be
    on both sides, naming the words.
    """
    found: list[Annotation] = []
    for statement in re.split(r"[;\n]", text):
        for part in _by_side(statement.strip(), media):
            found += _Statement(part, media, target).annotations(found[-1] if found else None)
    if not found:
        raise Refused((("the words", "they tell nothing"),))
    return tuple(found)


def _by_side(statement: str, media: Collection[str]) -> list[str]:
    """ "no tear left, complete tear right" tells of two sides: each clause that names a finding stands alone."""
    sides = {s.value for s in _Statement(statement, media).told("laterality")} if statement else set()
    if not {"left", "right"} <= sides:
        return [statement] if statement else []
    parts: list[str] = []
    for clause in re.split(r",(?!\d)|\bbut\b", statement):
        if parts and not _Statement(clause, media).told("abnormality"):
            parts[-1] += f", {clause.strip()}"
        else:
            parts.append(clause.strip())
    return parts


class _Statement:
    def __init__(self, text: str, media: Collection[str], target: str = "") -> None:
        self.text, self.target = text, target
        self.said = sorted(
            (*self._media(media), *self._frames(), *self._grades(), *self._values()), key=_start
        )
        free = [m for m in lexicon().recognise(text) if not any(_touch(m, s) for s in self.said)]
        self.said = sorted((*self.said, *map(self._concept, free)), key=_start)
        self._measures = self.told("value")
        self._settle_gaps()

    # ------------------------------------------------------------------------------------------ recognising

    def _media(self, media: Collection[str]) -> Iterator[_Said]:
        names = "|".join([r"M\d{1,4}", *map(re.escape, media)])
        for match in re.finditer(rf"(?<![\w-])(?:{names})(?![\w-])", self.text):
            yield _Said("media", match[0], match.start(), match.end())

    def _frames(self) -> Iterator[_Said]:
        for match in _FRAMES.finditer(self.text):
            last = int(match[2] or match[1])
            yield _Said("frames", [int(match[1]), last], match.start(), match.end())

    def _grades(self) -> Iterator[_Said]:
        for concept in map(lexicon().concept, lexicon().ids({"scale"})):
            assert concept is not None
            words = [re.escape(w.replace("_", " ")) for w in (*concept.short_names, *concept.names)]
            scale = rf"(?:{'|'.join(sorted(words, key=len, reverse=True))})(?![\w])"
            worth = r"([0-9]{1,2}[a-c]?|[IV]{1,3})"
            for pattern in (rf"\b{scale}\s*(?:grade|type|score|=|:)?\s*{worth}(?![\w.])(?!\s*(?:{_UNIT})\b)",
                            rf"\b(?:grade|type|score)\s*{worth}\s*(?:\(?|on |by |of )(?:the )?{scale}"):  # fmt: skip
                for match in re.finditer(pattern, self.text, re.IGNORECASE):
                    value = next((v for v in concept.values if v.lower() == match[1].lower()), match[1])
                    yield _Said("grade", (short_word(concept), value), match.start(), match.end())

    def _values(self) -> Iterator[_Said]:
        for match in _VALUE.finditer(self.text):
            numbers = [float(n.replace(",", ".")) for n in re.findall(_NUMBER, match[1])]
            yield _Said("value", (numbers, ucum(match[2]) or match[2]), match.start(), match.end())

    def _concept(self, mention: Mention) -> _Said:
        concept = lexicon().concept(mention.concept)
        assert concept is not None
        kind = concept.kind
        if kind in ABNORMALITY_KINDS:
            kind = "abnormality"
        elif kind in STRUCTURE_KINDS:
            kind = "structure"
        elif kind == "maneuver_state":
            kind = "maneuver"
        value = short_word(concept) if kind == "measurement" else concept.id
        return _Said(kind, value, mention.start, mention.end)

    def _settle_gaps(self) -> None:
        """ "31 mm gap" beside a tear is a measurement of it; alone it is a finding too."""
        others = [s for s in self.told("abnormality") if self._measured_word(s) == ""]
        if self._measures and (others or self.target):
            self.said = [s for s in self.said if s.kind != "abnormality" or not self._measured_word(s)]

    def _measured_word(self, said: _Said) -> str:
        word = self.text[said.start : said.end].lower()
        return (
            _MEASURED.get(word, "")
            if any(self._clause(said) == self._clause(v) for v in self._measures)
            else ""
        )

    # --------------------------------------------------------------------------------------------- binding

    def annotations(self, before: Annotation | None) -> list[Annotation]:
        whats = self._whats()
        if not whats and not (self.target and self.said):
            self._refuse_nothing()
        evidence = self._evidence()
        found = []
        every: list[_Said | None] = [*whats] if whats else [None]
        for what in every:
            wheres: Sequence[_Said | None] = self._wheres(what, whats) or [None]
            for where in wheres:
                finding, said = self._finding(what, where, before)
                measured = self._measurements(what, whats, evidence) if where is wheres[0] else []
                left = tuple(self._left_aside())
                if left:
                    finding["note"] = self.text
                found.append(
                    Annotation(
                        self.target,
                        finding=finding,
                        evidence=evidence,
                        measurements=tuple(measured),
                        said={
                            **said,
                            **{f"measure {n}": f"“{self.text[:60]}”" for n in range(len(measured))},
                        },
                        left_aside=left,
                    )
                )
                before = found[-1]
        return found

    def _whats(self) -> list[_Said]:
        """The abnormalities told, without those that another one says more precisely."""
        told = {s.value: s for s in reversed(self.told("abnormality"))}
        terms = lexicon()
        rough = {a for a in told for b in told if a != b and a in terms.broader(b)}
        return sorted((s for v, s in told.items() if v not in rough), key=_start)

    def _wheres(self, what: _Said | None, whats: Sequence[_Said]) -> list[_Said]:
        told = {s.value: s for s in reversed(self.told("structure"))}
        terms = lexicon()
        rough = {a for a in told for b in told if a != b and a in terms.broader(b)}
        rough |= {a for a in told for b in told if a != b and b in terms.narrower(a)}
        exact = sorted((s for v, s in told.items() if v not in rough), key=_start)
        if what is None or len(whats) == 1 or len(exact) < 2:
            return exact
        own = [s for s in exact if self._clause(s) == self._clause(what)]
        return [min(own or exact, key=lambda s: _apart(s, what))]

    def _finding(
        self, what: _Said | None, where: _Said | None, before: Annotation | None
    ) -> tuple[dict[str, Any], dict[str, str]]:
        made: dict[str, Any] = {}
        said: dict[str, str] = {}
        concept = None
        if what is not None:
            made["abnormality"], said["abnormality"] = what.value, self._quote(what)
            made["certainty"] = self._certainty(what)
            concept = lexicon().concept(what.value)
        if where is not None:
            made["structure"], said["structure"] = where.value, self._quote(where)
        elif concept is not None and concept.defined_as and concept.defined_as[0][0]:
            made["structure"] = concept.defined_as[0][0]
        elif before is not None and before.finding.get("structure"):
            made["structure"] = before.finding["structure"]
            if not self.told("laterality") and before.finding.get("side"):
                made["side"] = before.finding["side"]
        self._side(what, where, made, said)
        for kind in ("site", "severity", "temporality"):
            if near := self._nearest(kind, what):
                made[kind], said[kind] = near.value, self._quote(near)
        looks = [s.value for s in self.told("echogenicity", "artifact")]
        if looks:
            made["echogenicity"] = list(dict.fromkeys(looks))
        for near in self.told("modality"):
            modality = near.value.removesuffix("_finding")
            if modality in _MODALITIES:
                made["modality"], said["modality"] = modality, self._quote(near)
        for near in self.told("grade"):
            scale, value = near.value
            key = "doppler" if scale in ("pd", "ohberg") else "grades"
            if key == "doppler":
                made["doppler"] = {"scale": scale, "value": float(value)}
            else:
                made.setdefault("grades", {})[scale] = value
            said[key] = said[scale] = self._quote(near)
        for key in ("media", "frames"):
            for near in self.told(key)[:1]:
                said[key] = self._quote(near)
        return made, said

    def _side(
        self, what: _Said | None, where: _Said | None, made: dict[str, Any], said: dict[str, str]
    ) -> None:
        told = [s for s in self.told("laterality") if s.value in _SIDES]
        anchors = [a for a in (what, where) if a is not None]
        own = [s for s in told if any(self._clause(s) == self._clause(a) for a in anchors)] or told
        if {"left", "right"} <= {s.value for s in own}:
            raise Refused(
                ((f"“{self.text[:80]}”", "says left and right of the same finding"),),
                "Write two statements with a semicolon between them, or say bilateral.",
            )
        if own:
            made["side"], said["side"] = own[0].value, self._quote(own[0])

    def _certainty(self, what: _Said) -> str:
        for scope in scopes(self.text):
            if scope.start <= what.start and what.end <= scope.end and scope.why in _CERTAINTY:
                return _CERTAINTY[scope.why]
        for near in self.told("certainty"):
            if near.value in ("definite", "probable", "possible", "absent") and self._clause(
                near
            ) == self._clause(what):
                return str(near.value)
        return "definite"

    def _evidence(self) -> dict[str, Any]:
        clips, frames = self.told("media"), self.told("frames")
        if not clips:
            if frames:
                raise Refused(((self._quote(frames[0]), "of which clip? Name it: M2 frames 39-98"),))
            return {}
        made: dict[str, Any] = {"media": clips[0].value}
        if frames:
            made["frames"] = frames[0].value
        return made

    def _measurements(
        self, what: _Said | None, whats: Sequence[_Said], evidence: dict[str, Any]
    ) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        named = ""
        for value in self._measures:
            before = [w for w in whats if w.start < value.start]
            own = [w for w in whats if self._clause(w) == self._clause(value)]
            owner = next(reversed(own or before or whats), None)
            numbers, unit = value.value
            named = self._what(value, unit) or named or _BY_UNIT.get(unit, "length")
            if owner is not what:
                continue
            names = [named] if len(numbers) == 1 else ["length", "ml", "ap"]
            for name, number in zip(names, numbers, strict=False):
                row: dict[str, Any] = {"what": name, "value": number, "unit": unit}
                if state := self._state(value):
                    row["state"] = state
                if evidence:
                    row["media"] = evidence["media"]
                found.append(row)
        return found

    def _what(self, value: _Said, unit: str) -> str:
        start, end = self._clause(value)
        near = [s for s in self.told("measurement") if start <= s.start < end]
        if near:
            return str(min(near, key=lambda s: _apart(s, value)).value)
        words = [m for m in re.finditer(r"[A-Za-z]+", self.text[start:end]) if m[0].lower() in _MEASURED]
        if not words:
            return ""
        nearest = min(words, key=lambda m: abs(start + m.start() - value.start))
        return _MEASURED[nearest[0].lower()]

    def _state(self, value: _Said) -> str:
        own = [s for s in self.told("maneuver") if self._clause(s) == self._clause(value)]
        after = [s for s in own if s.start > value.start]
        return str((after or own[-1:])[0].value) if own else ""

    # ----------------------------------------------------------------------------------------------- parts

    def told(self, *kinds: str) -> list[_Said]:
        return [s for s in self.said if s.kind in kinds]

    def _nearest(self, kind: str, what: _Said | None) -> _Said | None:
        told = self.told(kind)
        return min(told, key=lambda s: _apart(s, what or s), default=None)

    def _clause(self, said: _Said) -> tuple[int, int]:
        """The place of what stands between two commas around something said."""
        breaks = [m.start() for m in re.finditer(r",(?!\d)|\bbut\b|\bwith\b|\band\b(?=\s+\d)", self.text)]
        start = max((b for b in breaks if b < said.start), default=0)
        return start, min((b for b in breaks if b >= said.end), default=len(self.text))

    def _quote(self, said: _Said) -> str:
        return f"“{self.text[said.start : said.end]}”"

    def _left_aside(self) -> Iterator[str]:
        """Words that nothing was made of."""
        denials = {w.lower() for s in scopes(self.text) for w in re.findall(r"\w+", s.trigger)}
        for match in re.finditer(r"[^\W_]+(?:['’-][^\W_]+)*", self.text):
            word = match[0].lower()
            known = any(s.start <= match.start() < s.end for s in self.said)
            if not known and word not in _IDLE and word not in denials and word not in _MEASURED:
                yield match[0]

    def _refuse_nothing(self) -> None:
        words = list(self._left_aside()) or [self.text[:40]]
        near = next((n for w in words if (n := lexicon().nearest(w, ABNORMALITY_KINDS))), ())
        meant = f"; did you mean {', '.join(near)}?" if near else ": say what was seen, or “normal”"
        raise Refused(((f"“{self.text[:80]}”", f"names no finding that the vocabulary knows{meant}"),))


def _start(said: _Said) -> int:
    return said.start


def _touch(mention: Mention, said: _Said) -> bool:
    return mention.start < said.end and said.start < mention.end


def _apart(one: _Said, other: _Said) -> int:
    return max(one.start, other.start) - min(one.end, other.end)
