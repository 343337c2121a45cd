"""Facts tables of the units that look at many stays: ``provider_month`` and ``physician_day``."""

from __future__ import annotations

from typing import Final

import polars as pl

from rules.facts import (
    period,
    physician_day,
    provider_charges,
    provider_month,
    provider_people,
    provider_trend,
)
from rules.facts.source import Source

PARTS: Final = (
    ("provider_month", provider_month.MONTH, provider_month.month),
    ("provider_month", provider_month.WEIGHTS, provider_month.weights),
    ("provider_month", provider_month.HEAP, provider_month.heap),
    ("provider_month", provider_month.SUBSTITUTION, provider_month.substitution),
    *(("provider_month", m.facts(), m.run) for m in provider_month.MEASURES),
    ("provider_month", provider_trend.TREND, provider_trend.trend),
    ("provider_month", provider_trend.OPENING, provider_trend.opening),
    ("provider_month", provider_trend.INDEX, provider_trend.index),
    ("provider_month", provider_trend.SEVERITY_MIX, provider_trend.severity_mix),
    ("provider_month", provider_trend.SPREAD, provider_trend.spread),
    ("provider_month", provider_trend.LOSS, provider_trend.loss),
    ("provider_month", provider_people.SHARED_MARKS, provider_people.shared_marks),
    ("provider_month", provider_people.COMPANIONS, provider_people.companions),
    ("provider_month", provider_people.CHAIN, provider_people.chain),
    ("provider_month", provider_people.CENSUS, provider_people.census),
    ("provider_month", provider_people.DOCTOR, provider_people.doctor),
    ("provider_month", provider_charges.BATCH, provider_charges.batch),
    ("provider_month", provider_charges.COPIES, provider_charges.copies),
    ("provider_month", provider_charges.BED_DAYS, provider_charges.bed_days),
    ("physician_day", physician_day.OPERATIONS, physician_day.operations),
    ("physician_day", physician_day.ANAESTHESIA, physician_day.anaesthesia),
    ("physician_day", physician_day.PRESENCE, physician_day.presence),
    ("physician_day", physician_day.CASELOAD, physician_day.caseload),
    ("physician_day", physician_day.REGISTER, physician_day.register),
)
"""(unit, facts, what computes them); ``table.BUILDERS`` takes them over."""

KEPT: Final = ("provider_id", "physician_id", "period_start", "claims")
"""What a facts table keeps of a subject beside date, region and currency."""

SUBJECTS: Final = {"provider_month": period.months, "physician_day": physician_day.days}
"""What names the subjects of a unit."""


def heads(source: Source, unit: str) -> pl.LazyFrame:
    """One row a subject: ``:subject_id``, provider, physician (or null), period, region, claims."""
    found = SUBJECTS[unit](source)
    if unit == "provider_month":
        found = found.with_columns(
            physician_id=pl.lit(None, pl.String), period_start=pl.col("month")
        )
    else:
        found = found.with_columns(period_start=pl.col("day"))
    return found.select(
        period.SUBJECT, "provider_id", "physician_id", "period_start", "period_end", "region_code",
        "currency", "claims",
    )  # fmt: skip
