"""The graph's follower: brings into a graph what the store has committed, and never holds it up.

It works off the list of changed stays (``store.graph.feed``): read some as they count now, put them
into the graph in one transaction, take them off the list. It may be killed between any two
of these steps; what it did is done again and changes nothing. A graph or database that is
away is waited for; the list grows meanwhile, and nothing is lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Final

from domain.errors import SentinelError
from domain.graph import StayGraph
from domain.graph_questions import GraphAwayError, GraphError
from store import StoreError
from store.graph.entity_graph import EntityGraph
from store.graph.feed import Change, Feed, Read, Waiting
from store.graph.writing import Applied, GraphWriter, LostGraphError
from streaming.graph_watch import GraphWatch
from streaming.publishing import Backoff, Clock

BATCH: Final = 500
"""Stays of one transaction: some 20,000 edges, a second or less, a few MB."""

EMBEDDED_BATCH: Final = 50
"""The same where the graph is in the store's own database. SQLite lets nobody else write
meanwhile, so it is short: some hundredths of a second."""

EMBEDDED_PAUSE_S: Final = 0.01
"""Left there between two transactions, so that a writer who waits comes in between."""

IDLE_S: Final = 0.5
"""Between two looks at an empty list: how late the graph is at most when all is well."""

TELL_S: Final = 5.0
"""Between two notes that this follower lives, and two counts of what waits."""

MOST_SET_ASIDE: Final = 100
"""Stays in a row that cannot be brought in, before the follower stops: the fault is not theirs."""


class FollowerError(SentinelError):
    """The follower cannot go on; what it has not brought in stays on the list."""


@dataclass(slots=True)
class Followed:
    """What a follower did in all."""

    placed: int = 0
    removed: int = 0
    unchanged: int = 0
    set_aside: int = 0
    swept: int = 0


@dataclass(slots=True)
class Follower:
    """Follows the store for one graph. Build it, then ``run`` it until an event is set.

    ``pause_s`` is left between two batches, for a database that takes one writer at a time. One
    that is not ``patient`` ends with the error of a database or graph that is away.
    """

    feed: Feed
    writer: GraphWriter
    watch: GraphWatch
    owner: str
    batch: int = BATCH
    pause_s: float = 0.0
    patient: bool = True
    clock: Clock = time.monotonic
    done: Followed = field(default_factory=Followed)
    _epoch: int | None = None
    _told: float = float("-inf")
    _set_aside: int = 0
    _database: Backoff = field(init=False)
    _graph: Backoff = field(init=False)

    def __post_init__(self) -> None:
        self._database = Backoff(self.clock)
        self._graph = Backoff(self.clock)

    def run(
        self,
        stop: Event,
        *,
        until_empty: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> Followed:
        """Work until ``stop`` is set, or with ``until_empty`` until nothing waits any more.

        ``progress`` is told the stays that wait (at most ``domain.graph.BEHIND_COUNTED``).
        Another follower may be at work; then this one stands by and only looks.
        """
        try:
            while not stop.is_set():
                wait = self.turn()
                if progress is not None:
                    progress(self.feed.state().behind or 0)
                if until_empty and wait > 0 and self._finished():
                    break
                stop.wait(wait)
        finally:
            self._leave()
        return self.done

    def turn(self) -> float:
        """One turn; the seconds to wait before the next."""
        self.watch.beat()
        try:
            leads = self._lead()
            waiting = self.feed.waiting(self.batch)
            self._database_answers()
            if not leads:
                return IDLE_S
            if self._epoch is None:
                self._epoch = self.writer.seize()
            if not waiting.changes:
                return self._rest(waiting, self._epoch)
            self._bring_in(waiting, self._epoch)
        except StoreError as error:
            return self._failed("database", self._database, error)
        except LostGraphError as error:
            # Whoever seized it last is right, unless it goes away again.
            self._epoch = None
            return self._failed("graph", self._graph, error)
        except GraphAwayError as error:
            return self._failed("graph", self._graph, error)
        self._graph.passed()
        self.watch.part("graph", None)
        return self.pause_s

    def _lead(self) -> bool:
        """Whether this follower brings the graph up to date; says so, now and then, in the database."""
        now = self.clock()
        if self._epoch is not None and now - self._told < TELL_S:
            return True
        leads = self.feed.take_turn(self.owner)
        self._told = now
        self.watch.turn(leads=leads)
        self.watch.state(self.feed.state())
        if not leads:
            self._epoch = None
        return leads

    def _rest(self, waiting: Waiting, epoch: int) -> float:
        """Nothing waits: take away what a rebuild has left behind, and rest."""
        if waiting.swept != waiting.build:
            swept = self.writer.sweep(epoch, waiting.build)
            self.feed.swept(waiting.build)
            self.done.swept += swept
            self.watch.swept(swept)
        self._graph.passed()
        self.watch.part("graph", None)
        if self.watch.behind:
            self.watch.state(self.feed.state())
        return IDLE_S

    def _bring_in(self, waiting: Waiting, epoch: int) -> None:
        began = self.clock()
        read = self.feed.read(waiting.changes)
        aside = list(read.unreadable)
        applied = self._apply(epoch, waiting.build, read, aside, waiting.changes)
        for change, kind in aside:
            self.feed.set_aside(change, kind)
            self.watch.set_aside(kind)
        left = {change.stay_id for change, _ in aside}
        self.feed.done([c for c in waiting.changes if c.stay_id not in left])
        self.done.placed += applied.placed
        self.done.removed += applied.removed
        self.done.unchanged += applied.unchanged
        self.done.set_aside += len(aside)
        self._set_aside = self._set_aside + len(aside) if len(left) == len(waiting.changes) else 0
        if self._set_aside > MOST_SET_ASIDE:
            raise FollowerError(
                f"{self._set_aside} stays in a row could not be brought into the graph",
                where=self.feed.name,
                cure="The fault is hardly in the claims: look at the log, correct the program or the server, "
                "and run `sentinel graph load`, which lists every stay again.",
            )
        self.watch.committed(
            placed=applied.placed, removed=applied.removed, unchanged=applied.unchanged,
            seconds=self.clock() - began,
        )  # fmt: skip

    def _apply(
        self,
        epoch: int,
        build: int,
        read: Read,
        aside: list[tuple[Change, str]],
        changes: Sequence[Change],
    ) -> Applied:
        """Put a batch into the graph; of one that is refused, halves, until the stay is found."""
        of = {change.stay_id: change for change in changes}
        parts: list[tuple[StayGraph, ...]] = [read.placed]
        total = [0, 0, 0]
        removed: Sequence[str] = read.removed
        while parts:
            part = parts.pop()
            try:
                applied = self.writer.apply(epoch, build, part, removed)
            except (GraphAwayError, LostGraphError, StoreError):
                raise
            except (GraphError, ValueError, TypeError, OverflowError) as error:
                self.watch.failed(error)
                if not part:
                    raise
                if len(part) == 1:
                    aside.append((of[part[0].facts.stay_id], type(error).__name__))
                    # It may stand there as it was: better gone than wrong.
                    parts.append(())
                    removed = [*removed, part[0].facts.stay_id]
                else:
                    middle = len(part) // 2
                    parts += (part[middle:], part[:middle])
                continue
            removed = ()
            total = [a + b for a, b in zip(total, (applied.placed, applied.removed, applied.unchanged), strict=True)]  # fmt: skip
        return Applied(*total)

    def _finished(self) -> bool:
        try:
            waiting = self.feed.waiting(1)
        except StoreError:
            return False
        return not waiting.changes and waiting.swept == waiting.build

    def _failed(self, what: str, backoff: Backoff, error: SentinelError) -> float:
        if not self.patient:
            raise error
        wait = backoff.failed()
        self.watch.retried(what, error, attempt=backoff.attempt, wait_s=wait)
        return wait

    def _database_answers(self) -> None:
        self._database.passed()
        self.watch.part("database", None)

    def _leave(self) -> None:
        self.watch.stopping()
        try:
            self.feed.end_turn(self.owner)
        except StoreError as error:
            self.watch.part("database", error)  # another follower waits until we are silent


def follower_of(graph: EntityGraph, watch: GraphWatch, *, patient: bool = True) -> Follower:
    """The follower of a graph, with batches as its back end likes them."""
    return Follower(
        feed=graph.feed,
        writer=graph.writer(),
        watch=watch,
        owner=watch.worker,
        batch=EMBEDDED_BATCH if graph.embedded else BATCH,
        pause_s=EMBEDDED_PAUSE_S if graph.embedded else 0.0,
        patient=patient,
    )
