"""The entity graph: who and what claims connect, and what its queries answer.

Every edge belongs to one stay and comes from its claim: a patient *had* the stay, the stay
was *at* a provider, it *gave* a telephone number. So a corrected claim replaces exactly its own
edges, a withdrawn one takes them away, and what is seen as of an instant is a matter of the
stay alone. A node is whatever some edge touches.

Identifiers of people (patient, telephone, address, account, employer) are the keyed
pseudonyms of intake. Amounts are integers in the hundredth of the ``currency`` beside them.
The back ends (``store.graph``) give the same answers; docs/graph.md is the manual.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final, Generic, TypeVar

T = TypeVar("T")


class NodeKind(StrEnum):
    """What a node stands for; a node's key is ``kind:id``."""

    PATIENT = "patient"
    STAY = "stay"
    PROVIDER = "provider"
    DEPARTMENT = "department"
    """``provider|code``: two hospitals' departments of one code are two."""
    PHYSICIAN = "physician"
    DIAGNOSIS = "diagnosis"
    """``system|code``."""
    PROCEDURE = "procedure"
    """``system|code``."""
    DRUG = "drug"
    ITEM = "item"
    """Whatever is charged or ordered and is no drug."""
    ORDER = "order"
    """``stay|order``: orders are numbered within their stay."""
    PHONE = "phone"
    ADDRESS = "address"
    BANK_ACCOUNT = "bank_account"
    EMPLOYER = "employer"


class EdgeKind(StrEnum):
    """How two nodes are connected; ``ENDS`` says between which kinds."""

    HAD = "had"
    AT = "at"
    SENT_TO = "sent_to"
    IN_DEPARTMENT = "in_department"
    TREATED = "treated"
    DIAGNOSED = "diagnosed"
    UNDERWENT = "underwent"
    CHARGED = "charged"
    ORDERED = "ordered"
    ASKS_FOR = "asks_for"
    PRESCRIBED = "prescribed"
    GAVE_PHONE = "gave_phone"
    LIVES_AT = "lives_at"
    PAID_TO = "paid_to"
    WORKS_FOR = "works_for"


_K = NodeKind
ENDS: Final[Mapping[EdgeKind, tuple[tuple[NodeKind, ...], tuple[NodeKind, ...]]]] = {
    EdgeKind.HAD: ((_K.PATIENT,), (_K.STAY,)),
    EdgeKind.AT: ((_K.STAY,), (_K.PROVIDER,)),
    EdgeKind.SENT_TO: ((_K.STAY,), (_K.PROVIDER,)),
    EdgeKind.IN_DEPARTMENT: ((_K.STAY,), (_K.DEPARTMENT,)),
    EdgeKind.TREATED: ((_K.PHYSICIAN,), (_K.STAY,)),
    EdgeKind.DIAGNOSED: ((_K.STAY,), (_K.DIAGNOSIS,)),
    EdgeKind.UNDERWENT: ((_K.STAY,), (_K.PROCEDURE,)),
    EdgeKind.CHARGED: ((_K.STAY,), (_K.DRUG, _K.ITEM)),
    EdgeKind.ORDERED: ((_K.STAY,), (_K.ORDER,)),
    EdgeKind.ASKS_FOR: ((_K.ORDER,), (_K.DRUG, _K.ITEM)),
    EdgeKind.PRESCRIBED: ((_K.PHYSICIAN,), (_K.ORDER,)),
    EdgeKind.GAVE_PHONE: ((_K.STAY,), (_K.PHONE,)),
    EdgeKind.LIVES_AT: ((_K.STAY,), (_K.ADDRESS,)),
    EdgeKind.PAID_TO: ((_K.STAY,), (_K.BANK_ACCOUNT,)),
    EdgeKind.WORKS_FOR: ((_K.STAY,), (_K.EMPLOYER,)),
}
"""Edge kind -> kinds of its source, kinds of its target."""

IDENTIFIERS: Final[Mapping[NodeKind, EdgeKind]] = {
    _K.PHONE: EdgeKind.GAVE_PHONE,
    _K.BANK_ACCOUNT: EdgeKind.PAID_TO,
    _K.ADDRESS: EdgeKind.LIVES_AT,
    _K.EMPLOYER: EdgeKind.WORKS_FOR,
}
"""What strangers do not share, and the edge that leads to it."""

