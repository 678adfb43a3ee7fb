"""F and aggregates as arguments of SQL's functions: names and groups are those of the query that takes them."""

from __future__ import annotations

from decimal import Decimal

import pytest
import pytest_asyncio

from ormkit import (
    AsyncSession,
    ConnectionPool,
    Count,
    DataError,
    DeclarativeBase,
    F,
    FieldError,
    ForeignKey,
    Mapped,
    Numeric,
    String,
    Sum,
    cast,
    func,
    mapped_column,
    relationship,
    select,
)


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "f_authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    age: Mapped[int | None]
    books: Mapped[list[Book]] = relationship(back_populates="author")


class Book(Base):
    __tablename__ = "f_books"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    price: Mapped[Decimal] = mapped_column(Numeric(8, 2))
    author_id: Mapped[int] = mapped_column(ForeignKey("f_authors.id"))
    author: Mapped[Author] = relationship(back_populates="books")


@pytest_asyncio.fixture
async def session(engine: ConnectionPool):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        ann = Author(name="Ann", age=3)
        ann.books = [Book(title="X", price=Decimal("1.50")), Book(title="yy", price=Decimal("2.25"))]
        cyd = Author(name="cyd", age=7, books=[Book(title="Z", price=Decimal(3))])
        await session.insert_all([ann, Author(name="Bob"), cyd])
        yield session


async def test_functions_of_columns(session):
    query = session.query(Author).order_by("id")
    assert await query.annotate(low=func.lower(F("name"))).values_list("low", flat=True) == ["ann", "bob", "cyd"]
    ages = query.annotate(known=func.coalesce(F("age"), F("id") * 10))
    assert [author.known for author in await ages.all()] == [3, 20, 7]
    twice = query.annotate(known=func.coalesce(func.nullif(F("age"), 3), 0) + 1)
    assert await twice.values_list("known", flat=True) == [1, 1, 8]
    texts = query.annotate(text=cast(F("id"), String))
    assert await texts.values_list("text", flat=True) == ["1", "2", "3"]


async def test_functions_across_relations(session):
    query = session.query(Book).annotate(by=func.upper(F("author__name"))).order_by("id")
    assert await query.values_list("title", "by") == [("X", "ANN"), ("yy", "ANN"), ("Z", "CYD")]


async def test_functions_in_conditions_orders_and_updates(session):
    query = session.query(Author)
    assert await query.filter(name=func.lower(F("name"))).values_list("name", flat=True) == ["cyd"]
    assert await query.filter(age__gt=func.coalesce(F("id"), 0) + 3).count() == 1
    names = await query.order_by(func.lower(F("name")).desc()).values_list("name", flat=True)
    assert names == ["cyd", "Bob", "Ann"]
    assert await query.filter(name="Bob").update(name=func.upper(F("name")), age=func.coalesce(F("age"), 40)) == 1
    bob = await query.get(name="BOB")
    assert bob.age == 40


async def test_functions_of_aggregates(session):
    query = session.query(Author).order_by("id")
    totals = query.annotate(total=func.coalesce(Sum("books__price"), 0), n=Count("books"))
    assert await totals.values_list("name", "total", "n") == [
        ("Ann", Decimal("3.75"), 2),
        ("Bob", Decimal(0), 0),
        ("cyd", Decimal("3.00"), 1),
    ]
    assert await totals.filter(total__gt=3).values_list("name", flat=True) == ["Ann"]
    groups = session.query(Book).values("author__name").annotate(total=func.round(Sum("price") * 2)).order_by("total")
    assert [group["total"] for group in await groups] == [Decimal(6), Decimal(8)]
    none = await session.query(Book).filter(id=0).aggregate(total=func.coalesce(Sum("price"), 0))
    assert none == {"total": Decimal(0)}


async def test_what_is_no_name_of_the_query(session):
    query = session.query(Author)
    with pytest.raises(FieldError, match="name"):
        await query.annotate(low=func.lower(F("nmae"))).all()
    with pytest.raises(DataError, match="Author.name: expected str, got a value of type F"):
        query.filter(Author.name == F("name"))
    with pytest.raises(TypeError):
        select(func.lower(F("name")))
    with pytest.raises(TypeError, match="an aggregate has its place in annotate"):
        await query.filter(age=func.coalesce(Sum("age"), 0)).all()
