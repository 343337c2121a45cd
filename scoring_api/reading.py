"""GET /v1/alerts and GET /v1/rules: what was found, and the checks that found it."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request, Response

from domain.access import Permission, Principal
from scoring_api import conditions, cursors, evidence
from scoring_api.access import masked, needs, who
from scoring_api.answers import AlertDetail, AlertPage, RuleList
from scoring_api.evidence import Checks
from scoring_api.listing import AlertQuery
from scoring_api.problems import ProblemError, document
from scoring_api.record import Record
from store import COUNTED, AlertRecord, Store

Id = Annotated[str, Path(max_length=64, pattern=r"^[A-Za-z0-9-]+$")]


def route(store: Store, checks: Checks, record: Record) -> APIRouter:
    """The routes, with what they read."""
    router = APIRouter()

    @router.get(
        "/v1/alerts",
        response_model=AlertPage,
        responses=document(400, 422, 503),
        summary="List alerts",
        tags=["alerts"],
        dependencies=[needs(Permission.ALERTS_READ)],
    )
    def list_alerts(request: Request, query: Annotated[AlertQuery, Query()]) -> Any:
        """Alerts by filter and order, a page at a time.

        Pages start after a place and not at a number, so alerts that appear meanwhile
        neither repeat nor hide any. Amounts of several currencies are compared by their
        numbers: give `currency` where the store holds more than one.
        """
        me = who(request)
        wanted = query.wanted(me)
        after = cursors.read(query.cursor, wanted, query.sort) if query.cursor else None
        page = store.alerts(wanted, query.sort, after, query.limit, gather=query.gather)
        cursor = cursors.write(wanted, query.sort, page.after) if page.after else None
        total = 0 if query.cursor else store.count_alerts(wanted)
        return {
            "alerts": masked(me, [evidence.tell_alert(row) for row in page.rows]),
            "total": None if query.cursor else min(total, COUNTED),
            "total_at_least": total > COUNTED,
            "cursor": cursor,
            "next": None if cursor is None else f"/v1/alerts?{_query_string(query, cursor)}",
        }

    @router.get(
        "/v1/alerts/{alert_id}",
        response_model=AlertDetail,
        responses=document(404, 422, 503),
        summary="Open an alert",
        tags=["alerts"],
        dependencies=[needs(Permission.ALERTS_READ)],
    )
    def open_alert(request: Request, response: Response, alert_id: Id) -> Any:
        """One alert with its hits (thresholds, facts), score, reasons and every check's verdict.

        Its ETag is what a change of the work on it takes as `If-Match`.
        """
        return tell(store, checks, alert_id, who(request), response)

    @router.get(
        "/v1/rules", response_model=RuleList, summary="List the checks", tags=["rules"],
        responses=document(422), dependencies=[needs(Permission.RULES_READ)],
    )  # fmt: skip
    def list_rules(
        family: Annotated[str | None, Query(max_length=8, description="Such as ADM.")] = None,
        severity: Annotated[str | None, Query(max_length=8, description="Such as high.")] = None,
    ) -> Any:
        """The checks in use, in the order of the rule set: text, SQL, thresholds, basis and record.

        `record.verdicts` counts the claims that count now by verdict, with the share that could not be
        judged; `record.shadow` the same of a check on trial; `record.reviewed` the reviews of what it
        found by outcome, with its precision. The record is up to a minute old.
        """
        rules = [
            {**rule, "record": record.tell(rule["id"])}
            for rule in checks.listed
            if family in (None, rule.get("family")) and severity in (None, rule.get("severity"))
        ]
        return {"rules": rules, "count": len(rules)}

    @router.get(
        "/v1/rules/{rule_id}",
        response_model=dict[str, Any],
        responses=document(404, 422),
        summary="Read a check",
        tags=["rules"],
        dependencies=[needs(Permission.RULES_READ)],
    )
    def read_rule(rule_id: Id) -> Any:
        """One check: text, predicate, thresholds, basis, known false positives, and its record."""
        return {**checks.find(rule_id), "record": record.tell(rule_id)}

    return router


def find(store: Store, alert_id: str, principal: Principal) -> AlertRecord:
    """The alert of that id; a 404 problem if there is none that the caller may see."""
    record = store.alert(alert_id)
    if record is None or not principal.rows.allow(
        record.decision["provider_id"],
        record.decision["department"],
        record.decision["attending_physician_id"],
    ):
        raise ProblemError(
            404,
            "not-found",
            f"No alert has the id {alert_id}.",
            cure="Take an id from the list of alerts (GET /v1/alerts).",
        )
    return record


def tell(
    store: Store, checks: Checks, alert_id: str, me: Principal, response: Response | None = None
) -> dict[str, Any]:
    """One alert as its caller may see it, with the sums of those like it; its ETag if there is an answer."""
    told = masked(me, evidence.tell_record(find(store, alert_id, me), checks))
    if response is not None:
        response.headers["ETag"] = conditions.etag(told["version"])
    return {**told, "similar": store.queue.similar(told["cluster"], me.rows)}


def _query_string(query: AlertQuery, cursor: str) -> str:
    given = query.model_dump(mode="json", exclude_defaults=True, exclude={"cursor"})
    return urlencode({**given, "cursor": cursor}, doseq=True)
