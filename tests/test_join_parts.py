"""Joins along a part of a relation, groups by a class."""

import pytest
from library import Author, Base, Book, Node

from ormkit import AsyncSession, aliased, contains_eager, func, join, select


@pytest.fixture
async def session(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all(
            [
                Author(id=1, name="ann", books=[Book(title="x", pages=10), Book(title="y", pages=200)]),
                Author(id=2, name="bob", books=[Book(title="z", pages=5)]),
                Author(id=3, name="cy"),
            ]
        )
        yield session


async def rows(session, statement):
    return (await session.execute(statement)).all()


LONG = Author.books.and_(Book.pages > 100)


def test_text_of_a_join_along_a_part():
    assert str(select(Author.name, Book.title).outerjoin(LONG)) == (
        "SELECT authors.name, books.title FROM authors LEFT OUTER JOIN books ON books.author_id = authors.id AND books.pages > $1"
    )


async def test_outer_join_keeps_rows_without_a_partner_that_fits(session):
    statement = select(Author.name, Book.title).order_by(Author.id)
    assert await rows(session, statement.outerjoin(LONG)) == [("ann", "y"), ("bob", None), ("cy", None)]
    assert await rows(session, statement.join(LONG)) == [("ann", "y")]
    assert await rows(session, statement.join(Author.books.and_(Book.pages > 1, Book.pages < 100))) == [
        ("ann", "x"),
        ("bob", "z"),
    ]
    either = Author.books.and_((Book.pages > 100) | (Book.title == "z"))
    assert await rows(session, statement.join(either)) == [("ann", "y"), ("bob", "z")]


async def test_parts_go_with_a_class_an_alias_and_join_from(session):
    far = aliased(Book)
    statement = select(Author.name, far.title).order_by(Author.id)
    assert await rows(session, statement.outerjoin(far, LONG)) == [("ann", "y"), ("bob", None), ("cy", None)]
    typed = Author.books.of_type(far).and_(far.pages < 8)
    assert await rows(session, statement.join(typed)) == [("bob", "z")]
    tables = join(Author, Book, LONG, isouter=True)
    assert await rows(session, select(func.count(Book.id), func.count()).select_from(tables)) == [(1, 3)]
    one = select(Author.name, Book.title).join_from(Author, Book, LONG)
    assert await rows(session, one) == [("ann", "y")]


async def test_parts_of_a_reference_to_the_own_table(session):
    session.add(Node(name="root", children=[Node(name="a"), Node(name="b")]))
    await session.commit()
    child = aliased(Node)
    statement = select(Node.name, child.name).outerjoin(Node.children.of_type(child).and_(child.name == "b"))
    assert await rows(session, statement.order_by(Node.name)) == [("a", None), ("b", None), ("root", "b")]


async def test_contains_eager_of_such_a_join_has_the_part(session):
    session.expunge_all()
    statement = select(Author).outerjoin(LONG).options(contains_eager(Author.books)).order_by(Author.id)
    authors = (await session.scalars(statement)).all()
    assert [[book.title for book in author.books] for author in authors] == [["y"], [], []]


async def test_parameters_of_one_shape_share_a_plan(session, engine):
    for least, title in [(100, "y"), (7, None), (100, "y")]:
        part = Author.books.and_(Book.pages > least)
        found = [title for _, title in await rows(session, select(Author.name, Book.title).join(part))]
        assert (title in found) if title else sorted(found) == ["x", "y"]


async def test_groups_by_a_class(session):
    statement = select(Author, func.count(Book.id)).outerjoin(Author.books).group_by(Author).order_by(Author.id)
    assert [(author.name, count) for author, count in await rows(session, statement)] == [
        ("ann", 2),
        ("bob", 1),
        ("cy", 0),
    ]
    other = aliased(Author)
    statement = (
        select(other.name, func.sum(Book.pages)).join(Book, Book.author_id == other.id).group_by(other, other.name)
    )
    assert sorted(await rows(session, statement)) == [("ann", 210), ("bob", 5)]
