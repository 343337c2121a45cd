"""A plan with a language model's words where it has verified ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.service import Wording

Json = dict[str, Any]


def reword(plan: Mapping[str, Any], words: Wording | None, lang: str) -> Json:
    """The plan (``domain.plans``) with the texts of one language as ``words`` gives them.

    A finding's ``finding`` and ``action`` and the ``text`` of suggestions and questions change, and
    only where a model's words are there and verified; everything else, and the plan that was given,
    stays as it is. Without ``words`` nothing changes.
    """
    if words is None:
        return dict(plan)
    found = {name: [_one(told, words, lang) for told in plan[name]] for name in _LISTS}
    return {**plan, **found}


_LISTS = ("findings", "suggestions", "questions")


def _one(told: Json, words: Wording, lang: str) -> Json:
    said = words.of(told, lang)
    if said.source == "template":
        return told
    new = (
        {"finding": said.detail, "action": said.action}
        if "finding" in told
        else {"text": said.action}
    )
    return told | {name: told[name] | {lang: text} for name, text in new.items()}
