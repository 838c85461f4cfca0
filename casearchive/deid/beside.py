"""What stays beside the scan although no region holds it: results, depth scales, colour bars, each proven."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from casearchive.deid import ocr
from casearchive.deid.bars import bars, is_bar
from casearchive.deid.needles import Needle
from casearchive.deid.pixels import Area
from casearchive.deid.results import even, results
from casearchive.deid.scales import scales
from casearchive.deid.things import Bits, Frame, Thing, inside

MOST = 64  # things of one picture
_STILL = 48  # grey levels that ink may change from frame to frame: what coding does, and no other sign


def beside(
    frame: Frame, area: Area, needles: Sequence[Needle], corners: Bits | None = None
) -> tuple[Thing, ...]:
    """What of ``frame`` may stay outside ``area``; results and numbers only where text can be read here.

    In ``corners``, what of a region is no fan, plain labels stay, too.
    """
    found = [*bars(frame, area), *scales(frame, area)]
    if ocr.installed():
        found += results(frame, area, needles, corners)
    return tuple(found[:MOST])


def holds(thing: Thing, first: Frame, frame: Frame) -> bool:
    """Whether it is in another frame what it was in the first: a bar, or the same ink but for what lossy coding
    changes, on a ground as even as it was."""
    one, other = first[inside(thing.box)], frame[inside(thing.box)]
    if thing.kind == "colour bar":
        return is_bar(other)
    if thing.ground is not None and not even(other, thing.ground):
        return False
    changed = np.abs(one[thing.ink].astype(np.int16) - other[thing.ink])
    return bool(changed.max(initial=0) <= _STILL)
