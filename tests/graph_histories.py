"""Random small histories of claims: versions, corrections, withdrawals, in any order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from domain.graph_questions import (
    AskCircularTransfers,
    AskClonedBills,
    AskCommunities,
    AskCompanions,
    AskNeighbourhood,
    AskPath,
    AskSharedIdentifiers,
    AskTriangles,
    Question,
)
from tests.graph_scene import Scene, claim, hidden, lines

STAYS, VERSIONS = 7, 2


@dataclass(frozen=True)
class Event:
    """A version of a claim comes in, or is withdrawn; ``follows``: the graph catches up after it."""

    number: int
    version: int
    withdrawn: bool
    follows: bool


events = st.builds(
    Event,
    number=st.integers(0, STAYS - 1),
    version=st.integers(1, VERSIONS),
    withdrawn=st.sampled_from([False, False, False, True]),
    follows=st.booleans(),
)


def content(seed: int, number: int, version: int) -> dict[str, Any]:
    """The claim of that number and version; another seed gives another world."""
    dice = random.Random(f"{seed}|{number}|{version}")
    begun = date(2024, 1, 1) + timedelta(days=dice.choice([0, 0, 3, 4, 8, 30]))
    nights = dice.choice([0, 3, 3, 4])

    def maybe(*values: Any) -> Any:
        return dice.choice([*values, ...])

    return claim(
        number,
        dice.choice("AAB" if number % 2 else "BCD"),
        dice.choice(["H1", "H1", "H2", "h3"]),
        begun.isoformat(),
        None if dice.random() < 0.1 else (begun + timedelta(days=nights)).isoformat(),
        claim_version=version,
        currency=dice.choice(["CNY", "CNY", "CNY", "USD"]),
        claim_type=dice.choice(["inpatient", "inpatient", "inpatient", "outpatient"]),
        phone=maybe("000-1", "000-2"),
        bank_account=maybe("0000-1", "0000-2"),
        address=maybe("虚构路1号"),
        attending_physician_id=maybe("D1", "d2", "医师3"),
        operating_physician_id=maybe("D1"),
        total_amount_fen=maybe(dice.randint(1, 9) * 1_000),
        fund_payment_fen=maybe(dice.randint(1, 9) * 100),
        settlement_end_date=maybe((begun + timedelta(days=40)).isoformat()),
        charges=maybe(lines(1, 2, day=begun.isoformat()), lines(2, 2, day=begun.isoformat())),
    )


def play(scene: Scene, seed: int, history: Sequence[Event]) -> None:
    """Let a history happen to a store, and its graph catch up now and then and at the end."""
    for event in history:
        if event.withdrawn:
            scene.withdraw(event.number, event.version)
        else:
            scene.put(content(seed, event.number, event.version))
        if event.follows:
            scene.catch_up(batch=2)
    scene.catch_up()


def counting(history: Sequence[Event]) -> list[tuple[int, int]]:
    """(number, version) of what counts in the end, whatever the order."""
    found = []
    for number in range(STAYS):
        own = [e for e in history if e.number == number]
        gone = max((e.version for e in own if e.withdrawn), default=0)
        version = max((e.version for e in own if not e.withdrawn), default=0)
        if version > gone:
            found.append((number, version))
    return found


def answers(scene: Scene) -> dict[Question, Any]:
    """What a graph answers to many questions; a node that it does not have is told as such."""
    from domain.graph_questions import GraphNodeError

    patients = [hidden("patient_id", who) for who in "ABCD"]
    early = datetime(2024, 1, 12, tzinfo=UTC)
    asked: list[Question] = [
        AskSharedIdentifiers(min_patients=2, kind=("phone", "bank_account", "address")),
        AskSharedIdentifiers(min_patients=2, upto=early),
        AskSharedIdentifiers(min_patients=2, within="provider:H1", since=date(2024, 1, 3), limit=1),
        AskTriangles(min_stays=1),
        AskTriangles(min_stays=2, provider="H1", limit=1),
        AskCompanions(min_patients=2),
        AskCircularTransfers(max_gap_days=30),
        AskClonedBills(min_patients=2, min_items=2),
        AskCommunities(min_patients=2),
        AskCommunities(min_patients=2, min_times=0, max_people=2, upto=early),
        AskNeighbourhood(of="provider:H1", hops=3, fan=2),
        AskNeighbourhood(of="provider:h3", hops=1, upto=early),
        *(AskNeighbourhood(of=f"patient:{who}", hops=4, limit=20) for who in patients[:2]),
        AskPath(start=f"patient:{patients[0]}", end=f"patient:{patients[2]}"),
        AskPath(start="provider:H2", end=f"patient:{patients[1]}", upto=early),
    ]
    found: dict[Question, Any] = {}
    for question in asked:
        try:
            found[question] = scene.ask(question)
        except GraphNodeError as error:
            found[question] = error.what
    return found
