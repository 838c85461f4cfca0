"""``who``: whom a pseudonym of an export stands for."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import click

from casearchive.cli._talk import State, emit, example, safe, verb

if TYPE_CHECKING:
    from casearchive.reidentify import Known


@click.command(epilog=example("casearchive who CA-ABCDEFGHIJKLMNOP"))
@click.argument("pseudonym")
@verb
def command(state: State, pseudonym: str) -> None:
    """Tell who a patient number (CA-...) or a UID (2.25....) of an export is: the originals it was made from.

    A machine's number (CD-...) tells which machine.

    Only the archive that made the set can tell, and it writes into its ledger that it was asked.
    """
    found = state.open().who(pseudonym)
    if state.json:
        emit([
            {"what": k.what, "set": k.set, "case": k.case, "media": k.media, "sha256": k.sha256,
             "identity": dict(k.identity)}
            for k in found
        ])  # fmt: skip
        return
    for (what, identity), clips in groupby(sorted(found, key=_person), _person):
        told = ", ".join(f"{keyword} {value}" for keyword, value in identity)
        click.echo(safe(f"{what}: {told or 'the original names nobody'}"))
        for clip in clips:
            click.echo(safe(f"  {clip.case} {clip.media}, in the set {clip.set}, from {clip.sha256[:16]}"))


def _person(known: Known) -> tuple[str, tuple[tuple[str, str], ...]]:
    return known.what, known.identity
