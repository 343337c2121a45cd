"""From claims to those behind them: physicians, hospitals, patients, and rings."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from graph_models.packed import Scored
from graph_models.stays.ground import number
from graph_models.stays.links import CROWD
from graph_models.stays.reading import Codes, Stays

PRIOR: Final = 10.0
"""Claims of the usual score that each party starts from: two claims alone make no bad physician."""
TIES: Final = ("patient", "phone", "bank_account", "address", "bill", "circle", "joint")
"""What ties claims into a ring."""
MOST_PEOPLE: Final = 30
"""What more people have in common ties nobody: a home's telephone, a hospital's own account."""
LEAST_PEOPLE: Final = 2


def parties(scored: Scored, stays: Stays, relation: str) -> pl.DataFrame:
    """How much of a party's claims is fraud by their scores, the largest share first.

    ``party_id``, ``claims``, ``expected`` (sum of the probabilities), ``share`` (that of a party of
    the size, drawn towards the share of all by ``PRIOR`` claims), ``at_risk_fen`` (sum of probability
    times total amount, in the hundredth of ``currency``). ``stays`` are those scored, in the
    order of the scores; ``relation`` is one of theirs.
    """
    usual = float(scored.scores.mean()) if len(scored) else 0.0
    return (
        pl.DataFrame(
            {
                "party_id": pl.Series(stays.keys[relation], dtype=pl.String),
                "score": scored.scores,
                "risk": _risk(scored.scores, stays),
            }
        )
        .drop_nulls("party_id")
        .group_by("party_id")
        .agg(claims=pl.len(), expected=pl.col("score").sum(), at_risk_fen=pl.col("risk").sum())
        .with_columns(
            share=(pl.col("expected") + PRIOR * usual) / (pl.col("claims") + PRIOR),
            currency=pl.lit(stays.habits.currency, pl.String),
        )
        .select("party_id", "claims", "expected", "share", "at_risk_fen", "currency")
        .sort(["share", "party_id"], descending=[True, False])
    )


def rings(scored: Scored, stays: Stays, *, least: float) -> pl.DataFrame:
    """Claims with a score of ``least`` or more that are tied together, most money at risk first.

    ``ring`` counts from 1; ``claims``, ``patients``, ``providers``, ``physicians`` count; ``expected``
    and ``at_risk_fen`` as for ``parties``; ``score`` is the mean of the claims'; ``ties`` names what they
    have in common; ``stay_ids`` and ``patient_ids`` say who. Fewer than two people are no ring.
    """
    _, codes = number(stays)
    chosen = np.flatnonzero(scored.scores >= least)
    person = codes["patient"][chosen]
    left, right, names = [], [], []
    for relation in TIES:
        code = codes[relation][chosen]
        there = np.flatnonzero(code >= 0)
        order = there[np.argsort(code[there], kind="stable")]
        same = code[order][1:] == code[order][:-1]
        people = _people(codes[relation], codes["patient"])
        small = people[code[order][1:]] <= (CROWD if relation == "joint" else MOST_PEOPLE)
        kept = np.flatnonzero(same & small)
        left.append(order[kept])
        right.append(order[kept + 1])
        # What two claims of one person have in common ties nobody.
        names += [relation if a else "" for a in person[order[kept]] != person[order[kept + 1]]]
    one, two = np.concatenate(left), np.concatenate(right)
    graph = sp.coo_array((np.ones(len(one)), (one, two)), shape=(len(chosen), len(chosen)))
    _, member = connected_components(graph, directed=False)
    ties = pl.DataFrame({"part": member[one], "tie": names}, schema_overrides={"tie": pl.String})
    table = pl.DataFrame(
        {
            "part": member,
            "stay_id": [stays.ids[i] for i in chosen],
            **{k: [stays.keys[k][i] for i in chosen] for k in ("patient", "provider", "physician")},
            "p": scored.scores[chosen],
            "risk": _risk(scored.scores, stays)[chosen],
        },
        schema_overrides={"physician": pl.String},
    )
    found = (
        table.group_by("part")
        .agg(
            claims=pl.len(),
            patients=pl.col("patient").n_unique(),
            providers=pl.col("provider").n_unique(),
            physicians=pl.col("physician").drop_nulls().n_unique(),
            expected=pl.col("p").sum(),
            at_risk_fen=pl.col("risk").sum(),
            score=pl.col("p").mean(),
            stay_ids=pl.col("stay_id").sort(),
            patient_ids=pl.col("patient").unique().sort(),
        )
        .filter(pl.col("patients") >= LEAST_PEOPLE)
        .join(
            ties.filter(pl.col("tie") != "")
            .group_by("part")
            .agg(ties=pl.col("tie").unique().sort()),
            on="part",
            how="left",
        )
        .sort(
            ["at_risk_fen", "expected", pl.col("stay_ids").list.first()],
            descending=[True, True, False],
        )
        .drop("part")
    )
    found = found.with_columns(currency=pl.lit(stays.habits.currency, pl.String))
    return found.with_row_index("ring", offset=1)


def _risk(scores: NDArray[np.float64], stays: Stays) -> Codes:
    """Probability times total amount of each claim, in whole fen."""
    return np.rint(scores * stays.amount_fen).astype(np.int64)


def _people(codes: Codes, patient: Codes) -> Codes:
    """How many patients each entity has."""
    there = codes >= 0
    pairs: Codes = np.unique(np.column_stack([codes[there], patient[there]]), axis=0)
    return np.bincount(pairs[:, 0], minlength=int(codes.max(initial=-1)) + 1)


def count_in(stays: Stays, relation: str, chosen: set[str]) -> dict[str, int]:
    """How many of the ``chosen`` claims each party has."""
    found: dict[str, int] = {}
    for stay, party in zip(stays.ids, stays.keys[relation], strict=True):
        if party is not None and stay in chosen:
            found[party] = found.get(party, 0) + 1
    return found
