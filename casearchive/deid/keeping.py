"""Which pixels of a file may stay, and who says so: a person, the file's own regions, or the profile of its scanner."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from pydicom.uid import UID

from casearchive.deid import documents, headers
from casearchive.deid.decisions import APPROVE, REFUSE, Decision
from casearchive.deid.looking import EXTRA
from casearchive.deid.pixels import MOST_OF_THE_FRAME, Area, drawn_area, scan_area, struck_out
from casearchive.deid.refusal import NOBODY, Refusal
from casearchive.deid.scanners import Scanner, fitting
from casearchive.model import GUESSED_LAYOUT, TOO_FEW, Facts

NOT_ABLE = Refusal(f"text in its pictures cannot be looked for here: {EXTRA} is not installed")
REFUSED_BY_A_PERSON = Refusal(
    "a person decided that it does not leave", "whoever refused it: casearchive review reopen"
)
_REGIONS = "the ultrasound regions"


@dataclass(frozen=True, slots=True)
class Kept:
    """The pixels that may stay, who says so, and what a person decided of this very file."""

    area: Area
    told: str  # "the ultrasound regions", "a person", "the scanner profile …"
    decision: Decision | None = None

    @property
    def drawn(self) -> bool:
        """A person drew what stays of this very file, or took a part out of it: nothing stays beside that."""
        return bool(self.area.struck) or (self.decision is not None and bool(self.decision.keep))

    @property
    def plain(self) -> bool:
        """Its regions alone say what stays."""
        return self.decision is None and self.told == _REGIONS

    @property
    def approved(self) -> bool:
        """A person has said that no text in these pixels tells who it is."""
        return self.decision is not None and self.decision.kind == APPROVE


_MOST_PIXELS_A_SIDE = 65_535  # Rows and Columns are US (PS3.5 6.2)


def safe_area(facts: Facts, decision: Decision | None, scanners: Collection[Scanner]) -> Kept | Refusal:
    """Which pixels of a file may stay: what a person keeps, else its regions where they can be trusted, else the
    profile of this very scanner; else nobody knows, and a person must look."""
    refusal = _no_rule(facts)
    if refusal is not None:
        return refusal
    if decision is not None and decision.kind == REFUSE:
        return REFUSED_BY_A_PERSON
    told, area = _told_area(facts, decision, scanners)
    if isinstance(area, Area) and decision is not None:
        if decision.area and decision.area != area.digest:
            return Refusal("what would be kept of it is not what a person looked at any more")
        area = struck_out(area, decision.remove)
    return area if isinstance(area, Refusal) else Kept(area, told, decision)


def _no_rule(facts: Facts) -> Refusal | None:
    """A refusal of what no rule lets out as a picture: all but ultrasound, and pictures that may show it."""
    uid = facts.instance.sop_class_uid or ""
    if facts.kind == "dicom" and not (uid in headers.ULTRASOUND_CLASSES or _captured(facts)):
        document = documents.refusal_without_option(facts)
        if document is not None:
            return document
        kind = UID(uid).name if UID(uid).name != uid else "a kind of object that is not known here"
        return Refusal(f"not an ultrasound image object ({kind}): no rule lets it out", NOBODY)
    if facts.kind not in ("dicom", "image", "clip") or facts.instance.frames < 1:
        return Refusal("not a picture: reports and other objects do not leave", NOBODY)
    if max(facts.instance.rows or 0, facts.instance.columns or 0) > _MOST_PIXELS_A_SIDE:
        return Refusal(
            f"a side of it is longer than the {_MOST_PIXELS_A_SIDE} pixels that DICOM can say", NOBODY
        )
    return None


def _captured(facts: Facts) -> bool:
    """A screen that somebody captured as a DICOM object of its own, and called ultrasound."""
    return facts.instance.sop_class_uid in headers.CAPTURE_CLASSES and facts.series.modality == "US"


def doubt_of(doubts: Collection[str], kept: Kept) -> Refusal | None:
    """A refusal where decoding showed that the header may not hold, unless a person saw what stays: a wrong guess would
    move the banner into the scan."""
    decision = kept.decision
    if not doubts or (decision is not None and (decision.kind == APPROVE or decision.keep)):
        return None
    if any(doubt.startswith(GUESSED_LAYOUT) for doubt in doubts):
        what = "how its colours lie had to be guessed"
    elif any(doubt.startswith(TOO_FEW) for doubt in doubts):
        what = "it holds fewer frames than it says, as frames of another size would be"
    else:
        what = "its frames have another size than it says"
    return Refusal(f"{what}, so its regions may not hold")


def _told_area(
    facts: Facts, decision: Decision | None, scanners: Collection[Scanner]
) -> tuple[str, Area | Refusal]:
    if decision is not None and decision.keep:
        return "a person", drawn_area(facts, decision.keep)
    if facts.kind != "dicom" or _captured(facts):  # whatever a photo says of itself proves nothing
        return "", Refusal("no ultrasound regions: nothing says which pixels are safe")
    area = scan_area(facts)
    if isinstance(area, Area):
        return _REGIONS, area
    scanner = fitting(scanners, facts)
    if scanner is not None:
        drawn = drawn_area(facts, scanner.keep)
        if isinstance(drawn, Area):
            drawn = struck_out(drawn, scanner.remove)
        if isinstance(drawn, Area) and drawn.fraction > MOST_OF_THE_FRAME:
            share = f"{drawn.fraction:.0%} of the picture"
            drawn = Refusal(f"the profile of its scanner cannot be trusted: it keeps {share}")
        return f"the scanner profile “{scanner.name}”", drawn
    return "", area
