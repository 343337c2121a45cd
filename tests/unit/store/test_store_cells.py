"""The cells of the cockpit hold what a direct pass over the stays that count gives, at any time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import store
from domain.access import Rows
from domain.indicators import SUMS, add, total
from domain.results import Results
from domain.review import Review
from domain.tables import Tables
from store.cells import Selection
from store.measure_tables import ALL, MEASURE_CELLS_SQL, MEASURE_MARKS_SQL
from store.measured import KINDS
from tests import measure_samples as measures
from tests import service_samples as samples

DAYS = (None, date(2024, 3, 30), date(2024, 4, 2), date(2024, 5, 31))
MARCH = Selection("CNY", date(2024, 3, 1), date(2024, 3, 1))


def changed(batch: Tables, version: int, provider: str, day: date | None) -> Tables:
    """The same claims in another version, of another hospital and with another discharge."""
    stays = batch.stays.to_pylist()
    for row in stays:
        row |= {"claim_version": version, "provider_id": provider, "discharge_date": day}
    return replace(batch, stays=pa.Table.from_pylist(stays, schema=batch.stays.schema))


def direct(opened: store.Store) -> dict[tuple[Any, ...], dict[str, int]]:
    """Every cell from plain rows, in Python, without the code under test."""
    with opened.engine.connect() as connection:
        rows = connection.execute(
            sa.text(
                "SELECT m.*, s.ended_on, a.alert_id, a.exposure_fen AS alert_exposure FROM stay_states s "
                "JOIN measures m ON m.decision_id = s.decision_id "
                "LEFT JOIN alerts a ON a.decision_id = s.decision_id WHERE s.ended_on IS NOT NULL"
            )
        ).mappings()
        stays = [dict(row) for row in rows]
    last: dict[tuple[str, str], Review] = {}
    for review in opened.all_reviews():
        last[str(review.stay_id), review.rule_id] = review
    found: dict[tuple[Any, ...], dict[str, int]] = {}
    for row in stays:
        said = [r for (stay_id, _), r in last.items() if stay_id == row["stay_id"]]
        outcomes = {r.outcome for r in said}
        known, money = row["drug_fen"] is not None, row["total_amount_fen"] or 0
        counted = {
            "stays": 1,
            "grouped": row["grouped"],
            "weighted": row["weight_e4"] is not None,
            "weight_e4": row["weight_e4"],
            "days": row["stay_days"],
            "costed": row["total_amount_fen"] is not None,
            "cost_fen": money,
            "charged": known,
            "charged_cost_fen": money if known else 0,
            "drug_fen": row["drug_fen"],
            "consumable_fen": row["consumable_fen"],
            "priced": row["over_standard"] is not None,
            "over_standard": row["over_standard"],
            "paid": row["balance_fen"] is not None,
            "payment_fen": row["payment_fen"],
            "balance_fen": row["balance_fen"],
            "cased": row["payment_case"] is not None,
            "high_outliers": row["payment_case"] == "high_outlier",
            "low_outliers": row["payment_case"] == "low_outlier",
            "followed": row["readmitted"] is not None,
            "readmitted": row["readmitted"],
            "outcomes": row["died"] is not None,
            "died": row["died"],
            "alerts": row["alert_id"] is not None,
            "exposure_fen": row["alert_exposure"],
            "concluded": bool(outcomes & {"confirmed", "partly", "not_confirmed"}),
            "confirmed": bool(outcomes & {"confirmed", "partly"}),
            "recovered_fen": sum(
                r.recovered_fen or 0 for r in said if r.currency == row["currency"]
            ),
        }
        month = date.fromisoformat(str(row["ended_on"])).replace(day=1)
        for department, provider, group in product(
            (row["department"] or "", ALL),
            (row["provider_id"], ALL),
            (row["group_code"] or "", ALL),
        ):
            key = (row["currency"], department, month, provider, group)
            cell = found.setdefault(key, dict.fromkeys(SUMS, 0))
            for name in SUMS:
                cell[name] += int(counted[name] or 0)
    return found


def stored(opened: store.Store) -> dict[tuple[Any, ...], dict[str, int]]:
    with opened.engine.connect() as connection:
        rows = connection.execute(sa.select(MEASURE_CELLS_SQL)).mappings()
        return {
            tuple(
                row[n] for n in ("currency", "department", "month", "provider_id", "group_code")
            ): {name: row[name] for name in SUMS}
            for row in rows
        }


def review(results: Results, place: int, outcome: str, number: int) -> list[Review]:
    hits = results.hits.to_pylist()
    if not hits:
        return []
    hit = hits[place % len(hits)]
    reason = {"confirmed": "violation", "not_confirmed": "documented", "needs_information": "other"}
    paid = outcome == "confirmed"
    return [
        Review(
            f"r{number}", hit["rule_id"], outcome, reason[outcome], "tester",
            datetime(2024, 6, 1, 0, number % 60, tzinfo=UTC), hit["decision_id"], hit["stay_id"],
            recovered_fen=1_000 + number if paid else None, currency="CNY" if paid else None,
        )
    ]  # fmt: skip


STEP = st.one_of(
    st.tuples(
        st.just("write"), st.integers(0, 3), st.integers(1, 3),
        st.sampled_from(samples.PROVIDERS), st.sampled_from(DAYS),
    ),
    st.tuples(st.just("withdraw"), st.integers(0, 8), st.integers(1, 3)),
    st.tuples(
        st.just("review"), st.integers(0, 20),
        st.sampled_from(["confirmed", "not_confirmed", "needs_information"]),
    ),
    st.tuples(st.just("refresh")),
)  # fmt: skip


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEP, min_size=3, max_size=9))
def test_cells_are_a_direct_pass_whatever_happened_in_whatever_order(steps: list[Any]) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        store.open(f"sqlite:///{Path(folder) / 'cells.db'}") as opened,
    ):
        last = measures.write(opened, 6)
        for number, step in enumerate(steps):
            match step:
                case ("write", first, version, provider, day):
                    batch = changed(samples.claims(4, first=first), version, provider, day)
                    last = measures.measured(batch, samples.assess(batch))
                    opened.write(
                        claims=batch, results=last, ruleset=samples.RULESET, model=samples.MODEL
                    )
                case ("withdraw", stay, version):
                    opened.withdraw([store.Withdrawn(f"S{stay:06d}", version, "reversed")])
                case ("review", place, outcome):
                    opened.keep_reviews(review(last, place, outcome, number))
                case _:
                    opened.indicators.refresh(None)
        assert opened.indicators.refresh(None) == 0
        assert stored(opened) == {k: c for k, c in direct(opened).items() if c["stays"]}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[store.Store]:
    folder = tmp_path_factory.mktemp("cells")
    with store.open(f"sqlite:///{folder / 'sentinel.db'}") as opened:
        measures.write(opened, 60)
        opened.indicators.refresh(None)
        yield opened


def test_a_stay_measured_otherwise_by_the_same_decision_is_counted_anew(
    opened: store.Store,
) -> None:
    measures.write(opened, 12)
    opened.indicators.refresh(None)
    before = add(opened.indicators.groups(MARCH).values())
    again = measures.write(
        opened, 12, lambda number, row: measures.plain(number, row) | {"readmitted": True}
    )
    assert again.measures.num_rows
    assert opened.indicators.refresh(None) == 0
    after = add(opened.indicators.groups(MARCH).values())
    assert after["readmitted"] == after["stays"] == before["stays"] > before["readmitted"]


def test_writing_the_same_batch_again_marks_nothing(filled: store.Store) -> None:
    measures.write(filled, 60)
    with filled.engine.connect() as connection:
        marks = connection.execute(
            sa.select(sa.func.count()).select_from(MEASURE_MARKS_SQL)
        ).scalar_one()
    assert marks == 0


def test_departments_and_hospitals_add_up_to_the_whole(filled: store.Store) -> None:
    desk = filled.indicators
    whole = add(desk.groups(MARCH).values())
    assert whole["stays"] > 40
    by_department = [add(groups.values()) for groups in desk.by_department(MARCH).values()]
    assert add(by_department) == whole
    by_provider = desk.by_provider(MARCH, None)
    assert {name: sum(int(t[name]) for t in by_provider.values()) for name in SUMS} == whole


def test_what_sql_tells_of_hospitals_is_what_the_formulas_say(filled: store.Store) -> None:
    desk = filled.indicators
    reference, risky = desk.reference_groups(MARCH), frozenset({"ES33", "IU29"})
    for provider, told in desk.by_provider(MARCH, risky).items():
        own = desk.groups(replace(MARCH, provider_id=provider))
        wanted = total(own, reference, risky)
        assert {n: told[n] for n in wanted} == pytest.approx(dict(wanted), rel=1e-9), provider


@pytest.mark.parametrize(
    "rows",
    [
        Rows(providers=frozenset(samples.PROVIDERS[:1])),
        Rows(departments=frozenset(samples.DEPARTMENTS[:1])),
        Rows(physician_id="D33010003"),
        Rows(frozenset(samples.PROVIDERS[1:2]), frozenset(samples.DEPARTMENTS[1:]), "D33010002"),
        Rows(providers=frozenset()),
    ],
)
def test_a_caller_sums_the_stays_that_the_caller_may_see(filled: store.Store, rows: Rows) -> None:
    desk, wanted = filled.indicators, replace(MARCH, rows=rows)
    page = filled.measured.stays(wanted, None, None, None, 100)
    assert page.after is None
    assert all(
        rows.allow(r["provider_id"], r["department"], r["attending_physician_id"])
        for r in page.rows
    )
    summed = add(desk.groups(wanted).values())
    assert summed["stays"] == len(page.rows) == filled.measured.count_stays(wanted, None, None)
    assert summed["cost_fen"] == sum(r["total_amount_fen"] for r in page.rows)
    assert (len(page.rows) > 0) is (rows != Rows(providers=frozenset()))


def test_averages_of_groups_that_few_hospitals_have_are_not_told(filled: store.Store) -> None:
    desk = filled.indicators
    one = replace(MARCH, rows=Rows(providers=frozenset(samples.PROVIDERS[:1])))
    told = desk.reference_groups(one)
    everyone = desk.reference_groups(MARCH)
    with filled.engine.connect() as connection:
        found = connection.execute(
            sa.select(MEASURE_CELLS_SQL.c.group_code, MEASURE_CELLS_SQL.c.provider_id).where(
                MEASURE_CELLS_SQL.c.department == ALL,
                MEASURE_CELLS_SQL.c.group_code != ALL,
                MEASURE_CELLS_SQL.c.provider_id != ALL,
                MEASURE_CELLS_SQL.c.currency == "CNY",
                MEASURE_CELLS_SQL.c.month == MARCH.first,
            )
        ).all()
    hospitals: dict[str, set[str]] = {}
    for code, provider in found:
        hospitals.setdefault(code, set()).add(provider)
    assert set(told) == {
        code
        for code, there in hospitals.items()
        if len(there) >= 3 or there <= {samples.PROVIDERS[0]}
    }
    assert set(told) < set(everyone)


def test_postgresql_counts_the_same_cells(postgres: str) -> None:
    with store.open(postgres) as opened:
        results = measures.write(opened, 40)
        opened.indicators.refresh(None)
        batch = changed(samples.claims(4, first=2), 2, samples.PROVIDERS[3], DAYS[2])
        again = measures.measured(batch, samples.assess(batch))
        opened.write(claims=batch, results=again, ruleset=samples.RULESET, model=samples.MODEL)
        opened.withdraw([store.Withdrawn("S000009", 1, "reversed")])
        opened.keep_reviews(review(results, 7, "confirmed", 1))
        assert opened.indicators.refresh(None) == 0
        assert stored(opened) == direct(opened)
        desk, risky = opened.indicators, frozenset({"ES33"})
        reference = desk.reference_groups(MARCH)
        for provider, told in desk.by_provider(MARCH, risky).items():
            wanted = total(desk.groups(replace(MARCH, provider_id=provider)), reference, risky)
            assert {n: told[n] for n in wanted} == pytest.approx(dict(wanted), rel=1e-9)
        for kind in KINDS:
            page = opened.measured.stays(MARCH, kind, risky, None, 100)
            assert len(page.rows) == opened.measured.count_stays(MARCH, kind, risky)
