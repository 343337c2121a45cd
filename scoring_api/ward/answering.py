"""A physician's answers to suggestions: which card they belong to, and what came of them."""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, Final

import msgspec

from domain.access import Principal
from domain.calendar import CHINA
from domain.cards import (
    ACCEPTED,
    ANSWERS,
    LATER,
    LONGEST_COMMENT,
    OVERRIDDEN,
    OVERRIDE_REASONS,
    REPEAT,
    SHOWN,
    Card,
    CardAnswer,
    CardSuggestion,
)
from domain.results import Severity, identifier
from scoring_api.problems import ProblemError
from store import Store

Json = dict[str, Any]

HOOK: Final = "ward"
"""The page, where cards of CDS Hooks name their hook."""
NO_LIMIT: Final = 10**6
"""Budget of what a physician opens on their own: looking is not being interrupted."""
READ: Final = 500
"""Cards that are looked at for one page: more than a month of a full budget."""
DAYS: Final = 14
_SPACE: Final = uuid.UUID("5f6c1f0e-6b0e-5d5b-8f35-0c1a1f4a7c49")
_WARN_FROM: Final = Severity.MEDIUM


def gather(plan: Json) -> list[Json]:
    """What a plan has to say, by what it is about: the gravest first, of these what can be changed.

    Each group is one card: ``key``, ``cause``, ``subject_id``, ``severity``, ``findings``, ``suggestions``. The
    findings are those of now, and those at discharge that a suggestion answers; the stream tells of the same.
    """
    by_id = {one["finding_id"]: one for one in plan["findings"]}
    groups: dict[tuple[str, str], Json] = {}

    def group_of(cause: str, subject: str) -> Json:
        return groups.setdefault(
            (cause, subject),
            {"cause": cause, "subject_id": subject, "findings": [], "suggestions": []},
        )

    for one in plan["findings"]:
        if one["when"] == "now":
            group_of(one["cause"], one["subject_id"])["findings"].append(one)
    for suggestion in plan["suggestions"]:
        found = [by_id[i] for i in suggestion["finding_ids"] if i in by_id]
        cause = found[0]["cause"] if found else suggestion["kind"]
        subject = found[0]["subject_id"] if found else suggestion["order_id"] or plan["stay_id"]
        group = group_of(cause, subject)
        group["suggestions"].append(suggestion)
        group["findings"] += [one for one in found if one not in group["findings"]]
    for (cause, subject), group in groups.items():
        group["key"] = key_of(plan["stay_id"], cause, subject)
        group["severity"] = max(
            (Severity(one["severity"]) for one in group["findings"]),
            key=lambda s: s.rank,
            default=Severity.INFO,
        )
    return sorted(
        groups.values(), key=lambda g: (-g["severity"].rank, not g["suggestions"], g["key"])
    )


def key_of(stay_id: str, cause: str, subject_id: str) -> str:
    """What makes two cards the same: stay, cause and subject, as of a hook's card."""
    return identifier("card", stay_id, cause, subject_id)


def card_of(plan: Json, group: Json, physician_id: str, now: datetime) -> Card:
    """The card of a group, as the page shows it; its id follows from what it says and to whom.

    Its digest is that of a hook's card about the same (a test holds both together), so that what is
    answered here is not asked again while ordering.
    """
    digest = _digest(group)
    findings, suggestions = group["findings"], group["suggestions"]
    first = findings[0]["finding"] if findings else suggestions[0]["text"]
    card_id = uuid.uuid5(_SPACE, f"{HOOK} {group['key']} {digest} {physician_id}")
    return Card(
        card_id=str(card_id),
        stay_id=plan["stay_id"],
        provider_id=plan["provider_id"],
        physician_id=physician_id,
        department=plan["department"],
        hook=HOOK,
        suggestion_key=group["key"],
        digest=digest,
        rule_ids=tuple(dict.fromkeys(f["rule_id"] for f in findings)),
        severity=group["severity"],
        indicator="warning" if group["severity"].rank >= _WARN_FROM.rank else "info",
        summary=first,
        detail={
            lang: "\n".join(f["finding"][lang] for f in findings) or first[lang]
            for lang in ("zh", "en")
        },
        suggestions=tuple(
            CardSuggestion(s["suggestion_id"], s["text"], s["kind"]) for s in suggestions
        ),
        created_at=now,
    )


def _digest(group: Json) -> str:
    """What a card rests on: checks, thresholds, the names among the facts, and the ways; no number that moves."""
    found = sorted(group["findings"], key=lambda f: (-Severity(f["severity"]).rank, f["rule_id"]))
    ids = {f["finding_id"] for f in found}
    # A hook offers a way only if it clears all that the card speaks of.
    ways = [s for s in group["suggestions"] if s["finding_ids"] and ids <= set(s["finding_ids"])]
    basis = [
        [
            [
                f["rule_id"],
                f["rule_sha256"],
                f["thresholds"],
                {name: value for name, value in f["facts"].items() if isinstance(value, str)},
            ]
            for f in found
        ],
        sorted([s["kind"], s["order_id"] or "", s["item_code"] or ""] for s in ways),
    ]
    return hashlib.sha256(msgspec.json.encode(basis, order="sorted")).hexdigest()[:32]


