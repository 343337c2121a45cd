"""DFT messages: charge lines as they are posted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from streaming.hl7.faults import Fault, MessageError, Place
from streaming.hl7.places import CHARGES
from streaming.hl7.profile import Profile
from streaming.hl7.rows import Row, named_values, put_named
from streaming.hl7.stays import Draft
from streaming.hl7.text import Message, Segment

MOST_LINES: Final = 500
"""Lines of one event: an event holds a mebibyte, and these are a quarter of it."""
_NUMBER: Final = re.compile(r"[+-]?(?:\d{1,14}(?:\.\d{0,8})?|\.\d{1,8})")
QUANTITY: Final = 10
CHARGE, CREDIT = "CG", "CR"
_OTHER: Final = frozenset({"PY", "AJ", "CO"})
"""Payments, adjustments and co-payments: no charge lines."""


def read_charges(message: Message, profile: Profile) -> list[Draft]:
    """The lines of all FT1, in events of at most ``MOST_LINES``; none if there are only payments."""
    groups = list(message.groups("FT1"))
    if not groups:
        raise MessageError([Fault(Place("FT1"), "required", "Send at least one FT1.")])
    rows = [row for group in groups if (row := _read_line(group, profile)) is not None]
    drafts = []
    for start in range(0, len(rows), MOST_LINES):
        draft = Draft("charges")
        draft.put_rows("charges", rows[start : start + MOST_LINES])
        drafts.append(draft)
    return drafts


def _read_line(group: Sequence[Segment], profile: Profile) -> Row | None:
    ft1 = group[0]
    kind = ft1.text(6).upper()
    if kind in _OTHER:
        return None
    if kind not in (CHARGE, CREDIT, "CD"):
        rule = "enum" if kind else "required"
        raise MessageError(
            [Fault(ft1.place(6), rule, "Write CG for a charge, CR or CD for one taken back.")]
        )
    # The segments after the procedure belong to it; an ORC begins the order of the line.
    row = Row("charges")
    for name, _, text, place in named_values(group):
        put_named(row, name, text, profile, place)
    row.read(CHARGES, group, profile)
    sign = 1 if kind == CHARGE else -1
    quantity = _number(ft1, QUANTITY, profile)
    amount = _number(ft1, 11, profile)
    price = _number(ft1, 12, profile)
    if sign < 0:
        # Some send what is taken back with its sign, some leave that to the type.
        quantity = None if quantity is None else -abs(quantity)
        amount = None if amount is None else -abs(amount)
    if amount is None and quantity is not None and price is not None:
        amount = quantity * price
    if quantity is not None:
        row.put("quantity", f"{quantity:f}", ft1.place(10))
    if price is not None:
        row.put("unit_price", f"{price:f}", ft1.place(12))
    if amount is not None and "amount_fen" not in row.values:
        fen = amount * 100
        if fen != fen.to_integral_value():
            raise MessageError(
                [Fault(ft1.place(11), "type", "Write the amount in yuan with at most two places.")]
            )
        row.put("amount_fen", int(fen), ft1.place(11))
    return row


def _number(segment: Segment, number: int, profile: Profile) -> Decimal | None:
    """A quantity or the amount of a price (CP.1.1, or MO.1)."""
    text = segment.text(number)
    if not text:
        return None
    currency = segment.text(number, sub=2) if number > QUANTITY else ""
    if currency and currency not in (profile.head.get("currency", ""), "RMB"):
        cure = (
            f"Send amounts in {profile.head.get('currency')}, or set the currency in the profile."
        )
        raise MessageError([Fault(segment.place(number), "enum", cure)])
    if not _NUMBER.fullmatch(text):
        raise MessageError(
            [Fault(segment.place(number), "type", "Write a decimal number such as 12.50.")]
        )
    return Decimal(text)
