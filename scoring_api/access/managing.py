"""Keeping accounts and tokens: what the REST routes and the pages both do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from fastapi import Request

from domain.access import PERMISSIONS, Permission, Principal, Role, Rows
from scoring_api.access.accounts import Accounts
from scoring_api.access.guard import who
from scoring_api.problems import ProblemError
from store.access import Account, AccountError, Token
from store.access.accounts import AccountConflictError
from store.access.passwords import make_password
from store.access.tokens import DEFAULT_DAYS, LONGEST_DAYS

LONGEST_LIST: Final = 200
"""Hospitals or departments of one account."""


def find(access: Accounts, user_id: str) -> Account:
    """The account; a 404 problem if there is none."""
    found = access.access.accounts.find(user_id)
    if found is None:
        raise ProblemError(
            404,
            "not-found",
            "There is no such account.",
            cure="Take an id from GET /v1/users.",
        )
    return found


def add(access: Accounts, request: Request, given: Mapping[str, Any]) -> tuple[Account, str | None]:
    """Make an account; it and its one-time password, which a service account does not have."""
    role = role_of(given.get("role"))
    password = None if role is Role.SERVICE else make_password()
    with _problems():
        account = access.access.accounts.add(
            str(given.get("login") or ""),
            str(given.get("name") or ""),
            role,
            now=access.clock(),
            rows=Rows(
                _frozen(given.get("providers")),
                _frozen(given.get("departments")),
                given.get("physician_id") or None,
            ),
            language=language_of(given.get("language")),
            password_hash=None if password is None else access.passwords.hash(password),
            must_change_password=password is not None,
        )
    note(access, request, "account", what="added", user=account.user_id, new_role=str(role))
    return account, password


def change(
    access: Accounts,
    request: Request,
    user_id: str,
    changed: Mapping[str, Any],
    version: int | None,
) -> Account:
    """Change name, role, limits, language or activity; a 412 problem if ``version`` is no longer the one."""
    before = find(access, user_id)
    values = dict(changed)
    if "role" in values:
        values["role"] = role_of(values["role"])
    if "language" in values:
        values["language"] = language_of(values["language"])
    for name in ("providers", "departments"):
        if name in values:
            kept = _frozen(values[name])
            values[name] = None if kept is None else sorted(kept)
    with _problems():
        after = access.access.accounts.change(user_id, values, now=access.clock(), version=version)
    access.forget()
    if after is None:
        raise ProblemError(
            412,
            "changed-meanwhile",
            "The account was changed by somebody else meanwhile.",
            cure="Read it again, and change it on top of that.",
        )
    told = {
        name: f"{_plain(getattr(before, name))} → {_plain(getattr(after, name))}"
        for name in ("name", "role", "providers", "departments", "physician_id", "active")
        if getattr(before, name) != getattr(after, name)
    }
    note(access, request, "account", what="changed", user=user_id, changed=told)
    return after


def reset_password(access: Accounts, request: Request, user_id: str) -> str:
    """Give an account a one-time password, and end its sessions."""
    account = find(access, user_id)
    if account.role is Role.SERVICE or account.issuer is not None:
        raise ProblemError(
            409,
            "no-password",
            "The account has no password here.",
            cure="Programs use tokens; whom another service signs in changes the password there.",
        )
    password = make_password()
    access.access.accounts.set_password(
        user_id, access.passwords.hash(password), must_change=True, now=access.clock()
    )
    access.forget()
    note(access, request, "account", what="password reset", user=user_id)
    return password


def reset_second_factor(access: Accounts, request: Request, user_id: str) -> None:
    """Take the second factor from an account whose owner lost it, and end its sessions."""
    find(access, user_id)
    access.access.accounts.set_totp(user_id, None, now=access.clock())
    access.access.sessions.end_all(user_id)
    access.forget()
    note(access, request, "account", what="second factor removed", user=user_id)


def unlock(access: Accounts, request: Request, user_id: str) -> None:
    """Let an account sign in again now."""
    find(access, user_id)
    access.access.accounts.unlock(user_id)
    note(access, request, "account", what="unlocked", user=user_id)


def make_token(access: Accounts, request: Request, given: Mapping[str, Any]) -> tuple[Token, str]:
    """Make a token of one's own, or, for whoever keeps accounts, of a service account."""
    principal = in_session(request)
    owner_id = given.get("user_id") or principal.user_id
    allowed = principal.permissions
    if owner_id != principal.user_id:
        if not _keeps_accounts(principal):
            raise _no_token_owner()
        owner = find(access, owner_id)
        if owner.role is not Role.SERVICE or not owner.active:
            raise ProblemError(
                403,
                "token-owner",
                "Tokens of people are made by themselves.",
                cure="Make tokens for active accounts of the role service only.",
            )
        allowed = PERMISSIONS[Role.SERVICE]
    name = str(given.get("name") or "").strip()
    if not 1 <= len(name) <= 80 or not name.isprintable():
        raise _refusal("name", "The token has no name, or one that is too long.", "Write 1 to 80 characters.")  # fmt: skip
    days = given.get("days")
    days = DEFAULT_DAYS if days is None else days
    if not 1 <= days <= LONGEST_DAYS:
        raise _refusal("days", "The token would count too long or not at all.", f"Write 1 to {LONGEST_DAYS} days.")  # fmt: skip
    asked = given.get("permissions")
    wanted = allowed if asked is None else frozenset(permission_of(p) for p in asked)
    if not wanted or not wanted <= allowed:
        raise ProblemError(
            403,
            "token-permissions",
            "The token would have a permission that its owner does not have, or none at all.",
            cure="Choose among the owner's permissions.",
        )
    token, secret = access.access.tokens.add(
        owner_id, name, wanted, made_by=principal.user_id, days=days, now=access.clock()
    )
    note(
        access,
        request,
        "token",
        what="made",
        token=token.token_id,
        user=owner_id,
        permissions=sorted(str(p) for p in wanted),
        ends_at=token.ends_at.isoformat(),
    )
    return token, secret


