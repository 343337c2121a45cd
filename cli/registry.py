"""``sentinel models``, ``promote`` and ``refresh``: which model counts, which is on trial, and its day."""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from zoneinfo import ZoneInfo

import polars as pl
import typer
from rich.console import Console
from rich.table import Table

from cli import options
from cli.champion import holder, load, load_as, nobody
from cli.models import Device, Subject, Upto, verdicts
from cli.output import finish, say, tell, writable
from cli.stream_run import Database
from domain.errors import SentinelError
from domain.registry import CHALLENGER, CHAMPION, CLAIM, ROLES, Appointment, level_of

if TYPE_CHECKING:
    from domain.tables import Tables
    from graph_models import Artifact, Packed
    from graph_models.drift import Drift
    from rules import RuleSet
    from store import Store

app = typer.Typer(
    help="The register of fraud models in the database: files, roles, and how they do.",
    no_args_is_help=True,
)

Wanted = Annotated[
    str, typer.Argument(metavar="MODEL", help="Digest of a registered model, or its beginning.")
]
By = Annotated[str, typer.Option(help="Who decides this; kept with the appointment.")]
Reason = Annotated[str, typer.Option(help="Why; kept with the appointment.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
DespiteDrift = Annotated[
    bool,
    typer.Option(
        "--despite-drift", help="Appoint it although its scores have moved since its training."
    ),
]
_SHORTEST: Final = 8
"""Characters of a digest that name a model."""
_ZONE: Final = "Asia/Shanghai"
"""Where the quarters of a report begin."""


class DriftError(SentinelError):
    """The providers of today are not those that the model learned from."""


@app.command()
def register(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of a trained model.")],
    by: By,
    reason: Reason = "trained",
    db: Database = "sqlite:///sentinel.db",
) -> None:
    """Keep a trained model with all its files in the database, as a candidate."""
    import store  # noqa: PLC0415
    from graph_models.models import load_model  # noqa: PLC0415

    artifact = load_model(folder)
    with store.open(db) as opened:
        new = _keep(opened, artifact)
        if new:
            opened.appoint(_appointment(artifact.sha256, "candidate", by, reason))
    finish({"model_sha256": artifact.sha256, "registered": new})


@app.command("list")
def list_models(db: Database = "sqlite:///sentinel.db", as_json: Json = False) -> None:
    """List the registered models with their roles, the last appointed first."""
    import store  # noqa: PLC0415

    with store.open(db) as opened:
        found = [_told(one) for one in opened.models()]
    if as_json:
        for row in found:
            _line(row)
        return
    table = Table(box=None)
    for head in ("model", "scores", "role", "since", "by", "up to", "claims", "ROC-AUC", "PR-AUC"):
        table.add_column(head, no_wrap=head in {"model", "role"})
    for row in found:
        table.add_row(
            row["model_sha256"][:12], row["level"], row["role"], row["since"][:16], row["by"], row["upto"],
            f"{row['claims']:,}", f"{row['roc_auc']:.3f}", f"{row['pr_auc']:.3f}",
        )  # fmt: skip
    Console(highlight=False).print(table)


@app.command()
def show(model: Wanted, db: Database = "sqlite:///sentinel.db") -> None:
    """Print a model's card, and below it who gave it which role, when and why."""
    import store  # noqa: PLC0415

    with store.open(db) as opened:
        sha256 = _find(opened, model)
        card = opened.model_files(sha256)["card.md"].decode()
        roles = opened.appointments(sha256)
    sys.stdout.write(card)
    sys.stdout.write("\n## 任用 Appointments\n\n")
    for one in roles:
        zh, _ = ROLES[one.role]
        sys.stdout.write(f"- {_instant(one.at)} {zh} {one.role}, {one.by}: {one.reason}\n")


@app.command()
def export(
    model: Wanted,
    out: Annotated[Path, typer.Option(help="Folder for the model.")],
    db: Database = "sqlite:///sentinel.db",
) -> None:
    """Write a registered model as the folder that it was registered from."""
    import store  # noqa: PLC0415

    writable(out)
    with store.open(db) as opened:
        artifact = load(opened, _find(opened, model))
    artifact.save(out)
    finish({"model_sha256": artifact.sha256, "out": str(out)})


@app.command()
def compare(
    level: Annotated[Subject, typer.Option(help="Models of what.")] = Subject.PROVIDER,
    rules: options.Rules = None,
    db: Database = "sqlite:///sentinel.db",
) -> None:
    """Tell how the challenger's scores differ from the champion's, over whom both scored.

    Models of providers have scored as batches came; models of claims score the stored claims of the
    champion's window now.
    """
    import numpy as np  # noqa: PLC0415
    from scipy.stats import spearmanr  # noqa: PLC0415

    import store  # noqa: PLC0415

    with store.open(db) as opened:
        champion, challenger = (
            load(opened, holder(opened, role, level.value)) for role in (CHAMPION, CHALLENGER)
        )
        if level is Subject.CLAIM:
            known, until = _window(opened, champion, None)
            judged = verdicts(_rules(rules), known)
            scored = [m.score(known, judged, upto=until) for m in (champion, challenger)]
            ours, theirs = (
                dict(zip(s.subject_ids, s.scores.tolist(), strict=True)) for s in scored
            )
        else:
            ours, theirs = (opened.scores_of(one.sha256) for one in (champion, challenger))
    both = sorted(ours.keys() & theirs.keys())
    a, b = (np.array([scores[p] for p in both]) for scores in (ours, theirs))
    above, below = a >= champion.threshold, b >= challenger.threshold
    finish(
        {
            "champion": champion.sha256,
            "challenger": challenger.sha256,
            f"{level.value}s_of_both": len(both),
            "rank_correlation": round(float(spearmanr(a, b)[0]), 4) if len(both) > 2 else None,
            "alerted_by_both": int((above & below).sum()),
            "alerted_by_champion_alone": [p for p, x, y in zip(both, above, below, strict=True) if x and not y],
            "alerted_by_challenger_alone": [p for p, x, y in zip(both, above, below, strict=True) if y and not x],
        }
    )  # fmt: skip


@app.command()
def drift(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Digest, or champion or challenger.")
    ] = CHAMPION,
    upto: Upto = None,
    rules: options.Rules = None,
    db: Database = "sqlite:///sentinel.db",
) -> None:
    """Tell whether today's providers look like those of the training (population stability index).

    Reads the stored claims of a window as long as that of the training, before ``--upto``.
    """
    import store  # noqa: PLC0415

    with store.open(db) as opened:
        artifact = load(opened, _find(opened, model))
        found = _drift(opened, artifact, _rules(rules), _day(upto))
    finish({"model_sha256": artifact.sha256, **found.record()})


@app.command()
def report(
    out: Annotated[Path, typer.Option(help="HTML file to write; it needs no network.")],
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Digest, or champion or challenger.")
    ] = CHAMPION,
    rules: options.Rules = None,
    db: Database = "sqlite:///sentinel.db",
) -> None:
    """Write the report on a model: quality, scores, features, drift, and what reviews say."""
    import store  # noqa: PLC0415
    from graph_models import Artifact  # noqa: PLC0415

    with store.open(db) as opened:
        artifact = load_as(Artifact, opened, _find(opened, model))
        write_report(out, artifact, opened, _rules(rules))
    finish({"model_sha256": artifact.sha256, "report": str(out)})


