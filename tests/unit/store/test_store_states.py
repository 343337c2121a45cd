"""Corrections, withdrawals and late claims: what counts, what stays readable, what is judged again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import store
from domain.tables import Tables
from store import AlertFilter, Withdrawn
from store.tables import METADATA
from tests import service_samples as samples

EVERYTHING = AlertFilter(superseded=True)


def with_values(batch: Tables, **values: Sequence[Any]) -> Tables:
    """The batch with other values in columns of its stays."""
    stays = batch.stays
    for name, column in values.items():
        field = stays.schema.field(name)
        stays = stays.set_column(
            stays.column_names.index(name), field, pa.array(column, field.type)
        )
    return replace(batch, stays=stays)


def write(opened: store.Store, batch: Tables, **more: Any) -> None:
    opened.write(
        claims=batch, results=samples.assess(batch), fingerprints={}, ruleset=samples.RULESET,
        model=samples.MODEL, **more,
    )  # fmt: skip


def version(number: int, *, payment: int = 800_000) -> Tables:
    """A version of stay S000000, which has an alert."""
    return with_values(samples.claims(1), claim_version=[number], fund_payment_fen=[payment])


def counting(opened: store.Store) -> list[str]:
    """The alerts that count, by id."""
    return sorted(row["alert_id"] for row in opened.alerts(limit=500).rows)


def recount(opened: store.Store) -> dict[tuple[str, date, str], tuple[int, int, int, int]]:
    """What the months' sums must be, from the claims that count."""
    found: dict[tuple[str, date, str], list[int]] = {}
    for row in opened.period(date(2000, 1, 1), date(2100, 1, 1)).stays.to_pylist():
        inpatient = row["claim_type"] == "inpatient"
        end = row["discharge_date"] if inpatient else row["discharge_date"] or row["admission_date"]
        if end is None:
            continue
        sums = found.setdefault((row["provider_id"], end.replace(day=1), row["currency"]), [0] * 4)
        for place, value in enumerate(
            (1, int(inpatient), row["total_amount_fen"] or 0, row["fund_payment_fen"] or 0)
        ):
            sums[place] += value
    return {key: tuple(sums) for key, sums in found.items()}  # type: ignore[misc]


def months(opened: store.Store) -> dict[tuple[str, date, str], tuple[int, int, int, int]]:
    """The sums as kept, without months that nothing is left of."""
    return {
        (row["provider_id"], row["month"], row["currency"]): (
            row["claims"], row["stays"], row["total_amount_fen"], row["fund_payment_fen"],
        )
        for row in opened.provider_months()
        if row["claims"]
    }  # fmt: skip


def test_a_correction_supersedes_and_the_old_alert_stays_readable(opened: store.Store) -> None:
    write(opened, version(1))
    (first,) = counting(opened)
    write(opened, version(2, payment=1))
    (second,) = counting(opened)
    assert first != second
    assert opened.count_alerts(EVERYTHING) == 2
    old = opened.alert(first)
    assert old is not None
    assert old.claim["fund_payment_fen"] == 800_000
    assert old.superseded_by is not None
    assert old.superseded_by["alert_id"] == second
    assert old.withdrawn is None


@pytest.mark.parametrize("again", [False, True])
def test_an_older_version_that_comes_after_never_wins(opened: store.Store, again: bool) -> None:
    write(opened, version(2, payment=2))
    before = counting(opened)
    write(opened, version(1, payment=1))
    if again:
        write(opened, version(1, payment=3))
    assert counting(opened) == before
    assert opened.counts()["decisions"] == 2 + again, "it is kept for evidence"
    patients = version(1).stays["patient_id"].to_pylist()
    assert opened.history(patients).stays["fund_payment_fen"].to_pylist() == [2]
    assert months(opened) == recount(opened)


def test_old_content_delivered_again_does_not_win_over_what_replaced_it(
    opened: store.Store,
) -> None:
    write(opened, version(1, payment=1))
    write(opened, version(1, payment=2))
    after = counting(opened)
    write(opened, version(1, payment=1))
    assert counting(opened) == after


def test_a_stay_judged_back_to_its_first_decision_shows_that_one(opened: store.Store) -> None:
    """A late claim changes the decision; withdrawn again, the first decision counts again."""
    batch = samples.claims(1)
    first = samples.assess(batch)
    other = replace(
        first,
        decisions=first.decisions.set_column(
            0, first.decisions.schema.field(0), pa.array(["0" * 32])
        ),
        hits=first.hits.slice(0, 0),
        alerts=first.alerts.slice(0, 0),
    )
    for results in (first, other, first):
        opened.write(claims=batch, results=results, ruleset=samples.RULESET, model=samples.MODEL)
    assert opened.count_alerts() == 1
    assert opened.counts()["decisions"] == 2


