"""GET /v1/indicators: the cockpit's numbers with their definitions, trend, peers, and what they are made of."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic.types import StringConstraints

from domain import indicators
from domain.access import Permission, Principal
from domain.calendar import month_after
from domain.indicators import BY_NAME, INDICATORS, LEAST_PEERS, Indicator, Totals
from scoring_api.access import needs, who
from scoring_api.answers import Answer, Bilingual
from scoring_api.listing import Currency
from scoring_api.problems import ProblemError, document
from store import Store
from store.cells import Groups, Selection

TREND_MONTHS: Final = 12
LONGEST: Final = 36
"""Months that one period may have."""

Month = Annotated[str, StringConstraints(pattern=r"^(19|20)\d\d-(0[1-9]|1[0-2])$")]
# Here the empty text is a value: stays that name no department, or that no group pays.
Named = Annotated[str, StringConstraints(max_length=64, pattern=r"^[^\x00]*$")]
Name = Annotated[str, Path(max_length=40, description="Name, such as cmi.")]
COUNTED: Final[Mapping[str, str]] = {
    "": "stays", "grouped": "grouped", "over_standard": "over_standard",
    "high_outlier": "high_outliers", "low_outlier": "low_outliers", "readmitted": "readmitted",
    "low_risk_death": "low_risk_died", "alert": "alerts", "confirmed": "confirmed",
}  # fmt: skip
"""What an indicator selects -> the sum that counts these stays."""


class CockpitQuery(BaseModel):
    """Query parameters of the cockpit; every condition given must hold."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    provider: Annotated[Named | None, Field(description="Hospital.")] = None
    department: Annotated[
        Named | None, Field(description="Department; empty for stays that name none.")
    ] = None
    group: Annotated[
        Named | None, Field(description="Group; empty for stays that no group pays.")
    ] = None
    currency: Annotated[
        Currency | None, Field(description="Currency; that of most stays by default.")
    ] = None
    first: Annotated[
        Month | None, Field(alias="from", description="First month of discharge, such as 2025-03.")
    ] = None
    last: Annotated[
        Month | None, Field(alias="to", description="Last month; the last complete one by default.")
    ] = None


@dataclass(frozen=True)
class Board:
    """What the cockpit shows of one selection.

    ``totals`` of the period, ``before`` of the period before it, ``trend`` by month, ``others``
    of every other hospital with the city of each.
    """

    wanted: Selection
    waiting: int
    empty: bool
    totals: Totals
    before: Totals
    trend: Sequence[tuple[date, Totals]]
    groups: Groups
    reference: Groups
    reference_before: Groups
    low_risk: frozenset[str] | None
    low_risk_before: frozenset[str] | None
    others: Mapping[str, Totals]
    same_city: frozenset[str]

    def peers(self, one: Indicator) -> dict[str, Any]:
        """The median of the other hospitals, and of those of the same city; null for too few."""
        told: dict[str, Any] = {}
        near = {p: t for p, t in self.others.items() if p in self.same_city}
        for name, hospitals in (("", self.others), ("region_", near)):
            values = [float(v) for t in hospitals.values() if (v := one.value(t)) is not None]
            median = statistics.median(values) if len(values) >= LEAST_PEERS else None
            told |= {f"{name}median": number(median, one.unit), f"{name}hospitals": len(values)}
        return told


class Point(Answer):
    """The value of one month."""

    month: str
    value: float | int | None


class Peers(Answer):
    """Medians over other hospitals, each hospital counting once; null for fewer than three."""

    median: float | int | None
    hospitals: int
    """Other hospitals whose value is known."""
    region_median: float | int | None
    """Over those of the same city as the hospital asked for."""
    region_hospitals: int


class IndicatorValue(Answer):
    """One indicator of the selection."""

    name: str
    title: Bilingual
    unit: Literal["index", "count", "weight", "share", "day", "money"]
    """money is in the hundredth of the currency, share a part of 1."""
    better: Literal["up", "down", ""]
    definition: Bilingual
    formula: Bilingual
    missing: Bilingual
    """What is left out, and when the value is not known."""
    value: float | int | None
    """Null where nothing is there to divide by: not known, and not 0."""
    numerator: float | int
    denominator: int
    before: float | int | None
    """The value of the period of the same length just before."""
    peers: Peers
    trend: list[Point]
    """Twelve months up to the last of the period."""
    stays_behind: int | None
    """How many stays `stays` lists; null where no sum counts them."""
    stays: str
    """Address of the stays behind the number."""


class Indicators(Answer):
    """The indicators of one selection."""

    currency: str
    first: str
    last: str
    stays: int
    waiting: int
    """Hospitals' months that changed and are not counted yet; ask again."""
    indicators: list[IndicatorValue]


class Part(Answer):
    """An indicator's value of one department or group."""

    key: str
    """Department or group; empty for stays that name none."""
    value: float | int | None
    before: float | int | None
    numerator: float | int
    denominator: int
    stays_behind: int
    stays: str


