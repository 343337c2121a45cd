"""The real application over a real database file, called through ASGI."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

import scoring_api
import store
from streaming.grouping import GroupDesk, WhatIfDesk
from tests import service_samples as samples

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it would rather have another HTTP client
    from starlette.testclient import TestClient


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[store.Store]:
    with store.open(f"sqlite:///{tmp_path / 'sentinel.db'}") as found:
        yield found


@pytest.fixture
def build(opened: store.Store) -> Callable[..., FastAPI]:
    def build(**changed: Any) -> FastAPI:
        pieces: dict[str, Any] = {
            "store": opened,
            "assess": samples.Assessor(opened),
            "group": GroupDesk(samples.library(), samples.KEY),
            "what_if": WhatIfDesk(samples.library(), samples.KEY),
            "rules": samples.RULES,
            "version": "1.2.3",
            "ready": lambda: {"model": "absent"},
            "graph": opened.graph(),
        }
        return scoring_api.build(**{**pieces, **changed})

    return build


@pytest.fixture
def client(build: Callable[..., FastAPI]) -> Iterator[TestClient]:
    with TestClient(build()) as found:
        yield found


@pytest.fixture
def filled(opened: store.Store, client: TestClient) -> TestClient:
    """A client whose store holds 60 decisions and 50 alerts."""
    samples.write(opened, 60)
    return client
