"""One step of the stream worker, one transaction: offsets with their owner, outbox, dead letters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from unittest.mock import patch

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

import store
from domain.errors import Refusal
from store import outbox
from store.tables import CLAIMS_SQL, OUTBOX_SQL
from tests import service_samples as samples

ZERO, ONE = ("claims", 0), ("claims", 1)


def judged(count: int, start: int = 0) -> store.Judged:
    batch = samples.claims(count + start)
    if start:
        batch = batch.select(batch.stays["stay_id"].slice(start).combine_chunks())
    return store.Judged(batch, samples.assess(batch), None, samples.RULESET, samples.MODEL)


def outgoing(
    number: int, decision: str | None = None, source: store.Partition = ZERO
) -> store.Outgoing:
    return store.Outgoing(
        "decisions", f"m{number}", b"p_1", f"v{number}".encode(), source,
        (("trace-id", f"00-{number:032x}-{1:016x}-01"),), decision,
    )  # fmt: skip


def letter(number: int) -> store.DeadLetter:
    return store.DeadLetter(
        f"{number:032x}", "g", "claims", 0, number, datetime(2026, 11, 22, 1, tzinfo=UTC),
        b"k", b"\x00\xffnot a claim", (("source", b"\x00his"),), None,
        (Refusal("(record)", "", "not-json", "Write JSON."),),
    )  # fmt: skip


def test_a_new_partition_has_no_offset_and_a_committed_one_its_next(opened: store.Store) -> None:
    journal = opened.journal("g")
    (lease,) = journal.claim([ZERO], "a")
    assert lease.next_offset is None
    journal.commit(store.Step(advances=[(lease, 12)]))
    (again,) = journal.claim([ZERO], "a")
    assert again.next_offset == 12
    assert again.epoch > lease.epoch


def test_groups_do_not_share_offsets_or_outbox(opened: store.Store) -> None:
    one, two = opened.journal("one"), opened.journal("two")
    (lease,) = one.claim([ZERO], "a")
    one.commit(store.Step(advances=[(lease, 5)], outgoing=[outgoing(1)]))
    assert two.claim([ZERO], "a")[0].next_offset is None
    assert two.pending([ZERO]) == []
    assert two.depth()[0] == 0
    assert [o.next_offset for o in one.offsets()] == [5]


def test_a_step_stores_everything_at_once(opened: store.Store) -> None:
    journal = opened.journal("g")
    (lease,) = journal.claim([ZERO], "a")
    part = judged(3)
    done = journal.commit(
        store.Step(
            advances=[(lease, 3)], judged=[part], outgoing=[outgoing(1)], dead_letters=[letter(7)]
        )
    )
    assert done.written.known == frozenset()
    counts = opened.counts()
    assert (counts["decisions"], counts["outbox"], counts["dead_letters"]) == (3, 1, 1)


def test_a_worker_that_lost_its_partition_stores_nothing(opened: store.Store) -> None:
    journal = opened.journal("g")
    old_zero, old_one = journal.claim([ZERO, ONE], "old")
    (new,) = journal.claim([ONE], "new")
    journal.commit(store.Step(advances=[(new, 8)]))
    with pytest.raises(store.LostPartitionError, match="claims-1") as caught:
        journal.commit(
            store.Step(
                advances=[(old_zero, 3), (old_one, 2)],
                judged=[judged(2)],
                outgoing=[outgoing(1)],
                dead_letters=[letter(1)],
            )
        )
    assert caught.value.lost == (old_one,)
    counts = opened.counts()
    assert (counts["decisions"], counts["outbox"], counts["dead_letters"]) == (0, 0, 0)
    assert [o.next_offset for o in journal.offsets()] == [None, 8]


def test_a_worker_of_the_same_name_started_again_shuts_out_the_old_one(opened: store.Store) -> None:
    journal = opened.journal("g")
    (old,) = journal.claim([ZERO], "w1")
    journal.claim([ZERO], "w1")
    with pytest.raises(store.LostPartitionError):
        journal.commit(store.Step(advances=[(old, 1)]))


def test_a_failing_write_takes_the_offset_back(opened: store.Store) -> None:
    journal = opened.journal("g")
    (lease,) = journal.claim([ZERO], "a")
    part = judged(2)
    broken = replace(part, ruleset=None)  # the decisions' rule set is not stored
    with pytest.raises(store.StoreRuleError):
        journal.commit(store.Step(advances=[(lease, 2)], judged=[broken], outgoing=[outgoing(1)]))
    assert journal.claim([ZERO], "a")[0].next_offset is None
    assert opened.counts()["outbox"] == 0


def test_more_is_written_in_the_same_transaction(opened: store.Store) -> None:
    journal = opened.journal("g")
    (lease,) = journal.claim([ZERO], "a")
    seen = []

    def count(connection: sa.Connection, now: datetime) -> None:
        seen.append(
            (connection.execute(sa.select(sa.func.count(CLAIMS_SQL.c.stay_id))).scalar(), now)
        )
        raise store.StoreError("stop", where="here", cure="None.")

    with pytest.raises(store.StoreError, match="stop"):
        journal.commit(store.Step(advances=[(lease, 2)], judged=[judged(2)], writes=[count]))
    assert seen[0][0] == 2, "the claims of the step are there"
    assert opened.counts()["claims"] == 0


def test_a_decision_that_two_rounds_of_a_step_reach_is_told(opened: store.Store) -> None:
    """The same claim, written otherwise, comes twice in a batch: the second round finds the first's."""
    journal = opened.journal("g")
    (lease,) = journal.claim([ZERO], "a")
    part = judged(1)
    (decision,) = part.results.decisions["decision_id"].to_pylist()
    step = store.Step(advances=[(lease, 2)], judged=[part, part], outgoing=[outgoing(1, decision)])
    assert len(journal.commit(step).messages) == 1


