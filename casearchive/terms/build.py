"""Compiles the readable lexicon into ``lexicon.json``: ``python -m casearchive.terms.build``.

Parsing TOML and folding two thousand names at every start would cost more than a search; the compiled table
loads in a few milliseconds. A test proves that it is up to date.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from casearchive.terms.concepts import ABNORMALITY_KINDS, STRUCTURE_KINDS, TIERS, Form
from casearchive.terms.words import fold, tokens

SOURCES = Path(__file__).with_name("lexicon")
COMPILED = Path(__file__).with_name("lexicon.json")

_HINT = re.compile(r"\s*\([^()]*\)\s*\Z")
_INSIDE = re.compile(r"\s*\([^()]*\)")
_TIER = {name: number for number, name in enumerate(TIERS)}
_TEXTS = ("synonyms", "abbreviations", "short_names", "misspellings", "values")
RELATIONS = ("is_a", "part_of", "branch_of", "region")
_KEYS = {"kind", "name", "defined_as", "unit", "ordinal", "codes", "note", *_TEXTS, *RELATIONS}


class LexiconError(ValueError):
    """The lexicon's sources contradict themselves; every complaint at once."""


def read(folder: Path = SOURCES) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """All concepts by id, and the words of ``words.toml``. A concept stands in one file only."""
    concepts: dict[str, dict[str, Any]] = {}
    words: dict[str, Any] = {}
    for path in sorted(folder.glob("*.toml")):
        table = tomllib.loads(path.read_text("utf-8"))
        if path.name == "words.toml":
            words = table
            continue
        for concept_id, row in table.items():
            if concept_id in concepts:
                raise LexiconError(f"{path.name}: {concept_id} is defined twice")
            concepts[concept_id] = row
    return concepts, words


def compile_table(concepts: dict[str, dict[str, Any]], words: dict[str, Any]) -> dict[str, Any]:
    """The table ``Lexicon`` reads; refuses sources that contradict themselves."""
    complaints = list(_complaints(concepts))
    if complaints:
        raise LexiconError("\n".join(complaints))
    exact = set(words["case_matters"])
    forms: dict[str, list[Form]] = {}
    for concept_id, row in concepts.items():
        for folded, tier, written in _forms(concept_id, row):
            claims = forms.setdefault(folded, [])
            only_so = TIERS[tier] == "abbreviation" and (folded in exact or written.lower() in exact)
            if not any(known.concept == concept_id and known.tier <= tier for known in claims):
                claims.append(Form(concept_id, tier, written if only_so else ""))
    exceptions = sorted({fold(phrase) for phrase in words["exceptions"]})
    table = {
        "version": str(words["version"]),
        "fingerprint": _fingerprint(concepts, words),
        "concepts": concepts,
        "forms": {form: "|".join(c.written() for c in forms[form]) for form in sorted(forms)},
        "longest": _longest((*forms, *exceptions)),
        "words": _words(concepts),
        "ambiguous": {fold(form): ids for form, ids in words["ambiguous"].items()},
        "exceptions": exceptions,
        "equivalent": words["equivalent"],
        "injury": words.get("injury", {}),
        "also": words.get("also", {}),
        "near": words.get("near", {}),
    }
    complaints = list(_cross_complaints(table, forms))
    if complaints:
        raise LexiconError("\n".join(complaints))
    return table


