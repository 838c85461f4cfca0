"""The allow-list: which attributes may leave and how; a profile that cannot be read stops everything."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from casearchive.attributes import IDENTIFYING, TABLE
from casearchive.errors import CaseArchiveError

ACTIONS = {
    "keep": "the source's number, within limits",
    "terms": "the source's word, if on a closed list",
    "patient": "a keyed pseudonym",
    "uid": "a keyed new UID",
    "shift": "the date, moved by a secret number of days per patient",
    "band": "the age in five-year bands, over 89 as 090Y",
    "maker": "the manufacturer, if every word is a known maker's",
    "model": "the model, if every word is a known model's or a short code",
    "version": "the version, if it is short codes and numbers",
    "constant": "always the same",
    "empty": "present without a value",
    "made": "written by casearchive itself",
}
_FROM_SOURCE = {"keep", "terms", "shift", "band", "maker", "model", "version"}
_MAY_TOUCH_IDENTIFYING = {"patient", "empty", "constant"}
_KNOWN_KEYS = {"keyword", "action", "why", "terms", "min", "max", "value", "empty"}


class ProfileError(CaseArchiveError):
    """The profile is missing, damaged or allows what must never be allowed; nothing may pass."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One attribute that may exist in what leaves. ``empty`` writes it without a value when the action yields
    none (a Type 2 attribute of the standard)."""

    keyword: str
    action: str
    why: str
    terms: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    value: tuple[str, ...] = ()
    empty: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    version: str
    title: str
    rules: tuple[Rule, ...]
    makers: frozenset[str]
    models: frozenset[str]
    digest: str

    @property
    def keywords(self) -> frozenset[str]:
        return frozenset(rule.keyword for rule in self.rules)


def _text() -> bytes:
    try:
        return resources.files(__package__).joinpath("profile.toml").read_bytes()
    except OSError as error:
        raise ProfileError(
            "the de-identification profile cannot be read", where="profile.toml", hint="reinstall casearchive"
        ) from error


def parse(raw: bytes) -> Profile:
    """Read a profile; raises ``ProfileError`` for anything that is not fully understood."""
    try:
        data = tomllib.loads(raw.decode("utf-8"))
        rules = tuple(_rule(entry) for entry in data["rule"])
        words = data["words"]
        profile = Profile(
            version=str(data["version"]),
            title=str(data["title"]),
            rules=rules,
            makers=frozenset(str(w).casefold() for w in words["maker"]),
            models=frozenset(str(w).casefold() for w in words["model"]),
            digest=hashlib.sha256(raw).hexdigest(),
        )
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise ProfileError(f"the profile cannot be understood: {error}", where="profile.toml") from error
    if not rules or len(profile.keywords) != len(rules):
        raise ProfileError("the profile is empty or names an attribute twice", where="profile.toml")
    return profile


def _rule(entry: Mapping[str, object]) -> Rule:
    unknown = set(entry) - _KNOWN_KEYS
    keyword, action, why = str(entry["keyword"]), str(entry["action"]), str(entry["why"])
    if unknown:
        raise ValueError(f"{keyword}: unknown key {sorted(unknown)[0]}")
    if action not in ACTIONS or not why:
        raise ValueError(f"{keyword}: unknown action {action!r}, or no reason given")
    if keyword in IDENTIFYING and action not in _MAY_TOUCH_IDENTIFYING:
        raise ValueError(f"{keyword} identifies and may not be kept")
    if action in _FROM_SOURCE and not any(row.keyword == keyword for row in TABLE):
        raise ValueError(f"{keyword} is not among the attributes that are read")
    rule = Rule(
        keyword=keyword,
        action=action,
        why=why,
        terms=_strings(entry.get("terms")),
        low=_number(entry.get("min")),
        high=_number(entry.get("max")),
        value=_strings(entry.get("value")),
        empty=bool(entry.get("empty", False)),
    )
    if action == "keep" and (rule.low is None or rule.high is None):
        raise ValueError(f"{keyword}: keep needs min and max")
    if (action == "terms" and not rule.terms) or (action == "constant" and not rule.value):
        raise ValueError(f"{keyword}: {action} needs its words")
    return rule


def _strings(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and all(isinstance(v, str) for v in value):
        return tuple(value)
    raise ValueError("a text or a list of texts is wanted")


def _number(value: object) -> float | None:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return None if value is None else float(value)
    raise ValueError("a number is wanted")


@lru_cache(maxsize=1)
def profile() -> Profile:
    """The profile of this installation, read once. Raises ``ProfileError``."""
    return parse(_text())


def profile_hash() -> str:
    """SHA-256 of the profile's bytes, as it stands in certificates and in DeidentificationMethod."""
    return profile().digest


def describe() -> str:
    """The profile in words, for ``export --explain``."""
    current = profile()
    wide = max(len(rule.keyword) for rule in current.rules)
    lines = [
        current.title,
        f"version {current.version}, sha256 {current.digest}",
        "",
        "Every file that leaves is built new. It holds these attributes and no others:",
        "",
    ]
    lines += [f"  {rule.keyword:<{wide}}  {rule.action:<8}  {rule.why}" for rule in current.rules]
    lines += ["", "What the actions do:", ""]
    lines += [f"  {name:<8}  {meaning}" for name, meaning in ACTIONS.items()]
    lines += [
        "",
        "Pixels: only the areas that the file itself declares as two-dimensional, M-mode or spectral",
        "ultrasound regions are kept; everything else is zero in every frame. A clip without such regions,",
        "with regions that cannot be trusted, or with anything that looks like text inside them is withheld",
        "until a person has looked. Nothing can switch that off.",
    ]
    return "\n".join(lines) + "\n"
