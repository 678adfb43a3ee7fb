"""Ends that nobody wrote: sessions and engines that are dropped, interpreters that exit, processes that fork."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import subprocess
import sys
import textwrap
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from library import Author, Base

import ormkit


def run_program(body: str, url: str) -> subprocess.CompletedProcess[str]:
    """Runs a program in an interpreter of its own, every warning an error."""
    head = "import asyncio, gc, os, sys, warnings\nimport ormkit\nfrom library import Author, Base\nurl = sys.argv[1]\n"
    program = head + textwrap.dedent(body)
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", program, url]
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    # asyncio's debug mode, which `-X dev` brings along, tells of a busy machine.
    ended.stderr = re.sub(r"^Executing <.* took [\d.]+ seconds\n", "", ended.stderr, flags=re.MULTILINE)
    return ended


async def drop_session(engine: ormkit.ConnectionPool, *, flush: bool) -> None:
    session = ormkit.AsyncSession(engine)
    session.add(Author(name="Ada"))
    if flush:
        await session.flush()


@pytest.mark.parametrize(
    ("flush", "lost"),
    [(False, "1 unflushed object"), (True, "flushed changes were rolled back")],
)
async def test_dropped_session_says_what_is_lost_and_gives_its_connection_back(url: str, flush: bool, lost: str):
    async with ormkit.create_engine(url, max_connections=1, acquire_timeout=5) as engine:
        await Base.metadata.create_all(engine)
        with pytest.warns(ormkit.UncommittedWarning, match=f"{lost}.*dropped without close"):
            await drop_session(engine, flush=flush)
            gc.collect()
        async with ormkit.AsyncSession(engine) as session:
            assert await session.query(Author).all() == []


async def test_dropped_open_transaction_warns_and_the_pool_is_usable(url: str):
    async def leave(engine: ormkit.ConnectionPool) -> None:
        await ormkit.AsyncSession(engine).begin().__aenter__()

    async with ormkit.create_engine(url, max_connections=1, acquire_timeout=5) as engine:
        with pytest.warns(ormkit.UncommittedWarning, match="an open transaction was rolled back"):
            await leave(engine)
            gc.collect()
        assert (await engine.execute("SELECT 1")).scalar() == 1


async def test_objects_of_a_dropped_session_may_be_added_again(engine: ormkit.ConnectionPool):
    await Base.metadata.create_all(engine)
    author = Author(name="Ada")
    with pytest.warns(ormkit.UncommittedWarning):
        ormkit.AsyncSession(engine).add(author)
        gc.collect()
    async with ormkit.AsyncSession(engine) as session:
        session.add(author)
        await session.commit()
        assert await session.query(Author).count() == 1


async def test_dropped_session_without_work_is_silent(engine: ormkit.ConnectionPool):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ormkit.AsyncSession(engine)
        gc.collect()


async def test_unclosed_sqlite_engine_warns(sqlite_url: str):
    async def leave() -> None:
        engine = ormkit.create_engine(sqlite_url)
        await Base.metadata.create_all(engine)

    with pytest.warns(ResourceWarning, match="unclosed engine sqlite:"):
        await leave()
        gc.collect()


async def test_unclosed_engine_leaves_no_connection_at_the_server(postgres_url: str):
    async def leave() -> int:
        engine = ormkit.create_engine(postgres_url)
        return (await engine.execute("SELECT pg_backend_pid()")).scalar()

    with pytest.warns(ResourceWarning, match="unclosed engine postgresql:"):
        pid = await leave()
        gc.collect()
    async with ormkit.create_engine(postgres_url) as engine:
        for _ in range(200):
            seen = await engine.execute("SELECT 1 FROM pg_stat_activity WHERE pid = $1", [pid])
            if seen.is_empty():
                return
            await asyncio.sleep(0.02)
    pytest.fail("the connection is still open")


def test_closed_properly_nothing_warns_up_to_the_exit(url: str):
    ended = run_program(
        """
        async def main():
            async with ormkit.create_engine(url) as engine:
                await Base.metadata.create_all(engine)
                async with ormkit.AsyncSession(engine) as session:
                    session.add(Author(name="Ada"))
                    await session.commit()
        asyncio.run(main())
        """,
        url,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_warnings_that_are_errors_are_reported_and_nothing_panics(url: str):
    ended = run_program(
        """
        async def leave():
            engine = ormkit.create_engine(url)
            await Base.metadata.create_all(engine)
            session = ormkit.AsyncSession(engine)
            session.add(Author(name="Ada"))
        asyncio.run(leave())
        gc.collect()
        print("still here")
        """,
        url,
    )
    assert (ended.returncode, ended.stdout) == (0, "still here\n")
    assert "UncommittedWarning: 1 unflushed object" in ended.stderr
    assert "ResourceWarning: unclosed engine" in ended.stderr
    assert "panicked" not in ended.stderr


FORK = """
warnings.simplefilter("ignore", DeprecationWarning)  # Python's own, about fork() beside threads

async def child(engine):
    try:
        await engine.execute("SELECT 1")
    except ormkit.InterfaceError as error:
        return "create an engine in the child" in str(error)

async def main():
    engine = ormkit.create_engine(url)
    await Base.metadata.create_all(engine)
    session = ormkit.AsyncSession(engine)
    session.add(Author(name="Ada"))
    await session.flush()
    pid = os.fork()
    if pid == 0:
        asyncio._set_running_loop(None)
        good = asyncio.run(child(engine))
        del session, engine
        gc.collect()
        sys.exit(0 if good else 1)  # the whole exit, with everything that it frees
    _, status = os.waitpid(pid, 0)
    await session.commit()
    async with ormkit.AsyncSession(engine) as after:
        print(os.waitstatus_to_exitcode(status), await after.query(Author).count())
    await session.close()
    await engine.close()

