"""What requests about cases may say, as types and for the OpenAPI document."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec

from domain import case_actions as actions
from domain.casework import APPEAL_OUTCOMES, INTERNAL, SHARED
from domain.review import LONGEST_NOTE, OUTCOMES, REASONS
from scoring_api import bodies


class _Strict(msgspec.Struct, forbid_unknown_fields=True):
    pass


class Opening(_Strict):
    """A case to open."""

    alert_ids: Annotated[list[str], msgspec.Meta(min_length=1, max_length=actions.MOST_ALERTS)]
    title: str | None = None
    assignee: str | msgspec.UnsetType | None = msgspec.UNSET
    due_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class Change(_Strict):
    """What is to change of a case; what stays is left out."""

    title: str | msgspec.UnsetType = msgspec.UNSET
    assignee: str | msgspec.UnsetType | None = msgspec.UNSET
    due_at: Annotated[datetime, msgspec.Meta(tz=True)] | msgspec.UnsetType = msgspec.UNSET


class Alerts(_Strict):
    """Alerts to take in, or one to take out."""

    add: Annotated[list[str], msgspec.Meta(max_length=actions.MOST_ALERTS)] = []
    remove: str | None = None


class Comment(_Strict):
    """A comment and who sees it."""

    text: str
    visibility: str | None = None


class Item(_Strict):
    """A conclusion on one check, or on all that are not told apart."""

    outcome: str
    reason: str
    decision_id: str | None = None
    rule_id: str | None = None
    recovered_fen: int | None = None
    note: str | None = None


class Dispositions(_Strict):
    """Conclusions."""

    items: Annotated[list[Item], msgspec.Meta(min_length=1, max_length=2_000)]


class Nothing(_Strict):
    """An empty object."""


class Approval(_Strict):
    """Whether a closing is approved, and why not."""

    approved: bool
    reason: str | None = None


class Lodging(_Strict):
    """What the hospital says."""

    statement: str


class Decision(_Strict):
    """How an appeal ends."""

    outcome: str
    note: str
    reason: str | None = None
    recovered_fen: int | None = None


_TEXT: Final[dict[str, Any]] = {"type": "string", "minLength": 1, "maxLength": LONGEST_NOTE}
_FEN: Final[dict[str, Any]] = {"type": "integer", "minimum": 0, "maximum": actions.LARGEST_FEN}
_ID: Final[dict[str, Any]] = {"type": "string", "maxLength": 64}
_IDS: Final[dict[str, Any]] = {"type": "array", "maxItems": actions.MOST_ALERTS, "items": _ID}
_SEEN: Final[dict[str, Any]] = {"enum": [INTERNAL, SHARED], "default": INTERNAL}
_DUE: Final[dict[str, Any]] = {"type": "string", "format": "date-time"}
_TITLE: Final[dict[str, Any]] = {"type": "string", "minLength": 1, "maxLength": actions.LONGEST_TITLE}  # fmt: skip
_ITEM: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["outcome", "reason"],
    "additionalProperties": False,
    "properties": {
        "decision_id": {**_ID, "description": "All decisions of the case, if left out."},
        "rule_id": {**_ID, "description": "All checks that hit there, if left out."},
        "outcome": {"enum": list(OUTCOMES)},
        "reason": {"enum": list(REASONS), "description": "One that the outcome may have."},
        "recovered_fen": {**_FEN, "description": "Money recovered; for one check only."},
        "note": {"type": "string", "maxLength": LONGEST_NOTE},
    },
}


def _body(required: list[str], example: dict[str, Any], **properties: Any) -> dict[str, Any]:
    return bodies.describe(properties, required=required, example=example)


OPENING: Final[dict[str, Any]] = _body(
    ["alert_ids"],
    {"alert_ids": ["0123456789abcdef0123456789abcdef"], "title": "疑似分解住院"},
    alert_ids={**_IDS, "minItems": 1},
    title={**_TITLE, "description": "That of the first alert, if left out."},
    assignee={**_ID, "description": "Whoever opens it, if left out; null for nobody."},
    due_at=_DUE,
)

CHANGING: Final[dict[str, Any]] = _body([], {"title": "分解住院", "due_at": "2026-04-01T09:00:00+08:00"}, title=_TITLE, assignee={"type": ["string", "null"], "maxLength": 64}, due_at=_DUE)  # fmt: skip

GATHERING: Final[dict[str, Any]] = _body(
    [], {"add": ["0123456789abcdef0123456789abcdef"]}, add=_IDS, remove=_ID
)

SAYING: Final[dict[str, Any]] = _body(["text"], {"text": "请补充病历", "visibility": SHARED}, text=_TEXT, visibility=_SEEN)  # fmt: skip

UPLOAD: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "visibility": _SEEN,
                    },
                }
            }
        },
    }
}

CONCLUDING: Final[dict[str, Any]] = _body(
    ["items"],
    {"items": [{"rule_id": "ADM-003", "outcome": "confirmed", "reason": "violation", "recovered_fen": 120_000}]},
    items={"type": "array", "minItems": 1, "items": _ITEM},
)  # fmt: skip

NOTHING: Final[dict[str, Any]] = _body([], {})

APPROVING: Final[dict[str, Any]] = _body(
    ["approved"],
    {"approved": False, "reason": "追回金额请按检查项分列"},
    approved={"type": "boolean"},
    reason={**_TEXT, "description": "Why it is sent back."},
)

LODGING: Final[dict[str, Any]] = _body(
    ["statement"], {"statement": "两次住院病因不同，病历为证"}, statement=_TEXT
)

DECIDING: Final[dict[str, Any]] = _body(
    ["outcome", "note"],
    {"outcome": "partly", "note": "部分项目有病历依据", "recovered_fen": 60_000},
    outcome={"enum": list(APPEAL_OUTCOMES)},
    note=_TEXT,
    reason={"enum": list(REASONS), "description": "Why nothing is confirmed, if overturned."},
    recovered_fen={**_FEN, "description": "What stays recovered in all, if partly changed."},
)


DECODERS: Final[dict[Any, Any]] = {
    kind: msgspec.json.Decoder(kind)
    for kind in (
        Opening, Change, Alerts, Comment, Dispositions, Nothing, Approval, Lodging, Decision,
    )
}  # fmt: skip


def plain(given: msgspec.Struct) -> dict[str, Any]:
    """The members that were given."""
    return {
        name: value
        for name in given.__struct_fields__
        if (value := getattr(given, name)) is not msgspec.UNSET
    }
