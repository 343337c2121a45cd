"""How the graph server is reached, and what its errors mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import neo4j
from neo4j.exceptions import (
    AuthError,
    ConfigurationError,
    DriverError,
    Neo4jError,
    ServiceUnavailable,
    SessionExpired,
    TransientError,
)

from domain.graph_questions import GraphAwayError, GraphError
from store.graph.address import PASSWORD, PASSWORD_FILE, USER, Address

_CONNECT_S: Final = 5.0
"""How long to wait for a connection: on one network it takes milliseconds or does not come."""

_TIMED_OUT: Final = ("TransactionTimedOut", "Transaction.Terminated", "LockClientStopped")
_NOT_YET: Final = ("DatabaseUnavailable", "DatabaseNotFound", "General.UnknownError")


class Bolt:
    """One graph's connections; safe to share between threads. ``close`` gives them back."""

    def __init__(self, address: Address) -> None:
        self.address = address
        with translated(address.url):
            self._driver = neo4j.GraphDatabase.driver(
                address.url,
                auth=(address.user, address.password),
                connection_timeout=_CONNECT_S,
                connection_acquisition_timeout=2 * _CONNECT_S,
                # The follower and the callers wait in their own way.
                max_transaction_retry_time=0,
                notifications_min_severity="OFF",
                telemetry_disabled=True,
                user_agent="drg-sentinel",
            )

    @contextmanager
    def transaction(
        self,
        *,
        write: bool,
        seconds: float,
        late: Callable[[], Exception] | None = None,
    ) -> Iterator[neo4j.Transaction]:
        """A transaction that the server ends after so many seconds; kept if the block ends well.

        ``late`` makes the error of one that took too long.
        """
        mode = neo4j.WRITE_ACCESS if write else neo4j.READ_ACCESS
        with (
            translated(self.address.url, late),
            self._driver.session(default_access_mode=mode) as session,
            session.begin_transaction(timeout=seconds) as made,
        ):
            yield made
            if write:
                made.commit()

    def run(self, text: str, **values: Any) -> None:
        """One statement outside a transaction: those of the schema are not mixed with data."""
        with translated(self.address.url), self._driver.session() as session:
            session.run(text, values).consume()

    def close(self) -> None:
        """Give the connections back."""
        self._driver.close()


@contextmanager
def translated(where: str, late: Callable[[], Exception] | None = None) -> Iterator[None]:
    """Turn the driver's errors into ours; their messages may quote a key, so only the code is told."""
    try:
        yield
    except AuthError:
        raise GraphError(
            "the graph server refuses the user or password",
            where=where,
            cure=f"Check {USER}, {PASSWORD} or {PASSWORD_FILE}; after several wrong ones it waits a while.",
        ) from None
    except ConfigurationError as error:
        raise GraphError(
            f"the graph's address cannot be used: {type(error).__name__}",
            where=where,
            cure="Write bolt://host:7687, or bolt+s:// with TLS.",
        ) from None
    except (ServiceUnavailable, SessionExpired, TransientError, DriverError, Neo4jError) as error:
        code = getattr(error, "code", None) or type(error).__name__
        if late is not None and any(part in code for part in _TIMED_OUT):
            raise late() from None
        if not isinstance(error, Neo4jError) or _may_pass(error, code):
            raise GraphAwayError(
                f"the graph server does not answer: {code}",
                where=where,
                cure="Check the address and that Neo4j runs; what waits is brought in when it is back.",
            ) from None
        raise GraphError(
            f"the graph server refuses: {code}",
            where=where,
            cure="Look into the server's log at this time, and report it as a defect with the code.",
        ) from None


def _may_pass(error: Neo4jError, code: str) -> bool:
    return isinstance(error, TransientError) or any(
        part in code for part in (*_NOT_YET, *_TIMED_OUT)
    )
