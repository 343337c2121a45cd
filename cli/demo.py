"""``sentinel demo``: a sample month from claims to an alerts page, on embedded defaults."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

import data_samples
import drg
from cli import assess as assessing
from cli.accounts import accounts
from cli.models import train_model
from cli.reading import read_claims
from cli.wiring import engine, wire
from data_samples import rounds, ward
from data_samples.planting import SEED
from domain.access import ROLE_NAMES, Role, Rows
from domain.tables import Tables
from drg import projection
from streaming.pipeline import Engine


def demo(
    port: Annotated[int, typer.Option(help="Port of the service on 127.0.0.1.")] = 8080,
    stays: Annotated[
        int, typer.Option(min=600, help="Inpatient stays to generate; fewer teach a model nothing.")
    ] = 2000,
    out: Annotated[
        Path, typer.Option(help="Folder for everything that the demo makes; emptied first.")
    ] = Path("demo-out"),
    serve: Annotated[bool, typer.Option(help="Start the service and keep it running.")] = True,
) -> None:
    """Generate a month with a fraud pattern, judge it, train a model, start the service."""
    if serve:
        import scoring_api  # noqa: PLC0415

        scoring_api.check_address("127.0.0.1", port)  # now, not after a minute of work
    _empty(out)
    month, results, model, curves = (out / name for name in ("month", "results", "model", "curves"))
    key, db = out / "pseudonym.key", f"sqlite:///{(out / 'sentinel.db').absolute()}"

    _step(f"Generating a hospital month: {stays:,} stays, with a fraud scheme and planted patterns")
    made = data_samples.produce(
        month, preset="demo", stays=stays, seed=SEED, form="jsonl", still_in=stays // 50
    )
    _note(
        f"{made.stays:,} stays, {made.visits:,} outpatient visits, {made.charge_lines:,} charge "
        f"lines; {made.fraudulent_providers} fraudulent providers"
    )

    _step("Reading the claims and training the fraud model")
    read = read_claims([month], None, key=key)
    judge = engine()
    artifact = train_model(read.tables, judge.ruleset, month / "labels.csv", model)
    _note(artifact.headline)

    _step("Fitting cost curves, to see where patients in hospital are heading")
    judge = replace(judge, curves=_fit_curves(read.tables, judge, curves))

    _step(f"Judging {read.accepted:,} claims with {len(judge.ruleset.ids)} checks and the model")
    judge = replace(judge, artifact=artifact)
    summary = assessing.run(read, judge, out=results, inputs=[month], db=db)
    _note(
        f"{summary['decisions']:,} decisions, {summary['alerts']:,} alerts, "
        f"{summary['set_aside']:,} records set aside; files in {results}"
    )
    from store.access.keyring import Keyring, add_key  # noqa: PLC0415

    field_keys = out / "field.keys"
    add_key(field_keys)
    physician = _choose_physician(db)
    _step("Following the orders of patients in hospital, for the physician's page")
    _note(_follow_ward(db, judge, key, physician, still_in=stays // 50))
    password = _make_accounts(db, physician)
    if not serve:
        return
    from cli.telling import telling  # noqa: PLC0415

    wired = wire(
        db=db,
        model=model,
        curves=curves,
        key=key,
        access=accounts(field_keys),
        telling=telling(Keyring.find(field_keys), allow_http=True),
    )
    try:
        scoring_api.run(
            wired.app,
            "127.0.0.1",
            port,
            started=partial(_tell_ready, password=password),
        )
    finally:
        wired.close()


def _choose_physician(db: str) -> str:
    """A physician who has alerts, of the hospital whose ward is shown if there is one."""
    import store  # noqa: PLC0415

    with store.open(db) as opened:
        for provider in (rounds.HOSPITAL, None):
            wanted = store.AlertFilter(provider_id=provider)
            for row in opened.alerts(wanted, store.AlertSort.PRIORITY, None, 200).rows:
                if row["attending_physician_id"]:
                    return str(row["attending_physician_id"])
    return "none"


def _follow_ward(db: str, judge: Engine, key: Path, physician: str, *, still_in: int) -> str:
    """Let the order events of the month's open stays happen, as the stream's worker does; a word on them."""
    import store  # noqa: PLC0415
    from streaming.orders import decode, judge_orders  # noqa: PLC0415
    from streaming.orders.handler import OrdersHandler  # noqa: PLC0415
    from streaming.pseudonym import PseudonymKey  # noqa: PLC0415

    secret = PseudonymKey.find(key)
    events = [event.encode() for event in ward.encode(rounds.stream(SEED, still_in, physician))]
    with store.open(db) as opened:
        read, _ = decode(events, key=secret)
        outcome = judge_orders([event for _, event in read], {}, judge)
        handler = OrdersHandler(judge, opened, secret)
        for write in handler.writes(outcome, {}):
            opened.open_stays.commit(write, datetime.now(UTC))
    return (
        f"{len(events):,} events of {len(outcome.states)} patients in hospital, "
        f"{len(outcome.suggestions)} suggestions"
    )


def _make_accounts(db: str, physician: str) -> str:
    """An account of each role that people have, all with one new password; returns it."""
    import store  # noqa: PLC0415
    from store.access.passwords import Passwords, make_password  # noqa: PLC0415

    password = make_password()
    hashed = Passwords().hash(password)
    with store.open(db) as opened:
        opened.indicators.refresh(None)  # so that the cockpit is whole when it is opened first
        for role, (zh, en) in ROLE_NAMES.items():
            if role is not Role.SERVICE:
                opened.access.accounts.add(
                    str(role),
                    f"{zh} {en}",
                    role,
                    now=datetime.now(UTC),
                    rows=Rows(physician_id=physician) if role is Role.PHYSICIAN else Rows(),
                    password_hash=hashed,
                )
    _step("Making an account for each role")
    _note(
        f"{', '.join(r for r in Role if r is not Role.SERVICE)}; the password of each: {password}"
    )
    return password


def _fit_curves(claims: Tables, judge: Engine, folder: Path) -> drg.Curves:
    """Curves of the month's settled stays, and a word on those still in hospital."""
    settled = drg.settle(claims, judge.library)
    curves = projection.fit(claims, settled.by_cell)
    curves.save(folder)
    seen = replace(settled, curves=curves).outlook
    ahead = (seen["probability_over_standard"] >= 0.5).sum()
    _note(
        f"{curves.manifest['cases']:,} settled stays; of {seen.height} patients in hospital "
        f"{ahead} are heading above their payment standard"
    )
    return curves


def _tell_ready(address: str, *, password: str) -> None:
    """Where to begin, and as whom."""
    base = address.rstrip("/")
    _step(f"Ready: open {base} and sign in, such as officer with {password}  (Ctrl-C ends it)")
    _note(f"As physician: {base}/ward, the patients in hospital of one doctor")
    _note(f"New here? Five steps on this data: {base}/guide (in Chinese: {base}/guide?lang=zh)")


def _empty(out: Path) -> None:
    """Remove what an earlier demo left; never a folder that a demo did not make."""
    mark = out / ".sentinel-demo"
    if out.exists() and not out.is_dir():
        raise typer.BadParameter(f"{out} is not a folder: name an empty folder with --out")
    if out.exists() and any(out.iterdir()) and not mark.exists():
        raise typer.BadParameter(f"{out} holds other files: name an empty folder with --out")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    mark.touch()


def _step(text: str) -> None:
    sys.stdout.write(f"[{datetime.now().astimezone():%H:%M:%S}] {text}\n")
    sys.stdout.flush()


def _note(text: str) -> None:
    sys.stdout.write(f"           {text}\n")
    sys.stdout.flush()
