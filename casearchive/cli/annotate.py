"""``annotate``: write down what was found, in options, in plain words, in an editor, or from a file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from casearchive.cli._annotation import FINDING, GROUPS, SHAPES, annotation_of
from casearchive.cli._talk import State, complete_case, dry_run, emit, example, verb
from casearchive.errors import UsageError

if TYPE_CHECKING:
    from casearchive.findings import Annotated


def _texts(command: click.decorators.FC) -> click.decorators.FC:
    for name, metavar, text in reversed(FINDING):
        command = click.option(f"--{name}", metavar=metavar, help=text)(command)
    return command


def _shapes(command: click.decorators.FC) -> click.decorators.FC:
    for name in reversed(SHAPES):
        metavar = "X,Y" if name == "point" else "X,Y,X,Y" if name in ("box", "ellipse") else "X,Y,X,Y…"
        command = click.option(f"--{name}", metavar=metavar, help=f"The {name} to draw, in stored pixels.")(
            command
        )
    return command


class _Grouped(click.Command):
    """A command whose help has its many options under headings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        left = {p.name: r for p in self.get_params(ctx) if (r := p.get_help_record(ctx)) is not None}
        for heading, names in GROUPS.items():
            rows = [left.pop(name) for name in names if name in left]
            with formatter.section(heading):
                formatter.write_dl(rows)
        with formatter.section("Options"):
            formatter.write_dl([*left.values()])


@click.command(
    cls=_Grouped,
    epilog=example(
        'casearchive annotate rectus-femoris-complete-tear "no tear of the left rectus femoris" --yes',
        "casearchive annotate rectus-femoris-complete-tear --finding haematoma --structure RF --side right",
        "casearchive annotate rectus-femoris-complete-tear --change F1 --media M1 --box 350,180,430,314",
        "casearchive annotate rectus-femoris-complete-tear --change F1 --measure gap=6mm --state rest",
        "casearchive annotate rectus-femoris-complete-tear --measure gap --media M1 --points 350,247,430,247",
        'casearchive annotate rectus-femoris-complete-tear --prior "minor strain" --discordance undergraded',
        "casearchive annotate rectus-femoris-complete-tear --remove F1/M1",
        "casearchive annotate --export findings.csv",
    ),
)
@click.argument("case", required=False, shell_complete=complete_case)
@click.argument("words", nargs=-1, metavar="[WORDS]...")
@_texts
@click.option(
    "--echo",
    metavar="WORDS",
    multiple=True,
    help="How it looks: hypoechoic, heterogeneous … (may be repeated).",
)
@click.option(
    "--grade",
    "grades",
    metavar="SCALE=N",
    multiple=True,
    help="A grade on its scale: peetrons=2, bamic=2b, pd=1 (may be repeated).",
)
@click.option("--media", metavar="M2", help="The clip that shows it.")
@click.option("--frames", metavar="A-B", help="The frames that show it, counted from 1.")
@_shapes
@click.option("--best", is_flag=True, help="This is the best illustration of the finding.")
@click.option("--another", is_flag=True, help="Add this beside what the finding shows on that clip already.")
@click.option(
    "--measure",
    "measures",
    metavar="WHAT=VALUE",
    multiple=True,
    help="gap=31mm, csa=52mm2 (may be repeated); gap alone is measured from --points.",
)
@click.option(
    "--state",
    "states",
    metavar="STATE",
    multiple=True,
    help="rest, contraction, … of the measurement, or of each in turn.",
)
@click.option("--points", metavar="X,Y,X,Y…", help="Where it was measured, on the clip of --media.")
@click.option("--frame", metavar="N", type=int, help="The frame it was measured on.")
@click.option("--measured-side", metavar="SIDE", help="The side measured, where it is not the finding's.")
@click.option("--prior", metavar="TEXT", help="What was thought before, in the words of then.")
@click.option(
    "--discordance",
    metavar="HOW",
    help="agreement, undergraded, overgraded, missed, discordant, technique_limited.",
)
@click.option(
    "--day", metavar="N", type=int, help="When it was thought: days from the study, before it negative."
)
@click.option("--missed", metavar="WORDS", multiple=True, help="What was missed then (may be repeated).")
@click.option(
    "--teaching-point",
    "points_",
    metavar="TEXT",
    multiple=True,
    help="A sentence to take home (may be repeated).",
)
@click.option("--pitfall", "pitfalls", metavar="TEXT", multiple=True, help="A trap (may be repeated).")
@click.option(
    "--change", "target", metavar="F2|prior:1", default="", help="Change this one instead of adding one."
)
@click.option(
    "--remove",
    metavar="F2|F2/M1|F2/gap@rest|prior:1|point:2|pitfall:1",
    multiple=True,
    help="Take out a finding, its evidence on a clip, a measurement, a grade … (may be repeated).",
)
@click.option("--as-written", is_flag=True, help="Keep words that the vocabulary does not know.")
@click.option("--editor", is_flag=True, help="Open the record in your editor ($EDITOR) instead.")
@click.option(
    "--import",
    "--from",
    "source",
    metavar="FILE",
    help="Take findings from a .csv or .jsonl file, or from a DICOM measurement report (.dcm).",
)
@click.option(
    "--partial",
    is_flag=True,
    help="With --import: take the findings that are understood, leave the others (exit code 3).",
)
@click.option(
    "--export",
    "target_file",
    metavar="FILE",
    help="Write the findings of the cases named (or of all) to a .csv or .jsonl file.",
)
@click.option("-y", "--yes", is_flag=True, help="Save what was understood from words without asking.")
@dry_run
@verb
def command(
    state: State,
    case: str | None,
    words: tuple[str, ...],
    yes: bool,
    dry_run: bool,
    editor: bool,
    source: str | None,
    target_file: str | None,
    partial: bool,
    remove: tuple[str, ...],
    as_written: bool,
    **options: Any,
) -> int:
    """Write down what was found in CASE: findings, evidence, measurements, grades, what was thought before.

    In plain words, several findings parted by semicolons: what was understood is shown, and saved when you say
    yes. Or with options, which are saved at once: they add a finding, or change one (--change F2). Or in your
    editor (--editor).

    Frames count from 1, points are stored pixels from the top left. A value given with its points is compared
    with them. Words that the vocabulary does not know are refused with the nearest it has.

    --export writes findings to a file with one row for each finding, and further rows for further evidence and
    measurements; --import takes such a file: a row with an id replaces that finding, one without adds one.
    Columns that the file does not have stay as they are. Try it with -n first; docs/findings-file.md names
    the columns. --from takes a DICOM report (TID 1500) on pictures of CASE, too: its findings are added.
    """
    if source or target_file:
        from casearchive.cli import _findings_file

        cases = tuple(c for c in (case, *words) if c)
        if source and target_file:
            raise UsageError("--import and --export: one at a time")
        _alone("--import" if source else "--export", options, remove=remove, editor=editor)
        if target_file:
            if dry_run:
                raise UsageError("--export changes nothing in the archive: there is nothing to try (-n)")
            return _findings_file.write(state, cases, target_file, yes=yes)
        return _findings_file.take(
            state, cases, source or "", partial=partial, as_written=as_written, dry_run=dry_run
        )
    if partial:
        raise UsageError("--partial belongs to --import")
    if case is None:
        raise UsageError("no case was named", hint="Write: casearchive annotate CASE, then what was found.")
    archive = state.open()
    if editor:
        _alone("--editor", options, remove=remove, words=words)
        from casearchive.cli.edit import in_editor

        in_editor(state, archive, case, dry_run=dry_run)
        return 0
    if not any(" " in line for line in words):
        words = (" ".join(words),) if words else ()  # a line that was typed without its quotes
    annotation = annotation_of(options, words=bool(words))
    wanted = [annotation] if annotation is not None else []
    if not words and not wanted and not remove:
        raise UsageError(
            "nothing to write down was said",
            hint='Say it in words ("complete tear right RF, M2 frames 39-98"), with options, or use --editor.',
        )
    ask = bool(words) and not dry_run and not yes
    shown = archive.annotate(
        case, words, annotations=wanted, remove=remove, as_written=as_written, dry_run=dry_run or ask
    )
    _tell(state, shown, saved=shown.saved)
    if not ask or not shown.changed:
        return 0
    if state.json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "nothing was saved: there is nobody to ask", hint="Add --yes to save what was understood."
        )
    if not click.confirm("Save this?", default=not shown.left_aside, err=True):
        state.say("Nothing was saved.")
        return 0
    archive.annotate(case, words, annotations=wanted, remove=remove, as_written=as_written)
    state.say(f"Saved in {case}.")
    return 0