asyncio.run(main())
"""


def test_forked_child_is_told_to_make_its_own_engine_and_the_parent_goes_on(url: str):
    ended = run_program(FORK, url)
    assert ended.stdout == "0 1\n", ended.stderr
    assert ended.returncode == 0


FORK_WITH_CALLBACKS = """
from urllib.parse import unquote, urlsplit
warnings.simplefilter("ignore", DeprecationWarning)
told = []

async def init(connection):
    await connection.execute("SET application_name = 'prepared'")

async def reset(connection):
    await connection.execute("SELECT 1")

async def password():
    return secret

def make():
    return ormkit.create_engine(
        url, password=password, init=init, reset=reset, close=told.append, min_connections=2, max_connections=2, ping_after=0
    )

async def ask(engine):
    return (await engine.execute("SELECT current_setting('application_name')")).scalar()

async def child():
    async with make() as engine:
        good = await ask(engine) == "prepared" and engine.status().size == 2
    return good and [closed.reason for closed in told] == ["disposed"] * 2

async def main():
    engine = await make()
    assert await ask(engine) == "prepared"
    pid = os.fork()
    if pid == 0:
        asyncio._set_running_loop(None)
        good = asyncio.run(child())
        del engine
        gc.collect()
        sys.exit(0 if good else 1)
    _, status = os.waitpid(pid, 0)
    for _ in range(3):
        assert await ask(engine) == "prepared"
    print(os.waitstatus_to_exitcode(status), len(told), engine.status().counters.opened)
    await engine.close()
    print(len(told))

encoded = urlsplit(url).password
secret, url = unquote(encoded), url.replace(f":{encoded}@", "@")
asyncio.run(main())
"""


def test_callbacks_and_the_minimum_are_each_processes_own(postgres_url: str):
    ended = run_program(FORK_WITH_CALLBACKS, postgres_url)
    assert ended.stdout == "0 0 2\n2\n", ended.stderr
    assert ended.returncode == 0


FORK_AMID_WORK = """
warnings.simplefilter("ignore", DeprecationWarning)

async def main():
    engine = ormkit.create_engine(url, max_connections=1)
    working = asyncio.create_task(engine.execute("SELECT 1, pg_sleep(0.5)"))
    waiting = asyncio.create_task(engine.execute("SELECT 2"))
    await asyncio.sleep(0.1)
    pid = os.fork()
    if pid == 0:
        sys.exit(0)  # asyncio.run cancels what its copy of the loop has
    _, status = os.waitpid(pid, 0)
    print(os.waitstatus_to_exitcode(status), (await working).rowcount, (await waiting).scalar())
    await engine.close()

asyncio.run(main())
"""


def test_child_that_is_forked_amid_work_exits_and_the_parents_work_goes_on(postgres_url: str):
    ended = run_program(FORK_AMID_WORK, postgres_url)
    assert (ended.stdout, ended.stderr) == ("0 1 2\n", "")


async def test_shared_cache_is_refused(tmp_path: Path):
    with pytest.raises(ormkit.InterfaceError, match="leave it out"):
        ormkit.create_engine(f"sqlite:///{tmp_path / 'x.db'}?cache=shared")


async def test_text_in_double_quotes_is_never_a_string(sqlite_url: str):
    async with ormkit.create_engine(sqlite_url) as engine:
        with pytest.raises(ormkit.ProgrammingError, match="no such column"):
            await engine.execute('SELECT "text"')


def test_database_in_memory_is_one_for_all_loops_of_its_engine():
    engine = ormkit.create_engine("sqlite::memory:")

    async def make():
        await engine.execute("CREATE TABLE t (x INT)")
        await engine.execute("INSERT INTO t VALUES (1)")

    async def count():
        return (await engine.execute("SELECT count(*) FROM t")).scalar()

    async def close():
        await engine.close()

    asyncio.run(make())
    assert asyncio.run(count()) == 1
    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(lambda _: asyncio.run(count()), range(3))) == [1, 1, 1]
    asyncio.run(close())


async def test_status_names_who_has_a_connection(url):
    async with ormkit.create_engine(url, max_connections=2, acquire_timeout=0.05) as db:
        await Base.metadata.create_all(db)
        assert (db.status().in_use, db.status().holders, db.status().max) == (0, (), 2)

        async def hold(opened, close):
            async with ormkit.AsyncSession(db) as session, session.begin(read_only=True):
                await session.query(Author).filter(name="Ann").all()
                opened.set()
                await close.wait()

        opened, close = [asyncio.Event(), asyncio.Event()], asyncio.Event()
        tasks = [asyncio.create_task(hold(opened[n], close), name=f"import-{n}") for n in range(2)]
        for event in opened:
            await event.wait()
        status = db.status()
        assert (status.size, status.in_use, status.idle, status.waiting) == (2, 2, 0, 0)
        assert {holder.name for holder in status.holders} == {'task "import-0"', 'task "import-1"'}
        assert all(holder.age >= 0 and "authors" in holder.last_statement for holder in status.holders)
        assert "Ann" not in repr(status.holders)
        with pytest.raises(
            ormkit.PoolTimeout, match='2 of 2 connections in use.*held by task "import-[01]" for .*SELECT'
        ):
            await db.execute("SELECT 1")
        close.set()
        await asyncio.gather(*tasks)
        assert (db.status().in_use, db.status().idle, db.status().holders) == (0, 2, ())
        assert repr(db.status()) == "<PoolStatus size=2 idle=2 in_use=0 waiting=0 draining=0 max=2>"
