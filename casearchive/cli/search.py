"""``search``: find cases by finding."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from casearchive.cli._layout import wrapped
from casearchive.cli._talk import Inline, State, emit, example, fields, many, safe, verb
from casearchive.errors import UsageError

if TYPE_CHECKING:
    from casearchive.index.hits import Hit, Results


#: No more values than this are told of a facet.
_MOST_FACETS = 6


@click.command(
    epilog=example(
        "casearchive search left hamstring tear cine", "casearchive search 'no:tear structure:quadriceps'"
    ),
    context_settings={"ignore_unknown_options": True},
)
@click.argument("query", nargs=-1, type=click.UNPROCESSED)
@click.option("--limit", type=click.IntRange(0), default=20, show_default=True, help="How many hits to show.")
@click.option(
    "--sort", default="relevance", show_default=True, help="relevance, title, date, newest, difficulty."
)
@click.option("--include-absent", is_flag=True, help="Also cases that document that it is not there.")
@click.option("--exact", is_flag=True, help="Words as written: no kinds, no parts, no corrected spelling.")
@click.option("--explain", is_flag=True, help="Show every reason and the score.")
@click.option("--pictures", is_flag=True, help="Show a picture with each hit, in a terminal that can.")
@click.option("--ids", is_flag=True, help="Only slugs (or hashes), best first.")
@click.option("--csv", "as_csv", is_flag=True, help="A table for a spreadsheet.")
@click.option("--save", metavar="NAME", help="Keep the search as a set that follows what it finds.")
@click.option("--frozen", is_flag=True, help="With --save: keep what it finds now, for an examination.")
@verb
def command(
    state: State,
    query: tuple[str, ...],
    limit: int,
    sort: str,
    include_absent: bool,
    exact: bool,
    explain: bool,
    pictures: bool,
    ids: bool,
    as_csv: bool,
    save: str | None,
    frozen: bool,
) -> None:
    """Find cases, and files outside any case, by what was found, where, on which side, and what was said.

    Plain words in any order: RF tear left. Phrases in quotes, fields with a colon: structure:quadriceps,
    finding:tear, side:left, age:20..40, frames>100, has:cine, prior:strain. A minus leaves out: -finding:hematoma.
    Cases that say "no tear" are not found by tear; no:tear finds them. Put -- before a query that begins
    with a minus.
    """
    if sum((state.json, ids, as_csv)) > 1:
        raise UsageError("--json, --ids and --csv are three ways to say the same", hint="Choose one.")
    if frozen and save is None:
        raise UsageError("--frozen says how to keep a search", hint="Add --save NAME.")
    if save is not None and exact:
        raise UsageError("--exact is not kept with a search", hint="Write structure== or finding== instead.")
    archive = state.open()
    if save is not None:
        made = archive.set_save(save, " ".join(query), living=not frozen)
        held = many(len(made.cases), "case")
        state.say(
            f"Saved: {made.slug}, {'frozen with' if frozen else 'now'} {held}. casearchive set show {made.slug}"
        )
    results = archive.search(
        " ".join(query),
        limit=limit,
        sort=sort,
        include_absent=include_absent,
        exact=exact,
        facets=not (ids or as_csv),
    )
    if state.json:
        emit(as_json(results))
    elif ids:
        for hit in results.hits:
            click.echo(hit.case or (hit.instance.sha256 if hit.instance else ""))
    elif as_csv:
        _table(results)
    else:
        inline = Inline(state, pictures)
        if pictures and not inline:
            state.say(
                "This terminal shows no pictures, as far as can be told (CASEARCHIVE_PICTURES overrules)."
            )
        _tell(state, results, explain, lambda hit: inline.draw(archive.picture_of(hit)) if inline else None)


def as_json(results: Results) -> dict[str, Any]:
    return {
        "query": results.query,
        "understood": list(results.understood),
        "total": results.total,
        "hits": [_hit(h) for h in results.hits],
        "hidden": results.hidden,
        "facets": results.facets,
        "did_you_mean": results.did_you_mean or None,
        "loosened": results.loosened,
        "blame": [{"without": what, "hits": count} for what, count in results.blame],
    }


def _hit(hit: Hit) -> dict[str, Any]:
    instance = None
    if hit.instance is not None:
        instance = {
            "sha256": hit.instance.sha256,
            "sop_instance_uid": hit.instance.sop_instance_uid,
            "study_description": hit.instance.study_description,
            "study_date": hit.instance.study_date,
            "kind": hit.instance.kind,
            "frames": hit.instance.frames,
        }
    return {
        "case": hit.case,
        "title": hit.title,
        "score": round(hit.score, 4),
        "why": list(hit.why),
        "findings": [
            {
                "id": f.id,
                "structure": f.structure,
                "abnormality": f.abnormality,
                "side": f.side,
                "certainty": f.certainty,
                "severity": f.severity,
                "modality": f.modality,
                "reviewed": f.reviewed,
                "origin": f.origin,
            }
            for f in hit.findings
        ],
        "media": [
            {"sha256": m.sha256, "frames": list(m.frames) if m.frames else None, "id": m.media_id}
            for m in hit.media
        ],
        "instance": instance,
        "absent": hit.absent,
    }


def _table(results: Results) -> None:
    import csv
    import sys

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["case", "sha256", "title", "side", "age", "sex", "difficulty", "score", "why"])
    for hit in results.hits:
        sha256 = hit.instance.sha256 if hit.instance else ""
        row = [hit.case or "", sha256, hit.title, hit.side, hit.age if hit.age is not None else "", hit.sex]
        writer.writerow([_cell(c) for c in (*row, hit.difficulty, f"{hit.score:.4f}", "; ".join(hit.why))])


def _cell(value: object) -> str:
    """A spreadsheet must not take text for a formula."""
    text = safe(str(value))
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t")) else text


def _tell(state: State, results: Results, explain: bool, picture: Callable[[Hit], None]) -> None:
    if results.understood:
        state.say("Understood: " + "; ".join(results.understood), wrap=True)
    for number, hit in enumerate(results.hits, 1):
        click.echo()
        title = wrapped(hit.title or "(without a title)", f"{number:>3}  ", "     ")
        click.echo(title[:5] + click.style(title[5:], bold=True))
        facts = [
            hit.case or "",
            *_file(hit),
            f"{hit.age:g} years" if hit.age is not None else "",
            hit.sex,
            fields(hit.side) if hit.side not in ("", "unknown", "none") else "",
            hit.difficulty,
            "documents the absence" if hit.absent else "",
            f"score {hit.score:.3f}" if explain else "",
        ]
        click.echo(wrapped(" · ".join(f for f in facts if f), "     "))
        for reason in hit.why if explain else hit.why[:2]:
            click.echo(click.style(wrapped(reason, "     ", "       "), dim=True))
        picture(hit)
    click.echo()
    _summary(state, results)


def _facets(state: State, results: Results) -> None:
    """What the hits are of, the most first; what all of them share tells nothing apart."""
    from casearchive.terms import lexicon

    if results.total < 2 or state.quiet:
        return
    known = lexicon()
    counted = sum(
        results.facets.get("kind", {}).values()
    )  # a very long list is counted in its best part only
    part = f", of the best {counted}" if counted < results.total else ""
    for title in ("structure", "abnormality", "side", "difficulty"):
        counts = results.facets.get(title, {})
        if len(counts) > 1:
            named = (
                (known.concept(word), word, count) for word, count in list(counts.items())[:_MOST_FACETS]
            )
            told = [f"{c.preferred if c else fields(word)} {count}" for c, word, count in named]
            more = f" and {len(counts) - len(told)} more" if len(counts) > len(told) else ""
            state.say(f"By {title}{part}: {', '.join(told)}{more}", wrap=True)


def _file(hit: Hit) -> tuple[str, ...]:
    if hit.instance is None:
        return ()
    frames = hit.instance.frames
    what = f"{frames} frames" if frames > 1 else "still" if frames else "no picture"
    return f"file {hit.instance.sha256[:16]}", hit.instance.kind, what, hit.instance.study_date


def _summary(state: State, results: Results) -> None:
    shown = len(results.hits)
    count = f"{results.total} found" + (f", the best {shown} shown" if shown < results.total else "")
    state.say(count if results.total else "Nothing found.")
    for what, number in results.hidden.items():
        if number and what == "absent":
            one = number == 1
            what = f"{number} that {'documents' if one else 'document'} its absence"
            state.say(f"Left out: {what} (--include-absent shows {'it' if one else 'them'}).")
        elif number:
            state.say(f"Left out: {number}, {fields(what)}.")
    _facets(state, results)
    if results.did_you_mean:
        state.say(f"Did you mean: {results.did_you_mean}?")
    if results.total:
        return
    if results.blame:
        words = [f"without {what}: {many(count, 'hit')}" for what, count in results.blame[:4]]
        state.say("Nothing has all of it; " + "; ".join(words) + ".", wrap=True)
    else:
        state.say("Try fewer words, or see what there is with: casearchive stats")
