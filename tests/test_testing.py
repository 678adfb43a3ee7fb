"""`ormkit.testing`: statements are counted, and lines that send the same one again and again are found."""

from __future__ import annotations

import asyncio
import re

import pytest
from library import Author, Base, Book

from ormkit import AsyncSession, create_engine, selectinload
from ormkit.testing import assert_queries, detect_n_plus_one


@pytest.fixture
async def session(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        async with session.begin():
            session.add_all([Author(name=f"author {n}", books=[Book(title=f"{n}")]) for n in range(4)])
    async with AsyncSession(engine) as session:
        yield session


async def test_statements_of_a_block_are_counted(session, engine):
    with assert_queries(2) as sent:
        authors = await session.query(Author).options(selectinload(Author.books))
    assert [text.split(" FROM ")[1].split()[0] for text in sent.statements] == ["authors", "books"]
    with assert_queries(2):
        async with session.begin():  # BEGIN, SAVEPOINT and their like do not count
            async with session.begin_nested():
                session.add_all([Author(name="b", books=[Book(title="c"), Book(title="d")])])
    with assert_queries(0):  # the session holds them weakly: only because `authors` does as well
        assert await session.get(Author, 1) is authors[0]
    with assert_queries(3, engine=engine):
        await engine.execute_script("SELECT 1; SELECT 2")
        async with engine.connect() as connection:
            await connection.execute("SELECT 3")
        async for _ in engine.stream("SELECT 4 AS four"):
            pass


async def test_another_number_names_the_statements_and_their_lines(session, engine):
    with pytest.raises(AssertionError) as raised:
        with assert_queries(1) as sent:
            await engine.execute("SELECT 1 AS one")
            assert sent.statements == ["SELECT 1 AS one"]
            await session.query(Book).count()
    place = rf"{re.escape(__file__)}:\d+ in test_another_number_names_the_statements_and_their_lines"
    lines = str(raised.value).splitlines()
    assert lines[0] == "2 statements were sent, not 1"
    assert re.fullmatch(rf"   1\. SELECT 1 AS one at {place}", lines[1])
    assert re.fullmatch(rf"   2\. SELECT count\(\*\).* at {place}", lines[2])
    with pytest.raises(AssertionError, match="^0 statements were sent, not 1$"):
        with assert_queries(1):
            pass
    with pytest.raises(AssertionError, match="^1 statement was sent, not 0"):
        with assert_queries(0):
            await engine.execute("SELECT 1")


async def test_error_of_the_block_passes(engine):
    with pytest.raises(ZeroDivisionError):
        with assert_queries(7), detect_n_plus_one():
            raise ZeroDivisionError


async def test_engines_are_told_apart(engine):
    async with create_engine("sqlite::memory:") as other:
        with assert_queries(2), assert_queries(1, engine=engine), assert_queries(1, engine=other):
            await engine.execute("SELECT 1")
            await other.execute("SELECT 2")


async def test_statements_outside_of_the_block_are_nobodys(engine):
    counter = assert_queries(1)
    await engine.execute("SELECT 1")
    with counter as sent:
        await engine.execute("SELECT 2")
    await engine.execute("SELECT 3")
    assert sent.statements == ["SELECT 2"]
    with counter:
        await engine.execute("SELECT 4")
        with pytest.raises(RuntimeError, match="entered already"):
            counter.__enter__()
    assert sent.statements == ["SELECT 4"]


async def test_line_that_loads_for_each_object_is_found(session, engine):
    authors = await session.query(Author).all()
    with pytest.raises(AssertionError) as raised:
        with detect_n_plus_one():
            for author in authors:
                await session.query(Book).filter(author_id=author.id)
    text = str(raised.value)
    assert text.startswith("the same statement again and again: load for all objects at once\n   4 times SELECT ")
    assert f"{__file__}:" in text and "in test_line_that_loads_for_each_object_is_found" in text
    assert len(text.splitlines()) == 2


async def test_what_is_no_pattern_is_not_found(session, engine):
    with detect_n_plus_one():
        for _ in range(2):
            await engine.execute("SELECT 1")
        await engine.execute("SELECT 1")
        await asyncio.gather(engine.execute("SELECT 2"), engine.execute("SELECT 3"), engine.execute("SELECT 4"))
        await session.query(Author).options(selectinload(Author.books))
        session.add_all([Author(name=f"x {n}") for n in range(10)])
        await session.commit()
    with detect_n_plus_one(limit=3):
        for _ in range(3):
            await engine.execute("SELECT 1")


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: assert_queries(-1), ValueError, "counts from 0 up, not -1"),
        # The argument is named in a note, which exceptions have from CPython 3.11 on.
        (lambda: assert_queries("2"), TypeError, "cannot be interpreted as an integer"),
        (lambda: assert_queries(2, engine="x"), TypeError, "not an instance of 'ConnectionPool'"),
        (lambda: detect_n_plus_one(limit=0), ValueError, "a limit from 1 up"),
    ],
)
def test_nonsense_is_refused(make, error, text):
    with pytest.raises(error, match=text):
        make()
