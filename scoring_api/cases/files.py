"""Files that people attach: which kinds, told by their content, and a name that harms nobody."""

from __future__ import annotations

import io
import re
import unicodedata
import zipfile
from typing import Final
from urllib.parse import quote

from scoring_api.problems import ProblemError
from store.cases import Attachment

LARGEST: Final = 20 * 2**20
"""Bytes of one file."""
LONGEST_NAME: Final = 100

KINDS: Final = {
    "pdf": "application/pdf",
    "png": "image/png",
    "jpg": "image/jpeg",
    "txt": "text/plain; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
"""Ending of the name -> media type, of the kinds that may be attached."""

_ALIASES: Final = {"jpeg": "jpg"}
_UNSAFE: Final = re.compile(r'[\\/:*?"<>|]')
_RESERVED: Final = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)$", re.IGNORECASE)
_MEMBERS: Final = 5_000
"""Members of an office file; more is no document."""


def accept(name: str, body: bytes) -> Attachment:
    """The file with a safe name and its media type; a problem for other kinds, and for empty ones."""
    if not body:
        raise _refusal(422, "file-empty", "The file is empty.", "Choose a file that has a content.")
    if len(body) > LARGEST:
        raise too_large()
    safe = clean(name)
    stem, _, ending = safe.rpartition(".")
    ending = _ALIASES.get(ending.lower(), ending.lower())
    found = sniff(body)
    fits = ending == found or (found == "txt" and ending == "csv")
    if not stem or ending not in KINDS or not fits:
        raise _refusal(
            415,
            "file-kind",
            "The file is not of a kind that may be attached, or its name says another kind than its content.",
            f"Attach {', '.join(KINDS)}; text in UTF-8 or GB18030; office files without macros.",
        )
    return Attachment(f"{stem}.{ending}", KINDS[ending], body)


def sniff(body: bytes) -> str | None:
    """The kind that the content has; None if it is none of those allowed."""
    if body.startswith(b"%PDF-"):
        return "pdf"
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if body.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if body.startswith(b"PK\x03\x04"):
        return _office(body)
    return "txt" if _is_text(body) else None


def clean(name: str) -> str:
    """The last part of a path without anything that a file system or a page could take amiss."""
    last = re.split(r"[\\/]", unicodedata.normalize("NFC", name))[-1]
    # Control characters, and those that turn the direction of writing to hide an ending.
    kept = "".join(c for c in last if unicodedata.category(c) not in {"Cc", "Cf", "Co", "Cs"})
    kept = _UNSAFE.sub("_", kept).strip(" .")
    stem, dot, ending = kept.rpartition(".")
    if not dot or not stem:
        return kept[:LONGEST_NAME]
    stem = stem.strip(" .") or "file"
    if _RESERVED.match(stem):
        stem = f"_{stem}"
    return f"{stem[: LONGEST_NAME - len(ending) - 1]}.{ending}"


def headers(name: str) -> dict[str, str]:
    """Headers under which a file is only ever saved, never shown or run in our place."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    return {
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }


def too_large() -> ProblemError:
    """The problem of a file above the limit."""
    return _refusal(
        413,
        "file-too-large",
        f"The file is larger than {LARGEST // 2**20} MiB.",
        "Attach only the pages that matter, or images of a lower resolution.",
    )


def _office(body: bytes) -> str | None:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as packed:
            names = packed.namelist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        return None
    lowered = {one.lower() for one in names}
    if len(names) > _MEMBERS or "[content_types].xml" not in lowered:
        return None
    if any(one.endswith("vbaproject.bin") for one in lowered):
        return None
    if "xl/workbook.xml" in lowered:
        return "xlsx"
    return "docx" if "word/document.xml" in lowered else None


def _is_text(body: bytes) -> bool:
    for encoding in ("utf-8", "gb18030"):
        try:
            text = body.decode(encoding)
        except UnicodeDecodeError:
            continue
        return not any(unicodedata.category(c) == "Cc" and c not in "\t\r\n\f" for c in set(text))
    return False


def _refusal(status: int, name: str, what: str, cure: str) -> ProblemError:
    return ProblemError(status, name, what, cure=cure, more={"field": "file"})
