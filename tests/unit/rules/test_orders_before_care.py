"""Each order check judges a draft order of a patient in hospital: no charges, no discharge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl
import pytest

import rules
from domain.results import Verdict
from tests.rules_claims import at, diagnosis, order, stay, tables

DAY_ONE = "2024-03-01T08:00:00"


@dataclass(frozen=True)
class Scene:
    """The drug ordered on top, what is ordered before it, and what makes it a hit or a pass."""

    item: str
    wrong: Mapping[str, Any]
    right: Mapping[str, Any]
    earlier: tuple[tuple[str, str, str | None], ...] = ()
    start: str = "2024-03-01T10:00:00"
    stop: str | None = None
    order: Mapping[str, Any] = field(default_factory=dict)


ISCHAEMIC, PLAIN = {"disease": "I63.900"}, {"disease": "I10.x00"}
SCENES = {
    "ORD-001": Scene("S-0901801", PLAIN, ISCHAEMIC),
    "ORD-002": Scene(
        "S-0901801",
        ISCHAEMIC | {"stop": "2024-03-15T12:00:00"},
        ISCHAEMIC | {"stop": "2024-03-14T12:00:00"},
    ),
    "ORD-003": Scene(
        "S-0901801",
        ISCHAEMIC | {"start": "2024-03-03T09:00:00"},
        ISCHAEMIC | {"start": "2024-03-03T08:00:00"},
    ),
    "ORD-004": Scene("S-0901812", PLAIN, PLAIN | {"earlier": (("S-0105801", DAY_ONE, DAY_ONE),)}),
    "ORD-005": Scene("S-0901812", PLAIN | {"claim_type": "outpatient"}, PLAIN),
    "ORD-006": Scene("S-0901801", ISCHAEMIC | {"provider_level": "1"}, ISCHAEMIC),
    "ORD-008": Scene("S-0901807", PLAIN | {"sex": "1"}, PLAIN | {"sex": "2"}),
    "ORD-009": Scene("S-0901005", PLAIN | {"age_years": 9}, PLAIN | {"age_years": 18}),
    "ORD-010": Scene(
        "S-0901019",
        PLAIN | {"earlier": (("S-0901019", DAY_ONE, "2024-03-05T08:00:00"),)},
        PLAIN,
        stop="2024-03-05T08:00:00",
    ),
    "ORD-011": Scene("S-0901809", PLAIN | {"earlier": (("S-0901022", DAY_ONE, None),)}, PLAIN),
    "ORD-012": Scene("S-0901019", PLAIN | {"frequency": "tid"}, PLAIN | {"frequency": "bid"}),
    "ORD-016": Scene(
        "S-0901001",
        PLAIN | {"earlier": (("S-0103008", "2024-03-04T10:00:00", None),)},
        PLAIN
        | {"earlier": (("S-0103008", "2024-03-04T10:00:00", None), ("S-0104015", DAY_ONE, None))},
    ),
    "ORD-018": Scene("S-0901007", PLAIN, PLAIN | {"earlier": (("S-0104018", DAY_ONE, DAY_ONE),)}),
    "ORD-020": Scene("S-0901026", PLAIN, PLAIN | {"earlier": (("S-0104004", DAY_ONE, DAY_ONE),)}),
    "ORD-021": Scene("S-0901804", PLAIN, {"disease": "S06.202"}),
    "ORD-022": Scene("S-0901805", PLAIN, {"disease": "C34.900"}),
    "ORD-023": Scene("S-0901028", PLAIN, {"disease": "C18.700"}),
    "ORD-031": Scene(
        "S-0103003",
        PLAIN
        | {
            "earlier": (
                ("S-0103003", DAY_ONE, DAY_ONE),
                ("S-0103003", "2024-03-01T09:00:00", "2024-03-01T09:00:00"),
            )
        },
        PLAIN | {"earlier": (("S-0103003", DAY_ONE, DAY_ONE),)},
    ),
}


@pytest.fixture(scope="module")
def ruleset() -> rules.RuleSet:
    return rules.load()


def judge(ruleset: rules.RuleSet, check: str, given: Mapping[str, Any]) -> Verdict:
    scene, said = SCENES[check], dict(given)
    disease, earlier = said.pop("disease"), said.pop("earlier", scene.earlier)
    start, stop = said.pop("start", scene.start), said.pop("stop", scene.stop)
    frequency = said.pop("frequency", "qd")
    head = {
        "sex": "2", "age_years": 60, "provider_level": "3", "insurance_type": "310",
        "admission_time": at(DAY_ONE),
    } | said  # fmt: skip
    batch = tables(
        [stay("s", "2024-03-01", None, **head)],
        diagnoses=[diagnosis("s", 1, disease)],
        orders=[
            *(
                order("s", f"O{n}", item, begun, ended, status="active")
                for n, (item, begun, ended) in enumerate(earlier)
            ),
            order(
                "s", "new", scene.item, start, stop,
                status="active" if check == "ORD-010" else "draft",
                dose=5, dose_unit="mg", frequency=frequency,
            ),
        ],
    )  # fmt: skip
    verdicts = rules.judge(ruleset, batch).verdicts
    return Verdict(verdicts.select(pl.col(check)).item())


@pytest.mark.parametrize("check", SCENES)
def test_a_wrong_order_is_found_before_it_is_carried_out(
    check: str, ruleset: rules.RuleSet
) -> None:
    assert judge(ruleset, check, SCENES[check].wrong) == Verdict.HIT


@pytest.mark.parametrize("check", SCENES)
def test_a_right_order_passes_before_it_is_carried_out(check: str, ruleset: rules.RuleSet) -> None:
    assert judge(ruleset, check, SCENES[check].right) == Verdict.PASS


def test_every_active_check_of_orders_is_tried_on_an_order_to_come(ruleset: rules.RuleSet) -> None:
    mine = {c.rule.id for c in ruleset.compiled if c.rule.unit == "order"}
    assert mine == set(SCENES)
    assert len(mine) >= 12
