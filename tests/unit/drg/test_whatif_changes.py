"""What a what-if does to a claim, and what it refuses."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from domain.tables import Tables
from drg.whatif import KINDS, ChangeError, apply
from tests.rules_claims import charge, day, diagnosis, order, procedure, stay, tables


@pytest.fixture
def claim() -> Tables:
    return tables(
        [stay("S1", "2024-03-01", 6, total_amount_fen=1_000_00)],
        diagnoses=[
            diagnosis("S1", 1, "I63.900"),
            diagnosis("S1", 2, "I10.x00"),
            diagnosis("S1", 3, "E11.900"),
        ],
        procedures=[procedure("S1", 1, "88.4100")],
        charges=[
            charge("S1", "1", "A", charge_date=day("2024-03-02"), amount_fen=400_00, order_id="O1"),
            charge("S1", "2", "B", charge_date=day("2024-03-05"), amount_fen=600_00, order_id="O1"),
        ],
        orders=[order("S1", "O1", "A", "2024-03-01T08:00:00", None)],
    )


def codes(claim: Tables, table: str = "diagnoses") -> list[str]:
    rows = sorted(getattr(claim, table).to_pylist(), key=lambda row: row["ordinal"])
    assert [row["ordinal"] for row in rows] == list(range(1, len(rows) + 1))
    return [row["code"] for row in rows]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"kind": "add_diagnosis", "code": "J96.000"}, ["I63.900", "I10.x00", "E11.900", "J96.000"]),
        (
            {"kind": "add_diagnosis", "code": "J96.000", "ordinal": 1},
            ["J96.000", "I63.900", "I10.x00", "E11.900"],
        ),
        ({"kind": "remove_diagnosis", "ordinal": 1}, ["I10.x00", "E11.900"]),
        (
            {"kind": "replace_diagnosis", "ordinal": 2, "code": "J96.000"},
            ["I63.900", "J96.000", "E11.900"],
        ),
        ({"kind": "move_diagnosis", "ordinal": 3, "to": 1}, ["E11.900", "I63.900", "I10.x00"]),
    ],
)  # fmt: skip
def test_diagnoses_change_and_stay_numbered(
    claim: Tables, change: dict[str, Any], expected: list[str]
) -> None:
    assert codes(apply(claim, [change])) == expected
    assert codes(claim) == ["I63.900", "I10.x00", "E11.900"], "the claim itself is not touched"


def test_changes_are_made_in_their_order(claim: Tables) -> None:
    changed = apply(
        claim,
        [
            {"kind": "add_procedure", "code": "01.2400"},
            {"kind": "move_procedure", "ordinal": 2, "to": 1},
            {"kind": "remove_procedure", "ordinal": 2},
        ],
    )
    assert codes(changed, "procedures") == ["01.2400"]


def test_an_earlier_discharge_leaves_out_what_was_charged_later(claim: Tables) -> None:
    changed = apply(claim, [{"kind": "set_discharge_date", "date": "2024-03-03"}])
    (head,) = changed.stays.to_pylist()
    assert head["discharge_date"] == date(2024, 3, 3)
    assert head["length_of_stay_days"] == 2
    assert head["total_amount_fen"] == 400_00
    assert changed.charges["line_id"].to_pylist() == ["1"]


def test_a_planned_order_adds_its_cost(claim: Tables) -> None:
    plan = {"kind": "plan_order", "item_code": "X", "amount_fen": 123_45, "date": "2024-03-06"}
    changed = apply(claim, [plan, plan])
    assert changed.stays["total_amount_fen"].to_pylist() == [1_000_00 + 2 * 123_45]
    assert changed.charges["line_id"].to_pylist()[-2:] == ["what-if-1", "what-if-2"]
    assert changed.charges["amount_fen"].to_pylist()[-1] == 123_45


def test_an_order_that_is_not_carried_out_costs_nothing(claim: Tables) -> None:
    changed = apply(claim, [{"kind": "cancel_order", "order_id": "O1", "since": "2024-03-03"}])
    assert changed.stays["total_amount_fen"].to_pylist() == [400_00]
    assert len(changed.orders) == 1, "what was done before that day stands"
    assert len(apply(claim, [{"kind": "cancel_order", "order_id": "O1"}]).orders) == 0


@pytest.mark.parametrize(
    ("change", "where", "cure"),
    [
        ({"kind": "best_code"}, "changes[0]", "add_diagnosis"),
        ({}, "changes[0]", "add_diagnosis"),
        ({"kind": "add_diagnosis"}, "changes[0]", "code"),
        ({"kind": "add_diagnosis", "code": "A", "rank": 1}, "changes[0]", "code"),
        ({"kind": "add_diagnosis", "code": 7}, "changes[0].code", "text"),
        ({"kind": "remove_diagnosis", "ordinal": 4}, "changes[0].ordinal", "1 to 3"),
        ({"kind": "remove_diagnosis", "ordinal": True}, "changes[0].ordinal", "1 to 3"),
        ({"kind": "move_procedure", "ordinal": 1, "to": 2}, "changes[0].to", "1 to 1"),
        ({"kind": "set_discharge_date", "date": "2024-02-30"}, "changes[0].date", "YYYY-MM-DD"),
        ({"kind": "set_discharge_date", "date": "2024-02-28"}, "changes[0].date", "admission"),
        ({"kind": "cancel_order", "order_id": "O9"}, "changes[0].order_id", "order"),
        (
            {"kind": "plan_order", "item_code": "X", "amount_fen": 1.5, "date": "2024-03-02"},
            "changes[0].amount_fen",
            "integer",
        ),
        (
            {
                "kind": "plan_order", "item_code": "X", "amount_fen": 1, "date": "2024-03-02",
                "category": "99",
            },
            "changes[0].category",
            "01",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_with_its_place_and_cure(
    claim: Tables, change: dict[str, Any], where: str, cure: str
) -> None:
    with pytest.raises(ChangeError) as caught:
        apply(claim, [change])
    assert caught.value.where == where
    assert cure in caught.value.cure


def test_the_page_lists_every_kind_with_its_members(root: Path) -> None:
    page = (root / "docs" / "what-if.md").read_text(encoding="utf-8")
    for name, kind in KINDS.items():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
        for member, must in kind.members.items():
            wanted = f"`{member}`" + ("" if must else " if wanted")
            assert wanted in row, f"{name}: {member}"
