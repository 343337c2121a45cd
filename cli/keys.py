"""``sentinel keys``: the keys that fields are encrypted with at rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from cli import options
from cli.accounts import log
from cli.output import finish
from cli.stream_run import Database

if TYPE_CHECKING:
    from store import Store
    from store.access import Keyring

app = typer.Typer(
    help="Rotate the keys that second factors and identifiers are encrypted with.",
    no_args_is_help=True,
)


@app.command()
def rotate(db: Database = "sqlite:///sentinel.db", field_keys: options.FieldKeys = None) -> None:
    """Put a new key first, and encrypt everything of the database with it; old keys stay in the file.

    Running services take the new key from the file when they meet what it encrypted.
    """
    import store  # noqa: PLC0415
    from store.access import keyring  # noqa: PLC0415

    path = keyring.place(field_keys)
    with store.open(db) as opened:
        renewed = _renew(opened, keyring.add_key(path))
        log(opened, "account", what="field keys rotated")
    finish({"file": str(path), **renewed})


@app.command()
def prune(db: Database = "sqlite:///sentinel.db", field_keys: options.FieldKeys = None) -> None:
    """Encrypt everything with the first key once more, then drop the others from the file.

    Restart running services first: one that still encrypts with an old key would write what nobody can read.
    """
    import store  # noqa: PLC0415
    from store.access import keyring  # noqa: PLC0415

    path = keyring.place(field_keys)
    with store.open(db) as opened:
        _renew(opened, keyring.Keyring.load(path))
        dropped = keyring.keep_first(path)
        log(opened, "account", what="old field keys dropped")
    finish({"file": str(path), "dropped": dropped})


def _renew(opened: Store, keys: Keyring) -> dict[str, int]:
    """Encrypt everything of the database with the first key; how many of each."""
    return {
        "secrets": opened.access.accounts.renew_secrets(keys),
        "identifiers": opened.access.identities.renew(keys),
        "webhooks": opened.webhooks.reseal(keys.renew),
    }
