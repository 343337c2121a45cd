"""Patients in hospital: order events in, their stay so far kept, orders judged before they are carried out.

``decode`` reads the messages of topic ``orders``, ``state`` keeps a stay as a function
of the set of its events, ``judge_orders`` finds what is new and what would clear it.
docs/orders.md is the manual.
"""

from streaming.orders.events import Event, decode
from streaming.orders.judging import Outcome, judge_orders
from streaming.orders.state import OpenStay, Phase

__all__ = ["Event", "OpenStay", "Outcome", "Phase", "decode", "judge_orders"]
