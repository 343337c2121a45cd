"""Where a label comes from: lists of providers, people's reviews, and checks as weak labels.

The three are kept apart (``source``) and weighted; each knows only what was known before an
instant, and none has a default for it. Weak labels teach and never judge: metrics,
calibration and threshold read the others alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final

import polars as pl

from domain.errors import SentinelError
from domain.results import Verdict
from domain.review import Review
from domain.tables import Tables
from graph_models.window import cut, frame

LIST, REVIEW, CHECK = "list", "review", "check"
TRUST: Final = (LIST, REVIEW, CHECK)
"""Of several sources on one provider the first here counts."""
WEAK_WEIGHT: Final = 0.1
"""A weak label weighs a tenth of a listed one: a check's hit is a question, not an answer. Not tuned."""
PRIOR_REVIEWS: Final = 2.0
"""Undecided reviews that every provider starts with, so that one review is not a verdict on a hospital."""
WEAK_SHARE: Final = 0.05
"""Part of the providers, by share of claims hit, that checks call suspicious."""
WEAK_CLAIMS: Final = 20
"""Judged claims without any hit from which checks call a provider unsuspicious."""
AT_FAULT: Final = ("violation", "coding-error", "charging-error")
"""Reasons of a confirmed review that are the provider's; wrong data sent or another reason are not."""
COLUMNS: Final = {
    "provider_id": pl.String, "label": pl.Boolean, "weight": pl.Float64, "source": pl.String,
}  # fmt: skip


def listed(labels: pl.DataFrame, *, before: date) -> pl.DataFrame:
    """Labels of a list, weight 1; where it has ``known_on``, only those known before the day.

    A list without ``known_on`` has no dates: whoever gives it vouches that it knows nothing
    later. A row whose ``known_on`` is empty is left out, since it may be later.
    """
    kept = labels
    if "known_on" in labels.columns:
        kept = labels.filter((pl.col("known_on") < before).fill_null(value=False))
    return _shaped(kept.select("provider_id", "label", weight=pl.lit(1.0)), LIST)


def reviewed(
    reviews: Iterable[Review],
    tables: Tables,
    *,
    before: datetime,
    findings: Mapping[str, str] | None = None,
) -> pl.DataFrame:
    """A label for each provider on whom more reviews point one way than the other.

    Only reviews made before the instant; of several on one thing and check the last of these.
    Confirmed ones point to fraud where the reason is the provider's (``AT_FAULT``), those not
    confirmed away from it. Weight: |for - against| / (for + against + ``PRIOR_REVIEWS``).
    Stays find their provider in ``tables``; ``findings`` names that of a month's or day's
    finding. Reviews of things found in neither are left out. SentinelError for ``before``
    without its zone.
    """
    if before.tzinfo is None:
        raise SentinelError(
            "the instant has no time zone",
            where="graph_models.sources.reviewed, before",
            cure="Give it with its zone: reviews are made at instants, not on local clocks.",
        )
    stays = frame(tables, "stays").select("stay_id", "provider_id")
    owner = {("stay", s): p for s, p in stays.iter_rows()}
    owner |= {("finding", f): p for f, p in (findings or {}).items()}
    last: dict[tuple[tuple[str, str | None], str], Review] = {}
    for one in sorted(reviews, key=lambda r: (r.reviewed_at, r.review_id)):
        if one.reviewed_at < before:
            subject = ("stay", one.stay_id) if one.stay_id else ("finding", one.finding_id)
            last[subject, one.rule_id] = one
    votes: dict[str, list[int]] = {}
    for (subject, _), one in last.items():
        provider = owner.get((subject[0], str(subject[1])))
        vote = _vote(one)
        if provider is not None and vote:
            votes.setdefault(provider, []).append(vote)
    rows = [
        (provider, sum(cast) > 0, abs(sum(cast)) / (len(cast) + PRIOR_REVIEWS))
        for provider, cast in sorted(votes.items())
        if sum(cast)
    ]
    table = pl.DataFrame(
        rows, schema={k: COLUMNS[k] for k in ("provider_id", "label", "weight")}, orient="row"
    )
    return _shaped(table, REVIEW)


