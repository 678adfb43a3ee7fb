"""Parameters and methods by the names that SQLAlchemy has for them."""

from __future__ import annotations

import pytest
from library import Author, Base, Book

from ormkit import (
    ARRAY,
    AsyncSession,
    Engine,
    Integer,
    NotSupportedError,
    aliased,
    any_,
    bindparam,
    cast,
    func,
    joinedload,
    select,
    selectinload,
    text,
)
from ormkit.testing import assert_queries


@pytest.fixture
async def session(engine: Engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all([Author(name=name) for name in "abcdef"])
        yield session


async def test_get_and_refresh_take_their_names(session: AsyncSession) -> None:
    author = await session.get(entity=Author, ident=2)
    assert author and author.name == "b"
    assert (await session.get_one(ident=3, entity=Author)).name == "c"
    author.name = "x"
    await session.refresh(author, attribute_names=["name"])
    assert author.name == "b"
    with pytest.raises(TypeError, match="one of attribute_names and attributes"):
        await session.refresh(author, ["name"], attributes=["name"])


async def test_slices_are_limit_and_offset(session: AsyncSession) -> None:
    names = select(Author.name).order_by(Author.id)
    assert (await session.scalars(names.slice(1, 3))).all() == ["b", "c"]
    assert (await session.scalars(names.slice(1, 5).slice(1, 3))).all() == ["c", "d"]
    assert (await session.scalars(names.slice(2, 2))).all() == []
    assert (await session.scalars(names.fetch(2))).all() == ["a", "b"]
    for start, stop in ((-1, 2), (3, 2)):
        with pytest.raises(ValueError, match="goes from a place"):
            names.slice(start, stop)
    with pytest.raises(NotSupportedError, match=r"fetch\(with_ties=True\).*rank"):
        names.fetch(2, with_ties=True)  # type: ignore[call-overload]


async def test_populate_existing_reads_over_what_is_held(session: AsyncSession, engine: Engine) -> None:
    author = await session.get(Author, 1, options=[selectinload(Author.books)])
    assert author is not None
    await session.insert(Book(title="old", author=author))
    async with AsyncSession(engine) as other:
        await other.query(Author).filter(id=1).update(name="new")
        await other.insert(Book(title="more", author_id=1))
    statement = select(Author).where(Author.id == 1)
    assert (await session.scalars(statement.options(selectinload(Author.books)))).one().name == "a"
    assert len(author.books) == 1
    again = statement.execution_options(populate_existing=True)
    assert (await session.scalars(again)).one() is author
    assert author.name == "new" and len(author.books) == 1
    for option, count in ((selectinload(Author.books), 2), (joinedload(Author.books), 1)):
        with assert_queries(count):
            await session.scalars(again.options(option))
        assert len(author.books) == 2
    author.name = "mine"
    with session.no_autoflush:
        await session.scalars(again.execution_options(populate_existing=False))
        assert author.name == "mine"
        await session.scalars(again)
        assert author.name == "new"


async def test_functions_by_their_names(session: AsyncSession) -> None:
    assert await session.scalar(select(func.aggregate_strings(Author.name, "|")).where(Author.id < 3)) in ("a|b", "b|a")
    first = select(Author).where(Author.id < 3).cte("first")
    again = aliased(Author, first, name="again")
    assert (await session.scalars(select(again.name).order_by(again.id))).all() == ["a", "b"]
    pairs = select(first.c.name, again.name).join(again, again.id > first.c.id)
    assert (await session.execute(pairs)).all() == [("a", "b")]


async def test_texts_take_parameters(session: AsyncSession) -> None:
    statement = text("SELECT name FROM authors WHERE id = :id OR name = :name ORDER BY id")
    names = statement.bindparams(bindparam("id", 2), bindparam("name", "c"))
    assert (await session.execute(names)).scalars().all() == ["b", "c"]
    later = select(Author.name).where(text("id = :id OR name = :name").bindparams(bindparam("id"), name="c"))
    assert (await session.scalars(later.order_by("id"), {"id": 1})).all() == ["a", "c"]
    with pytest.raises(NotSupportedError, match="column.in_"):
        text("SELECT 1 WHERE 1 IN :ids").bindparams(bindparam("ids", expanding=True))
    with pytest.raises(TypeError, match="no placeholder :other"):
        statement.bindparams(bindparam("other", 1), id=1, name="x")
    with pytest.raises(TypeError, match="values by name"):
        statement.bindparams(1)  # type: ignore[arg-type]


async def test_lists_are_cast_to_arrays(session: AsyncSession) -> None:
    assert await session.scalar(select(cast([1, 2], ARRAY(Integer)))) == [1, 2]
    with pytest.raises(TypeError, match=r"column\.in_"):
        any_(select(Author.id).scalar_subquery())
