"""What the verifier lets through and what not, one thing at a time."""

from __future__ import annotations

import pytest

from explain.wording import Facts, Verifier, facts_of
from explain.wording.numerals import read
from explain.wording.tokens import scan
from tests import wording_cards as cards
from tests.wording_rephrasings import TRIED, UNSEEN


def faults(facts: Facts, **changed: str) -> set[str]:
    found = Verifier(facts, cards.names()).faults({**facts.outgoing(), **changed})
    return {str(one) for one in found}


def of(rule_id: str, lang: str) -> Facts:
    return facts_of(cards.stream_suggestion(rule_id), lang, cards.names())


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_our_own_words_pass(lang: str) -> None:
    for facts in cards.cards(lang):
        assert not faults(facts), facts.key


def test_faithful_rewordings_pass_as_often_as_the_documentation_says() -> None:
    """The share stands in docs/wording.md; a stricter verifier must change both."""
    passed = {}
    for name, group in (("tried", TRIED), ("unseen", UNSEEN)):
        passed[name] = sum(
            not faults(of(rule_id, lang), summary=summary, detail=detail)
            for rule_id, lang, summary, detail in group
        )
    assert len(TRIED) + len(UNSEEN) == 60
    assert passed == {"tried": 24, "unseen": 17}


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("1,234.50元", "1234.50", "money"), ("十二天", "12", "day"), ("百分之三十", "30", "percent"), ("三成", "30", "percent"),
        ("twenty-one days", "21", "day"), ("two weeks", "2", "week"), ("1.2万元", "12000", "money"), ("两倍", "2", "fold"),
        ("一千二百三十四", "1234", ""), ("二〇二四年", "2024", "year"), ("0.5g", "0.5", "g"), ("5 %", "5", "percent"),
        ("a dozen", "12", ""), ("one hundred and five", "105", ""), ("半", "0.5", ""), ("廿一", "21", ""),
    ],
)  # fmt: skip
def test_numbers_are_read_in_every_form(text: str, value: str, unit: str) -> None:
    found = next(n for n in (read(text, at) for at in range(len(text))) if n is not None)
    assert float(found.value) == float(value)
    assert found.unit == unit


