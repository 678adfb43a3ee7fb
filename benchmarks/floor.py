"""What a get by key can cost at least on PostgreSQL: the same statement by a bare socket, by the event loop, by asyncpg
and by ormkit, taking turns in one process. `make bench` builds what this needs.

The first two know nothing of PostgreSQL: they send bytes that are ready, and look at no byte of the answer but the last.
No client can be quicker than the first, and none that leaves its thread to the event loop quicker than the second.
"""

from __future__ import annotations

import asyncio
import os
import socket
import statistics
import struct
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))

import asyncpg
import rows
from contenders.ormkit_orm import Item, OrmkitOrm
from postgres_cluster import Cluster
from run import awake, cpus, machine

import ormkit

SQL = "SELECT id, name, email, bucket, age, score, active, created, note FROM items WHERE id = $1"
GETS = 1000
ROUNDS = 21
USER = "trusty"
END = b"Z\0\0\0\x05I"


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def connected(url: str) -> socket.socket:
    """A connection with the statement prepared under the name `s`."""
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname, parts.port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    database = parts.path.removeprefix("/")
    startup = struct.pack("!i", 0x30000) + f"user\0{USER}\0database\0{database}\0\0".encode()
    parse = message(b"P", b"s\0" + SQL.encode() + b"\0" + struct.pack("!hi", 1, 23)) + message(b"S", b"")
    for text in (struct.pack("!i", len(startup) + 4) + startup, parse):
        connection.sendall(text)
        answer = b""
        while not answer.endswith(END):
            answer += connection.recv(65536)
    return connection


def flight(key: int) -> bytes:
    """Bind, Execute and Sync for one key, all in binary."""
    bind = b"\0s\0" + struct.pack("!hhhiihh", 1, 1, 1, 4, key, 1, 1)
    return message(b"B", bind) + message(b"E", b"\0\0\0\0\0") + message(b"S", b"")


class BareLoop:
    """A socket on the event loop, with one future for each answer."""

    def __init__(self, url: str) -> None:
        self.socket = connected(url)
        self.socket.setblocking(False)
        self.loop = asyncio.get_running_loop()
        self.loop.add_reader(self.socket.fileno(), self.ready)

    def ready(self) -> None:
        if self.socket.recv(65536).endswith(END):
            self.answered.set_result(None)

    async def get(self, key: int) -> None:
        self.answered: asyncio.Future[None] = self.loop.create_future()
        self.socket.send(flight(key))
        await self.answered

    def close(self) -> None:
        self.loop.remove_reader(self.socket.fileno())
        self.socket.close()


async def measure(url: str) -> dict[str, list[float]]:
    orm = OrmkitOrm()
    await orm.open(url)
    await orm.engine.execute(f"GRANT SELECT ON items TO {USER}")
    blocking, loop, raw = connected(url), BareLoop(url), await asyncpg.connect(url)

    async def blocked(key: int) -> None:
        blocking.send(flight(key))
        while not blocking.recv(65536).endswith(END):
            pass

    async def in_session(key: int) -> object:
        return await session.get(Item, key)

    ways: dict[str, Callable[[int], Awaitable[object]]] = {
        "a blocking socket": blocked,
        "a bare socket on the event loop": loop.get,
        "asyncpg, one connection": lambda key: raw.fetchrow(SQL, key),
        "ormkit, in an open session": in_session,
        "ormkit, with a session for each get": orm.get,
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for round_ in range(ROUNDS + 1):
        for name, get in ways.items():
            async with ormkit.AsyncSession(orm.engine) as session:
                start = time.perf_counter()
                for n in range(GETS):
                    await get(1 + (round_ * 7919 + n * 613) % rows.ITEMS)
                if round_:
                    times[name].append((time.perf_counter() - start) / GETS)
    blocking.close()
    loop.close()
    await raw.close()
    await orm.close()
    return times


def main() -> None:
    client_cpu, server_cpu = cpus()
    with awake(), Cluster(settings={"autovacuum": "off"}, cpu=server_cpu, databases=["floor"]) as cluster:
        if client_cpu is not None:
            os.sched_setaffinity(0, {client_cpu})
        times = asyncio.run(measure(cluster.url_of("floor")))
    medians = {name: statistics.median(found) for name, found in times.items()}
    raw = next(median for name, median in medians.items() if name.startswith("asyncpg"))
    print(f"{machine()}; medians of {ROUNDS} rounds of {GETS}\n")
    print("| get by key | time | ratio to asyncpg |\n|---|---:|---:|")
    for name, median in medians.items():
        print(f"| {name} | {median * 1e6:.1f} µs | {median / raw:.2f} |")


if __name__ == "__main__":
    main()
