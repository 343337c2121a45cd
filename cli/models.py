"""``sentinel train`` and ``sentinel score``: a fraud model from claims and labels, and its scores."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date, datetime, timedelta, timezone
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import polars as pl
import typer

from cli import options
from cli.output import finish, say, writable
from cli.output import tell as _tell
from cli.reading import PSEUDONYM_KEY, InputFormat, read_claims
from domain.errors import SentinelError
from domain.tables import Tables

if TYPE_CHECKING:
    import rules
    from graph_models import Artifact, Scored

EXTRA_FILE = "provider_features.csv"
"""A provider table that lies in an input folder is used unless another is named."""
UNLABELLED_FILE = "unlabelled_providers.csv"
"""Providers that a folder asks to have scored."""

Upto = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"],
        help="Use only claims complete before this day; the day after the last discharge if left out.",
    ),
]
Extra = Annotated[
    Path | None,
    typer.Option(
        help=f"CSV with a Provider column and numbers; {EXTRA_FILE} of a folder if left out."
    ),
]


class Device(StrEnum):
    """Where the graph network runs."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class Level(StrEnum):
    """What is scored."""

    PROVIDER = "provider"
    CLAIM = "claim"
    PHYSICIAN = "physician"
    PATIENT = "patient"
    DEPARTMENT = "department"
    RING = "ring"


class Subject(StrEnum):
    """What a model learns to score."""

    PROVIDER = "provider"
    CLAIM = "claim"


def train(
    inputs: options.Inputs,
    model: Annotated[Path, typer.Option(help="Folder for the model.")],
    labels: Annotated[
        Path | None,
        typer.Option(
            help="CSV: Provider,PotentialFraud (Yes/No) or provider_id,label (1/0); of claims: "
            "stay_id,label,known_on."
        ),
    ] = None,
    level: Annotated[Subject, typer.Option(help="What the model scores.")] = Subject.PROVIDER,
    written: options.Written = None,
    extra: Extra = None,
    reviews: Annotated[
        str | None,
        typer.Option(help="Database whose reviews before the day are labels too, after the list."),
    ] = None,
    weak: Annotated[
        bool,
        typer.Option(
            help="Let severe checks label providers too: they teach a little, never judge."
        ),
    ] = False,
    upto: Upto = None,
    seed: Annotated[int, typer.Option(help="Seed; equal seeds give equal models.")] = 20240501,
    device: Annotated[Device, typer.Option(help="Where the graph network runs.")] = Device.AUTO,
    report: Annotated[
        Path | None, typer.Option(help="Write a report too: one HTML file that needs no network.")
    ] = None,
    db: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Database whose reviews the report tells of."),
    ] = None,
    key: options.Key = PSEUDONYM_KEY,
) -> None:
    """Train a fraud model; the last line printed is JSON with its out-of-fold quality."""
    import rules  # noqa: PLC0415

    began = time.monotonic()
    writable(model)
    if level is Subject.CLAIM:
        from cli import claims  # noqa: PLC0415 (which reads with this module)

        for option, unfit in (
            ("--extra", extra), ("--weak", weak), ("--report", report), ("--db", db),
        ):  # fmt: skip
            if unfit:
                raise _of_providers(option)
        findings = claims.gather(labels, reviews)
        trained = claims.train(
            read(inputs, written, key),
            findings,
            model,
            upto=upto.date() if upto else None,
            seed=seed,
            device=device.value,
        )
        _tell(trained.headline)
        finish(claims.summary(trained, model, time.monotonic() - began))
        return
    if labels is None:
        raise SentinelError(
            "there are no labels",
            where="--labels",
            cure="Give a CSV Provider,PotentialFraud; a model of claims (--level claim) can learn from --reviews.",
        )
    tables = read(inputs, written, key)
    made = train_model(
        tables,
        rules.load(),
        labels,
        model,
        extra=extra or beside(inputs, EXTRA_FILE),
        reviews=reviews,
        weak=weak,
        upto=upto.date() if upto else None,
        seed=seed,
        device=device.value,
    )
    _tell(made.headline)
    if report is not None:
        _report(report, made, db)
    metrics = {
        population: {
            name: found["variants"]["both"][name]["value"] for name in ("roc_auc", "pr_auc", "f1")
        }
        for population, found in made.manifest["metrics"].items()
    }
    finish(
        {
            "model": str(model),
            "model_sha256": made.sha256,
            "upto": made.manifest["upto"],
            "claims": made.manifest["window"]["claims"],
            "labels": made.manifest["labels"],
            "out_of_fold": metrics,
            "threshold": made.threshold,
            "providers_scored": made.manifest["providers_scored"],
            "seconds": round(time.monotonic() - began, 3),
        }
    )


