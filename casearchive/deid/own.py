"""What this program itself writes into every output, word for word, so that no patient is found in our own sentences.

A patient may be called Made or Kept, and “Made by casearchive” stands on every page. Such a phrase is known exactly:
it is blanked before a finished file is searched, and the same word anywhere else is still found. Only what nobody else
writes is a phrase: three words or more in a row, a piece with markup or a key, which an author's words never hold as
they are.
"""

from __future__ import annotations

import ast
import csv
import html
import itertools
import json
import re
import tomllib
from collections.abc import Iterator
from functools import lru_cache, partial
from importlib import resources
from importlib.resources.abc import Traversable

FEWEST_WORDS = 3
AIRLOCK = "casearchive.deid"  # the package whose phrases stand in what passes, before any output
#: What the encoder of pictures says of itself in each.
_ENCODERS = ("Created by OpenJPEG version",)
_HEAD = 6  # bytes
_WORD = re.compile(r"[^\W\d_]{2,}")
_TAG, _SIGN = re.compile(r"<\w[^<>]*>|</\w"), re.compile("[<>]")
#: An attribute with its value: no author's words are written so.
_ATTRIBUTE = re.compile(r'[\w:]+="[^"<>{}]+"')
#: A label in a template: ``{{ say("page.case_of", n=number) }}``; and a name in a label that is filled in.
_SAID, _NAME = re.compile(r'\{\{ say\("([\w.]+)"[^}]*\) \}\}'), re.compile(r"\{\w+\}")
_FILLED_IN = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.S)


@lru_cache(maxsize=4)
def phrases(*packages: str) -> tuple[bytes, ...]:
    """The phrases that the code, templates, tables and plain files of these packages hold, the longest first; as they
    are, and as HTML and JSON write them. Keys of JSON and TOML are phrases with the signs around them, attributes of
    XML with their values."""
    found = set(_ENCODERS)
    for package in packages:
        files = [(file.name, file.read_text("utf-8")) for file in _files(resources.files(package))]
        tables = [table for name, text in files if (table := _labels_of(name, text))]
        for name, text in files:
            found.update(_phrases_of(name, text))
            if name.endswith(".html"):
                for table in tables:
                    found.update(_phrases_of(name, _SAID.sub(partial(_filled, table), text)))
        for table in tables:
            found.update(_told_by(table))
    written = {w for text in found for w in (text, html.escape(text), _in_json(text), _in_json(text, False))}
    return tuple(sorted((w.encode() for w in written), key=lambda w: (-len(w), w)))


def blanked(data: bytes, own: tuple[bytes, ...], look: int) -> bytes:
    """``data`` with spaces where one of ``own`` stands; which ones do is read in its first ``look`` bytes.

    Phrases may share their ends: each is looked for in what was there before.
    """
    start, plain, by_head = data[:look], bytearray(data), _by_head(own)
    heads = {
        start[at : at + _HEAD] for at in range(len(start))
    }  # most phrases are not here: told at a glance
    likely = itertools.chain(by_head[b""], *(by_head[head] for head in heads & by_head.keys()))
    for phrase in likely:
        at = data.find(phrase) if phrase in start else -1
        while at >= 0:
            plain[at : at + len(phrase)] = b" " * len(phrase)
            at = data.find(phrase, at + len(phrase))
    return bytes(plain)


@lru_cache(maxsize=4)
def _by_head(own: tuple[bytes, ...]) -> dict[bytes, list[bytes]]:
    """The phrases by how they begin; what is shorter than that under nothing."""
    found: dict[bytes, list[bytes]] = {b"": []}
    for phrase in own:
        found.setdefault(phrase[:_HEAD] if len(phrase) >= _HEAD else b"", []).append(phrase)
    return found


def _files(folder: Traversable) -> Iterator[Traversable]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _files(entry)
        elif entry.name.rpartition(".")[2] in ("py", "html", "css", "js", "toml", "csv", "xml"):
            yield entry


def _phrases_of(name: str, text: str) -> Iterator[str]:
    kind = name.rpartition(".")[2]
    if kind in ("css", "js"):
        yield text  # they are copied as they are
        return
    if kind == "csv":
        yield from _tables_of(text)
        return
    markup = _TAG
    if kind in ("xml", "py"):  # parts of Office files are written tag by tag
        yield from (pair for pair in _ATTRIBUTE.findall(text) if _WORD.search(pair.partition("=")[2]))
    if kind == "html":
        pieces, markup = _FILLED_IN.split(text), _SIGN
    elif kind == "xml":
        pieces = [text]
    elif kind == "toml":
        pieces = list(_strings(tomllib.loads(text)))
    else:
        told = (node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant))
        pieces = [value for value in told if isinstance(value, str)]
        for word in filter(str.isidentifier, pieces):
            yield from (f'"{word}":', f"[{word}]", f"{word} = ")  # keys of JSON and TOML
        for head in pieces:
            if head[:1].isupper() and 0 < len(_WORD.findall(head)) < FEWEST_WORDS:
                # of a table, of a section, on a slide
                yield from (f">{head}</th>", f">{head}</h2>", f">{head}</a:t>", f'name="{head}')
    for piece in pieces:
        for line in map(str.strip, piece.splitlines()):
            words = len(_WORD.findall(line))
            if words >= FEWEST_WORDS or (words and markup.search(line)):
                yield line


def _labels_of(name: str, text: str) -> dict[str, str]:
    """The labels of a file that says in which ``direction`` its language is written, by ``table.key``; else nothing."""
    content = tomllib.loads(text) if name.endswith(".toml") else {}
    about = content.pop("about", None)
    if not isinstance(about, dict) or "direction" not in about:
        return {}
    return {f"{table}.{key}": label for table, some in content.items() for key, label in some.items()}


def _filled(labels: dict[str, str], said: re.Match[str]) -> str:
    """What a template says by a label; what is filled into this stays open."""
    return _NAME.sub("{{}}", labels.get(said[1], "{{}}"))


def _told_by(labels: dict[str, str]) -> Iterator[str]:
    """Labels where they stand whole: the pieces between what is filled in, and, however short, as a head, as a run of a
    slide and as a value of JSON with its key."""
    for key, label in labels.items():
        for piece in map(str.strip, _NAME.split(label)):
            if len(_WORD.findall(piece)) >= FEWEST_WORDS:
                yield piece
        yield f"{json.dumps(key.rpartition('.')[2])}: {json.dumps(label, ensure_ascii=False)}"
        if not _NAME.search(label):
            yield from (f">{label}</{end}>" for end in ("th", "h2", "h3", "button", "a:t"))
            yield f">{label}: </a:t>"


def _tables_of(dictionary: str) -> Iterator[str]:
    """A data dictionary, which is copied as it is: its lines, the header of each table that it describes (table and
    column come first), and its columns as keys of JSON."""
    yield from filter(None, map(str.strip, dictionary.splitlines()))
    columns: dict[str, list[str]] = {}
    for table, column, *_ in csv.reader(dictionary.splitlines()[1:]):
        columns.setdefault(table, []).append(column)
    for table, names in columns.items():
        yield ",".join(names)
        yield from (f'"{name}":' for name in (table, *names))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _strings(part)


def _in_json(text: str, ascii_only: bool = True) -> str:
    return json.dumps(text, ensure_ascii=ascii_only)[1:-1]
