"""Levels and order of attention, drawings, and the simulator's forms: without a service."""

from __future__ import annotations

import json
from datetime import date
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drg.whatif.changes import apply
from scoring_api.pages.texts import TEXTS
from scoring_api.ward import attention, trying
from scoring_api.ward.attention import Level
from scoring_api.ward.drawing import draw_bar, draw_course
from streaming.digest import tables_from_documents
from tests.order_events import HEAD

fen = st.integers(min_value=-10_000, max_value=10**9)
maybe = st.none() | st.integers(min_value=0, max_value=10**9)
glances = st.fixed_dictionaries(
    {
        "running_fen": fen, "standard_fen": maybe, "expected_fen": maybe, "projected_fen": maybe,
        "low_fen": maybe, "high_fen": maybe, "probability_over_standard": st.none() | st.floats(0, 1),
    }
).map(
    lambda g: g | ({} if None not in (g["projected_fen"], g["low_fen"], g["high_fen"])
                   else dict.fromkeys(("projected_fen", "low_fen", "high_fen")))
)  # fmt: skip


def glance(**given: Any) -> dict[str, Any]:
    plain = {
        "running_fen": 100, "standard_fen": 1000, "expected_fen": 100, "probability_over_standard": 0.1,
        "projected_fen": 500, "low_fen": 400, "high_fen": 700,
    }  # fmt: skip
    return plain | given


@pytest.mark.parametrize(
    ("given_", "level"),
    [
        ({"running_fen": 1001}, Level.OVER),
        ({"running_fen": 1000}, Level.AHEAD),
        ({"probability_over_standard": 0.5}, Level.HEADING),
        ({"probability_over_standard": 0.49}, Level.WITHIN),
        ({"running_fen": 120}, Level.AHEAD),
        ({"running_fen": 119}, Level.WITHIN),
        ({"standard_fen": None}, Level.UNKNOWN),
        ({"standard_fen": 0}, Level.UNKNOWN),
        ({"probability_over_standard": None, "expected_fen": None}, Level.UNKNOWN),
    ],
)
def test_where_a_level_begins(given_: dict[str, Any], level: Level) -> None:
    assert attention.level_of(glance(**given_)) is level


def test_warnings_come_first_then_cost_then_the_rest() -> None:
    def row(stay_id: str, **more: Any) -> dict[str, Any]:
        plain = {"warnings": 0, "open": 0, "level": Level.WITHIN, "projected_discharge": None}
        return {"stay_id": stay_id, **glance(), **plain, **more}

    rows = [
        row("quiet"),
        row("leaves", projected_discharge=date(2025, 4, 1)),
        row("asked", open=2),
        row("over", level=Level.OVER),
        row("likely", level=Level.HEADING, probability_over_standard=0.9),
        row("warned", warnings=1, open=1),
        row("both", warnings=1, open=1, level=Level.OVER),
    ]
    ordered = [one["stay_id"] for one in attention.sort(rows)]
    assert ordered == ["both", "warned", "likely", "over", "asked", "leaves", "quiet"]
    assert [one["stay_id"] for one in attention.sort(rows[::-1])] == ordered


@given(glances)
def test_a_bar_stays_inside_its_drawing(told: dict[str, Any]) -> None:
    drawn = str(draw_bar(told, attention.level_of(told)))
    if not told["standard_fen"]:
        assert drawn == ""
        return
    svg = ElementTree.fromstring(drawn)  # noqa: S314 - our own drawing
    assert svg.get("aria-hidden") == "true"
    for one in svg:
        for name in ("x", "x1", "x2", "cx"):
            assert 0 <= float(one.get(name, 0)) <= 180
        assert 0 <= float(one.get("x", 0)) + float(one.get("width", 0)) <= 180


