"""A loaded scheme: how stays are grouped in a region and what the groups pay."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import polars as pl

from domain.errors import SentinelError


class SchemeError(SentinelError):
    """A scheme pack cannot be used."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What ``scheme.toml`` says.

    ``engine`` is ``chs`` or ``ms``. ``region_codes`` are divisions, or the first digits
    of them, in which the scheme groups stays; empty: anywhere. ``subset`` marks a pack
    that knows only part of its scheme: what it does not know is no fault of the claim.
    ``retry_other_procedures`` (浙江): a stay in no category is tried again with each
    other procedure as its main one, in their order.
    """

    code: str
    name_zh: str
    name_en: str
    engine: str
    version: str
    effective_from: date
    effective_to: date | None = None
    region_codes: tuple[str, ...] = ()
    subset: bool = False
    retry_other_procedures: bool = False
    source: str = ""
    licence: str = ""


@dataclass(frozen=True, slots=True)
class Scheme:
    """A checked pack.

    ``tables`` holds one frame a sheet of ``layout.SHEETS`` (empty where the file is
    absent): text as String, ranks as Int32, flags as Boolean, dates as Date, decimals as
    Decimal(18, places); an empty cell is null. ``sha256`` covers the manifest and all
    tables. ``folder`` is where it was read from.
    """

    manifest: Manifest
    tables: dict[str, pl.DataFrame] = field(repr=False)
    sha256: str
    folder: Path
