"""Decimals are exact on SQLite, too: what it answers is what PostgreSQL's NUMERIC answers, digit by digit."""

from __future__ import annotations

import decimal
import random
from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

import ormkit
from ormkit import (
    AsyncSession,
    DeclarativeBase,
    F,
    Float,
    ForeignKey,
    Integer,
    Mapped,
    Numeric,
    String,
    bindparam,
    case,
    cast,
    create_engine,
    func,
    insert,
    literal_column,
    mapped_column,
    relationship,
    select,
    selectinload,
    tuple_,
    union_all,
    update,
)
from ormkit.exc import StaleDataError


class Base(DeclarativeBase):
    __abstract__ = True


class Item(Base):
    __tablename__ = "decimal_items"
    id: Mapped[int] = mapped_column(primary_key=True)
    p: Mapped[Decimal | None]
    q: Mapped[Decimal | None] = mapped_column(Numeric(30, 4))
    n: Mapped[int] = mapped_column(default=3)


BIG = Decimal("12345678901234567890.01")
ROWS: list[tuple[str | None, str | None]] = [
    ("0.2", "0.20"),
    ("12345678901234567890.01", "12345678901234567890.0100"),
    ("12345678901234567890.02", None),
    ("-0.1", "2.00"),
    ("1.50", "-7.125"),
    ("0", "0"),
    ("-99999.99995", "0.0001"),
    (None, "1.5"),
    ("1e-30", "33"),
    ("123456789012345678901234567890123456789012345.678901234567890123456789", "3"),
]


def number(given: str | None) -> Decimal | None:
    return None if given is None else Decimal(given)


def items() -> list[Item]:
    return [Item(id=at, p=number(p), q=number(q), n=at - 4) for at, (p, q) in enumerate(ROWS, 1)]


@pytest_asyncio.fixture
async def session(engine: ormkit.ConnectionPool) -> AsyncIterator[AsyncSession]:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all(items())
        yield session


@pytest_asyncio.fixture
async def both(sqlite_url: str, postgres_url: str) -> AsyncIterator[list[AsyncSession]]:
    """A session on SQLite and one on PostgreSQL, with the same rows."""
    async with create_engine(sqlite_url) as on_sqlite, create_engine(postgres_url) as on_postgres:
        sessions = []
        for engine in (on_sqlite, on_postgres):
            await Base.metadata.create_all(engine)
            session = AsyncSession(engine)
            await session.insert_all(items())
            await session.commit()
            sessions.append(session)
        yield sessions
        for session in sessions:
            await session.close()


def shown(value: Any) -> Any:
    """Equal decimals of other digits are told apart."""
    return str(value) if isinstance(value, Decimal) else value


async def answers(session: AsyncSession, statement: Any) -> list[Any]:
    return [tuple(map(shown, row)) for row in (await session.execute(statement)).all()]


