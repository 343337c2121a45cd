"""The words that a model may use beside those of the facts, and those that turn a meaning round.

Everything that is not here and not in the facts is refused, so that an invention needs no list of
inventions. ``GLUE`` joins and addresses; it holds no drug, disease, deed or judgement. ``TURNS`` are
words that carry direction (not, above, before, stop, if ...): each has a class, a class must occur in
the facts, and their order must be kept. ``None`` marks a word that only looks like one of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final


def words(text: str) -> list[str]:
    """The words of a text with spaces between: long lists of them are read best as a text."""
    return text.split()


GLUE_ZH: Final = frozenset(
    words("""
    的 了 在 与 和 及 或 为 于 是 请 该 其 等 由 对 将 把 被 从 到 至 也 还 且 并 而 之 这 此 那 有 已 需 中 时
    请您 您 您好 患者 病人 该患者 本次 此次 本例 医师 医生 药师 医嘱 该医嘱 药品 药物 该药 该药品 用药 病历 记录 病程 病程记录
    核对 核实 确认 复核 查看 查阅 注意 提示 提醒 显示 发现 系统 系统提示 目前 当前 现在 现 现有 情况 相关 有关 以及 并且 同时 因此
    因为 由于 所以 因 故 根据 按照 按 依据 经 据 关于 对于 其中 上述 以上所述 具体 说明 注明 写明 写清 标明 内容 信息 资料
    原因 理由 请核对 请核实 请确认 请复核 请注意 尚 仍 均 就 会 所 以 来 去 使 让 给 用 做 即 则 并请 烦请 麻烦 建议核对 建议复核
    此处 该项 该条 一并 一致 一旦 统一 同一 一般 一起 进一步 之一 另一 另外 此外 这一 这些 这样 这里 属于 作为 成为 涉及 包括
    所示 如下 如实 例如 相应 对应 适应 目录 规定 要求 范围 标准 费用 金额 支付 基金 医保 住院 入院 天 日 元 小时 次 例 种 级 岁
    约 共 总 合计 共计 总计 总费用 达 达到 为止 截至 迄今 预计 预期 估计 按目前 情形 需要 需 应予 予以 进行 开展 处理 结合
    所列 所述 内 里 上 下 处 个 名 位 条 项 份 方面 部分 相比 比较 比 相对 较 可见 期间 正 正在 但 本 同 即为 均为 已为 已经 已有 已达 病组 组 该组 该病组
    """)
)
"""Chinese words of address, joining and record keeping."""

GLUE_EN: Final = frozenset(
    words("""
    a an the and or of in on at by to from for with as is are was were be been being it its they their them there
    that these those which who whose what when where while so thus also please here has have had do does did
    patient patients physician physicians doctor pharmacist record records recorded recording note notes noted chart
    charts file order orders ordered prescription prescribed drug medicine stay stays admission hospital case check
    checks checked review reviewed verify verified confirm confirmed look see seen show shows shown found find finds
    state states stated name names named listed given give gives say says said reason reasons why how clinical entry
    entries detail details information because since hence therefore according about regarding concerning into
    should need needs needed currently now already present total totals amount amounts cost costs charge charges come
    comes came reach reaches reached standard group groups such same per each a average mean around expected projected
    likely estimate estimated probability percent day days hour hours year years yuan cny payment fund pay pays paid
    against between compared relative system note that make sure this's whether rule rules list
    """)
)
"""English words of address, joining and record keeping."""

SYNONYMS_ZH: Final[tuple[frozenset[str], ...]] = tuple(
    frozenset(group.split())
    for group in (
        "距 距离", "再 再次", "检查 检测 检验 化验", "筛查 评估 筛选", "重叠 重合 交叉", "同时 一同 并用 合用 联用",
        "超支 超出标准", "适应证 指征 适应症", "使用 应用 用 给予 服用", "重复 再次开立", "会诊 会诊意见", "标本 样本",
        "送检 送样", "补充 补写 补录 补记", "开始 起始", "不符 不一致 不相符", "抗菌药物 抗菌药", "疾病 病症", "肿瘤 肿物",
        "疗程 用药时间", "剂量 用量", "最大剂量 最大用量 上限", "给药途径 途径 用法", "概率 可能性", "平均 均值",
    )
)  # fmt: skip
"""Chinese words of which one in the facts lets the others pass."""

SYNONYMS_EN: Final[tuple[frozenset[str], ...]] = tuple(
    frozenset(group.split())
    for group in (
        "overlap overlaps overlapping coincide coincides", "test tests tested testing laboratory", "screening screen screened assessment",
        "disease diseases illness condition conditions indication indications", "tumour tumours tumor tumors cancer neoplasm",
        "dose dosage doses", "maximum limit limited ceiling", "begin begins began begun start starts started onset",
        "run runs running ran last lasts lasted", "antibacterial antibacterials antibiotic antibiotics", "treat treats treated treatment treating treatments",
        "consultation consult consulted", "culture cultures cultured", "grounds ground basis evidence", "probably probability likely likelihood",
        "cost costs costing charge charges amount spent expenditure bill", "payable paid pays pay covered cover reimbursed coverage",
        "simultaneously one time together concurrently", "route administration", "sex gender", "fit fits match matches matched suit",
        "written entered", "result results value values finding findings", "answer answers", "operation operations surgery", "infection infections infectious",
    )
)  # fmt: skip
"""English words of which one in the facts lets the others pass."""

Turns = Mapping[str, str | None]

TURNS_ZH: Final[Turns] = {
    **dict.fromkeys(words("不 未 无 没 没有 非 勿 莫 别 毋 免 缺 缺少 缺乏 缺失 缺如 欠缺 尚未 并未 从未 未曾 未见 不必 无需 不需 不用 毫无 并非 少有 不足以 不符 拒绝 除外 除 禁 禁止 不得"), "NEG"),
    **dict.fromkeys(words("超 超过 超出 高于 大于 多于 以上 过高 偏高 高 逾 过 过多 过量 超量 过长 过晚 突破"), "ABOVE"),
    **dict.fromkeys(words("低于 少于 小于 不足 以下 过低 偏低 低 少 不到 未达 未满 过少 过短"), "BELOW"),
    **dict.fromkeys(words("以内 之内 内 不超过 至多 最多"), "WITHIN"),
    **dict.fromkeys(words("至少 最少 不少于 不低于"), "ATLEAST"),
    **dict.fromkeys(words("前 之前 以前 此前 先 早 较早 提前 早于 先前"), "BEFORE"),
    **dict.fromkeys(words("后 之后 以后 随后 晚 较晚 迟 延后 推迟 晚于 其后"), "AFTER"),
    **dict.fromkeys(words("停 停用 停止 撤销 取消 终止 中止 中断 停药 撤回 作废"), "STOP"),
    **dict.fromkeys(words("继续 保留 维持 延续 持续 照常"), "KEEP"),
    **dict.fromkeys(words("增 增加 上升 升高 提高 加 加大 追加 增大 上调 提升"), "UP"),
    **dict.fromkeys(words("减 减少 下降 降低 减低 缩短 下调 减量 少用"), "DOWN"),
    **dict.fromkeys(words("本医嘱 本条 本药"), "THIS"),
    **dict.fromkeys(words("另 其他 其它 其余 别的"), "OTHER"),
    **dict.fromkeys(words("可 可以 能 能够 允许"), "MAY"),
    **dict.fromkeys(words("必须 须 应当 应 必 务必 一定"), "MUST"),
    **dict.fromkeys(words("如 若 如果 假如 倘若 除非 如为 如需 确需"), "IF"),
    **dict.fromkeys(words("仅 只 限 仅限 只能 唯"), "ONLY"),
    **dict.fromkeys(
        words("非常 除了 否则 未来 无锡 目前 当前 提前量 前提 例如 如实 如下 相应 对应 适应 反应 应答 应用 供应 可能 认可 许可 可见 功能 能力 职能 限定 限制 "
        "限额 时限 上限 下限 年限 期限 权限 成本 样本 标本 本次 本例 基本 本身 停留 增强 加重 参加 附加 过程 通过 经过 过敏 超声 高血压 高倍率线 "
        "低倍率线 低分子 减轻 加以 予以 院内 体内 国内 内科 内容 早期 晚期 先生 首先 后果 术后 术前 别名 类别 级别 区别 特别 分别 个别 性别 鉴别 识别 差别 最高 最低 "
        "高倍率 低倍率 不同 少量 多少 必要 提高警惕 可疑 疑似 不便"), None,
    ),
}  # fmt: skip
"""Chinese turning words; the longest that stands there counts."""

_EN: Final[dict[str, str]] = {
    "NEG": "not no never none neither without cannot lack lacks lacked lacking missing absent absence unless nothing nobody hardly seldom refuse refused deny denied exclude excluded excluding except",
    "ABOVE": "above over exceed exceeds exceeded exceeding more higher beyond greater longer past surpass surpasses excess excessive",
    "BELOW": "below under less lower fewer shorter beneath",
    "WITHIN": "within inside most",
    "ATLEAST": "least",
    "BEFORE": "before prior earlier previously previous ago preceding early",
    "AFTER": "after later following afterwards afterward subsequent subsequently late",
    "STOP": "stop stops stopped end ends ended discontinue discontinued cease withdraw withdrawn revoke revoked cancel cancelled",
    "KEEP": "continue continues continued keep keeps goes resume retain maintain",
    "UP": "increase increases increased rise rises rose raise raised add adds added extend extended",
    "DOWN": "decrease decreases decreased fall falls fell reduce reduced reduces cut shorten shortened",
    "THIS": "this",
    "OTHER": "other others another else",
    "MAY": "may can could might allowed",
    "MUST": "must shall",
    "IF": "if otherwise provided",
    "ONLY": "only solely exclusively merely just",
}
TURNS_EN: Final[Turns] = {word: kind for kind, told in _EN.items() for word in words(told)}
"""English turning words."""

ADVICE_ZH: Final = tuple(
    words("""补录诊断 补充诊断 增加诊断 添加诊断 新增诊断 加诊断 补编 加编码 补充编码 增加编码 更换主诊断 更改主诊断 调整主诊断 替换诊断 修改诊断
    增加手术 补录手术 添加手术 高编 高套 升级 更高权重 提高权重 高权重 提高支付 多支付 获得更多 入更高组 提高入组 更高组 盈利 创收 规避 绕过 避开 逃避
    停止治疗 放弃治疗 终止治疗 减少治疗 减少用药 停药 停止护理 不再治疗 无需治疗 提前出院 尽快出院 尽早出院 安排出院 办理出院 出院 转院 转走 拒收
    分解住院 再次入院 重新入院 分次住院 自费 外购 删除记录 修改病历 篡改 隐瞒 伪造 忽略 不必理会""")
)
"""Advice that nobody may give here; it passes only where the facts say the same words."""

ADVICE_EN: Final = tuple(
    stem.strip()
    for stem in re.split(
        r"[|\n]",
        """
    upcod|up-cod|code up|higher code|higher-paying|higher paying|better paying|additional diagnos|another diagnos
    add a diagnos|add the diagnos|add diagnos|new diagnos|secondary diagnos|principal diagnos|change the diagnos
    add a procedure|add the procedure|add procedure|additional procedure|add a code|add code|recode|re-code
    increase payment|raise payment|more payment|maximise|maximize|higher weight|heavier group|discharge|send home
    transfer|stop treatment|stop care|end care|end treatment|withhold|withdraw care|palliative|deny|refuse|readmi
    split the stay|delete|alter the record|backdate|conceal|hide|ignore|bypass|avoid detection|out of pocket|self-pay
    """,
    )
    if stem.strip()
)
"""The same in English, as beginnings of words."""
