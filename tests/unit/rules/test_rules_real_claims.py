"""The counts on the real claims; docs/real-claims.md explains each."""

from pathlib import Path

import polars as pl
import pytest

import rules
from domain.results import Verdict
from domain.tables import Tables
from streaming import intake
from streaming.pseudonym import PseudonymKey

FOLDER = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "provider_fraud"
ALWAYS_JUDGED = (
    "SLQ-003", "SLQ-005", "SLQ-027", "DXC-003", "DXC-008", "LOS-003", "LOS-004", "ADM-001", "ADM-002",
    "ADM-003", "ADM-017", "IDB-001", "IDB-003", "IDB-005", "IDB-030", "IDB-031", "SHF-002", "SHF-016",
    "ADM-004", "ADM-005", "ADM-007", "ADM-008", "ADM-014", "ADM-018", "ADM-020", "ADM-022", "IDB-002", "IDB-013",
    "IDB-025", "SHF-008", "SHF-015",
)  # fmt: skip
"""Checks that give no unknown on these claims."""

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="../shared is not here"),
]


@pytest.fixture(scope="module")
def inpatient() -> Tables:
    found = intake.read(
        [FOLDER / "inpatient.csv", FOLDER / "beneficiary.csv"],
        "provider-csv",
        key=PseudonymKey(b"a key that only this test uses!!"),
    )
    assert (found.accepted, found.set_aside) == (40_474, 0)
    return found.tables


@pytest.fixture(scope="module")
def judged(inpatient: Tables) -> rules.Judged:
    return rules.judge(rules.load(), inpatient)


@pytest.mark.parametrize(
    ("rule", "hits"),
    [
        ("IDB-001", 665),
        ("IDB-031", 7),
        ("ADM-001", 102),
        ("ADM-003", 1_415),
        ("IDB-030", 43),
        ("SLQ-027", 33),
        ("IDB-003", 0),
        ("IDB-005", 0),
        ("DXC-003", 4),
        ("ADM-005", 6),
        ("ADM-018", 1),
        # The months covered are those of a year that the file does not state.
        ("IDB-004", 0),
    ],
)
def test_counts(judged: rules.Judged, rule: str, hits: int) -> None:
    assert int((judged.verdicts[rule] == int(Verdict.HIT)).sum()) == hits
    assert judged.hits.filter(rule_id=rule).height == hits


def test_86_claims_share_their_code_vector_in_43_pairs(
    inpatient: Tables, judged: rules.Judged
) -> None:
    shared = rules.fingerprint(inpatient).filter(pl.col("code_fingerprint").is_duplicated())
    assert (shared.height, shared["code_fingerprint"].n_unique()) == (86, 43)
    # A hit is the later claim of a pair and names the earlier: together they are the 86.
    hits = judged.hits.filter(rule_id="IDB-030")
    named = hits.select(
        pl.col("facts").str.json_path_match("$.identical_code_vector_stay_id")
    ).to_series()
    assert set(hits["stay_id"]) | set(named) == set(shared["stay_id"])


@pytest.mark.parametrize("rule", ALWAYS_JUDGED)
def test_judged_and_not_unknown(judged: rules.Judged, rule: str) -> None:
    assert not judged.verdicts[rule].is_in([int(Verdict.UNKNOWN), int(Verdict.OUT_OF_FORCE)]).any()


def test_claims_without_charges_are_unknown_and_not_passed(judged: rules.Judged) -> None:
    for rule in ("SLQ-013", "CST-001"):
        assert (judged.verdicts[rule] == int(Verdict.UNKNOWN)).all()
