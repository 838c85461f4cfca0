"""Many hashes in little memory: sorted, once, and nothing is lost that is no hash."""

from __future__ import annotations

import hashlib
import tracemalloc

from casearchive.hashes import Hashes

NAMES = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(2000)]


def test_they_come_back_sorted_and_once_whatever_the_order() -> None:
    found = Hashes()
    for name in (*NAMES, *reversed(NAMES)):
        found.add(name)
    assert list(found) == sorted(NAMES)
    assert list(found) == sorted(NAMES), "as often as they are asked for"


def test_what_is_no_hash_comes_back_too() -> None:
    found = Hashes()
    odd = ["", "no hash", NAMES[0][:62], NAMES[0].upper(), " " + NAMES[0]]
    for name in (*odd, NAMES[0]):
        found.add(name)
    assert list(found) == sorted([*odd, NAMES[0]])


def test_a_hash_takes_little_more_than_its_bytes() -> None:
    found = Hashes()
    tracemalloc.start()
    try:
        for name in NAMES:
            found.add(name)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 48 * len(NAMES)
