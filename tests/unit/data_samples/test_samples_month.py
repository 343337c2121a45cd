"""The hospital month: exact, valid, deterministic, and clean where it says so."""

from __future__ import annotations

import csv
import hashlib
import itertools
import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema_rs
import pyarrow.parquet as pq
import pytest

from data_samples import month, prices, produce, scheme, writer
from data_samples.plans import FULL
from data_samples.production import SampleOptionError
from domain.claim import CHILDREN, STAYS
from domain.parties import PHYSICIANS, PROVIDERS

ROOT = Path(__file__).resolve().parents[3]
SEED = 7


@pytest.fixture(scope="module")
def claims() -> list[dict[str, Any]]:
    return [json.loads(writer.encode(r)) for r in month.plan(SEED, 400).records()]


@pytest.fixture(scope="module")
def stays(claims: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [c for c in claims if c["claim_type"] == "inpatient"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo")
    produce(out, preset="demo", stays=400, seed=SEED)
    return out


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_claim_is_valid_in_the_canonical_schema(claims: list[dict[str, Any]]) -> None:
    validator = jsonschema_rs.Draft202012Validator(
        STAYS.json_schema(CHILDREN), validate_formats=True
    )
    faults = [(c["stay_id"], e.message) for c in claims for e in validator.iter_errors(c)]
    assert faults == []
    assert len({c["stay_id"] for c in claims}) == len(claims) == 460


def test_lines_are_priced_exactly_and_sum_to_the_total(claims: list[dict[str, Any]]) -> None:
    for claim in claims:
        for line in claim["charges"]:
            yuan, fen = line["unit_price"].split(".")
            assert int(line["quantity"]) * (int(yuan) * 100 + int(fen)) == line["amount_fen"]
            parts = ("in_scope_fen", "self_pay_first_fen", "self_pay_fen")
            assert sum(line.get(p, 0) for p in parts) == line["amount_fen"]
        assert sum(line["amount_fen"] for line in claim["charges"]) == claim["total_amount_fen"]


def test_the_payment_balances(claims: list[dict[str, Any]]) -> None:
    for c in claims:
        own = c["self_pay_in_scope_fen"] + c["self_pay_out_of_scope_fen"]
        assert c["fund_payment_fen"] + own == c["total_amount_fen"]
        assert c.get("account_payment_fen", 0) + c["cash_payment_fen"] == own


def test_a_stay_has_40_to_150_lines(stays: list[dict[str, Any]]) -> None:
    counts = [len(s["charges"]) for s in stays]
    assert min(counts) >= FULL.fewest == 40
    assert max(counts) <= FULL.most == 150


def test_services_lie_in_the_stay_and_refer_to_orders(claims: list[dict[str, Any]]) -> None:
    for c in claims:
        begin, end = (datetime.fromisoformat(c[f"{n}_time"]) for n in ("admission", "discharge"))
        orders = {o["order_id"]: o for o in c["orders"]}
        for line in c["charges"]:
            at = datetime.fromisoformat(line["charge_time"])
            assert begin <= at <= datetime.fromisoformat(line["posted_time"]) <= end
            assert line["charge_date"] == line["charge_time"][:10]
            if "order_id" in line:
                order = orders[line["order_id"]]
                assert datetime.fromisoformat(order["start_time"]) <= at
        for order in orders.values():
            assert order["start_time"] <= order["stop_time"]
        for procedure in c.get("procedures", []):
            started = datetime.fromisoformat(procedure["start_time"])
            assert begin <= started < datetime.fromisoformat(procedure["end_time"]) <= end


def test_totals_are_plausible_against_the_price_pack(stays: list[dict[str, Any]]) -> None:
    standards = prices.read()
    ratios = sorted(
        s["total_amount_fen"]
        / standards.standard_fen(s["billed_group_code"], s["insurance_type"], s["provider_level"])
        for s in stays
    )
    within = [r for r in ratios if 0.6 <= r <= 1.1]
    assert len(within) / len(ratios) > 0.95
    assert 0.78 < ratios[len(ratios) // 2] < 0.95


def test_no_two_honest_stays_have_the_same_codes(stays: list[dict[str, Any]]) -> None:
    vectors = {
        (
            tuple(d["code"] for d in s["diagnoses"]),
            tuple(p["code"] for p in s.get("procedures", [])),
        )
        for s in stays
    }
    assert len(vectors) == len(stays)


def test_people_cannot_be_real(claims: list[dict[str, Any]]) -> None:
    for c in claims:
        assert c["patient_name"].startswith("测试")
        assert c["identity_number"].startswith("000000")
        assert not c["identity_number"][6:].isdigit()
        assert c["phone"].startswith("000-")


def test_patients_fit_their_stays(stays: list[dict[str, Any]]) -> None:
    women_only = ("O", "D25", "N8")
    for s in stays:
        if s["diagnoses"][0]["code"].startswith(women_only):
            assert s["sex"] == "2"
        if any(d["code"].startswith("N40") for d in s["diagnoses"]):
            assert s["sex"] == "1"
        assert s["birth_date"] <= s["admission_date"]
        assert ("age_days" in s) == (s["age_years"] == 0)


def test_a_longer_month_begins_with_the_shorter_one() -> None:
    short, long = month.plan(SEED, 12), month.plan(SEED, 30)
    assert long.plans[:12] == short.plans


def test_another_seed_gives_another_month() -> None:
    assert month.plan(1, 5).plans != month.plan(2, 5).plans


def test_bytes_do_not_depend_on_the_hash_seed(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from data_samples import produce; "
        "produce(Path(sys.argv[1]), stays=60, seed=3)"
    )
    digests = []
    for hash_seed in ("0", "4242"):
        out = tmp_path / hash_seed
        subprocess.run(
            [sys.executable, "-c", code, str(out)],
            check=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
        )
        digests.append(
            {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(out.iterdir())}
        )
    assert digests[0] == digests[1]
    assert len(digests[0]) == 6


def test_the_demo_folder_names_every_provider_once(demo: Path) -> None:
    providers = [p["provider_id"] for p in read(demo / "providers.jsonl")]
    with (demo / "labels.csv").open(encoding="utf-8", newline="") as file:
        labels = {row["Provider"]: row["PotentialFraud"] for row in csv.DictReader(file)}
    assert sorted(labels) == sorted(set(providers)) == sorted(providers)
    assert sum(v == "Yes" for v in labels.values()) == scheme.RINGS * scheme.HOSPITALS_A_RING == 12
    seen = {c["provider_id"] for c in read(demo / "stays.jsonl")}
    assert seen <= set(providers)


def test_parties_are_valid_records(demo: Path) -> None:
    for table in (PROVIDERS, PHYSICIANS):
        validator = jsonschema_rs.Draft202012Validator(table.json_schema())
        records = read(demo / f"{table.name}.jsonl")
        assert [e.message for r in records for e in validator.iter_errors(r)] == []
        keys = [tuple(r[k] for k in table.key) for r in records]
        assert len(set(keys)) == len(keys)


def test_every_physician_of_a_claim_is_registered(demo: Path) -> None:
    registered = {(p["physician_id"], p["provider_id"]) for p in read(demo / "physicians.jsonl")}
    for claim in read(demo / "stays.jsonl"):
        assert (claim["attending_physician_id"], claim["provider_id"]) in registered


def test_recruits_are_shared_only_in_the_demo(demo: Path, claims: list[dict[str, Any]]) -> None:
    def shared(records: list[dict[str, Any]]) -> set[str]:
        places: dict[str, set[str]] = {}
        for r in records:
            if r["claim_type"] == "inpatient":
                places.setdefault(r["patient_id"], set()).add(r["provider_id"])
        return {patient for patient, seen in places.items() if len(seen) > 1}

    assert shared(claims) == set()
    recruits = [p for p in shared(read(demo / "stays.jsonl")) if p.startswith("SP9")]
    assert len(recruits) >= 2


def test_no_stay_of_a_person_overlaps_another_in_the_demo(demo: Path) -> None:
    spans: dict[str, list[tuple[str, str]]] = {}
    for r in read(demo / "stays.jsonl"):
        if r["claim_type"] == "inpatient":
            span = (r["admission_time"], r["discharge_time"])
            spans.setdefault(r["patient_id"], []).append(span)
    for listed in spans.values():
        listed.sort()
        for (_, end), (begin, _) in itertools.pairwise(listed):
            assert end < begin


def test_parquet_holds_the_same_claims(demo: Path, tmp_path: Path) -> None:
    produce(tmp_path, preset="demo", stays=400, seed=SEED, form="parquet")
    table = pq.read_table(tmp_path / "stays.parquet")
    lines = read(demo / "stays.jsonl")
    assert table["stay_id"].to_pylist() == [c["stay_id"] for c in lines]
    assert table["total_amount_fen"].to_pylist() == [c["total_amount_fen"] for c in lines]
    for row, claim in zip(table.slice(0, 5).to_pylist(), lines, strict=False):
        assert row["admission_time"] == datetime.fromisoformat(claim["admission_time"])
        assert [str(d["quantity"].normalize()) for d in row["charges"] if d["quantity"] < 10] == [
            d["quantity"] for d in claim["charges"] if len(d["quantity"]) == 1
        ]


def test_nothing_is_asked_for_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SampleOptionError, match="one or more"):
        produce(tmp_path, stays=0)


def test_progress_ends_with_everything_done(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    produce(
        tmp_path, preset="clean", stays=20, progress=lambda done, total: seen.append((done, total))
    )
    assert seen[-1] == (23, 23)
