"""Frozen dataclasses that cost little to define.

The standard ones write and compile six methods for every class. A search defines fifty of them before it asks anything,
which was a seventh of its time; here all classes share what is the same for all, and only ``__init__`` is written.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(*, frozen: bool) -> Callable[[type], type]:
        """``dataclasses.dataclass(frozen=True)``: compared, hashed and printed by its fields, never changed."""
        assert frozen, "for values alone; other classes have the decorator of the standard library"
        return _made


def _made(cls: type) -> type:
    made: type = dataclasses.dataclass(eq=False, repr=False)(cls)
    compared = tuple(f.name for f in dataclasses.fields(made) if f.compare)
    for name, method in (
        ("__compared__", compared),
        ("__eq__", _eq), ("__hash__", _hash), ("__repr__", _repr), ("__setattr__", _set), ("__delattr__", _delete),
    ):  # fmt: skip
        setattr(made, name, method)
    return made


def _values(self: Any) -> tuple[Any, ...]:
    return tuple(getattr(self, name) for name in self.__compared__)


def _eq(self: Any, other: object) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    return self is other or _values(self) == _values(other)


def _hash(self: Any) -> int:
    return hash((self.__class__, _values(self)))


def _repr(self: Any) -> str:
    told = ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in dataclasses.fields(self) if f.repr)
    return f"{type(self).__qualname__}({told})"


def _set(self: Any, name: str, value: object) -> None:
    if name in self.__dict__ or name not in self.__dataclass_fields__:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")
    self.__dict__[name] = value


def _delete(self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")
