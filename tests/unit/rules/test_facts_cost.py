"""Facts of cost and of comparison with the group, one scene a test: what a person would add up."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import drg
from domain.errors import SentinelError
from domain.tables import Tables, concat
from drg import Settled
from rules.facts import Source, build, cost_tables
from rules.facts.benchmark import MEASURES, NAMES, derive
from rules.facts.reference import FOLDER
from tests.rules_claims import at, charge, day, diagnosis, procedure, stay, tables, visit

ALBUMIN, MEROPENEM, ICU_BED = "S-0901026", "S-0901007", "S-0101004"


def facts(
    batch: Tables,
    *names: str,
    history: Tables | None = None,
    settled: Settled | None = None,
    folder: Path | None = None,
) -> dict[str, Any]:
    """Facts of a batch by stay: one value, or a tuple where several are asked for."""
    source = Source(batch, history, settled, *(() if folder is None else (folder,)))
    rows = build(source, {"stay": names})["stay"].select("stay_id", *names).rows()
    return {row[0]: row[1] if len(names) == 1 else row[1:] for row in rows}


def line(stay_id: str, number: int, category: str, yuan: int, on: str, **more: Any) -> Any:
    return charge(
        stay_id, f"L{number}", category=category, unit_price=yuan, charge_date=day(on), **more
    )


# kinds of cost


def test_each_line_counts_in_the_kind_of_its_category() -> None:
    lines = [
        line("a", n, category, 2**n, "2024-03-02")
        for n, category in enumerate(
            ("01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12", "13", "14")
        )
    ]
    names = [f"{k}_cost_fen" for k in ("drug", "consumable", "exam", "lab", "treatment", "operation", "bed_and_nursing", "other", "chinese_drug")]  # fmt: skip
    (found,) = facts(tables([stay("a")], charges=lines), *names).values()
    assert [amount // 100 for amount in found] == [
        2**8 + 2**9 + 2**10, 2**7, 2**2, 2**3, 2**4, 2**5, 1 + 2**6, 2 + 2**11 + 2**12 + 2**13,
        2**9 + 2**10,
    ]  # fmt: skip


def test_items_are_told_by_the_tariff_and_the_classes_on_their_day() -> None:
    lines = [
        line("a", 1, "09", 420, "2024-03-02", item=ALBUMIN),
        line("a", 2, "09", 42, "2024-03-02", item=MEROPENEM),
        line("a", 3, "09", 7, "2024-03-02", item="S-0901018"),
        line("a", 4, "01", 140, "2024-03-02", item=ICU_BED, quantity=2),
        # Before the class was in force.
        line("a", 5, "09", 420, "2019-12-31", item=ALBUMIN),
    ]
    names = ("blood_product_cost_fen", "antibacterial_cost_fen", "intensive_bed_days", "intensive_bed_cost_fen")  # fmt: skip
    assert facts(tables([stay("a")], charges=lines), *names) == {"a": (42_000, 4_200, 2, 28_000)}


def test_a_reversal_takes_its_line_out_of_the_sums_and_of_its_day() -> None:
    lines = [
        line("a", 1, "09", 100, "2024-03-01"),
        line("a", 2, "09", 900, "2024-03-03"),
        line("a", 3, "09", 100, "2024-03-03"),
        line("a", 4, "09", 100, "2024-03-04"),
        line("a", 5, "09", 900, "2024-03-05", quantity=-1, reverses_line_id="L2"),
    ]
    names = ("drug_cost_fen", "dearest_day_cost_fen", "dearest_day_date", "priced_days")
    assert facts(tables([stay("a", "2024-03-01", 8)], charges=lines), *names) == {
        "a": (30_000, 10_000, day("2024-03-03"), 3)
    }


def test_without_charge_lines_nothing_is_known() -> None:
    names = ("drug_cost_fen", "cost_per_day_fen", "first_days_cost_fen", "days_since_last_therapy", "intensive_bed_days")  # fmt: skip
    assert facts(tables([stay("a")]), *names) == {"a": (None,) * 5}


def test_costs_a_day_count_a_stay_within_one_day_as_one_and_need_a_discharge() -> None:
    stays = [stay("a", days=4), stay("same", days=0), stay("open", days=None)]
    lines = [line(s, 1, "07", 10, "2024-03-01") for s in ("a", "same", "open")]
    assert facts(tables(stays, charges=lines), "cost_per_day_fen", "bed_and_nursing_per_day_fen") == {
        "a": (250, 250), "same": (1000, 1000), "open": (None, None),
    }  # fmt: skip


# phases and days


def test_phases_lie_around_the_procedures() -> None:
    lines = [line("a", n, "05", 10 * n, f"2024-03-0{n}") for n in range(1, 7)]
    done = [
        procedure("a", 1, "51.2300", procedure_date=day("2024-03-03")),
        procedure("a", 2, "99.0400", procedure_date=day("2024-03-04")),
    ]
    batch = tables([stay("a", "2024-03-01", 6)], charges=lines, procedures=done)
    names = ("preoperative_days", "postoperative_days", "preoperative_cost_fen", "operation_day_cost_fen", "postoperative_cost_fen")  # fmt: skip
    assert facts(batch, *names) == {"a": (2, 3, 3_000, 3_000, 11_000)}


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        ((None,), (None, None, None)),
        (("2024-03-02", None), (1, None, None)),
        ((None, "2024-03-02"), (None, None, None)),
        ((), (None, None, None)),
    ],
)
def test_a_procedure_without_date_leaves_its_phase_unknown(
    dates: tuple[str | None, ...], expected: tuple[int | None, ...]
) -> None:
    done = [
        procedure("a", n, "51.2300", procedure_date=None if d is None else day(d))
        for n, d in enumerate(dates, start=1)
    ]
    lines = [line("a", 1, "05", 10, "2024-03-01")]
    batch = tables([stay("a")], charges=lines, procedures=done)
    found = facts(batch, "preoperative_days", "postoperative_days", "postoperative_cost_fen")
    assert found == {"a": expected}


def test_first_days_leave_out_operations_and_materials() -> None:
    lines = [
        line("a", 1, "03", 10, "2024-03-01"),
        line("a", 2, "04", 20, "2024-03-02"),
        line("a", 3, "06", 40, "2024-03-01"),
        line("a", 4, "08", 80, "2024-03-02"),
        line("a", 5, "03", 160, "2024-03-03"),
        line("a", 6, "03", 320, "2024-02-29"),
    ]
    assert facts(tables([stay("a")], charges=lines), "first_days_cost_fen") == {"a": 3_000}


def test_last_days_leave_out_procedures_and_drugs_to_take_home() -> None:
    lines = [
        line("a", 1, "03", 10, "2024-03-04"),
        line("a", 2, "03", 20, "2024-03-05"),
        line("a", 3, "09", 40, "2024-03-06", discharge_medication=True),
        line("a", 4, "03", 80, "2024-03-06"),
        line("b", 1, "03", 10, "2024-03-05"),
        line("b", 2, "03", 20, "2024-03-06"),
    ]
    done = [procedure("b", 1, "51.2300", procedure_date=day("2024-03-05"))]
    batch = tables([stay("a"), stay("b")], charges=lines, procedures=done)
    assert facts(batch, "last_days_cost_fen") == {"a": 10_000, "b": 2_000}


def test_the_dearest_day_is_neither_the_first_nor_one_of_a_procedure() -> None:
    lines = [line("a", n, "05", yuan, f"2024-03-0{n}") for n, yuan in enumerate((900, 800, 30, 50, 40), start=1)]  # fmt: skip
    done = [procedure("a", 1, "51.2300", procedure_date=day("2024-03-02"))]
    batch = tables([stay("a"), stay("b")], charges=[*lines, line("b", 1, "05", 5, "2024-03-01")], procedures=done)  # fmt: skip
    names = ("dearest_day_cost_fen", "dearest_day_date", "median_day_cost_fen", "priced_days")
    assert facts(batch, *names) == {
        "a": (5_000, day("2024-03-04"), 4_000, 3),
        "b": (None, None, None, 0),
    }


def test_days_after_the_last_treatment() -> None:
    lines = [
        line("a", 1, "09", 10, "2024-03-03"),
        line("a", 2, "03", 10, "2024-03-05"),
        line("none", 1, "01", 10, "2024-03-02"),
        line("open", 1, "09", 10, "2024-03-02"),
    ]
    batch = tables([stay("a"), stay("none"), stay("open", days=None)], charges=lines)
    assert facts(batch, "days_since_last_therapy", "therapy_days") == {
        "a": (3, 1), "none": (5, 0), "open": (None, 1),
    }  # fmt: skip


def test_hours_of_intensive_care_are_added_up() -> None:
    icu = [
        {"stay_id": "a", "ordinal": 1, "start_time": at("2024-03-01T10:00:00"), "end_time": at("2024-03-02T10:30:00")},
        {"stay_id": "a", "ordinal": 2, "start_time": at("2024-03-03T10:00:00"), "end_time": at("2024-03-03T11:40:00")},
        {"stay_id": "there", "ordinal": 1, "start_time": at("2024-03-01T10:00:00"), "end_time": None},
    ]  # fmt: skip
    batch = tables([stay("a"), stay("there"), stay("none")], icu_stays=icu)
    assert facts(batch, "intensive_hours") == {"a": 26, "there": None, "none": None}


def test_the_second_department_counts_where_the_patient_moved() -> None:
    moved: dict[str, Any] = {"transfer_departments": "A03→A28"}
    stays = [stay("two", **moved), stay("one", **moved), stay("silent", **moved), stay("stayed")]
    lines = [
        line("two", 1, "05", 10, "2024-03-01", ordering_department="A03"),
        line("two", 2, "05", 30, "2024-03-02", ordering_department="A28"),
        line("two", 3, "05", 5, "2024-03-02", ordering_department="A03"),
        line("one", 1, "05", 10, "2024-03-01", ordering_department="A03"),
        line("silent", 1, "05", 10, "2024-03-01", ordering_department="A03"),
        line("silent", 2, "05", 10, "2024-03-01"),
        line("stayed", 1, "05", 10, "2024-03-01", ordering_department="A03"),
    ]
    assert facts(tables(stays, charges=lines), "second_department_cost_fen") == {
        "two": 1_500, "one": 0, "silent": None, "stayed": None,
    }  # fmt: skip


def test_facts_do_not_depend_on_the_order_of_lines() -> None:
    lines = [line("a", n, "05", 7 * n % 50 + 1, f"2024-03-0{1 + n % 5}") for n in range(1, 30)]
    names = ("treatment_cost_fen", "dearest_day_cost_fen", "dearest_day_date", "last_days_cost_fen")
    there = facts(tables([stay("a")], charges=lines), *names)
    assert there == facts(tables([stay("a")], charges=lines[::-1]), *names)


# a year


def test_a_year_counts_visits_and_stops_at_365_days() -> None:
    batch = tables(
        [
            stay("old", "2023-03-02", 3, fund_payment_fen=1),
            stay("kept", "2023-03-03", 3, fund_payment_fen=10),
            visit("visit", "2023-06-01", fund_payment_fen=100),
            stay("now", "2024-03-01", 5, fund_payment_fen=1_000),
            stay("later", "2024-05-01", 5, fund_payment_fen=10_000),
            stay("other", "2024-03-01", 5, fund_payment_fen=7, patient_id="p_2"),
        ]
    )
    found = facts(batch, "fund_paid_in_365_days_fen")
    assert found == {"old": 1, "kept": 11, "visit": 111, "now": 1_110, "later": 11_100, "other": 7}


def test_a_payment_that_is_not_stated_leaves_the_year_unknown_but_not_while_in_hospital() -> None:
    batch = tables(
        [
            stay("silent", "2024-01-01", fund_payment_fen=None),
            stay("after", "2024-02-01", fund_payment_fen=5),
            stay("open", "2024-03-01", None, fund_payment_fen=None, patient_id="p_2"),
        ]
    )
    assert facts(batch, "fund_paid_in_365_days_fen") == {"silent": None, "after": None, "open": 0}


def test_the_history_counts_as_the_batch_does() -> None:
    earlier = tables([stay("old", "2024-01-01", fund_payment_fen=10)])
    batch = tables([stay("now", "2024-03-01", fund_payment_fen=1)])
    assert facts(batch, "fund_paid_in_365_days_fen", history=earlier) == {"now": 11}


# the group


def write_benchmarks(folder: Path, *rows: dict[str, Any]) -> Path:
    """A folder with the shipped tables and a table of benchmarks of one's own."""
    for path in FOLDER.glob("*.csv"):
        (folder / path.name).write_bytes(path.read_bytes())
    columns = ["cell", "currency", "cases", *[f"{n}_{p}" for n in NAMES for p in ("mean", "p95")], "valid_from", "valid_to", "source"]  # fmt: skip
    plain = {"currency": "CNY", "cases": 30, "valid_from": "2024-01-01", "source": "test"}
    lines = [",".join(columns)]
    for row in rows:
        given = plain | row
        lines.append(",".join(str(given.get(c, "")) for c in columns))
    (folder / "group_benchmarks.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def pneumonia(stay_id: str = "a", **more: Any) -> Tables:
    """Pneumonia without complication, billed and grouped as ES35 in the sample region."""
    told: dict[str, Any] = {"region_code": "330100", "insurance_type": "310", "provider_level": "3", "sex": "1", "age_years": 60, "billed_group_code": "ES35", "total_amount_fen": 100_000}  # fmt: skip
    return tables(
        [stay(stay_id) | told | more],
        diagnoses=[diagnosis(stay_id, 1, "J18.900")],
        charges=[line(stay_id, 1, "09", 600, "2024-03-02"), line(stay_id, 2, "03", 400, "2024-03-02")],
    )  # fmt: skip


def settled(batch: Tables) -> Settled:
    return drg.settle(batch, drg.load())


def test_a_group_is_compared_with_its_own_row_and_else_with_its_adrg(tmp_path: Path) -> None:
    batch = pneumonia()
    group = settled(batch).priced["group_code"][0]
    own = {
        "cell": group,
        "total_cost_mean": 90_000,
        "drug_cost_mean": 50_000,
        "drug_cost_p95": 55_000,
    }
    wider = {"cell": group[:3], "total_cost_mean": 80_000, "drug_cost_mean": 40_000, "drug_cost_p95": 44_000}  # fmt: skip
    names = ("usual_drug_cost_fen", "high_drug_cost_fen")
    for number, (rows, expected) in enumerate(
        [((own, wider), (50_000, 55_000)), ((wider,), (40_000, 44_000)), ((), (None, None))]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        write_benchmarks(folder, *rows)
        assert facts(batch, *names, settled=settled(batch), folder=folder) == {"a": expected}


@pytest.mark.parametrize(
    "given",
    [{"valid_from": "2024-03-07"}, {"valid_to": "2024-03-06"}, {"currency": "USD"}],
)
def test_a_row_counts_in_its_time_and_currency_only(tmp_path: Path, given: dict[str, str]) -> None:
    batch = pneumonia()
    row = {"cell": "ES3", "total_cost_mean": 80_000, "drug_cost_mean": 40_000} | given
    folder = write_benchmarks(tmp_path, row)
    found = facts(batch, "usual_drug_cost_fen", settled=settled(batch), folder=folder)
    assert found == {"a": None}


def test_of_two_periods_the_one_of_the_discharge_counts(tmp_path: Path) -> None:
    batch = pneumonia()
    rows = [
        {"cell": "ES3", "total_cost_mean": 1, "drug_cost_mean": 1, "valid_to": "2024-02-01"},
        {"cell": "ES3", "total_cost_mean": 2, "drug_cost_mean": 2, "valid_from": "2024-02-01"},
    ]
    folder = write_benchmarks(tmp_path, *rows)
    found = facts(batch, "usual_drug_cost_fen", settled=settled(batch), folder=folder)
    assert found == {"a": 2}


def test_a_group_whose_figures_have_expired_is_compared_with_its_adrg(tmp_path: Path) -> None:
    batch = pneumonia()
    group = settled(batch).priced["group_code"][0]
    rows = [
        {"cell": group, "total_cost_mean": 1, "drug_cost_mean": 1, "valid_to": "2024-02-01"},
        {"cell": "ES3", "total_cost_mean": 2, "drug_cost_mean": 2},
    ]
    folder = write_benchmarks(tmp_path, *rows)
    found = facts(batch, "usual_drug_cost_fen", settled=settled(batch), folder=folder)
    assert found == {"a": 2}


def test_the_distance_of_the_mix_is_what_would_have_to_move(tmp_path: Path) -> None:
    batch = pneumonia()
    means = {f"{n}_mean": 0 for n in MEASURES if n.endswith("_cost")}
    # The stay: 60 % drugs, 40 % examinations. The group: 30 and 70.
    row = means | {
        "cell": "ES3",
        "total_cost_mean": 1,
        "drug_cost_mean": 300,
        "exam_cost_mean": 700,
    }
    folder = write_benchmarks(tmp_path, row)
    found = facts(batch, "cost_mix_distance", settled=settled(batch), folder=folder)
    assert found["a"] == pytest.approx(0.3)
    (tmp_path / "other").mkdir()
    folder = write_benchmarks(tmp_path / "other", {"cell": "BR1", "total_cost_mean": 1})
    assert facts(batch, "cost_mix_distance", settled=settled(batch), folder=folder) == {"a": None}


def test_a_surgical_group_and_the_grounds_for_review_follow_from_the_group() -> None:
    batch = pneumonia()
    assert facts(batch, "surgical_group", "review_grounds", settled=settled(batch)) == {"a": (False, 0)}  # fmt: skip
    dear = pneumonia(total_amount_fen=90_000_000)
    assert facts(dear, "review_grounds", settled=settled(dear)) == {"a": 1}
    assert facts(batch, "surgical_group", "review_grounds", "usual_drug_cost_fen") == {"a": (None,) * 3}  # fmt: skip


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"cell": "ES3", "drug_cost_mean": "many"}, "drug_cost_mean"),
        ({"cell": "ES3", "drug_cost_mean": -1}, "drug_cost_mean"),
        ({"cell": "ES3", "valid_from": "soon"}, "valid_from"),
    ],
)
def test_a_wrong_benchmark_is_refused_with_its_line(
    tmp_path: Path, row: dict[str, Any], said: str
) -> None:
    folder = write_benchmarks(tmp_path, {"cell": "BR1"}, row)
    with pytest.raises(SentinelError, match=said) as caught:
        cost_tables.benchmarks(NAMES, folder)
    assert caught.value.where.endswith("group_benchmarks.csv:3")