NAMES: Final[Mapping[str, tuple[str, str]]] = {
    "patient": ("患者", "patient"),
    "stay": ("住院或就诊", "stay or visit"),
    "provider": ("医疗机构", "provider"),
    "department": ("科室", "department"),
    "physician": ("医师", "physician"),
    "diagnosis": ("诊断", "diagnosis"),
    "procedure": ("手术操作", "procedure"),
    "drug": ("药品", "drug"),
    "item": ("项目", "item"),
    "order": ("医嘱", "order"),
    "phone": ("电话", "telephone number"),
    "address": ("住址", "address"),
    "bank_account": ("银行账户", "bank account"),
    "employer": ("单位", "employer"),
    "had": ("就诊", "had"),
    "at": ("就诊于", "at"),
    "sent_to": ("转往", "sent to"),
    "in_department": ("所在科室", "in department"),
    "treated": ("诊治", "treated"),
    "diagnosed": ("诊断为", "diagnosed"),
    "underwent": ("接受", "underwent"),
    "charged": ("收费", "charged"),
    "ordered": ("开立", "ordered"),
    "asks_for": ("医嘱项目", "asks for"),
    "prescribed": ("开嘱", "prescribed"),
    "gave_phone": ("留有电话", "gave phone"),
    "lives_at": ("住址为", "lives at"),
    "paid_to": ("收款账户", "paid to"),
    "works_for": ("单位为", "works for"),
}
"""Kind of node or edge -> Chinese and English name for people."""


def key_of(kind: NodeKind, *parts: str) -> str:
    """The key of a node, such as ``patient:p_12ab`` or ``department:H1|A03``."""
    return f"{kind}:{'|'.join(parts)}"


def kind_of(key: str) -> NodeKind:
    """The kind that a key names; ValueError if it names none."""
    kind, colon, rest = key.partition(":")
    if not colon or not rest:
        raise ValueError(key)
    return NodeKind(kind)


def id_of(key: str) -> str:
    """A key without its kind."""
    return key.partition(":")[2]


@dataclass(frozen=True, slots=True)
class StayFacts:
    """What the graph knows of a stay itself.

    ``known_at`` is the instant from which it is seen: the claim was complete then (see
    ``store.graph.claims``). ``ended_on`` is empty while in hospital. ``bill`` is the digest of
    the charged items and quantities, ``bill_items`` the number of different items; both are
    empty without charge lines.
    """

    stay_id: str
    claim_version: int
    claim_type: str
    patient_id: str
    provider_id: str
    admission_date: date
    ended_on: date | None
    known_at: datetime
    currency: str
    total_fen: int | None
    fund_fen: int | None
    bill: str | None
    bill_items: int | None


@dataclass(frozen=True, slots=True)
class Edge:
    """A connection that a claim states, from ``first_day`` to ``last_day``.

    ``amount_fen`` is what was charged over the edge: the claim's total for who had, gave or
    treated, the sum of the lines for an item; empty where there is none. ``role`` tells two
    edges of one kind apart (attending, surgeon, principal, ...). ``occurrences`` counts the lines
    or entries behind it.
    """

    kind: EdgeKind
    source: str
    target: str
    stay_id: str
    role: str
    first_day: date | None
    last_day: date | None
    amount_fen: int | None
    currency: str | None
    occurrences: int

    @property
    def order(self) -> tuple[str, str, str, str, str]:
        """What identifies the edge, and where it stands in an answer."""
        return (self.kind, self.source, self.target, self.stay_id, self.role)


@dataclass(frozen=True, slots=True)
class StayGraph:
    """All that one claim puts into the graph; ``content`` is the digest of the claim it came from."""

    facts: StayFacts
    edges: tuple[Edge, ...]
    content: str


@dataclass(frozen=True, slots=True)
class Money:
    """What stood on some claims of one currency, in its hundredth.

    ``total_unknown`` and ``fund_unknown`` count the stays that do not state the amount; they are
    not in the sum.
    """

    currency: str
    stays: int
    total_fen: int
    fund_fen: int
    total_unknown: int
    fund_unknown: int


