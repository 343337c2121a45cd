"""The journal of the stream on a real PostgreSQL: the tests of SQLite again, and workers that meet."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

import store
from tests.unit.store.test_store_stream import (  # noqa: F401 (run here on another database)
    ZERO,
    outgoing,
    test_a_dead_letter_keeps_its_bytes,
    test_a_decision_is_told_once,
    test_a_failing_write_takes_the_offset_back,
    test_a_new_partition_has_no_offset_and_a_committed_one_its_next,
    test_a_step_stores_everything_at_once,
    test_a_worker_of_the_same_name_started_again_shuts_out_the_old_one,
    test_a_worker_that_lost_its_partition_stores_nothing,
    test_groups_do_not_share_offsets_or_outbox,
    test_more_is_written_in_the_same_transaction,
    test_the_outbox_keeps_the_order_of_each_source_until_acknowledged,
)


@pytest.fixture
def opened(postgres: str) -> Iterator[store.Store]:
    with store.open(postgres) as found:
        yield found


@pytest.mark.parametrize("turn", range(8))
def test_a_claim_waits_for_the_commit_that_it_meets(opened: store.Store, turn: int) -> None:
    """Whoever takes a partition over reads on after what the other committed, or the other loses."""
    old, new = opened.journal("g"), opened.journal("g")
    (lease,) = old.claim([ZERO], "old")
    begin = threading.Barrier(2)
    outcome: list[bool] = []

    def commit() -> None:
        begin.wait()
        try:
            old.commit(store.Step(advances=[(lease, 10)], outgoing=[outgoing(1)]))
        except store.LostPartitionError:
            outcome.append(False)
        else:
            outcome.append(True)

    thread = threading.Thread(target=commit)
    thread.start()
    begin.wait()
    (taken,) = new.claim([ZERO], "new")
    thread.join()
    (committed,) = outcome
    assert taken.next_offset == (10 if committed else None)
    assert old.depth()[0] == int(committed)


def test_workers_of_different_partitions_commit_at_once(opened: store.Store) -> None:
    failures: list[Exception] = []

    def work(number: int) -> None:
        journal = opened.journal("g")
        place = ("claims", number)
        (lease,) = journal.claim([place], f"w{number}")
        try:
            for offset in range(1, 11):
                many = [outgoing(i, source=place) for i in range(50)]
                journal.commit(store.Step(advances=[(lease, offset)], outgoing=many))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    journal = opened.journal("g")
    assert [o.next_offset for o in journal.offsets()] == [10] * 4
    parcels = journal.pending([("claims", n) for n in range(4)])
    assert len({parcel.outbox_id for parcel in parcels}) == len(parcels) == 4 * 10
    assert journal.depth()[0] == 4 * 10 * 50
