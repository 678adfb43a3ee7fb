"""`engine.listen()`: notifications of PostgreSQL, on asyncio and on uvloop."""

import asyncio
import contextlib
import gc
import logging
import os
import time

import psycopg
import pytest

from ormkit import ConcurrentSessionUse, ConnectionLost, InterfaceError, InvalidRequestError, Unsupported, create_engine

LOOPS = ["asyncio", "uvloop"]


@pytest.fixture
async def engine(postgres_url):
    async with create_engine(postgres_url) as engine:
        yield engine


def run(work, loop):
    if loop == "uvloop":
        return pytest.importorskip("uvloop").run(work)
    return asyncio.run(work)


async def soon(awaitable):
    return await asyncio.wait_for(awaitable, 10)


async def backends(engine):
    """The listening backends of this database."""
    rows = await engine.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    )
    return rows.scalars()


async def gone(engine):
    for _ in range(500):
        if not await backends(engine):
            return True
        await asyncio.sleep(0.01)
    return False


@pytest.mark.parametrize("loop", LOOPS)
def test_notifications_of_several_channels_come_in_order(postgres_url, loop):
    async def work():
        async with create_engine(postgres_url) as engine, engine.listen("jobs", 'Odd "name"', "user") as listener:
            assert listener.channels == ("jobs", 'Odd "name"', "user")
            await engine.execute(
                "SELECT pg_notify('jobs', 'one'), pg_notify('Odd \"name\"', ''), pg_notify('user', 'ü')"
            )
            heard = [await soon(anext(listener)) for _ in range(3)]
            assert [(said.channel, said.payload) for said in heard] == [
                ("jobs", "one"),
                ('Odd "name"', ""),
                ("user", "ü"),
            ]
            assert all(said.pid > 0 and not said.missed for said in heard)
            waiting = asyncio.create_task(anext(listener))
            await asyncio.sleep(0.05)
            await engine.execute("NOTIFY jobs, 'while it waits'")
            assert (await soon(waiting)).payload == "while it waits"

    run(work(), loop)


async def test_leaving_the_block_closes_the_connection(engine):
    async with engine.listen("jobs") as listener:
        await engine.execute("NOTIFY jobs")
        assert len(await backends(engine)) == 1
        async for said in listener:
            assert said.channel == "jobs"
            break
    assert await gone(engine)
    with pytest.raises(InterfaceError):
        await anext(listener)
    with pytest.raises(InvalidRequestError, match="opened before"):
        async with listener:
            pass


async def test_cancelled_task_closes_the_connection(engine):
    async def work():
        async with engine.listen("jobs") as listener:
            async for _ in listener:
                pass

    task = asyncio.create_task(work())
    for _ in range(500):
        if await backends(engine):
            break
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await gone(engine)


async def test_closing_ends_who_waits(engine):
    async def consume(listener):
        async for _ in listener:
            pass
        return "ended"

    async with engine.listen("jobs") as listener:
        consumer = asyncio.create_task(consume(listener))
        await asyncio.sleep(0.05)
        await listener.close()
        assert await soon(consumer) == "ended"
        assert await gone(engine)
    async with engine.listen("jobs") as listener:
        consumer = asyncio.create_task(consume(listener))
        await asyncio.sleep(0.05)
    assert await soon(consumer) == "ended"
    assert await gone(engine)


async def test_cancelled_wait_loses_nothing(engine):
    async with engine.listen("jobs") as listener:
        for number in range(30):
            task = asyncio.create_task(anext(listener))
            for _ in range(number % 7):
                await asyncio.sleep(0)
            task.cancel()
            heard = []
            with contextlib.suppress(asyncio.CancelledError):
                heard.append((await task).payload)
            await engine.execute("SELECT pg_notify('jobs', $1::text)", [str(number)])
            if not heard:
                assert (await soon(anext(listener))).payload == str(number)


async def test_abandoned_listener_warns_and_closes(engine):
    listener = await engine.listen("jobs").__aenter__()
    assert len(await backends(engine)) == 1
    with pytest.warns(ResourceWarning, match="unclosed listener to jobs"):
        del listener
        gc.collect()
    assert await gone(engine)


