"""MLLP over real sockets: halves, pairs, silence, floods, TLS, and the end."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from streaming.hl7.listening import Bounds, Listener, ListenError, Tls
from streaming.hl7.mllp import Frame, Splitter, wrap
from streaming.hl7.taking import Desk
from streaming.hl7.text import Limits, read
from tests import coroutines
from tests.hl7_messages import NOW, MemorySink, admitted, reader
from tests.order_events import KEY

Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Scene = Callable[[Callable[[], Awaitable[Line]], MemorySink], Awaitable[None]]
ROOMY = Bounds()
SHORT = Bounds(connections=3, octets=20_000, idle_s=1.5, message_s=0.5, stop_s=2.0)


def play(
    scene: Scene,
    bounds: Bounds = ROOMY,
    tls: Tls | None = None,
    client: ssl.SSLContext | None = None,
) -> MemorySink:
    """Run a scene against a listener of its own; gives what its desk kept."""
    sink = MemorySink()
    by = reader()
    by.limits = Limits(octets=bounds.octets)
    listener = Listener(Desk(by, sink, KEY, now=lambda: NOW), bounds)

    async def run() -> None:
        async with listener.serve("127.0.0.1", 0, tls) as port:
            await scene(lambda: asyncio.open_connection("127.0.0.1", port, ssl=client), sink)

    coroutines.run(run())
    return sink


async def answer(line: Line, patience: float = 20.0) -> tuple[str, str]:
    """The code and control id of the next answer."""
    raw = await asyncio.wait_for(line[0].readuntil(b"\x1c\r"), patience)
    assert raw[:1] == b"\x0b"
    segment = read(raw[1:-2]).segments[1]
    return segment.text(1), segment.text(2)


async def closed(line: Line, patience: float = 20.0) -> bool:
    """Whether the other side ends the connection."""
    return await asyncio.wait_for(line[0].read(), patience) == b""


def reasons(sink: MemorySink) -> dict[bytes, set[str]]:
    return {letter.value: {r.rule for r in letter.reasons} for letter in sink.dead.values()}


def test_messages_in_one_packet_in_pieces_and_one_after_the_other_are_answered_in_order() -> None:
    async def scene(dial: Any, sink: MemorySink) -> None:
        line = await dial()
        line[1].write(
            wrap(admitted(control="1"))
            + b"\r\n"
            + wrap(admitted(control="2"))
            + wrap(b"nonsense")
            + wrap(admitted(control="3"))[:50]
        )
        assert [await answer(line) for _ in range(3)] == [("AA", "1"), ("AA", "2"), ("AE", "")]
        assert len(sink.events) == 2, "what is answered is stored already"
        for piece in [bytes([b]) for b in wrap(admitted(control="3"))[50:]]:
            line[1].write(piece)
            await line[1].drain()
        assert await answer(line) == ("AA", "3")
        line[1].write(wrap(b" \r"))
        line[1].write(wrap(admitted(control="4")))
        assert await answer(line) == ("AA", "4")

    assert reasons(play(scene)) == {b"nonsense": {"no-header"}}


def test_a_half_message_is_kept_when_its_sender_goes_away_and_the_others_go_on() -> None:
    half = admitted(control="1")[:120]

    async def scene(dial: Any, sink: MemorySink) -> None:
        gone, other = await dial(), await dial()
        gone[1].write(b"\x0b" + half)
        await gone[1].drain()
        gone[1].close()
        other[1].write(wrap(admitted(control="2")))
        assert await answer(other) == ("AA", "2")
        cut = await dial()
        cut[1].write(b"\x0b" + half + wrap(admitted(control="3")))
        assert await answer(cut) == ("AE", "1")
        assert await answer(cut) == ("AA", "3")
        for _ in range(200):
            if sink.dead:
                break
            await asyncio.sleep(0.02)

    assert reasons(play(scene)) == {half: {"half-message"}}


def test_a_sender_that_does_not_wait_for_its_answers_does_no_harm() -> None:
    async def scene(dial: Any, sink: MemorySink) -> None:
        rude = await dial()
        rude[1].write(b"".join(wrap(admitted(control=str(n))) for n in range(40)))
        await rude[1].drain()
        rude[1].transport.abort()
        line = await dial()
        line[1].write(wrap(admitted(control="x")))
        assert await answer(line) == ("AA", "x")
        del sink

    play(scene)


def test_slow_and_silent_senders_are_let_go() -> None:
    async def scene(dial: Any, sink: MemorySink) -> None:
        slow, silent = await dial(), await dial()
        slow[1].write(b"\x0bMSH|^~")

        async def trickle() -> None:
            for _ in range(100):
                slow[1].write(b"x")
                await asyncio.sleep(0.1)

        trickling = asyncio.create_task(trickle())
        assert await closed(slow), "a frame must end in its time, however alive its sender"
        trickling.cancel()
        assert await closed(silent)
        del sink

    [(kept, why)] = reasons(play(scene, SHORT)).items()
    assert kept.startswith(b"MSH|^~x")
    assert why == {"half-message"}


def test_connections_and_sizes_are_bounded() -> None:
    async def scene(dial: Any, sink: MemorySink) -> None:
        lines = [await dial() for _ in range(3)]
        for n, line in enumerate(lines):
            line[1].write(wrap(admitted(control=str(n))))
            assert await answer(line) == ("AA", str(n))
        assert await closed(await dial()), "there is no room for a fourth"
        lines[0][1].write(b"\x0b" + admitted(control="77") + b"N" * 200_000)
        assert await answer(lines[0]) == ("AE", "77")
        assert await closed(lines[0])
        lines[1][1].write(wrap(admitted(control="1")))
        assert await answer(lines[1]) == ("AA", "1")
        del sink

    sink = play(scene, Bounds(connections=3, octets=20_000))
    assert all(why <= {"too-large", "half-message"} for why in reasons(sink).values())


def test_bytes_without_a_frame_are_kept() -> None:
    async def scene(dial: Any, sink: MemorySink) -> None:
        line = await dial()
        line[1].write(b"GET / HTTP/1.1\r\n\r\n" + wrap(admitted(control="1")))
        assert await answer(line) == ("AA", "1")
        del sink

    assert reasons(play(scene)) == {b"GET / HTTP/1.1": {"no-frame"}}


def test_the_end_answers_what_was_taken_and_takes_no_more() -> None:
    sink = MemorySink()
    listener = Listener(Desk(reader(), sink, KEY, now=lambda: NOW))

    async def run() -> tuple[bytes, int]:
        async with listener.serve("127.0.0.1", 0) as port:
            line = await asyncio.open_connection("127.0.0.1", port)
            line[1].write(b"".join(wrap(admitted(control=str(n))) for n in range(20)))
            assert await answer(line) == ("AA", "0")
        # The listener has ended: what it answered before that is all there is to read.
        return await line[0].read(), port

    rest, port = coroutines.run(run())
    assert 1 + rest.count(b"MSA|AA|") == len(sink.events)

    async def dial() -> None:
        await asyncio.open_connection("127.0.0.1", port)

    with pytest.raises(ConnectionRefusedError):
        coroutines.run(dial())


def test_a_port_that_is_taken_is_told() -> None:
    async def scene(dial: Any, sink: MemorySink) -> None:
        line = await dial()
        port = line[1].get_extra_info("peername")[1]
        with pytest.raises(ListenError):
            async with Listener(Desk(reader(), sink, KEY)).serve("127.0.0.1", port):
                pass

    play(scene)


def certificate(folder: Path) -> Tls:
    """A certificate of our own for localhost, which is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return Tls(folder / "cert.pem", folder / "key.pem", folder / "cert.pem")


