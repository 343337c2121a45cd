"""Shared fixtures, and the rule that in the CI nothing may skip."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import servers
from tests.servers import (  # noqa: F401 (fixtures)
    kafka,
    module_postgres,
    neo4j,
    own_server,
    postgres,
    postgres_server,
    suffix,
)

ROOT = Path(__file__).resolve().parent.parent

# The machines are noisy: a slow example is no failure. In the CI the examples are the same every
# time, so that it judges the change and not the dice; elsewhere each run looks at new ones.
settings.register_profile(
    "house",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("house")


@pytest.fixture(scope="session")
def root() -> Path:
    """The top folder of the repository."""
    return ROOT


SERVERS = {
    "kafka": "kafka",
    "postgres": "postgres",
    "module_postgres": "postgres",
    "postgres_server": "postgres",
    "neo4j": "neo4j",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with the servers that it asks for."""
    for item in items:
        for fixture in getattr(item, "fixturenames", ()):
            if fixture in SERVERS:
                item.add_marker(SERVERS[fixture])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers that this run had to start itself."""
    if not hasattr(config, "workerinput"):
        servers.stop_started()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run if something skipped although SENTINEL_NO_SKIP is set (as .ci/run does)."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not os.environ.get("SENTINEL_NO_SKIP") or reporter is None:
        return
    skipped = reporter.stats.get("skipped", [])
    if skipped:
        reporter.write_line("SENTINEL_NO_SKIP is set, yet these tests skipped:", red=True)
        for report in skipped:
            reporter.write_line(f"  {report.nodeid}: {report.longrepr}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