def test_a_withdrawn_claim_counts_nowhere_and_stays_readable(opened: store.Store) -> None:
    samples.write(opened, 12)
    batch = samples.claims(12)
    (alert,) = [r for r in opened.alerts(limit=99).rows if r["stay_id"] == "S000000"]
    when = datetime(2024, 5, 1, tzinfo=UTC)
    assert opened.withdraw([Withdrawn("S000000", 1, "reversed", when)]) == ["S000000"]
    assert alert["alert_id"] not in counting(opened)
    assert alert["alert_id"] in {r["alert_id"] for r in opened.alerts(EVERYTHING, limit=99).rows}
    assert "S000000" not in opened.history(batch.stays["patient_id"].to_pylist()).stays["stay_id"].to_pylist()  # fmt: skip
    assert len(opened.stays(["S000000", "S000001"])) == 1
    assert months(opened) == recount(opened)
    record = opened.alert(alert["alert_id"])
    assert record is not None
    assert record.superseded_by is None
    assert record.withdrawn is not None
    assert record.withdrawn["reason"] == "reversed"
    assert record.withdrawn["withdrawn_time"] == when
    opened.check_history.refresh()
    tallies = opened.check_history.tallies()
    assert {t.judged + t.out_of_force for t in tallies.values()} == {11}
    assert opened.withdraw([Withdrawn("S000000", 1, "reversed", when)]) == [], "once is enough"


def test_a_withdrawal_may_come_before_its_claim(opened: store.Store) -> None:
    assert opened.withdraw([Withdrawn("S000000", 2, "reversed")]) == []
    write(opened, version(1))
    write(opened, version(2))
    assert counting(opened) == []
    assert opened.counts()["decisions"] == 2
    write(opened, version(3))
    assert len(counting(opened)) == 1, "a later version stands again"
    assert months(opened) == recount(opened)


def test_a_late_claim_lists_the_later_stays_of_its_patient_only(opened: store.Store) -> None:
    # Two stays a patient: S000000 and S000001 are one patient's, a day apart.
    write(opened, samples.claims(1, first=1))
    write(opened, samples.claims(2, first=2))
    assert opened.to_judge() == []
    write(opened, samples.claims(1))
    (row,) = opened.to_judge()
    assert (row["stay_id"], row["because_of"]) == ("S000001", "S000000")
    # Who judges it again takes it off the list in the same transaction.
    write(opened, opened.stays(["S000001"]), taken=[(row["stay_id"], row["since"])])
    assert opened.to_judge() == []


def test_what_came_onto_the_list_meanwhile_stays_on_it(opened: store.Store) -> None:
    write(opened, samples.claims(2))
    write(opened, version(2))
    (row,) = opened.to_judge()
    write(opened, version(3))
    write(opened, opened.stays(["S000001"]), taken=[(row["stay_id"], row["since"])])
    assert [r["stay_id"] for r in opened.to_judge()] == ["S000001"]


def test_claims_in_their_order_list_nothing(opened: store.Store) -> None:
    apart = with_values(
        samples.claims(2),
        admission_date=[date(2024, 1, 1), date(2024, 2, 1)],
        discharge_date=[date(2024, 1, 9), date(2024, 2, 9)],
    )
    for stay in ("S000000", "S000001"):
        write(opened, apart.select(pa.array([stay])))
    write(opened, apart)
    assert opened.to_judge() == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    steps=st.lists(
        st.tuples(
            st.integers(0, 3), st.integers(1, 3), st.integers(0, 2), st.booleans(), st.booleans()
        ),
        max_size=12,
    )
)
def test_whatever_comes_in_whatever_order_sums_equal_a_recount(
    opened: store.Store, steps: list[tuple[int, int, int, bool, bool]]
) -> None:
    """Versions, contents, months, withdrawals; the highest version that is not withdrawn counts."""
    with opened.engine.begin() as connection:
        for name in (
            "stays_to_judge", "stay_states", "alerts", "hits", "decisions", "claims",
            "withdrawals", "provider_months", "physician_months",
        ):  # fmt: skip
            connection.execute(sa.delete(METADATA.tables[name]))
    highest: dict[int, int] = {}
    withdrawn: dict[int, int] = {}
    for stay, number, payment, other_month, back in steps:
        if back:
            opened.withdraw([Withdrawn(f"S{stay:06d}", number, "reversed")])
            withdrawn[stay] = max(withdrawn.get(stay, 0), number)
            continue
        batch = with_values(
            samples.claims(1, first=stay),
            claim_version=[number],
            fund_payment_fen=[payment],
            discharge_date=[date(2024, 5 if other_month else 3, 28)],
        )
        write(opened, batch)
        highest[stay] = max(highest.get(stay, 0), number)
    assert months(opened) == recount(opened)
    found = opened.period(date(2000, 1, 1), date(2100, 1, 1)).stays.to_pylist()
    assert {int(r["stay_id"][1:]): r["claim_version"] for r in found} == {
        stay: number for stay, number in highest.items() if number > withdrawn.get(stay, 0)
    }


def test_states_of_a_database_that_is_older_are_made_when_it_is_opened(
    opened: store.Store, address: str
) -> None:
    from alembic import command

    from store.engine import configuration, writer

    samples.write(opened, 12)
    corrected = samples.claims(6, lines=2)
    write(opened, corrected)
    before = (counting(opened), months(opened))
    config = configuration()
    with writer(opened.engine).begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0003")
    with store.open(address) as again:
        assert (counting(again), months(again)) == before
        assert {c.month for c in again.changed_months()} == {date(2024, 3, 1)}
