#!/usr/bin/env python3
"""Measure de-identification: invented ultrasound full of planted identifiers, through casearchive and through others.

    python scripts/bench_deid.py                          casearchive alone, a few minutes
    python scripts/bench_deid.py --peers                  other programs beside it, each in an environment of its own
    python scripts/bench_deid.py --files 12 --seed 2      fewer files, other names
    python scripts/bench_deid.py --keep DIR               keep the files, the truth about them and every output

The same number of files and the same seed are the same files. Whether a name is still in the pixels is told from the
glyphs that were drawn, not by reading. docs/privacy.md holds the last results and what they mean.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import _planted as planted_files
from _invented import unwritable
from _judged import FAILED, HELD, REFUSED, WRITTEN, Verdict, judge
from _peers import PEERS, Absent, Run
from _peers import run as run_peer
from _planted import KINDS, PIXELS, PLAN, Planted
from benchmarks.measure import Progress, finish, table
from judging.page import rewritten

from casearchive import Archive, __version__
from casearchive.deid.refusal import NOBODY
from casearchive.errors import CaseArchiveError, IdentityFound, ReviewNeeded

OURS = "casearchive"


def main(argv: list[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="bench-deid-") as temporary:
        place = options.keep or Path(temporary)
        place.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom's, about values that are wrong on purpose
            say(f"making {options.files} files")
            for script in unwritable():
                print(f"names in {script}: not burnt in, no font for them is installed", flush=True)
            corpus = planted_files.make(place / "files", options.files, options.seed)
            (place / "truth.json").write_text(_truth(corpus), "utf-8")
            judged = [(run, _judged(run, corpus)) for run in _runs(options, corpus, place)]
    scores = [Score.of(run, verdicts, corpus) for run, verdicts in judged]
    text = "\n\n".join((_about(corpus), _identities(scores, corpus), _kept(scores), _settings(scores)))
    if options.details:
        text += "\n\n" + "\n\n".join(_details(run, verdicts) for run, verdicts in judged)
    result = {
        "files": options.files,
        "seed": options.seed,
        "planted": _planted(corpus),
        **_as_json(judged, scores),
    }
    finish("deid", result, text, options.json)
    if options.docs:
        tables = {
            "deid": "\n\n".join(
                (_about(corpus), _identities(scores, corpus), _kept(scores), _settings(scores))
            )
        }
        options.docs.write_text(rewritten(options.docs.read_text("utf-8"), tables), "utf-8")
    return 0


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _runs(options: argparse.Namespace, corpus: Sequence[Planted], place: Path) -> Iterator[Run]:
    say(OURS)
    yield ours(corpus, place / "archive", place / "out")
    for peer in PEERS if options.peers else ():
        if options.only and peer.name not in options.only:
            continue
        say(peer.name)
        target = place / f"out-{peer.name}"
        shutil.rmtree(target, ignore_errors=True)
        try:
            yield run_peer(peer, place / "files", target, place)
        except Absent as why:
            print(f"{peer.name}: skipped, {why}", flush=True)


def _judged(run: Run, corpus: Sequence[Planted]) -> list[Verdict]:
    verdicts = []
    for one in corpus:
        verdict = judge(one, run.outputs.get(one.name))
        if one.name in run.held:
            verdict.state, verdict.reason = HELD, run.held[one.name]
        elif verdict.state == FAILED:
            verdict.state, verdict.reason = REFUSED, run.troubles.get(one.name, "")
        verdicts.append(verdict)
    return verdicts


# ------------------------------------------------------------------------------------------------ casearchive


def ours(corpus: Sequence[Planted], root: Path, target: Path) -> Run:
    """Take every file in as a case that may leave, export all cases as one set, and let nobody review anything."""
    for stale in (root, target):
        shutil.rmtree(stale, ignore_errors=True)
    made = Run(OURS, __version__, "export --as folder, nobody has reviewed anything")
    archive = Archive.create(root)
    ready = []
    for one in corpus:
        slug = f"case-{one.name}"
        archive.ingest([one.path], case=slug)
        try:
            archive.edit(slug, {"status": "ready"})
        except CaseArchiveError as error:
            made.troubles[one.name] = f"not taken in: {error}"[:200]
            continue
        ready.append(slug)
    started, progress = time.perf_counter(), Progress(len(ready))

    def tell(what: str, done: int, _: int) -> None:
        if done:
            progress.step(what)

    try:
        release = archive.export(ready, formats=["folder"], to=target, tell=tell)
    except ReviewNeeded as error:
        withheld, folder = error.withheld, None
    except IdentityFound as error:
        raise SystemExit(
            f"casearchive released nothing, for its own search found an identity:\n{error}"
        ) from None
    else:
        withheld, folder = release.withheld, release.folder
    made.seconds = time.perf_counter() - started
    for one in withheld:
        name = one.case.removeprefix("case-")
        if one.media:
            (made.troubles if one.decide == NOBODY else made.held)[name] = one.reason
        else:
            made.troubles.setdefault(name, one.reason)
    for path in sorted(folder.glob("folder/case-*/*.dcm")) if folder is not None else ():
        made.outputs[path.parent.name.removeprefix("case-")] = path
        made.troubles.pop(path.parent.name.removeprefix("case-"), None)
    made.troubles = {name: why for name, why in made.troubles.items() if name not in made.held}
    return made


# ------------------------------------------------------------------------------------------------ scoring


@dataclass(frozen=True)
class Part:
    """How many of how many."""

    good: int
    of: int

    @classmethod
    def count(cls, answers: Iterable[bool | None]) -> Part:
        known = [a for a in answers if a is not None]
        return cls(sum(known), len(known))

    def __str__(self) -> str:
        return f"{self.good} of {self.of}" if self.of else "none"


@dataclass(frozen=True)
class Score:
    """One program over all files. Identifiers are counted in what it wrote; every share is of the files it wrote for
    which the question arises."""

    name: str
    version: str
    setting: str
    states: dict[str, int]
    planted: int  # in the files it wrote: what is held or refused cannot leak
    left: dict[str, int]
    leaking: int  # files with anything left
    broken: int
    equal: Part
    worst: int | None
    colour: Part
    frames: Part
    timing: Part
    regions: Part
    uids: Part
    references: dict[str, int]
    intervals: Part
    new_errors: int | None
    marked: Part
    measured: Part
    to_review: Part
    seconds: float

    @classmethod
    def of(cls, run: Run, verdicts: Sequence[Verdict], corpus: Sequence[Planted]) -> Score:
        written = [v for v in verdicts if v.state == WRITTEN]
        pairs = list(zip(verdicts, corpus, strict=True))
        left = Counter(c.kind for v in written for c in v.left)
        errors = [v.new_errors for v in written if v.new_errors is not None]
        return cls(
            run.name, run.version, run.setting,
            {state: sum(v.state == state for v in verdicts) for state in (WRITTEN, HELD, REFUSED)},
            sum(len(p.canaries) for v, p in pairs if v.state == WRITTEN),
            {kind: left[kind] for kind in KINDS}, sum(bool(v.left) for v in written),
            sum(bool(v.broken) for v in written),
            Part.count(v.equal for v in written),
            max((v.worst for v in written if v.worst is not None), default=None),
            Part.count(v.colour for v in written), Part.count(v.frames for v in written),
            Part.count(v.timing for v in written), Part.count(v.regions for v in written),
            _uids(pairs), _references(pairs), _intervals(pairs),
            sum(errors) if errors else None, Part.count(v.marked for v in written),
            Part.count(v.measured for v in written),
            Part.count(v.state != WRITTEN for v, p in pairs if p.spec.ordinary),
            run.seconds,
        )  # fmt: skip


Pairs = Sequence[tuple[Verdict, Planted]]


def _uids(pairs: Pairs) -> Part:
    """Of the files of one patient: two of a study stay in one study, another study is another; every UID is new."""
    answers = []
    written = [(v, p) for v, p in pairs if v.state == WRITTEN and v.study]
    for number, (verdict, planted) in enumerate(written):
        for other, its in written[number + 1 :]:
            if planted.patient == its.patient:
                same = (verdict.study == other.study) == (planted.study == its.study)
                answers.append(same and verdict.patient == other.patient and verdict.uid != planted.uid)
    return Part.count(answers)


def _references(pairs: Pairs) -> dict[str, int]:
    """References to another file of which both were written: right, removed, or pointing somewhere else."""
    new = {p.uid: v.uid for v, p in pairs if v.state == WRITTEN}
    told = Counter(
        "removed" if v.refers_to is None else "right" if v.refers_to == new[p.refers_to] else "astray"
        for v, p in pairs
        if v.state == WRITTEN and p.refers_to in new
    )
    return {name: told[name] for name in ("right", "removed", "astray")}


def _intervals(pairs: Pairs) -> Part:
    """The time between two studies of one patient, where both files were written: the days, or to the second where
    date and time were moved together."""
    answers = []
    written = [(v, p) for v, p in pairs if v.state == WRITTEN]
    for number, (verdict, planted) in enumerate(written):
        for other, its in written[number + 1 :]:
            if planted.patient == its.patient and planted.study != its.study:
                answers.append(_as_far_apart(verdict, other, planted, its))
    return Part.count(answers)


def _as_far_apart(one: Verdict, other: Verdict, source: Planted, its: Planted) -> bool:
    if one.day is None or other.day is None:
        return False
    if other.day - one.day == its.study_date - source.study_date:
        return True
    before = _moment(its.study_date, its.study_time), _moment(source.study_date, source.study_time)
    after = _moment(other.day, other.clock), _moment(one.day, one.clock)
    if after[0] is None or after[1] is None or before[0] is None or before[1] is None:
        return False
    return abs((after[0] - after[1]) - (before[0] - before[1])) < timedelta(seconds=2)


def _moment(day: date, clock: str) -> datetime | None:
    try:
        return datetime.strptime(f"{day:%Y%m%d}{clock[:6]}", "%Y%m%d%H%M%S")
    except ValueError:
        return None


# ------------------------------------------------------------------------------------------------ telling


def _planted(corpus: Sequence[Planted]) -> dict[str, int]:
    counted = Counter(c.kind for p in corpus for c in p.canaries)
    return {kind: counted[kind] for kind in KINDS}


def _truth(corpus: Sequence[Planted]) -> str:
    """Every planted identifier with its place, for whoever wants to look for one by hand."""
    told = {
        one.name: [{"value": c.value, "kind": c.kind, "place": c.place} for c in one.canaries]
        for one in corpus
    }
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


def _about(corpus: Sequence[Planted]) -> str:
    codings, layouts = {p.spec.coding for p in corpus}, {p.spec.layout for p in corpus}
    ordinary = sum(p.spec.ordinary for p in corpus)
    return (
        f"{len(corpus)} files in {len(codings)} codings and {len(layouts)} layouts of regions, {ordinary} of them"
        f" ordinary, with {sum(_planted(corpus).values())} planted identifiers in"
        f" {len({c.place for p in corpus for c in p.canaries})} kinds of places."
    )


def _identities(scores: Sequence[Score], corpus: Sequence[Planted]) -> str:
    planted = _planted(corpus)
    rows: list[tuple[str, ...]] = [
        ("files written", *(str(s.states[WRITTEN]) for s in scores)),
        ("held for a person", *(str(s.states[HELD]) for s in scores)),
        ("refused or failed", *(str(s.states[REFUSED]) for s in scores)),
        ("identifiers planted in the files written", *(str(s.planted) for s in scores)),
        (
            f"**identifiers left** of {sum(planted.values())}",
            *(f"**{sum(s.left.values())}**" for s in scores),
        ),
        *((f"{_NAMES[kind]} ({planted[kind]})", *(str(s.left[kind]) for s in scores)) for kind in KINDS),
        ("files with any", *(str(s.leaking) for s in scores)),
    ]
    return table(("", *(s.name for s in scores)), rows)


_NAMES = {
    "header": "top-level attributes", "nested": "nested sequences", "private": "private attributes",
    "unknown": "unknown tags, UN", "file meta": "file meta", "around": "preamble, padding, bytes after",
    "graphics": "overlays, curves, icons, waveforms", "documents": "documents, signatures",
    "in frames": "inside compressed frames", PIXELS: "pixels",
}  # fmt: skip


def _kept(scores: Sequence[Score]) -> str:
    def references(score: Score) -> str:
        return ", ".join(f"{n} {what}" for what, n in score.references.items() if n) or "none"

    rows: list[tuple[str, ...]] = [
        ("scan area bit-equal", *(str(s.equal) for s in scores)),
        ("greatest deviation, grey levels", *("" if s.worst is None else str(s.worst) for s in scores)),
        ("colour as it was", *(str(s.colour) for s in scores)),
        ("number of frames", *(str(s.frames) for s in scores)),
        ("timing", *(str(s.timing) for s in scores)),
        ("calibrated regions", *(str(s.regions) for s in scores)),
        ("measurement text", *(str(s.measured) for s in scores)),
        ("studies and patients consistent, pairs", *(str(s.uids) for s in scores)),
        ("references to other files", *(references(s) for s in scores)),
        ("time between studies, pairs", *(str(s.intervals) for s in scores)),
        ("says that it was de-identified", *(str(s.marked) for s in scores)),
        ("unreadable outputs", *(str(s.broken) for s in scores)),
        ("new errors by dciodvfy", *("" if s.new_errors is None else str(s.new_errors) for s in scores)),
        ("ordinary files not let out", *(str(s.to_review) for s in scores)),
        ("seconds", *(f"{s.seconds:.0f}" for s in scores)),
    ]
    return table(("of the files written", *(s.name for s in scores)), rows)


def _settings(scores: Sequence[Score]) -> str:
    return "\n".join(f"- {s.name} {s.version}: {s.setting}." for s in scores)


def _details(run: Run, verdicts: Sequence[Verdict]) -> str:
    """File by file, what is wrong."""
    lines = [f"{run.name}:"]
    for v in verdicts:
        what = [f"{n} x {kind}" for kind, n in Counter(c.kind for c in v.left).items()]
        wrong = [
            name
            for name in ("equal", "colour", "frames", "timing", "regions", "measured")
            if getattr(v, name) is False
        ]
        if v.state != WRITTEN or what or wrong or v.broken:
            told = "; ".join(
                filter(None, (v.reason, v.broken, ", ".join(what), ", ".join(f"not {w}" for w in wrong)))
            )
            lines.append(f"  {v.name} {v.state}: {told}")
            lines += [f"      {c.place}: {c.value}" for c in v.left[:8]] if run.name == OURS else []
    return "\n".join(lines)


def _as_json(judged: Sequence[tuple[Run, list[Verdict]]], scores: Sequence[Score]) -> dict[str, Any]:
    return {
        "scores": scores,
        "verdicts": {
            run.name: [
                {
                    **{k: getattr(v, k) for k in _KEYS},
                    "day": str(v.day or ""),
                    "left": [{"value": c.value, "kind": c.kind, "place": c.place} for c in v.left],
                }
                for v in verdicts
            ]
            for run, verdicts in judged
        },
    }


_KEYS = (
    "name", "state", "reason", "broken", "equal", "worst", "colour", "frames", "timing", "regions", "measured",
    "new_errors", "marked", "uid", "study", "patient", "refers_to",
)  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=len(PLAN), help=f"how many files (default {len(PLAN)})")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--peers", action="store_true", help="run other programs, too; fetches them with pip")
    parser.add_argument(
        "--only", action="append", default=[], metavar="PEER", help="only this one; may be given again"
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the files and every output there")
    parser.add_argument("--details", action="store_true", help="say of every file what is wrong with it")
    parser.add_argument("--docs", type=Path, metavar="PAGE", help="write the tables into docs/privacy.md")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep everything that was found")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
