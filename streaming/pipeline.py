"""The pipeline: one batch of accepted claims in, its results out, and no I/O.

The same function serves a file, an HTTP request and, later, a Kafka micro-batch and a
Spark partition. What it needs of the past comes in as tables.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

import drg
import rules
from domain.results import (
    ALERTS,
    DECISIONS,
    FINDINGS,
    HITS,
    MEASURES,
    REASONS,
    SCORES,
    SHADOW_DECISIONS,
    SHADOW_FINDINGS,
    SHADOW_HITS,
    SHADOW_SCORES,
    Results,
    identifier,
)
from domain.schema import Table
from domain.tables import Tables, conform
from streaming.alerts import raise_alerts
from streaming.digest import digests
from streaming.measuring import FACTS, measure
from streaming.summary import at_stake, digest_hits, identify, judge_shadow, summarise

if TYPE_CHECKING:
    from graph_models import Artifact, Scored

Stage = Callable[[str], AbstractContextManager[None]]
"""What times or traces a stage of the pipeline by its name: settle, judge, score, decide."""

NO_MODEL = "no model was loaded"
UNKNOWN_PROVIDER = "the model has not seen this provider: refresh it with its claims"
HIGH_PAYMENT = "payment_p90"
"""The model's feature that says from which payment a provider's claim is one of its dearest."""


def day_after_last(batch: Tables) -> date | None:
    """The day after the last discharge or visit of the batch; None if no claim has ended.

    Up to that day the batch is complete as far as it tells: a month whose last day nobody
    left on is taken as still running.
    """
    last: date | None = pl.DataFrame(batch.stays)["discharge_date"].max()  # type: ignore[assignment]
    return None if last is None else last + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Engine:
    """What judges: a set of checks, the schemes and, if there are, cost curves and a model.

    ``challenger`` is a model on trial: it scores the same providers beside ``artifact``, and its
    scores are kept apart. ``extra`` is a provider-level table beside the claims (see ``graph_models``); it
    counts only when scores are refreshed from the batch itself.
    """

    ruleset: rules.RuleSet
    library: drg.Library = field(default_factory=drg.load)
    curves: drg.Curves | None = None
    artifact: Artifact | None = None
    challenger: Artifact | None = None
    extra: pl.DataFrame | None = None

    @property
    def pack_sha256(self) -> str:
        """Digest of what groups, prices and projects: the schemes, and the curves if there are."""
        if self.curves is None:
            return self.library.sha256
        return identifier("pack", self.library.sha256, self.curves.sha256)


def assess(
    batch: Tables,
    engine: Engine,
    *,
    history: Tables | None = None,
    refresh: bool = False,
    upto: date | None = None,
    stage: Stage = lambda _: nullcontext(),
    settled: drg.Settled | None = None,
    known: Mapping[str, pl.DataFrame] | None = None,
    digested: pl.DataFrame | None = None,
) -> Results:
    """Judge every stay of the batch.

    ``history`` holds earlier claims for the facts that look back. With ``refresh`` the
    providers' scores are computed anew from all claims of the batch; without it they are
    the ones stored with the model. Exactly one decision a stay, in the order of the batch.
    With ``upto`` the batch is taken as all claims of its hospitals that ended before that
    day, and their complete months and days are judged too (``findings``). ``stage`` may
    time the stages, such as ``streaming.watch.Batch.stage``. ``settled`` is what the batch
    was grouped to, if the caller has it, and ``digested`` its ``digests``; ``known`` are facts
    that look beyond batch and history (``rules.partly``).
    """
    with stage("settle"):
        if settled is None:
            settled = drg.settle(batch, engine.library, curves=engine.curves)
    with stage("judge"):
        judged = rules.judge(
            engine.ruleset,
            batch,
            history=history,
            settled=settled,
            known=known,
            facts_of_stays=FACTS,
        )
    with stage("score"):
        scores, reasons, high_payments = _score(batch, engine, judged.verdicts, refresh=refresh)
        shadow_scores = _score_in_shadow(batch, engine, judged.verdicts, refresh=refresh)
    with stage("decide"):
        if digested is None:
            digested = digests(batch)
        decisions = _decide(
            batch, engine, judged.verdicts, judged.hits, scores=scores, digested=digested
        )
        hits = judged.hits.join(
            decisions.select("stay_id", "decision_id"),
            on="stay_id",
            how="inner",
            maintain_order="left",
        )
        names = {rule.id: (rule.name.zh, rule.name.en) for rule in engine.ruleset.rules}
        threshold = engine.artifact.threshold if engine.artifact else math.inf
        alerts = raise_alerts(decisions, hits, names, threshold, high_payments)
        shadow = judge_shadow(engine.ruleset, judged, decisions)
        measures = measure(batch, settled, judged.facts, decisions)
    findings, shadow_findings = FINDINGS.arrow.empty_table(), SHADOW_FINDINGS.arrow.empty_table()
    if upto is not None:
        findings, shadow_findings = find(batch, engine, upto=upto, settled=settled)
    return Results(
        decisions=_table(decisions, DECISIONS),
        hits=_table(hits, HITS),
        scores=scores,
        reasons=reasons,
        alerts=_table(alerts, ALERTS),
        findings=findings,
        shadow_decisions=_table(shadow.decisions, SHADOW_DECISIONS),
        shadow_hits=_table(shadow.hits, SHADOW_HITS),
        shadow_findings=shadow_findings,
        shadow_scores=shadow_scores,
        measures=_table(measures, MEASURES),
    )


def find(
    batch: Tables, engine: Engine, *, upto: date, settled: drg.Settled | None = None
) -> tuple[pa.Table, pa.Table]:
    """Judge the complete months of hospitals and days of physicians.

    Returns the findings (``FINDINGS``) and, apart, those of the checks on trial
    (``SHADOW_FINDINGS``). The batch holds all claims of its hospitals that ended before ``upto``; ``settled`` is
    what they were grouped to, if the caller has it.
    """
    if settled is None:
        settled = drg.settle(batch, engine.library, curves=engine.curves)
    judged = rules.judge_aggregates(engine.ruleset, batch, settled=settled, upto=upto)
    return finding_tables(judged)


def finding_tables(judged: rules.Aggregated) -> tuple[pa.Table, pa.Table]:
    """The findings (``FINDINGS``), and those of the checks on trial (``SHADOW_FINDINGS``)."""
    shadow = SHADOW_FINDINGS.arrow.empty_table()
    if judged.shadow is not None:
        shadow = _table(judged.shadow.findings, SHADOW_FINDINGS)
    return _table(judged.findings, FINDINGS), shadow


def _score(
    batch: Tables, engine: Engine, verdicts: pl.DataFrame, *, refresh: bool
) -> tuple[pa.Table, pa.Table, pl.DataFrame]:
    """Scores, reasons, and for each provider the 90th percentile of its payments.

    The percentile (``high_payment``, in yuan or dollars) is null where not known.
    """
    if engine.artifact is None or not len(batch):
        none = pl.DataFrame(schema={"provider_id": pl.String, "high_payment": pl.Float64})
        return SCORES.arrow.empty_table(), REASONS.arrow.empty_table(), none
    # Late, because shap and PyTorch take seconds and a run of checks alone needs neither.
    import explain  # noqa: PLC0415

    scored = _scored(batch, engine.artifact, engine.extra, verdicts, refresh=refresh)
    usual = scored.features.select(
        "provider_id",
        pl.col(HIGH_PAYMENT).fill_nan(None).alias("high_payment")
        if HIGH_PAYMENT in scored.features.columns
        else pl.lit(None, pl.Float64).alias("high_payment"),
    )
    return *explain.explain(engine.artifact, scored), usual


def _score_in_shadow(
    batch: Tables, engine: Engine, verdicts: pl.DataFrame, *, refresh: bool
) -> pa.Table:
    if engine.challenger is None or not len(batch):
        return SHADOW_SCORES.arrow.empty_table()
    import explain  # noqa: PLC0415

    scored = _scored(batch, engine.challenger, engine.extra, verdicts, refresh=refresh)
    return explain.explain(engine.challenger, scored)[0]


def _scored(
    batch: Tables,
    artifact: Artifact,
    extra: pl.DataFrame | None,
    verdicts: pl.DataFrame,
    *,
    refresh: bool,
) -> Scored:
    """The providers of the batch: anew from its claims, or as they are stored with the model."""
    from graph_models import day_after_last  # noqa: PLC0415

    seen = batch.stays["provider_id"].unique().to_pylist()
    if not refresh:
        return artifact.lookup(seen)
    found = artifact.score(batch, verdicts, upto=day_after_last(batch), extra=extra)
    return found.select(seen)


def _decide(
    batch: Tables,
    engine: Engine,
    verdicts: pl.DataFrame,
    hits: pl.DataFrame,
    *,
    scores: pa.Table,
    digested: pl.DataFrame,
) -> pl.DataFrame:
    summary = summarise(verdicts, engine.ruleset.ids)
    model = engine.artifact.sha256 if engine.artifact else None
    stays = pl.DataFrame(batch.stays)
    joined = (
        stays.join(summary, on="stay_id", how="left", maintain_order="left")
        .join(at_stake(hits, stays), on="stay_id", how="left", maintain_order="left")
        .join(digest_hits(hits), on="stay_id", how="left", maintain_order="left")
        .join(
            digested.select("stay_id", "input_sha256"),
            on="stay_id",
            how="left",
            maintain_order="left",
        )
        .join(
            pl.DataFrame(scores).select(
                pl.col("subject_id").alias("provider_id"), "score_id", "score"
            ),
            on="provider_id",
            how="left",
            maintain_order="left",
        )
    )
    absent = pl.lit(NO_MODEL) if model is None else pl.lit(UNKNOWN_PROVIDER)
    decided_by = (engine.ruleset.sha256, engine.pack_sha256, model or "")
    identity = ("stay_id", "claim_version", "input_sha256", "verdicts", "findings", "score_id")
    return joined.with_columns(
        identify(joined, "decision", identity, *decided_by).alias("decision_id"),
        pl.coalesce("discharge_department", "admission_department").alias("department"),
        pl.col("exposure_fen").fill_null(0),
        pl.when(pl.col("score").is_null()).then(absent).alias("score_absent"),
        pl.lit(engine.ruleset.sha256).alias("rules_sha256"),
        pl.lit(engine.pack_sha256).alias("pack_sha256"),
        pl.lit(model, dtype=pl.String).alias("model_sha256"),
    )


def _table(frame: pl.DataFrame, definition: Table) -> pa.Table:
    return conform(
        frame.select(c.name for c in definition.columns).to_arrow(),
        definition,
    )
