"""A server that goes away and comes back: who connects is told at once, who waits is told in time, and nobody hammers it."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import ormkit
from ormkit import create_engine

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))
from postgres_cluster import Cluster

AWAY = (ormkit.ConnectionLost, ormkit.PoolTimeout)


class Door:
    """A port of a server that is not there: it counts who knocks and shuts at once."""

    async def __aenter__(self) -> Door:
        self.knocks: list[float] = []
        self._server = await asyncio.start_server(self._knock, "127.0.0.1", 0)
        self.url = f"postgresql://u@127.0.0.1:{self._server.sockets[0].getsockname()[1]}/db?sslmode=disable"
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._server.close()

    def _knock(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.knocks.append(time.monotonic())
        writer.transport.abort()


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_crowd_knocks_seldom_and_everybody_is_told_in_time():
    async with Door() as door:
        engine = create_engine(door.url, max_connections=10, acquire_timeout=3)
        began = time.monotonic()
        answers = await asyncio.gather(*(engine.execute("SELECT 1") for _ in range(100)), return_exceptions=True)
        took = time.monotonic() - began
        assert {type(answer) for answer in answers} == set(AWAY)
        assert all(door.url.split("/")[2].partition("@")[2] in str(answer) for answer in answers)
        assert took < 3.5
        # Ten were under way at the first failure; then 50 ms, 100 ms … 1 s, each shortened by up to a half.
        assert len(door.knocks) <= 10 + 10
        assert sum(knock > began + 2 for knock in door.knocks) <= 3
        assert Counter(map(type, answers))[ormkit.ConnectionLost] == len(door.knocks)
        assert "cannot connect" in engine.status().connect_error
        await engine.close()


async def test_refused_connect_is_told_at_once():
    async with create_engine(f"postgresql://u@127.0.0.1:{closed_port()}/db", min_connections=0) as engine:
        began = time.monotonic()
        with pytest.raises(ormkit.ConnectionLost, match="refused"):
            await engine.execute("SELECT 1")
        assert time.monotonic() - began < 5


async def test_wrong_password_and_unknown_database_are_told_at_once_every_time(postgres_url: str):
    wrong = postgres_url.rpartition("/")[0] + "/no_such_database"
    async with create_engine(wrong, min_connections=0, max_connections=3) as engine:
        began = time.monotonic()
        answers = await asyncio.gather(*(engine.execute("SELECT 1") for _ in range(30)), return_exceptions=True)
        assert {answer.sqlstate for answer in answers} == {"3D000"}
        assert time.monotonic() - began < 5
        assert engine.status().connect_error is None


async def test_short_acquire_timeout_fails_fast_and_says_why():
    async with Door() as door, create_engine(door.url, min_connections=0, acquire_timeout=0.01) as engine:
        with pytest.raises(ormkit.ConnectionLost):
            await engine.execute("SELECT 1")
        with pytest.raises(ormkit.PoolTimeout, match="the server is away: .*127.0.0.1"):
            await engine.execute("SELECT 1")


@pytest.fixture
def cluster():
    with Cluster() as cluster:
        yield cluster


async def test_restarted_server_is_found_again_by_all(cluster: Cluster):
    async with create_engine(cluster.url, max_connections=5, acquire_timeout=20) as engine:

        async def work() -> int:
            return (await engine.execute("SELECT count(*) FROM pg_class")).scalar()

        await asyncio.gather(*(work() for _ in range(20)))
        await asyncio.to_thread(cluster.halt)
        with pytest.raises(ormkit.ConnectionLost):
            await work()
        crowd = [asyncio.create_task(work()) for _ in range(50)]
        await asyncio.sleep(1)
        await asyncio.to_thread(cluster.resume)
        answers = await asyncio.gather(*crowd, return_exceptions=True)
        lost = [answer for answer in answers if isinstance(answer, Exception)]
        assert all(isinstance(answer, ormkit.ConnectionLost) for answer in lost), lost
        assert len(lost) <= 10, "one for each attempt while it was away"
        assert await work() > 0
        status = engine.status()
        assert (status.in_use, status.waiting, status.connect_error) == (0, 0, None)


async def test_task_that_is_cancelled_while_it_waits_for_the_server_leaves_a_whole_pool(cluster: Cluster):
    async with create_engine(cluster.url, max_connections=2, acquire_timeout=20) as engine:
        await engine.execute("SELECT 1")
        await asyncio.to_thread(cluster.halt)
        with pytest.raises(ormkit.ConnectionLost):
            await engine.execute("SELECT 1")
        crowd = [asyncio.create_task(engine.execute("SELECT 1")) for _ in range(10)]
        for task in crowd:
            await asyncio.sleep(0.02)
            task.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)
        await asyncio.to_thread(cluster.resume)
        for _ in range(3):
            assert (await engine.execute("SELECT 1")).scalar() == 1
        assert (engine.status().in_use, engine.status().waiting) == (0, 0)


def test_each_loop_finds_out_for_itself():
    engine = create_engine(f"postgresql://u@127.0.0.1:{closed_port()}/db", min_connections=0)

    async def knock() -> str:
        began = time.monotonic()
        with pytest.raises(ormkit.ConnectionLost):
            await engine.execute("SELECT 1")
        assert time.monotonic() - began < 5
        return "told"

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(lambda _: asyncio.run(knock()), range(4))) == ["told"] * 4
    asyncio.run(engine.close())
