"""US stays for tests: claims as ``msdrg`` writes them, turned into our tables, and a small pack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from domain.tables import Tables
from drg import schemes
from drg.schemes import Manifest, Scheme

SEX = {0: "1", 1: "2", 2: "9"}
PRESENT = {"Y": "1", "W": "2", "U": "3", "N": "4", None: None, " ": None}


def stay(stay_id: str, claim: Mapping[str, Any], **other: Any) -> dict[str, Any]:
    """A stay with its diagnoses and procedures, from a claim in msdrg's form.

    ``discharge_date`` of the claim is YYYYMMDD; ``other`` overrides columns of the stay.
    """
    number = claim["discharge_date"]
    day = date(number // 10_000, number // 100 % 100, number % 100)
    codes = [claim["pdx"], *claim.get("sdx", [])]
    return {
        "stay": {
            "stay_id": stay_id,
            "claim_version": 1,
            "claim_type": "inpatient",
            "time_zone": "America/New_York",
            "currency": "USD",
            "provider_id": "H1",
            "patient_id": f"P-{stay_id}",
            "sex": SEX[claim["sex"]],
            "age_years": claim["age"],
            "admission_date": day - timedelta(days=4),
            "discharge_date": day,
            "discharge_way": f"{claim['discharge_status']:02d}",
            "admission_diagnosis_code": claim.get("admit_dx", {}).get("code"),
            "diagnosis_system": "ICD-10-CM",
            "procedure_system": "ICD-10-PCS",
            **other,
        },
        "diagnoses": [
            {
                "stay_id": stay_id,
                "ordinal": place,
                "code": code["code"],
                "present_on_admission": PRESENT[code.get("poa")],
            }
            for place, code in enumerate(codes, start=1)
        ],
        "procedures": [
            {"stay_id": stay_id, "ordinal": place, "code": code["code"]}
            for place, code in enumerate(claim.get("procedures", []), start=1)
        ],
    }


def tables(stays: Iterable[dict[str, Any]]) -> Tables:
    """The stays as one batch."""
    listed = list(stays)
    columns = list({name: None for s in listed for name in s["stay"]})
    given = {"stays": pa.table({n: [s["stay"].get(n) for s in listed] for n in columns})}
    for name in ("diagnoses", "procedures"):
        rows = [row for s in listed for row in s[name]]
        if rows:
            given[name] = pa.Table.from_pylist(rows)
    return Tables.of(given)


def claim(**changes: Any) -> dict[str, Any]:
    """A heart failure of a man of 65 who went home on 2026-04-15, changed as told."""
    return {
        "version": 431,
        "discharge_date": 20260415,
        "age": 65,
        "sex": 0,
        "discharge_status": 1,
        "pdx": {"code": "I5020"},
        "sdx": [],
        "procedures": [],
    } | changes


def pack(
    folder: Path,
    *,
    groups: Iterable[dict[str, Any]] = (),
    rates: Mapping[str, Any] | None = None,
    hospitals: Iterable[dict[str, Any]] = (),
) -> Scheme:
    """A made-up pack of round figures; each row is changed as told."""
    when = {"effective_from": "2025-10-01", "effective_to": "2026-09-30", "source": "made up"}
    group = {
        "ms_drg": "291",
        "title_en": "HEART FAILURE",
        "weight": "1.5",
        "gmlos_days": "4.0",
        "amlos_days": "5.2",
        "post_acute_transfer": "true",
        "special_pay": "false",
        "transfer_exempt": "false",
        "burn": "false",
    }
    rate = {
        "update_category": "full",
        "labor_usd": "4000",
        "nonlabor_usd": "2000",
        "labor_low_usd": "3800",
        "nonlabor_low_usd": "2200",
        "capital_usd": "500",
        "labor_share": "0.66",
        "labor_low_share": "0.62",
        "gaf_exponent": "0.6848",
        "capital_cola_share": "0.3152",
        "fixed_loss_usd": "40000",
        "marginal_factor": "0.8",
        "burn_marginal_factor": "0.9",
    }
    hospital = {
        "provider_id": "H1",
        "update_category": "full",
        "wage_index": "1.1",
        "gaf": "1.05",
        "cola": "1",
        "operating_ime": "0.05",
        "operating_dsh": "0.03",
        "capital_ime": "0.02",
        "capital_dsh": "0.01",
        "uncompensated_usd": "250",
        "operating_ccr": "0.25",
        "capital_ccr": "0.02",
        "value_based_factor": "1.002",
        "readmission_factor": "0.995",
        "hac_reduction": "false",
    }
    schemes.write(
        folder,
        Manifest(
            code="ms_test",
            name_zh="测试",
            name_en="Test",
            engine="ms",
            version="43",
            effective_from=date(2025, 10, 1),
            effective_to=date(2026, 9, 30),
        ),
        {
            "ms_groups": _sheet(group | when | row for row in groups or [{}]),
            "ms_rates": _sheet([rate | when | dict(rates or {})]),
            "ms_hospitals": _sheet(hospital | when | row for row in hospitals or [{}]),
        },
    )
    return schemes.load(folder)


def _sheet(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    listed = [dict(row) for row in rows]
    return pl.DataFrame(
        listed, schema=dict.fromkeys({k: None for row in listed for k in row}, pl.String())
    )
