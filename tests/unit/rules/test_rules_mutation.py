"""Mutants: each kind of slip is made, and a test that cannot see it is told so."""

from dataclasses import replace
from pathlib import Path

import pytest

from rules import loader, mutation
from rules.compiled import Compiled, compile_rule


def compiled(rule_id: str) -> Compiled:
    path = loader.CATALOG / rule_id[:3].lower() / f"{rule_id}.yaml"
    made = compile_rule(loader.read_rule(path))
    assert isinstance(made, Compiled)
    return made


def names(check: Compiled) -> set[str]:
    return {m.name.split(": ", 1)[1] for m in mutation.mutants(check)}


@pytest.mark.parametrize(
    ("rule_id", "mutant"),
    [
        ("LOS-003", "stay_days >= :long_days -> stay_days > :long_days"),
        ("LOS-003", "stay_days >= :long_days -> stay_days < :long_days"),
        ("LOS-003", "claim_type = 'inpatient' -> claim_type <> 'inpatient'"),
        ("LOS-003", "claim_type = 'inpatient' AND stay_days >= :long_days -> claim_type = 'inpatient'"),
        ("LOS-003", "claim_type = 'inpatient' AND stay_days >= :long_days -> stay_days >= :long_days"),
        ("LOS-003", "claim_type = 'inpatient' AND stay_days >= :long_days -> claim_type = 'inpatient' OR stay_days >= :long_days"),
        ("ADM-001", "NOT transferred_from_prior -> transferred_from_prior"),
        ("ADM-001", "has_prior_stay -> NOT has_prior_stay"),
        ("SLQ-008", "NOT death_date IS NULL -> death_date IS NULL"),
    ],
)  # fmt: skip
def test_each_slip_is_made(rule_id: str, mutant: str) -> None:
    assert mutant in names(compiled(rule_id))


def test_every_value_of_a_threshold_is_moved_by_its_last_place() -> None:
    shifted = {m.name for m in mutation.mutants(compiled("LOS-003")) if m.name.startswith(":")}
    assert shifted == {
        ":long_days default 2000-01-01: 60 -> 61",
        ":long_days default 2000-01-01: 60 -> 59",
        ":long_days US 2000-01-01: 30 -> 31",
        ":long_days US 2000-01-01: 30 -> 29",
    }
    places = {m.name for m in mutation.mutants(compiled("CST-001")) if m.name.startswith(":")}
    assert ":tolerance default 2000-01-01: 0.00 -> 0.01" in places


def test_operands_keep_their_grouping_when_the_operator_changes() -> None:
    stated = "COALESCE(ABS(age_years - age_at_admission_years) > :age_tolerance_years, FALSE)"
    either = "age_at_admission_years < 0 OR age_at_admission_years > :max_age_years"
    assert f"{either} OR {stated} -> ({either}) AND {stated}" in names(compiled("SLQ-005"))


def test_a_border_without_a_case_leaves_its_mutants_alive() -> None:
    check = compiled("LOS-003")
    assert mutation.survivors(check) == []
    loose = tuple(c for c in check.rule.cases if c.given.get("stay_days") != 60)
    alive = {
        m.name for m in mutation.survivors(replace(check, rule=replace(check.rule, cases=loose)))
    }
    assert "2000-01-01: stay_days >= :long_days -> stay_days > :long_days" not in alive
    assert ":long_days default 2000-01-01: 60 -> 61" in alive


def test_names_of_mutants_are_unique(tmp_path: Path) -> None:
    for path in sorted(loader.CATALOG.rglob("*.yaml")):
        made = [m.name for m in mutation.mutants(compiled(path.stem))]
        assert len(made) == len(set(made))
