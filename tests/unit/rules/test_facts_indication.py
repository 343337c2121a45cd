"""Facts of the need for a bed: care a day, shares of the bill, codes, intensive care."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from domain.claim import ICU_STAYS
from domain.errors import SentinelError
from domain.tables import Tables
from rules.facts import Source, build, reference
from tests.rules_claims import at, charge, day, diagnosis, stay, tables

INFUSION, PHYSIO, TABLET, AMPOULE = "S-0105001", "S-0105013", "S-0901019", "S-0901001"


def facts(batch: Tables, *names: str) -> dict[str, Any]:
    table = build(Source(batch), {"stay": names})["stay"]
    return {
        row[0]: row[1] if len(names) == 1 else row[1:]
        for row in table.select("stay_id", *names).rows()
    }


def line(stay_id: str, line_id: str, item: str, category: str, on: int = 2, **more: Any) -> Any:
    more.setdefault("charge_date", day(f"2024-03-{on:02}"))
    return charge(stay_id, line_id, item, category=category, **more)


def test_days_with_care_that_needs_a_ward() -> None:
    batch = tables(
        [stay("s"), stay("clinic"), stay("back"), stay("operated"), stay("strange"), stay("none")],
        charges=[
            line("s", "1", INFUSION, "05", 1), line("s", "2", INFUSION, "05", 1), line("s", "3", AMPOULE, "09", 3),
            line("s", "4", TABLET, "09", 4),
            line("clinic", "1", PHYSIO, "05"), line("clinic", "2", TABLET, "09"),
            line("back", "1", INFUSION, "05"), line("back", "2", INFUSION, "05", quantity=-1, reverses_line_id="1"),
            line("operated", "1", "ANY", "06"),
            line("strange", "1", "UNKNOWN", "05"), line("strange", "2", TABLET, "09"),
        ],
    )  # fmt: skip
    assert facts(batch, "ward_care_days", "care_items_all_classified") == {
        "s": (2, True),
        "clinic": (0, True),
        "back": (0, True),
        "operated": (1, True),
        "strange": (0, False),
        "none": (None, None),
    }


def test_oral_drugs_only() -> None:
    batch = tables(
        [stay(n) for n in ("oral", "infused", "treated", "no drug", "strange", "both", "none")],
        charges=[
            line("oral", "1", TABLET, "09"), line("oral", "2", "BED", "01"), line("oral", "3", "CT", "03"),
            line("infused", "1", TABLET, "09"), line("infused", "2", AMPOULE, "09"),
            line("treated", "1", TABLET, "09"), line("treated", "2", PHYSIO, "05"),
            line("no drug", "1", "BED", "01"),
            line("strange", "1", "UNKNOWN", "11"),
            line("both", "1", "UNKNOWN", "11"), line("both", "2", AMPOULE, "09"),
        ],
    )  # fmt: skip
    assert facts(batch, "gives_oral_drugs_only") == {
        "oral": True,
        "infused": False,
        "treated": False,
        "no drug": False,
        "strange": None,
        "both": False,
        "none": None,
    }


def test_days_with_a_bed_and_nothing_else() -> None:
    bed = ("BED", "01")
    batch = tables(
        [stay("s"), stay("here", days=None), stay("none")],
        charges=[
            *[line("s", f"b{n}", *bed, n) for n in range(1, 7)],
            line("s", "n", "NURSE", "07", 3), line("s", "c", "ROUND", "02", 4),
            line("s", "x", "CT", "03", 5), line("s", "y", "CT", "03", 5, quantity=-1, reverses_line_id="x"),
            line("here", "1", *bed),
        ],
    )  # fmt: skip
    # 2, 4 (a consultation alone) and 5 (taken back); admission and discharge are left out.
    assert facts(batch, "bed_only_days") == {"s": 3, "here": None, "none": None}


def test_shares_of_the_bill() -> None:
    batch = tables(
        [stay("s"), stay("nothing"), stay("none")],
        charges=[
            line("s", "1", "CT", "03", unit_price=60), line("s", "2", "LAB", "04", unit_price=10),
            line("s", "3", TABLET, "09", unit_price=5), line("s", "4", "GAUZE", "08", unit_price=5),
            line("s", "5", "BED", "01", unit_price=25), line("s", "6", "MEAL", "14", unit_price=-5),
            line("nothing", "1", "CT", "03"), line("nothing", "2", "CT", "03", quantity=-1, reverses_line_id="1"),
        ],
    )  # fmt: skip
    assert facts(batch, "tests_in_stay_fen", "tests_share", "therapy_share") == {
        "s": (7000, 0.7, 0.1),
        "nothing": (0, None, None),
        "none": (None, None, None),
    }


def test_codes_that_say_what_the_stay_was_for() -> None:
    batch = tables(
        [stay("clinic"), stay("mind"), stay("road"), stay("fall"), stay("none"),
         stay("us", diagnosis_system="ICD-9-CM")],
        diagnoses=[
            diagnosis("clinic", 1, "j06.900"), diagnosis("mind", 1, "F32.900"), diagnosis("mind", 2, "J06.900"),
            diagnosis("road", 3, "X99.0"), diagnosis("road", 2, "V09.200"), diagnosis("road", 1, "S72.0"),
            diagnosis("fall", 1, "S72.0"), diagnosis("fall", 2, "W01.0"), diagnosis("us", 1, "4019"),
        ],
    )  # fmt: skip
    found = facts(
        batch,
        "principal_is_outpatient_treatable",
        "principal_is_psychiatric",
        "has_third_party_cause",
        "third_party_code",
    )
    assert found == {
        "clinic": (True, False, False, None),
        "mind": (False, True, False, None),
        "road": (False, False, True, "V09.200"),
        "fall": (False, False, False, None),
        "none": (None, None, None, None),
        "us": (False, False, False, None),
    }


def test_time_from_intensive_care_to_discharge() -> None:
    def icu(stay_id: str, ordinal: int, end: str | None) -> Any:
        assert "end_time" in {f.name for f in ICU_STAYS.fields}
        return {
            "stay_id": stay_id, "ordinal": ordinal, "start_time": at("2024-03-01T09:00:00"),
            "end_time": None if end is None else at(end),
        }  # fmt: skip

    left: dict[str, Any] = {"discharge_time": at("2024-03-06T10:00:00")}
    batch = tables(
        [stay("twice", **left), stay("open", **left), stay("untimed"), stay("none", **left)],
        icu_stays=[
            icu("twice", 1, "2024-03-05T12:00:00"), icu("twice", 2, "2024-03-03T12:00:00"),
            icu("open", 1, "2024-03-02T12:00:00"), icu("open", 2, None), icu("untimed", 1, "2024-03-05T12:00:00"),
        ],
    )  # fmt: skip
    assert facts(batch, "has_icu_stay", "minutes_from_icu_to_discharge") == {
        "twice": (True, 22 * 60),
        "open": (True, None),
        "untimed": (True, None),
        "none": (False, None),
    }


def test_a_wrong_setting_is_named_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "settings.csv").write_text(
        "item_code,setting,valid_from,valid_to,source\nA,ward,2020-01-01,,x\nB,home,2020-01-01,,x\n",
        encoding="utf-8",
    )
    with pytest.raises(SentinelError, match="'home', which is not one of") as error:
        reference.settings(tmp_path)
    assert str(error.value.where).endswith("settings.csv:3")


def test_a_setting_holds_between_its_dates(tmp_path: Path) -> None:
    (tmp_path / "settings.csv").write_text(
        "item_code,setting,valid_from,valid_to,source\n"
        "A,ward,2020-01-01,2022-01-01,x\nA,clinic,2022-01-01,2023-01-01,x\n",
        encoding="utf-8",
    )
    days = ("2019-12-31", "2021-12-31", "2022-01-01", "2023-01-01")
    rows = tables(
        [stay("s")],
        charges=[charge("s", str(n), "A", charge_date=day(d)) for n, d in enumerate(days)],
    )
    found = reference.with_settings(
        Source(rows).table("charges").lazy(), "charge_date", tmp_path
    ).collect()
    assert dict(found.sort("line_id").select("line_id", "setting").rows()) == {
        "0": None, "1": "ward", "2": "clinic", "3": None,
    }  # fmt: skip
