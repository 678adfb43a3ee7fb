"""Statements with more values than a database takes in one, and long lists of every type."""

from __future__ import annotations

import datetime
import enum
import uuid
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
from counting import sent

from ormkit import (
    AsyncSession,
    ConnectionPool,
    DeclarativeBase,
    Mapped,
    UniqueViolation,
    func,
    insert,
    mapped_column,
    select,
    tuple_,
    update,
)


class Base(DeclarativeBase):
    pass


class Mood(enum.Enum):
    GOOD = "good"
    BAD = "bad"


class Reading(Base):
    __tablename__ = "readings"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    price: Mapped[Decimal | None]
    at: Mapped[datetime.datetime | None]
    day: Mapped[datetime.date | None]
    time: Mapped[datetime.time | None]
    span: Mapped[datetime.timedelta | None]
    token: Mapped[uuid.UUID | None]
    blob: Mapped[bytes | None]
    mood: Mapped[Mood | None]
    flag: Mapped[bool | None]


class Named(Base):
    __tablename__ = "named"
    name: Mapped[str] = mapped_column(primary_key=True)
    n: Mapped[int] = mapped_column(default=0)


@pytest_asyncio.fixture
async def session(engine: ConnectionPool) -> AsyncIterator[AsyncSession]:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        yield session
        await session.rollback()


def rows(count: int) -> list[dict[str, Any]]:
    return [{"name": f"n{number}", "price": Decimal(number), "flag": number % 2 == 0} for number in range(count)]


async def test_an_insert_of_70_000_rows_goes_in_parts(session: AsyncSession, engine: ConnectionPool) -> None:
    with sent(engine) as seen:
        result = await session.execute(insert(Reading), rows(70_000))
    assert result.rowcount == 70_000
    assert len([text for text in seen.statements if text.startswith("INSERT")]) == 7
    assert await session.scalar(select(func.count()).select_from(Reading)) == 70_000
    await session.rollback()
    assert await session.scalar(select(func.count()).select_from(Reading)) == 0


async def test_returning_answers_the_parts_in_order(session: AsyncSession) -> None:
    found = (await session.execute(insert(Reading).returning(Reading.id, Reading.name), rows(25_000))).all()
    assert [tuple(row) for row in found] == [(number + 1, f"n{number}") for number in range(25_000)]


async def test_objects_are_answered_in_order(session: AsyncSession) -> None:
    found = (await session.scalars(insert(Reading).values(rows(12_000)).returning(Reading))).all()
    assert [reading.name for reading in found] == [f"n{number}" for number in range(12_000)]


async def test_a_part_that_fails_undoes_all(session: AsyncSession) -> None:
    names = [{"name": f"n{number}", "n": 0} for number in range(40_000)]
    names[-1]["name"] = "n0"
    with pytest.raises(UniqueViolation):
        await session.execute(insert(Named), names)
    await session.rollback()
    assert await session.scalar(select(func.count()).select_from(Named)) == 0
    done = await session.execute(insert(Named).on_conflict_do_nothing("name"), names)
    assert done.rowcount == 39_999


async def test_a_connection_takes_as_many(session: AsyncSession, engine: ConnectionPool) -> None:
    async with engine.begin() as connection:
        result = await connection.execute(insert(Reading).returning(Reading.id), rows(25_000))
    assert result.column("id") == list(range(1, 25_001))


async def test_an_update_of_many_rows_by_their_keys(session: AsyncSession) -> None:
    await session.execute(insert(Named), [{"name": letter, "n": 0} for letter in "abc"])
    done = await session.execute(update(Named), [{"name": "a", "n": 1}, {"name": "c", "n": 3}])
    assert done.rowcount == 2
    assert (await session.scalars(select(Named.n).order_by(Named.name))).all() == [1, 0, 3]


MANY = 33_000
START = datetime.datetime(2020, 1, 1, 12, tzinfo=datetime.timezone.utc)
VALUES: dict[str, list[Any]] = {
    "id": list(range(10, MANY)),
    "name": [f"it's {number}" for number in range(MANY)],
    "price": [Decimal(number) / 4 for number in range(MANY)],
    "at": [START + datetime.timedelta(milliseconds=number) for number in range(MANY)],
    "day": [datetime.date.fromordinal(700_000 + number) for number in range(MANY)],
    "time": [datetime.time.fromisoformat(f"{n // 3600 % 24:02}:{n // 60 % 60:02}:{n % 60:02}") for n in range(MANY)],
    "span": [datetime.timedelta(seconds=number) for number in range(MANY)],
    "token": [uuid.UUID(int=number << 64) for number in range(MANY)],
    "blob": [b"\x00%d" % number for number in range(MANY)],
    "mood": [Mood.GOOD, Mood.BAD] * (MANY // 2),
    "flag": [True, False] * (MANY // 2),
}


@pytest.mark.parametrize("column", VALUES)
async def test_long_lists_find_their_rows(session: AsyncSession, column: str) -> None:
    values, attribute = VALUES[column], getattr(Reading, column)
    inside, outside = values[20_000], values[9] if column != "id" else 5
    inside = values[0] if column in ("mood", "flag") else inside
    await session.insert_all([Reading(**{column: inside}), Reading(**{column: outside})])
    listed = values[10:] if column not in ("mood", "flag") else [inside] * MANY
    assert (await session.scalars(select(attribute).where(attribute.in_(listed)))).all() == [inside]
    assert (await session.scalars(select(attribute).where(attribute.not_in(listed)))).all() == [outside]
    assert [getattr(it, column) for it in await session.query(Reading).filter(**{f"{column}__in": listed})] == [inside]
    assert (await session.scalars(select(attribute).where(attribute.in_([inside])))).all() == [inside]
    assert (await session.scalars(select(attribute).where(attribute.in_([])))).all() == []


@pytest.mark.parametrize("column", VALUES)
async def test_long_lists_of_tuples_find_their_rows(session: AsyncSession, column: str) -> None:
    values, attribute = VALUES[column], getattr(Reading, column)
    first, second = Reading(**{column: values[0]}), Reading(**{column: values[1]})
    await session.insert_all([first, second])
    # PostgreSQL knows no array of an enum without being told its name: each of those is a parameter of its own.
    many = MANY if column != "mood" else 16_000
    pairs = [(number + 2, value) for number, value in enumerate(values[:many])]
    wanted = [reading.id for reading in (first, second) if (reading.id, getattr(reading, column)) in pairs[:50]]
    found = await session.scalars(select(Reading.id).where(tuple_(Reading.id, attribute).in_(pairs)))
    assert found.all() == wanted
    pairs.append((first.id, values[0]))
    found = await session.scalars(select(Reading.id).where(tuple_(Reading.id, attribute).in_(pairs)))
    assert sorted(found.all()) == sorted({*wanted, first.id})


async def test_decimals_of_other_scales_are_found(session: AsyncSession) -> None:
    await session.insert(Reading(price=Decimal("2.50")))
    count = select(func.count()).select_from(Reading)
    assert await session.scalar(count.where(Reading.price.in_([Decimal("2.5"), Decimal(1)]))) == 1
    assert await session.scalar(count.where(tuple_(Reading.id, Reading.price).in_([(1, Decimal("2.500"))]))) == 1


async def test_nulls_in_tuples_match_nothing(session: AsyncSession) -> None:
    await session.insert(Reading(name=None))
    count = select(func.count()).select_from(Reading)
    assert await session.scalar(count.where(tuple_(Reading.id, Reading.name).in_([(1, None), (1, "a")]))) == 0
