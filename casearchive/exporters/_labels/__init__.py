"""What outputs write of their own (“Findings”, “Show the answer”), in the language that a set is taught in.

A language is one file of this folder, named by its code; whoever adds one edits nothing else. While an output is
written its language is spoken (``speaking``) and ``say`` gives the words. A label that a language lacks is an error,
never English by the way. Words of the vocabulary are not here: they are called as the lexicon calls them.
"""

from __future__ import annotations

import contextlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from importlib import resources

from casearchive.errors import UsageError

#: The name of the option, and what is said of it in lists.
OPTION = "language"
ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of one language by ``table.key``. ``code`` is what HTML calls it (RFC 5646), ``direction`` is ``ltr``
    or ``rtl``, ``decimal`` the sign before the decimals of a number."""

    code: str
    name: str
    direction: str
    decimal: str
    texts: Mapping[str, str]

    def say(self, key: str, **filled: object) -> str:
        """Raises ``KeyError`` for a label that there is not, or a name in it that is not filled."""
        return self.texts[key].format(**filled)

    def many(self, key: str, count: int) -> str:
        return self.say(f"{key}_{'one' if count == 1 else 'many'}", n=count)

    def number(self, value: float, form: str = ".3g") -> str:
        return format(value, form).replace(".", self.decimal)


@cache
def languages() -> tuple[str, ...]:
    """The codes of all languages, English first."""
    names = (file.name for file in resources.files(__name__).iterdir())
    found = sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))
    return tuple(sorted(found, key=lambda code: code != ENGLISH))


@cache
def labels(code: str) -> Labels:
    """The labels of a language. Raises ``UsageError`` naming those there are."""
    if code not in languages():
        raise UsageError(
            f"there are no labels in {code[:40]!r}" if code else "no language was named",
            where=f"option {OPTION}",
            hint=f"There are: {', '.join(languages())}. Write: --option {OPTION}={languages()[-1]}",
        )
    content = tomllib.loads((resources.files(__name__) / f"{code}.toml").read_text("utf-8"))
    about = content.pop("about")
    texts = {f"{table}.{key}": text for table, some in content.items() for key, text in some.items()}
    return Labels(code, about["name"], about["direction"], about["decimal"], texts)


def about() -> str:
    """What is said of the option in lists."""
    return f"the language of the labels: {', '.join(languages())} ({ENGLISH}); what the author wrote stays as it is"


def chosen(options: Mapping[str, str]) -> Labels:
    """The labels that the options ask for. Raises ``UsageError``."""
    return labels(options.get(OPTION, ENGLISH).strip().lower())


_SPOKEN: ContextVar[Labels | None] = ContextVar("labels", default=None)


def spoken() -> Labels:
    """The labels of the output that is being written; English where nothing else was asked for."""
    return _SPOKEN.get() or labels(ENGLISH)


@contextlib.contextmanager
def speaking(language: Labels) -> Iterator[None]:
    """``say`` speaks this language until the end of the block."""
    before = _SPOKEN.set(language)
    try:
        yield
    finally:
        _SPOKEN.reset(before)


def say(key: str, **filled: object) -> str:
    """A label in the language that is spoken, with its names filled in. Raises ``KeyError``."""
    return spoken().say(key, **filled)


def many(key: str, count: int) -> str:
    """``1 case``, ``3 cases``: the label ``key_one`` or ``key_many``."""
    return spoken().many(key, count)


def number(value: float, form: str = ".3g") -> str:
    """A number with the decimal sign of the language."""
    return spoken().number(value, form)


def word(term: str) -> str | None:
    """A word of a closed list (``definite``, ``left``, ``mri``) that stands alone; None where it is none of ours."""
    return spoken().texts.get(f"word.{term}")


def for_script() -> str:
    """The labels of the pages' script as JSON, as ``deid.own`` knows it."""
    texts = {k.removeprefix("script."): v for k, v in spoken().texts.items() if k.startswith("script.")}
    return json.dumps({**texts, "decimal": spoken().decimal}, ensure_ascii=False, indent=1)
