"""`init=`, `reset=` and `close=`: what the caller runs on the connections of an engine."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

import ormkit
from ormkit import ClosedConnection, Connection, create_engine

PID = "SELECT pg_backend_pid()"
NAME = "SELECT current_setting('application_name')"


async def set_name(connection: Connection) -> None:
    await connection.execute("SET application_name = 'prepared'")


async def settled(engine: ormkit.ConnectionPool) -> None:
    for _ in range(5000):
        if not (engine.status().draining or engine.status().in_use):
            return
        await asyncio.sleep(0.001)
    pytest.fail(f"still busy: {engine.status()}")


async def ask(engine: ormkit.ConnectionPool, sql: str) -> object:
    return (await engine.execute(sql)).scalar()


async def test_init_prepares_each_new_connection_once(postgres_url: str):
    prepared = []

    async def init(connection: Connection) -> None:
        await set_name(connection)
        prepared.append((await connection.execute(PID)).scalar())

    async with create_engine(postgres_url, init=init, max_connections=2) as engine:
        for _ in range(3):
            assert await ask(engine, NAME) == "prepared"
        assert prepared == [await ask(engine, PID)]
        await asyncio.gather(*(ask(engine, "SELECT pg_sleep(0.05)") for _ in range(2)))
        assert len(prepared) == 2


async def test_what_init_has_set_is_there_again_after_a_reset(postgres_url: str):
    async with create_engine(postgres_url, init=set_name, max_connections=1) as engine:
        first = await ask(engine, PID)
        async with engine.begin() as connection:
            await connection.execute("SET application_name = 'of a borrower'")
            await connection.execute("SET my.mark = 'left'")
        await settled(engine)
        assert await ask(engine, NAME) == "prepared"
        assert await ask(engine, "SELECT current_setting('my.mark', true)") in (None, "")
        assert await ask(engine, PID) == first


async def test_init_may_leave_a_temporary_table_and_codecs_of_its_own(postgres_url: str):
    async def init(connection: Connection) -> None:
        await connection.execute("CREATE TEMPORARY TABLE IF NOT EXISTS scratch (n int)")

    async with create_engine(postgres_url, init=init, max_connections=1) as engine:
        await engine.execute("INSERT INTO scratch VALUES (1)")
        assert await ask(engine, "SELECT count(*) FROM scratch") == 1


async def test_error_of_init_is_the_acquirers_and_closes_the_connection(postgres_url: str):
    async def init(connection: Connection) -> None:
        await connection.execute("SELECT 1")
        if not good:
            raise LookupError("not today")

    good = False
    async with create_engine(postgres_url, init=init, min_connections=0, max_connections=1) as engine:
        with pytest.raises(LookupError, match="not today"):
            await engine.execute("SELECT 1")
        with pytest.raises(LookupError, match="not today"):
            async with engine.connect():
                pass
        assert engine.status().size == 0
        good = True
        assert await ask(engine, "SELECT 1") == 1


async def test_sync_init_and_one_that_does_nothing_are_fine(postgres_url: str):
    seen: list[Connection] = []
    async with create_engine(postgres_url, init=seen.append, max_connections=1) as engine:
        assert await ask(engine, "SELECT 1") == 1
        with pytest.raises(ormkit.InterfaceError, match="closed"):
            await seen[0].execute("SELECT 1")


async def test_reset_runs_after_each_borrower_before_the_next(postgres_url: str):
    marks = []

    async def reset(connection: Connection) -> None:
        marks.append((await connection.execute("SELECT current_setting('my.mark', true)")).scalar())
        await connection.execute("SET my.mark = 'reset'")

    async with create_engine(postgres_url, reset=reset, max_connections=1) as engine:
        assert marks == [], "opening is no use"
        seen = [await ask(engine, "SELECT current_setting('my.mark', true)") for _ in range(3)]
        assert seen == [None, "reset", "reset"]
        async with engine.begin() as connection:
            await connection.execute("SELECT 1")
        await settled(engine)
        assert marks == [None, "reset", "reset", "reset"]


async def test_error_of_reset_goes_to_the_loop_and_the_connection_is_replaced(postgres_url: str):
    told = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context))

    async def reset(connection: Connection) -> None:
        await connection.execute("SELECT 1 / 0")

    async with create_engine(postgres_url, reset=reset, max_connections=1) as engine:
        first = await ask(engine, PID)
        assert await ask(engine, PID) != first
        await settled(engine)
    assert [type(context["exception"]) for context in told] == [ormkit.DataError] * 2
    assert "its connection was closed" in told[0]["message"]


async def test_close_tells_why(postgres_url: str):
    closed: list[ClosedConnection] = []
    async with create_engine(postgres_url, close=closed.append, max_connections=1) as engine:
        first = await ask(engine, PID)
        await engine.dispose()
        second = await ask(engine, PID)
        async with create_engine(postgres_url) as other:
            await other.execute("SELECT pg_terminate_backend($1, 5000)", [second])
        third = await ask(engine, PID)
    assert [(each.backend_pid, each.reason) for each in closed] == [
        (first, "disposed"),
        (second, "lost"),
        (third, "disposed"),
    ]
    assert all(each.age > 0 for each in closed)
    assert repr(closed[0]).startswith(f"<ClosedConnection disposed backend_pid={first} after ")


async def test_cancelled_acquirer_cancels_init_and_leaves_a_whole_pool(postgres_url: str):
    begun, ended = asyncio.Event(), asyncio.Event()

    async def init(connection: Connection) -> None:
        begun.set()
        try:
            await connection.execute("SELECT pg_sleep(30)")
        finally:
            ended.set()

    engine = create_engine(postgres_url, init=init, min_connections=0, max_connections=1)
    task = asyncio.create_task(engine.execute("SELECT 1"))
    await asyncio.wait_for(begun.wait(), 5)
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(ended.wait(), 5)
    await settled(engine)
    assert engine.status().size == 0
    await engine.close()


@pytest.mark.parametrize("steps", range(12))
async def test_acquire_cancelled_at_any_step_leaves_a_whole_pool(postgres_url: str, steps: int):
    async def init(connection: Connection) -> None:
        await asyncio.sleep(0)
        await set_name(connection)
        await asyncio.sleep(0)

    async def reset(connection: Connection) -> None:
        await connection.execute("SELECT 1")

    async with create_engine(
        postgres_url, init=init, reset=reset, min_connections=0, max_connections=1, acquire_timeout=5
    ) as engine:
        task = asyncio.create_task(engine.execute(NAME))
        for _ in range(steps):
            await asyncio.sleep(0.0005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await settled(engine)
        for _ in range(2):
            assert await ask(engine, NAME) == "prepared"


async def test_init_that_hangs_is_given_up_at_the_connect_timeout(postgres_url: str):
    async def init(_connection: Connection) -> None:
        await asyncio.sleep(60)

    async with create_engine(postgres_url, init=init, min_connections=0, connect_timeout=0.1) as engine:
        with pytest.raises(ormkit.OperationalError, match="init callback did not end within 0.1 s"):
            await engine.execute("SELECT 1")
        assert engine.status().size == 0


async def test_init_that_is_cancelled_by_somebody_is_an_error_and_no_cancelling(postgres_url: str):
    async def init(_connection: Connection) -> None:
        raise asyncio.CancelledError

    async with create_engine(postgres_url, init=init, min_connections=0) as engine:
        with pytest.raises(ormkit.OperationalError, match="init callback was cancelled"):
            await engine.execute("SELECT 1")


async def test_init_that_closes_its_connection_is_an_error(postgres_url: str):
    async def init(connection: Connection) -> None:
        await connection.close()

    async with create_engine(postgres_url, init=init, min_connections=0) as engine:
        with pytest.raises(ormkit.OperationalError, match="closed or lost its connection"):
            await engine.execute("SELECT 1")
        assert engine.status().size == 0


def test_each_loop_has_its_connections_prepared(postgres_url: str):
    loops = []

    async def init(connection: Connection) -> None:
        loops.append(asyncio.get_running_loop())
        await set_name(connection)

    closed: list[ClosedConnection] = []
    engine = create_engine(postgres_url, init=init, close=closed.append, min_connections=0)

    async def once() -> object:
        return await ask(engine, NAME)

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(lambda _: asyncio.run(once()), range(4))) == ["prepared"] * 4
    assert len(set(map(id, loops))) == 4
    asyncio.run(engine.close())


def test_callbacks_are_callables_and_for_postgresql():
    with pytest.raises(TypeError, match="init must be a callable, not int"):
        create_engine("postgresql://localhost/x", init=1)
    with pytest.raises(ormkit.NotSupportedError, match="callbacks of connections on SQLite"):
        create_engine("sqlite::memory:", close=print)


@pytest.mark.parametrize(
    "sql", ["SET ROLE trusty", "SET SESSION AUTHORIZATION trusty", "SELECT set_config('role', 'trusty', false)"]
)
async def test_role_of_one_borrower_is_not_that_of_the_next(postgres_url: str, sql: str):
    async with create_engine(postgres_url, max_connections=1) as engine:
        own = (await engine.execute("SELECT current_user, session_user, pg_backend_pid()")).tuples()
        async with engine.connect() as connection:
            await connection.execute(sql)
            assert await connection.scalar("SELECT current_user") == "trusty"
            await connection.commit()
        await settled(engine)
        assert (await engine.execute("SELECT current_user, session_user, pg_backend_pid()")).tuples() == own
