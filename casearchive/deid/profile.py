"""The allow-list: which attributes may leave and how; a profile that cannot be read stops everything."""

from __future__ import annotations

import datetime
import hashlib
import re
import textwrap
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from typing import Any

from casearchive.attributes import IDENTIFYING, SAFE_PRIVATE, TABLE, PrivateAttribute
from casearchive.errors import CaseArchiveError, UsageError

#: De-identification methods (PS3.16 CID 7050) that this program can earn.
CODES = {
    "113100": "Basic Application Confidentiality Profile",
    "113101": "Clean Pixel Data Option",
    "113103": "Clean Graphics Option",
    "113104": "Clean Structured Content Option",
    "113105": "Clean Descriptors Option",
    "113107": "Retain Longitudinal Temporal Information Modified Dates Option",
    "113108": "Retain Patient Characteristics Option",
    "113111": "Retain Safe Private Option",
}

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
    "relative": "the date, counted from the patient's first study of the set, which stands at `value`",
    "device": "a keyed pseudonym of the machine's serial number",
    "pattern": "the first part of the source's text, if all of it has the form of `pattern`",
    "words": "the words of the source that are known to be safe, in its order",
    "omit": "does not exist in what leaves",
}
_FROM_SOURCE = {
    *("keep", "terms", "shift", "band", "maker", "model", "version"),
    *("relative", "pattern", "words"),
}
_MAY_TOUCH_IDENTIFYING = {"patient", "empty", "constant", "device"}
_KNOWN_KEYS = {
    *("keyword", "action", "why", "terms", "min", "max", "value", "empty"),
    *("option", "code", "pattern"),
}


