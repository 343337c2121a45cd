"""How one check did over time: hits a month, precision a quarter, hospitals; and on trial beside what decides."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Request

from domain import feedback
from domain.access import Permission, Rows
from scoring_api.access import needs, who
from scoring_api.answers import Answer
from scoring_api.evidence import Checks
from scoring_api.findings import UNITS
from scoring_api.problems import document
from scoring_api.record import REST, Record
from store import Store

RuleId = Annotated[str, Path(max_length=16, pattern=r"^[A-Za-z0-9-]+$")]
ZONE: Final = ZoneInfo("Asia/Shanghai")
"""Where the people are whose quarters and days are meant."""
KEPT_SECONDS: Final = 300.0
"""How long a comparison on trial is kept: it reads every claim judged on trial."""
WAIT_SECONDS: Final = 0.4
"""How long a page waits for a comparison; then it says that it is being made."""

_LOG: Final = logging.getLogger(__name__)


class VerdictCounts(Answer):
    """Claims by what a check said."""

    passed: int
    hit: int
    unknown: int
    out_of_force: int
    judged: int
    """Claims on a day on which the check was in force: passed, hit and unknown."""
    unknown_rate: float | None
    """Share of the claims judged that could not be; null where none was judged."""


class HistoryMonth(Answer):
    """One month of service (discharge, else admission), of the decisions that count."""

    month: date
    """Its first day."""
    hits: int
    """Hits; of a check of months or days, findings that stand."""
    claims_hit: int
    exposure_fen: dict[str, int]
    """Money at risk by these hits, by currency."""
    verdicts: VerdictCounts | None
    on_trial: VerdictCounts | None
    """What it said on trial: no decision."""


class PrecisionQuarter(Answer):
    """The reviews of a quarter that count, by the day of the review."""

    quarter: str
    """Such as 2025-Q1."""
    confirmed: int
    partly: int
    not_confirmed: int
    needs_information: int
    precision: float | None
    """Share of the concluded reviews that confirmed, wholly or partly."""
    precision_interval: tuple[float, float] | None
    """Its 95 % interval (Wilson)."""


class ProviderHits(Answer):
    """What a check hit at one hospital, over all months."""

    provider_id: str
    hits: int
    claims_hit: int
    exposure_fen: dict[str, int]


class History(Answer):
    """How a check did over time."""

    rule_id: str
    told_upto: datetime | None
    """Up to which change of claims the months are counted; null while they are counted for the first time."""
    months: list[HistoryMonth]
    """Oldest first; a month without a claim is left out."""
    quarters: list[PrecisionQuarter]
    """Oldest first; a quarter without a review is left out."""
    providers: list[ProviderHits]
    """The ten hospitals with most hits, of those that the caller may see."""


class Beside(Answer):
    """A deciding check that hit the same claims."""

    rule_id: str
    claims: int


class Comparison(Answer):
    """A check on trial beside what was decided on the same claims; each claim counts once."""

    against: str
    """`itself`: the check decides on these claims too (another version of it); `cause`: it is compared
    with the deciding checks of its cause."""
    claims: int
    """Claims judged on trial."""
    both: int
    only_active: int
    only_shadow: int
    neither: int
    beside: list[Beside]
    """The deciding checks that hit claims which it hit on trial, the most frequent first, at most ten."""
    alone: int
    """Claims that it hit on trial and no deciding check hit."""
    only_shadow_stays: list[str]
    """Ids of claims that only it hit, at most 20; empty for callers who see a part of the claims."""


class Shadow(Answer):
    """A check on trial; `comparison` is null where it was never on trial."""

    rule_id: str
    comparison: Comparison | None
    pending: bool
    """It is being made: ask again in a moment."""


class Histories:
    """What the pages and routes of history read; comparisons are kept for some minutes."""

    def __init__(self, store: Store, record: Record) -> None:
        self._store = store
        self._record = record
        self._lock = threading.Lock()
        self._took: dict[str, float] = {}
        self._workers: dict[str, threading.Thread] = {}
        self._kept: dict[str, tuple[float, dict[str, Any] | None]] = {}

    def history(self, rule: Mapping[str, Any], rows: Rows) -> dict[str, Any]:
        """The history of a check, as in answers."""
        rule_id, kept = rule["id"], self._store.check_history
        upto = self._record.told_upto()
        of_many = rule["unit"] in UNITS
        return {
            "rule_id": rule_id,
            "told_upto": upto,
            "months": kept.finding_months(rule_id) if of_many else kept.months(rule_id),
            "quarters": [
                {"quarter": name, **feedback.told(found)}
                for name, found in kept.quarters(rule_id).items()
            ],
            "providers": kept.providers(rule_id, rows),
        }

    def shadow(self, rule: Mapping[str, Any], rows: Rows) -> tuple[dict[str, Any] | None, bool]:
        """The comparison of a check on trial, if it was ever, and whether it is still being made."""
        rule_id = rule["id"]
        if rule_id not in self._record.shadow():
            return None, False
        with self._lock:
            at, found = self._kept.get(rule_id, (float("-inf"), None))
            stale = time.monotonic() - at > max(KEPT_SECONDS, REST * self._took.get(rule_id, 0.0))
            worker = self._workers.get(rule_id)
            if stale and (worker is None or not worker.is_alive()):
                worker = threading.Thread(
                    target=self._compare, args=(rule_id, rule["cause"]), daemon=True
                )
                self._workers[rule_id] = worker
                worker.start()
        if stale and worker is not None:
            worker.join(WAIT_SECONDS)
            _, found = self._kept.get(rule_id, (0.0, None))
        if found is None:
            return None, stale
        return {
            **found,
            "only_shadow_stays": [] if rows.limited else found["only_shadow_stays"],
        }, False

    def _compare(self, rule_id: str, cause: str) -> None:
        began = time.monotonic()
        try:
            found = self._store.agreement.read(rule_id, cause)
        except Exception:
            _LOG.exception("a check on trial was not compared")
            return
        with self._lock:
            self._kept[rule_id] = (time.monotonic(), found)
            self._took[rule_id] = time.monotonic() - began


def route(checks: Checks, histories: Histories) -> APIRouter:
    """The routes, with what they read."""
    router = APIRouter(tags=["rules"])

    @router.get(
        "/v1/rules/{rule_id}/history", response_model=History, summary="How a check did over time",
        responses=document(404, 422, 503), dependencies=[needs(Permission.RULES_READ)],
    )  # fmt: skip
    def read_history(request: Request, rule_id: RuleId) -> Any:
        """Hits, verdicts and money by month, precision by quarter of the review, and hospitals.

        Months are added up in the background once a minute at most; `told_upto` says as of when.
        """
        return histories.history(checks.find(rule_id), who(request).rows)

    @router.get(
        "/v1/rules/{rule_id}/shadow", response_model=Shadow, summary="A check on trial",
        responses=document(404, 422, 503), dependencies=[needs(Permission.RULES_READ)],
    )  # fmt: skip
    def read_shadow(request: Request, rule_id: RuleId) -> Any:
        """Claims by what a check said on trial and what was decided on them; up to five minutes old."""
        found, pending = histories.shadow(checks.find(rule_id), who(request).rows)
        return {"rule_id": rule_id, "comparison": found, "pending": pending}

    return router
