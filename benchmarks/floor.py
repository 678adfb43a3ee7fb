"""What a get by key, an executemany and a COPY out can cost at least on PostgreSQL: the same statements by a bare socket, by the event
loop, by asyncpg and by ormkit, taking turns in one process. `make bench` builds what this needs.

The bare ones know nothing of PostgreSQL: they send bytes that are ready, and look at no byte of the answer but the last.
No client can be quicker than the one that blocks, and none that leaves its thread to the event loop quicker than the other.
"""

from __future__ import annotations

import asyncio
import io
import os
import select
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

INSERT = "INSERT INTO entries (name, kind, amount, ratio) VALUES ($1, $2, $3, $4)"
COLUMNS = ("name", "kind", "amount", "ratio")
COPIED = 100_000
ENTRIES = [tuple(rows.entry(n)) for n in range(5_000)]
SQL = "SELECT id, name, email, bucket, age, score, active, created, note FROM items WHERE id = $1"
GETS = 1000
ROUNDS = 21
USER = "trusty"
END = b"Z\0\0\0\x05I"


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def connected(url: str, sql: str = SQL, types: tuple[int, ...] = (23,)) -> socket.socket:
    """A connection with a statement prepared under the name `s`."""
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname, parts.port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    database = parts.path.removeprefix("/")
    startup = struct.pack("!i", 0x30000) + f"user\0{USER}\0database\0{database}\0\0".encode()
    oids = struct.pack(f"!h{len(types)}i", len(types), *types)
    parse = message(b"P", b"s\0" + sql.encode() + b"\0" + oids) + message(b"S", b"")
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


def flight_of_many() -> bytes:
    """Bind and Execute for each entry, all in binary, and one Sync."""
    out = []
    for name, kind, amount, ratio in ENTRIES:
        cells = [name.encode(), kind.encode(), struct.pack("!i", amount), struct.pack("!d", ratio)]
        values = b"".join(struct.pack("!i", len(cell)) + cell for cell in cells)
        bind = b"\0s\0" + struct.pack("!hhh", 1, 1, 4) + values + struct.pack("!hh", 1, 1)
        out += [message(b"B", bind), message(b"E", b"\0\0\0\0\0")]
    return b"".join([*out, message(b"S", b"")])


def exchange(connection: socket.socket, data: bytes) -> None:
    """Writes and reads by turns, until the last byte of the answer is here."""
    connection.setblocking(False)
    rest, end = memoryview(data), b""
    while rest or end != END:
        readable, writable, _ = select.select([connection], [connection] if rest else [], [])
        if writable:
            rest = rest[connection.send(rest[:262_144]) :]
        if readable:
            end = (end + connection.recv(262_144))[-len(END) :]


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


