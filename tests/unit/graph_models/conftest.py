from datetime import date

import polars as pl
import pytest

from domain.tables import Tables

STAY = {
    "claim_version": 1, "claim_type": "inpatient", "time_zone": "Asia/Shanghai", "currency": "CNY",
    "diagnosis_system": "ICD-10-CN", "procedure_system": "ICD-9-CM-3-CN", "patient_id": "P1",
    "provider_id": "H0001", "admission_date": date(2024, 1, 1), "discharge_date": date(2024, 1, 5),
}  # fmt: skip


def make_stays(*rows, diagnoses=()):
    types = {"discharge_date": pl.Date, "settlement_end_date": pl.Date, "death_date": pl.Date}
    table = pl.DataFrame(
        [STAY | {"stay_id": f"X{i}"} | r for i, r in enumerate(rows)], infer_schema_length=None
    )
    table = table.with_columns(pl.col(c).cast(t) for c, t in types.items() if c in table.columns)
    given = {"stays": table.to_arrow()}
    if diagnoses:
        given["diagnoses"] = pl.DataFrame(
            diagnoses, schema=["stay_id", "ordinal", "code"], orient="row"
        ).to_arrow()
    return Tables.of(given)


@pytest.fixture(scope="session")
def stays():
    """Builds tables of a few stays, each given by what differs from an ordinary one."""
    return make_stays
