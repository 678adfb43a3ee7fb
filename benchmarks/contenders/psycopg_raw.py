"""psycopg 3, asynchronous, on one bare connection, with its C speedups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, Any

import psycopg
import rows
from contender import Driver
from contenders.asyncpg_raw import SCHEMA

TYPES = ["text", "text", "int4", "float8"]
ENTRIES = "entries (name, kind, amount, ratio)"


class PsycopgRaw(Driver):
    async def open(self, url: str) -> None:
        self.connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
        self.url = url
        await self.connection.execute(SCHEMA)
        columns = "id, name, email, bucket, age, score, active, created, note"
        async with self.connection.cursor().copy(f"COPY items ({columns}) FROM STDIN") as copy:
            for item in rows.items():
                await copy.write_row(item)

    async def close(self) -> None:
        await self.connection.close()

    async def tuples(self) -> Sequence[Sequence[Any]]:
        async with self.connection.cursor(binary=True) as cursor:
            await cursor.execute("SELECT * FROM items ORDER BY id")
            return await cursor.fetchall()

    async def execute_many(self, entries: Sequence[rows.Entry]) -> None:
        async with self.connection.transaction(), self.connection.cursor() as cursor:
            await cursor.executemany(f"INSERT INTO {ENTRIES} VALUES (%s, %s, %s, %s)", entries)

    async def connect(self) -> int:
        async with await psycopg.AsyncConnection.connect(self.url) as connection:
            found = await (await connection.execute("SELECT 1")).fetchone()
            assert found
            return found[0]

    async def copy_in(self, entries: Sequence[rows.Entry]) -> None:
        async with self.connection.cursor().copy(f"COPY {ENTRIES} FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(TYPES)
            for entry in entries:
                await copy.write_row(entry)

    async def copy_out(self, file: IO[bytes]) -> None:
        async with self.connection.cursor().copy(f"COPY {ENTRIES} TO STDOUT (FORMAT csv)") as copy:
            async for block in copy:
                file.write(block)

    async def entries(self) -> tuple[int, int]:
        cursor = await self.connection.execute("SELECT count(*), coalesce(sum(amount), 0) FROM entries")
        found = await cursor.fetchone()
        assert found
        return tuple(found)

    async def clear_entries(self) -> None:
        await self.connection.execute("TRUNCATE entries")
