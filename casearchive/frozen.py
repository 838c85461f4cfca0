"""Frozen dataclasses that cost little to define.

The standard ones write and compile six methods for every class. A search defines fifty of them before it asks anything,
which was a seventh of its time; here all classes share what is the same for all, and ``__init__`` is written when a
class has its first value: of most there is never one.
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
    cls.__doc__ = cls.__doc__ or cls.__name__  # else one is made up, of the signature
    made: type = dataclasses.dataclass(init=False, eq=False, repr=False)(cls)
    compared = tuple(f.name for f in dataclasses.fields(made) if f.compare)
    for name, method in (
        ("__compared__", compared), ("__init__", _first),
        ("__eq__", _eq), ("__hash__", _hash), ("__repr__", _repr), ("__setattr__", _set), ("__delattr__", _delete),
    ):  # fmt: skip
        setattr(made, name, method)
    return made


def _first(self: Any, *args: Any, **kwargs: Any) -> None:
    """Writes the ``__init__`` of the class of ``self``, which is its first value, and lets it do what it does."""
    cls: Any = type(self)
    names: dict[str, Any] = {}
    given, kept = ["self"], ["_kept = self.__dict__"]
    for f in dataclasses.fields(cls):
        value = f.name
        if f.default is not dataclasses.MISSING:
            names[f"_{f.name}"] = f.default
            given.append(f"{f.name}=_{f.name}")
        elif f.default_factory is not dataclasses.MISSING:
            names[f"_{f.name}"] = f.default_factory
            given.append(f"{f.name}=_{f.name}")
            value = f"_{f.name}() if {f.name} is _{f.name} else {f.name}"
        else:
            given.append(f.name)
        kept.append(f"_kept[{f.name!r}] = {value}")
    made: dict[str, Any] = {}
    exec(f"def __init__({', '.join(given)}):\n " + "\n ".join(kept), names, made)  # noqa: S102 of names in our text alone
    made["__init__"].__qualname__ = f"{cls.__qualname__}.__init__"
    cls.__init__ = made["__init__"]
    cls.__init__(self, *args, **kwargs)


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
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _delete(self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")
