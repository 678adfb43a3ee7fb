"""Labels in ORDER BY and GROUP BY, names that are sorted by, and columns of a set operation that have several types."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from library import Author, Base as Library, Book

import ormkit
from ormkit import (
    AsyncSession,
    DeclarativeBase,
    Mapped,
    desc,
    func,
    literal,
    mapped_column,
    null,
    nulls_first,
    nulls_last,
    select,
)


class Base(DeclarativeBase):
    __abstract__ = True


class Price(Base):
    __tablename__ = "prices"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    amount: Mapped[Decimal]
    n: Mapped[int]


async def filled(session: AsyncSession, engine: ormkit.ConnectionPool) -> None:
    await Base.metadata.create_all(engine)
    await session.insert_all(
        [Price(id=1, name="a", amount=Decimal("1.50"), n=3), Price(id=2, name="b", amount=Decimal("0.5"), n=1)]
    )


async def rows(session: AsyncSession, statement: Any) -> list[Any]:
    return sorted(tuple(row) for row in (await session.execute(statement)).all())


async def test_numbers_of_several_types_are_one_column_of_the_widest(engine: ormkit.ConnectionPool) -> None:
    async with AsyncSession(engine) as session:
        await filled(session, engine)
        halves = select(Price.n / 2)
        assert await rows(session, select(Price.amount).union(halves)) == [(0.5,), (1.5,)]
        assert await rows(session, halves.union(select(Price.amount))) == [(0.5,), (1.5,)]
        assert await rows(session, select(Price.n).union_all(halves)) == [(0.5,), (1.0,), (1.5,), (3.0,)]
        found = await rows(session, select(Price.n).union(select(Price.amount)))
        assert found == [(Decimal("0.5"),), (Decimal(1),), (Decimal("1.50"),), (Decimal(3),)]
        assert all(type(value) is Decimal for (value,) in found)
        inner = select(Price.amount.label("v")).union_all(halves).subquery()
        assert await rows(session, select(inner.c.v)) == [(0.5,), (0.5,), (1.5,), (1.5,)]
        assert await session.scalar(select(func.sum(inner.c.v))) == 4.0
        ordered = select(Price.n).union_all(halves).order_by(Price.n)
        assert (await session.scalars(ordered)).all() == [0.5, 1.0, 1.5, 3.0]


async def test_null_has_the_type_of_the_other_selects(engine: ormkit.ConnectionPool) -> None:
    async with AsyncSession(engine) as session:
        await filled(session, engine)
        found = (await session.scalars(select(null().label("x")).union_all(select(Price.amount)))).all()
        assert [value for value in found if value is not None] == [Decimal("1.50"), Decimal("0.5")]


def test_columns_of_types_that_do_not_mix_are_refused() -> None:
    with pytest.raises(ormkit.ProgrammingError, match=r"`name` of a UNION is TEXT in one SELECT and INTEGER .*cast"):
        select(Price.name).union(select(Price.n))


async def test_order_names_a_label(engine: ormkit.ConnectionPool) -> None:
    async with AsyncSession(engine) as session:
        await filled(session, engine)
        more = (Price.n + literal(1)).label("more")
        statement = select(Price.name, more).order_by(more.desc())
        assert str(statement) == "SELECT name, n + $1 AS more FROM prices ORDER BY more DESC"
        assert str(select(Price.name, more).order_by("more")).endswith("ORDER BY more ASC")
        assert [row.name for row in await session.execute(statement)] == ["a", "b"]
        # a database takes values that are bound twice for two
        distinct = select(more).distinct().order_by(more)
        assert (await session.scalars(distinct)).all() == [2, 4]
        grouped = select(more, func.count().label("count")).group_by(more).order_by(more)
        assert await rows(session, grouped) == [(2, 1), (4, 1)]
        by_name = select((Price.n % 2).label("odd"), func.count()).group_by("odd").order_by("odd")
        assert await rows(session, by_name) == [(1, 2)]
        again = select(Price.name.label("x"), Price.n.label("x")).order_by(Price.n.label("x"))
        assert str(again).endswith("ORDER BY 2 ASC")
        assert [row[0] for row in await session.execute(again)] == ["b", "a"]
        # a label of another statement is its value
        assert str(select(Price.name).order_by(more)).endswith("ORDER BY n + $1 ASC")


async def test_order_by_the_label_of_another_value_is_of_that_value(engine: ormkit.ConnectionPool) -> None:
    async with AsyncSession(engine) as session:
        await filled(session, engine)
        total = func.sum(Price.n).label("n")
        statement = select(Price.name, total).group_by(Price.name).order_by(total)
        assert [row.name for row in await session.execute(statement)] == ["b", "a"]


async def test_names_are_sorted_with_nulls_in_their_place(engine: ormkit.ConnectionPool) -> None:
    async with AsyncSession(engine) as session:
        await Library.metadata.create_all(engine)
        await session.insert_all([Author(id=1, name="a", born=None), Author(id=2, name="b", born=1900)])
        names = select(Author.name)
        for order, expected in [
            (nulls_first("born"), ["a", "b"]),
            (nulls_last("born"), ["b", "a"]),
            (nulls_last(desc("born")), ["b", "a"]),
            (nulls_first("-born"), ["a", "b"]),
            (desc("name"), ["b", "a"]),
        ]:
            assert (await session.scalars(names.order_by(order))).all() == expected
        labelled = select(Author.name, Author.born.label("year")).order_by(nulls_last("year"))
        assert str(labelled).endswith("ORDER BY year ASC NULLS LAST")
        with pytest.raises(ormkit.FieldError, match="did you mean `born`"):
            names.order_by(nulls_last("borm"))
        with pytest.raises(TypeError, match="looked up by order_by"):
            select(nulls_last("born"))


async def test_mappings_are_read_as_rows_are(engine: ormkit.ConnectionPool) -> None:
    async with AsyncSession(engine) as session:
        await Library.metadata.create_all(engine)
        await session.insert_all([Book(id=1, title="x"), Book(id=2, title="y")])
        result = await session.execute(select(Book.id, Book.title).order_by(Book.id))
        one, two = {"id": 1, "title": "x"}, {"id": 2, "title": "y"}
        assert result.mappings().all() == [one, two]
        assert result.mappings().first() == one
        assert [row["title"] for row in result.mappings()] == ["x", "y"]
        assert list(result.mappings().partitions(1)) == [[one], [two]]
        assert result.mappings().unique().keys() == ["id", "title"]
        with pytest.raises(ormkit.MultipleResultsFound):
            result.mappings().one()
        none = await session.execute(select(Book.id).where(Book.id == 9))
        assert none.mappings().first() is None and none.mappings().one_or_none() is None
        with pytest.raises(ormkit.NoResultFound):
            none.mappings().one()
        with pytest.raises(TypeError, match=r"\.all\(\)"):
            len(result.mappings())
        assert result.mappings().fetchall() == [one, two]


async def test_rows_are_fetched_one_after_the_other(engine: ormkit.ConnectionPool) -> None:
    """PEP 249, `fetchone` to `fetchall`; all else sees the whole result."""
    await Library.metadata.create_all(engine)
    async with AsyncSession(engine) as session, session.begin():
        session.add_all([Author(name=name) for name in "abcde"])
        await session.flush()
        names = select(Author.name).order_by(Author.id)
        rows = await session.execute(names)
        assert (rows.fetchone(), rows.fetchmany(2)) == (("a",), [("b",), ("c",)])
        assert len(rows.all()) == 5
        assert (rows.fetchall(), rows.fetchone(), rows.fetchmany(), rows.fetchall()) == ([("d",), ("e",)], None, [], [])
        dicts = (await session.execute(names)).mappings()
        assert (dicts.fetchone(), dicts.fetchmany(), len(dicts.fetchall())) == ({"name": "a"}, [{"name": "b"}], 3)
        values = await session.scalars(names)
        assert (values.fetchmany(4), values.fetchall(), values.fetchmany()) == (["a", "b", "c", "d"], ["e"], [])
