"""Patterns of the settlement list: fields that contradict each other or are left empty."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

from data_samples.planting import Pattern, Planter, Scene

Change = Callable[[dict[str, Any]], None]


def _planter(
    kind: str, zh: str, en: str, wrong: Change, near: Change | None = None, *, also: str = ""
) -> Planter:
    """A stay made wrong by one change, and one of the same kind with a change that is right.

    ``also`` is another check that the wrong stay rightly hits.
    """

    def plant(scene: Scene) -> Pattern:
        bad, good = scene.stay(kind), scene.stay(kind, "B")
        wrong(bad)
        if near is not None:
            near(good)
        hits = (bad["stay_id"],)
        return Pattern((bad, good), hits, zh, en, {also: hits} if also else {})

    return plant


def _put(**fields: Any) -> Change:
    """Set fields of the head; None removes one."""

    def change(record: dict[str, Any]) -> None:
        for name, value in fields.items():
            if value is None:
                record.pop(name, None)
            else:
                record[name] = value

    return change


def _move(name: str, by: int) -> Change:
    """Add to a number or move a date by days."""

    def change(record: dict[str, Any]) -> None:
        value = record[name]
        if isinstance(value, int):
            record[name] = value + by
        else:
            record[name] = (date.fromisoformat(value) + timedelta(days=by)).isoformat()

    return change


def _lose_second(record: dict[str, Any]) -> None:
    record["diagnoses"] = [d for d in record["diagnoses"] if d["ordinal"] != 2]


def _lose_last(record: dict[str, Any]) -> None:
    del record["diagnoses"][-1]


def _shorten(table: str, places: int) -> Change:
    def change(record: dict[str, Any]) -> None:
        entry = record[table][-1]
        entry["code"] = entry["code"][:places]

    return change


def _name(name: str) -> Change:
    def change(record: dict[str, Any]) -> None:
        record["diagnoses"][0]["name"] = name

    return change


def _short_of_cash(record: dict[str, Any]) -> None:
    record["cash_payment_fen"] -= 20_000


def _paid_by_account(record: dict[str, Any]) -> None:
    record["account_payment_fen"] += 10_000
    record["cash_payment_fen"] -= 10_000


def _later(moment: str, **by: int) -> str:
    """A moment of a record moved by an interval; the zone stays."""
    return (datetime.fromisoformat(moment) + timedelta(**by)).isoformat()


def _intensive(hours: int) -> Change:
    """Intensive care that ends so many hours after the discharge."""

    def change(record: dict[str, Any]) -> None:
        record["icu_stays"][0]["end_time"] = _later(record["discharge_time"], hours=hours)

    return change


def _operated(days: int) -> Change:
    """The operation dated so many days from the admission."""

    def change(record: dict[str, Any]) -> None:
        operation = record["procedures"][0]
        first = date.fromisoformat(record["admission_date"])
        by = (first - date.fromisoformat(operation["procedure_date"])).days + days
        operation["procedure_date"] = (first + timedelta(days=days)).isoformat()
        for name in (n for n in operation if n.endswith("_time")):
            operation[name] = _later(operation[name], days=by)

    return change


def _file(days: int) -> Change:
    def change(record: dict[str, Any]) -> None:
        record["filed_time"] = _later(record["discharge_time"], days=days)

    return change


PLANTED: Final[Mapping[str, Planter]] = {
    "SLQ-006": _planter(
        "pneumonia",
        "性别填写为未说明(9)。",
        "The sex is coded as not stated (9).",
        _put(sex="9"),
    ),
    "SLQ-007": _planter(
        "copd",
        "离院方式为医嘱转院而未填拟接收机构；另一例填写了，不应命中。",
        "A transfer names no receiving hospital; the other transfer does.",
        _put(discharge_way="2"),
        _put(discharge_way="2", receiving_provider_id="SH330100009"),
    ),
    "SLQ-009": _planter(
        "heart-failure",
        "第2条诊断在上传中丢失，顺序号缺号；另一例只是少填一条，不应命中。",
        "The second diagnosis was lost on the way; the other list merely ends earlier.",
        _lose_second,
        _lose_last,
    ),
    "SLQ-010": _planter(
        "diabetes",
        "一条诊断只写到类目(3位)。",
        "One diagnosis is a category of three places.",
        _shorten("diagnoses", 3),
    ),
    "SLQ-011": _planter(
        "cholecystectomy",
        "手术编码只写到4位细目。",
        "The operation is coded with four places only.",
        _shorten("procedures", 5),
    ),
    "SLQ-012": _planter(
        "heart-failure",
        "编码为心力衰竭，名称却写脑梗死；另一例名称相符，不应命中。",
        "Coded as heart failure and named a stroke; the other name fits its code.",
        _name("脑梗死"),
        _name("慢性心力衰竭急性加重"),
    ),
    "SLQ-015": _planter(
        "gastric-bleeding",
        "现金支付少记200元，与个人负担不平；另一例由账户多付100元，仍平衡，不应命中。",
        "The cash is 200 yuan short of what the patient owes; in the other list the account pays more and it balances.",
        _short_of_cash,
        _paid_by_account,
    ),
    "SLQ-016": _planter(
        "newborn-jaundice",
        "新生儿未填日龄；另一例日龄相差1天，不应命中。",
        "A newborn without an age in days; the other is off by one day.",
        _put(age_days=None),
        _move("age_days", 1),
    ),
    "SLQ-017": _planter(
        "newborn-jaundice",
        "新生儿未填出生体重。",
        "A newborn without a birth weight.",
        _put(newborn_birth_weight_g=None),
    ),
    "SLQ-018": _planter(
        "newborn-jaundice",
        "新生儿入院体重误填为310克(少一位)；另一例体重下降一成，不应命中。",
        "The weight at admission lost a digit; the other newborn lost a tenth of the weight.",
        _put(newborn_birth_weight_g=3200, newborn_admission_weight_g=310),
        _put(newborn_birth_weight_g=3200, newborn_admission_weight_g=2880),
    ),
    "SLQ-019": _planter(
        "sepsis",
        "出监护室时间晚于出院6小时；另一例与出院同时，不应命中。",
        "Intensive care ends six hours after the discharge; the other ends with it.",
        _intensive(6),
        _intensive(0),
    ),
    "SLQ-020": _planter(
        "cholecystectomy",
        "手术日期早于入院2天；另一例入院当天手术，不应命中。",
        "The operation is dated two days before the admission; the other is on its day.",
        _operated(-2),
        _operated(0),
        also="PXC-004",  # nothing is charged on the day that is stated
    ),
    "SLQ-021": _planter(
        "long-ventilation",
        "收取呼吸机费用而未填呼吸机时长。",
        "Ventilation is charged and no time on a ventilator stated.",
        _put(ventilation_minutes=None),
    ),
    "SLQ-022": _planter(
        "brain-injury",
        "昏迷时间长于住院时长；另一例为颅脑损伤入院前昏迷40分钟，不应命中。",
        "A coma longer than the stay; the other had a coma of 40 minutes before admission.",
        _put(coma_after_admission_minutes=90_000),
        _put(coma_before_admission_minutes=40),
    ),
    "SLQ-024": _planter(
        "copd",
        "各级护理天数之和比住院天数多4天；另一例多1天，不应命中。",
        "The nursing days are four more than the stay; in the other list one more.",
        _put(level3_nursing_days=4),
        _put(level3_nursing_days=1),
    ),
    "SLQ-025": _planter(
        "hypertension",
        "出院45天后上传；另一例第30天上传，不应命中。",
        "Uploaded 45 days after the discharge; the other on day 30.",
        _file(45),
        _file(29),
    ),
    "SLQ-030": _planter(
        "hernia",
        "结算期间从入院前10天开始；另一例期间短于住院，不应命中。",
        "The settlement begins ten days before the admission; the other is shorter than the stay.",
        _move("settlement_start_date", -10),
        _move("settlement_start_date", 1),
    ),
}
"""Check id -> what plants it."""