class Parts(Answer):
    """An indicator by department or group, highest first, not known last."""

    name: str
    currency: str
    first: str
    last: str
    parts: list[Part]


def route(store: Store) -> APIRouter:
    """The routes, with what they read."""
    router = APIRouter()

    @router.get(
        "/v1/indicators", response_model=Indicators, responses=document(422, 503),
        summary="Read the indicators", tags=["indicators"],
        dependencies=[needs(Permission.INDICATORS_READ)],
    )  # fmt: skip
    def read_indicators(request: Request, query: Annotated[CockpitQuery, Query()]) -> Any:
        """The indicators of discharged inpatient stays: value, period before, trend, peers, definition.

        Only decisions that count are counted. Hospitals, departments and stays out of the caller's
        sight enter nothing but averages of a group and medians of at least three hospitals.
        """
        board = read(store, query, who(request))
        return {
            **_head(board),
            "stays": board.totals["stays"],
            "waiting": board.waiting,
            "indicators": [tell(board, one) for one in INDICATORS],
        }

    @router.get(
        "/v1/indicators/{name}/by-department", response_model=Parts,
        responses=document(404, 422, 503), summary="Read an indicator by department",
        tags=["indicators"], dependencies=[needs(Permission.INDICATORS_READ)],
    )  # fmt: skip
    def by_department(request: Request, name: Name, query: Annotated[CockpitQuery, Query()]) -> Any:
        """One indicator of each department of the selection, with the period before."""
        return _parts(store, query, who(request), name, "department")

    @router.get(
        "/v1/indicators/{name}/by-group", response_model=Parts,
        responses=document(404, 422, 503), summary="Read an indicator by group",
        tags=["indicators"], dependencies=[needs(Permission.INDICATORS_READ)],
    )  # fmt: skip
    def by_group(request: Request, name: Name, query: Annotated[CockpitQuery, Query()]) -> Any:
        """One indicator of each group of the selection, with the period before."""
        return _parts(store, query, who(request), name, "group")

    return router


def select(store: Store, query: CockpitQuery, principal: Principal) -> tuple[Selection, int, bool]:
    """The selection that a query names, how many months wait to be counted, and whether there is none at all.

    422 for a period that ends before it begins or is too long.
    """
    desk = store.indicators
    waiting = desk.refresh()
    there = desk.currencies()
    currency = query.currency or (there[0] if there else "CNY")
    newest = None if query.last else desk.last_month(currency)
    last = _month(query.last) if query.last else newest or date.today().replace(day=1)  # noqa: DTZ011
    first = _month(query.first) if query.first else last
    length = (last.year - first.year) * 12 + last.month - first.month + 1
    if not 1 <= length <= LONGEST:
        raise ProblemError(
            422,
            "period",
            f"The period from {first:%Y-%m} to {last:%Y-%m} has {max(length, 0)} months.",
            cure=f"Give a first month that is not after the last one, and at most {LONGEST} months.",
        )
    wanted = Selection(
        currency, first, last, query.provider or None, query.department, query.group, principal.rows
    )
    return wanted, waiting, not there


def read(store: Store, query: CockpitQuery, principal: Principal) -> Board:
    """The board of a selection, from cells alone."""
    wanted, waiting, empty = select(store, query, principal)
    desk, before = store.indicators, wanted.before
    months = [month_after(wanted.last, -back) for back in range(TREND_MONTHS - 1, -1, -1)]
    span = replace(wanted, first=min(before.first, months[0]))
    sums, groups = desk.by_month(span), desk.groups_by_month(span)
    # The whole is compared with itself.
    whole = not (wanted.provider_id or wanted.rows.limited) and wanted.department is None
    reference = groups if whole else desk.reference(span)
    risks = desk.low_risk_by_month(wanted.currency, [*months, wanted.first, before.first])

    def month_totals(month: date) -> Totals:
        return indicators.total(
            groups.get(month, {}), reference.get(month, {}), risks[month],
            sums.get(month, indicators.NOTHING),
        )  # fmt: skip

    own = desk.groups(wanted)
    if wanted.first == wanted.last:
        usual, usual_before = (reference.get(of.first, {}) for of in (wanted, before))
        earlier = month_totals(before.first)
    else:
        usual, usual_before = (desk.reference_groups(of) for of in (wanted, before))
        earlier = indicators.total(desk.groups(before), usual_before, risks[before.first])
    low_risk = risks[wanted.first]
    everyone = desk.by_provider(wanted, low_risk)
    mine = {wanted.provider_id} if wanted.provider_id else wanted.rows.providers or frozenset()
    others = {p: totals for p, totals in everyone.items() if p not in mine}
    cities = desk.regions(list(everyone)) if wanted.provider_id else {}
    city = cities.get(wanted.provider_id or "")
    return Board(
        wanted,
        waiting,
        empty,
        indicators.total(own, usual, low_risk),
        earlier,
        [(month, month_totals(month)) for month in months],
        own,
        usual,
        usual_before,
        low_risk,
        risks[before.first],
        others,
        frozenset(p for p in others if city is not None and cities.get(p) == city),
    )


