"""`explain`: how the database would run a statement."""

from __future__ import annotations

import pytest
from library import Author, Base

import ormkit


async def count(engine):
    return (await engine.execute("SELECT count(*) FROM authors")).scalar()


@pytest.fixture
async def library(engine):
    await Base.metadata.create_all(engine)
    await engine.execute("INSERT INTO authors (id, name) VALUES (1, 'Ada')")
    return engine


async def test_plan_is_text(library):
    plan = await library.explain(
        "SELECT a.id FROM authors a, books b WHERE a.id = :id AND b.author_id = a.id", {"id": 1}
    )
    assert "authors" in plan or "a" in plan
    assert len(plan.splitlines()) >= 2
    async with library.connect() as connection:
        by_statement = await connection.explain(ormkit.select(Author).where(Author.name == "Ada"))
        assert "authors" in by_statement


async def test_plan_of_sqlite_is_indented(sqlite_url):
    async with ormkit.create_engine(sqlite_url) as engine:
        await engine.execute("CREATE TABLE t (a INTEGER)")
        plan = await engine.explain("SELECT a FROM t UNION SELECT 2 ORDER BY 1")
        assert any(line.startswith("  ") for line in plan.splitlines())
        with pytest.raises(ormkit.NotSupportedError, match=r"analyze=True\) on SQLite"):
            await engine.explain("SELECT 1", analyze=True)


async def test_nothing_is_executed(library):
    await library.explain("DELETE FROM authors")
    assert await count(library) == 1
    with pytest.raises(ormkit.ProgrammingError):
        await library.explain("ANALYZE DELETE FROM authors" if library.is_postgres() else "DELETE authors")
    assert await count(library) == 1


async def test_analyzed_writes_are_undone(postgres_url):
    async with ormkit.create_engine(postgres_url) as engine:
        await Base.metadata.create_all(engine)
        await engine.execute("INSERT INTO authors (id, name) VALUES (1, 'Ada')")
        assert "actual time" in await engine.explain("DELETE FROM authors WHERE id = $1", [1], analyze=True)
        assert await count(engine) == 1
        async with engine.begin() as connection:
            await connection.execute("UPDATE authors SET name = 'Grace'")
            assert "actual time" in await connection.explain("DELETE FROM authors", analyze=True)
            assert (await connection.execute("SELECT name FROM authors")).scalar() == "Grace"
        assert (await engine.execute("SELECT name FROM authors")).scalar() == "Grace"


async def test_statement_that_has_no_plan_is_an_error_and_harms_nothing(library):
    with pytest.raises(ormkit.DatabaseError):
        await library.explain("SELECT * FROM missing")
    assert await count(library) == 1
    assert library.status().in_use == 0
