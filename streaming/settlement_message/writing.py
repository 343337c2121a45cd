"""A canonical claim as a message of 4101: for round trips, tests and senders that want an example.

What the settlement list has no field for is not written: charge lines and orders (they go
up as 2301), coverages, the billed group. Of the charge lines ``iteminfo`` has the sums.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from domain.schema import Field, Kind
from streaming.settlement_message import fields as f

Json = dict[str, Any]


def write(claim: Mapping[str, Any], *, flags: str = "interface") -> bytes:
    """The message of a claim, with the envelope around ``input``, as one line of JSON."""
    zone = ZoneInfo(str(claim["time_zone"]))
    back = {value: code for code, value in f.FLAGS[flags].items()}
    node = "diseinfo" if claim.get("claim_type") == "inpatient" else "opspdiseinfo"
    head = {
        name: _written(field, claim[field.name], zone, back)
        for name, field in f.HEAD.items()
        if claim.get(field.name) is not None
    }
    if node == "opspdiseinfo":
        head["opsp_mdtrt_date"] = str(claim.get("admission_date") or claim["admission_time"])[:10]
        head.pop("adm_time", None)
    body: Json = {"setlinfo": head}
    diagnoses = _sorted(claim.get("diagnoses"))
    body[node] = [
        {"diag_type": "1", "maindiag_flag": "1" if n == 0 else "0"}
        | _row(row, f.DISEASE, zone, back)
        for n, row in enumerate(diagnoses)
    ]
    procedures = _sorted(claim.get("procedures"))
    body["oprninfo"] = [
        {"oprn_oprt_type": "1" if n == 0 else "2"} | _row(row, f.OPERATION, zone, back)
        for n, row in enumerate(procedures)
    ]
    body["icuinfo"] = [_icu(row, zone, back) for row in _sorted(claim.get("icu_stays"))]
    if claim.get("fund_payment_fen") is not None:
        kind = f.FUND.get(str(claim.get("insurance_type")), f.OTHER_FUND)
        body["payinfo"] = [{"fund_pay_type": kind, "fund_payamt": _yuan(claim["fund_payment_fen"])}]
    body["iteminfo"] = _items(claim)
    blood = {n: head.pop(n) for n in ("bld_cat", "bld_amt", "bld_unt") if n in head}
    if blood:
        body["bldinfo"] = [blood]
    around = {"infno": "4101"} | {
        name: claim[ours] for name, ours in f.ENVELOPE.items() if claim.get(ours) is not None
    }
    return msgspec.json.encode(around | {"input": {n: v for n, v in body.items() if v}})


def _items(claim: Mapping[str, Any]) -> list[Json]:
    """The sums of the lines by category and class; of a claim without lines its total."""
    sums: dict[str, dict[str, int]] = {}
    for line in claim.get("charges") or []:
        place = {"01": "claa_sumfee", "02": "clab_amt", "03": "fulamt_ownpay_amt"}
        name = place.get(str(line.get("insurance_class")), "oth_amt")
        of = sums.setdefault(str(line["category"]), {})
        of[name] = of.get(name, 0) + int(line["amount_fen"])
    total = claim.get("total_amount_fen")
    if not sums and total is not None:
        sums = {"14": {"oth_amt": int(total)}}
    names = ("claa_sumfee", "clab_amt", "fulamt_ownpay_amt", "oth_amt")
    return [
        {"med_chrgitm": category, "amt": _yuan(sum(of.values()))}
        | {n: _yuan(of.get(n, 0)) for n in names}
        for category, of in sorted(sums.items())
    ]


def _icu(row: Mapping[str, Any], zone: ZoneInfo, back: Mapping[bool, str]) -> Json:
    found = _row(row, f.ICU, zone, back)
    if row.get("end_time"):
        took = datetime.fromisoformat(row["end_time"]) - datetime.fromisoformat(row["start_time"])
        found["scs_cutd_sum_dura"] = _duration(int(took.total_seconds()) // 60)
    return found


def _row(
    row: Mapping[str, Any], table: Mapping[str, Field], zone: ZoneInfo, back: Mapping[bool, str]
) -> Json:
    return {
        name: _written(field, row[field.name], zone, back)
        for name, field in table.items()
        if row.get(field.name) is not None
    }


def _written(field: Field, value: Any, zone: ZoneInfo, back: Mapping[bool, str]) -> Any:
    if field.name in f.DURATIONS:
        return _duration(int(value))
    match field.kind:
        case Kind.MONEY:
            return _yuan(value)
        case Kind.FLAG:
            return back[bool(value)]
        case Kind.INSTANT:
            return datetime.fromisoformat(str(value)).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
        case Kind.INTEGER:
            return int(value)
    return f.PAYMENT_BACK.get(str(value), value) if field.name == "payment_method" else value


def _yuan(fen: Any) -> str:
    return f"{Decimal(int(fen)) / 100:.2f}"


def _duration(minutes: int) -> str:
    return f"{minutes // 1440}/{minutes // 60 % 24}/{minutes % 60}"


def _sorted(rows: Sequence[Mapping[str, Any]] | None) -> list[Mapping[str, Any]]:
    return sorted(rows or [], key=lambda row: int(row["ordinal"]))
