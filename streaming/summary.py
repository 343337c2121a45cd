"""What a claim's verdicts and hits come to: letters, counts, money at stake, and a digest.

The same for the checks that decide and, beside them, for those on trial.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

import rules
from domain.results import SHADOW_DECISIONS, SHADOW_HITS, Verdict, identifier
from streaming.alerts import RANKS

_LETTERS: Final = np.array([ord(verdict.letter) for verdict in Verdict], dtype=np.uint8)
"""The letter of each verdict, by its number."""


@dataclass(frozen=True, slots=True)
class Shadow:
    """What the checks on trial said, with the columns of ``SHADOW_DECISIONS`` and ``SHADOW_HITS``."""

    decisions: pl.DataFrame
    hits: pl.DataFrame


def summarise(verdicts: pl.DataFrame, ids: Sequence[str]) -> pl.DataFrame:
    """``stay_id``, ``verdicts`` (one letter a check, in the order of ``ids``) and their counts."""
    values = verdicts.select(ids).to_numpy().astype(np.intp)
    width = len(ids)
    text = _LETTERS[values].tobytes().decode("ascii")
    return verdicts.select(
        "stay_id",
        verdicts=pl.Series(
            [text[start : start + width] for start in range(0, width * len(values), width)]
            if width
            else [""] * len(values),
            dtype=pl.String,
        ),
        hit_count=pl.Series((values == Verdict.HIT).sum(axis=1), dtype=pl.Int32),
        unknown_count=pl.Series((values == Verdict.UNKNOWN).sum(axis=1), dtype=pl.Int32),
    )


def identify(frame: pl.DataFrame, kind: str, columns: Sequence[str], *more: str) -> pl.Series:
    """The identifier of each row: of the columns' values, None as ``None``, and of what all share."""
    rows = zip(*(frame[name].cast(pl.String).fill_null("None") for name in columns), strict=True)
    return pl.Series([identifier(kind, *row, *more) for row in rows], dtype=pl.String)


def judge_shadow(ruleset: rules.RuleSet, judged: rules.Judged, decisions: pl.DataFrame) -> Shadow:
    """What the checks on trial said beside these decisions; empty if none is on trial.

    The identifier tells decision, checks and what they found: judged again with more history,
    they may find more, and that is another row.
    """
    empty = Shadow(
        pl.DataFrame(SHADOW_DECISIONS.arrow.empty_table()),
        pl.DataFrame(SHADOW_HITS.arrow.empty_table()),
    )
    trial, said = ruleset.shadow, judged.shadow
    if trial is None or said is None or not trial.ids:
        return empty
    found = (
        decisions.select("stay_id", "decision_id", "total_amount_fen", "fund_payment_fen")
        .join(summarise(said.verdicts, trial.ids), on="stay_id", how="left", maintain_order="left")
        .join(at_stake(said.hits, decisions), on="stay_id", how="left", maintain_order="left")
        .join(digest_hits(said.hits), on="stay_id", how="left", maintain_order="left")
        .with_columns(
            pl.lit(trial.sha256).alias("rules_sha256"), pl.col("exposure_fen").fill_null(0)
        )
    )
    parts = ("decision_id", "verdicts", "findings")
    found = found.with_columns(shadow_id=identify(found, "shadow", parts, trial.sha256))
    hits = said.hits.join(
        found.select("stay_id", "shadow_id"), on="stay_id", how="inner", maintain_order="left"
    )
    return Shadow(found, hits)


def at_stake(hits: pl.DataFrame, stays: pl.DataFrame) -> pl.DataFrame:
    """Worst severity and money a stay: lines of one check add up, one cause counts once.

    Causes add up to no more than the claim (``total_amount_fen`` of ``stays``, else
    ``fund_payment_fen``), since one payment can be lost only once; a cause that alone is
    more, such as the cost of other claims, keeps its amount.
    """
    worst = pl.col("severity").sort_by(
        pl.col("severity").replace_strict(RANKS, return_dtype=pl.Int8)
    )
    severity = hits.group_by("stay_id").agg(worst.last())
    money = (
        hits.group_by("stay_id", "cause", "rule_id")
        .agg(pl.col("exposure_fen").sum())
        .group_by("stay_id", "cause")
        .agg(pl.col("exposure_fen").max())
        .group_by("stay_id")
        .agg(pl.col("exposure_fen").sum(), largest=pl.col("exposure_fen").max())
        .join(
            stays.select("stay_id", claim=pl.coalesce("total_amount_fen", "fund_payment_fen")),
            on="stay_id",
            how="left",
        )
        .select(
            "stay_id",
            pl.when(pl.col("claim").is_null())
            .then("exposure_fen")
            .otherwise(pl.min_horizontal("exposure_fen", pl.max_horizontal("largest", "claim")))
            .alias("exposure_fen"),
        )
    )
    return severity.join(money, on="stay_id")


def digest_hits(hits: pl.DataFrame) -> pl.DataFrame:
    """Digest of a stay's hits with their facts and thresholds.

    It is part of the decision's identity: the same claim judged again with more history
    may find more, and that is another decision.
    """
    parts = pl.concat_str(
        ["rule_id", "subject_id", "thresholds", "facts", pl.col("exposure_fen").fill_null(-1)],
        separator="\x1f",
    )
    return (
        hits.select("stay_id", parts=parts)
        .sort("stay_id", "parts")
        .group_by("stay_id", maintain_order=True)
        .agg(pl.col("parts").str.join("\x1e"))
        .select(
            "stay_id",
            pl.col("parts")
            .map_elements(lambda text: identifier("findings", text), return_dtype=pl.String)
            .alias("findings"),
        )
    )
