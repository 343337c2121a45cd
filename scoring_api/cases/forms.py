"""What the forms of a case's page say, read into what the desk takes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, Final, NoReturn

from domain.calendar import CHINA
from scoring_api.pages import formats
from scoring_api.problems import ProblemError

SEPARATOR: Final = "|"


def version(values: Mapping[str, str]) -> int:
    """The version that the page showed."""
    text = values.get("version", "")
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        _refuse("version", "The form does not say which version it shows.", "Open the page again.")
    return int(text)


def amount(values: Mapping[str, str], name: str) -> int | None:
    """Hundredths of an amount, None if left empty."""
    text = values.get(name, "").strip()
    if not text:
        return None
    fen = formats.parse_amount(text)
    if fen is None:
        _refuse(name, "The amount cannot be read.", "Write an amount such as 1234.50.")
    return fen


def day(values: Mapping[str, str], name: str) -> datetime | None:
    """The end of a day in China, None if left empty."""
    text = values.get(name, "").strip()
    if not text:
        return None
    try:
        return datetime.combine(date.fromisoformat(text), time(23, 59), CHINA)
    except ValueError:
        _refuse(name, "The day cannot be read.", "Write a day such as 2026-04-01.")


def conclusion(text: str) -> dict[str, str]:
    """Outcome and reason from a choice such as ``confirmed:violation``."""
    outcome, _, reason = text.partition(":")
    return {"outcome": outcome, "reason": reason}


def dispositions(values: Mapping[str, str]) -> list[dict[str, Any]]:
    """The checks for which a conclusion was chosen; ``all`` is for those that none was chosen for.

    Fields are ``conclusion|decision|check``, ``recovered|decision|check`` and ``note|decision|check``.
    """
    items: list[dict[str, Any]] = []
    if values.get("all"):
        items.append({**conclusion(values["all"]), "note": values.get("note") or None})
    for name, chosen in values.items():
        what, _, place = name.partition(SEPARATOR)
        if what != "conclusion" or not chosen:
            continue
        decision_id, _, rule_id = place.partition(SEPARATOR)
        items.append(
            {
                **conclusion(chosen),
                "decision_id": decision_id,
                "rule_id": rule_id,
                "recovered_fen": amount(values, f"recovered{SEPARATOR}{place}"),
                "note": values.get(f"note{SEPARATOR}{place}") or None,
            }
        )
    return items


def alert_ids(values: Mapping[str, str]) -> list[str]:
    """The alerts named in ``alert_id`` and, apart by blanks or commas, in ``alert_ids``."""
    text = f"{values.get('alert_id', '')} {values.get('alert_ids', '')}".replace(",", " ")
    return list(dict.fromkeys(text.split()))


def _refuse(field: str, what: str, cure: str) -> NoReturn:
    raise ProblemError(422, "case-value", what, cure=cure, more={"field": field})
