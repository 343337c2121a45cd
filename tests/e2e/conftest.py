"""One service and one browser for all tests of pages that only look."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import console_site


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[str]:
    """Address of a service with sample alerts; tests that change something start their own."""
    with console_site.serve(root, tmp_path_factory.mktemp("page") / "a.db") as found:
        yield found


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[str]:
    """Address of a service to which people of every role sign in, for tests that work there."""
    place = tmp_path_factory.mktemp("walks") / "a.db"
    with console_site.serve(root, place, console_site.WORKPLACE) as found:
        yield found


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium."""
    with console_site.chromium() as opened:
        yield opened
