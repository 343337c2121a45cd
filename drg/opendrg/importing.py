"""Turns a region of an OpenDRG checkout into a scheme pack."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from pathlib import Path

import polars as pl

from drg.opendrg.catalogue import NO_NAME, Catalogue, Row
from drg.opendrg.checkout import commit, refusal, region_folder
from drg.opendrg.conditions import Alternatives
from drg.opendrg.notes import Note, Notes
from drg.opendrg.ordering import arrange
from drg.opendrg.places import CATEGORIES, NATIONAL_YEARS, PLACES
from drg.opendrg.sources import Adrg, Sources, read_sources
from drg.schemes.scheme import Manifest

_KINDS = (("ABCDEFGHIJ", "surgical"), ("KLMNPQ", "procedure"))
"""Second letters of surgical ADRGs and of those of procedures; the rest is medical."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A region as a pack: what ``drg.schemes.write`` takes, and what was noticed.

    ``sexes`` says whether the sources compare the sex with ``int`` or ``str``.
    """

    manifest: Manifest
    tables: dict[str, pl.DataFrame] = field(repr=False)
    notes: tuple[Note, ...]
    sexes: frozenset[str]

    def told(self, kind: str) -> tuple[str, ...]:
        """The codes of all notes of a kind."""
        return tuple(code for note in self.notes if note.kind == kind for code in note.codes)


def import_scheme(checkout: Path, region: str, *, repair: bool = True) -> Imported:
    """The pack of one region of a checkout of OpenDRG.

    Its sources are parsed, never executed; anything that is not one of the known forms
    raises OpenDrgError with file and line. ``repair=False`` leaves slips of its data files
    as OpenDRG treats them (codes with stray characters, translations of valid codes): such
    tables are no pack that ``load`` accepts, but serve to show that a difference to OpenDRG
    comes from such a slip.
    """
    folder = region_folder(checkout, region)
    notes = Notes()
    sources = read_sources(folder)
    catalogue = Catalogue(folder, notes, repair=repair)
    return _Packing(region, sources, catalogue, notes).pack(commit(checkout))


class _Packing:
    def __init__(self, region: str, sources: Sources, catalogue: Catalogue, notes: Notes) -> None:
        self._region = region
        self._sources = sources
        self._catalogue = catalogue
        self._notes = notes

    def pack(self, revision: str | None) -> Imported:
        manifest = self._manifest(revision)
        tables: dict[str, list[Row]] = {}
        self._categories(tables)
        self._lists(tables)
        tables |= self._catalogue.severities()
        tables |= self._catalogue.codes(self._sources)
        self._catalogue.tell_hidden()
        self._notes.tell_sources(self._sources)
        frames = {name: _frame(name, rows) for name, rows in tables.items()}
        sexes = frozenset(self._sources.lists.sexes)
        return Imported(manifest, frames, tuple(self._notes.listed), sexes)

    def _manifest(self, revision: str | None) -> Manifest:
        place, _, last = self._region.rpartition("_")
        year = NATIONAL_YEARS.get(self._region)
        if year is None and re.fullmatch(r"20\d\d", last):
            year = int(last)
        zh, en, divisions = (
            PLACES.get(self._region) or PLACES.get(place) or (self._region, self._region, ())
        )
        if year is None:
            where = self._sources.folder
            cure = "Rename the folder so that its name ends with the year, such as _2022."
            raise refusal("the year of the scheme is not known", where, cure=cure)
        self._notes.add(
            "date_unknown",
            f"来源未给出生效日期，以{year}-01-01代替；请核对scheme.toml",
            f"the source states no day from which the scheme holds; {year}-01-01 stands for it: "
            "check scheme.toml",
        )
        if not divisions and self._region not in NATIONAL_YEARS:
            self._notes.add(
                "region_unknown",
                "不知道该方案对应的医保区划，region_codes留空（不限地区）；请在scheme.toml中补充",
                "the divisions of this scheme are not known, so region_codes is empty, which means "
                "anywhere: fill it in in scheme.toml",
            )
        national = self._region in NATIONAL_YEARS
        version = f"{last[0]}.{last[1:]}" if national else str(year)
        return Manifest(
            code=f"opendrg-{self._region}".lower(),
            name_zh=zh if national else f"{zh}DRG分组方案（{year}）",
            name_en=en if national else f"{en} DRG scheme ({year})",
            engine="chs",
            version=version,
            effective_from=date(year, 1, 1),
            region_codes=divisions,
            retry_other_procedures=self._sources.retries,
            source=f"OpenDRG/DRG_Python {revision}, {self._region}"
            if revision
            else f"OpenDRG/DRG_Python, {self._region}",
            licence="Apache-2.0",
        )

    def _categories(self, tables: dict[str, list[Row]]) -> None:
        for name in ("mdcs", "adrgs", "groups", "conditions", "sites"):
            tables[name] = []
        names = self._catalogue.groups
        decided: dict[str, Path] = {}
        never: list[str] = []
        hidden: list[tuple[str, str]] = []
        for rank, category in enumerate(self._sources.categories, 1):
            letter = category.letter
            if any(row[0] == letter for row in tables["mdcs"]):
                raise refusal(f"category {letter} is tried twice", category.path)
            order = arrange(category)
            never += order.never
            hidden += order.hidden
            after = str(order.ambiguity_after) if order.ambiguity_after else None
            zh, en = CATEGORIES.get(letter, (NO_NAME, None))
            tables["mdcs"].append((letter, str(rank), category.ambiguity, after, zh, en))
            tables["conditions"] += _rows("mdc", letter, category.alternatives)
            tables["sites"] += [(letter, site, code) for site, code in category.sites]
            for place, adrg in enumerate(order.adrgs, 1):
                for code in (adrg.code, *(group.code for group in adrg.groups)):
                    if code in decided:
                        raise refusal(f"{code} is also decided in {decided[code]}", adrg.path)
                    decided[code] = adrg.path
                self._adrg(adrg, letter, place, tables)
        nameless = [str(row[0]) for row in tables["groups"] if row[3] == NO_NAME]
        if nameless:
            self._notes.add(
                "no_name",
                f"{len(nameless)}个病组没有名称",
                f"{len(nameless)} groups have no name",
                nameless,
            )
        if never:
            self._notes.add(
                "never_taken",
                f"{len(never)}个病组收不到任何病例（条件永远不成立，如编码表为空；或没有细分组），未导入",
                f"{len(never)} ADRGs and groups can take no stay, because their condition never "
                "holds (such as an empty list) or they have no group, and were left out",
                never,
            )
        if hidden:
            pairs = [f"{code} ({by})" for code, by in hidden]
            self._notes.add(
                "never_reached",
                f"{len(hidden)}个病组永远轮不到，因其前面的病组（括号内）已收下同样的病例，未导入；"
                "如实际需要，请在分组方案中调整顺序后补入",
                f"{len(hidden)} ADRGs and groups never get their turn, because the one in brackets "
                "comes first and takes the same stays, and were left out; where the region does use "
                "them, add them to the pack in the right order",
                pairs,
            )
        gone = {*never, *(code for code, _ in hidden)}
        unused = sorted(
            c for c in names if c not in decided and c not in gone and not c.endswith("QY")
        )
        if unused:
            self._notes.add(
                "unused_names",
                f"DRG.dat中{len(unused)}个病组没有入组规则，未导入",
                f"{len(unused)} groups of DRG.dat have no rule and were left out",
                unused,
            )

    def _adrg(self, adrg: Adrg, letter: str, place: int, tables: dict[str, list[Row]]) -> None:
        names = [
            self._catalogue.name(self._catalogue.groups.get(group.code, ""))
            for group in adrg.groups
        ]
        kind = next((kind for letters, kind in _KINDS if adrg.code[1] in letters), "medical")
        unsplit = "stop" if adrg.stop else "next"
        name = _common_name(names) or NO_NAME
        tables["adrgs"].append((adrg.code, letter, str(place), kind, unsplit, name, None))
        tables["conditions"] += _rows("adrg", adrg.code, adrg.alternatives)
        for order, (group, called) in enumerate(zip(adrg.groups, names, strict=True), 1):
            tables["groups"].append((group.code, adrg.code, str(order), called or NO_NAME, None))
            tables["conditions"] += _rows("group", group.code, group.alternatives)

    def _lists(self, tables: dict[str, list[Row]]) -> None:
        """The lists that conditions name; those of rules that were left out go with them."""
        used = {name for row in tables["conditions"] for name in str(row[5]).split("|")}
        lists = self._sources.lists
        for sheet, book in (
            ("diagnosis_lists", lists.diagnoses),
            ("procedure_lists", lists.procedures),
        ):
            tables[sheet] = [(n, code) for n, codes in book.items() if n in used for code in codes]


def _rows(owner: str, code: str, alternatives: Alternatives) -> list[Row]:
    if () in alternatives:
        return []
    return [
        (owner, code, str(number), test.test, test.op, test.value)
        for number, tests in enumerate(alternatives, 1)
        for test in tests
    ]


def _common_name(names: list[str]) -> str:
    """What the names of the groups of an ADRG have in common: its own name."""
    names = [name for name in names if name]
    if not names:
        return ""
    common = names[0]
    for one, other in pairwise(names):
        size = next(
            (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
            min(len(one), len(other)),
        )
        common = common[:size]
    common = re.sub(r"[，,、（(](伴|不伴|无|年龄|住院|≤|≥|<|>).*$", "", common).rstrip(
        "，,、（( 不伴"
    )
    return common if len(common) > 1 else names[0]


_COLUMNS = {
    "mdcs": ("mdc", "rank", "ambiguity", "ambiguity_after", "name_zh", "name_en"),
    "adrgs": ("adrg", "mdc", "rank", "kind", "when_unsplit", "name_zh", "name_en"),
    "groups": ("group_code", "adrg", "rank", "name_zh", "name_en"),
    "conditions": ("owner", "code", "alternative", "test", "op", "value"),
    "diagnosis_lists": ("list", "code"),
    "procedure_lists": ("list", "code"),
    "sites": ("mdc", "site", "code"),
    "diagnoses": ("code", "name_zh", "name_en"),
    "procedures": ("code", "operating", "name_zh", "name_en"),
    "complications": ("code", "level", "exclusion_table"),
    "exclusions": ("exclusion_table", "code"),
    "crosswalks": ("kind", "code", "target"),
}


def _frame(name: str, rows: list[Row]) -> pl.DataFrame:
    schema = dict.fromkeys(_COLUMNS[name], pl.String())
    return pl.DataFrame(rows, schema=schema, orient="row")
