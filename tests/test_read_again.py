"""Objects that a session holds and that are read again: what is loaded along takes the rows' values, too. On both databases."""

from __future__ import annotations

from typing import Any

import pytest
from library import Author, Base, Book, Node
from sent import sent

from ormkit import AsyncSession, contains_eager, event, joinedload, select, selectinload
from ormkit.testing import assert_queries


@pytest.fixture
async def db(engine: Any) -> Any:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        ann = Author(id=1, name="Ann", books=[Book(id=1, title="A", pages=1), Book(id=2, title="B", pages=2)])
        await session.insert_all([ann, Author(id=2, name="Bea", books=[Book(id=3, title="C", pages=3)])])
    return engine


async def change(engine: Any) -> None:
    await engine.execute("UPDATE books SET pages = 77 WHERE id = 1")
    await engine.execute("UPDATE books SET author_id = 2 WHERE id = 2")
    await engine.execute("UPDATE authors SET name = name || '!'")


@pytest.mark.parametrize(("load", "count"), [(selectinload, 2), (joinedload, 1)])
async def test_lists_and_their_members(db: Any, load: Any, count: int) -> None:
    async with AsyncSession(db) as session:
        ann = await session.get(Author, 1, options=[selectinload(Author.books)])
        first, second = ann.books
        await change(db)
        again = select(Author).where(Author.id == 1).options(load(Author.books))
        with assert_queries(count):
            (found,) = await session.scalars(again.execution_options(populate_existing=True))
        assert found is ann and ann.name == "Ann!" and ann.books == [first] and first.pages == 77
        assert first.author is ann
        assert second.author is ann, "its row was not read"


@pytest.mark.parametrize(("load", "count"), [(selectinload, 2), (joinedload, 1)])
async def test_references_and_what_they_lead_to(db: Any, load: Any, count: int) -> None:
    async with AsyncSession(db) as session:
        book = await session.get(Book, 2, options=[selectinload(Book.author)])
        bea = await session.get(Author, 2)
        await change(db)
        again = select(Book).where(Book.id == 2).options(load(Book.author))
        with assert_queries(count):
            await session.scalars(again.execution_options(populate_existing=True))
        assert book.author is bea and bea.name == "Bea!"


async def test_a_join_of_the_query_takes_the_place_of_the_list(db: Any) -> None:
    async with AsyncSession(db) as session:
        ann = await session.get(Author, 1, options=[selectinload(Author.books)])
        part = select(Author).join(Author.books).where(Book.pages > 1).options(contains_eager(Author.books))
        await session.scalars(part)
        assert [book.title for book in ann.books] == ["A", "B"]
        with assert_queries(1):
            await session.scalars(part.execution_options(populate_existing=True))
        assert [book.title for book in ann.books] == ["B"]


async def test_by_key_and_in_a_stream(db: Any) -> None:
    async with AsyncSession(db) as session:
        ann = await session.get(Author, 1, options=[selectinload(Author.books)])
        first = ann.books[0]
        await change(db)
        assert await session.get(Author, 1, populate_existing=True, options=[selectinload(Author.books)]) is ann
        assert ann.books == [first] and first.pages == 77
        await db.execute("UPDATE books SET pages = 78 WHERE id = 1")
        again = select(Author).options(selectinload(Author.books)).order_by(Author.id)
        stream = session.stream_scalars(again.execution_options(populate_existing=True, yield_per=1))
        found = [[book.id for book in author.books] async for author in stream]
        assert found == [[1], [2, 3]] and first.pages == 78


async def test_a_circle_of_rows_is_read_once(db: Any) -> None:
    async with AsyncSession(db) as session:
        await session.insert(Node(id=1, name="a", children=[Node(id=2, name="b")]))
        await db.execute("UPDATE nodes SET parent_id = 2 WHERE id = 1")
        tree = select(Node).where(Node.id == 1).options(selectinload(Node.children, recursion_depth=-1))
        with sent(db) as texts:
            (root,) = await session.scalars(tree.execution_options(populate_existing=True))
        assert root.children[0].children == [root] and len(texts) <= 4


async def test_refresh_writes_what_else_is_pending_first(db: Any) -> None:
    async with AsyncSession(db) as session:
        ann, bea = await session.get(Author, 1), await session.get(Author, 2)
        bea.name = "pending"
        session.add(Book(id=9, title="new", author_id=1))
        await session.refresh(ann, ["books"])
        assert [book.id for book in ann.books] == [1, 2, 9] and not session.dirty
        ann.name, ann.born = "dropped", 1900
        await session.refresh(ann, ["name"])
        assert (ann.name, ann.born) == ("Ann", 1900) and not session.dirty
        await session.commit()
    found = (await db.execute("SELECT name, born FROM authors ORDER BY id")).tuples()
    assert found == [("Ann", 1900), ("pending", None)]


async def test_refresh_without_autoflush_writes_nothing(db: Any) -> None:
    async with AsyncSession(db, autoflush=False) as session:
        ann = await session.get(Author, 1)
        new = Book(id=9, title="new", author_id=1)
        session.add(new)
        with assert_queries(1):
            await session.refresh(ann, ["books"])
        assert [book.id for book in ann.books] == [1, 2] and new in session.new
        await session.rollback()


async def test_refresh_drops_a_reference_and_its_object_stays_where_it_was(db: Any) -> None:
    async with AsyncSession(db) as session:
        ann = await session.get(Author, 1, options=[selectinload(Author.books)])
        book = ann.books[0]
        book.author = await session.get(Author, 2)
        await session.refresh(book)
        await session.commit()
        assert (book.author_id, book.author) == (1, ann) and book in ann.books


async def test_listeners_of_flushes_hear_of_that_of_a_refresh(db: Any) -> None:
    async with AsyncSession(db) as session:
        ann, bea = await session.get(Author, 1), await session.get(Author, 2)
        heard: list[Any] = []
        event.listen(session, "before_flush", lambda session, context, instances: heard.extend(session.dirty))
        ann.name, bea.name = "dropped", "written"
        await session.refresh(ann)
        assert ann.name == "Ann" and heard == [bea]
        await session.rollback()
