"""What a file run leaves in its folder: the result tables and a record of the run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from domain.results import Results, Severity


def write(results: Results, run: Mapping[str, Any], folder: Path) -> None:
    """Write each result table as Parquet, the alerts and findings also as CSV, and ``run.json``.

    What checks on trial said stands in ``shadow_*.parquet``, where any judged.
    The alerts are sorted by priority, the findings by severity; a CSV starts with a byte-order mark, so that Excel shows
    the Chinese texts; its amounts are in the major unit of their currency.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in results.items():
        if name.startswith("shadow_") and not run.get("shadow_rules"):
            continue
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
    write_csv(results.alerts, results.findings, folder)
    (folder / "run.json").write_text(
        json.dumps(run, ensure_ascii=False, indent=2, sort_keys=True) + "\n", encoding="utf-8"
    )


def write_csv(alert_rows: pa.Table, finding_rows: pa.Table, folder: Path) -> None:
    """Write ``alerts.csv`` and ``findings.csv``, worst first."""
    alerts = pl.DataFrame(alert_rows).sort("priority", "alert_id", descending=[True, False])
    amount = pl.col("exposure_fen")
    alerts.with_columns(
        # Text, so that the spreadsheet shows the amount to the cent and not as a float.
        pl.format("{}.{}", amount // 100, (amount % 100).cast(pl.String).str.zfill(2)).alias(
            "exposure"
        )
    ).drop("exposure_fen").write_csv(folder / "alerts.csv", include_bom=True)
    findings = pl.DataFrame(finding_rows)
    rank = pl.col("severity").replace_strict(
        {str(s): s.rank for s in Severity}, return_dtype=pl.Int8
    )
    findings.sort(
        rank, "unit", "subject_id", "rule_id", descending=[True, False, False, False]
    ).with_columns(
        pl.format("{}.{}", amount // 100, (amount % 100).cast(pl.String).str.zfill(2)).alias(
            "exposure"
        )
    ).drop("exposure_fen").write_csv(folder / "findings.csv", include_bom=True)
