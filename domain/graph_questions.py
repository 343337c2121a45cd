"""What can be asked of the entity graph: each question with its parameters and their limits.

A question is declared once, here. The command line, the HTTP routes and their documentation
are made from these declarations, so they cannot fall out of step, and a question that exists
has been checked: wrong parameters are refused by name when it is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, time
from typing import Any, ClassVar, Final, Protocol

from domain.calendar import CHINA
from domain.errors import SentinelError
from domain.graph import IDENTIFIERS, GraphState, GraphStats, NodeKind, kind_of

SECONDS: Final = 10.0
"""How long a question may take unless it says otherwise: a person waits no longer for a picture."""

KEY_LENGTH: Final = 300
"""Characters of a node's key: a kind and up to three identifiers of the claim."""


class GraphError(SentinelError):
    """The graph cannot answer."""


class GraphQuestionError(GraphError):
    """A question's parameter is not what it may be."""


class GraphNodeError(GraphError):
    """The graph has no node of that key."""


class GraphTimeoutError(GraphError):
    """The question took longer than it may."""


class GraphAwayError(GraphError):
    """The graph's server does not answer; the same question may be answered later."""


def _told(
    help: str,
    *,
    least: int | None = None,
    most: int | None = None,
    choices: tuple[str, ...] = (),
    nodes: tuple[NodeKind, ...] = (),
) -> dict[str, Any]:
    """What a parameter means and may be; ``nodes`` are the kinds of a node's key."""
    return {"help": help, "least": least, "most": most, "choices": choices, "nodes": nodes}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What every question has. Making one checks it; GraphQuestionError names the parameter."""

    name: ClassVar[str] = ""
    upto: datetime | None = field(
        default=None,
        metadata=_told("Only claims that were complete by this instant; all if left out."),
    )
    seconds: float = field(
        default=SECONDS,
        metadata=_told("Longest time for the answer, in seconds.", least=1, most=120),
    )

    def __post_init__(self) -> None:
        for one in fields(self):
            value, told = getattr(self, one.name), one.metadata
            if isinstance(value, datetime) and value.tzinfo is None:
                raise self._refuse(
                    one.name, "has no zone", "Write it with its offset, such as +08:00."
                )
            if isinstance(value, int | float) and not isinstance(value, bool):
                if told["least"] is not None and value < told["least"]:
                    raise self._refuse(one.name, f"is below {told['least']}", _between(told))
                if told["most"] is not None and value > told["most"]:
                    raise self._refuse(one.name, f"is above {told['most']}", _between(told))
            if told["choices"]:
                _check_choices(self, one.name, value, told["choices"])
            if told["nodes"] and value is not None:
                _check_key(self, one.name, value, told["nodes"])
            if isinstance(value, str) and "\x00" in value:
                raise self._refuse(one.name, "holds U+0000", "No identifier has it.")

    def _refuse(self, name: str, what: str, cure: str) -> GraphQuestionError:
        return GraphQuestionError(
            f"the parameter {name} {what}", where=f"{self.name or 'graph'}.{name}", cure=cure
        )


def _between(told: Mapping[str, Any]) -> str:
    return f"Give {told['least']} to {told['most']}."


def _check_choices(asked: Question, name: str, value: Any, choices: tuple[str, ...]) -> None:
    given = value if isinstance(value, tuple) else (value,)
    if not given or set(given) - set(choices):
        raise asked._refuse(name, "is none of its choices", f"Choose from {', '.join(choices)}.")


def _check_key(asked: Question, name: str, value: str, kinds: tuple[NodeKind, ...]) -> None:
    try:
        fits = kind_of(value) in kinds and len(value) <= KEY_LENGTH
    except ValueError:
        fits = False
    if not fits:
        raise asked._refuse(
            name,
            "is not the key of such a node",
            f"Write kind:id, such as provider:H33010000001; the kind is one of {', '.join(kinds)}.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Since(Question):
    since: date | None = field(
        default=None, metadata=_told("Only stays admitted on this day or later.")
    )
    limit: int = field(default=50, metadata=_told("Entries of the answer.", least=1, most=1_000))


_IDENTIFIERS = tuple(str(kind) for kind in IDENTIFIERS)

THROUGH: Final = ("patient", "stay", "order", "phone", "address", "bank_account")
"""Nodes that neighbourhoods and paths go through unless told otherwise. A provider, physician,
department, employer, code or item connects hundreds who have nothing to do with each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskNeighbourhood(Question):
    """What lies around a node, a step at a time, the newest claims first.

    Nodes of a kind outside ``through`` are shown and not gone through, except the first.
    """

    name: ClassVar[str] = "neighbourhood"
    of: str = field(metadata=_told("Where it begins: the key of a node.", nodes=tuple(NodeKind)))
    hops: int = field(default=2, metadata=_told("Steps from there.", least=1, most=6))
    fan: int = field(default=50, metadata=_told("Edges followed from one node.", least=1, most=500))
    through: tuple[str, ...] = field(
        default=THROUGH, metadata=_told("Kinds of nodes to go through.", choices=tuple(NodeKind))
    )
    limit: int = field(default=300, metadata=_told("Nodes of the answer.", least=1, most=2_000))


