"""Each thing that can be wrong with a rule file gets its own stable code and line."""

from pathlib import Path

import pytest

from rules import lint, load
from rules.draft import write_draft
from rules.problem import CODES, RuleError

GOOD = """\
id: ADM-900
name: {zh: 测试, en: Test}
status: active
severity: low
unit: stay
cause: test
why: {zh: 为何, en: Why}
basis: [{document: design, unverified: true}]
false_positives: [none]
params:
  limit: {unit: day, default: {2021-01-01: 10, 2023-01-01: 8}, "33": {2022-01-01: 5}}
when:
  2021-01-01: stay_days > :limit
  2024-01-01: stay_days > :limit AND claim_type = 'inpatient'
until: 2026-01-01
exposure: fund_payment_fen
finding: {zh: "{stay_days}天", en: "{stay_days} days, limit {limit}"}
action: {zh: 核对, en: Check}
cases:
  - {it: a, date: 2021-03-01, given: {stay_days: 11}, expect: hit}
  - {it: b, date: 2021-03-01, given: {stay_days: 10}, expect: pass}
  - {it: c, date: 2023-03-01, given: {stay_days: 9}, expect: hit}
  - {it: d, date: 2023-03-01, given: {stay_days: 8}, expect: pass}
  - {it: e, date: 2024-03-01, given: {stay_days: 9, claim_type: inpatient}, expect: hit}
  - {it: f, date: 2024-03-01, given: {stay_days: 9, claim_type: outpatient}, expect: pass}
  - {it: g, date: 2024-03-01, given: {stay_days: 8, claim_type: inpatient}, expect: pass}
  - {it: h, date: 2022-03-01, region: "330100", given: {stay_days: 6}, expect: hit}
  - {it: i, date: 2022-03-01, region: "330100", given: {stay_days: 5}, expect: pass}
  - {it: j, date: 2024-03-01, given: {claim_type: inpatient}, expect: unknown}
  - {it: k, date: 2026-01-01, given: {stay_days: 99, claim_type: inpatient}, expect: out_of_force}
  - {it: l, date: 2020-12-31, given: {stay_days: 99}, expect: out_of_force}
"""


def write(folder: Path, text: str, name: str = "ADM-900", family: str = "adm") -> Path:
    path = folder / family / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def codes(folder: Path, text: str) -> list[str]:
    return sorted({p.code for p in lint.check_paths([write(folder, text)])})


def test_the_good_rule_is_clean(tmp_path: Path) -> None:
    assert codes(tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("severity: low", "severity: low\ncolour: red", "RL002"),
        ("cause: test\n", "", "RL003"),
        ("severity: low", "severity: awful", "RL004"),
        ("unit: stay", "unit: bed", "RL004"),
        ("status: active", "status: on duty", "RL004"),
        ("{unit: day, default", "{default", "RL003"),
        ('"33": {2022-01-01: 5}', '"33": {2022-01-01: five}', "RL004"),
        ('"33": {2022-01-01: 5}', '"lower": {2022-01-01: 5}', "RL002"),
        ("id: ADM-900", "id: ADM-901", "RL005"),
        ("2021-01-01: stay_days > :limit\n", "2021-01-01: stay_days > (:limit\n", "RL007"),
        ("2021-01-01: stay_days >", "2021-01-01: stay_dayz >", "RL008"),
        ("2021-01-01: stay_days > :limit", "2021-01-01: stay_days > :limits", "RL009"),
        ("params:\n", "params:\n  idle: {unit: day, default: {2021-01-01: 1}}\n", "RL010"),
        ("2021-01-01: stay_days >", "2021-01-01: MAX(stay_days) >", "RL011"),
        ("2021-01-01: stay_days > :limit", "2021-01-01: stay_days > 10", "RL012"),
        ("2021-01-01: stay_days >", "2021-01-01: stay_days / full_days >", "RL013"),
        ("claim_type = 'inpatient'", "claim_type = 'in'", "RL014"),
        ("2021-01-01: stay_days > :limit", "2021-01-01: stay_days + :limit", "RL015"),
        ("2021-01-01: stay_days >", "2021-01-01: claim_type >", "RL015"),
        ("exposure: fund_payment_fen", "exposure: stay_days", "RL016"),
        ('zh: "{stay_days}天"', 'zh: "{stay_dayz}天"', "RL017"),
        ('zh: "{stay_days}天"', 'zh: "{stay_days天"', "RL017"),
        ('zh: "{stay_days}天"', 'zh: "{stay_days:roman}天"', "RL017"),
        ("default: {2021-01-01: 10,", "default: {2021-06-01: 10,", "RL018"),
        ("unverified: true", "unverified: false", "RL019"),
        ("given: {stay_days: 11}", "given: {stay_days: 11, sex: '1'}", "RL020"),
        ("given: {stay_days: 11}", "given: {stay_days: eleven}", "RL020"),
        ("expect: unknown}", "expect: maybe}", "RL020"),
        ("given: {stay_days: 11}, expect: hit", "given: {stay_days: 11}, expect: pass", "RL027"),
        ("until: 2026-01-01", "until: 2023-01-01", "RL004"),
        ("action: {zh: 核对, en: Check}", "action: {zh: 请减少检查, en: Check}", "RL032"),
        ("action: {zh: 核对, en: Check}", "action: {zh: 核对, en: Order fewer tests}", "RL032"),
    ],
)  # fmt: skip
def test_each_fault_has_its_code(tmp_path: Path, old: str, new: str, code: str) -> None:
    assert old in GOOD
    assert code in codes(tmp_path, GOOD.replace(old, new, 1))


