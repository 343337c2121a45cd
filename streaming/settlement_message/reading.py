"""A message of 4101 or 4101A to a canonical claim, or all that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import msgspec

from domain.errors import Refusal
from domain.schema import Field
from streaming import intake
from streaming.intake.limits import DEFAULT, Limits
from streaming.pseudonym import PseudonymKey
from streaming.settlement_message import fields as f
from streaming.settlement_message.values import (
    Faults,
    Terms,
    day_of,
    decimal_of,
    fen_of,
    text_of,
    value_of,
)

Json = dict[str, Any]

RULES: Final = {
    "no-settlement-list": "The JSON holds no node setlinfo.",
    "two-principals": "More than one diagnosis is marked as the principal one.",
}
"""Rule names beside those of intake."""
USUAL: Final = Terms()
"""Terms of a message from China that is no correction."""
_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_MOST_ROWS: Final = 1000
_YES: Final = "1"


@dataclass(frozen=True, slots=True)
class Listed:
    """A message as read: the clear claim, ready to be encoded; ``reasons`` if it was refused."""

    claim: Json | None
    reasons: tuple[Refusal, ...]

    @property
    def record(self) -> bytes:
        """The claim as a line of JSON."""
        return _ENCODER.encode(self.claim)


def read(raw: bytes, terms: Terms = USUAL, limits: Limits = DEFAULT) -> Listed:
    """The claim of one message as far as its own form goes; ``check`` judges its fields."""
    faults = Faults()
    body, around = _parse(raw, limits, faults)
    if body is None:
        return Listed(None, tuple(faults.found))
    claim = _head(body["setlinfo"], around, terms, faults)
    _lists(claim, body, terms, faults)
    return Listed(None if faults.found else claim, tuple(faults.found))


def read_many(
    raws: Sequence[bytes],
    key: PseudonymKey,
    terms: Terms = USUAL,
    limits: Limits = DEFAULT,
) -> list[Listed]:
    """The claims of messages, each checked as intake checks claims, faults in the words of 4101."""
    found = [read(raw, terms, limits) for raw in raws]
    places = [n for n, one in enumerate(found) if one.claim is not None]
    if not places:
        return found
    # Identifiers are theirs to repeat: a correction has the same as what it corrects.
    _, refused = intake.decode([found[n].record for n in places], key=key, limits=limits)
    for one in refused:
        told = tuple(
            _renamed(reason)
            for reason in one.reasons
            if reason.rule != "duplicate-id" or "." in reason.field
        )
        if told:
            found[places[one.index]] = Listed(None, told)
    return found


def _parse(raw: bytes, limits: Limits, faults: Faults) -> tuple[Json | None, Json]:
    """The nodes of the message by our spelling, and the envelope around them."""
    if len(raw) > limits.record_bytes:
        faults.add(
            "(record)", "too-large", f"Send messages of at most {limits.record_bytes} bytes."
        )
        return None, {}
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        faults.add("(record)", "not-utf8", "Write the message in UTF-8.")
        return None, {}
    try:
        found = _DECODER.decode(text)
    except (msgspec.MsgspecError, RecursionError, ArithmeticError):
        faults.add("(record)", "not-json", "Write one complete JSON object a message.")
        return None, {}
    around = found if isinstance(found, dict) else {}
    body = around
    for name in ("input", "data"):
        if isinstance(body.get(name), dict):
            body = body[name]
    if not isinstance(body.get("setlinfo"), dict):
        faults.add(
            "setlinfo",
            "no-settlement-list",
            "Send the message of 4101 with its node setlinfo, bare or under input.",
        )
        return None, {}
    nodes: Json = {}
    for name, value in body.items():
        node = f.SPELLINGS.get(name, name)
        if node not in f.NODES or value is None or value == []:
            continue
        if node != "setlinfo" and isinstance(value, dict):
            value = [value]
        if node != "setlinfo" and (
            not isinstance(value, list)
            or len(value) > _MOST_ROWS
            or not all(isinstance(v, dict) for v in value)
        ):
            faults.add(node, "type", f"Write {node} as a list of at most {_MOST_ROWS} objects.")
            continue
        nodes[node] = value
    return nodes, around


def _head(list_: Json, around: Json, terms: Terms, faults: Faults) -> Json:
    claim: Json = {
        "claim_version": terms.claim_version,
        "time_zone": terms.time_zone,
        "currency": "CNY",
        "diagnosis_system": "ICD-10-CN",
        "procedure_system": "ICD-9-CM-3-CN",
    }
    known = set(f.HEAD) | set(f.IGNORED)
    for name in list_:
        if name not in known:
            faults.add(
                f"setlinfo.{name}" if re.fullmatch(r"[a-z0-9_]{1,40}", name) else "setlinfo.(name)",
                "unknown-field",
                "Remove it; docs/hl7.md lists what is read and what is passed over.",
            )
    for name, field in f.HEAD.items():
        value = value_of(field, list_.get(name), f"setlinfo.{name}", terms, faults)
        if value is not None:
            claim[field.name] = value
    for name, ours in f.ENVELOPE.items():
        text = text_of(around.get(name))
        if text and ours not in claim:
            claim[ours] = text
    if terms.region_code:
        claim.setdefault("region_code", terms.region_code)
    if "patient_id" not in claim and text_of(list_.get("hi_no")):
        # 4101 names the person by hi_no alone, 4101A by psn_no.
        claim["patient_id"] = text_of(list_["hi_no"])
    day = day_of(list_.get("opsp_mdtrt_date"), "setlinfo.opsp_mdtrt_date", faults)
    claim["claim_type"] = "outpatient" if day and "admission_time" not in claim else "inpatient"
    if day and claim["claim_type"] == "outpatient":
        claim["admission_date"] = day
    for kind in ("admission", "discharge"):
        if f"{kind}_time" in claim and f"{kind}_date" not in claim:
            claim[f"{kind}_date"] = claim[f"{kind}_time"][:10]
    return claim


def _lists(claim: Json, body: Json, terms: Terms, faults: Faults) -> None:
    node = "diseinfo" if "diseinfo" in body else "opspdiseinfo"
    rows = body.get(node, [])
    # Those of Chinese medicine stand in the same list, and no group reads them.
    western = [(n, r) for n, r in enumerate(rows) if text_of(r.get("diag_type")) in f.WESTERN]
    principal = [n for n, (_, r) in enumerate(western) if text_of(r.get("maindiag_flag")) == _YES]
    if len(principal) > 1:
        faults.add(node, "two-principals", "Mark one diagnosis with maindiag_flag 1.")
    elif principal:
        western.insert(0, western.pop(principal[0]))
    claim["diagnoses"] = [
        {"ordinal": n} | _row(row, f.DISEASE, f"{node}[{place}]", terms, faults)
        for n, (place, row) in enumerate(western, start=1)
    ]
    operations = list(enumerate(body.get("oprninfo", [])))
    node = "oprninfo"
    if not operations and "diseinfo" not in body:
        node = "opspdiseinfo"
        operations = [(n, r) for n, r in enumerate(rows) if text_of(r.get("oprn_oprt_code"))]
    main = [n for n, (_, r) in enumerate(operations) if text_of(r.get("oprn_oprt_type")) == _YES]
    if len(main) == 1:
        operations.insert(0, operations.pop(main[0]))
    claim["procedures"] = [
        {"ordinal": n} | _row(row, f.OPERATION, f"{node}[{place}]", terms, faults)
        for n, (place, row) in enumerate(operations, start=1)
    ]
    claim["icu_stays"] = [
        {"ordinal": n} | _row(row, f.ICU, f"icuinfo[{n - 1}]", terms, faults)
        for n, row in enumerate(body.get("icuinfo", []), start=1)
    ]
    _blood(claim, body.get("bldinfo", []), faults)
    for node, name, ours in (
        ("payinfo", "fund_payamt", "fund_payment_fen"),
        ("iteminfo", "amt", "total_amount_fen"),
    ):
        rows = body.get(node, [])
        amounts = [fen_of(r.get(name), f"{node}[{n}].{name}", faults) for n, r in enumerate(rows)]
        if rows and None not in amounts:
            claim[ours] = sum(a for a in amounts if a is not None)
    for name in ("diagnoses", "procedures", "icu_stays"):
        if not claim[name]:
            del claim[name]


def _row(row: Json, table: Mapping[str, Field], path: str, terms: Terms, faults: Faults) -> Json:
    found: Json = {}
    for name, field in table.items():
        value = value_of(field, row.get(name), f"{path}.{name}", terms, faults)
        if value is not None:
            found[field.name] = value
    if "procedure_date" not in found and "start_time" in found and "oprn_oprt_date" in table:
        found["procedure_date"] = found["start_time"][:10]
    return found


def _blood(claim: Json, rows: Sequence[Json], faults: Faults) -> None:
    """Products of blood: a claim has one amount, so several are told by name, and added if alike."""
    if not rows:
        return
    names = [t for r in rows if (t := text_of(r.get("bld_cat")))]
    units = {text_of(r.get("bld_unt")) for r in rows}
    amounts = [
        decimal_of(r.get("bld_amt"), f"bldinfo[{n}].bld_amt", faults) for n, r in enumerate(rows)
    ]
    if names:
        claim["blood_category"] = "、".join(dict.fromkeys(names))
    if len(units) == 1 and None not in amounts:
        claim["blood_amount"] = f"{sum((a for a in amounts if a is not None), Decimal(0)):f}"
        if unit := units.pop():
            claim["blood_unit"] = unit


_NODE_OF: Final = {"diagnoses": "diseinfo", "procedures": "oprninfo", "icu_stays": "icuinfo"}
_COLUMNS: Final = {
    "diagnoses": {x.name: n for n, x in f.DISEASE.items()},
    "procedures": {x.name: n for n, x in f.OPERATION.items()},
    "icu_stays": {x.name: n for n, x in f.ICU.items()},
}
_HEAD_BACK: Final = {x.name: n for n, x in f.HEAD.items()}


def _renamed(reason: Refusal) -> Refusal:
    """A reason of intake with the field's name in the message."""
    table, _, column = reason.field.partition(".")
    listed = table.partition("[")[0]
    if listed in _NODE_OF:
        name = _COLUMNS[listed].get(column, column)
        path = f"{table.replace(listed, _NODE_OF[listed])}.{name}" if column else _NODE_OF[listed]
    else:
        name = _HEAD_BACK.get(reason.field, "")
        path = f"setlinfo.{name}" if name else reason.field
    return Refusal(path, "", reason.rule, reason.cure)
