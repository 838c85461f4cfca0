"""``verify``: is everything still there and whole, and what can be done where it is not?"""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from casearchive.cli._talk import Meter, State, emit, example, many, safe, verb
from casearchive.errors import UsageError

if TYPE_CHECKING:
    from casearchive.archive import Archive
    from casearchive.repair import Plan
    from casearchive.verify import Fault, Verdict


@click.command(epilog=example("casearchive verify --full", "casearchive verify --repair"))
@click.option("--full", is_flag=True, help="Read every byte; goes on where it was interrupted.")
@click.option("--again", is_flag=True, help="With --full: begin anew instead of going on.")
@click.option("--repair", is_flag=True, help="Show what can be mended without losing anything, and ask.")
@click.option(
    "--from", "sources", metavar="PATH", multiple=True, type=click.Path(exists=True),
    help="A backup, or a file or folder with originals, to mend from (may be repeated).",
)  # fmt: skip
@click.option("--yes", is_flag=True, help="With --repair: do it without asking.")
@verb
def command(state: State, full: bool, again: bool, repair: bool, sources: tuple[str, ...], yes: bool) -> int:
    """Compare the archive with itself: originals, records, sets, ledger, key, index. Changes nothing.

    With --full every byte is read, and every value of the index is held against its seal. What is only to be seen
    to, such as pictures that can be made again, is told and is no damage.

    --repair puts back what is proven to be what was there, makes the index again, and moves what is damaged to
    quarantine/; it deletes nothing.
    """
    if (sources or yes) and not repair:
        raise UsageError("--from and --yes belong to --repair", hint="Add --repair.")
    archive = state.open()
    verdict = _look(state, archive, full, again)
    if not repair:
        _tell(state, verdict)
        return 30 if verdict.faults else 0
    plan = archive.plan_repair(verdict, sources)
    _show(state, verdict, plan)
    problems: tuple[str, ...] = ()
    done = False
    if plan.steps and (yes or (not state.json and click.confirm("Do this?", default=False, err=True))):
        meter = Meter(state, "Mending")
        problems = archive.repair(plan, workers=os.cpu_count() or 1, tell=meter.tell)
        meter.close()
        verdict, done = _look(state, archive, full, False), True
    if state.json:
        emit({
            **_data(verdict), "plan": [{"kind": s.kind, "where": s.where, "says": s.says} for s in plan.steps],
            "left": [asdict(f) for f in plan.left], "repaired": done, "problems": list(problems),
        })  # fmt: skip
    elif done:
        for problem in problems:
            state.say(f"Not done: {problem}")
        _tell(state, verdict)
    return 30 if verdict.faults else 0


def _look(state: State, archive: Archive, full: bool, again: bool) -> Verdict:
    meter = Meter(state, "Reading originals")
    try:
        return archive.verify(full=full, again=again, tell=meter.tell)
    finally:
        meter.close()


def _data(verdict: Verdict) -> dict[str, object]:
    return {
        **asdict(verdict),
        "faults": [asdict(f) for f in verdict.faults],
        "notices": [asdict(f) for f in verdict.notices],
        "sound": not verdict.faults,
    }


def _tell(state: State, verdict: Verdict) -> None:
    if state.json:
        emit(_data(verdict))
        return
    for fault in verdict.faults:
        _say(fault)
    for code in dict.fromkeys(n.code for n in verdict.notices):
        alike = [n for n in verdict.notices if n.code == code]
        more = f" (and {len(alike) - 1} more)" if len(alike) > 1 else ""
        state.say(f"To be seen to: {alike[0].where}{more}: {alike[0].meaning}; {alike[0].remedy}")
    how = "names and sizes"
    if verdict.full:
        how = "every byte read"
        if verdict.read < verdict.objects:
            how += f", {verdict.objects - verdict.read} of them in the run that began {_when(verdict)}"
    elif verdict.reading_since:
        how += f"; every byte was last read {_when(verdict)}"
    state.say(
        f"{many(verdict.objects, 'original')} ({how}), {many(verdict.records, 'record')}, "
        f"{many(verdict.events, 'ledger line')}: "
        + (many(len(verdict.faults), "fault") if verdict.faults else "all sound")
    )


def _when(verdict: Verdict) -> str:
    return verdict.reading_since[:16].replace("T", " ") + " UTC"


def _say(fault: Fault) -> None:
    click.echo(safe(f"{fault.code}: {fault.where}: {fault.meaning}"))
    click.echo(safe(f"  {fault.remedy}"))


def _show(state: State, verdict: Verdict, plan: Plan) -> None:
    if state.json:
        return
    if not plan.steps:
        state.say(
            "There is nothing to mend." if not verdict.faults else "Nothing can be mended from what is here."
        )
    for step in plan.steps:
        click.echo(safe(f"{step.where[:64]}: {step.says}"))
    for fault in plan.left:
        click.echo(safe(f"left as it is: {fault.code}: {fault.where}: {fault.remedy}"))
