"""The words of the page of advice to physicians, in Chinese and English; ``texts`` takes them in."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "advice": ("提示反馈", "Advice"),
    "advice_note": (
        "医师看到了多少提示、如何答复。本页不列出任何医师；有提示的医师不足三人的科室合并显示。",
        "How many cards physicians were shown, and how they answered. No physician is named; departments of fewer than "
        "three physicians with a card stand together.",
    ),
    "advice_week": ("{week}（{first} 至 {last}）", "{week} ({first} to {last})"),
    "advice_earlier": ("上一周", "Week before"),
    "advice_later": ("下一周", "Week after"),
    "advice_file": ("导出 CSV", "Take away as CSV"),
    "advice_none": ("这一周没有提示。", "No card was proposed in this week."),
    "advice_none_cure": (
        "提示来自在院患者的医嘱检查；请换一周，或确认医嘱已接入。",
        "Cards come from checks of patients in hospital: choose another week, or see that orders come in.",
    ),
    "advice_shown": ("已提示", "Shown"),
    "advice_answered": ("已答复", "Answered"),
    "advice_accepted": ("采纳", "Accepted"),
    "advice_overridden": ("不采纳", "Overridden"),
    "advice_later_answer": ("稍后再看", "Later"),
    "advice_share": ("不采纳占比（95%区间）", "Share overridden (95 % interval)"),
    "advice_reasons": ("不采纳理由", "Why overridden"),
    "advice_unsaid": ("未说明", "not given"),
    "advice_held": ("未提示", "Not shown"),
    "advice_per_day": ("每位医师每日提示", "Cards a physician and day"),
    "advice_stays": ("有提示的住院", "Stays with a card"),
    "advice_by_check": ("按检查", "By check"),
    "advice_by_place": ("按机构与科室", "By hospital and department"),
    "advice_together": ("{n} 个科室合并", "{n} department{s} together"),
    "advice_whole": ("全院", "whole hospital"),
    "advice_physicians": ("有提示的医师", "Physicians with a card"),
    "advice_band": ("日均提示 {least}–{most} 条", "{least} to {most} cards a day"),
    "advice_band_more": ("日均提示 {least} 条以上", "{least} cards a day or more"),
    "advice_candidates": ("建议静默的检查", "Checks that might be quiet"),
    "advice_candidates_note": (
        "近四周至少答复 30 次，且不采纳占比的 95% 区间下限高于 70%。先看理由：若多为“不适用”“数据有误”，应先修正检查。",
        "At least 30 answers in four weeks, and more than 70 % overridden even at the lower end of the 95 % interval. Look at the "
        "reasons first: if most say that it does not apply or the data are wrong, correct the check.",
    ),
    "advice_candidates_none": ("没有这样的检查。", "There is none."),
    "advice_waits": ("已有提议", "proposed"),
    "advice_quiet": ("对医师静默的检查", "Checks quiet for physicians"),
    "advice_quiet_note": (
        "静默只停止向医师提示；检查照常判定，结果照常进入合规告警。提议由另一人确认，可随时收回。",
        "Quiet stops the cards alone: the check judges as before, and the compliance office gets its alerts. Another person "
        "confirms a proposal, and it can be taken back at any time.",
    ),
    "advice_quiet_none": ("没有静默的检查。", "No check is quiet."),
    "advice_status.open": ("待确认", "open"),
    "advice_status.confirmed": ("静默", "quiet"),
    "advice_status.refused": ("未通过", "refused"),
    "advice_status.withdrawn": ("已撤回", "withdrawn"),
    "advice_status.ended": ("已收回", "taken back"),
    "advice_everywhere": ("所有机构", "everywhere"),
    "advice_where": ("范围", "Where"),
    "advice_since": ("自", "From"),
    "advice_why": ("理由", "Why"),
    "advice_by": ("提议人", "Proposed by"),
    "advice_auto": (
        "{since} 至 {until}：已答复 {answered} 次，不采纳 {overridden} 次（95% 区间 {low}%–{high}%）。",
        "{since} to {until}: {overridden} of {answered} answers overridden (95 % interval {low} to {high} %).",
    ),
    "advice_auto_by": ("周报自动提出", "the weekly report"),
    "advice_reason": ("理由", "Reason"),
    "advice_from_day": ("静默起始日", "First quiet day"),
    "advice_confirm": ("确认静默", "Make it quiet"),
    "advice_refuse": ("不同意", "Refuse"),
    "advice_withdraw": ("撤回", "Withdraw"),
    "advice_end": ("收回静默", "Take it back"),
    "advice_own": ("本人的提议须由另一人确认。", "Another person has to confirm your own proposal."),
    "advice_decide": ("处理：{name}", "Decide: {name}"),
    "advice_propose": ("提议静默一项检查", "Propose a check to be quiet"),
    "advice_propose_send": ("提交提议", "Propose"),
    "advice_hospital": ("仅限机构（留空为所有机构）", "Only this hospital (empty: everywhere)"),
    "advice_hospital_own": ("机构", "Hospital"),
    "refused.quiet-known": (
        "该检查已静默，或已有待确认的提议。",
        "The check waits there already, or is quiet.",
    ),
    "refused.quiet-known.cure": ("请处理已有的提议。", "Decide on the proposal that is there."),
    "refused.quiet-decided": ("该提议已有结果。", "The proposal was decided already."),
    "refused.quiet-decided.cure": ("如需更改，请重新提议。", "Propose anew if it should be otherwise."),
    "refused.quiet-past-day": ("起始日早于今天。", "Its first day is before today."),
    "refused.quiet-past-day.cure": ("请选择今天或之后的日期。", "Choose a day from today on."),
    "refused.not-quiet": ("只能收回已确认的静默。", "Only a check that was confirmed can be taken back."),
    "refused.not-quiet.cure": ("待确认的提议请选择不同意。", "Refuse a proposal instead."),
    "refused.limited-view": (
        "静默涉及整家机构，而您的账户只能查看一部分。",
        "This concerns whole hospitals, and the account sees a part only.",
    ),
    "refused.limited-view.cure": (
        "请填写您的机构编号，或由不受限制的同事办理。",
        "Name one of your hospitals, or ask somebody whose account is not limited.",
    ),
}  # fmt: skip
"""Key -> Chinese and English."""
