"""What a request about a case is refused with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from domain.casework import CaseError
from scoring_api.problems import ProblemError
from store.cases import HeldAlertError, QuotaError, StaleCaseError

_STATUS: Final = {
    "state": (409, "case-state"),
    "person": (403, "second-person"),
    "value": (422, "case-value"),
}


@contextmanager
def told() -> Iterator[None]:
    """Turn what a case refuses into problems."""
    try:
        yield
    except CaseError as error:
        status, name = _STATUS[error.kind]
        more = {"field": error.where} if error.kind == "value" else {}
        raise ProblemError(status, name, error.what, cure=error.cure, more=more) from error
    except StaleCaseError as error:
        raise ProblemError(
            412,
            "stale",
            f"The case was changed meanwhile; its version is {error.version} now.",
            cure=error.cure,
            more={
                "version": error.version,
                "changes": [
                    {
                        "kind": one.event.kind,
                        "by": one.event.by.name,
                        "at": one.event.at.isoformat(),
                        "version": one.version,
                    }
                    for one in error.changes
                ],
            },
        ) from error
    except HeldAlertError as error:
        raise ProblemError(
            409,
            "alert-in-case",
            f"{error.what[:1].upper()}{error.what[1:]}.",
            cure=error.cure,
            more={"held": error.held},
        ) from error
    except QuotaError as error:
        raise ProblemError(
            413, "case-quota", f"{error.what[:1].upper()}{error.what[1:]}.", cure=error.cure
        ) from error
