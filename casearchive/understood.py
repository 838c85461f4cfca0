"""What was read in the words of a case, kept for when it is shown again: reading it anew takes longer than the rest.

One file a case, as it was last stored or shown. A hash over it, over the values it was made of and over what
understands tells whether it still holds; whatever does not is read anew. Losing it, or having no right to keep it,
costs the time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from casearchive.files import read_plain, write_lightly
from casearchive.frozen import dataclass
from casearchive.mined import Dispute, Mined, Mining
from casearchive.model import Case, Dynamic, Evidence, Finding, Grade
from casearchive.settings import Layout
from casearchive.terms import lexicon

_PACKAGE = Path(__file__).parent
#: What decides what is read in words and how it is kept, beside the vocabulary: these rooms and all of ``terms``.
_ROOMS = ("choices", "claims", "frozen", "mined", "mining", "model", "understood", "units")


@dataclass(frozen=True)
class Understood:
    """The findings that its words and the reports among its files tell, and where its words contradict its record."""

    findings: tuple[Mined, ...]
    disputes: tuple[Dispute, ...]


def understood(layout: Layout, case: Case, reports: Sequence[str]) -> Understood:
    """What was read before where that still holds, else what is read now."""
    place = layout.understood(case.slug)
    with contextlib.suppress(OSError, ValueError):
        return _told(read_plain(place), _origin(case, reports))
    from casearchive.mining import of_case

    return keep(layout, case, reports, of_case(case, reports=reports))


def keep(layout: Layout, case: Case, reports: Sequence[str], mined: Mining) -> Understood:
    """Keep what was read in the words of a case and in the ``reports`` among its files (``mined``)."""
    from casearchive.mining import of_case

    made = Understood(mined.findings, (of_case(case) if reports else mined).disputes)
    if not layout.backup_marker.exists():  # which is read, never written to
        with contextlib.suppress(OSError, ValueError):
            origin = _origin(case, reports)
            written = _written(made, origin)
            if _told(written, origin) == made:
                write_lightly(layout.understood(case.slug), written, by=layout.temporary)
    return made


def _origin(case: Case, reports: Sequence[str]) -> bytes:
    """One hash of all that decides what is read."""
    made_of = hashlib.sha256(repr((case, tuple(reports), lexicon().fingerprint)).encode())
    made_of.update(_program())
    return made_of.digest()


@cache
def _program() -> bytes:
    """A hash of the program's own text that decides what is read in words."""
    text = hashlib.sha256()
    for path in sources():
        text.update(path.read_bytes())
    return text.digest()


def sources() -> Iterator[Path]:
    """The program's own text that decides what is read in words."""
    yield from (_PACKAGE / f"{room}.py" for room in _ROOMS)
    yield from sorted(p for p in (_PACKAGE / "terms").iterdir() if p.suffix in (".py", ".txt"))


def _written(made: Understood, origin: bytes) -> bytes:
    body = json.dumps(asdict(made)).encode()
    return _mark(origin, body) + b"\n" + body


def _told(content: bytes, origin: bytes) -> Understood:
    """What was written. Raises ``ValueError`` where it was made of anything else, or is not what was written."""
    mark, _, body = content.partition(b"\n")
    if mark != _mark(origin, body):
        raise ValueError
    told = json.loads(body)
    return Understood(
        tuple(Mined(_finding(m["finding"]), m["source"], m["quote"]) for m in told["findings"]),
        tuple(Dispute(**d) for d in told["disputes"]),
    )


def _mark(origin: bytes, body: bytes) -> bytes:
    return hashlib.sha256(origin + body).hexdigest().encode()


def _finding(told: Mapping[str, Any]) -> Finding:
    """With what is ever read in words: neither places on a picture, nor Doppler, nor relations."""
    return Finding(**{
        **told,
        "echogenicity": tuple(told["echogenicity"]),
        "grades": tuple(Grade(**grade) for grade in told["grades"]),
        "dynamic": Dynamic(**told["dynamic"]) if told["dynamic"] else None,
        "relations": tuple(told["relations"]),
        "evidence": tuple(
            Evidence(e["media"], tuple(e["frames"]) if e["frames"] else None) for e in told["evidence"]
        ),
    })  # fmt: skip
