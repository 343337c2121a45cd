"""Claims, decisions, hits, scores and alerts in SQL (SQLite or PostgreSQL); see docs/store.md."""

from store.alerts import After, AlertFilter, AlertRecord, AlertSort, Page
from store.database import Store, open
from store.errors import StoreBusyError, StoreError
from store.findings import FindingFilter, FindingPage
from store.tallies import Tally
from store.writing import Model, Ruleset, Written

__all__ = [
    "After",
    "AlertFilter",
    "AlertRecord",
    "AlertSort",
    "FindingFilter",
    "FindingPage",
    "Model",
    "Page",
    "Ruleset",
    "Store",
    "StoreBusyError",
    "StoreError",
    "Tally",
    "Written",
    "open",
]
