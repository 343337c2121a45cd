"""What reads return from Neo4j, as columns of a query and as our own values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, date, datetime
from typing import Any, Final

from domain.codes import CURRENCY
from domain.graph import Edge, Money, StayFacts
from store.graph.bolt.schema import TYPES
from store.graph.reading import Sum

KINDS: Final = {type_: kind for kind, type_ in TYPES.items()}
_DATES: Final = ("admission_date", "ended_on", "known_at", "first_day", "last_day")
"""Read as text: the driver takes longer to make its dates than the server to find them."""


def read(of: str, names: Iterable[str]) -> str:
    """These properties of a node or an edge as one list."""
    listed = (f"toString({of}.{one})" if one in _DATES else f"{of}.{one}" for one in names)
    return f"[{', '.join(listed)}]"


EDGE: Final = [one.name for one in fields(Edge)][3:]
"""The properties of an edge: what it has beside type and ends."""
STAY: Final = f"{read('s', (one.name for one in fields(StayFacts)))} AS stay"
_PARTS: Final = ("stays", "total", "fund", "total_unknown", "fund_unknown")


_COLUMNS: Final = {
    "patients": "count(DISTINCT s.patient_id)",
    "stays": "count(*)",
    "providers": "count(DISTINCT s.provider_id)",
    "first_day": "min(s.admission_date)",
    "last_day": "max(coalesce(s.ended_on, s.admission_date))",
    **{
        f"{name}_{code}": f"sum(CASE s.currency WHEN '{code}' THEN {value} ELSE 0 END)"
        for code in CURRENCY
        for name, value in (
            ("stays", "1"),
            ("total", "coalesce(s.total_fen, 0)"),
            ("fund", "coalesce(s.fund_fen, 0)"),
            ("total_unknown", "CASE WHEN s.total_fen IS NULL THEN 1 ELSE 0 END"),
            ("fund_unknown", "CASE WHEN s.fund_fen IS NULL THEN 1 ELSE 0 END"),
        )
    },
}
"""The columns of a ``Sum`` over the stays ``s`` of a group."""
SUMS: Final = ", ".join(f"{value} AS {name}" for name, value in _COLUMNS.items())
NAMES: Final = ", ".join(_COLUMNS)


def edge_of(type_: str, source: str, target: str, own: Sequence[Any]) -> Edge:
    """An edge of its type, ends and the properties ``EDGE``."""
    return Edge(KINDS[type_], source, target, *map(_plain, EDGE, own))


def stay_of(own: Sequence[Any]) -> StayFacts:
    """A stay of the list that ``STAY`` names."""
    return StayFacts(
        *(_plain(one.name, value) for one, value in zip(fields(StayFacts), own, strict=True))
    )


def sum_of(row: Mapping[str, Any]) -> Sum:
    """A sum of the columns ``SUMS``."""
    money = tuple(
        Money(code, *(row[f"{name}_{code}"] for name in _PARTS))
        for code in sorted(CURRENCY)
        if row[f"stays_{code}"]
    )
    return Sum(
        row["patients"], row["stays"], row["providers"],
        row["first_day"].to_native(), row["last_day"].to_native(), money,
    )  # fmt: skip


def _plain(name: str, value: Any) -> Any:
    """A property as Python's own."""
    if value is None or name not in _DATES:
        return value
    return (
        datetime.fromisoformat(value).astimezone(UTC)
        if name == "known_at"
        else date.fromisoformat(value)
    )