def test_a_cell_needs_thirty_stays_and_a_measure_as_many() -> None:
    def month(count: int) -> tuple[Tables, Settled]:
        batch = concat([pneumonia(f"s{n}") for n in range(count)])
        return batch, settled(batch)

    table = derive([month(20), month(10)], "test", "2025-01-01")
    assert table["cell"].to_list() == ["ES3", table["cell"][1]]
    row = table.row(0, named=True)
    assert (row["cases"], row["drug_cost_mean"], row["drug_cost_p95"]) == (30, 60_000, 60_000)
    assert row["preoperative_days_mean"] is None
    assert row["source"] == "test"
    assert derive([month(29)], "test", "2025-01-01").height == 0


def test_in_the_shipped_table_what_every_stay_has_is_spread_above_its_mean() -> None:
    table = cost_tables.benchmarks(NAMES)
    assert table.height > 100
    for name in ("total_cost", "cost_per_day", "first_days_cost"):
        assert table.filter(pl.col(f"{name}_p95") < pl.col(f"{name}_mean")).height == 0


# peers


def month_of(count: int, ended: str, *, days: int = 5, **more: Any) -> list[dict[str, Any]]:
    """Stays of one group that ended on a day and cost 1, 2, 3, ... yuan."""
    plain: dict[str, Any] = {"billed_group_code": "ES35", "provider_level": "3"}
    admitted = str(day(ended) - timedelta(days=days))
    return [
        stay(f"{ended}-{n}", admitted, days) | plain | {"total_amount_fen": 100 * n} | more
        for n in range(1, count + 1)
    ]


