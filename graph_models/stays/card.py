"""The card of a model of claims, from its manifest alone."""

from __future__ import annotations

from typing import Any


def write_card(manifest: dict[str, Any]) -> str:
    """The card in Markdown, in Chinese and English."""
    window, labels, metrics = (manifest[k] for k in ("window", "labels", "metrics"))
    network = manifest["network"]
    found = "; ".join(f"{k} {v:.3f}" for k, v in network["later_pr_auc"].items())
    columns = manifest["columns"]
    tried = "; ".join(f"{k} {v:.3f}" for k, v in columns["later_pr_auc"].items())
    rows = [
        f"| {name} | {m['roc_auc']:.3f} | {m['pr_auc']:.3f} ({m['pr_auc_low']:.3f} – {m['pr_auc_high']:.3f}) "
        f"| {m['recall_1']:.1%} / {m['most_1']:.0%} | {m['precision_1']:.1%} | {m['recall_5']:.1%} |"
        for name, m in (
            ("整体 whole model", metrics["whole"]),
            ("仅单份结算单 the claim alone, LightGBM", metrics["claim_alone"]),
        )
    ]
    return "\n".join(
        [
            "# 模型卡 Model card: claim fraud",
            "",
            "**用途 Purpose.** 为医保稽核人员排序应优先核查的结算单；分数是线索，不是结论，不得据此自动拒付或处罚。",
            "Ranks claims for compliance officers to look at first. A score is a lead, not a finding: never deny a "
            "payment or punish on it alone.",
            "",
            f"**数据 Data.** {window['claims']:,} 份结算单 claims, {window['first']} – {window['last']}; "
            f"截至 only what was complete before {manifest['upto']}.",
            f"**标签 Labels.** {labels['used']:,} 份有结论 claims with a finding by then, {labels['positive']:,} 阳性 "
            f"fraudulent; {labels['judged_later']:,} 份用于检验 judged by models of earlier time.",
            f"**方法 Method.** {network['kind']} 图网络，边只由较早结算单指向较晚结算单 network whose edges lead from earlier "
            f"claims to later ones (PR-AUC of later blocks: {found}); self-supervised start; one LightGBM booster over "
            f"columns 列 `{columns['chosen']}` ({tried}); "
            f"Platt calibration in the leaves; seed {manifest['seed']}.",
            f"**告警阈值 Alert threshold.** {manifest['threshold']['score']:.4f} ({manifest['threshold']['chosen']}).",
            "",
            "## 质量 Quality: later months, judged by models of earlier ones",
            "",
            "| | ROC-AUC | PR-AUC (95%) | 前1%召回 recall in the first 1% / most possible | precision 1% | recall 5% |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            *_reasons(manifest.get("reasons")),
            "## 局限 Limits",
            "",
            "- 未被查实的结算单算作正常或未知；标签来自核查，核查过的并非随机样本。"
            "Labels come from inquiries, which do not look at random claims.",
            "- 网络与树没有见过的地区、险种或数据习惯，应先用当地标签重新评估。"
            "Evaluate again with local labels before use in another region or scheme.",
            "",
        ]
    )


def _reasons(found: dict[str, Any] | None) -> list[str]:
    """How far reasons carry the scores, once it was measured (``sentinel evaluate reasons``)."""
    if not found:
        return []
    names = {"codes": "原因代码 reason codes", "connections": "关联 connections (exact ablation)"}
    return [
        "## 原因 Do the reasons carry the score",
        "",
        "| | 去除所列后下降 fall without the named | 去除同数随机项 without as many random | 稳定性 stability |",
        "|---|---|---|---|",
        *(
            f"| {names[k]} | {_figure(v['named'])} | {_figure(v['random'])} | {_figure(v.get('stability'))} |"
            for k, v in found.items()
        ),
        "",
    ]


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
