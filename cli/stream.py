"""``sentinel stream``: topics, schemas, the worker, dead letters, replay."""

from __future__ import annotations

import typer

from cli import stream_letters, stream_produce, stream_replay, stream_run, stream_topics

app = typer.Typer(
    help="Claims and orders from Kafka: topics, worker, dead letters.", no_args_is_help=True
)
app.command()(stream_topics.topics)
app.command()(stream_topics.schemas)
app.command()(stream_produce.produce)
app.command()(stream_run.run)
app.add_typer(stream_letters.app, name="dead-letters")
app.add_typer(stream_replay.app, name="replay")