class ProfileError(CaseArchiveError):
    """The profile is missing, damaged or allows what must never be allowed; nothing may pass."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One attribute that may exist in what leaves. ``empty`` writes it without a value when the action yields
    none (a Type 2 attribute of the standard). A rule of an ``option`` holds only where that is chosen, and then takes
    the place of the plain rule for the same attribute. ``code`` is the option of CID 7050 that allows the standard's
    protected attribute to stay, and that a file earns in which it stands with a value."""

    keyword: str
    action: str
    why: str
    terms: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    value: tuple[str, ...] = ()
    empty: bool = False
    option: str = ""
    code: str = ""
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class PrivateRule:
    """Numbers of a private attribute that may leave under ``option`` where all lie within ``low`` and ``high``; a file
    that holds them earns ``code``."""

    attribute: PrivateAttribute
    option: str
    code: str
    low: float
    high: float
    most: int
    why: str


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of objects that are no pictures: they leave under ``option`` only, made of ``shared`` attributes, whose
    rules are those of pictures, and of ``rules`` of their own. Each earns ``code`` of CID 7050 and none for pixels."""

    name: str
    title: str
    option: str
    code: str
    shared: frozenset[str]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Option:
    """A named choice of who exports: what it changes, the option of PS3.15 it is about, and what it costs."""

    name: str
    title: str
    standard: str
    costs: str
    excludes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Words:
    """Which words of a description are safe: those of the vocabulary's ``kinds`` and the list ``safe``, without
    ``never``; ``fillers`` may stand between them; a text with one of ``titles`` names a person. All in lower case."""

    kinds: frozenset[str]
    safe: frozenset[str]
    fillers: frozenset[str]
    never: frozenset[str]
    titles: frozenset[str]


@dataclass(frozen=True, slots=True)
class Profile:
    """``rules`` and ``private`` are those that hold; ``optional`` and ``optional_private`` what options would bring;
    ``chosen`` the options taken."""

    version: str
    title: str
    rules: tuple[Rule, ...]
    makers: frozenset[str]
    models: frozenset[str]
    words: Words
    digest: str
    options: tuple[Option, ...] = ()
    optional: tuple[Rule, ...] = ()
    optional_private: tuple[PrivateRule, ...] = ()
    private: tuple[PrivateRule, ...] = ()
    chosen: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = ()
    always: tuple[str, ...] = (
        "113100",
        "113101",
    )  # codes that every object earns: built anew, pixels cleaned

    def of(self, name: str) -> Profile:
        """The profile for objects of one of its ``kinds`` (``report``, ``drawing``), under the options already
        chosen."""
        kind = next(kind for kind in self.kinds if kind.name == name)
        shared = tuple(rule for rule in self.rules if rule.keyword in kind.shared)
        return replace(self, rules=(*shared, *kind.rules), private=(), always=("113100", kind.code))

    def option_of(self, name: str) -> str:
        """The option under which objects of a kind may leave."""
        return next(kind.option for kind in self.kinds if kind.name == name)

    @property
    def keywords(self) -> frozenset[str]:
        return frozenset(rule.keyword for rule in self.rules)

    def under(self, names: Collection[str]) -> Profile:
        """The profile as it is with these options. Raises ``UsageError`` for a name there is not and for two options
        that exclude each other."""
        there = {option.name: option for option in self.options}
        for name in names:
            if name not in there:
                raise UsageError(f"there is no option {name!r}", hint=f"The options are: {', '.join(there)}.")
            for other in there[name].excludes:
                if other in names:
                    raise UsageError(
                        f"{' and '.join(sorted((name, other)))} exclude each other",
                        hint="Choose one of them.",
                    )
        own = {rule.keyword: rule for rule in self.optional if rule.option in names}
        rules = [own.pop(rule.keyword, rule) for rule in self.rules]
        rules += own.values()
        return replace(
            self,
            rules=tuple(rule for rule in rules if rule.action != "omit"),
            private=tuple(rule for rule in self.optional_private if rule.option in names),
            chosen=tuple(name for name in there if name in names),
        )

    @property
    def choice_digest(self) -> str:
        """SHA-256 of this profile together with the options chosen; see ``choice_hash``."""
        return choice_hash(self.digest, self.chosen)


def choice_hash(digest: str, chosen: Collection[str]) -> str:
    """SHA-256 over the profile's own hash and the sorted names of the options, one a line: what the certificate
    says of both can be held against it without either."""
    return hashlib.sha256("\n".join((digest, *sorted(chosen))).encode("utf-8")).hexdigest()


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
            rules=tuple(rule for rule in rules if not rule.option),
            makers=_folded(words["maker"]),
            models=_folded(words["model"]),
            words=Words(*(_folded(words[name]) for name in ("kinds", "safe", "fillers", "never", "titles"))),
            digest=hashlib.sha256(raw).hexdigest(),
            options=tuple(_option(name, entry) for name, entry in data["option"].items()),
            optional=tuple(rule for rule in rules if rule.option),
            optional_private=tuple(_private(entry) for entry in data["private"]),
            kinds=tuple(_kind(name, entry) for name, entry in data["object"].items()),
        )
        _check_options(profile)
        _check_kinds(profile)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise ProfileError(f"the profile cannot be understood: {error}", where="profile.toml") from error
    if not profile.rules or len(profile.keywords) != len(profile.rules):
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
        option=str(entry.get("option", "")),
        code=str(entry.get("code", "")),
        pattern=str(entry.get("pattern", "")),
    )
    if action == "keep" and (rule.low is None or rule.high is None):
        raise ValueError(f"{keyword}: keep needs min and max")
    if (action == "terms" and not rule.terms) or (action == "constant" and not rule.value):
        raise ValueError(f"{keyword}: {action} needs its words")
    if rule.code and rule.code not in CODES:
        raise ValueError(f"{keyword}: {rule.code} is not a code that can be earned")
    if action == "omit" and not rule.option:
        raise ValueError(f"{keyword}: only an option needs to leave something out")
    if action == "relative":
        datetime.date.fromisoformat("".join(rule.value))
    if action == "pattern" and not re.compile(rule.pattern).pattern:
        raise ValueError(f"{keyword}: pattern needs its pattern")
    return rule


def _kind(name: str, entry: Mapping[str, Any]) -> Kind:
    if set(entry) != {"title", "option", "code", "shared", "rule"} or str(entry["code"]) not in CODES:
        raise ValueError(f"the object {name} has an unknown key, or a code that cannot be earned")
    return Kind(
        name,
        str(entry["title"]),
        str(entry["option"]),
        str(entry["code"]),
        frozenset(_strings(entry["shared"])),
        tuple(_rule(rule) for rule in entry["rule"]),
    )


def _check_kinds(profile: Profile) -> None:
    """Each kind of object has an option of its own, shares what there is, and names nothing twice or by an option.
    Raises ``ValueError``."""
    names = {option.name for option in profile.options}
    anywhere = profile.keywords | {rule.keyword for rule in profile.optional}
    for kind in profile.kinds:
        own = [rule.keyword for rule in kind.rules]
        if kind.option not in names or kind.option in {rule.option for rule in profile.optional}:
            raise ValueError(f"the object {kind.name} has no option of its own")
        if not kind.shared <= anywhere or len(set(own)) != len(own) or kind.shared & set(own):
            raise ValueError(f"the object {kind.name} shares what there is not, or names an attribute twice")
        if any(rule.option or (rule.code and rule.code != kind.code) for rule in kind.rules):
            raise ValueError(f"the object {kind.name} has a rule of an option")


def _private(entry: Mapping[str, object]) -> PrivateRule:
    """``element`` is written like ``0119,13``. Raises ``ValueError`` for what ``SAFE_PRIVATE`` does not know."""
    creator, element = str(entry["creator"]), str(entry["element"])
    known = {(a.creator, f"{a.group:04X},{a.element:02X}"): a for a in SAFE_PRIVATE}
    attribute = known.get((creator, element))
    if attribute is None or set(entry) != {
        "creator",
        "element",
        "option",
        "code",
        "min",
        "max",
        "most",
        "why",
    }:
        raise ValueError(f"{element} of {creator} is not known to be safe, or its rule is not whole")
    low, high, most = (_number(entry[key]) for key in ("min", "max", "most"))
    if low is None or high is None or most is None or str(entry["code"]) not in CODES:
        raise ValueError(f"{element} of {creator} needs limits and a code that can be earned")
    return PrivateRule(
        attribute, str(entry["option"]), str(entry["code"]), low, high, int(most), str(entry["why"])
    )


def _option(name: str, entry: Mapping[str, object]) -> Option:
    if set(entry) - {"title", "standard", "costs", "excludes"} or not re.fullmatch(
        r"[a-z][a-z-]{2,30}", name
    ):
        raise ValueError(f"the option {name} has an unknown key, or is no plain name")
    title, standard, costs = (str(entry[key]) for key in ("title", "standard", "costs"))
    return Option(name, title, standard, costs, _strings(entry.get("excludes")))


def _check_options(profile: Profile) -> None:
    """Each rule belongs to an option that there is, and no two options that may be chosen together want the same
    attribute differently. Raises ``ValueError``."""
    excluded = {option.name: {option.name, *option.excludes} for option in profile.options}
    for name, others in excluded.items():
        if any(name not in excluded.get(other, ()) for other in others):
            raise ValueError(f"the option {name} excludes one that there is not, or that does not exclude it")
    owners: dict[str, list[str]] = {}
    for rule in profile.optional:
        if rule.option not in excluded:
            raise ValueError(f"{rule.keyword}: there is no option {rule.option}")
        for other in owners.setdefault(rule.keyword, []):
            if other == rule.option or other not in excluded[rule.option]:
                raise ValueError(f"{rule.keyword}: two options want it differently")
        owners[rule.keyword].append(rule.option)
    if not {rule.option for rule in profile.optional_private} <= set(excluded):
        raise ValueError("a private attribute has no option")


def _folded(words: object) -> frozenset[str]:
    return frozenset(word.casefold() for word in _strings(words))


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
    lines += ["", "Options, chosen with --option NAME, change that:", ""]
    for option in current.options:
        lines += [f"  {option.name}: {option.title}"]
        lines += [
            f"    {rule.keyword:<{wide}}  {rule.action:<8}  {rule.why}"
            for rule in current.optional
            if rule.option == option.name
        ]
        lines += [
            f"    ({rule.attribute.group:04X},xx{rule.attribute.element:02X}) {rule.attribute.creator}: {rule.why}"
            for rule in current.optional_private
            if rule.option == option.name
        ]
        for kind in (kind for kind in current.kinds if kind.option == option.name):
            lines += [f"    {kind.title.capitalize()} hold these attributes of those above:"]
            lines += textwrap.wrap(
                ", ".join(sorted(kind.shared)), 100, initial_indent="      ", subsequent_indent="      "
            )
            lines += ["    and these:"]
            lines += [f"    {rule.keyword:<{wide}}  {rule.action:<8}  {rule.why}" for rule in kind.rules]
        lines += [f"    Standard: {option.standard}", f"    Costs: {option.costs}", ""]
    lines += ["What the actions do:", ""]
    lines += [f"  {name:<8}  {meaning}" for name, meaning in ACTIONS.items()]
    lines += [
        "",
        "Pixels: only the areas that the file itself declares as two-dimensional, M-mode or spectral",
        "ultrasound regions are kept; everything else is zero in every frame. A clip without such regions,",
        "with regions that cannot be trusted, or with anything that looks like text inside them is withheld",
        "until a person has looked. Nothing can switch that off.",
    ]
    return "\n".join(lines) + "\n"
