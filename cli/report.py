"""The report on a model: one HTML file that needs no network, for the quarterly meeting."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from graph_models.card import POPULATIONS, VARIANTS, interval

if TYPE_CHECKING:
    from graph_models import Artifact
    from graph_models.drift import Drift

MOST_FEATURES: Final = 15
"""Features of a plot: more cannot be read."""
MOST_ROWS: Final = 400
"""Providers whose contributions are averaged: the mean moves by less than can be seen beyond."""

_STATES: Final = {"stable": "稳定 stable", "watch": "留意 watch", "moved": "漂移 moved"}
_MEASURES: Final = {"roc_auc": "ROC-AUC", "pr_auc": "PR-AUC"}
_STYLE: Final = """
body{font:16px/1.5 system-ui,"Noto Sans CJK SC","Microsoft YaHei",sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b2430}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2rem;border-bottom:1px solid #c5ccd6;padding-bottom:.2rem}
table{border-collapse:collapse;margin:1rem 0}th,td{padding:.25rem .75rem;border-bottom:1px solid #dfe4ea;text-align:left}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}.note{color:#4a5766}
"""


def write(
    path: Path,
    artifact: Artifact,
    *,
    drift: Drift | None = None,
    checks: Sequence[Mapping[str, Any]] = (),
    bands: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Write the report on a model, in Chinese and English.

    ``drift`` is how far today's providers have moved since its training; ``checks`` and ``bands``
    are what ``sentinel feedback --json`` prints, of reviews. What is not given is said to be absent.
    """
    body = "\n".join(_sections(artifact, drift, checks, bands))
    path.write_text(
        '<!doctype html>\n<html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>模型报告 Model report {artifact.sha256[:12]}</title><style>{_STYLE}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n",
        encoding="utf-8",
    )


def _sections(
    artifact: Artifact,
    drift: Drift | None,
    checks: Sequence[Mapping[str, Any]],
    bands: Sequence[Mapping[str, Any]],
) -> Iterator[str]:
    manifest = artifact.manifest
    labels, window = manifest["labels"], manifest["window"]
    yield f"<h1>模型报告 Model report <code>{artifact.sha256[:12]}</code></h1>"
    yield (
        f'<p class="note">{window["claims"]:,} 份结算单 claims, {window["first"]} – {window["last"]}; '
        f"截至 up to {manifest['upto']}; {labels['used']:,} 家有标签机构 labelled providers, "
        f"{labels['positive']:,} 阳性 fraudulent. 分数是线索，不是结论。A score is a lead, not a finding.</p>"
    )
    yield "<h2>折外质量 Quality, out of fold</h2>"
    yield _plot(_quality(manifest["metrics"]), first=True)
    yield _quality_table(manifest["metrics"])
    yield "<h2>分数分布 Scores of all providers</h2>"
    yield _plot(_scores(artifact))
    yield "<h2>主要特征 What moves the scores most</h2>"
    yield '<p class="note">SHAP 绝对值的均值，概率点。Mean absolute contribution, in points of probability.</p>'
    yield _plot(_importance(artifact))
    yield "<h2>漂移 Drift since the training</h2>"
    yield from _drift(drift, {f.name: f"{f.zh} {f.en}" for f in artifact.features})
    yield "<h2>复核反馈 What reviews say</h2>"
    yield from _feedback(checks, bands)


def _quality(metrics: Mapping[str, Any]) -> Any:
    import plotly.graph_objects as go  # noqa: PLC0415

    figure = go.Figure()
    for measure, name in _MEASURES.items():
        found = {v: m[measure] for v, m in metrics["all"]["variants"].items() if measure in m}
        figure.add_scatter(
            name=name,
            mode="markers",
            x=[one["value"] for one in found.values()],
            y=[VARIANTS[v] for v in found],
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [one["high"] - one["value"] for one in found.values()],
                "arrayminus": [one["value"] - one["low"] for one in found.values()],
            },
        )
    return figure.update_layout(xaxis_title="0 – 1, 95 %", yaxis_autorange="reversed")


def _quality_table(metrics: Mapping[str, Any]) -> str:
    rows = []
    for population, found in metrics.items():
        for variant, values in found["variants"].items():
            rows.append(
                [
                    POPULATIONS[population],
                    VARIANTS[variant],
                    f"{found['providers']:,} ({found['positive']:,})",
                    *(interval(values.get(m)) for m in ("roc_auc", "pr_auc", "f1")),
                ]
            )
    return _table(["人群 population", "模型 model", "n (+)", "ROC-AUC", "PR-AUC", "F1"], rows, 2)