def score(
    inputs: options.Inputs,
    model: Annotated[Path, typer.Option(help="Folder of a trained model.")],
    out: Annotated[Path, typer.Option(help="CSV to write: provider,score.")],
    level: Annotated[
        Level | None,
        typer.Option(
            help="What is scored; provider or claim, as the model, if left out. The others are of a model of claims."
        ),
    ] = None,
    written: options.Written = None,
    extra: Extra = None,
    upto: Upto = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="Of a model of claims: CSV stay_id,label,known_on of what has been found until then."
        ),
    ] = None,
    on_arrival: Annotated[
        bool,
        typer.Option(
            "--on-arrival", help="Claims as each was when it came, not as all are known now."
        ),
    ] = False,
    reasons: Annotated[
        Path | None,
        typer.Option(
            help="JSON lines to write: the reasons of the claims that alert, and what they have in common with others."
        ),
    ] = None,
    device: Annotated[Device, typer.Option(help="Where the graph network runs.")] = Device.AUTO,
    key: options.Key = PSEUDONYM_KEY,
) -> None:
    """Score providers, claims, or those behind claims; the last line printed is JSON.

    A model of providers scores every provider of the claims and of the extra table. A model of claims
    scores claims, and from them the share of fraud of patients, physicians, departments and providers, and
    the rings that suspicious claims make.
    """
    import rules  # noqa: PLC0415
    from graph_models import Artifact, level_of, read_providers  # noqa: PLC0415

    began = time.monotonic()
    writable(out.parent)
    if level_of(model) == Subject.CLAIM:
        from cli import claims  # noqa: PLC0415 (which reads with this module)

        if extra is not None:
            raise _of_providers("--extra")
        told = claims.score(
            read(inputs, written, key), model, (level or Level.CLAIM).value, out,
            labels=labels, upto=upto.date() if upto else None, on_arrival=on_arrival, reasons=reasons,
            device=device.value,
        )  # fmt: skip
        finish({**told, "seconds": round(time.monotonic() - began, 3)})
        return
    if (level or Level.PROVIDER) is not Level.PROVIDER or on_arrival or reasons or labels:
        raise SentinelError(
            "the model scores providers alone",
            where=str(model),
            cure="Train a model of claims: sentinel train --level claim.",
        )
    loaded = Artifact.load(model)
    tables = read(inputs, written, key)
    scored = score_providers(
        tables,
        rules.load(),
        loaded,
        extra=extra or beside(inputs, EXTRA_FILE),
        upto=upto.date() if upto else None,
        device=device.value,
    )
    if not len(scored):
        raise SentinelError(
            f"no provider has a claim that was complete before {scored.upto}",
            where="--upto" if upto else ", ".join(map(str, inputs)),
            cure="Name a later day with --upto, or give claims that are discharged and settled.",
        )
    asked = beside(inputs, UNLABELLED_FILE)
    absent: list[str] = []
    if asked is not None:
        absent = sorted(set(read_providers(asked)) - set(scored.subject_ids))
        _tell(f"{asked}: {len(absent)} of its providers have no data and get no score")
    pl.DataFrame({"provider": scored.subject_ids, "score": scored.scores}).write_csv(out)
    finish(
        {
            "level": Level.PROVIDER.value,
            "providers": len(scored),
            "without_data": len(absent),
            "above_threshold": int((scored.scores >= loaded.threshold).sum()),
            "threshold": loaded.threshold,
            "upto": scored.upto.isoformat(),
            "model_sha256": loaded.sha256,
            "out": str(out),
            "seconds": round(time.monotonic() - began, 3),
        }
    )


def _of_providers(option: str) -> SentinelError:
    return SentinelError(
        f"{option} is for models of providers",
        where="--level claim",
        cure=f"Leave out {option}.",
    )


def _report(out: Path, made: Artifact, db: str | None) -> None:
    from cli.registry import write_report  # noqa: PLC0415 (which reads with this module)

    if db is None:
        write_report(out, made, None)
        return
    import store  # noqa: PLC0415

    with store.open(db) as opened:
        write_report(out, made, opened)


def train_model(
    tables: Tables,
    ruleset: rules.RuleSet,
    labels: Path,
    model: Path,
    *,
    extra: Path | None = None,
    reviews: str | None = None,
    weak: bool = False,
    upto: date | None = None,
    seed: int | None = None,
    device: str = "auto",
) -> Artifact:
    """Judge the claims before ``upto``, train on them, and save the model in ``model``."""
    from graph_models import cut, read_labels, train  # noqa: PLC0415

    named = read_labels(labels)
    table = read_extra_table(extra)
    last = until(tables, upto, table)
    # Checks look at other claims too: they may only see what was known then.
    known = cut(tables, last)
    judged = verdicts(ruleset, known)
    if reviews is not None or weak:
        named = _gathered(named, known, judged, last, reviews, ruleset if weak else None)
    made = train(
        known,
        judged,
        named,
        upto=last,
        extra=table,
        device=device,
        progress=lambda step: say(f"  {step}"),
        **({} if seed is None else {"seed": seed}),
    )
    made.save(model)
    return made


