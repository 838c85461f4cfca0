"""Finds the plugs of a folder: its public modules, so that a new medium or output is one new file."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType


def plugs(package: ModuleType) -> tuple[ModuleType, ...]:
    """The public modules of ``package``, imported, sorted by name.

    A name with a leading underscore is a helper, not a plug; a folder inside the package is not one either.
    """
    names = sorted(
        module.name
        for module in iter_modules(package.__path__)
        if not module.ispkg and not module.name.startswith("_")
    )
    return tuple(import_module(f"{package.__name__}.{name}") for name in names)
