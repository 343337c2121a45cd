"""Groups cases with OpenDRG's own Python grouper; started as a process of its own.

    python -B benchmarks/opendrg_runner.py CHECKOUT REGION CASES.json OUT.json [--trans-code]

It runs third-party code, so nothing else of the project imports it, and it imports
nothing of the project. ``CASES.json`` holds the field types and the cases; ``OUT.json``
gets status, category, ADRG and group of each, or the error that OpenDRG broke off with,
and the seconds that its loop took.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
import types
from pathlib import Path
from typing import Any

STATUSES = {"分组成功": "grouped", "歧义病案": "ambiguous", "无法入组": "ungroupable"}


def main() -> None:
    checkout, region, cases_path, out_path, *options = sys.argv[1:]
    sys.path.insert(0, checkout)
    given = json.loads(Path(cases_path).read_text("utf-8"))
    for name in given["missing_files"]:
        _stand_in(checkout, region, name)
    proxy = importlib.import_module(f"drg_group.{region}.GroupProxy")
    fields = proxy.MedicalRecord._fields
    grouper = proxy.GroupProxy(TRANS_CODE=1 if "--trans-code" in options else 0)
    records = [_record(proxy.MedicalRecord, fields, case, given["sex"]) for case in given["cases"]]
    answers: list[list[str]] = []
    before = time.perf_counter()
    for record in records:
        try:
            result = grouper.group(record)
        except Exception as error:
            answers.append(["raised", f"{type(error).__name__}: {error}", "", ""])
        else:
            answers.append([result.status, result.mdc, result.adrg, result.drg])
    seconds = time.perf_counter() - before
    told = [[STATUSES.get(status, status), *rest] for status, *rest in answers]
    Path(out_path).write_text(json.dumps({"answers": told, "seconds": seconds}), "utf-8")


def _record(kind: Any, fields: tuple[str, ...], case: dict[str, Any], sex: str) -> Any:
    days = case["age_days"]
    values = {
        "Index": case["id"],
        "gender": int(case["sex"]) if sex == "int" else case["sex"],
        "age": case["age_years"],
        "ageDay": case["age_years"] * 365 + 180 if days is None else days,
        "weight": case["birth_weight_g"] or 0,
        "dept": case["department"],
        "inHospitalTime": case["stay_days"],
        "leavingType": case["discharge_way"],
        "zdList": "|".join(case["diagnoses"]),
        "ssList": "|".join(case["procedures"]),
        "icuHours": case["icu_hours"],
        "amount": 0,
    }
    return kind(**{name: values[name] for name in fields})


def _stand_in(checkout: str, region: str, name: str) -> None:
    """Give a region the ADRG file that it imports but lacks: its numbered parts in their order.

    Without it OpenDRG cannot load the region at all.
    """
    folder = importlib.import_module(f"drg_group.{region}.ADRG")
    found = sorted((Path(checkout) / "drg_group" / region / "ADRG").glob(f"{name}_?.py"))
    parts = [importlib.import_module(f"drg_group.{region}.ADRG.{path.stem}") for path in found]

    def group(record: Any) -> str:
        return next((answer for part in parts if (answer := part.group(record))), "")

    module = types.ModuleType(f"drg_group.{region}.ADRG.{name}")
    module.group = group  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
    setattr(folder, name, module)


if __name__ == "__main__":
    main()
