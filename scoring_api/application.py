"""The service as one FastAPI application, built from the pieces that it is given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from domain.access import Permission
from domain.cards import DEFAULT_BUDGET
from domain.casework import Terms
from domain.graph_questions import Graph
from domain.service import (
    Advise,
    Assess,
    ChangeRules,
    CheckOrders,
    Fhir,
    Group,
    GroupStored,
    Peers,
    Plans,
    ScoreClaims,
    Ward,
    WhatIf,
    Wording,
)
from domain.wording import Limits
from scoring_api import (
    advice,
    advice_quiet,
    assessing,
    claim_scores,
    cockpit,
    cockpit_pages,
    console,
    description,
    events,
    fhir_intake,
    findings,
    grouping,
    guide,
    health,
    inhospital,
    list_files,
    periods,
    problems,
    queue_api,
    queue_pages,
    reading,
    reviewing,
    rings,
    stays,
    views_api,
    webhook_pages,
    webhooks,
    wording_api,
    wording_pages,
)
from scoring_api import (
    graph as graph_routes,
)
from scoring_api import (
    plans as plan_routes,
)
from scoring_api.access import PUBLIC, Access, OpenAccess, include, needs, whole_view
from scoring_api.access import routes as access_routes
from scoring_api.access.accounts import Accounts
from scoring_api.cases import Desk as CaseDesk
from scoring_api.cases import pages as case_pages
from scoring_api.cases import routes as case_routes
from scoring_api.cases.stay import Stays
from scoring_api.cds import routes as cds_routes
from scoring_api.cds.cors import Cors
from scoring_api.checks import backtests, catalogue, history, models, proposals
from scoring_api.evidence import Checks
from scoring_api.health import Ready
from scoring_api.metrics import Metrics
from scoring_api.queue_work import Desk
from scoring_api.record import Record
from scoring_api.ward import pages as ward_pages
from scoring_api.watch import Watch
from scoring_api.webhook_desk import Hooks
from scoring_api.webhook_worker import Telling, WebhookWorker
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
    telling: Telling | None = None,
    group_stored: GroupStored | None = None,
    peers: Peers | None = None,
    case_terms: Terms | None = None,
    changes: ChangeRules | None = None,
    plans: Plans | None = None,
    ward: Ward | None = None,
    card_budget: int = DEFAULT_BUDGET,
    advise: Advise | None = None,
    address: str = "",
    origins: Sequence[str] = (),
    fhir: Fhir | None = None,
    words: Wording | None = None,
    wording_limits: Limits | None = None,
) -> FastAPI:
    """The application; it serves until the store is closed, which its builder does.

    ``rules`` are the checks as plain data in the order of the rule set (id, name and
    action in zh and en, severity, family, ...); with ``labels`` (fact or parameter name ->
    {zh, en}) the page names what was read in words. ``ready`` tells the state of further
    parts by name: text for one that is well, or ``{"ok": bool, "detail": text}``. Without
    ``check_orders`` there are no routes of patients in hospital, without ``graph`` none of the graph,
    without ``score_claims`` none of claims' scores and rings. ``access`` recognises callers; without it
    every caller may do everything, which is for one person on their own machine; ``Accounts`` brings the
    pages of signing in, accounts and the audit log. Without ``telling`` there are no webhooks; with it
    the application sends their messages while it runs. ``group_stored`` and ``peers`` tell a case's page
    the group with its trace and the cost of like stays, ``case_terms`` the limit above which a second
    person approves, and the deadlines. Without ``changes`` there are no backtests and no proposals, without ``plans`` no plans of patients in hospital.
    With ``plans`` and ``ward`` there are the physician's pages; ``card_budget`` is the number of cards a
    physician and day. Without ``advise`` there is no service of CDS Hooks; its cards link to ``address``, and
    ``origins`` may call it in a browser. Without ``fhir`` there is no intake of FHIR. ``words`` are those of the ward's
    pages, ``wording_limits`` say when a language model is switched off.
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
        lifespan=_run_beside,
    )
    app.state.beside = []
    app.state.endings = []
    app.state.access = access or OpenAccess()
    app.state.idempotency = store.idempotency
    problems.install(app)
    include(
        app,
        assessing.route(assess, store, checks, metrics),
        needs(Permission.CLAIMS_ASSESS),
    )
    include(app, grouping.route(group, what_if), needs(Permission.CLAIMS_GROUP))
    if check_orders is not None:
        include(app, inhospital.route(check_orders, store))
    if plans is not None:
        include(app, plan_routes.route(plans, store))
    if advise is not None:
        include(app, cds_routes.route(advise, address))
    if fhir is not None:
        include(app, fhir_intake.route(fhir, assess, store, metrics))
    if graph is not None:
        include(app, graph_routes.route(graph), needs(Permission.GRAPH_READ), whole_view)
    if score_claims is not None:
        include(app, claim_scores.route(score_claims))
        include(app, rings.route(score_claims), needs(Permission.GRAPH_READ), whole_view)
    record = Record(store)
    include(app, reading.route(store, checks, record))
    include(app, findings.route(store))
    include(app, list_files.route(store))
    include(app, reviewing.route(store, record))
    include(app, health.route(store, checks, metrics, ready, version), PUBLIC)
    include(app, periods.route(store, checks), needs(Permission.ALERTS_READ))
    hub = events.Hub(store)
    app.state.endings.append(hub.close)
    include(app, events.route(hub))
    if telling is not None:
        hooks = Hooks(store, telling.seal, telling.destinations)
        include(app, webhooks.route(hooks))
        include(app, webhook_pages.route(hooks), needs(Permission.WEBHOOKS_MANAGE))
        app.state.beside.append(WebhookWorker(store, telling, version=version))
    desk = Desk(store, record)
    include(app, queue_api.route(store, checks, desk))
    include(app, views_api.route(store))
    # Before the page of one alert, whose address has a place for any word.
    include(app, queue_pages.route(store, desk))
    include(app, cockpit.route(store))
    include(app, stays.route(store))
    include(app, cockpit_pages.route(store))
    histories = history.Histories(store, record)
    include(app, history.route(checks, histories))
    if changes is not None:
        include(app, backtests.route(store, checks, changes))
        include(app, proposals.route(store, checks, changes))
    include(app, advice.route(store, checks))
    include(app, advice_quiet.route(store, checks))
    include(app, catalogue.route(store, checks, record, histories, changes))
    include(app, models.route(store))
    limits = wording_limits or Limits()
    include(app, wording_api.route(store, limits))
    include(app, wording_pages.route(store, limits))
    include(app, console.route(store, checks))
    include(app, guide.route())
    cases = CaseDesk(store, record, case_terms or Terms())
    include(app, case_routes.route(cases))
    include(app, case_pages.route(cases, Stays(store, checks, group_stored, peers), graph))
    if plans is not None and ward is not None:
        include(app, ward_pages.route(store, ward, plans, budget=card_budget, words=words))
    if isinstance(access, Accounts):
        access_routes.install(app, access)
    if advise is not None and origins:
        app.add_middleware(Cors, origins=origins)
    app.add_middleware(Watch, metrics=metrics)
    app.state.pages = frozenset(path for _, path in app.state.routes)
    description.install(app)
    return app


@asynccontextmanager
async def _run_beside(app: FastAPI) -> AsyncIterator[None]:
    """Start what works beside the requests, and end it with the application."""
    for one in app.state.beside:
        one.start()
    try:
        yield
    finally:
        for end in app.state.endings:
            end()
        for one in app.state.beside:
            await run_in_threadpool(one.stop)
