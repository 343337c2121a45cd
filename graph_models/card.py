"""The model card: what a model is for, how good it is, and what it must not be used for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

VARIANTS = {
    "both": "整体 whole model",
    "tabular": "仅表格特征 table only",
    "network": "仅图网络 graph network only",
    "claims_alone": "仅结算单数 number of claims alone",
}
_REASONS = {
    "codes": "原因代码 reason codes",
    "people": "相关人员 people (exact ablation)",
}
POPULATIONS = {
    "all": "全部有标签机构 all labelled",
    "inpatient": "有住院结算单 with inpatient claims",
}


def write_card(manifest: dict[str, Any]) -> str:
    """The card in Markdown, from the manifest alone."""
    labels, window, threshold = manifest["labels"], manifest["window"], manifest["threshold"]
    used = sum(f["used"] for f in manifest["features"])
    trained_upto = manifest.get("refreshed", {}).get("trained_upto", manifest["upto"])
    lines = [
        "# 模型卡 Model card: provider fraud",
        "",
        "**用途 Purpose.** 为医保稽核人员排序应优先核查的定点医疗机构；分数是线索，不是结论，不得据此自动拒付或处罚。",
        "Ranks providers for compliance officers to look at first. A score is a lead, not a finding: never deny a "
        "payment or punish on it alone.",
        "",
        f"**数据 Data.** {window['claims']:,} 份结算单 claims, {window['first']} – {window['last']}; "
        f"截至 only what was complete before {trained_upto}.",
        *_refreshed(manifest),
        f"**标签 Labels.** {labels['used']:,} 家机构 providers, {labels['positive']:,} 阳性 fraudulent; "
        f"{labels['without_data']:,} 家因无数据未用 left out for lack of data; "
        f"{labels['with_claims']:,} 家有结算单 have claims.",
        f"**方法 Method.** {manifest['networks']} 个图网络(折外输出) graph networks (out of fold), one LightGBM booster "
        f"({used} of {len(manifest['features'])} features used), Platt calibration in the leaves; "
        f"seed {manifest['seed']}, {manifest['folds']} folds by provider.",
        f"**告警阈值 Alert threshold.** {threshold['score']:.4f} ({threshold['chosen']}).",
        "",
        "## 折外质量 Quality, out of fold (95% interval)",
        "",
        *metrics_table(manifest["metrics"]),
        "",
        *_reasons(manifest.get("reasons")),
        "## 局限 Limits",
        "",
        "- 训练过的机构的存储分数略偏乐观；上表只用折外分数。"
        "Stored scores of providers that were trained on are slightly optimistic; the table uses only scores from "
        "models that never saw the provider's label.",
        "- 标签是被怀疑或查实的机构，未被发现的欺诈在数据中算作正常。"
        "Labels are what somebody found; fraud that nobody found counts as normal here.",
        "- 与训练数据不同的地区、险种或机构类型，应先用当地标签重新评估。"
        "Evaluate again with local labels before use in another region, scheme or kind of provider.",
        "- 没有附加表的机构按未知处理，其分数更不可靠。"
        "A provider that the extra table does not name counts as unknown there and its score is less reliable.",
        "- 患者的种族、民族、宗教等受保护属性不作为特征。"
        "Protected attributes of patients (race, ethnicity, religion) are not features.",
        "",
    ]
    return "\n".join(lines)


def _refreshed(manifest: dict[str, Any]) -> list[str]:
    found = manifest.get("refreshed")
    if found is None:
        return []
    window = found["window"]
    return [
        f"**更新 Refreshed.** 未重新训练，机构评分更新至 not trained again, providers scored anew up to {manifest['upto']} "
        f"({window['claims']:,} claims, {window['first']} – {window['last']}); "
        f"训练所得模型 the model that was trained: {found['origin'][:12]}.",
    ]


def _reasons(measured: dict[str, Any] | None) -> list[str]:
    """How far the reasons carry the score; nothing where it was not measured."""
    if not measured:
        return []
    lines = [
        "## 原因 Reasons",
        "",
        "去掉所列原因后分数的平均下降、随机去掉同样多的下降、重复计算的一致程度。"
        "Mean fall of the score without the named reasons, without as many random ones, and how far the "
        "named ones agree when computed again (1 = always the same).",
        "",
        "| 原因 reasons | n | 所列 named | 随机 random | 稳定 stability |",
        "|---|---|---|---|---|",
    ]
    for kind, found in measured.items():
        cells = [
            _REASONS[kind],
            f"{found['with_reasons']} / {found['providers']}",
            *(
                "" if found[k] is None else f"{found[k]:.3f}"
                for k in ("named", "random", "stability")
            ),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return [*lines, ""]


def metrics_table(metrics: dict[str, Any]) -> list[str]:
    """The metrics as lines of a Markdown table."""
    lines = [
        "| 人群 population | 模型 model | n (+) | ROC-AUC | PR-AUC | F1 | ECE |",
        "|---|---|---|---|---|---|---|",
    ]
    for population, found in metrics.items():
        for variant, values in found["variants"].items():
            cells = [
                POPULATIONS[population],
                VARIANTS[variant],
                f"{found['providers']:,} ({found['positive']:,})",
                *(interval(values.get(m)) for m in ("roc_auc", "pr_auc", "f1")),
                f"{values['calibration_error']:.3f}" if "calibration_error" in values else "",
            ]
            lines.append("| " + " | ".join(cells) + " |")
    return lines


def interval(value: Mapping[str, float] | None) -> str:
    """A figure with its 95 % interval; empty where there is none."""
    if value is None:
        return ""
    return f"{value['value']:.3f} ({value['low']:.3f}–{value['high']:.3f})"