def _fingerprint(concepts: dict[str, dict[str, Any]], words: dict[str, Any]) -> str:
    """Changes with every change of the sources: an index made with another one should be made again."""
    content = json.dumps([concepts, words], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _words(concepts: dict[str, dict[str, Any]]) -> dict[str, str]:
    """The folded words of all names; and those of the right names of structures and abnormalities."""
    every: set[str] = set()
    of_findings: set[str] = set()
    for row in concepts.values():
        right = {t.word for name in (row["name"], *row.get("synonyms", ())) for t in tokens(name)}
        others = (
            name for key in ("abbreviations", "misspellings", "short_names") for name in row.get(key, ())
        )
        every.update(right, (t.word for name in others for t in tokens(name)))
        if row["kind"] in STRUCTURE_KINDS | ABNORMALITY_KINDS:
            of_findings |= right
    return {"every": " ".join(sorted(every)), "of_findings": " ".join(sorted(of_findings))}


def _longest(forms: Iterable[str]) -> dict[str, int]:
    """How many words the longest form has that begins with a word; words that begin no longer one are left out."""
    longest: dict[str, int] = {}
    for form in forms:
        first, *rest = form.split(" ")
        if rest:
            longest[first] = max(longest.get(first, 0), len(rest) + 1)
    return dict(sorted(longest.items()))


def _forms(concept_id: str, row: dict[str, Any]) -> Iterator[tuple[str, int, str]]:
    """(folded form, tier, as written) for every way of writing one concept."""
    listed = [(row["name"], "preferred")]
    listed += [(name, "synonym") for name in row.get("synonyms", ())]
    listed += [(name, "abbreviation") for name in row.get("abbreviations", ())]
    listed += [(name, "misspelling") for name in row.get("misspellings", ())]
    listed += [(name, "short") for name in row.get("short_names", ())]
    for name, tier in listed:
        bare = _INSIDE.sub("", name).strip()
        hinted = tier == "synonym" and _HINT.search(name) is not None
        yield fold(bare), _TIER["hinted" if hinted else tier], name
        if bare != name and not hinted:
            yield fold(name), _TIER[tier], name
    yield fold(concept_id.replace("_", " ")), _TIER["short"], concept_id


def _complaints(concepts: dict[str, dict[str, Any]]) -> Iterator[str]:
    """What is wrong with single concepts and their relations."""
    for concept_id, row in concepts.items():
        if not re.fullmatch(r"[a-z][a-z0-9_]*", concept_id):
            yield f"{concept_id}: an id is lower case with underscores"
        for key in sorted(set(row) - _KEYS):
            yield f"{concept_id}: unknown key {key}"
        for key in ("kind", "name"):
            if not row.get(key):
                yield f"{concept_id}: {key} is missing"
        parents = [(r, p) for r in RELATIONS for p in row.get(r, ())]
        parents += [(f"defined_as.{k}", p) for k, p in row.get("defined_as", {}).items()]
        for relation, parent in parents:
            if parent not in concepts:
                yield f"{concept_id}: {relation} names {parent}, which does not exist"
        for key in _TEXTS:
            names = row.get(key, [])
            if len(set(names)) != len(names):
                yield f"{concept_id}: {key} says something twice"
    for relations in (("is_a", "part_of", "region"), ("branch_of",)):
        yield from _cycles(concepts, relations)


def _cycles(concepts: dict[str, dict[str, Any]], relations: tuple[str, ...]) -> Iterator[str]:
    done: set[str] = set()

    def walk(concept_id: str, path: tuple[str, ...]) -> str | None:
        if concept_id in path:
            return " > ".join((*path[path.index(concept_id) :], concept_id))
        if concept_id in done or concept_id not in concepts:
            return None
        for relation in relations:
            for parent in concepts[concept_id].get(relation, ()):
                circle = walk(parent, (*path, concept_id))
                if circle:
                    return circle
        done.add(concept_id)
        return None

    for concept_id in concepts:
        circle = walk(concept_id, ())
        if circle:
            yield f"a circle: {circle}"
            return


def _cross_complaints(table: dict[str, Any], forms: dict[str, list[Form]]) -> Iterator[str]:
    """Forms that several concepts claim with equal right must be settled by ``words.toml``."""
    from casearchive.terms.concepts import Lexicon

    made = Lexicon(json.loads(json.dumps(table)))
    for form, claims in forms.items():
        kinds = {table["concepts"][claim.concept]["kind"] for claim in claims}
        if form in table["ambiguous"]:
            if {c.concept for c in claims if c.tier < _TIER["short"]} != set(table["ambiguous"][form]):
                yield f"'{form}' is listed as ambiguous between other concepts than those that claim it"
            continue
        who = ", ".join(claim.concept for claim in claims)
        for among in ((), *({kind} for kind in sorted(kinds))):
            if made.resolve(form, among) is None:
                yield f"'{form}' means several concepts ({who}): drop one or list it as ambiguous"
                break
    for form in table["ambiguous"]:
        if form not in forms:
            yield f"'{form}' is listed as ambiguous, but nothing is called that"
    for name in ("also", "near"):
        for asked, shown in table[name].items():
            for concept_id in (asked, *shown):
                if concept_id not in table["concepts"]:
                    yield f"{name} names {concept_id}, which does not exist"
    for kind, injuries in table["injury"].items():
        for concept_id in injuries:
            if concept_id not in table["concepts"]:
                yield f"injury of a {kind} names {concept_id}, which does not exist"
    for rule in table["equivalent"]:
        for concept_id in (rule["abnormality"], rule["means"], *rule["except"]):
            if concept_id not in table["concepts"]:
                yield f"equivalent names {concept_id}, which does not exist"


def text(table: dict[str, Any]) -> str:
    """The compiled table as JSON, one line a concept and a form, so that a change is easy to see."""
    parts = []
    for key, value in table.items():
        if isinstance(value, dict) and value:
            lines = ",\n".join(f"  {_json(k)}: {_json(v)}" for k, v in value.items())
            parts.append(f" {_json(key)}: {{\n{lines}\n }}")
        else:
            parts.append(f" {_json(key)}: {_json(value)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def main() -> int:
    try:
        table = compile_table(*read())
    except LexiconError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    COMPILED.write_text(text(table), "utf-8", newline="\n")
    sys.stdout.write(f"{COMPILED.name}: {len(table['concepts'])} concepts, {len(table['forms'])} forms\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