@dataclass(frozen=True, slots=True)
class Node:
    """A node of an answer; ``distance`` counts edges from where the answer begins.

    ``expanded`` says how many of its edges were followed: ``whole``, ``part`` (it has more
    than asked for) or ``no``. ``stay`` is given for stays.
    """

    key: str
    kind: NodeKind
    id: str
    distance: int
    expanded: str
    stay: StayFacts | None


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """What lies around a node. ``truncated``: a limit cut it, there is more than is shown."""

    of: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    truncated: bool


@dataclass(frozen=True, slots=True)
class Path:
    """A shortest way between two nodes, both included; no nodes where there is none.

    ``truncated`` with no nodes: a limit cut the search, so a way may exist all the same.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    truncated: bool


@dataclass(frozen=True, slots=True)
class SharedIdentifier:
    """A telephone number, account, address or employer that several patients state."""

    identifier: str
    kind: NodeKind
    patient_count: int
    stay_count: int
    provider_count: int
    patients: tuple[str, ...]
    first_day: date
    last_day: date
    money: tuple[Money, ...]


@dataclass(frozen=True, slots=True)
class Triangle:
    """A provider, physician and patient whom several stays bring together."""

    provider_id: str
    physician_id: str
    patient_id: str
    stay_count: int
    first_day: date
    last_day: date
    money: tuple[Money, ...]


@dataclass(frozen=True, slots=True)
class Companions:
    """Patients who several times entered and left a hospital on the same two days as each other.

    ``times`` counts such admissions, ``money`` is that of the stays in them.
    """

    patient_count: int
    times: int
    patients: tuple[str, ...]
    providers: tuple[str, ...]
    first_day: date
    last_day: date
    money: tuple[Money, ...]


@dataclass(frozen=True, slots=True)
class Round:
    """One patient's way through hospitals and back to the first one."""

    patient_id: str
    providers: tuple[str, ...]
    stay_ids: tuple[str, ...]
    first_day: date
    last_day: date


@dataclass(frozen=True, slots=True)
class CircularTransfer:
    """A circle of hospitals that hand patients on until the first one has them again."""

    providers: tuple[str, ...]
    patient_count: int
    round_count: int
    patients: tuple[str, ...]
    rounds: tuple[Round, ...]
    first_day: date
    last_day: date
    money: tuple[Money, ...]


@dataclass(frozen=True, slots=True)
class ClonedBill:
    """Stays of different patients that were charged the same items in the same quantities."""

    bill: str
    item_count: int
    patient_count: int
    stay_count: int
    patients: tuple[str, ...]
    stay_ids: tuple[str, ...]
    providers: tuple[str, ...]
    first_day: date
    last_day: date
    money: tuple[Money, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """How many stays of a community one provider claimed."""

    provider_id: str
    stay_count: int


@dataclass(frozen=True, slots=True)
class Community:
    """Patients tied together by what they share, with all their stays and money.

    ``links`` are the identifiers shared, and ``companions`` where joint admissions tie some.
    ``community_id`` is a digest of the members: the same people, the same id.
    """

    community_id: str
    patient_count: int
    stay_count: int
    patients: tuple[str, ...]
    link_count: int
    links: tuple[str, ...]
    providers: tuple[Share, ...]
    first_day: date
    last_day: date
    money: tuple[Money, ...]


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """A list that a query found, worst first. ``truncated``: there is more than the limit."""

    items: tuple[T, ...]
    truncated: bool


@dataclass(frozen=True, slots=True)
class GraphStats:
    """How large the graph is: nodes and edges by kind."""

    nodes: Mapping[str, int]
    edges: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class GraphState:
    """Which graph answered, and how far it is behind the store.

    ``behind`` counts stays that changed and are not in it yet (at most ``BEHIND_COUNTED`` are
    counted), ``behind_since`` is when the oldest of them changed, ``set_aside`` counts stays that
    could not be brought in. All are empty for a graph that does not follow the store.
    """

    name: str
    behind: int | None
    behind_since: datetime | None
    set_aside: int | None


BEHIND_COUNTED: Final = 10_000
"""Counting stops there: more only means that the graph is being loaded."""

LISTED: Final = 50
"""Members that an answer lists by name; the count beside them is of all."""
