"""Connections that died while they were idle: replaced before anybody notices."""

from __future__ import annotations

import asyncio
import time

import pytest
from proxy import Proxy

import ormkit
from ormkit import create_engine

PID = "SELECT pg_backend_pid()"


async def pid(engine: ormkit.ConnectionPool) -> int:
    return (await engine.execute(PID)).scalar()


async def test_silent_path_is_found_by_a_ping_and_the_connection_replaced(postgres_url: str):
    async with Proxy(postgres_url) as proxy, create_engine(proxy.url, max_connections=1, ping_after=0) as engine:
        first = await pid(engine)
        proxy.stall()
        began = time.monotonic()
        assert await pid(engine) != first
        assert 1.9 < time.monotonic() - began < 5
        assert (proxy.accepted, engine.status().size) == (2, 1)


async def test_live_connection_that_was_idle_is_kept(postgres_url: str):
    async with create_engine(postgres_url, max_connections=1, ping_after=0) as engine:
        assert await pid(engine) == await pid(engine)
        async with engine.begin() as connection:
            assert (await connection.execute("SELECT 1")).scalar() == 1


@pytest.mark.parametrize("after", [30, None])
async def test_connection_that_is_in_use_is_not_pinged(postgres_url: str, after: float | None):
    async with Proxy(postgres_url) as proxy:
        engine = create_engine(proxy.url, max_connections=1, ping_after=after)
        first = await pid(engine)
        assert await pid(engine) == first
        proxy.stall()
        # No ping is due: the statement itself meets the silence.
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(engine.execute("SELECT 1"), 0.2)
        assert await pid(engine) != first
        await engine.close(timeout=0)


async def test_task_that_is_cancelled_during_the_ping_leaves_a_whole_pool(postgres_url: str):
    async with Proxy(postgres_url) as proxy:
        engine = create_engine(proxy.url, max_connections=1, ping_after=0)
        first = await pid(engine)
        proxy.stall()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(engine.execute("SELECT 1"), 0.1)
        assert await pid(engine) != first
        await engine.close(timeout=0)


async def test_ended_backend_is_seen_without_a_ping(postgres_url: str):
    async with create_engine(postgres_url, max_connections=1) as engine, create_engine(postgres_url) as other:
        first = await pid(engine)
        await other.execute("SELECT pg_terminate_backend($1, 5000)", [first])
        assert await pid(engine) != first
