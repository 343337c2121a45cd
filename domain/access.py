"""Who may do what, and whose data they may see: roles, permissions, rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Permission(StrEnum):
    """One thing that a person or program may do."""

    ALERTS_READ = "alerts.read"
    """The queue, an alert with its evidence, findings on months and days."""
    ALERTS_WORK = "alerts.work"
    """Take, review and close alerts; keep views of the queue."""
    ALERTS_ASSIGN = "alerts.assign"
    """Give alerts and cases to others."""
    CASES_READ = "cases.read"
    CASES_WORK = "cases.work"
    """Open cases, comment, attach, propose how they end."""
    CASES_APPROVE = "cases.approve"
    """Approve, as a second person, what another one proposed."""
    APPEALS_LODGE = "appeals.lodge"
    """Answer a case for the hospital: comment, attach, appeal."""
    APPEALS_DECIDE = "appeals.decide"
    INDICATORS_READ = "indicators.read"
    """The cockpit, and the stays behind its numbers."""
    GRAPH_READ = "graph.read"
    """The entity graph, rings, scores of single claims."""
    RULES_READ = "rules.read"
    RULES_PROPOSE = "rules.propose"
    """Propose another value of a parameter; backtest."""
    RULES_APPROVE = "rules.approve"
    MODELS_READ = "models.read"
    IDENTIFIERS_READ = "identifiers.read"
    """Identifiers of patients (pseudonyms) and physicians in full; without it they are masked."""
    IDENTIFIERS_UNMASK = "identifiers.unmask"
    """The identifier behind a pseudonym, for a purpose that is logged."""
    EXPORT = "export"
    """Take lists and cases away as files."""
    ORDERS_READ = "orders.read"
    """Patients in hospital with what was found and told."""
    ADVICE_ANSWER = "advice.answer"
    """Say what one did with a suggestion for a plan, and why."""
    ADVICE_REVIEW = "advice.review"
    """Read how suggestions are taken, judge samples of their words, make a check quiet for physicians."""
    CLAIMS_ASSESS = "claims.assess"
    """Have claims and orders judged, grouped and scored, and claims stored."""
    CLAIMS_GROUP = "claims.group"
    """Group a claim and try changes; nothing is stored."""
    USERS_MANAGE = "users.manage"
    WEBHOOKS_MANAGE = "webhooks.manage"
    AUDIT_READ = "audit.read"
    """The log of who saw and did what."""


class Role(StrEnum):
    """What an account is for."""

    OFFICER = "officer"
    SENIOR = "senior"
    AUDITOR = "auditor"
    PHYSICIAN = "physician"
    ANALYST = "analyst"
    ADMINISTRATOR = "administrator"
    SERVICE = "service"


ROLE_NAMES: Final[Mapping[Role, tuple[str, str]]] = {
    Role.OFFICER: ("合规专员", "Compliance officer"),
    Role.SENIOR: ("高级合规专员", "Senior officer"),
    Role.AUDITOR: ("审计员", "Auditor"),
    Role.PHYSICIAN: ("医师", "Physician"),
    Role.ANALYST: ("分析员", "Analyst"),
    Role.ADMINISTRATOR: ("系统管理员", "Administrator"),
    Role.SERVICE: ("系统账户", "Service"),
}
"""Role -> Chinese and English name."""

_P = Permission
_SHARED: Final = {_P.ALERTS_READ, _P.CASES_READ, _P.RULES_READ}
_OFFICER: Final = {
    *_SHARED, _P.ALERTS_WORK, _P.CASES_WORK, _P.INDICATORS_READ, _P.GRAPH_READ, _P.MODELS_READ,
    _P.IDENTIFIERS_READ, _P.EXPORT, _P.ORDERS_READ, _P.CLAIMS_GROUP,
}  # fmt: skip
PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.OFFICER: frozenset(_OFFICER),
    Role.SENIOR: frozenset(
        {
            *_OFFICER, _P.ALERTS_ASSIGN, _P.CASES_APPROVE, _P.APPEALS_DECIDE, _P.RULES_PROPOSE,
            _P.RULES_APPROVE, _P.IDENTIFIERS_UNMASK, _P.ADVICE_REVIEW,
        }
    ),
    Role.AUDITOR: frozenset(
        {
            *_SHARED, _P.INDICATORS_READ, _P.GRAPH_READ, _P.MODELS_READ, _P.IDENTIFIERS_READ,
            _P.IDENTIFIERS_UNMASK, _P.EXPORT, _P.AUDIT_READ,
        }
    ),
    Role.PHYSICIAN: frozenset(
        {
            *_SHARED, _P.APPEALS_LODGE, _P.IDENTIFIERS_READ, _P.ORDERS_READ, _P.CLAIMS_GROUP,
            _P.ADVICE_ANSWER,
        }
    ),
    Role.ANALYST: frozenset(
        {*_SHARED, _P.INDICATORS_READ, _P.GRAPH_READ, _P.MODELS_READ, _P.RULES_PROPOSE, _P.CLAIMS_GROUP}
    ),
    Role.ADMINISTRATOR: frozenset(
        {_P.USERS_MANAGE, _P.WEBHOOKS_MANAGE, _P.AUDIT_READ, _P.RULES_READ, _P.MODELS_READ}
    ),
    Role.SERVICE: frozenset(
        {_P.CLAIMS_ASSESS, _P.CLAIMS_GROUP, _P.ALERTS_READ, _P.ORDERS_READ, _P.RULES_READ, _P.IDENTIFIERS_READ}
    ),
}  # fmt: skip
"""Role -> what it may do. Administrators keep accounts and see no case; nobody approves alone."""


UNMASK_PURPOSES: Final[Mapping[str, tuple[str, str]]] = {
    "investigation": ("核查违规线索", "Investigating a finding"),
    "appeal": ("处理机构申诉", "Deciding an appeal"),
    "proceedings": ("司法或行政程序", "Court or administrative proceedings"),
    "correction": ("更正数据错误", "Correcting data"),
    "patient": ("患者本人申请", "The patient's own request"),
}
"""Code -> Chinese and English: what the identifier behind a pseudonym may be asked for."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Whose claims somebody may see; every condition given must hold, None is no limit.

    ``providers`` are hospitals, ``departments`` department codes, ``physician_id`` the attending
    physician. A row that does not say whose it is is seen only without that limit.
    """

    providers: frozenset[str] | None = None
    departments: frozenset[str] | None = None
    physician_id: str | None = None

    @classmethod
    def of(
        cls,
        providers: Iterable[str] | None,
        departments: Iterable[str] | None,
        physician_id: str | None,
    ) -> Rows:
        """The limits as they are stored: lists, or None where there is no limit."""
        return cls(
            None if providers is None else frozenset(providers),
            None if departments is None else frozenset(departments),
            physician_id,
        )

    @property
    def limited(self) -> bool:
        """Whether anything is out of sight."""
        return self != ALL_ROWS

    def allow(
        self, provider_id: str | None, department: str | None, physician_id: str | None
    ) -> bool:
        """Whether a row of that hospital, department and physician may be seen."""
        return (
            (self.providers is None or provider_id in self.providers)
            and (self.departments is None or department in self.departments)
            and (self.physician_id is None or physician_id == self.physician_id)
        )


ALL_ROWS: Final = Rows()
"""No limit."""


@dataclass(frozen=True, slots=True)
class Principal:
    """The person or program behind a request.

    ``csrf`` is what a form or a script of our pages must send back; None where nothing is sent
    by a browser on its own (a token in the Authorization header, or no sign-in at all).
    ``means`` says how it was recognised: session, token, or open.
    """

    user_id: str
    name: str
    role: Role
    permissions: frozenset[Permission] = field(default_factory=frozenset)
    rows: Rows = ALL_ROWS
    csrf: str | None = None
    means: str = "open"

    def may(self, permission: Permission) -> bool:
        """Whether this principal has the permission."""
        return permission in self.permissions
