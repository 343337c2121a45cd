"""The service as one FastAPI application, built from the pieces that it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI

from domain.access import Permission
from domain.graph_questions import Graph
from domain.service import Assess, ChangeRules, CheckOrders, Group, ScoreClaims, WhatIf
from scoring_api import (
    answers,
    assessing,
    claim_scores,
    console,
    findings,
    grouping,
    health,
    inhospital,
    periods,
    problems,
    reading,
    reviewing,
    rings,
)
from scoring_api import (
    graph as graph_routes,
)
from scoring_api.access import PUBLIC, Access, OpenAccess, include, needs, whole_view
from scoring_api.checks import backtests, catalogue, history, models, proposals
from scoring_api.evidence import Checks
from scoring_api.health import Ready
from scoring_api.metrics import Metrics
from scoring_api.record import Record
from scoring_api.watch import Watch
from store import Store

_DESCRIPTION = """
Medical insurance claims go in, decisions with their reasons come out.

Every amount is an integer in the hundredth of the currency beside it (fen, cents).
Every error is a problem document (RFC 9457) that says what to do. A hit is a clue for
a person, not a finding.
"""


def build(
    *,
    store: Store,
    assess: Assess,
    group: Group,
    what_if: WhatIf,
    rules: Sequence[Mapping[str, Any]],
    version: str,
    ready: Ready,
    check_orders: CheckOrders | None = None,
    graph: Graph | None = None,
    score_claims: ScoreClaims | None = None,
    access: Access | None = None,
    changes: ChangeRules | None = None,
) -> FastAPI:
    """The application; it serves until the store is closed, which its builder does.

    ``rules`` are the checks as plain data in the order of the rule set (id, name and
    action in zh and en, severity, family, ...); with ``labels`` (fact or parameter name ->
    {zh, en}) the page names what was read in words. ``ready`` tells the state of further
    parts by name: text for one that is well, or ``{"ok": bool, "detail": text}``. Without
    ``check_orders`` there are no routes of patients in hospital, without ``graph`` none of the graph,
    without ``score_claims`` none of claims' scores and rings. ``access`` recognises callers; without it
    every caller may do everything, which is for one person on their own machine.
    Without ``changes`` there are no backtests and no proposals.
    """
    checks, metrics = Checks(rules), Metrics(version)
    app = FastAPI(
        title="DRG Sentinel",
        summary="DRG insurance-risk checks and graph fraud scoring over claims and orders",
        description=_DESCRIPTION,
        version=version,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        # The interactive documentation would load scripts from elsewhere; ours works offline.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.access = access or OpenAccess()
    problems.install(app)
    include(
        app,
        assessing.route(assess, store, checks, metrics),
        needs(Permission.CLAIMS_ASSESS),
    )
    include(app, grouping.route(group, what_if), needs(Permission.CLAIMS_GROUP))
    if check_orders is not None:
        include(app, inhospital.route(check_orders, store))
    if graph is not None:
        include(app, graph_routes.route(graph), needs(Permission.GRAPH_READ), whole_view)
    if score_claims is not None:
        include(app, claim_scores.route(score_claims))
        include(app, rings.route(score_claims), needs(Permission.GRAPH_READ), whole_view)
    record = Record(store)
    include(app, reading.route(store, checks, record))
    include(app, findings.route(store))
    include(app, reviewing.route(store, record))
    include(app, health.route(store, checks, metrics, ready, version), PUBLIC)
    include(app, periods.route(store, checks), needs(Permission.ALERTS_READ))
    histories = history.Histories(store, record)
    include(app, history.route(checks, histories))
    if changes is not None:
        include(app, backtests.route(store, checks, changes))
        include(app, proposals.route(store, checks, changes))
    include(app, catalogue.route(store, checks, record, histories, changes))
    include(app, models.route(store))
    include(app, console.route(store, checks))
    app.add_middleware(Watch, metrics=metrics)
    app.state.pages = frozenset(path for _, path in app.state.routes)
    _describe_problems(app)
    return app


def _describe_problems(app: FastAPI) -> None:
    described = app.openapi

    def openapi() -> dict[str, Any]:
        document = described()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas.setdefault(
            "Problem",
            answers.Problem.model_json_schema(ref_template="#/components/schemas/{model}"),
        )
        return document

    app.openapi = openapi  # type: ignore[method-assign]
