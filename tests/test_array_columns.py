"""Columns of arrays: lists in Python, T[] on PostgreSQL, a JSON array on SQLite, with the same meaning on both."""

import enum
import gc
import math
import uuid
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from ormkit import (
    ARRAY,
    JSON,
    AsyncSession,
    BigInteger,
    DataError,
    DateTime,
    DeclarativeBase,
    Integer,
    Mapped,
    Numeric,
    String,
    Unsupported,
    aggregate_order_by,
    create_engine,
    func,
    mapped_column,
    select,
)


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


class Base(DeclarativeBase):
    __abstract__ = True


class Box(Base):
    __tablename__ = "boxes"
    id: Mapped[int] = mapped_column(primary_key=True)
    texts: Mapped[list[str]] = mapped_column(default_factory=list)
    words: Mapped[list[str] | None] = mapped_column(ARRAY(String(5)))
    ints: Mapped[list[int | None] | None]
    bigs: Mapped[list[int] | None] = mapped_column(ARRAY(BigInteger))
    grid: Mapped[list[list[int]] | None] = mapped_column(ARRAY(Integer))
    floats: Mapped[list[float] | None]
    bools: Mapped[list[bool] | None]
    blobs: Mapped[list[bytes] | None]
    exacts: Mapped[list[Decimal] | None]
    prices: Mapped[list[Decimal] | None] = mapped_column(ARRAY(Numeric(6, 2)))
    moments: Mapped[list[datetime] | None]
    locals: Mapped[list[datetime] | None] = mapped_column(ARRAY(DateTime(timezone=False)))
    days: Mapped[list[date] | None]
    clocks: Mapped[list[time] | None]
    spans: Mapped[list[timedelta] | None]
    keys: Mapped[list[uuid.UUID] | None]
    colours: Mapped[list[Colour] | None]
    anything: Mapped[list[Any] | None]


UTC = timezone.utc
VALUES = [
    ("texts", []),
    ("texts", ["", "NULL", "null", 'a"b\\c', "{,}", "[1]", " x ", "ä😀\n\t\x01", "\\u0041"]),
    ("words", ["äöüßa", None]),
    ("ints", [1, None, -(2**31)]),
    ("bigs", [2**63 - 1, -(2**63)]),
    ("grid", [[1, 2, 3], [None, 5, 6]]),
    ("grid", [[[1]], [[2]]]),
    ("grid", [7]),
    ("floats", [0.1, 1.0, -0.0, 1e300, 5e-324, math.inf, -math.inf]),
    ("bools", [True, False, None]),
    ("blobs", [b"", bytes(range(256)), None]),
    ("exacts", [Decimal("0.10"), Decimal("-123456789012345678901234567890.5"), None]),
    ("prices", [Decimal("9999.99")]),
    ("moments", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), None]),
    ("locals", [datetime(2024, 2, 29, 12, 0, 0, 5)]),
    ("days", [date(1, 1, 1), date(9999, 12, 31), None]),
    ("clocks", [time(0), time(23, 59, 59, 999999)]),
    ("spans", [timedelta(0), timedelta(days=-1, microseconds=1), timedelta(days=100_000)]),
    ("keys", [uuid.UUID(int=0), uuid.UUID(int=2**128 - 1), None]),
    ("colours", [Colour.GREEN, None, Colour.RED]),
    ("anything", [1, "a", [None], {"b": 2}]),
]


@pytest.fixture
async def db(engine):
    await Base.metadata.create_all(engine)
    return engine


async def kept(db, id: int) -> Box:
    async with AsyncSession(db) as session:
        return await session.get(Box, id)


@pytest.mark.parametrize(("name", "value"), VALUES)
async def test_list_comes_back_as_it_was(db, name, value):
    async with AsyncSession(db) as session:
        box = await session.insert(Box(**{name: value}))
        assert getattr(box, name) == value
    found = getattr(await kept(db, box.id), name)
    assert repr(found) == repr(value)
    async with AsyncSession(db) as session:
        assert repr((await session.execute(select(getattr(Box, name)))).scalars().one()) == repr(value)
        assert (await session.query(Box).filter(**{name: value}).one()).id == box.id
        if name != "anything":
            assert (await session.execute(select(Box).where(getattr(Box, name) == value))).scalar_one().id == box.id
            longer = [*value, value[-1] if value else "x"]
            assert await session.query(Box).filter(getattr(Box, name) == longer).count() == 0


