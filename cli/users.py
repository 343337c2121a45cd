"""``sentinel users``: the accounts of a service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.accounts import log
from cli.output import finish
from cli.stream_run import Database
from domain.access import Role, Rows
from domain.errors import SentinelError

if TYPE_CHECKING:
    from store import Store
    from store.access import Account

app = typer.Typer(
    help="Keep accounts: who may sign in, as what, and whose claims they see.",
    no_args_is_help=True,
)
Login = Annotated[str, typer.Argument(help="What the person signs in with.")]
Providers = Annotated[
    list[str] | None, typer.Option("--provider", help="A hospital it sees; all, if none is given.")
]
Departments = Annotated[
    list[str] | None,
    typer.Option("--department", help="A department it sees; all, if none is given."),
]
Physician = Annotated[
    str | None,
    typer.Option(help="The attending physician whose stays it sees; physicians need it."),
]


class NoAccountError(SentinelError):
    """No account has that login."""


@app.command()
def add(
    login: Login,
    name: Annotated[str, typer.Option(help="Name, as it stands beside what the person does.")],
    role: Annotated[Role, typer.Option(help="What the account is for.")],
    provider: Providers = None,
    department: Departments = None,
    physician: Physician = None,
    db: Database = "sqlite:///sentinel.db",
) -> None:
    """Add an account and print its one-time password, which must be changed at the first sign-in."""
    from store.access.passwords import Passwords, make_password  # noqa: PLC0415

    password = None if role is Role.SERVICE else make_password()
    with _opened(db) as opened:
        account = opened.access.accounts.add(
            login,
            name,
            role,
            now=datetime.now(UTC),
            rows=Rows.of(provider or None, department or None, physician),
            password_hash=None if password is None else Passwords().hash(password),
            must_change_password=password is not None,
        )
        log(opened, "account", what="added", user=account.user_id, new_role=str(role))
    finish({**_tell(account), "one_time_password": password})


@app.command("list")
def list_accounts(db: Database = "sqlite:///sentinel.db") -> None:
    """Print every account."""
    found: list[Any] = []
    with _opened(db) as opened:
        while more := opened.access.accounts.listing(found[-1].login if found else ""):
            found += more
    finish({"users": [_tell(account) for account in found]})


@app.command()
def change(
    login: Login,
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    role: Annotated[Role | None, typer.Option(help="Another role.")] = None,
    provider: Providers = None,
    department: Departments = None,
    physician: Physician = None,
    everything: Annotated[
        bool, typer.Option("--all-rows", help="Lift the limits to hospitals and departments.")
    ] = False,
    active: Annotated[bool | None, typer.Option(help="Let the account sign in, or not.")] = None,
    db: Database = "sqlite:///sentinel.db",
) -> None:
    """Change an account; whoever may do something else after it must sign in again."""
    given = {
        "name": name,
        "role": role,
        "providers": provider,
        "departments": department,
        "physician_id": physician,
        "active": active,
    }
    changed: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if everything:
        changed |= {"providers": None, "departments": None}
    with _opened(db) as opened:
        account = find(opened, login)
        after = opened.access.accounts.change(account.user_id, changed, now=datetime.now(UTC))
        told = {key: str(value) for key, value in changed.items()}
        log(opened, "account", what="changed", user=account.user_id, changed=told)
    finish(_tell(after or account))


@app.command()
def deactivate(login: Login, db: Database = "sqlite:///sentinel.db") -> None:
    """Let an account sign in no more; its sessions end and its tokens are revoked."""
    with _opened(db) as opened:
        account = find(opened, login)
        after = opened.access.accounts.change(
            account.user_id, {"active": False}, now=datetime.now(UTC)
        )
        log(opened, "account", what="deactivated", user=account.user_id)
    finish(_tell(after or account))


@app.command()
def unlock(login: Login, db: Database = "sqlite:///sentinel.db") -> None:
    """Forget failed attempts: the account may try again now."""
    with _opened(db) as opened:
        account = find(opened, login)
        opened.access.accounts.unlock(account.user_id)
        log(opened, "account", what="unlocked", user=account.user_id)
    finish({"user_id": account.user_id, "login": account.login})


@app.command("reset-password")
def reset_password(
    login: Login,
    second_factor: Annotated[
        bool, typer.Option("--second-factor", help="Take the second step at sign-in away too.")
    ] = False,
    db: Database = "sqlite:///sentinel.db",
) -> None:
    """Give an account a one-time password and print it; its sessions end."""
    from store.access.passwords import Passwords, make_password  # noqa: PLC0415

    with _opened(db) as opened:
        account = find(opened, login)
        if account.role is Role.SERVICE or account.issuer is not None:
            raise SentinelError(
                "the account has no password here",
                where=login,
                cure="Programs use tokens (sentinel tokens); whom another service signs in changes it there.",
            )
        password, now = make_password(), datetime.now(UTC)
        opened.access.accounts.set_password(
            account.user_id, Passwords().hash(password), must_change=True, now=now
        )
        if second_factor:
            opened.access.accounts.set_totp(account.user_id, None, now=now)
        what = "password and second factor reset" if second_factor else "password reset"
        log(opened, "account", what=what, user=account.user_id)
    finish({"user_id": account.user_id, "login": account.login, "one_time_password": password})


def find(opened: Store, login: str) -> Account:
    """The account of that login; NoAccountError if there is none."""
    account = opened.access.accounts.named(login)
    if account is None:
        raise NoAccountError(
            "there is no account of that login",
            where=login,
            cure="`sentinel users list` prints all; name the database with --db.",
        )
    return account


@contextmanager
def _opened(db: str) -> Iterator[Store]:
    import store  # noqa: PLC0415

    with store.open(db) as opened:
        yield opened


def _tell(account: Account) -> dict[str, Any]:
    last = account.last_sign_in_at
    return {
        "user_id": account.user_id,
        "login": account.login,
        "name": account.name,
        "role": str(account.role),
        "providers": account.providers,
        "departments": account.departments,
        "physician_id": account.physician_id,
        "active": account.active,
        "second_factor": account.totp_confirmed,
        "last_sign_in_at": last.isoformat() if last else None,
    }
