"""Which frame stands for a clip: by what the few frames looked at show, the same every time, with the reason.

Everything here works on small copies (at most 160 pixels on the longer side): a choice, not a measurement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from casearchive import pixels
from casearchive.clip import Picture

_SMALL = 160
#: A picture is compared in 12 x 12 blocks: large enough for speckle to average out, small enough for a menu.
_BLOCKS = 12
#: Frames whose detail is at least this part of the best show about as much.
_ABOUT_AS_MUCH = 0.97
#: Colour Doppler in less of the picture than this is a mark or a compression artefact.
_SOME_FLOW = 0.004
#: What hides less of the texture than this part of it is no menu, but a caliper or a shadow.
_PART_OF_A_MENU = 0.2
_COVERED = "partly covered, as by a menu"
ONLY = "the only frame that was looked at"

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Choice:
    """``number`` is the frame (from 1), ``why`` says it for a person, ``fault`` what is wrong even with this one."""

    number: int
    why: str
    fault: str


def choose(looked_at: Mapping[int, Picture]) -> Choice:
    """The frame that shows most of what the clip is about.

    Passed over where another is left: black, nearly uniform and mostly white frames, menus and test patterns
    (flat areas), half-drawn or partly covered frames, fades and cross-fades, and frames unlike the rest. Where
    some frames show colour Doppler and others none, those with colour are preferred: it pulses, and it is what
    the clip was recorded for. Not the most coloured one, though: that is a flash from a moving hand. Of frames
    that show about equally much, the one nearest the middle of the clip wins.
    """
    if len(looked_at) == 1:
        number, picture = next(iter(looked_at.items()))
        return Choice(number, ONLY, _alone(_look(picture)))
    looks = {number: _look(picture) for number, picture in looked_at.items()}
    faults = _faults(looks)
    usable = [number for number in looks if number not in faults] or list(looks)
    flowing = _flowing({number: looks[number] for number in usable})
    best = max(looks[number].detail for number in flowing)
    middle = (min(looks) + max(looks)) / 2
    close = [number for number in flowing if looks[number].detail >= _ABOUT_AS_MUCH * best]
    key = min(close, key=lambda number: (abs(number - middle), number))
    return Choice(key, _reason(key, close, flowing, usable, looks, faults), faults.get(key, ""))


def _reason(
    key: int,
    close: Sequence[int],
    flowing: Sequence[int],
    usable: Sequence[int],
    looks: Mapping[int, _Look],
    faults: Mapping[int, str],
) -> str:
    said = f"the most detail of the {len(flowing)} frames looked at"
    if len(flowing) < len(usable):
        said = f"the most detail of the {len(flowing)} frames with most colour flow"
        if len(flowing) == 1:
            said = "the only frame looked at with colour flow"
    elif len(usable) < len(looks):
        said = f"the most detail of the {len(usable)} frames left"
        if len(usable) == 1:
            said = "the only frame left"
    if len(close) > 1:
        flow = " with most colour flow" if len(flowing) < len(usable) else ""
        said = f"nearest the middle of the {len(close)} frames{flow} with about the most detail"
    if key in faults:
        return (
            f"every frame looked at has a fault, this one too ({faults[key]}); the least bad of {len(looks)}"
        )
    passed = ", ".join(f"{number} ({fault})" for number, fault in faults.items() if number != key)
    return said + (f"; passed over {passed}" if passed else "")


# -------------------------------------------------------------------------------------------- one frame alone


@dataclass(frozen=True, slots=True)
class _Look:
    """What one small frame shows. ``detail`` is in bits a pixel, the rest in parts of the picture (0 to 1).

    ``flat`` is the part of the lit pixels that are no different from their neighbours. ``means`` and ``rough``
    are the brightness of each block and how much it varies from pixel to pixel; ``histogram`` has 16 bins.
    """

    shape: tuple[int, ...]
    detail: float
    deviation: float
    lit: float
    white: float
    flat: float
    coloured: float
    means: Numbers
    rough: Numbers
    histogram: Numbers


def _look(picture: Picture) -> _Look:
    small = _thinned(picture)
    levels = pixels.grey(small)
    counts = np.bincount(levels.ravel() >> 2, minlength=64) / max(1, levels.size)
    present = counts[counts > 0]
    lit = levels > 20
    return _Look(
        shape=picture.shape[:2],
        detail=float(-(present * np.log2(present)).sum()),
        deviation=float(levels.std()),
        lit=float(lit.mean()),
        white=float((levels >= 235).mean()),
        flat=_flatness(levels, lit),
        coloured=_colourfulness(small),
        means=_blocks(levels.astype(np.float64)),
        rough=_blocks(_roughness(levels)),
        histogram=counts.reshape(16, 4).sum(axis=1),
    )


def _alone(look: _Look) -> str:
    """What is wrong with a frame by itself, or nothing."""
    if look.lit < 0.02:
        return "black"
    if look.deviation < 4 or look.detail < 0.2:
        return "nearly uniform"
    if look.white > 0.6:
        return "mostly white"
    if (look.flat > 0.8 and look.lit > 0.3) or (look.flat > 0.5 and look.coloured > 0.4):
        return "flat areas, as in a menu or colour bars"
    return ""


def _thinned(picture: Picture) -> Picture:
    """Every pixel has its part in the small copy: one that skipped rows could miss a line of text."""
    from PIL import Image

    step = -(-max(picture.shape[:2]) // _SMALL)
    return picture if step < 2 else np.asarray(Image.fromarray(picture).reduce(step))


def _flatness(levels: Picture, lit: NDArray[np.bool_]) -> float:
    if min(levels.shape) < 3 or not lit[1:, 1:].any():
        return 0.0
    values = levels.astype(np.int16)
    beside = np.abs(values[1:, 1:] - values[1:, :-1]) <= 1
    above = np.abs(values[1:, 1:] - values[:-1, 1:]) <= 1
    return float((beside & above)[lit[1:, 1:]].mean())


def _colourfulness(picture: Picture) -> float:
    if picture.ndim == 2:
        return 0.0
    red, green, blue = picture[..., 0], picture[..., 1], picture[..., 2]
    most, least = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    return float((most - least > 48).mean())


def _roughness(levels: Picture) -> Numbers:
    """How far each pixel is from the one beside and the one above; what has texture is rough."""
    values = levels.astype(np.float64)
    rough = np.zeros_like(values)
    rough[:, 1:] += np.abs(np.diff(values, axis=1))
    rough[1:, :] += np.abs(np.diff(values, axis=0))
    return rough


def _blocks(values: Numbers) -> Numbers:
    """The mean of each block, a flat run of up to 144; a picture smaller than that has a block a pixel."""
    (rows, high), (columns, wide) = _cuts(values.shape[0]), _cuts(values.shape[1])
    sums = np.add.reduceat(np.add.reduceat(values, rows, axis=0), columns, axis=1)
    means: Numbers = (sums / np.outer(high, wide)).ravel()
    return means


@lru_cache(maxsize=64)
def _cuts(length: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the blocks along an edge begin, and how long each is."""
    edges = np.linspace(0, length, min(_BLOCKS, length) + 1).astype(np.int64)
    return edges[:-1], np.diff(edges)


