"""A small made-up world of claims with known frauds: drives tests and benchmarks on any machine."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

import numpy as np
import polars as pl

from domain.tables import Tables

FIRST_DAY: Final = date(2024, 1, 1)
DAYS: Final = 180
_CODES: Final = [
    f"{letter}{n:02d}.{k}" for letter in "EIJKN" for n in range(10, 40, 3) for k in "019"
]
_OPERATIONS: Final = [f"{n:02d}.{k}" for n in range(30, 60, 3) for k in "13"]


def make_claims(
    providers: int = 60, *, fraud_share: float = 0.2, seed: int = 1, mean_claims: int = 25
) -> tuple[Tables, pl.DataFrame]:
    """Claims of ``providers`` hospitals over half a year, and their labels.

    Fraudulent hospitals keep patients longer, see the same patients again, send them
    to each other and copy code vectors; honest ones vary enough to overlap with them.
    Returns tables and ``provider_id, label``. The same arguments give the same rows.
    """
    rng = np.random.default_rng(seed)
    names = np.array([f"H{i:04d}" for i in range(providers)])
    fraud = np.zeros(providers, dtype=np.bool_)
    fraud[rng.permutation(providers)[: max(1, round(providers * fraud_share))]] = True
    counts = np.maximum(3, rng.poisson(mean_claims * np.where(fraud, 1.3, 1.0)))
    at = np.repeat(np.arange(providers), counts)
    n = len(at)
    bad = fraud[at] & (rng.random(n) < 0.6)

    # Frauds share a pool of patients; everyone else draws from the whole town.
    patient = np.where(bad, rng.integers(0, 40 + providers, n), rng.integers(0, 30 * providers, n))
    nights = np.where(bad, rng.poisson(9, n), rng.poisson(5, n))
    start = rng.integers(0, DAYS, n)
    payment = np.round(rng.lognormal(8.2 + 0.3 * bad, 0.6, n) * 100).astype(np.int64)
    physician = at * 6 + rng.integers(0, np.where(bad, 2, 6))
    principal = np.where(bad, rng.integers(0, 6, n), rng.integers(0, len(_CODES), n))

    birth = [date(1935, 1, 1) + timedelta(days=int(p) * 37 % 20000) for p in patient]
    stays = pl.DataFrame(
        {
            "stay_id": [f"S{i:06d}" for i in range(n)],
            "claim_version": np.ones(n, dtype=np.int32),
            "claim_type": np.where(rng.random(n) < 0.85, "inpatient", "outpatient"),
            "region_code": "330100",
            "time_zone": "Asia/Shanghai",
            "currency": "CNY",
            "provider_id": names[at],
            "patient_id": [f"P{p:06d}" for p in patient],
            "birth_date": birth,
            "admission_date": [FIRST_DAY + timedelta(days=int(s)) for s in start],
            "discharge_date": [
                FIRST_DAY + timedelta(days=int(s + k)) for s, k in zip(start, nights, strict=True)
            ],
            "attending_physician_id": [f"D{p:05d}" for p in physician],
            "diagnosis_system": "ICD-10-CN",
            "procedure_system": "ICD-9-CM-3-CN",
            "fund_payment_fen": payment,
            "total_amount_fen": (payment * 14) // 10,
        }
    )
    further = np.where(bad, 2, rng.integers(0, 5, n))
    diagnoses = pl.DataFrame(
        [
            (f"S{i:06d}", k + 1, _CODES[(int(principal[i]) + 7 * k) % len(_CODES)])
            for i in range(n)
            for k in range(int(further[i]) + 1)
        ],
        schema={"stay_id": pl.String, "ordinal": pl.Int32, "code": pl.String},
        orient="row",
    )
    operated = np.flatnonzero(rng.random(n) < 0.4)
    procedures = pl.DataFrame(
        {
            "stay_id": [f"S{i:06d}" for i in operated],
            "ordinal": np.ones(len(operated), dtype=np.int32),
            "code": [_OPERATIONS[int(principal[i]) % len(_OPERATIONS)] for i in operated],
        }
    )
    tables = Tables.of(
        {
            "stays": stays.to_arrow(),
            "diagnoses": diagnoses.to_arrow(),
            "procedures": procedures.to_arrow(),
        }
    )
    return tables, pl.DataFrame({"provider_id": names, "label": fraud})
