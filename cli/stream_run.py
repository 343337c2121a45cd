"""``sentinel stream run``: the worker that reads claims and orders from Kafka."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from cli.daemon import persist, stop_on_signals, without_password
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
    metrics_port: options.MetricsPort = None,
    metrics_host: options.MetricsHost = "127.0.0.1",
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

    stop = stop_on_signals()
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
            "db": without_password(db),
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
        opened = persist(lambda: store.open(db), "database", watch, stop, watch.database)
        if opened is None:
            return
        closing.callback(opened.close)
        source = persist(
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
            watch.broker,
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