# ------------------------------------------------------------------------------------- a frame among the others


def _faults(looks: Mapping[int, _Look]) -> dict[int, str]:
    """What is wrong with each frame that something is wrong with, by itself or beside the others."""
    found = {number: fault for number, look in looks.items() if (fault := _alone(look))}
    good = {number: look for number, look in looks.items() if number not in found}
    if len(good) >= 3 and len({look.shape for look in good.values()}) == 1:
        more = _beside(good)
        # where most frames are "unlike the rest" there is no rest: the clip moves about, all of it is good
        if len(more) <= len(good) // 2:
            found |= more
        found |= _under_a_menu(good)
    return dict(sorted(found.items()))


def _beside(looks: Mapping[int, _Look]) -> dict[int, str]:
    usual_mean = np.median([look.means for look in looks.values()], axis=0)
    usual_rough = np.median([look.rough for look in looks.values()], axis=0)
    usual_bins = np.median([look.histogram for look in looks.values()], axis=0)
    apart = {number: _apart(look, usual_mean, usual_bins) for number, look in looks.items()}
    limit = max(0.5, 3 * float(np.median(list(apart.values()))))
    found = {}
    for number, look in looks.items():
        fault = _covered(look, usual_mean, usual_rough) or _faded(number, looks, usual_mean)
        if not fault and apart[number] > limit:
            fault = "unlike the rest of the clip"
        if fault:
            found[number] = fault
    return found


