"""A JSON Schema of the case file, made from the table that reads it, for editors that check as one types."""

from __future__ import annotations

from typing import Any

from casearchive.record.table import CASE, SHAPES, Field, Table

_NUMBER = {"type": "number"}
_POINT = {"type": "array", "items": _NUMBER, "minItems": 2, "maxItems": 2}


def schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a case file read as TOML.

    It says less than ``loads``: references between parts, frame order and file names are checked there only.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "casearchive case file",
        **_table(CASE),
    }


def _table(table: Table) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for field in table.fields:
        if field.kind == "shape":
            properties.update(_shapes())
        else:
            properties[field.key] = {"description": field.doc, **_field(field)}
    made: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    required = [field.key for field in table.fields if field.required]
    if required:
        made["required"] = required
    if any(field.kind == "shape" for field in table.fields):
        made["not"] = {"anyOf": _two_shapes()}
    return made


def _field(field: Field) -> dict[str, Any]:
    if field.kind == "table" and field.table is not None:
        return _table(field.table)
    if field.kind == "tables" and field.table is not None:
        return {"type": "array", "items": _table(field.table)}
    return _VALUES[field.kind](field)


def _text(field: Field) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "string"}
    if field.pattern:
        made["pattern"] = f"^({field.pattern})?$"
    if field.required:
        made["minLength"] = 1
    return made


def _choice(field: Field) -> dict[str, Any]:
    return {"enum": ["", *field.choices]}


def _texts(_: Field) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string", "minLength": 1}}


def _int(field: Field) -> dict[str, Any]:
    return {"type": "integer"} | ({"minimum": field.low} if field.low is not None else {})


def _number(field: Field) -> dict[str, Any]:
    if field.low is None:
        return dict(_NUMBER)
    return _NUMBER | ({"exclusiveMinimum": field.low} if field.required else {"minimum": field.low})


def _points(_: Field) -> dict[str, Any]:
    return {"type": "array", "items": _POINT}


def _pair(_: Field) -> dict[str, Any]:
    return {"type": "array", "items": _POINT, "minItems": 2, "maxItems": 2}


def _frames(_: Field) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 2, "maxItems": 2}


def _grades(_: Field) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": {"type": ["string", "integer"]}}


def _shapes() -> dict[str, Any]:
    made: dict[str, Any] = {"point": {"description": "a point [x, y] in stored pixels", **_POINT}}
    for shape, (fewest, most) in SHAPES.items():
        if shape == "point":
            continue
        limit = {"minItems": fewest} | ({"maxItems": most} if most is not None else {})
        made[shape] = {
            "description": f"a {shape}, in stored pixels",
            "type": "array",
            "items": _POINT,
            **limit,
        }
    return made


def _two_shapes() -> list[dict[str, Any]]:
    names = list(SHAPES)
    return [{"required": [a, b]} for n, a in enumerate(names) for b in names[n + 1 :]]


_VALUES = {
    "line": _text,
    "text": _text,
    "path": _text,
    "concept": _text,
    "word": _text,
    "date": lambda _: {"type": "string", "format": "date"},
    "choice": _choice,
    "texts": _texts,
    "concepts": _texts,
    "bool": lambda _: {"type": "boolean"},
    "int": _int,
    "number": _number,
    "points": _points,
    "pair": _pair,
    "frames": _frames,
    "grades": _grades,
}
