"""The life of checks over HTTP and for people: catalogue, history, backtests, proposals; and models."""

from __future__ import annotations
