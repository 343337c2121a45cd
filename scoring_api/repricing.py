"""What reviews said of checks, reckoned into the open alerts again and again while the service runs."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Final

from scoring_api import logs
from store import Store, StoreError

EVERY_SECONDS: Final = 600.0


class Repricing:
    """A thread that reprices the queue of a store; use it as a context manager.

    Several services on one database may each have one: a change is reckoned by whoever comes first.
    """

    def __init__(self, store: Store, every_seconds: float = EVERY_SECONDS) -> None:
        self._store, self._every = store, every_seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="repricing", daemon=True)

    def __enter__(self) -> Repricing:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join(30.0)

    def _run(self) -> None:
        while not self._ended.wait(self._every):
            try:
                done = self._store.queue.reprice()
            except StoreError as error:
                # The next round may do better; the queue is in order meanwhile, as of the last one.
                logs.logger().warning("repricing failed", error=str(error))
                continue
            if done["checks"]:
                logs.logger().info("repriced", checks=len(done["checks"]), alerts=done["alerts"])
