"""Options that several subcommands share, said the same way everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.reading import InputFormat

Inputs = Annotated[
    list[Path], typer.Argument(metavar="INPUT...", help="Files of claims, or folders of them.")
]
Key = Annotated[Path, typer.Option(help="Key file of the pseudonyms.")]
Model = Annotated[
    Path | None,
    typer.Option(
        help="Folder of a trained model; or the word champion: the model that counts in the database's "
        "register, with its challenger in shadow."
    ),
]
Schemes = Annotated[
    list[Path] | None,
    typer.Option("--scheme", help="Folder of a scheme pack to add; may be given several times."),
]
Curves = Annotated[Path | None, typer.Option(help="Cost curves, to project patients in hospital.")]
Parameters = Annotated[Path | None, typer.Option(help="Folder of regional parameters to add.")]
Reference = Annotated[
    Path | None,
    typer.Option(
        help="A site's own folder of reference tables, laid over ours (docs/reference.md)."
    ),
]
Written = Annotated[
    InputFormat | None,
    typer.Option("--format", help="How the input is written; told by the endings if left out."),
]
Rules = Annotated[Path | None, typer.Option(help="Folder of checks, instead of ours.")]
MetricsPort = Annotated[
    int | None,
    typer.Option(
        envvar="SENTINEL_METRICS_PORT",
        min=0,
        max=65535,
        help="Port of /metrics, /live and /ready; without it there are none.",
    ),
]
MetricsHost = Annotated[
    str, typer.Option(envvar="SENTINEL_METRICS_HOST", help="Address they listen on.")
]
FieldKeys = Annotated[
    Path | None,
    typer.Option(
        "--field-keys",
        envvar="SENTINEL_FIELD_KEYS_FILE",
        help="File of the keys that fields are encrypted with at rest; .sentinel/field.keys by default.",
    ),
]
KeepIdentifiers = Annotated[
    bool,
    typer.Option(
        "--keep-identifiers",
        help="Keep the patients' identifiers, encrypted, so that who may can unmask a pseudonym (docs/access.md).",
    ),
]
CardBudget = Annotated[
    int,
    typer.Option(
        envvar="SENTINEL_CARD_BUDGET",
        min=0,
        max=1_000,
        help="Cards that one physician is shown on one day; 0 shows none.",
    ),
]
