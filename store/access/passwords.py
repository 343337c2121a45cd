"""Passwords: argon2id, and what a password must be."""

from __future__ import annotations

import secrets
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

SHORTEST: Final = 12
"""Characters. Length is what makes guessing slow; no rule asks for signs or digits."""
LONGEST: Final = 200
"""Characters: more would only keep the hasher busy."""

_LETTERS: Final = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""For one-time passwords: none that is mistaken for another."""


class Passwords:
    """Hashes passwords and checks them; the parameters are argon2's, 64 MiB and 3 passes by default."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self._nobody = self._hasher.hash(secrets.token_hex(16))

    def hash(self, password: str) -> str:
        """The hash with its salt and parameters."""
        return self._hasher.hash(password)

    def fit(self, kept: str | None, password: str) -> bool:
        """Whether the password is the one; without a hash as much work is done, and the answer is no."""
        try:
            self._hasher.verify(kept or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return False
        return kept is not None

    def stale(self, kept: str) -> bool:
        """Whether a hash was made with other parameters than these."""
        return self._hasher.check_needs_rehash(kept)


def make_password() -> str:
    """A one-time password: 16 letters and digits, 92 bits."""
    return "".join(secrets.choice(_LETTERS) for _ in range(16))


def weakness(password: str, login: str, name: str) -> tuple[str, str] | None:
    """Why a password is not taken, in Chinese and English; None if it is."""
    if len(password) < SHORTEST:
        return (
            f"密码太短：至少 {SHORTEST} 个字符。",
            f"The password is too short: {SHORTEST} characters at least.",
        )
    if len(password) > LONGEST:
        return (
            f"密码太长：至多 {LONGEST} 个字符。",
            f"The password is too long: {LONGEST} characters at most.",
        )
    low = password.casefold()
    if login.casefold() in low or (len(name) > 3 and name.casefold() in low):
        return ("密码不得包含账号或姓名。", "The password holds the login or the name.")
    if len(set(password)) < 5:
        return (
            "密码中不同的字符太少：至少 5 种。",
            "The password has too few different characters: 5 at least.",
        )
    return None
