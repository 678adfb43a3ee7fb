"""Every road to the database is seen alike: its statements are logged, counted, and known by the caller's line."""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from library import Author, Base, Book

from ormkit import AsyncSession, Engine, create_engine, delete, insert, select, selectinload, update
from ormkit.testing import assert_queries, detect_n_plus_one

Road = Callable[[Engine, AsyncSession, Author], Awaitable[Any]]
ROADS: list[Road] = []


def road(function: Road) -> Road:
    ROADS.append(function)
    return function


@road
async def engine_execute(engine, session, held):
    await engine.execute("SELECT 1")


@road
async def engine_execute_many(engine, session, held):
    await engine.execute_many("UPDATE books SET pages = :pages", [{"pages": 1}])


@road
async def engine_script(engine, session, held):
    await engine.execute_script("SELECT 1; SELECT 2")


@road
async def engine_stream(engine, session, held):
    async for _ in engine.stream("SELECT id FROM books", batch_size=1):
        pass


@road
async def connection_execute(engine, session, held):
    async with engine.begin() as connection:
        await connection.execute("SELECT 1")
        async with connection.begin():
            await connection.execute("SELECT 2")


@road
async def metadata_create_all(engine, session, held):
    await Base.metadata.create_all(engine)


@road
async def query_await(engine, session, held):
    await session.query(Author)


@road
async def query_along(engine, session, held):
    await session.query(Author).options(selectinload(Author.books))


@road
async def query_terminals(engine, session, held):
    await session.query(Author).first()
    await session.query(Author).count()
    await session.query(Author).exists()
    await session.query(Author).filter(name="Ada").one()


@road
async def query_stream(engine, session, held):
    async for _ in session.query(Author).options(selectinload(Author.books)).stream(batch_size=1):
        pass


@road
async def session_stream(engine, session, held):
    async with session.stream(select(Book), batch_size=1) as stream:
        async for _ in stream:
            pass


@road
async def session_partitions(engine, session, held):
    async for _ in session.stream_scalars(select(Book)).partitions(2):
        pass


@road
async def query_set_verbs(engine, session, held):
    await session.query(Book).filter(title="Notes").update(pages=2)
    await session.query(Book).filter(title="Notes").delete()


@road
async def session_get(engine, session, held):
    session.expunge_all()
    await session.get(Author, 1)
    session.expunge_all()
    await session.get_one(Author, 1)


@road
async def session_execute(engine, session, held):
    await session.execute(select(Author.name))
    await session.scalars(select(Author))
    await session.scalar(select(Author.name).limit(1))
    await session.execute(update(Book).values(pages=3))
    await session.execute(delete(Book).where(Book.pages == 3))
    await session.execute(insert(Book), [{"title": "New"}])
    await session.execute_raw("SELECT 1")


@road
async def session_flush(engine, session, held):
    held.name = "Ida"
    session.add(Book(title="Flushed", author=held))
    await session.flush()
    await session.commit()


@road
async def session_begin(engine, session, held):
    async with session.begin():
        session.add(Author(name="In a block"))


@road
async def session_autoflush(engine, session, held):
    held.name = "Eva"
    await session.query(Author)


@road
async def session_verbs(engine, session, held):
    book = await session.insert(Book(title="One"))
    books = await session.insert_all([Book(title="Two"), Book(title="Three")])
    await session.update(book, pages=7)
    await session.remove(book)
    await session.remove_all(books)
    await session.bulk_update(Book, {"pages": 8})


@road
async def session_upsert(engine, session, held):
    await session.upsert(Author(name="Ada", born=1815), ["name"])
    await session.get_or_create(Author, name="Grace")
    await session.update_or_create(Author, {"born": 1906}, name="Grace")


@road
async def session_refresh(engine, session, held):
    await session.refresh(held)


@road
async def session_load(engine, session, held):
    await session.load(held, Author.books)


@road
async def session_merge(engine, session, held):
    session.expunge_all()
    await session.merge(Author(id=1, name="Merged"))
    await session.flush()


@road
async def session_run(engine, session, held):
    async def work(session):
        await session.execute_raw("SELECT 1")

    await session.run(work)


@pytest.fixture
async def library(url):
    async with create_engine(url) as engine:
        await Base.metadata.create_all(engine)
        async with AsyncSession(engine) as session, session.begin():
            session.add(Author(name="Ada", books=[Book(title="Notes"), Book(title="Letters")]))
    return url


