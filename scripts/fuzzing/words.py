"""Damages what people write: case files, findings as tables and JSON, and queries, token by token."""

from __future__ import annotations

import re
from copy import deepcopy
from random import Random
from xml.etree import ElementTree

from fuzzing.numbers import HOSTILE_TEXT

_CONTROL = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\ud800-\\udfff\\ufffe\\uffff]")
_TOKEN = re.compile(r'"""|"(?:\\.|[^"\\\n])*"|\d[\d.eE+-]*|\w+|\s+|.', re.DOTALL)
_TOML = (
    "nan", "inf", "-inf", "1e400", "9" * 5000, "0x" + "f" * 5000, "1979-05-27T07:32:00Z", "0000-00-00", "24:00:00",
    "true", "[]", "{}", '""', '"""', "'''", "[" * 2000, "[" * 40 + "]" * 40, "{a=" * 500, "a." * 500 + "b = 1",
    '"\\u0000"', '"\\U00110000"', '"\\ud800"', "[[finding]]", "[finding]", "[[media]]", "[a.b.c]", "= 1", "\r",
    "\0", "\ufeff", "#" * 1000, "1_0", "-0", "+1", "0o7", ",", "=", '"../../x"', '"/etc/passwd"', '"C:\\\\x"',
    "[[finding.evidence]]", '"=1+1"', '"<script>"', "frames = [0, 99999999999999999999]", "polygon = [[nan, 1]]",
)  # fmt: skip
_JSON = (
    "NaN", "Infinity", "-Infinity", "1e400", "9" * 5000, "null", "[" * 2000, '{"a":' * 2000, '"\\ud800"', '"\\u0000"',
    "{}", "[]", '""', ",", ":", "\n", "\0", "\ufeff", "true", '{"case":"x"}', "-", '"id":', '"case":', "\r\n",
)  # fmt: skip
_CSV = (
    ",", ";", "\t", '"', '""', "\r", "\n", "\0", "=1+1", "@x", "-1", "+1", "9" * 5000, "nan", "inf", '"' * 99, "\ufeff",
    "a" * 140_000, ",,,,,,,", "'", "\x1b[31m", "case", "abnormality", "1e400", "0", "F1", "frames", "1-99999999999",
)  # fmt: skip
_XML = (
    "<!DOCTYPE l [<!ENTITY a 'lol'>]>", "&a;", "&#0;", "&#xD800;", "&lt;", "<![CDATA[", "]]>", "<!--", "-->", "<?xml?>",
    "<" * 500, "<b>" * 200, "</section>", "<section heading='Findings'>", "<image src='../../etc/passwd'/>", "<quiz>",
    "<image src='file:///etc/passwd'/>", "<xi:include href='/etc/passwd'/>", "<x:y/>", "\0", "\ufffe",
    "<image src=''/>", "=", "'", '"', "<pt-age><years>" + "9" * 5000 + "</years></pt-age>", "<level>", "<code/>",
    "<answer>", "<a href='javascript:alert(1)'>x</a>", "<p>", "</p>", "\u202e", "<patient>", "nan", "9" * 5000,
)  # fmt: skip
_QUERY = (
    "(", ")", "and", "or", "not", "AND", "OR", "NOT", "-", "+", "*", '"', "'", ":", "=", "<", ">", "<=", "..", "NEAR(",
    "side:left", "year:2020..2024", "structure:", "finding:tear", "no", "without", "set:", "like:", "case:", "grade:",
    "nan", "inf", "1e999", "9" * 5000, "-1", "0", "mm", "cm", "5 mm", ">3 mm", "tear", "biceps", "effusion", "left",
    "links", "riss", "%", "_", "\\", "\0", "\n", "\t", "\x1b[2J", "‮", "\ud7ff", "\ufdd0", "é", "e\u0301", "ﬁ", "ß",
    "🦵", "a" * 3000, "((((((" * 200, "not " * 400, "; drop table cases", "' or 1=1 --", "{", "}", "[", "]", "^", "~",
    "#", "$", "|", "&&", "||", "!", "?", "/", ",", ".", "…", "“", "”", "before", "after", "since", "2024-13-45",
    "last year", "between", "age:", "sex:f", "has:", "is:", "sort:", "tag:", "text:", "status:ready", "frames>3",
)  # fmt: skip


def toml(content: bytes, rng: Random, others: list[bytes]) -> bytes:
    return _changed(content, rng, others, _TOML)


