"""A scheme turned into arrays once, so that a batch is grouped by looking up positions."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from drg.arrays import Bools, Ids, names
from drg.schemes.layout import OPERATING, TESTS
from drg.schemes.scheme import Scheme, SchemeError

UNKNOWN = -1
"""A code that the scheme does not know."""
LEFT_OUT = -2
"""A code that the crosswalk leaves out."""

UNGROUPABLE = "0000"
"""The group of a stay that no category takes."""

KEPT = 8
"""How many schemes stay compiled: a full one takes about 20 MB."""

_DIAGNOSIS_TESTS = ("principal_diagnosis", "any_diagnosis", "other_diagnosis")
_NUMBERS = frozenset(test for test, ops in TESTS.items() if ">=" in ops and test != "body_sites")


@dataclass(frozen=True, slots=True)
class Condition:
    """One row of ``conditions.csv``, ready to be tested.

    ``members`` (tests of codes) says for each code id whether the list holds it, false at
    its end, where -1 looks. ``sites`` are such arrays, one a body site. ``words`` are the
    values of an ``is``; ``number`` is what a number is compared with.
    """

    test: str
    op: str
    members: Bools = field(repr=False, default_factory=lambda: np.zeros(1, dtype=np.bool_))
    sites: tuple[Bools, ...] = field(repr=False, default=())
    words: tuple[str, ...] = ()
    number: float = 0.0


@dataclass(frozen=True, slots=True)
class Alternative:
    """The conditions that must all hold; ``number`` is the alternative's in the table."""

    number: int
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """A group: ``position`` in ``Compiled.groups``. No alternative at all takes everything."""

    position: int
    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True, slots=True)
class Adrg:
    """An adjacent group with its groups in their order."""

    position: int
    rank: int
    goes_on: bool
    """Whether the next ADRG is tried when none of the groups takes the stay."""
    alternatives: tuple[Alternative, ...]
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Category:
    """A category with its ADRGs in their order.

    ``judges_principal`` says whether it looks at the principal diagnosis (or takes
    everything); a category that looks only at procedures says nothing about it.
    """

    position: int
    alternatives: tuple[Alternative, ...]
    adrgs: tuple[Adrg, ...]
    ambiguity: str
    ambiguity_after: int
    judges_principal: bool


@dataclass(frozen=True)
class Codes:
    """The codes of one kind: ``ids`` from the code as claimed to its id here, and their names."""

    ids: dict[str, int] = field(repr=False)
    listed: pl.Series = field(repr=False)

    def __len__(self) -> int:
        return len(self.listed) - 1


@dataclass(frozen=True)
class Compiled:
    """A scheme as arrays; made by ``compile_scheme``.

    ``levels`` holds for mcc and cc the exclusion table of each diagnosis: -2 where it is
    not of that level, -1 where it has no table. ``excluded`` has a row a table and a bit a
    principal diagnosis.
    """

    diagnoses: Codes
    procedures: Codes
    operating: Bools
    categories: tuple[Category, ...]
    mdcs: pl.Series
    adrgs: pl.Series
    groups: pl.Series
    endings: pl.Series
    """What a stay can end in: all groups, all ADRGs, xQY of all categories, ``UNGROUPABLE``."""
    siblings: pl.Series
    """For each group the other groups of its ADRG, in their order, joined by ``|``."""
    unsplit: pl.Series
    """For each ADRG all its groups, joined by ``|``."""
    kinds: pl.Series
    """For each ADRG whether it is surgical, procedure or medical."""
    levels: dict[str, Ids]
    complications: frozenset[str]
    """The codes of either level, and those that the crosswalk translates."""
    tables: pl.Series
    excluded: NDArray[np.uint8]
    uses_icu: bool

    def excludes(self, table: Ids, principal: Ids) -> Bools:
        """Whether the exclusion table (-1: none) contains the principal diagnosis (-1: none)."""
        known = (table >= 0) & (principal >= 0)
        at, code = np.where(known, table, 0), np.where(known, principal, 0)
        bits = (self.excluded[at, code >> 3] >> (code & 7).astype(np.uint8)) & 1
        return np.asarray(known & bits.astype(np.bool_))


_lock = threading.Lock()
_compiled: OrderedDict[str, Compiled] = OrderedDict()


def compiled(scheme: Scheme) -> Compiled:
    """The scheme as arrays, from memory where its ``sha256`` was compiled before."""
    with _lock:
        found = _compiled.get(scheme.sha256)
        if found is not None:
            _compiled.move_to_end(scheme.sha256)
            return found
    made = compile_scheme(scheme)
    with _lock:
        _compiled[scheme.sha256] = made
        while len(_compiled) > KEPT:
            _compiled.popitem(last=False)
    return made


