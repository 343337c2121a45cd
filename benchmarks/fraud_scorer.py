"""Cross-validate the fraud scorer on the public provider-fraud data, and time it.

    python benchmarks/fraud_scorer.py ../shared/data/provider_fraud

prints Markdown: ROC-AUC, PR-AUC and F1 with 95% bootstrap intervals, nested
cross-validation split by provider, for the whole model, the table alone, the graph
network alone and the number of claims alone; then seconds for training, scoring and
explaining, on the CPU and, where there is one, on CUDA. Needs only the model's own
libraries (PyTorch, PyG, LightGBM, scikit-learn, Polars, PyArrow; shap for the last
line) and the data folder, whose files are not part of this repository.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import polars as pl
import torch

import graph_models as gm
from benchmarks.provider_claims import read, read_labels
from domain.tables import Tables
from graph_models.card import metrics_table


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="folder with inpatient.csv, labels.csv, ...")
    parser.add_argument("--device", choices=["cpu", "cuda", "both"], default="both")
    parser.add_argument(
        "--runs", default="claims,extra,replay", help="which data sets, joined by commas"
    )
    parser.add_argument(
        "--checks", action="store_true", help="judge the claims with the checks first"
    )
    parser.add_argument("--seed", type=int, default=20240501)
    given = parser.parse_args()
    devices = ["cpu", "cuda"] if given.device == "both" else [given.device]
    devices = [d for d in devices if d == "cpu" or torch.cuda.is_available()]

    print(f"Machine: {_machine()}; {datetime.now(UTC):%Y-%m-%d}; PyTorch {torch.__version__}\n")
    labels = read_labels(given.folder)
    extra, _ = gm.read_extra(given.folder / "provider_features.csv")
    sets: dict[str, tuple[str, bool, pl.DataFrame | None]] = {
        "claims": ("Inpatient claims only", False, None),
        "extra": ("Inpatient claims and the provider table", False, extra),
        "replay": ("All claims of the folder and the provider table", True, extra),
    }
    for name in given.runs.split(","):
        title, replay, table = sets[name]
        tables = read(given.folder, replay=replay)
        upto = gm.day_after_last(tables)
        verdicts = _judge(tables) if given.checks else None
        print(f"## {title} ({len(tables):,} claims, upto {upto})\n")
        for number, device in enumerate(devices):
            began = time.perf_counter()
            made = gm.train(
                tables, verdicts, labels, upto=upto, extra=table, seed=given.seed, device=device
            )
            trained = time.perf_counter() - began
            if number == 0:
                print("\n".join(metrics_table(made.manifest["metrics"])), "\n")
            quality = made.manifest["metrics"]["all"]["variants"]["both"]
            began = time.perf_counter()
            scored = made.score(tables, verdicts, upto=upto, extra=table, device=device)
            seconds = time.perf_counter() - began
            print(
                f"- {device}: evaluation and training {trained:.1f} s, {len(scored):,} providers "
                f"scored in {seconds:.1f} s{_explained(made, scored)}; ROC-AUC "
                f"{quality['roc_auc']['value']:.4f}, PR-AUC {quality['pr_auc']['value']:.4f}"
            )
        print(flush=True)


def _explained(made: gm.Artifact, scored: gm.Scored) -> str:
    try:
        import explain
    except ImportError:
        return ""
    began = time.perf_counter()
    explain.explain(made, scored)
    return f", explained in {time.perf_counter() - began:.1f} s"


def _judge(tables: Tables) -> pl.DataFrame:
    import drg
    import rules

    verdicts: pl.DataFrame = rules.judge(
        rules.load(), tables, settled=drg.settle(tables, drg.load())
    ).verdicts
    return verdicts


def _machine() -> str:
    parts: list[Any] = [platform.machine(), f"{os.cpu_count()} cores"]
    if torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name(0))
    return ", ".join(str(p) for p in parts)


if __name__ == "__main__":
    main()
