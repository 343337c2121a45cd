"""Cards as CDS Hooks has them: in one language, with the client's own resources in their actions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from domain import cds
from domain.cards import OVERRIDE_REASONS
from domain.service import HookCall
from streaming.cds.actions import Sent, Write, actions_of
from streaming.cds.cards import Proposed

Json = dict[str, Any]

_LABEL: Final = {"zh": "DRG Sentinel 医保合规", "en": "DRG Sentinel, insurance rules"}
_LINK: Final = {"zh": "查看本次住院的方案", "en": "Open the plan of this stay"}


def render(proposed: Proposed, call: HookCall, sent: Mapping[str, Sent], write: Write) -> Json:
    """A card that is to be shown.

    No suggestion is marked as recommended: which care is right is the physician's to say, and money is
    never the reason to click.
    """
    lang, card = call.language, proposed.card
    place = 0 if lang == "zh" else 1
    made: Json = {
        "uuid": card.card_id,
        "summary": card.summary[lang],
        "detail": card.detail[lang],
        "indicator": card.indicator,
        "source": {
            "label": _LABEL[lang],
            "url": f"{call.address}/",
            "topic": {
                "system": cds.TOPIC_SYSTEM,
                "code": proposed.topic,
                "display": cds.TOPICS[proposed.topic][place],
            },
        },
        "overrideReasons": [
            {"system": cds.REASON_SYSTEM, "code": code, "display": words[place]}
            for code, words in OVERRIDE_REASONS.items()
        ],
        "links": [
            {
                "label": _LINK[lang],
                "url": f"{call.address}/ward/{quote(card.stay_id, safe='')}",
                "type": "absolute",
            }
        ],
    }
    suggestions = []
    for one in card.suggestions:
        actions = actions_of(proposed.ways[one.suggestion_id], sent, write, lang, call.at)
        suggestion: Json = {
            "label": one.label[lang],
            "uuid": one.suggestion_id,
            "isRecommended": False,
        }
        suggestions.append(suggestion | ({} if actions is None else {"actions": actions}))
    if suggestions:
        made |= {"suggestions": suggestions, "selectionBehavior": "at-most-one"}
    return made
