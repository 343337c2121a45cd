"""How large an input may be before intake refuses it unread."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one record, one file and one batch.

    The defaults leave room: a real claim with 1,000 charge lines is about 0.5 MiB of
    JSON, and its longest text is an address.
    """

    record_bytes: int = 4 * MIB
    """Longest record; a longer line is skipped without being held in memory."""
    string_bytes: int = 64 * KIB
    """Longest text value, in bytes of UTF-8."""
    depth: int = 8
    """Deepest nesting of a JSON record; a claim has 3."""
    list_items: int = 20_000
    """Most elements of one list, such as the charge lines of a claim."""
    decompressed_bytes: int = 16 * 1024 * MIB
    """Most bytes that one .gz file may unpack to; a small file can unpack to terabytes."""
    batch_records: int = 2_000
    """Claims held at once while reading JSON lines or Parquet."""
    batch_bytes: int = 32 * MIB
    """Bytes of JSON held at once; a batch ends at whichever bound comes first."""
    csv_batch_records: int = 50_000
    """Rows held at once while reading CSV: its rows are small."""


DEFAULT = Limits()
"""The limits used where none are given."""
