"""The second factor: time-based codes (TOTP, RFC 6238) and one-time recovery codes."""

from __future__ import annotations

import hmac
import io
import secrets
from datetime import datetime
from typing import Final

import pyotp
import segno

from store.access.sessions import digest

STEP_S: Final = 30
ISSUER: Final = "DRG Sentinel"
RECOVERY_CODES: Final = 10
_LETTERS: Final = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"


def make_secret() -> str:
    """A new secret: 160 bits in base32, as authenticator apps take it."""
    return pyotp.random_base32()


def step_of(secret: str, code: str, now: datetime) -> int | None:
    """The time step that a code belongs to, this one or its neighbours; None if the code is wrong."""
    given = "".join(code.split())
    here = int(now.timestamp()) // STEP_S
    totp = pyotp.TOTP(secret)
    found = None
    for step in (here - 1, here, here + 1):
        if hmac.compare_digest(totp.at(step * STEP_S).encode(), given.encode()):
            found = step
    return found


def code_at(secret: str, step: int) -> str:
    """The code of a time step, as an app would show it."""
    return pyotp.TOTP(secret).at(step * STEP_S)


def draw(secret: str, login: str) -> bytes:
    """The QR code that an authenticator app reads, as SVG."""
    address = pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=ISSUER)
    out = io.BytesIO()
    segno.make(address, error="m").save(out, kind="svg", scale=4, border=4, light="#fff")
    return out.getvalue()


def make_recovery() -> list[str]:
    """Codes for whoever lost the app, each for one sign-in: 16 letters and digits, 79 bits."""
    return [
        "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))
        for _ in range(RECOVERY_CODES)
    ]


def recovery_digest(code: str) -> str:
    """What is kept of a recovery code, however it was spelled."""
    return digest("".join(c for c in code.upper() if c.isalnum()))
