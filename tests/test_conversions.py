"""Expressions keep the type of their column: kinds of columns x kinds of expressions, read, compared and written."""

from __future__ import annotations

import enum
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any

import pytest

import ormkit
from ormkit import (
    ARRAY,
    AsyncSession,
    ConnectionPool,
    DateTime,
    DeclarativeBase,
    Enum,
    F,
    Integer,
    Mapped,
    Numeric,
    String,
    TypeDecorator,
    case,
    cast,
    column_property,
    func,
    insert,
    literal,
    mapped_column,
    select,
    update,
)


class Cents(TypeDecorator):
    """Whole cents in the program, a decimal of units in the database."""

    impl = Numeric(12, 2)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        return None if value is None else Decimal(value) / 100

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return None if value is None else int(value * 100)


class Reversed(TypeDecorator):
    """The database has the text from behind."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        return None if value is None else value[::-1]

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return None if value is None else value[::-1]


class Utc(TypeDecorator):
    """Aware times over a column without time zone."""

    impl = DateTime(timezone=False)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        return None if value is None else value.astimezone(timezone.utc).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return None if value is None else value.replace(tzinfo=timezone.utc)


class Letter(enum.Enum):
    A = "first"
    B = "second"


class Level(enum.Enum):
    LOW = "low"
    HIGH = "high"


@dataclass
class Doc:
    a: int
    b: list[str] = field(default_factory=list)


class Base(DeclarativeBase):
    pass


class Thing(Base):
    __tablename__ = "things"

    id: Mapped[int] = mapped_column(primary_key=True)
    cents: Mapped[int | None] = mapped_column(Cents)
    reversed: Mapped[str | None] = mapped_column(Reversed)
    utc: Mapped[datetime | None] = mapped_column(Utc)
    letter: Mapped[Letter | None] = mapped_column(Enum(Letter, by="name", name="letter_name"))
    level: Mapped[Level | None]
    doc: Mapped[Doc | None]
    plain: Mapped[dict[str, Any] | None]
    tags: Mapped[list[int] | None] = mapped_column(ARRAY(Integer))
    at: Mapped[datetime | None]
    day: Mapped[date | None]
    span: Mapped[timedelta | None]
    price: Mapped[Decimal | None]
    ident: Mapped[uuid.UUID | None]
    flag: Mapped[bool | None]
    word: Mapped[str | None]
    number: Mapped[int | None]


class Summed(Base):
    """Properties of decorated columns."""

    __tablename__ = "summed"

    id: Mapped[int] = mapped_column(primary_key=True)
    cents: Mapped[int] = mapped_column(Cents)
    more: Mapped[Annotated[int, mapped_column(Cents)]] = column_property(lambda: Summed.cents + 100)
    greatest = column_property(select(func.max(Thing.cents)).scalar_subquery())
    known = column_property(select(func.coalesce(func.max(Thing.letter), Letter.B)).scalar_subquery())


NOON = datetime(2020, 1, 1, 12, tzinfo=timezone.utc)
#: The values of the first and of the second row.
VALUES: dict[str, tuple[Any, Any]] = {
    "cents": (150, 275),
    "reversed": ("abc", "abd"),
    "utc": (NOON, NOON + timedelta(days=1)),
    "letter": (Letter.A, Letter.B),
    "level": (Level.LOW, Level.HIGH),
    "doc": (Doc(1, ["x"]), Doc(2, [])),
    "plain": ({"a": 1}, {"a": [2]}),
    "tags": ([1, 2], [3]),
    "at": (NOON, NOON + timedelta(hours=1)),
    "day": (date(2020, 1, 1), date(2021, 1, 1)),
    "span": (timedelta(hours=1), timedelta(days=2)),
    "price": (Decimal("1.50"), Decimal("2.75")),
    "ident": (uuid.UUID(int=5), uuid.UUID(int=6)),
    "flag": (True, False),
    "word": ("one", "two"),
    "number": (7, 8),
}
#: What has no order, or no greatest value, on PostgreSQL.
UNORDERED = {"doc", "plain", "ident", "flag", "tags"}

one = Thing.id == 1


def expressions(name: str) -> Iterator[tuple[str, Callable[[Any, Any, Any], Any]]]:
    """Expressions whose value is the first row's, of the column, that value and the other one."""
    yield "column", lambda column, value, other: column
    yield "label", lambda column, value, other: column.label("shown")
    yield "case of columns", lambda column, value, other: case((one, column), else_=other)
    yield "case of values first", lambda column, value, other: case((Thing.id == 2, other), else_=column)
    yield "case of one value", lambda column, value, other: case((one, value), else_=column)
    yield "nested cases", lambda column, value, other: case((one, case((one, value), else_=other)), else_=column)
    yield "coalesce", lambda column, value, other: func.coalesce(column, other)
    yield "coalesce to a value", lambda column, value, other: func.coalesce(func.nullif(column, value), value)
    yield "coalesce of a value first", lambda column, value, other: func.coalesce(None, value, column)
    yield "nullif", lambda column, value, other: func.nullif(column, other)
    yield "scalar subquery", lambda column, value, other: select(column).where(one).scalar_subquery()
    yield (
        "column of a subquery",
        lambda column, value, other: select(select(column.label("x")).where(one).subquery().c.x).scalar_subquery(),
    )
    yield (
        "column of a CTE",
        lambda column, value, other: select(select(column.label("x")).where(one).cte("c").c.x).scalar_subquery(),
    )
    yield "first_value", lambda column, value, other: func.first_value(column).over(order_by=Thing.id)
    yield "lag", lambda column, value, other: func.lag(column, 1, value).over(order_by=Thing.id)
    if name not in UNORDERED:
        yield "max", lambda column, value, other: select(func.max(column)).where(one).scalar_subquery()
        yield "min", lambda column, value, other: select(func.min(column)).where(one).scalar_subquery()
        yield "greatest", lambda column, value, other: func.greatest(column, value)
        yield "least", lambda column, value, other: func.least(value, column)


