"""Backtests in the background: a check with other values over the stored claims of a period."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import drg
import rules
import rules.backtest
from domain.errors import SentinelError
from domain.proposals import Backtest, Fault, ParameterValue, parse_number
from domain.service import Proposable, QueueFullError
from rules import changing
from rules.overlay import lay_values
from store import Store
from streaming.pipeline import Engine
from streaming.service import look_back

MOST_WAITING: Final = 8
"""Backtests that wait for their turn."""
CLAIMS_AT_ONCE: Final = 1_000
MOST_CLAIMS: Final = 300_000
"""Claims of one backtest: some minutes; for more there is `sentinel stream replay`."""
MOST_TOLD: Final = 200
"""Ids of claims newly hit, and no longer hit, that are kept by name."""

_LOG: Final = logging.getLogger(__name__)

Progress = Callable[[int, int | None], None]


class StoppedError(SentinelError):
    """The service stops, and the backtest with it."""


class ChangeDesk:
    """The real ``domain.service.ChangeRules``: one backtest at a time, in a thread of its own."""

    def __init__(
        self, engine: Engine, store: Store, approved: Sequence[ParameterValue] = ()
    ) -> None:
        self._engine = engine
        self._store = store
        self._approved = tuple(approved)
        self._waiting: queue.Queue[Backtest | None] = queue.Queue(MOST_WAITING)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        store.backtests.give_up(datetime.now(UTC))

    @property
    def loaded(self) -> Sequence[ParameterValue]:
        """The approved values that the engine holds."""
        return self._approved

    def detail(self) -> str:
        """How many approved values count, and how many wait for a restart."""
        waiting = len(set(self._store.proposals.in_force()) - set(self._approved))
        told = f"{len(self._approved)} approved"
        return f"{told}, {waiting} wait for a restart" if waiting else told

    def check(  # noqa: PLR0917
        self, rule_id: str, parameter: str, region: str, since: date, value: str, today: date, /
    ) -> tuple[Sequence[Fault], Proposable | None]:
        """As the protocol says; what was approved since the start counts as in force."""
        known = self._in_force()
        faults, change = changing.check_change(
            known, rule_id, parameter, region, since, value, today
        )
        if change is None:
            return faults, None
        rule = known[rule_id]
        param = rule.params[parameter]
        before = changing.value_before(param, region, since)
        return (), Proposable(change, param.unit, before, rule.sha256)

    def check_tried(
        self, rule_id: str, parameter: str, region: str, value: str, /
    ) -> Sequence[Fault]:
        """As the protocol says."""
        faults, _ = changing.check_tried(self._engine.ruleset[rule_id], parameter, region, value)
        return faults

    def begin(self, job: Backtest, /) -> bool:
        """Keep the job and let it wait for its turn."""
        with self._lock:
            if self._stop.is_set() or self._waiting.full():
                raise QueueFullError(
                    f"{MOST_WAITING} backtests are waiting already",
                    where="backtests",
                    cure="Ask again when one of them is done.",
                )
            given = replace(job, rules_sha256=self._engine.ruleset.sha256)
            if not self._store.backtests.add(given):
                return False
            self._waiting.put_nowait(given)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="backtests", daemon=True)
                self._thread.start()
        return True

    def close(self) -> None:
        """Stop after the batch at hand; jobs that are not done are noted as failed."""
        with self._lock:
            self._stop.set()
            if self._thread is None:
                return
            with contextlib.suppress(queue.Full):
                self._waiting.put_nowait(None)
        self._thread.join(timeout=60)

    def _in_force(self) -> rules.RuleSet:
        ruleset = self._engine.ruleset
        return replace(
            ruleset, rules=tuple(lay_values(list(ruleset.rules), self._store.proposals.in_force()))
        )

    def _work(self) -> None:
        while (job := self._waiting.get()) is not None:
            self._do(job)
            if self._stop.is_set() and self._waiting.empty():
                return

    def _do(self, job: Backtest) -> None:
        kept = self._store.backtests

        def progress(done: int, total: int | None) -> None:
            if self._stop.is_set():
                raise StoppedError("the service was stopped", where="backtests", cure="Ask again.")
            now = datetime.now(UTC)
            kept.touch(job.backtest_id, done, total, now)
            kept.keep_alive([one.backtest_id for one in list(self._waiting.queue) if one], now)

        try:
            progress(0, None)
            result = compare(self._engine, self._store, job, progress)
            kept.finish(job.backtest_id, result, datetime.now(UTC))
        except SentinelError as error:
            kept.fail(job.backtest_id, str(error), datetime.now(UTC))
        except Exception:
            # A thread that dies would leave every later job waiting.
            _LOG.exception("backtest failed")
            kept.fail(job.backtest_id, "an unexpected failure", datetime.now(UTC))


@dataclass(slots=True)
class _Side:
    """What the check says with one set of values; ``money`` is subject -> (fen, currency)."""

    hits: int = 0
    unknown: int = 0
    money: dict[str, tuple[int, str]] = field(default_factory=dict)

    def add(self, made: rules.backtest.Backtest) -> None:
        """Add what it said of some more subjects."""
        self.hits += made.hits
        self.unknown += made.verdicts["unknown"]
        self.money |= {one: (fen, currency) for one, fen, currency in made.money.iter_rows()}

    def told(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "hits": self.hits,
            "subjects": len(self.money),
            "unknown": self.unknown,
            "exposure_fen": _sum(self.money.values()),
        }


def compare(
    engine: Engine, store: Store, job: Backtest, progress: Progress = lambda _d, _t: None
) -> dict[str, Any]:
    """Judge the period's claims with the values in force and with those tried: what differs.

    ``before`` and ``after`` hold hits, subjects hit (claims, or months or days), those that could
    not be judged, and money by currency; ``gained`` and ``lost`` the subjects by which they differ.
    """
    tried = [(n, r, value) for n, r, v in job.values if (value := parse_number(v)) is not None]
    now = engine.ruleset.only(job.rule_id)
    then = changing.with_tried(engine.ruleset, job.rule_id, tried).only(job.rule_id)
    before, after = _Side(), _Side()
    if now.aggregate_ids:
        judged = _judge_periods(engine, store, job, ((now, before), (then, after)), progress)
    else:
        judged = _judge_claims(engine, store, job, ((now, before), (then, after)), progress)
    gained = sorted(after.money.keys() - before.money.keys())
    lost = sorted(before.money.keys() - after.money.keys())
    return {
        "unit": now.rules[0].unit,
        "judged": judged,
        "before": before.told(),
        "after": after.told(),
        "gained": len(gained),
        "gained_fen": _sum(after.money[one] for one in gained),
        "gained_ids": gained[:MOST_TOLD],
        "lost": len(lost),
        "lost_fen": _sum(before.money[one] for one in lost),
        "lost_ids": lost[:MOST_TOLD],
    }


_Sides = tuple[tuple[rules.RuleSet, _Side], ...]


def _judge_claims(
    engine: Engine, store: Store, job: Backtest, sides: _Sides, progress: Progress
) -> int:
    replays = store.replays()
    days = replays.days(job.first, job.last)
    total = sum(number for _, number in days)
    if total > MOST_CLAIMS:
        raise SentinelError(
            f"the period holds {total} claims, and a backtest takes {MOST_CLAIMS}",
            where="backtests",
            cure="Name a shorter period, or use sentinel stream replay.",
        )
    done = 0
    for day, _ in days:
        stays = replays.stays_of_day(day)
        for start in range(0, len(stays), CLAIMS_AT_ONCE):
            part = stays[start : start + CLAIMS_AT_ONCE]
            batch = store.stays(part)
            past = look_back(store, batch, day)
            settled = drg.settle(batch, engine.library, curves=engine.curves)
            for ruleset, side in sides:
                side.add(rules.backtest.backtest(ruleset, batch, history=past, settled=settled))
            done += len(part)
            progress(done, total)
    return done


def _judge_periods(
    engine: Engine, store: Store, job: Backtest, sides: _Sides, progress: Progress
) -> int:
    claims = store.ended(job.first - rules.backtest.PAST, job.last + timedelta(days=1))
    if len(claims) > MOST_CLAIMS:
        raise SentinelError(
            f"the period and the year before it hold {len(claims)} claims, and a backtest takes {MOST_CLAIMS}",
            where="backtests",
            cure="Name a shorter period, or use sentinel stream replay.",
        )
    progress(0, len(claims))
    settled = drg.settle(claims, engine.library, curves=engine.curves)
    subjects = 0
    for place, (ruleset, side) in enumerate(sides, start=1):
        made = rules.backtest.backtest(
            ruleset, claims, settled=settled, period=(job.first, job.last)
        )
        subjects = made.subjects
        side.add(made)
        progress(len(claims) * place // len(sides), len(claims))
    return subjects


def _sum(money: Any) -> dict[str, int]:
    sums: dict[str, int] = {}
    for fen, currency in money:
        sums[currency] = sums.get(currency, 0) + fen
    return dict(sorted(sums.items()))
