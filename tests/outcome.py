"""What is asked of an engine after something has gone wrong."""

from __future__ import annotations

import asyncio
import time
import uuid

import psycopg

import ormkit


class Witness:
    """Looks at the server past the engine: at the connections of one test, and at its rows."""

    def __init__(self, url: str) -> None:
        self.application = f"faults-{uuid.uuid4().hex[:12]}"
        self._url = url
        self._connection: psycopg.Connection | None = None

    def ask(self, sql: str, *values: object) -> list[tuple]:
        """The rows of a statement of its own connection, which is replaced when the server has ended it."""
        for _ in range(200):
            try:
                self._connection = self._connection or psycopg.connect(self._url, autocommit=True)
                cursor = self._connection.execute(sql, values)
            except psycopg.OperationalError:
                self.close()
                time.sleep(0.02)
            else:
                return cursor.fetchall() if cursor.description else []
        raise AssertionError("the server does not come back")

    def close(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None

    def states(self) -> list[str]:
        """Of the connections of this test; a new one has none yet."""
        sql = "SELECT coalesce(state, '') FROM pg_stat_activity WHERE application_name = %s"
        return [state for (state,) in self.ask(sql, self.application)]

    async def until(self, states: list[str], within: float = 5.0) -> None:
        """Returns when the connections of this test are in these states."""
        ends = time.monotonic() + within
        while (found := self.states()) != states:
            assert time.monotonic() < ends, found
            await asyncio.sleep(0.005)

    async def until_sleeping(self) -> None:
        """Returns when a connection of this test executes pg_sleep()."""
        sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND wait_event = 'PgSleep'"
        ends = time.monotonic() + 5
        while self.ask(sql, self.application) != [(1,)]:
            assert time.monotonic() < ends
            await asyncio.sleep(0.005)

    async def until_idle(self, count: int) -> None:
        """Returns when there are so many of them, and all wait for a transaction."""
        await self.until(["idle"] * count)


async def settled(engine: ormkit.ConnectionPool, within: float = 5.0) -> ormkit.PoolStatus:
    """Returns when the pool has everything back."""
    ends = time.monotonic() + within
    while True:
        status = engine.status()
        if (status.in_use, status.draining, status.waiting) == (0, 0, 0):
            return status
        assert time.monotonic() < ends, status
        await asyncio.sleep(0.002)


async def check_whole(engine: ormkit.ConnectionPool) -> None:
    """Every connection of the pool can be had at once, is clean and answers its own query."""
    status = await settled(engine)
    everybody = asyncio.Barrier(status.max) if hasattr(asyncio, "Barrier") else None

    async def ask(number: int) -> None:
        async with engine.begin() as connection:
            # No two of them on one connection.
            if everybody:
                await everybody.wait()
            assert (await connection.execute("SELECT $1::int", [number])).scalar() == number

    await asyncio.wait_for(asyncio.gather(*(ask(number) for number in range(status.max))), 20)
    assert (await settled(engine)).size <= status.max
