"""Which decisions a person should look at, and in which order.

A decision becomes an alert if a check of severity medium or above hit, or if the
provider's fraud score reaches the model's own threshold and the claim is one of the
provider's dearest tenth: a score speaks of the provider, and an alert for each of its
claims would bury the others. The priority is

    severity rank x 20 (0 to 80) + 20 x score + 5 x log10(1 + exposure in yuan or dollars)

so that severity leads, a high score lifts an alert by up to one class, and ten times
the money counts like a quarter of a class. docs/alerts.md shows examples.
"""

from __future__ import annotations

import polars as pl

from domain.results import Severity, identifier

RANKS = {str(s): s.rank for s in Severity}
ALERT_FROM = Severity.MEDIUM
"""The lowest severity that makes an alert by itself."""


def raise_alerts(
    decisions: pl.DataFrame,
    hits: pl.DataFrame,
    names: dict[str, tuple[str, str]],
    threshold: float,
    high_payments: pl.DataFrame,
) -> pl.DataFrame:
    """Choose and describe the alerts of a batch.

    ``names`` maps a rule id to its Chinese and English name. ``threshold`` is the
    score from which the model alone raises an alert, for claims that pay at least
    ``high_payments`` (provider_id, high_payment in the major unit of the currency); a
    payment or percentile that is not known does not keep a claim from it. Returns the
    columns of ``domain.results.ALERTS``.
    """
    rank = pl.col("severity").replace_strict(RANKS, default=-1, return_dtype=pl.Int32)
    dear = (pl.col("fund_payment_fen") / 100 >= pl.col("high_payment")).fill_null(value=True)
    by_score = (pl.col("score") >= threshold).fill_null(value=False) & dear
    known = decisions.join(high_payments, on="provider_id", how="left", maintain_order="left")
    chosen = known.filter((rank >= ALERT_FROM.rank) | by_score).with_columns(
        priority=(
            20.0 * rank.clip(0)
            + 20.0 * pl.col("score").fill_null(0.0)
            + 5.0 * (1 + pl.col("exposure_fen") / 100).log10()
        ).round(3),
    )
    worst_first = (
        hits.filter(pl.col("decision_id").is_in(chosen["decision_id"].implode()))
        .with_columns(rank=pl.col("severity").replace_strict(RANKS, return_dtype=pl.Int32))
        .sort(
            ["decision_id", "rank", "exposure_fen", "rule_id"],
            descending=[False, True, True, False],
            nulls_last=True,
        )
        .unique(["decision_id", "rule_id"], keep="first", maintain_order=True)
        .group_by("decision_id", maintain_order=True)
        .agg(
            pl.col("rule_id").str.join(" ").alias("rule_ids"),
            pl.col("rule_id").first().alias("worst"),
            pl.len().alias("rules"),
        )
    )
    zh = {rule: name[0] for rule, name in names.items()}
    en = {rule: name[1] for rule, name in names.items()}
    more = pl.col("rules") - 1
    score_text = (pl.col("score") * 100).round(0).cast(pl.Int64).cast(pl.String)
    joined = chosen.join(worst_first, on="decision_id", how="left", maintain_order="left")
    return joined.select(
        pl.col("decision_id")
        .map_elements(lambda d: identifier("alert", d), return_dtype=pl.String)
        .alias("alert_id"),
        "decision_id",
        "stay_id",
        "provider_id",
        pl.col("severity").fill_null(str(Severity.INFO)),
        "priority",
        "exposure_fen",
        "currency",
        "score",
        pl.col("rule_ids").fill_null(""),
        "admission_date",
        pl.when(pl.col("worst").is_null())
        .then(pl.format("机构欺诈概率{}%", score_text))
        .when(more > 0)
        .then(pl.format("{}，另有{}项", pl.col("worst").replace_strict(zh, default=None), more))
        .otherwise(pl.col("worst").replace_strict(zh, default=None))
        .alias("title_zh"),
        pl.when(pl.col("worst").is_null())
        .then(pl.format("Provider fraud probability {}%", score_text))
        .when(more > 0)
        .then(pl.format("{}, and {} more", pl.col("worst").replace_strict(en, default=None), more))
        .otherwise(pl.col("worst").replace_strict(en, default=None))
        .alias("title_en"),
    )
