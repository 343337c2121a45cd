"""How people work at the desk, for locust: queue, an alert, its case, the cockpit. ``benchmarks.desk`` runs it."""

from __future__ import annotations

import itertools
import json
import os
import random
import re
from typing import Any

from locust import HttpUser, between, task

_FILTERS = (
    "",
    "?min_severity=high",
    "?sort=exposure",
    "?currency=CNY",
    "?sort=newest",
    "?min_score=0.2",
)
_ALERT = re.compile(r'href="(/alerts/[0-9a-f]{32})')
_CASE = re.compile(r'href="(/cases/[0-9]+-[0-9]+)')


_COOKIES = itertools.cycle(json.loads(os.environ.get("DESK_COOKIES", "[]")) or [""])
_LEAST, _MOST = json.loads(os.environ.get("DESK_WAIT", "[3, 10]"))


class Officer(HttpUser):
    """An officer who thinks before each page, three to ten seconds if nothing else is said."""

    wait_time = between(_LEAST, _MOST)

    def on_start(self) -> None:
        """Come with a session of one's own, and not all in the same second."""
        if cookie := next(_COOKIES):
            self.client.cookies.set("sentinel", cookie)
        self._pause()

    @task
    def walk(self) -> None:
        """The queue, one of its alerts, the cases with one of them, and the cockpit now and then."""
        queue = self._get("/" + random.choice(_FILTERS), "/")
        if alerts := _ALERT.findall(queue):
            self._pause()
            self._get(random.choice(alerts), "/alerts/{id}")
        self._pause()
        if cases := _CASE.findall(self._get("/cases", "/cases")):
            self._pause()
            self._get(random.choice(cases), "/cases/{id}")
        if random.random() < 0.3:
            self._pause()
            self._get("/cockpit", "/cockpit")

    def _pause(self) -> None:
        self.wait()  # type: ignore[no-untyped-call]

    def _get(self, address: str, name: str) -> str:
        answer: Any
        with self.client.get(address, name=name, catch_response=True) as answer:
            return str(answer.text or "")
