"""PostgreSQL from the system's packages, with a data folder of our own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import ClassVar

import psycopg

from services.server import HOST, Server, ServiceError

_FOLDERS = ("/usr/lib/postgresql", "/usr/pgsql", "/opt/homebrew/opt", "/usr/local/opt")
VERSION = 15
"""Major version in compose.yaml, and of Debian 12's package; a newer one here will do."""
SETTINGS = {
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "timezone": "UTC",
}
"""Said on the command line, here and in compose.yaml."""
PASSWORD = "sentinel"  # noqa: S105 (a server on loopback, for tests and for trying out)


class PostgreSQL(Server):
    """A PostgreSQL server on loopback; ``address`` is the URL of its database ``sentinel``."""

    name: ClassVar[str] = "postgres"
    default_port: ClassVar[int] = 55432
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # "fast": ends the sessions

    @property
    def address(self) -> str:
        """The URL that ``--db`` takes."""
        return self.url("sentinel")

    def url(self, database: str) -> str:
        """The URL of one database, as SQLAlchemy reads it."""
        return f"postgresql+psycopg://sentinel:{PASSWORD}@{HOST}:{self.port}/{database}"

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    @property
    def user(self) -> str | None:
        """PostgreSQL refuses to run as root: then the account ``postgres`` that its package makes."""
        return "postgres" if os.geteuid() == 0 else None

    def prepare(self) -> None:
        """Make the data folder: whole or not at all."""
        self.folder.chmod(0o755)
        self.log.touch()
        if (self.data / "PG_VERSION").is_file():
            return
        initdb = _program("initdb")
        draft = Path(tempfile.mkdtemp(dir=self.folder, prefix="draft-"))
        secret = draft / "password"
        secret.write_text(PASSWORD, encoding="ascii")
        if self.user:
            self._give(draft)
            self._give(secret)
        run = subprocess.run(  # noqa: S603 (our own command line)
            [
                initdb,
                "-D",
                str(draft / "data"),
                "-U",
                "sentinel",
                "-E",
                "UTF8",
                "--no-locale",
                "-A",
                "scram-sha-256",
                f"--pwfile={secret}",
                "--no-sync",
            ],
            cwd=draft,
            check=False,
            capture_output=True,
            text=True,
            user=self.user,
            group=self.user,
            extra_groups=[] if self.user else None,
        )
        if run.returncode:
            shutil.rmtree(draft, ignore_errors=True)
            raise ServiceError(
                f"initdb failed: {run.stderr.strip()[-300:]}",
                where=str(self.folder),
                cure="Every folder above it must be open (x) to the account postgres; or set SENTINEL_SERVICES.",
            )
        shutil.rmtree(self.data, ignore_errors=True)
        (draft / "data").rename(self.data)
        shutil.rmtree(draft, ignore_errors=True)

    def _give(self, path: Path) -> None:
        account = pwd.getpwnam("postgres")
        os.chown(path, account.pw_uid, account.pw_gid)

    def command(self) -> list[str]:
        """The server in the foreground."""
        line = [_program("postgres"), "-D", str(self.data), "-h", HOST, "-p", str(self.port)]
        line += ["-k", ""]  # no socket file: its folder is another user's
        for name, value in SETTINGS.items():
            line += ["-c", f"{name}={value}"]
        return line

    def ask(self) -> str:
        """``SELECT 1`` in the database ``sentinel``, which is made if it is not there."""
        with self.connect("postgres") as connection:
            connection.execute("SELECT 1")
            there = connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = 'sentinel'"
            ).fetchone()
            if there is None:
                connection.execute("CREATE DATABASE sentinel")
            return f"PostgreSQL {connection.info.server_version // 10000}"

    def connect(self, database: str = "sentinel") -> psycopg.Connection[tuple[object, ...]]:
        """A connection that commits each statement."""
        url = self.url(database).replace("+psycopg", "")
        return psycopg.connect(url, autocommit=True, connect_timeout=3)


def _program(name: str) -> str:
    """The path of one of the server's programs, the newest version's."""
    if os.geteuid() == 0:
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            raise _absent("the account postgres, under which the server runs") from None
    found = [
        path
        for folder in map(Path, _FOLDERS)
        for path in sorted(folder.glob(f"*/bin/{name}"), key=lambda p: _number(p.parts[-3]))
    ]
    beside = shutil.which(name)
    if found:
        return str(found[-1])
    if beside:
        return beside
    raise _absent(name)


def _number(version: str) -> float:
    digits = "".join(c for c in version if c.isdigit() or c == ".")
    return float(digits) if digits.replace(".", "", 1).isdigit() else 0.0


def _absent(what: str) -> ServiceError:
    return ServiceError(
        f"PostgreSQL is not installed: {what} is missing",
        where=", ".join(_FOLDERS),
        cure="On Debian or Ubuntu: apt-get install postgresql; or use compose.yaml.",
    )