def windowed(label: str) -> bool:
    return label in {"first_value", "lag"}


async def filled(engine: ConnectionPool) -> None:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        for at, number in enumerate((1, 2)):
            session.add(Thing(id=number, **{name: values[at] for name, values in VALUES.items()}))
        await session.commit()


class Table:
    """What went wrong, entry by entry: the whole table is tried."""

    def __init__(self) -> None:
        self.wrong: dict[str, Any] = {}

    async def check(self, label: str, found: Any, expected: Any) -> None:
        try:
            answer = await found
        except Exception as error:
            answer = error
        if isinstance(answer, Exception) or answer != expected or type(answer) is not type(expected):
            self.wrong[label] = answer


@pytest.fixture
def table() -> Iterator[Table]:
    table = Table()
    yield table
    assert table.wrong == {}


@pytest.mark.parametrize("name", VALUES)
async def test_expressions_are_read_as_values_of_their_column(engine: ConnectionPool, table: Table, name: str) -> None:
    await filled(engine)
    column, (value, other) = getattr(Thing, name), VALUES[name]
    async with AsyncSession(engine) as session:
        for label, make in expressions(name):
            statement = select(make(column, value, other)).where(one)
            await table.check(label, session.scalar(statement), value)
            await session.rollback()
        lists = select(func.array_agg(column)).where(one)
        if name not in {"tags", "plain", "doc"} and not (name == "ident" and engine.dialect == "sqlite"):
            await table.check("array_agg", session.scalar(lists), [value])
            await session.rollback()
        both = select(column).where(one).union_all(select(column).where(Thing.id == 99))
        await table.check("union", session.scalar(both), value)


@pytest.mark.parametrize("name", VALUES)
async def test_values_beside_expressions_are_those_of_their_column(
    engine: ConnectionPool, table: Table, name: str
) -> None:
    await filled(engine)
    column, (value, other) = getattr(Thing, name), VALUES[name]
    ids = select(Thing.id).where(one)

    async def found(condition: Any) -> Any:
        try:
            async with AsyncSession(engine) as session:
                return (await session.scalars(ids.where(condition))).all()
        except Exception as error:
            return error

    for label, make in expressions(name):
        if windowed(label):
            continue
        made = make(column, value, other)
        await table.check(f"{label} ==", found(made == value), [1])
        await table.check(f"{label} !=", found(made != value), [])
        await table.check(f"{label} is", found(made.is_not_distinct_from(value)), [1])
        await table.check(f"{label} in", found(made.in_([value, value])), [1])
        await table.check(f"== {label}", found(column == made), [1])
        await table.check(f"{label} == column", found(made == column), [1])
    await table.check("literal ==", found(literal(value) == column), [1])
    await table.check("== literal", found(column == literal(value)), [1])
    await table.check("case of values ==", found(case((one, value), else_=other) == column), [1])
    await table.check("== case of values", found(column == case((one, value), else_=other)), [1])