@dataclass(frozen=True, slots=True, kw_only=True)
class AskPath(Question):
    """A shortest way between two nodes; of several the first by the keys on it."""

    name: ClassVar[str] = "path"
    start: str = field(metadata=_told("One end: the key of a node.", nodes=tuple(NodeKind)))
    end: str = field(metadata=_told("The other end.", nodes=tuple(NodeKind)))
    hops: int = field(default=12, metadata=_told("Longest way, in edges.", least=1, most=20))
    through: tuple[str, ...] = field(
        default=THROUGH, metadata=_told("Kinds of nodes to go through.", choices=tuple(NodeKind))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AskSharedIdentifiers(_Since):
    """Telephone numbers, accounts, addresses and employers that several patients state."""

    name: ClassVar[str] = "shared-identifiers"
    kind: tuple[str, ...] = field(
        default=("phone", "bank_account"),
        metadata=_told("Kinds of identifiers.", choices=_IDENTIFIERS),
    )
    min_patients: int = field(
        default=4, metadata=_told("Least different patients.", least=2, most=1_000_000)
    )
    within: str | None = field(
        default=None,
        metadata=_told(
            "Only identifiers on a stay of this node: a patient, provider, physician or stay.",
            nodes=(NodeKind.PATIENT, NodeKind.PROVIDER, NodeKind.PHYSICIAN, NodeKind.STAY),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AskTriangles(_Since):
    """Providers, physicians and patients whom several stays bring together."""

    name: ClassVar[str] = "triangles"
    min_stays: int = field(
        default=3, metadata=_told("Least stays of the three.", least=1, most=1_000_000)
    )
    provider: str | None = field(default=None, metadata=_told("Only this provider's id."))
    physician: str | None = field(default=None, metadata=_told("Only this physician's id."))
    patient: str | None = field(default=None, metadata=_told("Only this patient's pseudonym."))


@dataclass(frozen=True, slots=True, kw_only=True)
class AskCompanions(_Since):
    """Patients who several times entered and left a hospital on the same two days as each other."""

    name: ClassVar[str] = "companions"
    min_times: int = field(
        default=2, metadata=_told("Least joint admissions of two patients.", least=2, most=1_000)
    )
    min_patients: int = field(
        default=3, metadata=_told("Least patients of a group.", least=2, most=1_000)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AskCircularTransfers(_Since):
    """Hospitals that hand patients on until the first one has them again."""

    name: ClassVar[str] = "circular-transfers"
    max_gap_days: int = field(
        default=3,
        metadata=_told("Most days between a discharge and the next admission.", least=0, most=60),
    )
    min_patients: int = field(
        default=1, metadata=_told("Least patients who went round.", least=1, most=1_000)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AskClonedBills(_Since):
    """Stays of different patients that were charged the same items in the same quantities."""

    name: ClassVar[str] = "cloned-bills"
    min_patients: int = field(
        default=3, metadata=_told("Least different patients.", least=2, most=1_000)
    )
    min_items: int = field(
        default=10,
        metadata=_told(
            "Least different items: a short bill is alike by chance.", least=1, most=1_000
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AskCommunities(_Since):
    """Groups of patients tied together by shared identifiers or joint admissions, with their money.

    They are the connected components; the answer comes by what the fund paid in ``currency``.
    """

    name: ClassVar[str] = "communities"
    kind: tuple[str, ...] = field(
        default=("phone", "bank_account"),
        metadata=_told("Identifiers that tie.", choices=_IDENTIFIERS),
    )
    max_people: int = field(default=30, metadata=_told("An identifier of more patients ties nobody: it is a home's or the hospital's own.", least=2, most=1_000))  # fmt: skip
    min_times: int = field(
        default=2,
        metadata=_told(
            "Joint admissions that tie two patients; 0: they tie nobody.", least=0, most=1_000
        ),
    )
    min_patients: int = field(
        default=4, metadata=_told("Least patients of a group.", least=2, most=1_000_000)
    )
    currency: str = field(
        default="CNY",
        metadata=_told("Currency whose payments decide the order.", choices=("CNY", "USD")),
    )


QUESTIONS: Final[tuple[type[Question], ...]] = (
    AskNeighbourhood,
    AskSharedIdentifiers,
    AskTriangles,
    AskCompanions,
    AskCircularTransfers,
    AskClonedBills,
    AskPath,
    AskCommunities,
)
"""Every question, in the order in which people are shown them."""


class Graph(Protocol):
    """An entity graph that answers; ``store.graph`` provides it."""

    def ask(self, question: Question, /) -> Any:
        """The answer: ``Neighbourhood``, ``Path`` or ``Found`` of what the question names.

        GraphTimeoutError, GraphAwayError; GraphNodeError if a node asked about does not exist.
        """
        ...

    def stats(self, *, seconds: float = SECONDS) -> GraphStats:
        """How large it is."""
        ...

    def state(self) -> GraphState:
        """Which graph it is, and how far it is behind the store."""
        ...


def read_upto(text: str) -> datetime:
    """An instant with its offset (RFC 3339), or a day, which stands for its beginning in China.

    GraphQuestionError if it is neither.
    """
    try:
        if len(text) == len("2025-03-10"):
            found = datetime.combine(date.fromisoformat(text), time(), CHINA)
        else:
            found = datetime.fromisoformat(text)
        if found.tzinfo is not None:
            found.astimezone(UTC)
    except (ValueError, OverflowError):
        # The first and last hours of the calendar have no instant in UTC.
        found = None
    if found is None or found.tzinfo is None:
        raise GraphQuestionError(
            "the parameter upto is neither a day nor an instant with its offset",
            where="graph.upto",
            cure="Write 2025-03-10 (its beginning in China) or 2025-03-10T12:00:00+08:00.",
        )
    return found
