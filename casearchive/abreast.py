"""Work that several threads do side by side, in order: for what lets go of Python's lock (decoding, coding, hashing,
networks)."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

_In = TypeVar("_In")
_Out = TypeVar("_Out")
_MOST = 4  # each holds frames of its own
_here = threading.local()


class NotWanted(Exception):
    """The work of this thread is not wanted any more."""


def hands() -> int:
    """How many work side by side."""
    return min(_MOST, os.cpu_count() or 1)


def few() -> int:
    """How many of what is divided among hands again: clips into frames, cases into clips."""
    return min(2, hands())


def in_order(
    work: Callable[[_In], _Out], items: Iterable[_In], most: int | None = None
) -> Generator[_Out, None, None]:
    """``work`` of each item in their order, as many begun ahead as there are ``hands``, or as ``most`` says; items are
    taken in the caller's thread, one at a time.

    Raises what ``work`` and ``items`` raise, at its place. Where the caller leaves early and closes it
    (``contextlib.closing``), what was begun is told to stop (``go_on``) and waited for.
    """
    many = hands() if most is None else most
    if many < 2:
        yield from map(work, items)
        return
    stop, begun = threading.Event(), deque[Future[_Out]]()
    with ThreadPoolExecutor(many, initializer=_begin, initargs=(stop,)) as pool:
        trouble: Exception | None = None
        try:
            left = iter(items)
            while trouble is None:
                go_on()
                try:
                    item = next(left)
                except StopIteration:
                    break
                except Exception as error:  # noqa: BLE001 - raised below, behind what came before it
                    trouble = error
                else:
                    begun.append(pool.submit(copy_context().run, work, item))
                    if len(begun) > many:
                        yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
            if trouble is not None:
                raise trouble
        finally:
            stop.set()
            for future in begun:
                future.cancel()


def go_on() -> None:
    """Long work asks this between its steps. Raises ``NotWanted`` where nobody waits for it any more."""
    stop: threading.Event | None = getattr(_here, "stop", None)
    if stop is not None and stop.is_set():
        raise NotWanted


def _begin(stop: threading.Event) -> None:
    _here.stop = stop
