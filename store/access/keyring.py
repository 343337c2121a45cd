"""The keys that fields are encrypted with at rest: the first one encrypts, every one decrypts."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from domain.errors import SentinelError

ENV_FILE: Final = "SENTINEL_FIELD_KEYS_FILE"
DEFAULT: Final = Path(".sentinel") / "field.keys"


class KeyringError(SentinelError):
    """The field keys are missing, malformed, open to others, or not those that encrypted a field."""


class Keyring:
    """Field keys (Fernet: AES-128-CBC with HMAC-SHA256); they never show themselves in text or pickles."""

    __slots__ = ("_first", "_keys", "_path", "_where")

    def __init__(
        self, keys: Sequence[bytes], where: str = "Keyring", path: Path | None = None
    ) -> None:
        self._path = path
        try:
            self._keys = MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            raise KeyringError(
                "a field key is malformed",
                where=where,
                cure="Each line is 32 bytes in URL-safe base64; `sentinel keys rotate` writes such lines.",
            ) from None
        self._first = Fernet(keys[0])
        self._where = where

    def __repr__(self) -> str:
        return "<Keyring>"

    def __reduce__(self) -> str:
        raise TypeError("a Keyring is not pickled; load it where it is needed")

    @classmethod
    def create(cls) -> Keyring:
        """A new random key, kept nowhere."""
        return cls([Fernet.generate_key()])

    @classmethod
    def load(cls, path: Path) -> Keyring:
        """The keys in a file, one a line, that others on the machine cannot read."""
        return cls(_read(path), str(path), path)

    @classmethod
    def find(
        cls, given: Path | None = None, environ: Mapping[str, str] = os.environ, *, new: bool = True
    ) -> Keyring:
        """The keys of the file named, or in SENTINEL_FIELD_KEYS_FILE, or .sentinel/field.keys.

        Only the last may be created (``new``), with mode 0600.
        """
        path = place(given, environ)
        if not path.exists() and new and path == DEFAULT and given is None:
            _write(path, [Fernet.generate_key()], fresh=True)
        return cls.load(path)

    def encrypt(self, text: str) -> bytes:
        """The text under the first key; different each time."""
        return self._first.encrypt(text.encode())

    def decrypt(self, kept: bytes, within_s: int | None = None) -> str:
        """The text; KeyringError if no key fits, or if it is older than ``within_s`` seconds."""
        try:
            return self._keys.decrypt(kept, ttl=within_s).decode()
        except InvalidToken:
            if self._reload():
                return self.decrypt(kept, within_s)
            raise KeyringError(
                "a field cannot be decrypted: none of the keys fits",
                where=self._where,
                cure="Give the file of keys that this database was used with (SENTINEL_FIELD_KEYS_FILE).",
            ) from None

    def _reload(self) -> bool:
        """Take the file's keys anew, if another process rotated them; whether there were others."""
        if self._path is None:
            return False
        fresh = _read(self._path)
        first = Fernet(fresh[0])
        if first._encryption_key == self._first._encryption_key:
            return False
        self._keys, self._first = MultiFernet([Fernet(key) for key in fresh]), first
        return True

    def renew(self, kept: bytes) -> bytes:
        """The same text under the first key; KeyringError if no key fits."""
        return self.encrypt(self.decrypt(kept))


def place(given: Path | None, environ: Mapping[str, str] = os.environ) -> Path:
    """Where the field keys lie."""
    return given or Path(environ.get(ENV_FILE) or DEFAULT)


def add_key(path: Path) -> Keyring:
    """Put a new key before the others of the file; the file changes whole or not at all."""
    keys = _read(path) if path.exists() else []
    _write(path, [Fernet.generate_key(), *keys])
    return Keyring.load(path)


def keep_first(path: Path) -> int:
    """Drop every key but the first, once nothing is encrypted with them; how many went."""
    keys = _read(path)
    _write(path, keys[:1])
    return len(keys) - 1


def _read(path: Path) -> list[bytes]:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            lines = [line.strip() for line in file.read(65536).splitlines() if line.strip()]
    except OSError as error:
        raise KeyringError(
            f"the field keys cannot be read: {error.strerror}",
            where=str(path),
            cure=f"Name the file with {ENV_FILE}, or make one: sentinel keys rotate.",
        ) from None
    if os.name == "posix" and mode & (stat.S_IRWXO | stat.S_IRWXG):
        raise KeyringError(
            f"the field keys are open to others (mode {stat.S_IMODE(mode):04o})",
            where=str(path),
            cure=f"chmod 600 {path}; if others may have read them, rotate: sentinel keys rotate.",
        )
    if not lines:
        raise KeyringError(
            "the file of field keys is empty",
            where=str(path),
            cure="Restore it from its backup; without its keys what they encrypted is lost.",
        )
    return lines


def _write(path: Path, keys: Sequence[bytes], *, fresh: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".keys-")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(b"\n".join(keys) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if not fresh:
            Path(draft).replace(path)
            return
        try:
            os.link(draft, path)  # of two processes that start together the first one wins
        except FileExistsError:
            return
    finally:
        Path(draft).unlink(missing_ok=True)
