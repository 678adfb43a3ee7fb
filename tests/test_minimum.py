"""The minimum of an engine: opened by `await engine`, and kept from then on."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

import pytest

import ormkit
from ormkit import create_engine

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))
from postgres_cluster import Cluster

PIDS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'kept' ORDER BY pid"


async def until_idle(engine: ormkit.ConnectionPool, count: int) -> None:
    for _ in range(2500):
        if engine.status().idle == count:
            return
        await asyncio.sleep(0.004)
    pytest.fail(f"never {count} idle: {engine.status()}, {engine.status().counters}")


async def test_connections_that_end_are_replaced_without_anybody_asking(postgres_url: str):
    settings = {"application_name": "kept"}
    async with (
        create_engine(postgres_url, min_connections=3, max_connections=4, settings=settings) as engine,
        create_engine(postgres_url) as other,
    ):
        before = (await other.execute(PIDS)).scalars()
        assert len(before) == 3
        for pid in before:
            await other.execute("SELECT pg_terminate_backend($1, 5000)", [pid])
        # The first statement meets an ended connection, and replaces it; upkeep needs no second one.
        await engine.execute("SELECT 1")
        await asyncio.gather(*(engine.execute("SELECT 1") for _ in range(3)))
        await until_idle(engine, 3)
        after = (await other.execute(PIDS)).scalars()
        assert len(after) == 3
        assert not set(before) & set(after)


async def test_connections_past_their_lifetime_are_replaced(postgres_url: str):
    async with create_engine(postgres_url, min_connections=2, max_lifetime=0.3, idle_timeout=1) as engine:
        await until_idle(engine, 2)
        for _ in range(200):
            if engine.status().counters.closed["lifetime"] >= 2:
                break
            await asyncio.sleep(0.02)
        await until_idle(engine, 2)
        assert engine.status().counters.opened >= 4


async def test_minimum_is_there_again_after_a_restart_of_the_server():
    with Cluster() as cluster:
        async with create_engine(cluster.url, min_connections=2, max_connections=3) as engine:
            await asyncio.to_thread(cluster.halt)
            for _ in range(2):
                with contextlib.suppress(ormkit.ConnectionLost, asyncio.TimeoutError):
                    await asyncio.wait_for(engine.execute("SELECT 1"), 1)
            assert engine.status().idle == 0
            await asyncio.to_thread(cluster.resume)
            await until_idle(engine, 2)


async def test_disposed_engine_opens_nothing_by_itself(postgres_url: str):
    async with create_engine(postgres_url, min_connections=2) as engine:
        await engine.dispose()
        await asyncio.sleep(0.1)
        assert engine.status().size == 0
        await engine
        assert engine.status().idle == 2


async def test_engine_that_was_not_opened_opens_what_it_needs(postgres_url: str):
    engine = create_engine(postgres_url, min_connections=3)
    await engine.execute("SELECT 1")
    await asyncio.sleep(0.05)
    assert engine.status().size == 1
    await engine.close()
