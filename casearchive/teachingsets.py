"""A teaching set as a small readable file (``sets/<slug>.toml``) and back."""

from __future__ import annotations

import tomllib
from pathlib import Path

from casearchive.errors import CaseArchiveError, Problem, RecordError
from casearchive.model import TeachingSetRecord

_KEYS = ("title", "description", "cases", "options")


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
        *([] if isinstance(options, dict) else [Problem(file, 1, "options", "must be a table")]),
        *(
            Problem(file, 1, k, "must be text")
            for k in ("title", "description")
            if not isinstance(content.get(k, ""), str)
        ),
    ]
    if wrong:
        raise RecordError(tuple(wrong))
    return TeachingSetRecord(
        path.stem,
        content.get("title", ""),
        content.get("description", ""),
        tuple(dict.fromkeys(cases)),
        tuple(sorted((str(k), str(v)) for k, v in options.items())),
    )


def dump(record: TeachingSetRecord) -> str:
    import tomlkit

    document = tomlkit.document()
    document.add(tomlkit.comment("A teaching set: its cases in the order in which they are taught."))
    document["title"] = record.title
    document["description"] = record.description
    cases = tomlkit.array()
    cases.extend(record.cases)
    cases.multiline(len(record.cases) > 1)
    document["cases"] = cases
    if record.options:
        document["options"] = dict(record.options)
    text = tomlkit.dumps(document)
    if not isinstance(text, str):  # tomlkit promises text; a set must never be written as anything else
        raise CaseArchiveError("the set could not be written", where=record.slug)
    return text


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) for v in value)