def write_report(
    out: Path, artifact: Artifact, opened: Store | None, ruleset: RuleSet | None = None
) -> None:
    """Write the report on a model; with a database also its drift and what reviews say."""
    from cli import feedback  # noqa: PLC0415
    from cli import report as page  # noqa: PLC0415

    writable(out.parent)
    if opened is None:
        page.write(out, artifact)
        return
    checks, bands = feedback.read(opened, ZoneInfo(_ZONE))
    found = None
    if ruleset is not None and opened.last_end() is not None:
        found = _drift(opened, artifact, ruleset)
    page.write(out, artifact, drift=found, checks=checks, bands=bands)


def promote(
    model: Wanted,
    by: By,
    reason: Reason,
    to: Annotated[str, typer.Option(help=f"Role: {', '.join(ROLES)}.")] = CHAMPION,
    rules: options.Rules = None,
    despite_drift: DespiteDrift = False,
    db: Database = "sqlite:///sentinel.db",
) -> None:
    """Give a registered model a role; the champion's scores count from the next start of a service.

    A model whose files no longer fit this version is refused, and one whose scores of the stored
    claims are distributed otherwise than in its training, unless ``--despite-drift``.
    """
    import store  # noqa: PLC0415

    if to not in ROLES:
        raise SentinelError(
            f"there is no role {to}", where="--to", cure=f"Write one of {', '.join(ROLES)}."
        )
    with store.open(db) as opened:
        sha256 = _find(opened, model)
        if to in (CHAMPION, CHALLENGER):
            artifact = load(opened, sha256)
            if opened.last_end() is not None:
                found = _drift(opened, artifact, _rules(rules))
                _refuse_drift(found, artifact, despite_drift=despite_drift)
        made = opened.appoint(_appointment(sha256, to, by, reason))
    finish({"model_sha256": sha256, "appointed": [[o.model_sha256, o.role] for o in made]})