def own(ended: str, yuan: int | None, **more: Any) -> dict[str, Any]:
    (made,) = month_of(1, ended, **more)
    return made | {"stay_id": "own", "total_amount_fen": None if yuan is None else 100 * yuan}


PEER_FACTS = ("cost_percentile_in_group", "stay_percentile_in_group", "peers_in_group")


def test_a_percentile_is_the_share_of_cheaper_peers_and_half_of_the_equal() -> None:
    batch = tables([own("2024-03-10", 31, days=9)])
    earlier = tables(month_of(40, "2024-03-09"))
    assert facts(batch, *PEER_FACTS, history=earlier) == {"own": (30.5 / 40, 1.0, 40)}
    assert facts(tables([own("2024-03-10", 31)]), *PEER_FACTS, history=earlier) == {"own": (30.5 / 40, 0.5, 40)}  # fmt: skip


@pytest.mark.parametrize(
    "other",
    [
        {"billed_group_code": "ES33"},
        {"provider_level": "2"},
        {"currency": "USD"},
        {"claim_type": "outpatient"},
        {"total_amount_fen": None},
    ],
)
def test_peers_are_stays_like_it(other: dict[str, Any]) -> None:
    batch = tables([own("2024-03-10", 5)])
    earlier = tables(month_of(40, "2024-03-09", **other))
    assert facts(batch, *PEER_FACTS, history=earlier) == {"own": (None, None, 0)}


