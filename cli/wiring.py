"""Putting the rooms together: the only place that knows them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import drg
import rules
from cli.accounts import keep_in
from cli.champion import models_to_use
from cli.graph_access import owner
from cli.models import EXTRA_FILE, beside, read_extra_table
from cli.reading import PSEUDONYM_KEY
from domain.casework import Terms
from streaming.pipeline import Engine
from streaming.pseudonym import KeepingKey, PseudonymKey

if TYPE_CHECKING:
    from domain.proposals import ParameterValue
    from scoring_api.webhook_worker import Telling
    from store import Store
    from store.graph.entity_graph import EntityGraph
    from streaming.backtests import ChangeDesk
    from streaming.cds import CdsDesk
    from streaming.claim_scores import ClaimScores
    from streaming.graph_keeper import GraphKeeper
    from streaming.wording import WordingDesk


def engine(
    *,
    rules_dir: Path | None = None,
    parameters: Path | None = None,
    reference: Path | None = None,
    scheme: Sequence[Path] = (),
    curves: Path | None = None,
    model: Path | None = None,
    db: str | None = None,
    inputs: Sequence[Path] = (),
    approved: Sequence[ParameterValue] | None = None,
) -> Engine:
    """Load what judges; without ``model`` PyTorch is not even imported.

    The model ``champion`` is the one that counts in the register of ``db``. With a model, a
    provider table that lies in a folder of ``inputs`` counts too, as it did in training. With ``db``
    the values of parameters count that were approved there (decision 0042), or those of ``approved``.
    """
    artifact = challenger = extra = None
    if model is not None:
        from graph_models import Artifact  # noqa: PLC0415 (PyTorch takes seconds)

        artifact, challenger = models_to_use(Artifact, model, db)
        extra = read_extra_table(beside(inputs, EXTRA_FILE))
    return Engine(
        ruleset=rules.load(
            rules_dir,
            parameters=parameters,
            reference=reference,
            approved=approved_values(db) if approved is None else approved,
        ),
        library=drg.load(scheme),
        curves=None if curves is None else drg.Curves.load(curves),
        artifact=artifact,
        challenger=challenger,
        extra=extra,
    )


def approved_values(db: str | None) -> tuple[ParameterValue, ...]:
    """The values of parameters that were approved in a database; none without one."""
    if db is None:
        return ()
    import store  # noqa: PLC0415 (SQLAlchemy takes a second)

    with store.open(db) as opened:
        return opened.proposals.in_force()


@dataclass(frozen=True, slots=True)
class Wired:
    """The service with what it runs on."""

    app: Any
    store: Store
    engine: Engine
    graph: EntityGraph | None = None
    keeper: GraphKeeper | None = None
    claim_scores: ClaimScores | None = None
    changes: ChangeDesk | None = None
    advise: CdsDesk | None = None
    wording: WordingDesk | None = None

    def close(self) -> None:
        """Let the graph finish its batch, and close the databases."""
        if self.advise is not None:
            self.advise.close()
        if self.wording is not None:
            self.wording.close()
        if self.changes is not None:
            self.changes.close()
        if self.claim_scores is not None:
            self.claim_scores.close()
        if self.keeper is not None:
            self.keeper.close()
        if self.graph is not None:
            self.graph.close()
        self.store.close()


def wire(
    *,
    db: str,
    model: Path | None = None,
    rules_dir: Path | None = None,
    parameters: Path | None = None,
    reference: Path | None = None,
    scheme: Sequence[Path] = (),
    curves: Path | None = None,
    key: Path | None = None,
    graph: bool = True,
    neo4j: str | None = None,
    site: str | None = None,
    claim_model: Path | None = None,
    access: Callable[[Store], Any] | None = None,
    telling: Telling | None = None,
    keep_identifiers: bool = False,
    field_keys: Path | None = None,
    case_terms: Terms | None = None,
    address: str = "",
    origins: Sequence[str] = (),
    card_budget: int | None = None,
    wording: Path | None = None,
) -> Wired:
    """Build the service on a database: everything that ``sentinel serve`` runs.

    Its graph is the one at ``neo4j`` (or where the environment says), which `sentinel graph follow`
    feeds; without a server the database keeps it and the service feeds it. ``claim_model`` is a folder, or
    ``champion`` for the one of the register. ``access`` makes of the store what recognises callers
    (``cli.accounts.accounts``); without it everybody may do everything. ``telling`` is how webhooks are told; without it there are none. ``case_terms`` are the limit and
    deadlines of cases. Cards of CDS Hooks link to ``address``; ``origins`` are those of browsers that may call it,
    and ``card_budget`` is how many a physician is shown on a day. ``wording`` is the file of a language model that
    words cards; without it the templates serve alone.
    """
    # Late, because FastAPI and SQLAlchemy take a second that other commands need not wait.
    import scoring_api  # noqa: PLC0415
    import store  # noqa: PLC0415
    from domain.cards import DEFAULT_BUDGET  # noqa: PLC0415
    from store.graph.address import Address  # noqa: PLC0415
    from streaming.backtests import ChangeDesk  # noqa: PLC0415
    from streaming.cds import CdsDesk  # noqa: PLC0415
    from streaming.fhir.desk import FhirDesk  # noqa: PLC0415
    from streaming.graph_keeper import GraphKeeper  # noqa: PLC0415
    from streaming.grouping import GroupDesk, PeerDesk, StoredGroupDesk, WhatIfDesk  # noqa: PLC0415
    from streaming.orders.handler import OrdersHandler  # noqa: PLC0415
    from streaming.plans.desk import PlanDesk  # noqa: PLC0415
    from streaming.service import Desk, described  # noqa: PLC0415
    from streaming.ward import WardDesk  # noqa: PLC0415
    from streaming.wording import limits_of, open_desk  # noqa: PLC0415

    opened = store.open(db)
    approved = opened.proposals.in_force()
    judge = engine(
        rules_dir=rules_dir,
        parameters=parameters,
        reference=reference,
        scheme=scheme,
        curves=curves,
        model=model,
        db=db,
        approved=approved,
    )
    changes = ChangeDesk(judge, opened, approved)
    secret = PseudonymKey.find(key or PSEUDONYM_KEY)
    kept = KeepingKey(secret, keep_in(opened, field_keys)) if keep_identifiers else secret
    entities = opened.graph(Address.find(neo4j, site)) if graph else None
    keeper = GraphKeeper(entities, owner()) if entities and entities.embedded else None

    claims = None
    if claim_model is not None:
        from graph_models.stays import StayModel  # noqa: PLC0415 (PyTorch takes seconds)
        from streaming.claim_scores import ClaimScores  # noqa: PLC0415

        ours, rival = models_to_use(StayModel, claim_model, db)
        claims = ClaimScores(ours, judge, opened, secret, challenger=rival)

    words = open_desk(wording, opened.wordings, judge.ruleset.reference)

    def ready() -> Mapping[str, Any]:
        return {
            "rules": f"{len(judge.ruleset.ids)} active",
            "parameters": changes.detail(),
            "reference": judge.ruleset.reference_sha256,
            "schemes": ", ".join(s.manifest.code for s in judge.library.schemes),
            "curves": judge.curves.sha256 if judge.curves else "absent",
            "model": judge.artifact.sha256 if judge.artifact else "absent",
            "challenger": judge.challenger.sha256 if judge.challenger else "absent",
            "claim model": claims.detail() if claims else "absent",
            "graph": keeper.detail() if keeper else entities.name if entities else "absent",
            "wording": words.detail(),
        }

    plans = PlanDesk(judge, opened, secret)
    budget = DEFAULT_BUDGET if card_budget is None else card_budget
    advise = CdsDesk(judge, opened, secret, plans, budget=budget, words=words)
    app = scoring_api.build(
        store=opened,
        assess=Desk(judge, opened, kept),
        group=GroupDesk(judge.library, secret),
        what_if=WhatIfDesk(judge.library, secret, judge.curves),
        check_orders=OrdersHandler(judge, opened, secret).check,
        plans=plans,
        rules=described(judge.ruleset),
        version=installed_version("drg-sentinel"),
        ready=ready,
        graph=entities,
        score_claims=claims,
        access=None if access is None else access(opened),
        telling=telling,
        changes=changes,
        fhir=FhirDesk(OrdersHandler(judge, opened, secret), opened),
        group_stored=StoredGroupDesk(judge.library),
        peers=None if judge.curves is None else PeerDesk(judge.curves),
        case_terms=case_terms,
        ward=WardDesk(judge, opened),
        card_budget=budget,
        advise=advise,
        address=address,
        origins=origins,
        words=words,
        wording_limits=limits_of(words),
    )
    return Wired(app, opened, judge, entities, keeper, claims, changes, advise, words)
