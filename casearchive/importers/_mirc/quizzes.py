"""A question of a document as one of a record: which answer is right is what its response says."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET

from casearchive.importers._mirc.wording import paragraphs

#: A word on the answer ends with a sign or the text: “No fluid” and “Right-sided” say something else.
_END = r"(?: answer)?\s*(?:[.,:;!]+\s*|[–—]\s*|-\s+|\n\s*|$)"
_RIGHT = re.compile(rf"(?:right|correct|yes|true|exactly|good){_END}", re.IGNORECASE)
_WRONG = re.compile(rf"(?:no|wrong|incorrect|false|sorry|not (?:right|correct|quite)){_END}", re.IGNORECASE)


def question(element: ET.Element) -> dict[str, Any]:
    """Values of a quiz row. One answer alone is no choice: its response is what is shown. The right answer is told only
    where exactly one response begins by saying so; what else responses say are the reasons of the choices."""
    asked: dict[str, Any] = {"question": _part(element, "question-body") or (element.text or "").strip()}
    answers = [
        (_part(a, "answer-body") or (a.text or "").strip(), _part(a, "response", "\n\n"))
        for a in element.iter("answer")
    ]
    answers = [(body, response) for body, response in answers if body or response]
    if len(answers) < 2:
        asked["why"] = "\n\n".join(response or body for body, response in answers)
        return {key: value for key, value in asked.items() if value or key == "question"}
    asked["options"] = [body or f"Answer {n}" for n, (body, _) in enumerate(answers, 1)]
    right = [n for n, (_, response) in enumerate(answers, 1) if _RIGHT.match(response)]
    if len(right) == 1:
        asked["answer"] = right[0]
    reasons = [_reason(n, response, asked) for n, (_, response) in enumerate(answers, 1)]
    told = [n for n, reason in enumerate(reasons, 1) if reason]
    if told and told == right:
        asked["why"] = reasons[right[0] - 1]
    elif told:
        asked["reasons"] = reasons
    return asked


def _reason(number: int, response: str, asked: dict[str, Any]) -> str:
    if number == asked.get("answer"):
        return _RIGHT.sub("", response, count=1)
    return _WRONG.sub("", response, count=1) if "answer" in asked else response


def _part(element: ET.Element, tag: str, between: str = " ") -> str:
    found = element.find(tag)
    return between.join(paragraphs(found)) if found is not None else ""
