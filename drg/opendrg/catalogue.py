"""The codes of a region: valid ones, their names, severities, exclusions and translations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from drg.opendrg.checkout import CODE, Rows, read_rows
from drg.opendrg.notes import Notes
from drg.opendrg.sources import Sources

Row = tuple[str | None, ...]

NO_NAME = "（来源未给出名称）"
"""The name of what has none in the source: it stands in a list but in no table of names."""

_FILES = {
    "DATA": ("MCC", "CC", "CCE", "DRG", "SS_VALID"),
    "ICD": ("ZD_INFO", "SS_INFO", "ZD_MAP", "SS_MAP"),
}
_HIDDEN = re.compile("[\x00-\x1f\x7f\xa0\u200b-\u200f\u2028\u2029\ufeff]")


class Catalogue:
    """The data files of a region as rows of a pack.

    ``repair`` takes stray characters off codes and leaves translations of valid codes out.
    """

    def __init__(self, folder: Path, notes: Notes, *, repair: bool) -> None:
        self._notes = notes
        self._repair = repair
        self._hidden = 0
        self._data = {
            name: self._clean(read_rows(folder / part / f"{name}.dat"))
            for part, names in _FILES.items()
            for name in names
        }

    @property
    def groups(self) -> Mapping[str, str]:
        """The names of the groups by code."""
        return self._data["DRG"]

    def name(self, given: str) -> str:
        """A name without hidden characters."""
        cleaned = _HIDDEN.sub("", given).strip()
        self._hidden += cleaned != given
        return cleaned

    def tell_hidden(self) -> None:
        """Note how many names were cleaned."""
        if self._hidden:
            self._notes.add(
                "hidden_characters",
                f"{self._hidden}个名称含不可见字符，已去除",
                f"{self._hidden} names held hidden characters, which were taken out",
            )

    def severities(self) -> dict[str, list[Row]]:
        """The rows of complications and exclusions."""
        filled = set(self._data["CCE"].values())
        complications: list[Row] = []
        bare: set[str] = set()
        for level in ("MCC", "CC"):
            for code, table in self._data[level].items():
                if table and table not in filled:
                    bare.add(table)
                complications.append((code, level.lower(), table if table in filled else None))
        if bare:
            self._notes.add(
                "empty_exclusions",
                f"排除表{'、'.join(sorted(bare))}没有任何主要诊断，按无排除表处理",
                f"the exclusion tables {', '.join(sorted(bare))} name no principal diagnosis; their "
                "codes stand without one",
                sorted(bare),
            )
        exclusions: list[Row] = [(t, code) for code, t in self._data["CCE"].items() if t]
        return {"complications": complications, "exclusions": exclusions}

    def codes(self, sources: Sources) -> dict[str, list[Row]]:
        """The rows of diagnoses, procedures and crosswalks.

        Valid are the codes of the tables of names and all that stand in another table, so
        that nothing that a list names is lost.
        """
        diagnoses = dict.fromkeys(_listed(sources.lists.diagnoses), "")
        for level in ("MCC", "CC", "CCE"):
            diagnoses |= dict.fromkeys(self._data[level], "")
        for category in sources.categories:
            diagnoses |= {code: "" for _, code in category.sites}
        operating = self._data["SS_VALID"]
        procedures = dict.fromkeys(_listed(sources.lists.procedures), "") | operating
        valid_diagnoses = self._valid("diagnoses", "ZD", diagnoses)
        valid_procedures = self._valid("procedures", "SS", procedures)
        return {
            "diagnoses": [(c, self.name(n) or NO_NAME, None) for c, n in valid_diagnoses.items()],
            "procedures": [
                (c, "true" if c in operating else "false", self.name(n) or NO_NAME, None)
                for c, n in valid_procedures.items()
            ],
            "crosswalks": [
                *self._crosswalk("diagnosis", "ZD_MAP", valid_diagnoses),
                *self._crosswalk("procedure", "SS_MAP", valid_procedures),
            ],
        }

    def _valid(self, sheet: str, prefix: str, elsewhere: Mapping[str, str]) -> dict[str, str]:
        """The names of all valid codes."""
        names = dict(self._data[f"{prefix}_INFO"])
        targets = [_target(given) for given in self._data[f"{prefix}_MAP"].values()]
        others = dict(elsewhere) | {t: elsewhere.get(t, "") for t in targets if t is not None}
        added = {code: name for code, name in others.items() if code not in names}
        if added:
            self._notes.add(
                f"added_{sheet}",
                f"{len(added)}个编码不在{prefix}_INFO.dat内但见于其他表，已补入编码表",
                f"{len(added)} codes do not stand in {prefix}_INFO.dat but in other tables; they "
                "were added to the valid codes",
                sorted(added),
            )
        return names | added

    def _crosswalk(self, kind: str, name: str, valid: Mapping[str, str]) -> list[Row]:
        """Translations of codes that the scheme does not have itself.

        OpenDRG translates all codes of a claim or, by default, none. A code that is valid
        here means itself on a claim of this edition, so only foreign codes are translated.
        """
        given = {code: _target(target) for code, target in self._data[name].items()}
        targets = {code: target for code, target in given.items() if target != code}
        own = sorted(code for code in targets if code in valid)
        if own and self._repair:
            self._notes.add(
                f"valid_{name.lower()}",
                f"{name}.dat中{len(own)}个编码本身就是有效编码，不再转换（与OpenDRG默认一致；"
                "其TRANS_CODE开启时会转换）",
                f"{len(own)} codes of {name}.dat are valid themselves and are not translated (as in "
                "OpenDRG by default; it translates them when TRANS_CODE is on)",
                own,
            )
            targets = {code: target for code, target in targets.items() if code not in valid}
        return [(kind, code, target) for code, target in targets.items()]

    def _clean(self, rows: Rows) -> dict[str, str]:
        """The values of a data file by code; stray characters before a code are taken off."""
        file = rows.path.name
        values = {key: value for key, value in rows.values.items() if key not in rows.odd}
        mended, lost = [], []
        for key, line in rows.odd.items():
            code = re.sub(r"^[^A-Z0-9]+", "", key)
            if not self._repair or not CODE.match(code):
                lost.append(f"{file}:{line}")
            else:
                values.setdefault(code, rows.values[key])
                mended.append(code)
        if mended:
            self._notes.add(
                f"mended_{rows.path.stem.lower()}",
                f"{file}中{len(mended)}个编码前有多余字符，已去除（OpenDRG因此认不出这些编码）",
                f"{len(mended)} codes of {file} had stray characters before them, which were taken "
                "off (with them OpenDRG never recognises the code)",
                mended,
            )
        if lost:
            self._notes.add(
                "lost_keys",
                f"{file}中{len(lost)}行不是编码，未导入",
                f"{len(lost)} lines of {file} hold no code and were left out",
                lost,
            )
        if rows.twice:
            self._notes.add(
                "two_values",
                f"{file}中{rows.twice}个编码有两个不同的值，以最后一个为准（与OpenDRG一致）",
                f"{rows.twice} codes of {file} have two different values; the last one counts, as in "
                "OpenDRG",
            )
        return values


def _listed(lists: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [code for codes in lists.values() for code in codes]


def _target(given: str) -> str | None:
    """The code that a line of the crosswalk names; None where it leaves the code out."""
    return None if given.strip() in {"-", ""} else given.strip()
