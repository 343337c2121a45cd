"""Writing one batch: claims, decisions and all that hangs on them, in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from domain.results import Results, Severity
from domain.tables import Tables
from domain.work import STATUS_NEW
from store import bodies, findings, measures, model_tables, pricing, state_tables, states, tables
from store.errors import StoreError
from store.events import emit
from store.inserting import Columns, columns_of, insert, insert_missing, upsert

CHUNK_CLAIMS: Final = 2_000
"""Claims whose bodies are made at once: bounds memory (about 50 MB for claims of 100 lines)."""


@dataclass(frozen=True, slots=True)
class Ruleset:
    """The rule set that judged a batch: digest, ids in the order of the verdict letters, manifest.

    ``manifest`` is any JSON object that describes it, such as each rule's digest. ``shadow``
    is the set of the checks on trial, if there is one.
    """

    sha256: str
    ids: Sequence[str]
    manifest: Mapping[str, Any] = field(default_factory=dict)
    shadow: Ruleset | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """The model that scored a batch: digest and manifest (schema, window, metrics)."""

    sha256: str
    manifest: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Written:
    """How many rows of each table were new; zeros mean that all was stored before."""

    counts: Mapping[str, int]
    known: frozenset[str] = frozenset()
    """Ids of the decisions that were stored before."""

    @property
    def total(self) -> int:
        """New rows over all tables."""
        return sum(self.counts.values())


def write(
    connection: sa.Connection,
    *,
    claims: Tables,
    results: Results,
    fingerprints: Mapping[str, str] | None,
    ruleset: Ruleset | None,
    model: Model | None,
    now: datetime,
    taken: Sequence[tuple[str, datetime]] = (),
    documents: Sequence[bytes] | None = None,
) -> Written:
    """Insert what is not there yet, within the caller's transaction; existing rows stay as they are.

    ``taken`` are the entries of the list of stays to judge again that this batch settles.
    ``documents`` are the claims' canonical texts in the order of ``claims.stays``, if the caller
    has made them for the digests. StoreError if a claim has no decision or the other way round: the batch would not be
    complete evidence.
    """
    heads = _heads(claims, results, fingerprints or {})
    counts: dict[str, int] = {}

    def put(table: sa.Table, columns: Columns) -> None:
        counts[table.name] = insert(connection, table, columns)

    # Every writer goes through the tables in this order and through rows in that of their keys:
    # two of them may wait for each other, but never in a ring.
    states.forget(connection, taken)
    _keep_parties(connection, claims, now)
    counts["rulesets"] = keep_rulesets(connection, ruleset, now)
    put(tables.MODELS_SQL, _versions([] if model is None else [model], now))
    old_claims = _write_claims(connection, claims, heads, documents, now)
    counts[tables.CLAIMS_SQL.name] = len(claims) - len(old_claims)
    # A score or decision that is there already stays exactly as it was: its reasons, hits and
    # alert are inserted only together with it, never added to it later.
    scores = insert_missing(connection, tables.SCORES_SQL, columns_of(results.scores))
    decisions = insert_missing(
        connection, tables.DECISIONS_SQL, columns_of(results.decisions, decided_at=now)
    )
    counts["scores"] = results.scores.num_rows - len(scores)
    counts["decisions"] = results.decisions.num_rows - len(decisions)
    counts["measures"] = measures.keep(connection, results.measures)
    put(tables.REASONS_SQL, columns_of(_but(results.reasons, "score_id", scores)))
    put(tables.HITS_SQL, columns_of(_but(results.hits, "decision_id", decisions)))
    alerts = _but(results.alerts, "decision_id", decisions)
    put(
        tables.ALERTS_SQL,
        columns_of(alerts, status=STATUS_NEW, created_at=now)
        | {"severity_rank": _ranks(alerts["severity"])}
        | pricing.work_of(connection, alerts, results, now),
    )
    shadow = insert_missing(
        connection,
        state_tables.SHADOW_DECISIONS_SQL,
        columns_of(results.shadow_decisions, judged_at=now),
    )
    counts["shadow_decisions"] = results.shadow_decisions.num_rows - len(shadow)
    put(state_tables.SHADOW_HITS_SQL, columns_of(_but(results.shadow_hits, "shadow_id", shadow)))
    put(model_tables.SHADOW_SCORES_SQL, columns_of(results.shadow_scores))
    counts["findings"] = findings.keep(connection, tables.FINDINGS_SQL, results.findings, now)
    counts["shadow_findings"] = findings.keep(
        connection, state_tables.SHADOW_FINDINGS_SQL, results.shadow_findings, now
    )
    states.settle(connection, heads, old_claims, now)
    _tell(connection, alerts, now)
    return Written(counts, frozenset(decisions))


_TOLD: Final = 100
"""Alerts and hospitals that one event names; it counts the rest."""


def _tell(connection: sa.Connection, alerts: pa.Table, now: datetime) -> None:
    """Note that a batch raised alerts; they are told by one event, not one each."""
    if not alerts.num_rows:
        return
    words = pc.unique(alerts["severity"]).to_pylist()
    worst = max((Severity(word) for word in words), key=lambda severity: severity.rank)
    providers = sorted(pc.unique(alerts["provider_id"]).to_pylist())
    emit(
        connection,
        "alerts.created",
        alerts["alert_id"][0].as_py(),
        at=now,
        # Whose it is, where that is one hospital; else the data name them.
        provider_id=providers[0] if len(providers) == 1 else None,
        data={
            "count": alerts.num_rows,
            "worst": str(worst),
            "alert_ids": alerts["alert_id"].slice(0, _TOLD).to_pylist(),
            "providers": providers[:_TOLD],
        },
    )


def keep_rulesets(connection: sa.Connection, ruleset: Ruleset | None, now: datetime) -> int:
    """Store a rule set and that of its checks on trial; how many were new."""
    sets = [] if ruleset is None else [ruleset, *([ruleset.shadow] if ruleset.shadow else [])]
    ids = {"ids": [list(one.ids) for one in sets]}
    return insert(connection, tables.RULESETS_SQL, {**_versions(sets, now), **ids})


_HEAD: Final = (
    "stay_id", "claim_version", "patient_id", "provider_id", "claim_type", "currency",
    "admission_date", "discharge_date", "total_amount_fen", "fund_payment_fen",
)  # fmt: skip
_IN_CLAIMS: Final = (
    "stay_id", "claim_version", "input_sha256", "patient_id", "provider_id", "claim_type",
    "admission_date", "discharge_date", "code_fingerprint",
)  # fmt: skip


def _heads(claims: Tables, results: Results, fingerprints: Mapping[str, str]) -> pa.Table:
    """What of each claim makes its row and its state (``stay_states``), in the order of the batch."""
    stays, decided = claims.stays["stay_id"].combine_chunks(), results.decisions["stay_id"]
    places = pc.index_in(stays, value_set=decided.combine_chunks())
    different = len(pc.unique(stays))
    if different != len(stays) or len(decided) != len(stays) or places.null_count:
        raise StoreError(
            f"a batch of {len(stays)} claims ({different} different) has decisions for "
            f"{len(decided)}, {len(stays) - places.null_count} of them in common",
            where="Store.write",
            cure="Give exactly one decision for each claim of the batch.",
        )
    decisions = results.decisions.select(["input_sha256", "decision_id"]).take(places)
    found = claims.stays.select(list(_HEAD))
    for name, column in (
        ("physician_id", claims.stays["attending_physician_id"]),
        ("input_sha256", decisions["input_sha256"]),
        ("decision_id", decisions["decision_id"]),
        ("code_fingerprint", pa.array(map(fingerprints.get, stays.to_pylist()), pa.string())),
        ("ended_on", states.ended_on(found)),
    ):
        found = found.append_column(name, column)
    return found


def _write_claims(
    connection: sa.Connection,
    claims: Tables,
    heads: pa.Table,
    documents: Sequence[bytes] | None,
    now: datetime,
) -> set[tuple[Any, ...]]:
    """Store the claims' contents; the keys of those that were there already."""
    old: set[tuple[Any, ...]] = set()
    for start in range(0, len(claims), CHUNK_CLAIMS):
        here = heads.slice(start, CHUNK_CLAIMS)
        if documents is None:
            part = claims
            if len(claims) > CHUNK_CLAIMS:
                part = claims.select(here["stay_id"].combine_chunks())
            packed = [body for _, body in bodies.encode(part)]
        else:
            packed = [bodies.pack(text) for text in documents[start : start + CHUNK_CLAIMS]]
        columns = columns_of(here.select(list(_IN_CLAIMS)), created_at=now)
        old |= insert_missing(connection, tables.CLAIMS_SQL, columns | {"body": packed})
    return old


