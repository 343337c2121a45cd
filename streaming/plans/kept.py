"""What was computed for a content, kept while it is asked for again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")


class Kept:
    """What was computed for a content, the latest used of it: safe to use from several threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._found: OrderedDict[Any, Any] = OrderedDict()
        self._lock = Lock()

    def find(self, key: Any) -> Any | None:
        """What was kept for the key; None if nothing was."""
        with self._lock:
            if key not in self._found:
                return None
            self._found.move_to_end(key)
            return self._found[key]

    def keep(self, key: Any, made: Any) -> None:
        """Keep it for the key, and forget what was not asked for the longest."""
        with self._lock:
            self._found[key] = made
            while len(self._found) > self._most:
                self._found.popitem(last=False)

    def get(self, key: Any, make: Callable[[], T]) -> T:
        """What was kept for the key, else what ``make`` gives, kept from now on."""
        found: T | None = self.find(key)
        if found is None:
            found = make()
            self.keep(key, found)
        return found
