"""Every field lookup of Django's reference, one after the other, on rows of our own."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from typing import Any

import pytest

from ormkit import (
    AsyncSession,
    DataError,
    DateTime,
    DeclarativeBase,
    FieldError,
    ForeignKey,
    Mapped,
    NotSupportedError,
    Q,
    mapped_column,
    relationship,
    select,
)


class Base(DeclarativeBase):
    __abstract__ = True


class Harbour(Base):
    __tablename__ = "harbours"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    ships: Mapped[list[Ship]] = relationship(back_populates="harbour")


class Ship(Base):
    __tablename__ = "ships"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    length: Mapped[int]
    built: Mapped[date]
    docked: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    leaves: Mapped[time]
    harbour_id: Mapped[int | None] = mapped_column(ForeignKey("harbours.id"))
    harbour: Mapped[Harbour | None] = relationship(back_populates="ships")


DOCKED = datetime(2024, 2, 29, 23, 59, 30, tzinfo=timezone.utc)
SHIPS = [
    {"name": "Gull", "length": 12, "built": date(1999, 12, 31), "docked": DOCKED, "leaves": time(6, 30, 15)},
    {"name": "gull 2", "length": 30, "built": date(2005, 1, 1), "docked": DOCKED + timedelta(minutes=1), "leaves": time(12)},
    {"name": "Heron 50%", "length": 7, "built": date(2005, 6, 15), "docked": DOCKED + timedelta(days=40), "leaves": time(6)},
    {"name": None, "length": 30, "built": date(2021, 3, 3), "docked": DOCKED + timedelta(days=400), "leaves": time(23, 59)},
]  # fmt: skip

# The lookup and the lengths and names of who is found, by number.
LOOKUPS: list[tuple[dict[str, Any], list[int]]] = [
    ({"built__iso_year": 2004}, [2]),
    ({"built__iso_year__gte": 2005}, [3, 4]),
    ({"built__iso_week_day": 6}, [2]),
    ({"built__iso_week_day__in": [3, 5]}, [1, 3, 4]),
    ({"built__week": 53}, [2]),
    ({"built__quarter": 1}, [2, 4]),
    ({"docked__iso_year": 2024, "docked__quarter": 1}, [1, 2]),
    ({"harbour": 2}, [3]),
    ({"harbour__in": [2]}, [3]),
    ({"harbour__pk": 2}, [3]),
    ({"id__exact": 2}, [2]),
    ({"id": 2}, [2]),
    ({"pk": 2}, [2]),
    ({"pk__in": [1, 4]}, [1, 4]),
    ({"pk__gt": 3}, [4]),
    ({"name__exact": None}, [4]),
    ({"name": None}, [4]),
    ({"name__iexact": "GULL"}, [1]),
    ({"name__iexact": None}, [4]),
    ({"name__contains": "ull"}, [1, 2]),
    ({"name__contains": "Gull"}, [1]),
    ({"name__contains": "0%"}, [3]),
    ({"name__icontains": "GULL"}, [1, 2]),
    ({"id__in": [1, 3, 4]}, [1, 3, 4]),
    ({"id__in": []}, []),
    ({"length__gt": 12}, [2, 4]),
    ({"length__gte": 12}, [1, 2, 4]),
    ({"length__lt": 12}, [3]),
    ({"length__lte": 12}, [1, 3]),
    ({"name__startswith": "Gu"}, [1]),
    ({"name__istartswith": "gu"}, [1, 2]),
    ({"name__endswith": "l"}, [1]),
    ({"name__endswith": "%"}, [3]),
    ({"name__iendswith": "LL"}, [1]),
    ({"built__range": (date(2005, 1, 1), date(2005, 12, 31))}, [2, 3]),
    ({"docked__date": date(2024, 2, 29)}, [1]),
    ({"docked__date__gt": date(2024, 2, 29)}, [2, 3, 4]),
    ({"built__year": 2005}, [2, 3]),
    ({"built__year__gte": 2005}, [2, 3, 4]),
    ({"built__month": 12}, [1]),
    ({"built__month__gte": 6}, [1, 3]),
    ({"built__day": 3}, [4]),
    ({"built__day__gte": 15}, [1, 3]),
    ({"built__week": 53}, [2]),
    ({"built__week__lt": 10}, [4]),
    ({"built__week_day": 7}, [2]),
    ({"built__quarter": 2}, [3]),
    ({"docked__time": time(0, 0, 30)}, [2]),
    ({"docked__time__range": (time(23), time(23, 59, 59))}, [1, 3, 4]),
    ({"docked__hour": 23}, [1, 3, 4]),
    ({"leaves__hour": 6}, [1, 3]),
    ({"leaves__hour__gte": 12}, [2, 4]),
    ({"docked__minute": 0}, [2]),
    ({"leaves__minute__gte": 30}, [1, 4]),
    ({"leaves__second": 15}, [1]),
    ({"docked__second__gte": 30}, [1, 2, 3, 4]),
    ({"name__isnull": True}, [4]),
    ({"name__isnull": False}, [1, 2, 3]),
    ({"name__regex": r"^(Gull|Heron) ?"}, [1, 3]),
    ({"name__iregex": r"^(gull|heron) ?"}, [1, 2, 3]),
    ({"harbour__name": "Kiel"}, [1, 2]),
    ({"harbour__name__iexact": "KIEL"}, [1, 2]),
    ({"harbour__isnull": True}, [4]),
    ({"harbour_id": 2}, [3]),
    ({"harbour__pk": 2}, [3]),
]

# What Django takes and we refuse, and what the error names instead.
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name__in": "Gull"}, "a list of values"),
    ({"built__isoyear": 2004}, "iso_year"),
    ({"leaves__iso_week_day": 6}, "isodow"),
    ({"harbour": "Kiel"}, "Harbour.id"),
    ({"harbour__in": ["Kiel"]}, "Harbour.id"),
]


@pytest.fixture
async def session(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        kiel, bergen = Harbour(id=1, name="Kiel"), Harbour(id=2, name="Bergen")
        session.add_all([kiel, bergen])
        for number, (ship, harbour) in enumerate(zip(SHIPS, [kiel, kiel, bergen, None], strict=True), 1):
            session.add(Ship(id=number, harbour=harbour, **ship))
        await session.commit()
        yield session


async def found(query: Any) -> list[int]:
    return sorted(ship.id for ship in await query.all())


async def test_field_lookups(session):
    wrong = []
    for lookups, expected in LOOKUPS:
        try:
            answer: Any = await found(session.query(Ship).filter(**lookups))
        except Exception as error:
            answer = repr(error)
        if answer != expected:
            wrong.append((lookups, expected, answer))
    assert wrong == []


@pytest.mark.parametrize(("lookups", "named"), REFUSED)
async def test_refused_lookups_name_the_way_out(session, lookups, named):
    with pytest.raises((TypeError, DataError, FieldError, NotSupportedError), match=named):
        await found(session.query(Ship).filter(**lookups))


async def test_exclude_and_q(session):
    ships = session.query(Ship)
    assert await found(ships.exclude(built__gt=date(2005, 1, 1), name="Heron 50%")) == [1, 2, 4]
    assert await found(ships.exclude(name="Gull")) == [2, 3, 4]
    assert await found(ships.filter(Q(name__startswith="G") | ~Q(length__lt=30), built__year__lt=2021)) == [1, 2]


async def test_exclusive_or(session):
    assert await found(session.query(Ship).filter(Q(length=7) ^ Q(built__year=2005))) == [2]
    assert await found(session.query(Ship).filter(Q(name="Gull") ^ Q(pk=1))) == []


async def test_in_takes_a_query(session):
    small = session.query(Ship).filter(length__lt=20)
    assert await found(session.query(Ship).filter(id__in=small)) == [1, 3]
    assert await found(
        session.query(Ship).filter(harbour_id__in=select(Harbour.id).where(Harbour.name == "Bergen"))
    ) == [3]
    kiel = await session.query(Harbour).get(name="Kiel")
    assert await found(session.query(Ship).filter(harbour=kiel)) == [1, 2]
    names = await session.query(Harbour).filter(ships__length__gt=20).all()
    assert [harbour.name for harbour in names] == ["Kiel"]
