"""What can be wrong with a rule file: a stable code, the place, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from domain.errors import SentinelError

CODES: Final[dict[str, tuple[str, str]]] = {
    "RL001": ("file cannot be read as strict YAML", "文件不是严格的 YAML"),
    "RL002": ("unknown field", "未知字段"),
    "RL003": ("field missing", "缺少字段"),
    "RL004": ("value of the wrong form", "取值形式不对"),
    "RL005": ("id, folder and file name disagree", "编号与文件夹或文件名不一致"),
    "RL006": ("id given twice", "编号重复"),
    "RL007": ("predicate cannot be parsed", "条件无法解析"),
    "RL008": ("unknown fact", "未知事实"),
    "RL009": ("unknown parameter", "未知参数"),
    "RL010": ("parameter not used", "参数未使用"),
    "RL011": ("construct not allowed in a predicate", "条件中不允许的写法"),
    "RL012": ("number in a predicate", "条件中出现数字"),
    "RL013": ("division without NULLIF", "除法未用 NULLIF"),
    "RL014": ("text that is not on the fact's code list", "文本不在代码表中"),
    "RL015": ("expression has the wrong type", "表达式类型不对"),
    "RL016": ("exposure is not an amount", "涉及金额不是金额"),
    "RL017": ("text names something unknown", "文字引用了未知名称"),
    "RL018": ("parameter has no value on the rule's first day", "参数在规则生效日没有取值"),
    "RL019": ("basis incomplete", "依据不完整"),
    "RL020": ("case of the wrong form", "用例形式不对"),
    "RL021": ("no case that hits", "缺少命中用例"),
    "RL022": ("no case that passes", "缺少通过用例"),
    "RL023": ("no case that is unknown", "缺少无法判定用例"),
    "RL024": ("no case for a date of `when`", "缺少某一版本的用例"),
    "RL025": ("no case for a regional value", "缺少地区取值的用例"),
    "RL026": ("no case out of force", "缺少未生效用例"),
    "RL027": ("case fails", "用例不通过"),
    "RL028": ("mutant survives", "变异体存活"),
    "RL029": ("equivalent mutant listed wrongly", "等价变异体登记有误"),
    "RL030": ("overlay names something unknown", "地区参数引用了未知名称"),
    "RL031": ("overlay edits a value of the catalogue", "地区参数改动了目录取值"),
    "RL032": ("advice that could cost care", "建议可能减少必要诊疗"),
}
"""Every code of the lint with its meaning in English and Chinese; a code is never reused."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in one file: ``line`` counts from 1."""

    path: str
    line: int
    code: str
    message: str
    cure: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.code} {self.message}. {self.cure}"


class RuleError(SentinelError):
    """Rule files that cannot be used, with every problem found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        first = self.problems[0]
        more = len(self.problems) - 1
        super().__init__(
            f"{first.code} {first.message}" + (f" (and {more} more)" if more else ""),
            where=f"{first.path}:{first.line}",
            cure=first.cure,
        )


def show_path(path: Path) -> str:
    """The path from the working directory if it lies below it, else as it is."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
