"""What a model is told: our sentences, and nothing of a person."""

from __future__ import annotations

import json
from typing import Any

import pytest

from domain.errors import SentinelError
from explain.wording import FIELDS, facts_of, template
from explain.wording.prompt import messages
from tests import wording_cards as cards

PLANTED: dict[str, Any] = {
    "patient_name": "欧阳锋",
    "name_of_patient": "Ouyang Feng",
    "birth_date": "1942-02-29",
    "phone": "13800138000",
    "address": "杭州市西湖区文三路90号",
    "ordering_physician_id": "D33010099",
    "note": "患者自述家住文三路",
}
"""What no card holds today, and what must not leave if one does tomorrow."""


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_nothing_of_a_person_leaves(lang: str) -> None:
    secret = {
        *cards.PERSON.values(),
        cards.ORDER_ID,
        *PLANTED.values(),
        "83",
        "2025-03-15",
        "2025-03-07",
    }
    for rule_id in cards.judged():
        for told in (cards.stream_suggestion(rule_id), cards.finding(rule_id)):
            facts = facts_of({**told, **PLANTED}, lang, cards.names())
            sent = json.dumps(messages(facts)[1], ensure_ascii=False)
            assert facts.safe, rule_id
            assert not [one for one in secret if one in sent], (rule_id, sent)
            assert ".00" not in sent
            assert "元" not in sent.replace("元素", "") or "{SUM" in sent


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_what_was_taken_out_is_filled_in(lang: str) -> None:
    for rule_id in cards.judged():
        told = cards.stream_suggestion(rule_id)
        words = template(facts_of(told, lang, cards.names()))
        assert words.summary == told["summary"][lang]
        assert words.detail == told["detail"][lang]
        kept = "".join(words.action.split())
        assert kept == "".join(told["action"][lang].split()), rule_id
        assert words.source == "template"


def test_a_name_that_a_hospital_wrote_is_a_slot_unless_the_tables_know_it() -> None:
    told = cards.stream_suggestion("ORD-002")
    text = json.dumps(told, ensure_ascii=False).replace("注射用美罗培南0.5g", "王小明专用针剂")
    facts = facts_of(json.loads(text), "zh", cards.names())
    assert "王小明" not in " ".join(facts.outgoing().values())
    assert "{TEXT1}" in facts.summary
    assert template(facts).summary.startswith("王小明专用针剂已开立18天")


@pytest.mark.parametrize(
    "slip",
    [
        "110101199003077758",
        "13800138000",
        "a3f9a1c07d5e24b6688aa01c2d3e4f50",
        "姓名李四",
        "li@example.cn",
    ],
)
def test_what_looks_like_a_person_is_not_sent(slip: str) -> None:
    told = cards.finding("ORD-008")
    told["finding"] = {lang: text + slip for lang, text in told["finding"].items()}
    facts = facts_of(told, "zh", cards.names())
    assert not facts.safe


def test_one_card_is_one_digest_whoever_it_is_about() -> None:
    one = cards.stream_suggestion("CST-003")
    text = json.dumps(one, ensure_ascii=False)
    for old, new in (
        ("H1-2025-77", "H9-2026-1"),
        (cards.ORDER_ID, "Z1"),
        ("23442.90", "99.10"),
        ("d4", "e5"),
    ):
        text = text.replace(old, new)
    other = json.loads(text)
    assert other != one
    for lang in ("zh", "en"):
        assert (
            facts_of(one, lang, cards.names()).digest == facts_of(other, lang, cards.names()).digest
        )
    again = cards.stream_suggestion("CST-004")
    assert facts_of(again, "zh", cards.names()).digest != facts_of(one, "zh", cards.names()).digest


def test_a_condition_and_what_speaks_of_diagnoses_is_said_as_it_stands() -> None:
    facts = facts_of(cards.plan_suggestion(), "zh", cards.names())
    assert facts.must_say
    assert "确需并用的请保留并记录理由。" in facts.slots.values()
    assert "{SAY" in facts_of(cards.stream_suggestion("ORD-001"), "zh", cards.names()).action
    for lang in ("zh", "en"):
        for rule_id in cards.judged():
            action = facts_of(cards.stream_suggestion(rule_id), lang, cards.names()).action
            assert "诊断" not in action, rule_id
            assert "diagnos" not in action.lower(), rule_id


def test_questions_and_unknown_shapes() -> None:
    question = {
        "question_id": "7c" * 16, "kind": "documentation", "rule_id": "ORD-001",
        "text": {"zh": "病历是否写明用药依据？", "en": "Does the record give the grounds?"}, "basis": [],
    }  # fmt: skip
    words = template(facts_of(question, "en", cards.names()))
    assert (words.summary, words.detail) == ("Does the record give the grounds?", "")
    with pytest.raises(SentinelError):
        facts_of({"something": "else"}, "zh", cards.names())
    with pytest.raises(SentinelError):
        facts_of(question, "fr", cards.names())


def test_the_prompt_holds_the_facts_and_nothing_else_of_the_card() -> None:
    facts = facts_of(cards.stream_suggestion("ORD-002"), "en", cards.names())
    system, user = messages(facts)
    assert json.loads(user["content"]) == {name: getattr(facts, name) for name in FIELDS}
    assert "SAY1" in system["content"]