def _alone(option: str, options: dict[str, Any], **others: Any) -> None:
    """Refuse what would be passed over beside ``option``."""
    given = [
        name for name, value in (*options.items(), *others.items()) if value not in (None, "", (), False)
    ]
    if given:
        raise UsageError(
            f"{option} goes without anything else to write down", hint="Do the rest in a second call."
        )


# --------------------------------------------------------------------------------------------------- words


def _tell(state: State, shown: Annotated, *, saved: bool) -> None:
    """What was understood or written."""
    from dataclasses import asdict

    case, revision = shown.case, shown.revision
    findings = [f for f in case.findings if f.id in revision.findings]
    measurements = [case.measurements[n] for n in revision.measurements]
    if state.json:
        emit(
            {
                "case": case.slug,
                "saved": saved,
                "findings": [asdict(f) for f in findings],
                "measurements": [asdict(m) for m in measurements],
                "priors": [asdict(case.priors[n]) for n in revision.priors],
                "removed": list(revision.removed),
                "notes": list(revision.notes),
                "left_aside": list(shown.left_aside),
                "record": shown.text,
            }
        )
        return
    from casearchive.cli._layout import wrapped
    from casearchive.record import sentences

    click.echo(
        "Nothing changed: the record says so already."
        if not shown.changed
        else "Saved:"
        if saved
        else "Understood:"
    )
    for finding in findings:
        click.echo(wrapped(f"{finding.id}: {sentences.sentence(sentences.title(finding))}", "  ", "      "))
        own = [sentences.measured(m) for m in measurements if m.finding == finding.id]
        for line in (sentences.qualities(finding), sentences.states(finding), finding.note, *own):
            if line:
                click.echo(wrapped(line, "      "))
        for evidence in finding.evidence:
            click.echo(wrapped(sentences.evidence(evidence), "      "))
    for row in (m for m in measurements if m.finding not in revision.findings):
        click.echo(
            wrapped(f"{row.finding + '  ' if row.finding else ''}{sentences.measured(row)}", "  ", "      ")
        )
    for place in revision.priors:
        click.echo(wrapped(f"thought before: {sentences.prior(case.priors[place])}", "  ", "      "))
    for line in revision.sentences:
        click.echo(wrapped(line, "  "))
    for gone in revision.removed:
        click.echo(f"  taken out: {gone}")
    for note in revision.notes:
        state.say(f"Note: {note}")
    if shown.left_aside:
        state.say(
            f"Not understood: {', '.join(shown.left_aside)} (the whole line is kept as the finding's note)."
        )
