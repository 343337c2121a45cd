"""Late, corrected and withdrawn claims, judged as if all had come in their order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from itertools import permutations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import store
from domain.tables import Tables
from store import FindingFilter, Withdrawn
from streaming import intake
from streaming.lateness import judge_listed
from streaming.pipeline import Engine, assess
from streaming.pseudonym import PseudonymKey
from streaming.refresh import keep_whole, refresh_months
from streaming.service import keep, look_back
from tests.rules_claims import diagnosis, stay, tables
from tests.small_catalogue import engine_of, write_catalogue

APRIL = date(2025, 4, 1)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = tmp_path_factory.mktemp("rules")
    return engine_of(write_catalogue(folder, ADM_002="active", ADM_023="active"))


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[store.Store]:
    with store.open(f"sqlite:///{tmp_path / 'a.db'}") as found:
        yield found


@pytest.fixture(scope="module")
def claims() -> dict[str, Tables]:
    """Three stays of one patient for one disease, each ten days after the one before."""
    return {
        name: tables(
            [stay(name, f"2024-03-{day:02}", 3)], diagnoses=[diagnosis(name, 1, "J44.100")]
        )
        for name, day in (("a", 1), ("b", 14), ("c", 27))
    }


@pytest.fixture(scope="module")
def grown(root: Path) -> Tables:
    """Five hospitals' months; one of them grows in March 2025 from 4 to 18 stays."""
    file = root / "data_samples" / "aggregates" / "ADM-023.jsonl"
    return intake.read([file], "jsonl", key=PseudonymKey(b"lateness-tests" * 3)).tables


def take_in(opened: store.Store, engine: Engine, batch: Tables) -> None:
    keep(opened, batch, assess(batch, engine, history=look_back(opened, batch)), engine)
    while judge_listed(opened, engine, most=1):
        pass


def hits(opened: store.Store) -> list[tuple[str, str]]:
    return opened.stored_hits(["a", "b", "c"])


def findings(opened: store.Store, **wanted: Any) -> list[dict[str, Any]]:
    """What holds, without instants."""
    return [
        {k: v for k, v in row.items() if k not in ("created_at", "upto")}
        for row in opened.findings(FindingFilter(**wanted), limit=1000).rows
    ]


@pytest.mark.parametrize("order", list(permutations("abc")), ids="".join)
def test_in_whatever_order_claims_come_the_same_hits_stand(
    opened: store.Store, engine: Engine, claims: dict[str, Tables], order: tuple[str, ...]
) -> None:
    for name in order:
        take_in(opened, engine, claims[name])
    assert hits(opened) == [("b", "ADM-002"), ("c", "ADM-002")]
    assert opened.count_alerts() == 2
    assert opened.to_judge() == []


def test_a_withdrawn_stay_takes_the_hits_that_looked_back_at_it(
    opened: store.Store, engine: Engine, claims: dict[str, Tables]
) -> None:
    for name in "abc":
        take_in(opened, engine, claims[name])
    before = {row["stay_id"]: row["alert_id"] for row in opened.alerts().rows}
    opened.withdraw([Withdrawn("a", 1, "reversed")])
    judge_listed(opened, engine)
    assert hits(opened) == [("c", "ADM-002")]
    record = opened.alert(before["b"])
    assert record is not None
    assert record.hits, "the old evidence stays"
    assert record.superseded_by is not None
    assert record.superseded_by["alert_id"] is None
    # It comes again as a new version, and everything stands as before.
    again = claims["a"]
    place = again.stays.column_names.index("claim_version")
    again = replace(
        again, stays=again.stays.set_column(place, again.stays.schema.field(place), pa.array([2], pa.int32()))
    )  # fmt: skip
    take_in(opened, engine, again)
    assert {row["stay_id"]: row["alert_id"] for row in opened.alerts().rows} == before


def test_a_stay_withdrawn_while_it_waited_leaves_the_list(
    opened: store.Store, engine: Engine, claims: dict[str, Tables]
) -> None:
    for name in "cb":
        batch = claims[name]
        keep(opened, batch, assess(batch, engine), engine)
    assert [row["stay_id"] for row in opened.to_judge()] == ["c"]
    opened.withdraw([Withdrawn("c", 1, "reversed")])
    assert judge_listed(opened, engine) == 1
    assert opened.to_judge() == []


