"""``sentinel stream run``: the worker that reads claims and orders from Kafka."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from importlib.metadata import version as installed_version
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from cli import options
from cli.reading import PSEUDONYM_KEY
from cli.stream_topics import Bootstrap, Prefix
from cli.wiring import engine
from domain.errors import SentinelError
from streaming.batching import Bounds

if TYPE_CHECKING:
    from store import Store
    from streaming.messages import Handler
    from streaming.pipeline import Engine
    from streaming.pseudonym import PseudonymKey

Database = Annotated[
    str,
    typer.Option(
        "--db",
        metavar="URL",
        envvar="SENTINEL_DB",
        help="Database: sqlite:///file.db (one worker) or postgresql+psycopg://…",
    ),
]
Group = Annotated[
    str,
    typer.Option(envvar="SENTINEL_GROUP", help="Consumer group; its offsets are in the database."),
]
INPUTS = ("claims", "orders")
BOUNDS = Bounds()
_T = TypeVar("_T")
_MEANT_S = 2.0
"""A signal this long after the first is a person who will not wait."""


def run(
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    group: Group = "sentinel",
    db: Database = "sqlite:///sentinel.db",
    topics: Annotated[
        str, typer.Option(envvar="SENTINEL_TOPICS", help="Input topics to read, with commas.")
    ] = ",".join(INPUTS),
    instance_id: Annotated[
        str | None,
        typer.Option(
            envvar="SENTINEL_INSTANCE_ID",
            help="Name of this worker among those of the group, the same after a restart: "
            "then a restart within 10 s moves no partition.",
        ),
    ] = None,
    max_batch: Annotated[
        int, typer.Option(envvar="SENTINEL_MAX_BATCH", min=1, max=50_000, help="Largest batch.")
    ] = BOUNDS.most,
    max_age_ms: Annotated[
        int,
        typer.Option(
            envvar="SENTINEL_MAX_AGE_MS", min=0, max=60_000, help="Longest wait for a fuller batch."
        ),
    ] = int(BOUNDS.age_s * 1000),
    metrics_port: Annotated[
        int | None,
        typer.Option(
            envvar="SENTINEL_METRICS_PORT", min=0, max=65535,
            help="Port of /metrics, /live and /ready; without it there are none.",
        ),
    ] = None,
    metrics_host: Annotated[
        str, typer.Option(envvar="SENTINEL_METRICS_HOST", help="Address they listen on.")
    ] = "127.0.0.1",
    model: options.Model = None,
    rules: options.Rules = None,
    parameters: options.Parameters = None,
    reference: options.Reference = None,
    scheme: options.Schemes = None,
    curves: options.Curves = None,
    key: options.Key = PSEUDONYM_KEY,
) -> None:  # fmt: skip
    """Judge what comes in and keep it, until SIGTERM or Ctrl-C; then finish the batch and leave.

    Logs are JSON lines on standard error. Waits for a broker or database that is away.
    """
    # Late, because the clients take a second that other commands need not wait.
    import store  # noqa: PLC0415
    from streaming import logs, probe, traces  # noqa: PLC0415
    from streaming.claims import LateStays  # noqa: PLC0415
    from streaming.kafka.connection import Connection  # noqa: PLC0415
    from streaming.kafka.sink import KafkaSink  # noqa: PLC0415
    from streaming.kafka.source import KafkaSource  # noqa: PLC0415
    from streaming.pseudonym import PseudonymKey  # noqa: PLC0415
    from streaming.watch import Watch  # noqa: PLC0415
    from streaming.worker import Worker  # noqa: PLC0415

    stop = _stop_on_signals()
    logs.configure()
    version = installed_version("drg-sentinel")
    owner = instance_id or f"{socket.gethostname()}-{os.getpid()}"
    connection = Connection.find(bootstrap)
    names = _inputs(topics)
    secret = PseudonymKey.find(key)
    judge = engine(
        rules_dir=rules, parameters=parameters, reference=reference, scheme=scheme or (),
        curves=curves, model=model, db=db,
    )  # fmt: skip
    watch = Watch(
        worker=owner, version=version, checks=judge.ruleset.ids, rules_sha256=judge.ruleset.sha256
    )
    traces.configure(owner, version)
    bounds = Bounds(
        most=max_batch,
        least=min(BOUNDS.least, max_batch),
        age_s=max_age_ms / 1000,
        buffer_messages=2 * max_batch,
    )
    watch.log.info(
        "starting",
        group=group,
        version=version,
        rules_sha256=judge.ruleset.sha256,
        settings={
            **connection.told(),
            "db": _without_password(db),
            "topics": [prefix + name for name in names],
            "instance_id": instance_id,
            "max_batch": max_batch,
            "max_age_ms": max_age_ms,
            "checks": len(judge.ruleset.ids),
            "model": judge.artifact.sha256 if judge.artifact else None,
            "challenger": judge.challenger.sha256 if judge.challenger else None,
            "key": secret.fingerprint,
        },
    )
    with ExitStack() as closing:
        if metrics_port is not None:
            address = closing.enter_context(
                probe.serve(watch, port=metrics_port, host=metrics_host)
            )
            watch.log.info("listening", address=address)
        opened = _persist(lambda: store.open(db), "database", watch, stop)
        if opened is None:
            return
        closing.callback(opened.close)
        source = _persist(
            lambda: KafkaSource(
                connection,
                group=group,
                topics=[prefix + name for name in names],
                instance_id=instance_id,
                client_id=f"sentinel-{owner}",
            ),
            "broker",
            watch,
            stop,
        )
        if source is None:
            return
        worker = Worker(
            source=source,
            sink=KafkaSink(connection, prefix=prefix, client_id=f"sentinel-{owner}"),
            journal=opened.journal(group),
            handlers={
                prefix + name: handler
                for name, handler in handlers(judge, opened, secret).items()
                if name in names
            },
            watch=watch,
            owner=owner,
            bounds=bounds,
            chores=[LateStays(judge, opened)] if "claims" in names else [],
        )
        worker.run(stop)
    watch.log.info("stopped", group=group)


def handlers(judge: Engine, opened: Store, secret: PseudonymKey) -> dict[str, Handler]:
    """The handler of each input topic."""
    from streaming.claims import ClaimsHandler  # noqa: PLC0415
    from streaming.orders.handler import OrdersHandler  # noqa: PLC0415

    return {
        "claims": ClaimsHandler(judge, opened, secret),
        "orders": OrdersHandler(judge, opened, secret),
    }


def _inputs(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = sorted(set(names) - set(INPUTS))
    if unknown or not names:
        raise SentinelError(
            f"no input topic is named {', '.join(unknown)}" if unknown else "no topic is named",
            where="--topics",
            cure=f"Name one or more of {', '.join(INPUTS)}; a prefix goes into --prefix.",
        )
    return names


def _stop_on_signals() -> Event:
    """An event that SIGTERM and SIGINT set. Told again after a while, the process ends at once.

    Not at once at the second signal: ``timeout``, ``make`` and terminals send it to the
    process and to its group, so two come together.
    """
    stop = Event()
    first: list[float] = []

    def told(number: int, _frame: Any) -> None:
        stop.set()
        first.append(time.monotonic())
        if first[-1] - first[0] > _MEANT_S:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, told)
    return stop


def _persist(make: Callable[[], _T], what: str, watch: Any, stop: Event) -> _T | None:
    """What ``make`` makes, tried until it can be had; None if told to stop before.

    An orchestrator starts worker, broker and database at once, in no order.
    """
    from store import StoreError  # noqa: PLC0415
    from streaming.kafka.connection import BrokerError  # noqa: PLC0415
    from streaming.publishing import Backoff  # noqa: PLC0415

    backoff = Backoff(watch.clock)
    note = watch.database if what == "database" else watch.broker
    while not stop.is_set():
        watch.beat()
        try:
            made = make()
        except (StoreError, BrokerError) as error:
            if not _may_pass(error):
                raise
            note(error)
            wait = backoff.failed()
            watch.retried(what, error, attempt=backoff.attempt, wait_s=wait)
            stop.wait(wait)
        else:
            note(None)
            return made
    return None


def _may_pass(error: SentinelError) -> bool:
    """Whether waiting may help: a server that is away comes back, a wrong address does not."""
    return any(
        part in error.what.lower()
        for part in ("no broker answers", "database answers", "could not connect", "locked")
    )


def _without_password(url: str) -> str:
    """The database's address as it may be printed."""
    head, at, tail = url.rpartition("@")
    if not at:
        return url
    scheme, _, user = head.partition("://")
    return f"{scheme}://{user.split(':', maxsplit=1)[0]}@{tail}"
