"""What may stand in a predicate, and what is refused with which code."""

import pytest

from rules.facts import facts_of
from rules.predicate import Predicate, check

FACTS = facts_of("stay")


@pytest.mark.parametrize(
    "text",
    [
        "stay_days > :x AND claim_type = 'inpatient'",
        "stay_days / NULLIF(full_days, 0) > :x",
        "discharge_way IN ('1', '5') OR discharge_way IS NULL",
        "discharge_way IS DISTINCT FROM '5'",
        "CASE WHEN has_prior_stay THEN FALSE END",
        "COALESCE(ABS(stay_days - full_days) > :x, FALSE)",
        "stay_days BETWEEN 0 AND :x",
        "NOT (stay_days = 1 OR stay_days < - :x)",
        "discharge_date < admission_date",
    ],
)
def test_allowed(text: str) -> None:
    assert isinstance(check(text, FACTS, {"x": 1}), Predicate)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("stay_days > 5", "RL012"),
        ("stay_days > 1.5", "RL012"),
        ("stay_days > 1e0", "RL012"),
        ("stay_days > 00", "RL012"),
        ("stay_dayz > :x", "RL008"),
        ("stays.stay_days > :x", "RL011"),
        ("patient_id = patient_id", "RL008"),
        ("stay_days > :y", "RL009"),
        ("stay_days > ?", "RL011"),
        ("SUM(stay_days) > :x", "RL011"),
        ("COUNT(*) > :x", "RL011"),
        ("ROW_NUMBER() OVER () > :x", "RL011"),
        ("stay_days IN (SELECT 1)", "RL011"),
        ("EXISTS (SELECT 1)", "RL011"),
        ("SELECT 1", "RL011"),
        ("DROP TABLE stays", "RL011"),
        ("stay_days > :x; DROP TABLE stays", "RL007"),
        ("claim_type LIKE 'in%'", "RL011"),
        ("CAST(stay_days AS TEXT) = claim_type", "RL011"),
        ("NOW() > discharge_date", "RL011"),
        ("READ_CSV('/etc/passwd') = claim_type", "RL011"),
        ("stay_days IS TRUE", "RL011"),
        ("stay_days = NULL", "RL011"),
        ("stay_days / full_days > :x", "RL013"),
        ("stay_days / NULLIF(full_days, 1) > :x", "RL013"),
        ("claim_type = 'in'", "RL014"),
        ("claim_type IN ('inpatient', 'in')", "RL014"),
        ("ward = 'A'", "RL014"),
        ("'a' = 'a'", "RL014"),
        ("COALESCE(claim_type, 'inpatient') = claim_type", "RL014"),
        ("stay_days >", "RL007"),
        ("(stay_days > :x", "RL007"),
        ("", "RL007"),
    ],
)
def test_refused(text: str, code: str) -> None:
    found = check(text, FACTS, {"x": 1})
    assert isinstance(found, list)
    assert code in {fault.code for fault in found}


def test_a_misspelt_fact_is_answered_with_near_ones() -> None:
    (fault,) = check("stay_dayz > :x", FACTS, {"x": 1})  # type: ignore[misc]
    assert "stay_days" in fault.cure


def test_the_predicate_knows_what_it_reads() -> None:
    found = check("stay_days > :x AND claim_type = 'inpatient'", FACTS, {"x": 1})
    assert isinstance(found, Predicate)
    assert found.facts == ("claim_type", "stay_days")
    assert found.params == ("x",)