@pytest.mark.parametrize(
    ("dropped", "code"),
    [
        ("ace", "RL021"),
        ("j", "RL023"),
        ("kl", "RL026"),
        ("hi", "RL025"),
        ("efgj", "RL024"),
        ("i", "RL028"),
        ("f", "RL028"),
        ("g", "RL028"),
    ],
)
def test_each_missing_case_is_missed(tmp_path: Path, dropped: str, code: str) -> None:
    kept = [
        line
        for line in GOOD.splitlines()
        if not any(line.startswith(f"  - {{it: {letter},") for letter in dropped)
    ]
    if dropped == "ace":
        kept = [line for line in kept if not line.startswith("  - {it: h")]
    if dropped == "efgj":
        kept = [line for line in kept if "2026-01-01," not in line]
    assert code in codes(tmp_path, "\n".join(kept))


def test_a_passing_case_is_demanded(tmp_path: Path) -> None:
    kept = [line for line in GOOD.splitlines() if "expect: pass" not in line]
    assert "RL022" in codes(tmp_path, "\n".join(kept))


def test_the_line_of_a_problem_is_the_line_in_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("2024-01-01: stay_days", "2024-01-01: stay_dayz"))
    (problem,) = [p for p in lint.check_paths([path]) if p.code == "RL008"]
    assert (
        path.read_text(encoding="utf-8").splitlines()[problem.line - 1].startswith("  2024-01-01")
    )
    assert "stay_days" in problem.cure


def test_an_equivalent_mutant_must_be_alive_and_known(tmp_path: Path) -> None:
    killed = "2021-01-01: stay_days > :limit -> stay_days >= :limit"
    text = (
        GOOD
        + f'equivalent:\n  - {{mutant: "{killed}", why: x}}\n  - {{mutant: "no such", why: x}}\n'
    )
    problems = lint.check_paths([write(tmp_path, text)])
    assert [p.code for p in problems] == ["RL029", "RL029"]


def test_an_equivalent_mutant_may_be_listed_when_no_case_can_tell(tmp_path: Path) -> None:
    kept = "\n".join(line for line in GOOD.splitlines() if not line.startswith("  - {it: i,"))
    alive = [
        p.message.removeprefix("every case still holds after ")
        for p in lint.check_paths([write(tmp_path, kept)])
        if p.code == "RL028"
    ]
    assert alive
    listed = "".join(f'  - {{mutant: "{name}", why: test}}\n' for name in alive)
    assert codes(tmp_path, f"{kept}\nequivalent:\n{listed}") == []


def test_two_files_of_one_id_are_refused(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    write(tmp_path, GOOD, family="copy")
    assert "RL006" in {p.code for p in lint.check_paths([tmp_path])}
    with pytest.raises(RuleError, match="RL006"):
        load(tmp_path)


def test_a_draft_is_clean_for_every_unit_and_never_overwritten(tmp_path: Path) -> None:
    for n, unit in enumerate(("stay", "diagnosis", "procedure", "charge", "order")):
        path = write_draft(f"CHG-{n:03d}", unit, tmp_path)
        assert lint.check_paths([path]) == []
    with pytest.raises(RuleError, match="already exists"):
        write_draft("CHG-000", "stay", tmp_path)
    with pytest.raises(RuleError):
        write_draft("chg-1", "stay", tmp_path)


def test_every_code_is_documented() -> None:
    manual = (Path(__file__).parents[3] / "docs" / "rules.md").read_text(encoding="utf-8")
    for code, (meaning, _) in CODES.items():
        assert f"| {code} | {meaning} |" in manual
