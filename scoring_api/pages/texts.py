"""Every word of the pages in Chinese and English, under one key."""

from __future__ import annotations

from typing import Any, Final

from scoring_api.pages.texts_access import TEXTS as TEXTS_ACCESS
from scoring_api.pages.texts_advice import TEXTS as TEXTS_ADVICE
from scoring_api.pages.texts_cases import TEXTS as TEXTS_CASES
from scoring_api.pages.texts_checks import TEXTS as TEXTS_CHECKS
from scoring_api.pages.texts_cockpit import TEXTS as TEXTS_COCKPIT
from scoring_api.pages.texts_console import TEXTS as TEXTS_CONSOLE
from scoring_api.pages.texts_errors import ERRORS
from scoring_api.pages.texts_queue import TEXTS as TEXTS_QUEUE
from scoring_api.pages.texts_ward import TEXTS as TEXTS_WARD
from scoring_api.pages.texts_webhooks import TEXTS as TEXTS_WEBHOOKS
from scoring_api.pages.texts_wording import TEXTS as TEXTS_WORDING

LANGUAGES: Final = ("zh", "en")

_BOTH: Final[dict[str, tuple[str, str]]] = {
    "lang": ("zh-CN", "en"),
    "product": ("DRG 哨兵", "DRG Sentinel"),
    "tagline": ("医保结算风险告警", "Risk alerts for insurance claims"),
    "other_language": ("English", "中文"),
    "pages": ("页面", "Pages"),
    "skip": ("跳到正文", "Skip to the content"),
    "alerts": ("告警", "Alerts"),
    "alert": ("告警", "Alert"),
    "found": ("共 {n} 条", "{n} found"),
    "clue": (
        "命中是供人核查的线索，不是结论。",
        "A hit is a clue for a person to check, not a finding.",
    ),
    "cases": ("案件", "Cases"),
    "cockpit": ("院长驾驶舱", "Cockpit"),
    "models": ("模型", "Models"),
    "admin": ("管理", "Administration"),
    "audit": ("操作日志", "Audit log"),
    # findings on months and days
    "periods": ("机构与医师", "Hospitals and physicians"),
    "periods_note": (
        "只有把许多结算放在一起才看得出的问题：一家机构的一个月，或一位医师的一天。",
        "What only many claims together show: a hospital's month or a physician's day.",
    ),
    "periods_money": (
        "金额与单条告警重叠，不可相加。",
        "The money overlaps with that of the alerts; do not add the two.",
    ),
    "doctor": ("医师", "Physician"),
    "periods_none": (
        "还没有这类发现。一个月在最后一天之后才判定：请存入整月的结算单后再看，单条告警见告警列表。",
        "There is no such finding yet. A month is judged once its last day has passed: store the claims of a whole month, "
        "and see the list of alerts for single claims.",
    ),
    "periods_none_filtered": (
        "没有符合条件的发现。请放宽期间或检查项，或清除筛选；月份在最后一天之后才判定。",
        "No finding fits. Widen the period or the check, or clear the filter; a month is judged once its last day has passed.",
    ),
    "period": ("期间", "Period"),
    "period_from": ("期间起", "Period from"),
    "period_to": ("期间止", "Period to"),
    "claims_behind": ("结算单数", "Claims"),
    "upto": ("所用数据截至", "Claims used that ended before"),
    "whom": ("对象", "Whom"),
    "alerts_of_provider": ("该机构的告警", "Alerts of this hospital"),
    "alerts_of_physician": ("该医师的告警", "Alerts of this physician"),
    "unit.provider_month": ("机构的一个月", "a hospital's month"),
    "unit.physician_day": ("医师的一天", "a physician's day"),
    # rings and scores of single claims
    "rings": ("团伙", "Rings"),
    "rings_note": (
        "评分达到告警阈值、且由至多三十人共用的事物（电话、账户、账单、同日入出院等）相连的结算单；按涉险金额（评分×总额之和）排列。是线索，不是结论。",
        "Claims whose score alerts and which are tied by what at most thirty people share (a telephone, an account, a bill, "
        "days of stay); most money at risk (the sum of score × total) first. A lead, not a finding.",
    ),
    "rings_as_of": (
        "依据 {upto} 前完成的 {n} 份结算单，于 {at} 读取；模型 {model}，告警阈值 {threshold}。",
        "From {n} claims complete before {upto}, read at {at}; model {model}, alerting from {threshold} on.",
    ),
    "rings_none": (
        "没有发现团伙。评分达到告警阈值的结算单之间没有共用的电话、账户或账单；新的结算单每天读取一次，请明天再看。",
        "There is no ring: no claims whose score alerts share a telephone, an account or a bill. New claims are read once a "
        "day, so look again tomorrow.",
    ),
    "rings_wait": (
        "正在读取已存的结算单，请稍后再打开本页。",
        "The stored claims are being read; open this page again in a minute.",
    ),
    "rings_more": ("共 {n} 个，列出前 {shown} 个。", "{n} in all; the first {shown} are listed."),
    "ring_at_risk": ("涉险金额", "At risk"),
    "ring_people": ("患者", "Patients"),
    "ring_providers": ("机构", "Hospitals"),
    "ring_physicians": ("医师", "Physicians"),
    "ring_ties": ("共有", "What they share"),
    "ring_score": ("平均评分", "Mean score"),
    "ring_claims": ("{n} 份结算单", "{n} claim{s}"),
    "claim_score": ("结算单欺诈概率", "Fraud score of the claim"),
    "claim_score_note": (
        "与已查实欺诈的结算单及其关联的相似程度（校准后的概率），按目前已知的全部结算单计算；是线索，不是结论。",
        "How much the claim and its company resemble claims that were found fraudulent, as all others are known now: a calibrated "
        "probability, a lead, not a finding.",
    ),
    "claim_alerts": ("达到告警阈值 {threshold}", "at or above the alert threshold {threshold}"),
    "claim_quiet": ("低于告警阈值 {threshold}", "below the alert threshold {threshold}"),
    "connections": ("评分所依据的关联", "Connections that the score rests on"),
    "connections_note": (
        "逐一去除每种关联后重新评分；“下降”是评分因此降低的百分点。",
        "Each kind of connection was taken away and the claim scored again; the fall is by how many points the score drops.",
    ),
    "connections_none": ("没有一种关联单独提高评分。", "No connection alone raises the score."),
    "connection": ("共有", "Shared"),
    "connection_others": ("其他结算单", "Other claims"),
    "connection_fall": ("下降", "Fall"),
    "no_reasons": (
        "没有一项原因提高评分半个百分点以上。",
        "No reason raises the score by half a point or more.",
    ),
    # catalogue
    "rules": ("检查项", "Checks"),
    "rules_found": ("共 {n} 项", "{n} check{s}"),
    "rules_none": (
        "没有符合条件的检查项。请换一个类别或搜索词，或清除筛选。",
        "No check fits. Choose another family or other words, or clear the filter.",
    ),
    "rule_family": ("类别", "Family"),
    "rule_status": ("状态", "Status"),
    "rule_status.draft": ("草稿", "Draft"),
    "rule_status.shadow": ("试运行", "Shadow"),
    "rule_status.active": ("启用", "Active"),
    "rule_status.retired": ("停用", "Retired"),
    "rule_unit": ("判定对象", "Judges"),
    "rule_hits": ("命中", "Hits"),
    "rule_unknown": ("无法判定", "Unknown"),
    "rule_judged": ("已判定的结算", "Claims judged"),
    "rule_precision": ("复核准确率", "Precision by review"),
    "rule_no_reviews": ("尚无复核结论", "nothing concluded yet"),
    "rule_precision_of": (
        "{share}（95% 区间 {low}–{high} %）：{n} 条结论中 {confirmed} 条属实或部分属实",
        "{share} (95 % interval {low}–{high} %): {confirmed} of {n} concluded were confirmed, wholly or partly",
    ),
    # reviews
    "review_add": ("记录复核结论", "Record a conclusion"),
    "review_conclusion": ("结论", "Conclusion"),
    "review_choose": ("请选择", "Choose"),
    "review_recovered": ("追回金额", "Recovered"),
    "review_optional": ("可不填", "optional"),
    "reviewer": ("复核人", "Reviewer"),
    "review_note": ("说明", "Note"),
    "review_note_hint": ("请勿填写患者姓名或证件号", "no patient's name or number, please"),
    "review_save": ("保存结论", "Save"),
    "review_earlier": ("（已被后来的结论替代）", "(replaced by a later one)"),
    "rule_never": ("本库中的结算尚未用此项判定。", "No claim here was judged by it yet."),
    "rule_why": ("为什么检查", "Why"),
    "rule_record": ("运行记录", "Record"),
    "rule_record_shadow": ("试运行记录", "Record on trial"),
    "rule_shadow_note": (
        "试运行的判定单独保存，不产生告警，不计入任何决定。",
        "What a check says on trial is kept apart: it raises no alert and counts in no decision.",
    ),
    "rule_when": ("判定条件", "When it hits"),
    "rule_since": ("自 {day} 起", "From {day}"),
    "rule_until": ("自 {day} 起不再适用。", "No longer in force from {day}."),
    "rule_param": ("参数", "Parameter"),
    "rule_region": ("地区", "Region"),
    "rule_everywhere": ("默认", "default"),
    "rule_from": ("起始日期", "From"),
    "rule_value": ("取值", "Value"),
    "rule_exposure": ("涉及金额", "Money at risk"),
    "rule_cause": ("原因归类", "Cause"),
    "rule_finding": ("发现的写法", "How a finding reads"),
    "rule_action": ("怎样处理", "What to do"),
    "rule_basis": ("依据", "Basis"),
    "rule_unverified": ("未核对原文", "text not checked"),
    "rule_false_positives": ("合理情形", "When a hit is right as it is"),
    # filter
    "filter": ("筛选", "Filter"),
    "min_severity": ("最低严重程度", "Severity at least"),
    "any": ("不限", "Any"),
    "rule": ("检查项", "Check"),
    "provider": ("医疗机构", "Hospital"),
    "provider_hint": ("机构编号", "Hospital code"),
    "min_amount": ("最低涉及金额", "At stake at least"),
    "amount_hint": ("例如 1,000", "such as 1,000"),
    "currency": ("币种", "Currency"),
    "CNY": ("人民币 ¥", "Yuan ¥"),
    "USD": ("美元 $", "US dollar $"),
    "sort": ("排序", "Order"),
    "sort.priority": ("优先级", "Priority"),
    "sort.exposure": ("涉及金额", "Money at stake"),
    "sort.score": ("机构欺诈概率", "Hospital fraud score"),
    "sort.admission_date": ("入院日期（新→旧）", "Admission, latest first"),
    "sort.newest": ("最新产生", "Newest"),
    "sort.oldest": ("最早产生", "Oldest"),
    "text": ("搜索", "Search"),
    "text_hint": ("标题、结算ID、机构", "Title, claim, hospital"),
    "apply": ("应用", "Apply"),
    "clear": ("清除", "Clear"),
    "next": ("下一页", "Next page"),
    "first": ("回到第一页", "Back to the first page"),
    "none_filtered": (
        "没有符合筛选条件的告警。请放宽条件，或清除筛选。",
        "No alert fits the filter. Widen it, or clear it.",
    ),
    "none_at_all": (
        "还没有告警。请用 sentinel assess --db 评估一个结算文件，或向 POST /v1/claims:assess 发送结算清单。",
        "There are no alerts yet. Assess a file with sentinel assess --db, or send claims to POST /v1/claims:assess.",
    ),
    "bad_filter": (
        "无法识别的筛选条件：{fields}。请改正后再应用。",
        "This cannot be read: {fields}. Correct it and apply again.",
    ),
    # columns
    "severity": ("严重程度", "Severity"),
    "severity.info": ("提示", "Info"),
    "severity.low": ("低", "Low"),
    "severity.medium": ("中", "Medium"),
    "severity.high": ("高", "High"),
    "severity.critical": ("严重", "Critical"),
    "finding": ("发现", "Finding"),
    "at_stake": ("涉及金额", "At stake"),
    "score": ("机构欺诈概率", "Hospital fraud score"),
    "department": ("科室", "Department"),
    "admission": ("入院", "Admitted"),
    "discharge": ("出院", "Discharged"),
    "stay": ("结算ID", "Claim"),
    "priority": ("优先级", "Priority"),
    # one alert
    "superseded": (
        "该结算单此后已重新判定，以下为先前的判定。",
        "This claim was judged again since; below is an earlier decision.",
    ),
    "finding_closed": (
        "该发现已于{day}关闭：相关结算更正、撤销或补传后重新判定，未再发现；以下为关闭前的内容。",
        "Closed on {day}: its claims were corrected, withdrawn or joined by late ones, and judged again it was not found. Below is what it said.",
    ),
    "withdrawn": (
        "该结算已于{day}撤销（{reason}），不再计入；以下为撤销前的判定。",
        "This claim was withdrawn on {day} ({reason}) and counts no longer; below is its decision.",
    ),
    "superseded_open": ("查看最新判定", "Open the last one"),
    "superseded_clean": ("最新判定未产生告警。", "The last one raised no alert."),
    "back": ("全部告警", "All alerts"),
    "patient": ("患者（假名）", "Patient (pseudonym)"),
    "physician": ("主诊医师", "Attending physician"),
    "status": ("状态", "Status"),
    "status.new": ("新", "New"),
    "status.in_review": ("复核中", "In review"),
    "status.reviewed": ("已复核", "Reviewed"),
    "money": ("涉及金额", "Money at stake"),
    "money_note": (
        "同一原因只计一次；金额未知的命中不计入。",
        "One cause counts once; hits of unknown amount are not counted.",
    ),
    "total_amount": ("医疗费总额", "Total charges"),
    "fund_payment": ("基金支付", "Paid by the fund"),
    "findings": ("发现与依据", "Findings and why"),
    "no_hits": (
        "没有检查项命中；本告警仅由评分引起。",
        "No check hit; the score alone raised this alert.",
    ),
    "more_hits": ("另有 {n} 处同类命中", "{n} more hit{s} of this check"),
    "subject": ("对象", "Subject"),
    "unit.stay": ("结算单", "claim"),
    "unit.diagnosis": ("诊断", "diagnosis"),
    "unit.procedure": ("手术", "procedure"),
    "unit.charge": ("费用行", "charge line"),
    "unit.order": ("医嘱", "order"),
    "per": ("/{unit}", " per {unit}"),
    "one.claim": ("单", "claim"),
    "one.month": ("月", "month"),
    "one.day": ("天", "day"),
    "one.patient": ("人", "patient"),
    "one.physician": ("医师", "physician"),
    "unit.minute": ("分钟", "minutes"),
    "unit.nat": ("奈特", "nat"),
    "unit.drug": ("种药品", "drugs"),
    "unit.field": ("个字段", "fields"),
    "unit.level": ("级", "levels"),
    "unit.claim": ("单", "claims"),
    "unit.month": ("月", "month"),
    "unit.day": ("天", "days"),
    "unit.year": ("岁", "years"),
    "unit.patient": ("人", "patients"),
    "unit.physician": ("医师", "physicians"),
    "unit.provider": ("机构", "hospitals"),
    "unit.code": ("个编码", "codes"),
    "unit.line": ("行", "lines"),
    "unit.hit": ("次命中", "hits"),
    "unit.hour": ("小时", "hours"),
    "unit.yuan": ("元", "yuan"),
    "unit.fen": ("分", "fen"),
    "unit.count": ("次", "times"),
    "unit.anaesthetic": ("次麻醉", "anaesthetics"),
    "unit.day above the mean": ("天（高于均值）", "days above the mean"),
    "unit.day of stay": ("住院日", "day of stay"),
    "unit.death": ("例死亡", "deaths"),
    "unit.disease category": ("个病种", "disease categories"),
    "unit.fen above the mean of the group": ("（高于病组均值）", "above the mean of the group"),
    "unit.fen in 365 days": ("（365天内）", "in 365 days"),
    "unit.gram": ("克", "grams"),
    "unit.hospital": ("家医院", "hospitals"),
    "unit.hour of the day": ("时", "hour of the day"),
    "unit.index": ("（指数）", "(index)"),
    "unit.midnight": ("个零点", "midnights"),
    "unit.month of the year": ("月", "month of the year"),
    "unit.newborn": ("例新生儿", "newborns"),
    "unit.of the peers median": ("（与同类中位数之比）", "of the median of peers"),
    "unit.ratio": ("（比值）", "(ratio)"),
    "unit.region": ("个部位", "regions"),
    "unit.session": ("次", "sessions"),
    "unit.standard deviation": ("个标准差", "standard deviations"),
    "unit.study": ("次检查", "studies"),
    "unit.test": ("项检验", "tests"),
    "unit.times": ("倍", "times"),
    "unit.times the 95th percentile of the group": (
        "倍（病组第95百分位）",
        "times the 95th percentile of the group",
    ),
    "unit.times the bed days": ("倍（床日）", "times the bed days"),
    "unit.times the beds": ("倍（床位）", "times the beds"),
    "unit.times the birth weight": ("倍（出生体重）", "times the birth weight"),
    "unit.times the colleagues": ("倍（同事）", "times the colleagues"),
    "unit.times the expected number": ("倍（预期数）", "times the expected number"),
    "unit.times the maximum": ("倍（最大量）", "times the maximum"),
    "unit.times the mean stay of the group": (
        "倍（病组平均住院日）",
        "times the mean stay of the group",
    ),
    "unit.times the middle day": ("倍（中位日）", "times the middle day"),
    "unit.times the peers": ("倍（同类）", "times the peers"),
    "unit.times the standard": ("倍（支付标准）", "times the standard"),
    "unit.times the usual cost to date": ("倍（同期常见费用）", "times the usual cost to date"),
    "unit.times the usual days of the group": (
        "倍（病组常见天数）",
        "times the usual days of the group",
    ),
    "unit.times the usual wait of the group": (
        "倍（病组常见等待）",
        "times the usual wait of the group",
    ),
    "unit.visit": ("次就诊", "visits"),
    "unit.weight": ("权重", "weight"),
    "facts": ("读取的事实", "Facts read"),
    "thresholds": ("阈值", "Thresholds"),
    "threshold": ("阈值", "Threshold"),
    "fact": ("事实", "Fact"),
    "value": ("数值", "Value"),
    "missing": ("缺失", "missing"),
    "yes": ("是", "yes"),
    "no": ("否", "no"),
    "comma": ("、", ", "),
    "action": ("医师与编码员可以做什么", "What physician and coder can do"),
    "why": ("为什么检查", "Why this is checked"),
    "basis": ("依据", "Basis"),
    "unverified": ("未核对原文", "not checked against the text"),
    "false_positives": ("可能的误报", "Known false positives"),
    "rule_digest": ("规则摘要", "Digest of the rule"),
    "rule_changed": (
        "该规则在判定之后已更改：发现、阈值和事实是当时的，说明文字是现在的。",
        "The check has changed since: finding, thresholds and facts are those of then, the explanation is that of now.",
    ),
    "score_title": ("机构欺诈概率", "Fraud score of the hospital"),
    "score_of": (
        "{provider} 截至 {upto} 的校准概率",
        "Calibrated probability of {provider}, claims before {upto}",
    ),
    "no_score": ("没有评分：{why}", "There is no score: {why}"),
    "reasons": ("主要原因", "Main reasons"),
    "reasons_note": (
        "一个原因合计同类特征的贡献，因此可能不同于下图中同名的单个特征。",
        "A reason adds up the features that tell the same, so it may differ from the one feature of its name below.",
    ),
    "reason": ("原因", "Reason"),
    "peer_median": ("同类中位数", "Peer median"),
    "peer_percentile": ("同类百分位", "Peer percentile"),
    "contribution": ("贡献（百分点）", "Contribution (points)"),
    "waterfall": ("评分如何构成", "How the score is made up"),
    "waterfall_note": (
        "从基准值起，每个特征的贡献依次相加，得到评分。显示值已四舍五入，完整数值见接口。",
        "Starting from the base value, each feature's contribution adds up to the score. Figures are rounded; the API holds them in full.",
    ),
    "feature": ("特征", "Feature"),
    "base": ("基准值", "Base value"),
    "others": ("其他 {n} 个特征", "{n} other features"),
    "running": ("累计", "Sum"),
    "checks": ("全部检查项的判定", "Every check's verdict"),
    "verdict": ("判定", "Verdict"),
    "verdict.hit": ("命中", "Hit"),
    "verdict.pass": ("通过", "Pass"),
    "verdict.unknown": ("无法判定", "Unknown"),
    "verdict.out_of_force": ("不适用", "Out of force"),
    "verdict_note": (
        "“无法判定”表示缺少所需数据，不等于通过。“不适用”表示服务日期不在规则有效期内。",
        "Unknown means that data it needs is missing, which is not a pass. Out of force means that the check did not apply on the date of service.",
    ),
    "record": ("判定记录", "Record of the decision"),
    "decided_at": ("判定时间", "Decided at"),
    "decision": ("决定ID", "Decision"),
    "input_digest": ("输入摘要", "Digest of the claim"),
    "rules_digest": ("规则集摘要", "Digest of the rule set"),
    "pack_digest": ("支付标准包摘要", "Digest of the payment pack"),
    "model_digest": ("模型摘要", "Digest of the model"),
    # errors
    "error": ("出错了", "Something went wrong"),
    "error_404": ("没有找到", "Not found"),
    "error_id": ("错误编号", "Error id"),
    "to_start": ("回到告警列表", "Back to the list of alerts"),
}

