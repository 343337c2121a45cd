"""The public keys of a client: given in the file, or fetched from its address and kept a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from domain.errors import SentinelError

KEPT_S: Final = 600
"""How long fetched keys count before they are asked for again."""
STALE_S: Final = 24 * 3600
"""How long they count where the client's server does not answer: a night's outage stops no ward."""
LEAST_S: Final = 30
"""Between two fetches for a key that is not known: made-up names of keys must not make us a hammer."""
MOST_BYTES: Final = 256 * 1024
TIMEOUT_S: Final = 5
LEAST_RSA_BITS: Final = 2048
_LOCAL: Final = ("127.0.0.1", "::1", "localhost")


class KeysError(SentinelError):
    """The keys of a client cannot be had or are none that may be trusted."""


def read(found: Any, where: str) -> dict[str, RSAKey | ECKey]:
    """The keys of a JWK set by ``kid``; KeysError for a private, symmetric, nameless or weak one."""
    listed = found.get("keys") if isinstance(found, Mapping) else None
    if not isinstance(listed, list) or not listed:
        raise _wrong("it is no set of keys", where)
    keys: dict[str, RSAKey | ECKey] = {}
    for one in listed:
        if not isinstance(one, Mapping):
            raise _wrong("a key is no object", where)
        if one.get("use", "sig") != "sig":
            continue
        kid = one.get("kid")
        if not isinstance(kid, str) or not kid or kid in keys:
            raise _wrong("each key must have a kid of its own", where)
        if "d" in one or "k" in one:
            raise _wrong(f"the key {kid} is secret: only public keys belong here", where)
        try:
            (key,) = KeySet.import_key_set({"keys": [dict(one)]}).keys
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise _wrong(f"the key {kid} cannot be read", where) from error
        if isinstance(key, RSAKey):
            if key.public_key.key_size < LEAST_RSA_BITS:
                raise _wrong(f"the key {kid} is shorter than {LEAST_RSA_BITS} bits", where)
        elif not isinstance(key, ECKey):
            raise _wrong(f"the key {kid} is neither RSA nor EC", where)
        keys[kid] = key
    return keys


class FetchedKeys:
    """The keys at an address, fetched when first needed and again when they are old or one is unknown."""

    def __init__(
        self,
        address: str,
        client: httpx.Client | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        parts = urlsplit(address)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOCAL):
            raise _wrong("the address of keys is not one of https", address)
        if parts.username is not None or parts.password is not None or not parts.hostname:
            raise _wrong("the address of keys names a user or no host", address)
        self.address = address
        # What the file names is asked, and nothing that its answer points to: no redirects, no proxy.
        self._client = client or httpx.Client(
            timeout=TIMEOUT_S, follow_redirects=False, trust_env=False
        )
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[str, RSAKey | ECKey] = {}
        self._fetched = self._tried = float("-inf")

    def find(self, kid: str) -> RSAKey | ECKey | None:
        """The key of that name; None if the client has none; KeysError if it cannot be asked."""
        with self._lock:
            now = self._clock()
            fresh = now < self._fetched + KEPT_S
            if fresh and (kid in self._kept or now < self._tried + LEAST_S):
                return self._kept.get(kid)
            if now < self._tried + LEAST_S:
                # It did not answer a moment ago.
                return self._stale(kid, now)
            self._tried = now
            try:
                self._kept = read(self._fetch(), self.address)
                self._fetched = now
            except KeysError:
                return self._stale(kid, now)
            return self._kept.get(kid)

    def _stale(self, kid: str, now: float) -> RSAKey | ECKey | None:
        if now < self._fetched + STALE_S and kid in self._kept:
            return self._kept[kid]
        raise KeysError(
            "the keys of the client cannot be fetched",
            where=self.address,
            cure="Call again; if it stays, those who run the service look whether it reaches the address.",
        )

    def _fetch(self) -> Any:
        try:
            with self._client.stream("GET", self.address) as answer:
                answer.raise_for_status()
                body = bytearray()
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > MOST_BYTES:
                        raise _wrong("its answer is too long for a set of keys", self.address)
            return msgspec.json.decode(bytes(body))
        except (httpx.HTTPError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _wrong(f"it does not answer with keys ({type(error).__name__})", self.address) from error  # fmt: skip


def _wrong(what: str, where: str) -> KeysError:
    return KeysError(what, where=where, cure="Correct it as docs/cds-hooks.md shows.")
