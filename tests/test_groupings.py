"""ROLLUP, CUBE and GROUPING SETS: rows that are grouped several times."""

from __future__ import annotations

import pytest

from ormkit import AsyncSession, Base, Engine, Mapped, NotSupportedError, func, mapped_column, select, tuple_
from ormkit.testing import assert_queries


class Sale(Base):
    __tablename__ = "grouped_sales"
    id: Mapped[int] = mapped_column(primary_key=True)
    year: Mapped[int]
    shop: Mapped[str]
    amount: Mapped[int]


async def filled(engine: Engine) -> None:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        rows = [(2020, "a", 1), (2020, "b", 2), (2021, "a", 4)]
        await session.insert_all([Sale(year=year, shop=shop, amount=amount) for year, shop, amount in rows])


GROUPINGS = [
    (
        func.rollup(Sale.year, Sale.shop),
        [(2020, "a", 1), (2020, "b", 2), (2020, None, 3), (2021, "a", 4), (2021, None, 4), (None, None, 7)],
    ),
    (
        func.cube(Sale.year, Sale.shop),
        [
            (2020, "a", 1),
            (2020, "b", 2),
            (2020, None, 3),
            (2021, "a", 4),
            (2021, None, 4),
            (None, "a", 5),
            (None, "b", 2),
            (None, None, 7),
        ],
    ),
    (
        func.grouping_sets(tuple_(Sale.year, Sale.shop), Sale.year, ()),
        [(2020, "a", 1), (2020, "b", 2), (2020, None, 3), (2021, "a", 4), (2021, None, 4), (None, None, 7)],
    ),
    (func.grouping_sets((Sale.year,), tuple_()), [(2020, None, 3), (2021, None, 4), (None, None, 7)]),
]


@pytest.mark.parametrize(("grouping", "rows"), GROUPINGS[:3])
async def test_rows_are_grouped_several_times(engine: Engine, grouping, rows) -> None:
    await filled(engine)
    statement = select(Sale.year, Sale.shop, func.sum(Sale.amount)).group_by(grouping).order_by(Sale.year, Sale.shop)
    async with AsyncSession(engine) as session:
        if engine.is_sqlite():
            with assert_queries(0), pytest.raises(NotSupportedError, match=r"\(\) on sqlite.*union_all"):
                await session.execute(statement)
        else:
            assert (await session.execute(statement)).all() == rows


async def test_grouping_says_which_columns_are_summed_up(engine: Engine) -> None:
    await filled(engine)
    summed = func.grouping(Sale.year)
    statement = (
        select(Sale.year, summed, func.sum(Sale.amount))
        .group_by(func.grouping_sets((Sale.year,), tuple_()))
        .order_by(summed, Sale.year)
    )
    async with AsyncSession(engine) as session:
        if engine.is_sqlite():
            with assert_queries(0), pytest.raises(NotSupportedError, match=r"grouping\(\) on sqlite"):
                await session.execute(statement)
        else:
            assert (await session.execute(statement)).all() == [(2020, 0, 3), (2021, 0, 4), (None, 1, 7)]


def test_text_is_that_of_sql() -> None:
    statement = select(func.count()).group_by(func.grouping_sets((Sale.year, Sale.shop), ()))
    sql, _ = statement.to_sql("postgresql")
    assert sql.endswith("GROUP BY GROUPING SETS((year, shop), ())")


def test_tuple_of_nothing_is_compared_with_nothing() -> None:
    with pytest.raises(TypeError, match="grouping_sets"):
        _ = tuple_() == ()


async def test_groups_are_sorted_by_values_that_bind_some(engine: Engine) -> None:
    await filled(engine)
    async with AsyncSession(engine) as session:
        by, count = Sale.year % 100, func.count()
        assert (await session.execute(select(by, count).group_by(by).order_by(by.desc()))).all() == [(21, 1), (20, 2)]
        two, three = Sale.amount % 2, Sale.amount % 3
        statement = select(two, three, count).group_by(three, two).order_by(count)
        assert sorted((await session.execute(statement)).all()) == [(0, 1, 1), (0, 2, 1), (1, 1, 1)]
        once = select(by).distinct().order_by(by.desc())
        assert (await session.scalars(once)).all() == [21, 20]
