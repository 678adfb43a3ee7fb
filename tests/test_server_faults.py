"""A server that ends connections, statements and transactions: each error has its class, and the pool stays whole."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Iterator

import psycopg
import pytest
from library import Author, Base
from outcome import Witness, check_whole, settled
from postgres_cluster import Cluster

import ormkit
from ormkit import AsyncSession, ConnectionLost, ConnectionPool, OutcomeUnknown, create_engine

SLEEP = "SELECT count(*) FROM pg_sleep(30)"
PID = "SELECT pg_backend_pid()"

# Waits at the end of each transaction that has written into `slow`.
SLOW_COMMIT = """
CREATE TABLE slow (id int);
CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(30); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER dawdling AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION dawdle();
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A server of its own: it is restarted, and its backends are killed."""
    with Cluster({"max_connections": "12", "superuser_reserved_connections": "3"}) as cluster:

        async def create() -> None:
            async with create_engine(cluster.url) as db:
                await Base.metadata.create_all(db)
                await db.execute_script(SLOW_COMMIT)
                await db.execute("CREATE ROLE narrow LOGIN PASSWORD 'narrow' CONNECTION LIMIT 2")
                await db.execute("CREATE ROLE wide LOGIN PASSWORD 'wide'")

        asyncio.run(create())
        yield cluster


@pytest.fixture
def witness(cluster: Cluster) -> Iterator[Witness]:
    """Of the database, without rows."""
    witness = Witness(cluster.url)
    witness.ask("TRUNCATE authors, books, slow")
    yield witness
    witness.close()


class Stage:
    """An engine; in the end everything is as whole as before."""

    def __init__(self, url: str, witness: Witness, **options: object) -> None:
        options = {"max_connections": 2, "min_connections": 0, "acquire_timeout": 5} | options
        self._witness = witness
        self._db = create_engine(f"{url}?application_name={witness.application}", **options)

    async def __aenter__(self) -> ConnectionPool:
        return self._db

    async def __aexit__(self, kind: type | None, *_exc: object) -> None:
        if kind is None:
            await check_whole(self._db)
            await self._witness.until_idle(self._db.status().size)
        await self._db.close(timeout=0 if kind else 5)
        if kind is None:
            await self._witness.until_idle(0)


def terminate(witness: Witness) -> None:
    """Ends the connections of the test, and waits until they have gone."""
    sql = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = %s"
    assert witness.ask(sql, witness.application)


async def lost(work: asyncio.Task[object]) -> ConnectionLost:
    """What the work was told, and soon."""
    began = time.monotonic()
    with pytest.raises(ConnectionLost) as raised:
        await asyncio.wait_for(work, 20)
    assert time.monotonic() - began < 6
    return raised.value


def test_connection_that_is_ended_while_idle_is_replaced_unseen(run, cluster: Cluster, witness: Witness) -> None:
    async def work() -> None:
        async with Stage(cluster.url, witness) as db:
            first = (await db.execute(PID)).scalar()
            terminate(witness)
            assert (await db.execute(PID)).scalar() != first
            assert db.status().counters.closed["lost"] == 1

    run(work())


def test_statement_whose_connection_is_ended_is_told(run, cluster: Cluster, witness: Witness) -> None:
    async def work() -> None:
        async with Stage(cluster.url, witness) as db:
            task = asyncio.ensure_future(db.execute(SLEEP))
            await witness.until_sleeping()
            terminate(witness)
            error = await lost(task)
            assert (type(error), error.sqlstate, error.statement) == (ConnectionLost, "57P01", SLEEP)
            assert "terminating connection due to administrator command" in str(error)

    run(work())


def test_transaction_whose_connection_is_ended_is_lost_as_a_whole(run, cluster: Cluster, witness: Witness) -> None:
    async def work() -> None:
        async with Stage(cluster.url, witness) as db:
            with pytest.raises(ConnectionLost):
                async with db.begin() as connection:
                    await connection.execute("INSERT INTO authors (name) VALUES ('Ann')")
                    terminate(witness)
                    await connection.execute("INSERT INTO authors (name) VALUES ('Bea')")
            async with AsyncSession(db) as session:
                session.add(Author(name="Cid"))
                await session.flush()
                terminate(witness)
                session.add(Author(name="Dan"))
                with pytest.raises(ConnectionLost):
                    await session.flush()
                with pytest.raises(ormkit.PendingRollbackError):
                    await session.query(Author).count()
                await session.rollback()
                assert await session.query(Author).count() == 0

    run(work())


def test_outcome_of_a_commit_whose_connection_is_ended_is_unknown(run, cluster: Cluster, witness: Witness) -> None:
    async def commit(db: ConnectionPool) -> None:
        async with db.begin() as connection:
            await connection.execute("INSERT INTO slow VALUES (1)")

    async def work() -> None:
        async with Stage(cluster.url, witness) as db:
            task = asyncio.ensure_future(commit(db))
            await witness.until_sleeping()
            terminate(witness)
            assert isinstance(await lost(task), OutcomeUnknown)
            assert witness.ask("SELECT count(*) FROM slow") == [(0,)]

    run(work())


def test_commit_that_is_cancelled_is_stopped_and_undone(run, cluster: Cluster, witness: Witness) -> None:
    async def commit(db: ConnectionPool) -> None:
        async with db.begin() as connection:
            await connection.execute("INSERT INTO slow VALUES (1)")

    async def work() -> None:
        async with Stage(cluster.url, witness) as db:
            task = asyncio.ensure_future(commit(db))
            await witness.until_sleeping()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await settled(db)
            assert witness.ask("SELECT count(*) FROM slow") == [(0,)]

    run(work())


def test_killed_backend_is_a_lost_connection(run, cluster: Cluster, witness: Witness) -> None:
    async def work() -> None:
        async with Stage(cluster.url, witness, max_connections=1, acquire_timeout=10) as db:
            task = asyncio.ensure_future(db.execute(SLEEP))
            await witness.until_sleeping()
            [(pid,)] = witness.ask("SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query = %s", SLEEP)
            os.kill(pid, signal.SIGKILL)
            await lost(task)
            await back(db)

    run(work())


async def back(db: ConnectionPool) -> None:
    """Returns when the server is there again; until then each attempt is told that it is away."""
    ends = time.monotonic() + 10
    while error := await failure(db.execute("SELECT 1")):
        assert isinstance(error, ConnectionLost) and error.sqlstate in (None, "57P02", "57P03"), error
        assert time.monotonic() < ends


async def failure(work: Awaitable[object]) -> Exception | None:
    """What the work raises."""
    try:
        await work
    except Exception as error:
        return error
    return None


def test_restart_of_the_server_is_survived(run, cluster: Cluster, witness: Witness) -> None:
    async def work() -> None:
        async with Stage(cluster.url, witness, acquire_timeout=10) as db:
            await asyncio.gather(db.execute(PID), db.execute(PID))
            task = asyncio.ensure_future(db.execute(SLEEP))
            await witness.until_sleeping()
            await asyncio.to_thread(cluster.halt)
            assert (await lost(task)).sqlstate == "57P01"
            with pytest.raises(ConnectionLost, match="refused"):
                await db.execute(PID)
            cluster.resume()  # here, for it ends with the thread that starts it
            await back(db)

    run(work())


def test_server_that_waits_for_its_clients_to_go_takes_no_new_ones(run, cluster: Cluster, witness: Witness) -> None:
    async def work() -> None:
        async with Stage(cluster.url, witness, acquire_timeout=10) as db:
            async with db.begin() as connection:
                pid = (await connection.execute(PID)).scalar()
                postmaster = cluster._process
                postmaster.send_signal(signal.SIGTERM)
                ends = time.monotonic() + 5
                # The signal is on its way: a new connection for each attempt.
                while not (error := await failure(db.execute(PID))):
                    await db.dispose()
                    assert time.monotonic() < ends
                assert isinstance(error, ConnectionLost), error
                assert error.sqlstate == "57P03"
                assert "shutting down" in str(error)
                # Who is there already may end what it does.
                assert (await connection.execute(PID)).scalar() == pid
            witness.close()
            await db.dispose()
            await asyncio.to_thread(postmaster.wait, 10)
            cluster.resume()  # here, for it ends with the thread that starts it
            await back(db)

    run(work())


def test_transaction_that_is_idle_for_too_long_is_lost(run, cluster: Cluster, witness: Witness) -> None:
    async def work() -> None:
        settings = {"idle_in_transaction_session_timeout": "30ms"}
        async with Stage(cluster.url, witness, settings=settings) as db:
            with pytest.raises(ConnectionLost, match="idle-in-transaction timeout") as raised:
                async with db.begin() as connection:
                    await connection.execute("INSERT INTO authors (name) VALUES ('Ann')")
                    await witness.until_idle(0)
                    await connection.execute("INSERT INTO authors (name) VALUES ('Bea')")
            assert (raised.type, raised.value.sqlstate) == (ConnectionLost, "25P03")
            async with AsyncSession(db) as session:
                session.add(Author(name="Cid"))
                await session.flush()
                await witness.until_idle(0)
                with pytest.raises(ConnectionLost):
                    await session.commit()
                await session.rollback()
                session.add(Author(name="Cid"))
                await session.commit()
            assert witness.ask("SELECT name FROM authors") == [("Cid",)]

    run(work())


async def in_and_out(db: ConnectionPool, sql: str, expected: type[ormkit.OperationalError], sqlstate: str) -> None:
    """A statement that is stopped, alone, in a transaction, and behind a savepoint: the connection stays."""
    with pytest.raises(expected) as raised:
        await db.execute(sql)
    assert (raised.type, raised.value.sqlstate) == (expected, sqlstate)
    with pytest.raises(expected):
        async with db.begin() as connection:
            await connection.execute("INSERT INTO authors (name) VALUES ('Ann')")
            await connection.execute(sql)
    async with db.begin() as connection:
        with pytest.raises(expected):
            async with connection.begin_nested():
                await connection.execute("INSERT INTO authors (name) VALUES ('Bea')")
                await connection.execute(sql)
        await connection.execute("INSERT INTO authors (name) VALUES ('Cid')")
    assert db.status().counters.opened == 1


def test_statement_that_takes_too_long_is_stopped(run, cluster: Cluster, witness: Witness) -> None:
    async def work() -> None:
        async with Stage(cluster.url, witness, statement_timeout=0.03) as db:
            await in_and_out(db, SLEEP, ormkit.QueryCanceled, "57014")
            assert witness.ask("SELECT name FROM authors") == [("Cid",)]

    run(work())


def test_statement_that_waits_too_long_for_a_lock_is_stopped(run, cluster: Cluster, witness: Witness) -> None:
    async def work() -> None:
        with psycopg.connect(cluster.url) as other:
            other.execute("LOCK TABLE books")
            async with Stage(cluster.url, witness, settings={"lock_timeout": "30ms"}) as db:
                await in_and_out(db, "SELECT count(*) FROM books", ormkit.LockNotAvailable, "55P03")
                assert witness.ask("SELECT name FROM authors") == [("Cid",)]
                other.rollback()

    run(work())


def test_deadlock_and_serialization_failure_are_told_apart(run, cluster: Cluster, witness: Witness) -> None:
    async def work() -> None:
        async with Stage(cluster.url, witness, settings={"deadlock_timeout": "10ms"}) as db:
            async with AsyncSession(db) as session:
                await session.insert_all([Author(name="Ann", born=1), Author(name="Bea", born=1)])
            both = asyncio.Event()
            arrived: list[str] = []

            async def cross(first: str, second: str) -> None:
                async with db.begin() as connection:
                    await connection.execute("UPDATE authors SET born = born + 1 WHERE name = $1", [first])
                    arrived.append(first)
                    if len(arrived) == 2:
                        both.set()
                    await both.wait()
                    await connection.execute("UPDATE authors SET born = born + 1 WHERE name = $1", [second])

            results = await asyncio.gather(cross("Ann", "Bea"), cross("Bea", "Ann"), return_exceptions=True)
            assert sorted(type(result).__name__ for result in results) == ["DeadlockDetected", "NoneType"]
            assert [result.sqlstate for result in results if result] == ["40P01"]
            assert witness.ask("SELECT born FROM authors") == [(2,), (2,)]

            async with AsyncSession(db, isolation="repeatable read") as session:
                ann = (await session.query(Author).filter(name="Ann").all())[0]
                await db.execute("UPDATE authors SET born = 7 WHERE name = 'Ann'")
                ann.born = 8
                with pytest.raises(ormkit.SerializationFailure) as raised:
                    await session.commit()
                assert raised.value.sqlstate == "40001"
                await session.rollback()
            assert witness.ask("SELECT born FROM authors WHERE name = 'Ann'") == [(7,)]

    run(work())


def as_role(cluster: Cluster, role: str) -> str:
    return f"postgresql://{role}:{role}@127.0.0.1:{cluster.port}/ormkit"


def test_limit_of_a_role_is_told_and_those_who_have_a_connection_go_on(run, cluster: Cluster, witness: Witness) -> None:
    async def work() -> None:
        async with Stage(as_role(cluster, "narrow"), witness, max_connections=2) as db:
            async with create_engine(as_role(cluster, "narrow"), min_connections=0) as other:
                async with db.begin(), db.begin():
                    with pytest.raises(ormkit.OperationalError, match="narrow") as raised:
                        await other.execute("SELECT 1")
                    assert (raised.type, raised.value.sqlstate) == (ormkit.OperationalError, "53300")
                await db.dispose()
                await witness.until_idle(0)
                assert (await other.execute("SELECT 1")).scalar() == 1

    run(work())


def test_pool_that_is_larger_than_the_servers_limit_serves_all_in_turn(run, cluster: Cluster, witness: Witness) -> None:
    async def work() -> None:
        url = f"{as_role(cluster, 'narrow')}?application_name={witness.application}"
        async with create_engine(url, max_connections=6, min_connections=0, acquire_timeout=10) as db:

            async def ask(number: int) -> int:
                return (await db.execute("SELECT $1::int FROM pg_sleep(0.001)", [number])).scalar()

            answers = await asyncio.gather(*(ask(number) for number in range(60)), return_exceptions=True)
            refused = [answer for answer in answers if isinstance(answer, Exception)]
            assert {(type(answer), answer.sqlstate) for answer in refused} == {(ormkit.OperationalError, "53300")}
            # One for each attempt: whoever stands in line is served by those who have a connection.
            assert len(refused) <= 20
            assert all(answer == number for number, answer in enumerate(answers) if answer not in refused)
            assert len(await asyncio.gather(ask(1), ask(2))) == 2
            await witness.until_idle((await settled(db)).size)
        await witness.until_idle(0)

    run(work())


def test_server_without_room_is_told_and_found_again(run, cluster: Cluster, witness: Witness) -> None:
    async def work() -> None:
        wide = as_role(cluster, "wide")
        crowd = []
        with pytest.raises(psycopg.OperationalError):
            while True:
                crowd.append(psycopg.connect(wide))
        async with Stage(wide, witness, acquire_timeout=10) as db:
            with pytest.raises(ormkit.OperationalError) as raised:
                await db.execute("SELECT 1")
            assert (raised.type, raised.value.sqlstate) == (ormkit.OperationalError, "53300")
            for connection in crowd:
                connection.close()
            assert (await db.execute("SELECT 1")).scalar() == 1

    run(work())
