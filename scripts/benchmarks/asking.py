"""Search in archives of many cases, written through the real index writer but without pictures."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.measure import Progress, again, percentile, run, table

#: What people type: common words and rare ones, fields, phrases, negation, spelling mistakes, nothing at all.
QUERIES = (
    "tear", "left", "muscle", "tendon", "pain", "partial tear", "left hamstring tear", "rectus femoris",
    "achilles tendon rupture", "no tear", "hematoma -tear", "tear OR hematoma", "tendinopathy", "effusion knee",
    "side:left", "side:left tear", "certainty:probable", "difficulty:advanced tear", "structure:achilles_tendon",
    "abnormality:tear", "has:measurement", "peetrons>=2", "gap>20mm", '"felt a pop"', "sprinting", "pop sprint calf",
    "nerve", "sciatic nerve entrapment", "muscel tear", "hematomma", "chronic tear left", "calf", "baker's cyst",
    "ultrasound", "sudden pain thigh football", "tenn", "xyzzy", "", "left right", "(tear OR edema) side:right",
)  # fmt: skip

_ONSETS = (
    "sudden pain while sprinting",
    "a slow ache after running",
    "felt a pop when pushing off",
    "a direct blow",
)
_SPORTS = ("football", "tennis", "basketball", "weekend running", "dance", "hockey", "rowing", "climbing")
#: Sentences as reports have them; braces are filled with a structure, a finding, a side, a size, rare words.
_SENTENCES = (
    "Compared with the other side.", "Dynamic examination shows the ends moving apart.",
    "No fluid collection is seen.", "Followed up after {mm} weeks.", "The nerve is normal.",
    "Ultrasound and the later examination agree.", "The {side} {place} shows a {kind} of {mm} mm.",
    "There is a {kind} at the {place}.", "No {kind} of the {place}.", "The {place} is normal.",
    "Ultrasound of the {side} {place} was asked for by the {rare} clinic.",
    "Tender over the {place} on {rare} examination.", "The {kind} measures {mm} x {mm} mm.",
    "Flow on power Doppler in the {place}.", "Pain on contraction, none at rest.",
    "A small {kind} cannot be excluded.", "Compare {rare} and others on the {place}.", "Better after {mm} days.",
    "The {place} could not be assessed because of {rare}.", "The patient returned to {rare} after {mm} weeks.",
)  # fmt: skip
_SYLLABLES = ("ba", "ce", "di", "fo", "gu", "ha", "ke", "li", "mo", "nu", "pa", "re", "si", "to", "vu", "za")


def measure(
    sizes: Sequence[int],
    findings: int,
    repeats: int,
    keep: Path | None = None,
    queries: Sequence[str] = QUERIES,
) -> tuple[dict[str, Any], str]:
    """Build an archive of each size and ask it everything, in a process of its own; then write cases to it.

    Archives are made in ``keep`` and used again from there, as long as the program that made them is the same.
    """
    progress = Progress(sum(sizes))
    with tempfile.TemporaryDirectory(prefix="bench-") as work:
        rows = {str(n): _one_size(keep or Path(work), n, findings, repeats, progress) for n in sizes}
    table_rows = [(size, *(row[key] for _, key in _COLUMNS)) for size, row in rows.items()]
    text = table(("cases", *(head for head, _ in _COLUMNS)), table_rows)
    last = rows[str(sizes[-1])]["slowest"]
    slow = table(
        ("slowest at the largest size", "median ms", "hits"), [(repr(q), ms, n) for q, ms, n in last]
    )
    return {"queries": len(queries), "repeats": repeats, "sizes": rows}, f"{text}\n\n{slow}"


_COLUMNS = (
    ("findings", "findings"),
    ("p50 ms", "p50_ms"),
    ("p95 ms", "p95_ms"),
    ("p95 CPU ms", "p95_cpu_ms"),
    ("max ms", "max_ms"),
    ("first ms", "first_ms"),
    ("from disk ms", "cold_ms"),
    ("peak MB", "peak_mb"),
    ("add ms", "add_ms"),
    ("add CPU ms", "add_cpu_ms"),
    ("change ms", "change_ms"),
    ("command, times bare", "command_against_bare"),
    ("index MB", "index_mb"),
    ("built in s", "build_s"),
)


def _one_size(folder: Path, size: int, findings: int, repeats: int, progress: Progress) -> dict[str, Any]:
    archive = folder / f"cases-{size}-{findings}-{made_by()}"
    made = archive / "bench.json"
    if not made.exists():
        started = time.perf_counter()
        count = build(archive, size, findings, progress)
        made.write_text(json.dumps({"findings": count, "build_s": time.perf_counter() - started}), "utf-8")
    index = archive / "index.db"
    _into_memory(index)
    cost = run(again("_ask", str(archive), "--repeats", str(repeats)))
    told = json.loads(cost.said)
    every = [ms for q in told["queries"].values() for ms in q["ms"]]
    return {
        **json.loads(made.read_text("utf-8")),
        "index_mb": index.stat().st_size / 1e6,
        "p50_ms": percentile(every, 0.5),
        "p95_ms": percentile(every, 0.95),
        "p95_cpu_ms": percentile([ms for q in told["queries"].values() for ms in q["cpu_ms"]], 0.95),
        "max_ms": max(every),
        "first_ms": told["first_ms"],
        "cold_ms": _from_disk(archive),
        "peak_mb": cost.peak_mb,
        **_written(archive, findings),
        "command_against_bare": _command(archive, repeats),
        "slowest": _slowest(told["queries"]),
        "by_query": told["queries"],
    }


def made_by(*more: Path) -> str:
    """Changes with whatever may decide how an invented archive looks and what making it costs: the whole program;
    ``more`` of it, where another makes it."""
    import casearchive

    package = Path(casearchive.__file__).parent
    program = sorted(path for path in package.rglob("*") if path.suffix in (".py", ".json", ".toml", ".txt"))
    sources = [*program, Path(__file__), *more]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:8]


def _into_memory(path: Path) -> None:
    """Read a file, so that the system has it at hand, as after the first questions of a day."""
    with path.open("rb") as file:
        while file.read(1 << 24):
            pass


def _from_disk(archive: Path) -> float | None:
    """Milliseconds of a first search when the system has forgotten the file; None where it cannot be told to."""
    if not hasattr(os, "posix_fadvise"):
        return None
    with (archive / "index.db").open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    told = json.loads(run(again("_ask", str(archive), "--repeats", "0")).said)
    return float(told["first_ms"])


def _written(archive: Path, findings: int, count: int = 20) -> dict[str, float]:
    """Median milliseconds of writing one case that is new, and one that is there already with other words, each in a
    transaction of its own; the archive is left as it was."""
    from casearchive import index
    from casearchive.index import write

    maker = Maker(findings)
    spent: dict[str, list[float]] = {"add_ms": [], "add_cpu_ms": [], "change_ms": [], "change_cpu_ms": []}
    for number in range(count):
        for kind, title in (("add", "New"), ("change", "Written again")):
            case = replace(maker.case(10_000_000 + number), title=title)
            started, used = time.perf_counter(), time.process_time()
            with index.writing(archive / "index.db") as connection, index.transaction(connection):
                write.put_case(connection, case, record_sha256="0" * 64, completeness=0)
            spent[f"{kind}_ms"].append(1000 * (time.perf_counter() - started))
            spent[f"{kind}_cpu_ms"].append(1000 * (time.process_time() - used))
    with index.writing(archive / "index.db") as connection, index.transaction(connection):
        for number in range(count):
            write.remove_case(connection, maker.case(10_000_000 + number).slug)
    return {kind: percentile(values, 0.5) for kind, values in spent.items()}


def _command(archive: Path, repeats: int) -> float:
    """CPU of ``casearchive search tear`` against a bare Python with its two imports, in turn; medians."""
    program = [sys.executable, "-m", "casearchive", "--archive", str(archive), "search", "tear"]
    bare = [sys.executable, "-c", "import click, sqlite3"]
    costs: dict[int, list[float]] = {0: [], 1: []}
    for turn in range(repeats + 1):
        for n, words in enumerate((program, bare)):
            cost = run(words)
            if turn:  # the first may have to write byte code
                costs[n].append(cost.seconds if cost.cpu_s is None else cost.cpu_s)
    return percentile(costs[0], 0.5) / percentile(costs[1], 0.5)


def _slowest(queries: dict[str, Any]) -> list[tuple[str, float, int]]:
    found = [(q, percentile(v["ms"], 0.5), int(v["total"])) for q, v in queries.items()]
    return sorted(found, key=lambda row: -row[1])[:8]


def build(target: Path, cases: int, findings: int, progress: Progress | None = None) -> int:
    """An archive whose index holds ``cases`` invented cases; returns how many findings they have.

    One case in ten is a draft that nobody annotated, one in ten has a file in the archive, and for every fifty cases
    there is a loose file. All is written as the program writes it, in transactions of 500 cases.
    """
    from casearchive import Archive, index
    from casearchive.index import write

    Archive.create(target)
    maker = Maker(findings)
    count = 0
    with index.writing(target / "index.db") as connection:
        for start in range(0, cases, 500):
            with index.transaction(connection):
                for number in range(start, min(start + 500, cases)):
                    case = maker.case(number)
                    count += len(case.findings)
                    if number % 10 == 3:
                        _put_file(connection, case.media[0].sha256, maker, number)
                    if number % 50 == 7:
                        _put_file(
                            connection, hashlib.sha256(f"loose {number}".encode()).hexdigest(), maker, number
                        )
                    digest = hashlib.sha256(case.slug.encode()).hexdigest()
                    write.put_case(connection, case, record_sha256=digest, completeness=50 + number % 50)
                    if progress is not None:
                        progress.step("writing cases")
    return count


def _put_file(connection: sqlite3.Connection, sha256: str, maker: Maker, number: int) -> None:
    from casearchive.index import write

    key = hashlib.sha256(f"subject {number // 3}".encode()).hexdigest()
    write.add_instances(
        connection, [write.Filed(maker.facts(number), sha256, 1, f"scan{number}.dcm", key, key_frame=1)]
    )


class Maker:
    """Cases drawn from the lexicon by Zipf's law: a few structures and findings are common, most are rare."""

    def __init__(self, findings: int) -> None:
        from casearchive.terms import STRUCTURE_KINDS, lexicon

        self._findings = findings
        self._words = lexicon()
        places = sorted(self._words.ids(STRUCTURE_KINDS))
        kinds = sorted(self._words.ids(("abnormality",)))
        order = random.Random(7)
        order.shuffle(places)
        order.shuffle(kinds)
        self._places = _Zipf(["achilles_tendon", *places])
        self._kinds = _Zipf(["tear", "hematoma", *kinds])
        self._rare = _Zipf(["".join(order.choices(_SYLLABLES, k=order.randint(2, 5))) for _ in range(20_000)])

    def case(self, number: int) -> Any:
        from casearchive.choices import DIFFICULTIES
        from casearchive.model import Case, Diagnosis, Patient, Story

        chance = random.Random(number)
        count = 0 if number % 10 == 9 else chance.randint(2, 2 * self._findings + 1)
        findings = tuple(self._finding(chance, n) for n in range(1, count + 1))
        first = findings[0] if findings else self._finding(chance, 1)
        what, where = self._name(first.abnormality), self._name(first.structure)
        story = Story(
            history=f"{chance.choice(_ONSETS).capitalize()}, {chance.choice(_SPORTS)}. {self._said(chance, 1, 2)}",
            diagnosis=(Diagnosis(first.abnormality, first.structure, first.side),) if findings else (),
            discussion=f"{self._said(chance, 1, 4)} The {where} shows a {what}.",
            points=(f"Look at the {where} in two planes.",),
        )
        return Case(
            slug=f"case-{number:06d}",
            title=f"{what} of the {first.side} {where}".capitalize(),
            status="ready" if findings else "draft",
            difficulty=chance.choice(DIFFICULTIES),
            category=("musculoskeletal",),
            fictional=True,
            patient=Patient(f"{chance.randrange(15, 85)} Y", chance.choice("MF"), chance.choice(_SPORTS)),
            story=story,
            media=tuple(self._clip(chance, number, n, first) for n in range(1, chance.randint(1, 4) + 1)),
            findings=findings,
            measurements=self._measured(chance, findings),
        )

    def facts(self, number: int) -> Any:
        from casearchive.model import Claim, Facts, Instance, Series, Study, Subject, Timing

        chance = random.Random(-number)
        side, frames = chance.choice(("left", "right", "")), chance.choice((1, 1, 40))
        place = self._name(self._places.draw(chance))
        claims = (Claim("side", side, "SeriesDescription"),) if side else ()
        return Facts(
            kind="dicom",
            subject=Subject(patient_sex=chance.choice("MF")),
            study=Study(
                f"2.25.{number}", study_date=f"20{chance.randrange(10, 26)}-0{chance.randrange(1, 10)}-15"
            ),
            series=Series("1", modality="US", series_description=f"US {side} {place}"),
            instance=Instance(f"2.25.{number}.1", frames=frames),
            timing=Timing(24.0 if frames > 1 else None),
            claims=(*claims, Claim("mode", chance.choice(("b_mode", "power_doppler")), "ImageType")),
        )

    def _clip(self, chance: random.Random, number: int, position: int, first: Any) -> Any:
        from casearchive.model import Media

        structure = first.structure if position == 1 else self._places.draw(chance)
        name = f"{number}/{position}" if position > 1 else str(number)
        return Media(
            f"M{position}", sha256=hashlib.sha256(name.encode()).hexdigest(), structure=structure,
            caption=f"{self._name(structure)}, {self._said(chance, 1, 1)}",
            plane=chance.choice(("long_axis", "short_axis")),
            side=first.side if position == 1 else chance.choice(("left", "right", "unknown")),
            mode=chance.choice(("b_mode", "b_mode", "power_doppler")),
        )  # fmt: skip

    def _finding(self, chance: random.Random, number: int) -> Any:
        from casearchive.choices import SEVERITIES, TEMPORALITIES
        from casearchive.model import Evidence, Finding, Grade

        kind = self._kinds.draw(chance)
        return Finding(
            id=f"F{number}",
            abnormality=kind,
            structure=self._places.draw(chance),
            side=chance.choices(("left", "right", "bilateral", "unknown"), (8, 8, 1, 2))[0],
            certainty=chance.choices(("definite", "probable", "possible", "absent"), (6, 2, 1, 2))[0],
            severity=chance.choice(SEVERITIES),
            temporality=chance.choice(TEMPORALITIES),
            grades=(Grade("peetrons", str(chance.randint(0, 3))),) if kind == "tear" else (),
            evidence=(Evidence("M1", (1, 20)),) if chance.random() < 0.3 else (),
            note=self._said(chance, 1, 1) if chance.random() < 0.2 else "",
        )

    def _said(self, chance: random.Random, low: int, high: int) -> str:
        return " ".join(
            sentence.format(
                place=self._name(self._places.draw(chance)), kind=self._name(self._kinds.draw(chance)),
                side=chance.choice(("left", "right")), mm=chance.randrange(2, 60), rare=self._rare.draw(chance),
            )
            for sentence in chance.sample(_SENTENCES, chance.randint(low, high))
        )  # fmt: skip

    def _measured(self, chance: random.Random, findings: tuple[Any, ...]) -> tuple[Any, ...]:
        from casearchive.model import Measurement

        if not findings or chance.random() < 0.5:
            return ()
        return (Measurement("gap", chance.randrange(1, 60), "mm", finding="F1"),)

    def _name(self, concept_id: str) -> str:
        concept = self._words.concept(concept_id)
        return concept.preferred if concept else concept_id


class _Zipf:
    """Draws the n-th item of a list with a chance of 1/n."""

    def __init__(self, items: list[str]) -> None:
        self._items = items
        self._weights = list(itertools.accumulate(1 / n for n in range(1, len(items) + 1)))

    def draw(self, chance: random.Random) -> str:
        return chance.choices(self._items, cum_weights=self._weights)[0]


def ask(target: Path, repeats: int, queries: Sequence[str] = QUERIES) -> dict[str, Any]:
    """Milliseconds of every query through ``Archive.search``: reading it, asking, and telling the 20 best."""
    from casearchive import Archive

    archive = Archive.open(target)
    started = time.perf_counter()
    archive.search("tear")
    first = 1000 * (time.perf_counter() - started)
    told: dict[str, Any] = {q: {"ms": [], "cpu_ms": [], "total": 0} for q in queries}
    for _ in range(repeats):
        for query in queries:
            started, used = time.perf_counter(), time.process_time()
            results = archive.search(query)
            told[query]["ms"].append(1000 * (time.perf_counter() - started))
            told[query]["cpu_ms"].append(1000 * (time.process_time() - used))
            told[query]["total"] = results.total
    return {"first_ms": first, "queries": told}
