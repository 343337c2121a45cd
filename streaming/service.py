"""Assessing a few claims for a waiting caller: intake, look-back, pipeline, store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import rules
from domain.results import RESULT_TABLES, Results
from domain.service import Assessment
from domain.tables import Tables
from rules.facts import facts_of
from rules.rule import Bilingual
from store import Model, Ruleset, Store, Written
from streaming import intake
from streaming.pipeline import Engine, assess
from streaming.pseudonym import PseudonymKey


@dataclass(frozen=True, slots=True)
class Desk:
    """The real ``domain.service.Assess``: judges claims against the store and keeps the outcome.

    Scores are those stored with the model (``Artifact.lookup``): nothing is trained or
    refreshed while a caller waits.
    """

    engine: Engine
    store: Store
    key: PseudonymKey

    def __call__(self, records: Sequence[bytes], /) -> Assessment:
        """Assess canonical JSON claims; a claim given again leaves one decision."""
        batch, refused = intake.decode(records, key=self.key)
        if not len(batch):
            return Assessment(batch, nothing(), tuple(refused))
        results = assess(batch, self.engine, history=look_back(self.store, batch))
        keep(self.store, batch, results, self.engine)
        # A claim that comes late changes what later stays of its patient look back at.
        from streaming.lateness import judge_listed  # noqa: PLC0415 (it uses this module)

        judge_listed(self.store, self.engine)
        return Assessment(batch, results, tuple(refused))


def look_back(store: Store, batch: Tables, admitted_to: date | None = None) -> Tables:
    """The stored claims that the checks of a batch may look at: its patients' and its code vectors'.

    With ``admitted_to`` only those that began by that day.
    """
    return store.history(
        batch.stays["patient_id"].unique().to_pylist(),
        sorted(set(fingerprints(batch).values())),
        excluding=batch.stays["stay_id"].to_pylist(),
        admitted_to=admitted_to,
    )


def keep(
    store: Store,
    claims: Tables,
    results: Results,
    engine: Engine,
    *,
    taken: Sequence[tuple[str, datetime]] = (),
) -> Written:
    """Write a batch with its results and what judged it, in one transaction.

    ``taken`` are the entries of the list of stays to judge again that the batch settles.
    """
    artifact = engine.artifact
    return store.write(
        claims=claims,
        results=results,
        fingerprints=fingerprints(claims),
        ruleset=ruleset_of(engine.ruleset),
        model=None if artifact is None else Model(artifact.sha256, artifact.manifest),
        taken=taken,
    )


def ruleset_of(ruleset: rules.RuleSet) -> Ruleset:
    """What the store keeps of a rule set: its checks, and those on trial, with the digest of each file."""

    def told(of: rules.RuleSet, *, shadow: Ruleset | None = None) -> Ruleset:
        judging = {*of.ids, *of.aggregate_ids}
        manifest = {rule.id: rule.sha256 for rule in of.rules if rule.id in judging}
        return Ruleset(of.sha256, of.ids, manifest, shadow)

    return told(ruleset, shadow=told(ruleset.shadow) if ruleset.shadow else None)


def fingerprints(claims: Tables) -> dict[str, str]:
    """The digest of each stay's code vector, for those that have codes."""
    pairs = rules.fingerprint(claims).drop_nulls("code_fingerprint")
    return dict(zip(pairs["stay_id"], pairs["code_fingerprint"], strict=True))


def nothing() -> Results:
    """Results of no claim at all."""
    return Results(**{table.name: table.arrow.empty_table() for table in RESULT_TABLES})


def described(ruleset: rules.RuleSet) -> list[dict[str, Any]]:
    """Every check of the rule set as plain data, for the service's pages and ``GET /v1/rules``."""
    return [_described(rule) for rule in ruleset.rules]


def _described(rule: rules.Rule) -> dict[str, Any]:
    def both(text: Bilingual) -> Mapping[str, str]:
        return {"zh": text.zh, "en": text.en}

    return {
        "id": rule.id,
        "name": both(rule.name),
        "status": str(rule.status),
        "severity": str(rule.severity),
        "family": rule.family,
        "unit": rule.unit,
        "cause": rule.cause,
        "why": both(rule.why),
        "basis": [
            {"document": b.document, "clause": b.clause, "unverified": b.unverified}
            for b in rule.basis
        ],
        "false_positives": list(rule.false_positives),
        "params": {
            name: {
                "unit": param.unit,
                "values": {
                    region or "default": {day.isoformat(): str(value) for day, value in dated}
                    for region, dated in param.values.items()
                },
            }
            for name, param in rule.params.items()
        },
        "when": {day.isoformat(): predicate for day, predicate in rule.when.items()},
        "until": rule.until.isoformat() if rule.until else None,
        "labels": {
            name: {"zh": fact.zh, "en": fact.en} for name, fact in facts_of(rule.unit).items()
        },
        "exposure": rule.exposure,
        "finding": both(rule.finding),
        "action": both(rule.action),
        "sha256": rule.sha256,
    }
