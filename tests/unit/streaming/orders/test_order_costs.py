"""A stay whose cost runs ahead: told once, with what drives it, and with no call for less care."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from drg.projection import Curves, fit
from rules.compiled import _CARE_WORDS
from streaming.orders import OpenStay, judge_orders
from tests.order_events import Json, admitted, events, line, message
from tests.projection_stays import Stay, tabulate
from tests.unit.streaming.orders.test_order_judging import SCHEMA, engine


@cache
def curves() -> Curves:
    """Fifty settled stays of five nights at about 100 yuan a day."""
    return fit(*tabulate([Stay([10_000 + 20 * n] * 5, nights=5) for n in range(50)]))


def posted(sequence: int, day: int, fen: int, **fields: str) -> Json:
    row = line(f"L{sequence}", fen, charge_date=f"2025-03-{day:02}", **fields)
    return message("charges", sequence, charges=[row])


def test_a_stay_ahead_of_the_usual_course_is_told_once_with_what_drives_it() -> None:
    priced = replace(engine(), curves=curves())
    usual = judge_orders(events(admitted(), posted(2, 3, 9_000), posted(3, 4, 9_000)), {}, priced)
    assert usual.decisions == []
    dear = events(posted(4, 4, 50_000, category="09"), posted(5, 4, 20_000, category="08"))
    told = judge_orders(dear, usual.states, priced)
    (card,) = told.suggestions
    SCHEMA.validate(card)
    assert "CST-007" in {e["rule_id"] for e in card["evidence"]}
    assert (card["subject"], card["subject_id"], card["physician_id"]) == ("stay", "S1", "D1")
    assert card["indicator"] == "info"
    assert card["changes"] == []
    assert [(d["category"], d["amount_fen"]) for d in card["drivers"]] == [
        ("09", 50_000), ("08", 20_000), ("04", 18_000),
    ]  # fmt: skip
    assert card["drivers"][0]["name"]["zh"] == "西药费"
    words = str(card).lower()
    assert not [w for w in _CARE_WORDS if w in words]
    assert "necessary care is never withheld" in card["action"]["en"]
    # A low severity raises no alert, and the next day's charges do not tell it again.
    assert told.alerts == []
    more = judge_orders(events(posted(6, 5, 30_000)), told.states, priced)
    assert (more.decisions, more.suggestions) == ([], [])
    # When the others catch up with it, it is cleared.
    back = line(
        "L7", -50_000, charge_date="2025-03-05", reverses_line_id="L4", quantity="-1", category="09"
    )
    off = judge_orders(events(message("charges", 7, charges=[back])), more.states, priced)
    again = judge_orders(events(posted(8, 7, 100)), off.states, priced)
    assert [d for d, _ in (*off.cleared, *again.cleared)]


def test_without_curves_costs_are_kept_and_not_judged() -> None:
    states: dict[str, OpenStay] = {}
    told = judge_orders(events(admitted(), posted(2, 4, 900_000)), states, engine())
    assert told.decisions == []
    assert told.states["S1"].costs() == {"04": 900_000}