async def test_rows_of_many_lengths_with_nulls_are_written_together(db):
    rows = [{}]
    for at in range(7):
        rows.append({name: value for index, (name, value) in enumerate(VALUES) if index % 7 == at})
    async with AsyncSession(db) as session:
        boxes = await session.insert_all([Box(**values) for values in rows])
        for box, values in zip(boxes, rows, strict=True):
            box.texts = [*values.get("texts", []), "more"]
        boxes[0].grid = [[8]]
        await session.commit()
    assert [box.id for box in boxes] == sorted(box.id for box in boxes)
    for box, values in zip(boxes, rows, strict=True):
        found = await kept(db, box.id)
        for name, _ in VALUES:
            expected = values.get(name)
            if name == "texts":
                expected = [*values.get("texts", []), "more"]
            elif name == "grid" and box is boxes[0]:
                expected = [[8]]
            assert repr(getattr(found, name)) == repr(expected), name


async def test_list_changed_in_place_is_written(db):
    async with AsyncSession(db) as session:
        box = await session.insert(Box(texts=["a"], moments=[datetime(2024, 1, 1, tzinfo=UTC)], colours=[Colour.RED]))
    async with AsyncSession(db) as session:
        (await session.get(Box, box.id)).texts.append("b")
        gc.collect()
        await session.commit()
        found = await session.get(Box, box.id)
        found.moments[0] += timedelta(days=1)
        found.colours.insert(0, Colour.GREEN)
        assert session.dirty == [found]
        await session.commit()
        assert session.dirty == []
    found = await kept(db, box.id)
    assert (found.texts, found.moments[0].day, found.colours) == (["a", "b"], 2, [Colour.GREEN, Colour.RED])


async def test_list_that_was_only_looked_at_is_no_change(db):
    async with AsyncSession(db) as session:
        box = await session.insert(Box(**dict(VALUES)))
    async with AsyncSession(db) as session:
        box = await session.get(Box, box.id)
        assert [getattr(box, name) for name, _ in VALUES]
        assert session.dirty == []
        box.ints = [1, None, -(2**31)]
        assert session.dirty == []


async def test_list_changed_in_place_is_what_it_was_after_a_rollback(db):
    async with AsyncSession(db) as session:
        box = await session.insert(Box(days=[date(2024, 1, 1)], texts=["a"], colours=[Colour.RED]))
        box.days.append(None)
        box.texts.clear()
        box.colours[0] = None
        await session.flush()
        box.days.append(None)
        await session.rollback()
        assert (box.days, box.texts, box.colours) == ([date(2024, 1, 1)], ["a"], [Colour.RED])
        assert session.dirty == []
    assert (await kept(db, box.id)).days == [date(2024, 1, 1)]


REFUSED = [
    ("texts", "abc", "expected list, got a value of type str"),
    ("texts", [1], "expected str, got a value of type int"),
    ("texts", ["a\0"], "NUL"),
    ("texts", [["a"], "b"], "one length"),
    ("grid", [[1], [2, 3]], "one length"),
    ("grid", [1, [2]], "one length"),
    ("grid", [[], []], "one length"),
    ("grid", [[[[[[[1]]]]]]], "6 dimensions"),
    ("words", ["abcdef"], "at most 5 characters"),
    ("ints", [2**31], "expected an int from"),
    ("prices", [Decimal("1.239")], "quantize"),
    ("moments", [datetime(2024, 1, 1)], "naive"),
    ("colours", ["blue"], "expected a member of Colour"),
    ("texts", {"a": 1}, "expected list"),
]


@pytest.mark.parametrize(("name", "value", "problem"), REFUSED)
async def test_list_that_does_not_fit_is_refused_by_name(db, name, value, problem):
    async with AsyncSession(db) as session:
        with pytest.raises(DataError, match=rf"^Box\.{name}: .*{problem}"):
            await session.insert(Box(**{name: value}))
        with pytest.raises(DataError, match=rf"^Box\.{name}: .*{problem}"):
            await session.insert_all([Box(), Box(**{name: value})])
        assert await session.query(Box).count() == 0


async def test_list_changed_in_place_to_what_does_not_fit_is_refused_by_name(db):
    async with AsyncSession(db) as session:
        box = await session.insert(Box(ints=[1]))
        box.ints.append("x")
        with pytest.raises(DataError, match=r"^Box\.ints: expected int"):
            await session.commit()
        await session.rollback()


