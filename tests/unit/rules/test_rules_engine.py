"""From claims to verdicts and hits: thresholds by date and region, lines to stays, evidence."""

import hashlib
import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

import rules
from domain.results import HITS, Verdict
from domain.tables import Tables
from rules import threshold
from rules.facts.table import REGION, SERVICE_DATE
from rules.rule import Param
from tests.rules_claims import charge, day, diagnosis, procedure, stay, tables, visit

P, H, U, OUT = (int(v) for v in Verdict)

RULE = """\
id: {id}
name: {{zh: 测试, en: Test}}
status: {status}
severity: high
unit: {unit}
cause: test
why: {{zh: 为何, en: Why}}
basis: [{{document: design, unverified: true}}]
false_positives: [none]
params: {params}
when: {when}
{more}exposure: {exposure}
finding: {{zh: "{zh}", en: "{en}"}}
action: {{zh: 核对, en: Check}}
cases: []
"""


@pytest.fixture
def ruleset(tmp_path: Path):  # type: ignore[no-untyped-def]
    def make(*given: dict[str, str]) -> rules.RuleSet:
        for n, one in enumerate(given):
            plain = {
                "id": f"CHG-{900 + n}", "status": "active", "unit": "stay", "params": "{}",
                "more": "", "exposure": '"0"', "zh": "无", "en": "none",
            }  # fmt: skip
            text = RULE.format(**plain | one)
            (tmp_path / f"{n}.yaml").write_text(text, encoding="utf-8")
        return rules.load(tmp_path)

    return make


def verdicts(judged: rules.Judged, rule: str = "CHG-900") -> dict[str, int]:
    return dict(judged.verdicts.select("stay_id", rule).rows())


@pytest.fixture(scope="module")
def catalogue() -> rules.RuleSet:
    return rules.load()


# thresholds

PARAM = Param(
    "limit",
    "day",
    {
        "": ((date(2020, 1, 1), 60), (date(2022, 1, 1), 50)),
        "33": ((date(2021, 1, 1), 40),),
        "3301": ((date(2021, 1, 1), 30),),
        "330100": ((date(2023, 1, 1), 20),),
    },
)


@pytest.mark.parametrize(
    ("region", "on", "value"),
    [
        (None, "2019-12-31", None),
        (None, "2020-01-01", 60),
        (None, "2021-12-31", 60),
        (None, "2022-01-01", 50),
        ("110100", "2023-06-01", 50),
        ("330200", "2023-06-01", 40),
        ("330106", "2023-06-01", 30),
        ("330100", "2023-06-01", 20),
        ("330100", "2022-12-31", 30),
        ("330100", "2020-06-01", 60),
        ("33", "2023-06-01", 40),
        ("3", "2023-06-01", 50),
    ],
)
def test_the_longest_region_that_has_a_value_on_the_day_wins(
    region: str | None, on: str, value: int | None
) -> None:
    rows = pl.DataFrame({SERVICE_DATE: [day(on)], REGION: pl.Series([region], dtype=pl.String)})
    assert rows.select(threshold.bind(PARAM)).item() == value
    assert PARAM.value(region, day(on)) == value


def test_decimal_thresholds_are_exact(ruleset) -> None:  # type: ignore[no-untyped-def]
    # 0.1 * 3 is more than 0.3 as a float, which would miss the line at exactly 30 percent.
    found = ruleset(
        {
            "params": "{share: {unit: share, default: {2020-01-01: 0.1}}}",
            "when": "{2020-01-01: fund_payment_fen >= :share * total_amount_fen}",
        }
    )
    batch = tables(
        [
            stay("a", fund_payment_fen=3, total_amount_fen=30),
            stay("b", fund_payment_fen=2, total_amount_fen=30),
        ]
    )
    assert verdicts(rules.judge(found, batch)) == {"a": H, "b": P}


# dates


def test_the_date_of_service_is_the_discharge_or_else_the_admission(ruleset) -> None:  # type: ignore[no-untyped-def]
    found = ruleset(
        {
            "when": "{2024-03-03: has_prior_stay IS NULL, 2024-03-05: NOT has_prior_stay}",
            "more": "until: 2024-03-08\n",
        }
    )
    batch = tables(
        [
            stay("early", "2024-03-01", 1, patient_id="p_1"),
            stay("first", "2024-03-01", 2, patient_id="p_2"),
            stay("second", "2024-03-01", 4, patient_id="p_3"),
            stay("last", "2024-03-01", 6, patient_id="p_4"),
            stay("over", "2024-03-01", 7, patient_id="p_5"),
            stay("here", "2024-03-05", None, patient_id="p_6"),
        ]
    )
    assert verdicts(rules.judge(found, batch)) == {
        "early": OUT, "first": P, "second": H, "last": H, "over": OUT, "here": H,
    }  # fmt: skip


# lines to stays


