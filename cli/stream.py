"""``sentinel stream``: topics, schemas, the worker, dead letters, replay."""

from __future__ import annotations

import typer

from cli import stream_topics

app = typer.Typer(
    help="Claims and orders from Kafka: topics, worker, dead letters.", no_args_is_help=True
)
app.command()(stream_topics.topics)
app.command()(stream_topics.schemas)
