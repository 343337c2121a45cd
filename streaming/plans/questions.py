"""What a plan asks: from the record, about special cases, before discharge; never for a code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from domain.results import identifier
from streaming.plans import discharge, texts
from streaming.plans.pricing import Priced, review_grounds
from streaming.plans.variants import PLANNED

Json = dict[str, Any]

_MOST_NAMED: Final = 5
_LIKELY: Final = 0.5
"""From this probability on the high-outlier line is worth preparing for: as likely as not."""


def ask(claim: Json, findings: Sequence[Json], priced: Priced) -> list[Json]:
    """All questions of a plan, those of its findings first."""
    asked = [*_of_findings(claim, findings), *_special(claim, findings, priced)]
    return [*asked, *_readiness(claim)]


def _of_findings(claim: Json, findings: Sequence[Json]) -> Iterator[Json]:
    for found in findings:
        rule, subject = found["rule_id"], found["subject_id"]
        both = {k: v.rstrip("。.") for k, v in found["finding"].items()}
        if rule in texts.ASK_EVIDENCE:
            order = subject.removeprefix(PLANNED)
            text = texts.fill(
                texts.ASK_EVIDENCE[rule],
                {"order": order, "finding": both["zh"]},
                {"order": order, "finding": both["en"]},
            )
            yield _question(
                claim, "evidence", text, rule_id=rule, subject_id=order, basis=found["basis"]
            )
        elif rule in discharge.DOCUMENTS or rule in discharge.SUPPORT:
            shape = texts.ASK_SUPPORT if rule in discharge.SUPPORT else texts.ASK_RECORD
            text = texts.fill(shape, {"finding": both["zh"]}, {"finding": both["en"]})
            yield _question(
                claim, "documentation", text, rule_id=rule, subject_id=subject, basis=found["basis"]
            )


def _special(claim: Json, findings: Sequence[Json], priced: Priced) -> Iterator[Json]:
    grounds = review_grounds(priced)
    chance = (priced.outlook or {}).get("probability_over_high_line")
    if chance is not None and chance >= _LIKELY:
        percent = round(100 * chance)
        grounds.append((
            texts.HIGH_OUTLIER[0].format(percent=percent),
            texts.HIGH_OUTLIER[1].format(percent=percent),
        ))  # fmt: skip
    rule = next(
        (f for name in ("CST-029", "CST-005") for f in findings if f["rule_id"] == name), None
    )
    if not grounds and rule is None:
        return
    if not grounds and rule is not None:
        grounds = [(rule["finding"]["zh"].rstrip("。"), rule["finding"]["en"].rstrip("."))]
    text = texts.fill(
        texts.SPECIAL_CASE,
        {"grounds": "、".join(zh for zh, _ in grounds)},
        {"grounds": "; ".join(en for _, en in grounds)},
    )
    yield _question(
        claim,
        "special_case",
        text,
        rule_id=None if rule is None else rule["rule_id"],
        basis=[] if rule is None else rule["basis"],
    )  # fmt: skip


def _readiness(claim: Json) -> Iterator[Json]:
    charged = {line.get("order_id") for line in claim["charges"]}
    running = [o for o in claim["orders"] if o["status"] in ("active", "on-hold")]
    standing = [o for o in running if o.get("long_term")]
    pending = [
        o
        for o in running
        if o["order_type"] in ("lab", "exam")
        and not o.get("long_term")
        and o.get("executed_time") is None
        and o["order_id"] not in charged
    ]
    drafts = [o for o in claim["orders"] if o["status"] == "draft"]
    for name, orders, shape in (
        ("open_orders", standing, texts.OPEN_ORDERS),
        ("pending", pending, texts.PENDING),
        ("drafts", drafts, texts.DRAFTS),
    ):
        if orders:
            named = [o.get("item_name") or o["item_code"] for o in orders[:_MOST_NAMED]]
            more = len(orders) > _MOST_NAMED
            text = texts.fill(
                shape,
                {"count": len(orders), "names": "、".join(named) + ("等" if more else "")},
                {"count": len(orders), "names": ", ".join(named) + (", ..." if more else "")},
            )
            yield _question(claim, "discharge", text, name=name)
    yield _question(claim, "discharge", texts.fill(texts.FOLLOW_UP, {}, {}), name="follow_up")
    yield _question(claim, "discharge", texts.fill(texts.DECIDE, {}, {}), name="decide")


def _question(
    claim: Json,
    kind: str,
    text: Mapping[str, str],
    *,
    rule_id: str | None = None,
    subject_id: str | None = None,
    basis: Sequence[Json] = (),
    name: str = "",
) -> Json:
    # Numbers in the text move with every event; the question stays the same one.
    identity = (kind, rule_id or name, subject_id or "")
    return {
        "question_id": identifier("plan-question", claim["stay_id"], *identity),
        "kind": kind,
        "rule_id": rule_id,
        "subject_id": subject_id,
        "text": dict(text),
        "basis": list(basis),
    }
