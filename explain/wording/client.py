"""Asking an OpenAI-compatible service once more than it deserves, and no more than it can bear.

Each attempt has one deadline from the first byte to the last; an answer is read up to a size. Attempts
that may succeed later (no connection, 429, 5xx) are repeated with growing pauses. When the service
fails again and again the circuit opens: nothing is sent for a while, then one call tries whether
it is back. Neither key nor words are ever logged or part of an error.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx
import msgspec

from explain.wording.prompt import SCHEMA
from explain.wording.settings import Settings

LARGEST_ANSWER: Final = 256 * 2**10
"""Bytes of an answer; max_tokens of 4000 are far below."""
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 8.0
OPENS_AFTER: Final = 5
"""Calls that failed one after another until the circuit opens."""
OPEN_FOR_S: Final = 60.0
_PASSING: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504})


class ServiceError(Exception):
    """The service gave no answer; the text says why, without words, address or key."""


class CircuitOpenError(ServiceError):
    """The service failed so often that it is left alone for a while."""


class _Message(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    model: str | None = None


_DECODER: Final = msgspec.json.Decoder(_Completion)


@dataclass(frozen=True, slots=True)
class Said:
    """What a model answered: its text, the name that it gives itself, and how long it took."""

    content: str
    model: str
    latency_ms: int
    attempts: int


class Breaker:
    """A circuit that opens after failures in a row, and lets one call try when the time is up."""

    def __init__(
        self,
        *,
        after: int = OPENS_AFTER,
        pause_s: float = OPEN_FOR_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._after, self._pause, self._clock = after, pause_s, clock
        self._failures = 0
        self._until: float | None = None
        self._lock = threading.Lock()

    @property
    def open(self) -> bool:
        """Whether calls are held back now."""
        with self._lock:
            return self._until is not None and self._clock() < self._until

    def enter(self) -> None:
        """Ask for a call; CircuitOpenError while the circuit is open."""
        with self._lock:
            if self._until is None:
                return
            if self._clock() < self._until:
                raise CircuitOpenError(
                    "the service failed repeatedly and is left alone for a while"
                )
            # This call tries; until it has ended the others wait.
            self._until = self._clock() + self._pause

    def settle(self, *, succeeded: bool) -> None:
        """Tell how a call ended."""
        with self._lock:
            self._failures = 0 if succeeded else self._failures + 1
            if succeeded:
                self._until = None
            elif self._failures >= self._after:
                self._until = self._clock() + self._pause


class Client:
    """Asks one model; safe to use from several threads. Close it when done."""

    def __init__(
        self,
        settings: Settings,
        key: str | None = None,
        *,
        breaker: Breaker | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self.breaker = breaker or Breaker()
        self._sleep = sleep
        headers = {"content-type": "application/json", "accept": "application/json"}
        if key is not None:
            headers["authorization"] = f"Bearer {key}"
        # No proxy and no .netrc from the environment: facts go where the settings say, nowhere else.
        self._http = httpx.Client(
            headers=headers,
            timeout=httpx.Timeout(settings.timeout_s, connect=min(5.0, settings.timeout_s)),
            follow_redirects=False,
            trust_env=False,
        )
        self._url = settings.base_url.rstrip("/") + "/chat/completions"

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def ask(self, messages: Sequence[Mapping[str, str]]) -> Said:
        """The model's answer; ServiceError if there is none after all attempts."""
        self.breaker.enter()
        began = time.monotonic()
        succeeded = False
        try:
            for attempt in range(1, self._settings.attempts + 1):
                try:
                    content, model = self._once(messages)
                    succeeded = True
                    spent = round((time.monotonic() - began) * 1000)
                    return Said(content, model, spent, attempt)
                except _LaterError as error:
                    if attempt == self._settings.attempts:
                        raise ServiceError(str(error)) from None
                    self._sleep(self._pause(attempt, error.after_s))
            raise ServiceError("no attempt was made")
        finally:
            self.breaker.settle(succeeded=succeeded)

    def _once(self, messages: Sequence[Mapping[str, str]]) -> tuple[str, str]:
        body: dict[str, Any] = {
            "model": self._settings.model,
            "messages": list(messages),
            "temperature": self._settings.temperature,
            "max_tokens": self._settings.max_tokens,
            "stream": False,
        }
        if self._settings.response_format == "json_schema":
            shape = {"name": "wording", "strict": True, "schema": SCHEMA}
            body["response_format"] = {"type": "json_schema", "json_schema": shape}
        elif self._settings.response_format == "json_object":
            body["response_format"] = {"type": "json_object"}
        deadline = time.monotonic() + self._settings.timeout_s
        try:
            with self._http.stream("POST", self._url, json=body) as response:
                if response.status_code in _PASSING:
                    raise _LaterError(f"it answered {response.status_code}", _after(response))
                if response.status_code != 200:
                    raise ServiceError(f"it answered {response.status_code}")
                answer = self._read(response, deadline)
        except httpx.TimeoutException:
            raise _LaterError(f"no answer within {self._settings.timeout_s:g} seconds") from None
        except httpx.TransportError:
            raise _LaterError("no connection, or it broke") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError):
            raise ServiceError("the answer is no HTTP") from None
        return self._told(answer)

    def _read(self, response: httpx.Response, deadline: float) -> bytes:
        answer = bytearray()
        for part in response.iter_bytes():
            answer += part
            if len(answer) > LARGEST_ANSWER:
                raise ServiceError(f"the answer is larger than {LARGEST_ANSWER // 2**10} KiB")
            if time.monotonic() > deadline:
                # The timeout of httpx holds for each read alone; a slow drip would never end.
                raise _LaterError(f"no answer within {self._settings.timeout_s:g} seconds")
        return bytes(answer)

    def _told(self, answer: bytes) -> tuple[str, str]:
        try:
            found = _DECODER.decode(answer)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise ServiceError("the answer is not a chat completion") from None
        if not found.choices or not found.choices[0].message.content:
            raise ServiceError("the answer holds no text")
        if found.choices[0].finish_reason == "length":
            raise ServiceError("the answer was cut off at max_tokens")
        return found.choices[0].message.content, (found.model or self._settings.model)[:200]

    def _pause(self, attempt: int, after_s: float | None) -> float:
        pause: float = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (attempt - 1))
        pause *= random.uniform(0.8, 1.2)  # noqa: S311 (no secret)
        return max(pause, min(after_s or 0, LONGEST_PAUSE_S))


class _LaterError(Exception):
    """An attempt failed in a way that may pass."""

    def __init__(self, what: str, after_s: float | None = None) -> None:
        super().__init__(what)
        self.after_s = after_s


def _after(response: httpx.Response) -> float | None:
    text = response.headers.get("retry-after", "")
    return float(text[:6]) if text.isascii() and text.isdigit() else None
