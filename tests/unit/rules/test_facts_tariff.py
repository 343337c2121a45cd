"""Facts that the tariff's terms give a charge line: tables in, what a person would say of each line out."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.tables import Tables
from rules.codebooks import ReferenceTableError
from rules.facts import Source, build, terms
from rules.facts.tariff import LINES
from tests.rules_claims import at, charge, day, stay, tables, visit

INFUSION, PUNCTURE, APPENDECTOMY, CHOLECYSTECTOMY = (
    "S-0105001",
    "S-0105880",
    "S-0107001",
    "S-0107002",
)
LATER = {"charge_date": day("2024-03-03"), "charge_time": at("2024-03-03T10:00:00")}


def facts(batch: Tables, *names: str, history: Tables | None = None) -> dict[str, Any]:
    """Facts by line: one value, or a tuple where several are asked for."""
    table = build(Source(batch, history), {"charge": names})["charge"].filter(":has_row")
    rows = table.select(":subject_id", *names).rows()
    return {row[0]: row[1] if len(names) == 1 else row[1:] for row in rows}


def one(*lines: dict[str, Any], **head: Any) -> Tables:
    return tables([stay("s", **head)], charges=lines)


def test_a_term_holds_for_its_item_and_nothing_is_said_of_others() -> None:
    batch = one(charge("s", "1", "S-0102001"), charge("s", "2", "S-0103001"))
    assert facts(batch, "line_has_day_limit", "line_day_limit") == {
        "1": (True, Decimal(1)), "2": (False, None),
    }  # fmt: skip


def test_a_term_does_not_hold_before_its_first_day() -> None:
    old = {"charge_date": day("2019-12-31")}
    batch = tables([stay("s", "2019-12-30")], charges=[charge("s", "1", "S-0102001", **old)])
    assert facts(batch, "line_has_day_limit") == {"1": False}


def test_the_first_standing_line_of_the_day_skips_a_reversed_one() -> None:
    batch = one(
        charge("s", "1", "S-0102001"),
        charge("s", "2", "S-0102001", quantity=-1, reverses_line_id="1"),
        charge("s", "4", "S-0102001"),
        charge("s", "3", "S-0102001"),
        charge("s", "5", "S-0102001", **LATER),
    )
    assert facts(batch, "line_is_first_standing_on_day", "line_has_day_limit") == {
        "1": (False, False), "2": (False, False), "3": (True, True), "4": (False, True), "5": (True, True),
    }  # fmt: skip


def test_plausible_quantity_sex_and_age_come_from_the_item() -> None:
    batch = one(
        charge("s", "acupuncture", "S-0105012"),
        charge("s", "ultrasound", "S-0103010"),
        charge("s", "vocational", "S-0105884"),
        charge("s", "turp", "S-0107018"),
    )
    names = ("line_has_plausible_most", "line_plausible_day_most", "line_is_sex_limited", "line_sex_limit",
             "line_has_least_age", "line_least_age", "line_has_most_age", "line_most_age")  # fmt: skip
    none = (False, None)
    assert facts(batch, *names) == {
        "acupuncture": (True, Decimal(3), *none, *none, *none),
        "ultrasound": (*none, True, "2", *none, *none),
        "vocational": (*none, *none, True, 16, True, 65),
        "turp": (*none, True, "1", *none, *none),
    }


def test_a_regions_term_stands_before_the_national_one() -> None:
    line = charge("s", "1", "S-0105883")
    assert facts(one(line), "line_most_age") == {"1": 14}
    assert facts(one(line, region_code="440305"), "line_most_age") == {"1": 6}


@pytest.mark.parametrize(
    ("level", "short"), [("1", 1), ("2", 0), ("3", -1), ("9", None), (None, None)]
)
def test_levels_short_is_unknown_without_a_level(level: str | None, short: int | None) -> None:
    batch = one(charge("s", "1", "S-0106005"), charge("s", "2"), provider_level=level)
    assert facts(batch, "line_is_level_limited", "line_levels_short") == {
        "1": (True, short), "2": (False, None),
    }  # fmt: skip


def test_a_cap_follows_region_level_and_date() -> None:
    line = charge("s", "1", "S-0103002", quantity=2)
    asked = ("line_is_capped", "line_cap_fen")
    assert facts(one(line, region_code="330106", provider_level="3"), *asked) == {
        "1": (True, 48_400)
    }
    assert facts(one(line, region_code="420100", provider_level="1"), *asked) == {
        "1": (True, 39_600)
    }
    assert facts(one(line, region_code="420100"), *asked) == {"1": (True, None)}
    assert facts(one(line, region_code="110100", provider_level="3"), *asked) == {
        "1": (False, None)
    }
    gas = charge("s", "1", "S-0104017")
    assert facts(one(gas, region_code="420100"), "line_cap_fen") == {"1": 7_000}
    before = gas | {"charge_date": day("2022-12-31")}
    batch = tables([stay("s", "2022-12-30", region_code="420100")], charges=[before])
    assert facts(batch, "line_cap_fen") == {"1": 8_000}


def test_a_national_cap_needs_no_region_and_part_of_a_fen_rounds_up() -> None:
    line = charge("s", "1", "S-0201006", quantity="0.3333")
    assert facts(one(line, region_code=None), "line_cap_fen") == {"1": 28_264}


def test_the_cheaper_operation_of_one_incision_and_day_comes_later() -> None:
    batch = one(
        charge("s", "1", APPENDECTOMY, unit_price=1800),
        charge("s", "2", CHOLECYSTECTOMY, unit_price=2200),
        charge("s", "3", "S-0107004", unit_price=1900),
        charge("s", "4", APPENDECTOMY, unit_price=900, **LATER),
    )
    assert facts(batch, "line_is_later_operation", "line_tariff_fen") == {
        "1": (True, 180_000), "2": (False, 220_000), "3": (False, 190_000), "4": (False, 180_000),
    }  # fmt: skip


def test_a_second_part_counts_only_where_the_region_says_so() -> None:
    lines = [
        charge("s", "1", "S-0103002", unit_price=220),
        charge("s", "2", "S-0103003", unit_price=210),
    ]
    assert facts(one(*lines, region_code="420100"), "line_is_later_part") == {"1": False, "2": True}
    assert facts(one(*lines), "line_is_later_part") == {"1": False, "2": False}


def test_an_item_is_included_on_the_day_of_its_parent_only() -> None:
    batch = one(
        charge("s", "1", INFUSION, item_name="静脉输液"),
        charge("s", "2", PUNCTURE),
        charge("s", "3", PUNCTURE, **LATER),
    )
    assert facts(batch, "line_is_included_on_day", "related_item_name") == {
        "1": (False, None), "2": (True, "静脉输液"), "3": (False, None),
    }  # fmt: skip


def test_a_reversed_parent_includes_nothing() -> None:
    batch = one(
        charge("s", "1", INFUSION),
        charge("s", "2", INFUSION, quantity=-1, reverses_line_id="1"),
        charge("s", "3", PUNCTURE),
    )
    assert facts(batch, "line_is_included_on_day")["3"] is False


def test_each_kind_of_inclusion_has_its_own_fact() -> None:
    batch = one(
        charge("s", "op", APPENDECTOMY),
        charge("s", "exploration", "S-0107880", **LATER),
        charge("s", "stent", "S-0107006"),
        charge("s", "balloon", "S-0107882"),
        charge("s", "critical", "S-0108880"),
        charge("s", "nursing", "S-0108003"),
    )
    names = (
        "line_is_included_in_stay",
        "line_is_included_in_stent",
        "line_is_included_in_critical_care",
    )
    found = facts(batch, *names)
    assert {key: found[key] for key in ("exploration", "balloon", "nursing", "op")} == {
        "exploration": (True, False, False),
        "balloon": (False, True, False),
        "nursing": (False, False, True),
        "op": (False, False, False),
    }


def test_what_a_delivery_includes_within_hours_is_unknown_without_a_time() -> None:
    delivery = charge("s", "1", "S-0107005")
    near = charge("s", "2", "S-0103880", charge_time=at("2024-03-02T04:00:00"))
    far = charge("s", "3", "S-0103880", charge_time=at("2024-03-02T03:59:00"))
    untimed = charge("s", "4", "S-0103880", charge_time=None)
    repair = charge("s", "5", "S-0107884", charge_time=None, charge_date=day("2024-03-03"))
    assert facts(one(delivery, near, far, untimed, repair), "line_is_included_in_delivery") == {
        "1": False, "2": True, "3": False, "4": None, "5": True,
    }  # fmt: skip


def test_minutes_from_the_panel_of_the_day() -> None:
    panel = charge("s", "1", "S-0104006", charge_time=at("2024-03-02T07:00:00"))
    soon = charge("s", "2", "S-0104888", charge_time=at("2024-03-02T06:55:00"))
    other = charge("s", "3", "S-0104884", charge_time=at("2024-03-02T07:00:00"))
    untimed = charge("s", "4", "S-0104889", charge_time=None)
    assert facts(one(panel, soon, other, untimed), "line_is_in_panel_on_day", "minutes_from_panel") == {
        "1": (False, None), "2": (True, 5), "3": (False, None), "4": (True, None),
    }  # fmt: skip


def test_of_two_exclusive_items_the_cheaper_is_the_fault() -> None:
    dear, cheap = (
        charge("s", "1", "S-0107004", unit_price=1900),
        charge("s", "2", "S-0107005", unit_price=900),
    )
    assert facts(one(dear, cheap), "line_is_excluded") == {"1": False, "2": True}
    turned = charge("s", "2", "S-0107005", unit_price=2900, item_name="接生")
    assert facts(one(dear, turned), "line_is_excluded", "related_item_name") == {
        "1": (True, "接生"), "2": (False, None),
    }  # fmt: skip
    general, local = (
        charge("s", "1", "S-0107016", unit_price=1100),
        charge("s", "2", "S-0107888", charge_time=None),
    )
    assert facts(one(general, local), "line_is_excluded") == {"1": False, "2": None}


def test_surcharges_are_allowed_by_the_main_items_of_the_day() -> None:
    batch = one(
        charge("s", "1", INFUSION, quantity=2),
        charge("s", "2", "S-0105883", quantity=3),
        charge("s", "3", "S-0105883", **LATER),
        charge("s", "4", "S-0103002"),
        charge("s", "5", "S-0103882", quantity=3),
    )
    names = ("line_is_surcharge", "line_is_imaging_surcharge", "surcharge_allowed_on_day")
    assert facts(batch, *names) == {
        "1": (False, False, None),
        "2": (True, False, Decimal(2)),
        "3": (True, False, Decimal(0)),
        "4": (False, False, None),
        "5": (False, True, Decimal(2)),
    }


def test_a_device_lacks_its_operation() -> None:
    stent, dialyser = charge("s", "1", "S-0201006"), charge("s", "2", "S-0201016")
    purified = charge("s", "3", "S-0106005", **LATER)
    assert facts(one(stent, dialyser, purified), "line_lacks_partner") == {
        "1": True, "2": False, "3": False,
    }  # fmt: skip


def test_a_service_off_the_tariff_is_unknown_under_a_foreign_tariff() -> None:
    known, own = charge("s", "1", "S-0103001"), charge("s", "2", "X-1")
    drug = charge("s", "3", "X-2", category="09")
    assert facts(one(known, own, drug), "line_is_off_tariff") == {"1": False, "2": True, "3": False}
    assert facts(one(known, own, charge("s", "4", "X-3")), "line_is_off_tariff") == {
        "1": False, "2": None, "4": None,
    }  # fmt: skip


def test_part_of_a_piece() -> None:
    batch = one(
        charge("s", "1", "S-0201005", category="08", unit="根", quantity="0.5"),
        charge("s", "2", "S-0201005", category="08", unit="根", quantity=2),
        charge("s", "3", "S-0201005", category="08", unit="米", quantity="0.5"),
        charge("s", "4", "S-0901001", category="09", unit="支", quantity="0.5"),
    )
    assert facts(batch, "line_splits_a_piece") == {"1": True, "2": False, "3": False, "4": False}


def test_an_ncci_pair_marks_the_part() -> None:
    batch = one(
        charge("s", "1", "93000"), charge("s", "2", "93005"), charge("s", "3", "93010", **LATER)
    )
    assert facts(batch, "line_is_column_two") == {"1": False, "2": True, "3": False}


def test_days_since_the_same_test_look_back_over_claims_and_never_ahead() -> None:
    test = {"charge_date": day("2024-02-25"), "charge_time": None}
    past = tables(
        [
            visit("v", "2024-02-25"),
            visit("other", "2024-02-28", patient_id="p_2"),
            visit("after", "2024-04-01"),
        ],
        charges=[
            charge("v", "1", "S-0104010", **test),
            charge("other", "1", "S-0104010", charge_date=day("2024-02-28")),
            charge("after", "1", "S-0104010", charge_date=day("2024-02-29")),
        ],
    )
    batch = one(
        charge("s", "1", "S-0104010"),
        charge("s", "2", "S-0104010"),
        charge("s", "3", "S-0104010", **LATER),
    )
    names = (
        "line_has_interval",
        "same_test_before",
        "test_interval_days",
        "days_since_same_test",
        "last_same_test_claim_id",
    )
    assert facts(batch, *names, history=past) == {
        "1": (True, True, 15, 6, "v"),
        "2": (True, True, 15, 6, "v"),
        "3": (True, True, 15, 1, "s"),
    }
    assert facts(batch, *names)["1"] == (True, False, 15, None, None)


def test_no_fact_depends_on_the_order_of_rows() -> None:
    lines = [
        charge("s", str(number), code, unit_price=price)
        for number, (code, price) in enumerate(
            [(INFUSION, 12), (PUNCTURE, 5), (APPENDECTOMY, 1800), (CHOLECYSTECTOMY, 1800), ("S-0103002", 300),
             ("S-0104010", 58), ("S-0105883", 3), ("S-0102001", 25), ("S-0102001", 25), ("S-0201006", 780)]
        )
    ]  # fmt: skip
    names = tuple(f.name for f in LINES)
    expected = facts(one(*lines, region_code="330100", provider_level="3"), *names)
    for seed in range(5):
        random.Random(seed).shuffle(lines)
        assert facts(one(*lines, region_code="330100", provider_level="3"), *names) == expected


_TERMS = "item_code,term,value,region_code,valid_from,valid_to,source"
_PAIRS = "relation,item_code,other_code,window,value,region_code,valid_from,valid_to,source"
_CAPS = "item_code,region_code,provider_level,cap_yuan,valid_from,valid_to,source"


@pytest.mark.parametrize(
    ("read", "head", "row", "column"),
    [
        (terms.item_terms, _TERMS, "A,day_limit,x,,2020-01-01,,s", "value"),
        (terms.item_terms, _TERMS, "A,dail_limit,1,,2020-01-01,,s", "term"),
        (terms.item_terms, _TERMS, "A,day_limit,1,,2020-13-01,,s", "valid_from"),
        (terms.item_pairs, _PAIRS, "includes,A,B,week,,,2020-01-01,,s", "window"),
        (terms.price_caps, _CAPS, "A,,,1.00,2020-01-01,,", "source"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(
    tmp_path: Path, read: Any, head: str, row: str, column: str
) -> None:
    name = f"{read.__name__}.csv"
    (tmp_path / name).write_text(f"{head}\n{row}\n", encoding="utf-8")
    with pytest.raises(ReferenceTableError, match=column) as refused:
        read(tmp_path)
    assert refused.value.where.endswith(f"{name}:2")
