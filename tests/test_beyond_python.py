"""Column types that say what PostgreSQL's values are that Python cannot hold: infinite times, months in intervals."""

import random
import uuid
from datetime import date, datetime, time, timedelta, timezone

import pytest

from ormkit import (
    AsyncSession,
    Citext,
    DataError,
    Date,
    DateTime,
    DeclarativeBase,
    Interval,
    Mapped,
    ProgrammingError,
    Time,
    Unsupported,
    create_engine,
    mapped_column,
    select,
    uuid7,
)

UTC = timezone.utc
LAST = datetime.max.replace(tzinfo=UTC)
FIRST = datetime.min.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    __abstract__ = True


class Span(Base):
    __tablename__ = "spans"
    id: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[date | None] = mapped_column(Date(infinity="clamp"))
    at: Mapped[datetime | None] = mapped_column(DateTime(infinity="clamp"))
    until: Mapped[datetime | None] = mapped_column(DateTime(infinity="sentinel"))
    local: Mapped[datetime | None] = mapped_column(DateTime(timezone=False, infinity="sentinel"))
    end: Mapped[date | None] = mapped_column(Date(infinity="sentinel"))
    strict: Mapped[datetime | None] = mapped_column(DateTime)
    length: Mapped[timedelta | None] = mapped_column(Interval(months="days"))
    exact: Mapped[timedelta | None] = mapped_column(Interval)


@pytest.fixture
async def postgres(postgres_url):
    async with create_engine(postgres_url) as engine:
        await Base.metadata.create_all(engine)
        yield engine


async def only(engine) -> Span:
    async with AsyncSession(engine) as session:
        return await session.get(Span, 1)


@pytest.mark.parametrize(("text", "day", "at"), [("infinity", date.max, LAST), ("-infinity", date.min, FIRST)])
async def test_infinite_times_are_clamped(postgres, text, day, at):
    await postgres.execute(
        f"INSERT INTO spans (day, at, until, local, \"end\") VALUES ('{text}', '{text}', '{text}', '{text}', '{text}')"
    )
    span = await only(postgres)
    assert (span.day, span.at, span.until) == (day, at, at)
    assert (span.local, span.end) == (at.replace(tzinfo=None), day)
    async with AsyncSession(postgres) as session:
        row = (await session.execute(select(Span.at, Span.until, Span.end))).one()
        assert tuple(row) == (at, at, day)


async def test_sentinels_are_written_as_infinite(postgres):
    async with AsyncSession(postgres) as session:
        session.add(Span(at=LAST, until=LAST, local=datetime.min, end=date.max))
        await session.commit()
        found = await session.execute(select(Span.id).where(Span.until == LAST, Span.end.in_([date.max])))
        assert found.scalars().all() == [1]
    rows = await postgres.execute('SELECT at::text, until::text, local::text, "end"::text FROM spans')
    stored = rows.one()
    assert (stored["until"], stored["local"], stored["end"]) == ("infinity", "-infinity", "infinity")
    assert stored["at"].startswith("9999-12-31")  # clamped on the way back only


async def test_without_a_policy_it_is_an_error(postgres):
    await postgres.execute("INSERT INTO spans (strict) VALUES ('infinity')")
    with pytest.raises(DataError, match=r"Span\.strict: .*infinite"):
        await only(postgres)
    await postgres.execute("UPDATE spans SET strict = NULL, exact = '1 month'")
    with pytest.raises(DataError, match=r"Span\.exact: .*months"):
        await only(postgres)


async def test_months_are_thirty_days_as_the_server_compares_them(postgres):
    chance = random.Random(seed := random.randrange(2**32))
    for _ in range(30):
        months, days, seconds = (chance.randrange(-300, 300) for _ in range(3))
        text = f"{months} months {days} days {seconds} seconds"
        await postgres.execute("DELETE FROM spans")
        await postgres.execute(f"INSERT INTO spans (id, length) VALUES (1, '{text}')")
        span = await only(postgres)
        assert span.length == timedelta(days=30 * months + days, seconds=seconds), seed
        same = await postgres.execute("SELECT length = $1 FROM spans", [span.length])
        assert same.scalar() is True


