"""``sentinel evaluate``: measure the fraud models again, as docs/benchmarks.md reports them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import models, options
from cli.models import Device
from cli.output import finish, say, tell, writable
from cli.reading import PSEUDONYM_KEY

if TYPE_CHECKING:
    from domain.tables import Tables
    from graph_models.stays import StayModel

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


@app.command()
def provider_fraud(
    inputs: options.Inputs,
    labels: Annotated[
        Path, typer.Option(help="CSV: Provider,PotentialFraud (Yes/No) or provider_id,label (1/0).")
    ],
    written: options.Written = None,
    extra: models.Extra = None,
    no_extra: Annotated[
        bool, typer.Option(help="Claims alone, also where the folder has a provider table.")
    ] = False,
    upto: models.Upto = None,
    repeats: Annotated[int, typer.Option(min=1, help="Divisions into folds, of other seeds.")] = 1,
    out: Out = None,
    seed: Seed = 20240501,
    device: On = Device.AUTO,
    key: options.Key = PSEUDONYM_KEY,
) -> None:
    """Measure what table, verdicts, neighbours and network each add, in five folds by provider.

    The last line printed is JSON. Nothing of a held-out provider's label takes part in its score.
    """
    import rules  # noqa: PLC0415
    from graph_models import ablate, cut, read_labels  # noqa: PLC0415

    began = time.monotonic()
    _ready(out)
    named = read_labels(labels)
    tables = models.read(inputs, written, key)
    path = None if no_extra else extra or models.beside(inputs, models.EXTRA_FILE)
    table = models.read_extra_table(path)
    until = models.until(tables, upto.date() if upto else None, table)
    # Checks look at other claims too: they may only see what was known then.
    known = cut(tables, until)
    found = ablate(
        known,
        models.verdicts(rules.load(), known),
        named,
        upto=until,
        extra=table,
        repeats=repeats,
        seed=seed,
        device=device.value,
        progress=lambda step: say(f"  {step}"),
    )
    for line in _ablation_lines(found):
        tell(line)
    _write(out, found)
    short = ("accuracy", "majority", "precision", "recall", "mcc", "recall_top")
    finish(
        {
            population: {
                variant: {k: one[k]["value"] for k in ("roc_auc", "pr_auc", "f1")}
                | {k: one[k] for k in short}
                for variant, one in measured["variants"].items()
            }
            for population, measured in found.items()
        }
        | {"seconds": round(time.monotonic() - began, 3)}
    )


@app.command()
def reasons(
    inputs: options.Inputs,
    model: Annotated[Path, typer.Option(help="Folder of a trained model.")],
    written: options.Written = None,
    extra: models.Extra = None,
    upto: models.Upto = None,
    people: Annotated[
        int,
        typer.Option(min=0, help="Highest scores whose people are tried, some 25 scorings each."),
    ] = 5,
    publish: Annotated[
        bool, typer.Option(help="Write the figures into the model's card; its sha256 changes.")
    ] = False,
    out: Out = None,
    seed: Seed = 20240501,
    key: options.Key = PSEUDONYM_KEY,
) -> None:
    """Measure whether a model's reasons carry its scores, and whether they are stable.

    Reason codes of the 100 highest alerts; people by exact ablation for some of them. Of a model of
    claims the connections of the 100 highest alerts instead of people.
    """
    import rules  # noqa: PLC0415
    from explain import Scorer, measure_codes, measure_people  # noqa: PLC0415
    from graph_models import Artifact, cut, level_of  # noqa: PLC0415

    began = time.monotonic()
    _ready(out)
    if level_of(model) == "claim":
        found, made = _reasons_of_claims(
            model, models.read(inputs, written, key), upto.date() if upto else None, seed
        )
        if publish:
            made = made.publish(found)
            made.save(model)
        _told_reasons(out, found, made.sha256, publish=publish, began=began)
        return
    loaded = Artifact.load(model)
    tables = models.read(inputs, written, key)
    table = models.read_extra_table(extra or models.beside(inputs, models.EXTRA_FILE))
    until = models.until(tables, upto.date() if upto else None, table)
    known = cut(tables, until)
    judged = models.verdicts(rules.load(), known)
    scored = loaded.score(known, judged, upto=until, extra=table, device="cpu")
    say("  reason codes")
    found = {"codes": measure_codes(loaded, scored, seed=seed)}
    if people:
        say("  people")
        order = sorted(range(len(scored)), key=lambda i: -scored.scores[i])
        claimed = set(known.stays["provider_id"].to_pylist())
        first = [scored.subject_ids[i] for i in order if scored.subject_ids[i] in claimed]
        scorer = Scorer(loaded, known, judged, until, table)
        found["people"] = measure_people(scorer, first[:people], seed=seed)
    if publish:
        loaded = loaded.publish(found)
        loaded.save(model)
    _told_reasons(out, found, loaded.sha256, publish=publish, began=began)


def _reasons_of_claims(
    model: Path, tables: Tables, upto: date | None, seed: int
) -> tuple[dict[str, Any], StayModel]:
    import rules  # noqa: PLC0415
    from explain import measure_codes, measure_connections  # noqa: PLC0415
    from explain.fidelity import PROVIDERS  # noqa: PLC0415
    from graph_models import cut  # noqa: PLC0415
    from graph_models.stays import StayModel  # noqa: PLC0415

    loaded = StayModel.load(model)
    until = models.until(tables, upto, None)
    known = cut(tables, until)
    judged = models.verdicts(rules.load(), known)
    survey = loaded.survey(known, judged, upto=until, device="cpu")
    scored = survey.again()
    say("  reason codes")
    found = {"codes": measure_codes(loaded, scored, seed=seed)}
    say("  connections")
    order = sorted(range(len(scored)), key=lambda i: -scored.scores[i])[:PROVIDERS]
    first = [scored.subject_ids[i] for i in order if scored.scores[i] >= loaded.threshold]
    found["connections"] = measure_connections(survey.desk(), first, seed=seed)
    return found, loaded


def _told_reasons(
    out: Path | None, found: dict[str, Any], sha256: str, *, publish: bool, began: float
) -> None:
    _write(out, found)
    finish(
        {
            **found,
            "model_sha256": sha256,
            "published": publish,
            "seconds": round(time.monotonic() - began, 3),
        }
    )


@app.command()
def rings(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="What `sentinel samples rings` wrote.")
    ],
    upto: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="Learn before this day, judge what comes later; two thirds of the time if left out.",
        ),
    ] = None,
    out: Out = None,
    seed: Seed = 20240501,
    device: On = Device.AUTO,
    key: options.Key = PSEUDONYM_KEY,
) -> None:
    """Measure whether connections find planted rings that one claim does not show.

    A model of claims learns from the earlier months and judges the later ones, of which it knows no
    label; beside it boosters that see less. The last line printed is JSON.
    """
    from graph_models import day_after_last, read_claim_labels  # noqa: PLC0415
    from graph_models.stays import evaluate_rings  # noqa: PLC0415

    began = time.monotonic()
    _ready(out)
    labels = read_claim_labels(folder / "labels.csv")
    tables = models.read([folder / "claims.jsonl"], None, key)
    end = day_after_last(tables)
    first = min(d for d in tables.stays["discharge_date"].to_pylist() if d is not None)
    until = upto.date() if upto else first + (end - first) * 2 // 3
    tell(f"learning from what was complete before {until}, judging what came until {end}")
    found = evaluate_rings(
        tables,
        labels,
        upto=until,
        seed=seed,
        device=device.value,
        progress=lambda step: say(f"  {step}"),
    )
    for mode, title in (("then", "As each claim came"), ("again", "As all are known at the end")):
        tell(f"{title}:")
        for name, one in found[mode].items():
            tell(
                f"  {name:15} PR-AUC {one['pr_auc']:.3f} ({one['pr_auc_low']:.3f} to {one['pr_auc_high']:.3f})"
                f"  ROC-AUC {one['roc_auc']:.3f}  recall at 1% {one['recall_1']:.3f} of {one['most_1']:.2f}"
                f"  rings {one['rings_found']} of {one['rings']}"
            )
    named = found["levels"]["rings"]
    tell(
        f"Rings named: {named['named']}, mostly planted {named['mostly_planted']}; "
        f"planted rings found: {named['found']} of {named['planted']}"
    )
    _write(out, found)
    finish(
        {
            "recall_at_1_percent": {
                mode: {n: one["recall_1"] for n, one in found[mode].items()}
                for mode in ("then", "again")
            },
            "levels": found["levels"],
            "seconds": round(time.monotonic() - began, 3),
        }
    )


def _ablation_lines(found: dict[str, Any]) -> Iterator[str]:
    def told(one: dict[str, float]) -> str:
        return f"{one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})"

    for population, measured in found.items():
        yield f"{population}: {measured['providers']:,} providers, {measured['positive']:,} fraudulent"
        for variant, one in measured["variants"].items():
            yield f"  {variant:14} ROC-AUC {told(one['roc_auc'])}  PR-AUC {told(one['pr_auc'])}"
            if "adds" in one:
                roc, pr = (told(one["adds"][m]) for m in ("roc_auc", "pr_auc"))
                yield f"  {'':14} adds ROC-AUC {roc}, PR-AUC {pr}"
        for name in ("accuracy", "majority", "precision", "recall", "mcc", "recall_top"):
            yield f"  {name:14} {one[name]}"


def _ready(out: Path | None) -> None:
    """Tell before hours of training, not after, that the file cannot be written."""
    if out is not None:
        writable(out.parent)


def _write(out: Path | None, found: dict[str, Any]) -> None:
    if out is not None:
        out.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
