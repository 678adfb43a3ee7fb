"""Days with spans, moments and other days: one answer of one type on both databases."""

from datetime import date, datetime, timedelta, timezone

import pytest

from ormkit import AsyncSession, DateTime, DeclarativeBase, Mapped, mapped_column, select

DAY, MOMENT = date(2024, 1, 2), datetime(2024, 3, 4, 5, 6)


class Base(DeclarativeBase):
    pass


class Entry(Base):
    __tablename__ = "day_entries"
    id: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[date]
    at: Mapped[datetime] = mapped_column(DateTime(timezone=False))
    seen: Mapped[datetime]
    took: Mapped[timedelta]


@pytest.fixture
async def session(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        seen = MOMENT.replace(tzinfo=timezone.utc)
        await session.insert(Entry(id=1, day=DAY, at=MOMENT, seen=seen, took=timedelta(hours=5)))
        yield session


MIDNIGHT = datetime(2024, 1, 2)


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        (Entry.day + timedelta(hours=5), MIDNIGHT + timedelta(hours=5)),
        (Entry.day + Entry.took, MIDNIGHT + timedelta(hours=5)),
        (Entry.took + Entry.day, MIDNIGHT + timedelta(hours=5)),
        (timedelta(days=1) + Entry.day, MIDNIGHT + timedelta(days=1)),
        (Entry.day - timedelta(days=1), MIDNIGHT - timedelta(days=1)),
        (Entry.day + 1, DAY + timedelta(days=1)),
        (Entry.day - DAY, 0),
        (Entry.at - Entry.day, MOMENT - MIDNIGHT),
        (Entry.day - Entry.at, MIDNIGHT - MOMENT),
        (Entry.at - DAY, MOMENT - MIDNIGHT),
        (Entry.seen - Entry.day, MOMENT - MIDNIGHT),
    ],
)
async def test_arithmetic_of_days(session, expression, answer):
    (found,) = (await session.scalars(select(expression))).all()
    assert (found, type(found)) == (answer, type(answer))
    part = select(expression.label("x")).subquery()
    assert (await session.scalars(select(part.c.x).where(part.c.x == answer))).all() == [answer]
