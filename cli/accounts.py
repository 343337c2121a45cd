"""What commands need of accounts: who recognises callers, who keeps identifiers, and what is logged."""

from __future__ import annotations

import getpass
import ipaddress
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from domain.errors import SentinelError

if TYPE_CHECKING:
    from store import Store

Keep = Callable[[str, Mapping[str, str]], None]


class ServeError(SentinelError):
    """The service may not be started so."""


def local_only(host: str) -> None:
    """Refuse to serve without sign-in on an address that others reach."""
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    if not local:
        raise ServeError(
            "without sign-in whoever reaches the address may do everything",
            where=f"--no-sign-in --host {host}",
            cure="Leave --no-sign-in out, or listen on this machine only: --host 127.0.0.1.",
        )


def accounts(
    field_keys: Path | None,
    *,
    oidc: Path | None = None,
    https: bool = False,
    per_second: float = 30,
    clients: Any = None,
) -> Callable[[Store], Any]:
    """What makes of a store the access of a service that people sign in to."""
    from scoring_api.access.accounts import Accounts, Settings  # noqa: PLC0415
    from scoring_api.access.oidc import Provider  # noqa: PLC0415
    from store.access import Keyring  # noqa: PLC0415

    keys = Keyring.find(field_keys)
    provider = None if oidc is None else Provider.load(oidc)
    settings = Settings(
        https=True if https else None,
        per_principal_s=per_second,
        principal_burst=max(1, int(per_second * 10)),
    )

    def make(opened: Store) -> Any:
        return Accounts(opened, keys, settings=settings, oidc=provider, clients=clients)

    return make


def keep_in(opened: Store, field_keys: Path | None) -> Keep:
    """What keeps identifiers in a database, encrypted."""
    from store.access import Keyring  # noqa: PLC0415

    keys = Keyring.find(field_keys)

    def keep(kind: str, originals: Mapping[str, str]) -> None:
        opened.access.identities.keep(kind, originals, keys, now=datetime.now(UTC))

    return keep


def keeper(db: str, field_keys: Path | None) -> Keep:
    """The same, opening the database each time: reading claims has it closed."""
    import store  # noqa: PLC0415
    from store.access import Keyring  # noqa: PLC0415

    Keyring.find(field_keys)  # told now, not after reading a year of claims

    def keep(kind: str, originals: Mapping[str, str]) -> None:
        with store.open(db) as opened:
            keep_in(opened, field_keys)(kind, originals)

    return keep


def log(opened: Store, kind: str, **about: Any) -> None:
    """Write into the audit log what a command did to accounts; who is the user of this machine."""
    from store.access import AuditEvent  # noqa: PLC0415

    opened.access.audit.write(
        AuditEvent(
            recorded_at=datetime.now(UTC),
            kind=kind,
            allowed=True,
            outcome="ok",
            user_name=f"{getpass.getuser()} (command line)",
            means="command",
            subject=about,
        )
    )
