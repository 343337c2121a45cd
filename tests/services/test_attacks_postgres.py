"""The attacks through what is sent, on a real PostgreSQL: it refuses what SQLite takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import attack_inputs as inputs
from tests import attack_scene
from tests.attack_inputs import Turns
from tests.attack_scene import Person, World
from tests.unit.scoring_api.test_attacks import (  # noqa: F401 (run here on another database)
    test_every_guarded_request_leaves_a_row_whatever_is_wrong_with_it,
    test_the_tables_are_all_there_and_nothing_was_found_by_injection,
)
from tests.unit.scoring_api.test_attacks_races import (  # noqa: F401
    test_of_two_approvals_at_once_one_counts,
    test_one_key_is_spent_once_however_many_send_it_at_once,
    test_the_last_administrator_stays_however_many_go_at_once,
)


@pytest.fixture(scope="module")
def world(module_postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("attacks")
    with attack_scene.world(module_postgres, folder / "checks") as made:
        yield made


@pytest.fixture(scope="module")
def people(world: World) -> list[Person]:
    return inputs.everybody(world, "inputs")


def test_no_text_or_number_breaks_the_service(world: World, people: list[Person]) -> None:
    """U+0000, what fits no bigint, and what is no day, in every place."""
    texts = ("a\x00b", "9" * 40, "0001-01-01", "' OR '1'='1", "\u202e\u0085")
    assert inputs.try_queries(world, people, Turns(texts, 1)) > 300
    assert inputs.try_paths(world, people, Turns(texts, 1)) > 60
    odd = ("a\x00b", 2**63, -(2**70), "9999-12-31T23:59:59-12:00", None, "' OR '1'='1")
    assert inputs.try_bodies(world, people, Turns(odd, 2)) > 150
    assert inputs.try_forms(world, people, Turns(texts, 1)) > 60
