"""Advice for a record system at the moment of an order: calls of CDS Hooks judged, as cards (docs/cds-hooks.md)."""

from streaming.cds.desk import CdsDesk

__all__ = ["CdsDesk"]