@given(
    st.lists(fen, min_size=1, max_size=40),
    glances,
    st.integers(-3, 30),
    st.lists(st.integers(1, 10**8), max_size=30),
)
def test_a_course_is_drawn_of_any_stay_and_says_what_it_shows(
    costs: list[int], cost: dict[str, Any], ahead: int, peers: list[int]
) -> None:
    record = {
        "days": [{"day": n, "cost_fen": c} for n, c in enumerate(costs, start=1)],
        "peers": [
            {"day": n, "low_fen": p // 2, "median_fen": p, "high_fen": p * 2}
            for n, p in enumerate(peers, start=1)
        ],
        "admission_date": date(2025, 3, 1),
        "currency": "CNY",
    }
    leaves = date.fromordinal(date(2025, 3, 1).toordinal() + len(costs) + ahead).isoformat()
    drawn = draw_course(record, cost | {"projected_discharge": leaves}, TEXTS["zh"], "第1天 <b>")
    svg = ElementTree.fromstring(str(drawn))  # noqa: S314 - our own drawing
    assert (svg.get("role"), svg.get("aria-label")) == ("img", "第1天 <b>")
    for one in svg.iter():
        for name in ("x1", "x2", "cx"):
            assert 0 <= float(one.get(name, 0)) <= 760
        for point in (one.get("points") or "").split():
            left, top = map(float, point.split(","))
            assert 0 <= left <= 760
            assert 0 <= top <= 300


def test_without_a_day_nothing_is_drawn() -> None:
    assert str(draw_course({"days": []}, {}, TEXTS["en"], "")) == ""


CODES = ("I10", "E11.9", "J18.900", "K76.000")
RECORD: dict[str, Any] = {
    "diagnoses": [
        {"ordinal": n, "code": c, "name": f"病{n}"} for n, c in enumerate(CODES, start=1)
    ],
    "procedures": [],
    "orders": [{"order_id": "O1", "item_code": "S-1", "item_name": "药"}],
    "admission_date": date(2025, 3, 3),
}
forms = st.fixed_dictionaries(
    {
        "form": st.just("diagnosis"), "action": st.sampled_from([*trying.ACTIONS, "", "rank"]),
        "ordinal": st.sampled_from(["", "1", "2", "4", "9", "x", "-1"]), "code": st.sampled_from(["", "A01.0", "X" * 21]),
        "to": st.sampled_from(["", "1", "3", "4", "5", "77"]),
    }
)  # fmt: skip


@settings(max_examples=40)
@given(st.lists(forms, max_size=6))
def test_the_page_shows_the_codes_as_the_what_if_has_them(sent: list[dict[str, str]]) -> None:
    """Whatever is sent: what the page takes can be made, and leads to the codes that the page lists."""
    changes: list[dict[str, Any]] = []
    for values in sent:
        tried = trying.read(values | dict(trying.carry(changes)), RECORD)
        assert bool(tried.wrong) == (tried.changes == changes)
        changes = tried.changes
    claim = HEAD | {
        "stay_id": "S1", "claim_version": 1, "provider_id": "H1", "patient_id": "p", "time_zone": "Asia/Shanghai",
        "diagnoses": [{"ordinal": d["ordinal"], "code": d["code"]} for d in RECORD["diagnoses"]],
    }  # fmt: skip
    made = apply(tables_from_documents([json.dumps(claim).encode()]), changes)
    rows = sorted(made.diagnoses.to_pylist(), key=lambda row: row["ordinal"])
    assert [row["code"] for row in rows] == [row["code"] for row in trying.codes(RECORD, changes, "diagnosis")]  # fmt: skip
    for lang in ("zh", "en"):
        assert len(trying.tell(changes, RECORD, TEXTS[lang], "CNY")) == len(changes)


@settings(max_examples=60)
@given(st.lists(st.text(max_size=40) | st.builds(json.dumps, st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["kind", "ordinal", "to", "code", "date", "order_id", "x"]), inner, max_size=4),
    max_leaves=6)), max_size=5))  # fmt: skip
def test_a_forged_field_is_no_change_and_breaks_nothing(carried: list[str]) -> None:
    values = {f"c{n}": text for n, text in enumerate(carried)}
    tried = trying.read(values, RECORD)
    trying.tell(tried.changes, RECORD, TEXTS["en"], "CNY")
    assert not tried.wrong


def test_there_is_one_day_of_discharge_and_it_is_not_before_the_admission() -> None:
    first = trying.read({"form": "discharge", "date": "2025-03-05"}, RECORD)
    again = trying.read(
        {"form": "discharge", "date": "2025-03-09", **dict(trying.carry(first.changes))}, RECORD
    )
    assert again.changes == [{"kind": "set_discharge_date", "date": "2025-03-09"}]
    for wrong in ("2025-03-02", "2025-3-9", "", "next week"):
        assert trying.read({"form": "discharge", "date": wrong}, RECORD).wrong


def test_every_change_has_its_words_and_orders_must_be_of_the_stay() -> None:
    stop = trying.read({"form": "stop", "order_id": "O1", "since": "2025-03-06"}, RECORD).changes
    assert trying.tell(stop, RECORD, TEXTS["en"], "CNY") == ["Stop from 2025-03-06: 药"]
    assert trying.read({"form": "stop", "order_id": "O2"}, RECORD).wrong == {
        "stop-order": "ward.try.wrong.order"
    }
    plan = {
        "form": "plan",
        "item": "S-2",
        "amount": "1,200.50",
        "date": "2025-03-06",
        "category": "09",
    }
    (change,) = trying.read(plan, RECORD).changes
    assert change == {
        "kind": "plan_order", "item_code": "S-2", "amount_fen": 120050, "date": "2025-03-06", "category": "09",
    }  # fmt: skip
    assert "¥1,200.50" in trying.tell([change], RECORD, TEXTS["zh"], "CNY")[0]


def test_no_more_changes_than_a_what_if_takes() -> None:
    full = [{"kind": "add_diagnosis", "code": "I10"}] * trying.MOST
    tried = trying.read(
        {"form": "discharge", "date": "2025-03-09", **dict(trying.carry(full))}, RECORD
    )
    assert tried.wrong == {"form": "ward.try.wrong.many"}
    assert tried.changes == full
