"""A stay with a bill of items and quantities, and the mark that reading gives the bill."""

from datetime import date
from decimal import Decimal

import polars as pl

from domain.tables import Tables
from graph_models.stays.reading import read


def bill(lines):
    stay = {
        "stay_id": "S", "claim_version": 1, "claim_type": "inpatient", "time_zone": "Asia/Shanghai",
        "currency": "CNY", "diagnosis_system": "ICD-10-CN", "procedure_system": "ICD-9-CM-3-CN",
        "patient_id": "P1", "provider_id": "H1", "admission_date": date(2024, 1, 1),
        "discharge_date": date(2024, 1, 5),
    }  # fmt: skip
    charges = [
        {
            "stay_id": "S", "line_id": f"L{n}", "item_code": item, "category": "09",
            "quantity": Decimal(str(quantity)), "unit_price": Decimal(1), "amount_fen": 100,
            "charge_date": date(2024, 1, 2),
        }
        for n, (item, quantity) in enumerate(lines)
    ]  # fmt: skip
    tables = Tables.of(
        {"stays": pl.DataFrame([stay]).to_arrow(), "charges": pl.DataFrame(charges).to_arrow()}
    )
    return read(tables, upto=date(2024, 2, 1)).keys["bill"][0]