def _gathered(
    named: pl.DataFrame,
    known: Tables,
    judged: pl.DataFrame,
    last: date,
    reviews: str | None,
    ruleset: rules.RuleSet | None,
) -> pl.DataFrame:
    """Labels of the list, of reviews in a database, and of severe checks, one a provider."""
    import store  # noqa: PLC0415
    from graph_models import combine, listed, reviewed, weak  # noqa: PLC0415

    parts = [listed(named, before=last)]
    if reviews is not None:
        # Midnight of the day where it begins first: no review of that day anywhere gets in.
        before = datetime.combine(last, datetime.min.time(), timezone(timedelta(hours=14)))
        with store.open(reviews) as opened:
            given = list(opened.all_reviews())
            owners = {
                f: str(found["provider_id"])
                for f in {r.finding_id for r in given if r.finding_id}
                if (found := opened.finding(f)) is not None
            }
        parts.append(reviewed(given, known, before=before, findings=owners))
    if ruleset is not None:
        severe = [r.id for r in ruleset.rules if r.severity in ("high", "critical")]
        parts.append(weak(known, judged, severe, upto=last))
    labels, against = combine(*parts)
    for source, rows in labels.group_by("source", maintain_order=True):
        _tell(f"{rows.height} providers labelled by {source[0]}, {rows['label'].sum()} fraudulent")
    _tell(f"{against} labels of a less trusted source say otherwise and do not count")
    return labels


def score_providers(
    tables: Tables,
    ruleset: rules.RuleSet,
    loaded: Artifact,
    *,
    extra: Path | None = None,
    upto: date | None = None,
    device: str = "auto",
) -> Scored:
    """Scores of every provider of the claims before ``upto`` and of the extra table."""
    from graph_models import cut  # noqa: PLC0415

    table = read_extra_table(extra)
    last = until(tables, upto, table)
    known = cut(tables, last)
    return loaded.score(known, verdicts(ruleset, known), upto=last, extra=table, device=device)


def verdicts(ruleset: rules.RuleSet, known: Tables) -> pl.DataFrame:
    """What the checks say of claims that are already cut at the last day."""
    import drg  # noqa: PLC0415
    import rules  # noqa: PLC0415

    return rules.judge(ruleset, known, settled=drg.settle(known, drg.load())).verdicts


def read(inputs: Sequence[Path], written: InputFormat | None, key: Path) -> Tables:
    """The claims of the inputs; how many were accepted and set aside is told."""
    read = read_claims(inputs, written, key=key)
    _tell(f"{read.accepted:,} claims accepted, {read.set_aside:,} set aside")
    return read.tables


def beside(inputs: Sequence[Path], name: str) -> Path | None:
    """The file of that name in an input folder; more than one is for the user to choose."""
    found = [folder / name for folder in inputs if folder.is_dir() and (folder / name).exists()]
    if len(found) > 1:
        raise SentinelError(
            f"several input folders hold {name}",
            where=", ".join(str(f) for f in found),
            cure="Give one of these folders at a time, or name the extra table with --extra.",
        )
    if found:
        _tell(f"using {found[0]}")
    return found[0] if found else None


def read_extra_table(path: Path | None) -> pl.DataFrame | None:
    """The provider table in a CSV file, telling what was left out of it; None without a path."""
    if path is None:
        return None
    from graph_models import read_extra  # noqa: PLC0415

    table, left_out = read_extra(path)
    reasons: dict[str, list[str]] = {}
    for column, why in left_out.items():
        reasons.setdefault(why, []).append(column)
    _tell(f"{path}: {table.width - 1} columns for {table.height:,} providers")
    for why, columns in reasons.items():
        _tell(f"  left out, {why}: {', '.join(columns)}")
    return table


def until(tables: Tables, upto: date | None, extra: pl.DataFrame | None) -> date:
    """The day before which claims count: the one given, else the day after the last; told."""
    from graph_models import day_after_last  # noqa: PLC0415

    last = upto or day_after_last(tables)
    _tell(f"using what was complete before {last}")
    if upto is not None and extra is not None and upto < day_after_last(tables):
        _tell("  the extra table has no dates: make sure that it knows nothing later")
    return last