def revoke_token(access: Accounts, request: Request, token_id: str) -> None:
    """Revoke a token of one's own, or for whoever keeps accounts anybody's; else a 404 problem."""
    principal = in_session(request)
    token = access.access.tokens.get(token_id)
    mine = token is not None and token.user_id == principal.user_id
    if token is None or not (mine or _keeps_accounts(principal)):
        raise ProblemError(
            404, "not-found", "There is no such token.", cure="Take an id from GET /v1/tokens."
        )
    access.access.tokens.revoke(token_id, access.clock())
    access.forget()
    note(access, request, "token", what="revoked", token=token_id, user=token.user_id)


def tokens_of(access: Accounts, principal: Principal, user_id: str | None) -> Sequence[Token]:
    """The tokens of the caller, or for whoever keeps accounts of another one."""
    if user_id not in (None, principal.user_id) and not _keeps_accounts(principal):
        raise _no_token_owner()
    return access.access.tokens.of(user_id or principal.user_id)


def end_session(access: Accounts, request: Request, session_id: str) -> None:
    """End one of the caller's own sessions; a 404 problem if it is none of theirs."""
    principal = in_session(request)
    if not access.access.sessions.end(principal.user_id, session_id):
        raise ProblemError(
            404, "not-found", "There is no such session.", cure="Take an id from GET /v1/sessions."
        )
    access.forget()
    note(access, request, "session", what="ended", session=session_id)


def _keeps_accounts(principal: Principal) -> bool:
    """Whether somebody keeps the accounts of others: nobody whose own view is limited does."""
    return principal.may(Permission.USERS_MANAGE) and not principal.rows.limited


def in_session(request: Request) -> Principal:
    """The caller, who must have signed in: a token makes no tokens and ends no sessions; 403 otherwise."""
    principal = who(request)
    if principal.means != "session":
        raise ProblemError(
            403,
            "session-needed",
            "This is done by the person and not with a token.",
            cure="Sign in on the page.",
        )
    return principal


def note(access: Accounts, request: Request, kind: str, **about: Any) -> None:
    """Say in the request's row of the audit log what was done."""
    entry = request.state.audit
    access.record(
        request, entry["principal"], entry["needed"], entry["allowed"], {"kind": kind, **about}
    )


def role_of(given: Any) -> Role:
    """The role of that name; a 422 problem if there is none."""
    try:
        return Role(given)
    except ValueError:
        raise _refusal(
            "role", "The role is not known.", f"Write one of {', '.join(Role)}."
        ) from None


def permission_of(given: Any) -> Permission:
    """The permission of that name; a 422 problem if there is none."""
    try:
        return Permission(given)
    except ValueError:
        raise _refusal(
            "permissions", "A permission is not known.", "GET /v1/me lists those you have."
        ) from None


def language_of(given: Any) -> str | None:
    """zh, en, or None for what the browser asks for."""
    if given in (None, ""):
        return None
    if given not in ("zh", "en"):
        raise _refusal("language", "The language is not known.", "Write zh or en.")
    return str(given)


def _refusal(field: str, what: str, cure: str) -> ProblemError:
    return ProblemError(422, "account", what, cure=cure, more={"field": field})


def _no_token_owner() -> ProblemError:
    return ProblemError(
        404, "not-found", "There is no such account.", cure="Leave user_id out: it is your own."
    )


@contextmanager
def _problems() -> Iterator[None]:
    try:
        yield
    except AccountConflictError as error:
        raise ProblemError(409, "account", error.what, cure=error.cure) from error
    except AccountError as error:
        raise _refusal(error.where, error.what, error.cure) from error


def _frozen(values: Sequence[str] | None) -> frozenset[str] | None:
    if values is None:
        return None
    kept = frozenset(value.strip() for value in values if value.strip())
    if len(kept) > LONGEST_LIST or any(len(v) > 64 or not v.isprintable() for v in kept):
        raise _refusal(
            "providers",
            "A limit is too long.",
            f"Give at most {LONGEST_LIST} codes of at most 64 characters.",
        )
    return kept


def _plain(value: Any) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)
