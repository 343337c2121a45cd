"""Every reference table, declared once."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from rules.codebooks import diagnosis_tables, drug_tables, item_tables, procedure_tables
from rules.codebooks.form import Table

TABLES: Final[Mapping[str, Table]] = MappingProxyType(
    {
        table.name: table
        for table in (
            *item_tables.ALL,
            *drug_tables.ALL,
            *diagnosis_tables.ALL,
            *procedure_tables.ALL,
        )
    }
)
"""The tables by name, in the order of the documentation."""
