"""Whatever the seed and size, a generated month is exact, valid and deterministic."""

from __future__ import annotations

import json

import jsonschema_rs
from hypothesis import given, settings
from hypothesis import strategies as st

from data_samples import month, scheme, writer
from data_samples.dice import Dice
from domain.claim import CHILDREN, STAYS

VALIDATOR = jsonschema_rs.Draft202012Validator(STAYS.json_schema(CHILDREN), validate_formats=True)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**40), size=st.integers(1, 25), fraud=st.booleans())
def test_every_month_is_exact_valid_and_repeatable(seed: int, size: int, fraud: bool) -> None:
    rewrite = scheme.apply if fraud else None
    lines = [writer.encode(r) for r in month.plan(seed, size, scheme=rewrite).records()]
    assert lines == [writer.encode(r) for r in month.plan(seed, size, scheme=rewrite).records()]
    claims = [json.loads(line) for line in lines]
    assert len(claims) == size + size * month.VISITS_PER_HUNDRED_STAYS // 100
    assert len({c["stay_id"] for c in claims}) == len(claims)
    for claim in claims:
        assert VALIDATOR.is_valid(claim), list(VALIDATOR.iter_errors(claim))
        lines_sum = sum(line["amount_fen"] for line in claim["charges"])
        assert lines_sum == claim["total_amount_fen"] > 0
        assert 0 <= claim["fund_payment_fen"] <= claim["total_amount_fen"]
        ids = [line["line_id"] for line in claim["charges"]]
        assert len(set(ids)) == len(ids)
        once = {(line["item_code"], line["charge_time"]) for line in claim["charges"]}
        assert len(once) == len(ids)
        codes = [d["code"] for d in claim["diagnoses"]]
        assert len(set(codes)) == len(codes)
        if claim["claim_type"] == "inpatient":
            # What the patient needs is charged; only what may be left out stops at 150.
            assert 40 <= len(ids) <= 200
            # Bed days are the nights of the stay.
            beds = [int(x["quantity"]) for x in claim["charges"] if x["category"] == "01"]
            assert sum(beds) == claim["length_of_stay_days"]


@given(least=st.integers(-50, 50), width=st.integers(0, 40), seed=st.integers())
def test_dice_stay_within_their_bounds(least: int, width: int, seed: int) -> None:
    dice = Dice(seed)
    most, usual = least + width, least + width // 2
    for _ in range(20):
        assert least <= dice.between(least, most) <= most
        assert least <= dice.around(least, usual, most) <= most
        assert dice.weigh("abc", [0, 3, 1]) in "bc"
    taken = dice.take(range(width), 5)
    assert len(set(taken)) == len(taken) == min(5, width)
