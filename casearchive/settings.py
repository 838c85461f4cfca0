"""Where everything of an archive stands, and what ``archive.toml`` says about it."""

from __future__ import annotations

import tomllib
from pathlib import Path

from casearchive.errors import ArchiveTooNew, Damaged, NoArchive
from casearchive.files import read_plain
from casearchive.frozen import dataclass

#: The layout this program writes. A larger number in ``archive.toml`` is refused, unharmed.
FORMAT = 1
MARKER = "archive.toml"


@dataclass(frozen=True)
class Layout:
    """The files and folders of the archive at ``root``; truth first, then what can be made again."""

    root: Path

    @property
    def marker(self) -> Path:
        return self.root / MARKER

    @property
    def objects(self) -> Path:
        return self.root / "objects"

    @property
    def cases(self) -> Path:
        return self.root / "cases"

    @property
    def sets(self) -> Path:
        return self.root / "sets"

    @property
    def scanners(self) -> Path:
        """Profiles of scanners, learnt from what a person decided; truth, and to be shared."""
        return self.root / "scanners"

    @property
    def ledger(self) -> Path:
        return self.root / "ledger.jsonl"

    @property
    def ledger_read(self) -> Path:
        """How far the ledger was read and found sound; only saves time."""
        return self.cache / "ledger-read.json"

    @property
    def secret(self) -> Path:
        return self.root / "secret.key"

    @property
    def index(self) -> Path:
        return self.root / "index.db"

    @property
    def terms(self) -> Path:
        """The clinic's own terms, where there are any."""
        return self.root / "terms.toml"

    @property
    def quarantine(self) -> Path:
        """What was damaged and was put aside; nothing in it is used again."""
        return self.root / "quarantine"

    @property
    def backup_marker(self) -> Path:
        """Says that this archive is a backup of another, and is not written to."""
        return self.root / "backup.json"

    @property
    def restore_marker(self) -> Path:
        """Stands here until a restore has come to its end."""
        return self.root / "restore.json"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def temporary(self) -> Path:
        return self.root / "tmp"

    def original(self, sha256: str) -> Path:
        """Where the folder store keeps it."""
        return self.objects / sha256[:2] / sha256

    @property
    def lock(self) -> Path:
        return self.root / "writer.lock"

    @property
    def holder(self) -> Path:
        """Who writes, since when. Where it stands and nobody holds the lock, a run was cut off."""
        return self.root / "writer.txt"

    def looked(self, sha256: str) -> Path:
        """Where text was seen in a file; can be looked for again."""
        return self.cache / sha256[:2] / f"{sha256}.looked.json"

    @property
    def sheets(self) -> Path:
        """What is to be reviewed, drawn for a person; shows originals and so stays in the archive."""
        return self.cache / "review"

    @property
    def preview(self) -> Path:
        """Pages of sets as they would leave, to be looked at here."""
        return self.cache / "preview"

    def understood(self, slug: str) -> Path:
        """What was read in the words of a case when it was last shown."""
        return self.cache / "understood" / f"{slug}.json"

    def record(self, slug: str) -> Path:
        return self.cases / f"{slug}.toml"

    def teaching_set(self, slug: str) -> Path:
        return self.sets / f"{slug}.toml"

    def picture(self, sha256: str, what: str) -> Path:
        """What ``ingest`` makes of every file: ``what`` is thumbnail or filmstrip; JPEG files."""
        return self.cache / sha256[:2] / f"{sha256}.{what}.jpg"

    @property
    def darkroom(self) -> Path:
        """What is made of clips when somebody asks for it, or it leaves: the place of a ``cache.Cache``."""
        return self.cache / "made"


@dataclass(frozen=True)
class Settings:
    archive_id: str
    created: str
    format: int = FORMAT
    key_check: str = ""  # of the bytes of ``secret.key``; empty where the archive was made without
    consent_required: bool = False  # ``consent = "required"``: a case without one for teaching stays in


