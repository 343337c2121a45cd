"""``sentinel serve``: the HTTP service with its page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cli import options
from cli.graph_access import Neo4j, Site
from cli.reading import PSEUDONYM_KEY
from cli.wiring import wire


def serve(
    db: Annotated[
        str,
        typer.Option(metavar="URL", help="Database: sqlite:///file.db or postgresql+psycopg://…"),
    ] = "sqlite:///sentinel.db",
    host: Annotated[
        str, typer.Option(help="Address to listen on; there is no sign-in yet, so keep it local.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8080,
    model: options.Model = None,
    claim_model: Annotated[
        Path | None,
        typer.Option(
            help="Folder of a model of claims, or champion: scores of single claims, and rings."
        ),
    ] = None,
    rules: options.Rules = None,
    parameters: options.Parameters = None,
    reference: options.Reference = None,
    scheme: options.Schemes = None,
    curves: options.Curves = None,
    key: options.Key = PSEUDONYM_KEY,
    neo4j: Neo4j = None,
    site: Site = "main",
    graph: Annotated[
        bool, typer.Option(help="Answer questions to the entity graph; docs/graph.md.")
    ] = True,
) -> None:
    """Serve the API and the page; print the address once it takes requests. Ctrl-C stops it."""
    import scoring_api  # noqa: PLC0415
    from scoring_api.repricing import Repricing  # noqa: PLC0415

    wired = wire(
        db=db,
        model=model,
        rules_dir=rules,
        parameters=parameters,
        reference=reference,
        scheme=scheme or (),
        curves=curves,
        key=key,
        graph=graph,
        neo4j=neo4j,
        site=site,
        claim_model=claim_model,
    )
    try:
        with Repricing(wired.store):
            scoring_api.run(wired.app, host, port, started=_announce)
    finally:
        wired.close()


def _announce(address: str) -> None:
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()
