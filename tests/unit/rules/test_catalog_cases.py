"""Every case of every rule file as a test of its own, and what the catalogue as a whole promises."""

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
CHECKS = {
    "SLQ": {1, 3, 4, 5, 8, 13, 27},
    "DXC": {3, 6, 7, 8},
    "PXC": {6, 13},
    "CST": {1, 23},
    "LOS": {3, 4, 7},
    "ADM": {1, 2, 3, 17, 19},
    "CHG": {1, 2, 3, 5, 22, 23},
    "ORD": {10, 19},
    "IDB": {1, 3, 5, 30, 31},
    "SHF": {2, 16},
}


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


def test_the_catalogue_holds_the_checks_of_this_version() -> None:
    ids = {f"{family}-{n:03d}" for family, numbers in CHECKS.items() for n in numbers}
    assert set(rules.load().ids) == ids


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
