"""Random schemas, each said to ormkit and to SQLAlchemy: what both autogenerate comes to the same database, there and back.

A failure names its seed; `ORMKIT_FUZZ_SEEDS=1000:9000` runs others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from test_autogen import dump, ordered
from test_migration_schemas import Project
from twin_worker import Worker
from twins import Spec, Twins, models

from ormkit import create_engine
from ormkit.migrations import AutogenContext

SEEDS = range(*map(int, os.environ.get("ORMKIT_FUZZ_SEEDS", "0:8").split(":")))


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    worker = Worker()
    yield worker
    worker.close()


def emptied(url: str) -> str:
    """The same database, or another file, without anything."""
    if url.startswith("sqlite"):
        Path(url.removeprefix("sqlite:///")).unlink(missing_ok=True)
        return url
    with psycopg.connect(url, autocommit=True) as connection:
        for name in ("public", "app", '"Odd one"'):
            connection.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")
        connection.execute("CREATE SCHEMA public")
    return url


async def schema(url: str) -> Any:
    """The schema, wherever columns stand; on SQLite without types, which the two libraries call differently."""
    async with create_engine(url) as engine:
        if engine.is_postgres():
            return [line for line in ordered(dump(url)) if "CREATE SCHEMA" not in line]
        found = []
        for name in await engine.get_tables():
            if name != "alembic_version":
                table = await engine.get_table_info(name)
                columns = [
                    (one.name, one.nullable, one.default, one.is_primary_key, one.computed) for one in table.columns
                ]
                indexes = [(one.name, one.columns, one.unique, one.where) for one in table.indexes]
                parts = [
                    (one.constraint_type, one.name, one.columns, one.references_table, one.on_delete, one.on_update)
                    for one in table.constraints
                    if one.constraint_type != "PRIMARY KEY"
                ]
                found.append((name, sorted(map(repr, columns)), sorted(map(repr, indexes)), sorted(map(repr, parts))))
        return found


async def steps(url: str, world: Spec) -> list[Any]:
    async with create_engine(url) as engine:
        return await AutogenContext(engine, models(world), include_schemas=True).diff()


def is_known(step: Any, url: str, world: Spec) -> bool:
    """Types that SQLite stores in another way for the two libraries: decimals, which ormkit keeps exactly."""
    kinds = {(t["name"], one["name"]): one["type"] for t in world["tables"] for one in t["columns"]}
    kind = kinds.get((step.table_name, step.column_name), "")
    return url.startswith("sqlite") and step.operation_type == "alter_column" and kind.startswith("numeric")


@pytest.mark.parametrize("seed", SEEDS)
async def test_from_nothing_both_make_the_same(url: str, tmp_path: Path, worker: Worker, seed: int) -> None:
    world = Twins(seed, not url.startswith("sqlite")).world()
    if url.startswith("sqlite"):
        # Alembic leaves out indexes of expressions and orders there.
        for table in world["tables"]:
            parts = [(one, one["parts"]) for one in table["indexes"]]
            table["indexes"] = [one for one, parts in parts if all(part.keys() == {"column"} for part in parts)]
    worker.ask("make", emptied(url), world)
    theirs = await schema(url)
    assert [step for step in await steps(url, world) if not is_known(step, url, world)] == []
    emptied(url)
    async with create_engine(url) as engine:
        await Project(engine, url, tmp_path, "alembic").move(models(world), include_schemas=True)
    assert await schema(url) == theirs
    assert worker.ask("compare", url, world) == []


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_change_comes_to_what_is_made_from_nothing(url: str, tmp_path: Path, worker: Worker, seed: int) -> None:
    twins = Twins(seed, not url.startswith("sqlite"))
    before = twins.world()
    after = twins.changed(before)
    worker.ask("create", emptied(url), after)
    wanted = await schema(url)
    worker.ask("create", emptied(url), before)
    there = await schema(url)
    ours = {(step.operation_type, step.table_name, step.column_name) for step in await steps(url, after)}
    theirs = {tuple(one) for one in worker.ask("compare", url, after)}
    assert theirs - ours == set()
    async with create_engine(url) as engine:
        project = Project(engine, url, tmp_path, "ormkit")
        text = await project.move(models(after), include_schemas=True)
        assert await schema(url) == wanted, text
        assert worker.ask("compare", url, after) == [], text
        await project.run("downgrade", "base")
        # A label stays in its enum.
        assert [line for line in await schema(url) if line not in ("'second'", "'last'")] == there, text


@pytest.mark.parametrize("seed", SEEDS)
async def test_both_write_revisions_that_come_to_the_same(
    postgres_url: str, tmp_path: Path, worker: Worker, seed: int
) -> None:
    # Alembic leaves the enums of what it drops, and makes none for an array.
    twins = Twins(seed, True, enums=False)
    before = twins.world()
    after = twins.changed(before, gentle=True)
    worker.ask("create", emptied(postgres_url), before)
    worker.ask("move", postgres_url, after)
    theirs = await schema(postgres_url)
    worker.ask("create", emptied(postgres_url), before)
    async with create_engine(postgres_url) as engine:
        await Project(engine, postgres_url, tmp_path, "alembic").move(models(after), include_schemas=True)
    assert await schema(postgres_url) == theirs
