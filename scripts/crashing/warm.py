"""A process that has loaded everything once and is forked for each run: the same program, without the seconds that
loading takes.

A child is a process group of its own. It runs ``casearchive`` with the words it is given, or a function of
``crashing``; its workers are forked, too, and live as ``casearchive.ingest.crew`` has them live. ``cold`` runs
``python -m casearchive`` as anybody would.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from crashing.control import Control

ROOT = Path(__file__).resolve().parent.parent.parent
#: Seconds that a run may take before it counts as hanging.
PATIENCE = 120.0
#: What the commands of the scenarios load, sooner or later.
_LOADED = (
    "casearchive.cli", "casearchive.archive", "casearchive.ingest.crew", "casearchive.ingest.drafts", "pydicom",
    "numpy", "PIL.Image", "PIL.WebPImagePlugin", "PIL.PngImagePlugin", "sqlite_utils", "casearchive.release",
    "casearchive.backup", "casearchive.removing", "casearchive.repair", "casearchive.reindexing",
    "casearchive.findings", "casearchive.editing", "casearchive.choosing", "casearchive.verify", "casearchive.render",
    "casearchive.index.search", "casearchive.index.seals", "casearchive.readers.dicom", "casearchive.readers.still",
    "casearchive.readers.movie", "casearchive.exporters.csv", "casearchive.exporters.folder",
    "casearchive.deid.airlock", "casearchive.deid.certificate", "casearchive.record.plain_words",
    "casearchive.terms.understanding",
    *(f"casearchive.cli.{verb}" for verb in (
        "init", "ingest", "annotate", "edit", "set", "export", "reindex", "remove", "backup", "verify", "search",
        "show", "restore", "verify_export", "list")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended; ``code`` is negative where a signal ended it, ``None`` where it hung and was killed by us."""

    code: int | None
    out: str
    err: str
    seconds: float


class Warm:
    """A warm process, with the shim loaded. One run at a time; use several for several at once."""

    def __init__(self, shim: Path, scratch: Path, *, mutant: str = "", cold: bool = False) -> None:
        self._scratch, self._cold = scratch, cold
        scratch.mkdir(parents=True, exist_ok=True)
        for name in ("home", "tmp"):
            (scratch / name).mkdir(exist_ok=True)
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("CASEARCHIVE", "CRASH_"))},
            "LD_PRELOAD": str(shim), "HOME": str(scratch / "home"), "TMPDIR": str(scratch / "tmp"),
            "XDG_CACHE_HOME": str(scratch / "home"), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "scripts"), *_mutation(mutant)]),
            "CRASH_MUTANT": mutant, "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "crashing.warm", str(shim)], env=self._environment, cwd=scratch,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def __enter__(self) -> Warm:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def run(
        self,
        words: Sequence[str],
        *,
        control: Control | None = None,
        out: Path | None = None,
        after: float = 0.0,
        cold: bool = False,
    ) -> Ended:
        """Run ``casearchive WORDS``; killed after so many seconds where ``after`` says so."""
        if cold or self._cold:
            return self._run_cold(words, control, out, after)
        return self._ask({"words": list(words)}, control, out, after)

    def call(self, function: str, **arguments: Any) -> Any:
        """What ``crashing.MODULE:FUNCTION`` says in a child; raises ``RuntimeError`` where it does not end well."""
        ended = self._ask({"function": function, "arguments": arguments}, None, None, 0.0)
        if ended.code != 0:
            raise RuntimeError(f"{function} ended with {ended.code}\n{ended.out}\n{ended.err}")
        return json.loads(ended.out.splitlines()[-1])

    def _ask(self, request: dict[str, Any], control: Control | None, out: Path | None, after: float) -> Ended:
        with self._lock:
            told, complained = out or self._scratch / "out", self._scratch / "err"
            request |= {
                "control": str(control.path) if control else "", "out": str(told), "err": str(complained),
                "after": after,
            }  # fmt: skip
            assert self._process.stdin
            assert self._process.stdout
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
            if not line:
                raise RuntimeError("the warm process ended")
            answer = json.loads(line)
            return Ended(answer["code"], _text(told), _text(complained), answer["seconds"])

    def _run_cold(
        self, words: Sequence[str], control: Control | None, out: Path | None, after: float
    ) -> Ended:
        told, complained = out or self._scratch / "out.cold", self._scratch / "err.cold"
        environment = {**self._environment, **({"CRASH_CONTROL": str(control.path)} if control else {})}
        began = time.monotonic()
        with told.open("wb") as out_file, complained.open("wb") as err_file:
            process = subprocess.Popen(
                [sys.executable, "-m", "casearchive", *words], env=environment, cwd=self._scratch,
                stdin=subprocess.DEVNULL, stdout=out_file, stderr=err_file, start_new_session=True,
            )  # fmt: skip
            code: int | None
            try:
                code = process.wait(after or PATIENCE)
            except subprocess.TimeoutExpired:
                code = -signal.SIGKILL if after else None
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            _gone(process.pid)
        return Ended(code, _text(told), _text(complained), time.monotonic() - began)


