"""Imports schemes from a checkout of OpenDRG, reading its files as data."""

from drg.opendrg.checkout import OpenDrgError, regions
from drg.opendrg.importing import Imported, import_scheme
from drg.opendrg.notes import Note

__all__ = ["Imported", "Note", "OpenDrgError", "import_scheme", "regions"]
