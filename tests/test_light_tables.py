"""Tables and columns by their names alone, texts in FROM, and values that are taken for another type."""

from decimal import Decimal

import pytest
from library import Author, Base, Book

from ormkit import (
    AsyncSession,
    Integer,
    Numeric,
    ProgrammingError,
    String,
    TypeDecorator,
    column,
    func,
    literal,
    select,
    table,
    text,
    type_coerce,
)


class Shout(TypeDecorator):
    impl = String

    def process_bind_param(self, value, dialect):
        return value.lower()

    def process_result_value(self, value, dialect):
        return value.upper()


@pytest.fixture
async def session(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all(
            [
                Author(id=1, name="ann", born=1900, books=[Book(title="x", pages=10), Book(title="y", pages=200)]),
                Author(id=2, name="bob"),
            ]
        )
        yield session


async def rows(session, statement):
    return (await session.execute(statement)).all()


def test_text_of_tables_by_name():
    users = table("users", column("id", Integer), "name")
    assert str(select(users.c.name).where(users.c.id == 1)) == "SELECT name FROM users WHERE id = $1"
    assert str(select(column("id")).select_from(users)) == "SELECT id AS id FROM users"
    quoted = select(column("n")).where(column("select") > column('a"b'))
    assert str(quoted) == 'SELECT n AS n WHERE ("select") > ("a""b")'
    assert str(select(table("t", "Id", schema="s").c.Id)) == 'SELECT "Id" FROM s.t'
    assert str(select(users.alias("u").c.id)) == "SELECT id FROM users AS u"
    other = users.alias("u")
    joined = select(users.c.id, other.c.name).join(other, users.c.id == other.c.id)
    assert str(joined) == "SELECT users.id, u.name FROM users JOIN users AS u ON users.id = u.id"
    assert str(select(text("id")).select_from(text("users"))) == "SELECT id FROM users"


async def test_tables_and_columns_by_name_are_read(session):
    authors = table("authors", column("id", Integer), column("name", String), column("born"))
    assert await rows(session, select(authors).order_by(authors.c.id)) == [(1, "ann", 1900), (2, "bob", None)]
    assert await rows(session, select(column("name")).select_from(authors).where(column("id") == 2)) == [("bob",)]
    assert await rows(session, select(column("id", Integer)).select_from(table("authors")).order_by("id")) == [
        (1,),
        (2,),
    ]
    named = (await session.execute(select(column("name")).select_from(authors))).first()
    assert named.name == "ann"
    books = select(authors.c.name, Book.title).join(Book, Book.author_id == authors.c.id).order_by(Book.title)
    assert await rows(session, books) == [("ann", "x"), ("ann", "y")]
    assert await rows(session, select(func.count()).select_from(authors)) == [(2,)]


async def test_texts_stand_in_from(session):
    assert await rows(session, select(text("name")).select_from(text("authors")).order_by(text("id"))) == [
        ("ann",),
        ("bob",),
    ]
    joined = text("authors a JOIN books b ON b.author_id = a.id AND b.pages > :least").bindparams(least=100)
    assert await rows(session, select(text("a.name"), text("b.title")).select_from(joined)) == [("ann", "y")]
    counted = select(func.count()).select_from(text("books"))
    assert await session.scalar(counted) == 2


async def test_unknown_columns_of_such_tables_are_errors(session):
    with pytest.raises(ProgrammingError):
        await session.execute(select(column("nothing")).select_from(table("authors")))
    with pytest.raises(AttributeError, match="nam"):
        _ = table("authors", "name").c.nam


async def test_columns_with_types_read_and_bind_as_those(session):
    price = table("books", column("pages", Numeric(10, 2))).c.pages
    assert await session.scalar(select(func.max(column("born", Integer))).select_from(table("authors"))) == 1900
    assert await rows(session, select(price).where(price > Decimal("99.5"))) == [(Decimal(200),)]


async def test_type_coerce_says_a_type_and_writes_nothing(session):
    shout = type_coerce(Author.name, Shout)
    assert str(select(shout)) == "SELECT name FROM authors"
    assert await rows(session, select(shout).where(shout == "ANN")) == [("ANN",)]
    assert await rows(session, select(type_coerce("Ann", Shout))) == [("ANN",)]
    assert await rows(session, select(literal(1)).where(type_coerce("x", String) == "x")) == [(1,)]
    with pytest.raises(TypeError, match="type_coerce"):
        type_coerce(Author.name, 7)
