"""Random valid stays for a scheme: every rule is aimed at, and what it looks at is varied."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

import pyarrow as pa

from domain.tables import Tables
from drg.schemes import Scheme
from drg.schemes.layout import OPERATING

Case = dict[str, Any]
_WEIGHTS = (700, 999, 1000, 1499, 1500, 1999, 2000, 2499, 2500, 3300, 4200)
_WAYS = ("1", "2", "3", "4", "5", "9")
_START = datetime(2024, 3, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Aim:
    """A rule to aim at: its ADRG and group (None: any), and the tests that must hold."""

    adrg: str
    group: str | None
    tests: tuple[tuple[str, str, str], ...]


class CaseMaker:
    """Makes cases for a scheme from a seed; ``usable`` limits the codes that they may have."""

    def __init__(
        self, scheme: Scheme, seed: int, usable: tuple[frozenset[str], frozenset[str]] | None = None
    ) -> None:
        self._random = random.Random(seed)
        tables = scheme.tables
        diagnoses, procedures = usable or (None, None)

        def keep(codes: Iterable[str], allowed: frozenset[str] | None) -> list[str]:
            return [c for c in codes if allowed is None or c in allowed]

        self._diagnoses = keep(tables["diagnoses"]["code"], diagnoses)
        self._procedures = keep(tables["procedures"]["code"], procedures)
        operating = tables["procedures"].filter(tables["procedures"]["operating"])["code"]
        self._operating = set(keep(operating, procedures))
        self._plain = [code for code in self._procedures if code not in self._operating]
        self._lists: dict[str, dict[str, list[str]]] = {
            "diagnosis": defaultdict(list),
            "procedure": defaultdict(list),
        }
        for kind, allowed in (("diagnosis", diagnoses), ("procedure", procedures)):
            for name, code in tables[f"{kind}_lists"].rows():
                if allowed is None or code in allowed:
                    self._lists[kind][name].append(code)
        self._working = sorted(self._operating)
        self._lists["procedure"][OPERATING] = self._working
        self._sites: dict[str, list[str]] = defaultdict(list)
        for _, site, code in tables["sites"].rows():
            if diagnoses is None or code in diagnoses:
                self._sites[site].append(code)
        self._levels: dict[str, list[str]] = defaultdict(list)
        self._tables: dict[str, set[str | None]] = defaultdict(set)
        for code, level, table in tables["complications"].rows():
            if diagnoses is None or code in diagnoses:
                self._levels[level].append(code)
            self._tables[code].add(table)
        self._excluding: dict[str, set[str]] = defaultdict(set)
        for table, code in tables["exclusions"].rows():
            self._excluding[code].add(table)
        self._by_table: dict[str, list[str]] = defaultdict(list)
        for code, of_code in self._tables.items():
            for table in of_code:
                if table is not None and (diagnoses is None or code in diagnoses):
                    self._by_table[table].append(code)
        self._departments = sorted(
            {
                value
                for test, values in tables["conditions"].select("test", "value").rows()
                if test == "department"
                for value in values.split("|")
            }
        )
        self.aims = _aims(scheme)

    def make(self, aim: Aim) -> Case | None:
        """A case that meets the tests of an aim, the rest at random; None if none can."""
        rand = self._random
        case: Case = {
            "sex": rand.choice("12"),
            "age_years": rand.choice((rand.randint(0, 20), rand.randint(0, 100))),
            "age_days": None,
            "birth_weight_g": None,
            "stay_days": rand.choice((0, 1, 2, 5, 6, 7, 12, 13, 14, 30, 31, 60, 61, rand.randint(1, 90))),
            "icu_hours": rand.choice((0, 0, 0, 1, 119, 120, 121, 200)),
            "discharge_way": rand.choice(_WAYS),
            "department": rand.choice(["0301", *self._departments]),
        }  # fmt: skip
        principal: set[str] | None = None
        main: set[str] | None = None
        never_main: set[str] = set()
        never_principal: set[str] = set()
        never_any: set[str] = set()
        wanted: list[str] = []
        with_procedures: list[str] = []
        numbers: dict[str, list[tuple[str, int]]] = defaultdict(list)
        level: str | None = None
        sites = False
        for test, op, value in aim.tests:
            what, _, kind = test.rpartition("_")
            if kind in self._lists:
                codes = {c for name in value.split("|") for c in self._lists[kind][name]}
                match what, op:
                    case "principal", "in":
                        principal = codes if principal is None else principal & codes
                    case "main", "in":
                        main = codes if main is None else main & codes
                    case "principal", "not_in":
                        never_principal |= codes
                    case "main", "not_in":
                        never_main |= codes
                    case _, "not_in":
                        never_any |= codes
                    case _ if not codes:
                        return None
                    case _:
                        chosen = rand.choice(sorted(codes))
                        (wanted if kind == "diagnosis" else with_procedures).append(chosen)
            elif test == "complication":
                level = rand.choice(("mcc", "cc")) if value == "mcc_or_cc" else value
            elif test == "body_sites":
                sites = True
            elif test in {"sex", "discharge_way", "department"}:
                case[test] = rand.choice(value.split("|"))
            else:
                numbers[test].append((op, int(value)))
        if not self._number(case, numbers):
            return None
        diagnoses = self._choose_diagnoses(principal, never_principal, wanted, sites)
        if diagnoses is None:
            return None
        self._add_complications(diagnoses, level)
        procedures: list[str] = []
        if main is not None:
            left = sorted(main - never_main - never_any)
            if not left:
                return None
            procedures.append(rand.choice(left))
        elif rand.random() < 0.2:
            procedures.append(rand.choice(self._procedures))
        procedures += with_procedures
        # Any operating procedure may make a stay ambiguous, so half of those without stay so.
        if procedures or rand.random() < 0.5:
            for _ in range(rand.choice((0, 0, 0, 1, 2))):
                procedures.append(rand.choice(rand.choice((self._procedures, self._working))))
        if main is None and len(procedures) > 1 and rand.random() < 0.5:
            rand.shuffle(procedures)
        if never_main and procedures and procedures[0] in never_main:
            procedures.insert(0, rand.choice(self._plain))
        procedures = [code for code in procedures if code not in never_any]
        case["diagnoses"] = list(dict.fromkeys(diagnoses))
        case["procedures"] = list(dict.fromkeys(procedures))
        return case

    def make_wild(self) -> Case:
        """A case of codes that have nothing to do with each other."""
        aim = Aim("", None, ())
        while True:
            case = self.make(aim)
            if case is not None:
                return case

    def make_around(self, code: str) -> Case:
        """A case with a diagnosis that others exclude, or that excludes others."""
        case = self.make_wild()
        tables = sorted(self._excluding.get(code, ()))
        severe = [c for table in tables for c in self._by_table[table]]
        if severe and self._random.random() < 0.5:
            case["diagnoses"] = [code, self._random.choice(severe)]
        else:
            case["diagnoses"] = list(dict.fromkeys([*case["diagnoses"][:1], code]))
        return case

    def _number(self, case: Case, numbers: dict[str, list[tuple[str, int]]]) -> bool:
        rand = self._random
        for test, limits in numbers.items():
            near = {v + d for _, v in limits for d in (-30, -1, 0, 1, 30)} | {0, 1, 28, 365, 1200}
            if test == "birth_weight_g":
                near |= set(_WEIGHTS)
            fitting = sorted(
                n for n in near if n >= 0 and all(_holds(n, op, v) for op, v in limits)
            )
            if test == "birth_weight_g":
                fitting = [n for n in fitting if n > 0]
            if not fitting:
                return False
            case[test] = rand.choice(fitting)
        newborn = case["age_days"] is not None and case["age_days"] < 365
        if newborn and not all(_holds(0, op, v) for op, v in numbers.get("age_years", ())):
            return False
        if newborn or case["birth_weight_g"] is not None:
            case["age_years"] = 0
        if case["age_years"] == 0:
            if case["age_days"] is None:
                case["age_days"] = rand.choice((0, 1, 27, 28, 29, 200, 364))
            if case["birth_weight_g"] is None:
                case["birth_weight_g"] = rand.choice(_WEIGHTS)
        else:
            case["age_days"] = None
        return case["age_years"] <= 150 and (case["age_days"] or 0) <= 365

    def _choose_diagnoses(
        self, principal: set[str] | None, never: set[str], wanted: list[str], sites: bool
    ) -> list[str] | None:
        rand = self._random
        if sites:
            named = rand.sample(
                sorted(self._sites), k=min(rand.choice((2, 2, 3)), len(self._sites))
            )
            hurt = [rand.choice(self._sites[site]) for site in named]
            inside = [code for code in hurt if principal is None or code in principal]
            if not inside:
                return None
            return [inside[0], *(code for code in hurt if code != inside[0]), *wanted]
        if principal is not None:
            left = sorted(principal - never)
            if not left:
                return None
            return [rand.choice(left), *wanted]
        if wanted and rand.random() < 0.5:
            return wanted
        return [rand.choice(self._diagnoses), *wanted]

    def _add_complications(self, diagnoses: list[str], level: str | None) -> None:
        """Add a code of the level that counts; or noise: excluded ones, others, none."""
        rand = self._random
        excluding = self._excluding.get(diagnoses[0], set())
        if level is not None and self._levels[level]:
            for _ in range(20):
                code = rand.choice(self._levels[level])
                if not self._tables[code] & excluding:
                    diagnoses.append(code)
                    break
        noise = rand.random()
        if excluding and noise < 0.3:
            table = rand.choice(sorted(excluding))
            if self._by_table[table]:
                diagnoses.append(rand.choice(self._by_table[table]))
        elif noise > 0.9:
            diagnoses.append(
                rand.choice(self._levels[rand.choice(("mcc", "cc"))] or self._diagnoses)
            )
        diagnoses += rand.choices(self._diagnoses, k=rand.choice((0, 0, 1, 2, 4)))
        rest = diagnoses[1:]
        rand.shuffle(rest)
        diagnoses[1:] = rest


def as_tables(cases: list[Case], copies: int = 1) -> Tables:
    """The cases as claims; each is repeated so many times under another id."""
    stays: dict[str, list[Any]] = defaultdict(list)
    diagnoses: dict[str, list[Any]] = defaultdict(list)
    procedures: dict[str, list[Any]] = defaultdict(list)
    icu: dict[str, list[Any]] = defaultdict(list)
    for copy in range(copies):
        for case in cases:
            stay_id = f"{case['id']}-{copy}" if copy else case["id"]
            stays["stay_id"].append(stay_id)
            for name in ("sex", "age_years", "age_days", "discharge_way"):
                stays[name].append(case[name])
            stays["newborn_birth_weight_g"].append(case["birth_weight_g"])
            stays["length_of_stay_days"].append(case["stay_days"])
            stays["discharge_department"].append(case["department"])
            for table, codes in ((diagnoses, case["diagnoses"]), (procedures, case["procedures"])):
                table["stay_id"] += [stay_id] * len(codes)
                table["ordinal"] += range(1, len(codes) + 1)
                table["code"] += codes
            if case["icu_hours"]:
                icu["stay_id"].append(stay_id)
                icu["ordinal"].append(1)
                icu["start_time"].append(_START)
                icu["end_time"].append(_START + timedelta(hours=case["icu_hours"]))
    count = len(stays["stay_id"])
    fixed = {
        "claim_version": 1, "claim_type": "inpatient", "time_zone": "Asia/Shanghai",
        "currency": "CNY", "provider_id": "H1", "patient_id": "P1",
        "admission_date": date(2024, 3, 1), "diagnosis_system": "ICD-10-CN",
        "procedure_system": "ICD-9-CM-3-CN",
    }  # fmt: skip
    given = {name: [value] * count for name, value in fixed.items()} | dict(stays)
    tables = {"stays": pa.table(given), "diagnoses": pa.table(dict(diagnoses))}
    if procedures["stay_id"]:
        tables["procedures"] = pa.table(dict(procedures))
    if icu["stay_id"]:
        tables["icu_stays"] = pa.table(dict(icu))
    return Tables.of(tables)


def _holds(number: int, op: str, limit: int) -> bool:
    return {
        "<": number < limit, "<=": number <= limit, ">": number > limit,
        ">=": number >= limit, "==": number == limit,
    }[op]  # fmt: skip


def _aims(scheme: Scheme) -> list[Aim]:
    """Every alternative of every group, with those of its ADRG and category."""
    rows: dict[tuple[str, str], dict[int, list[tuple[str, str, str]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    columns = ("owner", "code", "alternative", "test", "op", "value")
    for owner, code, alternative, test, op, value in (
        scheme.tables["conditions"].select(columns).rows()
    ):
        rows[owner, code][alternative].append((test, op, value))

    def ways(owner: str, code: str) -> list[list[tuple[str, str, str]]]:
        return list(rows[owner, code].values()) or [[]]

    groups: dict[str, list[str]] = defaultdict(list)
    for code, adrg in scheme.tables["groups"].select("group_code", "adrg").rows():
        groups[adrg].append(code)
    aims = []
    for adrg, mdc in scheme.tables["adrgs"].select("adrg", "mdc").rows():
        outer = list(product(ways("mdc", mdc), ways("adrg", adrg)))
        listed: list[str | None] = [*groups[adrg]] or [None]
        for group in listed:
            inner = ways("group", group) if group is not None else [[]]
            aims += [Aim(adrg, group, (*m, *a, *g)) for m, a in outer for g in inner]
    return aims
