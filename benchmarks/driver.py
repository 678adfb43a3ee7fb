"""ormkit's PostgreSQL driver by itself, without models, beside asyncpg and psycopg: taking turns in one process on one
server. `make bench` builds what this needs.

asyncpg's records and psycopg's tuples are taken as they come; psycopg is asked for binary results. What was read is
compared with what was stored, and what was written is counted, outside of the time measured.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))

import asyncpg
import psycopg
import rows
from contenders.asyncpg_raw import AsyncpgRaw
from postgres_cluster import Cluster
from run import awake, cpus, machine

import ormkit

ROUNDS = 15
CONTENDERS = ["asyncpg", "psycopg", "ormkit"]
ITEMS = "SELECT * FROM items ORDER BY id"
INSERT = "INSERT INTO entries (name, kind, amount, ratio) VALUES ($1, $2, $3, $4)"
ENTRIES = [tuple(rows.entry(n)) for n in range(5_000)]

Work = Callable[[], Awaitable[Any]]


class Clients:
    """One open connection of each."""

    @classmethod
    async def open(cls, url: str) -> Clients:
        self = cls()
        self.url = url
        filler = AsyncpgRaw()
        await filler.open(url)
        await filler.close()
        self.asyncpg = await asyncpg.connect(url)
        self.psycopg = await psycopg.AsyncConnection.connect(url, autocommit=True)
        self.ormkit = await ormkit.create_engine(url, max_connections=1)
        return self

    async def close(self) -> None:
        await self.asyncpg.close()
        await self.psycopg.close()
        await self.ormkit.close()

    async def psycopg_items(self) -> list[tuple[Any, ...]]:
        async with self.psycopg.cursor(binary=True) as cursor:
            await cursor.execute(ITEMS)
            return await cursor.fetchall()

    async def ormkit_items(self) -> list[tuple[Any, ...]]:
        return (await self.ormkit.execute(ITEMS)).tuples()

    async def psycopg_many(self) -> None:
        async with self.psycopg.transaction(), self.psycopg.cursor() as cursor:
            await cursor.executemany(INSERT.replace("$1, $2, $3, $4", "%s, %s, %s, %s"), ENTRIES)

    async def asyncpg_connect(self) -> Any:
        connection = await asyncpg.connect(self.url)
        answer = await connection.fetchval("SELECT 1")
        await connection.close()
        return answer

    async def psycopg_connect(self) -> Any:
        async with await psycopg.AsyncConnection.connect(self.url) as connection:
            return (await (await connection.execute("SELECT 1")).fetchone() or (None,))[0]

    async def ormkit_connect(self) -> Any:
        async with ormkit.create_engine(self.url) as engine:
            return (await engine.execute("SELECT 1")).scalar()

    def works(self) -> dict[str, tuple[int, dict[str, Work]]]:
        """How often each is done in a round, and how, by contender."""
        return {
            "10,000 rows as tuples": (
                1,
                {
                    "asyncpg": lambda: self.asyncpg.fetch(ITEMS),
                    "psycopg": self.psycopg_items,
                    "ormkit": self.ormkit_items,
                },
            ),
            "executemany, 5,000 rows": (
                1,
                {
                    "asyncpg": lambda: self.asyncpg.executemany(INSERT, ENTRIES),
                    "psycopg": self.psycopg_many,
                    "ormkit": lambda: self.ormkit.execute_many(INSERT, ENTRIES),
                },
            ),
            "connect with SCRAM, one statement, close": (
                20,
                {
                    "asyncpg": self.asyncpg_connect,
                    "psycopg": self.psycopg_connect,
                    "ormkit": self.ormkit_connect,
                },
            ),
        }

    async def check(self, name: str, answer: Any) -> None:
        """
        Raises:
            AssertionError: Something else was read or written than should be.
        """
        if "tuples" in name:
            assert [tuple(row) for row in answer] == [tuple(row) for row in rows.items()]
        elif "rows" in name:
            stored = await self.asyncpg.fetchrow("SELECT count(*), sum(amount) FROM entries")
            assert tuple(stored) == (5_000, sum(entry[2] for entry in ENTRIES)), stored
            await self.asyncpg.execute("TRUNCATE entries")
        else:
            assert answer == 1


async def measure(url: str) -> dict[tuple[str, str], list[float]]:
    clients = await Clients.open(url)
    times: dict[tuple[str, str], list[float]] = {}
    for round_ in range(ROUNDS + 1):
        for name, (repeats, works) in clients.works().items():
            turn = round_ % len(CONTENDERS)
            for contender in CONTENDERS[turn:] + CONTENDERS[:turn]:
                start = time.perf_counter()
                for _ in range(repeats):
                    answer = await works[contender]()
                elapsed = (time.perf_counter() - start) / repeats
                await clients.check(name, answer)
                if round_:
                    times.setdefault((name, contender), []).append(elapsed)
    await clients.close()
    return times


def main() -> None:
    client_cpu, server_cpu = cpus()
    with awake(), Cluster(settings={"autovacuum": "off"}, cpu=server_cpu, databases=["driver"]) as cluster:
        if client_cpu is not None:
            os.sched_setaffinity(0, {client_cpu})
        times = asyncio.run(measure(cluster.url_of("driver")))
    medians = {key: statistics.median(found) for key, found in times.items()}
    print(f"{machine()}; medians of {ROUNDS} rounds; in brackets the ratio to asyncpg\n")
    print(f"| | {' | '.join(CONTENDERS)} |\n|---|{'---:|' * len(CONTENDERS)}")
    for name in dict.fromkeys(name for name, _ in medians):
        cells = []
        for contender in CONTENDERS:
            median = medians[name, contender]
            ratio = "" if contender == "asyncpg" else f" ({median / medians[name, 'asyncpg']:.2f})"
            cells.append(f"{median * 1e3:.2f} ms{ratio}")
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
