"""Grouping as the tables say it, one stay at a time: slow, plain, and written apart from the engine.

The tests compare the engine with it. A stay is a dictionary of the fields of ``STAYS`` with
``diagnoses`` and ``procedures`` (lists of ordinal and code) and ``icu`` (pairs of instants).
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

from drg.schemes import Scheme

COMPARE = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
}
CODED = {
    "principal_diagnosis": ("diagnosis", "first"),
    "any_diagnosis": ("diagnosis", "any"),
    "other_diagnosis": ("diagnosis", "other"),
    "main_procedure": ("procedure", "first"),
    "any_procedure": ("procedure", "any"),
    "other_procedure": ("procedure", "other"),
}
LEFT_OUT, UNKNOWN = object(), object()


class Oracle:
    """The tables of a scheme as plain dictionaries and sets."""

    def __init__(self, scheme: Scheme) -> None:
        rows = {name: table.to_dicts() for name, table in scheme.tables.items()}
        self.manifest = scheme.manifest
        self.rows = rows
        self.valid = {
            "diagnosis": {row["code"] for row in rows["diagnoses"]},
            "procedure": {row["code"] for row in rows["procedures"]},
        }
        self.crosswalk = {(row["kind"], row["code"]): row["target"] for row in rows["crosswalks"]}
        self.members = {
            "diagnosis": _sets(rows["diagnosis_lists"], "list"),
            "procedure": _sets(rows["procedure_lists"], "list"),
        }
        operating = {row["code"] for row in rows["procedures"] if row["operating"]}
        self.members["procedure"]["@operating"] = operating
        self.levels = {
            (row["code"], row["level"]): row["exclusion_table"] for row in rows["complications"]
        }
        self.excluded = {(row["exclusion_table"], row["code"]) for row in rows["exclusions"]}

    def use(self, kind: str, code: str) -> Any:
        """The code that stands for a code, or why there is none."""
        if (kind, code) in self.crosswalk:
            code = self.crosswalk[kind, code]
            if code is None:
                return LEFT_OUT
        return code if code in self.valid[kind] else UNKNOWN

    def group(self, stay: dict[str, Any]) -> dict[str, Any]:
        """The row of ``STAYS``, and ``diagnoses`` and ``steps``, of a stay."""
        out: dict[str, Any] = dict.fromkeys(
            ["mdc", "adrg", "group_code", "alternative", "severity", "severity_diagnosis", "reason"]
        )
        listed = sorted(stay["diagnoses"])
        done = sorted(stay["procedures"])
        used = [(ordinal, self.use("diagnosis", code)) for ordinal, code in listed]
        used_done = [(ordinal, self.use("procedure", code)) for ordinal, code in done]
        principal, main = (
            next((code for ordinal, code in codes if ordinal == 1 and isinstance(code, str)), None)
            for codes in (used, used_done)
        )
        out |= {"principal_diagnosis": principal, "main_procedure": main, "steps": []}
        facts = measure(stay)
        status = self.refuse(stay, facts, used, used_done)
        if status:
            out["status"], out["reason"] = status
            if out["reason"] == "not_inpatient":
                return out | {"principal_diagnosis": None, "main_procedure": None, "diagnoses": []}
            out["diagnoses"] = [
                self.judge(ordinal, code, None, principal) for ordinal, code in listed
            ]
            return out
        others = [code for ordinal, code in used if ordinal > 1 and isinstance(code, str)]
        others_done = [code for ordinal, code in used_done if ordinal > 1 and isinstance(code, str)]
        facts |= {"diagnosis": (principal, others), "procedure": (main, others_done)}
        out["diagnoses"] = [self.judge(ordinal, code, True, principal) for ordinal, code in listed]
        levels = {level: self.counting(level, principal, others) for level in ("mcc", "cc")}
        facts["levels"] = {level for level, codes in levels.items() if codes}
        out["severity"] = next((level for level in ("mcc", "cc") if levels[level]), "none")
        out["severity_diagnosis"] = next(iter(levels.get(out["severity"], [])), None)
        found = self.walk(facts, out["steps"])
        if found is None and self.manifest.retry_other_procedures:
            for again in others_done:
                before = facts["lost"]
                found = self.walk(facts | {"procedure": (again, [])}, out["steps"], facts)
                facts["lost"] |= before
                if found:
                    out["main_procedure"] = again
                    break
        if found is None:
            lost = "no_adrg" if facts["lost"] else "no_mdc"
            found = {
                "status": "ungroupable",
                "reason": "outside_subset" if self.manifest.subset else lost,
                "group_code": "0000",
            }
        return out | found

    def refuse(
        self, stay: dict[str, Any], facts: dict[str, Any], used: list[Any], done: list[Any]
    ) -> tuple[str, str] | None:
        """Status and reason of a stay that cannot be grouped."""
        if stay["claim_type"] != "inpatient":
            return "not_grouped", "not_inpatient"
        if not any(ordinal == 1 for ordinal, _ in used):
            return "invalid", "no_principal_diagnosis"
        subset = self.manifest.subset
        if subset and any(ordinal == 1 and code is UNKNOWN for ordinal, code in used + done):
            return "unknown_code", "outside_subset"
        for reason, codes in (("unknown_diagnosis", used), ("unknown_procedure", done)):
            if any(
                (code is UNKNOWN and not subset) or (code is LEFT_OUT and ordinal == 1)
                for ordinal, code in codes
            ):
                return "unknown_code", reason
        if stay.get("sex") not in ("1", "2"):
            return "invalid", "sex_missing"
        age, days = facts["age_years"], facts["age_days"]
        if age is None:
            return "invalid", "age_missing"
        if age == 0 and days is None:
            return "invalid", "age_days_missing"
        if age == 0 and days <= 28 and facts["birth_weight_g"] is None:
            return "invalid", "birth_weight_missing"
        return None

    def counts(self, level: str, code: str, principal: str) -> bool:
        if (code, level) not in self.levels:
            return False
        return (self.levels[code, level], principal) not in self.excluded

    def counting(self, level: str, principal: str, others: list[str]) -> list[str]:
        return [code for code in others if self.counts(level, code, principal)]

    def judge(self, ordinal: int, code: str, judged: bool | None, principal: str) -> dict[str, Any]:
        """The row of ``DIAGNOSES``."""
        used = self.use("diagnosis", code)
        used = used if isinstance(used, str) else None
        row = {"ordinal": ordinal, "code": code, "used_code": used, "level": None}
        row |= {"counted": False if judged else None, "excluded_by": None}
        mine = [level for level in ("mcc", "cc") if (used, level) in self.levels and ordinal > 1]
        if not mine:
            return row
        row["level"] = mine[0]
        if not judged:
            return row
        held = [level for level in mine if self.counts(level, used, principal)]
        if held:
            return row | {"level": held[0], "counted": True}
        return row | {"excluded_by": self.levels[used, mine[0]]}

    def walk(
        self, facts: dict[str, Any], steps: list[Any], tell: dict[str, Any] | None = None
    ) -> dict[str, Any] | None:
        """Where the categories lead; ``lost`` is set in the facts (or ``tell``)."""
        tell = facts if tell is None else tell
        tell["lost"] = False
        for mdc in sorted(self.rows["mdcs"], key=operator.itemgetter("rank")):
            by = self.satisfied("mdc", mdc["mdc"], facts)
            if by is None:
                continue
            inner: list[Any] = []
            found = self.enter(mdc, facts, inner)
            outcome = "left" if found is None else "entered" if found["adrg"] is None else "taken"
            steps += [("mdc", mdc["mdc"], by or None, outcome), *inner]
            if found is not None:
                return found
            tests = [
                row["test"]
                for row in self.rows["conditions"]
                if (row["owner"], row["code"]) == ("mdc", mdc["mdc"])
            ]
            tell["lost"] |= not tests or "principal_diagnosis" in tests
        return None

    def enter(
        self, mdc: dict[str, Any], facts: dict[str, Any], steps: list[Any]
    ) -> dict[str, Any] | None:
        mine = [row for row in self.rows["adrgs"] if row["mdc"] == mdc["mdc"]]
        asked = mdc["ambiguity"] == "none"
        for adrg in [*sorted(mine, key=operator.itemgetter("rank")), None]:
            if not asked and (adrg is None or adrg["rank"] > (mdc["ambiguity_after"] or 0)):
                asked = True
                first, others = facts["procedure"]
                tried = [first] if mdc["ambiguity"] == "main_procedure" else [first, *others]
                if set(tried) & self.members["procedure"]["@operating"]:
                    return {
                        "status": "ambiguous",
                        "reason": "unrelated_procedure",
                        "mdc": mdc["mdc"],
                        "adrg": None,
                        "group_code": mdc["mdc"] + "QY",
                    }
            by = None if adrg is None else self.satisfied("adrg", adrg["adrg"], facts)
            if adrg is None or by is None:
                continue
            splits = [row for row in self.rows["groups"] if row["adrg"] == adrg["adrg"]]
            group, group_by = adrg["adrg"], None
            for split in sorted(splits, key=operator.itemgetter("rank")):
                group_by = self.satisfied("group", split["group_code"], facts)
                if group_by is not None:
                    group = split["group_code"]
                    break
            if group_by is None and adrg["when_unsplit"] == "next":
                steps.append(("adrg", adrg["adrg"], by or None, "left"))
                continue
            steps.append(("adrg", adrg["adrg"], by or None, "taken"))
            if group_by is not None:
                steps.append(("group", group, group_by or None, "taken"))
            return {
                "status": "grouped",
                "mdc": mdc["mdc"],
                "adrg": adrg["adrg"],
                "group_code": group,
                "alternative": by or None,
            }
        return None

    def satisfied(self, owner: str, code: str, facts: dict[str, Any]) -> int | None:
        """The first alternative that holds; 0 if there are none to hold."""
        mine = [r for r in self.rows["conditions"] if (r["owner"], r["code"]) == (owner, code)]
        for number in sorted({row["alternative"] for row in mine}):
            rows = [row for row in mine if row["alternative"] == number]
            if all(self.holds(row, facts, self.category(owner, code)) for row in rows):
                return number
        return None if mine else 0

    def category(self, owner: str, code: str) -> str:
        if owner == "group":
            code = next(r["adrg"] for r in self.rows["groups"] if r["group_code"] == code)
        if owner != "mdc":
            code = next(r["mdc"] for r in self.rows["adrgs"] if r["adrg"] == code)
        return code

    def holds(self, row: dict[str, Any], facts: dict[str, Any], mdc: str) -> bool:
        test, op, value = row["test"], row["op"], row["value"]
        if test in CODED:
            kind, place = CODED[test]
            first, others = facts[kind]
            codes = {"first": [first], "other": others, "any": [first, *others]}[place]
            lists = [self.members[kind][name] for name in value.split("|")]
            within = bool(set(codes) & set().union(*lists))
            return within == (op == "in")
        if test == "complication":
            wanted = {"mcc", "cc"} if value == "mcc_or_cc" else {value}
            return bool(facts["levels"] & wanted)
        if test == "body_sites":
            first, others = facts["diagnosis"]
            sites = {
                r["site"]
                for r in self.rows["sites"]
                if r["mdc"] == mdc and r["code"] in {first, *others}
            }
            return len(sites) >= int(value)
        if op == "is":
            return facts[test] in value.split("|")
        return facts[test] is not None and COMPARE[op](facts[test], Fraction(value))


def _sets(rows: Iterable[dict[str, Any]], name: str) -> dict[str, set[str]]:
    out: dict[str, set[str]] = {}
    for row in rows:
        out.setdefault(row[name], set()).add(row["code"])
    return out


def measure(stay: dict[str, Any]) -> dict[str, Any]:
    """The numbers and texts that tests look at, from the fields of a stay."""
    get = stay.get
    born, admitted, discharged = get("birth_date"), get("admission_date"), get("discharge_date")
    age, days = get("age_years"), get("age_days")
    lived = (admitted - born).days if born and admitted and admitted >= born else None
    if age is None and lived is not None:
        age = completed_years(born, admitted)
    if age is None and days is not None:
        age = 0
    length = get("length_of_stay_days")
    if length is None and discharged and discharged >= admitted:
        length = (discharged - admitted).days
    return {
        "age_years": age,
        "age_days": days if age == 0 and days is not None else lived,
        "birth_weight_g": get("newborn_birth_weight_g") or None,
        "stay_days": length,
        "icu_hours": icu_hours(get("icu", ())),
        "sex": get("sex"),
        "discharge_way": get("discharge_way"),
        "department": get("discharge_department") or get("admission_department"),
    }


def completed_years(born: date, on: date) -> int:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def icu_hours(times: Sequence[tuple[datetime, datetime | None]]) -> Fraction | None:
    """Hours that at least one of the times covers; not known where one has no end."""
    if any(end is None or end < start for start, end in times):
        return None
    total, upto = timedelta(), None
    for start, end in sorted(times):
        begin = start if upto is None else max(start, upto)
        total += max(end - begin, timedelta())
        upto = end if upto is None else max(upto, end)
    return Fraction(total // timedelta(seconds=1), 3600)
