"""``vocabulary``: the words that the archive understands."""

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from casearchive.cli._talk import State, emit, example, fields, many, safe, verb
from casearchive.errors import NoArchive, NotFound

if TYPE_CHECKING:
    from casearchive.vocabulary import Entry


@click.command(epilog=example("casearchive vocabulary", "casearchive vocabulary tennis leg"))
@click.argument("word", nargs=-1)
@click.option("--check", is_flag=True, help="Say what is wrong in the archive's terms.toml, by its line.")
@verb
def command(state: State, word: tuple[str, ...], check: bool) -> None:
    """Show what a word means here: its names, what it belongs to, what belongs to it, its codes, how many cases
    have it. Without a word: the kinds of words there are; with one of those kinds, all of its words.
    A clinic adds terms of its own in the file terms.toml at the top of its archive.
    """
    from casearchive import vocabulary
    from casearchive.terms import lexicon

    if check:
        added = state.open().check_terms()
        if state.json:
            emit({"own_terms": added})
        if added:
            state.say(
                f"terms.toml: {many(added, 'term')} of your own, new ones and those with more names. Cases that are"
                " here learn them by: casearchive reindex"
            )
        else:
            state.say(
                "The archive has no terms of its own: they would stand in terms.toml, at the top of its folder."
            )
        return
    with suppress(NoArchive):
        state.open()
    asked = " ".join(word)
    kinds = vocabulary.kinds(lexicon())
    if not asked:
        _kinds(state, kinds)
        return
    entries = _entries(state, asked)
    kind = asked.strip().lower().replace(" ", "_").replace("-", "_").removesuffix("s")
    if (not entries and kind in kinds) or (asked.lower().endswith("s") and kind in kinds):
        _listed(state, kind)
        return
    if not entries:
        near = lexicon().nearest(asked)
        hint = (
            f"Did you mean {' or '.join(near)}?"
            if near
            else "casearchive vocabulary lists the kinds of words."
        )
        raise NotFound(f"“{asked}” is not in the vocabulary", hint=hint)
    if state.json:
        emit({"word": asked, "concepts": [_plain(entry) for entry in entries]})
        return
    for number, entry in enumerate(entries):
        if number:
            click.echo()
        _tell(entry)


def _entries(state: State, asked: str) -> tuple[Entry, ...]:
    from casearchive import vocabulary
    from casearchive.terms import lexicon

    try:
        return state.open().vocabulary(asked)
    except NoArchive:
        return vocabulary.entries(lexicon(), asked)


def _kinds(state: State, kinds: dict[str, int]) -> None:
    if state.json:
        emit({"kinds": kinds})
        return
    for kind, count in kinds.items():
        click.echo(f"{count:>6}  {fields(kind)}")
    state.say(f"{sum(kinds.values())} concepts. Look one up with: casearchive vocabulary WORD")


def _listed(state: State, kind: str) -> None:
    from casearchive import vocabulary
    from casearchive.terms import lexicon

    concepts = vocabulary.of_kind(lexicon(), kind)
    if state.json:
        emit({"kind": kind, "concepts": [{"id": c.id, "name": c.preferred} for c in concepts]})
        return
    width = max(len(c.preferred) for c in concepts) + 2
    for concept in concepts:
        click.echo(safe(f"{concept.preferred:{width}}{concept.id}"))


def _tell(entry: Entry) -> None:
    from casearchive.terms import packaged

    concept = entry.concept
    click.echo(
        click.style(safe(concept.preferred), bold=True) + safe(f"  ({fields(concept.kind)}, {concept.id})")
    )
    _line("also", ", ".join((*concept.names, *concept.abbreviations)))
    for relation, ids in (*entry.parents, *entry.children):
        _line(relation, _names(ids))
    defined = [
        " at ".join(_names((part,)) for part in (what, place, site) if part)
        for place, what, site in concept.defined_as
    ]
    _line("defined as", "; ".join(defined))
    _line("named syndromes", _names(entry.composites))
    if concept.id not in packaged():
        _line("from", "terms.toml, the clinic's own")
    _line("unit", concept.unit)
    _line(
        "codes",
        ", ".join(f"{c.scheme} {c.value} “{c.meaning}”" for c in concept.codes) or f"99USCASE {concept.id}",
    )
    _line("note", concept.note)
    if entry.cases is not None:
        _line(
            "here",
            many(entry.cases, "case") + (" (its kinds and parts counted)" if len(entry.below) > 1 else ""),
        )


def _line(head: str, text: str) -> None:
    if text:
        width = max(40, min(100, shutil.get_terminal_size((80, 24)).columns)) - 1
        click.echo(click.wrap_text(safe(text), width, f"  {head}: ", "    "))


def _names(ids: tuple[str, ...]) -> str:
    from casearchive.terms import lexicon

    found = [(c.preferred if (c := lexicon().concept(i)) else i) for i in ids]
    return ", ".join(found[:24]) + (f" and {len(found) - 24} more" if len(found) > 24 else "")


def _plain(entry: Entry) -> dict[str, Any]:
    concept = entry.concept
    return {
        "id": concept.id,
        "kind": concept.kind,
        "name": concept.preferred,
        "synonyms": list(concept.names),
        "abbreviations": list(concept.abbreviations),
        "parents": {relation: list(ids) for relation, ids in entry.parents},
        "children": {relation: list(ids) for relation, ids in entry.children},
        "defined_as": [
            {"structure": place, "abnormality": what, "site": site}
            for place, what, site in concept.defined_as
        ],
        "composites": list(entry.composites),
        "codes": [{"scheme": c.scheme, "value": c.value, "meaning": c.meaning} for c in concept.codes],
        "unit": concept.unit,
        "note": concept.note,
        "cases": entry.cases,
    }