def compile_scheme(scheme: Scheme) -> Compiled:
    """Turn the tables into arrays.

    SchemeError for another engine, or a condition that names a list which is not there.
    """
    if scheme.manifest.engine != "chs":
        raise SchemeError(
            f"scheme {scheme.manifest.code} is for the engine {scheme.manifest.engine!r}",
            where=str(scheme.folder / "scheme.toml"),
            cure="Group it with that engine; this one reads engine = 'chs'.",
        )
    tables = scheme.tables
    diagnoses = _codes(tables, "diagnosis", "diagnoses")
    procedures = _codes(tables, "procedure", "procedures")
    operating = np.append(tables["procedures"]["operating"].fill_null(False).to_numpy(), False)
    lists = _Lists(scheme, diagnoses, procedures, operating)
    owned = _alternatives(tables["conditions"], lists, _category_of(tables))

    groups: dict[str, list[Group]] = {}
    group_codes: dict[str, list[str]] = {}
    listed_groups: list[str] = []
    for row in tables["groups"].sort("adrg", "rank").iter_rows(named=True):
        own = owned.get(("group", row["group_code"]), ())
        groups.setdefault(row["adrg"], []).append(Group(len(listed_groups), own))
        group_codes.setdefault(row["adrg"], []).append(row["group_code"])
        listed_groups.append(row["group_code"])
    adrgs: dict[str, list[Adrg]] = {}
    listed_adrgs: list[str] = []
    kinds: list[str | None] = []
    for row in tables["adrgs"].sort("mdc", "rank").iter_rows(named=True):
        code = row["adrg"]
        adrgs.setdefault(row["mdc"], []).append(
            Adrg(
                len(listed_adrgs),
                row["rank"],
                row["when_unsplit"] == "next",
                owned.get(("adrg", code), ()),
                tuple(groups.get(code, ())),
            )
        )
        listed_adrgs.append(code)
        kinds.append(row["kind"])
    categories = [
        _category(position, row, owned.get(("mdc", row["mdc"]), ()), adrgs.get(row["mdc"], ()))
        for position, row in enumerate(tables["mdcs"].sort("rank").iter_rows(named=True))
    ]
    listed_mdcs = tables["mdcs"].sort("rank")["mdc"].to_list()
    ambiguous = [f"{mdc}QY" for mdc in listed_mdcs]
    levels, listed_tables, excluded = _complications(tables, diagnoses)
    return Compiled(
        diagnoses=diagnoses,
        procedures=procedures,
        operating=operating,
        categories=tuple(categories),
        mdcs=names(listed_mdcs),
        adrgs=names(listed_adrgs),
        groups=names(listed_groups),
        endings=names([*listed_groups, *listed_adrgs, *ambiguous, UNGROUPABLE]),
        siblings=names(
            [
                "|".join(other for other in codes if other != code)
                for codes in group_codes.values()
                for code in codes
            ]
        ),
        unsplit=names(["|".join(group_codes.get(code, ())) for code in listed_adrgs]),
        kinds=names(kinds),
        levels=levels,
        complications=frozenset(
            [
                *tables["complications"]["code"],
                *tables["crosswalks"].filter(pl.col("kind") == "diagnosis")["code"],
            ]
        ),
        tables=names(listed_tables),
        excluded=excluded,
        uses_icu="icu_hours" in tables["conditions"]["test"],
    )


def _category(
    position: int,
    row: dict[str, object],
    own: tuple[Alternative, ...],
    adrgs: Iterable[Adrg],
) -> Category:
    after = row["ambiguity_after"]
    tests = {c.test for alternative in own for c in alternative.conditions}
    return Category(
        position,
        own,
        tuple(adrgs),
        str(row["ambiguity"]),
        after if isinstance(after, int) else 0,
        not own or "principal_diagnosis" in tests,
    )


def _codes(tables: dict[str, pl.DataFrame], kind: str, sheet: str) -> Codes:
    listed = tables[sheet]["code"].to_list()
    here = {code: position for position, code in enumerate(listed)}
    moved = tables["crosswalks"].filter(pl.col("kind") == kind)
    translated = {
        code: LEFT_OUT if target is None else here.get(target, UNKNOWN)
        for code, target in moved.select("code", "target").iter_rows()
    }
    return Codes({**here, **translated}, names(listed))


def _category_of(tables: dict[str, pl.DataFrame]) -> dict[tuple[str, str], str]:
    """The category of each owner of conditions: whose body sites it counts."""
    out = {("mdc", mdc): mdc for mdc in tables["mdcs"]["mdc"].to_list()}
    of_adrg = dict(tables["adrgs"].select("adrg", "mdc").iter_rows())
    out |= {("adrg", adrg): mdc for adrg, mdc in of_adrg.items()}
    for group, adrg in tables["groups"].select("group_code", "adrg").iter_rows():
        out["group", group] = of_adrg[adrg]
    return out


