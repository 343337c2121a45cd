"""Proposed values: two persons, days that are never of the past, one ending, and the months of checks."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

import store
from domain.access import Rows
from domain.proposals import Ending, ParameterValue, Proposal, parse_number
from domain.withdrawal import REASONS
from store.proposal_tables import PROPOSAL_ENDINGS_SQL, PROPOSALS_SQL
from store.webhook_tables import WORK_EVENTS_SQL
from tests import service_samples as samples

TODAY = date(2026, 3, 1)
AT = datetime(2026, 3, 1, 4, tzinfo=UTC)


def proposed(name: str = "a", *, since: date = date(2026, 4, 1), **more: object) -> Proposal:
    given = {
        "proposal_id": name * 32,
        "change": ParameterValue("ADM-003", "window_days", "", since, 10),
        "unit": "day",
        "before": "15",
        "why": "because",
        "by": "u1",
        "by_name": "ana",
        "at": AT,
        "rule_sha256": "r",
    }
    return Proposal(**{**given, **more})  # type: ignore[arg-type]


def ending(outcome: str = "approved", by: str = "u2") -> Ending:
    return Ending(outcome, by, {"u1": "ana", "u2": "ben"}[by], "seen", AT)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> str:
    """Both kinds: the rules stand in transactions, locks and constraints."""
    name = "address" if request.param == "sqlite" else "postgres"
    found: str = request.getfixturevalue(name)
    return found


def test_two_persons_a_day_to_come_and_one_ending(database: str) -> None:
    with store.open(database) as opened:
        kept = opened.proposals
        assert kept.add(proposed(), today=TODAY)
        assert not kept.add(proposed(), today=TODAY)  # the same one again
        assert kept.in_force() == ()
        with pytest.raises(store.ProposalError) as own:
            kept.end("a" * 32, ending(by="u1"), today=TODAY)
        assert own.value.name == "two-persons"
        with pytest.raises(store.ProposalError) as others:
            kept.end("a" * 32, ending("withdrawn", "u2"), today=TODAY)
        assert others.value.name == "not-yours"
        with pytest.raises(store.ProposalError) as late:
            kept.end("a" * 32, ending(), today=date(2026, 4, 1))
        assert late.value.name == "past-day"
        with pytest.raises(store.ProposalError) as stale:
            kept.end("a" * 32, ending(), today=TODAY, version=2)
        assert stale.value.name == "stale"
        made = kept.end("a" * 32, ending(), today=TODAY, version=1)
        assert (made.status, made.version, made.ending) == ("approved", 2, ending())
        with pytest.raises(store.ProposalError) as again:
            kept.end("a" * 32, ending("refused"), today=TODAY)
        assert again.value.name == "already-ended"
        assert kept.in_force() == (proposed().change,)
        events = sa.select(WORK_EVENTS_SQL.c.kind, WORK_EVENTS_SQL.c.actor)
        with opened.engine.connect() as connection:
            assert connection.execute(events.order_by(WORK_EVENTS_SQL.c.event_id)).all() == [
                ("proposal.opened", "ana"),
                ("proposal.decided", "ben"),
            ]


def test_the_database_itself_refuses_one_person_for_both(database: str) -> None:
    with store.open(database) as opened:
        opened.proposals.add(proposed(), today=TODAY)
        row = {
            "proposal_id": "a" * 32, "outcome": "approved", "ended_by": "u1", "ended_name": "ana",
            "reason": "x", "ended_at": AT,
        }  # fmt: skip
        for claimed in ("u1", "somebody else"):
            with pytest.raises(sa.exc.IntegrityError), opened.engine.begin() as connection:
                connection.execute(
                    sa.insert(PROPOSAL_ENDINGS_SQL).values(**row, proposed_by=claimed)
                )


def test_a_change_adds_a_later_day_and_never_edits_one(opened: store.Store) -> None:
    kept = opened.proposals
    for since in (date(2026, 2, 1), TODAY):
        with pytest.raises(store.ProposalError, match="not after today"):
            kept.add(proposed(since=since), today=TODAY)
    kept.add(proposed("a", since=date(2026, 4, 1)), today=TODAY)
    kept.add(proposed("b", since=date(2026, 5, 1)), today=TODAY)
    kept.end("b" * 32, ending(), today=TODAY)
    # Another one was approved for a later day meanwhile: this would change what holds before it.
    with pytest.raises(store.ProposalError, match="approved there from 2026-05-01"):
        kept.end("a" * 32, ending(), today=TODAY)
    with pytest.raises(store.ProposalError, match="approved there"):
        kept.add(proposed("c", since=date(2026, 5, 1)), today=TODAY)
    elsewhere = ParameterValue("ADM-003", "window_days", "3301", date(2026, 4, 2), 7)
    assert kept.add(proposed("d", change=elsewhere), today=TODAY)
    kept.end("a" * 32, ending("refused"), today=TODAY)
    assert [one.proposal_id[0] for one in kept.page()] == ["d", "b", "a"]
    assert [one.proposal_id[0] for one in kept.page(status="open")] == ["d"]
    assert [one.proposal_id[0] for one in kept.page(after=(AT, "b" * 32))] == ["a"]
    with opened.engine.connect() as connection:
        assert (
            connection.execute(sa.select(sa.func.count()).select_from(PROPOSALS_SQL)).scalar() == 3
        )


@given(st.one_of(st.integers(-(10**12), 10**12), st.decimals(-(10**6), 10**6, places=4)))
def test_a_value_survives_as_it_was_written(value: int | Decimal) -> None:
    read = parse_number(str(value))
    assert type(read) is type(value)
    assert str(read) == str(value)


@pytest.mark.parametrize("text", ["", "1e3", "NaN", "inf", "0.1234567", "1_000", "٣", "1,5", "x"])
def test_what_is_no_plain_number_is_none(text: str) -> None:
    assert parse_number(text) is None


def _counted(opened: store.Store) -> dict[str, store.Tally]:
    """Each check's verdicts, counted one by one from every decision that counts."""
    query = sa.text(
        "SELECT d.rules_sha256, d.verdicts FROM stay_states s "
        "JOIN decisions d ON d.decision_id = s.decision_id"
    )
    names = {"P": "passed", "H": "hit", "U": "unknown", "O": "out_of_force"}
    counts: dict[str, Counter[str]] = {}
    with opened.engine.connect() as connection:
        rows = connection.execute(query).all()
    for sha256, letters in rows:
        for rule_id, letter in zip(opened.rule_ids(sha256) or (), letters, strict=True):
            counts.setdefault(rule_id, Counter())[names[letter]] += 1
    return {rule_id: store.Tally(**found) for rule_id, found in counts.items()}


