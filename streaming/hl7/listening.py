"""The MLLP server: connections in, frames to the desk, answers back, within bounds.

One thread runs the desk, so that messages are taken in the order in which they came;
while it works, messages of other connections wait and form the next batch.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from domain.errors import SentinelError
from streaming import logs
from streaming.hl7.faults import WHOLE, Fault
from streaming.hl7.mllp import Frame, Splitter, wrap

if TYPE_CHECKING:
    # The command names the bounds of a listener at its start, and need not load all that judges.
    from streaming.hl7.taking import Answered, Desk

PIECE: Final = 64 * 1024
MOST_IN_BATCH: Final = 200
"""Messages judged together: some tenths of a second of work, which the last of them waits for."""
_CURES: Final = {
    "half-message": "Send the message again, whole, in one frame.",
    "no-frame": "Begin each message with VT (0x0B) and end it with FS CR (0x1C 0x0D).",
    "too-large": "Split the message, or raise --max-bytes on this side.",
}


class ListenError(SentinelError):
    """The port or the certificate cannot be used."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one sender may ask of us.

    ``idle_s`` is how long a connection may say nothing, ``message_s`` how long a frame may
    take from its first byte to its last, ``stop_s`` how long the end waits for answers.
    """

    connections: int = 100
    octets: int = 512 * 1024
    idle_s: float = 600.0
    message_s: float = 30.0
    stop_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Tls:
    """Files of TLS; with ``clients`` only those with a certificate of that authority may send."""

    certificate: Path
    key: Path
    clients: Path | None = None

    def context(self) -> ssl.SSLContext:
        """The server's context, TLS 1.2 or later; ListenError if a file is not what it should be."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.certificate, self.key)
            if self.clients is not None:
                context.load_verify_locations(self.clients)
                context.verify_mode = ssl.CERT_REQUIRED
        except (OSError, ssl.SSLError) as error:
            raise ListenError(
                f"the files of TLS cannot be used: {error}",
                where=f"{self.certificate}, {self.key}",
                cure="Name a certificate and its key as PEM, readable by this user.",
            ) from error
        return context


