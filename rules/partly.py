"""Judging claims part by part: what each cut of the claims gives to the next.

``facts.exchange`` says why. The cuts, in order:

1. ``beyond``: for every claim what is compared with claims of other patients, to be cut
   by ``KEYS`` and compared there (``compare``);
2. by patient: ``engine.judge`` with what was compared, and ``for_months``;
3. by hospital, twice: ``tell`` what the peers must know, then ``judge_months``;
4. by physician: ``judge_days``.

Put together they give what ``judge`` and ``judge_aggregates`` give over all claims at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

import polars as pl

from domain.tables import Tables
from drg import Settled
from rules.aggregates import Aggregated, judge_subjects, wanted_of
from rules.facts import Source, build, likeness, peers
from rules.facts.exchange import Part, give
from rules.facts.fact import STAY_UNITS
from rules.facts.period import ended_before, month_claims
from rules.facts.physician_day import acts
from rules.facts.provider_month import without_complications
from rules.facts.provider_people import chained
from rules.ruleset import RuleSet

KEYS: Final[dict[str, tuple[str, ...]]] = {
    "likeness": ("claim_type", "vector"),
    "peers": peers.ALIKE,
}
"""The columns that claims compared with each other share, by name of the comparison."""

_MONTH: Final = "provider_month"
_DAY: Final = "physician_day"


def beyond(ruleset: RuleSet, batch: Tables) -> dict[str, pl.DataFrame]:
    """Rows of the batch for each comparison that an active check of the rule set reads."""
    read = {name for names in wanted_of(ruleset, tuple(STAY_UNITS)).values() for name in names}
    source = Source(batch, reference=ruleset.reference)
    found = {}
    if read & {f.name for f in likeness.VECTOR}:
        rows = likeness.vectors(source).collect()
        found["likeness"] = rows.with_columns(vector=likeness.digests(rows["vector"]))
    if read & {f.name for f in peers.PEERS}:
        found["peers"] = peers.measured(source)
    return found


def compare(name: str, rows: pl.DataFrame) -> pl.DataFrame:
    """The facts of each claim (with ``stay_id``); all rows that share ``KEYS`` are there."""
    if name == "peers":
        return peers.place(rows)
    names = [f.name for f in likeness.VECTOR]
    return likeness.compare(rows.lazy()).select("stay_id", *names).collect()


def for_months(
    ruleset: RuleSet, batch: Tables, settled: Settled, upto: date
) -> dict[str, pl.DataFrame]:
    """What months and days are counted from, of patients whose claims are all in the batch."""
    seen = ended_before(batch, upto)
    source = Source(seen, settled=settled, reference=ruleset.reference)
    return {
        "month_claims": month_claims(source).collect(),
        "chained_stays": chained(source).collect(),
        "without_complications": without_complications(source).collect(),
        "physician_acts": acts(source).collect(),
    }


def tell(
    ruleset: RuleSet, hospitals: Tables, known: Mapping[str, pl.DataFrame]
) -> dict[str, pl.DataFrame]:
    """What other hospitals must know of these, whose claims (that ended) are all given."""
    part = Part(hospitals, reference=ruleset.reference)
    give(part, known)
    build(part, wanted_of(ruleset, (_MONTH,)))
    return part.told


def judge_months(
    ruleset: RuleSet,
    hospitals: Tables,
    known: Mapping[str, pl.DataFrame],
    others: Mapping[str, pl.DataFrame],
    upto: date,
) -> Aggregated:
    """Every check of a hospital's month over these hospitals, beside the ``others``."""
    part = Part(hospitals, reference=ruleset.reference, others=others)
    give(part, known)
    return judge_subjects(ruleset, part, upto=upto, units=(_MONTH,))


def judge_days(
    ruleset: RuleSet, parties: Tables, known: Mapping[str, pl.DataFrame], upto: date
) -> Aggregated:
    """Every check of a physician's day over the physicians whose acts are all given."""
    source = give(Source(parties, reference=ruleset.reference), known)
    return judge_subjects(ruleset, source, upto=upto, units=(_DAY,))
