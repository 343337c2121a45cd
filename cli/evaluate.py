"""``sentinel evaluate``: measure the fraud models again, as docs/benchmarks.md reports them."""

from __future__ import annotations

import json
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.models import Device
from cli.output import finish, say, tell, writable

app = typer.Typer(
    help="Measure the fraud models again, on data that is not part of this project.",
    no_args_is_help=True,
)

Out = Annotated[Path | None, typer.Option(help="JSON file for all figures.")]
Seed = Annotated[int, typer.Option(help="Seed; equal seeds give equal figures on one machine.")]
On = Annotated[Device, typer.Option(help="Where the graph network runs.")]


class Kind(StrEnum):
    """A network of the family (graph_models/family.py)."""

    SAGE = "sage"
    ATTENTION = "attention"
    PARTITION = "partition"


@app.command()
def tolokers(
    data: Annotated[Path, typer.Option(help="tolokers.npz of the heterophilous graphs.")],
    network: Annotated[
        list[Kind] | None, typer.Option(help="Networks in the ensemble; repeat for several.")
    ] = None,
    boosters_only: Annotated[bool, typer.Option(help="Leave the networks out.")] = False,
    splits: Annotated[
        int | None, typer.Option(min=1, help="Only the first splits of the file.")
    ] = None,
    out: Out = None,
    seed: Seed = 20240501,
    device: On = Device.AUTO,
) -> None:
    """Train on the fixed splits of a public graph; the last line printed is JSON with ROC-AUC.

    Everything is chosen on each split's validation nodes; the test nodes judge once.
    """
    from graph_models import evaluate_task, read_task  # noqa: PLC0415

    began = time.monotonic()
    kinds = () if boosters_only else tuple(k.value for k in network or [Kind.PARTITION])
    _ready(out)
    found = evaluate_task(
        read_task(data),
        kinds=kinds,
        splits=splits,
        seed=seed,
        device=device.value,
        progress=lambda step: say(f"  {step}"),
    )
    tell("Test ROC-AUC over the splits, mean and standard deviation:")
    for variant, measured in found.items():
        test, checked = measured["test"], measured["validation"]["mean"]
        spread = "" if test["deviation"] is None else f" ± {100 * test['deviation']:.2f}"
        tell(f"  {variant:32} {100 * test['mean']:.2f}{spread}  (validation {100 * checked:.2f})")
    _write(out, found)
    finish(
        {
            "splits": len(next(iter(found.values()))["test"]["each"]),
            "test_roc_auc": {v: m["test"]["mean"] for v, m in found.items()},
            "deviation": {v: m["test"]["deviation"] for v, m in found.items()},
            "seconds": round(time.monotonic() - began, 3),
        }
    )


def _ready(out: Path | None) -> None:
    """Tell before hours of training, not after, that the file cannot be written."""
    if out is not None:
        writable(out.parent)


def _write(out: Path | None, found: dict[str, Any]) -> None:
    if out is not None:
        out.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
