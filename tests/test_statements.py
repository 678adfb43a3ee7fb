"""How statements are prepared, and how long they may run."""

import asyncio

import psycopg
import pytest

from ormkit import NotSupportedError, QueryCanceled, create_engine

SLOW = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep(60)",
}


async def test_statement_is_stopped_after_its_time(url):
    async with create_engine(url, statement_timeout=0.1, max_connections=1) as engine:
        slow = SLOW[engine.dialect]
        with pytest.raises(QueryCanceled, match="statement.timeout") as caught:
            await engine.execute(slow)
        assert caught.value.sqlstate == "57014"
        # The time is each statement's own, and the connection goes on.
        for _ in range(3):
            await asyncio.sleep(0.06)
            assert (await engine.execute("SELECT 1 AS a")).scalar() == 1
        with pytest.raises(QueryCanceled):
            async with engine.begin() as connection:
                await connection.execute("CREATE TABLE kept (a int)")
                await connection.execute(slow)
        await engine.execute("CREATE TABLE kept (a int)")


async def test_write_that_is_stopped_leaves_nothing(url):
    async with create_engine(url, statement_timeout=0.1) as engine:
        await engine.execute("CREATE TABLE numbers (i bigint)")
        rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT i FROM n"
        with pytest.raises(QueryCanceled):
            await engine.execute(f"INSERT INTO numbers {rows}")
        assert (await engine.execute("SELECT count(*) FROM numbers")).scalar() == 0


async def test_statement_that_waits_for_a_lock_is_stopped(sqlite_url):
    async with create_engine(sqlite_url) as engine:
        await engine.execute("CREATE TABLE t (a int)")
        async with engine.begin() as connection, create_engine(sqlite_url, statement_timeout=0.1) as other:
            await connection.execute("INSERT INTO t VALUES (1)")
            with pytest.raises(QueryCanceled):
                await other.execute("INSERT INTO t VALUES (2)")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"statement_timeout": 0}, "above 0"),
        ({"statement_timeout": -1}, "from 0 upwards"),
        ({"statement_cache_size": -1}, "from 0 up, not -1"),
        ({"prepared": "always"}, '"unnamed" and "never", not "always"'),
    ],
)
def test_options_out_of_range_are_refused(url, options, problem):
    with pytest.raises(ValueError, match=problem):
        create_engine(url, **options)


def test_way_of_preparing_is_a_matter_of_postgres(sqlite_url):
    create_engine(sqlite_url, prepared="auto", statement_cache_size=0)
    with pytest.raises(NotSupportedError, match="prepared= on SQLite"):
        create_engine(sqlite_url, prepared="unnamed")


@pytest.mark.parametrize(("prepared", "kept"), [("auto", 3), ("named", 3), ("unnamed", 0), ("never", 0)])
async def test_statements_stay_prepared_as_the_engine_says(postgres_url, prepared, kept):
    async with create_engine(postgres_url, prepared=prepared, max_connections=1) as engine:
        for number in (1, 2, 1):
            assert (await engine.execute(f"SELECT {number}::int8 + $1", [1])).scalar() == number + 1
        assert (await engine.execute("SELECT count(*) FROM pg_prepared_statements")).scalar() == kept


async def test_cache_of_statements_is_bounded(postgres_url):
    async with create_engine(postgres_url, statement_cache_size=5, max_connections=1) as engine:
        for number in range(20):
            await engine.execute(f"SELECT {number}")
        with psycopg.connect(postgres_url) as _:
            assert (await engine.execute("SELECT count(*) FROM pg_prepared_statements")).scalar() <= 6
