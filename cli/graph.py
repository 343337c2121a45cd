"""``sentinel graph``: the entity graph: fed, followed, counted, asked."""

from __future__ import annotations

import time
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cli import graph_query, options
from cli.daemon import persist, stop_on_signals, without_password
from cli.graph_access import Neo4j, Site, opened, owner
from cli.output import Meter, bar, finish, say, tell
from cli.reading import PSEUDONYM_KEY, guess
from cli.stream_run import Database
from domain.errors import SentinelError
from domain.graph import NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from store.graph.entity_graph import EntityGraph
    from streaming.following import Followed

app = typer.Typer(
    help="The entity graph: who and what claims connect, in Neo4j or in the database.",
    no_args_is_help=True,
)
app.add_typer(graph_query.app, name="query")


@app.command()
def follow(
    db: Database = "sqlite:///sentinel.db",
    neo4j: Neo4j = None,
    site: Site = "main",
    metrics_port: options.MetricsPort = None,
    metrics_host: options.MetricsHost = "127.0.0.1",
) -> None:
    """Bring what the store commits into the graph, until SIGTERM or Ctrl-C.

    Scoring never waits for it. A graph or database that is away is waited for, and nothing is lost. A
    second follower of the same graph stands by.
    """
    import store  # noqa: PLC0415
    from store.graph.address import Address  # noqa: PLC0415
    from streaming import logs, probe  # noqa: PLC0415
    from streaming.following import follower_of  # noqa: PLC0415
    from streaming.graph_watch import GraphWatch  # noqa: PLC0415

    stop = stop_on_signals()
    logs.configure()
    address = Address.find(neo4j, site)
    me, version = owner(), installed_version("drg-sentinel")
    watch = GraphWatch(graph=address.name if address else "sql", worker=me, version=version)
    settings = {
        "db": without_password(db),
        "neo4j": address.url if address else None,
    }
    watch.log.info("starting", version=version, settings=settings)

    def serve_and_follow() -> None:
        kept = persist(
            lambda: store.open(db), "database", watch, stop, lambda e: watch.part("database", e)
        )
        if kept is None:
            return
        with kept, kept.graph(address) as graph:
            persist(
                graph.feed.register, "database", watch, stop, lambda e: watch.part("database", e)
            )
            follower_of(graph, watch).run(stop)

    if metrics_port is None:
        serve_and_follow()
    else:
        with probe.serve(watch, port=metrics_port, host=metrics_host) as listening:
            watch.log.info("listening", address=listening)
            serve_and_follow()
    watch.log.info("stopped")


@app.command()
def load(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE...]", help="Files of claims, instead of what the database holds."
        ),
    ] = None,
    db: Database = "sqlite:///sentinel.db",
    neo4j: Neo4j = None,
    site: Site = "main",
    written: options.Written = None,
    key: options.Key = PSEUDONYM_KEY,
) -> None:
    """Bring every stored claim into the graph, and list changes for it from now on.

    What stands there unchanged is passed over, so loading again repairs and costs little. With
    FILEs their claims go in as they are, undecided and beside the store's: give such a graph a
    --site of its own.
    """
    began = time.monotonic()
    with opened(db, neo4j, site) as (_, graph):
        if files:
            done = _load_files(graph, files, written, key)
        else:
            new = graph.feed.register()
            waiting = graph.feed.state().behind if new else graph.feed.list_all()
            done = _tell_followed(_catch_up(graph, waiting or 0))
        finish({"graph": graph.name, **done, "seconds": round(time.monotonic() - began, 3)})


@app.command()
def rebuild(
    db: Database = "sqlite:///sentinel.db",
    neo4j: Neo4j = None,
    site: Site = "main",
    empty: Annotated[
        bool,
        typer.Option("--empty", help="Empty the graph first; people see it grow from nothing."),
    ] = False,
) -> None:
    """Bring every stored claim in anew, then take away whatever else is there.

    Each stay is replaced in one transaction, so people who read meanwhile see each stay as it was
    or as it is, and none missing. With --empty the graph is emptied first.
    """
    began = time.monotonic()
    with opened(db, neo4j, site) as (_, graph):
        graph.feed.register()
        emptied = 0
        if empty:
            emptied = _empty(graph)
        waiting = graph.feed.list_all(rebuild=True)
        tell(
            f"{graph.name}: every stay is brought in anew, each in one transaction; what then belongs to "
            f"none is taken away. {'It was emptied first.' if empty else 'It can be read meanwhile.'}"
        )
        done = _tell_followed(_catch_up(graph, waiting))
        seconds = round(time.monotonic() - began, 3)
        finish({"graph": graph.name, "emptied": emptied, **done, "seconds": seconds})


