"""What the entry folders ask of each other without importing each other.

``scoring_api`` receives an ``Assess`` and a store when it is built; ``cli`` puts the
pieces together. ``streaming`` provides the real ``Assess``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from domain.access import Rows
from domain.errors import Refusal, SentinelError
from domain.proposals import Backtest, Fault, Number, ParameterValue
from domain.results import Results
from domain.tables import Tables


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that was set aside: its place in the request (from 0) and all its reasons."""

    index: int
    reasons: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class Assessment:
    """The outcome of one request: accepted claims with their results, and what was refused.

    ``len(claims) + len(refused)`` is the number of records given.
    """

    claims: Tables
    results: Results
    refused: tuple[Refused, ...]


class Assess(Protocol):
    """Assess a few claims now, looking back into the store, and store what comes of it."""

    def __call__(self, records: Sequence[bytes], /) -> Assessment:
        """Assess canonical JSON claims, one a record, in the order given."""
        ...


@dataclass(frozen=True, slots=True)
class Told:
    """Plain data (as JSON knows it) about each accepted record, in order, and what was refused."""

    results: list[dict[str, Any]]
    refused: tuple[Refused, ...]


class Group(Protocol):
    """Group and price a few claims now; nothing is stored."""

    def __call__(self, records: Sequence[bytes], /, *, trace: bool) -> Told:
        """Group canonical JSON claims, one a record; ``trace`` adds what decided each group."""
        ...


class GroupStored(Protocol):
    """Group and price claims as they are stored, with what decided each group."""

    def __call__(self, claims: Tables, /) -> list[dict[str, Any]]:
        """One record a stay, in the order of the batch, as ``Group`` tells it with a trace."""
        ...


@dataclass(frozen=True, slots=True)
class PeerDay:
    """Cost to date at the end of a day of stay among the cases still in hospital: quartiles, in fen."""

    day: int
    cases: int
    low_fen: int
    median_fen: int
    high_fen: int


@dataclass(frozen=True, slots=True)
class PeerCurve:
    """How the cost of settled stays grew day by day; ``cell`` says of which, such as ``group:ES25``."""

    cell: str
    level: str
    cases: int
    days: tuple[PeerDay, ...]


class Peers(Protocol):
    """The cost curve of the peers of a stay."""

    def __call__(self, told: Mapping[str, Any], currency: str, days: int, /) -> PeerCurve | None:
        """For a stay as ``GroupStored`` tells it, up to a day of stay; None if there is no curve for it."""
        ...


class WhatIf(Protocol):
    """Group and price one claim as it is and as it would be with changes; nothing is stored."""

    def __call__(self, record: bytes, changes: Sequence[Mapping[str, Any]], /) -> Told:
        """Compare; at most one result. ``SentinelError`` if a change cannot be made."""
        ...


class CheckOrders(Protocol):
    """Judge order events on top of the stays as stored; nothing is stored."""

    def __call__(self, records: Sequence[bytes], /) -> Told:
        """Judge order events, one a record; one result for each stay that they name and change."""
        ...


class Plans(Protocol):
    """Plans of patients in hospital: where the cost stands, what the checks say, what would comply."""

    def of_stay(
        self, stay_id: str, changes: Sequence[Mapping[str, Any]] = (), /
    ) -> dict[str, Any] | None:
        """The plan of a stay as stored, beside the one with changes; None if no open stay has the id.

        ``changes`` are those of ``drg.what_if``; ``SentinelError`` if one cannot be made. The shape:
        ``domain.plans``. Nothing is stored.
        """
        ...

    def of_events(self, records: Sequence[bytes], /) -> Told:
        """The plans of the stays that order events name, with the events made on top of what is stored."""
        ...


class Ward(Protocol):
    """Patients in hospital as their physician looks at them: many at a glance, or one stay's record."""

    def glance(self, versions: Mapping[str, int], /) -> dict[str, dict[str, Any]]:
        """Where the cost of each stay stands and is heading; ``versions`` maps stay_id to its stored one.

        What was worked out for a version is kept, so that a list costs little while nothing changes. The
        shape: ``streaming.ward``. Stays that nothing is known of are left out.
        """
        ...

    def record(self, stay_id: str, /) -> dict[str, Any] | None:
        """The codes, orders and cost day by day of a stay; None if no open stay has the id."""
        ...


@dataclass(frozen=True, slots=True)
class HookCall:
    """One call of CDS Hooks, its form already checked: which hook, what was sent, and for whom.

    ``providers`` are the hospitals that the caller speaks for, empty where it may speak for any;
    ``rows`` is what it may see; ``language`` is ``zh`` or ``en``; ``address`` is the one under which
    people reach the service, for links; ``client`` names the caller.
    """

    hook: str
    request: Mapping[str, Any]
    client: str
    providers: tuple[str, ...]
    rows: Rows
    language: str
    address: str
    at: datetime


class MissingDataError(SentinelError):
    """A call does not bring what a judgement needs, and the store does not have it either."""


class UnreadableError(SentinelError):
    """A call has the form of one, but what it says cannot be taken; ``reasons`` are told one by one."""

    def __init__(
        self, what: str, *, where: str, cure: str, reasons: Sequence[Mapping[str, str]] = ()
    ) -> None:
        self.reasons = tuple(reasons)
        super().__init__(what, where=where, cure=cure)