def test_codes_numbers_and_words_are_told_apart() -> None:
    text = "J15.900 与 S-0901007，key-monitored 14-day 15d 007 2025-03-03 同一 统一 十五条"
    told = [(t.kind, t.text) for t in scan(text, cards.names()) if t.kind in ("code", "number")]
    assert told == [
        ("code", "j15.900"), ("code", "s-0901007"), ("number", "14-day"), ("number", "15d"), ("code", "007"),
        ("code", "2025-03-03"), ("number", "十五条"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rule_id", "lang", "summary", "why"),
    [
        ("ORD-002", "zh", "美罗培南已开立14天，限支付疗程18天", "polarity"),  # both numbers, exchanged
        ("ORD-002", "zh", "美罗培南限支付疗程18天", "polarity"),  # one number, of the other
        ("ORD-002", "zh", "美罗培南已开立18小时", "number"),
        ("ORD-002", "zh", "美罗培南1g已开立18天", "number"),
        ("ORD-002", "zh", "亚胺培南已开立18天", "word"),
        ("ORD-002", "zh", "万古霉素已开立18天", "name"),
        ("ORD-002", "zh", "美 罗 培 南已开立18天，万 古 霉 素", "word"),
        ("ORD-002", "zh", "美罗培南已开立十八天，不限支付疗程", "polarity"),
        ("ORD-001", "zh", "美罗培南限定支付适应证，本次就诊诊断中有相应疾病", "polarity"),
        ("ORD-012", "zh", "美罗培南日剂量7.5g，低于每日最大剂量6g", "polarity"),
        ("ORD-012", "zh", "美罗培南日剂量6g，超过每日最大剂量7.5g", "polarity"),
        ("ORD-012", "en", "注射用美罗培南0.5g: the maximum is 7.5 g", "polarity"),
        ("ORD-001", "en", "注射用美罗培南0.5g is paid for in named diseases only, and the stay states them", "polarity"),
        ("ORD-001", "en", "注射用美罗培南0.5g is paid for in named diseases", "polarity"),
        ("ORD-003", "en", "注射用美罗培南0.5g must begin within 61 hours of onset", "polarity"),
        ("ORD-011", "zh", "请使用注射用美罗培南0.5g", "word"),
        ("ORD-011", "zh", "使用注射用美罗培南0.5g", "advice"),
        ("ORD-008", "en", "Order 注射用美罗培南0.5g", "advice"),
        ("CST-003", "zh", "预计总费用{SUM2}，病组ES25支付标准{SUM1}", "polarity"),
        ("CST-003", "zh", "预计总费用{SUM1}，病组ES35支付标准{SUM2}", "code"),
        ("CST-003", "zh", "预计总费用{SUM9}", "slot"),
        ("CST-003", "zh", "预计总费用 SUM1", "code"),
        ("CST-003", "en", "The stay will probably cost CNY 12,000.00", "number"),
        ("CST-003", "en", "Per Article 15 the stay will probably cost {SUM1}", "clause"),
        ("CST-003", "en", "The stay will probably cost {SUM1}, a fraud", "word"),
        ("CST-003", "en", "Thе stay will probably cost {SUM1}", "characters"),
        ("CST-003", "en", "The stay will prob\u200bably cost {SUM1}", "characters"),
        ("CST-003", "en", "The stay will **probably** cost {SUM1}", "markup"),
        ("CST-003", "en", "预计总费用", "language"),
    ],
)  # fmt: skip
def test_what_is_not_in_the_facts_is_refused(
    rule_id: str, lang: str, summary: str, why: str
) -> None:
    assert f"{why}:summary" in faults(of(rule_id, lang), summary=summary)


def test_the_order_that_stops_and_the_one_that_goes_on_cannot_change_places() -> None:
    facts = facts_of(cards.plan_suggestion(), "zh", cards.names())
    name = "注射用头孢曲松钠1g"
    assert not faults(
        facts, summary=f"如为换药或重复：停用较早的医嘱{{ID1}}（{name}），本医嘱继续。"
    )
    for wrong in (
        f"如为换药或重复：停用本医嘱，较早的医嘱{{ID1}}（{name}）继续。",
        f"停用较早的医嘱{{ID1}}（{name}），本医嘱继续。",
        f"如为换药或重复：较早的医嘱{{ID1}}（{name}）继续。",
        f"如为换药或重复：停用较早的医嘱{{ID1}}（{name}），停用本医嘱。",
    ):
        assert "polarity:summary" in faults(facts, summary=wrong), wrong


def test_sentences_that_must_be_said_are_said_alone_in_order_and_unhedged() -> None:
    facts = of("ORD-002", "zh")
    first, second = facts.must_say
    for action in (
        "",
        first,
        second + first,
        f"无需{first}{second}",
        f"有时，{first}{second}",
        f"{first}{second}{second}",
    ):
        assert faults(facts, action=action) & {"condition:action", "form:action"}, action
    assert not faults(facts, action=f"请核对：{first}{second}")


def test_a_part_of_a_combination_is_another_drug() -> None:
    told = cards.stream_suggestion("ORD-002")
    text = str(told).replace("注射用美罗培南0.5g", "注射用哌拉西林他唑巴坦钠4.5g")
    facts = facts_of(eval(text), "zh", cards.names())  # noqa: S307
    assert not faults(facts, summary="哌拉西林他唑巴坦已开立18天，限支付疗程14天")
    assert "word:summary" in faults(facts, summary="哌拉西林已开立18天，限支付疗程14天")


def test_a_drug_may_be_named_in_the_tariffs_other_language() -> None:
    facts = of("ORD-008", "en")
    assert not faults(facts, summary="Meropenem does not fit the sex of the patient")
    assert faults(facts, summary="Ertapenem does not fit the sex of the patient")