def refresh(
    upto: Upto = None,
    rules: options.Rules = None,
    device: Annotated[Device, typer.Option(help="Where the graph network runs.")] = Device.AUTO,
    despite_drift: DespiteDrift = False,
    db: Database = "sqlite:///sentinel.db",
) -> None:
    """Score every provider of the stored claims anew with the champion and the challenger.

    Nothing is learned: the same networks and trees at a later day, over a window as long as that of the
    training. What comes out is registered as a model of its own and takes the role; services and workers
    started with ``--model champion`` use it from their next start.
    """
    import store  # noqa: PLC0415
    from graph_models import Artifact  # noqa: PLC0415
    from graph_models import refresh as make  # noqa: PLC0415

    done: list[dict[str, Any]] = []
    with store.open(db) as opened:
        ruleset = _rules(rules)
        for role in (CHAMPION, CHALLENGER):
            sha256 = opened.model_in_role(role)
            if sha256 is None:
                continue
            say(f"Refreshing the {role} {sha256[:12]}")
            artifact = load_as(Artifact, opened, sha256)
            known, until = _window(opened, artifact, _day(upto))
            judged = verdicts(ruleset, known)
            made = make(artifact, known, judged, upto=until, device=device.value)
            found = _compared(opened, artifact, made.entities)
            _refuse_drift(found, artifact, despite_drift=despite_drift)
            _keep(opened, made)
            opened.appoint(
                _appointment(made.sha256, role, "sentinel refresh", f"refreshed from {sha256[:12]}")
            )
            done.append(
                {
                    "role": role,
                    "model_sha256": made.sha256,
                    "from": sha256,
                    "upto": made.upto.isoformat(),
                    "providers": made.manifest["providers_scored"],
                    "drift": found.record(),
                }
            )
    if not done:
        raise nobody(CHAMPION)
    finish({"refreshed": done})


def _window(opened: Store, artifact: Packed, upto: date | None) -> tuple[Tables, date]:
    """The stored claims of a window as long as that of the training, and the day before which they are."""
    from graph_models import cut  # noqa: PLC0415

    last = opened.last_end()
    if last is None:
        raise SentinelError(
            "the database has no claim that ended",
            where="--db",
            cure="Assess claims into it first: sentinel assess … --db URL.",
        )
    until = upto or last + timedelta(days=1)
    begin = until - artifact.reach
    known = cut(opened.ended(begin, until), until)
    say(f"  {len(known):,} claims from {begin} to {until}")
    return known, until