@dataclass(frozen=True, slots=True)
class Advice:
    """The cards that answer a call (``domain.cds.response_schema``), and what of it could not be read.

    ``set_aside`` names resources with the element and the reason: resource, element, reason.
    """

    cards: list[dict[str, Any]]
    set_aside: list[dict[str, Any]]


class Advise(Protocol):
    """Advice at the moment of an order: cards for a record system, and what became of them."""

    def ask(self, call: HookCall, /) -> Future[Advice]:
        """The answer to a call; the future has a SentinelError if there can be none.

        Nothing of the call is stored but the cards that were proposed.
        """
        ...

    def feedback(
        self, told: Sequence[Mapping[str, Any]], rows: Rows, now: datetime, /
    ) -> list[dict[str, Any]]:
        """Keep what was said of cards; the items that could not be taken, each with ``index`` and ``reason``."""
        ...


@dataclass(frozen=True, slots=True)
class RefusedResource:
    """A FHIR resource that was not taken, with one of the reasons: where (FHIRPath), a stable name, what to do.

    ``index`` counts the resources that came, from 0; a resource with several reasons has
    several of these. Nothing here quotes a value.
    """

    index: int
    resource: str
    element: str
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class UnkeptElement:
    """An element that was understood as FHIR and not kept, for no field of ours holds it."""

    index: int
    resource: str
    element: str


@dataclass(frozen=True, slots=True)
class FhirTold:
    """What a FHIR resource or Bundle says: order events and canonical claims as JSON, and account of it all.

    Each of the ``read`` resources is in ``taken`` or among the refused, by its place. ``form``
    is the type of the Bundle, ``identifier`` its ``system|value``; ``providers`` are the
    hospitals that it speaks of.
    """

    events: tuple[bytes, ...]
    claims: tuple[bytes, ...]
    refused: tuple[RefusedResource, ...]
    notes: tuple[UnkeptElement, ...]
    read: int
    taken: tuple[int, ...]
    identifier: str | None
    form: str | None
    providers: frozenset[str]


class Fhir(Protocol):
    """FHIR resources as order events and claims."""

    def read(self, body: bytes, /, *, provider_id: str | None) -> FhirTold:
        """Read a resource or Bundle; nothing is stored. ``provider_id`` is the hospital that sends, if stated."""
        ...

    def keep(self, events: Sequence[bytes], /) -> Told:
        """Take order events as the stream does, judge and store them; one result for each stay that changed."""
        ...


@dataclass(frozen=True, slots=True)
class Worded:
    """The words of a suggestion, finding or question in one language, and whose they are.

    ``source`` is ``template`` for our own words, ``model`` for those of a language model that were
    verified. ``wording_id`` names the record of what a model was asked, if it was; ``pending`` says
    that it is being asked, so that a later call may have its words.
    """

    summary: str
    detail: str
    action: str
    source: str = "template"
    wording_id: str | None = None
    pending: bool = False


class Wording(Protocol):
    """Words for people: the template's at once, a model's as soon as they are there and verified."""

    def of(self, told: Mapping[str, Any], lang: str, /) -> Worded:
        """The words for a suggestion of the stream, or a finding, suggestion or question of a plan.

        ``lang`` is zh or en. It never waits for a model and never raises for one; SentinelError if
        ``told`` has none of these shapes.
        """
        ...


class NotReadyError(SentinelError):
    """What answers is still being prepared; ask again."""


class ScoreClaims(Protocol):
    """Score claims by what they share with those that are stored; nothing is stored."""

    def score(self, records: Sequence[bytes], /) -> Told:
        """Score canonical claims, one a record, each beside the stored ones. NotReadyError at first.

        A result says ``absent`` (zh, en) where a claim can have no score.
        """
        ...

    def again(self, stay_id: str, /) -> dict[str, Any] | None:
        """The score of a stored claim as all others are known, with its connections; None if unknown."""
        ...

    def rings(self, limit: int, /) -> dict[str, Any]:
        """Suspicious claims that are tied together, most money at risk first, and as of when."""
        ...


class QueueFullError(SentinelError):
    """As many jobs wait as may wait; ask again later."""


@dataclass(frozen=True, slots=True)
class Proposable:
    """A change that may be proposed, beside the value that would hold without it (None: none)."""

    change: ParameterValue
    unit: str
    before: Number | None
    rule_sha256: str


class ChangeRules(Protocol):
    """What other values of checks' parameters would do, and whether they may be."""

    @property
    def loaded(self) -> Sequence[ParameterValue]:
        """The approved values that this service judges by; those approved since wait for a restart."""
        ...

    def check(  # noqa: PLR0917
        self, rule_id: str, parameter: str, region: str, since: date, value: str, today: date, /
    ) -> tuple[Sequence[Fault], Proposable | None]:
        """What speaks against a value from a day on, or the change as it may be proposed."""
        ...

    def check_tried(
        self, rule_id: str, parameter: str, region: str, value: str, /
    ) -> Sequence[Fault]:
        """What speaks against trying a value in a backtest."""
        ...

    def begin(self, job: Backtest, /) -> bool:
        """Keep a backtest and do it when its turn comes; False if it is there. QueueFullError."""
        ...
