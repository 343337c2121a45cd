"""Claims, decisions, hits, scores and alerts in SQL (SQLite or PostgreSQL); see docs/store.md."""

from domain.withdrawal import Withdrawn
from store.alert_filters import After, AlertFilter, AlertSort
from store.alert_pages import COUNTED, Page
from store.alerts import AlertRecord
from store.card_answers import CardError
from store.check_history import Tally
from store.database import Store, open
from store.dead_letters import DeadLetter
from store.errors import StoreBusyError, StoreError, StoreRuleError
from store.findings import FindingFilter, FindingPage, Scope
from store.journal import Committed, Journal, Judged, Step
from store.months import Change
from store.outbox import Outgoing, Parcel
from store.proposals import ProposalError
from store.queue import ChangedMeanwhileError, Queue, Wanted, Work, Worked, Worker
from store.quiet_checks import QuietError
from store.replays import Replays
from store.runs import Run
from store.stream import Lease, LostPartitionError, Partition, StoredOffset
from store.views import View
from store.writing import Model, Ruleset, Written

__all__ = [
    "COUNTED",
    "After",
    "AlertFilter",
    "AlertRecord",
    "AlertSort",
    "CardError",
    "Change",
    "ChangedMeanwhileError",
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
    "Queue",
    "QuietError",
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
    "View",
    "Wanted",
    "Withdrawn",
    "Work",
    "Worked",
    "Worker",
    "Written",
    "open",
]
