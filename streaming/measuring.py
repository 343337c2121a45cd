"""What each inpatient stay measured: the rows (``MEASURES``) that the indicators are counted from.

Everything is taken from what judging computed already: the group and its price, and facts that
checks read. What is not known stays empty and is counted nowhere, never as 0.
"""

from __future__ import annotations

from typing import Final

import polars as pl

import drg
import rules
from domain.results import MEASURES
from domain.tables import Tables
from rules.facts import Source, build

READMITTED_DAYS: Final = 15
"""A stay that began so many days or fewer after the last one's discharge is a readmission."""

FACTS: Final = (
    "drug_cost_fen", "consumable_cost_fen", "has_prior_stay", "days_since_prior_stay",
    "prior_same_provider", "transferred_from_prior", "prior_stated_transfer", "prior_stated_plan",
)  # fmt: skip
"""The facts of stays that measuring reads."""

_PRICED: Final = (
    "stay_id", "scheme_code", "group_status", "group_code", "group_weight", "payment_case",
    "payment_standard_fen", "payment_fen", "payment_balance_fen",
)  # fmt: skip
_STAY: Final = (
    "stay_id", "provider_id", "claim_type", "currency", "attending_physician_id", "admission_date",
    "discharge_date", "discharge_department", "admission_department", "discharge_way", "death_date",
    "total_amount_fen",
)  # fmt: skip
_NO_GROUP: Final = ("ambiguous", "ungroupable")
_DIED: Final = "5"


def measure(
    batch: Tables, settled: drg.Settled, facts: pl.DataFrame | None, decisions: pl.DataFrame
) -> pl.DataFrame:
    """The rows of the batch's inpatient stays.

    ``facts`` has ``stay_id`` and the columns ``FACTS``, ``decisions`` ``stay_id`` and
    ``decision_id``; without facts, what they say is empty.
    """
    stays = pl.DataFrame(batch.stays.select(list(_STAY))).filter(
        pl.col("claim_type") == "inpatient"
    )
    if facts is None:
        facts = pl.DataFrame(schema={"stay_id": pl.String, **dict.fromkeys(FACTS, pl.Boolean)})
    joined = (
        stays.join(settled.priced.select(_PRICED), on="stay_id", how="left", maintain_order="left")
        .join(facts, on="stay_id", how="left", maintain_order="left")
        .join(decisions.select("stay_id", "decision_id"), on="stay_id", maintain_order="left")
    )
    status, total = pl.col("group_status"), pl.col("total_amount_fen")
    discharged, since = pl.col("discharge_date"), pl.col("days_since_prior_stay").cast(pl.Int64)
    expected = pl.any_horizontal(
        pl.col("transferred_from_prior", "prior_stated_transfer", "prior_stated_plan").fill_null(
            value=False
        )
    )
    return joined.with_columns(
        group_status=status.fill_null("not_grouped"),
        department=pl.coalesce("discharge_department", "admission_department"),
        grouped=pl.col("group_code").is_not_null() & ~status.is_in(_NO_GROUP),
        weight_e4=(pl.col("group_weight") * 10_000).cast(pl.Int64),
        balance_fen="payment_balance_fen",
        stay_days=pl.max_horizontal(
            (discharged - pl.col("admission_date")).dt.total_days(),
            pl.when(discharged.is_not_null()).then(1),
        ),
        drug_fen="drug_cost_fen",
        consumable_fen="consumable_cost_fen",
        over_standard=total > pl.col("payment_standard_fen"),
        readmitted=pl.when(~pl.col("has_prior_stay") | ~pl.col("prior_same_provider") | expected)
        .then(pl.lit(value=False))
        .otherwise(since.is_between(0, READMITTED_DAYS)),
        died=(
            (pl.col("discharge_way") == _DIED)
            | (pl.col("death_date") <= discharged).fill_null(value=False)
        ),
    ).select(column.name for column in MEASURES.columns)


def measure_stored(
    batch: Tables,
    decisions: pl.DataFrame,
    *,
    history: Tables,
    library: drg.Library,
    ruleset: rules.RuleSet,
) -> pl.DataFrame:
    """The rows of stored claims (``MEASURES``) whose decisions were made before anybody measured.

    ``decisions`` has ``stay_id`` and ``decision_id``. They are grouped and priced by the schemes
    of today; nothing is judged.
    """
    settled = drg.settle(batch, library)
    found = build(Source(batch, history, settled, ruleset.reference, {}), {"stay": FACTS})
    return measure(batch, settled, found["stay"].select("stay_id", *FACTS), decisions)
