"""The words of the shell, of errors and of the guide, in Chinese and English; ``texts`` takes them in."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "shell.sign_out": ("退出登录", "Sign out"),
    "shell.sign_in": ("去登录", "Sign in"),
    "shell.guide": ("使用指南", "Guide"),
    "shell.again": ("重新打开本页", "Open the page again"),
    "shell.to_first": ("回到首页", "Back to the first page"),
    # headings of errors, by status
    "error.400": ("请求无法识别", "The request cannot be read"),
    "error.401": ("请先登录", "Please sign in"),
    "error.403": ("没有权限", "Not permitted"),
    "error.405": ("该地址不支持这种请求", "Not possible at this address"),
    "error.409": ("与现有内容冲突", "In conflict with what is there"),
    "error.412": ("内容已被他人更改", "Somebody changed it meanwhile"),
    "error.413": ("内容过大", "Too large"),
    "error.415": ("内容类型不受支持", "Not a kind that is taken"),
    "error.422": ("填写有误", "Something is filled in wrongly"),
    "error.428": ("缺少版本信息", "The version is missing"),
    "error.429": ("请求过于频繁", "Too many requests"),
    "error.503": ("服务暂时不可用", "Not available for the moment"),
    # the guide
    "guide.title": ("使用指南", "Guide"),
    "guide.welcome": ("第一次使用？", "New here?"),
    "guide.welcome_text": (
        "用五个步骤走一遍日常工作：处理告警、立案、看指标、提出阈值调整、导出。",
        "Five steps through a working day: triage an alert, open a case, look at the indicators, propose a threshold, export.",
    ),
    "guide.open": ("打开使用指南", "Open the guide"),
    "guide.dismiss": ("不再显示", "Do not show again"),
    "guide.what": (
        "本系统逐份检查住院结算清单与医嘱，把可能违反医保规定的情形列为告警，并说明依据、涉及金额和处理建议。",
        "The service checks every inpatient claim and order, lists what may break insurance rules as alerts, and says why, "
        "how much money is at stake and what to do.",
    ),
    "guide.sample": (
        "用 sentinel demo 启动时，所有结算单都是生成的样例数据，可以放心点击、立案和关闭。",
        "Started with sentinel demo, every claim is generated sample data: click, open and close whatever you like.",
    ),
    "guide.says.clue": (
        "命中是线索：请先核对依据和费用明细，再下结论。",
        "A hit is a clue: check its basis and the charge lines before you conclude.",
    ),
    "guide.says.money": (
        "“涉及金额”是命中所涉的费用，不是已确认的违规金额；同一原因只计一次。",
        "Money at stake is what the hits concern, not what was found wrong; one cause counts once.",
    ),
    "guide.says.score": (
        "概率评分只用于排序，帮助先看最值得看的告警，不作为认定依据。",
        "Scores only put the alerts in order, so that the most worthwhile come first; nothing is proved by them.",
    ),
    "guide.steps": ("五个步骤", "Five steps"),
    "guide.triage": ("1. 处理一条告警", "1. Triage an alert"),
    "guide.triage.how": (
        "最值得先看的告警排在最前。打开第一条，先读“发现与依据”，再看读取的事实与阈值，然后在“记录复核结论”中选择结论和原因。",
        "The alerts most worth a look come first. Open the first, read its findings, compare the facts read with the "
        "thresholds, then record a conclusion with its reason.",
    ),
    "guide.triage.go": ("打开告警列表", "Open the alerts"),
    "guide.case": ("2. 立案并核查", "2. Open a case"),
    "guide.case.how": (
        "需要调取病历或与医院沟通的告警，请立案：案件汇集费用明细、分组与支付、全部命中、时间线、评论和附件。超过限额的结案须由另一人审批。",
        "Open a case for an alert that needs the medical record or the hospital's word: it gathers the charges, the group and "
        "its payment, every hit, the timeline, comments and attachments. Closing above a limit needs a second person.",
    ),
    "guide.case.go": ("打开案件", "Open the cases"),
    "guide.cockpit": ("3. 查看驾驶舱", "3. Look at the cockpit"),
    "guide.cockpit.how": (
        "查看 CMI、费用消耗指数、药占比等指标的走势；点开任何数字，可看到其后的科室、病组和结算单。",
        "Follow CMI, the cost index, the share of drugs and the others over the months; every number opens the departments, "
        "groups and stays behind it.",
    ),
    "guide.cockpit.go": ("打开驾驶舱", "Open the cockpit"),
    "guide.threshold": ("4. 提出阈值调整", "4. Propose a threshold"),
    "guide.threshold.how": (
        "在检查项中打开误报较多的一项，查看复核准确率和命中记录，提出新的参数值并试算影响；由另一人批准后，自所定日期起生效。",
        "Open a check whose hits are often right as they are, look at its precision and history, propose another value and try "
        "it on past claims; it holds from its date once another person has approved it.",
    ),
    "guide.threshold.go": ("打开检查项", "Open the checks"),
    "guide.export": ("5. 导出", "5. Export"),
    "guide.export.how": (
        "在告警列表中按需筛选，再导出为 CSV 或 Excel；导出的范围与筛选结果一致，并记入操作日志。",
        "Filter the alerts as you need them and take them away as CSV or Excel: the file holds what the filter shows, and the "
        "audit log keeps who exported what.",
    ),
    "guide.export.go": ("筛选并导出告警", "Filter and export alerts"),
    "guide.not_yours": (
        "您的账户没有这一步的权限，或本系统未启用该功能。",
        "Your account may not do this, or this service runs without it.",
    ),
    "guide.keys": ("键盘与语言", "Keyboard and language"),
    "guide.keys_how": (
        "所有操作都可用键盘完成：Tab 移动，Enter 打开，空格勾选，Esc 关闭对话框；按 Tab 出现的第一个链接可跳到正文；在告警列表中按 ? 可查看快捷键。",
        "Everything works from the keyboard: Tab moves, Enter opens, Space ticks, Esc closes a dialogue; the first link that Tab "
        "reaches skips to the content; on the list of alerts ? shows its own keys.",
    ),
    "guide.language": (
        "右上角切换中文与英文，选择会被记住。",
        "Chinese and English are switched at the top right; the choice is remembered.",
    ),
    "alert_to_stay": (
        "住院指标（病组、费用、结余）",
        "What the stay measures: group, cost, balance",
    ),
    "stay_cases": ("查找相关案件", "Find cases of this stay"),
}
"""Key -> Chinese and English."""
