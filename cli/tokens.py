"""``sentinel tokens``: how programs call the service."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from cli.accounts import log
from cli.output import finish
from cli.stream_run import Database
from cli.users import Login, find
from domain.access import PERMISSIONS, Permission
from domain.errors import SentinelError

app = typer.Typer(help="Make and revoke tokens of accounts.", no_args_is_help=True)


@app.command()
def add(
    login: Login,
    name: Annotated[str, typer.Option(help="What the token is for.")],
    permission: Annotated[
        list[Permission] | None,
        typer.Option(
            help="What it may do; may be given several times. All that the account may, if left out."
        ),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=365, help="How long it counts.")] = 90,
    db: Database = "sqlite:///sentinel.db",
) -> None:
    """Make a token and print it; it is told once and not kept."""
    import store  # noqa: PLC0415

    with store.open(db) as opened:
        account = find(opened, login)
        allowed = PERMISSIONS[account.role]
        wanted = frozenset(permission) if permission else allowed
        if not wanted <= allowed or not account.active:
            raise SentinelError(
                "the account may not do that itself"
                if account.active
                else "the account is not active",
                where=login,
                cure=f"Choose among {', '.join(sorted(allowed))}.",
            )
        token, secret = opened.access.tokens.add(
            account.user_id, name, wanted, made_by="command line", days=days, now=datetime.now(UTC)
        )
        told = sorted(str(p) for p in wanted)
        log(
            opened,
            "token",
            what="made",
            token=token.token_id,
            user=account.user_id,
            permissions=told,
        )
    finish({"token_id": token.token_id, "token": secret, "ends_at": token.ends_at.isoformat()})


@app.command("list")
def list_tokens(login: Login, db: Database = "sqlite:///sentinel.db") -> None:
    """Print the tokens of an account, without what they consist of."""
    import store  # noqa: PLC0415

    def when(at: datetime | None) -> str | None:
        return at.isoformat() if at else None

    with store.open(db) as opened:
        found = opened.access.tokens.of(find(opened, login).user_id)
    told: list[dict[str, Any]] = [
        {
            "token_id": one.token_id,
            "name": one.name,
            "permissions": sorted(str(p) for p in one.permissions),
            "ends_at": when(one.ends_at),
            "used_at": when(one.used_at),
            "revoked_at": when(one.revoked_at),
        }
        for one in found
    ]
    finish({"tokens": told})


@app.command()
def revoke(
    token_id: Annotated[str, typer.Argument(help="Its id, from `sentinel tokens list`.")],
    db: Database = "sqlite:///sentinel.db",
) -> None:
    """Let a token count no more; running services know within seconds."""
    import store  # noqa: PLC0415

    with store.open(db) as opened:
        token = opened.access.tokens.get(token_id)
        if token is None:
            raise SentinelError(
                "there is no such token",
                where=token_id,
                cure="Take its id from sentinel tokens list LOGIN.",
            )
        opened.access.tokens.revoke(token_id, datetime.now(UTC))
        log(opened, "token", what="revoked", token=token_id, user=token.user_id)
    finish({"token_id": token_id, "revoked": True})
