"""Functions, aggregates, windows, CASE, operators and rows: values come back as the same Python types from both databases."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from ormkit import (
    AsyncSession,
    DeclarativeBase,
    Float,
    Integer,
    Mapped,
    String,
    aggregate_order_by,
    all_,
    any_,
    between,
    case,
    distinct,
    func,
    literal,
    literal_column,
    mapped_column,
    nulls_last,
    select,
    text,
    tuple_,
)
from ormkit.exc import NotSupportedError, ProgrammingError


class Base(DeclarativeBase):
    __abstract__ = True


class Sale(Base):
    __tablename__ = "function_sales"
    id: Mapped[int] = mapped_column(primary_key=True)
    shop: Mapped[str]
    number: Mapped[int | None]
    price: Mapped[Decimal | None]
    ratio: Mapped[float | None]
    day: Mapped[date | None]
    tags: Mapped[list[str] | None]
    sizes: Mapped[list[int] | None]


SALES: list[dict[str, Any]] = [
    {"id": 1, "shop": "a", "number": 7, "price": Decimal("10"), "ratio": 2.5, "day": date(2024, 1, 1), "tags": ["x"]},
    {"id": 2, "shop": "b", "number": -7, "price": Decimal("9.5"), "ratio": -2.5, "day": date(2024, 1, 2), "tags": []},
    {"id": 3, "shop": "a", "number": 2, "price": Decimal("100.25"), "ratio": 0.5, "tags": ["x", "y"], "sizes": [1, 2]},
    {"id": 4, "shop": "b"},
]


@pytest.fixture
async def session(engine: Any) -> Any:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all([Sale(**sale) for sale in SALES])
        yield session


async def column(session: AsyncSession, expression: Any) -> list[Any]:
    return (await session.scalars(select(expression).order_by(Sale.id))).all()


async def one(session: AsyncSession, *expressions: Any) -> tuple[Any, ...]:
    return tuple((await session.execute(select(*expressions))).one())


async def ids(session: AsyncSession, condition: Any) -> list[int]:
    return sorted((await session.scalars(select(Sale.id).where(condition))).all())


def same(have: Any, want: Any) -> None:
    assert have == want
    assert [type(value) for value in have] == [type(value) for value in want]


async def test_aggregates_answer_the_types_of_python(session):
    same(
        await one(
            session,
            func.count(),
            func.count(Sale.number),
            func.count(distinct(Sale.shop)),
            func.count(Sale.shop.distinct()),
            func.sum(Sale.number),
            func.min(Sale.price),
            func.max(Sale.price),
            func.max(Sale.day),
            func.sum(Sale.price),
            func.sum(Sale.ratio),
        ),
        (4, 3, 2, 2, 2, Decimal("9.5"), Decimal("100.25"), date(2024, 1, 2), Decimal("119.75"), 0.5),
    )
    (average,) = await one(session, func.avg(Sale.number))
    assert isinstance(average, Decimal)
    assert round(average, 6) == round(Decimal(2) / 3, 6)


async def test_lists_and_texts_are_gathered_in_order(session):
    down = Sale.id.desc()
    same(
        await one(
            session,
            func.array_agg(aggregate_order_by(Sale.number, down)),
            func.array_agg(Sale.price).filter(Sale.price.is_not(None)).aggregate_order_by(Sale.id),
            func.array_agg(aggregate_order_by(Sale.day, Sale.id)),
            func.string_agg(Sale.shop, "-").aggregate_order_by(down),
            func.group_concat(aggregate_order_by(Sale.shop, Sale.id)),
            func.json_agg(aggregate_order_by(Sale.number, Sale.id)),
        ),
        (
            [None, 2, -7, 7],
            [Decimal("10"), Decimal("9.5"), Decimal("100.25")],
            [date(2024, 1, 1), date(2024, 1, 2), None, None],
            "b-a-b-a",
            "a,b,a,b",
            [7, -7, 2, None],
        ),
    )


async def test_windows(session):
    by_id = {"order_by": Sale.id}
    assert await column(session, func.row_number().over(partition_by=Sale.shop, **by_id)) == [1, 1, 2, 2]
    assert await column(session, func.rank().over(order_by=nulls_last(Sale.number.desc()))) == [1, 3, 2, 4]
    assert await column(session, func.lag(Sale.number).over(**by_id)) == [None, 7, -7, 2]
    assert await column(session, func.lead(Sale.number, 1, 0).over(**by_id)) == [-7, 2, None, 0]
    assert await column(session, func.ntile(2).over(**by_id)) == [1, 1, 2, 2]
    assert await column(session, func.first_value(Sale.price).over(**by_id)) == [Decimal("10")] * 4
    assert await column(session, func.sum(Sale.id).over(rows=(-1, 0), **by_id)) == [1, 3, 5, 7]
    assert await column(session, func.sum(Sale.id).over(range_=(-1, 1), **by_id)) == [3, 6, 9, 7]
    assert await column(session, func.sum(Sale.id).over(groups=(None, -1), **by_id)) == [None, 1, 3, 6]
    assert await column(session, func.count().over(rows=(None, None))) == [4] * 4
    assert await column(session, func.max(Sale.price).over(**by_id)) == [
        Decimal("10"),
        Decimal("10"),
        Decimal("100.25"),
        Decimal("100.25"),
    ]
    with pytest.raises(ValueError, match="one of rows"):
        func.count().over(rows=(0, 1), range_=(0, 1))
    with pytest.raises(ValueError, match="ends before"):
        func.count().over(rows=(1, 0))


async def test_numbers_are_divided_as_python_divides(session):
    same(await column(session, Sale.number / 2), [3.5, -3.5, 1.0, None])
    same(await column(session, Sale.number // 2), [3, -3, 1, None])
    same(await column(session, Sale.number % 4), [3, -3, 2, None])
    assert await column(session, Sale.price / 4) == [Decimal("2.5"), Decimal("2.375"), Decimal("25.0625"), None]
    assert await column(session, Sale.price // 4) == [2, 2, 25, None]
    assert await column(session, Sale.price % 3) == [1, Decimal("0.5"), Decimal("1.25"), None]
    assert await column(session, Sale.ratio % 2) == [0.5, -0.5, 0.5, None]
    assert await column(session, 10 // Sale.number) == [1, -1, 5, None]
    assert await column(session, 10 % Sale.number) == [3, 3, 0, None]


async def test_bits(session):
    number = Sale.number
    assert await column(session, number.bitwise_and(3)) == [3, 1, 2, None]
    assert await column(session, number.bitwise_or(8)) == [15, -7, 10, None]
    assert await column(session, number.bitwise_xor(5)) == [7 ^ 5, -7 ^ 5, 2 ^ 5, None]
    assert await column(session, number.bitwise_not()) == [~7, ~-7, ~2, None]
    assert await column(session, number.bitwise_lshift(2)) == [28, -28, 8, None]
    assert await column(session, number.bitwise_rshift(1)) == [3, -4, 1, None]


async def test_greatest_and_least_leave_nulls_out(session):
    same(await column(session, func.greatest(Sale.number, 3)), [7, 3, 3, 3])
    same(await column(session, func.least(Sale.number, Sale.id)), [1, -7, 2, 4])
    most = [Decimal("20"), Decimal("20"), Decimal("100.25"), Decimal("20")]
    same(await column(session, func.greatest(Sale.price, Decimal("20"), 3)), most)
    assert await column(session, func.least(Sale.number, None)) == [7, -7, 2, None]


async def test_values_have_the_type_of_their_function(session):
    same(await column(session, func.coalesce(Sale.price, 0)), [*(sale["price"] for sale in SALES[:3]), Decimal("0")])
    assert await column(session, func.coalesce(Sale.day, date(2000, 1, 1))) == [
        date(2024, 1, 1),
        date(2024, 1, 2),
        date(2000, 1, 1),
        date(2000, 1, 1),
    ]
    assert await column(session, func.nullif(Sale.number, 7)) == [None, -7, 2, None]
    assert await column(session, func.substr("abc", 2, 1)) == ["b"] * 4
    same(await column(session, Sale.number.cast(String)), ["7", "-7", "2", None])
    same(await one(session, literal(5, Float), literal("x"), literal_column("1 + 1", Integer)), (5.0, "x", 2))


async def test_case_by_condition_and_by_value(session):
    number = Sale.number
    assert await column(session, case((number > 2, "much"), (number > 0, "some"), else_="none")) == [
        "much",
        "none",
        "some",
        "none",
    ]
    assert await column(session, case({7: "seven", -7: "minus"}, value=number)) == ["seven", "minus", None, None]
    assert await column(session, case({"a": Sale.price}, value=Sale.shop, else_=0)) == [
        Decimal("10"),
        0,
        Decimal("100.25"),
        0,
    ]


async def test_rows_of_values(session):
    pair = tuple_(Sale.id, Sale.shop)
    assert await ids(session, pair.in_([(1, "a"), (2, "a"), (4, "b")])) == [1, 4]
    assert await ids(session, pair.not_in([(1, "a")])) == [2, 3, 4]
    assert await ids(session, pair.in_([])) == []
    assert await ids(session, pair.in_(select(Sale.id, Sale.shop).where(Sale.id > 2))) == [3, 4]
    assert await ids(session, tuple_(Sale.shop, Sale.id) > ("a", 1)) == [2, 3, 4]
    assert await ids(session, tuple_(Sale.shop, Sale.id) == ("a", 3)) == [3]
    with pytest.raises(TypeError, match="as many"):
        pair.in_([(1,)])


async def test_elements_of_arrays(session):
    assert await ids(session, any_(Sale.tags) == "y") == [3]
    assert await ids(session, literal("x") == any_(Sale.tags)) == [1, 3]
    assert await ids(session, all_(Sale.sizes) > 1) == []
    assert await ids(session, all_(Sale.sizes) > 0) == [3]
    assert await ids(session, ~(any_(Sale.tags) == "x")) == [2]
    assert await ids(session, Sale.tags.contained_by(["x", "y", "z"])) == [1, 2, 3]
    rows = session.query(Sale).order_by("id")
    assert [sale.id for sale in await rows.filter(tags__contains=["x"])] == [1, 3]
    assert [sale.id for sale in await rows.filter(tags__contained_by=["x"])] == [1, 2]
    assert [sale.id for sale in await rows.filter(tags__overlap=["y", "z"])] == [3]
    assert [sale.id for sale in await rows.filter(tags__len=0)] == [2]
    assert [sale.id for sale in await rows.exclude(tags__len=0)] == [1, 3, 4]
    with pytest.raises(TypeError, match="array column"):
        any_(Sale.id)


async def test_between_either_way(session):
    assert await ids(session, Sale.number.between(7, 0)) == []
    assert await ids(session, Sale.number.between(7, 0, symmetric=True)) == [1, 3]
    assert await ids(session, ~Sale.price.between(Decimal("10"), Decimal("9"), symmetric=True)) == [3]
    assert await ids(session, between(Sale.number, 1, 3)) == [3]


async def test_operators_by_their_text(session, engine):
    assert await ids(session, Sale.number.op("%")(2) == 1) == [1]
    assert await ids(session, Sale.number.bool_op(">")(1)) == [1, 3]
    assert await ids(session, Sale.number.op("+")(Sale.id) * 2 == 16) == [1]
    if engine.dialect == "postgresql":
        assert await ids(session, Sale.tags.op("&&", is_comparison=True)(["y"])) == [3]
        assert await ids(session, Sale.shop.op("SIMILAR TO", is_comparison=True)("(a|c)")) == [1, 3]
    for wrong in ("", "; DROP TABLE x --", "= 1 OR 1 =", "--", "/*", "'"):
        with pytest.raises(ProgrammingError, match="no operator"):
            Sale.number.op(wrong)(1)


async def test_text_with_values_binds_them(session):
    condition = text("number > :least AND shop = :shop OR id = :id").bindparams(least=1, shop="a", id=2)
    assert await ids(session, condition) == [1, 2, 3]
    assert await ids(session, condition & (Sale.id > 1)) == [2, 3]
    assert await ids(session, text("shop = ':id' OR id = :id").bindparams(id=4)) == [4]
    with pytest.raises(TypeError, match=":shop"):
        text("shop = :shop").bindparams()
    with pytest.raises(TypeError, match="no placeholder :other"):
        text("shop = :shop").bindparams(shop="a", other=1)


async def test_what_a_database_lacks_is_said_before_any_sql(session, engine):
    if engine.dialect == "postgresql":
        assert await one(session, func.pg_catalog.lower("A")) == ("a",)
        assert await one(session, func.percentile_disc(0.5).within_group(Sale.number)) == (2,)
    else:
        with pytest.raises(NotSupportedError, match="schema"):
            await one(session, func.pg_catalog.lower("A"))
        with pytest.raises(NotSupportedError, match="within_group"):
            await one(session, func.percentile_disc(0.5).within_group(Sale.number))
    with pytest.raises(ProgrammingError, match="no name of a function"):
        getattr(func, "a b")()
    with pytest.raises(TypeError, match="argument of an aggregate"):
        select(Sale.shop.distinct())
