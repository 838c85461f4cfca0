#!/usr/bin/env python3
"""Damage sound files, records, tables and questions at random and see that casearchive keeps its promises.

    python scripts/fuzz.py --minutes 120 --log LOG          every target in turn, 60 s each, until the time is over
    python scripts/fuzz.py --target dicom --count 1000      one target, so many mutants, the same for the same --seed
    python scripts/fuzz.py --replay FILE --target dicom     one mutant again
    python scripts/fuzz.py --sum LOG                        what all runs with that log did together

Each target runs in a child with limits of memory and time; a child that dies or hangs is a finding as a traceback is.
What broke a promise is made smaller and kept as ``LOG/findings/TARGET-KIND-….bin`` with a ``.txt`` beside it; once it
is mended it belongs into ``tests/corpus/TARGET/``, which the suite replays. A mutant whose outcome was never seen
becomes a seed itself: a hint of new code reached that needs no instruments.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from fuzzing import seeds
from fuzzing.targets import TARGETS, Broken

#: Processor seconds that one input may take; a batch of whole files may take as much for each.
_SECONDS = {"ingest": 120.0, "export": 240.0}
_PATIENCE = 10.0
_MEMORY = 1 << 30
#: The hard limit is above the promise, so that what passes the promise can be told from what the limit broke.
_HARD = 3 << 30


def main(argv: list[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    if options.sum:
        print(_summed(options.sum))
        return 0
    seeds.reach_the_suite()
    if options.replay:
        return _replayed(options)
    if options.child:
        return _child(options)
    return _parent(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--target", action="append", choices=sorted(TARGETS), help="all where none is named")
    parser.add_argument("--minutes", type=float, default=5.0, help="wall clock for all targets together")
    parser.add_argument("--slice", type=float, default=60.0, help="seconds at a time for a target")
    parser.add_argument("--count", type=int, default=0, help="stop a target after so many mutants")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--log", type=Path, default=Path("fuzz-log"))
    parser.add_argument("--replay", type=Path)
    parser.add_argument("--sum", type=Path)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    return parser


# -------------------------------------------------------------------------------------------------- the parent


def _parent(options: argparse.Namespace) -> int:
    options.log.mkdir(parents=True, exist_ok=True)
    names = options.target or list(TARGETS)
    ends = time.monotonic() + 60 * options.minutes
    rounds, found = 0, 0
    while time.monotonic() < ends:
        for name in names:
            seconds = min(options.slice, ends - time.monotonic())
            if seconds <= 1 and not options.count:
                break
            line = _slice(name, f"{options.seed}-{rounds}", seconds, options)
            found += line["findings"]
            with (options.log / "runs.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
            told = f"{line['executions']:7} in {line['seconds']:5.0f} s, {line['findings']} findings"
            print(f"{name:7} {told}", flush=True)
        rounds += 1
        if options.count:
            break
    return 1 if found else 0


def _slice(name: str, seed: str, seconds: float, options: argparse.Namespace) -> dict[str, object]:
    """One target for a while; a child that dies is followed by another until the time is over."""
    started, executions, findings = time.monotonic(), 0, 0
    part = 0
    before = set((options.log / "findings").glob("*.bin"))
    while True:
        left = seconds - (time.monotonic() - started)
        if (left <= 0.5 and part) or (options.count and executions >= options.count):
            break
        folder = Path(tempfile.mkdtemp(prefix="casearchive-fuzz-"))
        for inner in ("home", "tmp"):
            (folder / inner).mkdir()
        try:
            count, ended = _watch(
                name, f"{seed}-{part}", left, max(0, options.count - executions), folder, options
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        executions += count
        part += 1
        if ended == "done":
            break
    findings = len(set((options.log / "findings").glob("*.bin")) - before)
    return {"target": name, "seed": seed, "executions": executions, "findings": findings,
            "seconds": round(time.monotonic() - started, 1), "at": time.strftime("%Y-%m-%dT%H:%M:%S")}  # fmt: skip


def _watch(
    name: str, seed: str, seconds: float, count: int, folder: Path, options: argparse.Namespace
) -> tuple[int, str]:
    environment = {
        **os.environ, "HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"), "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1", "PYTHONFAULTHANDLER": "1",
        "PYTHONPATH": str(seeds.ROOT),
    }  # fmt: skip
    words = [sys.executable, __file__, "--child", str(folder), "--target", name, "--seed", seed, "--minutes",
             str(seconds / 60), "--count", str(count), "--log", str(options.log.absolute())]  # fmt: skip
    with (folder / "errors").open("wb") as errors:
        child = subprocess.Popen(words, env=environment, stdout=errors, stderr=errors, start_new_session=True)
        try:
            why = _until_it_ends(child, folder, name)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    at = _progress(folder)[0]
    if why == "done":
        return at, "done"
    said = (folder / "errors").read_text(errors="replace")[-6000:]
    if not (folder / "mutant.now").exists():
        print(said, file=sys.stderr)
        raise SystemExit(f"the child for {name} could not begin")
    _keep(options.log, name, why, (folder / "mutant.now").read_bytes(), said, folder)
    return at, why


def _progress(folder: Path) -> tuple[int, float]:
    try:
        number, used = (folder / "progress").read_text().split()
        return int(number), float(used)
    except (OSError, ValueError):
        return 0, 0.0


def _until_it_ends(child: subprocess.Popen[bytes], folder: Path, name: str) -> str:
    limit = _SECONDS.get(name, _PATIENCE)
    seen, since_cpu, since = (-1, 0.0), 0.0, time.monotonic()
    while True:
        try:
            code = child.wait(0.5)
        except subprocess.TimeoutExpired:
            reached = _progress(folder)
            used = _cpu(child.pid)
            if reached != seen:
                seen, since_cpu, since = reached, used, time.monotonic()
            elif reached[0] and (used - since_cpu > limit or time.monotonic() - since > 12 * limit):
                return f"hang at {used - since_cpu:.0f} s of processor time, {time.monotonic() - since:.0f} s"
            continue
        if code == 0:
            return "done"
        return "again" if code == 77 else f"crash {code}"


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(int(f) for f in fields[11:15]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return 0.0


def _keep(log: Path, name: str, why: str, content: bytes, said: str, folder: Path) -> bool:
    """Write a finding down, unless one like it is there; whether it is new."""
    if why == "again":
        return False
    kind = hashlib.sha256(f"{why}\n{_place(said)}".encode()).hexdigest()[:10]
    place = log / "findings" / f"{name}-{why.split()[0].split(':')[0]}-{kind}"
    if place.with_suffix(".bin").exists():
        return False
    place.parent.mkdir(parents=True, exist_ok=True)
    place.with_suffix(".bin").write_bytes(content)
    place.with_suffix(".txt").write_text(f"{why}\n\n{said}")
    if (folder / "culprit").exists():
        shutil.move(folder / "culprit", place.with_suffix(".culprit"))
    print(f"FOUND {place.name}: {why}", flush=True)
    return True


def _place(said: str) -> str:
    """The innermost line of ours in a traceback: what tells one finding from another."""
    mine = [line.strip() for line in said.splitlines() if "casearchive/" in line and "fuzz" not in line]
    return mine[-1] if mine else ""


# -------------------------------------------------------------------------------------------------- the child


def _child(options: argparse.Namespace) -> int:
    import resource

    name, folder = options.target[0], options.child
    target = TARGETS[name]
    sound = target.seeds()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (_HARD, _HARD))
    if name in ("dicom", "still", "clip"):  # strangers are read in workers, which are held to this
        from casearchive.ingest import crew

        crew._bounded()
    pool, seen = list(sound), Counter[str]()
    ends, number = time.monotonic() + 60 * options.minutes, 0
    work = folder / "work"
    work.mkdir()
    while (time.monotonic() < ends) and not (options.count and number >= options.count):
        number += 1
        rng = random.Random(f"{options.seed}:{name}:{number}")
        seed = rng.choice(pool if rng.random() < 0.4 else sound)
        content = target.mutate(seed, rng, sound)
        (folder / "mutant.now").write_bytes(content)
        (folder / "progress").write_text(f"{number} 0")
        outcome, why, said = _tried(name, content, folder)
        if why:
            if _keep(options.log, name, why, content, said, work if (work / "culprit").exists() else folder):
                small = _smaller(name, content, why, said, folder)
                for file in (options.log / "findings").glob(f"{name}-*.bin"):
                    if file.read_bytes() == content:
                        file.write_bytes(small)
            if why.startswith("memory"):
                return 77  # the peak of a process never falls again
        elif not seen[outcome] and len(content) < 300_000 and len(pool) < 4000:
            pool.append(content)
        seen[outcome] += 1
    with (options.log / f"outcomes-{name}.txt").open("a") as out:
        out.writelines(f"{n:6} {ascii(text)[1:-1]}\n" for text, n in seen.most_common(400))
    return 0


def _tried(name: str, content: bytes, folder: Path) -> tuple[str, str, str]:
    """The outcome, and where the contract was broken: how, and the traceback."""
    import resource

    began = time.process_time()
    try:
        outcome = TARGETS[name].run(content, folder / "work")
    except Broken as broken:
        return "", f"contract: {broken}", traceback.format_exc()
    except BaseException as error:  # noqa: BLE001 the very thing that is looked for
        return "", f"raised: {type(error).__name__}", traceback.format_exc()[-6000:]
    used = time.process_time() - began
    if used > _SECONDS.get(name, _PATIENCE):
        return "", f"slow: {used:.0f} s", ""
    peak = (
        max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        << 10
    )
    if peak > _MEMORY:
        return "", "memory: more than 1 GiB", outcome
    return outcome, "", ""


def _smaller(name: str, content: bytes, why: str, said: str, folder: Path) -> bytes:
    """Fewer bytes that break the same promise at the same place: ever smaller pieces are left out or emptied."""
    if why.split(":")[0] in ("slow", "memory") or name in ("ingest", "export"):
        return content
    place, ends = _place(said), time.monotonic() + 20
    number, tries = _progress(folder)[0], 0
    size = max(1, len(content) // 2)
    while size and time.monotonic() < ends:
        at = 0
        while at < len(content) and time.monotonic() < ends:
            for piece in (b"", bytes(min(size, len(content) - at))):
                less = content[:at] + piece + content[at + size :]
                if less == content:
                    continue
                tries += 1
                (folder / "progress").write_text(f"{number} {tries}")  # the parent sees that it goes on
                _, again, told = _tried(name, less, folder)
                if again.split(":")[:2] == why.split(":")[:2] and _place(told) == place:
                    content = less
                    break
            at += size
        size //= 2
        if size < 4 and len(content) > 2000:
            break
    return content


def _replayed(options: argparse.Namespace) -> int:
    folder = Path(tempfile.mkdtemp(prefix="casearchive-fuzz-"))
    for inner in ("home", "tmp", "work"):
        (folder / inner).mkdir()
    began = time.monotonic()
    try:
        outcome, why, said = _tried(options.target[0], options.replay.read_bytes(), folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(why or outcome, said, f"{time.monotonic() - began:.1f} s", sep="\n")
    return 1 if why else 0


def _summed(log: Path) -> str:
    executions, seconds = Counter[str](), Counter[str]()
    for line in (log / "runs.jsonl").read_text().splitlines():
        run = json.loads(line)
        executions[run["target"]] += run["executions"]
        seconds[run["target"]] += run["seconds"]
    rows = [f"{name:8} {executions[name]:9} {seconds[name] / 3600:6.2f} h" for name in executions]
    rows.append(f"{'all':8} {sum(executions.values()):9} {sum(seconds.values()) / 3600:6.2f} h")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