async def test_sqlite_has_no_infinity_and_keeps_the_values(sqlite_url):
    async with create_engine(sqlite_url) as engine:
        await Base.metadata.create_all(engine)
        async with AsyncSession(engine) as session:
            session.add(Span(until=LAST, end=date.min, length=timedelta(days=31)))
            await session.commit()
        span = await only(engine)
        assert (span.until, span.end, span.length) == (LAST, date.min, timedelta(days=31))


def test_unknown_policies_are_refused():
    with pytest.raises(ValueError, match='"error", "clamp", "sentinel", not "never"'):
        DateTime(infinity="never")
    with pytest.raises(ValueError, match='"error", "days"'):
        Interval(months="weeks")


class Clock(Base):
    __tablename__ = "clocks"
    __abstract__ = False
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid7)
    at: Mapped[time | None] = mapped_column(Time)


async def test_uuid7_is_a_default_that_grows(engine):
    await Clock.metadata.create_all(engine) if engine.is_postgres() else await engine.execute(
        "CREATE TABLE clocks (id BLOB PRIMARY KEY, at TEXT)"
    )
    async with AsyncSession(engine) as session:
        clocks = [Clock() for _ in range(20)]
        session.add_all(clocks)
        await session.commit()
        found = (await session.execute(select(Clock.id).order_by(Clock.id))).scalars().all()
    assert found == [clock.id for clock in clocks]


def test_uuid7_has_the_form_of_rfc_9562():
    before = datetime.now(UTC).timestamp() * 1000
    made = [uuid7() for _ in range(50_000)]
    after = datetime.now(UTC).timestamp() * 1000
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert {(it.version, it.variant) for it in made} == {(7, uuid.RFC_4122)}
    assert before - 1 <= made[0].int >> 80 <= made[-1].int >> 80 <= after + 1000


class Own(DeclarativeBase):
    __abstract__ = True


class Zoned(Own):
    __tablename__ = "zoned"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[time | None] = mapped_column(Time(timezone=True))


class Text(DeclarativeBase):
    __abstract__ = True


class Person(Text):
    __tablename__ = "people"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Citext, unique=True)


async def test_a_time_with_zone_comes_back(postgres_url):
    zone = timezone(timedelta(hours=5, minutes=30))
    async with create_engine(postgres_url) as engine:
        await Own.metadata.create_all(engine)
        async with AsyncSession(engine) as session:
            session.add(Zoned(at=time(1, 2, 3, 4, zone)))
            await session.commit()
        async with AsyncSession(engine) as session:
            found = await session.get(Zoned, 1)
            assert (found.at, found.at.utcoffset()) == (time(1, 2, 3, 4, zone), timedelta(hours=5, minutes=30))


async def test_citext_compares_without_case_and_names_its_extension(postgres_url):
    async with create_engine(postgres_url) as engine:
        with pytest.raises(ProgrammingError, match="run CREATE EXTENSION citext first") as caught:
            await Text.metadata.create_all(engine)
        assert caught.value.hint == "CREATE EXTENSION citext"
        await engine.execute("CREATE EXTENSION citext")
        await Text.metadata.create_all(engine)
        async with AsyncSession(engine) as session:
            session.add_all([Person(name="Ada"), Person(name="Grace")])
            await session.commit()
            found = await session.execute(select(Person.name).where(Person.name == "ADA"))
            assert found.scalars().all() == ["Ada"]
            found = await session.execute(select(Person.name).where(Person.name.in_(["GRACE"])))
            assert found.scalars().all() == ["Grace"]


@pytest.mark.parametrize(("base", "place"), [(Own, r"Zoned\.at: TIME WITH TIME ZONE"), (Text, r"Person\.name: CITEXT")])
async def test_sqlite_lacks_them_by_name(sqlite_url, base, place):
    async with create_engine(sqlite_url) as engine:
        with pytest.raises(Unsupported, match=place):
            await base.metadata.create_all(engine)
