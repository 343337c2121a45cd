"""Payment over random terms and stays: against a plain reading, and what must always hold."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drg import payment_terms
from tests.payment_oracle import pay_stay
from tests.payment_packs import scheme_with
from tests.rules_claims import charge, stay, tables

Row = dict[str, Any]
REGIONS = ("11", "1101", "1101", "110105", "33")
PERIODS = (
    (date(2024, 1, 1), date(2024, 6, 30)),
    (date(2024, 7, 1), date(2024, 12, 31)),
    (date(2025, 1, 1), None),
)
SCOPES: dict[str, tuple[str | None, ...]] = {
    "insurance_type": (None, None, "310", "390"),
    "level": (None, None, "2", "3"),
    "provider_id": (None, None, "H1"),
    "group_code": (None, None, "BR15", "BR1", "BR2", "BR25"),
}


def dice_of(seed: int) -> random.Random:
    return random.Random(seed)


def rows_of(dice: random.Random, scopes: tuple[str, ...], count: int, **cells: Any) -> list[Row]:
    """Rows of different scopes, each over one period or several, the first often the broadest."""
    found: dict[tuple[Any, ...], Row] = {}
    if count and dice.random() < 0.7:
        found[()] = {"region_code": "11", **dict.fromkeys(scopes)}
    for _ in range(count):
        row = {"region_code": dice.choice(REGIONS)}
        row |= {name: dice.choice(SCOPES[name]) for name in scopes}
        if row not in found.values():
            found[tuple(row.values())] = row
    rows = []
    for row in found.values():
        whole = [(PERIODS[0][0], None)]
        for first, last in dice.choice((whole, dice.sample(PERIODS, 2))):
            period = {"effective_from": first, "effective_to": last}
            rows.append(row | period | {name: make() for name, make in cells.items()})
    return rows


def made_terms(dice: random.Random) -> dict[str, list[Row]]:
    def number(low: float, high: float, places: int) -> Decimal:
        return Decimal(dice.randint(int(low * 10**places), int(high * 10**places))).scaleb(-places)

    outliers = []
    for row in rows_of(dice, ("insurance_type", "level", "group_code"), dice.randint(0, 6)):
        for kind in dice.sample(("high", "low"), dice.randint(1, 2)):
            for up_to in dice.sample((Decimal(1), Decimal(2), None), dice.randint(1, 3)):
                basis = dice.choice(("standard", "mean_cost", "yuan"))
                high = kind == "high"
                outliers.append(row | {
                    "kind": kind,
                    "weight_up_to": up_to,
                    "line_basis": basis,
                    "multiple": None if basis == "yuan" else number(0.5, 2, 4) if high else number(0, 0.9, 4),
                    "line_yuan": number(0, 20_000, 2) if basis == "yuan" else None,
                    "pays": dice.choice(("cost", "standard", "excess") if high else ("cost", "standard")),
                    "factor": number(0, 2, 4),
                    "cap_multiple": dice.choice((None, number(0, 3, 4))),
                })  # fmt: skip
    day_rates = []
    for row in rows_of(dice, tuple(SCOPES), dice.choice((0, 0, 1, 2))):
        row |= {
            "min_days": dice.choice((None, 5, 12)),
            "cap_yuan": dice.choice((None, number(0, 9_000, 2))),
            "cap_at_cost": dice.choice((True, False)),
        }
        day_rates += [
            row | {"from_day": from_day, "day_rate_yuan": number(0, 900, 2)}
            for from_day in (1, *dice.sample((3, 8, 20), dice.randint(0, 3)))
        ]
    excluded = []
    for row in rows_of(dice, ("insurance_type",), dice.randint(0, 3)):
        by = dice.choice(("item_code", "category"))
        value = "09" if by == "category" else dice.choice("AB")
        excluded.append(row | {by: value, "share": number(0, 1, 4)})
    weights = {
        (group, region, first): {
            "group_code": group, "region_code": region, "effective_from": first, "effective_to": last,
            "weight": number(0, 2.5, 4), "mean_cost_yuan": number(0, 20_000, 2),
        }
        for group in ("BR15", "BR13", "BR25", "BR2")
        for region in (None, "1101")
        for first, last in PERIODS
        if dice.random() < 0.8
    }  # fmt: skip
    return {
        "weights": list(weights.values()),
        "base_rates": rows_of(dice, ("insurance_type",), 6, base_rate_yuan=lambda: number(0, 15_000, 4)),
        "hospital_rates": [
            r for r in rows_of(
                dice, ("insurance_type", "level", "provider_id"), dice.randint(0, 3),
                base_rate_yuan=lambda: number(0, 15_000, 4),
            ) if r["level"] or r["provider_id"]
        ],
        "level_coefficients": rows_of(
            dice, ("level", "provider_id", "group_code"), dice.choice((0, 0, 5)),
            coefficient=lambda: number(0, 2, 6),
        ),
        "outliers": outliers,
        "day_rates": day_rates,
        "excluded_items": excluded,
    }  # fmt: skip


def sheets(terms: dict[str, list[Row]]) -> dict[str, list[Row] | None]:
    """The same terms as the rows of a pack."""
    packed: dict[str, list[Row] | None] = dict(terms)
    packed["day_rates"] = [
        {**r, "cap_at_cost": str(r["cap_at_cost"]).lower()} for r in terms["day_rates"]
    ]
    packed["excluded_items"] = [
        {k: v for k, v in r.items() if k not in {"item_code", "category"}}
        | {
            "by": "item" if "item_code" in r else "category",
            "value": r.get("item_code") or r["category"],
        }
        for r in terms["excluded_items"]
    ]
    return packed


def made_claim(dice: random.Random, number: int) -> Row:
    first, last = dice.choice(PERIODS)
    edges = [first, last or first, first - timedelta(days=1), first + timedelta(days=40)]
    group, adrg = dice.choice((("BR15", "BR1"), ("BR13", "BR1"), ("BR25", "BR2"), ("BR2", "BR2")))
    charges = [(dice.choice("ABC"), dice.randint(1, 90_000)) for _ in range(dice.randint(1, 3))]
    return {
        "stay_id": f"S{number}",
        "date": dice.choice(edges),
        "days": dice.randint(0, 30),
        "region_code": dice.choice(("110100", "110100", "110105", "110200", "330100")),
        "insurance_type": dice.choice((None, "310", "390")),
        "provider_id": dice.choice(("H1", "H2")),
        "level": dice.choice(("1", "2", "3")),
        "group_code": group,
        "adrg": adrg,
        "charges": charges,
        "total": sum(fen for _, fen in charges) + dice.randint(0, 1 << dice.randint(14, 25)),
    }


def pay(claims: list[Row], packed: dict[str, list[Row] | None]) -> pl.DataFrame:
    batch = tables(
        [
            stay(c["stay_id"], total_amount_fen=c["total"], provider_level=c["level"],
                 admission_date=c["date"] - timedelta(days=c["days"]), discharge_date=c["date"],
                 **{k: c[k] for k in ("region_code", "insurance_type", "provider_id")})
            for c in claims
        ],
        charges=[
            charge(c["stay_id"], f"L{n}", item, amount_fen=fen, category="09")
            for c in claims
            for n, (item, fen) in enumerate(c["charges"])
        ],
    )  # fmt: skip
    asked = pl.DataFrame([{k: c[k] for k in ("stay_id", "group_code", "adrg")} for c in claims])
    return payment_terms.pay(asked, batch, scheme_with(**packed))


@settings(max_examples=40)
@given(st.integers(0, 2**32))
@example(3)
def test_every_stay_is_paid_as_the_plain_reading_pays_it(seed: int) -> None:
    dice = dice_of(seed)
    terms = made_terms(dice)
    claims = [made_claim(dice, number) for number in range(40)]
    paid = pay(claims, sheets(terms))
    read = {**terms, "rates": [*terms["base_rates"], *terms["hospital_rates"]]}
    for claim, row in zip(claims, paid.to_dicts(), strict=True):
        expected = pay_stay(claim, read)
        assert {name: row[name] for name in expected} == expected, claim


def test_the_plain_reading_meets_every_case_often() -> None:
    seen: dict[str | None, int] = {}
    for seed in range(12):
        dice = dice_of(seed)
        terms = made_terms(dice)
        read = {**terms, "rates": [*terms["base_rates"], *terms["hospital_rates"]]}
        for number in range(40):
            case = pay_stay(made_claim(dice, number), read)["payment_case"]
            seen[case] = seen.get(case, 0) + 1
    assert set(seen) == {None, "standard", "high_outlier", "low_outlier", "day_rate"}
    assert min(seen.values()) > 20


@settings(max_examples=15)
@given(st.integers(0, 2**32))
def test_no_money_appears_or_disappears_and_rows_do_not_touch_each_other(seed: int) -> None:
    dice = dice_of(seed)
    packed = sheets(made_terms(dice))
    claims = [made_claim(dice, number) for number in range(30)]
    paid = pay(claims, packed)
    known = paid.filter(pl.col("payment_fen").is_not_null())
    assert (known["group_payment_fen"] + known["excluded_payment_fen"]).equals(known["payment_fen"])
    assert (known["payment_fen"] - known["balance_fen"]).to_list() == [
        c["total"] for c, p in zip(claims, paid["payment_fen"], strict=True) if p is not None
    ]
    assert (known["cost_fen"] + known["excluded_fen"]).equals(
        known["payment_fen"] - known["balance_fen"]
    )
    assert (known["excluded_payment_fen"] <= known["excluded_fen"]).all()
    assert paid["payment_fen"].is_null().equals(paid["payment_absent"].is_not_null())
    assert paid["payment_standard_fen"].is_null().equals(paid["absent"].is_not_null())
    shuffled = dice.sample(claims, len(claims))
    packed = {name: rows and dice.sample(rows, len(rows)) for name, rows in packed.items()}
    again = pay(shuffled, packed)
    order = {c["stay_id"]: n for n, c in enumerate(claims)}
    assert again.sort(pl.col("stay_id").replace_strict(order)).equals(paid)
    assert pay(claims[:1], packed).equals(paid.head(1))


WEIGHTS = st.decimals("0.0001", "999.9999", places=4)
RATES = st.decimals("0.0001", "99999.9999", places=4)
COEFFICIENTS = st.decimals("0.000001", "99.999999", places=6)


@settings(max_examples=40)
@given(st.tuples(WEIGHTS, WEIGHTS), st.tuples(RATES, RATES), st.tuples(COEFFICIENTS, COEFFICIENTS))
def test_the_standard_is_exact_and_grows_with_each_of_its_parts(
    weights: tuple[Decimal, Decimal],
    rates: tuple[Decimal, Decimal],
    coefficients: tuple[Decimal, Decimal],
) -> None:
    claims = [
        {**made_claim(dice_of(1), 0), "stay_id": f"{g}-{kind}-{level}", "group_code": g,
         "adrg": g[:3], "insurance_type": kind, "level": level, "region_code": "110100",
         "date": date(2024, 3, 1)}
        for g in ("BR15", "BR25") for kind in ("310", "390") for level in ("2", "3")
    ]  # fmt: skip
    weight = dict(zip(("BR15", "BR25"), sorted(weights), strict=True))
    rate = dict(zip(("310", "390"), sorted(rates), strict=True))
    coefficient = dict(zip(("2", "3"), sorted(coefficients), strict=True))
    paid = pay(claims, {
        "weights": [{"region_code": None, "group_code": g, "weight": w} for g, w in weight.items()],
        "base_rates": [{"insurance_type": k, "base_rate_yuan": r} for k, r in rate.items()],
        "level_coefficients": [{"level": k, "coefficient": c} for k, c in coefficient.items()],
    })  # fmt: skip
    standard = dict(zip([c["stay_id"] for c in claims], paid["payment_standard_fen"], strict=True))
    for claim in claims:
        exact = (
            weight[claim["group_code"]]
            * rate[claim["insurance_type"]]
            * coefficient[claim["level"]]
        )
        half_up = int(exact * 100 + Decimal("0.5"))
        assert standard[claim["stay_id"]] == half_up
    for g in ("BR15", "BR25"):
        assert standard[f"{g}-310-2"] <= standard[f"{g}-390-2"] <= standard[f"{g}-390-3"]
    assert standard["BR15-310-2"] <= standard["BR25-310-2"]


@pytest.mark.parametrize(
    ("discharged", "standard"),
    [
        ("2023-12-31", None),
        ("2024-01-01", 1_000_000),
        ("2024-06-30", 1_000_000),
        ("2024-07-01", 2_000_000),
        ("2024-07-31", 2_000_000),
        ("2024-08-01", None),
    ],
)
def test_the_first_and_the_last_day_belong_to_the_period(
    discharged: str, standard: int | None
) -> None:
    rates = [
        {"base_rate_yuan": 10_000, "effective_from": "2024-01-01", "effective_to": "2024-06-30"},
        {"base_rate_yuan": 20_000, "effective_from": "2024-07-01", "effective_to": "2024-07-31"},
    ]
    weights = [
        {"region_code": None, "group_code": "BR15", "weight": 1, "effective_from": "2023-01-01"}
    ]
    claim = {**made_claim(dice_of(1), 0), "group_code": "BR15", "region_code": "110100"}
    claim["date"] = date.fromisoformat(discharged)
    packed = {"base_rates": rates, "weights": weights, "level_coefficients": None}
    assert pay([claim], packed)["payment_standard_fen"].to_list() == [standard]


def test_the_longest_division_wins_and_part_of_a_name_is_no_division() -> None:
    rates = [
        {"region_code": "1", "base_rate_yuan": 1},
        {"region_code": "11", "base_rate_yuan": 2, "insurance_type": "310"},
        {"region_code": "1101", "base_rate_yuan": 3},
        {"region_code": "110105", "base_rate_yuan": 4},
    ]
    weights = [{"region_code": None, "group_code": "BR15", "weight": 1}]
    regions = ("110105", "110106", "110200", "120000", "11", "210105")
    claims = [
        {**made_claim(dice_of(1), n), "group_code": "BR15", "region_code": region,
         "insurance_type": "310", "date": date(2024, 3, 1)}
        for n, region in enumerate(regions)
    ]  # fmt: skip
    packed = {"base_rates": rates, "weights": weights, "level_coefficients": None}
    paid = pay(claims, packed)["payment_standard_fen"].to_list()
    # The city's general row goes before the province's row for the same insurance.
    assert paid == [400, 300, 200, 100, 200, None]
