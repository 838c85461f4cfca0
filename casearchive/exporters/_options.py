"""What options of outputs may hold: a size in pixels, some of a list, nothing; told plainly where they hold else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from casearchive.errors import UsageError


def pixels(options: Mapping[str, str], name: str, default: int) -> int:
    """The longest side of a picture, 64 to 4096 pixels. Raises ``UsageError``."""
    text = options.get(name, str(default))
    if not (text.isascii() and text.isdigit() and 64 <= int(text) <= 4096):
        raise UsageError(
            f"{text!r} is no size for a picture",
            where=f"option {name}",
            hint=f"Give pixels from 64 to 4096, such as {default}.",
        )
    return int(text)


def given(options: Mapping[str, str], name: str) -> bool:
    """Whether an option is given that has no value. Raises ``UsageError`` where it has one."""
    if options.get(name):
        raise UsageError(f"the option {name!r} has no value", hint=f"Write: --option {name}")
    return name in options


def some(options: Mapping[str, str], name: str, of: Sequence[str]) -> tuple[str, ...]:
    """Those of ``of`` that the option names, parted by commas; all where it is not given. Raises ``UsageError``."""
    if name not in options:
        return tuple(of)
    given = {word.strip() for word in options[name].split(",") if word.strip()}
    unknown = sorted(given - set(of))
    if unknown or not given:
        raise UsageError(
            f"{unknown[0] if unknown else options[name]!r} is none of them",
            where=f"option {name}",
            hint=f"There are: {', '.join(of)}; several are parted by commas.",
        )
    return tuple(word for word in of if word in given)
