"""Every case of every rule file as a test of its own, and what the catalogue as a whole promises."""

from collections import Counter
from pathlib import Path

import pytest

import rules
from rules import cases, lint, loader
from rules.compiled import Compiled, compile_rule
from rules.ruleset import rule_files

FILES = rule_files(loader.CATALOG)
CASES = [
    pytest.param(path, i, id=f"{path.stem}-{case.it.replace(' ', '-')}")
    for path in FILES
    for i, case in enumerate(loader.read_rule(path).cases)
]
LEAST = {
    "SLQ": 15, "DXC": 15, "PXC": 12, "GRP": 18, "CST": 22, "LOS": 8, "ADM": 14, "CHG": 20,
    "ORD": 15, "IDB": 10, "SHF": 8,
}  # fmt: skip
"""Active checks that each family promises to have."""

AGGREGATES = ("provider_month", "physician_day")


@pytest.fixture(scope="module")
def compiled() -> dict[Path, Compiled]:
    found = {}
    for path in FILES:
        made = compile_rule(loader.read_rule(path))
        assert isinstance(made, Compiled), made
        found[path] = made
    return found


@pytest.mark.parametrize(("path", "index"), CASES)
def test_case(path: Path, index: int, compiled: dict[Path, Compiled]) -> None:
    outcome = cases.run(compiled[path])[index]
    assert outcome.got is outcome.case.expect


@pytest.mark.parametrize("path", FILES, ids=[p.stem for p in FILES])
def test_file_has_every_case_it_needs_and_every_mutant_is_killed(path: Path) -> None:
    assert [str(p) for p in lint.check_paths([path])] == []


def test_every_family_keeps_its_promise() -> None:
    active = [rule for rule in rules.load().rules if rule.status is rules.Status.ACTIVE]
    families = Counter(rule.family for rule in active)
    assert {family: families[family] >= least for family, least in LEAST.items()} == dict.fromkeys(
        LEAST, True
    )
    assert set(families) == set(LEAST)
    units = Counter(rule.unit for rule in active)
    assert len(active) - sum(units[unit] for unit in AGGREGATES) >= 150
    assert sum(units[unit] for unit in AGGREGATES) >= 25
    assert units["order"] >= 12


def test_every_family_names_its_advice_in_both_languages() -> None:
    for rule in rules.load().rules:
        assert any("一" <= c <= "鿿" for c in rule.action.zh), rule.id
        assert rule.action.en.isascii(), rule.id


def test_every_basis_that_is_not_our_own_design_says_that_it_is_unverified() -> None:
    for rule in rules.load().rules:
        for basis in rule.basis:
            assert basis.unverified or basis.document.startswith("DRG Sentinel design"), rule.id


def test_the_example_overlays_pass_the_check() -> None:
    folder = loader.CATALOG.parent / "parameters"
    assert lint.check_paths([loader.CATALOG], parameters=folder) == []