def new_key() -> bytes:
    import secrets

    return secrets.token_hex(32).encode("ascii") + b"\n"


def new_marker(key: bytes) -> bytes:
    """``archive.toml`` of a new archive with this key."""
    import uuid
    from datetime import UTC, datetime

    made = datetime.now(UTC).isoformat(timespec="seconds")
    text = (
        "# A casearchive archive. Keep this whole folder together, private and backed up.\n"
        f"format = {FORMAT}\n"
        f'archive_id = "{uuid.uuid4()}"\n'
        f'created = "{made}"\n'
        f'key_check = "{key_check(key)}"  # tells whether secret.key is whole, and nothing else of it\n'
        "# What an export does with a case whose record names no consent for teaching: optional lets it go,\n"
        "# required keeps it in.\n"
        'consent = "optional"\n'
    )
    return text.encode()


def read(layout: Layout) -> Settings:
    """What ``archive.toml`` says. Raises ``NoArchive``, ``ArchiveTooNew`` or ``Damaged``."""
    try:
        content = tomllib.loads(read_plain(layout.marker.resolve()).decode("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise NoArchive(
            "there is no archive here",
            where=str(layout.root),
            hint="Make one with: casearchive init DIR, or name one with --archive DIR.",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Damaged(f"archive.toml cannot be read ({error})", where=str(layout.marker)) from None
    number = content.get("format")
    if not isinstance(number, int):
        raise Damaged("archive.toml names no format", where=str(layout.marker))
    if number > FORMAT:
        raise ArchiveTooNew(
            f"this archive has format {number}; this casearchive knows up to {FORMAT}",
            where=str(layout.root),
            hint="Update casearchive; the archive was left as it is.",
        )
    consent = content.get("consent", "optional")
    if consent not in ("optional", "required"):
        raise Damaged(
            "archive.toml says of consent what is neither optional nor required", where=str(layout.marker)
        )
    return Settings(
        str(content.get("archive_id", "")),
        str(content.get("created", "")),
        number,
        str(content.get("key_check", "")),
        consent == "required",
    )


def is_of_two_moments(layout: Layout) -> bool:
    """Whether this is a backup whose last run was cut off."""
    import json

    if not layout.backup_marker.exists():
        return False
    try:
        return not json.loads(read_plain(layout.backup_marker))["finished"]
    except (OSError, ValueError, KeyError, TypeError):
        return True


def find(start: Path) -> Layout:
    """Walk up from ``start`` to the nearest ``archive.toml``."""
    for folder in (start.absolute(), *start.absolute().parents):
        if (folder / MARKER).is_file():
            return Layout(folder)
    raise NoArchive(
        "no archive here or in any folder above",
        where=str(start),
        hint="Make one with: casearchive init DIR, or name one with --archive DIR or CASEARCHIVE_HOME.",
    )


def key_check(content: bytes) -> str:
    """Whether the bytes of ``secret.key`` are these: a hash that tells nothing else of 256 bits that nobody chose."""
    import hashlib
    import hmac

    return hmac.new(content, b"casearchive|is this the key", hashlib.sha256).hexdigest()


def secret(layout: Layout) -> bytes:
    """The key behind every pseudonym. Raises ``Damaged`` where it is missing, too short or another than it was."""
    try:
        content = read_plain(layout.secret)
        key = bytes.fromhex(content.decode("ascii").strip())
    except (OSError, ValueError) as error:
        raise Damaged(
            "the archive's secret key is missing or unreadable",
            where=str(layout.secret),
            hint="Restore it from a backup: without it pseudonyms cannot be told.",
        ) from error
    if len(key) < 32:
        raise Damaged("the archive's secret key is too short", where=str(layout.secret))
    check = read(layout).key_check
    if check and check != key_check(content):  # neither is a secret
        raise Damaged(
            "the archive's secret key is not the one it was made with",
            where=str(layout.secret),
            hint="Restore it from a backup: with another key every pseudonym would be another. See: casearchive verify",
        )
    return key
