"""What the parts of this package share: transactions with errors told as the store tells them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from store.errors import translate


@dataclass(frozen=True, slots=True)
class Transactions:
    """Reading and writing transactions of one database."""

    readers: sa.Engine
    writers: sa.Engine
    where: str

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection to read with."""
        with translate(self.where), self.readers.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction: all of it or, on an error, nothing."""
        with translate(self.where), self.writers.begin() as connection:
            yield connection
