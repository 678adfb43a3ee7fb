"""The same revision files run by Alembic and by us: the databases are the same, whoever goes on where the other stopped."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic_run import alembic, make_folder
from revisions import CHAIN, write

from ormkit import ConnectionPool, create_engine
from ormkit.migrations import AlembicConfig, MigrationRunner


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with `alembic.ini`, `alembic` and the revisions."""
    write(make_folder(tmp_path / "alembic"))
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = alembic\n")
    return tmp_path


async def ours(folder: Path, url: str, command: str, target: str) -> None:
    async with create_engine(url) as engine:
        runner = MigrationRunner(engine, AlembicConfig.detect(folder))
        await (runner.upgrade(target) if command == "upgrade" else runner.downgrade(target))


def theirs(folder: Path, url: str, command: str, target: str) -> None:
    alembic(folder / "alembic", url, command, target)


async def picture(url: str) -> Any:
    """The schema in the database's own words, and the rows of some tables."""
    if url.startswith("sqlite"):
        async with create_engine(url) as engine:
            found = [await described(engine, name) for name in await engine.get_tables()]
            found += (await engine.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'view'")).tuples()
            for name in {"kinds", "alembic_version"} & set(await engine.get_tables()):
                found += (await engine.execute(f"SELECT * FROM {name} ORDER BY 1")).tuples()
            return found
    return dumped(url)


def dumped(url: str) -> list[str]:
    bindir = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=True).stdout.strip()
    dump = [f"{bindir}/pg_dump", "--no-owner", "--inserts", "--exclude-table-data=users", url]
    text = subprocess.run(dump, capture_output=True, text=True, check=True).stdout
    return [line for line in text.splitlines() if not line.startswith(("--", "\\restrict", "\\unrestrict"))]


async def described(engine: ConnectionPool, name: str) -> list[Any]:
    """A table of SQLite: what it says, in whatever order and words it was written."""
    table = await engine.get_table_info(name)
    columns = [
        (one.name, one.data_type, one.nullable, one.default, one.is_primary_key, one.numbering, one.collation)
        for one in table.columns
    ]
    indexes = [(one.name, one.columns, one.unique, one.where) for one in table.indexes]
    constraints = [
        (one.name or "", one.constraint_type, one.columns, one.references_table, one.references_columns, one.on_delete)
        for one in table.constraints
    ]
    return [name, columns, sorted(indexes), sorted(constraints, key=repr)]


def emptied(url: str) -> str:
    """The same database, or another file, without anything."""
    if url.startswith("sqlite"):
        return url.replace("test.db", "other.db")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("DROP SCHEMA IF EXISTS side CASCADE")
        connection.execute("CREATE SCHEMA public")
    return url


@pytest.mark.asyncio
async def test_up_and_down_come_to_the_same(url: str, folder: Path) -> None:
    url = emptied(url)
    await ours(folder, url, "upgrade", "head")
    mine = await picture(url)
    await ours(folder, url, "downgrade", "base")
    mine_below = await picture(url)
    other = emptied(url)
    if other.startswith("sqlite"):
        other = other.replace("other", "another")
    theirs(folder, other, "upgrade", "head")
    assert mine == await picture(other)
    theirs(folder, other, "downgrade", "base")
    assert mine_below == await picture(other)


@pytest.mark.asyncio
async def test_either_goes_on_where_the_other_stopped(url: str, folder: Path) -> None:
    url = emptied(url)
    middle = CHAIN[9][0]
    theirs(folder, url, "upgrade", middle)
    await ours(folder, url, "upgrade", "head")
    theirs(folder, url, "downgrade", middle)
    await ours(folder, url, "downgrade", "base")
    await ours(folder, url, "upgrade", "b01_left")
    theirs(folder, url, "upgrade", "head")
    theirs(folder, url, "downgrade", "base")
