"""Judging claims part by part: what each cut of the claims gives to the next.

``facts.exchange`` says why. The cuts, in order:

1. ``beyond``: for every claim what is compared with claims of other patients, to be cut
   by ``KEYS`` and compared there (``compare``);
2. by patient: ``engine.judge`` with what was compared, and ``for_months``;
3. by hospital, twice: ``tell`` what the peers must know, then ``judge_months``;
4. by physician: ``judge_days``.

Put together they give what ``judge`` and ``judge_aggregates`` give over all claims at once.
Frames of 2. and 3. are computed once for each edition of the reference tables that the
claims' days of service span (``editions``), nearly always one; their names begin with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Final

import polars as pl

from domain.tables import Tables
from drg import Settled
from rules.aggregates import Aggregated, judge_subjects, wanted_of
from rules.codebooks import Edition
from rules.facts import Source, likeness, peers, table
from rules.facts.dating import editions_between
from rules.facts.exchange import Part
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
_MARK: Final = " of "

Frames = Mapping[str, pl.DataFrame]


def beyond(ruleset: RuleSet, batch: Tables) -> dict[str, pl.DataFrame]:
    """Rows of the batch for each comparison that a check of the rule set reads."""
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


def editions(ruleset: RuleSet, first: date, last: date) -> list[Edition]:
    """The editions of the reference tables on the days of service from ``first`` to ``last``."""
    return editions_between(ruleset.reference, first, last)


def for_months(
    batch: Tables, settled: Settled, upto: date, editions: Sequence[Edition]
) -> dict[str, pl.DataFrame]:
    """What months and days are counted from, of patients whose claims are all in the batch."""
    seen = ended_before(batch, upto)
    found = {}
    for edition in editions:
        source = Source(seen, settled=settled, reference=edition)
        for name, rows in (
            ("month_claims", month_claims(source)),
            ("chained_stays", chained(source)),
            ("without_complications", without_complications(source)),
            ("physician_acts", acts(source)),
        ):
            found[named(edition, name)] = rows.collect()
    return found


def tell(
    ruleset: RuleSet, hospitals: Tables, known: Frames, editions: Sequence[Edition]
) -> dict[str, pl.DataFrame]:
    """What other hospitals must know of these, whose claims (that ended) are all given."""
    told: dict[str, pl.DataFrame] = {}
    for edition in editions:
        part = Part(hospitals, reference=edition, known=_of(edition, known))
        table.build(part, wanted_of(ruleset, (_MONTH,)))
        told |= {named(edition, name): rows for name, rows in part.told.items()}
    return told


def judge_months(
    ruleset: RuleSet,
    hospitals: Tables,
    known: Frames,
    *,
    others: Frames,
    upto: date,
    editions: Sequence[Edition],
) -> Aggregated:
    """Every check of a hospital's month over these hospitals, beside the ``others``."""
    sources = [
        Part(hospitals, reference=e, known=_of(e, known), others=_of(e, others)) for e in editions
    ]
    return _judge(ruleset, sources, upto, _MONTH)


def judge_days(
    ruleset: RuleSet, parties: Tables, known: Frames, upto: date, editions: Sequence[Edition]
) -> Aggregated:
    """Every check of a physician's day over the physicians whose acts are all given."""
    sources = [Source(parties, reference=e, known=_of(e, known)) for e in editions]
    return _judge(ruleset, sources, upto, _DAY)


def named(edition: Edition, name: str) -> str:
    """The name of a frame computed with an edition."""
    return f"{edition.day.isoformat()}{_MARK}{name}"


def plain(name: str) -> str:
    """The name of a frame without its edition."""
    return name.rpartition(_MARK)[2]


def _of(edition: Edition, frames: Frames) -> dict[str, pl.DataFrame]:
    """The frames of an edition under their plain names."""
    start = named(edition, "")
    return {n.removeprefix(start): rows for n, rows in frames.items() if n.startswith(start)}


def _judge(ruleset: RuleSet, sources: Sequence[Source], upto: date, unit: str) -> Aggregated:
    """Each subject by the edition of the last day of its period."""
    made = []
    for place, source in enumerate(sources):
        judged = judge_subjects(ruleset, source, upto=upto, units=(unit,))
        if len(sources) == 1:
            return judged
        first = _day(source) if place else date.min
        end = _day(sources[place + 1]) if place + 1 < len(sources) else upto + timedelta(days=1)
        mine = (pl.col("period_end") >= first) & (pl.col("period_end") < end)
        made.append(_filtered(judged, mine))
    return _joined(made)


def _day(source: Source) -> date:
    assert isinstance(source.reference, Edition)  # noqa: S101 - made with one above
    return source.reference.day


def _filtered(judged: Aggregated, rows: pl.Expr) -> Aggregated:
    shadow = None if judged.shadow is None else _filtered(judged.shadow, rows)
    return Aggregated(judged.verdicts.filter(rows), judged.findings.filter(rows), shadow)


def _joined(made: Sequence[Aggregated]) -> Aggregated:
    order = ("unit", "subject_id", "rule_id")
    shadows = [one.shadow for one in made if one.shadow is not None]
    return Aggregated(
        pl.concat(one.verdicts for one in made).sort(order),
        pl.concat(one.findings for one in made).sort(order),
        _joined(shadows) if shadows else None,
    )
