"""Work side by side comes out in order, tells what went wrong where it went wrong, and ends when nobody waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFile

from casearchive import abreast
from casearchive.deid import looking
from casearchive.deid.pixels import Area, Box
from casearchive.readers import open_clip
from casearchive.terms.concepts import Lexicon, lexicon, packaged, speaking


@given(st.lists(st.integers()), st.integers(1, 5))
def test_what_comes_out_is_what_one_alone_would_have_made(numbers: list[int], most: int) -> None:
    assert list(abreast.in_order(lambda n: n * 2, numbers, most)) == [n * 2 for n in numbers]


@pytest.mark.parametrize("most", [1, 2, 4])
def test_trouble_of_work_and_of_items_is_told_behind_what_came_before_it(most: int) -> None:
    def work(number: int) -> int:
        if number == 5:
            raise ValueError("five")
        return number

    def items() -> Iterator[int]:
        yield from range(4)
        raise OSError("no more")

    done = abreast.in_order(work, range(9), most)
    assert [next(done) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="five"):
        next(done)
    taken = abreast.in_order(work, items(), most)
    assert [next(taken) for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(OSError, match="no more"):
        next(taken)


def test_two_are_at_work_at_once() -> None:
    both = threading.Barrier(2, timeout=60)  # nobody passes it alone
    assert list(abreast.in_order(lambda n: both.wait() >= 0 and n, [1, 2], 2)) == [1, 2]


def test_whoever_leaves_early_waits_for_no_more_than_the_step_that_was_begun() -> None:
    steps: list[str] = []
    running = threading.Event()

    def long_work(number: int) -> int:
        if number == 0:
            running.wait(60)
            return 0
        running.set()
        while True:  # until it is told that nobody waits
            try:
                abreast.go_on()
            except abreast.NotWanted:
                steps.append("stopped")
                raise

    done = abreast.in_order(long_work, range(5), 2)
    assert next(done) == 0
    done.close()
    assert "stopped" in steps
    abreast.go_on()  # this thread is nobody's helper


def test_helpers_speak_the_vocabulary_of_whoever_asks() -> None:
    other = Lexicon({**_plain()})
    with speaking(other):
        assert all(abreast.in_order(lambda _: lexicon() is other, range(6), 3))
    assert all(abreast.in_order(lambda _: lexicon() is packaged(), range(6), 3))


def _plain() -> dict[str, object]:
    import json
    from importlib import resources

    return dict(json.loads((resources.files("casearchive.terms") / "lexicon.json").read_bytes()))


def test_a_picture_that_two_have_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    inside, go = threading.Event(), threading.Event()

    def seen_in(frame: looking.Frame, area: Area, *, closely: bool = False) -> looking.Seen:
        looks.append(1)
        inside.set()
        go.wait(60)
        return looking.Seen((Box(0, 0, 1, 1),))

    monkeypatch.setattr(looking, "seen_in", seen_in)
    same, frame = looking._Same(), np.zeros((8, 8), np.uint8)
    area = Area(8, 8, (Box(0, 0, 7, 7),), ())

    def look(number: int) -> looking.Seen:
        if number:
            inside.wait(60)
            go.set()
        return same.seen(frame.copy(), area, False)

    first, second = abreast.in_order(look, range(2), 2)
    assert first is second and len(looks) == 1


def test_what_a_torn_picture_is_forgiven_no_other_thread_is(tmp_path: Path) -> None:
    whole = tmp_path / "whole.jpg"
    rng = np.random.default_rng(1)
    Image.fromarray(rng.integers(0, 255, (64, 64, 3), np.uint8)).save(whole, quality=95)
    torn = tmp_path / "torn.jpg"
    torn.write_bytes(whole.read_bytes()[:-900])
    clip = open_clip(torn, "a" * 64)  # what is there of it is shown
    assert clip.frame(1).shape[:2] == (64, 64) and any("ends early" in n for n in clip.facts.notes)
    clip.close()

    def plainly(_: int) -> bool:
        with Image.open(torn) as image, pytest.raises(OSError, match="truncated"):
            image.load()
        return True

    from casearchive.readers import _leaves

    with _leaves._tolerant():
        assert bool(ImageFile.LOAD_TRUNCATED_IMAGES)
        assert list(abreast.in_order(plainly, [1, 2], 2)) == [True, True]
    assert not ImageFile.LOAD_TRUNCATED_IMAGES