def _covered(look: _Look, usual_mean: Numbers, usual_rough: Numbers) -> str:
    """Blocks that have texture in most frames and none in this one: not drawn yet, no contact, under a menu."""
    textured = (usual_rough > 3) & (usual_mean > 12)
    if textured.mean() < 0.1:
        return ""
    smooth = look.rough < 0.25 * usual_rough
    if smooth[textured].mean() <= _PART_OF_A_MENU:
        return ""
    dark = float((look.means < 0.5 * usual_mean)[smooth & textured].mean())
    return "half-drawn or without contact" if dark > 0.5 else _COVERED


def _under_a_menu(looks: Mapping[int, _Look]) -> dict[int, str]:
    """Frames of which the same part never changes, some of it flat, where others have texture: under one menu,
    however many of the frames it covers."""
    means = np.array([look.means for look in looks.values()])
    rough = np.array([look.rough for look in looks.values()])
    seen = ((rough > 3) & (means > 12)).any(axis=0)
    if not seen.any():
        return {}
    flat = ((rough < 1.5) & (means > 12))[:, seen].mean(axis=1) > _PART_OF_A_MENU / 4
    if not 1 < flat.sum() < len(looks):
        return {}
    still = (np.ptp(means[flat], axis=0) <= 2) & (np.ptp(rough[flat], axis=0) <= 1)
    if still[seen].mean() <= _PART_OF_A_MENU:
        return {}
    return {number: _COVERED for number, covered in zip(looks, flat, strict=True) if covered}


def _faded(number: int, looks: Mapping[int, _Look], usual_mean: Numbers) -> str:
    """Dimmer all over than the others, or the sum of two others that are nothing alike."""
    look = looks[number]
    bright = usual_mean > 12
    if bright.any() and float(np.percentile(look.means[bright] / usual_mean[bright], 90)) < 0.6:
        return "fading in or out"
    before = [looks[n] for n in looks if n < number]
    after = [looks[n] for n in looks if n > number]
    return "a cross-fade" if any(_blend(look, a, b) for a in before for b in after) else ""


def _blend(look: _Look, first: _Look, second: _Look) -> bool:
    """Whether ``look`` is ``first`` and ``second`` laid over each other; two speckles together are smoother."""
    if _likeness(first.means, second.means) > 0.6:
        return False
    step = second.means - first.means
    part = float(step @ (look.means - first.means)) / float(step @ step or 1.0)
    if not 0.2 < part < 0.8:
        return False
    rest = float(np.abs(look.means - first.means - part * step).mean())
    smoother = float(look.rough.mean()) < 0.9 * min(float(first.rough.mean()), float(second.rough.mean()))
    return smoother and rest < 0.25 * float(np.abs(step).mean())


def _apart(look: _Look, usual_mean: Numbers, usual_bins: Numbers) -> float:
    """0 for a frame like the usual one, towards 1.5 for one with other brightness in other places."""
    bins = float(np.abs(look.histogram - usual_bins).sum()) / 2
    return bins + (1 - _likeness(look.means, usual_mean)) / 2


def _likeness(one: Numbers, other: Numbers) -> float:
    """The correlation of two rows of blocks, -1 to 1."""
    one, other = one - one.mean(), other - other.mean()
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / size if size else 1.0


def _flowing(looks: Mapping[int, _Look]) -> list[int]:
    """The frames with colour flow where only some have it; else all. What is coloured in every frame (a scale,
    a logo, tinted greys) is no flow."""
    everywhere = min(look.coloured for look in looks.values())
    flow = {number: look.coloured - everywhere for number, look in looks.items()}
    least = max(_SOME_FLOW, everywhere / 2)
    seen = [part for part in flow.values() if part > least]
    if not seen:
        return list(looks)
    enough = max(least, float(np.median(seen)) / 2)
    return [number for number, part in flow.items() if part >= enough]
