"""A clinic's own terms: one TOML file beside the archive's records, read on top of the package's vocabulary.

It has the form of ``lexicon/*.toml``: a table a concept. A concept that the package has may be given more names; new
ones need a kind and a name, and stand below others by the usual relations.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import tomllib
from pathlib import Path
from typing import Any

from casearchive.errors import Problem, RecordError
from casearchive.terms.concepts import Lexicon, packaged
from casearchive.terms.words import fold

FILE = "terms.toml"

#: What may be added to a concept that the package has.
_MORE = ("synonyms", "abbreviations", "misspellings", "short_names")
#: Words that are in every text, or deny and join what stands beside them: they name nothing.
_SMALL = frozenset(
    """a about after all an and any are as at be because before but by can do does for from had has have her his if in
    into is it its may no nor not of off on or other our out over so than that the their then there these they this
    those to under until up was we were what when where which while who will with without yes you""".split()  # noqa: SIM905
)


def extended(path: Path, cache: Path | None = None) -> Lexicon:
    """The package's vocabulary with the terms in ``path``; compiled once and kept in the folder ``cache``.

    Raises ``RecordError`` with the line of everything that is wrong.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RecordError((Problem(FILE, 1, "file", f"cannot be read: {error.strerror}"),)) from error
    mark = hashlib.sha256(packaged().fingerprint.encode() + content).hexdigest()[:16]
    kept = cache / f"terms-{mark}.json" if cache is not None else None
    if kept is not None and kept.is_file():
        with contextlib.suppress(OSError, ValueError, KeyError):
            return Lexicon(json.loads(kept.read_bytes()))
    table = compiled(content)
    table["fingerprint"] = mark
    if kept is not None:
        _keep(kept, table)
    return Lexicon(table)


def named(path: Path) -> tuple[str, ...]:
    """The ids of the concepts that ``path`` adds or gives more names. Raises ``RecordError`` as ``extended`` does."""
    extended(path)
    return tuple(tomllib.loads(path.read_text("utf-8")))


def compiled(content: bytes) -> dict[str, Any]:
    """The table of both vocabularies. Raises ``RecordError``."""
    from casearchive.terms import build

    try:
        text = content.decode("utf-8")
        own = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise RecordError((Problem(FILE, 1, "TOML", "is no text in UTF-8"),)) from error
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise RecordError((Problem(FILE, int(line[1]) if line else 1, "TOML", str(error)),)) from error
    concepts, words = build.read()
    problems = [Problem(FILE, _line(text, name), name, what) for name, what in _wrong(own, concepts)]
    if problems:
        raise RecordError(tuple(problems))
    for name, row in own.items():
        if name in concepts:
            old = concepts[name] = dict(concepts[name])
            for key, values in row.items():
                old[key] = [*old.get(key, ()), *(v for v in values if v not in old.get(key, ()))]
        else:
            concepts[name] = row
    try:
        return build.compile_table(concepts, words)
    except build.LexiconError as error:
        raise RecordError(tuple(_complaint(line, text, own) for line in str(error).splitlines())) from error


def _wrong(own: dict[str, Any], concepts: dict[str, dict[str, Any]]) -> list[tuple[str, str]]:
    """(concept, what is wrong with it)."""
    kinds = {row["kind"] for row in concepts.values()}
    taken = {fold(n): name for name, row in concepts.items() for n in (row["name"], *row.get("synonyms", ()))}
    found: list[tuple[str, str]] = []
    for name, row in own.items():
        if not isinstance(row, dict):
            found.append((name, "must be a table: write it as [the_id] with its keys below"))
            continue
        found += [(name, f"{key} must be a list of texts") for key in _MORE if not _texts(row.get(key, []))]
        found += [(name, f"{key} must be a text") for key in ("kind", "name", "unit", "note")
                  if key in row and not _texts([row[key]])]  # fmt: skip
        names = [row.get("name"), *(n for key in _MORE if _texts(row.get(key, [])) for n in row.get(key, []))]
        found += [(name, f"“{n}” has no letter or digit: it cannot be found") for n in names
                  if isinstance(n, str) and not fold(n)]  # fmt: skip
        found += [(name, f"“{n}” is a small word of every text: it would be found everywhere") for n in names
                  if isinstance(n, str) and fold(n) in _SMALL]  # fmt: skip
        found += [(name, f"“{n}” is a name of {taken[fold(n)]} already: it means several concepts") for n in names
                  if isinstance(n, str) and taken.get(fold(n), name) != name]  # fmt: skip
        if name in concepts:
            extra = sorted(set(row) - set(_MORE))
            if extra:
                found.append(
                    (
                        name,
                        f"the package has this concept: it can be given {', '.join(_MORE)}, not {extra[0]}",
                    )
                )
            continue
        kind = row.get("kind")
        if isinstance(kind, str) and kind and kind not in kinds:
            found.append((name, f"there is no kind “{kind}”; such as abnormality, muscle, tendon, diagnosis"))
        found += [(name, f"{key} must be a list of ids") for key in ("is_a", "part_of", "branch_of", "region", "values")
                  if not _texts(row.get(key, []))]  # fmt: skip
        meant = row.get("defined_as", {})
        if not isinstance(meant, dict) or not all(isinstance(v, str) for v in meant.values()):
            found.append((name, "defined_as must be a table of ids: structure, abnormality, site"))
        codes = row.get("codes", [])
        if not isinstance(codes, list) or any(
            not isinstance(c, list) or len(c) != 3 or not str(c[0]).startswith("99") for c in codes
        ):
            found.append(
                (name, 'codes must be ["99…", value, meaning]: other schemes cannot be verified here')
            )
    return found


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) and v.strip() for v in value)


def _complaint(line: str, text: str, own: dict[str, Any]) -> Problem:
    """A complaint of the compiler, at the concept of this file that it is about."""
    about = next((name for name in own if re.search(rf"\b{re.escape(name)}\b", line)), "")
    return Problem(FILE, _line(text, about), about or "terms", line.removeprefix(f"{about}: "))


def _line(text: str, name: str) -> int:
    for number, line in enumerate(text.splitlines(), 1):
        if name and re.match(rf"\s*(?:\[\s*\"?{re.escape(name)}\"?\s*\]|{re.escape(name)}\s*=)", line):
            return number
    return 1


def _keep(path: Path, table: dict[str, Any]) -> None:
    """Derived: where it cannot be written, it is compiled again next time."""
    with contextlib.suppress(OSError):
        for old in path.parent.glob("terms-*.json"):
            old.unlink()
        path.touch(mode=0o600)
        path.write_text(json.dumps(table, ensure_ascii=False), "utf-8")
