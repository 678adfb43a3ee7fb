"""`merge`: what another object knows is taken over, on both databases."""

import pytest
from library import Author, Base, Book, Node
from sent import sent

from ormkit import AsyncSession, InvalidRequestError, NotSupportedError, selectinload


@pytest.fixture
async def db(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert(Author(name="Ann", born=1900, books=[Book(title="Dune"), Book(title="Emma")]))
    return engine


async def rows(engine, sql):
    return (await engine.execute(sql)).tuples()


async def test_new_object_is_merged_into_its_row(db):
    async with AsyncSession(db) as session:
        given = Author(id=1, name="Bea")
        author = await session.merge(given)
        assert author is not given
        assert (author.name, author.born) == ("Bea", 1900)
        assert author is await session.get(Author, 1)
        assert given not in session
        with sent(db) as texts:
            await session.commit()
        assert len(texts) == 1
    assert await rows(db, "SELECT id, name, born FROM authors") == [(1, "Bea", 1900)]
    assert await rows(db, "SELECT count(*) FROM books WHERE author_id = 1") == [(2,)]


async def test_object_without_a_row_is_inserted(db):
    async with AsyncSession(db) as session:
        keyed = await session.merge(Author(id=7, name="Cid"))
        free = await session.merge(Author(name="Dan", books=[Book(title="Faust")]))
        assert keyed in session
        assert free in session
        await session.commit()
        assert (keyed.id, free.books[0].author) == (7, free)
    assert await rows(db, "SELECT name FROM authors ORDER BY name") == [("Ann",), ("Cid",), ("Dan",)]


async def test_detached_object_is_merged_with_its_list(db):
    async with AsyncSession(db) as session:
        author = await session.get(Author, 1, options=[selectinload(Author.books)])
    author.name = "Bea"
    dune, emma = author.books
    emma.title = "Emma!"
    author.books.remove(dune)
    author.books.append(Book(title="Faust"))
    async with AsyncSession(db) as session:
        with sent(db) as texts:
            merged = await session.merge(author)
        assert len(texts) == 2
        assert merged is not author
        assert [book.title for book in merged.books] == ["Emma!", "Faust"]
        assert merged.books[0] is not emma
        assert merged.books[0].author is merged
        await session.commit()
    assert await rows(db, "SELECT name FROM authors") == [("Bea",)]
    found = await rows(db, "SELECT title, author_id FROM books ORDER BY title")
    assert found == [("Dune", None), ("Emma!", 1), ("Faust", 1)]


async def test_unchanged_object_of_another_session_changes_nothing(db):
    async with AsyncSession(db) as one, AsyncSession(db) as two:
        author = await one.get(Author, 1, options=[selectinload(Author.books)])
        merged = await two.merge(author)
        assert merged is not author
        assert two.dirty == []
        with sent(db) as texts:
            await two.commit()
        assert texts == []
        assert author in one


async def test_object_of_the_session_is_answered_as_it_is(db):
    async with AsyncSession(db) as session:
        author = await session.get(Author, 1)
        with sent(db) as texts:
            assert await session.merge(author) is author
        assert texts == []


async def test_reference_is_taken_over(db):
    async with AsyncSession(db) as session:
        await session.insert(Author(name="Bea"))
    async with AsyncSession(db) as session:
        book = await session.merge(Book(id=1, title="Dune", author=Author(id=2, name="Bea")))
        assert book.author is await session.get(Author, 2)
        await session.commit()
    assert await rows(db, "SELECT author_id FROM books WHERE id = 1") == [(2,)]


async def test_two_given_objects_of_one_key_are_one(db):
    async with AsyncSession(db) as session:
        first, second = Node(id=5, name="x"), Node(id=5, name="y")
        root = await session.merge(Node(name="root", children=[first, second]))
        assert [node.name for node in root.children] == ["y"]
        await session.commit()
    assert await rows(db, "SELECT name FROM nodes ORDER BY name") == [("root",), ("y",)]


async def test_orphans_of_a_merged_list_are_deleted(db):
    async with AsyncSession(db) as session:
        root = await session.insert(Node(name="root", children=[Node(name="a"), Node(name="b")]))
    root.children.remove(root.children[0])
    async with AsyncSession(db) as session:
        await session.merge(root)
        await session.commit()
    assert await rows(db, "SELECT name FROM nodes ORDER BY name") == [("b",), ("root",)]


async def test_what_cannot_be_merged_is_refused(db):
    async with AsyncSession(db) as session:
        author = await session.get(Author, 1)
        with pytest.raises(NotSupportedError, match="merge"):
            session.merge(author, load=False)
        with session.no_autoflush:
            session.delete(author)
            with pytest.raises(InvalidRequestError, match="marked for deletion"):
                await session.merge(Author(id=1, name="Bea"))
        await session.flush()
        with pytest.raises(InvalidRequestError, match="was deleted"):
            await session.merge(author)
        await session.rollback()
