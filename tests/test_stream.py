"""Rows that are read in pieces, and scripts, on both databases."""

import asyncio
import gc
import subprocess
import sys

import pytest
from library import Author, Base

from ormkit import (
    ConcurrentSessionUse,
    DatabaseError,
    InterfaceError,
    InvalidRequestError,
    PendingRollbackError,
    ProgrammingError,
    RowStream,
    create_engine,
    select,
    text,
)


@pytest.fixture
async def db(engine):
    await Base.metadata.create_all(engine)
    return engine


def numbers(db, first="$1", last="$2"):
    first, last = (first, last) if db.is_postgres() else ("?", "?")
    one = f"SELECT CAST({first} AS BIGINT)"
    return f"WITH RECURSIVE n(i) AS ({one} UNION ALL SELECT i + 1 FROM n WHERE i < {last}) SELECT i, i * 2 AS double FROM n"


async def settled(db):
    """Waits until the drainer has cleaned what was given up."""
    for _ in range(200):
        status = db.status()
        if status.in_use == 0 and status.draining == 0:
            return status
        await asyncio.sleep(0.01)
    raise AssertionError(status)


@pytest.mark.parametrize(("count", "size"), [(1, 1), (10, 3), (9, 3), (1000, 1000), (2500, 700), (3, 1000)])
async def test_rows_come_once_and_in_order(db, count, size):
    stream = db.stream(numbers(db), [1, count], batch_size=size)
    rows = [row async for row in stream]
    assert rows == [{"i": i, "double": i * 2} for i in range(1, count + 1)]
    assert [row async for row in stream] == []
    sizes = []
    async for batch in db.stream(numbers(db), [1, count], batch_size=size).batches():
        assert batch.columns == ("i", "double")
        sizes.append(len(batch))
    assert sum(sizes) == count
    assert all(length == size for length in sizes[:-1])
    assert (await settled(db)).in_use == 0


async def test_stream_of_nothing_has_no_rows_and_one_empty_batch_at_most(db):
    assert [row async for row in db.stream("SELECT id FROM authors")] == []
    assert [len(batch) async for batch in db.stream("SELECT id FROM authors").batches()] == []


async def test_break_gives_the_connection_back(db):
    async for row in db.stream(numbers(db), [1, 100_000], batch_size=10):
        assert db.status().in_use == 1
        if row["i"] == 15:
            break
    del row
    gc.collect()
    await settled(db)
    async with db.stream(numbers(db), [1, 100_000], batch_size=10) as stream:
        assert isinstance(stream, RowStream)
        assert (await anext(stream))["i"] == 1
    assert db.status().in_use == 0
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    await stream.close()


async def test_stream_is_a_transaction_of_its_own_that_its_end_commits(db):
    insert = "INSERT INTO authors (name) VALUES ('a'), ('b'), ('c') RETURNING name"
    async with db.stream(insert, batch_size=2) as stream:
        await anext(stream)
    assert (await db.execute("SELECT count(*) FROM authors")).scalar() == 0
    assert [row["name"] async for row in db.stream(insert, batch_size=2)] == ["a", "b", "c"]
    assert (await db.execute("SELECT count(*) FROM authors")).scalar() == 3


async def test_streams_of_a_connection_take_turns_with_its_statements(db):
    async with db.connect() as connection:
        first = connection.stream(numbers(db), [1, 5], batch_size=2)
        second = connection.stream(text("SELECT name FROM authors ORDER BY name"), batch_size=1)
        assert (await anext(first))["i"] == 1
        await connection.execute("INSERT INTO authors (name) VALUES ('Ann'), ('Bea')")
        assert (await anext(second))["name"] == "Ann"
        assert [row["i"] async for row in first] == [2, 3, 4, 5]
        assert (await anext(second))["name"] == "Bea"
        await second.close()
        names = [row["name"] async for row in connection.stream(select(Author.name).order_by(Author.name))]
        assert names == ["Ann", "Bea"]
        third = connection.stream(numbers(db), [1, 5], batch_size=2)
        await anext(third)
        await connection.commit()
        for _ in range(2):
            with pytest.raises(InvalidRequestError, match="ended with the transaction that it was begun in"):
                await anext(third)
        assert (await connection.execute("SELECT 1 AS a")).scalar() == 1
        # Nobody holds it: the next statement closes it.
        await anext(connection.stream(numbers(db), [1, 5], batch_size=2))
        gc.collect()
        assert (await connection.execute("SELECT 1 AS a")).scalar() == 1
    await settled(db)


