"""Cases over HTTP and on pages: what officers work on, from alerts to closing and appeal."""

from scoring_api.cases.desk import Desk

__all__ = ["Desk"]
