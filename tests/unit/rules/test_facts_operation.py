"""Facts of operations and removed organs, one scene a test."""

from __future__ import annotations

from typing import Any

from domain.tables import Tables
from rules.facts import Source, build
from tests.rules_claims import at, charge, day, diagnosis, procedure, stay, tables

OPERATION, SLEEP, STENT, VENTILATOR = "S-0107019", "S-0107016", "S-0201006", "S-0106001"


def facts(
    batch: Tables, *names: str, unit: str = "procedure", history: Tables | None = None
) -> dict[str, Any]:
    table = build(Source(batch, history), {unit: names})[unit]
    if unit == "stay":
        rows = table.select("stay_id", *names).rows()
    else:
        rows = [
            (f"{stay_id} {line}", *values)
            for stay_id, line, *values in table.filter(":has_row")
            .select("stay_id", ":subject_id", *names)
            .rows()
        ]
    return {row[0]: row[1] if len(names) == 1 else row[1:] for row in rows}


def test_limits_and_levels_take_the_longest_prefix_in_icd9() -> None:
    batch = tables(
        [stay("a"), stay("pcs", procedure_system="ICD-10-PCS")],
        procedures=[
            procedure("a", 1, "60.2902"), procedure("a", 2, "60.9"), procedure("a", 3, "74.1x01"),
            procedure("a", 4, "00.0000"), procedure("a", 5, "36.0700"), procedure("pcs", 1, "6029000"),
        ],
    )  # fmt: skip
    names = (
        "procedure_sex", "procedure_min_age_years", "procedure_max_age_years", "operation_level",
        "needs_anaesthesia",
    )  # fmt: skip
    assert facts(batch, *names) == {
        "a px-1": ("1", 18, None, 3, True),
        "a px-2": ("1", None, None, None, False),
        "a px-3": ("2", 10, 60, 2, True),
        "a px-4": (None, None, None, None, False),
        "a px-5": (None, None, None, 3, False),
        "pcs px-1": (None, None, None, None, False),
    }


def test_times_contradict_each_other_or_the_stay() -> None:
    ten, noon = at("2024-03-02T10:00:00"), at("2024-03-02T12:00:00")
    times = {"start_time": ten, "end_time": noon}
    batch = tables(
        [stay("a", admission_time=at("2024-03-01T08:00:00"), discharge_time=at("2024-03-06T08:00:00"))],
        procedures=[
            procedure("a", 1, "1", **times),
            procedure("a", 2, "1", start_time=noon, end_time=ten),
            procedure("a", 3, "1", **times, anaesthesia_start_time=noon),
            procedure("a", 4, "1", **times, anaesthesia_end_time=ten),
            procedure("a", 5, "1", start_time=at("2024-02-28T08:00:00")),
            procedure("a", 6, "1", start_time=at("2024-03-07T08:01:00")),
            procedure("a", 7, "1", start_time=at("2024-03-07T08:00:00")),
            procedure("a", 8, "1"),
        ],
    )  # fmt: skip
    found = facts(batch, "operation_times_contradict")
    expected = [False, True, True, True, True, True, False, None]
    assert found == {f"a px-{n}": said for n, said in enumerate(expected, start=1)}


def test_operation_lines_near_leave_out_what_was_taken_back() -> None:
    def fee(stay_id: str, line: str, on: str, **more: Any) -> dict[str, Any]:
        return charge(stay_id, line, OPERATION, category="06", charge_date=day(on), **more)

    batch = tables(
        [stay(s) for s in ("near", "far", "back", "other", "silent", "undated")],
        procedures=[
            procedure(s, 1, "68.4100", procedure_date=None if s == "undated" else day("2024-03-02"))
            for s in ("near", "far", "back", "other", "silent", "undated")
        ],
        charges=[
            fee("near", "1", "2024-03-01"), fee("near", "2", "2024-03-03"), fee("near", "3", "2024-03-04"),
            fee("far", "1", "2024-03-04"),
            fee("back", "1", "2024-03-02"),
            fee("back", "2", "2024-03-02", quantity=-1, reverses_line_id="1"),
            charge("other", "1"), fee("undated", "1", "2024-03-02"),
        ],
    )  # fmt: skip
    assert facts(batch, "operation_lines_near") == {
        "near px-1": 2, "far px-1": 0, "back px-1": 0, "other px-1": 0, "silent px-1": None,
        "undated px-1": None,
    }  # fmt: skip


