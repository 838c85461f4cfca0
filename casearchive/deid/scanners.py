"""Scanner profiles: which part of the screen of one scanner is the scan, as a person once decided. TOML, one a file.

A profile fits a file only where manufacturer, model, software, rows and columns are all the same, letter by letter.
It says nothing of text inside the scan: that is looked for as always.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from casearchive.deid import shapes
from casearchive.deid.shapes import Shape
from casearchive.errors import CaseArchiveError
from casearchive.model import Facts

VERSION = 1
_TEXTS = ("manufacturer", "model", "software")


class ScannerError(CaseArchiveError):
    """A scanner profile that cannot be read: nothing is let out by guess."""


@dataclass(frozen=True, slots=True)
class Scanner:
    """``keep`` are shapes in stored pixels of pictures of ``rows`` by ``columns``; all else is removed, and so is
    what lies in ``remove``."""

    name: str
    manufacturer: str
    model: str
    software: str
    rows: int
    columns: int
    keep: tuple[Shape, ...]
    remove: tuple[Shape, ...] = ()
    learnt: str = ""  # when and by whom, for people

    def fits(self, facts: Facts) -> bool:
        instance = facts.instance
        return machine(facts) == (self.manufacturer, self.model, self.software) and (
            (instance.rows, instance.columns) == (self.rows, self.columns)
        )


def machine(facts: Facts) -> tuple[str, str, str]:
    """Manufacturer, model and software as the file writes them, without spaces around them."""
    series = facts.series
    maker, model, software = series.manufacturer, series.manufacturer_model_name, series.software_versions
    return (maker or "").strip(), (model or "").strip(), (software or "").strip()


def fitting(scanners: Iterable[Scanner], facts: Facts) -> Scanner | None:
    """The one profile of this very scanner; None where there is none, or where two disagree."""
    found = [s for s in scanners if s.fits(facts)]
    return (
        found[0]
        if found and all((s.keep, s.remove) == (found[0].keep, found[0].remove) for s in found)
        else None
    )


def written(scanner: Scanner) -> str:
    """The profile as a TOML file."""
    import tomlkit

    document = tomlkit.document()
    document.add(
        tomlkit.comment("A scanner profile: which part of this scanner's screen is the scan. It fits only")
    )
    document.add(
        tomlkit.comment("where every line of it is the same, and all outside the shapes is removed.")
    )
    document["version"] = VERSION
    for name in ("name", *_TEXTS, "rows", "columns"):
        document[name] = getattr(scanner, name)
    document["keep"] = [shapes.written(shape) for shape in scanner.keep]
    document["remove"] = [shapes.written(shape) for shape in scanner.remove]
    document["learnt"] = scanner.learnt
    return tomlkit.dumps(document)


def read(text: str, where: str) -> Scanner:
    """Raises ``ScannerError`` naming ``where``."""
    try:
        said = tomllib.loads(text)
        if said.get("version") != VERSION:
            raise ValueError(f"version must be {VERSION}")
        unknown = sorted(
            said.keys() - {"version", "name", "rows", "columns", "keep", "remove", "learnt", *_TEXTS}
        )
        if unknown:
            raise ValueError(f"“{unknown[0][:40]}” is not known")
        if not all(isinstance(said.get(name), str) for name in ("name", *_TEXTS)):
            raise ValueError("name, manufacturer, model and software must be texts")
        if not (said["manufacturer"] and said["model"]):
            raise ValueError("a profile without manufacturer and model would fit too much")
        rows, columns = said.get("rows"), said.get("columns")
        if not (type(rows) is int and type(columns) is int and 0 < rows < 65536 and 0 < columns < 65536):
            raise ValueError("rows and columns must be whole numbers")
        keep, remove = (_shapes(said, name) for name in ("keep", "remove"))
        if not keep:
            raise ValueError("keep must hold a shape")
    except (tomllib.TOMLDecodeError, ValueError) as error:
        raise ScannerError(f"a scanner profile cannot be read: {error}", where=where) from error
    except CaseArchiveError as error:
        raise ScannerError(
            f"a scanner profile cannot be read: {error.what}", where=where, hint=error.hint
        ) from error
    name, maker, model, software = (str(said[key]) for key in ("name", *_TEXTS))
    return Scanner(name, maker, model, software, rows, columns, keep, remove, str(said.get("learnt", "")))


def _shapes(said: Mapping[str, object], name: str) -> tuple[Shape, ...]:
    some = said.get(name, [])
    if not isinstance(some, list) or not all(isinstance(s, str) for s in some):
        raise ValueError(f"{name} must be a list of shapes")
    return tuple(shapes.read(s) for s in some)


def read_folder(folder: Path) -> tuple[Scanner, ...]:
    """Every profile of an archive, by file name. Raises ``ScannerError`` at the first that cannot be read."""
    if not folder.is_dir():
        return ()
    return tuple(read(_text(path), path.name) for path in sorted(folder.glob("*.toml")))


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScannerError("a scanner profile cannot be read", where=path.name) from error