for _of in (
    TEXTS_CONSOLE, TEXTS_QUEUE, TEXTS_WEBHOOKS, TEXTS_CASES, TEXTS_COCKPIT, TEXTS_CHECKS, TEXTS_ACCESS,
    TEXTS_WARD,
    TEXTS_ADVICE,
    TEXTS_WORDING,
):  # fmt: skip
    if twice := _BOTH.keys() & _of.keys():
        raise AssertionError(f"written twice: {sorted(twice)}")
    _BOTH.update(_of)

_ABSENT: Final[dict[str, str]] = {
    "no model was loaded": "未加载模型",
    "the model has not seen this provider: refresh it with its claims": (
        "模型没有该机构的数据：请用它的结算单更新评分"
    ),
}


def tell_error(lang: str, name: str, detail: str, cure: str) -> tuple[str, str]:
    """What happened and what to do, in the language; English where there is no Chinese text."""
    return ERRORS.get(name, (detail, cure)) if lang == "zh" else (detail, cure)


def tell_absence(lang: str, why: str | None) -> str:
    """Why there is no score, in the language as far as it is known."""
    return (_ABSENT.get(why or "") if lang == "zh" else None) or why or "—"


class _Counted(str):
    """A text with ``{s}`` where a plural of ``n`` things has an s."""

    __slots__ = ()

    def format(self, *args: Any, **given: Any) -> str:
        return super().format(*args, s="" if str(given.get("n")) == "1" else "s", **given)


TEXTS: Final[dict[str, dict[str, str]]] = {
    lang: {
        key: _Counted(pair[place]) if "{s}" in pair[place] else pair[place]
        for key, pair in _BOTH.items()
    }
    for place, lang in enumerate(LANGUAGES)
}
"""Language -> key -> text."""

FAMILIES: Final[dict[str, tuple[str, str]]] = {
    "SLQ": ("清单质量", "Settlement-list quality"),
    "DXC": ("诊断编码", "Diagnosis coding"),
    "PXC": ("手术编码", "Procedure coding"),
    "GRP": ("分组与高套", "Grouping and upcoding"),
    "CST": ("费用与支付标准", "Cost against the standard"),
    "LOS": ("住院时长", "Length of stay"),
    "ADM": ("入院与再入院", "Admission and readmission"),
    "CHG": ("费用明细", "Charge lines"),
    "ORD": ("医嘱、药品与耗材", "Orders, drugs and consumables"),
    "IDB": ("身份与行为", "Identity and behaviour"),
    "SHF": ("费用转移与转院", "Cost shifting and transfer"),
}
"""Family code -> name in Chinese and English."""
