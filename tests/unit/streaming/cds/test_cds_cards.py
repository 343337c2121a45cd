"""What stands on a card: text that stays text, actions that keep what is the client's, the same answers as a plan's."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import jsonschema_rs
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from domain.plans import plan_schema
from streaming.cds import cards
from streaming.cds.actions import Sent, actions_of
from streaming.cds.cards import Moment
from streaming.cds.judging import Judge, Question
from streaming.cds.markdown import escape
from streaming.fhir import resource_of_order
from streaming.orders import judge_orders
from streaming.orders.state import OpenStay
from streaming.plans.desk import PlanDesk
from tests.cds_scene import ATORVASTATIN, priced
from tests.order_events import KEY, Json, admitted, events, line, message, order

NOW = datetime(2025, 3, 4, 4, tzinfo=UTC)
MOMENT = Moment("order-sign", "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea", "cds:x", "D9", NOW)
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_text_reads_in_markdown_as_it_is(text: str) -> None:
    tokens = MARKDOWN.parse(escape(text))
    plain = " ".join(
        "".join(
            " " if c.isspace() or ord(c) < 32 or 127 <= ord(c) < 160 else c for c in text
        ).split()
    )
    assert {t.type for t in tokens} <= {"paragraph_open", "inline", "paragraph_close"}
    inline = [t for t in tokens if t.type == "inline"]
    assert {c.type for t in inline for c in t.children or ()} <= {"text", "text_special"}
    assert "".join(c.content for t in inline for c in t.children or ()).strip() == plain


def test_what_looks_like_a_link_a_heading_or_a_mail_is_none() -> None:
    for text in (
        "# 标题",
        "- item",
        "1. one",
        "[a](http://b)",
        "<script>",
        "https://x.example",
        "www.x.example",
        "a@b.cn",
        "| a |",
        "~~x~~",
    ):
        assert "<a" not in MarkdownIt("gfm-like", {"linkify": False}).render(escape(text))
        assert escape(text) != text


def state(*messages: Json) -> OpenStay:
    outcome = judge_orders(events(*messages), {}, priced())
    (found,) = outcome.states.values()
    return replace(found, told={})


def double(of: str, **draft: Any) -> OpenStay:
    return state(
        admitted(of=of, codes=("I63.900",)),
        message("orders", 2, of=of, orders=[order("O1", ATORVASTATIN, "03T10:00")]),
        message("charges", 3, of=of, charges=[line("L1", 3_000, charge_date="2025-03-04", order_id="O1", category="09")]),
        message("orders", 4, of=of, orders=[order("O2", ATORVASTATIN, "04T13:00", status="draft", **draft)]),
    )  # fmt: skip


def test_a_batch_judges_each_stay_as_its_plan_does() -> None:
    """Findings and suggestions on the drafts are those of ``streaming.plans``, whoever else is in the batch."""
    stays = [double("S1"), double("S2", frequency="bid"), state(admitted(of="S3"))]
    judge = Judge(priced())
    desk = PlanDesk(priced(), None, KEY)  # type: ignore[arg-type]  (nothing is looked up)
    subjects = frozenset({"O2"})
    for made, stay in zip(judge([Question(s, subjects) for s in stays]), stays, strict=True):
        plan = desk.of_claim(stay.claim(), stay.judged_as_of)
        jsonschema_rs.Draft202012Validator(plan_schema()).validate(json.loads(json.dumps(plan)))
        ours = [f for f in made["findings"] if f["unit"] == "order"]
        assert ours == [
            f for f in plan["findings"] if f["unit"] == "order" and f["subject_id"] == "O2"
        ]
        wanted = {f["finding_id"] for f in ours}
        assert made["suggestions"] == [
            s for s in plan["suggestions"] if set(s["finding_ids"]) & wanted
        ]
        assert made["cost"] == plan["cost"]
        assert made["drivers"] == plan["drivers"]
    alone = judge([Question(stays[0], subjects)])
    assert alone == judge([Question(s, subjects) for s in stays])[:1], (
        "and what is kept changes nothing"
    )


def test_what_moves_is_not_news_and_what_changed_is() -> None:
    judge = Judge(priced())

    def card(stay: OpenStay) -> Any:
        (made,) = cards.of_orders(judge([Question(stay, frozenset({"O2"}))])[0], MOMENT, {"O2"})
        return made.card

    first = card(double("S1"))
    later = card(double("S1", start_time="2025-03-04T15:00:00+08:00"))
    assert (first.suggestion_key, first.digest) == (later.suggestion_key, later.digest)
    assert card(double("S2")).suggestion_key != first.suggestion_key
    assert len(first.summary["zh"]) < 140
    assert first.indicator in ("info", "warning")
    words = json.dumps([first.detail, first.summary], ensure_ascii=False)
    assert "诊断编码" not in words


def test_no_card_proposes_a_diagnosis_a_procedure_or_less_care() -> None:
    from rules.compiled import _CARE_WORDS

    plan = Judge(priced())([Question(double("S1"), None)])[0]
    made = [*cards.of_orders(plan, MOMENT, {"O1", "O2"})]
    for one in (cards.of_cost(plan, MOMENT), cards.of_patient(plan, MOMENT)):
        made += [one] if one else []
    assert made
    for proposed in made:
        said = json.dumps([proposed.card.summary, proposed.card.detail], ensure_ascii=False).lower()
        assert not [w for w in _CARE_WORDS if w in said]
        for way in proposed.ways.values():
            for action in way["actions"]:
                assert set(action) == {"type", "order_id", "order"}
                assert action["order"]["order_type"] in (
                    "drug",
                    "lab",
                    "exam",
                    "procedure",
                    "consumable",
                    "other",
                )


ROW: Json = {
    "order_id": "O1", "order_type": "drug", "item_code": ATORVASTATIN, "item_name": "阿托伐他汀", "route": "po",
    "dose": "20", "dose_unit": "mg", "frequency": "qd", "start_time": "2025-03-03T02:00:00Z", "status": "active",
}  # fmt: skip


def write(row: Any) -> Json:
    return resource_of_order(row, patient="Patient/1", encounter="Encounter/2")


def sent(*, draft: bool = False, row: Json = ROW) -> dict[str, Sent]:
    theirs = write(row) | {"id": "m1", "meta": {"versionId": "7"}, "note": [{"text": "护士核对"}]}
    theirs["extension"] = [
        *theirs.get("extension", ()),
        {"url": "https://ehr.example/x", "valueCode": "y"},
    ]
    return {"O1": Sent(theirs, draft=draft, row=row)}


def suggestion(kind: str, **order: Any) -> Json:
    both = {"zh": "停用", "en": "Stop"}
    return {
        "text": both,
        "condition": {"zh": "若", "en": "if so"},
        "actions": [{"type": kind, "order_id": "O1", "order": ROW | order}],
    }


def test_each_kind_of_action_is_made_in_the_clients_terms() -> None:
    def made(kind: str, told: dict[str, Sent], **order: Any) -> Json:
        (one,) = actions_of(suggestion(kind, **order), told, write, "en", NOW) or [{}]
        return one

    theirs = sent()["O1"].resource
    assert made("revoke", sent(draft=True)) == {"type": "delete", "description": "Stop if so", "resourceId": "MedicationRequest/m1"}  # fmt: skip
    assert made("revoke", sent())["resource"] == theirs | {"status": "cancelled"}
    assert made("stop", sent(), stop_time="2025-03-04T03:00:00Z")["resource"] == theirs | {
        "status": "stopped"
    }
    later = made("stop", sent(), stop_time="2025-03-05T03:00:00Z")["resource"]
    assert later["status"] == "active"
    assert (
        later["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"]["end"]
        == "2025-03-05T03:00:00Z"
    )
    assert {k: v for k, v in later.items() if k != "dosageInstruction"} == {k: v for k, v in theirs.items() if k != "dosageInstruction"}  # fmt: skip
    moved = made("change", sent(), start_time="2025-03-06T02:00:00Z")["resource"]
    assert moved["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"] == {
        "start": "2025-03-06T02:00:00Z"
    }
    assert moved["extension"] == theirs["extension"]
    new = made("create", {}, order_id="proposed", order_type="lab", item_code="S-0104001")
    assert (new["type"], new["resource"]["status"], new["resource"]["resourceType"]) == ("create", "draft", "ServiceRequest")  # fmt: skip
    assert "identifier" not in new["resource"]
    assert new["resource"]["subject"] == {"reference": "Patient/1"}
    # Of what the client did not send no whole resource can be sent back.
    assert actions_of(suggestion("stop"), {}, write, "en", NOW) is None


@given(
    st.dictionaries(st.sampled_from(["note", "priority", "reasonCode", "extension"]), st.lists(st.text(max_size=4), max_size=3), max_size=4),
    st.sampled_from(["2025-03-04T03:00:00Z", "2025-03-09T03:00:00Z"]),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_whatever_else_a_resource_holds_comes_back(more: Json, stop: str) -> None:
    told = sent()
    theirs = told["O1"].resource | more
    told["O1"] = replace(told["O1"], resource=theirs)
    (one,) = actions_of(suggestion("stop", stop_time=stop), told, write, "zh", NOW) or [{}]
    changed = one["resource"]
    for name in theirs.keys() - {"status", "dosageInstruction"}:
        assert changed[name] == theirs[name]


def test_every_topic_and_text_of_a_card_is_there_in_both_languages() -> None:
    plan = Judge(priced())([Question(double("S1"), None)])[0]
    over = plan | {"cost": plan["cost"] | {"running_fen": 900_000, "standard_fen": 600_000}}
    card = cards.of_cost(over, MOMENT)
    assert card is not None
    assert (card.card.severity, card.card.indicator) == ("medium", "warning")
    assert "9,000元" in card.card.summary["zh"]
    likely = plan | {
        "cost": plan["cost"]
        | {
            "running_fen": 100,
            "standard_fen": 600_000,
            "probability_over_standard": 0.5,
            "projected_fen": None,
        }
    }
    heading = cards.of_cost(likely, MOMENT)
    assert heading is not None
    assert heading.card.indicator == "info"
    assert heading.card.digest != card.card.digest
    calm = plan | {
        "cost": plan["cost"]
        | {"running_fen": 100, "standard_fen": 600_000, "probability_over_standard": 0.49}
    }
    assert cards.of_cost(calm, MOMENT) is None
    assert cards.of_cost(plan | {"cost": plan["cost"] | {"standard_fen": None}}, MOMENT) is None