@pytest.mark.parametrize(
    ("ended", "seen"),
    [("2024-03-09", 30), ("2024-03-10", 0), ("2023-03-11", 30), ("2023-03-10", 0)],
)
def test_peers_ended_in_the_year_before_the_day_of_discharge(ended: str, seen: int) -> None:
    batch = tables([own("2024-03-10", 5)])
    found = facts(batch, *PEER_FACTS, history=tables(month_of(30, ended)))
    assert found["own"][2] == seen
    assert (found["own"][0] is None) == (seen == 0)


def test_under_thirty_peers_there_is_no_percentile() -> None:
    found = facts(tables([own("2024-03-10", 5)]), *PEER_FACTS, history=tables(month_of(29, "2024-03-09")))  # fmt: skip
    assert found == {"own": (None, None, 29)}


def test_a_stay_without_total_group_or_discharge_has_no_percentile_of_it() -> None:
    earlier = tables(month_of(30, "2024-03-09"))
    silent = facts(tables([own("2024-03-10", None)]), *PEER_FACTS, history=earlier)
    assert silent == {"own": (None, 0.5, 30)}
    for lacking in ({"billed_group_code": None}, {"discharge_date": None}):
        batch = tables([own("2024-03-10", 5, **lacking)])
        assert facts(batch, *PEER_FACTS, history=earlier) == {"own": (None,) * 3}


def test_peers_of_the_batch_count_as_those_of_the_history() -> None:
    together = tables([*month_of(30, "2024-03-09"), own("2024-03-10", 5)])
    apart = facts(tables([own("2024-03-10", 5)]), *PEER_FACTS, history=tables(month_of(30, "2024-03-09")))  # fmt: skip
    assert facts(together, *PEER_FACTS)["own"] == apart["own"]