@pytest.mark.parametrize("name", VALUES)
async def test_what_a_column_is_set_to_is_of_its_type(engine: ConnectionPool, table: Table, name: str) -> None:
    await filled(engine)
    column, (value, other) = getattr(Thing, name), VALUES[name]
    second = Thing.id == 2

    async def after(statement: Any) -> Any:
        async with AsyncSession(engine) as session:
            try:
                await session.execute(statement)
                return await session.scalar(select(column).where(second))
            except Exception as error:
                return error
            finally:
                await session.rollback()

    async def updated(made: Any) -> Any:
        async with AsyncSession(engine) as session:
            try:
                async with session.begin() as transaction:
                    await session.query(Thing).filter(id=2).update(**{name: made})
                    found = await session.query(Thing).filter(id=2).values_list(name, flat=True)
                    await transaction.rollback()
                return found[0]
            except Exception as error:
                return error

    written: dict[str, Any] = {
        "case": case((second, value), else_=column),
        "case of values": case((second, value), else_=other),
        "case of columns": case((Thing.id == 1, column), else_=value),
        "nested": case((second, case((second, value), else_=other)), else_=other),
        "coalesce": func.coalesce(func.nullif(column, other), value),
        "coalesce of values": func.coalesce(None, value),
        "nullif": func.nullif(value, column),
        "scalar subquery": select(column).where(one).scalar_subquery(),
        "value of a subquery": select(case((one, value), else_=other)).where(one).scalar_subquery(),
        "literal": literal(value),
    }
    for label, made in written.items():
        await table.check(f"update: {label}", after(update(Thing).where(second).values({name: made})), value)
        await table.check(f"query.update: {label}", updated(made), value)
        upsert = insert(Thing).values(id=2).on_conflict_do_update("id", set_={name: made})
        await table.check(f"upsert: {label}", after(upsert), value)

    async def inserted(statement: Any) -> Any:
        async with AsyncSession(engine) as session:
            try:
                await session.execute(statement)
                return await session.scalar(select(column).where(Thing.id == 3))
            except Exception as error:
                return error
            finally:
                await session.rollback()

    for label, made in {"case of values": case((literal(1) == 1, value)), "literal": literal(value)}.items():
        await table.check(f"insert: {label}", inserted(insert(Thing).values({"id": 3, name: made})), value)
        rows = select(literal(3), made)
        await table.check(f"from_select: {label}", inserted(insert(Thing).from_select(["id", name], rows)), value)
    excluded = insert(Thing).values({"id": 2, name: value})
    excluded = excluded.on_conflict_do_update("id", set_={name: func.coalesce(excluded.excluded[name], other)})
    await table.check("excluded", after(excluded), value)