def _drift(opened: Store, artifact: Packed, ruleset: RuleSet, upto: date | None = None) -> Drift:
    """How far the providers of the stored claims have moved since the model's training."""
    known, until = _window(opened, artifact, upto)
    scored = artifact.score(known, verdicts(ruleset, known), upto=until)
    return _compared(opened, artifact, scored.features.with_columns(score=pl.Series(scored.scores)))


def _compared(opened: Store, artifact: Packed, now: pl.DataFrame) -> Drift:
    """How far these providers are from those of the training, which the first of its line knows."""
    from graph_models import drift, origin  # noqa: PLC0415

    first = origin(artifact)
    files = opened.model_files(first)
    then = type(artifact).of(files, Path(first)) if files else artifact
    used = [f["name"] for f in artifact.manifest["features"] if f["used"]]
    return drift.compare(then.entities, now, used)


def _refuse_drift(found: Drift, artifact: Packed, *, despite_drift: bool) -> None:
    if found.score is None:
        tell(
            f"{artifact.sha256[:12]}: {found.now} {artifact.LEVEL}s now and {found.then} at its training "
            "are too few to tell whether they have moved"
        )
        return
    if found.score.state != "moved" or despite_drift:
        return
    raise DriftError(
        f"its scores have moved since its training (stability index {found.score.psi:.2f}; chance alone "
        f"reaches {found.score.chance:.2f}); most moved: {', '.join(found.moved[:5]) or 'no single feature'}",
        where=f"model {artifact.sha256[:12]}",
        cure="Train on present claims, or look at `sentinel models drift` and say --despite-drift.",
    )


def _find(opened: Store, wanted: str) -> str:
    """The registered model that a role or the beginning of a digest names."""
    if wanted in (CHAMPION, CHALLENGER):
        return holder(opened, wanted)
    found = [one.sha256 for one in opened.models() if one.sha256.startswith(wanted)]
    if len(found) == 1 and len(wanted) >= _SHORTEST:
        return found[0]
    raise SentinelError(
        f"{wanted} names {len(found)} registered models"
        if len(wanted) >= _SHORTEST
        else f"{wanted} is too short to name a model",
        where="MODEL",
        cure=f"Give {_SHORTEST} or more characters of a digest that `sentinel models list` shows.",
    )


def _keep(opened: Store, artifact: Packed) -> bool:
    return opened.keep_model(artifact.sha256, artifact.manifest, artifact.files)


def _appointment(sha256: str, role: str, by: str, reason: str) -> Appointment:
    return Appointment(sha256, role, by, reason, datetime.now(UTC))


def _rules(folder: Path | None) -> RuleSet:
    import rules  # noqa: PLC0415

    return rules.load(folder)


def _day(given: datetime | None) -> date | None:
    return None if given is None else given.date()


def _told(one: Any) -> dict[str, Any]:
    metrics, level = one.manifest["metrics"], level_of(one.manifest)
    if level == CLAIM:
        roc, pr = (metrics["whole"][m] for m in ("roc_auc", "pr_auc"))
    else:
        roc, pr = (metrics["all"]["variants"]["both"][m]["value"] for m in ("roc_auc", "pr_auc"))
    return {
        "model_sha256": one.sha256,
        "level": level,
        "role": one.now.role,
        "since": _instant(one.now.at),
        "by": one.now.by,
        "reason": one.now.reason,
        "registered_at": _instant(one.registered_at),
        "upto": one.manifest["upto"],
        "claims": one.manifest["window"]["claims"],
        "labels": one.manifest["labels"]["used"],
        "roc_auc": roc,
        "pr_auc": pr,
        "threshold": one.manifest["threshold"]["score"],
        "origin": one.manifest.get("refreshed", {}).get("origin", one.sha256),
    }


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def _line(row: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
