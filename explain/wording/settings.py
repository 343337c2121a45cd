"""Which model words cards, as a JSON file says: ``sentinel serve --wording FILE``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from domain.errors import SentinelError
from explain.wording.facts import LANGUAGES

_SHAPE: Final = '{"base_url": "http://127.0.0.1:8000/v1", "model": "…"}'


class Settings(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A model behind an OpenAI-compatible address, and how it may be asked.

    ``base_url`` is what stands before ``/chat/completions``. The key comes from the environment
    (``key_env``) or from a file (``key_file``), never from here. ``timeout_s`` holds for one attempt,
    ``response_format`` says what the server understands: ``json_schema``, ``json_object`` or ``none``.
    """

    base_url: str
    model: str
    key_env: str = ""
    key_file: str = ""
    languages: tuple[str, ...] = LANGUAGES
    timeout_s: float = 20.0
    temperature: float = 0.0
    max_tokens: int = 800
    response_format: str = "json_schema"
    attempts: int = 3
    wrong_share: float = 0.05
    """Share of judged samples found wrong above which the model is switched off."""
    least_judged: int = 20
    """Samples that must be judged before a share counts."""
    sample_rate: float = 0.1
    """Share of worded cards that people are asked to judge; refused ones see ``refused_rate``."""
    refused_rate: float = 1.0

    @property
    def source(self) -> str:
        """The model as its record names it: model and host, without key."""
        parts = urlsplit(self.base_url)
        return f"{self.model}@{parts.hostname}" + (f":{parts.port}" if parts.port else "")

    def key(self, environment: Mapping[str, str] = os.environ) -> str | None:
        """The key of the service; None if it needs none. SentinelError if it is not where it should be."""
        if self.key_env:
            found = environment.get(self.key_env, "").strip()
            where = f"environment variable {self.key_env}"
        elif self.key_file:
            where = self.key_file
            try:
                found = Path(self.key_file).read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError):
                found = ""
        else:
            return None
        if not found or not found.isascii() or not found.isprintable():
            raise SentinelError(
                "there is no key for the language model",
                where=where,
                cure="Put the key there, or leave key_env and key_file out if the server asks for none.",
            )
        return found


def load(path: Path) -> Settings:
    """The settings of a file; SentinelError says what is wrong with it and what to write."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Settings)
    except OSError as error:
        raise _wrong(path, f"it cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _wrong(path, str(error)) from None
    if fault := _fault(found):
        raise _wrong(path, fault)
    return found


def _fault(given: Settings) -> str:
    parts = urlsplit(given.base_url)
    local = parts.hostname in ("127.0.0.1", "localhost", "::1")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        return "base_url is no address of http or https"
    if parts.scheme == "http" and given.key_env + given.key_file and not local:
        return "a key must not go over plain http to another machine"
    if not given.model:
        return "model is empty"
    if not given.languages or set(given.languages) - set(LANGUAGES):
        return "languages are zh, en or both"
    if given.response_format not in ("json_schema", "json_object", "none"):
        return "response_format is json_schema, json_object or none"
    if not (
        0 < given.timeout_s <= 120 and 1 <= given.attempts <= 5 and 50 <= given.max_tokens <= 4000
    ):
        return "timeout_s is up to 120, attempts 1 to 5, max_tokens 50 to 4000"
    if not 0 <= given.temperature <= 2:
        return "temperature is 0 to 2"
    if not all(0 <= one <= 1 for one in (given.wrong_share, given.sample_rate, given.refused_rate)):
        return "wrong_share, sample_rate and refused_rate are shares, 0 to 1"
    return "" if given.least_judged >= 1 else "least_judged is at least 1"


def _wrong(path: Path, what: str) -> SentinelError:
    return SentinelError(
        f"the settings of the language model cannot be used: {what}",
        where=str(path),
        cure=f"Write {_SHAPE}; docs/wording.md lists the members.",
    )
