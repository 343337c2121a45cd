"""Claims, decisions, hits, scores and alerts in SQL (SQLite or PostgreSQL); see docs/store.md."""

from domain.withdrawal import Withdrawn
from store.alerts import After, AlertFilter, AlertRecord, AlertSort, Page
from store.database import Store, open
from store.dead_letters import DeadLetter
from store.errors import StoreBusyError, StoreError, StoreRuleError
from store.findings import FindingFilter, FindingPage, Scope
from store.journal import Committed, Journal, Judged, Step
from store.months import Change
from store.outbox import Outgoing, Parcel
from store.proposals import ProposalError
from store.replays import Replays
from store.runs import Run
from store.stream import Lease, LostPartitionError, Partition, StoredOffset
from store.tallies import Tally
from store.writing import Model, Ruleset, Written

__all__ = [
    "After",
    "AlertFilter",
    "AlertRecord",
    "AlertSort",
    "Change",
    "Committed",
    "DeadLetter",
    "FindingFilter",
    "FindingPage",
    "Journal",
    "Judged",
    "Lease",
    "LostPartitionError",
    "Model",
    "Outgoing",
    "Page",
    "Parcel",
    "Partition",
    "ProposalError",
    "Replays",
    "Ruleset",
    "Run",
    "Scope",
    "Step",
    "Store",
    "StoreBusyError",
    "StoreError",
    "StoreRuleError",
    "StoredOffset",
    "Tally",
    "Withdrawn",
    "Written",
    "open",
]
