"""Where words that are read before the answer give it away."""

from __future__ import annotations

import re
from collections.abc import Iterator

from casearchive.choices import PRESENT
from casearchive.frozen import dataclass
from casearchive.model import Case
from casearchive.terms import ABNORMALITY_KINDS, lexicon
from casearchive.terms.words import fold

#: Too general to give an answer away.
_OPEN_WORDS = frozenset({"abnormality", "swelling", "mass"})


@dataclass(frozen=True)
class Spoiler:
    """A place that tells the answer: its path in the record, the id of the media it speaks of ("" for the case), and
    the words that tell."""

    path: tuple[str | int, ...]
    media: str
    told: str

    @property
    def message(self) -> str:
        """What is wrong and what to write, in one line."""
        if not self.media:
            return f"the quiz title gives the answer away: it says '{self.told}'; write the complaint instead"
        more = "" if self.path[-1] == "quiz_caption" else "; write a quiz_caption that does not"
        return f"{self.media}: in a quiz this gives the answer away ('{self.told}'){more}"


def spoilers(case: Case, *, captions: bool = False) -> Iterator[Spoiler]:
    """The quiz title and quiz captions that name the answer; with ``captions`` also the captions of pictures that
    have no quiz caption."""
    if told := told_in(case.quiz_title, case):
        yield Spoiler(("quiz_title",), "", told)
    for number, media in enumerate(case.media):
        key = "quiz_caption" if media.quiz_caption or not captions else "caption"
        if told := told_in(getattr(media, key), case):
            yield Spoiler(("media", number, key), media.id, told)


def told_in(text: str, case: Case) -> str:
    """The first words of ``text`` that name the answer of ``case``; empty where none does.

    The answer is the diagnoses and the present findings, and what is narrower or broader; where the vocabulary does
    not know one, its own words.
    """
    terms = lexicon()
    around: set[str] = set()
    for what in _answers(case):
        if terms.concept(what) is not None:
            around |= terms.narrower(what) | terms.broader(what)
        elif re.search(rf"(?<!\w){re.escape(fold(what))}(?!\w)", fold(text)):
            return what
    around -= _OPEN_WORDS
    for mention in terms.recognise(text) if text.strip() else ():
        concept = terms.concept(mention.concept)
        if concept is not None and concept.kind in ABNORMALITY_KINDS and concept.id in around:
            return mention.text
    return ""


def _answers(case: Case) -> tuple[str, ...]:
    present = (f.abnormality for f in case.findings if f.certainty in PRESENT)
    return tuple(dict.fromkeys(w for w in (*(d.what for d in case.story.diagnosis), *present) if w.strip()))