def _mutation(mutant: str) -> list[str]:
    return [str(Path(__file__).with_name("mutation"))] if mutant else []


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except FileNotFoundError:
        return ""


def _gone(group: int) -> None:
    """Wait until no process of a group is left that could still write."""
    for _ in range(2000):
        try:
            os.killpg(group, 0)
        except (ProcessLookupError, PermissionError):
            return
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-group, os.WNOHANG)[0]:
                pass
        time.sleep(0.001)


# ------------------------------------------------------------------------------------------------ the warm process


def _serve(shim: str) -> None:
    import gc
    import warnings

    library = ctypes.CDLL(shim)
    warnings.simplefilter("ignore")
    for name in _LOADED:
        importlib.import_module(name)
    from casearchive.terms import lexicon

    lexicon()
    _adopt_orphans()
    gc.collect()
    gc.freeze()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin.buffer:
        request = json.loads(line)
        began = time.monotonic()
        child = os.fork()
        if child == 0:
            _live(request, library)  # never comes back
        code = _watched(child, request["after"])
        answers.write(json.dumps({"code": code, "seconds": time.monotonic() - began}) + "\n")
        answers.flush()


def _adopt_orphans() -> None:
    """Workers of a killed run become our children: only then is it known when they are gone."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def _watched(child: int, after: float) -> int | None:
    ends = time.monotonic() + (after or PATIENCE)
    code: int | None = None
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            break
        if time.monotonic() > ends:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            code = -signal.SIGKILL if after else None
            break
        time.sleep(0.002)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    _gone(child)
    return code


def _live(request: Mapping[str, Any], library: ctypes.CDLL) -> None:
    """The child's life: the program with these words, to its very end."""
    code: Any = 70
    try:
        os.setpgid(0, 0)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        for number, name in ((1, request["out"]), (2, request["err"])):
            file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(file, number)
            os.close(file)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 they stay open as long as the process
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 as above
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 as above
        if request["control"] and library.crash_attach(request["control"].encode()):
            raise RuntimeError("the shim cannot read its control file")
        from casearchive.ingest import crew

        setattr(crew, _hire.__name__, _hire)
        code = _function(request) if "function" in request else _program(request["words"])
    except SystemExit as stop:
        code = stop.code
    except BaseException:  # noqa: BLE001 what went wrong is for whoever asked
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1 if code else 0)


def _function(request: Mapping[str, Any]) -> int:
    module, _, name = request["function"].partition(":")
    found = getattr(importlib.import_module(f"crashing.{module}"), name)(**request["arguments"])
    print(json.dumps(found))
    return 0


def _program(words: Sequence[str]) -> int:
    from casearchive import cli

    sys.argv = ["casearchive", *words]
    cli.main()
    return 0


class _Worker:
    """As much of ``subprocess.Popen`` as the crew asks of its workers."""

    def __init__(self, pid: int, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self.pid, self.stdin, self.stdout = pid, stdin, stdout
        self._code: int | None = None

    def poll(self) -> int | None:
        if self._code is None:
            with contextlib.suppress(ChildProcessError):
                done, status = os.waitpid(self.pid, os.WNOHANG)
                self._code = os.waitstatus_to_exitcode(status) if done else None
        return self._code

    def wait(self) -> int:
        if self._code is None:
            self._code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._code

    def kill(self) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def _hire() -> _Worker:
    """A worker, forked: it keeps nothing open of its parent's but its two pipes."""
    asked, ask = os.pipe()
    answer, answered = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.dup2(asked, 0)
            os.dup2(answered, 1)
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, 2)
            os.closerange(3, 690)
            sys.stdin = open(0, closefd=False)  # noqa: SIM115 they stay open as long as the process
            sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 as above
            sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 as above
            from casearchive.ingest import crew

            crew._main()
        finally:
            os._exit(0)
    os.close(asked)
    os.close(answered)
    return _Worker(child, os.fdopen(ask, "wb"), os.fdopen(answer, "rb"))


if __name__ == "__main__":
    _serve(sys.argv[1])