def test_changed_months_are_judged_from_what_is_stored(
    opened: store.Store, engine: Engine, grown: Tables, tmp_path: Path
) -> None:
    """Claim by claim and in two halves, the months show what one run over all shows."""
    whole = assess(grown, engine, upto=APRIL)
    with store.open(f"sqlite:///{tmp_path / 'b.db'}") as other:
        keep(other, grown, whole, engine)
        expected = findings(other)
    assert expected
    ids = grown.stays["stay_id"].combine_chunks()
    for part in (ids[1::2], ids[::2]):
        batch = grown.select(part)
        keep(opened, batch, assess(batch, engine), engine)
        done = refresh_months(opened, engine, upto=APRIL)
        assert done.changed > 0
    assert findings(opened) == expected
    assert refresh_months(opened, engine, upto=APRIL).claims == 0, "nothing changed since"


def test_a_file_into_an_empty_database_and_one_more_into_a_full_one_show_the_same(
    opened: store.Store, engine: Engine, grown: Tables, tmp_path: Path
) -> None:
    """The findings of a file are those of its claims; of a database those of all its claims."""
    with store.open(f"sqlite:///{tmp_path / 'b.db'}") as other:
        keep_whole(other, grown, assess(grown, engine, upto=APRIL), engine, upto=APRIL)
        expected = findings(other)
        assert other.changed_months() == [], "they were judged with the file"
    assert expected
    ids = grown.stays["stay_id"].combine_chunks()
    for part in (ids[::2], ids[1::2]):
        batch = grown.select(part)
        keep_whole(opened, batch, assess(batch, engine, upto=APRIL), engine, upto=APRIL)
    assert findings(opened) == expected


def test_a_finding_that_no_longer_holds_is_closed_and_stays_readable(
    opened: store.Store, engine: Engine, grown: Tables
) -> None:
    keep(opened, grown, assess(grown, engine), engine)
    refresh_months(opened, engine, upto=APRIL)
    (held,) = findings(opened)
    stays = [
        row["stay_id"]
        for row in grown.stays.to_pylist()
        if row["provider_id"] == held["provider_id"] and row["discharge_date"] >= date(2025, 3, 1)
    ]
    opened.withdraw([Withdrawn(s, 1, "reversed") for s in stays[:2]])
    refresh_months(opened, engine, upto=APRIL)
    (smaller,) = findings(opened)
    assert smaller["stay_count"] == held["stay_count"] - 2
    (version,) = opened.finding_versions(held["finding_id"])
    assert version["stay_count"] == held["stay_count"]
    opened.withdraw([Withdrawn(s, 1, "reversed") for s in stays[2:-4]])
    refresh_months(opened, engine, upto=APRIL)
    assert findings(opened) == []
    (closed,) = opened.findings(FindingFilter(closed=True)).rows
    assert closed["closed_because"] == "judged again and not found"
    assert closed["stay_count"] == smaller["stay_count"], "as it stood when it was closed"


def test_a_month_that_runs_is_judged_when_it_is_over(
    opened: store.Store, engine: Engine, grown: Tables
) -> None:
    keep(opened, grown, assess(grown, engine), engine)
    refresh_months(opened, engine, upto=date(2025, 3, 31))
    assert findings(opened) == []
    assert {c.month for c in opened.changed_months()} == {date(2025, 3, 1)}
    refresh_months(opened, engine, upto=APRIL)
    assert len(findings(opened)) == 1
    assert opened.changed_months() == []


def test_months_that_do_not_fit_into_memory_together_are_judged_one_by_one(
    opened: store.Store, engine: Engine, grown: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(opened, grown, assess(grown, engine), engine)
    monkeypatch.setattr("streaming.refresh.CLAIMS_AT_ONCE", 10)
    refresh_months(opened, engine, upto=APRIL)
    assert len(findings(opened)) == 1
