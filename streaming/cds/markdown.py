"""Text as Markdown that shows it as it is: names from a hospital's tables must not become links or headings."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

_SPECIAL: Final = re.compile(r"[\\`*_{}\[\]<>#|~&@$]")
_START: Final = re.compile(r"^([-+=])|^(\d{1,9})([.)])")
_LINK: Final = re.compile(r"(:)(?=//)|(?<=www)(\.)", re.IGNORECASE)


def escape(text: str) -> str:
    """One line of GitHub Flavored Markdown that reads as the text; blanks and line ends become one blank."""
    plain = "".join(" " if unicodedata.category(c) == "Cc" else c for c in text)
    plain = " ".join(plain.split())
    plain = _SPECIAL.sub(r"\\\g<0>", plain)
    plain = _LINK.sub(r"\\\g<0>", plain)
    return _START.sub(lambda m: f"\\{m[1]}" if m[1] else f"{m[2]}\\{m[3]}", plain)


def paragraphs(parts: Iterable[str]) -> str:
    """Parts that are Markdown already, each a paragraph; empty ones are left out."""
    return "\n\n".join(part for part in parts if part)


def listed(lines: Iterable[str]) -> str:
    """A list of lines that are Markdown already."""
    return "\n".join(f"- {line}" for line in lines)


def titled(title: str, body: str) -> str:
    """A bold line over what follows; nothing if nothing follows."""
    return f"**{escape(title)}**\n\n{body}" if body else ""
