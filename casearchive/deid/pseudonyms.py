"""Pseudonyms that only the holder of the archive's secret can make again: never a bare hash."""

from __future__ import annotations

import base64
import hashlib
import hmac

from casearchive.errors import CaseArchiveError

MIN_SECRET = 32
_FIRST_SHIFT = 365  # days: never a shift that leaves the year recognisable
_SHIFT_RANGE = 3285  # nine years more


class NoSecretError(CaseArchiveError):
    """The archive's secret is absent or too short; without it a pseudonym could be guessed."""


class Pseudonyms:
    """Keyed, deterministic pseudonyms (HMAC-SHA-256, PS3.15 E.3.9 warns of unkeyed ones).

    ``scope`` is the name of the teaching set: the same patient has different pseudonyms in two sets. Raises
    ``NoSecretError`` when ``secret`` holds fewer than 32 bytes or is all one byte.
    """

    def __init__(self, secret: bytes, scope: str) -> None:
        if len(secret) < MIN_SECRET or len(set(secret)) < 2:
            raise NoSecretError(
                "the archive's secret is absent or too short, nothing can be pseudonymised",
                where="secret.key",
                hint="restore secret.key from the backup of this archive",
            )
        if not scope:
            raise NoSecretError("a pseudonym needs the name of the set it is made for", hint="name the set")
        self._secret = bytes(secret)
        self._scope = scope.encode("utf-8")

    def __repr__(self) -> str:
        return "Pseudonyms(…)"  # neither secret nor scope belongs in a log

    def _mac(self, use: str, value: str) -> bytes:
        message = b"\0".join((b"casearchive", use.encode(), self._scope, value.encode("utf-8")))
        return hmac.new(self._secret, message, hashlib.sha256).digest()

    def patient(self, identity: str) -> str:
        """``CA-`` and 16 letters or digits (80 bits) for whatever tells patients apart."""
        return "CA-" + base64.b32encode(self._mac("patient", identity)[:10]).decode("ascii")

    def device(self, serial: str) -> str:
        """``CD-`` and 16 letters or digits (80 bits) for the serial number of a machine."""
        return "CD-" + base64.b32encode(self._mac("device", serial.strip().upper())[:10]).decode("ascii")

    def uid(self, uid: str) -> str:
        """A new UID, ``2.25.`` and the decimal of a version 8 UUID (PS3.5 B.2, RFC 9562); at most 44
        characters."""
        raw = bytearray(self._mac("uid", uid)[:16])
        raw[6] = (raw[6] & 0x0F) | 0x80
        raw[8] = (raw[8] & 0x3F) | 0x80
        return f"2.25.{int.from_bytes(raw, 'big')}"

    def key(self, slug: str) -> str:
        """26 letters and digits (128 bits) for the slug of a case: what tells it apart from another archive's."""
        return base64.b32encode(self._mac("case", slug)[:16]).decode("ascii").rstrip("=")

    def day_shift(self, identity: str) -> int:
        """Days to add to every date of this patient: between -3650 and -365, always the same for one
        patient."""
        return -(_FIRST_SHIFT + int.from_bytes(self._mac("days", identity)[:8], "big") % (_SHIFT_RANGE + 1))