def test_with_tls_only_senders_with_a_certificate_are_heard(tmp_path: Path) -> None:
    tls = certificate(tmp_path)
    with pytest.raises(ListenError):
        Tls(tmp_path / "none.pem", tls.key).context()
    client = ssl.create_default_context(cafile=str(tls.certificate))
    client.check_hostname = False
    stranger = ssl.create_default_context(cafile=str(tls.certificate))
    stranger.check_hostname = False
    client.load_cert_chain(tls.certificate, tls.key)

    async def known(dial: Any, _: MemorySink) -> None:
        line = await dial()
        line[1].write(wrap(admitted(control="1")))
        assert await answer(line) == ("AA", "1")

    async def unknown(dial: Any, _: MemorySink) -> None:
        with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
            await known(dial, _)

    assert len(play(known, tls=tls, client=client).events) == 1
    assert play(unknown, tls=tls, client=stranger).events == []


@given(
    st.lists(st.binary(min_size=1, max_size=40).filter(lambda b: not set(b) & {0x0B, 0x1C} and b.strip(b"\r\n\x00 \t")), max_size=6),
    st.lists(st.integers(1, 30), min_size=1, max_size=8),
)  # fmt: skip
def test_frames_come_out_as_they_went_in_however_they_are_cut(
    contents: list[bytes], cuts: list[int]
) -> None:
    stream = b"\r\n".join(wrap(c) for c in contents)
    splitter, found, at, n = Splitter(1000), [], 0, 0
    while at < len(stream):
        found += splitter.feed(stream[at : at + cuts[n % len(cuts)]])
        at, n = at + cuts[n % len(cuts)], n + 1
    assert found == [Frame(c) for c in contents]
    assert splitter.rest() is None


@given(st.binary(max_size=300))
def test_no_byte_is_lost_whatever_comes(stream: bytes) -> None:
    splitter = Splitter(60)
    frames = [f for n in range(0, len(stream), 7) for f in splitter.feed(stream[n : n + 7])]
    rest = splitter.rest()
    got = b"".join(f.content for f in [*frames, *([rest] if rest else [])])
    plain = {0x0B, 0x1C, 0x0D, 0x0A, 0x00, 0x20, 0x09}
    assert bytes(b for b in got if b not in plain) == bytes(b for b in stream if b not in plain)
