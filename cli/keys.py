"""``sentinel keys``: the keys that fields are encrypted with at rest."""

from __future__ import annotations

import typer

from cli import options
from cli.accounts import log
from cli.output import finish
from cli.stream_run import Database

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
        keys = keyring.add_key(path)
        secrets, identities = (
            opened.access.accounts.renew_secrets(keys),
            opened.access.identities.renew(keys),
        )
        webhooks = opened.webhooks.reseal(keys.renew)
        log(opened, "account", what="field keys rotated")
    finish({"file": str(path), "secrets": secrets, "identifiers": identities, "webhooks": webhooks})


@app.command()
def prune(db: Database = "sqlite:///sentinel.db", field_keys: options.FieldKeys = None) -> None:
    """Encrypt everything with the first key once more, then drop the others from the file.

    Restart running services first: one that still encrypts with an old key would write what nobody can read.
    """
    import store  # noqa: PLC0415
    from store.access import keyring  # noqa: PLC0415

    path = keyring.place(field_keys)
    with store.open(db) as opened:
        keys = keyring.Keyring.load(path)
        opened.access.accounts.renew_secrets(keys)
        opened.access.identities.renew(keys)
        opened.webhooks.reseal(keys.renew)
        dropped = keyring.keep_first(path)
        log(opened, "account", what="old field keys dropped")
    finish({"file": str(path), "dropped": dropped})
