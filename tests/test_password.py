"""`password=`: a text, or a function that is asked for each new connection, also an async one."""

from __future__ import annotations

import asyncio
import gc
import traceback
import weakref
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote, urlsplit

import pytest

import ormkit
from ormkit import create_engine

PID = "SELECT pg_backend_pid()"


class Given:
    """The server's address without its password, and the password."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.password = unquote(parts.password or "")
        self.url = url.replace(f":{parts.password}@", "@")
        self.asked = 0

    def ask(self) -> str:
        self.asked += 1
        return self.password

    async def ask_later(self) -> str:
        await asyncio.sleep(0)
        return self.ask()


@pytest.fixture
def given(postgres_url: str) -> Given:
    return Given(postgres_url)


async def test_fixed_password_stands_for_that_of_the_url(given: Given):
    async with create_engine(given.url, password=given.password) as engine:
        assert (await engine.execute("SELECT 1")).scalar() == 1
    assert given.password not in repr(engine) + engine.url


@pytest.mark.parametrize("way", ["ask", "ask_later"])
async def test_callable_is_asked_once_for_each_connection(given: Given, way: str):
    engine = create_engine(given.url, password=getattr(given, way), max_connections=3)
    assert given.asked == 0, "nothing was opened yet"
    async with engine:
        assert given.asked == 1
        for _ in range(5):
            await engine.execute("SELECT 1")
        assert given.asked == 1
        await asyncio.gather(*(engine.execute("SELECT pg_sleep(0.05)") for _ in range(3)))
        assert given.asked == 3


async def test_rotated_password_is_used_by_the_connections_that_follow(given: Given):
    good, given.password = given.password, "wrong"
    engine = create_engine(given.url, password=given.ask_later)
    with pytest.raises(ormkit.OperationalError) as caught:
        await engine
    assert caught.value.sqlstate == "28P01"
    given.password = good
    first = (await engine.execute(PID)).scalar()
    await engine.dispose()
    assert (await engine.execute(PID)).scalar() != first
    assert given.asked == 3
    await engine.close()


async def test_its_error_is_the_connects_and_tells_no_secret(given: Given):
    class Refused(Exception):
        pass

    async def refuse() -> str:
        raise Refused("token hunter2 has expired")

    async with create_engine(given.url, password=refuse, min_connections=0) as engine:
        with pytest.raises(ormkit.OperationalError, match="the password callable raised Refused") as caught:
            await engine.execute("SELECT 1")
        assert isinstance(caught.value.__cause__, Refused)
        assert "hunter2" not in str(caught.value) + repr(caught.value)
        assert engine.status().size == 0


@pytest.mark.parametrize("answer", [None, b"secret", 7])
async def test_answer_that_is_no_text_is_refused_unseen(given: Given, answer: object):
    async with create_engine(given.url, password=lambda: answer, min_connections=0) as engine:
        with pytest.raises(ormkit.InterfaceError, match=f"answered {type(answer).__name__}, not str"):
            await engine.execute("SELECT 1")


async def test_nul_in_the_answer_is_refused(given: Given):
    async with create_engine(given.url, password=lambda: "hunter2\0", min_connections=0) as engine:
        with pytest.raises(ormkit.InterfaceError, match="must not contain NUL") as caught:
            await engine.execute("SELECT 1")
        assert "hunter2" not in str(caught.value)


async def test_cancelled_connect_cancels_the_callable(given: Given):
    asked, ended = asyncio.Event(), asyncio.Event()

    async def hang() -> str:
        asked.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return ""

    async with create_engine(given.url, password=hang, min_connections=0, max_connections=1) as engine:
        task = asyncio.create_task(engine.execute("SELECT 1"))
        await asyncio.wait_for(asked.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(ended.wait(), 5)
        assert engine.status().size == 0


async def test_callable_that_takes_too_long_is_cancelled_by_the_connect_timeout(given: Given):
    ended = asyncio.Event()

    async def hang() -> str:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return ""

    async with create_engine(given.url, password=hang, min_connections=0, connect_timeout=0.05) as engine:
        with pytest.raises(ormkit.ConnectionLost, match="within 0.05 s"):
            await engine.execute("SELECT 1")
        await asyncio.wait_for(ended.wait(), 5)


async def test_callable_whose_task_is_cancelled_fails_the_connect_and_not_the_caller(given: Given):
    async def give_up() -> str:
        raise asyncio.CancelledError

    async with create_engine(given.url, password=give_up, min_connections=0) as engine:
        with pytest.raises(ormkit.OperationalError, match="the password callable raised CancelledError"):
            await engine.execute("SELECT 1")


def test_each_loop_asks_on_its_own(given: Given):
    loops = []

    async def ask() -> str:
        loops.append(asyncio.get_running_loop())
        return given.ask()

    engine = create_engine(given.url, password=ask, min_connections=0)

    async def once() -> object:
        return (await engine.execute("SELECT 1")).scalar()

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(lambda _: asyncio.run(once()), range(4))) == [1] * 4
    assert len(loops) == len({id(loop) for loop in loops}) == 4
    asyncio.run(engine.close())


async def test_engine_that_is_closed_lets_the_callable_go(given: Given):
    class Vault:
        def ask(self) -> str:
            return given.password

    vault = Vault()
    seen = weakref.ref(vault)
    async with create_engine(given.url, password=vault.ask) as engine:
        await engine.execute("SELECT 1")
    del vault, engine
    gc.collect()
    assert seen() is None


async def test_no_frame_of_the_traceback_shows_the_password(given: Given):
    given.password = "hunter2"
    async with create_engine(given.url, password=given.ask, min_connections=0) as engine:
        with pytest.raises(ormkit.OperationalError) as caught:
            await engine.execute("SELECT 1")
        assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_sqlite_has_no_passwords():
    with pytest.raises(ormkit.NotSupportedError, match="a password on SQLite"):
        create_engine("sqlite::memory:", password="x")


def test_password_is_a_text_or_a_callable():
    with pytest.raises(TypeError, match="password must be a str or a callable, not bytes"):
        create_engine("postgresql://localhost/x", password=b"x")
