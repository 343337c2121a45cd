"""Facts of a hospital's month and a physician's day: tables in, tables out."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from domain.parties import PHYSICIANS, PROVIDERS
from domain.tables import Tables
from rules.facts import Source, build
from rules.facts.period import ended_before
from tests.rules_claims import at, charge, day, diagnosis, order, procedure, stay, tables, visit


def month(batch: Tables, *names: str, of: str = "2024-03", at_: str = "H1") -> dict[str, Any]:
    table = build(Source(batch), {"provider_month": names})["provider_month"]
    return table.filter(pl.col(":subject_id") == f"{at_}|{of}").select(names).row(0, named=True)


def days(batch: Tables, *names: str) -> dict[str, tuple[Any, ...]]:
    table = build(Source(batch), {"physician_day": names})["physician_day"]
    return {row[0]: row[1:] for row in table.select(":subject_id", *names).rows()}


def people(count: int, provider: str, **more: Any) -> list[dict[str, Any]]:
    return [
        stay(
            f"{provider}{n}",
            provider_id=provider,
            patient_id=f"{provider}p{n}",
            provider_level="2",
            **more,
        )
        for n in range(count)
    ]


def with_parties(batch: Tables, **rows: list[dict[str, Any]]) -> Tables:
    given = dict(batch.items())
    for definition in (PROVIDERS, PHYSICIANS):
        listed = [
            {c.name: row.get(c.name) for c in definition.columns}
            for row in rows.get(definition.name, [])
        ]
        given[definition.name] = pa.Table.from_pylist(listed, schema=definition.arrow)
    return Tables(**given)


def test_a_month_counts_stays_by_discharge_and_visits_apart() -> None:
    batch = tables(
        [
            stay("a", "2024-02-28", 3),
            stay("b", patient_id="p_2"),
            visit("v", "2024-03-09"),
            stay("c", "2024-03-30", 4),
        ]
    )
    assert month(batch, "stays", "visits", "patients", "month_fund_payment_fen", "month_of_year") == {
        "stays": 2, "visits": 1, "patients": 2, "month_fund_payment_fen": 1_000_000, "month_of_year": 3,
    }  # fmt: skip
    assert month(batch, "stays", of="2024-04") == {"stays": 1}
    unpaid = tables([stay("a"), stay("b", fund_payment_fen=None)])
    assert month(unpaid, "month_fund_payment_fen") == {"month_fund_payment_fen": None}


def test_claims_that_end_later_or_have_not_ended_are_not_seen_at_all() -> None:
    batch = tables(
        [
            stay("a"),
            stay("b", "2024-03-20", None),
            stay("c", "2024-03-28", 4),
            visit("v", "2024-04-01"),
        ],
        charges=[charge("a", "1"), charge("c", "1")],
    )
    kept = ended_before(batch, date(2024, 4, 1))
    assert kept.stays["stay_id"].to_pylist() == ["a"]
    assert kept.charges["stay_id"].to_pylist() == ["a"]


def test_a_share_is_compared_with_peers_of_the_level_without_the_hospital_itself() -> None:
    rows = people(10, "H1", discharge_way="4") + [
        r for p in ("H2", "H3", "H4") for r in people(10, p, discharge_way="1")
    ]
    rows += people(10, "H9", discharge_way="4")
    for row in rows:
        if row["provider_id"] == "H9":
            row["provider_level"] = "3"
    names = (
        "against_advice_count",
        "against_advice_of",
        "against_advice_share",
        "against_advice_peer_share",
    )
    found = month(tables(rows), *names, "against_advice_sigma")
    assert [found[n] for n in names] == [10, 10, 1.0, 0.0]
    # p = 0.5 / 31 of half a stay; (10 - 10 p) / sqrt(10 p (1 - p)), peers do not differ.
    p = 0.5 / 31
    assert found["against_advice_sigma"] == pytest.approx(
        (10 - 10 * p) / (10 * p * (1 - p)) ** 0.5, abs=0.01
    )
    alone = month(tables(rows), "against_advice_share", "against_advice_sigma", at_="H9")
    assert alone == {"against_advice_share": 1.0, "against_advice_sigma": None}


def test_peers_that_differ_widen_the_limit() -> None:
    def rows(peers: tuple[int, ...]) -> list[dict[str, Any]]:
        made = people(10, "H1", discharge_way="4")
        for number, sick in enumerate(peers):
            some = people(10, f"P{number}", discharge_way="1")
            for row in some[:sick]:
                row["discharge_way"] = "4"
            made += some
        return made

    alike = month(tables(rows((3, 3, 3, 3))), "against_advice_sigma")["against_advice_sigma"]
    mixed = month(tables(rows((0, 0, 6, 6))), "against_advice_sigma")["against_advice_sigma"]
    assert alike > 1.5 * mixed > 0


def test_way_of_discharge_not_stated_is_left_out_of_the_share() -> None:
    rows = people(3, "H1", discharge_way="4")
    rows[0]["discharge_way"] = None
    assert month(tables(rows), "against_advice_of", "against_advice_count") == {
        "against_advice_of": 2, "against_advice_count": 2,
    }  # fmt: skip


def test_growth_looks_only_at_earlier_months_of_the_hospital_and_is_null_without_three() -> None:
    rows = [
        stay(f"{m}-{n}", f"2024-0{m}-05", 3, patient_id=f"p{m}{n}")
        for m, count in ((1, 3), (2, 3), (3, 3), (4, 12), (5, 1))
        for n in range(count)
    ]
    batch = tables(rows)
    assert month(batch, "stays_growth", "earlier_months", of="2024-04") == {
        "stays_growth": 3.0,
        "earlier_months": 3,
    }
    assert month(batch, "stays_growth", "stays_growth_sigma", of="2024-03") == {
        "stays_growth": None, "stays_growth_sigma": None,
    }  # fmt: skip
    without_may = tables([r for r in rows if not r["stay_id"].startswith("5")])
    assert month(batch, "stays_growth", of="2024-04") == month(
        without_may, "stays_growth", of="2024-04"
    )


def test_marks_are_counted_by_patient_and_null_where_none_is_stated() -> None:
    rows = [stay(str(n), patient_id=f"p{n % 3}", phone="x") for n in range(6)] + [
        stay("y", patient_id="q", phone="y")
    ]
    assert month(tables(rows), "shared_phone_patients", "phone_patients", "shared_phone_fen") == {
        "shared_phone_patients": 3, "phone_patients": 4, "shared_phone_fen": 3_000_000,
    }  # fmt: skip
    assert month(tables([stay("a")]), "shared_phone_patients", "phone_patients") == {
        "shared_phone_patients": None, "phone_patients": 0,
    }  # fmt: skip


def test_companions_enter_and_leave_together_at_least_twice() -> None:
    rows = [
        stay(f"{p}{n}", admitted, 6, patient_id=p)
        for n, admitted in enumerate(("2024-01-05", "2024-03-05"))
        for p in ("a", "b")
    ] + [stay("c1", "2024-03-05", 6, patient_id="c")]
    assert month(tables(rows), "companions") == {"companions": 2}
    assert month(tables(rows), "companions", of="2024-01") == {"companions": 0}


def test_the_third_stay_of_two_weeks_in_a_row_is_a_chain() -> None:
    rows = [
        stay(f"s{n}", admitted, 14, provider_id=f"H{n}")
        for n, admitted in enumerate(("2024-02-01", "2024-02-15", "2024-02-29"), start=1)
    ]
    assert month(tables(rows), "chain_patients", at_="H3") == {"chain_patients": 1}
    assert month(tables(rows[1:]), "chain_patients", at_="H3") == {"chain_patients": 0}


def test_the_census_counts_nights_and_beds_come_from_the_register() -> None:
    rows = [stay(f"s{n}", "2024-03-02", 6, patient_id=f"p{n}") for n in range(4)]
    rows.append(stay("one", "2024-03-04", 2, patient_id="q"))
    batch = with_parties(tables(rows), providers=[{"provider_id": "H1", "bed_count": 3}])
    assert month(batch, "highest_census", "crowded_census", "bed_count") == {
        "highest_census": 5, "crowded_census": 4, "bed_count": 3,
    }  # fmt: skip
    assert month(tables(rows), "bed_count") == {"bed_count": None}


def test_copied_lists_count_patients_and_leave_reversed_lines_out() -> None:
    def lines(stay_id: str, extra: int) -> list[dict[str, Any]]:
        made = [charge(stay_id, str(n), f"S-{n:07}", quantity=1 + n) for n in range(11)]
        if extra:
            made += [
                charge(stay_id, "x", "S-9999999"),
                charge(stay_id, "y", "S-9999999", quantity=-1, reverses_line_id="x"),
            ]
        return made

    batch = tables(
        [stay(s, patient_id=s) for s in "abc"],
        charges=[
            *lines("a", 0),
            *lines("b", 1),
            *lines("c", 0)[:-1],
            charge("c", "z", "S-0000010", quantity=9),
        ],
    )
    assert month(batch, "charge_lists", "copied_lists", "copied_lists_items") == {
        "charge_lists": 3, "copied_lists": 2, "copied_lists_items": 11,
    }  # fmt: skip


def test_bed_days_are_compared_with_what_the_beds_offer() -> None:
    bed = charge("a", "1", "S-0101001", quantity=40, category="01", unit_price=10)
    batch = tables([stay("a", days=40, admitted="2024-02-10")], charges=[bed])
    full = with_parties(batch, providers=[{"provider_id": "H1", "bed_count": 1}])
    assert month(full, "bed_days_of_month", "bed_days_of_beds", "bed_days_beyond_fen") == {
        "bed_days_of_month": 40.0, "bed_days_of_beds": 31, "bed_days_beyond_fen": 9000,
    }  # fmt: skip
    assert month(batch, "bed_days_of_beds", "bed_days_beyond_fen") == {
        "bed_days_of_beds": None, "bed_days_beyond_fen": None,
    }  # fmt: skip


def operated(stay_id: str, start: str | None, stop: str | None, **more: Any) -> dict[str, Any]:
    return procedure(
        stay_id, 1, "81.5100", procedure_date=day("2024-03-02"), surgeon_id="D1", anaesthetist_id="D9",
        start_time=None if start is None else at(f"2024-03-02T{start}:00"),
        end_time=None if stop is None else at(f"2024-03-02T{stop}:00"), **more,
    )  # fmt: skip


def test_operations_of_two_patients_overlap() -> None:
    stays = [
        stay("a", patient_id="p1", fund_payment_fen=300),
        stay("b", patient_id="p2", fund_payment_fen=200),
    ]
    batch = tables(
        stays, procedures=[operated("a", "01:00", "03:00"), operated("b", "02:30", "04:00")]
    )
    names = (
        "operations",
        "operation_minutes",
        "operations_overlap_minutes",
        "overlapping_stays",
        "overlapping_operation_fen",
    )
    assert days(batch, *names)["D1|2024-03-02"] == (2, 210, 30, "a, b", 200)
    assert days(batch, "anaesthetics_at_once", "anaesthetics")["D9|2024-03-02"] == (2, 2)
    after = tables(
        stays, procedures=[operated("a", "01:00", "02:30"), operated("b", "02:30", "04:00")]
    )
    assert days(after, "operations_overlap_minutes")["D1|2024-03-02"] == (0,)
    assert days(after, "anaesthetics_at_once")["D9|2024-03-02"] == (1,)
    untimed = tables(stays, procedures=[operated("a", "01:00", "02:30"), operated("b", None, None)])
    assert days(untimed, "operations_overlap_minutes", "operation_minutes")["D1|2024-03-02"] == (
        None,
        None,
    )
    one = tables(stays, procedures=[operated("b", None, None)])
    assert days(one, "operations_overlap_minutes")["D1|2024-03-02"] == (0,)


def test_a_physician_at_two_hospitals_and_around_the_clock() -> None:
    batch = tables(
        [stay("a"), stay("b", provider_id="H2", patient_id="p2")],
        orders=[
            order("a", "1", "X", "2024-03-02T01:00:00", None, ordering_physician_id="D1"),
            order("b", "1", "X", "2024-03-02T01:12:00", None, ordering_physician_id="D1"),
            order("b", "2", "X", "2024-03-02T17:00:00", None, ordering_physician_id="D1"),
            order(
                "b",
                "3",
                "X",
                "2024-03-02T03:00:00",
                None,
                ordering_physician_id="D1",
                status="revoked",
            ),
        ],
    )
    found = days(batch, "hospitals", "minutes_between_hospitals", "ordering_hours", "orders")
    assert found["D1|2024-03-02"] == (2, 12, 1, 2)
    # 17:00 UTC is one o'clock of the next day in Shanghai.
    assert found["D1|2024-03-03"] == (1, None, 1, 1)


def test_a_batch_is_of_one_admission_day_and_the_register_tells_strangers() -> None:
    stays = [stay(f"s{n}", patient_id=f"p{n}", attending_physician_id="D1") for n in range(3)]
    stays.append(stay("x", "2024-03-03", 3, patient_id="q", attending_physician_id="D1"))
    batch = tables(stays, diagnoses=[diagnosis(s["stay_id"], 1, "I10.x05") for s in stays])
    names = ("discharges", "batch_patients", "batch_diseases", "visits")
    assert days(batch, *names)["D1|2024-03-06"] == (4, 3, 1, 0)
    asked = ("unregistered_hospitals", "hospitals_without_register")
    assert days(batch, *asked)["D1|2024-03-06"] == (None, 1)
    for listed, expected in ((True, 0), (False, 1), (None, 0)):
        rows = [{"physician_id": "D1", "provider_id": "H1", "active": listed}]
        assert days(with_parties(batch, physicians=rows), *asked)["D1|2024-03-06"] == (expected, 0)
    others = [{"physician_id": "D2", "provider_id": "H1"}]
    assert days(with_parties(batch, physicians=others), *asked)["D1|2024-03-06"] == (1, 0)
