"""How fast intake reads: the real CSV claims, and JSON lines and Parquet of any size.

    python benchmarks/intake.py [--folder ../shared/data/provider_fraud] [--small 20000] [--large 2000]

Prints one JSON line a measurement: records a second, seconds, peak memory of the process
that read (each reading runs in a process of its own, with one Polars thread).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CLAIM = {
    "claim_version": 1,
    "claim_type": "inpatient",
    "time_zone": "Asia/Shanghai",
    "currency": "CNY",
    "provider_id": "H1",
    "patient_name": "测试甲0001",
    "admission_time": "2024-03-01T08:30:00+08:00",
    "discharge_time": "2024-03-05T08:30:00+08:00",
    "diagnosis_system": "ICD-10-CN",
    "procedure_system": "ICD-9-CM-3-CN",
    "total_amount_fen": 123450,
    "diagnoses": [
        {"ordinal": i, "code": f"I1{i}.x00", "present_on_admission": "1"} for i in range(1, 5)
    ],
}
LINE = {
    "item_code": "001102000010000-110200001",
    "item_name": "普通门诊诊察费",
    "category": "02",
    "quantity": "1.5",
    "unit": "次",
    "unit_price": "12.30",
    "amount_fen": 1845,
    "charge_time": "2024-03-01T10:00:00+08:00",
    "posted_time": "2024-03-01T10:01:00+08:00",
    "ordering_physician_id": "D330100001",
    "insurance_class": "01",
}


def write_claims(path: Path, count: int, lines: int) -> None:
    charges = [LINE | {"line_id": f"L{i}"} for i in range(lines)]
    with path.open("w", encoding="utf-8") as file:
        for i in range(count):
            claim = CLAIM | {"stay_id": f"S{i}", "patient_id": f"P{i % 997}", "charges": charges}
            file.write(json.dumps(claim, ensure_ascii=False) + "\n")


def write_parquet(source: Path, target: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [json.loads(line) for line in source.read_text(encoding="utf-8").splitlines()]
    pq.write_table(pa.Table.from_pylist(rows), target, row_group_size=2000)


def measure(path: Path, form: str, what: str) -> dict[str, object]:
    """Read once and tell seconds and peak memory (of this process)."""
    from streaming import digest, intake
    from streaming.pseudonym import PseudonymKey

    key = PseudonymKey(bytes(32))
    started = time.perf_counter()
    if what == "batches":
        batches = intake.read_batches([path], form, key=key)  # type: ignore[arg-type]
        accepted = sum(b.accepted for b in batches)
        seconds = time.perf_counter() - started
    else:
        result = intake.read([path], form, key=key)  # type: ignore[arg-type]
        accepted, seconds = result.accepted, time.perf_counter() - started
        if what == "digest":
            started = time.perf_counter()
            digest.digests(result.tables)
            seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "what": what,
        "input": path.name,
        "format": form,
        "claims": accepted,
        "seconds": round(seconds, 2),
        "claims_per_second": round(accepted / seconds),
        "peak_mib": round(peak),
    }


def run(path: Path, form: str, what: str) -> None:
    code = "import benchmarks.intake as b, json, sys; from pathlib import Path; print(json.dumps(b.measure(Path(sys.argv[1]), *sys.argv[2:])))"
    environment = os.environ | {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", code, str(path), form, what], check=True, env=environment)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--folder", type=Path, default=Path("../shared/data/provider_fraud"))
    parser.add_argument("--small", type=int, default=20_000, help="claims without charge lines")
    parser.add_argument("--large", type=int, default=2_000, help="claims with 100 charge lines")
    given = parser.parse_args()
    if given.folder.is_dir():
        for what in ("read", "batches", "digest"):
            run(given.folder, "provider-csv", what)
    with tempfile.TemporaryDirectory() as folder:
        for name, count, lines in (("small", given.small, 0), ("large", given.large, 100)):
            source = Path(folder) / f"{name}.jsonl"
            write_claims(source, count, lines)
            for what in ("read", "batches", "digest"):
                run(source, "jsonl", what)
            target = source.with_suffix(".parquet")
            write_parquet(source, target)
            run(target, "parquet", "read")


if __name__ == "__main__":
    main()
