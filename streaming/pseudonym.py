"""Keyed pseudonyms: what stands in the tables instead of a patient's identifiers.

A pseudonym is HMAC-SHA256 (RFC 2104) over the kind of identifier and the normalised
value, so that one person keeps one pseudonym under one key, while a telephone number
and a record number with the same digits do not meet. Without the key a pseudonym can
neither be computed nor reversed by trying all identity numbers.

Normalisation, so that spelling does not split a person in two: Unicode NFKC (full-width
digits become plain), outer blanks off; identifiers in upper case; a telephone number keeps its digits only;
an address or employer keeps no blanks. Blanks and hyphens inside an identifier stay:
1-23 and 12-3 may be two people. A value with nothing left is missing, not a pseudonym.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
import stat
import tempfile
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NoReturn

import polars as pl

from domain.errors import SentinelError

KEY_BYTES: Final = 32
"""Least length of a key: the output size of SHA-256 (RFC 2104, section 3)."""

PREFIXES: Final[Mapping[str, str]] = {
    "patient_id": "p_",
    "medical_record_number": "m_",
    "identity_number": "i_",
    "phone": "t_",
    "address": "a_",
    "employer": "e_",
    "bank_account": "b_",
}
"""Prefix of a pseudonym by kind of identifier; other kinds have ``x_``."""

KEPT: Final = "patient_id"
"""The one kind of identifier that may be kept: the pages show no other pseudonym."""

_DIGITS: Final = 32
_CONTEXT: Final = b"drg-sentinel/pseudonym/1\x1f"
_ENV_KEY: Final = "SENTINEL_PSEUDONYM_KEY"
_ENV_FILE: Final = "SENTINEL_PSEUDONYM_KEY_FILE"
_OTHERS: Final = stat.S_IRWXO
_NOT_DIGIT: Final = re.compile(r"\D+")
_BLANK: Final = re.compile(r"\s+")


class PseudonymKeyError(SentinelError):
    """The key for pseudonyms is missing, too short, malformed or open to others."""


class PseudonymKey:
    """A secret key for pseudonyms; it never shows itself in text, pickles or logs."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        if len(secret) < KEY_BYTES:
            raise PseudonymKeyError(
                f"a key of {len(secret)} bytes is too short",
                where="PseudonymKey",
                cure=f"Use at least {KEY_BYTES} random bytes; PseudonymKey.create() makes such a key.",
            )
        self._secret = secret

    def __repr__(self) -> str:
        return f"<PseudonymKey {self.fingerprint}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a PseudonymKey is not pickled; load it where it is needed")

    @property
    def fingerprint(self) -> str:
        """Eight hex digits that tell two keys apart and reveal neither."""
        return hmac.digest(self._secret, b"drg-sentinel/key-fingerprint/1", "sha256").hex()[:8]

    @classmethod
    def create(cls) -> PseudonymKey:
        """A new random key, kept nowhere."""
        return cls(secrets.token_bytes(KEY_BYTES))

    @classmethod
    def from_hex(cls, text: str, *, where: str = "PseudonymKey.from_hex") -> PseudonymKey:
        """The key written as hex digits; PseudonymKeyError if it is not hex or too short."""
        try:
            return cls(bytes.fromhex(text.strip()))
        except ValueError:
            raise PseudonymKeyError(
                "the key is not written in hex digits",
                where=where,
                cure=f"Write at least {2 * KEY_BYTES} hex digits (0-9, a-f) and nothing else.",
            ) from None

    @classmethod
    def load(cls, path: Path) -> PseudonymKey:
        """The key in a file of hex digits that others on the machine cannot read."""
        try:
            with path.open("r", encoding="ascii") as file:
                mode = os.fstat(file.fileno()).st_mode
                text = file.read(4096)
        except (OSError, UnicodeDecodeError) as error:
            raise PseudonymKeyError(
                f"the key file cannot be read: {error.__class__.__name__}",
                where=str(path),
                cure="Give the path of a file of hex digits that this user may read.",
            ) from None
        if os.name == "posix" and mode & _OTHERS:
            raise PseudonymKeyError(
                f"the key file is open to every user (mode {stat.S_IMODE(mode):04o})",
                where=str(path),
                cure=f"chmod 600 {path}; if others may have read it, make a new key.",
            )
        return cls.from_hex(text, where=str(path))

    @classmethod
    def load_or_create(cls, path: Path) -> PseudonymKey:
        """The key in that file; a new one is written there (mode 0600) if there is none.

        Two processes that start together end with the same key: the file appears whole
        or not at all, and the first one stays.
        """
        if path.exists():
            return cls.load(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        key = cls.create()
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".key-")  # mode 0600
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(key._secret.hex() + "\n")
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(draft, path)
            except FileExistsError:
                return cls.load(path)
        finally:
            Path(draft).unlink()
        return key

    @classmethod
    def find(cls, default: Path, environ: Mapping[str, str] = os.environ) -> PseudonymKey:
        """The key from the environment, else from the default file, which may be created.

        ``SENTINEL_PSEUDONYM_KEY`` holds hex digits, ``SENTINEL_PSEUDONYM_KEY_FILE`` a
        path; with both set it is not clear which is meant, so that is an error.
        """
        text, file = environ.get(_ENV_KEY), environ.get(_ENV_FILE)
        if text and file:
            raise PseudonymKeyError(
                f"both {_ENV_KEY} and {_ENV_FILE} are set",
                where="environment",
                cure="Set one of them.",
            )
        if text:
            return cls.from_hex(text, where=_ENV_KEY)
        return cls.load(Path(file)) if file else cls.load_or_create(default)

    def pseudonym(self, kind: str, value: str) -> str | None:
        """The pseudonym of one clear value, or None if normalisation leaves nothing.

        ``kind`` is the field's name, such as ``patient_id``; it separates the domains.
        """
        plain = normalise(kind, value)
        if not plain:
            return None
        message = _CONTEXT + kind.encode() + b"\x1f" + plain.encode("utf-8", "surrogatepass")
        digest = hmac.digest(self._secret, message, "sha256")
        return PREFIXES.get(kind, "x_") + digest.hex()[:_DIGITS]

    def pseudonymise(self, values: pl.Series, kind: str) -> pl.Series:
        """The pseudonyms of a column, null where there is no value; each value is hashed once."""
        clear = values.drop_nulls().unique()
        if clear.is_empty():
            return pl.Series(values.name, [None] * len(values), dtype=pl.String)
        hidden = pl.Series([self.pseudonym(kind, v) for v in clear.to_list()], dtype=pl.String)
        return values.replace_strict(clear, hidden, default=None, return_dtype=pl.String)


class KeepingKey(PseudonymKey):
    """A key that hands the patients' identifiers it hides to ``keep``: kind, and pseudonym -> clear value."""

    __slots__ = ("_keep",)

    def __init__(self, key: PseudonymKey, keep: Callable[[str, Mapping[str, str]], None]) -> None:
        super().__init__(key._secret)
        self._keep = keep

    def pseudonymise(self, values: pl.Series, kind: str) -> pl.Series:
        """The pseudonyms of a column; those of patients are kept with what they stand for."""
        hidden = super().pseudonymise(values, kind)
        if kind == KEPT:
            pairs = zip(hidden.to_list(), values.to_list(), strict=True)
            self._keep(kind, {name: clear for name, clear in pairs if name is not None})
        return hidden


def normalise(kind: str, value: str) -> str:
    """The spelling of an identifier that is hashed; empty if there is nothing in it."""
    plain = unicodedata.normalize("NFKC", value).strip()
    if kind == "phone":
        return _NOT_DIGIT.sub("", plain)
    if kind in {"address", "employer"}:
        return _BLANK.sub("", plain)
    return plain.upper()
