"""What who exports has chosen: named options of the profile, and what these need to know of the whole set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from casearchive.model import Case

NO_CHARACTERISTICS = "no-characteristics"


@dataclass(frozen=True, slots=True)
class Choice:
    """``names`` of options, as ``Profile.under`` knows them; ``first_days`` is the date (ISO 8601) of the first study
    of each patient within the whole set, by what tells patients apart; ``frames`` how many each image of the set has,
    by its SOP Instance UID: what refers to any other image refers to nothing that leaves."""

    names: tuple[str, ...] = ()
    first_days: Mapping[str, str] = field(default_factory=dict)
    frames: Mapping[str, int] = field(default_factory=dict)

    def of_record(self, case: Case) -> Case:
        """The record as it may leave under these options: its own fields for age and sex go where the header's go."""
        if NO_CHARACTERISTICS not in self.names:
            return case
        return replace(case, patient=replace(case.patient, age="", sex=""))


NOTHING_CHOSEN = Choice()
