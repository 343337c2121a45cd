"""``sentinel hl7``: orders and stays from hospital systems that speak HL7 v2."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import options
from cli.daemon import stop_on_signals, without_password
from cli.output import finish, say, writable
from cli.reading import PSEUDONYM_KEY, batches
from cli.stream_produce import lines, record_files
from cli.stream_topics import Prefix
from cli.wiring import engine
from domain.errors import SentinelError
from streaming.hl7.listening import Bounds
from streaming.hl7.text import Limits

if TYPE_CHECKING:
    from streaming.hl7.profile import Profile
    from streaming.hl7.sinks import EventSink
    from streaming.pseudonym import PseudonymKey

app = typer.Typer(
    help="HL7 v2: listen for orders and stays, read files of messages, write examples.",
    no_args_is_help=True,
)
ProfileFile = Annotated[
    Path | None,
    typer.Option("--profile", help="How the site writes its messages (TOML, docs/hl7.md)."),
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict", help="Refuse what breaks the definition of its version (hl7apy; slow)."
    ),
]
MaxBytes = Annotated[
    int, typer.Option(min=1024, max=4 * 1024 * 1024, help="Largest message in bytes.")
]
BOUNDS = Bounds()
_BATCH = 500


@app.command()
def listen(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of MLLP; 0 takes a free one.")] = 2575,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    db: Annotated[
        str | None,
        typer.Option("--db", metavar="URL", help="Judge and store in this database, without a broker."),
    ] = None,
    bootstrap: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT,...", help="Put the events into topic orders of this broker."),
    ] = None,
    prefix: Prefix = "",
    profile: ProfileFile = None,
    strict: Strict = False,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate (PEM): speak TLS.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its key (PEM).")] = None,
    tls_clients: Annotated[Path | None, typer.Option(help="Authority whose certificates senders must have (PEM).")] = None,
    max_connections: Annotated[int, typer.Option(min=1, max=10_000, help="Connections at once.")] = BOUNDS.connections,
    max_bytes: MaxBytes = BOUNDS.octets,
    idle_s: Annotated[float, typer.Option(min=1, help="A connection may be silent so long.")] = BOUNDS.idle_s,
    message_s: Annotated[float, typer.Option(min=0.1, help="A message may take so long from first to last byte.")] = BOUNDS.message_s,
    rules: options.Rules = None,
    parameters: options.Parameters = None,
    reference: options.Reference = None,
    scheme: options.Schemes = None,
    curves: options.Curves = None,
    key: options.Key = PSEUDONYM_KEY,
) -> None:  # fmt: skip
    """Take messages over MLLP until SIGTERM or Ctrl-C; answer each once its events are stored.

    Say --bootstrap to put events into Kafka, --db to judge and store them here. Refused
    messages are answered with their reasons and kept as dead letters. Logs are JSON lines
    on standard error. Only senders that are trusted may reach the port: use a private
    network, or TLS with --tls-clients.
    """
    from streaming import logs  # noqa: PLC0415
    from streaming.hl7.listening import Listener, Tls  # noqa: PLC0415
    from streaming.hl7.listening import listen as serve  # noqa: PLC0415
    from streaming.pseudonym import PseudonymKey  # noqa: PLC0415

    if (bootstrap is None) == (db is None):
        raise SentinelError(
            "it is not clear where events go",
            where="--db, --bootstrap",
            cure="Say one of them: --bootstrap for Kafka, --db to judge and store without it.",
        )
    if (tls_cert is None) != (tls_key is None) or (tls_clients is not None and tls_cert is None):
        raise SentinelError(
            "TLS is half said",
            where="--tls-cert, --tls-key",
            cure="Name both the certificate and its key.",
        )
    secret = PseudonymKey.find(key)
    logs.configure()
    log = logs.logger()
    stop = stop_on_signals()
    bounds = Bounds(max_connections, max_bytes, idle_s, message_s)
    with ExitStack() as closing:
        if bootstrap is not None:
            sink = _topics(closing, bootstrap, prefix, max_bytes)
        else:
            judge = engine(
                rules_dir=rules, parameters=parameters, reference=reference,
                scheme=scheme or (), curves=curves, db=db,
            )  # fmt: skip
            sink = _store(closing, str(db), judge, secret)
        log.info(
            "starting",
            what="hl7",
            settings={
                "to": bootstrap if db is None else without_password(db), "tls": tls_cert is not None,
                "max_connections": max_connections, "max_bytes": max_bytes, "strict": strict,
                "key": secret.fingerprint,
            },
        )  # fmt: skip
        desk = _desk(sink, secret, _profile(profile), Limits(octets=max_bytes), strict)
        desk.reader.memory = _memory(sink)
        tls = None if tls_cert is None or tls_key is None else Tls(tls_cert, tls_key, tls_clients)
        work = serve(
            Listener(desk, bounds, log),
            host=host,
            port=port,
            tls=tls,
            stopped=stop.is_set,
            told=lambda address: log.info("listening", address=address),
        )
        with asyncio.Runner() as runner:
            runner.run(work)
    log.info(
        "stopped",
        what="hl7",
        messages=sum(desk.counts[n] for n in _OUTCOMES),
        dead=desk.counts["refused"],
    )


_OUTCOMES = ("taken", "refused", "ignored", "not-kept")


@app.command()
def read(
    inputs: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files of messages.")],
    out: Annotated[Path, typer.Option(help="Folder for events.jsonl and the dead letters.")],
    profile: ProfileFile = None,
    strict: Strict = False,
    max_bytes: MaxBytes = BOUNDS.octets,
    key: options.Key = PSEUDONYM_KEY,
) -> None:
    """Read files of messages into order events (events.jsonl) and dead letters, and store nothing.

    ``events.jsonl`` goes on with `sentinel stream produce --topic orders`; it holds
    identifiers of patients in the clear, as the messages do, and only its owner may read it.
    """
    from streaming.hl7.files import messages  # noqa: PLC0415
    from streaming.hl7.filing import FileSink  # noqa: PLC0415
    from streaming.pseudonym import PseudonymKey  # noqa: PLC0415

    writable(out)
    secret = PseudonymKey.find(key)
    with FileSink(out) as sink:
        desk = _desk(sink, secret, _profile(profile), Limits(octets=max_bytes), strict)
        done: Counter[str] = Counter()
        for path in inputs:
            sink.source = str(path)
            for batch in batches(messages(path), _BATCH):
                done.update(a.outcome for a in desk.take(batch))
                say(f"{sum(done.values())} read")
    reasons = {
        n.removeprefix("rule "): c for n, c in desk.counts.most_common() if n.startswith("rule ")
    }
    finish({
        "messages": sum(done.values()), "events": desk.counts["events"], "refused": done["refused"],
        "ignored": done["ignored"], "by_reason": reasons,
        "files": [str(out / name) for name in sink.names],
    })  # fmt: skip


@app.command()
def write(
    inputs: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Files of order events (JSON lines).")
    ],
    out: Annotated[Path, typer.Option(help="File to write.")],
    charset: Annotated[str, typer.Option(help="utf-8 or gb18030.")] = "utf-8",
) -> None:
    """Write order events as HL7 v2.5 messages, framed as in MLLP: examples, and input for tests."""
    from streaming.hl7.files import wrap  # noqa: PLC0415
    from streaming.hl7.text import CHARSETS  # noqa: PLC0415
    from streaming.hl7.writing import Writer  # noqa: PLC0415

    codec = CHARSETS.get(charset.upper(), "")
    if codec not in ("utf-8", "gb18030"):
        raise SentinelError(
            f"messages are not written in {charset}",
            where="--charset",
            cure="Say utf-8 or gb18030.",
        )
    writable(out.parent)
    writer, count = Writer(codec), 0
    with out.open("wb") as file:
        for line in lines(record_files(inputs)):
            file.write(wrap(writer.message(_event(line, count))))
            count += 1
    finish({"out": str(out), "messages": count})


def _event(line: bytes, count: int) -> dict[str, Any]:
    try:
        found = json.loads(line)
        if isinstance(found, dict):
            return found
    except ValueError:
        pass
    raise SentinelError(
        f"record {count + 1} is no order event",
        where="FILE",
        cure="Write one event a line, as docs/orders.md says.",
    )


def _profile(path: Path | None) -> Profile:
    from streaming.hl7.profile import Profile, load  # noqa: PLC0415

    return Profile() if path is None else load(path)


def _desk(
    sink: EventSink, key: PseudonymKey, profile: Profile, limits: Limits, strict: bool
) -> Any:
    from streaming.hl7.reading import Reader  # noqa: PLC0415
    from streaming.hl7.taking import Desk  # noqa: PLC0415

    return Desk(Reader(profile, limits), sink, key, is_strict=strict)


def _memory(sink: EventSink) -> Any:
    from streaming.hl7.reading import Memory  # noqa: PLC0415

    return Memory(sink.head)


def _topics(closing: ExitStack, bootstrap: str, prefix: str, max_bytes: int) -> EventSink:
    from streaming.hl7.letters import LARGEST_IN_TOPIC  # noqa: PLC0415
    from streaming.hl7.sinks import TopicSink  # noqa: PLC0415
    from streaming.kafka.connection import Connection  # noqa: PLC0415
    from streaming.kafka.sink import KafkaSink  # noqa: PLC0415

    if max_bytes > LARGEST_IN_TOPIC:
        raise SentinelError(
            "a refused message of that size has no room in topic dead-letters",
            where="--max-bytes",
            cure=f"Say at most {LARGEST_IN_TOPIC} with --bootstrap.",
        )
    broker = KafkaSink(Connection.find(bootstrap), prefix=prefix, client_id="sentinel-hl7")
    closing.callback(broker.close)
    return TopicSink(broker)


def _store(closing: ExitStack, db: str, judge: Any, secret: PseudonymKey) -> EventSink:
    import store  # noqa: PLC0415
    from streaming.hl7.sinks import StoreSink  # noqa: PLC0415
    from streaming.orders.handler import OrdersHandler  # noqa: PLC0415

    opened = store.open(db)
    closing.callback(opened.close)
    return StoreSink(OrdersHandler(judge, opened, secret), opened.journal("hl7"))
