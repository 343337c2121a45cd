"""The store on a real PostgreSQL: the tests of tests/unit/store again, and writers that meet."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import store
from store import Withdrawn
from store.tables import METADATA
from tests import service_samples as samples
from tests.together import at_once
from tests.unit.store.test_open_stays import (  # noqa: F401
    test_a_stay_is_read_as_it_was_written_and_grows_by_what_changed,
    test_a_stay_whose_claim_came_is_closed_even_in_the_same_step,
    test_a_writer_that_read_another_version_writes_nothing,
    test_decisions_are_kept_once_and_cleared_by_an_event,
    test_what_is_silent_or_settled_is_swept_and_its_decisions_stay,
)
from tests.unit.store.test_store_alerts import (  # noqa: F401 (run here on another database)
    filled,
    test_a_filter_gives_exactly_those_that_it_names,
    test_a_stay_judged_again_shows_its_last_decision_only,
    test_an_alert_without_a_score_says_why,
    test_an_earlier_alert_names_the_last_decision,
    test_counts_by_severity_add_up,
    test_one_alert_brings_all_its_evidence,
    test_pages_give_every_alert_once_in_order,
    test_rows_that_appear_meanwhile_shift_nothing,
    test_text_is_taken_literally,
)
from tests.unit.store.test_store_history import (  # noqa: F401
    test_a_common_code_vector_gives_the_newest_claims_only,
    test_a_correction_replaces_what_it_corrects,
    test_claims_with_the_same_codes_are_found_whoever_the_patient_is,
    test_earlier_claims_of_the_patients_come_back_complete,
    test_many_patients_are_asked_for_in_parts,
    test_the_stays_at_hand_are_left_out,
)
from tests.unit.store.test_store_models import (  # noqa: F401
    test_a_model_comes_back_with_its_bytes,
    test_a_model_that_only_scored_is_not_in_the_register,
    test_appointing_again_to_the_same_role_changes_nothing,
    test_one_model_is_champion_and_the_one_before_is_retired,
    test_the_last_score_of_a_challenger_counts,
    test_who_is_not_registered_gets_no_role,
)
from tests.unit.store.test_store_opening import (  # noqa: F401
    test_downgrade_takes_back_all_that_upgrade_made,
    test_several_processes_may_open_a_new_file_at_once,
    test_what_waits_to_be_published_survives_both_ways,
)
from tests.unit.store.test_store_reviews import (  # noqa: F401
    alert,
    test_a_decision_is_found_by_its_stay_and_check,
    test_a_review_is_read_as_it_was_given,
    test_of_several_reviews_the_last_one_counts,
    test_the_alert_says_how_far_its_review_is,
    test_the_database_refuses_what_cannot_be,
)
from tests.unit.store.test_store_states import (  # noqa: F401
    counting,
    months,
    recount,
    test_a_correction_supersedes_and_the_old_alert_stays_readable,
    test_a_late_claim_lists_the_later_stays_of_its_patient_only,
    test_a_stay_judged_back_to_its_first_decision_shows_that_one,
    test_a_withdrawal_may_come_before_its_claim,
    test_a_withdrawn_claim_counts_nowhere_and_stays_readable,
    test_an_older_version_that_comes_after_never_wins,
    test_claims_in_their_order_list_nothing,
    test_old_content_delivered_again_does_not_win_over_what_replaced_it,
    test_states_of_a_database_that_is_older_are_made_when_it_is_opened,
    test_what_came_onto_the_list_meanwhile_stays_on_it,
    test_whatever_comes_in_whatever_order_sums_equal_a_recount,
    version,
    with_values,
    write,
)
from tests.unit.store.test_store_writing import (  # noqa: F401
    test_a_batch_is_stored_whole_and_counted,
    test_a_claim_without_a_decision_is_refused,
    test_a_finding_judged_again_is_replaced_and_keeps_its_first_day,
    test_a_process_killed_while_writing_leaves_the_batches_before,
    test_a_stored_decision_gets_no_hits_later,
    test_an_inconsistent_batch_leaves_nothing,
    test_an_overlapping_batch_adds_only_what_is_new,
    test_changed_content_under_the_same_version_keeps_both,
    test_empty_batch_is_no_error,
    test_errors_carry_no_values_of_rows,
    test_readers_see_the_state_before_while_a_batch_is_written,
    test_the_same_batch_twice_changes_nothing,
    test_two_writers_take_turns,
)


@pytest.fixture
def address(postgres: str) -> str:
    return postgres


@pytest.fixture
def opened(address: str) -> Iterator[store.Store]:
    with store.open(address) as found:
        yield found


def test_migrations_and_tables_agree(opened: store.Store) -> None:
    with opened.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_look_backs_use_their_indexes(opened: store.Store) -> None:
    write(opened, samples.claims(200))
    with opened.engine.begin() as connection:
        # So small a table is read whole otherwise; what matters is that the index can be used.
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        plan = " ".join(
            row[0]
            for row in connection.exec_driver_sql(
                "EXPLAIN SELECT c.body FROM stay_states s JOIN claims c ON c.stay_id = s.stay_id "
                "AND c.claim_version = s.claim_version AND c.input_sha256 = s.input_sha256 "
                "WHERE s.patient_id IN ('a', 'b') AND s.decision_id IS NOT NULL"
            )
        )
    assert "ix_stay_states_patient_id_admission_date" in plan
    assert "pk_claims" in plan


def test_writers_that_touch_the_same_patients_and_months_never_deadlock_nor_count_twice(
    opened: store.Store,
) -> None:
    """Four writers, each with the same claims in another order and cut, versions and withdrawals."""
    batches = [samples.claims(8, first=8 * part) for part in range(5)]
    second = [with_values(b, claim_version=[2] * 8, fund_payment_fen=[5] * 8) for b in batches]

    def forwards() -> None:
        for batch in (*batches, *second):
            write(opened, batch)

    def backwards() -> None:
        for batch in reversed((*second, *batches)):
            write(opened, batch)

    def whole() -> None:
        write(opened, samples.claims(40))
        write(opened, samples.claims(40))

    def back() -> None:
        for stay in range(0, 40, 4):
            opened.withdraw([Withdrawn(f"S{stay:06d}", 1, "reversed")])

    assert at_once(forwards, backwards, whole, back) == []
    assert opened.counts()["claims"] == 80
    found = opened.period(date(2000, 1, 1), date(2100, 1, 1)).stays["claim_version"].to_pylist()
    assert found == [2] * 40
    assert months(opened) == recount(opened)


def test_one_claim_written_by_two_at_once_is_one(opened: store.Store) -> None:
    for number in range(1, 6):
        batch = version(number, payment=number)
        assert at_once(lambda b=batch: write(opened, b), lambda b=batch: write(opened, b)) == []
    assert opened.counts()["decisions"] == 5
    assert len(counting(opened)) == 1
    assert months(opened) == recount(opened)


def test_a_large_batch_leaves_one_row_a_claim(opened: store.Store) -> None:
    samples.write(opened, 6_000)
    counts = opened.counts()
    assert counts["claims"] == counts["decisions"] == counts["stay_states"] == 6_000
    with opened.engine.connect() as connection:
        assert connection.execute(sa.text("SELECT sum(claims) FROM provider_months")).scalar() == 6_000  # fmt: skip
