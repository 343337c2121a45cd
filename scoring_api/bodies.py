"""Reading a JSON body: declared as JSON, not too large, and of the shape that a route takes."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

import msgspec
from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from domain.claim import CHILDREN, STAYS
from scoring_api.access import csrf
from scoring_api.problems import ProblemError, nul

MAX_BODY_BYTES: Final = 16 * 2**20
"""500 claims of 100 charge lines are about 12 MiB."""

MAX_FORM_BYTES: Final = 32 * 2**10
"""The longest note in percent-encoded Chinese (9 bytes a character), and the fields beside it."""

MAX_CLAIMS: Final = 500
"""What one request may ask for; larger files go through the command line."""

MAX_CHANGES: Final = 20
"""Changes of one what-if: more than a person would think through at once."""
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""U+0000 in a text of JSON, as escaped; a backslash that is itself escaped begins no escape."""

T = TypeVar("T")


class _Claims(msgspec.Struct, forbid_unknown_fields=True):
    claims: list[msgspec.Raw]


_CLAIMS: Final = msgspec.json.Decoder(_Claims)
CLAIMS_SCHEMA: Final[dict[str, Any]] = {
    "type": "array",
    "minItems": 1,
    "maxItems": MAX_CLAIMS,
    "items": STAYS.json_schema(CHILDREN),
}
"""What OpenAPI says of the claims of a request."""


def describe_changes(page: str) -> dict[str, Any]:
    """The JSON Schema of a what-if's ``changes``; ``page`` of the documentation lists the kinds."""
    return {
        "type": "array",
        "minItems": 1,
        "maxItems": MAX_CHANGES,
        "items": {
            "type": "object",
            "required": ["kind"],
            "properties": {"kind": {"type": "string"}},
        },
        "description": f"Made in this order; {page} lists the kinds.",
    }


def check_changes(changes: Sequence[Any], cure: str) -> None:
    """A 422 problem if a what-if has no change, or more than a person would think through."""
    if not 1 <= len(changes) <= MAX_CHANGES:
        raise ProblemError(
            422, "number-of-changes", f"The request holds {len(changes)} changes.", cure=cure
        )


async def read(request: Request, decoder: msgspec.json.Decoder[T], shape: str) -> T:
    """The body as the decoder's type; ``shape`` shows what should have been sent."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise ProblemError(
            415,
            "content-type",
            "The body is not declared as JSON.",
            cure="Send Content-Type: application/json and a JSON body in UTF-8.",
            headers={"Accept": "application/json"},
        )
    body = await collect(request)
    if _NUL.search(body):
        raise nul("body")
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise ProblemError(
            422,
            "envelope",
            f"The body is JSON but not a request: {error}.",
            cure=f"Send {shape} and nothing beside it.",
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(
            400,
            "json",
            "The body is not valid JSON in UTF-8.",
            cure="Check that the body is complete and encoded in UTF-8.",
        ) from error


async def collect(request: Request) -> bytes:
    """The body as bytes, read once and then at hand; a 413 problem if it is too large."""
    known: bytes | None = getattr(request.state, "body", None)
    if known is not None:
        return known
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise ProblemError(
                413,
                "body-too-large",
                f"The body is larger than {MAX_BODY_BYTES // 2**20} MiB.",
                cure="Send fewer claims at once, or give the file to the command line (sentinel assess, sentinel group).",
                headers={"Connection": "close"},
            )
    request.state.body = bytes(body)
    return bytes(body)


async def read_claims(request: Request) -> list[bytes]:
    """The claims of a body that holds nothing else, each as it was sent; a problem if none or too many."""
    return check_number((await read(request, _CLAIMS, '{"claims": [claim, ...]}')).claims)


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form of our own pages, of each name the last; a problem if it is too large or foreign."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise ProblemError(
                413,
                "body-too-large",
                f"The form is larger than {MAX_FORM_BYTES // 2**10} KiB.",
                cure="Shorten the note; a longer text is a document of its own.",
            )
    values = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    csrf.check_form(request, values)
    _refuse_nul(values)
    return values


def whole(text: str, digits: int = 9) -> int | None:
    """The whole number that a field holds in plain digits, at most so many; None if it holds none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None


async def read_upload(
    request: Request, *, largest: int, form: bool
) -> tuple[dict[str, str], str, bytes]:
    """The fields, file name and contents of a multipart body with one file; a problem if not so.

    ``form``: it comes from a page of ours and carries its csrf field, without which nothing is kept; of
    a program or script the guard of the route has seen the header.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise ProblemError(
            415,
            "content-type",
            "The body is not declared as a form with a file.",
            cure="Send Content-Type: multipart/form-data with one part named file.",
        )
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > largest + MAX_FORM_BYTES:
            raise ProblemError(
                413,
                "file-too-large",
                f"The file is larger than {largest // 2**20} MiB.",
                cure="Attach only the pages that matter, or images of a lower resolution.",
                headers={"Connection": "close"},
            )

    async def once() -> AsyncGenerator[bytes, None]:
        yield bytes(body)

    parser = MultiPartParser(
        request.headers, once(), max_files=1, max_fields=20, max_part_size=MAX_FORM_BYTES
    )
    try:
        given = await parser.parse()
    except (MultiPartException, UnicodeError, ValueError, KeyError) as error:
        raise ProblemError(
            400,
            "multipart",
            "The form cannot be read.",
            cure="Send multipart/form-data with one part named file that has a file name.",
        ) from error
    try:
        values = {k: v for k, v in given.multi_items() if isinstance(v, str)}
        if form:
            csrf.check_form(request, values)
        _refuse_nul(values)
        file = given.get("file")
        if not isinstance(file, UploadFile) or not file.filename:
            raise ProblemError(
                422, "file", "No file was chosen.", cure="Choose a file.", more={"field": "file"}
            )
        return values, file.filename, await file.read()
    finally:
        await given.close()


def _refuse_nul(values: dict[str, str]) -> None:
    if any("\x00" in text for pair in values.items() for text in pair):
        raise nul("form")


def check_number(claims: list[msgspec.Raw]) -> list[bytes]:
    """The claims as bytes; a problem if there are none or too many."""
    if not 1 <= len(claims) <= MAX_CLAIMS:
        raise ProblemError(
            422,
            "number-of-claims",
            f"The request holds {len(claims)} claims.",
            cure=f"Send 1 to {MAX_CLAIMS} claims in a request.",
        )
    return [bytes(claim) for claim in claims]


def describe(
    properties: dict[str, Any], *, required: list[str], example: dict[str, Any]
) -> dict[str, Any]:
    """What OpenAPI says of a body that ``read`` decodes: a JSON object with just these members."""
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": required,
                        "additionalProperties": False,
                        "properties": properties,
                    },
                    "example": example,
                }
            },
        }
    }
