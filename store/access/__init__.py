"""Who may use the service, and what they did: accounts, sessions, tokens, audit log, identities."""

from __future__ import annotations

import sqlalchemy as sa

from store.access.accounts import Account, AccountConflictError, AccountError, Accounts
from store.access.audit import AuditEvent, AuditFilter, AuditLog
from store.access.identities import Identities
from store.access.keyring import Keyring, KeyringError
from store.access.sessions import Session, Sessions
from store.access.tokens import Token, Tokens
from store.access.transactions import Transactions

__all__ = [
    "Access",
    "Account",
    "AccountConflictError",
    "AccountError",
    "Accounts",
    "AuditEvent",
    "AuditFilter",
    "AuditLog",
    "Identities",
    "Keyring",
    "KeyringError",
    "Session",
    "Sessions",
    "Token",
    "Tokens",
]


class Access:
    """The five of one database; get it from ``Store.access``."""

    def __init__(self, readers: sa.Engine, writers: sa.Engine, where: str) -> None:
        database = Transactions(readers, writers, where)
        self.accounts = Accounts(database)
        self.sessions = Sessions(database)
        self.tokens = Tokens(database)
        self.audit = AuditLog(database)
        self.identities = Identities(database)
