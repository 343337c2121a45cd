"""Open stays: what a hospital knows of a patient who is still there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from data_samples import month, open_stays, produce, writer
from data_samples.production import SampleOptionError
from domain.claim import CHILDREN, STAYS

LAST = f"{month.LAST_DAY.isoformat()}T23:59:59+08:00"


@pytest.fixture(scope="module")
def claims() -> list[dict[str, Any]]:
    return [json.loads(writer.encode(record)) for record in open_stays.records(7, 120)]


def test_they_are_valid_and_not_discharged(claims: list[dict[str, Any]]) -> None:
    validator = jsonschema_rs.Draft202012Validator(
        STAYS.json_schema(CHILDREN), validate_formats=True
    )
    assert [e.message for c in claims for e in validator.iter_errors(c)] == []
    for claim in claims:
        assert claim["admission_date"] <= month.LAST_DAY.isoformat()
        settled = ("discharge_date", "billed_group_code", "fund_payment_fen", "invoice_number")
        assert not set(settled) & set(claim)


def test_nothing_lies_after_the_last_day(claims: list[dict[str, Any]]) -> None:
    for claim in claims:
        assert all(line["posted_time"] <= LAST for line in claim["charges"])
        assert all(p["end_time"] <= LAST for p in claim.get("procedures", []))
        for order in claim["orders"]:
            assert order["start_time"] <= LAST
            assert order.get("stop_time", "") <= LAST
            assert (order["status"] == "active") == ("stop_time" not in order)


def test_the_total_is_what_was_charged_so_far(claims: list[dict[str, Any]]) -> None:
    for claim in claims:
        assert sum(line["amount_fen"] for line in claim["charges"]) == claim["total_amount_fen"] > 0


def test_stays_of_every_length_are_open_and_some_orders_still_run(
    claims: list[dict[str, Any]],
) -> None:
    days = {claim["admission_date"] for claim in claims}
    assert len(days) >= 7
    running = sum(any(o["status"] == "active" for o in claim["orders"]) for claim in claims)
    assert running > 0.9 * len(claims)


def test_their_people_are_not_those_of_the_month(claims: list[dict[str, Any]]) -> None:
    month_people = {p.patient.patient_id for p in month.plan(7, 120).plans}
    assert not month_people & {claim["patient_id"] for claim in claims}
    assert len({claim["stay_id"] for claim in claims}) == len(claims)


def test_newborns_are_still_newborn(claims: list[dict[str, Any]]) -> None:
    assert all(claim["age_days"] <= 28 for claim in claims if claim["age_years"] == 0)


def test_they_stand_in_a_file_of_their_own_and_only_if_asked_for(tmp_path: Path) -> None:
    made = produce(tmp_path / "with", preset="clean", stays=5, still_in=4, seed=1)
    produce(tmp_path / "without", preset="clean", stays=5, seed=1)
    assert made.open == len((tmp_path / "with" / "open.jsonl").read_bytes().splitlines()) == 4
    assert not (tmp_path / "without" / "open.jsonl").exists()
    names = ("stays.jsonl", "providers.jsonl", "labels.csv")
    assert all(
        (tmp_path / "with" / n).read_bytes() == (tmp_path / "without" / n).read_bytes()
        for n in names
    )


def test_fewer_than_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SampleOptionError, match="open stays"):
        produce(tmp_path, stays=1, still_in=-1)
