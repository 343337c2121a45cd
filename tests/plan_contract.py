"""What no plan may ever say or do; tests hold every plan that they make to it."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any, Final

import jsonschema_rs

from domain.plans import ACTION_TYPE, comparison_schema, plan_schema
from rules.compiled import _CARE_WORDS
from rules.facts import codebook

Json = dict[str, Any]

PLAN: Final = jsonschema_rs.validator_for(plan_schema(), validate_formats=True)
COMPARISON: Final = jsonschema_rs.validator_for(comparison_schema(), validate_formats=True)

CODING: Final = (
    re.compile(r"(补录|补充|增加|添加|补编|加上|增补|补报|新增|改为|改报|上报|升级)[^，。；：？]{0,8}(诊断|编码|手术操作|并发症|合并症)"),
    re.compile(r"(诊断|编码)[^，。；：？]{0,4}(补录|补上|加上|补全)"),
    re.compile(
        # "The record" is where a physician looks; "record the ..." would be an order.
        r"\b(add|enter|append|include|upgrade|supply|code|record (?:the|a|an|any|that))\b[^.;:?]{0,24}"
        r"\b(diagnos\w*|codes?|complication\w*|comorbidit\w*|procedures?)\b",
        re.IGNORECASE,
    ),
)  # fmt: skip
"""Words that would ask for a diagnosis, a code or a procedure."""
PAYMENT: Final = re.compile(r"(提高|增加)[^，。；]{0,6}(支付|权重|入组)|(higher|more|raise)[^.;]{0,12}(payment|weight)", re.I)  # fmt: skip
_ICD: Final = re.compile(r"\b[A-Z]\d{2}(?:\.[0-9a-zA-Z]{1,6})?\b")


def hold(plan: Json, claim: Json) -> None:
    """AssertionError if the plan of the stay (a claim with drafts as signed) breaks the contract."""
    PLAN.validate(json.loads(json.dumps(plan)))
    stated = {d["code"].upper() for d in claim["diagnoses"] if d.get("code")}
    for text in _texts(plan):
        assert not [w for w in _CARE_WORDS if w in text.lower()], text
        for words in CODING:
            assert not words.search(text), text
        assert not PAYMENT.search(text), text
    for said in (*plan["suggestions"], *plan["questions"]):
        for text in (said["text"]["zh"], said["text"]["en"]):
            for code in _ICD.findall(text):
                assert any(c.startswith(code.upper()) for c in stated), (code, text)
    for suggestion in plan["suggestions"]:
        _lawful(suggestion, claim, plan)


def _texts(plan: Json) -> list[str]:
    """Everything that a plan says of its own or its checks' to a physician."""
    found = []
    for finding in plan["findings"]:
        found += [t for name in ("finding", "action") for t in finding[name].values()]
    for said in (*plan["suggestions"], *plan["questions"]):
        found += [t for name in ("text", "condition") for t in said.get(name, {}).values()]
    return found


def _lawful(suggestion: Json, claim: Json, plan: Json) -> None:
    """Its actions touch orders only, and what they end goes on in another order or ended by itself."""
    before = {o["order_id"]: o for o in claim["orders"]}
    after = dict(before)
    created, ended, moved = [], [], []
    for action in suggestion["actions"]:
        assert action["type"] in ACTION_TYPE
        order = action["order"]
        assert order["order_id"] == action["order_id"]
        after[order["order_id"]] = order
        if action["type"] == "create":
            assert order["order_id"] not in before
            assert order["status"] == "draft"
            created.append(order)
        elif action["type"] in ("stop", "revoke"):
            ended.append(before[order["order_id"]])
        else:
            moved.append((before[order["order_id"]], order))
    kind = suggestion["kind"]
    assert set(suggestion["before"]["verdicts"].values()) == {"hit"}
    assert set(suggestion["after"]["verdicts"].values()) == {"pass"}
    if kind == "order_evidence":
        assert not ended
        assert not moved
        assert [o["order_type"] != "drug" for o in created] == [True]
        assert created[0]["item_code"] in _evidence_items()
    elif kind == "alternative":
        (new,), (old,) = created, ended
        assert new["order_type"] == "drug"
        assert "physician's decision" in suggestion["condition"]["en"]
        assert "医师决定" in suggestion["condition"]["zh"]
        assert _same_indication(old["item_code"], new["item_code"], claim)
        assert not moved
    elif kind == "wait_interval":
        assert not created
        assert not ended
        ((old, new),) = moved
        assert new["status"] in (old["status"], "draft")
        assert _without(old, "start_time", "status") == _without(new, "start_time", "status")
        assert _at(new["start_time"]) > _at(old["start_time"])
    elif kind == "close_expired":
        assert not created
        assert not moved
        (old,) = ended
        assert _at(old["stop_time"]) <= _at(plan["judged_as_of"])
    elif kind == "correct_slip":
        assert not created
        assert not moved
        assert len(ended) == 1
        assert "Only if" in suggestion["condition"]["en"]
    else:
        assert kind in ("stop_earlier", "withdraw_repeat")
        assert not created
        assert not moved
        gone = {o["order_id"] for o in ended}
        going = [o for n, o in after.items() if n not in gone and o["status"] == "active"]
        assert all(any(_continues(one, o) for o in going) for one in ended)


def _continues(ended: Json, other: Json) -> bool:
    """Whether another order is of the same drug or class and runs on."""
    classes = dict(codebook.read("drugs").select("item_code", "drug_class").iter_rows())
    mine = classes.get(ended["item_code"])
    return other["item_code"] == ended["item_code"] or bool(
        mine and classes.get(other["item_code"]) == mine
    )


def _same_indication(old: str, new: str, claim: Json) -> bool:
    codes = [d["code"].upper().replace(".", "") for d in claim["diagnoses"] if d.get("code")]
    return any(
        (row["item_code"], row["alternative_code"]) == (old, new)
        and any(c.startswith(p.replace(".", "")) for p in row["indications"] for c in codes)
        for row in codebook.read("drug_alternatives").to_dicts()
    )


def _evidence_items() -> set[str]:
    needed = codebook.read("order_requirements")["evidence_item_codes"].explode().to_list()
    signs = codebook.read("infection_signs")
    return {*needed, *(c for k, c in signs.select("kind", "code").iter_rows() if k == "item")}


def _without(order: Json, *names: str) -> Json:
    return {k: v for k, v in order.items() if k not in names and v is not None}


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)
