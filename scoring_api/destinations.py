"""Sending a webhook's message to where it may go, and nowhere else.

An address that somebody typed must not make this service speak to what only it can reach: its own
machine, the hospital's network, a cloud's metadata. So the name is resolved here, every address that
it has must be public or in a network that the operator allowed, and the connection is made to one of
these very addresses. There are no redirects and no proxies.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import httpcore

from scoring_api.problems import ProblemError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Sequence[str]]

CONNECT_S: Final = 5.0
TOTAL_S: Final = 15.0
"""Seconds that one attempt may take, from the first look-up to the end of the answer."""
MOST_ANSWER: Final = 4_096
"""Bytes of the answer that are read; the status alone counts."""
LONGEST_URL: Final = 2_000
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


class RefusedAddressError(Exception):
    """The address is not one that messages may go to; says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver answered: its status, or why there was none; and how long it wants to wait."""

    code: int | None
    error: str | None = None
    retry_after_s: int | None = None
    refused: bool = False
    """Whether nothing was sent because of where it would have gone."""


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Destinations:
    """Where messages may go: https to public addresses, and what the operator allows beside.

    ``allow_http`` lets http through, to this machine alone (for trying out). ``networks`` are networks
    of one's own that may be told too, such as 10.20.0.0/16.
    """

    def __init__(
        self,
        *,
        allow_http: bool = False,
        networks: Iterable[str] = (),
        resolve: Resolve = resolve,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._allow_http = allow_http
        self._networks: list[Network] = [ipaddress.ip_network(one) for one in networks]
        self._resolve = resolve
        self._context = context or ssl.create_default_context()

    def check(self, url: str) -> None:
        """Refuse an address that can never be one; a 422 problem. A name that is not known passes."""
        try:
            host, port, plain = self._read(url)
            try:
                addresses = self._resolve(host, port)
            except OSError:
                return
            self._allowed(addresses, plain)
        except RefusedAddressError as error:
            raise ProblemError(
                422,
                "webhook-url",
                str(error),
                cure="Give an https address that the public internet reaches, or have the operator allow "
                "your network (sentinel serve --webhook-network).",
                more={"field": "url"},
            ) from None

    def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """POST a message once; never raises for what the receiver or the network does."""
        deadline = time.monotonic() + TOTAL_S
        try:
            host, port, plain = self._read(url)
            addresses = self._allowed(self._resolve(host, port), plain)
        except RefusedAddressError as error:
            return Answer(None, str(error), refused=True)
        except OSError:
            return Answer(None, "the name is not known")
        pool = httpcore.ConnectionPool(
            ssl_context=self._context, network_backend=_Pinned(addresses, deadline), retries=0
        )
        try:
            with (
                pool,
                pool.stream("POST", url, headers=list(headers.items()), content=body) as response,
            ):
                read = 0
                for part in response.iter_stream():
                    read += len(part)
                    if read >= MOST_ANSWER:
                        break
                return Answer(response.status, None, _retry_after(response.headers))
        except httpcore.TimeoutException:
            return Answer(None, f"no answer within {TOTAL_S:.0f} seconds")
        except ssl.SSLError:
            return Answer(None, "the certificate or the encryption is not accepted")
        except httpcore.ConnectError as error:
            tls = "ssl" in str(error).lower() or "certificate" in str(error).lower()
            return Answer(
                None,
                "the certificate or the encryption is not accepted" if tls else "no connection",
            )
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError):
            return Answer(None, "the connection broke or the answer is no HTTP")

    def _read(self, url: str) -> tuple[str, int, bool]:
        """Host, port, and whether it is plain http."""
        if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
            raise RefusedAddressError("The address is too long or holds what no address may hold.")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise RefusedAddressError("The address cannot be read.") from None
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise RefusedAddressError("The address is not one of https.")
        if parts.scheme == "http" and not self._allow_http:
            raise RefusedAddressError("The address is not one of https.")
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise RefusedAddressError("The address holds a user, a password or a fragment.")
        plain = parts.scheme == "http"
        return parts.hostname, port or (80 if plain else 443), plain

    def _allowed(self, addresses: Sequence[str], plain: bool) -> list[str]:
        """The addresses, if every one of them may be told."""
        for text in addresses:
            address = ipaddress.ip_address(text.partition("%")[0])
            for one in _inner(address):
                if self._allow_http and one.is_loopback:
                    continue
                if plain or not (_public(one) or any(one in net for net in self._networks)):
                    raise RefusedAddressError(
                        "Plain http goes to this machine alone."
                        if plain
                        else "The address leads into a network that is not public."
                    )
        if not addresses:
            raise RefusedAddressError("The name has no address.")
        return list(addresses)


def _inner(address: Address) -> list[Address]:
    """The address, and those of IPv4 that are wrapped in it."""
    found: list[Address] = [address]
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return [address.ipv4_mapped]
        if address.sixtofour is not None:
            found.append(address.sixtofour)
        if address.teredo is not None:
            found += address.teredo
        if address in _NAT64:
            found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return found


def _public(address: Address) -> bool:
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not address.is_unspecified
    )


def _retry_after(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    for name, value in headers:
        if name.lower() == b"retry-after" and value.isdigit():
            return min(int(value[:6]), 3_600)
    return None


class _Pinned(httpcore.NetworkBackend):
    """Connects to the addresses that were looked at, whatever the name says now, until a deadline."""

    def __init__(self, addresses: Sequence[str], deadline: float) -> None:
        self._addresses, self._deadline = addresses, deadline
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        error: Exception = httpcore.ConnectError("no address")
        for address in self._addresses:
            left = min(CONNECT_S, _left(self._deadline, httpcore.ConnectTimeout))
            try:
                stream = self._backend.connect_tcp(
                    address, port, timeout=left, socket_options=socket_options
                )
                return _Bounded(stream, self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                error = failed
        raise error


class _Bounded(httpcore.NetworkStream):
    """A stream that ends at a deadline, however slowly the other side drips."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(self._deadline, httpcore.ConnectTimeout)
        return _Bounded(self._stream.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float, late: type[httpcore.TimeoutException]) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise late("the time is up")
    return left
