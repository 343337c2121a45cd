"""Errors that a person can act on: what happened, where, and what to do."""

from __future__ import annotations

from dataclasses import dataclass


class SentinelError(Exception):
    """A failure told as what happened, where, and what to do about it."""

    def __init__(self, what: str, *, where: str, cure: str) -> None:
        self.what = what
        self.where = where
        self.cure = cure
        super().__init__(f"{what} (at {where}). {cure}")


class SchemaMismatchError(SentinelError):
    """A table or an artifact does not have the schema that this version reads."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason why a record was set aside.

    ``field`` is a path such as ``charges[3].amount_fen``; ``value`` is the offending
    value as text, cut to 120 characters, and ``"<personal>"`` where the field is
    personal data; ``rule`` is a stable name such as ``required`` or ``not-utf8``;
    ``cure`` says what to do.
    """

    field: str
    value: str
    rule: str
    cure: str
