"""Claims for the tests of intake: one good record, and strategies that make many."""

from __future__ import annotations

import copy
import datetime as dt
import json
import unicodedata
from typing import Any

from hypothesis import strategies as st

from domain.claim import CHILDREN, STAYS
from domain.schema import Field, Kind, Table
from streaming.intake.crossfield import DATED

GOOD: dict[str, Any] = {
    "stay_id": "S1",
    "claim_version": 1,
    "claim_type": "inpatient",
    "region_code": "330100",
    "time_zone": "Asia/Shanghai",
    "currency": "CNY",
    "provider_id": "H330100001",
    "patient_id": "clear-patient-0001",
    "patient_name": "测试甲0001",
    "phone": "000-1234567",
    "identity_number": "000000199001010001",
    "address": "测试市假想区1号",
    "birth_date": "1960-05-04",
    "admission_date": "2024-03-01",
    "admission_time": "2024-03-01T08:30:00+08:00",
    "discharge_date": "2024-03-05",
    "diagnosis_system": "ICD-10-CN",
    "procedure_system": "ICD-9-CM-3-CN",
    "total_amount_fen": 12345,
    "diagnoses": [{"ordinal": 1, "code": "I10.x00"}, {"ordinal": 2, "code": "E11.900"}],
    "charges": [
        {
            "line_id": "L1",
            "item_code": "001",
            "category": "01",
            "quantity": "1",
            "unit_price": "123.45",
            "amount_fen": 12345,
            "charge_date": "2024-03-01",
        }
    ],
    "orders": [
        {
            "order_id": "O1",
            "order_type": "drug",
            "item_code": "002",
            "start_time": "2024-03-01T09:00:00+08:00",
            "status": "completed",
        }
    ],
}
CLEAR = (
    "clear-patient-0001",
    "测试甲0001",
    "000-1234567",
    "0001234567",
    "000000199001010001",
    "假想区",
)
"""What must appear in no output of a run over GOOD."""


def claim(**changes: Any) -> dict[str, Any]:
    """The good claim with changes; a value of ... takes the field out."""
    made = copy.deepcopy(GOOD) | changes
    return {k: v for k, v in made.items() if v is not ...}


def line(**changes: Any) -> bytes:
    """The good claim with changes as a JSON line without its end."""
    return json.dumps(claim(**changes), ensure_ascii=False).encode()


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(
    lambda t: any(unicodedata.category(c)[0] not in "ZC" for c in t)
)
_HARD = st.sampled_from(
    ['"', "\\", "\x00a", "a\x1f\n\t", "张三😀", "\u2028b", "é\u0301", "/", "\x7f.", "\ue000x"]
)
_ID = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,10}", fullmatch=True)
_PATTERNS = {
    "region_code": st.from_regex(r"[A-Z0-9]{2,12}", fullmatch=True),
    "time_zone": st.sampled_from(["Asia/Shanghai", "America/New_York", "UTC", "Asia/Kolkata"]),
}
_DERIVED = {(t.name, n) for t, date, instant, _ in DATED for n in (date, instant)}


def _values(field: Field) -> st.SearchStrategy[Any]:
    if field.codes is not None:
        return st.sampled_from(list(field.codes))
    match field.kind:
        case Kind.TEXT | Kind.CODE if field.pattern:
            return _PATTERNS.get(field.name, _ID)
        case Kind.TEXT | Kind.CODE:
            return _TEXT | _HARD
        case Kind.INTEGER | Kind.MONEY:
            high = field.maximum if field.maximum is not None else 2**31 - 1
            return st.integers(field.minimum or 0, high)
        case Kind.DECIMAL:
            return st.decimals(0, 10**6, places=field.places).map(str)
        case Kind.DATE:
            return st.dates(min_value=_DAY0, max_value=_DAY1).map(str)
        case Kind.INSTANT:
            return st.datetimes(min_value=_T0, max_value=_T1, timezones=_ZONES).map(
                lambda t: t.isoformat()
            )
        case Kind.FLAG:
            return st.booleans()
    raise AssertionError(field.kind)


_DAY0, _DAY1 = dt.date(1900, 1, 1), dt.date(2100, 1, 1)
_T0, _T1 = dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1)  # noqa: DTZ001 - hypothesis adds the zone
_ZONES = st.sampled_from(
    [dt.UTC, dt.timezone(dt.timedelta(hours=8)), dt.timezone(-dt.timedelta(hours=3, minutes=30))]
)


def _record(table: Table) -> st.SearchStrategy[dict[str, Any]]:
    own = [f for f in table.fields if table.parent is None or f.name != table.key[0]]
    required = {f.name: _values(f) for f in own if f.required}
    # Of a date and its instant only the date is drawn, so that they cannot disagree.
    instants = {instant for t, _, instant, _ in DATED if t is table}
    optional = {f.name: _values(f) for f in own if not f.required and f.name not in instants}
    return st.fixed_dictionaries(required, optional=optional)


def _children(table: Table) -> st.SearchStrategy[list[dict[str, Any]]]:
    key = table.key[1]
    return st.lists(_record(table), max_size=3, unique_by=lambda r: r[key])


@st.composite
def claims(draw: st.DrawFn, max_size: int = 4) -> list[dict[str, Any]]:
    """A few valid claims with distinct stay_id."""
    heads = draw(
        st.lists(_record(STAYS), min_size=1, max_size=max_size, unique_by=lambda r: r["stay_id"])
    )
    for head in heads:
        for table in CHILDREN:
            rows = draw(_children(table))
            if rows:
                head[table.name] = rows
    return heads
