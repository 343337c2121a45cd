"""A new rule file that passes the lint, ready to be turned into the real check."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from rules.facts import UNITS
from rules.problem import Problem, RuleError, show_path

_TEMPLATE: Final = """\
id: {id}
name: {{zh: 待命名, en: To be named}}
status: draft                    # draft -> shadow -> active -> retired; only active judges
severity: low                    # info, low, medium, high, critical
unit: {unit}
cause: {cause}                   # hits of one cause on one stay are counted once
why:
  zh: 说明为何值得检查。
  en: Say why it is worth checking.
basis:
  - {{document: design, unverified: true}}
false_positives:
  - Say when a hit is right as it is.
params:
{params}when:
  # docs/facts.md lists the facts that a check of the unit may read.
{when}action:
  zh: 说明应核对什么。
  en: Say what to check.
cases:
{cases}"""

_PARAMS: Final = "  limit_{measure}s: {{unit: {measure}, default: {{2021-05-01: 60}}}}\n"
_WHEN: Final = """\
  2021-05-01: {fact} > :limit_{measure}s
exposure: {exposure}
finding:
  zh: '{zh}'
  en: {en}
"""
_CASES: Final = """\
  - {{it: hits above the limit, date: 2024-03-01, given: {{{fact}: 61}}, expect: hit}}
  - {{it: passes at the limit, date: 2024-03-01, given: {{{fact}: 60}}, expect: pass}}
  - {{it: passes below it, date: 2024-03-01, given: {{{fact}: 5}}, expect: pass}}
  - {{it: is unknown where data is missing, date: 2024-03-01, given: {{}}, expect: unknown}}
  - {{it: is not in force before, date: 2021-04-30, given: {{{fact}: 61}}, expect: out_of_force}}
"""
_OF_STAY: Final = {
    "fact": "stay_days",
    "measure": "day",
    "exposure": "fund_payment_fen",
    "zh": "住院{stay_days}天，超过{limit_days}天",
    "en": "The stay lasted {stay_days} days, more than {limit_days}",
}
_EXAMPLES: Final = {
    "provider_month": {
        "fact": "shared_phone_patients",
        "measure": "patient",
        "exposure": "shared_phone_fen",
        "zh": "{shared_phone_patients}名患者留同一电话，超过{limit_patients}名",
        "en": "'{shared_phone_patients} patients gave one number, more than {limit_patients}'",
    },
    "physician_day": {
        "fact": "operations_overlap_minutes",
        "measure": "minute",
        "exposure": "overlapping_operation_fen",
        "zh": "两台手术重叠{operations_overlap_minutes}分钟，超过{limit_minutes}分钟",
        "en": "Two operations overlap by {operations_overlap_minutes} minutes, more than {limit_minutes}",
    },
}
"""What a draft of an aggregate shows; all other units show ``_OF_STAY``."""


def write_draft(rule_id: str, unit: str, folder: Path) -> Path:
    """Write ``folder/<family>/<ID>.yaml`` and return its path; an existing file is kept."""
    family = rule_id[:3].lower()
    path = folder / family / f"{rule_id}.yaml"
    shown = show_path(path)
    if not re.fullmatch(r"[A-Z]{3}-[0-9]{3}", rule_id):
        raise RuleError([Problem(shown, 1, "RL004", f"id {rule_id!r}", "Write it like ADM-003.")])
    if unit not in UNITS:
        raise RuleError(
            [Problem(shown, 1, "RL004", f"unit {unit!r}", f"Use one of {', '.join(UNITS)}.")]
        )
    if path.exists():
        raise RuleError(
            [Problem(shown, 1, "RL006", "already exists", "Take the next free number.")]
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    shows = _EXAMPLES.get(unit, _OF_STAY)
    text = _TEMPLATE.format(
        id=rule_id,
        unit=unit,
        cause=rule_id.lower().replace("-", "_"),
        params=_PARAMS.format(**shows),
        when=_WHEN.format(**shows),
        cases=_CASES.format(**shows),
    )
    path.write_text(text, encoding="utf-8")
    return path