async def test_sums_and_differences_of_a_decorated_column_are_its_values(engine: ConnectionPool, table: Table) -> None:
    await filled(engine)
    cents, text, utc = Thing.cents, Thing.reversed, Thing.utc

    async with AsyncSession(engine) as session:
        for label, made, expected in [
            ("+ value", cents + 100, 250),
            ("value +", 100 + cents, 250),
            ("- value", cents - 100, 50),
            ("value -", 200 - cents, 50),
            ("+ column", cents + cents, 300),
            ("+ literal", cents + literal(100), 250),
            ("literal +", literal(100) + cents, 250),
            ("* literal", cents * literal(2), 300),
            ("literal *", literal(2) * cents, 300),
            ("* column", cents * Thing.number, 1050),
            ("-", -cents, -150),
            ("operator", cents.op("+")(100) == 250, True),
            ("+ text", text + "xy", "xyabc"),
            ("text +", "xy" + text, "abcxy"),
            ("concat", text.concat("xy"), "xyabc"),
            ("+ span", utc + timedelta(hours=1), NOON + timedelta(hours=1)),
            ("- span", utc - timedelta(hours=1), NOON - timedelta(hours=1)),
            ("- time", utc - NOON, timedelta(0)),
            ("difference", utc - utc, timedelta(0)),
            ("sum", select(func.sum(cents)).scalar_subquery(), 425),
            ("sum over", func.sum(cents).over(), 150),
            ("avg", select(func.avg(cents)).where(one).scalar_subquery(), 150),
            ("sum of nothing", select(func.coalesce(func.sum(cents), 0)).where(Thing.id > 9).scalar_subquery(), 0),
            ("abs", func.abs(cents - 200), 50),
            ("case of sums", case((one, cents + 100), else_=0), 250),
        ]:
            await table.check(label, session.scalar(select(made).where(one)), expected)
            await session.rollback()
        for label, condition, expected in [
            ("> value", cents + 100 > 250, [2]),
            ("== value", cents + 100 == 250, [1]),
            ("== sum", cents + 100 == 250, [1]),
            ("between", (cents - 100).between(50, 60), [1]),
            ("in", (cents + 100).in_([250, 1]), [1]),
            ("text", text + "xy" == "xyabc", [1]),
            ("span", utc - NOON > timedelta(0), [2]),
        ]:
            statement = select(Thing.id).where(condition)

            async def ids(statement: Any = statement) -> Any:
                return (await session.scalars(statement)).all()

            await table.check(label, ids(), expected)
            await session.rollback()


async def test_fluent_values_of_a_decorated_column_are_its_values(engine: ConnectionPool, table: Table) -> None:
    await filled(engine)
    async with AsyncSession(engine) as session:
        query = session.query(Thing)
        await table.check("sum", query.sum("cents"), 425)
        await table.check("avg", query.filter(id=1).avg("cents"), 150)
        await table.check("min", query.min("cents"), 150)
        await table.check("max of a name", query.max("reversed"), "abd")
        await table.check("default", query.filter(id=9).aggregate(n=ormkit.Sum("cents", default=5)), {"n": 5})
        annotated = query.annotate(more=F("cents") + 100).filter(more=250)
        await table.check("annotate", annotated.values_list("more", flat=True).all(), [250])
        grouped = query.values("letter").annotate(n=ormkit.Max("cents")).order_by("letter")
        await table.check("group", grouped.all(), [{"letter": Letter.A, "n": 150}, {"letter": Letter.B, "n": 275}])
        await table.check("filter", query.filter(cents__gt=F("cents") - 1).count(), 2)
        await table.check("update", query.filter(id=1).update(cents=F("cents") + 100), 1)
        await table.check("updated", query.filter(id=1).values_list("cents", flat=True).all(), [250])
        await table.check("update from behind", query.filter(id=1).update(cents=300 - F("cents")), 1)
        await table.check("updated again", query.filter(id=1).values_list("cents", flat=True).all(), [50])
        await table.check("update of text", query.filter(id=1).update(reversed=F("reversed") + "xy"), 1)
        await table.check("updated text", query.filter(id=1).values_list("reversed", flat=True).all(), ["xyabc"])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Thing.cents * 2, r"Thing.cents \* a plain value"),
        (lambda: 2 * Thing.cents, r"Thing.cents \* a plain value"),
        (lambda: Thing.cents / 2, r"Thing.cents / a plain value"),
        (lambda: Thing.cents % 2, r"Thing.cents % a plain value"),
        (lambda: Thing.cents * Thing.cents, r"another value that Cents makes"),
        (lambda: Thing.cents / (Thing.cents + 1), r"another value that Cents makes"),
    ],
)
def test_products_of_decorated_values_are_nobodys_values(make: Callable[[], Any], said: str) -> None:
    with pytest.raises(TypeError, match=said):
        make()


async def test_a_value_without_a_type_is_refused_before_anything_is_sent(engine: ConnectionPool) -> None:
    await filled(engine)
    async with AsyncSession(engine) as session:
        for made in (literal(Letter.A), case((one, Letter.A)), func.coalesce(None, Letter.A)):
            with pytest.raises(ormkit.DataError, match=r"a value of type Letter .* literal\(value, type\)"):
                await session.execute(select(made))
    with pytest.raises(ormkit.DataError, match=r"Thing.number: expected int, got a value of type Letter"):
        func.coalesce(Thing.number, Letter.A)
    with pytest.raises(ormkit.DataError, match=r"Thing.letter"):
        update(Thing).values(letter=case((one, "no letter")))


