"""Damages what people write: case files, findings as tables and JSON, and queries, token by token."""

from __future__ import annotations

import re
from random import Random

from fuzzing.numbers import HOSTILE_TEXT

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
