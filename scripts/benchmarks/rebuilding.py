"""``reindex`` of an archive of records, beside reading the same records and nothing else."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import asking
from benchmarks.measure import Cost, Progress, again, median, run, table

READ, REINDEX = "reading the records", "reindex"


def measure(cases: int, repeats: int) -> tuple[dict[str, Any], str]:
    """Medians of ``repeats`` turns. Raises ``RuntimeError`` where one of them did not read every record."""
    from casearchive import Archive, record

    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        archive, maker = Path(name) / "archive", asking.Maker(10)
        Archive.create(archive)
        for number in range(cases):
            case = _alone(maker.case(number))
            (archive / "cases" / f"{case.slug}.toml").write_text(record.dumps(case), "utf-8")
        command = [sys.executable, "-m", "casearchive", "--archive", str(archive), "reindex", "--json"]
        run(command)  # the ledger takes note of the records
        costs: dict[str, list[Cost]] = {READ: [], REINDEX: []}
        progress = Progress(repeats * len(costs))
        for _ in range(repeats):
            for what, words in ((READ, again("_records", str(archive))), (REINDEX, command)):
                costs[what].append(run(words))
                _check(what, costs[what][-1].said, cases)
                progress.step(what)
    seconds = {what: statistics.median(cost.seconds for cost in some) for what, some in costs.items()}
    rows = {
        what: {
            "s": seconds[what],
            "every_s": [cost.seconds for cost in some],
            "cpu_s": median([cost.cpu_s for cost in some]),
            "cases_per_s": cases / seconds[what],
            "times_reading": seconds[what] / seconds[READ],
            "peak_mb": median([cost.peak_mb for cost in some]),
        }
        for what, some in costs.items()
    }
    keys = ("s", "cpu_s", "cases_per_s", "times_reading", "peak_mb")
    heads = ("", "s", "CPU s", "cases/s", "times reading", "peak MB")
    text = f"{cases} cases without files, {repeats} repeats, medians\n\n" + table(
        heads, [(what, *(row[key] for key in keys)) for what, row in rows.items()]
    )
    return {"cases": cases, "repeats": repeats, "systems": rows}, text


def _check(what: str, said: str, cases: int) -> None:
    told = json.loads(said)
    if (told["cases"], told.get("problems", [])) != (cases, []):
        raise RuntimeError(f"{what} did not read the same {cases} records: {said[:500]}")


def _alone(case: Any) -> Any:
    """The case without the files that it is about."""
    return replace(
        case,
        media=(),
        findings=tuple(replace(finding, evidence=()) for finding in case.findings),
        measurements=tuple(replace(one, media="", frame=None, points=()) for one in case.measurements),
    )


def read(archive: Path) -> dict[str, Any]:
    from casearchive import record

    count = 0
    for path in sorted((archive / "cases").glob("*.toml")):
        text = path.read_text("utf-8")
        record.completeness(record.loads(text, slug=path.stem), text=text)
        count += 1
    return {"cases": count}