def json(content: bytes, rng: Random, others: list[bytes]) -> bytes:
    return _changed(content, rng, others, _JSON)


def xml(content: bytes, rng: Random, others: list[bytes]) -> bytes:
    """Elements changed, so that most is still XML; now and then the text of it instead."""
    try:
        root = ElementTree.fromstring(content)  # noqa: S314 our own seeds and what was made of them
    except (ElementTree.ParseError, LookupError):  # the latter: an encoding that there is not
        return _changed(rng.choice(others), rng, others, _XML)
    if rng.random() < 0.2:
        return _changed(content, rng, others, _XML)
    for _ in range(rng.choice((1, 2, 4))):
        _element(root, rng)
    return ElementTree.tostring(root, "utf-8")


def _element(root: ElementTree.Element, rng: Random) -> None:
    each = list(root.iter())
    parent, other = rng.choice([e for e in each if len(e)] or [root]), rng.choice(each)
    way = rng.randrange(8)
    text = _CONTROL.sub(" ", rng.choice(HOSTILE_TEXT).decode("utf-8", "replace"))
    if way == 0 and len(parent):
        parent.remove(rng.choice(list(parent)))
    elif way == 1:
        parent.insert(rng.randrange(len(parent) + 1), deepcopy(rng.choice(each[1:] or each)))
    elif way == 2:
        other.tag = rng.choice(each).tag
    elif way == 3:
        other.text = text
    elif way == 4:
        other.tail = text
    elif way == 5:
        other.set(rng.choice(("src", "heading", "role", "href", "image", "id", "coding-system")), text)
    elif way == 6:
        for key in list(other.attrib)[:1]:
            other.set(key, rng.choice(("", "9" * 5000, "-1", "nan", "../../etc/passwd", text)))
    else:
        for _ in range(rng.choice((1, 5, 150))):
            other = ElementTree.SubElement(other, rng.choice(each).tag)


def csv(content: bytes, rng: Random, others: list[bytes]) -> bytes:
    return _changed(content, rng, others, _CSV)


def query(content: bytes, rng: Random, others: list[bytes]) -> bytes:
    if rng.random() < 0.3:
        made = rng.choice((" ", " ", "")).join(
            rng.choice(_QUERY) for _ in range(rng.choice((1, 2, 3, 5, 12, 40)))
        )
        return made.encode("utf-8", "surrogatepass")
    return _changed(content, rng, others, _QUERY)


def _changed(content: bytes, rng: Random, others: list[bytes], odd: tuple[str, ...]) -> bytes:
    text = content.decode("utf-8", "surrogateescape")
    for _ in range(rng.choice((1, 1, 2, 3, 6))):
        text = _once(text, rng, others, odd)[:1_300_000]
    if rng.random() < 0.03:
        return text.encode(rng.choice(("utf-16", "utf-32", "utf-7")), "replace")
    return text.encode("utf-8", "surrogateescape" if rng.random() < 0.9 else "surrogatepass")


def _once(text: str, rng: Random, others: list[bytes], odd: tuple[str, ...]) -> str:
    way = rng.randrange(9)
    if way < 2:
        lines = text.splitlines(keepends=True) or [""]
        at = rng.randrange(len(lines))
        if way == 0:
            lines[at:at] = [lines[rng.randrange(len(lines))]] * rng.choice((1, 1, 3, 200))
        else:
            del lines[at]
        return "".join(lines)
    tokens = _TOKEN.findall(text) or [""]
    at = rng.randrange(len(tokens))
    if way == 2:
        tokens[at] = rng.choice(odd)
    elif way == 3:
        tokens.insert(at, rng.choice(odd))
    elif way == 4:
        del tokens[at : at + rng.choice((1, 1, 5))]
    elif way == 5:
        hostile = rng.choice(HOSTILE_TEXT).decode("utf-8", "surrogateescape")
        tokens[at] = f'"{hostile}"' if tokens[at].startswith('"') else hostile
    elif way == 6:
        other = _TOKEN.findall(rng.choice(others).decode("utf-8", "surrogateescape")) or [""]
        start = rng.randrange(len(other))
        tokens[at:at] = other[start : start + rng.choice((1, 4, 30))]
    elif way == 7:
        there = rng.randrange(len(tokens))
        tokens[at], tokens[there] = tokens[there], tokens[at]
    else:
        return text[: rng.randrange(len(text) + 1)]
    return "".join(tokens)