def test_lines_reduce_to_the_stay(ruleset) -> None:  # type: ignore[no-untyped-def]
    found = ruleset(
        {
            "unit": "charge",
            "when": "{2020-01-01: claim_type = 'inpatient' AND line_in_scope_fen > line_amount_fen}",
            "exposure": "line_amount_fen",
        }
    )
    batch = tables(
        [stay("hit"), stay("unknown"), stay("pass"), stay("none"), visit("visit", "2024-03-01")],
        charges=[
            charge("hit", "1", in_scope_fen=2000), charge("hit", "2"), charge("hit", "3", in_scope_fen=5000),
            charge("unknown", "1", in_scope_fen=1), charge("unknown", "2"),
            charge("pass", "1", in_scope_fen=1),
        ],
    )  # fmt: skip
    judged = rules.judge(found, batch)
    # Without lines an inpatient stay cannot be judged; a visit is cleared by its head alone.
    assert verdicts(judged) == {"hit": H, "unknown": U, "pass": P, "none": U, "visit": P}
    assert judged.hits.select("stay_id", "subject_id", "exposure_fen").rows() == [
        ("hit", "1", 1000), ("hit", "3", 1000),
    ]  # fmt: skip


def test_a_predicate_that_asks_for_missing_values_cannot_hit_a_stay_without_lines(ruleset) -> None:  # type: ignore[no-untyped-def]
    found = ruleset({"unit": "charge", "when": "{2020-01-01: charge_time IS NULL}"})
    judged = rules.judge(found, tables([stay("none")]))
    assert verdicts(judged) == {"none": U}
    assert judged.hits.height == 0


def test_a_list_without_procedures_passes_and_one_without_diagnoses_is_unknown(
    catalogue: rules.RuleSet,
) -> None:
    judged = rules.judge(catalogue, tables([stay("a")]))
    assert verdicts(judged, "PXC-013") == {"a": P}
    assert verdicts(judged, "DXC-008") == {"a": U}


# hits


def test_a_hit_carries_thresholds_facts_and_both_sentences(ruleset) -> None:  # type: ignore[no-untyped-def]
    found = ruleset(
        {
            "params": '{limit: {unit: day, default: {2020-01-01: 9}, "11": {2020-01-01: 3}}, share: {unit: share, default: {2020-01-01: 0.50}}}',
            "when": "{2020-01-01: stay_days > :limit AND fund_payment_fen > :share * total_amount_fen}",
            "exposure": "total_amount_fen - COALESCE(deductible_fen, 0)",
            "zh": "{stay_days}天>{limit}，{fund_payment_fen:yuan}，{share:percent}，{discharge_date}，{has_prior_stay}，{ward}",
            "en": "{stay_days} days > {limit}, {fund_payment_fen:yuan}, {share}, {discharge_date}, {has_prior_stay}, {ward}",
        }
    )
    batch = tables(
        [
            stay("a", total_amount_fen=600_001, deductible_fen=1),
            stay("b", "2024-04-01", currency="USD", fund_payment_fen=5, total_amount_fen=6, region_code="US", days=20),
        ]
    )  # fmt: skip
    first, second = rules.judge(found, batch).hits.rows(named=True)
    assert first["exposure_fen"] == 600_000
    assert first["finding_zh"] == "5天>3，5000.00元，50%，2024-03-06，否，未知"
    assert first["finding_en"] == "5 days > 3, CNY 5000.00, 0.5, 2024-03-06, no, unknown"
    assert json.loads(first["thresholds"]) == {
        "limit": {"value": 3, "unit": "day"},
        "share": {"value": "0.500000", "unit": "share"},
    }
    assert json.loads(first["facts"]) == {
        "discharge_date": "2024-03-06", "fund_payment_fen": 500000, "has_prior_stay": False,
        "stay_days": 5, "total_amount_fen": 600001, "ward": None,
    }  # fmt: skip
    assert json.loads(second["thresholds"])["limit"]["value"] == 9
    assert "USD 0.05" in second["finding_en"]
    assert "0.05美元" in second["finding_zh"]
    assert (first["rule_id"], first["severity"], first["cause"], first["unit"], first["subject_id"]) == (
        "CHG-900", "high", "test", "stay", "a",
    )  # fmt: skip
    assert len(first["rule_sha256"]) == 64


def test_hits_have_the_columns_of_the_domain_but_the_decision(catalogue: rules.RuleSet) -> None:
    empty = rules.judge(catalogue, tables([stay("a", days=9)])).hits
    assert empty.columns == [c.name for c in HITS.columns if c.name != "decision_id"]
    full = rules.judge(catalogue, tables([stay("a", days=1), stay("b", days=70)])).hits
    assert full.schema == empty.schema
    assert full.height > 0


def test_money_that_is_not_known_is_null_and_not_zero(catalogue: rules.RuleSet) -> None:
    hits = rules.judge(catalogue, tables([stay("a", days=1, fund_payment_fen=None)])).hits
    assert hits.filter(rule_id="LOS-004")["exposure_fen"].to_list() == [None]


# sets


def test_only_active_checks_judge(ruleset) -> None:  # type: ignore[no-untyped-def]
    one = {"when": "{2020-01-01: has_prior_stay}"}
    found = ruleset(
        one, one | {"status": "shadow"}, one | {"status": "draft"}, one | {"status": "retired"}
    )
    assert found.ids == ("CHG-900",)
    assert len(found.rules) == 4
    assert rules.judge(found, tables([stay("a")])).verdicts.columns == ["stay_id", "CHG-900"]
    assert found.only("CHG-901").ids == ("CHG-901",)