async def test_entering_that_is_cancelled_leaves_nothing_open(engine):
    for steps in range(12):
        task = asyncio.create_task(engine.listen("jobs").__aenter__())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await (await task).close()
    assert await gone(engine)


@pytest.mark.parametrize("loop", LOOPS)
def test_lost_connection_is_restored_and_says_so(postgres_url, caplog, loop):
    caplog.set_level(logging.INFO, "ormkit.postgresql")

    async def work():
        async with create_engine(postgres_url) as engine, engine.listen("jobs", "news") as listener:
            for _ in range(2):
                (backend,) = await backends(engine)
                waiting = asyncio.create_task(anext(listener))
                await asyncio.sleep(0.01)
                await engine.execute("SELECT pg_terminate_backend($1::int)", [backend])
                marks = [await soon(waiting), await soon(anext(listener))]
                assert [(mark.channel, mark.payload, mark.missed) for mark in marks] == [
                    ("jobs", "", True),
                    ("news", "", True),
                ]
                await engine.execute("NOTIFY news, 'again'")
                said = await soon(anext(listener))
                assert (said.channel, said.payload, said.missed) == ("news", "again", False)

    run(work(), loop)
    levels = [record.levelname for record in caplog.records]
    assert levels == ["WARNING", "INFO"] * 2
    assert "listening to jobs, news is interrupted, next attempt in 0." in caplog.records[0].getMessage()


async def test_what_does_not_pass_by_itself_is_raised(engine, postgres_url, postgres_admin):
    postgres_admin.execute("DROP ROLE IF EXISTS listening")
    postgres_admin.execute("CREATE ROLE listening LOGIN PASSWORD 'first'")
    other = psycopg.conninfo.conninfo_to_dict(postgres_url)
    url = f"postgresql://listening:first@{other['host']}:{other['port']}/{other['dbname']}"
    try:
        async with create_engine(url) as second, second.listen("jobs") as listener:
            postgres_admin.execute("ALTER ROLE listening PASSWORD 'second'")
            (backend,) = await backends(engine)
            await engine.execute("SELECT pg_terminate_backend($1::int)", [backend])
            with pytest.raises(Exception, match="password authentication failed") as raised:
                await soon(anext(listener))
            assert not isinstance(raised.value, ConnectionLost)
            with pytest.raises(InterfaceError):
                await anext(listener)
    finally:
        postgres_admin.execute("DROP ROLE listening")


async def test_wrong_use_is_refused(engine, sqlite_url):
    for name in ["", "x" * 64, "a\0b"]:
        with pytest.raises(InterfaceError, match="the name of a channel"):
            engine.listen("fine", name)
    with pytest.raises(InvalidRequestError, match="enter it"):
        await anext(engine.listen("jobs"))
    async with create_engine(sqlite_url) as sqlite:
        with pytest.raises(Unsupported, match="listen"):
            sqlite.listen("jobs")
    async with engine.listen("jobs") as listener:
        first = asyncio.create_task(anext(listener))
        await asyncio.sleep(0.05)
        with pytest.raises(ConcurrentSessionUse):
            await anext(listener)
        first.cancel()
    closed = create_engine("postgresql://nobody@127.0.0.1:1/x?sslmode=disable")
    with pytest.raises(ConnectionLost):
        async with closed.listen("jobs"):
            pass
    await closed.close()
    with pytest.raises(InterfaceError, match="closed"):
        async with closed.listen("jobs"):
            pass


async def test_idle_listener_takes_no_time_and_a_slow_one_no_memory(engine):
    async with engine.listen("jobs") as listener:
        waiting = asyncio.create_task(anext(listener))
        await asyncio.sleep(0.05)
        before = time.process_time()
        await asyncio.sleep(0.5)
        assert time.process_time() - before < 0.2
        await engine.execute("NOTIFY jobs, 'first'")
        await soon(waiting)
        await engine.execute("SELECT count(pg_notify('jobs', repeat('x', 7000) || n)) FROM generate_series(1, 3000) n")
        before, size = time.process_time(), resident()
        await asyncio.sleep(0.5)
        assert time.process_time() - before < 0.2
        assert resident() - size < 8 << 20
        heard = [(await soon(anext(listener))).payload[7000:] for _ in range(3000)]
        assert heard == [str(number) for number in range(1, 3001)]


def resident():
    """The memory of this process, in bytes."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
