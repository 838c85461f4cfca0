"""A crew of worker processes: each takes one task at a time; one that dies or dawdles is replaced.

Each is held to an amount of memory and, for one file, of work: work is counted in seconds of the processor, so that a
busy machine refuses nothing, and there is more of it for a large file. They are plain programs
(``python -m casearchive.ingest.crew``) with pickled tasks on their pipes, so that it works the same on every system and
from any calling program.
"""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import queue
import signal
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import IO

from casearchive import disk
from casearchive.ingest.gather import Gathered, Task, gather

#: Seconds one file may take before its worker is ended, however little it works meanwhile (a medium that hangs).
PATIENCE = 60.0
#: A slow medium is waited for: this many bytes a second at least.
_SLOWEST = 2 << 20
#: Seconds of the processor that one file may take; one more for so many bytes of it.
WORK = 8
_BYTES_A_SECOND = 2 << 20
#: Bytes that a worker may hold: no sound picture needs more.
MEMORY = 1 << 30
_LENGTH = struct.Struct("!Q")
#: What a task comes to that was never begun.
CANCELLED = Gathered("", 0, reason="internal-error", message="interrupted")


class Crew:
    """``submit`` tasks in order; ``done`` yields their results in the same order.

    With ``workers=0`` the work is done in this process, without the protection.
    """

    def __init__(self, workers: int, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._tasks: queue.SimpleQueue[tuple[Task, _Box] | None] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(workers)]
        self._waiting: deque[_Box] = deque()
        for thread in self._threads:
            thread.start()

    def submit(self, task: Task) -> None:
        box = _Box()
        self._waiting.append(box)
        if self._threads:
            self._tasks.put((task, box))
        else:
            box.put(_safely(task))

    @property
    def pending(self) -> int:
        return len(self._waiting)

    @property
    def ready(self) -> bool:
        """Is the result of the oldest task there already?"""
        return bool(self._waiting) and self._waiting[0].filled

    def next(self) -> Gathered:
        """The result of the oldest task still out. Raises where the archive's own disk refused it."""
        return _delivered(self._waiting.popleft().get())

    def ask(self, task: Task) -> Gathered:
        """One result at once, outside the order. Raises as ``next`` does."""
        if not self._threads:
            return _delivered(_safely(task))
        box = _Box()
        self._tasks.put((task, box))
        return _delivered(box.get())

    def cancel(self) -> None:
        """Let go of what has not been begun; what is being worked on is still finished."""
        while True:
            try:
                work = self._tasks.get_nowait()
            except queue.Empty:
                return
            if work is not None:
                work[1].put(CANCELLED)

    def close(self) -> None:
        for _ in self._threads:
            self._tasks.put(None)

    def _work(self) -> None:
        child: subprocess.Popen[bytes] | None = None
        try:
            while (work := self._tasks.get()) is not None:
                task, box = work
                try:
                    if child is not None and child.poll() is not None:
                        _dismiss(child)
                        child = None
                    if child is None:
                        child = _hire()
                    box.put(_asked(child, task, self._patience + _size(task) / _SLOWEST))
                except OSError as error:  # no process to be had: the one who waits must still hear of it
                    why = f"no worker could be started ({error.strerror or type(error).__name__})"
                    box.put(Gathered("", 0, reason="internal-error", message=why))
        finally:
            if child is not None:
                _dismiss(child)


def _delivered(found: Gathered) -> Gathered:
    if found.disk is not None:
        raise disk.refused(found.disk)
    return found


class _Box:
    """One result on its way from a worker's thread to the one who waits for it."""

    def __init__(self) -> None:
        self._filled = threading.Event()
        self._content: Gathered | None = None

    def put(self, content: Gathered) -> None:
        self._content = content
        self._filled.set()

    @property
    def filled(self) -> bool:
        return self._filled.is_set()

    def get(self) -> Gathered:
        self._filled.wait()
        assert self._content is not None
        return self._content