@app.command()
def stats(
    db: Database = "sqlite:///sentinel.db",
    neo4j: Neo4j = None,
    site: Site = "main",
    seconds: Annotated[float, typer.Option(min=0.1, max=600, help="Longest time.")] = 60.0,
) -> None:
    """Count nodes and edges by kind, and tell how far the graph is behind the store."""
    with opened(db, neo4j, site) as (_, graph):
        found, state = graph.stats(seconds=seconds), graph.state()
    table = Table(box=None)
    for name in ("", "kind", "中文", "number"):
        table.add_column(name, justify="right" if name == "number" else "left")
    for what, counts in (("nodes", found.nodes), ("edges", found.edges)):
        for kind, number in counts.items():
            table.add_row(what, kind, NAMES[kind][0], f"{number:,}")
            what = ""
    Console(highlight=False).print(table)
    finish(
        {
            "graph": state.name,
            "nodes": dict(found.nodes),
            "edges": dict(found.edges),
            **graph_query.told_state(state),
        }
    )


@app.command()
def drop(
    yes: Annotated[bool, typer.Option("--yes", help="Really do it.")] = False,
    db: Database = "sqlite:///sentinel.db",
    neo4j: Neo4j = None,
    site: Site = "main",
) -> None:
    """Empty the graph and list no more changes for it; the claims stay in the store."""
    with opened(db, neo4j, site) as (_, graph):
        if not yes:
            raise SentinelError(
                f"the graph {graph.name} would be emptied",
                where="sentinel graph drop",
                cure="Say --yes if that is meant; `sentinel graph load` fills it again.",
            )
        emptied = _empty(graph)
        registered = graph.feed.forget_graph()
    finish({"graph": graph.name, "emptied": emptied, "followed_before": registered})


def _catch_up(graph: EntityGraph, waiting: int) -> Followed:
    """Work until nothing waits; beside a follower that is at work, only look on."""
    from domain.graph import BEHIND_COUNTED  # noqa: PLC0415
    from streaming.following import follower_of  # noqa: PLC0415
    from streaming.graph_watch import GraphWatch  # noqa: PLC0415

    watch = GraphWatch(graph=graph.name, worker=owner(), version="", logged=False)
    follower = follower_of(graph, watch, patient=False)
    stop = stop_on_signals()
    with bar("Bringing in stays") as meter:
        done: Followed = follower.run(
            stop, until_empty=True, progress=_progress(meter, waiting, BEHIND_COUNTED)
        )
    if stop.is_set():
        tell("Stopped: what still waits is brought in by a follower, or by loading again.")
    return done


def _progress(meter: Meter, waiting: int, counted: int) -> Any:
    def report(behind: int) -> None:
        # More than are counted wait: the bar begins to move once fewer do.
        total = max(waiting, 1)
        meter(0 if behind >= counted else max(0, total - behind), total)

    return report


def _tell_followed(done: Followed) -> dict[str, int]:
    return {
        "placed": done.placed,
        "removed": done.removed,
        "unchanged": done.unchanged,
        "set_aside": done.set_aside,
        "swept": done.swept,
    }


def _load_files(
    graph: EntityGraph, files: Sequence[Path], written: Any, key: Path
) -> dict[str, Any]:
    from store.graph.loading import load_tables  # noqa: PLC0415
    from streaming import intake  # noqa: PLC0415
    from streaming.pseudonym import PseudonymKey  # noqa: PLC0415

    writer = graph.writer()
    epoch = writer.seize()
    form = guess(files) if written is None else written.value
    totals = {"read": 0, "refused": 0, "placed": 0, "unchanged": 0, "edges": 0}
    with bar("Reading and bringing in") as meter:
        batches = intake.read_batches(files, form, key=PseudonymKey.find(key), progress=meter)
        for batch in batches:
            loaded = load_tables(writer, epoch, batch.tables)
            totals["read"] += len(batch.tables) + len(batch.refusals)
            totals["refused"] += len(batch.refusals)
            totals["placed"] += loaded.placed
            totals["unchanged"] += loaded.unchanged
            totals["edges"] += loaded.edges
    if totals["refused"]:
        tell(f"{totals['refused']:,} records were refused; `sentinel assess` says why.")
    return totals


def _empty(graph: EntityGraph) -> int:
    """Empty it, as its only writer; SentinelError while a follower is at work."""
    me = owner()
    if graph.feed.state().behind is not None and not graph.feed.take_turn(me):
        raise SentinelError(
            "a follower is bringing this graph up to date",
            where=graph.name,
            cure="Stop it (`sentinel graph follow`, or the service that keeps the graph in its database) "
            "for so long; a rebuild without --empty needs no stop.",
        )
    say(f"Emptying {graph.name}")
    writer = graph.writer()
    try:
        return writer.wipe(writer.seize())
    finally:
        graph.feed.end_turn(me)
