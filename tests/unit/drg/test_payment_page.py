"""The examples of docs/payment.md are paid by the terms of docs/payment.md."""

from __future__ import annotations

import csv
import re
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from drg.payment_terms.terms import NAMES
from tests.payment_packs import pay_one, scheme_with
from tests.rules_claims import charge, stay, tables

ITEM = "XL01FC0001"


def fen(yuan: str) -> int | None:
    return int(Decimal(yuan) * 100) if yuan else None


def test_every_example_is_paid_as_the_page_says(root: Path) -> None:
    page = (root / "docs" / "payment.md").read_text(encoding="utf-8")
    blocks = dict(re.findall(r"```csv (\w+)\n(.*?)```", page, re.DOTALL))
    assert set(blocks) == set(NAMES), "the page shows every table of payment"
    scheme = scheme_with(
        **{name: list(csv.DictReader(text.splitlines())) for name, text in blocks.items()}
    )
    lines = page.split("## Examples")[1].split("\n## ")[0].splitlines()
    head, _, *rows = [line.strip("|").split("|") for line in lines if line.startswith("|")]
    examples = [
        dict(zip([h.strip() for h in head], [c.strip() for c in row], strict=True)) for row in rows
    ]
    assert {e["case"] for e in examples} == {"standard", "low_outlier", "high_outlier", "day_rate"}
    for example in examples:
        days = int(example["days"])
        claim = stay(
            "S1",
            region_code="330106",
            insurance_type=example["insurance"],
            provider_id=example["hospital"],
            provider_level=example["level"],
            total_amount_fen=fen(example["total"]),
            admission_date=date(2024, 6, 30) - timedelta(days=days),
            discharge_date=date(2024, 6, 30),
        )
        charges = [charge("S1", "L1", "OTHER")]
        if example["beside"]:
            charges.append(charge("S1", "L2", ITEM, amount_fen=fen(example["beside"])))
        row = pay_one(scheme, tables([claim], charges=charges), example["group"])
        assert {
            "case": row["payment_case"],
            "standard": row["payment_standard_fen"],
            "payment": row["payment_fen"],
            "balance": row["balance_fen"],
            "review": row["review_reasons"],
        } == {
            "case": example["case"],
            "standard": fen(example["standard"]),
            "payment": fen(example["payment"]),
            "balance": fen(example["balance"]),
            "review": example["review"],
        }, example