async def test_statements_take_lists(db):
    async with AsyncSession(db) as session:
        box, other = await session.insert_all([Box(ints=[1]), Box(ints=None)])
        await session.update(box, ints=[2, None], days=[date(2024, 1, 1)])
        assert (await session.query(Box).filter(Box.ints.in_([[7], [2, None]])).one()).id == box.id
        assert (await session.query(Box).filter(ints__in=[[2, None]]).one()).id == box.id
        assert (await session.query(Box).filter(ints=None).one()).id == other.id
    assert (await kept(db, box.id)).days == [date(2024, 1, 1)]


class Odd(Base):
    __tablename__ = "l"
    value: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[list[str | None] | None]
    key: Mapped[list[str] | None]
    atom: Mapped[list[Decimal] | None]


async def test_arrays_are_looked_into(db):
    async with AsyncSession(db) as session:
        full, _, _ = await session.insert_all(
            [
                Odd(value=1, path=["a", None, "b"], key=["a"], atom=[Decimal("1.50"), Decimal(2)]),
                Odd(value=2, path=[], key=[], atom=[]),
                Odd(value=3, path=None, key=["x"], atom=None),
            ]
        )
        for condition, expected, otherwise in [
            (Odd.path.contains(["b", "a", "a"]), [1], [2]),
            (Odd.path.contains([]), [1, 2], []),
            (Odd.path.contains([None]), [], [1, 2]),
            (Odd.path.contains(Odd.key), [1, 2], []),
            (Odd.path.any("b"), [1], [2]),
            (Odd.path.any("c"), [], [1, 2]),
            (Odd.path.overlap(["c", "a"]), [1], [2]),
            (Odd.path.overlap([None]), [], [1, 2]),
            (Odd.path.overlap(Odd.key), [1], [2]),
            (Odd.atom.any(Decimal("1.5")), [1], [2]),
            (Odd.atom.overlap([Decimal("2.0"), Decimal(7)]), [1], [2]),
            (Odd.path == ["a", None, "b"], [1], [2]),
            (Odd.atom == [Decimal("1.5"), 2], [1], [2]),
        ]:
            found = await session.query(Odd).filter(condition).order_by(Odd.value).all()
            assert [odd.value for odd in found] == expected
            found = await session.query(Odd).filter(~condition).order_by(Odd.value).all()
            assert [odd.value for odd in found] == otherwise
        assert await session.query(Odd).filter(Odd.path.any("a") & (Odd.value == 1)).one() is full


async def test_dimensions_do_not_count_where_arrays_are_looked_into(db):
    async with AsyncSession(db) as session:
        await session.insert(Box(grid=[[1, 2], [3, 4]], colours=[Colour.RED], blobs=[b"a"], words=["a"]))
        for condition in [
            Box.grid.contains([4, 1]),
            Box.grid.contains([[4, 1]]),
            Box.grid.any(3),
            Box.colours.any(Colour.RED),
            Box.colours.overlap(["red"]),
            Box.blobs.any(b"a"),
            Box.words.any("a"),
            ~Box.grid.overlap([5]),
        ]:
            assert await session.query(Box).filter(condition).count() == 1


async def test_text_is_not_looked_for_in_arrays(db):
    with pytest.raises(DataError, match=r"Box\.texts: expected list, got a value of type str"):
        Box.texts.contains("a")
    with pytest.raises(TypeError, match="overlap"):
        Box.id.overlap([1])
    with pytest.raises(TypeError, match="any"):
        Box.id.any(1)
    async with AsyncSession(db) as session:
        with pytest.raises(Unsupported, match="array"):
            Box.texts.startswith("a")
        with pytest.raises(Unsupported, match=r"`icontains` of an array or range on Box\.texts"):
            await session.query(Box).filter(texts__icontains="a").all()
        with pytest.raises(DataError, match=r"Box\.texts: expected list, got a value of type str"):
            await session.query(Box).filter(texts__contains="a").all()


async def test_arrays_have_no_order_on_sqlite(db):
    async with AsyncSession(db) as session:
        boxes = await session.insert_all([Box(ints=[10]), Box(ints=[9, 9])])
        above, in_order = session.query(Box).filter(Box.ints > [9, 9]), session.query(Box).order_by(Box.ints)
        if db.is_postgres():
            assert [box.id for box in await above.all()] == [boxes[0].id]
            assert [box.id for box in await in_order.all()] == [boxes[1].id, boxes[0].id]
        else:
            for query in [above, in_order]:
                with pytest.raises(Unsupported, match="order of arrays on sqlite"):
                    await query.all()


