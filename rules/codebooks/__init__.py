"""Reference tables: what each holds, how it is read, and how a site lays its own over ours.

``TABLES`` declares every table once, ``rows_in_force`` reads it; ``Edition`` says whose
tables hold on which day of service. docs/reference.md is the manual.
"""

from rules.codebooks.edition import SHIPPED, Edition, Place, folder_of
from rules.codebooks.force import change_days, edition_on, load, rows_in_force, sha256
from rules.codebooks.form import Column, Dating, Kind, Table
from rules.codebooks.reading import ReferenceTableError
from rules.codebooks.tables import TABLES

__all__ = [
    "SHIPPED",
    "TABLES",
    "Column",
    "Dating",
    "Edition",
    "Kind",
    "Place",
    "ReferenceTableError",
    "Table",
    "change_days",
    "edition_on",
    "folder_of",
    "load",
    "rows_in_force",
    "sha256",
]
