"""The words of the pages of signing in, accounts and the audit log, in Chinese and English; ``texts`` takes them in."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {}
"""Key -> Chinese and English."""
