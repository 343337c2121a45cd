"""Cases over HTTP and on pages: what officers work on, from alerts to closing and appeal."""

from scoring_api.cases.desk import Desk
from scoring_api.cases.routes import route

__all__ = ["Desk", "route"]
