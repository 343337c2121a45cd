"""Facts of a stay from sums of charged items: what a person would add up by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from domain.tables import Tables
from rules.facts import Source, build
from tests.rules_claims import at, charge, day, procedure, stay, tables

MONITORING, OXYGEN, VENTILATION, PUMP = "S-0106003", "S-0106009", "S-0106001", "S-0106010"
DIALYSIS, GAIT = "S-0105016", "S-0105885"


def facts(batch: Tables, *names: str, history: Tables | None = None) -> dict[str, Any]:
    """Facts by stay: one value, or a tuple where several are asked for."""
    table = build(Source(batch, history), {"stay": names})["stay"]
    return {
        row[0]: row[1] if len(names) == 1 else row[1:]
        for row in table.select(":subject_id", *names).rows()
    }


def one(*lines: dict[str, Any], **more: Any) -> Tables:
    return tables([stay("s", **more)], charges=lines)


def on(date: int, **more: Any) -> dict[str, Any]:
    return {"charge_date": day(f"2024-03-{date:02}"), "charge_time": None} | more


def test_the_item_of_most_hours_leaves_out_devices_that_run_side_by_side() -> None:
    batch = one(
        charge("s", "1", MONITORING, quantity=20, unit_price=4, item_name="心电监护", **on(1)),
        charge("s", "2", MONITORING, quantity=24, unit_price=4, item_name="心电监护", **on(2)),
        charge("s", "3", OXYGEN, quantity=30, **on(2)),
        charge("s", "4", PUMP, quantity=99, **on(2)),
    )
    names = ("item_hours_charged", "item_of_most_hours", "item_hours_fen")
    assert facts(batch, *names) == {"s": (Decimal(44), "心电监护", 17_600)}


def test_hours_without_such_lines_are_none_and_without_any_line_unknown() -> None:
    batch = tables([stay("s"), stay("empty")], charges=[charge("s", "1")])
    assert facts(batch, "item_hours_charged", "item_hours_fen", "monitor_hours") == {
        "s": (Decimal(0), None, Decimal(0)), "empty": (None, None, None),
    }  # fmt: skip


def test_hours_in_hospital_need_both_times_and_no_charge() -> None:
    times: dict[str, Any] = {
        "admission_time": at("2024-03-01T08:00:00"),
        "discharge_time": at("2024-03-02T20:30:00"),
    }
    batch = tables(
        [stay("s", **times), stay("half", admission_time=at("2024-03-01T08:00:00"))],
        charges=[charge("half", "1")],
    )
    assert facts(batch, "hours_in_hospital") == {"s": Decimal("36.5"), "half": None}


def test_reversed_hours_do_not_count() -> None:
    batch = one(
        charge("s", "1", MONITORING, quantity=20, **on(1)),
        charge("s", "2", MONITORING, quantity=-20, reverses_line_id="1", **on(1)),
        charge("s", "3", MONITORING, quantity=5, **on(2)),
    )
    assert facts(batch, "item_hours_charged") == {"s": Decimal(5)}


def test_the_monitoring_that_exceeds_its_treatment_most() -> None:
    batch = one(
        charge("s", "1", "S-0106005", quantity=12),
        charge("s", "2", "S-0106880", quantity=13, unit_price=10, item_name="净化监测"),
        charge("s", "3", "S-0106881", quantity=5, unit_price=5, item_name="通气监测"),
    )
    names = ("monitor_item_name", "monitor_hours", "monitored_treatment_hours", "monitor_fen")
    assert facts(batch, *names) == {"s": ("通气监测", Decimal(5), Decimal(0), 2_500)}


def test_oxygen_beside_ventilation_is_what_does_not_fit_into_the_day() -> None:
    batch = one(
        charge("s", "1", VENTILATION, quantity=20, **on(1)),
        charge("s", "2", OXYGEN, quantity=6, unit_price=4, **on(1)),
        charge("s", "3", VENTILATION, quantity=24, **on(2)),
        charge("s", "4", OXYGEN, quantity=3, unit_price=4, **on(2)),
        charge("s", "5", OXYGEN, quantity=24, unit_price=4, **on(3)),
    )
    names = ("oxygen_hours_beside_ventilation", "oxygen_beside_ventilation_fen")
    assert facts(batch, *names) == {"s": (Decimal(5), 2_000)}
    assert facts(one(charge("s", "1", OXYGEN, quantity=24)), *names) == {"s": (Decimal(0), None)}


def test_dialysis_in_any_seven_days() -> None:
    batch = one(
        *[charge("s", str(d), DIALYSIS, unit_price=400, **on(d)) for d in (1, 3, 8, 9, 14)],
        charge("s", "x", DIALYSIS, unit_price=400, quantity=2, **on(10)),
    )
    names = ("dialysis_in_7_days", "dialysis_week_start", "dialysis_sessions", "dialysis_fen")
    assert facts(batch, *names) == {"s": (Decimal(5), day("2024-03-08"), Decimal(7), 280_000)}
    assert facts(one(charge("s", "1")), *names) == {"s": (Decimal(0), None, Decimal(0), None)}


def test_anaesthesia_hours_round_up_and_one_start_counts_once() -> None:
    first = {
        "anaesthesia_start_time": at("2024-03-02T08:00:00"),
        "anaesthesia_end_time": at("2024-03-02T10:01:00"),
    }
    second = {
        "anaesthesia_start_time": at("2024-03-04T08:00:00"),
        "anaesthesia_end_time": at("2024-03-04T09:00:00"),
    }
    batch = tables(
        [stay("s"), stay("blind"), stay("none")],
        charges=[charge("s", "1", "S-0107886", quantity=2, unit_price=150)],
        procedures=[
            procedure("s", 1, "47.0100", **first),
            procedure("s", 2, "51.2300", **first),
            procedure("s", 3, "86.0000", **second),
            procedure("blind", 1, "47.0100", **first),
            procedure("blind", 2, "51.2300", anaesthesia_method="1"),
            procedure("none", 1, "99.2503"),
        ],
    )
    names = (
        "anaesthesia_extra_hours",
        "anaesthesia_extra_fen",
        "anaesthesia_hours_recorded",
        "anaesthesia_count",
    )
    assert facts(batch, *names) == {
        "s": (Decimal(2), 30_000, 4, 2), "blind": (None, None, None, None), "none": (None, None, None, None),
    }  # fmt: skip


def test_a_course_counts_earlier_claims_of_the_window_and_never_later_ones() -> None:
    def treated(stay_id: str, first: str, days: int) -> list[dict[str, Any]]:
        from datetime import timedelta

        return [
            charge(
                stay_id,
                str(n),
                GAIT,
                unit_price=60,
                item_name="减重训练",
                charge_date=day(first) + timedelta(days=n),
            )
            for n in range(days)
        ]

    past = tables(
        [stay("old", "2023-06-01", 20), stay("recent", "2024-01-10", 25), stay("later", "2024-05-01", 20),
         stay("other", "2024-01-10", 25, patient_id="p_2")],
        charges=[*treated("old", "2023-06-01", 20), *treated("recent", "2024-01-10", 25),
                 *treated("later", "2024-05-01", 20), *treated("other", "2024-01-10", 25)],
    )  # fmt: skip
    batch = tables([stay("s", "2024-03-01", 20)], charges=treated("s", "2024-03-01", 10))
    names = ("course_item_days", "course_days_payable", "course_item_name", "course_over_fen")
    assert facts(batch, *names, history=past) == {"s": (35, 30, "减重训练", 30_000)}
    assert facts(batch, *names) == {"s": (10, 30, "减重训练", 0)}
    assert facts(one(charge("s", "1")), *names) == {"s": (0, 0, None, None)}


def test_members_of_a_panel_billed_singly_on_a_day_without_it() -> None:
    names = ("panel_members_billed_singly", "panel_billed_singly_date", "panel_saving_fen")
    singles = [
        charge("s", "1", "S-0104884", unit_price=14, **on(2)),
        charge("s", "2", "S-0104885", unit_price=14, **on(2)),
        charge("s", "3", "S-0104887", unit_price=30, **on(2)),
        charge("s", "4", "S-0104886", unit_price=14, **on(3)),
    ]
    assert facts(one(*singles), *names) == {"s": (3, day("2024-03-02"), 2_000)}
    panel = charge("s", "5", "S-0104005", unit_price=38, **on(2))
    assert facts(one(*singles, panel), *names) == {"s": (1, day("2024-03-03"), -2_400)}
    assert facts(one(charge("s", "1")), *names) == {"s": (0, None, None)}
