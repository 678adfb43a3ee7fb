"""Parts of days and times, and arithmetic with them: what Python says, in UTC, on both databases."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

import pytest

from ormkit import AsyncSession, DateTime, DeclarativeBase, Mapped, create_engine, extract, mapped_column, select
from ormkit.exc import DataError, FieldError, NotSupportedError

UTC = timezone.utc


class Base(DeclarativeBase):
    __abstract__ = True


class Visit(Base):
    __tablename__ = "visits"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime | None]
    naive: Mapped[datetime | None] = mapped_column(DateTime(timezone=False))
    day: Mapped[date | None]
    clock: Mapped[time | None]
    span: Mapped[timedelta | None]


EDGES = [
    datetime(2021, 1, 3, 0, 0),
    datetime(2024, 12, 30, 23, 59, 59, 999999),
    datetime(2024, 2, 29, 12, 30, 15, 500000),
    datetime(1969, 12, 31, 23, 59, 59, 999999),
    datetime(1, 1, 2),
    datetime(9999, 12, 30, 1, 1, 1, 1),
]

PARTS: dict[str, Callable[[datetime], Any]] = {
    "year": lambda at: at.year,
    "quarter": lambda at: (at.month + 2) // 3,
    "month": lambda at: at.month,
    "day": lambda at: at.day,
    "week": lambda at: at.isocalendar()[1],
    "week_day": lambda at: at.isoweekday() % 7 + 1,
    "hour": lambda at: at.hour,
    "minute": lambda at: at.minute,
    "second": lambda at: at.second,
    "date": lambda at: at.date(),
    "time": lambda at: at.time(),
}

MORE: dict[str, Callable[[datetime], Any]] = {
    "isoyear": lambda at: at.isocalendar()[0],
    "doy": lambda at: at.timetuple().tm_yday,
    "dow": lambda at: at.isoweekday() % 7,
    "isodow": lambda at: at.isoweekday(),
    "microseconds": lambda at: at.second * 1_000_000 + at.microsecond,
}


@pytest.fixture
async def visits(engine: Any) -> Any:
    chance = random.Random(4)
    moments = [*EDGES]
    for _ in range(60):
        moments.append(datetime(2024, 1, 1) + timedelta(microseconds=chance.randrange(3 * 10**13)))
    zones = [timezone(timedelta(hours=hours)) for hours in (-1, 0, 1)]
    rows = [
        Visit(
            id=at,
            at=moment.replace(tzinfo=UTC).astimezone(chance.choice(zones)),
            naive=moment,
            day=moment.date(),
            clock=moment.time(),
            span=timedelta(microseconds=chance.randrange(-(10**10), 10**10)),
        )
        for at, moment in enumerate(moments)
    ]
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all([*rows, Visit(id=len(rows))])
        yield session, moments, [row.span for row in rows]


async def test_parts_are_those_of_the_calendar(visits):
    session, moments, _ = visits
    names = [*PARTS, *MORE]
    for column in (Visit.at, Visit.naive):
        rows = (await session.execute(select(*[extract(name, column) for name in names]).order_by(Visit.id))).all()
        assert [tuple(row) for row in rows[:-1]] == [
            tuple({**PARTS, **MORE}[name](moment) for name in names) for moment in moments
        ]
        assert set(rows[-1]) == {None}
    of_days = ["year", "week", "isoyear", "week_day", "doy", "date"]
    rows = (await session.execute(select(*[extract(name, Visit.day) for name in of_days]).order_by(Visit.id))).all()
    assert [tuple(row) for row in rows[:-1]] == [
        tuple({**PARTS, **MORE}[name](moment) for name in of_days) for moment in moments
    ]
    of_clocks = ["hour", "minute", "second", "microseconds"]
    rows = (await session.execute(select(*[extract(name, Visit.clock) for name in of_clocks]).order_by(Visit.id))).all()
    assert [tuple(row) for row in rows[:-1]] == [
        tuple({**PARTS, **MORE}[name](moment) for name in of_clocks) for moment in moments
    ]


@pytest.mark.parametrize("part", list(PARTS))
async def test_lookups_of_parts_and_their_negation(visits, part):
    session, moments, _ = visits
    of = PARTS[part]
    query = session.query(Visit).order_by("id")
    everything = range(len(moments) + 1)
    for moment in moments[:12]:
        wanted = of(moment)
        for word, test in [
            ("", lambda have: have == wanted),  # noqa: B023
            ("__gte", lambda have: have >= wanted),  # noqa: B023
            ("__lt", lambda have: have < wanted),  # noqa: B023
            ("__in", lambda have: have == wanted),  # noqa: B023
        ]:
            lookup = {f"at__{part}{word}": [wanted] if word == "__in" else wanted}
            kept = [at for at, other in enumerate(moments) if test(of(other))]
            assert [visit.id for visit in await query.filter(**lookup)] == kept, lookup
            rest = [at for at in everything if at not in kept]
            assert [visit.id for visit in await query.exclude(**lookup)] == rest, lookup
    assert [visit.id for visit in await query.filter(**{f"at__{part}__isnull": True})] == [len(moments)]


async def test_zone_of_the_connection_changes_no_part(postgres_url):
    async with create_engine(postgres_url, settings={"TimeZone": "Asia/Tokyo"}) as engine:
        await Base.metadata.create_all(engine)
        async with AsyncSession(engine) as session:
            await session.insert(Visit(id=1, at=datetime(2024, 1, 31, 23, 0, tzinfo=UTC)))
            found = session.query(Visit).filter(at__date=date(2024, 1, 31), at__hour=23, at__month=1)
            assert await found.count() == 1


async def test_arithmetic_is_that_of_python(visits):
    session, moments, spans = visits
    inner = Visit.id.in_(list(range(6, len(moments))))
    later, start = timedelta(days=1, microseconds=1), datetime(2024, 1, 1)
    items = [
        Visit.at + later,
        later + Visit.at,
        Visit.naive - later,
        Visit.at - start.replace(tzinfo=UTC),
        Visit.naive - start,
        Visit.at + Visit.span,
        Visit.day + 3,
        Visit.day - 3,
        Visit.day - start.date(),
        Visit.day + later,
        Visit.span + later,
    ]
    rows = (await session.execute(select(*items).where(inner).order_by(Visit.id))).all()
    expected = []
    for moment, span in list(zip(moments, spans, strict=True))[6:]:
        aware, midnight = moment.replace(tzinfo=UTC), datetime.combine(moment.date(), time())
        expected.append(
            (
                aware + later,
                aware + later,
                moment - later,
                moment - start,
                moment - start,
                aware + span,
                moment.date() + timedelta(3),
                moment.date() - timedelta(3),
                (moment - start).days,
                midnight + later,
                span + later,
            )
        )
    assert [tuple(row) for row in rows] == expected
    recent = select(Visit.id).where(inner, Visit.at - timedelta(days=30) > start.replace(tzinfo=UTC)).order_by(Visit.id)
    kept = [at for at, moment in enumerate(moments) if at >= 6 and moment - timedelta(days=30) > start]
    assert (await session.scalars(recent)).all() == kept


async def test_mistakes_are_found_before_any_sql(engine):
    async with AsyncSession(engine) as session:
        with pytest.raises(FieldError, match="did you mean `year`"):
            await session.query(Visit).filter(at__yaer=1).all()
        with pytest.raises(NotSupportedError, match="`hour` on Visit.day"):
            await session.query(Visit).filter(day__hour=1).all()
        with pytest.raises(DataError, match="int"):
            await session.query(Visit).filter(at__year="2024").all()
        with pytest.raises(FieldError, match="did you mean"):
            extract("yeer", Visit.at)


@pytest.mark.parametrize("span", [timedelta(hours=3), timedelta(microseconds=7), timedelta(days=-2, microseconds=5)])
async def test_spans_times_numbers_are_spans(engine, span: timedelta) -> None:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert(Visit(id=3, span=span))
        values = (
            Visit.span * 2,
            2 * Visit.span,
            Visit.span / 4,
            Visit.span * 0.5,
            Visit.span * Visit.id,
            -Visit.span * 2,
        )
        row = (await session.execute(select(*values))).one()
        assert row == (span * 2, span * 2, span / 4, span * 0.5, span * 3, span * -2)
        assert await session.scalar(select(Visit.id).where(Visit.span * 2 == span * 2)) == 3


async def test_times_of_other_programs_are_read_but_compared_by_text(sqlite_url):
    moment = datetime(2020, 3, 29, 1, 30, tzinfo=UTC)
    async with create_engine(sqlite_url) as engine:
        await Base.metadata.create_all(engine)
        async with AsyncSession(engine) as session:
            foreign = ["2020-03-29 01:30:00", "2020-03-29T01:30", "2020-03-29T03:30:00+02:00", "2020-03-29T01:30:00Z"]
            for number, text in enumerate(foreign):
                await session.execute_raw("INSERT INTO visits (id, at) VALUES (?, ?)", [number, text])
            await session.insert(Visit(id=9, at=moment))
            visits = session.query(Visit).order_by("id")
            assert [visit.at for visit in await visits] == [moment] * 5
            assert await visits.filter(at__year=2020, at__hour=1, at__minute=30).count() == 5
            assert await visits.filter(at=moment).values_list("id", flat=True) == [9]
            await session.execute_raw("UPDATE visits SET at = strftime('%Y-%m-%d %H:%M:%f000+00:00', at)", [])
            assert await visits.filter(at=moment).count() == 5
            await session.commit()
