from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from domain.service import Worded
from explain.wording import reword
from tests.plan_samples import PLAN


class Says:
    """Words of a model for whatever is asked in one language; the template's in the other."""

    def of(self, told: Mapping[str, Any], lang: str, /) -> Worded:
        if lang == "en":
            return Worded("s", "d", "a")
        return Worded("短", "模型说发现", "模型说做法", source="model", wording_id="w1")


def test_a_models_words_stand_in_their_language_and_place_alone() -> None:
    before = copy.deepcopy(PLAN)
    plan = reword(PLAN, Says(), "zh")
    assert before == PLAN, "the plan that was given stays as it is"
    assert plan["findings"], "nothing was tried"
    assert plan["suggestions"], "nothing was tried"
    for new, old in zip(plan["findings"], PLAN["findings"], strict=True):
        assert new["finding"] == {"zh": "模型说发现", "en": old["finding"]["en"]}
        assert new["action"] == {"zh": "模型说做法", "en": old["action"]["en"]}
        assert {k: v for k, v in new.items() if k not in ("finding", "action")} == {
            k: v for k, v in old.items() if k not in ("finding", "action")
        }
    for name in ("suggestions", "questions"):
        for new, old in zip(plan[name], PLAN[name], strict=True):
            assert new == old | {"text": {"zh": "模型说做法", "en": old["text"]["en"]}}
    assert {k: v for k, v in plan.items() if k not in ("findings", "suggestions", "questions")} == {
        k: v for k, v in PLAN.items() if k not in ("findings", "suggestions", "questions")
    }


def test_the_templates_words_and_no_words_change_nothing() -> None:
    assert reword(PLAN, Says(), "en") == PLAN
    assert reword(PLAN, None, "zh") == PLAN
