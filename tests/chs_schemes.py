"""Random small schemes and stays that reach every test, operator and way of a scheme."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import polars as pl

from domain.tables import Tables
from drg.schemes import Manifest, Scheme
from drg.schemes.layout import SHEETS, TESTS
from drg.schemes.sheets import schema
from tests.rules_claims import diagnosis, procedure, stay, tables

DIAGNOSES = [f"D{n}" for n in range(9)]
PROCEDURES = [f"P{n}" for n in range(6)]
CODED = {"diagnosis": ["E1", "E2", "E3"], "procedure": ["Q1", "Q2"]}
VALUES = {
    "age_years": [0, 1, 14, 60],
    "age_days": [0, 7, 28, 100],
    "birth_weight_g": [1500, 2500],
    "stay_days": [0, 1, 7],
    "icu_hours": [0, 1, 24, 1.5],
    "body_sites": [1, 2],
    "sex": ["1", "2", "1|2"],
    "discharge_way": ["1", "5", "2|5"],
    "department": ["ICU", "0302", "ICU|0302"],
    "complication": ["mcc", "cc", "mcc_or_cc"],
}


def some(rng: Random, items: Sequence[Any], most: int) -> list[Any]:
    return rng.sample(items, rng.randint(0, min(most, len(items))))


def scheme(rng: Random) -> Scheme:
    """A scheme of up to four categories."""
    rows: dict[str, list[dict[str, Any]]] = {sheet.name: [] for sheet in SHEETS}
    rows["diagnoses"] = [{"code": code} for code in DIAGNOSES]
    rows["procedures"] = [{"code": code, "operating": rng.random() < 0.5} for code in PROCEDURES]
    for kind, codes in CODED.items():
        valid = DIAGNOSES if kind == "diagnosis" else PROCEDURES
        rows["crosswalks"] += [
            {"kind": kind, "code": code, "target": rng.choice([*valid, None])} for code in codes
        ]
    for n in range(4):
        rows["diagnosis_lists"] += [
            {"list": f"L{n}", "code": c} for c in some(rng, DIAGNOSES, 6) or DIAGNOSES[:1]
        ]
        rows["procedure_lists"] += [
            {"list": f"L{n}", "code": c} for c in some(rng, PROCEDURES, 4) or PROCEDURES[:1]
        ]
    for level in ("mcc", "cc"):
        rows["complications"] += [
            {"code": code, "level": level, "exclusion_table": rng.choice(["1", "2", None])}
            for code in some(rng, DIAGNOSES, 4)
        ]
    for table in ("1", "2"):
        rows["exclusions"] += [
            {"exclusion_table": table, "code": code} for code in some(rng, DIAGNOSES, 5)
        ]
    for rank, mdc in enumerate([*some(rng, "ABZ", 3), "X"], 1):
        rows["mdcs"].append(
            {
                "mdc": mdc,
                "rank": rank,
                "ambiguity": rng.choice(["none", "main_procedure", "any_procedure"]),
                "ambiguity_after": rng.choice([None, 1, 2, 3]),
            }
        )
        rows["sites"] += [
            {"mdc": mdc, "site": site, "code": code}
            for site in ("head", "chest")
            for code in some(rng, DIAGNOSES, 4)
        ]
        rows["conditions"] += conditions(rng, "mdc", mdc)
        for adrg_rank in range(1, rng.randint(1, 4)):
            adrg = f"{mdc}{rng.choice('BR')}{adrg_rank}"
            rows["adrgs"].append(
                {
                    "adrg": adrg,
                    "mdc": mdc,
                    "rank": adrg_rank,
                    "when_unsplit": rng.choice(["stop", "next"]),
                }
            )
            rows["conditions"] += conditions(rng, "adrg", adrg)
            for group_rank in range(1, rng.randint(1, 4)):
                group = f"{adrg}{group_rank}"
                rows["groups"].append({"group_code": group, "adrg": adrg, "rank": group_rank})
                rows["conditions"] += conditions(rng, "group", group)
    frames = {}
    for sheet in SHEETS:
        types = schema(sheet)
        listed = [{name: row.get(name) for name in types} for row in rows[sheet.name]]
        # The order of rows means nothing in a pack.
        rng.shuffle(listed)
        frames[sheet.name] = pl.DataFrame(listed, schema=types)
    manifest = Manifest(
        "random", "随机", "Random", "chs", "1", date(2024, 1, 1),
        subset=rng.random() < 0.3, retry_other_procedures=rng.random() < 0.3,
    )  # fmt: skip
    digest = hashlib.sha256(repr((manifest, rows)).encode()).hexdigest()
    return Scheme(manifest, frames, digest, Path("random"))


def conditions(rng: Random, owner: str, code: str) -> list[dict[str, Any]]:
    """Up to two alternatives of up to two conditions, each of another kind."""
    out = []
    for number in range(1, rng.choice([1, 2, 2, 3])):
        for test in rng.sample(sorted(TESTS), rng.randint(1, 2)):
            value = rng.choice(VALUES.get(test, ["L0", "L1", "L2", "L3", "L1|L2"]))
            if "procedure" in test and rng.random() < 0.2:
                value = "@operating"
            out.append(
                {
                    "owner": owner,
                    "code": code,
                    "alternative": number * 2,
                    "test": test,
                    "op": rng.choice(TESTS[test]),
                    "value": str(value),
                }
            )
    return out


def stays(rng: Random, count: int) -> list[dict[str, Any]]:
    """Stays with the fields that matter, each of them missing or odd now and then."""
    return [one(rng, f"s{n}") for n in range(count)]


def one(rng: Random, stay_id: str) -> dict[str, Any]:
    def mostly(value: Any, chance: float = 0.85) -> Any:
        return value if rng.random() < chance else None

    admitted = date(2024, 2, 29)
    age = rng.choice([0, 0, 1, 14, 60])
    first = datetime(2024, 3, 1, tzinfo=UTC)
    times = []
    for _ in range(rng.choice([0, 0, 1, 3])):
        begin = first + timedelta(minutes=rng.randint(0, 2000))
        times.append((begin, mostly(begin + timedelta(minutes=rng.randint(-10, 2000)), 0.95)))
    codes = {
        "diagnoses": [*DIAGNOSES, *DIAGNOSES, *DIAGNOSES, *CODED["diagnosis"], "U9"],
        "procedures": [*PROCEDURES, *PROCEDURES, *PROCEDURES, *CODED["procedure"], "U9"],
    }
    listed = {
        kind: [
            (ordinal, rng.choice(pool))
            for ordinal in range(1, rng.choice([2, 3, 4, 5]) + (kind == "diagnoses"))
            if rng.random() < 0.97
        ]
        for kind, pool in codes.items()
    }
    return {
        "stay_id": stay_id,
        "claim_type": "inpatient" if rng.random() < 0.95 else "outpatient",
        "sex": rng.choice(["1", "2", "1", "2", "1", "2", "9", None]),
        "age_years": mostly(age),
        "age_days": mostly(rng.choice([0, 5, 28, 29, 300]), 0.7),
        "birth_date": mostly(
            admitted - timedelta(days=age * 366 + rng.choice([-1, 0, 7, 28, 100])), 0.5
        ),
        "admission_date": admitted,
        "discharge_date": mostly(admitted + timedelta(days=rng.choice([-1, 0, 1, 8]))),
        "length_of_stay_days": mostly(rng.choice([0, 1, 8]), 0.5),
        "newborn_birth_weight_g": mostly(rng.choice([0, 1400, 1500, 3000])),
        "discharge_way": mostly(rng.choice(["1", "2", "5"])),
        "discharge_department": mostly(rng.choice(["ICU", "0302"]), 0.5),
        "admission_department": mostly(rng.choice(["ICU", "0302"]), 0.5),
        "diagnoses": listed["diagnoses"],
        "procedures": listed["procedures"],
        "icu": times,
    }


def claim(made: Iterable[dict[str, Any]], rng: Random | None = None) -> Tables:
    """The stays as the tables of a batch; with ``rng`` the rows of every table are shuffled."""
    children = {"diagnoses": diagnosis, "procedures": procedure}
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in children}
    heads, icu = [], []
    for given in made:
        head = {name: value for name, value in given.items() if name not in {*children, "icu"}}
        heads.append(stay(given["stay_id"]) | head)
        for name, row in children.items():
            rows[name] += [row(given["stay_id"], *listed) for listed in given[name]]
        icu += [
            {
                "stay_id": given["stay_id"],
                "ordinal": number,
                "ward_type": "ICU",
                "start_time": begin,
                "end_time": end,
            }
            for number, (begin, end) in enumerate(given.get("icu", ()), 1)
        ]
    everything = {"stays": heads, **rows, "icu_stays": icu}
    if rng is not None:
        for table in everything.values():
            rng.shuffle(table)
    return tables(everything.pop("stays"), **everything)
