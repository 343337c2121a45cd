"""The queue as the page asks for it: the fields of its form, as a filter that the store takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from pydantic import ValidationError

from domain.access import Principal
from scoring_api.listing import AlertQuery
from scoring_api.pages import formats
from scoring_api.problems import ProblemError
from store import AlertFilter, AlertSort

ALERTS_A_PAGE: Final = 25
LONGEST_QUERY: Final = 2_000
"""Characters of a view's query: every field filled, in percent-encoded Chinese."""

_SEVERAL: Final = ("status", "severity")
_AMOUNTS: Final = {"min_amount": "min_exposure_fen", "max_amount": "max_exposure_fen"}
_FIELDS: Final = (
    *_SEVERAL, *_AMOUNTS, "min_severity", "rule", "family", "provider", "department", "physician",
    "group", "currency", "min_score", "max_score", "admitted_from", "admitted_to", "created_from",
    "created_to", "assignee", "overdue", "cluster", "text", "sort", "gather", "cursor",
)  # fmt: skip
_NO_CONDITION: Final = {"sort", "gather", "cursor"}
ALL: Final = "all"
"""The status of the form that stands for all, since without one the open alerts are shown."""


@dataclass(frozen=True, slots=True)
class QueueView:
    """What the page was asked for: the fields given, and the query, or which fields cannot be read."""

    given: dict[str, list[str]]
    query: AlertQuery | None
    wrong: list[str]

    @property
    def filtered(self) -> bool:
        """Whether it has a condition of its own."""
        return bool(set(self.given) - _NO_CONDITION)

    @property
    def text(self) -> str:
        """The fields as a query string, without the place in the list: what is saved as a view."""
        return urlencode(self.items)

    @property
    def items(self) -> list[tuple[str, str]]:
        """The same as names and values."""
        return [
            (name, v) for name, values in self.given.items() if name != "cursor" for v in values
        ]

    @property
    def sort(self) -> AlertSort:
        """The order."""
        return AlertSort.EXPECTED_LOSS if self.query is None else self.query.sort

    def first(self, name: str) -> str:
        """The value of a field; empty without one."""
        return self.given.get(name, [""])[0]

    def wanted(self, me: Principal) -> AlertFilter:
        """The filter within what the caller may see; a 422 problem if fields cannot be read."""
        if self.query is None:
            raise ProblemError(
                422,
                "view",
                f"The view has fields that cannot be read: {', '.join(self.wrong)}.",
                cure="Set the filter on the page of the queue, and take the view from there.",
            )
        return self.query.wanted(me)


def read(items: Iterable[tuple[str, str]]) -> QueueView:
    """The view of a query's names and values; names that are no field of the form are left out."""
    given: dict[str, list[str]] = {}
    for name, value in items:
        if name in _FIELDS and value.strip():
            given.setdefault(name, []).append(value.strip())
    for name, found in given.items():
        given[name] = list(dict.fromkeys(found)) if name in _SEVERAL else found[-1:]
    values: dict[str, Any] = {
        name: found if name in _SEVERAL else found[0] for name, found in given.items()
    }
    wrong = []
    for name, field in _AMOUNTS.items():
        if name in values:
            values[field] = formats.parse_amount(values.pop(name))
            if values[field] is None:
                wrong.append(name)
    statuses = values.pop("status", ["open"])
    values["status"] = [] if ALL in statuses else statuses
    # Similar alerts are one line, unless the members of a cluster are asked for, or closed ones.
    gather = values.pop("gather", "1") == "1" and "cluster" not in values
    try:
        query = AlertQuery.model_validate({**values, "limit": ALERTS_A_PAGE})
    except ValidationError as error:
        query = None
        wrong += [str(e["loc"][0]) for e in error.errors()]
    if query is None or wrong:
        return QueueView(given, None, sorted(set(wrong)))
    gather = gather and query.wanted().open_only
    return QueueView(given, query.model_copy(update={"gather": gather}), [])


def parse(text: str) -> QueueView:
    """The view of a query string, such as a saved view's."""
    return read(parse_qsl(text[:LONGEST_QUERY]))