def reviewed_claims(reviews: Iterable[Review]) -> pl.DataFrame:
    """``stay_id, label, known_on`` of what people concluded of claims' findings, by the last review of each.

    A claim is fraudulent where one of its findings was confirmed for a reason that is the
    provider's, and not where all that say anything say no. It is known from the day after the last review
    on, wherever that day begins first.
    """
    last: dict[tuple[str, str], Review] = {}
    for one in sorted(reviews, key=lambda r: (r.reviewed_at, r.review_id)):
        if one.stay_id:
            last[one.stay_id, one.rule_id] = one
    found: dict[str, tuple[bool, date]] = {}
    for (stay, _), one in sorted(last.items()):
        vote = _vote(one)
        if vote:
            day = (one.reviewed_at.astimezone(UTC) + timedelta(days=1)).date()
            label, since = found.get(stay, (False, day))
            found[stay] = (label or vote > 0, max(since, day))
    rows = [(stay, label, day) for stay, (label, day) in sorted(found.items())]
    schema = {"stay_id": pl.String, "label": pl.Boolean, "known_on": pl.Date}
    return pl.DataFrame(rows, schema=schema, orient="row")


def weak(
    tables: Tables, verdicts: pl.DataFrame, checks: Collection[str], *, upto: date
) -> pl.DataFrame:
    """Weak labels of checks on the claims complete before ``upto``.

    Suspicious are the ``WEAK_SHARE`` of providers with the largest share of claims hit by one
    of ``checks`` (some hit, and at least ``WEAK_CLAIMS`` claims judged), unsuspicious those
    without any hit; all others stay unlabelled. ``verdicts`` must know no later claim.
    """
    stays = frame(cut(tables, upto), "stays").select("stay_id", "provider_id")
    named = sorted(set(checks) & set(verdicts.columns))
    if not named:
        return _shaped(pl.DataFrame(schema=COLUMNS).drop("source"), CHECK)
    known = [pl.col(c).is_in([int(Verdict.PASS), int(Verdict.HIT)]) for c in named]
    each = (
        verdicts.select(
            "stay_id",
            judged=pl.any_horizontal(known),
            hit=pl.any_horizontal(pl.col(c) == int(Verdict.HIT) for c in named),
        )
        .join(stays, on="stay_id")
        .filter("judged")
        .group_by("provider_id")
        .agg(claims=pl.len(), share=pl.col("hit").mean())
        .filter(pl.col("claims") >= WEAK_CLAIMS)
        .sort(["share", "provider_id"], descending=[True, False])
    )
    most = round(WEAK_SHARE * each.height)
    suspicious = each.head(most).filter(pl.col("share") > 0)
    clean = each.filter(pl.col("share") == 0)
    table = pl.concat(
        [
            suspicious.select("provider_id", label=pl.lit(value=True)),
            clean.select("provider_id", label=pl.lit(value=False)),
        ]
    ).with_columns(weight=pl.lit(WEAK_WEIGHT))
    return _shaped(table, CHECK)


def combine(*parts: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """One label a provider, from the most trusted source that has one; and how many others disagree."""
    rank = {source: place for place, source in enumerate(TRUST)}
    every = pl.concat(parts).with_columns(
        trust=pl.col("source").replace_strict(rank, return_dtype=pl.Int64)
    )
    every = every.sort("provider_id", "trust")
    first = every.unique("provider_id", keep="first", maintain_order=True)
    disagreeing = every.join(first, on="provider_id", suffix="_first").filter(
        pl.col("label") != pl.col("label_first")
    )
    return first.select(*COLUMNS), disagreeing.height


def _vote(review: Review) -> int:
    if review.outcome in ("confirmed", "partly"):
        return 1 if review.reason in AT_FAULT else 0
    return -1 if review.outcome == "not_confirmed" else 0


def _shaped(table: pl.DataFrame, source: str) -> pl.DataFrame:
    return table.with_columns(source=pl.lit(source, pl.String)).select(
        pl.col(name).cast(kind) for name, kind in COLUMNS.items()
    )