def test_anaesthesia_shows_in_the_list_or_the_bill() -> None:
    batch = tables(
        [stay(s) for s in ("listed", "billed", "neither", "silent")],
        procedures=[
            procedure("listed", 1, "68.4100", procedure_date=day("2024-03-02"), anaesthesia_method="1"),
            procedure("listed", 2, "65.2900", procedure_date=day("2024-03-02")),
            procedure("listed", 3, "47.0100", procedure_date=day("2024-03-04")),
            procedure("billed", 1, "68.4100"), procedure("neither", 1, "68.4100"),
            procedure("silent", 1, "68.4100"),
        ],
        charges=[
            charge("listed", "1"), charge("neither", "1"), charge("billed", "1", SLEEP, category="06"),
        ],
    )  # fmt: skip
    assert facts(batch, "anaesthesia_shown") == {
        "listed px-1": True, "listed px-2": True, "listed px-3": False, "billed px-1": True,
        "neither px-1": False, "silent px-1": None,
    }  # fmt: skip


def test_what_a_procedure_needs_is_charged_or_may_hide_in_an_unknown_item() -> None:
    batch = tables(
        [stay(s) for s in ("stent", "none", "strange", "silent", "other")],
        procedures=[procedure(s, 1, "36.0700") for s in ("stent", "none", "strange", "silent")]
        + [procedure("other", 1, "47.0100"), procedure("none", 2, "96.7201"), procedure("stent", 2, "96.7101")],
        charges=[
            charge("stent", "1", STENT, category="08"),
            charge("stent", "2", "S-0105021", category="05"),
            charge("none", "1", "S-0201014", category="08"),
            charge("none", "2", VENTILATOR, category="05"),
            charge("strange", "1", "X-1", category="08"),
            charge("other", "1"),
        ],
    )  # fmt: skip
    assert facts(batch, "implant_name", "implant_shown") == {
        "stent px-1": ("冠状动脉支架", True), "stent px-2": (None, None),
        "none px-1": ("冠状动脉支架", False), "none px-2": (None, None),
        "strange px-1": ("冠状动脉支架", None), "silent px-1": ("冠状动脉支架", None),
        "other px-1": (None, None),
    }  # fmt: skip
    found = facts(batch, "service_name", "service_shown", "is_invasive_ventilation", "airway_shown")
    assert found["none px-2"] == ("有创呼吸机辅助通气", True, True, True)
    assert found["stent px-2"] == (None, None, True, True)
    assert found["other px-1"] == (None, None, False, None)


def test_ventilation_and_operation_charges_of_a_stay() -> None:
    batch = tables(
        [stay("a"), stay("plain"), stay("silent")],
        charges=[
            charge("a", "1", "S-0106002", category="05"),
            charge("a", "2", OPERATION, category="06", unit_price=2300),
            charge("a", "3", SLEEP, category="06", unit_price=1100),
            charge("plain", "1"),
        ],
    )
    names = ("noninvasive_ventilation_lines", "operation_charges_fen")
    assert facts(batch, *names, unit="stay") == {
        "a": (1, 230_000), "plain": (0, 0), "silent": (None, None),
    }  # fmt: skip


def test_the_highest_operation_of_a_list() -> None:
    batch = tables(
        [stay("a"), stay("b"), stay("none")],
        procedures=[
            procedure("a", 1, "34.0401"), procedure("a", 3, "68.4100"), procedure("a", 2, "51.2300"),
            procedure("b", 1, "99.2503"),
        ],
    )  # fmt: skip
    names = ("main_operation_level", "highest_operation_level", "highest_operation_code")
    assert facts(batch, *names, unit="stay") == {
        "a": (1, 3, "51.2300"), "b": (None, None, None), "none": (None, None, None),
    }  # fmt: skip


