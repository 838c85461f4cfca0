"""A teaching set as a small readable file (``sets/<slug>.toml``) and back."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from pathlib import Path

from casearchive.errors import CaseArchiveError, Problem, RecordError
from casearchive.model import TeachingSetRecord

_OPTIONS = "must be a table of texts, whole numbers, true (given without a value) and false (not given)"
_KEYS = ("title", "description", "cases", "options", "query", "living", "lexicon")


def load(path: Path) -> TeachingSetRecord:
    """Raises ``RecordError`` where the file cannot be understood."""
    file = f"sets/{path.name}"
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise RecordError((Problem(file, 1, "TOML", str(error)),)) from error
    unknown = [k for k in content if k not in _KEYS]
    cases, options = content.get("cases", []), content.get("options", {})
    wrong = [
        *(Problem(file, 1, k, f"unknown key; there are: {', '.join(_KEYS)}") for k in unknown),
        *([] if _texts(cases) else [Problem(file, 1, "cases", "must be a list of slugs")]),
        *([] if _are_options(options) else [Problem(file, 1, "options", _OPTIONS)]),
        *(
            Problem(file, 1, k, "must be text")
            for k in ("title", "description", "query", "lexicon")
            if not isinstance(content.get(k, ""), str)
        ),
        *(
            [Problem(file, 1, "living", "must be true or false, and true only beside a query")]
            if content.get("living", False) not in (True, False)
            or (content.get("living") and not content.get("query"))
            else []
        ),
    ]
    if wrong:
        raise RecordError(tuple(wrong))
    return TeachingSetRecord(
        path.stem,
        content.get("title", ""),
        content.get("description", ""),
        tuple(dict.fromkeys(cases)),
        tuple(sorted((k, "" if v is True else str(v)) for k, v in options.items() if v is not False)),
        content.get("query", ""),
        bool(content.get("living", False)),
        content.get("lexicon", ""),
    )


def searches(folder: Path, without: Collection[str] = ()) -> tuple[dict[str, str], list[str]]:
    """The searches behind the living sets of ``folder``, by name, but for those of ``without``, and the names of all
    sets."""
    sets = [load(path) for path in sorted(folder.glob("*.toml"))]
    return {s.slug: s.query for s in sets if s.living and s.slug not in without}, [s.slug for s in sets]


def dump(record: TeachingSetRecord) -> str:
    import tomlkit

    document = tomlkit.document()
    document.add(tomlkit.comment(
        "A saved search: it holds what the query finds, best first." if record.living
        else "A teaching set: its cases in the order in which they are taught."
    ))  # fmt: skip
    document["title"] = record.title
    document["description"] = record.description
    cases = tomlkit.array()
    cases.extend(record.cases)
    cases.multiline(len(record.cases) > 1)
    if record.query:
        document["query"] = record.query
        document["living"] = record.living
        document["lexicon"] = record.lexicon
    if not record.living:
        document["cases"] = cases
    if record.options:
        document["options"] = {name: value or True for name, value in record.options}
    text = tomlkit.dumps(document)
    if not isinstance(text, str):  # tomlkit promises text; a set must never be written as anything else
        raise CaseArchiveError("the set could not be written", where=record.slug)
    return text


def _are_options(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(v, str | int) for v in value.values())


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) for v in value)
