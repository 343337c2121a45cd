"""What a person should know about an import, in Chinese and English."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from drg.opendrg.sources import Sources


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to know: ``kind`` is stable, ``codes`` are what it is about."""

    kind: str
    zh: str
    en: str
    codes: tuple[str, ...] = ()


@dataclass(slots=True)
class Notes:
    """The notes of one import in the order in which they came up."""

    listed: list[Note] = field(default_factory=list)

    def add(self, kind: str, zh: str, en: str, codes: Iterable[str] = ()) -> None:
        """Add a note."""
        self.listed.append(Note(kind, zh, en, tuple(codes)))

    def tell_sources(self, sources: Sources) -> None:
        """Add what is odd about the sources of a region."""
        lists = sources.lists
        if sources.two_sites:
            codes = tuple(dict.fromkeys(sources.two_sites))
            self.add(
                "two_sites",
                f"{len(codes)}个诊断列在两个创伤部位下，以最后一个为准（与OpenDRG一致）",
                f"{len(codes)} diagnoses stand under two body sites; the last one counts, as in "
                "OpenDRG",
                codes,
            )
        if lists.repeated:
            self.add(
                "repeated",
                f"编码表中有{lists.repeated}个重复编码，各保留一个",
                f"{lists.repeated} codes stood twice in one list; one of each was kept",
            )
        if sources.expanded:
            self.add(
                "missing_file",
                f"来源引用的{'、'.join(sources.expanded)}不存在，以其分文件代替"
                "（OpenDRG自身无法载入该地区）",
                f"the source names {', '.join(sources.expanded)}, which does not exist; its numbered "
                "parts were read instead (OpenDRG itself cannot load this region)",
                sources.expanded,
            )
        if lists.undefined:
            told = [f"{path}: {name}" for path, name in sorted(lists.undefined)]
            self.add(
                "undefined_name",
                f"来源使用了未引入的名称，OpenDRG运行到此会出错：{'；'.join(told)}",
                "the source uses names that it does not import, where OpenDRG breaks off: "
                + "; ".join(told),
                dict.fromkeys(name for _, name in sorted(lists.undefined)),
            )
        if "int" in lists.sexes:
            self.add(
                "sex_as_number",
                "来源把性别与数字比较，而其group_record传入文本，经该入口MDCM和MDCN永远不会入组；"
                "本方案按其本意导入",
                "the source compares the sex with a number although its group_record passes text, "
                "so that categories M and N are never reached through that door; here they are",
            )
        if sources.marks_ungroupable:
            self.add(
                "ungroupable_marks",
                "来源以0000A、0000B区分无法入组的原因；本方案均为0000，原因另列",
                "the source writes 0000A and 0000B for stays without category or ADRG; here both "
                "are 0000, and the reason says which",
            )
