"""One contender in a process of its own: reads `operation round` lines from stdin, answers each with a JSON line."""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import sys

from contender import Connected
from operations import DRIVER_OPERATIONS, OPERATIONS

CONTENDERS = {
    "asyncpg": "asyncpg_raw:AsyncpgRaw",
    "psycopg": "psycopg_raw:PsycopgRaw",
    "sqlite3": "sqlite_raw:SqliteRaw",
    "ormkit": "ormkit_orm:OrmkitOrm",
    "sqlalchemy": "sqlalchemy_orm:SqlalchemyOrm",
    "yara-orm": "yara:Yara",
}


def load(name: str) -> Connected:
    module, _, cls = CONTENDERS[name].partition(":")
    contender: Connected = getattr(importlib.import_module(f"contenders.{module}"), cls)()
    return contender


def say(**answer: object) -> None:
    print(json.dumps(answer), flush=True)


async def serve(contender: Connected, url: str) -> None:
    await contender.open(url)
    say(ready=True)
    operations = {operation.name: operation for operation in OPERATIONS + DRIVER_OPERATIONS}
    # Nothing else runs in this process, so that a blocking read of the next order holds nobody up.
    while order := sys.stdin.readline().split():
        gc.collect()
        try:
            say(seconds=await operations[order[0]].run(contender, int(order[1])))
        except Exception as error:
            say(error=f"{type(error).__name__}: {error}"[:300])
    await contender.close()


def main(name: str, url: str, cpu: str) -> None:
    if cpu != "any":
        os.sched_setaffinity(0, {int(cpu)})
    asyncio.run(serve(load(name), url))


if __name__ == "__main__":
    main(*sys.argv[1:])