def test_a_step_belongs_to_an_operation_of_the_same_day() -> None:
    one, two = day("2024-03-02"), day("2024-03-03")
    batch = tables(
        [stay(s) for s in ("same", "apart", "undated", "alone")],
        procedures=[
            procedure("same", 1, "51.2300", procedure_date=one),
            procedure("same", 2, "54.5100", procedure_date=one),
            procedure("apart", 1, "51.2300", procedure_date=one),
            procedure("apart", 2, "54.5100", procedure_date=two),
            procedure("undated", 1, "51.2300"), procedure("undated", 2, "54.5100", procedure_date=one),
            procedure("alone", 1, "54.5100", procedure_date=one),
        ],
    )  # fmt: skip
    names = ("comprehensive_operations", "comprehensive_operation_code")
    assert facts(batch, *names) == {
        "same px-1": (0, None), "same px-2": (1, "51.2300"),
        "apart px-1": (0, None), "apart px-2": (0, None),
        "undated px-1": (0, None), "undated px-2": (None, None), "alone px-1": (0, None),
    }  # fmt: skip


def test_coverage_and_sides_ask_the_diagnoses() -> None:
    def scene(name: str, *codes: str) -> list[dict[str, Any]]:
        return [diagnosis(name, n, c) for n, c in enumerate(codes, start=1)]

    batch = tables(
        [stay(s) for s in ("plain", "repair", "both", "silent")],
        procedures=[
            procedure(s, n, c)
            for s in ("plain", "repair", "both", "silent")
            for n, c in ((1, "86.8200"), (2, "53.1000"), (3, "47.0100"))
        ],
        diagnoses=[
            *scene("plain", "K40.900x002"), *scene("repair", "G51.000"),
            *scene("both", "K40.9", "K40.2"),
        ],
    )  # fmt: skip
    names = (
        "not_covered_name",
        "covered_reason_present",
        "is_bilateral",
        "only_one_side_diagnosed",
    )
    face = "面部除皱"
    assert facts(batch, *names) == {
        "plain px-1": (face, False, False, None), "plain px-2": (None, None, True, True),
        "plain px-3": (None, None, False, None),
        "repair px-1": (face, True, False, None), "repair px-2": (None, None, True, False),
        "repair px-3": (None, None, False, None),
        "both px-1": (face, False, False, None), "both px-2": (None, None, True, False),
        "both px-3": (None, None, False, None),
        "silent px-1": (face, None, False, None), "silent px-2": (None, None, True, None),
        "silent px-3": (None, None, False, None),
    }  # fmt: skip


def test_an_organ_is_counted_once_an_earlier_claim_and_never_from_later_ones() -> None:
    birth: dict[str, Any] = {"birth_date": day("1960-01-01")}
    claims = [
        stay("first", "2023-01-01", **birth), stay("second", "2023-06-01", **birth),
        stay("third", "2024-01-01", **birth),
        stay("child", "2024-02-01", birth_date=day("2024-01-30")),
        stay("else", "2024-02-01", patient_id="p_2", **birth),
    ]  # fmt: skip
    done = [
        procedure("first", 1, "47.0901"), procedure("first", 2, "47.0100"),
        procedure("second", 1, "51.2300"),
        procedure("third", 1, "47.0100"), procedure("third", 2, "51.2100"),
        procedure("child", 1, "47.0100"), procedure("else", 1, "47.0100"),
    ]  # fmt: skip
    names = ("removed_organ", "organ_count", "earlier_removals", "earlier_removal_stay_id")
    expected = {
        "first px-1": ("阑尾", 1, 0, None), "first px-2": ("阑尾", 1, 0, None),
        "second px-1": ("胆囊", 1, 0, None),
        "third px-1": ("阑尾", 1, 1, "first"), "third px-2": (None, None, 0, None),
        "child px-1": ("阑尾", 1, 0, None), "else px-1": ("阑尾", 1, 0, None),
    }  # fmt: skip
    everything = tables(claims, procedures=done)
    assert facts(everything, *names) == expected
    alone = tables(claims[2:3], procedures=done[3:5])
    assert facts(alone, *names, history=everything) == {
        k: v for k, v in expected.items() if k.startswith("third")
    }
    assert facts(tables([stay("bare")]), *names) == {}
