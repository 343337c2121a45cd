"""Clinical templates of the sample month, read from ``templates.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from data_samples import tariff
from data_samples.tariff import Item, TariffError

TEMPLATES = Path(__file__).resolve().parent / "templates.toml"
"""The file of templates, comorbidities, drug regimens and departments."""

_TERM_WEIGHT_G = (2600, 3800)


@dataclass(frozen=True, slots=True)
class Use:
    """An item used ``quantity`` units a day from day ``first`` to day ``last`` of the stay."""

    item: Item
    quantity: int
    first: int = 0
    last: int = 10_000

    def holds(self, day: int) -> bool:
        """Whether the item is used on this day (0 is the day of admission)."""
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class Regimen:
    """How a drug is ordered: dose of one administration and its frequency code."""

    dose: str
    dose_unit: str
    frequency: str
    route: str


@dataclass(frozen=True, slots=True)
class Operation:
    """A procedure of a template with the items that it uses; ``day`` counts from admission."""

    code: str
    name: str
    item: Item
    day: int
    minutes: int
    anaesthesia: Item | None
    supplies: tuple[Use, ...]


@dataclass(frozen=True, slots=True)
class Comorbidity:
    """A secondary diagnosis with the ages (years, inclusive) and sex that may have it."""

    code: str
    name: str
    youngest: int
    oldest: int
    sex: str
    present_on_admission: str

    def fits(self, age: int, sex: str) -> bool:
        """Whether a patient of this age in years and sex may have it."""
        return self.youngest <= age <= self.oldest and self.sex in ("", sex)


@dataclass(frozen=True, slots=True)
class Template:
    """A kind of stay: its codes and ADRG, patients, length in nights, and what is ordered.

    ``frequency`` is its weight among all stays; ``levels`` holds the hospital levels
    that treat it; ``first`` lists codes of which one always stands second on the list.
    """

    key: str
    code: str
    name: str
    adrg: str
    department: str
    frequency: int
    levels: str
    ages: tuple[int, int]
    nights: tuple[int, int, int]
    nursing: int
    secondary: tuple[Comorbidity, ...]
    first: tuple[str, ...]
    own_only: bool
    sex: str
    emergency: bool
    planned: bool
    day_surgery: bool
    newborn: bool
    birth_weight_g: tuple[int, int]
    icu_days: int
    ventilation_hours: tuple[int, int] | None
    labs: tuple[Item, ...]
    repeat: tuple[Item, ...]
    exams: tuple[Item, ...]
    drugs: tuple[Use, ...]
    daily: tuple[Use, ...]
    extra: tuple[Use, ...]
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class VisitTemplate:
    """A kind of outpatient visit; each visit uses one or more of ``items``."""

    code: str
    name: str
    department: str
    ages: tuple[int, int]
    items: tuple[Use, ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything clinical that the generator knows."""

    items: Mapping[str, Item]
    templates: Mapping[str, Template]
    visits: tuple[VisitTemplate, ...]
    comorbidities: tuple[Comorbidity, ...]
    regimens: Mapping[str, Regimen]
    departments: Mapping[str, tuple[str, str]]
    sicker: Mapping[str, tuple[Use, ...]]
    """What may be ordered besides where a secondary diagnosis is an MCC or CC."""


@cache
def load() -> Catalogue:
    """The catalogue; TariffError names an item that the tariff does not have."""
    raw = tomllib.loads(TEMPLATES.read_text(encoding="utf-8"))
    reader = _Reader(tariff.read(), {code: int(row[0]) for code, row in raw["drugs"].items()})
    templates = (reader.template(entry) for entry in raw["template"])
    return Catalogue(
        items=reader.items,
        templates={t.key: t for t in templates},
        visits=tuple(reader.visit(entry) for entry in raw["visit"]),
        comorbidities=tuple(
            Comorbidity(code, name, youngest, oldest, sex, present)
            for code, (name, youngest, oldest, sex, present) in raw["comorbidities"].items()
        ),
        regimens={code: Regimen(*row[1:]) for code, row in raw["drugs"].items()},
        departments={code: (zh, en) for code, (zh, en) in raw["departments"].items()},
        sicker={level: reader.uses(texts) for level, texts in raw["sicker"].items()},
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns entries of the file into templates, looking items up in the tariff."""

    items: Mapping[str, Item]
    a_day: Mapping[str, int]

    def find(self, code: str) -> Item:
        if code not in self.items:
            raise TariffError(
                f"a template names the item {code}, which is not in the tariff",
                where=f"{TEMPLATES} and {tariff.ITEMS}",
                cure="Correct the code in the template or add the item to the tariff.",
            )
        return self.items[code]

    def use(self, text: str) -> Use:
        rest, _, days = text.partition("@")
        code, _, quantity = rest.partition("*")
        first, _, last = days.partition("-")
        return Use(
            self.find(code),
            int(quantity) if quantity else self.a_day.get(code, 1),
            int(first) if first else 0,
            int(last) if last else 10_000,
        )

    def uses(self, texts: Sequence[str]) -> tuple[Use, ...]:
        return tuple(self.use(text) for text in texts)

    def plain(self, codes: Sequence[str]) -> tuple[Item, ...]:
        return tuple(self.find(code) for code in codes)

    def operation(self, entry: dict[str, Any]) -> Operation:
        return Operation(
            code=entry["code"],
            name=entry["name"],
            item=self.find(entry["item"]),
            day=entry["day"],
            minutes=entry["minutes"],
            anaesthesia=self.find(entry["anaesthesia"]) if entry["anaesthesia"] else None,
            supplies=self.uses(entry["supplies"]),
        )

    def visit(self, entry: dict[str, Any]) -> VisitTemplate:
        return VisitTemplate(
            code=entry["code"],
            name=entry["name"],
            department=entry["department"],
            ages=(entry["ages"][0], entry["ages"][1]),
            items=self.uses(entry["items"]),
        )

    def template(self, entry: dict[str, Any]) -> Template:
        secondary = []
        for text in entry["secondary"]:
            code, _, name = text.partition("=")
            secondary.append(Comorbidity(code, name, 0, 120, "", "1"))
        hours = entry.get("ventilation_hours")
        weight = entry.get("birth_weight", _TERM_WEIGHT_G)
        return Template(
            key=entry["key"],
            code=entry["code"],
            name=entry["name"],
            adrg=entry["adrg"],
            department=entry["department"],
            frequency=entry["frequency"],
            levels=entry["levels"],
            ages=(entry["ages"][0], entry["ages"][1]),
            nights=(entry["nights"][0], entry["nights"][1], entry["nights"][2]),
            nursing=entry["nursing"],
            secondary=tuple(secondary),
            first=tuple(entry.get("first", ())),
            own_only=entry.get("own_only", False),
            sex=entry.get("sex", ""),
            emergency=entry.get("emergency", False),
            planned=entry.get("planned", False),
            day_surgery=entry.get("day_surgery", False),
            newborn=entry.get("newborn", False),
            birth_weight_g=(weight[0], weight[1]),
            icu_days=entry.get("icu_days", 0),
            ventilation_hours=(hours[0], hours[1]) if hours else None,
            labs=self.plain(entry["labs"]),
            repeat=self.plain(entry["repeat"]),
            exams=self.plain(entry["exams"]),
            drugs=self.uses(entry["drugs"]),
            daily=self.uses(entry["daily"]),
            extra=self.uses(entry["extra"]),
            operations=tuple(self.operation(o) for o in entry.get("operations", ())),
        )