EXPRESSIONS = {
    "add": Item.p + Decimal("0.1"),
    "subtract": Item.p - Item.q,
    "multiply": Item.p * Item.q,
    "multiply by int": Item.p * 3,
    "divide": Item.p / 4,
    "divide by column": Item.q / (Item.q + 1),
    "divide one": 1 / (Item.q + Decimal("0.3")),
    "remainder": Item.q % Decimal("0.7"),
    "whole quotient": Item.p // 7,
    "negative": -Item.p,
    "with int column": Item.p + Item.n,
    "int column first": Item.n * Item.q,
    "abs": func.abs(Item.p),
    "sign": func.sign(Item.p),
    "round": func.round(Item.p),
    "round 2": func.round(Item.p, 2),
    "round -2": func.round(Item.p, -2),
    "round more": func.round(Item.q, 6),
    "trunc": func.trunc(Item.p),
    "trunc 1": func.trunc(Item.p, 1),
    "ceil": func.ceil(Item.p),
    "ceiling": func.ceiling(Item.q),
    "floor": func.floor(Item.p),
    "mod": func.mod(Item.q, Decimal("1.25")),
    "div": func.div(Item.q, Decimal("1.25")),
    "coalesce": func.coalesce(Item.p, Item.q),
    "coalesce int": func.coalesce(Item.p, 0),
    "nullif of int": func.nullif(Item.q, 3),
    "nullif of int column": func.nullif(Item.q, Item.n - 3),
    "case with float": case((Item.id == 1, Item.p), else_=cast(0.5, Float)),
    "coalesce with float": func.coalesce(cast(Item.n, Float), Item.q),
    "greatest of float": func.greatest(cast(Item.n, Float) + 0.25, Item.q % 7),
    "beside a float": (Item.q % 7) * cast(Item.n, Float),
    "nullif": func.nullif(Item.q, Decimal("1.50")),
    "greatest": func.greatest(Item.p, Item.q),
    "least with int": func.least(Item.p, Item.n),
    "case": case((Item.id < 3, Item.p), else_=Item.q),
    "case with int": case((Item.id < 3, 1), else_=Item.q),
    "cast to integer": cast(Item.q % 1000, Integer),
    "cast to size": cast(Item.q / 3, Numeric(40, 2)),
    "cast of int": cast(Item.id, Numeric(10, 2)),
    "cast of text": cast(cast(Item.q, String), Numeric),
    "nested": func.round((Item.p + Item.q) * Decimal("1.10") / 3, 5),
    "over": func.sum(Item.p).over(order_by=Item.id),
    "moving": func.sum(Item.p).over(order_by=Item.id, rows=(-1, 1)),
    "moving average": func.avg(Item.q).over(order_by=Item.id, rows=(-2, 0)),
    "greatest so far": func.max(Item.p).over(order_by=Item.id),
    "before": func.lag(Item.p * 2).over(order_by=Item.id),
    "rank": func.rank().over(order_by=Item.p.nulls_first()),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
async def test_expressions_are_those_of_postgresql(both: list[AsyncSession], name: str) -> None:
    statement = select(Item.id, EXPRESSIONS[name].label("r")).order_by(Item.id)
    on_sqlite, on_postgres = [await answers(session, statement) for session in both]
    assert on_sqlite == on_postgres


AGGREGATES = {
    "sum": func.sum(Item.p),
    "avg": func.avg(Item.p),
    "avg of ints": func.avg(Item.n),
    "sum of expression": func.sum(Item.p * Item.q),
    "sum distinct": func.sum(Item.q.distinct()),
    "filter": func.sum(Item.p).filter(Item.id > 4),
    "none": func.sum(Item.p).filter(Item.id > 99),
    "average of none": func.avg(Item.p).filter(Item.id > 99),
    "min": func.min(Item.p),
    "max": func.max(Item.p),
    "max of expression": func.max(Item.p + Item.q),
    "max of case": func.max(case((Item.id > 0, Item.p))),
    "rounded": func.round(func.avg(Item.q), 2),
    "sum over count": func.sum(Item.q) / func.count(),
}


@pytest.mark.parametrize("name", AGGREGATES)
async def test_aggregates_are_those_of_postgresql(both: list[AsyncSession], name: str) -> None:
    statement = select(AGGREGATES[name].label("r"))
    on_sqlite, on_postgres = [await answers(session, statement) for session in both]
    assert on_sqlite == on_postgres


CONDITIONS = {
    "equal": Item.p == BIG,
    "unequal": Item.p != BIG,
    "less": Item.p < Decimal("12345678901234567890.02"),
    "at least": Item.p >= Decimal("12345678901234567890.02"),
    "in": Item.p.in_([Decimal("12345678901234567890.02"), Decimal("0.20")]),
    "not in": Item.p.not_in([Decimal("12345678901234567890.02"), Decimal("0.20")]),
    "between": Item.p.between(Decimal("12345678901234567890.015"), Decimal("12345678901234567890.02")),
    "sum": Item.p + Decimal("0.1") == Decimal("0.3"),
    "columns": Item.p > Item.q,
    "beside an int": Item.q > Item.n,
    "int first": Item.n <= Item.q,
    "null-safe": Item.q.is_distinct_from(Decimal("1.5")),
    "in rows": Item.q.in_(select(Item.p * 10)),
    "in whole rows": Item.q.in_(select(Item.n)),
    "int in rows": Item.n.in_(select(Item.q)),
    "int in computed rows": Item.n.in_(select(func.max(Item.q - 0).filter(Item.q < 4))),
    "subquery": Item.p == select(func.max(Item.p).filter(Item.id < 3)).scalar_subquery(),
    "tuple": tuple_(Item.q, Item.id) > tuple_(Item.p, Item.n),
    "tuples": tuple_(Item.q, Item.id).in_([(Decimal("1.5"), 8), (Decimal("2.000"), 4)]),
    "float": cast(Item.q, Float) == Item.q,
    "tuple of values": tuple_(Item.q, Item.id) > (Decimal("1.50"), 3),
}


@pytest.mark.parametrize("name", CONDITIONS)
async def test_conditions_are_those_of_postgresql(both: list[AsyncSession], name: str) -> None:
    statement = select(Item.id).where(CONDITIONS[name]).order_by(Item.id)
    on_sqlite, on_postgres = [await answers(session, statement) for session in both]
    assert on_sqlite == on_postgres


async def test_order_and_groups_are_those_of_postgresql(both: list[AsyncSession]) -> None:
    p = Item.p
    statements = [
        select(Item.id).where(p.is_not(None)).order_by(p.desc()),
        select(Item.id).where(p.is_not(None)).order_by(p * -1),
        select(func.round(Item.q), func.count()).group_by(func.round(Item.q)).order_by(func.round(Item.q).nulls_last()),
        select(func.floor(Item.q)).where(Item.q.is_not(None)).distinct().order_by(func.floor(Item.q)),
        select(func.sum(Item.q)).having(func.sum(Item.q) > BIG),
        union_all(select(Item.q), select(Item.q + 1)).order_by(Item.q.nulls_first()),
    ]
    for statement in statements:
        on_sqlite, on_postgres = [await answers(session, statement) for session in both]
        assert on_sqlite == on_postgres


def expression(chance: random.Random, depth: int) -> Any:
    """An expression of decimals that no division by zero and no overflow is in."""
    if depth == 0 or chance.random() < 0.15:
        digits = chance.choice([1, 3, 18, 19, 40])
        given = Decimal(chance.randrange(-(10**digits), 10**digits)).scaleb(
            -chance.randrange(0, 25), decimal.Context(60)
        )
        return chance.choice([Item.p, Item.q, Item.q, Item.n + Decimal(0), cast(given, Numeric)])
    left, right = expression(chance, depth - 1), expression(chance, depth - 1)
    return chance.choice(
        [
            lambda: left + right,
            lambda: left - right,
            lambda: left * right,
            lambda: left / (func.abs(right) + Decimal("0.01")),
            lambda: left % (func.abs(right) + Decimal("0.001")),
            lambda: -left,
            lambda: func.round(left, chance.randrange(-3, 9)),
            lambda: func.trunc(left, chance.randrange(-3, 9)),
            lambda: func.floor(left),
            lambda: func.ceil(left),
            lambda: func.coalesce(left, right),
            lambda: func.greatest(left, right),
            lambda: case((left > right, left), else_=right),
        ]
    )()


@pytest.mark.parametrize("seed", range(12))
async def test_any_expression_is_that_of_postgresql(both: list[AsyncSession], seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(12):
        one, other = expression(chance, 3), expression(chance, 2)
        for statement in (
            select(Item.id, one.label("r")).order_by(Item.id),
            select(func.sum(one), func.avg(other)),
            select(Item.id).where(one >= other).order_by(Item.id),
        ):
            on_sqlite, on_postgres = [await answers(session, statement) for session in both]
            assert on_sqlite == on_postgres, str(statement)
        # Which of several equal ones is the greatest no database says.
        extremes = [(await session.execute(select(func.min(one), func.max(other)))).one() for session in both]
        assert extremes[0] == extremes[1]


async def test_sums_and_products_are_those_of_python(session: AsyncSession) -> None:
    exact = decimal.Context(prec=500, rounding=decimal.ROUND_HALF_UP)
    rows = [(number(p), number(q)) for p, q in ROWS if p and q]
    found = (
        await session.execute(
            select(Item.p + Item.q, Item.p - Item.q, Item.p * Item.q, func.round(Item.p, 3))
            .where(Item.p.is_not(None), Item.q.is_not(None))
            .order_by(Item.id)
        )
    ).all()
    for (p, q), row in zip(rows, found, strict=True):
        assert p is not None
        assert q is not None
        thousandth = p.quantize(Decimal("0.001"), context=exact)
        assert tuple(row) == (exact.add(p, q), exact.subtract(p, q), exact.multiply(p, q), thousandth)


async def test_what_an_update_computes_is_stored_exactly(session: AsyncSession, engine: ormkit.ConnectionPool) -> None:
    await session.query(Item).filter(id__in=[1, 2]).update(p=F("p") + Decimal("0.1"), q=F("q") * Decimal("1.00005"))
    await session.execute(update(Item).where(Item.id == 4).values(p=-Item.p / 3, q=Item.p))
    await session.commit()
    rows = await engine.execute(
        "SELECT CAST(p AS TEXT), CAST(q AS TEXT) FROM decimal_items WHERE id IN (1, 2, 4) ORDER BY id"
    )
    assert rows.tuples() == [
        ("0.3", "0.2000"),
        ("12345678901234567890.11", "12346296185179629618.4045"),
        ("0.03333333333333333333", "-0.1000"),
    ]


async def test_what_statements_insert_has_the_digits_of_its_column(
    session: AsyncSession, engine: ormkit.ConnectionPool
) -> None:
    await session.execute(insert(Item).values(id=20, p=cast(1, Numeric) / 3, q=cast(2, Numeric) / 3, n=1))
    rows = select(Item.id + 100, Item.q / 3, Item.p / 3, Item.n).where(Item.id == 20)
    await session.execute(insert(Item).from_select(["id", "p", "q", "n"], rows))
    await session.commit()
    found = await engine.execute(
        "SELECT CAST(p AS TEXT), CAST(q AS TEXT) FROM decimal_items WHERE id >= 20 ORDER BY id"
    )
    assert found.tuples() == [("0.33333333333333333333", "0.6667"), ("0.22223333333333333333", "0.1111")]


async def test_what_does_not_fit_its_column_is_refused(session: AsyncSession) -> None:
    with pytest.raises(ormkit.DataError):
        await session.query(Item).filter(id=2).update(q=F("q") * Decimal("1e8"))


class Fee(Base):
    __tablename__ = "decimal_fees"
    id: Mapped[int] = mapped_column(primary_key=True)
    cost: Mapped[Decimal] = mapped_column(Numeric(8, 2), default=cast(1, Numeric) / 3)
    seen: Mapped[Decimal | None] = mapped_column(Numeric(8, 3), onupdate=cast(2, Numeric) / 3)


async def test_defaults_of_sql_have_the_digits_of_their_column(engine: ormkit.ConnectionPool) -> None:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        fee = await session.insert(Fee())
        await session.execute(insert(Fee).from_select(["id"], select(Fee.id + 1)))
        assert list(map(str, (await session.scalars(select(Fee.cost))).all())) == ["0.33", "0.33"]
        fee.cost = Decimal(1)
        await session.commit()
        await session.refresh(fee)
        assert (str(fee.cost), str(fee.seen)) == ("1.00", "0.667")


async def test_values_of_unknown_type_are_no_decimals_on_sqlite(
    session: AsyncSession, engine: ormkit.ConnectionPool
) -> None:
    unknown: Any = Item.q + literal_column("0.1")
    assert await session.scalar(select(Item.q + cast(literal_column("0.1"), Numeric)).where(Item.id == 1)) == Decimal(
        "0.3"
    )
    assert await session.scalar(
        select(Item.q + bindparam("by", Decimal("0.1"), Numeric)).where(Item.id == 1)
    ) == Decimal("0.3")
    if not engine.is_postgres():
        with pytest.raises(ormkit.Unsupported, match="say its type"):
            await session.scalar(select(unknown))


async def test_sums_of_the_query_are_exact(session: AsyncSession) -> None:
    cheap = session.query(Item).filter(id__in=[1, 2])
    assert str(await cheap.sum("q")) == "12345678901234567890.2100"
    assert await cheap.avg("q") == Decimal("6172839450617283945.105")
    assert await session.query(Item).filter(id=99).sum("q") is None


class Rate(Base):
    __tablename__ = "decimal_rates"
    rate: Mapped[Decimal] = mapped_column(primary_key=True)
    fee: Mapped[Decimal] = mapped_column(Numeric(10, 2), unique=True)
    uses: Mapped[list[Use]] = relationship(back_populates="rate", foreign_keys="Use.rate_key")


class Use(Base):
    __tablename__ = "decimal_uses"
    id: Mapped[int] = mapped_column(primary_key=True)
    rate_key: Mapped[Decimal | None] = mapped_column(ForeignKey("decimal_rates.rate"))
    fee: Mapped[Decimal | None] = mapped_column(Numeric(10, 2), ForeignKey("decimal_rates.fee"))
    rate: Mapped[Rate | None] = relationship(back_populates="uses", foreign_keys="Use.rate_key")


async def test_equal_decimals_are_one_key(engine: ormkit.ConnectionPool) -> None:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        rate = await session.insert(Rate(rate=Decimal("1.0"), fee=Decimal(2)))
        await session.commit()
        for rate_key, fee in [("1.00", "5"), ("3", "2.0")]:
            with pytest.raises(ormkit.UniqueViolation):
                await session.insert(Rate(rate=Decimal(rate_key), fee=Decimal(fee)))
            await session.rollback()
        assert await session.get(Rate, Decimal("1.000")) is rate
        with pytest.raises(ormkit.ForeignKeyViolation):
            await session.insert(Use(id=3, rate_key=Decimal("1.01")))
        await session.rollback()
    async with AsyncSession(engine) as session:
        await session.insert(Use(id=1, rate_key=Decimal(1), fee=Decimal("2.0")))
        await session.execute(insert(Use).values(id=2, rate_key=Decimal("1.0000")))
        await session.execute(
            insert(Use).from_select(["id", "rate_key"], select(Use.id + 2, Use.rate_key * Decimal("1.0")))
        )
        assert (await session.scalars(select(Use.id).join(Use.rate).order_by(Use.id))).all() == [1, 2, 3, 4]
        rate = await session.query(Rate).options(selectinload(Rate.uses)).one()
        assert sorted(use.id for use in rate.uses) == [1, 2, 3, 4]
        await session.query(Use).filter(id=4).update(rate_key=F("rate_key") + Decimal("0.00"))
        rate.fee = Decimal("2.000")
        await session.upsert(Rate(rate=Decimal("1.0"), fee=Decimal("2.00")), "fee")
        await session.commit()
        assert await session.query(Rate).count() == 1
        use = await session.get(Use, 4)
        assert use is not None
        await session.delete(use)
        await session.commit()


async def test_digits_that_other_programs_wrote_count_for_nothing(sqlite_url: str) -> None:
    async with create_engine(sqlite_url) as engine:
        await Base.metadata.create_all(engine)
        await engine.execute("INSERT INTO decimal_rates VALUES ('1.0', '2.0'), ('1e1', '10'), ('007', '-0.50')")
        await engine.execute("INSERT INTO decimal_uses VALUES (1, '1.0', '2.0'), (2, '1e1', NULL)")
        async with AsyncSession(engine) as session:
            assert (await session.scalars(select(Rate.fee).order_by(Rate.rate))).all() == [2, Decimal("-0.5"), 10]
            assert await session.query(Rate).filter(fee=2).count() == 1
            assert await session.query(Rate).sum("fee") == Decimal("11.5")
            ten = await session.get(Rate, Decimal(10))
            assert ten is not None
            assert ten.fee == 10
            ten.fee = Decimal(11)
            with pytest.raises(StaleDataError):
                await session.flush()
            await session.rollback()
            used = select(Use.id, Rate.fee).join(Use.rate).order_by(Use.id)
            assert (await session.execute(used)).tuples() == [(1, 2), (2, 10)]
            await session.query(Rate).filter(rate=7).update(fee=F("fee"))
            await session.commit()
        await engine.execute("UPDATE decimal_rates SET rate = ormkit_decimal(rate) WHERE rate = '007'")
        rows = await engine.execute("SELECT rate, fee FROM decimal_rates WHERE fee LIKE '-%'")
        assert rows.tuples() == [("7", "-0.50")]
        await engine.execute("UPDATE decimal_rates SET fee = 'none' WHERE rate = '7'")
        async with AsyncSession(engine) as session:
            with pytest.raises(ormkit.DataError):
                await session.query(Rate).sum("fee")


class Kind(Base):
    __tablename__ = "decimal_kinds"
    id: Mapped[int] = mapped_column(primary_key=True)
    flag: Mapped[bool] = mapped_column(default=True)
    name: Mapped[str] = mapped_column(default="1")
    at: Mapped[datetime] = mapped_column(default=datetime(2024, 5, 1, tzinfo=timezone.utc))
    length: Mapped[timedelta | None]
    prices: Mapped[list[Decimal]] = mapped_column(default_factory=list)


async def test_sums_are_of_numbers_and_spans(engine: ormkit.ConnectionPool) -> None:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        lengths = [timedelta(days=1), timedelta(seconds=1, microseconds=1), None]
        await session.insert_all([Kind(length=length) for length in lengths])
        assert (await session.execute(select(func.sum(Kind.length), func.avg(Kind.length)))).one() == (
            timedelta(days=1, seconds=1, microseconds=1),
            timedelta(seconds=43200, microseconds=500000),
        )
        for name in ("flag", "name", "at"):
            for aggregate in ("sum", "avg"):
                with pytest.raises(ormkit.ProgrammingError, match=rf"{aggregate}\(\) adds numbers"):
                    await getattr(session.query(Kind), aggregate)(name)


async def test_arrays_of_decimals_are_compared_exactly(engine: ormkit.ConnectionPool) -> None:
    await Base.metadata.create_all(engine)
    big = [Decimal("12345678901234567890.01"), Decimal("2.0")]
    async with AsyncSession(engine) as session:
        await session.insert_all([Kind(prices=big), Kind(prices=[big[0] + Decimal("0.01")]), Kind(prices=[])])

        async def ids(condition: Any) -> Any:
            return (await session.scalars(select(Kind.id).where(condition).order_by(Kind.id))).all()

        prices: Any = Kind.prices
        assert await ids(prices.contains([Decimal("12345678901234567890.010")])) == [1]
        assert await ids(prices == [Decimal("12345678901234567890.010"), Decimal(2)]) == [1]
        assert await ids(prices.any(big[0])) == [1]


async def test_long_lists_of_decimals_are_found(session: AsyncSession) -> None:
    many = [Decimal(at) / 100 for at in range(40_000)]
    assert (await session.scalars(select(Item.id).where(Item.q.in_(many)).order_by(Item.id))).all() == [
        1,
        4,
        6,
        8,
        9,
        10,
    ]