def _keep_parties(connection: sa.Connection, claims: Tables, now: datetime) -> None:
    """Hospitals and physicians as last told: checks of months look them up."""
    for table, given in (
        (state_tables.PROVIDERS_SQL, claims.providers),
        (state_tables.PHYSICIANS_SQL, claims.physicians),
    ):
        if given.num_rows:
            keys = [column.name for column in table.primary_key.columns]
            # A statement must not touch one row twice; of two rows the last counts.
            last = {tuple(row[key] for key in keys): row for row in given.to_pylist()}
            columns = {name: [row[name] for row in last.values()] for name in given.column_names}
            upsert(connection, table, {**columns, "changed_at": [now] * len(last)})


def _versions(given: Sequence[Ruleset] | Sequence[Model], now: datetime) -> Columns:
    return {
        "sha256": [one.sha256 for one in given],
        "manifest": [dict(one.manifest) for one in given],
        "created_at": [now] * len(given),
    }


def _but(table: pa.Table, column: str, old: Collection[str]) -> pa.Table:
    """The rows but those that belong to one of the identifiers."""
    if not old:
        return table
    there = pc.is_in(table[column], value_set=pa.array(sorted(old), pa.string()))
    return table.filter(pc.invert(there))


def _ranks(severities: pa.ChunkedArray) -> list[int]:
    # An unknown severity is refused by the column's CHECK, not here.
    return [tables.SEVERITY_RANK.get(severity, -1) for severity in severities.to_pylist()]
