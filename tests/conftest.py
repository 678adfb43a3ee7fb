"""What every behaviour test gets: an engine on each database, empty."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import psycopg
import psycopg.sql
import pytest
import pytest_asyncio
from library import Base
from outcome import Witness

import ormkit

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))

from postgres_cluster import Cluster

DATABASES = ["sqlite", "postgresql"]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A URL of a server that tests may fill and empty: the one given, or a throwaway one of this run."""
    if given := os.environ.get("ORMKIT_TEST_POSTGRES_URL"):
        yield given
        return
    with Cluster() as cluster:
        os.environ.update(cluster.environment)
        yield cluster.url


@pytest.fixture(scope="session")
def postgres_admin(postgres_server: str) -> Iterator[psycopg.Connection]:
    """A connection that is not ormkit's, to a database of its own, for making and dropping the tests' database."""
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def postgres_database(postgres_server: str, postgres_admin: psycopg.Connection) -> Iterator[str]:
    """The URL of this run's own database."""
    name = f"ormkit_test_{os.getpid()}"
    postgres_admin.execute(f"CREATE DATABASE {name}")
    yield f"{postgres_server.rpartition('/')[0]}/{name}"
    postgres_admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgres_url(postgres_database: str, postgres_admin: psycopg.Connection) -> str:
    """The URL of an empty database. Emptied before each test, so that a failed one leaves its rows to look at."""
    name = postgres_database.rpartition("/")[2]
    # Whoever is still connected is a leftover of the last test; its locks would make us wait.
    postgres_admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
    with psycopg.connect(postgres_database, autocommit=True) as connection:
        rows = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema)'")
        for (schema,) in rows.fetchall():
            connection.execute(psycopg.sql.SQL("DROP SCHEMA {} CASCADE").format(psycopg.sql.Identifier(schema)))
        connection.execute("CREATE SCHEMA public")
    return postgres_database


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database: the test runs once on SQLite and once on PostgreSQL."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest_asyncio.fixture
async def engine(url: str) -> AsyncIterator[ormkit.ConnectionPool]:
    """An engine on an empty database, closed after the test."""
    async with ormkit.create_engine(url) as engine:
        yield engine


@pytest_asyncio.fixture
async def postgres(postgres_url: str) -> AsyncIterator[ormkit.ConnectionPool]:
    """The same for tests of PostgreSQL alone."""
    async with ormkit.create_engine(postgres_url) as engine:
        yield engine


@pytest_asyncio.fixture
async def sqlite(sqlite_url: str) -> AsyncIterator[ormkit.ConnectionPool]:
    """The same for tests of SQLite alone."""
    async with ormkit.create_engine(sqlite_url) as engine:
        yield engine


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, None]], None]:
    """Runs a coroutine on a new loop of its kind, once for each kind."""
    if request.param == "uvloop":
        run: Callable[..., None] = pytest.importorskip("uvloop").run
        return run
    return asyncio.run


@pytest.fixture(scope="module")
def library_url(postgres_database: str) -> str:
    """The URL of a database with the tables of the library, for all tests of a module."""
    with psycopg.connect(postgres_database, autocommit=True) as connection:
        rows = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema)'")
        for (schema,) in rows.fetchall():
            connection.execute(psycopg.sql.SQL("DROP SCHEMA {} CASCADE").format(psycopg.sql.Identifier(schema)))
        connection.execute("CREATE SCHEMA public")

    async def create() -> None:
        async with ormkit.create_engine(postgres_database) as engine:
            await Base.metadata.create_all(engine)

    asyncio.run(create())
    return postgres_database


@pytest.fixture
def witness(library_url: str) -> Iterator[Witness]:
    """Who looks at the database of the library, which has no rows."""
    witness = Witness(library_url)
    witness.ask("TRUNCATE authors, books RESTART IDENTITY CASCADE")
    yield witness
    witness.close()