def test_a_decision_is_told_once(opened: store.Store) -> None:
    journal = opened.journal("g")
    (lease,) = journal.claim([ZERO], "a")
    part = judged(2)
    first, second = part.results.decisions["decision_id"].to_pylist()
    told = [outgoing(1, first), outgoing(2, second), outgoing(3)]
    done = journal.commit(store.Step(advances=[(lease, 2)], judged=[part], outgoing=told))
    assert [m.message_id for m in done.messages] == ["m1", "m2", "m3"]
    again = journal.commit(store.Step(advances=[(lease, 4)], judged=[part], outgoing=told))
    assert [m.message_id for m in again.messages] == ["m3"], "stored decisions are not new"


def ids(parcels: Iterable[store.Parcel], source: store.Partition) -> list[str]:
    return [m.message_id for p in parcels for m in p.messages if m.source == source]


def test_the_outbox_keeps_the_order_of_each_source_until_acknowledged(opened: store.Store) -> None:
    journal = opened.journal("g")
    leases = journal.claim([ZERO, ONE], "a")
    many = [outgoing(i, source=(ZERO, ONE)[i % 2]) for i in range(5_000)]
    done = journal.commit(store.Step(advances=[(lease, 1) for lease in leases], outgoing=many))
    for source in (ZERO, ONE):
        assert ids(done.parcels, source) == [o.message_id for o in many if o.source == source]
    assert [p.outbox_id for p in done.parcels] == sorted(p.outbox_id for p in done.parcels)
    assert {len(p.messages) for p in done.parcels} == {1_000, 500}
    assert ids(journal.pending([ONE], limit=1), ONE)[:2] == ["m1", "m3"]
    assert ids(journal.pending([ONE]), ZERO) == []
    first = journal.pending([ZERO, ONE], limit=4)
    rest = journal.pending([ZERO, ONE], after=first[-1].outbox_id)
    assert tuple(first + rest) == done.parcels, "what is read back is what was committed"
    assert journal.depth()[0] == 5_000
    journal.acknowledge([p.outbox_id for p in first])
    assert journal.pending([ZERO, ONE]) == rest
    assert journal.depth()[0] == 5_000 - sum(len(p.messages) for p in first)
    journal.commit(store.Step(acknowledged=[p.outbox_id for p in rest]))
    assert journal.depth() == (0, None)


@given(
    sizes=st.lists(st.sampled_from([0, 1, 900, 1_800_000, 5_000_000]), min_size=1, max_size=40),
    most=st.integers(1, 7),
)
def test_parcels_are_all_messages_in_order_within_their_bounds(sizes: list[int], most: int) -> None:
    blank = bytes(max(sizes, default=0))
    many = [store.Outgoing("t", f"m{i}", None, blank[:size], ZERO) for i, size in enumerate(sizes)]
    with patch.object(outbox, "MOST_MESSAGES", most):
        parts = list(outbox._split(many))
    assert [m for part in parts for m in part] == many
    for part in parts:
        assert 1 <= len(part) <= most
        assert len(part) == 1 or sum(len(m.value) for m in part) <= outbox.MOST_OCTETS


def test_a_damaged_parcel_says_so(opened: store.Store) -> None:
    journal = opened.journal("g")
    (lease,) = journal.claim([ZERO], "a")
    journal.commit(store.Step(advances=[(lease, 1)], outgoing=[outgoing(1)]))
    with opened.engine.begin() as connection:
        connection.execute(sa.update(OUTBOX_SQL).values(body=b"x"))
    with pytest.raises(store.StoreError, match=r"outbox\.body"):
        journal.pending([ZERO])


def test_a_dead_letter_keeps_its_bytes(opened: store.Store) -> None:
    journal = opened.journal("g")
    journal.commit(store.Step(dead_letters=[letter(1), letter(2)]))
    journal.commit(store.Step(dead_letters=[letter(1)]))
    found = opened.dead_letters()
    assert [replace(f, created_at=None) for f in found] == [letter(1), letter(2)]
    assert opened.dead_letters(after=found[0].dead_letter_id) == found[1:]
    assert opened.dead_letters(topic="orders") == []
    opened.mark_replayed(letter(2).dead_letter_id)
    assert [f.offset for f in opened.dead_letters(replayed=False)] == [1]
    replayed = opened.dead_letter(letter(2).dead_letter_id)
    assert replayed is not None
    assert replayed.replays == 1
    assert replayed.replayed_at is not None
    assert opened.dead_letter("none") is None
