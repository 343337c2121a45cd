"""A physician's ward in a store: the evening of ``data_samples.rounds`` as the stream leaves it, with curves."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import drg
from data_samples import month, rounds, ward
from data_samples.planting import SEED
from drg import projection
from store import Store
from streaming.digest import tables_from_documents
from streaming.orders import decode, judge_orders
from streaming.orders.handler import OrdersHandler
from streaming.pipeline import Engine
from streaming.plans.desk import PlanDesk
from streaming.pseudonym import PseudonymKey
from streaming.ward import WardDesk

KEY = PseudonymKey(b"order-events-of-the-tests-only-01")
STILL_IN = 14
"""Open stays besides the ones at fault."""
SETTLED = 60
"""Stays that the curves are fitted on: enough for the cells of all stays together."""
CHECKS = dict.fromkeys(("ORD_001", "ORD_011", "ORD_012", "ORD_018", "CST_001", "CST_003"), "active")
"""Enough of the checks for pages to have something to say; all of them take seconds to load."""
AT_FAULT = "O2503-900004"
"""A stay with two drugs of one class, which a change of orders clears."""


@cache
def curves() -> drg.Curves:
    """Cost curves of a small month."""
    claims = tables_from_documents(
        json.dumps(record).encode() for record in month.plan(SEED, SETTLED).stays()
    )
    settled = drg.settle(claims, drg.load())
    return projection.fit(claims, settled.by_cell)


def fill(opened: Store, physician_id: str, judge: Engine) -> tuple[WardDesk, PlanDesk]:
    """Let the evening's events happen, judged with ``curves``; the desks that the pages read."""
    judge = replace(judge, curves=curves())
    events = [line.encode() for line in ward.encode(rounds.stream(SEED, STILL_IN, physician_id))]
    read, refused = decode(events, key=KEY)
    assert not refused
    outcome = judge_orders([event for _, event in read], {}, judge)
    for write in OrdersHandler(judge, opened, KEY).writes(outcome, {}):
        opened.open_stays.commit(write, datetime.now(UTC))
    return WardDesk(judge, opened), PlanDesk(judge, opened, KEY)
