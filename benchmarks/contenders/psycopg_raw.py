"""psycopg 3, asynchronous, on one bare connection, with its C speedups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO

import psycopg
import rows
from contender import Driver
from contenders.asyncpg_raw import SCHEMA

TYPES = ["text", "text", "int4", "float8"]
ENTRIES = "entries (name, kind, amount, ratio)"


class PsycopgRaw(Driver):
    async def open(self, url: str) -> None:
        self.connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
        await self.connection.execute(SCHEMA)

    async def close(self) -> None:
        await self.connection.close()

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
