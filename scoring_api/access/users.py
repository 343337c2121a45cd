"""/v1/users: accounts over HTTP, for whoever keeps them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from domain.access import Permission, Role
from scoring_api import bodies, conditions
from scoring_api.access import managing
from scoring_api.access.accounts import Accounts
from scoring_api.access.guard import needs, whole_view
from scoring_api.answers import Answer
from scoring_api.problems import document
from store.access import Account

UserId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
_LIST: Final = {"type": ["array", "null"], "items": {"type": "string", "maxLength": 64}}
_PROPERTIES: Final[dict[str, Any]] = {
    "name": {"type": "string", "minLength": 1, "maxLength": 80},
    "role": {"enum": [str(role) for role in Role]},
    "providers": {**_LIST, "description": "Hospitals whose claims are seen; null is all."},
    "departments": {**_LIST, "description": "Departments whose claims are seen; null is all."},
    "physician_id": {
        "type": ["string", "null"],
        "maxLength": 64,
        "description": "The attending physician whose stays are seen; a physician's account needs it.",
    },
    "language": {"enum": ["zh", "en", None]},
}


class User(Answer):
    """One account."""

    user_id: str
    login: str
    name: str
    role: str
    providers: list[str] | None
    departments: list[str] | None
    physician_id: str | None
    language: str | None
    active: bool
    second_factor: bool
    must_change_password: bool
    locked_until: datetime | None
    last_sign_in_at: datetime | None
    external: bool
    """Whether another service (OpenID Connect) signs the person in."""
    version: int
    """Rises with each change; the ETag of the account."""
    created_at: datetime
    changed_at: datetime


class UserList(Answer):
    """A page of accounts by login."""

    users: list[User]
    cursor: str | None


class UserMade(User):
    """A new account, or one whose password was reset."""

    one_time_password: str | None
    """Told once; it must be changed at the first sign-in. Null for service accounts."""


class _New(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    login: Annotated[str, msgspec.Meta(max_length=64)]
    name: Annotated[str, msgspec.Meta(max_length=80)]
    role: str
    providers: list[str] | None = None
    departments: list[str] | None = None
    physician_id: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    language: str | None = None


class _Changed(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    name: Annotated[str, msgspec.Meta(max_length=80)] | msgspec.UnsetType = msgspec.UNSET
    role: str | msgspec.UnsetType = msgspec.UNSET
    providers: list[str] | msgspec.UnsetType | None = msgspec.UNSET
    departments: list[str] | msgspec.UnsetType | None = msgspec.UNSET
    physician_id: Annotated[str, msgspec.Meta(max_length=64)] | msgspec.UnsetType | None = (
        msgspec.UNSET
    )
    language: str | msgspec.UnsetType | None = msgspec.UNSET
    active: bool | msgspec.UnsetType = msgspec.UNSET


_NEW: Final = msgspec.json.Decoder(_New)
_CHANGED: Final = msgspec.json.Decoder(_Changed)


def tell(account: Account) -> dict[str, Any]:
    """An account as answered: without anything that signs in."""
    return {
        **{
            name: getattr(account, name)
            for name in User.model_fields
            if name not in ("second_factor", "external", "providers", "departments", "role")
        },
        "role": str(account.role),
        "providers": None if account.providers is None else list(account.providers),
        "departments": None if account.departments is None else list(account.departments),
        "second_factor": account.totp_confirmed,
        "external": account.issuer is not None,
    }


def route(access: Accounts) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["access"])
    # Who sees a part could otherwise give themselves the rest.
    guarded: dict[str, Any] = {"dependencies": [needs(Permission.USERS_MANAGE), whole_view]}

    @router.get(
        "/v1/users", response_model=UserList, responses=document(422, 503), summary="List accounts", **guarded
    )  # fmt: skip
    def list_users(
        cursor: Annotated[str, Query(max_length=64, description="From the page before.")] = "",
        limit: Annotated[int, Query(ge=1, le=200, description="Accounts a page.")] = 50,
    ) -> Any:
        """Accounts by login, a page at a time."""
        found = access.access.accounts.listing(cursor, limit + 1)
        more = len(found) > limit
        shown = found[:limit]
        return {
            "users": [tell(one) for one in shown],
            "cursor": shown[-1].login if more else None,
        }

    @router.post(
        "/v1/users", response_model=UserMade, status_code=201, responses=document(400, 409, 413, 415, 422, 503),
        summary="Add an account",
        openapi_extra=bodies.describe(
            {"login": {"type": "string", "minLength": 1, "maxLength": 64}, **_PROPERTIES},
            required=["login", "name", "role"],
            example={"login": "lihua", "name": "李华", "role": "officer", "providers": ["H33010200012"]},
        ),
        **guarded,
    )  # fmt: skip
    async def add_user(request: Request, response: Response) -> Any:
        """Add an account; the answer tells its one-time password, once."""
        given = await bodies.read(request, _NEW, '{"login": "…", "name": "…", "role": "officer"}')
        account, password = await run_in_threadpool(
            managing.add, access, request, msgspec.structs.asdict(given)
        )
        response.headers["ETag"] = conditions.etag(account.version)
        return {**tell(account), "one_time_password": password}

    @router.get(
        "/v1/users/{user_id}", response_model=User, responses=document(404, 422, 503), summary="Open an account",
        **guarded,
    )  # fmt: skip
    def open_user(user_id: UserId, response: Response) -> Any:
        """One account, with its version as ETag."""
        account = managing.find(access, user_id)
        response.headers["ETag"] = conditions.etag(account.version)
        return tell(account)

    @router.patch(
        "/v1/users/{user_id}", response_model=User,
        responses=document(400, 404, 409, 412, 413, 415, 422, 428, 503), summary="Change an account",
        openapi_extra={
            **bodies.describe(
                {**_PROPERTIES, "active": {"type": "boolean"}},
                required=[],
                example={"role": "senior"},
            ),
            "parameters": [conditions.IF_MATCH],
        },
        **guarded,
    )  # fmt: skip
    async def change_user(user_id: UserId, request: Request, response: Response) -> Any:
        """Change what is given; whoever may do something else after it must sign in again."""
        version = conditions.one_version_of(request)
        given = await bodies.read(request, _CHANGED, '{"role": "senior"}')
        changed = {
            name: value
            for name, value in msgspec.structs.asdict(given).items()
            if value is not msgspec.UNSET
        }
        account = await run_in_threadpool(
            managing.change, access, request, user_id, changed, version
        )
        response.headers["ETag"] = conditions.etag(account.version)
        return tell(account)

    @router.post(
        "/v1/users/{user_id}:reset-password", response_model=UserMade, responses=document(404, 409, 422, 503),
        summary="Give an account a one-time password", **guarded,
    )  # fmt: skip
    def reset_password(user_id: UserId, request: Request) -> Any:
        """A one-time password, told once; all sessions of the account end."""
        password = managing.reset_password(access, request, user_id)
        return {**tell(managing.find(access, user_id)), "one_time_password": password}

    @router.post(
        "/v1/users/{user_id}:reset-second-factor", response_model=User, responses=document(404, 422, 503),
        summary="Take the second factor from an account", **guarded,
    )  # fmt: skip
    def reset_second_factor(user_id: UserId, request: Request) -> Any:
        """For whoever lost their app and codes; all sessions of the account end."""
        managing.reset_second_factor(access, request, user_id)
        return tell(managing.find(access, user_id))

    @router.post(
        "/v1/users/{user_id}:unlock", response_model=User, responses=document(404, 422, 503),
        summary="Unlock an account", **guarded,
    )  # fmt: skip
    def unlock(user_id: UserId, request: Request) -> Any:
        """Forget failed attempts."""
        managing.unlock(access, request, user_id)
        return tell(managing.find(access, user_id))

    return router
