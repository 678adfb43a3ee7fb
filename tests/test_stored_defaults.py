"""Values that the database makes are found by what was read of them: on SQLite they have the form that columns hold."""

from __future__ import annotations

import uuid
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pytest

from ormkit import (
    ARRAY,
    AsyncSession,
    ConnectionPool,
    DateTime,
    DeclarativeBase,
    Integer,
    Mapped,
    Numeric,
    Time,
    Unsupported,
    create_engine,
    func,
    mapped_column,
    select,
    text,
    update,
)
from ormkit.migrations import AutogenContext


class Base(DeclarativeBase):
    pass


class Given(Base):
    """Constants in the words of PostgreSQL."""

    __tablename__ = "stored_given"
    id: Mapped[int] = mapped_column(primary_key=True)
    off: Mapped[bool] = mapped_column(server_default="false")
    on: Mapped[bool] = mapped_column(server_default="t")
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2), server_default="0")
    rate: Mapped[Decimal] = mapped_column(Numeric(10, 2), server_default=Decimal("1.5"))
    day: Mapped[date] = mapped_column(server_default="2024-02-29")
    at: Mapped[time] = mapped_column(server_default="12:30")
    since: Mapped[datetime] = mapped_column(server_default="2020-01-01 12:00:00+02")
    local: Mapped[datetime] = mapped_column(DateTime(timezone=False), server_default="2020-01-01T12:00:00")
    token: Mapped[uuid.UUID] = mapped_column(server_default="00000000-0000-0000-0000-0000000000ff")
    numbers: Mapped[list[int]] = mapped_column(ARRAY(Integer), server_default="{}")
    count: Mapped[int] = mapped_column(server_default="5")
    share: Mapped[float] = mapped_column(server_default=0.5)
    word: Mapped[str] = mapped_column(server_default="it's")


class Clock(Base):
    """The clock in every place."""

    __tablename__ = "stored_clock"
    id: Mapped[int] = mapped_column(primary_key=True)
    word: Mapped[str | None]
    created: Mapped[datetime] = mapped_column(server_default=func.now())
    sql: Mapped[datetime] = mapped_column(server_default=text("CURRENT_TIMESTAMP"))
    local: Mapped[datetime] = mapped_column(DateTime(timezone=False), server_default=func.now())
    day: Mapped[date] = mapped_column(server_default=func.now())
    today: Mapped[date] = mapped_column(server_default=func.current_date())
    at: Mapped[time] = mapped_column(Time, server_default=func.now())
    made: Mapped[datetime] = mapped_column(insert_default=func.now())
    changed: Mapped[datetime | None] = mapped_column(onupdate=func.now())
    written: Mapped[datetime | None]
    flat: Mapped[datetime | None] = mapped_column(DateTime(timezone=False))


async def finds(session: AsyncSession, model: type[Base], row: Base, names: list[str]) -> None:
    """Each value that was read finds its row, and stands where it is among others."""
    for name in names:
        value = getattr(row, name)
        query = session.query(model)
        counts = [await query.filter(**{f"{name}{op}": value}).count() for op in ("", "__gte", "__lte", "__gt", "__lt")]
        assert counts == [1, 1, 1, 0, 0], (name, value)


async def test_constants_are_found_by_what_was_read(engine: ConnectionPool) -> None:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert(Given())
        row = await session.query(Given).one()
        assert (row.off, row.on, row.price, row.rate) == (False, True, Decimal("0.00"), Decimal("1.50"))
        assert (row.day, row.at) == (date(2024, 2, 29), time(12, 30))
        assert row.since.isoformat() == "2020-01-01T10:00:00+00:00"
        assert (row.local, row.token.int) == (datetime(2020, 1, 1, 12), 255)
        assert (row.numbers, row.count, row.share, row.word) == ([], 5, 0.5, "it's")
        ordered = ["price", "rate", "day", "at", "since", "local", "token", "count", "share", "word"]
        await finds(session, Given, row, ordered)
        assert await session.query(Given).filter(off=False, on=True, numbers=[]).count() == 1


async def test_the_clock_is_found_by_what_was_read(engine: ConnectionPool) -> None:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        row = await session.insert(Clock())
        await session.execute(update(Clock).values(word="a", written=func.now(), flat=func.now()))
        await session.commit()
        await session.refresh(row)
        assert abs(row.created - row.written) < timedelta(seconds=20)
        assert row.created.tzinfo is not None and row.local.tzinfo is None
        assert row.day == row.created.date() == row.today
        names = ["created", "sql", "local", "day", "today", "made", "changed", "written", "flat"]
        await finds(session, Clock, row, names)
        row.written = Clock.created
        await session.commit()
        assert await session.query(Clock).filter(Clock.written == Clock.created).count() == 1
        read = (await session.execute(select(func.now(), func.current_timestamp()))).one()
        assert abs(read[0] - row.created) < timedelta(seconds=20) and read[1].tzinfo is not None


async def test_rows_of_the_clock_and_of_the_program_are_in_one_order(engine: ConnectionPool) -> None:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        made = await session.insert(Clock(word="clock"))
        before = made.created - timedelta(microseconds=1)
        after = made.created + timedelta(microseconds=1)
        same = made.created
        await session.insert_all(
            [Clock(word=word, created=at) for word, at in [("b", before), ("s", same), ("z", after)]]
        )
        words = await session.query(Clock).order_by("created", "word").values_list("word", flat=True)
        assert words == ["b", "clock", "s", "z"]


async def test_constants_that_sqlite_cannot_hold_are_refused_before_the_table_is_made() -> None:
    class Own(DeclarativeBase):
        pass

    class Wait(Own):
        __tablename__ = "stored_wait"
        id: Mapped[int] = mapped_column(primary_key=True)
        span: Mapped[timedelta] = mapped_column(server_default="1 day")

    assert Wait.__columns__["span"].server_default == "'1 day'"
    async with create_engine("sqlite::memory:") as engine:
        with pytest.raises(Unsupported, match=r"server_default of column span, expected INTERVAL.* default="):
            await Own.metadata.create_all(engine)
        assert await engine.get_tables() == []


async def test_a_clock_of_another_tools_is_no_difference() -> None:
    class Own(DeclarativeBase):
        pass

    class Entry(Own):
        __tablename__ = "entries"
        id: Mapped[int] = mapped_column(primary_key=True)
        at: Mapped[datetime] = mapped_column(server_default=func.now())
        off: Mapped[bool] = mapped_column(server_default="false")

    async with create_engine("sqlite::memory:") as engine:
        await engine.execute(
            "CREATE TABLE entries (id INTEGER PRIMARY KEY, at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,"
            " off INTEGER NOT NULL DEFAULT 0)"
        )
        assert await AutogenContext(engine, [Entry]).diff() == []
        await engine.execute("DROP TABLE entries")
        await engine.execute(
            "CREATE TABLE entries (id INTEGER PRIMARY KEY, at TEXT NOT NULL DEFAULT CURRENT_DATE,"
            " off INTEGER NOT NULL DEFAULT 'false')"
        )
        changes = await AutogenContext(engine, [Entry]).diff()
        assert sorted(change.column_name or "" for change in changes) == ["at", "off"]