class _Lists:
    """The lists of a scheme as membership arrays, each made once."""

    def __init__(
        self, scheme: Scheme, diagnoses: Codes, procedures: Codes, operating: Bools
    ) -> None:
        self._scheme = scheme
        self._codes = {True: diagnoses, False: procedures}
        self._rows = {
            True: _partition(scheme.tables["diagnosis_lists"], "list"),
            False: _partition(scheme.tables["procedure_lists"], "list"),
        }
        self._made: dict[tuple[bool, str], Bools] = {(False, OPERATING): operating}
        self._sites = {
            mdc: tuple(
                self._members(True, of_site["code"])
                for of_site in rows.partition_by("site", maintain_order=True)
            )
            for mdc, rows in _partition(scheme.tables["sites"], "mdc").items()
        }

    def of(self, test: str, value: str) -> Bools:
        """The members of the lists that the value names."""
        is_diagnosis = test in _DIAGNOSIS_TESTS
        if (is_diagnosis, value) not in self._made:
            single = value.split("|")
            if len(single) > 1:
                members = np.logical_or.reduce([self.of(test, one) for one in single])
            else:
                rows = self._rows[is_diagnosis].get(value)
                if rows is None:
                    raise SchemeError(
                        f"a condition of {test} names the list {value!r}, which is not there",
                        where=str(self._scheme.folder / "conditions.csv"),
                        cure="Add the list, or correct its name; `sentinel scheme check` tells the row.",
                    )
                members = self._members(is_diagnosis, rows["code"])
            self._made[is_diagnosis, value] = members
        return self._made[is_diagnosis, value]

    def sites(self, mdc: str) -> tuple[Bools, ...]:
        """The members of each body site of a category."""
        return self._sites.get(mdc, ())

    def _members(self, is_diagnosis: bool, listed: pl.Series) -> Bools:
        codes = self._codes[is_diagnosis]
        members = np.zeros(len(codes) + 1, dtype=np.bool_)
        # The lists name codes of this scheme, so the crosswalk has no say here.
        at = listed.to_frame().join(
            pl.DataFrame({"code": codes.listed[:-1]}).with_row_index("at"), on="code"
        )["at"]
        members[at.to_numpy()] = True
        return members


def _partition(table: pl.DataFrame, column: str) -> dict[str, pl.DataFrame]:
    parts = table.partition_by(column, maintain_order=True, as_dict=True)
    return {str(key[0]): rows for key, rows in parts.items()}


def _alternatives(
    table: pl.DataFrame, lists: _Lists, category_of: dict[tuple[str, str], str]
) -> dict[tuple[str, str], tuple[Alternative, ...]]:
    gathered: dict[tuple[str, str], dict[int, list[Condition]]] = {}
    for row in table.sort("alternative").iter_rows(named=True):
        owner = (row["owner"], row["code"])
        mdc = category_of.get(owner, "")
        made = _condition(row["test"], row["op"], row["value"], lists, mdc)
        gathered.setdefault(owner, {}).setdefault(row["alternative"], []).append(made)
    return {
        owner: tuple(Alternative(number, tuple(rows)) for number, rows in by_number.items())
        for owner, by_number in gathered.items()
    }


def _condition(test: str, op: str, value: str, lists: _Lists, mdc: str) -> Condition:
    if test == "body_sites":
        return Condition(test, op, sites=lists.sites(mdc), number=float(value))
    if test in _NUMBERS:
        return Condition(test, op, number=float(value))
    if op == "is":
        return Condition(test, op, words=tuple(value.split("|")))
    return Condition(test, op, members=lists.of(test, value))


def _complications(
    tables: dict[str, pl.DataFrame], diagnoses: Codes
) -> tuple[dict[str, Ids], list[str], NDArray[np.uint8]]:
    at_code = pl.DataFrame({"code": diagnoses.listed[:-1]}).with_row_index("at_code")
    listed = (
        pl.concat(
            [tables["complications"]["exclusion_table"], tables["exclusions"]["exclusion_table"]]
        )
        .drop_nulls()
        .unique()
        .sort()
    )
    at_table = pl.DataFrame({"exclusion_table": listed}).with_row_index("at_table")
    rows = (
        tables["complications"]
        .join(at_code, on="code")
        .join(at_table, on="exclusion_table", how="left")
        .with_columns(pl.col("at_table").cast(pl.Int64).fill_null(-1))
    )
    levels: dict[str, Ids] = {}
    for level in ("mcc", "cc"):
        of_level = rows.filter(pl.col("level") == level)
        table = np.full(len(diagnoses) + 1, -2, dtype=np.intp)
        table[of_level["at_code"].to_numpy()] = of_level["at_table"].to_numpy()
        levels[level] = table
    excluded = np.zeros((max(1, len(listed)), len(diagnoses) // 8 + 1), dtype=np.uint8)
    pairs = tables["exclusions"].join(at_code, on="code").join(at_table, on="exclusion_table")
    code = pairs["at_code"].cast(pl.Int64).to_numpy()
    bit = np.left_shift(np.uint8(1), (code & 7).astype(np.uint8))
    np.bitwise_or.at(excluded, (pairs["at_table"].to_numpy(), code >> 3), bit)
    return levels, listed.to_list(), excluded
