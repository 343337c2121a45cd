"""Months with rings: valid, deterministic, rings that are what they say, and honest people like them."""

from __future__ import annotations

import csv
import hashlib
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.samples import app
from data_samples import ring_months
from data_samples.production import SampleOptionError
from data_samples.ring_stage import Stage
from streaming import intake
from streaming.pseudonym import PseudonymKey

SEED, MONTHS, STAYS = 7, 2, 300

Claim = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("rings")
    ring_months.produce(out, months=MONTHS, stays=STAYS, seed=SEED)
    return out


@pytest.fixture(scope="module")
def lines(folder: Path) -> list[bytes]:
    return (folder / "claims.jsonl").read_bytes().splitlines()


@pytest.fixture(scope="module")
def labels(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        return {row["stay_id"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def claims(lines: list[bytes]) -> list[Claim]:
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def honest(claims: list[Claim], labels: dict[str, dict[str, str]]) -> list[Claim]:
    return [c for c in claims if labels[c["stay_id"]]["label"] == "No"]


@pytest.fixture(scope="module")
def rings(
    claims: list[Claim], labels: dict[str, dict[str, str]]
) -> dict[str, dict[str, list[Claim]]]:
    """Kind -> ring -> its claims."""
    found: dict[str, dict[str, list[Claim]]] = {kind: {} for kind in ring_months.KINDS}
    for claim in claims:
        row = labels[claim["stay_id"]]
        if row["label"] == "Yes":
            found[row["kind"]].setdefault(row["ring"], []).append(claim)
    return found


def people(claims: Iterable[Claim]) -> set[str]:
    return {c["patient_id"] for c in claims}


def grouped(claims: Iterable[Claim], key: Callable[[Claim], Any]) -> Mapping[Any, list[Claim]]:
    found = defaultdict(list)
    for claim in claims:
        found[key(claim)].append(claim)
    return found


def bill(claim: Claim) -> tuple[tuple[str, int], ...]:
    sums: Counter[str] = Counter()
    for line in claim["charges"]:
        sums[line["item_code"]] += int(line["quantity"])
    return tuple(sorted(sums.items()))


def pairs(claims: Iterable[Claim]) -> Counter[tuple[str, str]]:
    """How often two people came and left together."""
    times: Counter[tuple[str, str]] = Counter()
    same = grouped(claims, lambda c: (c["provider_id"], c["admission_date"], c["discharge_date"]))
    for group in same.values():
        times.update(itertools.combinations(sorted(people(group)), 2))
    return times


def round_trips(claims: Iterable[Claim]) -> list[list[str]]:
    """Of each person handed on within two days until the first hospital has them again, the hospitals."""
    found = []
    for own in grouped(claims, lambda c: c["patient_id"]).values():
        own.sort(key=lambda c: c["admission_time"])
        way = [own[0]]
        for before, after in itertools.pairwise(own):
            gap = date.fromisoformat(after["admission_date"]) - date.fromisoformat(
                before["discharge_date"]
            )
            way = [*way, after] if gap.days <= 2 else [after]
            if len(way) > 2 and after["provider_id"] == way[0]["provider_id"]:
                found.append([c["provider_id"] for c in way])
    return found


def test_the_same_arguments_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    made = ring_months.produce(tmp_path, months=MONTHS, stays=STAYS, seed=SEED)
    for path in made.files:
        again, once = path.read_bytes(), (folder / path.name).read_bytes()
        assert hashlib.sha256(again).digest() == hashlib.sha256(once).digest()
    assert sorted(p.name for p in folder.iterdir()) == ["README.txt", "claims.jsonl", "labels.csv"]
    assert (made.stays, made.rings) == (MONTHS * STAYS, 5)


def test_intake_accepts_every_record(lines: list[bytes]) -> None:
    tables, refused = intake.decode(lines, key=PseudonymKey(bytes(32)))
    assert [s.reasons for s in refused] == []
    assert len(tables) == MONTHS * STAYS


def test_the_sums_add_up(claims: list[Claim]) -> None:
    for c in claims:
        for line in c["charges"]:
            yuan, fen = line["unit_price"].split(".")
            assert int(line["quantity"]) * (int(yuan) * 100 + int(fen)) == line["amount_fen"]
            parts = ("in_scope_fen", "self_pay_first_fen", "self_pay_fen")
            assert sum(line.get(p, 0) for p in parts) == line["amount_fen"]
        assert sum(line["amount_fen"] for line in c["charges"]) == c["total_amount_fen"]
        own = c["self_pay_in_scope_fen"] + c["self_pay_out_of_scope_fen"]
        assert c["fund_payment_fen"] + own == c["total_amount_fen"]
        assert len({line["item_code"] for line in c["charges"]}) == len(c["charges"])


def test_labels_cover_exactly_the_stays_in_their_order(
    claims: list[Claim], labels: dict[str, dict[str, str]]
) -> None:
    assert [c["stay_id"] for c in claims] == list(labels) == sorted(labels)
    settled = [c["settlement_end_date"] for c in claims]
    assert settled == sorted(settled)
    for row in labels.values():
        assert bool(row["ring"]) == bool(row["kind"]) == (row["label"] == "Yes")


def test_an_investigator_knows_after_the_settlement(
    claims: list[Claim], labels: dict[str, dict[str, str]]
) -> None:
    for c in claims:
        settled = date.fromisoformat(c["settlement_end_date"])
        assert 0 <= (settled - date.fromisoformat(c["discharge_date"])).days <= 3
        known_on = date.fromisoformat(labels[c["stay_id"]]["known_on"])
        assert 20 <= (known_on - settled).days <= 40


def test_nobody_is_in_two_places_at_once(claims: list[Claim]) -> None:
    for own in grouped(claims, lambda c: c["patient_id"]).values():
        own.sort(key=lambda c: c["admission_time"])
        assert all(a["discharge_time"] < b["admission_time"] for a, b in itertools.pairwise(own))
        assert len({(c["birth_date"], c["sex"], c["identity_number"]) for c in own}) == 1


def test_patients_fit_their_stays(claims: list[Claim]) -> None:
    for c in claims:
        assert c["birth_date"] <= c["admission_date"] <= c["discharge_date"]
        assert ("age_days" in c) == (c["age_years"] == 0)
        if c["diagnoses"][0]["code"].startswith(("O", "D25", "N8")):
            assert c["sex"] == "2"


@pytest.mark.parametrize(("kind", "thing"), [("phone", "phone"), ("account", "bank_account")])
def test_strangers_share_one_thing(
    rings: dict[str, dict[str, list[Claim]]], honest: list[Claim], kind: str, thing: str
) -> None:
    assert rings[kind]
    for ring in rings[kind].values():
        assert 4 <= len(people(ring)) == len({c["identity_number"] for c in ring}) <= 9
        assert len({c[thing] for c in ring}) == 1
        assert len({c["address"] for c in ring}) == len(ring)
        assert 1 <= len({c["provider_id"] for c in ring}) <= 3
        assert ring[0][thing] not in {c[thing] for c in honest}


def test_companions_come_and_go_together(rings: dict[str, dict[str, list[Claim]]]) -> None:
    assert rings["companions"]
    for ring in rings["companions"].values():
        members = people(ring)
        assert 3 <= len(members) <= 6
        times = pairs(ring)
        assert set(times) == set(itertools.combinations(sorted(members), 2))
        assert all(2 <= n <= 4 for n in times.values())


def test_a_circle_leads_back_to_the_first_hospital(
    rings: dict[str, dict[str, list[Claim]]],
) -> None:
    assert rings["circle"]
    for ring in rings["circle"].values():
        trips = round_trips(ring)
        assert 3 <= len(trips) == len(people(ring)) <= 5
        assert len({tuple(t) for t in trips}) == 1
        assert len(set(trips[0])) == 3


def test_cloned_bills_have_the_same_ten_items_or_more(
    rings: dict[str, dict[str, list[Claim]]],
) -> None:
    assert rings["bills"]
    for ring in rings["bills"].values():
        assert 4 <= len(people(ring)) == len(ring) <= 8
        assert len({bill(c) for c in ring}) == 1
        assert len(bill(ring[0])) >= 10
        assert 1 <= len({c["provider_id"] for c in ring}) <= 3


def test_no_ring_shares_people_or_numbers_with_another(
    rings: dict[str, dict[str, list[Claim]]],
) -> None:
    every = [ring for of_kind in rings.values() for ring in of_kind.values()]
    for name in ("patient_id", "phone", "bank_account", "address"):
        seen = [{c[name] for c in ring} for ring in every]
        assert len(set.union(*seen)) == sum(map(len, seen))


def test_honest_bills_mostly_differ(honest: list[Claim]) -> None:
    alike = [g for g in grouped(honest, bill).values() if len(people(g)) > 1]
    assert sum(map(len, alike)) < 0.15 * len(honest)


def test_each_sign_has_honest_look_alikes(
    honest: list[Claim], rings: dict[str, dict[str, list[Claim]]]
) -> None:
    for thing in ("phone", "bank_account"):
        groups = grouped(honest, lambda c, thing=thing: c[thing]).values()
        assert max(len(people(g)) for g in groups) >= 5
    alike = [g for g in grouped(honest, bill).values() if len(people(g)) >= 3]
    assert any(len(bill(g[0])) >= 10 for g in alike)
    times = pairs(honest)
    together = {who for pair, n in times.items() if n > 1 for who in pair}
    assert len(together) >= 5
    returned = round_trips(honest)
    circled = sum(len(people(ring)) for ring in rings["circle"].values())
    assert len(returned) >= circled


def test_families_and_returning_patients_are_as_many_as_said(honest: list[Claim]) -> None:
    families = [
        g for g in grouped(honest, lambda c: c["phone"]).values() if 2 <= len(people(g)) <= 5
    ]
    assert 0.15 <= sum(len(people(g)) for g in families) / len(people(honest)) <= 0.30
    again = len(honest) - len(people(honest))
    assert 0.05 <= again / len(honest) <= 0.25


def test_ring_hospitals_and_physicians_treat_honest_patients() -> None:
    # Nine hundred physicians need more stays than the other tests have.
    entries = ring_months.plan(Stage(SEED, MONTHS), 1500)
    planted = [e.plan for e in entries if e.ring]
    other = [e.plan for e in entries if not e.ring]
    hospitals = {p.provider.provider_id for p in other}
    assert {p.provider.provider_id for p in planted} <= hospitals
    busy = Counter(p.physician_id for p in other)
    assert sum(busy[p.physician_id] > 0 for p in planted) > 0.9 * len(planted)
    complicit = Counter(p.physician_id for p in planted)
    alone = [who for who, n in complicit.items() if n > 2 and n > 2 * busy[who]]
    assert len(alone) <= 0.1 * len(complicit)


def test_a_ring_stay_alone_is_no_longer_and_no_dearer(
    honest: list[Claim], rings: dict[str, dict[str, list[Claim]]]
) -> None:
    planted = [c for of_kind in rings.values() for ring in of_kind.values() for c in ring]
    for name in ("length_of_stay_days", "total_amount_fen"):
        usual = sorted(c[name] for c in honest)
        assert usual[0] <= min(c[name] for c in planted)
        assert max(c[name] for c in planted) <= usual[-1]


@pytest.mark.parametrize(("months", "stays"), [(0, 2000), (2, 100), (500, 2000)])
def test_what_cannot_be_made_is_refused(tmp_path: Path, months: int, stays: int) -> None:
    with pytest.raises(SampleOptionError, match="stays were asked for"):
        ring_months.produce(tmp_path / "none", months=months, stays=stays, seed=SEED)
    assert not (tmp_path / "none").exists()


def test_the_command_says_what_it_wrote(tmp_path: Path) -> None:
    out = tmp_path / "rings"
    asked = ["rings", "--months", "2", "--stays", "150", "--seed", "3", "--out", str(out)]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["stays"], told["rings"]) == (300, 5)
    assert told["files"] == ["claims.jsonl", "labels.csv", "README.txt"]
    rows = (out / "labels.csv").read_text(encoding="utf-8").splitlines()
    assert sum(",Yes," in row for row in rows) == told["ring_stays"]
