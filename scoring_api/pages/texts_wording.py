"""The words of the pages of a language model's words, in Chinese and English; ``texts`` takes them in."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "wording": ("文字抽检", "Wording"),
    "wording_note": (
        "语言模型只改写系统给出的事实，经校验后才显示；花括号是编号、日期、金额等占位符，不含患者信息。请对抽样作出判断。",
        "A language model only rewords the facts that it is given, and is shown once verified. Braces stand for identifiers, dates "
        "and amounts; nothing of a patient is here. Please judge the samples.",
    ),
    "wording_none": ("没有待判断的抽样。服务启用语言模型（sentinel serve --wording）并改写提示后，抽样会出现在这里。", "No sample waits to be judged. They come here once a language model words cards (sentinel serve --wording)."),
    "wording_none_judged": ("还没有已判断的抽样。请在“待判断”中判断。", "No sample has been judged yet. Judge some under “To judge”."),
    "wording_state.open": ("待判断", "To judge"),
    "wording_state.judged": ("已判断", "Judged"),
    "wording_model": ("模型", "Model"),
    "wording_models": ("文字模型", "Models of wording"),
    "wording_models_note": (
        "错误比例超过上限的模型会自动停用，由管理员重新启用；停用期间使用模板文字。",
        "A model with too many wrong samples is switched off until an administrator switches it on; meanwhile the templates' words are shown.",
    ),
    "wording_models_none": ("尚未使用语言模型，全部使用模板文字。", "No language model has been used; the templates' words are shown."),
    "wording_model_on": ("启用", "On"),
    "wording_model_off": ("停用", "Off"),
    "wording_switch_on": ("重新启用", "Switch on"),
    "wording_switch_off": ("停用", "Switch off"),
    "wording_facts": ("事实", "Facts"),
    "wording_answer": ("模型文字", "The model's words"),
    "wording_part": ("部分", "Part"),
    "wording_part.summary": ("摘要", "Summary"),
    "wording_part.detail": ("说明", "Detail"),
    "wording_part.action": ("建议", "Action"),
    "wording_verdict": ("校验", "Verifier"),
    "wording_verdict.taken": ("通过", "Taken"),
    "wording_verdict.refused": ("拒绝", "Refused"),
    "wording_verdict.failed": ("无回答", "No answer"),
    "wording_refused_because": ("拒绝原因：", "Refused for: "),
    "wording_judgement": ("判断", "Judgement"),
    "wording_judgement.good": ("清楚准确", "Good"),
    "wording_judgement.unclear": ("不够清楚", "Unclear"),
    "wording_judgement.wrong": ("有错误", "Wrong"),
    "wording_wrong_share": ("错误比例", "Share wrong"),
    "wording_reason": ("理由（非“清楚准确”时必填）", "Reason (needed unless it is good)"),
    "wording_switch_reason": ("理由", "Reason"),
    "wording_save": ("保存判断", "Save"),
    "wording_problem": ("未保存：", "Not saved: "),
    "wording_limit": ("已判断 {least} 条起，错误超过 {share} 即停用。", "From {least} judged samples on, more than {share} wrong switches a model off."),
}  # fmt: skip
"""Key -> Chinese and English."""
