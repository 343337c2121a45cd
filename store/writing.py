"""Writing one batch: claims, decisions and all that hangs on them, in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from domain.results import Results
from domain.tables import Tables
from store import bodies, findings, state_tables, states, tables
from store.errors import StoreError
from store.inserting import columns_of, insert, insert_new, upsert

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
    decisions: frozenset[str] = frozenset()
    """Ids of the decisions that were new."""

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
) -> Written:
    """Insert what is not there yet, within the caller's transaction; existing rows stay as they are.

    ``taken`` are the entries of the list of stays to judge again that this batch settles.
    StoreError if a claim has no decision or the other way round: the batch would not be
    complete evidence.
    """
    digests = _digests(claims, results)
    counts: dict[str, int] = {}

    def put(table: sa.Table, columns: Mapping[str, Sequence[Any]]) -> None:
        counts[table.name] = insert(connection, table, columns)

    # Every writer goes through the tables in this order and through rows in that of their keys:
    # two of them may wait for each other, but never in a ring.
    states.forget(connection, taken)
    _keep_parties(connection, claims, now)
    counts["rulesets"] = keep_rulesets(connection, ruleset, now)
    put(tables.MODELS_SQL, _versions([] if model is None else [model], now))
    rows = _heads(claims, results, fingerprints or {})
    new_claims = _write_claims(connection, claims, digests, rows, now)
    counts[tables.CLAIMS_SQL.name] = len(new_claims)
    # A score or decision that is there already stays exactly as it was: its reasons, hits and
    # alert are inserted only together with it, never added to it later.
    scores = insert_new(connection, tables.SCORES_SQL, columns_of(results.scores))
    decisions = insert_new(
        connection, tables.DECISIONS_SQL, columns_of(results.decisions, decided_at=now)
    )
    counts |= {"scores": len(scores), "decisions": len(decisions)}
    put(tables.REASONS_SQL, columns_of(_of(results.reasons, "score_id", scores)))
    put(tables.HITS_SQL, columns_of(_of(results.hits, "decision_id", decisions)))
    put(
        tables.ALERTS_SQL,
        _ranked(
            columns_of(
                _of(results.alerts, "decision_id", decisions),
                status=tables.STATUS_NEW,
                created_at=now,
            )
        ),
    )
    shadow = insert_new(
        connection,
        state_tables.SHADOW_DECISIONS_SQL,
        columns_of(results.shadow_decisions, judged_at=now),
    )
    counts["shadow_decisions"] = len(shadow)
    put(state_tables.SHADOW_HITS_SQL, columns_of(_of(results.shadow_hits, "shadow_id", shadow)))
    counts["findings"] = findings.keep(connection, tables.FINDINGS_SQL, results.findings, now)
    counts["shadow_findings"] = findings.keep(
        connection, state_tables.SHADOW_FINDINGS_SQL, results.shadow_findings, now
    )
    states.settle(connection, rows, new_claims, now)
    return Written(counts, frozenset(decisions))


def keep_rulesets(connection: sa.Connection, ruleset: Ruleset | None, now: datetime) -> int:
    """Store a rule set and that of its checks on trial; how many were new."""
    sets = [] if ruleset is None else [ruleset, *([ruleset.shadow] if ruleset.shadow else [])]
    ids = {"ids": [list(one.ids) for one in sets]}
    return insert(connection, tables.RULESETS_SQL, _versions(sets, now) | ids)


def _digests(claims: Tables, results: Results) -> dict[str, str]:
    decided = dict(
        zip(
            results.decisions["stay_id"].to_pylist(),
            results.decisions["input_sha256"].to_pylist(),
            strict=True,
        )
    )
    stays = claims.stays["stay_id"].to_pylist()
    if len(set(stays)) != len(stays) or set(stays) != set(decided):
        raise StoreError(
            f"a batch of {len(stays)} claims ({len(set(stays))} different) has decisions for "
            f"{len(decided)}, {len(set(stays) & set(decided))} of them in common",
            where="Store.write",
            cure="Give exactly one decision for each claim of the batch.",
        )
    return decided


def _heads(
    claims: Tables, results: Results, fingerprints: Mapping[str, str]
) -> list[dict[str, Any]]:
    """What of each claim makes its state (``stay_states``), in the order of the batch."""
    decided = {row["stay_id"]: row for row in results.decisions.to_pylist()}
    heads: list[dict[str, Any]] = claims.stays.select(
        ["stay_id", "claim_version", "patient_id", "provider_id", "claim_type", "currency",
         "admission_date", "discharge_date", "total_amount_fen", "fund_payment_fen",
         "attending_physician_id"]
    ).to_pylist()  # fmt: skip
    for row in heads:
        decision = decided[row["stay_id"]]
        row["input_sha256"] = decision["input_sha256"]
        row["decision_id"] = decision["decision_id"]
        row["physician_id"] = row.pop("attending_physician_id")
        row["ended_on"] = states.ended_on(
            row["claim_type"], row["admission_date"], row["discharge_date"]
        )
        row["code_fingerprint"] = fingerprints.get(row["stay_id"])
    return heads


def _write_claims(
    connection: sa.Connection,
    claims: Tables,
    digests: Mapping[str, str],
    heads: Sequence[Mapping[str, Any]],
    now: datetime,
) -> set[tuple[Any, ...]]:
    """Store the claims' contents; the keys of those that are new."""
    new: set[tuple[Any, ...]] = set()
    for start in range(0, len(claims), CHUNK_CLAIMS):
        part = claims
        if len(claims) > CHUNK_CLAIMS:
            stays = claims.stays["stay_id"].slice(start, CHUNK_CLAIMS)
            part = claims.select(stays.combine_chunks())
        here = heads[start : start + CHUNK_CLAIMS]
        by_stay = {row["stay_id"]: body for row, body in bodies.encode(part)}
        names = (
            "stay_id", "claim_version", "patient_id", "provider_id", "claim_type",
            "admission_date", "discharge_date", "code_fingerprint",
        )  # fmt: skip
        new |= insert_new(
            connection,
            tables.CLAIMS_SQL,
            {
                **{name: [row[name] for row in here] for name in names},
                "input_sha256": [digests[row["stay_id"]] for row in here],
                "body": [by_stay[row["stay_id"]] for row in here],
                "created_at": [now] * len(here),
            },
        )
    return new


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


def _versions(
    given: Sequence[Ruleset] | Sequence[Model], now: datetime
) -> dict[str, Sequence[Any]]:
    return {
        "sha256": [one.sha256 for one in given],
        "manifest": [dict(one.manifest) for one in given],
        "created_at": [now] * len(given),
    }


def _of(table: pa.Table, column: str, wanted: Collection[str]) -> pa.Table:
    """The rows that belong to one of the identifiers."""
    return table.filter(pc.is_in(table[column], value_set=pa.array(sorted(wanted), pa.string())))


def _ranked(columns: dict[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    # An unknown severity is refused by the column's CHECK, not here.
    ranks = [tables.SEVERITY_RANK.get(severity, -1) for severity in columns["severity"]]
    return {**columns, "severity_rank": ranks}
