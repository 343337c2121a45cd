"""Whose claims a score rests on, by exact ablation: take them away, score again.

No mask is learned and nothing is drawn: the same claims give the same answer in every run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

import polars as pl
import pyarrow as pa

from domain.tables import Tables
from explain.reasons import MIN_RAISE, MOST
from graph_models import Artifact, cut

TRIED: Final = 5
"""People of a kind whose claims are taken away in turn: each costs a whole scoring, one to two
seconds on 40,000 claims, and beyond the busiest the effects fell below ``MIN_RAISE``."""
_PEOPLE: Final = {
    "physician": ("attending_physician_id", "operating_physician_id", "other_physician_id"),
    "patient": ("patient_id",),
}


@dataclass(frozen=True, slots=True)
class Group:
    """The claims of one provider with one person, and the fall of the score without them."""

    kind: str
    member_id: str
    stay_ids: tuple[str, ...]
    fall: float


@dataclass(frozen=True, slots=True)
class Because:
    """A provider's score, the people it rests on, and its fall without all of their claims."""

    provider_id: str
    score: float
    groups: tuple[Group, ...]
    together: float


@dataclass(frozen=True, slots=True)
class Scorer:
    """Scores one provider again and again from the claims complete before ``upto``.

    Verdicts on the claims that stay are taken as they were judged. A table given with
    ``extra``, or stored with the model, stays: nobody knows which of its numbers came from
    which claim.
    """

    artifact: Artifact
    tables: Tables
    verdicts: pl.DataFrame | None
    upto: date
    extra: pl.DataFrame | None = None
    device: str = "cpu"

    def score(self, provider_id: str, without: Iterable[str] = ()) -> float:
        """The score without the given stays; NaN where nothing of the provider is left."""
        gone = set(without)
        tables, verdicts = self.tables, self.verdicts
        if gone:
            stays = tables.stays["stay_id"].to_pylist()
            kept = pa.array([s for s in stays if s not in gone], pa.string())
            tables = tables.select(kept)
            if verdicts is not None:
                verdicts = verdicts.filter(~pl.col("stay_id").is_in(list(gone)))
        scored = self.artifact.score(
            tables, verdicts, upto=self.upto, extra=self.extra, device=self.device
        ).select([provider_id])
        return float(scored.scores[0]) if len(scored) else float("nan")

    def claims(self, provider_id: str) -> pl.DataFrame:
        """The provider's claims complete before ``upto``, sorted by stay."""
        stays = pl.DataFrame(cut(self.tables, self.upto).stays)
        people = [c for columns in _PEOPLE.values() for c in columns]
        own = stays.filter(pl.col("provider_id") == provider_id)
        return own.select("stay_id", *people).sort("stay_id")


def because(scorer: Scorer, provider_id: str) -> Because:
    """At most four people whose claims raise the score, by how much it falls without them.

    Tried are the ``TRIED`` physicians and patients with the most claims here. A person is
    named from a fall of ``MIN_RAISE`` on; one on all claims is not, since nothing is left.
    """
    claims = scorer.claims(provider_id)
    score = scorer.score(provider_id)
    found = []
    for kind, columns in _PEOPLE.items():
        each = (
            claims.unpivot(on=columns, index="stay_id", value_name="member_id")
            .drop_nulls("member_id")
            .select("stay_id", "member_id")
            .unique()
            .group_by("member_id")
            .agg(pl.len().alias("n"), pl.col("stay_id").sort())
            .filter(pl.col("n") < claims.height)
            .sort(["n", "member_id"], descending=[True, False])
        )
        for member, _, stays in each.head(TRIED).iter_rows():
            fall = score - scorer.score(provider_id, stays)
            found.append(Group(kind, member, tuple(stays), fall))
    leading = sorted(found, key=lambda g: (-g.fall, g.kind, g.member_id))
    named = tuple(g for g in leading[:MOST] if g.fall >= MIN_RAISE)
    together = 0.0
    if named:
        gone = sorted({s for g in named for s in g.stay_ids})
        rest = scorer.score(provider_id, gone)
        # Nothing left to score: all of it rested on them.
        together = score if math.isnan(rest) else score - rest
    return Because(provider_id, score, named, together)
