"""Whose reference tables, and as they stand on which day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

SHIPPED: Final = Path(__file__).resolve().parent.parent / "reference"
"""The tables that ship with the rules; a site lays its own over them."""


@dataclass(frozen=True, slots=True)
class Edition:
    """The tables of a folder; those that go by the claim's day of service, as on ``day``."""

    folder: Path
    day: date


Place = Path | Edition
"""A folder (all rows, whatever their dates) or an edition of it."""


def folder_of(place: Place) -> Path:
    """The folder of the tables."""
    return place.folder if isinstance(place, Edition) else place
