"""Our own facts in a document: which of them still hold, told by the words that say them."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

from casearchive.importers._values import take_out
from casearchive.record import elements
from casearchive.record.layout import Path

_OURS = f"{{{elements.NAMESPACE}}}case"


class Standing:
    """``values`` are the facts that hold, ``known`` the elements whose words these facts say again, ``changed`` the
    facts that were left out since somebody changed their words. ``facts`` is None in a document of others."""

    def __init__(self, root: ET.Element) -> None:
        ours = root.find(_OURS)
        self.facts = elements.Facts(ours) if ours is not None else None
        self.values: dict[str, Any] = {}
        self.known: set[ET.Element] = set()
        self.changed: list[Path] = []
        self.captions: set[str] = set()  # ids of clips whose captions nobody changed
        if self.facts is None:
            return
        prints = elements.prints(root)
        there = set(prints.values())
        holding = set(self.facts.told[()])
        for path, told in self.facts.told.items():
            if not path:
                continue
            if all(one in there for one in told):
                holding |= set(told)
                if path[0] == "media":
                    self.captions.add(self._media_id(path))
            elif path[0] != "media":  # a caption does not say how a clip was taken
                self.changed.append(path)
        self.values = self.facts.values
        take_out(self.values, self.changed)
        self.known = {element for element, one in prints.items() if one in holding}

    def _media_id(self, path: Path) -> str:
        assert self.facts is not None
        return str(self.facts.values["media"][path[1]].get("id", ""))