def texts(logged: list[str]) -> list[str]:
    """Each once (one that is read in pieces is logged for each), without those that begin and end transactions."""
    return [sql for sql in dict.fromkeys(logged) if not re.match(r"BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE", sql)]


@pytest.mark.parametrize("road", ROADS, ids=lambda road: road.__name__)
async def test_every_road_is_logged_with_its_line_and_its_stages(library, caplog, road):
    async with create_engine(library, echo=True, slow_query=0.0) as engine, AsyncSession(engine) as session:
        held = await session.get(Author, 1)
        caplog.clear()
        with pytest.raises(AssertionError) as raised, assert_queries(0) as sent:
            await road(engine, session, held)
            await session.commit()
        statements = sent.statements
    records = [record for record in caplog.records if record.name == "ormkit"]
    echoed = [record.sql for record in records if record.levelno == logging.INFO]
    slow = [record for record in records if record.levelno == logging.WARNING]
    assert statements and texts(echoed) == list(dict.fromkeys(statements))
    for record in slow:
        if record.sql == "COMMIT":
            continue
        text = record.getMessage()
        assert re.match(rf"slow statement at {re.escape(__file__)}:\d+ in (work|{road.__name__}) \(", text), text
        assert re.search(r"\d s: queue \d.* s, server \d.* s, network \d.* s, hydrate \d.* s", text)
    assert texts([record.sql for record in slow]) == list(dict.fromkeys(statements))
    assert len(re.findall(rf"in (?:work|{road.__name__})$", str(raised.value), re.M)) >= len(set(statements))


REPEATS: list[Road] = []


def repeat(function: Road) -> Road:
    REPEATS.append(function)
    return function


@repeat
async def loads_each(engine, session, held):
    for author in await session.query(Author):
        await session.load(author, Author.books)  # again and again


@repeat
async def gets_each(engine, session, held):
    for key in range(100, 104):
        await session.get(Author, key)  # again and again


@repeat
async def refreshes_each(engine, session, held):
    for author in await session.query(Author):
        await session.refresh(author)  # again and again


@repeat
async def queries_each(engine, session, held):
    for author in await session.query(Author):
        await session.query(Book).filter(author_id=author.id).count()  # again and again


@repeat
async def executes_each(engine, session, held):
    for author in await session.query(Author):
        await session.scalars(select(Book).where(Book.author_id == author.id))  # again and again


@repeat
async def flushes_each(engine, session, held):
    for number in range(4):
        session.add(Book(title=str(number)))
        await session.flush()  # again and again


@repeat
async def inserts_each(engine, session, held):
    for number in range(4):
        await session.insert(Book(title=str(number)))  # again and again


@repeat
async def streams_each(engine, session, held):
    for _ in range(4):
        async for _ in session.query(Book).stream(batch_size=100):  # again and again
            pass


@repeat
async def connection_each(engine, session, held):
    async with engine.connect() as connection:
        for _ in range(4):
            await connection.execute("SELECT 1")  # again and again


@pytest.mark.parametrize("road", REPEATS, ids=lambda road: road.__name__)
async def test_line_that_repeats_itself_is_found_on_every_road(library, road):
    lines, first = inspect.getsourcelines(road)
    at = first + next(number for number, line in enumerate(lines) if "again and again" in line)
    async with create_engine(library) as engine:
        async with AsyncSession(engine) as session:
            held = await session.get(Author, 1)
            await session.insert_all([Author(name=f"author {number}") for number in range(3)])
            with pytest.raises(AssertionError, match="again and again") as raised, detect_n_plus_one():
                await road(engine, session, held)
            await session.rollback()
    text = str(raised.value)
    assert f"{__file__}:{at} in {road.__name__}" in text and len(text.splitlines()) == 2
    assert " 4 times " in text


async def test_stream_of_many_pieces_is_no_pattern(library):
    async with create_engine(library) as engine, AsyncSession(engine) as session:
        await session.insert_all([Book(title=str(n), author=Author(name=str(n))) for n in range(20)])
        with detect_n_plus_one():
            async for _ in session.query(Book).options(selectinload(Book.author)).stream(batch_size=2):
                pass
            async for _ in engine.stream("SELECT id FROM books", batch_size=2):
                pass


async def test_statement_that_is_read_in_pieces_is_one(library):
    async with create_engine(library) as engine, AsyncSession(engine) as session:
        await session.insert_all([Book(title=str(number)) for number in range(20)])
        with assert_queries(2):
            async for _ in session.query(Book).stream(batch_size=2):
                pass
            async for _ in engine.stream("SELECT id FROM books", batch_size=2):
                pass
