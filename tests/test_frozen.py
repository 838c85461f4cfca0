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


@dataclass(frozen=True)
class Wide(Point):
    """A point and more; what its class has of the other's is made for it anew."""

    width: list[int] = field(default_factory=list)


def test_a_first_value_and_those_after_it_are_made_alike() -> None:
    first, second = Wide(1, width=[2]), Wide(1, 0, (), [2])
    assert first == second == Wide(x=1, width=[2])
    assert Wide(1).width == [] and Wide(1).width is not Wide(1).width
    assert Wide(1, width=[]).notes == Point(1).notes == ()
    with pytest.raises(TypeError, match=r"Wide\.__init__\(\) missing 1 required positional argument: 'x'"):
        Wide()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword argument 'hight'"):
        Wide(1, hight=2)  # type: ignore[call-arg]


def test_what_the_standard_library_does_with_values_works() -> None:
    point = dataclasses.replace(Point(1), y=5)
    assert point == Point(1, 5)
    assert dataclasses.asdict(point) == {"x": 1, "y": 5, "notes": ()}
    assert dataclasses.is_dataclass(point)
    assert pickle.loads(pickle.dumps(point)) == point
    with pytest.raises(TypeError):
        Point()  # type: ignore[call-arg]
