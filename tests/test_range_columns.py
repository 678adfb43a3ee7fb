"""Columns of ranges, of several ranges, and of hstore: equal to what the server and another client say, both ways."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from counting import sent
from psycopg.types import TypeInfo
from psycopg.types.hstore import register_hstore
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range as OtherRange

from ormkit import (
    ARRAY,
    INT4MULTIRANGE,
    INT4RANGE,
    INT8RANGE,
    TSRANGE,
    AsyncSession,
    Base,
    DataError,
    FieldError,
    Hstore,
    Mapped,
    MetaData,
    Range,
    Unsupported,
    create_engine,
    func,
    mapped_column,
    select,
    update,
)


class Lease(Base):
    metadata = MetaData()

    id: Mapped[int] = mapped_column(primary_key=True)
    small: Mapped[Range[int] | None]
    big: Mapped[Range[int] | None] = mapped_column(INT8RANGE)
    price: Mapped[Range[Decimal] | None]
    days: Mapped[Range[date] | None]
    at: Mapped[Range[datetime] | None]
    local: Mapped[Range[datetime] | None] = mapped_column(TSRANGE)
    rooms: Mapped[tuple[Range[int], ...] | None]
    nights: Mapped[tuple[Range[date], ...] | None]
    tags: Mapped[dict[str, str | None] | None] = mapped_column(Hstore)


@pytest.fixture
def other(postgres_url):
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("SET timezone = 'UTC'; CREATE EXTENSION IF NOT EXISTS hstore")
        register_hstore(TypeInfo.fetch(connection, "hstore"), connection)
        yield connection


@pytest.fixture
async def db(postgres_url, other):
    async with create_engine(postgres_url) as engine:
        await Lease.metadata.create_all(engine)
        yield engine


BOUNDS = ("[)", "[]", "(]", "()")
RANDOM = random.Random(11)


def bound(name: str) -> Any:
    number = RANDOM.randrange(-1000, 1000)
    match name:
        case "small" | "rooms":
            return number
        case "big":
            return number * 2**40
        case "price":
            return Decimal(number) / 8
        case "days" | "nights":
            return date(2024, 2, 29) + timedelta(days=number)
        case "at":
            return datetime(2024, 2, 29, 1, 2, 3, 4, timezone.utc) + timedelta(microseconds=number)
        case _:
            return datetime(2024, 2, 29, 1, 2, 3, 4) + timedelta(hours=number)


def some_range(name: str) -> Range[Any]:
    if RANDOM.random() < 0.1:
        return Range(empty=True)
    lower, upper = sorted([bound(name), bound(name)])
    lower, upper = (None if RANDOM.random() < 0.15 else end for end in (lower, upper))
    return Range(lower, upper, RANDOM.choice(BOUNDS))


def some_text() -> str:
    return "".join(RANDOM.choice("aä€😀 \"\\{}()[],=>'\n\tNULL") for _ in range(RANDOM.randrange(8)))


def some(name: str) -> Any:
    if RANDOM.random() < 0.1:
        return None
    if name == "tags":
        return {some_text(): RANDOM.choice([None, some_text()]) for _ in range(RANDOM.randrange(4))}
    if name in ("rooms", "nights"):
        return tuple(some_range(name) for _ in range(RANDOM.randrange(4)))
    return some_range(name)


def elsewhere(value: Any) -> Any:
    """The same for the other client."""
    if isinstance(value, Range):
        return OtherRange(value.lower, value.upper, value.bounds) if not value.isempty else OtherRange(empty=True)
    return Multirange([elsewhere(one) for one in value]) if isinstance(value, tuple) else value


NAMES = ["small", "big", "price", "days", "at", "local", "rooms", "nights", "tags"]


@pytest.mark.parametrize("many", [False, True])
async def test_random_values_are_what_the_other_client_writes_and_reads(db, other, many):
    rows = [{name: some(name) for name in NAMES} for _ in range(60)]
    async with AsyncSession(db) as session:
        leases = [Lease(**row) for row in rows]
        if many:
            await session.insert_all(leases)
        else:
            for lease in leases:
                await session.insert(lease)
    other.execute("CREATE TABLE theirs (LIKE leases)")
    for lease, row in zip(leases, rows, strict=True):
        values = [lease.id, *(elsewhere(row[name]) for name in NAMES)]
        other.execute(f"INSERT INTO theirs VALUES ({', '.join(['%s'] * len(values))})", values)
    differing = "SELECT count(*) FROM leases JOIN theirs USING (id) WHERE leases::text <> theirs::text"
    assert other.execute(differing).fetchone() == (0,)
    async with AsyncSession(db) as session:
        read = (await session.scalars(select(Lease).order_by(Lease.id))).all()
        theirs = other.execute(f"SELECT {', '.join(NAMES)} FROM leases ORDER BY id").fetchall()
        for lease, row in zip(read, theirs, strict=True):
            for name, value in zip(NAMES, row, strict=True):
                mine = getattr(lease, name)
                assert elsewhere(mine) == value, name
                # What was read is written as it is, and found again.
                if mine is not None:
                    column = getattr(Lease, name)
                    again = select(Lease.id).where(column == mine, Lease.id == lease.id)
                    assert await session.scalar(again) == lease.id


async def test_the_first_statement_of_a_connection_binds_and_reads_them(postgres_url, db):
    async with create_engine(postgres_url, max_connections=1) as cold, AsyncSession(cold) as session:
        with sent(cold) as seen:
            lease = await session.insert(Lease(small=Range(1, 5), tags={"a": None}, rooms=(Range(1, 2),)))
        assert len(seen.statements) == 1
        session.expunge_all()
        found = await session.get(Lease, lease.id)
        assert (found.small, found.tags, found.rooms) == (Range(1, 5), {"a": None}, (Range(1, 2),))


async def test_a_range_is_as_given_until_it_is_read_again(db):
    async with AsyncSession(db) as session:
        lease = await session.insert(Lease(small=Range(1, 4, "[]"), rooms=(Range(5, 6), Range(1, 2), Range(2, 3))))
        assert lease.small == Range(1, 4, "[]")
        await session.refresh(lease)
        assert lease.small == Range(1, 5)
        assert lease.rooms == (Range(1, 3), Range(5, 6))


async def test_changes_are_written_and_those_of_hstore_noticed_in_place(db):
    async with AsyncSession(db) as session:
        leases = await session.insert_all([Lease(tags={"n": str(n)}, small=Range(n, None)) for n in range(3)])
        for lease in leases:
            lease.tags["more"] = None
        leases[1].small = None
        leases[2].rooms = ()
        await session.commit()
        session.expunge_all()
        read = (await session.scalars(select(Lease).order_by(Lease.id))).all()
        assert [lease.tags for lease in read] == [{"n": str(n), "more": None} for n in range(3)]
        assert [lease.small for lease in read] == [Range(0, None), None, Range(2, None)]
        assert [lease.rooms for lease in read] == [None, None, ()]
        await session.execute(update(Lease).where(Lease.id == read[0].id).values(small=Range(7, 9), tags={}))
        assert (read[0].small, read[0].tags) == (Range(7, 9), {})
        await session.commit()


async def test_operators(db):
    async with AsyncSession(db) as session:
        await session.insert_all(
            [
                Lease(small=Range(1, 5), days=Range(date(2024, 1, 1), date(2024, 2, 1)), tags={"a": "1", "b": None}),
                Lease(small=Range(5, 9), rooms=(Range(1, 3), Range(7, 8)), tags={"c": "x"}),
                Lease(small=Range(empty=True)),
                Lease(),
            ]
        )

        async def found(condition: Any) -> list[int]:
            return (await session.scalars(select(Lease.id).where(condition).order_by(Lease.id))).all()

        assert await found(Lease.small.contains(4)) == [1]
        assert await found(Lease.small.contains(Range(6, 7))) == [2]
        assert await found(Lease.small.contained_by(Range(0, 6))) == [1, 3]
        assert await found(Lease.small.overlap(Range(4, 6))) == [1, 2]
        assert await found(Lease.days.contains(date(2024, 1, 31))) == [1]
        assert await found(Lease.rooms.contains(7)) == [2]
        assert await found(Lease.rooms.overlap(Range(2, 5))) == [2]
        assert await found(Lease.rooms.contains((Range(1, 2), Range(7, 8)))) == [2]
        assert await found(Lease.small.bool_op("-|-")(Range(5, 6))) == [1]
        assert await found(Lease.small.bool_op("<<")(Range(5, 6))) == [1]
        assert await found(func.isempty(Lease.small)) == [3]
        assert await found(func.lower(Lease.small) == 5) == [2]
        ends = select(func.lower(Lease.small), func.upper(Lease.days)).where(Lease.id == 1)
        assert (await session.execute(ends)).one() == (1, date(2024, 2, 1))
        assert await found(Lease.small.in_([Range(1, 5), Range(5, 9)])) == [1, 2]
        assert await found(Lease.tags.contains({"a": "1"})) == [1]
        assert await found(Lease.tags.has_key("b")) == [1]
        assert await found(Lease.tags.has_any(["b", "c"])) == [1, 2]
        assert await found(Lease.tags.has_all(["a", "b"])) == [1]
        assert await found(Lease.tags["c"] == "x") == [2]

        async def looked_up(**lookups: Any) -> list[int]:
            return [lease.id for lease in await session.query(Lease).filter(**lookups).order_by("id").all()]

        assert await looked_up(small__contains=4) == [1]
        assert await looked_up(small__contains=Range(6, 7)) == [2]
        assert await looked_up(small__contained_by=Range(0, 6)) == [1, 3]
        assert await looked_up(small__overlap=Range(4, 6)) == [1, 2]
        assert await looked_up(small=Range(1, 5)) == [1]
        assert await looked_up(small__in=[Range(1, 5)]) == [1]
        with pytest.raises((FieldError, Unsupported), match="startswith"):
            session.query(Lease).filter(small__startswith="x")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"small": (1, 2)}, r"Lease\.small: expected Range, got a value of type tuple"),
        ({"small": Range("a", None)}, r"Lease\.small: expected int"),
        ({"small": Range(1, 2**31)}, r"Lease\.small"),
        ({"at": Range(datetime(2024, 1, 1), None)}, r"Lease\.at"),
        ({"rooms": [Range(1, 2)]}, r"Lease\.rooms: expected tuple of Range, got a value of type list"),
        ({"rooms": (1, 2)}, r"Lease\.rooms: expected Range"),
        ({"tags": {"a": 1}}, r"Lease\.tags: expected str in a dict of HSTORE"),
        ({"tags": {1: "a"}}, r"Lease\.tags: expected str in a dict of HSTORE"),
        ({"tags": {"a\0": None}}, r"Lease\.tags"),
        ({"tags": "a=>b"}, r"Lease\.tags: expected dict"),
    ],
)
async def test_what_does_not_fit_is_refused_before_it_is_sent(db, values, says):
    async with AsyncSession(db) as session:
        with sent(db) as seen, pytest.raises(DataError, match=says):
            await session.insert(Lease(**values))
        assert not seen.statements


async def test_sqlite_and_arrays_refuse_them_by_name(sqlite_url):
    async with create_engine(sqlite_url) as engine:
        with pytest.raises(Unsupported, match="INT4RANGE"):
            await Lease.metadata.create_all(engine)
    with pytest.raises(TypeError, match="use INT4MULTIRANGE"):
        ARRAY(INT4RANGE)
    with pytest.raises(TypeError, match="takes no multirange"):
        ARRAY(INT4MULTIRANGE)


async def test_a_second_diff_finds_nothing(db):
    columns = {column.name: column.data_type for column in await db.get_columns("leases")}
    assert columns["small"] == "int4range" and columns["rooms"] == "int4multirange"
    assert Lease.__columns__["small"].sql_type() == "INT4RANGE"
    assert Lease.__columns__["nights"].sql_type() == "DATEMULTIRANGE"
    assert Lease.__columns__["tags"].sql_type() == "HSTORE"