async def test_properties_of_decorated_columns_are_their_values(engine: ConnectionPool) -> None:
    await filled(engine)
    async with AsyncSession(engine) as session:
        await session.insert(Summed(cents=150))
        session.expunge_all()
        found = await session.get_one(Summed, 1)
        assert (found.more, found.greatest, found.known) == (250, 275, Letter.B)
        lookups = {"more": 250, "greatest": 275, "known": Letter.B}
        assert await session.query(Summed).filter(**lookups).count() == 1
        assert await session.scalar(select(Summed.more + 50)) == 300
        assert await session.scalar(select(func.max(Summed.known))) == Letter.B


async def test_a_property_of_a_decorated_column_says_its_type(engine: ConnectionPool) -> None:
    class Local(DeclarativeBase):
        pass

    def declare(annotation: Any) -> None:
        class Bill(Local):
            __tablename__ = "bills"
            id: Mapped[int] = mapped_column(primary_key=True)
            cents: Mapped[int] = mapped_column(Cents)
            more: annotation = column_property(lambda: Bill.cents + 100)

    declare(Mapped[int])
    with pytest.raises(ormkit.InvalidRequestError, match=r"Bill\.more has values of Bill\.cents"):
        await Local.metadata.create_all(engine)
    declare(Mapped[Annotated[int, mapped_column(Cents)]])
    await Local.metadata.create_all(engine)


async def test_a_type_that_is_said_is_that_of_the_value(engine: ConnectionPool, table: Table) -> None:
    await filled(engine)
    name_of = Enum(Letter, by="name", name="letter_name")
    async with AsyncSession(engine) as session:
        for label, made, expected in [
            ("literal", literal(150, Cents), 150),
            ("literal of an instance", literal(150, Cents()), 150),
            ("literal of text", literal("abc", Reversed), "abc"),
            ("literal of a member", literal(Letter.B, name_of), Letter.B),
            ("literal of a member by value", literal(Level.HIGH, Enum(Level)), Level.HIGH),
            ("cast of a value", cast(150, Cents), 150),
            ("cast of a column", cast(Thing.price, Cents), 150),
            ("cast of a text", cast("A", name_of), Letter.A),
            ("cast to another", cast(Thing.cents, Numeric(12, 2)), Decimal("1.50")),
            ("literal in case", case((one, literal(7, Cents)), else_=8), 7),
            ("value beside a literal", case((Thing.id == 2, literal(7, Cents)), else_=8), 8),
            ("sum", literal(150, Cents) + 100, 250),
            ("sum of a cast", select(func.sum(cast(Thing.price, Cents))).scalar_subquery(), 425),
        ]:
            await table.check(label, session.scalar(select(made).where(one)), expected)
            await session.rollback()
        for label, condition in {
            "literal ==": literal(150, Cents) == Thing.cents,
            "== literal": Thing.cents == literal(150, Cents),
            "cast ==": cast(Thing.price, Cents) == 150,
            "cast in": cast(Thing.price, Cents).in_([150, 151]),
            "raw literal": Thing.cents == literal(Decimal("1.5"), Numeric(12, 2)),
        }.items():
            await table.check(label, session.scalar(select(Thing.id).where(condition)), 1)
            await session.rollback()
        written = update(Thing).where(one).values(cents=literal(7, Cents), letter=cast(Letter.B, name_of))
        await session.execute(written)
        rows = (await session.execute(select(Thing.cents, Thing.letter).where(one))).all()
        await session.rollback()
        assert rows == [(7, Letter.B)]


def test_a_type_that_is_said_writes_nothing_unless_it_is_cast() -> None:
    assert str(select(literal(150, Cents) + 1)) == "SELECT $1 + $2"
    assert "CAST(price AS NUMERIC(12, 2))" in str(select(cast(Thing.price, Cents)))
    with pytest.raises(TypeError, match=r"literal\(\) takes a column type"):
        literal(1, int)
    with pytest.raises(ormkit.NotSupportedError, match=r"bindparam\(type_=..\) of a TypeDecorator"):
        ormkit.bindparam("n", type_=Cents)