def _scores(artifact: Artifact) -> Any:
    import plotly.graph_objects as go  # noqa: PLC0415

    figure = go.Figure()
    figure.add_histogram(
        x=artifact.entities["score"].to_list(), xbins={"size": 0.05, "start": 0, "end": 1}
    )
    figure.add_vline(
        x=artifact.threshold, line_dash="dash", annotation_text="告警阈值 alert threshold"
    )
    return figure.update_layout(
        xaxis_title="分数 score",
        yaxis_title="机构数 providers (log)",
        yaxis_type="log",
        showlegend=False,
    )


def _importance(artifact: Artifact) -> Any:
    import plotly.graph_objects as go  # noqa: PLC0415

    from explain.attribution import attribute  # noqa: PLC0415

    ids = artifact.entities["provider_id"].sort().to_list()
    sample = artifact.lookup(ids[:: max(1, len(ids) // MOST_ROWS)])
    mean = np.abs(attribute(artifact, sample).values).mean(axis=0)
    leading = np.argsort(-mean)[:MOST_FEATURES][::-1]
    figure = go.Figure()
    figure.add_bar(
        orientation="h",
        x=[float(mean[i]) * 100 for i in leading],
        y=[f"{artifact.features[i].zh} {artifact.features[i].en}" for i in leading],
    )
    return figure.update_layout(height=520, yaxis_automargin=True)


def _drift(drift: Drift | None, names: Mapping[str, str]) -> Iterator[str]:
    if drift is None:
        yield '<p class="note">刚训练或未给数据库，无可比较。Just trained, or no database given: nothing to compare with.</p>'
        return
    if drift.score is None:
        yield (
            f'<p class="note">机构太少，无法判断。Too few providers to tell: {drift.then} at the training, '
            f"{drift.now} now.</p>"
        )
        return
    rows = [
        [
            names.get(c.name, "分数 score"), f"{c.psi:.3f}", f"{c.chance:.3f}", _STATES[c.state],
            _number(c.median_then), _number(c.median_now),
        ]
        for c in (drift.score, *drift.features[:MOST_FEATURES])
    ]  # fmt: skip
    yield (
        '<p class="note">群体稳定性指数：0.1 以下稳定，0.25 以上且超过偶然水平为漂移。'
        "Population stability index: below 0.1 stable; moved from 0.25 on, where chance does not explain it.</p>"
    )
    heads = [
        "列 column",
        "PSI",
        "偶然 by chance",
        "状态 state",
        "当时中位 median then",
        "现在中位 median now",
    ]
    yield _table(heads, rows, 1)


def _feedback(
    checks: Sequence[Mapping[str, Any]], bands: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    if not checks:
        yield '<p class="note">数据库中尚无复核。No review is in the database, or none was given.</p>'
        return
    import plotly.graph_objects as go  # noqa: PLC0415

    known = [b for b in bands if b["precision"] is not None]
    if known:
        figure = go.Figure()
        series = sorted({(b["quarter"], b["model_sha256"]) for b in known})
        for quarter, model in series:
            here = [b for b in known if (b["quarter"], b["model_sha256"]) == (quarter, model)]
            figure.add_scatter(
                name=f"{quarter} {model[:8]}",
                mode="lines+markers",
                x=[b["mean_score"] for b in here],
                y=[b["precision"] for b in here],
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": [b["precision_interval"][1] - b["precision"] for b in here],
                    "arrayminus": [b["precision"] - b["precision_interval"][0] for b in here],
                },
            )
        figure.update_layout(xaxis_title="分数 score", yaxis_title="属实比例 share confirmed")
        yield _plot(figure)
    rows = [
        [
            c["rule_id"], c["quarter"], str(c["confirmed"]), str(c["partly"]), str(c["not_confirmed"]),
            "" if c["precision"] is None else f"{c['precision']:.2f}",
        ]
        for c in checks
    ]  # fmt: skip
    heads = [
        "检查 check",
        "季度 quarter",
        "属实 confirmed",
        "部分 partly",
        "不属实 not confirmed",
        "准确率 precision",
    ]
    yield _table(heads, rows, 2)


def _plot(figure: Any, *, first: bool = False) -> str:
    """The figure as HTML; the first one brings Plotly's own code along, so no page is asked for it."""
    figure.update_layout(template="plotly_white", margin={"l": 40, "r": 20, "t": 30, "b": 40})
    made: str = figure.to_html(
        full_html=False,
        include_plotlyjs=first,
        config={"displayModeBar": False, "responsive": True},
    )
    return made


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], numbers_from: int) -> str:
    """A table whose columns from ``numbers_from`` on are set as numbers."""

    def line(cells: Sequence[str], tag: str) -> str:
        kinds = ["" if i < numbers_from else ' class="n"' for i in range(len(cells))]
        inside = (f"<{tag}{k}>{html.escape(c)}</{tag}>" for k, c in zip(kinds, cells, strict=True))
        return f"<tr>{''.join(inside)}</tr>"

    return "<table>" + "\n".join([line(heads, "th"), *(line(r, "td") for r in rows)]) + "</table>"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.4g}"
