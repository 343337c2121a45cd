"""One server process: started, asked, stopped and killed, whoever started it."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import psutil

from domain.errors import SentinelError

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"


class ServiceError(SentinelError):
    """A server is not to be had here, or does not start."""


class Server(ABC):
    """A server with its own folder: data, ``log``, ``pid`` and the lock of those who start it.

    Safe to use from several processes: who comes second to ``start`` waits, and finds it
    running. A process that no longer answers, or a start that was cut off, is cleared away by
    the next ``start``.
    """

    name: ClassVar[str]
    default_port: ClassVar[int]
    patience: ClassVar[float] = 120.0
    """Seconds to wait for the first answer: a JVM on two busy cores is slow to start."""

    def __init__(self, folder: Path | None = None, port: int | None = None) -> None:
        self.folder = (folder or home() / self.name).resolve()
        self.port = port or int(
            os.environ.get(f"SENTINEL_{self.name.upper()}_PORT", self.default_port)
        )

    @property
    @abstractmethod
    def address(self) -> str:
        """What a client is given to reach it."""

    @abstractmethod
    def prepare(self) -> None:
        """Get the programs and make the data folder, unless that is done."""

    @abstractmethod
    def command(self) -> list[str]:
        """The command line of the server in the foreground."""

    @abstractmethod
    def ask(self) -> str:
        """Ask it something in its own protocol and return its version; raises while it cannot answer."""

    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self.folder / "log"

    @property
    def user(self) -> str | None:
        """The account it runs under; None for this one."""
        return None

    def start(self) -> None:
        """Start it unless it answers already; ServiceError with the end of its log if it fails."""
        with self._locked():
            if self.answer() is not None:
                return
            self._end(signal.SIGKILL, 10)
            self._refuse_foreign_port()
            self.prepare()
            with self.log.open("ab") as log:
                process = subprocess.Popen(  # noqa: S603 (our own command line)
                    self.command(),
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    user=self.user,
                    group=self.user,
                    extra_groups=[] if self.user else None,
                )
            self._pid_file.write_text(str(process.pid), encoding="ascii")
            self._await(process)

    def _await(self, process: subprocess.Popen[bytes]) -> None:
        limit = time.monotonic() + self.patience
        while self.answer() is None:
            if process.poll() is not None or time.monotonic() > limit:
                ended = process.poll()
                self._end(signal.SIGKILL, 10)
                raise ServiceError(
                    f"{self.name} ended with status {ended}"
                    if ended is not None
                    else f"{self.name} did not answer within {self.patience:.0f} s",
                    where=str(self.log),
                    cure="The log ends with: " + (self.tail() or "nothing"),
                )
            time.sleep(0.2)

    def stop(self) -> None:
        """Stop it in order, and kill it if that takes over 30 seconds; nothing if it does not run."""
        if self.folder.is_dir():
            with self._locked():
                self._end(self.stop_signal, 30)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        with self._locked():
            self._end(signal.SIGKILL, 30)

    def erase(self) -> None:
        """Stop it and remove all that it kept."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def running(self) -> bool:
        """Whether its process lives (it may not answer yet)."""
        return self._process() is not None

    def answer(self) -> str | None:
        """Its version if it answers in its protocol, else None."""
        # Clients wait long for a port that nobody listens on yet, so knock first.
        if not self.running() or not self._listens():
            return None
        try:
            return self.ask()
        except Exception:  # each client has errors of its own, and all mean: not yet
            return None

    def tail(self, lines: int = 5) -> str:
        """The last lines of its log."""
        if not self.log.is_file():
            return ""
        return " | ".join(self.log.read_text("utf-8", errors="replace").splitlines()[-lines:])

    @property
    def _pid_file(self) -> Path:
        return self.folder / "pid"

    def _process(self) -> psutil.Process | None:
        """The process of the pid file, if it is ours: a number may have gone to another since."""
        try:
            process = psutil.Process(int(self._pid_file.read_text("ascii")))
            ours = any(str(self.folder) in part for part in process.cmdline())
            return process if ours and process.status() != psutil.STATUS_ZOMBIE else None
        except (OSError, ValueError, psutil.Error):
            return None

    def _end(self, how: signal.Signals, seconds: float) -> None:
        process = self._process()
        if process is not None:
            with contextlib.suppress(psutil.Error):
                # PostgreSQL's children lead sessions of their own, and hold its memory.
                family = [process, *process.children(recursive=True)]
                for member in family if how == signal.SIGKILL else family[:1]:
                    with contextlib.suppress(psutil.Error):
                        member.send_signal(how)
                _, left = psutil.wait_procs(family, timeout=seconds)
                for member in left:
                    member.kill()
                psutil.wait_procs(left, timeout=10)
        self._pid_file.unlink(missing_ok=True)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex((HOST, self.port)) == 0

    def _refuse_foreign_port(self) -> None:
        if self._listens():
            raise ServiceError(
                f"port {self.port} is taken by another program",
                where=self.name,
                cure=f"End that program, or set SENTINEL_{self.name.upper()}_PORT to a free port.",
            )

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def home() -> Path:
    """The folder of all servers: ``.services`` in the repository, or ``SENTINEL_SERVICES``.

    For root in a repository that other accounts cannot enter it is a folder under /var/tmp,
    because PostgreSQL runs under an account of its own.
    """
    if "SENTINEL_SERVICES" in os.environ:
        return Path(os.environ["SENTINEL_SERVICES"])
    if os.geteuid() == 0 and not all(p.stat().st_mode & 0o001 for p in (ROOT, *ROOT.parents)):
        digest = hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]
        return Path("/var/tmp") / f"drg-sentinel-{digest}"  # noqa: S108 (its name is ours)
    return ROOT / ".services"


def free_port() -> int:
    """A port on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
