"""Opening a database: address, connection settings, migrations."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from store.errors import StoreError, translate

BUSY_TIMEOUT_S: Final = 30
"""How long a SQLite writer waits for another one: longer than the largest batch takes."""

_MIGRATION_LOCK: Final = 0x44524753
"""PostgreSQL advisory lock ("DRGS") that lets one process migrate at a time."""

_WRITE: Final = "sentinel_write"


def connect(url: str) -> sa.Engine:
    """An engine for ``sqlite:////path/to/file.db`` or ``postgresql+psycopg://…``; StoreError otherwise.

    A new SQLite file is readable by its owner only: it will hold health data.
    """
    try:
        parsed = sa.engine.make_url(url)
    except sa.exc.ArgumentError as error:
        raise StoreError(
            "the database address cannot be read",
            where="--db",
            cure="Write sqlite:///relative/file.db, sqlite:////absolute/file.db "
            "or postgresql+psycopg://user@host/name.",
        ) from error
    shown = parsed.render_as_string(hide_password=True)
    if parsed.get_backend_name() == "sqlite":
        return _connect_sqlite(parsed, shown)
    if parsed.get_backend_name() != "postgresql":
        raise StoreError(
            f"the database {shown} is not of a supported kind",
            where="--db",
            cure="Use SQLite (sqlite:///file.db) or PostgreSQL (postgresql+psycopg://user@host/name).",
        )
    try:
        # PostgreSQL compiles a query of a high estimate first, for a second or more; ours end early, after
        # a page of rows, and a page must not wait for that. The groups of all hospitals' year are sorted on disk
        # with the memory that it gives a sort if nothing is said.
        options = parsed.query.get("options", "")
        plain = " ".join(
            [
                "-c work_mem=16MB",
                *([options] if isinstance(options, str) else options),
                "-c jit=off",
            ]
        )
        return sa.create_engine(
            parsed.difference_update_query(["options"]),
            hide_parameters=True,
            pool_pre_ping=True,
            connect_args={"options": plain.strip()},
        )
    except ModuleNotFoundError as error:
        raise StoreError(
            f"the driver for {shown} is not installed ({error.name})",
            where="--db",
            cure="Install the PostgreSQL driver: pip install 'psycopg[binary]', "
            "and write the address as postgresql+psycopg://….",
        ) from error


def _connect_sqlite(url: sa.URL, shown: str) -> sa.Engine:
    if not url.database or url.database == ":memory:" or url.query.get("mode") == "memory":
        raise StoreError(
            "a database in memory cannot be shared by the service's threads",
            where=shown,
            cure="Name a file: sqlite:///sentinel.db.",
        )
    path = Path(url.database)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreError(
            f"the database file cannot be opened: {error.strerror}",
            where=str(path),
            cure="Create its folder, and make sure that this user may write there.",
        ) from error
    engine = sa.create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT_S})

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        # The driver's own BEGIN comes late and never before DDL; SQLAlchemy's "begin" event
        # below replaces it, so that a transaction is one from its first statement on.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        # A writer that begins as a reader fails at once when another one commits in between;
        # IMMEDIATE waits for its turn instead.
        writes = connection.get_execution_options().get(_WRITE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def writer(engine: sa.Engine) -> sa.Engine:
    """The same engine whose transactions take the write lock when they begin."""
    return engine.execution_options(**{_WRITE: True})


def take_turns(connection: sa.Connection, table: sa.Table) -> None:
    """Let nobody else write the table until this transaction ends; SQLite's writers take turns anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE"))


def configuration() -> Config:
    """Alembic's configuration, without any file: the scripts lie beside this module."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def head() -> str:
    """The newest revision that this program knows."""
    found = ScriptDirectory.from_config(configuration()).get_current_head()
    if found is None:
        raise AssertionError("store/migrations/versions is empty")
    return found


def revision(connection: sa.Connection) -> str | None:
    """The revision that the database is at; None before the first migration."""
    return MigrationContext.configure(connection).get_current_revision()


def migrate(engine: sa.Engine) -> None:
    """Bring the database to the newest revision, whole or not at all; StoreError if it cannot be."""
    where = engine.url.render_as_string(hide_password=True)
    with translate(where), engine.connect() as connection:
        if revision(connection) == head():
            return
    with translate(where), writer(engine).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        found = revision(connection)
        known = {s.revision for s in ScriptDirectory.from_config(configuration()).walk_revisions()}
        if found is not None and found not in known:
            raise StoreError(
                f"the database is at revision {found}, which this program does not know",
                where=where,
                cure="It was written by a newer version: update the program, or open another database.",
            )
        if found is None and (tables := sa.inspect(connection).get_table_names()):
            raise StoreError(
                f"the database holds tables that are not ours, such as {tables[0]}",
                where=where,
                cure="It belongs to another program: name a new database.",
            )
        config = configuration()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
