"""What must hold after a run was cut off, looked at in a child of the warm process by the program's own command line
and, where it can be, by reading the files.

The promises: I1 what was acknowledged is there; I2 what has its final name is whole; I3 it can be used at once, and
``verify`` finds no damage; I4 the same command again ends where an undisturbed one ends; I5 then nothing is left over;
I6 all of it is private; I7 an export is whole or not there, and an older one stands until a new one does.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crashing.essence import differences, essence, left_over, not_private, objects, wrong_objects
from crashing.samples import Place, on
from crashing.scenarios import SCENARIOS, Scenario

_PROMISED = frozenset({0, 1, 2, 3, 10, 11, 12, 20, 21, 30, 130})


def run(*words: str) -> tuple[int, str, str]:
    """The program with these words, in this process: its exit code and what it said."""
    from casearchive.cli import cli

    os.umask(0o077)  # as the program does when it begins
    out, err = io.StringIO(), io.StringIO()
    code: Any = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cli(args=list(words), prog_name="casearchive")
        except SystemExit as stop:
            code = stop.code
    return (code if isinstance(code, int) else 1), out.getvalue(), err.getvalue()


def settled(folder: str, stick: str) -> dict[str, Any]:
    """What an undisturbed run left, as an essence."""
    place = Place(Path(folder), Path(stick))
    return _settled(place)


def _settled(place: Place) -> dict[str, Any]:
    return {"archive": _essence(place.archive), "copy": _essence(place.copy)}


def after(
    folder: str,
    stick: str,
    scenario: str,
    before: Any,
    done: Any,
    twice: Any,
    finished: bool = False,
    power: bool = False,
    double: bool = False,
) -> list[str]:
    """What is broken after a run was cut off in ``folder``; each line begins with the promise.

    ``before``, ``done`` and ``twice`` are essences: of where it began, of an undisturbed run, of two. ``finished`` says
    that the run had ended and said so; ``power``, that the power went, so that pictures of the cache may be damaged;
    ``double``, that the same was run twice, and may have happened twice.
    """
    place, what = Place(Path(folder), Path(stick)), SCENARIOS[scenario]
    look = Place(place.folder.with_name(place.folder.name + ".look"), place.stick)
    shutil.rmtree(look.folder, ignore_errors=True)
    shutil.copytree(place.folder, look.folder, symlinks=True)
    try:
        broken = list(_as_it_is(look, what))
        now = None
        if what.atomic or finished:
            known = {"before": before, "done": done, **({"twice": twice} if double else {})}
            now, more = _next_writer(look, known)
            broken += more
            if finished:
                broken += (f"I1 it had ended with 0, and {line}" for line in _unlike(_settled(look), done))
                broken += (f"I1 it had ended with 0, and {line}" for line in _landed(look, what))
        broken += _the_same_again(place, what, now, done, twice, power)
        return broken
    finally:
        shutil.rmtree(look.folder, ignore_errors=True)


# ------------------------------------------------------------------------------------------------ directly after


def _as_it_is(place: Place, what: Scenario) -> Iterator[str]:
    archive = place.archive
    for root in place.roots:
        yield from (f"I6 {line}" for line in not_private(root))
        if what.start != "damaged":
            yield from (f"I2 {line}" for line in wrong_objects(root))
    yield from _exports(place, what)
    if what.name == "init" and not (archive / "archive.toml").exists():
        code, out, err = run(*on(place), "verify")
        if code != 10:
            yield f"I3 verify of an archive that was not made yet ends with {code}: {_line(out + err)}"
        return
    if what.start != "damaged":
        code, out, err = run(*on(place), "verify")
        if code:
            yield f"I3 verify ends with {code}: {_line(out or err)}"
    code, out, err = run(*on(place), "--json", "search", "")
    if code:
        yield f"I3 search ends with {code}: {_line(err)}"
    yield from _acknowledged(place)


def _acknowledged(place: Place) -> Iterator[str]:
    held = set(objects(place.archive))
    for outcome in reported(place.report):
        sha256, kind = outcome["sha256"], outcome["kind"]
        if outcome["outcome"] not in ("added", "known"):
            continue
        if kind == "case":
            code, _, err = run(*on(place), "--json", "show", outcome["case"])
            if code:
                yield f"I1 the case {outcome['case']} was reported as taken, and show ends with {code}: {_line(err)}"
            continue
        if sha256 not in held:
            yield f"I1 {Path(outcome['path']).name} was reported as taken, and its original is not there"
        code, _, err = run(*on(place), "--json", "show", sha256)
        if code:
            name = Path(outcome["path"]).name
            yield f"I1 {name} was reported as taken, and show ends with {code}: {_line(err)}"


def reported(report: Path) -> list[dict[str, Any]]:
    """Outcomes that ``ingest --report`` had flushed; a line that is not whole was told to nobody."""
    if not report.exists():
        return []
    lines = report.read_text("utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def _exports(place: Place, what: Scenario) -> Iterator[str]:
    if not what.name.startswith("export"):
        return
    from casearchive import Archive
    from casearchive.errors import CaseArchiveError

    target = place.out / "thigh"
    if target.exists():
        try:
            yield from (f"I7 the export: {fault}" for fault in Archive.verify_export(target))
        except CaseArchiveError as error:
            yield f"I7 the export: {_line(str(error))}"
    elif what.name == "export-again":
        yield "I7 the older export is gone from its place, and no new one stands there"


def _landed(place: Place, what: Scenario) -> Iterator[str]:
    if what.name.startswith("export") and not (place.out / "thigh").exists():
        yield "the export is not there"


# ------------------------------------------------------------------------------------------------ what comes next


def _next_writer(place: Place, known: dict[str, Any]) -> tuple[str, list[str]]:
    """What another command finds: all of the one that was cut off, or nothing of it, by the essences that are
    ``known``."""
    code, _, err = run(*on(place), "ingest", str(place.stick / "notes.txt"), "--workers", "0")
    if code:
        return "neither", [f"I3 the next ingest ends with {code}: {_line(err)}"]
    found = _essence(place.archive)
    if found is None:
        return "before", []
    if "broken" in found:
        return "neither", [f"I4 {found['broken']}"]
    apart = {name: differences(found, e["archive"]) for name, e in known.items() if e["archive"] is not None}
    for name, told in apart.items():
        if not told:
            return name, []
    nearest = min(apart, key=lambda name: len(apart[name]))
    return "neither", [f"I4 it is half done: unlike {nearest}: {line}" for line in apart[nearest]]


def _the_same_again(
    place: Place, what: Scenario, now: str | None, done: Any, twice: Any, power: bool
) -> Iterator[str]:
    place.report.unlink(missing_ok=True)
    code, out, err = run(*what.words(place))
    if code not in what.codes:
        yield f"I4 the same again ends with {code}: {_line(err or out)}"
    if code:  # it was done already, and nothing was written: the next writer clears up
        run(*on(place), "ingest", str(place.stick / "notes.txt"), "--workers", "0")
    found = _settled(place)
    wanted = [done] if now == "before" or not what.atomic else [done, twice]
    told = [_unlike(found, e) for e in wanted]
    if all(told) and now != "twice":
        yield from (f"I4 the same again: {line}" for line in told[0])
    code, out, err = run("--json", *on(place), "verify", "--full")
    if code:
        yield f"I5 verify --full ends with {code}: {_line(out or err)}"
    else:
        for notice in json.loads(out)["notices"]:
            if not (power and notice["code"] == "picture-missing"):
                yield f"I5 verify --full: {notice['code']}: {notice['where']}"
    if place.copy.exists():
        code, out, err = run("--archive", str(place.copy), "verify", "--full")
        if code or "To be seen to" in err:
            yield f"I5 verify --full of the backup ends with {code}: {_line(out or err)}"
    for root in place.roots:
        yield from (f"I5 {line}" for line in left_over(root))
        yield from (f"I6 {line}" for line in not_private(root))
        yield from (f"I2 {line}" for line in wrong_objects(root))
    yield from _exports(place, what)


def _unlike(found: Any, wanted: Any) -> list[str]:
    told: list[str] = []
    for part in ("archive", "copy"):
        if found[part] is None or "broken" in found[part]:
            if wanted[part] is not None:
                told.append(f"{part}: {found[part]['broken'] if found[part] else 'is not there'}")
        elif wanted[part] is not None:
            told += [f"{part}: {line}" for line in differences(found[part], wanted[part])]
    return told


def _essence(archive: Path) -> Any:
    if not (archive / "archive.toml").exists():
        return None
    try:
        return essence(archive)
    except Exception as error:  # noqa: BLE001 whatever it is, it is a finding
        return {"broken": f"it cannot be read: {type(error).__name__}: {_line(str(error))}"}


# ------------------------------------------------------------------------------------------------ how it ended


def claimed(folder: str, stick: str, scenario: str, done: Any) -> list[str]:
    """What is wrong where a run whose disk failed ended with 0 all the same: it must have done everything."""
    place, what = Place(Path(folder), Path(stick)), SCENARIOS[scenario]
    look = Place(place.folder.with_name(place.folder.name + ".look"), place.stick)
    shutil.rmtree(look.folder, ignore_errors=True)
    shutil.copytree(place.folder, look.folder, symlinks=True)
    try:
        told = _unlike(_settled(look), done)
        told += [*_exports(look, what), *_landed(look, what)]
        return [f"E4 it ended with 0, and {line}" for line in told]
    finally:
        shutil.rmtree(look.folder, ignore_errors=True)


def ended_badly(code: int | None, out: str, err: str) -> list[str]:
    """What is wrong with how a run ended whose disk failed."""
    if code is None:
        return ["E1 it hung"]
    told = []
    if code not in _PROMISED:
        told.append(f"E1 it ended with {code}, which nothing promises: {_line(err)}")
    if "Traceback" in out + err:
        told.append(f"E2 a traceback: {_last(err)}")
    if "an error of casearchive's own" in err:
        told.append(f"E2 {_line(err[err.index('an error of') :])}")
    if code and not (out + err).strip():
        told.append(f"E3 it ended with {code} and said nothing")
    return told


def _line(text: str) -> str:
    return " / ".join(text.strip().splitlines()[:2])[:220]


def _last(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1][:200]
