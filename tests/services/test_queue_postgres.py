"""The work queue on a real PostgreSQL: the tests of tests/unit/store again, and its index of words."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

import store
from tests.unit.store.test_store_queue import (  # noqa: F401 (run here on another database)
    filled,
    test_a_corrected_claim_leaves_the_queue_with_its_old_alert,
    test_a_line_a_cluster_with_its_sums,
    test_a_new_alert_is_work_from_the_start,
    test_automatic_assignment_goes_by_load_sight_and_loss,
    test_due_times_may_be_set_and_overdue_is_what_is_past,
    test_many_who_ask_at_once_get_different_alerts,
    test_one_changed_alert_stops_the_whole_or_is_left_out,
    test_reviews_change_what_open_alerts_may_cost,
    test_text_finds_words_and_identifiers,
    test_the_next_alert_is_the_best_that_nobody_has,
    test_views_are_ones_own_or_of_ones_role,
)


@pytest.fixture
def opened(postgres: str) -> Iterator[store.Store]:
    with store.open(postgres) as found:
        yield found


def test_checks_and_texts_are_found_by_the_index_of_words(filled: store.Store) -> None:  # noqa: F811
    """With nothing else to go by the planner takes it: its expression is that of the queries."""
    statements: list[tuple[str, object]] = []

    @sa.event.listens_for(filled.engine, "before_cursor_execute")
    def note(_c: object, _u: object, statement: str, given: object, *_: object) -> None:
        statements.append((statement, given))

    filled.count_alerts(store.AlertFilter(text="分解"))
    statement, given = statements[-1]
    with filled.engine.connect() as connection:
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        cursor = connection.connection.cursor()
        cursor.execute(f"EXPLAIN {statement}", given)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "ix_alerts_words" in plan