def test_months_add_up_to_the_tallies_and_follow_corrections(database: str) -> None:
    with store.open(database) as opened:
        samples.write(opened, 40)
        history = opened.check_history
        assert history.told_upto() is None
        assert history.refresh() == 2  # some of March's stays end in April
        assert history.tallies() == _counted(opened)
        months = history.months("IDB-001")
        hits = _counted(opened)["IDB-001"].hit
        assert [one["month"] for one in months] == [date(2024, 3, 1), date(2024, 4, 1)]
        assert sum(one["hits"] for one in months) == hits
        assert sum(one["verdicts"]["hit"] for one in months) == hits
        everywhere = history.providers("IDB-001")
        assert sum(one["hits"] for one in everywhere) == hits
        money = history.exposures()["IDB-001"]
        for currency, fen in money.items():
            for parts in (everywhere, months):
                assert fen == sum(one["exposure_fen"].get(currency, 0) for one in parts)
        assert history.providers("IDB-001", Rows(frozenset({samples.PROVIDERS[0]}))) == [
            one for one in everywhere if one["provider_id"] == samples.PROVIDERS[0]
        ]
        assert history.providers("IDB-001", Rows(physician_id="D1")) == []
        # Withdrawn claims leave the months as they leave the tallies.
        opened.withdraw([store.Withdrawn("S000001", 1, next(iter(REASONS)))])
        samples.write(opened, 5, first=40)
        history.refresh()
        assert history.tallies() == _counted(opened)


def test_an_abandoned_backtest_ends(opened: store.Store) -> None:
    from datetime import timedelta

    from domain.proposals import Backtest

    job = Backtest(
        "b" * 32, "ADM-003", (("window_days", "", "7"),), TODAY, TODAY, "u1", "ana", AT, "s"
    )
    assert opened.backtests.add(job)
    assert not opened.backtests.add(job)
    assert opened.backtests.give_up(AT + timedelta(minutes=1)) == 0
    assert opened.backtests.give_up(AT + timedelta(hours=1)) == 1
    found = opened.backtests.get("b" * 32)
    assert found is not None
    assert (found.status, found.values) == ("failed", job.values)
    opened.backtests.finish("b" * 32, {"gained": 1}, AT)  # its worker comes too late
    assert opened.backtests.of_rule("ADM-003")[0].status == "failed"