async def measure_many(url: str) -> dict[str, list[float]]:
    raw, engine = await asyncpg.connect(url), await ormkit.create_engine(url, max_connections=1)
    await raw.execute(f"GRANT ALL ON entries TO {USER}; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {USER}")
    bare, data = connected(url, INSERT, (25, 25, 23, 701)), flight_of_many()

    async def exchanged() -> None:
        exchange(bare, data)

    ways: dict[str, Callable[[], Awaitable[object]]] = {
        "a blocking socket": exchanged,
        "asyncpg, one connection": lambda: raw.executemany(INSERT, ENTRIES),
        "ormkit": lambda: engine.execute_many(INSERT, ENTRIES),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for round_ in range(ROUNDS + 1):
        for name, way in ways.items():
            await raw.execute("TRUNCATE entries")
            start = time.perf_counter()
            await way()
            elapsed = time.perf_counter() - start
            assert await raw.fetchval("SELECT count(*) FROM entries") == len(ENTRIES), name
            if round_:
                times[name].append(elapsed)
    bare.close()
    await raw.close()
    await engine.close()
    return times


async def measure_copy(url: str) -> dict[str, list[float]]:
    """A COPY out is the server's work. It sends blocks of 8 KiB, and waking up who waits for each costs it time."""
    raw, engine = await asyncpg.connect(url), await ormkit.create_engine(url, max_connections=1)
    await raw.execute(f"GRANT SELECT ON entries TO {USER}; TRUNCATE entries")
    await raw.copy_records_to_table("entries", records=[tuple(rows.entry(n)) for n in range(COPIED)], columns=COLUMNS)
    bare = connected(url)
    question = message(b"Q", f"COPY entries ({', '.join(COLUMNS)}) TO STDOUT (FORMAT csv)\0".encode())

    def block(pause: float) -> None:
        bare.sendall(question)
        file, end = io.BytesIO(), b""
        while end != END:
            data = bare.recv(1 << 20)
            file.write(data)
            end = (end + data[-len(END) :])[-len(END) :]
            if pause:
                time.sleep(pause)

    async def blocked(pause: float) -> None:
        block(pause)

    ways: dict[str, Callable[[], Awaitable[object]]] = {
        "a blocking socket": lambda: blocked(0),
        "a blocking socket, looked at every 200 µs": lambda: blocked(0.0002),
        "asyncpg, one connection": lambda: raw.copy_from_table(
            "entries", output=io.BytesIO(), columns=COLUMNS, format="csv"
        ),
        "ormkit": lambda: engine.copy_to("entries", io.BytesIO(), columns=COLUMNS, format="csv"),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for round_ in range(ROUNDS + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            await way()
            if round_:
                times[name].append(time.perf_counter() - start)
    bare.close()
    await raw.close()
    await engine.close()
    return times


async def measure_plan() -> dict[str, float]:
    """What a query of a known shape costs with other values each time: it is built, its plan is found, and SQLite, which has
    nothing to find in an empty table, runs it. No SQL is built."""
    async with ormkit.create_engine("sqlite::memory:") as engine, ormkit.AsyncSession(engine) as session:
        await ormkit.Base.metadata.create_all(engine)
        known = ormkit.select(Item).where(Item.bucket == 1)

        async def built(number: int) -> None:
            ormkit.select(Item).where(Item.bucket == number)

        ways: dict[str, Callable[[int], Awaitable[object]]] = {
            "built": built,
            "the same object run again": lambda _number: session.execute(known),
            "built and run": lambda number: session.execute(ormkit.select(Item).where(Item.bucket == number)),
            "built by lookups and run": lambda number: session.query(Item).filter(bucket=number).all(),
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        for round_ in range(ROUNDS + 1):
            for name, way in ways.items():
                start = time.process_time()
                for number in range(GETS):
                    await way(number)
                if round_:
                    times[name].append((time.process_time() - start) / GETS)
    return {name: statistics.median(found) for name, found in times.items()}


def show(title: str, times: dict[str, list[float]], unit: str, scale: float) -> None:
    medians = {name: statistics.median(found) for name, found in times.items()}
    raw = next(median for name, median in medians.items() if name.startswith("asyncpg"))
    print(f"| {title} | time | ratio to asyncpg |\n|---|---:|---:|")
    for name, median in medians.items():
        print(f"| {name} | {median * scale:.1f} {unit} | {median / raw:.2f} |")
    print()


def main() -> None:
    client_cpu, server_cpu = cpus()
    with awake(), Cluster(settings={"autovacuum": "off"}, cpu=server_cpu, databases=["floor"]) as cluster:
        if client_cpu is not None:
            os.sched_setaffinity(0, {client_cpu})
        url = cluster.url_of("floor")
        gets, many = asyncio.run(measure(url)), asyncio.run(measure_many(url))
        copied, plans = asyncio.run(measure_copy(url)), asyncio.run(measure_plan())
    print(f"{machine()}; medians of {ROUNDS} rounds: of {GETS} gets, of one executemany, of one COPY\n")
    show("get by key", gets, "µs", 1e6)
    show("executemany, 5,000 rows", many, "ms", 1e3)
    show("COPY out, 100,000 rows as CSV", copied, "ms", 1e3)
    print("| a query of a known shape, on an empty SQLite in memory | CPU |\n|---|---:|")
    for name, cpu in plans.items():
        print(f"| {name} | {cpu * 1e6:.2f} µs |")


if __name__ == "__main__":
    main()
