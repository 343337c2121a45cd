"""Every word of the pages in Chinese and English, under one key."""

from __future__ import annotations

from typing import Final

LANGUAGES: Final = ("zh", "en")

_BOTH: Final[dict[str, tuple[str, str]]] = {
    "lang": ("zh-CN", "en"),
    "product": ("DRG 哨兵", "DRG Sentinel"),
    "tagline": ("医保结算风险告警", "Risk alerts for insurance claims"),
    "other_language": ("English", "中文"),
    "skip": ("跳到正文", "Skip to the content"),
    "alerts": ("告警", "Alerts"),
    "alert": ("告警", "Alert"),
    "found": ("共 {n} 条", "{n} found"),
    "clue": (
        "命中是供人核查的线索，不是结论。",
        "A hit is a clue for a person to check, not a finding.",
    ),
    # catalogue
    "rules": ("检查项", "Checks"),
    "rules_found": ("共 {n} 项", "{n} checks"),
    "rules_none": ("没有符合条件的检查项。", "No check fits."),
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
    "rule_no_reviews": ("尚无复核记录", "no reviews yet"),
    "rule_never": ("本库中的结算尚未用此项判定。", "No claim here was judged by it yet."),
    "rule_why": ("为什么检查", "Why"),
    "rule_record": ("运行记录", "Record"),
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
    "superseded_open": ("查看最新判定", "Open the last one"),
    "superseded_clean": ("最新判定未产生告警。", "The last one raised no alert."),
    "back": ("全部告警", "All alerts"),
    "patient": ("患者（假名）", "Patient (pseudonym)"),
    "physician": ("主诊医师", "Attending physician"),
    "status": ("状态", "Status"),
    "status.new": ("新", "New"),
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
    "more_hits": ("另有 {n} 处同类命中", "{n} more hits of this check"),
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

_ERRORS: Final[dict[str, tuple[str, str]]] = {
    "not-found": (
        "这里没有您要找的内容。",
        "请从告警列表重新打开；告警不会被删除，地址可能不完整。",
    ),
    "cursor": ("分页位置无法识别。", "请回到第一页重新翻页。"),
    "cursor-filter": ("筛选条件或排序已改变，原来的分页位置不再适用。", "请回到第一页重新翻页。"),
    "store": ("数据库暂时无法使用。", "请稍后再试；若仍然如此，请告知系统管理员。"),
    "store-busy": ("数据库正忙。", "请几秒钟后再试。"),
    "internal": ("服务出现未预料的故障。", "请再试一次；若仍然如此，请把错误编号告知系统管理员。"),
    "method-not-allowed": ("该地址不支持这种请求。", "请从告警列表重新打开。"),
}

_ABSENT: Final[dict[str, str]] = {
    "no model was loaded": "未加载模型",
    "the model has not seen this provider: refresh it with its claims": (
        "模型没有该机构的数据：请用它的结算单更新评分"
    ),
}


def tell_error(lang: str, name: str, detail: str, cure: str) -> tuple[str, str]:
    """What happened and what to do, in the language; English where there is no Chinese text."""
    return _ERRORS.get(name, (detail, cure)) if lang == "zh" else (detail, cure)


def tell_absence(lang: str, why: str | None) -> str:
    """Why there is no score, in the language as far as it is known."""
    return (_ABSENT.get(why or "") if lang == "zh" else None) or why or "—"


TEXTS: Final[dict[str, dict[str, str]]] = {
    lang: {key: pair[place] for key, pair in _BOTH.items()} for place, lang in enumerate(LANGUAGES)
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
