"""Search in archives of many cases, written through the real index writer but without pictures."""

from __future__ import annotations

import hashlib
import json
import random
import tempfile
import time
from collections.abc import Sequence
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
_REMARKS = (
    "Compared with the other side.", "Dynamic examination shows the ends moving apart.", "No fluid collection is seen.",
    "Followed up after six weeks.", "The nerve is normal.", "Ultrasound and the later examination agree.",
)  # fmt: skip


def measure(
    sizes: Sequence[int], findings: int, repeats: int, queries: Sequence[str] = QUERIES
) -> tuple[dict[str, Any], str]:
    """Build an archive of each size and ask it everything, in a process of its own."""
    rows: dict[str, Any] = {}
    progress = Progress(sum(sizes))
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="bench-") as work:
            started = time.perf_counter()
            count = build(Path(work) / "archive", size, findings, progress)
            built = time.perf_counter() - started
            cost = run(again("_ask", str(Path(work) / "archive"), "--repeats", str(repeats)))
            told = json.loads(cost.said)
            index = (Path(work) / "archive" / "index.db").stat().st_size
        every = [ms for q in told["queries"].values() for ms in q["ms"]]
        rows[str(size)] = {
            "findings": count,
            "build_s": built,
            "index_mb": index / 1e6,
            "p50_ms": percentile(every, 0.5),
            "p95_ms": percentile(every, 0.95),
            "max_ms": max(every),
            "first_ms": told["first_ms"],
            "peak_mb": cost.peak_mb,
            "slowest": _slowest(told["queries"]),
        }
    heads = (
        "cases",
        "findings",
        "p50 ms",
        "p95 ms",
        "max ms",
        "first ms",
        "peak MB",
        "index MB",
        "built in s",
    )
    keys = ("findings", "p50_ms", "p95_ms", "max_ms", "first_ms", "peak_mb", "index_mb", "build_s")
    text = table(heads, [(size, *(row[k] for k in keys)) for size, row in rows.items()])
    last = rows[str(sizes[-1])]["slowest"]
    slow = table(
        ("slowest at the largest size", "median ms", "hits"), [(repr(q), ms, n) for q, ms, n in last]
    )
    return {"queries": len(queries), "repeats": repeats, "sizes": rows}, f"{text}\n\n{slow}"


def _slowest(queries: dict[str, Any]) -> list[tuple[str, float, int]]:
    found = [(q, percentile(v["ms"], 0.5), int(v["total"])) for q, v in queries.items()]
    return sorted(found, key=lambda row: -row[1])[:8]


def build(target: Path, cases: int, findings: int, progress: Progress | None = None) -> int:
    """An archive whose index holds ``cases`` invented cases; returns how many findings they have."""
    from casearchive import Archive, index
    from casearchive.index import write

    Archive.create(target)
    maker = _Maker(findings)
    count = 0
    with index.writing(target / "index.db") as connection:
        for start in range(0, cases, 500):
            with index.transaction(connection):
                for number in range(start, min(start + 500, cases)):
                    case = maker.case(number)
                    count += len(case.findings)
                    digest = hashlib.sha256(case.slug.encode()).hexdigest()
                    write.put_case(connection, case, record_sha256=digest, completeness=50 + number % 50)
                    if progress is not None:
                        progress.step("writing cases")
    return count


class _Maker:
    """Cases drawn from the lexicon: a few structures and findings are common, most are rare."""

    def __init__(self, findings: int) -> None:
        from casearchive.terms import STRUCTURE_KINDS, lexicon

        self._findings = findings
        self._words = lexicon()
        self._places = sorted(self._words.ids(STRUCTURE_KINDS))
        self._kinds = sorted(self._words.ids(("abnormality",)))
        order = random.Random(7)
        order.shuffle(self._places)
        order.shuffle(self._kinds)
        self._places.insert(0, "achilles_tendon")
        self._kinds[0:0] = ["tear", "hematoma"]

    def case(self, number: int) -> Any:
        from casearchive.choices import DIFFICULTIES
        from casearchive.model import Case, Diagnosis, Media, Patient, Story

        chance = random.Random(number)
        findings = tuple(
            self._finding(chance, n) for n in range(1, chance.randint(1, 2 * self._findings - 1) + 1)
        )
        first = findings[0]
        what, where = self._name(first.abnormality), self._name(first.structure)
        story = Story(
            history=f"{chance.choice(_ONSETS).capitalize()}, {chance.choice(_SPORTS)}. {chance.choice(_REMARKS)}",
            diagnosis=(Diagnosis(first.abnormality, first.structure, first.side),),
            discussion=" ".join(chance.sample(_REMARKS, 3)) + f" The {where} shows a {what}.",
            points=(f"Look at the {where} in two planes.",),
        )
        media = Media(
            "M1", sha256=hashlib.sha256(str(number).encode()).hexdigest(), caption=f"{where}, {what}"
        )
        return Case(
            slug=f"case-{number:06d}",
            title=f"{what} of the {first.side} {where}".capitalize(),
            status="ready",
            difficulty=chance.choice(DIFFICULTIES),
            category=("musculoskeletal",),
            fictional=True,
            patient=Patient(f"{chance.randrange(15, 85)} Y", chance.choice("MF"), chance.choice(_SPORTS)),
            story=story,
            media=(media,),
            findings=findings,
            measurements=self._measured(chance),
        )

    def _finding(self, chance: random.Random, number: int) -> Any:
        from casearchive.choices import SEVERITIES, TEMPORALITIES
        from casearchive.model import Finding, Grade

        kind = self._kinds[min(int(chance.expovariate(0.12)), len(self._kinds) - 1)]
        return Finding(
            id=f"F{number}",
            abnormality=kind,
            structure=self._places[min(int(chance.expovariate(0.04)), len(self._places) - 1)],
            side=chance.choice(("left", "right")),
            certainty=chance.choices(("definite", "probable", "possible", "absent"), (6, 2, 1, 2))[0],
            severity=chance.choice(SEVERITIES),
            temporality=chance.choice(TEMPORALITIES),
            grades=(Grade("peetrons", str(chance.randint(0, 3))),) if kind == "tear" else (),
            note=chance.choice(_REMARKS) if chance.random() < 0.3 else "",
        )

    def _measured(self, chance: random.Random) -> tuple[Any, ...]:
        from casearchive.model import Measurement

        if chance.random() < 0.5:
            return ()
        return (Measurement("gap", chance.randrange(1, 60), "mm", finding="F1"),)

    def _name(self, concept_id: str) -> str:
        concept = self._words.concept(concept_id)
        return concept.preferred if concept else concept_id


def ask(target: Path, repeats: int, queries: Sequence[str] = QUERIES) -> dict[str, Any]:
    """Milliseconds of every query through ``Archive.search``: reading it, asking, and telling the 20 best."""
    from casearchive import Archive

    archive = Archive.open(target)
    started = time.perf_counter()
    archive.search("tear")
    first = 1000 * (time.perf_counter() - started)
    told: dict[str, Any] = {q: {"ms": [], "total": 0} for q in queries}
    for _ in range(repeats):
        for query in queries:
            started = time.perf_counter()
            results = archive.search(query)
            told[query]["ms"].append(1000 * (time.perf_counter() - started))
            told[query]["total"] = results.total
    return {"first_ms": first, "queries": told}
