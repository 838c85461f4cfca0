"""Values that are quick to define behave as the frozen dataclasses of the standard library do."""

from __future__ import annotations

import dataclasses
import pickle
from dataclasses import FrozenInstanceError, field

import pytest

from casearchive.frozen import dataclass


@dataclass(frozen=True)
class Point:
    """A point."""

    x: int
    y: int = 0
    notes: tuple[str, ...] = field(default_factory=tuple)


@dataclass(frozen=True)
class Other:
    """Another one with the same fields."""

    x: int
    y: int = 0
    notes: tuple[str, ...] = ()


def test_values_are_compared_hashed_and_printed_by_their_fields() -> None:
    assert Point(1, 2) == Point(1, 2)
    assert Point(1, 2) != Point(2, 1)
    assert Point(1, 2) != Other(1, 2)
    assert {Point(1), Point(1), Point(2)} == {Point(1), Point(2)}
    assert repr(Point(1, notes=("a",))) == "Point(x=1, y=0, notes=('a',))"


@dataclass(frozen=True)
class Said:
    """A code and the words beside it."""

    code: str
    meaning: str = field(default="", compare=False)
    secret: str = field(default="", repr=False)


def test_what_is_left_out_of_comparing_or_printing_is_left_out() -> None:
    assert Said("1", "one") == Said("1", "uno")
    assert len({Said("1", "one"), Said("1", "uno")}) == 1
    assert Said("1", secret="x") != Said("1")
    assert repr(Said("1", "one", "x")) == "Said(code='1', meaning='one')"


def test_a_value_never_changes() -> None:
    point = Point(1)
    for name in ("x", "y", "new"):
        with pytest.raises(FrozenInstanceError):
            setattr(point, name, 3)
    with pytest.raises(FrozenInstanceError):
        del point.x  # type: ignore[misc]
    assert point == Point(1)


def test_what_the_standard_library_does_with_values_works() -> None:
    point = dataclasses.replace(Point(1), y=5)
    assert point == Point(1, 5)
    assert dataclasses.asdict(point) == {"x": 1, "y": 5, "notes": ()}
    assert dataclasses.is_dataclass(point)
    assert pickle.loads(pickle.dumps(point)) == point
    with pytest.raises(TypeError):
        Point()  # type: ignore[call-arg]