def answered(cards: Iterable[Json]) -> dict[str, datetime]:
    """Subject -> when it was last answered for good; ``later`` is no answer yet."""
    found: dict[str, datetime] = {}
    for card in cards:
        if card["answer"] in (ACCEPTED, OVERRIDDEN):
            key, at = card["suggestion_key"], card["answered_at"]
            found[key] = max(found.get(key, at), at)
    return found


def latest(cards: Iterable[Json]) -> dict[str, Json]:
    """Subject -> the card about it that was answered last."""
    found: dict[str, Json] = {}
    for card in cards:
        known = found.get(card["suggestion_key"])
        if card["answer"] and (known is None or card["answered_at"] > known["answered_at"]):
            found[card["suggestion_key"]] = card
    return found


def read_answer(
    values: Mapping[str, str], group: Json
) -> tuple[str, tuple[str, ...], str | None, str | None]:
    """Outcome, ids of the suggestions taken, reason and comment of a form; a 422 problem if not whole."""
    outcome, comment = values.get("outcome", ""), values.get("comment", "").strip() or None
    reason = values.get("reason") or None
    taken = values.get("suggestion", "")
    known = {s["suggestion_id"] for s in group["suggestions"]}
    if outcome not in ANSWERS:
        raise _refused(
            "outcome", "The form does not say what was done.", "Choose one of the answers."
        )
    if outcome == OVERRIDDEN and reason not in OVERRIDE_REASONS:
        raise _refused("reason", "No reason was chosen.", "Choose why it does not fit.")
    if comment is not None and len(comment) > LONGEST_COMMENT:
        raise _refused(
            "comment", "The comment is too long.", f"Write at most {LONGEST_COMMENT} characters."
        )
    return (
        outcome,
        (taken,) if outcome == ACCEPTED and taken in known else (),
        reason if outcome == OVERRIDDEN else None,
        comment if outcome != LATER else None,
    )


def keep(  # noqa: PLR0917
    store: Store,
    principal: Principal,
    plan: Json,
    group: Json,
    values: Mapping[str, str],
    now: datetime,
) -> None:
    """Keep an answer: with the card that the physician was shown about it, else with one of the page."""
    outcome, accepted, reason, comment = read_answer(values, group)
    physician = principal.rows.physician_id or plan["physician_id"] or principal.user_id
    card_id, offered = _card_to_answer(store, principal, plan, group, physician, now)
    by_id = {one["suggestion_id"]: one for one in group["suggestions"]}
    # A hook's card has ids of its own for its suggestions; kind and words are the plan's.
    taken = tuple(
        one["suggestion_id"]
        for one in offered
        if any(
            one["suggestion_id"] == way
            or (one["kind"], one["label"]) == (by_id[way]["kind"], by_id[way]["text"])
            for way in accepted
        )
    )
    store.cards.feedback(
        [CardAnswer(card_id, outcome, now, taken, reason, comment)], now=now, rows=principal.rows
    )


def _card_to_answer(  # noqa: PLR0917
    store: Store, principal: Principal, plan: Json, group: Json, physician_id: str, now: datetime
) -> tuple[str, list[Json]]:
    """Id and suggestions of the card that the physician was shown about the group, else of a new one of the page."""
    stay_id = plan["stay_id"]
    for known in store.cards.of_physician(principal.rows, stay_id=stay_id, held=True, limit=READ):
        if known["suggestion_key"] == group["key"]:
            return known["card_id"], known["suggestions"]
    card = card_of(plan, group, physician_id, now)
    (offer,) = store.cards.offer([card], budget=NO_LIMIT, now=now)
    if offer.held == REPEAT:
        # A colleague was shown the same; this one was not, and answers for themselves.
        card = replace(
            card, digest=identifier("card", card.digest, physician_id)[:32],
            card_id=str(uuid.uuid5(_SPACE, f"{card.card_id} {physician_id}")),
        )  # fmt: skip
        store.cards.offer([card], budget=NO_LIMIT, now=now)
    return card.card_id, card.body["suggestions"]


def by_day(cards: Sequence[Json], today: date) -> list[tuple[date, int]]:
    """How many cards were shown on each of the last days, oldest first; of the earlier half only days with any."""
    counts = Counter(
        card["created_at"].astimezone(CHINA).date() for card in cards if card["outcome"] == SHOWN
    )
    days = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    return [
        (day, counts[day]) for place, day in enumerate(days) if counts[day] or place >= DAYS // 2
    ]


def became(
    card: Json, open_stays: frozenset[str], standing: Mapping[tuple[str, str], bool]
) -> str | None:
    """What came of what a card is about: gone, stands, cleared, or None if nothing can be said."""
    if card["stay_id"] not in open_stays:
        return "gone"
    known = [standing[k] for r in card["rule_ids"] if (k := (card["stay_id"], r)) in standing]
    return None if not known else "stands" if any(known) else "cleared"


def _refused(field: str, what: str, cure: str) -> ProblemError:
    return ProblemError(422, "ward-answer", what, cure=cure, more={"field": field})