class Listener:
    """Serves one desk."""

    def __init__(self, desk: Desk, bounds: Bounds = Bounds(), log: Any = None) -> None:
        self.desk = desk
        self.bounds = bounds
        self._log = logs.silent() if log is None else log
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hl7-desk")
        self._waiting: asyncio.Queue[tuple[Frame, asyncio.Future[Answered]]] = asyncio.Queue(
            maxsize=10 * MOST_IN_BATCH
        )
        self._open: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()

    @asynccontextmanager
    async def serve(self, host: str, port: int, tls: Tls | None = None) -> AsyncIterator[int]:
        """Listen while the block runs; yields the port. ListenError if it cannot be had.

        At the end no connection is taken any more, messages that have come are answered,
        and what is left after ``stop_s`` is cut.
        """
        context = None if tls is None else tls.context()
        try:
            server = await asyncio.start_server(
                self._connected, host, port, ssl=context, limit=PIECE,
                ssl_handshake_timeout=None if tls is None else self.bounds.message_s,
            )  # fmt: skip
        except OSError as error:
            raise ListenError(
                f"the port cannot be had: {error.strerror or error}",
                where=f"{host}:{port}",
                cure="Stop what listens there, or name another --port; ports below 1024 need rights.",
            ) from error
        work = asyncio.create_task(self._work())
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            self._stopping.set()
            if self._open:
                await asyncio.wait(self._open, timeout=self.bounds.stop_s)
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            self._thread.shutdown(wait=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio runs this as a task
        if len(self._open) >= self.bounds.connections or self._stopping.is_set():
            self._log.warning("refused", what="connection", detail=f"{len(self._open)} are open")
            writer.close()
            return
        self._open.add(task)
        try:
            await self._converse(reader, writer)
        except (ConnectionError, TimeoutError, asyncio.IncompleteReadError, ssl.SSLError) as error:
            self._log.info("lost", what="connection", error=type(error).__name__)
        finally:
            self._open.discard(task)
            writer.close()
            with contextlib.suppress(Exception):
                await asyncio.wait_for(writer.wait_closed(), 1.0)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        splitter = Splitter(self.bounds.octets)
        began: float | None = None
        try:
            while True:
                piece = await self._piece(reader, began)
                if not piece:
                    return
                pending = [await self._submit(frame) for frame in splitter.feed(piece)]
                if not splitter.is_within:
                    began = None
                elif began is None or pending:
                    began = time.monotonic()
                cut = False
                for frame, wanted in pending:
                    answered = await wanted
                    if frame.fault != "no-frame":
                        for reply in answered.replies:
                            writer.write(wrap(reply))
                    cut = cut or frame.fault == "too-large"
                await asyncio.wait_for(writer.drain(), self.bounds.message_s)
                if cut:
                    return
        finally:
            # The sender was not answered and sends again; what came is kept all the same.
            rest = splitter.rest()
            if rest is not None:
                _, wanted = await self._submit(rest)
                await wanted

    async def _piece(self, reader: asyncio.StreamReader, began: float | None) -> bytes:
        """The next bytes; none at the end, after silence, of a frame that takes too long, or when told to stop."""
        wait = self.bounds.idle_s
        if began is not None:
            wait = min(wait, max(0.0, began + self.bounds.message_s - time.monotonic()))
        reading = asyncio.ensure_future(reader.read(PIECE))
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            # A frame that has begun may still end; between frames the end comes at once.
            others = [reading] if began is not None else [reading, stopping]
            done, _ = await asyncio.wait(others, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
            if reading in done:
                return reading.result()
            if not done:
                self._log.info("timed out", what="message" if began is not None else "connection")
            return b""
        finally:
            for task in (reading, stopping):
                task.cancel()

    async def _submit(self, frame: Frame) -> tuple[Frame, asyncio.Future[Answered]]:
        wanted: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        await self._waiting.put((frame, wanted))
        return frame, wanted

    async def _work(self) -> None:
        """Take what waits, a batch at a time."""
        loop = asyncio.get_running_loop()
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < MOST_IN_BATCH and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            began = time.monotonic()
            # Not cut off when the listener ends: what is half committed must be told.
            try:
                done = await asyncio.shield(
                    loop.run_in_executor(
                        self._thread, take_frames, self.desk, [f for f, _ in batch]
                    )
                )
            except Exception as error:
                self._log.error("failed", what="batch", error=type(error).__name__)
                for _, wanted in batch:
                    if not wanted.done():
                        wanted.set_exception(ConnectionAbortedError())
                continue
            for (_, wanted), answered in zip(batch, done, strict=True):
                if not wanted.done():
                    wanted.set_result(answered)
            self._log.info(
                "answered",
                messages=len(batch),
                dead=sum(bool(a.faults) for a in done),
                rows=sum(a.events for a in done),
                reasons=sorted({f.rule for a in done for f in a.faults}),
                milliseconds=round(1000 * (time.monotonic() - began), 1),
            )


def take_frames(desk: Desk, frames: list[Frame]) -> list[Answered]:
    """What came of frames, in their order; those that are no messages are kept with their fault."""
    done: list[Answered] = []
    run: list[bytes] = []
    for frame in [*frames, None]:
        if frame is not None and not frame.fault:
            run.append(frame.content)
            continue
        if run:
            done += desk.take(run)
            run = []
        if frame is not None:
            done.append(
                desk.keep_broken(frame.content, Fault(WHOLE, frame.fault, _CURES[frame.fault]))
            )
    return done


async def listen(
    listener: Listener,
    *,
    host: str,
    port: int,
    tls: Tls | None,
    stopped: Callable[[], bool],
    told: Callable[[str], None],
) -> None:
    """Serve until ``stopped`` says so, asked five times a second."""
    async with listener.serve(host, port, tls) as taken:
        told(f"{host}:{taken}")
        while not stopped():
            await asyncio.sleep(0.2)
