"""`only()` and `defer()` of columns of related objects, as Django takes them."""

import pytest
from library import Author, Base, Book

from ormkit import AsyncSession, FieldError, inspect
from ormkit.testing import assert_queries


@pytest.fixture
async def session(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert(Author(id=1, name="Ann", born=1900, books=[Book(id=1, title="Dune", pages=5)]))
    async with AsyncSession(engine) as session:
        yield session


def loaded(object):
    return {name for name in ("id", "title", "pages", "name", "born") if name in inspect(object).dict}


@pytest.mark.parametrize("first", ["only", "select_related"])
async def test_only_names_columns_of_a_joined_object(session, first):
    query = session.query(Book)
    if first == "only":
        query = query.only("title", "author__name").select_related("author")
    else:
        query = query.select_related("author").only("title", "author__name")
    with assert_queries(1):
        book = await query.one()
    assert (loaded(book), loaded(book.author)) == ({"id", "title"}, {"id", "name"})


async def test_only_of_a_related_column_alone_reads_the_keys(session):
    book = await session.query(Book).select_related("author").only("author__name").one()
    assert (loaded(book), loaded(book.author)) == ({"id"}, {"id", "name"})


async def test_defer_leaves_out_columns_of_related_objects(session):
    book = await session.query(Book).select_related("author").defer("pages", "author__born").one()
    assert (loaded(book), loaded(book.author)) == ({"id", "title"}, {"id", "name"})
    session.expunge_all()
    author = await session.query(Author).prefetch_related("books").defer("books__pages").one()
    assert (loaded(author), loaded(author.books[0])) == ({"id", "name", "born"}, {"id", "title"})


async def test_a_related_column_that_is_not_there_is_named(session):
    with pytest.raises(FieldError, match=r"Author has no attribute `nam`: did you mean `name`"):
        session.query(Book).select_related("author").only("author__nam")
    with pytest.raises(FieldError, match=r"athor"):
        session.query(Book).only("athor__name")