async def test_errors_are_those_of_execute(db):
    stream = db.stream("SELECT name FROM nowhere")
    with pytest.raises(ProgrammingError, match="nowhere"):
        await anext(stream)
    with pytest.raises(InterfaceError, match="given up"):
        await anext(stream)
    await settled(db)
    with pytest.raises(DatabaseError):
        [row async for row in db.stream(numbers(db), [1])]
    async with db.connect() as connection:
        with pytest.raises(ProgrammingError):
            [row async for row in connection.stream("SELECT name FROM nowhere")]
        with pytest.raises(PendingRollbackError):
            await anext(connection.stream("SELECT 1 AS a"))
    for size in (0, -1, 2**33):
        with pytest.raises(ValueError, match="batch_size"):
            db.stream("SELECT 1", batch_size=size)


async def test_rows_and_batches_of_one_stream_are_not_mixed(db):
    stream = db.stream(numbers(db), [1, 10], batch_size=4)
    await anext(stream)
    with pytest.raises(InvalidRequestError, match="not both"):
        stream.batches()
    await stream.close()


async def test_stream_that_two_tasks_read_is_refused_to_the_second(db):
    stream = db.stream(numbers(db), [1, 100_000], batch_size=50_000)
    results = await asyncio.gather(anext(stream), anext(stream), return_exceptions=True)
    assert sum(isinstance(result, InterfaceError | ConcurrentSessionUse) for result in results) <= 1
    assert sum(isinstance(result, dict) for result in results) >= 1
    await stream.close()


@pytest.mark.parametrize("steps", range(8))
async def test_cancelled_read_gives_up_the_stream_alone(url, steps):
    async with create_engine(url, max_connections=1) as db:
        stream = db.stream(numbers(db), [1, 300_000], batch_size=100_000)

        async def read():
            async for batch in stream.batches():
                len(batch)

        task = asyncio.ensure_future(read())
        for _ in range(steps):
            await asyncio.sleep(0.004)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert (await asyncio.wait_for(db.execute("SELECT 1 AS a"), 10)).scalar() == 1
        await stream.close()
        await settled(db)


MEMORY = """
import asyncio, resource, sys
import ormkit

async def main(url, rows):
    async with ormkit.create_engine(url) as db:
        sql = (f"SELECT i, repeat('x', 100) AS text FROM generate_series(1, {rows}) i" if db.is_postgres() else
               "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i, printf('%%.100c', 'x') AS text FROM n" % rows)
        count = 0
        async for batch in db.stream(sql).batches():
            count += len(batch)
            if count == 10_000:
                start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert count == rows, count
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start)

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def test_memory_does_not_grow_with_the_number_of_rows(url):
    rows = 500_000
    ran = subprocess.run([sys.executable, "-c", MEMORY, url, str(rows)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    kibibytes = int(ran.stdout)
    # All rows together have more than 50 MiB.
    assert kibibytes < 8 * 1024, kibibytes


SCRIPT = """
    CREATE TABLE one (a int); -- the first; with a semicolon
    INSERT INTO one VALUES (1), (2);
    SELECT * FROM one;
    CREATE TABLE two (text varchar);
    INSERT INTO two VALUES ('a;b');
"""


async def test_script_runs_all_of_its_statements_or_none(db):
    with pytest.raises(ProgrammingError, match="nowhere"):
        await db.execute_script(SCRIPT + "INSERT INTO nowhere VALUES (1)")
    with pytest.raises(ProgrammingError):
        await db.execute("SELECT * FROM one")
    await db.execute_script(SCRIPT)
    assert (await db.execute("SELECT text FROM two")).scalar() == "a;b"
    await db.execute_script("")


async def test_script_of_a_connection_belongs_to_its_transaction(db):
    async with db.connect() as connection:
        await connection.execute_script(SCRIPT)
        assert (await connection.execute("SELECT count(*) FROM one")).scalar() == 2
    with pytest.raises(ProgrammingError):
        await db.execute("SELECT * FROM one")
    async with db.begin() as connection:
        await connection.execute_script(SCRIPT)
    async with db.connect() as connection:
        await connection.execute_script("DELETE FROM one")
        with pytest.raises(InvalidRequestError, match="ended the transaction by itself"):
            await connection.execute_script("COMMIT")
    assert (await db.execute("SELECT count(*) FROM one")).scalar() == 0
