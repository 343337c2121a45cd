"""The HTTP service: assess claims, read alerts and checks, one page for people; see docs/api.md."""

from scoring_api.application import build
from scoring_api.server import ServiceError, check_address, run

__all__ = ["ServiceError", "build", "check_address", "run"]
