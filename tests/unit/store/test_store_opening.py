"""Opening: schema, migrations, settings, and errors that say what to do."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

import store
from domain.results import RESULT_TABLES
from domain.schema import Kind
from store.tables import METADATA, Instant


@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression")
def test_migrations_and_tables_agree(opened: store.Store) -> None:
    with opened.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_check_constraints_of_migrations_and_tables_agree(
    opened: store.Store, tmp_path: Path
) -> None:
    """Alembic does not compare these by itself."""
    fresh = sa.create_engine(f"sqlite:///{tmp_path / 'fresh.db'}")
    METADATA.create_all(fresh)
    for table in METADATA.sorted_tables:
        found = sa.inspect(opened.engine).get_check_constraints(table.name)
        wanted = sa.inspect(fresh).get_check_constraints(table.name)
        assert sorted(map(str, found)) == sorted(map(str, wanted)), table.name


def test_every_domain_column_is_stored() -> None:
    for definition in RESULT_TABLES:
        columns = METADATA.tables[definition.name].columns
        for field in definition.columns:
            assert columns[field.name].nullable is not (
                field.required or field.name in definition.key
            )
            if field.kind is Kind.MONEY:
                assert isinstance(columns[field.name].type, sa.BigInteger)


def test_postgresql_gets_zoned_instants_and_big_money() -> None:
    ddl = str(CreateTable(METADATA.tables["alerts"]).compile(dialect=postgresql.dialect()))
    assert "created_at TIMESTAMP WITH TIME ZONE NOT NULL" in ddl
    assert "exposure_fen BIGINT NOT NULL" in ddl


def test_downgrade_takes_back_all_that_upgrade_made(opened: store.Store) -> None:
    from alembic import command

    from store.engine import configuration, writer

    config = configuration()
    with writer(opened.engine).begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert sa.inspect(opened.engine).get_table_names() == ["alembic_version"]


def test_what_waits_to_be_published_survives_both_ways(opened: store.Store, address: str) -> None:
    """Revision 0007 packs the rows of the outbox, and its downgrade unpacks them."""
    from alembic import command

    from store.engine import configuration, writer

    source = ("claims", 3)
    told = [
        store.Outgoing("alerts", f"m{i}", (b"k", None)[i % 2], b"\xff", source, (("a", "中"),))
        for i in range(5)
    ]
    journal = opened.journal("g")
    journal.commit(store.Step(outgoing=told[:3]))
    journal.commit(store.Step(outgoing=told[3:]))
    config = configuration()
    with writer(opened.engine).begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0006")
        rows = connection.execute(sa.text("SELECT message_id FROM outbox ORDER BY outbox_id"))
        assert rows.scalars().all() == ["m0", "m1", "m2", "m3", "m4"]
    with store.open(address) as again:
        journal = again.journal("g")
        journal.commit(store.Step(outgoing=[told[0]]))
        found = [m for parcel in journal.pending([source]) for m in parcel.messages]
    assert found == [*told, told[0]]


def test_sqlite_is_durable_and_strict(opened: store.Store) -> None:
    with opened.engine.connect() as connection:
        pragma = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
        }
    assert pragma == {
        "journal_mode": "wal", "foreign_keys": 1, "synchronous": 2, "busy_timeout": 30_000
    }  # fmt: skip


def test_only_the_owner_may_read_the_file(opened: store.Store, tmp_path: Path) -> None:
    for path in tmp_path.glob("sentinel.db*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name


def test_opening_again_keeps_what_is_there(address: str) -> None:
    with store.open(address) as first:
        revision = first.check()
    with store.open(address) as second:
        assert second.check() == revision


def test_several_processes_may_open_a_new_file_at_once(address: str, root: Path) -> None:
    program = "import sys, store; store.open(sys.argv[1]).check()"
    running = [
        subprocess.Popen([sys.executable, "-c", program, address], cwd=root) for _ in range(3)
    ]
    assert [process.wait(timeout=120) for process in running] == [0, 0, 0]


def test_a_newer_database_is_not_touched(opened: store.Store, address: str) -> None:
    with opened.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(store.StoreError, match="9999") as caught:
        store.open(address)
    assert "newer version" in caught.value.cure
    with pytest.raises(store.StoreError, match="9999"):
        opened.check()


@pytest.mark.parametrize(
    ("url", "what", "cure"),
    [
        ("sqlite:////no/such/folder/a.db", "cannot be opened", "Create its folder"),
        ("sqlite://", "memory", "Name a file"),
        ("somewhere.db", "cannot be read", "sqlite:///"),
        ("mysql://u:geheim@h/d", "not of a supported kind", "SQLite"),
    ],
)
def test_bad_addresses_say_what_to_do(url: str, what: str, cure: str) -> None:
    with pytest.raises(store.StoreError, match=what) as caught:
        store.open(url)
    assert cure in caught.value.cure
    assert "geheim" not in str(caught.value)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("not a database, but long enough to look like a file header" * 20)
    with pytest.raises(store.StoreError, match="not a database"):
        store.open(f"sqlite:///{path}")
    assert path.read_text().startswith("not a database")


def test_a_naive_instant_is_refused() -> None:
    from datetime import datetime

    with pytest.raises(ValueError, match="needs a zone"):
        Instant().process_bind_param(datetime(2024, 1, 1), sa.create_engine("sqlite://").dialect)  # noqa: DTZ001


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE decisions (mine TEXT)")
    with pytest.raises(store.StoreError, match="not ours") as refused:
        store.open(f"sqlite:///{path}")
    assert "another program" in refused.value.cure
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("decisions",)]