def test_the_digest_follows_rules_overlays_and_nothing_else(ruleset, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    one = {
        "when": "{2020-01-01: stay_days > :limit}",
        "params": "{limit: {unit: day, default: {2020-01-01: 9}}}",
    }
    first = ruleset(one)
    assert ruleset(one).sha256 == first.sha256
    assert ruleset(one | {"when": "{2020-01-01: stay_days >= :limit}"}).sha256 != first.sha256
    ruleset(one)
    site = tmp_path / "site"
    site.mkdir()
    (site / "x.yml").write_text("", encoding="utf-8")
    overlay = site / "p.yaml"
    overlay.write_text(
        'region: "11"\nname: {zh: 甲, en: A}\nbasis: []\nparams: {CHG-900: {limit: {2021-01-01: 4}}}\ncases: {}\n',
        encoding="utf-8",
    )
    folder = tmp_path / "rules"
    folder.mkdir()
    (tmp_path / "0.yaml").rename(folder / "0.yaml")
    laid = rules.load(folder, parameters=site)
    assert laid.sha256 != first.sha256
    batch = tables(
        [
            stay("a", days=5),
            stay("b", "2020-06-01", days=5, patient_id="p_2"),
            stay("c", days=5, region_code="33", patient_id="p_3"),
        ]
    )
    assert verdicts(rules.judge(laid, batch)) == {"a": H, "b": P, "c": P}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('region: "11"\nname: {zh: 甲, en: A}\nbasis: []\nparams: {XXX-001: {limit: {2021-01-01: 4}}}\ncases: {}\n', "RL030"),
        ('region: "11"\nname: {zh: 甲, en: A}\nbasis: []\nparams: {LOS-003: {limit: {2021-01-01: 4}}}\ncases: {}\n', "RL030"),
        ('region: "US"\nname: {zh: 甲, en: A}\nbasis: []\nparams: {LOS-003: {long_days: {2000-01-01: 4}}}\ncases: {}\n', "RL031"),
        ('region: 11\nname: {zh: 甲, en: A}\nbasis: []\nparams: {}\ncases: {}\n', "RL004"),
    ],
)  # fmt: skip
def test_an_overlay_must_fit_the_catalogue(tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "p.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(rules.RuleError) as caught:
        rules.load(parameters=tmp_path)
    assert code in {p.code for p in caught.value.problems}


def test_verdicts_keep_the_order_of_the_batch(catalogue: rules.RuleSet) -> None:
    ids = [f"s{n}" for n in (5, 3, 9, 1, 7)]
    batch = tables([stay(i, patient_id=f"p_{i}") for i in ids], charges=[charge("s9", "1")])
    assert rules.judge(catalogue, batch).verdicts["stay_id"].to_list() == ids


def test_no_claims_give_no_verdicts(catalogue: rules.RuleSet) -> None:
    judged = rules.judge(catalogue, Tables.of())
    assert judged.verdicts.columns == ["stay_id", *catalogue.ids]
    assert (judged.verdicts.height, judged.hits.height) == (0, 0)


def test_fingerprints_are_stable_and_null_without_diagnoses() -> None:
    batch = tables(
        [stay("a"), stay("b", patient_id="p_2"), stay("c"), stay("none")],
        diagnoses=[diagnosis("a", 1, "K35.8"), diagnosis("b", 1, "k358"), diagnosis("c", 1, "I10")],
        procedures=[procedure("c", 1, "47.01")],
    )
    found = dict(rules.fingerprint(batch).rows())
    text = "ICD-10-CN|ICD-9-CM-3-CN|||K358|"
    assert found["a"] == found["b"] == hashlib.sha256(text.encode()).hexdigest()[:32]
    assert found["c"] not in (None, found["a"])
    assert found["none"] is None


def test_an_exposure_of_decimals_is_rounded_to_the_fen(ruleset) -> None:  # type: ignore[no-untyped-def]
    found = ruleset(
        {
            "params": "{share: {unit: share, default: {2020-01-01: 0.333333}}}",
            "when": "{2020-01-01: NOT has_prior_stay AND :share > 0}",
            "exposure": ":share * fund_payment_fen",
        }
    )
    hits = rules.judge(found, tables([stay("a", fund_payment_fen=1_000_001)])).hits
    assert hits["exposure_fen"].to_list() == [round(Decimal("0.333333") * 1_000_001)]


def test_too_many_bed_days_put_their_own_price_at_risk(catalogue: rules.RuleSet) -> None:
    bed = {"category": "01", "unit_price": 40}
    batch = tables(
        [stay("a", days=2)],
        charges=[charge("a", str(n), "S-0101001", **bed) for n in range(5)],
    )
    hits = rules.judge(catalogue, batch).hits.filter(rule_id="CHG-002")
    # Five days charged, two days of stay and one of slack: two days too many at 40 yuan.
    assert hits["exposure_fen"].to_list() == [8000]