def by_part(
    store: Store, board: Board, part: str, *, compared: bool = True
) -> dict[str, tuple[Totals, Totals]]:
    """The totals of each department or group of a board, now and (``compared``) in the period before."""
    desk, before = store.indicators, board.wanted.before
    rows = board.wanted.rows
    if part == "department" and rows.providers is None and rows.physician_id is None:
        told = desk.department_totals(board.wanted, board.low_risk)
        earlier = desk.department_totals(before, board.low_risk_before) if compared else {}
        nothing = indicators.total({}, {}, board.low_risk_before)
        return {key: (totals, earlier.get(key, nothing)) for key, totals in told.items()}
    if part == "department":
        now = desk.by_department(board.wanted)
        then = desk.by_department(before) if compared else {}
    else:
        now = {code: {code: cell} for code, cell in board.groups.items()}
        then = {code: {code: cell} for code, cell in desk.groups(before).items()}
    return {
        key: (
            indicators.total(cells, board.reference, board.low_risk),
            indicators.total(then.get(key, {}), board.reference_before, board.low_risk_before),
        )
        for key, cells in now.items()
    }


def tell(board: Board, one: Indicator) -> dict[str, Any]:
    """One indicator as plain data, in the form of ``IndicatorValue``."""
    above, below = one.parts(board.totals)
    return {
        "name": one.name,
        "title": {"zh": one.zh, "en": one.en},
        "unit": one.unit,
        "better": one.better,
        **{
            key: {"zh": text[0], "en": text[1]}
            for key, text in (
                ("definition", one.meaning), ("formula", one.formula), ("missing", one.missing),
            )
        },
        "value": number(one.value(board.totals), one.unit),
        "numerator": _plain(above),
        "denominator": below,
        "before": number(one.value(board.before), one.unit),
        "peers": board.peers(one),
        "trend": [
            {"month": f"{month:%Y-%m}", "value": number(one.value(totals), one.unit)}
            for month, totals in board.trend
        ],
        "stays_behind": behind(one, board.totals),
        "stays": f"/v1/stays?{query_string(board.wanted, kind=one.selects)}",
    }  # fmt: skip


def behind(one: Indicator, totals: Totals) -> int | None:
    """How many stays the list behind an indicator has; None where no sum counts them."""
    counted = COUNTED.get(one.selects)
    return None if counted is None else int(totals[counted])


def number(value: Fraction | float | None, unit: str) -> float | int | None:
    """A value for JSON: whole numbers for counts and money (halves to even), else six decimals."""
    if value is None:
        return None
    return round(value) if unit in ("money", "count") else round(float(value), 6)


def query_string(wanted: Selection, *, kind: str = "", **more: str) -> str:
    """The selection as query parameters of the cockpit and of the list of stays."""
    given: dict[str, str | None] = {
        "currency": wanted.currency,
        "from": f"{wanted.first:%Y-%m}",
        "to": f"{wanted.last:%Y-%m}",
        "provider": wanted.provider_id,
        "department": wanted.department,
        "group": wanted.group_code,
        "kind": kind or None,
        **more,
    }
    return urlencode({name: value for name, value in given.items() if value is not None})


def _parts(
    store: Store, query: CockpitQuery, principal: Principal, name: str, part: str
) -> dict[str, Any]:
    one = find(name)
    board = read(store, query, principal)
    told: list[dict[str, Any]] = []
    for key, (now, then) in by_part(store, board, part).items():
        above, below = one.parts(now)
        narrowed = (
            replace(board.wanted, department=key)
            if part == "department"
            else replace(board.wanted, group_code=key)
        )
        told.append(
            {
                "key": key,
                "value": number(one.value(now), one.unit),
                "before": number(one.value(then), one.unit),
                "numerator": _plain(above),
                "denominator": below,
                "stays_behind": int(now["stays"]),
                "stays": f"/v1/stays?{query_string(narrowed)}",
            }
        )
    told.sort(key=lambda row: (row["value"] is None, -(row["value"] or 0), row["key"]))
    return {"name": name, **_head(board), "parts": told}


def find(name: str) -> Indicator:
    """The indicator of that name; a 404 problem if there is none."""
    if name not in BY_NAME:
        raise ProblemError(
            404,
            "not-found",
            f"No indicator has the name {name}.",
            cure=f"Take one of {', '.join(BY_NAME)}.",
        )
    return BY_NAME[name]


def _head(board: Board) -> dict[str, Any]:
    wanted = board.wanted
    return {
        "currency": wanted.currency,
        "first": f"{wanted.first:%Y-%m}",
        "last": f"{wanted.last:%Y-%m}",
    }


def _plain(value: int | float | Fraction) -> int | float:
    if isinstance(value, int):
        return value
    return int(value) if value == int(value) else round(float(value), 6)


def _month(text: str) -> date:
    return date.fromisoformat(f"{text}-01")
