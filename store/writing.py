"""Writing one batch: claims, decisions and all that hangs on them, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from typing import Any, Final

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from domain.results import Results
from domain.tables import Tables
from store import bodies, tables
from store.errors import StoreError

CHUNK_ROWS: Final = 2_000
"""Rows of one executemany: bounds memory (a chunk of 100-line claims is about 50 MB as objects)."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ruleset:
    """The rule set that judged a batch: digest, ids in the order of the verdict letters, manifest.

    ``manifest`` is any JSON object that describes it, such as each rule's digest.
    """

    sha256: str
    ids: Sequence[str]
    manifest: Mapping[str, Any] = field(default_factory=dict)


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
) -> Written:
    """Insert what is not there yet, within the caller's transaction; existing rows stay as they are.

    StoreError if a claim has no decision or the other way round: the batch would not be
    complete evidence.
    """
    digests = _digests(claims, results)
    made = {"created_at": now}
    counts: dict[str, int] = {}

    def insert(table: sa.Table, rows: Iterable[Row]) -> None:
        counts[table.name] = _insert(connection, table, rows)

    insert(
        tables.RULESETS_SQL,
        []
        if ruleset is None
        else [
            {
                "sha256": ruleset.sha256,
                "ids": list(ruleset.ids),
                "manifest": dict(ruleset.manifest),
                **made,
            }
        ],
    )
    insert(
        tables.MODELS_SQL,
        []
        if model is None
        else [{"sha256": model.sha256, "manifest": dict(model.manifest), **made}],
    )
    insert(tables.CLAIMS_SQL, _claims(claims, digests, fingerprints or {}, now))
    # A score or decision that is there already stays exactly as it was: its reasons, hits and
    # alert are inserted only together with it, never added to it later.
    scores = _insert_new(connection, tables.SCORES_SQL, _plain(results.scores))
    decisions = _insert_new(
        connection,
        tables.DECISIONS_SQL,
        ({**row, "decided_at": now} for row in _plain(results.decisions)),
    )
    counts |= {"scores": len(scores), "decisions": len(decisions)}
    insert(
        tables.REASONS_SQL, (row for row in _plain(results.reasons) if row["score_id"] in scores)
    )
    insert(
        tables.HITS_SQL, (row for row in _plain(results.hits) if row["decision_id"] in decisions)
    )
    insert(
        tables.ALERTS_SQL,
        (
            {
                **row,
                # An unknown severity is refused by the column's CHECK, not here.
                "severity_rank": tables.SEVERITY_RANK.get(row["severity"], -1),
                "status": tables.STATUS_NEW,
                **made,
            }
            for row in _plain(results.alerts)
            if row["decision_id"] in decisions
        ),
    )
    counts[tables.FINDINGS_SQL.name] = _replace(
        connection,
        tables.FINDINGS_SQL,
        (
            {**row, "severity_rank": tables.SEVERITY_RANK.get(row["severity"], -1), **made}
            for row in _plain(results.findings)
        ),
    )
    return Written(counts, frozenset(decisions))


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


def _claims(
    claims: Tables, digests: Mapping[str, str], fingerprints: Mapping[str, str], now: datetime
) -> Iterator[Row]:
    for start in range(0, len(claims), CHUNK_ROWS):
        stays = claims.stays.slice(start, CHUNK_ROWS)
        part = (
            claims
            if len(claims) <= CHUNK_ROWS
            else claims.select(stays["stay_id"].combine_chunks())
        )
        for row, body in bodies.encode(part):
            discharge = row.get("discharge_date")
            yield {
                "stay_id": row["stay_id"],
                "claim_version": row["claim_version"],
                "input_sha256": digests[row["stay_id"]],
                "patient_id": row["patient_id"],
                "provider_id": row["provider_id"],
                "claim_type": row["claim_type"],
                "admission_date": date.fromisoformat(row["admission_date"]),
                "discharge_date": None if discharge is None else date.fromisoformat(discharge),
                "code_fingerprint": fingerprints.get(row["stay_id"]),
                "body": body,
                "created_at": now,
            }


def _plain(table: pa.Table) -> Iterator[Row]:
    for batch in table.to_batches(max_chunksize=CHUNK_ROWS):
        yield from batch.to_pylist()


def _insert(connection: sa.Connection, table: sa.Table, rows: Iterable[Row]) -> int:
    # psycopg tells how many rows an executemany inserted only if asked to keep the number.
    statement = _statement(connection, table).execution_options(preserve_rowcount=True)
    return sum(connection.execute(statement, chunk).rowcount for chunk in _chunks(rows))


def _insert_new(connection: sa.Connection, table: sa.Table, rows: Iterable[Row]) -> set[str]:
    """Insert, and tell the keys of the rows that were not there yet."""
    (key,) = table.primary_key.columns
    statement = _statement(connection, table).returning(key)
    return {
        identifier
        for chunk in _chunks(rows)
        for identifier in connection.execute(statement, chunk).scalars()
    }


def _replace(connection: sa.Connection, table: sa.Table, rows: Iterable[Row]) -> int:
    """Insert rows, or replace those of the same key; how many were not there before.

    What a month or day shows may change as its claims come in, so its last judgement
    counts; when a row first came in is kept.
    """
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table)
    keys = {column.name for column in table.primary_key.columns}
    changed = {
        column.name: statement.excluded[column.name]
        for column in table.columns
        if column.name not in keys | {"created_at"}
    }
    statement = statement.on_conflict_do_update(index_elements=sorted(keys), set_=changed)
    before = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
    for chunk in _chunks(rows):
        connection.execute(statement, chunk)
    after = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
    return int(after - before)


def _statement(connection: sa.Connection, table: sa.Table) -> Any:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(table).on_conflict_do_nothing(
        index_elements=list(table.primary_key.columns)
    )


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    remaining = iter(rows)
    while chunk := list(islice(remaining, CHUNK_ROWS)):
        yield chunk
