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
  limit_days: {{unit: day, default: {{2021-05-01: 60}}}}
when:
  # docs/facts.md lists the facts that a check of the unit may read.
  2021-05-01: stay_days > :limit_days
exposure: fund_payment_fen
finding:
  zh: 住院{{stay_days}}天，超过{{limit_days}}天
  en: The stay lasted {{stay_days}} days, more than {{limit_days}}
action:
  zh: 说明应核对什么。
  en: Say what to check.
cases:
  - {{it: hits above the limit, date: 2024-03-01, given: {{stay_days: 61}}, expect: hit}}
  - {{it: passes at the limit, date: 2024-03-01, given: {{stay_days: 60}}, expect: pass}}
  - {{it: passes below it, date: 2024-03-01, given: {{stay_days: 5}}, expect: pass}}
  - {{it: is unknown while in hospital, date: 2024-03-01, given: {{}}, expect: unknown}}
  - {{it: is not in force before, date: 2021-04-30, given: {{stay_days: 61}}, expect: out_of_force}}
"""


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
    text = _TEMPLATE.format(id=rule_id, unit=unit, cause=rule_id.lower().replace("-", "_"))
    path.write_text(text, encoding="utf-8")
    return path