async def test_what_the_columns_are_called(db):
    types = {key: (column.sql_type(), column.sql_type("sqlite")) for key, column in Box.__columns__.items()}
    assert types["texts"] == ("TEXT[]", "TEXT")
    assert types["words"] == ("VARCHAR(5)[]", "TEXT")
    assert types["prices"] == ("NUMERIC(6, 2)[]", "TEXT")
    assert types["colours"] == ("colour[]", "TEXT")
    assert types["anything"] == ("JSONB", "TEXT")
    assert repr(ARRAY(String(5))) == "ARRAY(VARCHAR(5))"


def test_array_of_arrays_and_of_documents_is_refused():
    for item in [ARRAY(Integer), JSON, JSON(), int]:
        with pytest.raises(TypeError, match="array|ARRAY"):
            ARRAY(item)


async def test_equal_arrays_are_equal_however_they_are_written(db):
    async with AsyncSession(db) as session:
        await session.insert(Box(exacts=[Decimal("1.50"), None], floats=[-0.0, 2.0], texts=["ä", "b"], grid=[[1], [2]]))
        for condition in [
            Box.exacts == [Decimal("1.5"), None],
            Box.floats == [0.0, 2],
            Box.exacts.in_([[Decimal(1)], [Decimal("1.500"), None]]),
            Box.exacts.is_not_distinct_from([Decimal("1.5"), None]),
        ]:
            assert await session.query(Box).filter(condition).count() == 1
        for condition in [
            Box.exacts == [Decimal("1.5")],
            Box.exacts == [None, Decimal("1.5")],
            Box.grid == [1, 2],
            Box.grid == [[1, 2]],
            Box.grid == [[2], [1]],
            Box.texts == ["ä,b"],
            Box.floats != [0, 2.0],
        ]:
            assert await session.query(Box).filter(condition).count() == 0
        if not db.is_postgres():
            await db.execute("""UPDATE boxes SET texts = '[ "\\u00e4",\n"b" ]'""")
            assert await session.query(Box).filter(Box.texts == ["ä", "b"]).count() == 1


async def test_array_that_another_program_wrote_is_read_or_refused_by_name(sqlite_url):
    async with create_engine(sqlite_url) as engine:
        await Base.metadata.create_all(engine)
        sql = "INSERT INTO boxes (id, texts, ints) VALUES (?, ?, ?)"
        await engine.execute_many(
            sql, [[1, '[ "\\u00e4", "b" ]', "[1,\n 2]"], [2, "[]", "[1.5]"], [3, "[]", "x"], [4, "[]", "[[1],[2,3]]"]]
        )
        found = await kept(engine, 1)
        assert (found.texts, found.ints) == (["ä", "b"], [1, 2])
        for id in [2, 3, 4]:
            with pytest.raises(DataError, match="ints: expected an array"):
                await kept(engine, id)
        async with AsyncSession(engine) as session:
            with pytest.raises(DataError, match="NaN"):
                await session.insert(Box(floats=[math.nan]))


async def test_array_agg_gathers_values_of_their_python_types(engine):
    class Local(DeclarativeBase):
        pass

    class Value(Local):
        __tablename__ = "gathered_values"
        id: Mapped[int] = mapped_column(primary_key=True)
        token: Mapped[uuid.UUID | None]
        day: Mapped[date]
        seen: Mapped[datetime]
        price: Mapped[Decimal]

    await Local.metadata.create_all(engine)
    seen = datetime(2024, 1, 2, 3, 4, tzinfo=timezone.utc)
    token, day, price = uuid.UUID(int=255), date(2024, 1, 2), Decimal("1.50")
    async with AsyncSession(engine) as session:
        values = [Value(id=1, token=token, day=day, seen=seen, price=price)]
        await session.insert_all([*values, Value(id=2, token=None, day=day, seen=seen, price=price)])
        for column, value in [(Value.day, day), (Value.seen, seen), (Value.price, price)]:
            assert (await session.scalars(select(func.array_agg(column)))).one() == [value, value]
        tokens = (await session.scalars(select(func.array_agg(aggregate_order_by(Value.token, Value.id))))).one()
        assert tokens == [token, None]
        distinct = select(func.array_agg(Value.token.distinct())).where(Value.id == 1)
        assert (await session.scalars(distinct)).one() == [token]