def _dismiss(child: subprocess.Popen[bytes]) -> None:
    for pipe in (child.stdin, child.stdout):
        with contextlib.suppress(OSError):
            if pipe:
                pipe.close()
    child.kill()
    child.wait()


def _hire() -> subprocess.Popen[bytes]:
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "casearchive.ingest.crew"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )


def _asked(child: subprocess.Popen[bytes], task: Task, patience: float) -> Gathered:
    assert child.stdin is not None
    assert child.stdout is not None
    late = threading.Event()

    def end() -> None:
        late.set()
        child.kill()

    timer = threading.Timer(patience, end)
    timer.start()
    try:
        _send(child.stdin, task)
        answer = _receive(child.stdout)
    except (OSError, EOFError, pickle.UnpicklingError):
        answer = None
    finally:
        timer.cancel()
    if isinstance(answer, Gathered):
        return answer
    child.kill()
    if late.is_set():
        child.wait()
        return Gathered(
            "",
            0,
            reason="timed-out",
            message=f"reading it took longer than {patience:.0f} s; it was not taken",
        )
    if child.wait() == -getattr(signal, "SIGXCPU", 0):
        return Gathered(
            "",
            0,
            reason="timed-out",
            message="reading it took more work than any sound file; it was not taken",
        )
    return Gathered(
        "", 0, reason="damaged", message="a decoder gave up on it without a word; it was not taken"
    )


def _safely(task: Task) -> Gathered:
    """The last border: whatever a file does to us becomes a value, never the end of the run."""
    try:
        return gather(task)
    except MemoryError:
        return Gathered(
            "", 0, reason="damaged", message="it asks for more memory than there is; it was not taken"
        )
    except RecursionError:
        return Gathered("", 0, reason="damaged", message="it is nested too deeply; it was not taken")
    except OSError as error:
        if task.source is not None and not task.source.exists():
            return Gathered("", 0, reason="unreadable", message="it vanished while it was being read")
        return Gathered("", 0, reason="unreadable", message=f"{error.strerror or type(error).__name__}")
    except Exception as error:  # noqa: BLE001 one file must not end a run; the kind of error is reported
        return Gathered("", 0, reason="internal-error", message=f"{type(error).__name__} while reading it")


def _size(task: Task) -> int:
    """Bytes of the file that the task is about; 0 where that cannot be told."""
    try:
        return task.source.stat().st_size if task.source is not None else task.kept().stat().st_size
    except OSError:
        return 0


def _send(pipe: IO[bytes], value: object) -> None:
    content = pickle.dumps(value)
    pipe.write(_LENGTH.pack(len(content)) + content)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> object:
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    content = pipe.read(length)
    if len(content) < length:
        raise EOFError
    return pickle.loads(content)  # noqa: S301 from our own child, or from our own parent


def serve(source: IO[bytes], target: IO[bytes], work: Callable[[Task], Gathered] = _safely) -> None:
    """The child's life: a task in, a result out, until the parent hangs up."""
    while True:
        try:
            task = _receive(source)
        except EOFError:
            return
        assert isinstance(task, Task)
        _allow_work(task)
        _send(target, work(task))


def _allow_work(task: Task) -> None:
    """Let the system end this process where the task takes more of the processor than any sound file."""
    if sys.platform == "win32":
        return
    import resource

    allowed = WORK + _size(task) / _BYTES_A_SECOND
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = math.ceil(time.process_time() + allowed)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _bounded() -> None:
    """No more memory than a sound file needs, and no image of it on the disk when it ends: it would hold names."""
    if sys.platform == "win32":
        return
    import resource

    for what, most in ((resource.RLIMIT_DATA, MEMORY), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(what, (most, hard))


def _main() -> None:
    _bounded()
    # Ctrl-C reaches the whole group: the parent decides what becomes of the work, not the child.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The pipe is ours alone: whatever a codec prints must not get between the results.
    target = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(sys.stdin.buffer, target)


if __name__ == "__main__":
    from casearchive.ingest import crew

    crew._main()
