"""The invented hospitals of region 330100 and their physicians."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from data_samples.catalogue import Catalogue
from data_samples.dice import Dice

REGION = "330100"
"""The division whose parameters the sample claims select."""

PROVIDER_COUNT = 60
"""One large hospital, a few of level three, some of level two, and many small ones."""

_LEVEL_ONE = ("A03.01", "A03.03", "A03.04", "A03.07", "A04.03", "A07", "A21")
_TITLES = ("主任医师", "副主任医师", "主治医师", "住院医师")

Record = dict[str, object]


@dataclass(frozen=True, slots=True)
class Provider:
    """A hospital: ``physicians`` by department, ``weight`` its share of the stays."""

    provider_id: str
    name: str
    level: str
    provider_type: str
    bed_count: int
    ownership: str
    weight: int
    physicians: Mapping[str, tuple[str, ...]]

    def record(self) -> Record:
        """The canonical PROVIDERS record."""
        return {
            "provider_id": self.provider_id,
            "name": self.name,
            "level": self.level,
            "provider_type": self.provider_type,
            "region_code": REGION,
            "bed_count": self.bed_count,
            "ownership": self.ownership,
        }


def found(seed: int, catalogue: Catalogue) -> tuple[Provider, ...]:
    """The hospitals of a seed; the first one is the large hospital."""
    return tuple(_found_one(seed, number, catalogue) for number in range(PROVIDER_COUNT))


def physician_records(seed: int, providers: tuple[Provider, ...]) -> list[Record]:
    """The canonical PHYSICIANS records of the hospitals."""
    dice = Dice(seed, "titles")
    return [
        {
            "physician_id": physician_id,
            "provider_id": provider.provider_id,
            "department": department,
            "specialty": department,
            "title": dice.choose(_TITLES),
            "active": True,
        }
        for provider in providers
        for department, physicians in provider.physicians.items()
        for physician_id in physicians
    ]


def _found_one(seed: int, number: int, catalogue: Catalogue) -> Provider:
    dice = Dice(seed, "provider", number)
    departments = tuple(catalogue.departments)
    if number == 0:
        level, weight, beds, staff = "3", 900, 1800, (4, 6)
    elif number < 4:
        level, weight, beds, staff = "3", 130, dice.between(600, 1000), (2, 4)
        departments = tuple(d for d in departments if d != "A28" or number == 1)
    elif number < 20:
        level, weight, beds, staff = "2", dice.between(22, 60), dice.between(120, 420), (1, 3)
        departments = tuple(d for d in departments if d not in ("A19", "A28"))
    else:
        level, weight, beds, staff = "1", dice.between(14, 40), dice.between(20, 99), (1, 2)
        departments = tuple(sorted(dice.take(_LEVEL_ONE, dice.between(3, 5))))
    serial = 0
    physicians = {}
    for department in departments:
        ids = []
        for _ in range(dice.between(*staff)):
            serial += 1
            ids.append(f"SD{number + 1:03}{serial:03}")
        physicians[department] = tuple(ids)
    return Provider(
        provider_id=f"SH330100{number + 1:03}",
        name=f"样例市第{number + 1}医院",
        level=level,
        provider_type="general" if level == "3" or dice.chance(0.7) else "specialised",
        bed_count=beds,
        ownership="public" if level == "3" or dice.chance(0.45) else "private",
        weight=weight,
        physicians=physicians,
    )
