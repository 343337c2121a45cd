"""Values of the settlement list as a claim has them: yuan to fen, local times to instants."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from domain.errors import Refusal
from domain.schema import Field, Kind
from streaming.settlement_message import fields as f

_NUMBER: Final = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,8})?")
_DURATION: Final = re.compile(r"(\d{1,4})/(\d{1,4})/(\d{1,6})")
_TIME: Final = re.compile(r"(\d{4})-(\d\d?)-(\d\d?)(?:[ T](\d\d?):(\d\d)(?::(\d\d)(?:\.\d+)?)?)?")


@dataclass(frozen=True, slots=True)
class Terms:
    """What the message does not say: zone of its times, coding of a flag, version of the claim."""

    time_zone: str = "Asia/Shanghai"
    flags: str = "interface"
    claim_version: int = 1
    region_code: str = ""


class Faults:
    """Reasons as they are found."""

    def __init__(self) -> None:
        self.found: list[Refusal] = []

    def add(self, path: str, rule: str, cure: str) -> None:
        """Note one."""
        self.found.append(Refusal(path, "", rule, cure))


def value_of(field: Field, raw: Any, path: str, terms: Terms, faults: Faults) -> Any:
    """A value as the canonical claim has it; None if it is not there, or is told as a fault."""
    text = text_of(raw)
    if isinstance(raw, (dict, list)):
        faults.add(path, "type", "Write a text or a number.")
        return None
    if not text or text == "-":
        return None
    if field.name in f.DURATIONS:
        return minutes_of(text, path, faults)
    match field.kind:
        case Kind.MONEY:
            return fen_of(text, path, faults)
        case Kind.INTEGER:
            number = decimal_of(text, path, faults)
            if number is not None and number != number.to_integral_value():
                # Ages and weights come with places that the claim does not count.
                number = number.to_integral_value(rounding="ROUND_FLOOR")
            return None if number is None else int(number)
        case Kind.DECIMAL:
            number = decimal_of(text, path, faults)
            return None if number is None else f"{number:f}"
        case Kind.FLAG:
            flags = f.FLAGS[terms.flags]
            if text not in flags:
                faults.add(
                    path,
                    "enum",
                    f"Write {' or '.join(flags)}, or say how the flag is coded (--flags).",
                )
            return flags.get(text)
        case Kind.DATE:
            return day_of(text, path, faults)
        case Kind.INSTANT:
            return instant_of(text, path, terms, faults)
    return code_of(field.name, text)


def code_of(name: str, text: str) -> str:
    """Our code for one of the interface; what is not known stays, and is refused."""
    match name:
        case "payment_method":
            return f.PAYMENT.get(text, text)
        case "treatment_type":
            return f.TREATMENT.get(text, text)
        case "ward_type":
            return f.WARDS.get(text.upper(), text.upper())
    return text


def text_of(value: Any) -> str:
    """A value as text, "" where there is none."""
    if value is None or isinstance(value, (dict, list)):
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int) and value.bit_length() > 128:
        return "(number)"
    return (
        f"{value:f}"
        if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < 40
        else str(value)[:4000].strip()
    )


def decimal_of(value: Any, path: str, faults: Faults) -> Decimal | None:
    """A number; None if there is none, or it is told as a fault."""
    text = text_of(value)
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        faults.add(path, "type", "Write a decimal number such as 12.50.")
        return None
    return Decimal(text)


def fen_of(value: Any, path: str, faults: Faults) -> int | None:
    """Yuan as fen; None if there is none, or it is told as a fault."""
    amount = decimal_of(value, path, faults)
    if amount is None:
        return None
    fen = amount * 100
    if fen != fen.to_integral_value():
        faults.add(path, "type", "Write yuan with at most two places.")
        return None
    return int(fen)


def minutes_of(text: str, path: str, faults: Faults) -> int | None:
    """Days/hours/minutes as minutes."""
    found = _DURATION.fullmatch(text)
    if found is None:
        faults.add(path, "format", "Write the time as days/hours/minutes, such as 1/13/24.")
        return None
    days, hours, minutes = (int(part) for part in found.groups())
    return (days * 24 + hours) * 60 + minutes


def day_of(value: Any, path: str, faults: Faults) -> str | None:
    """A day as YYYY-MM-DD; None if there is none, or it is told as a fault."""
    text = text_of(value)
    found = _TIME.fullmatch(text) if text else None
    try:
        if found is not None:
            return date(int(found[1]), int(found[2]), int(found[3])).isoformat()
    except ValueError:
        pass
    if text:
        faults.add(path, "format", "Write a day that exists as yyyy-MM-dd.")
    return None


def instant_of(text: str, path: str, terms: Terms, faults: Faults) -> str | None:
    """A time of the place as an instant."""
    found = _TIME.fullmatch(text)
    try:
        if found is not None and found[4] is not None:
            parts = (int(found[n] or 0) for n in range(1, 7))
            return datetime(*parts, tzinfo=ZoneInfo(terms.time_zone)).isoformat()  # type: ignore[arg-type, misc]
    except (ValueError, OverflowError):
        pass
    faults.add(path, "format", "Write the time as yyyy-MM-dd HH:mm:ss.")
    return None
