"""What changed between two catalogues, and what may not: a date that has been in force."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from rules.rule import Bilingual, Rule, Status
from rules.ruleset import RuleSet


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: the check, what it is about, both values, and whether it is refused.

    A predicate or value of a date is law that claims were judged by: another date may be
    added, but what stands there is never edited or taken away.
    """

    rule_id: str
    what: str
    before: str | None
    after: str | None
    refused: bool = False

    def __str__(self) -> str:
        mark = "REFUSED " if self.refused else ""
        return f"{mark}{self.rule_id} {self.what}: {_show(self.before)} -> {_show(self.after)}"


_BINDING = frozenset({Status.ACTIVE, Status.RETIRED})
"""Status of checks by which claims were decided: what they were judged by is never edited."""
_NO_WAY_BACK = {
    Status.ACTIVE: frozenset({Status.DRAFT, Status.SHADOW}),
    Status.RETIRED: frozenset({Status.DRAFT, Status.SHADOW, Status.ACTIVE}),
}
"""Moves that would hide that decisions were made by a check, or mix two lives under one id."""


def compare(old: RuleSet, new: RuleSet) -> list[Change]:
    """Every difference of the checks of ``new`` from those of ``old``, by id.

    A draft or a check on trial may change as it likes. A check that decided is not left out:
    it is retired, so that its verdicts can still be read. It does not go back on trial, and a
    retired one does not come back: the changed check gets a new id.
    """
    before = {rule.id: rule for rule in old.rules}
    after = {rule.id: rule for rule in new.rules}
    changes: list[Change] = []
    for rule_id in sorted(before | after):
        was, now = before.get(rule_id), after.get(rule_id)
        if was is None:
            assert now is not None  # noqa: S101 - the id is of one of the two
            changes.append(Change(rule_id, "check", None, str(now.status)))
        elif now is None:
            binding = was.status in _BINDING
            changes.append(Change(rule_id, "check", str(was.status), None, refused=binding))
        else:
            changes.extend(_changes(was, now))
    return changes


def _changes(was: Rule, now: Rule) -> Iterator[Change]:
    binding = was.status in _BINDING
    for name in (
        "status",
        "severity",
        "unit",
        "cause",
        "exposure",
        "until",
        "name",
        "finding",
        "action",
    ):
        before, after = _text(getattr(was, name)), _text(getattr(now, name))
        if before != after:
            back = name == "status" and now.status in _NO_WAY_BACK.get(was.status, ())
            yield Change(was.id, name, before, after, refused=back or (binding and name == "unit"))
    yield from _dated(was, "when", _by_day(was.when), _by_day(now.when), binding)
    for name in sorted({*was.params, *now.params}):
        old, new = was.params.get(name), now.params.get(name)
        if old is not None and new is not None and old.unit != new.unit:
            yield Change(was.id, f"params.{name}.unit", old.unit, new.unit, refused=binding)
        regions = {*(old.values if old else ()), *(new.values if new else ())}
        for region in sorted(regions):
            yield from _dated(
                was,
                f"params.{name}.{region or 'default'}",
                _by_day(dict(old.values.get(region, ()))) if old else {},
                _by_day(dict(new.values.get(region, ()))) if new else {},
                binding,
            )


def _dated(
    rule: Rule, what: str, before: dict[str, str], after: dict[str, str], binding: bool
) -> Iterator[Change]:
    last = max(before, default="")
    for day in sorted({*before, *after}):
        was, now = before.get(day), after.get(day)
        if was == now:
            continue
        # A new date behind one in force would change what claims of the past are judged by.
        edits = was is not None or (bool(last) and day < last)
        yield Change(rule.id, f"{what}.{day}", was, now, refused=binding and edits)


def _by_day(dated: Mapping[date, object]) -> dict[str, str]:
    return {day.isoformat(): " ".join(str(value).split()) for day, value in dated.items()}


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, Bilingual):
        return f"{value.zh} / {value.en}"
    return value.isoformat() if isinstance(value, date) else str(value)


def _show(value: str | None) -> str:
    return "nothing" if value is None else value if len(value) <= 120 else value[:117] + "..."
