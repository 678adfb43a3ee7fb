"""What an engine tells of its pool: a line that may be full, and counters."""

from __future__ import annotations

import asyncio
import time

import pytest

import ormkit
from ormkit import create_engine


async def test_full_line_refuses_at_once(url: str):
    async with create_engine(url, max_connections=1, max_waiting=1) as engine:
        async with engine.begin():
            waiter = asyncio.create_task(engine.execute("SELECT 1"))
            await asyncio.sleep(0.01)
            began = time.monotonic()
            with pytest.raises(
                ormkit.PoolTimeout, match=r"line for a connection is full \(1 of 1 .*, 1 waiting; held by"
            ):
                await engine.execute("SELECT 1")
            assert time.monotonic() - began < 1
        assert (await waiter).scalar() == 1
        assert engine.status().counters.refused == 1


async def test_max_waiting_of_none_at_all_serves_who_need_not_wait(url: str):
    async with create_engine(url, max_connections=1, max_waiting=0) as engine:
        for _ in range(3):
            await engine.execute("SELECT 1")
        answers = await asyncio.gather(*(engine.connect() for _ in range(3)), return_exceptions=True)
        assert sorted(type(answer).__name__ for answer in answers) == ["Connection", "PoolTimeout", "PoolTimeout"]
        for answer in answers:
            if isinstance(answer, ormkit.Connection):
                await answer.close()


async def test_counters_tell_what_was_done(postgres_url: str):
    async with create_engine(postgres_url, max_connections=1, acquire_timeout=0.1) as engine:
        for _ in range(4):
            await engine.execute("SELECT 1")
        async with engine.begin() as connection:
            await connection.execute("SET application_name = 'changed'")
            with pytest.raises(ormkit.PoolTimeout):
                await engine.execute("SELECT 1")
            cancelled = asyncio.create_task(engine.execute("SELECT 1"))
            await asyncio.sleep(0.01)
            cancelled.cancel()
            await asyncio.gather(cancelled, return_exceptions=True)
        for _ in range(1000):
            if engine.status().idle:
                break
            await asyncio.sleep(0.002)
        await engine.dispose()
        counters = engine.status().counters
        assert (counters.opened, counters.connect_failures) == (1, 0)
        assert counters.closed == {
            "lost": 0,
            "lifetime": 0,
            "idle": 0,
            "disposed": 1,
            "unclean": 0,
            "surplus": 0,
            "callback": 0,
        }
        assert (counters.acquires, counters.waits, counters.timeouts, counters.cancels) == (7, 2, 1, 1)
        assert 0.1 <= counters.wait_max <= counters.wait_total < 1
        assert (counters.cleaned, counters.resets, counters.refused) == (1, 1, 0)
        assert repr(counters).startswith("<PoolCounters opened=1 acquires=7 waits=2 wait_max=0.1")


async def test_failed_connects_are_counted():
    async with create_engine("postgresql://u@127.0.0.1:1/db", min_connections=0) as engine:
        with pytest.raises(ormkit.ConnectionLost):
            await engine.execute("SELECT 1")
        assert (engine.status().counters.connect_failures, engine.status().counters.opened) == (1, 0)


def test_max_waiting_is_a_number():
    with pytest.raises(ValueError, match="max_waiting must be a number from 0 up, not -1"):
        create_engine("sqlite::memory:", max_waiting=-1)
