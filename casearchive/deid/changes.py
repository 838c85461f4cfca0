"""What is different between two exports of one set, told by their certificates alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """A line for each case and clip that is new, gone or different; none where the earlier certificate cannot be
    read."""
    try:
        return tuple(_told(before, after))
    except (KeyError, TypeError, AttributeError):
        return ()


def _told(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    had, has = list(before["cases"]), list(after["cases"])
    yield from (f"{case}: new" for case in has if case not in had)
    yield from (f"{case}: no longer in it" for case in had if case not in has)
    common = [case for case in has if case in had]
    if common != [case for case in had if case in has]:
        yield "the cases come in another order"
    old_words, new_words = before.get("words", {}), after["words"]
    old_clips, new_clips = _clips(before), _clips(after)
    for case in common:
        if case in old_words and old_words[case] != new_words[case]:
            yield f"{case}: its words or fields changed"
        old, new = old_clips.get(case, {}), new_clips.get(case, {})
        yield from (f"{case} {ref}: new" for ref in new if ref not in old)
        yield from (f"{case} {ref}: no longer in it" for ref in old if ref not in new)
        yield from (f"{case} {ref}: changed" for ref in new if ref in old and old[ref] != new[ref])
    if before["profile"]["options_sha256"] != after["profile"]["options_sha256"]:
        yield "the rules or their options are others"


def _clips(said: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """By case and media id, the hash of the object."""
    found: dict[str, dict[str, str]] = {}
    for one in (*said["clips"], *said.get("documents", ())):
        found.setdefault(one["case"], {})[one["ref"]] = one["sha256"]
    return found
