"""What bad input gets: its own class, a text that names the thing and what to type instead, and nothing lost.

Each line of the table is a mistake that somebody makes. Whatever it was, nothing of it reached the database (lines that say True are
those that only the database finds), the session goes on after `rollback()`, and the rows are what they were.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Awaitable, Callable
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from sent import sent

import ormkit
from ormkit import (
    AsyncSession,
    Count,
    DeclarativeBase,
    F,
    ForeignKey,
    Mapped,
    Numeric,
    Prefetch,
    Q,
    String,
    Sum,
    aliased,
    bindparam,
    func,
    insert,
    load_only,
    mapped_column,
    relationship,
    select,
    selectinload,
    text,
    update,
)
from ormkit.exc import (
    AmbiguousForeignKeysError,
    CircularDependencyError,
    ConcurrentSessionUse,
    DataError,
    DetachedInstanceError,
    FieldError,
    ForeignKeyViolation,
    InvalidRequestError,
    MultipleResultsFound,
    NoForeignKeysError,
    NoResultFound,
    NotLoadedError,
    NotNullViolation,
    OrmkitError,
    ProgrammingError,
    RelationNotLoadedError,
    StaleDataError,
    UniqueViolation,
)


class Base(DeclarativeBase):
    __abstract__ = True


class Level(enum.Enum):
    LOW = "low"
    HIGH = "high"


class City(Base):
    __tablename__ = "cities"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(10), unique=True)
    country: Mapped[str | None]


class Flight(Base):
    __tablename__ = "flights"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str]
    seats: Mapped[int] = mapped_column(default=100)
    price: Mapped[Decimal | None] = mapped_column(Numeric(6, 2))
    leaves: Mapped[datetime | None]
    level: Mapped[Level | None]
    version: Mapped[int]
    origin_id: Mapped[int | None] = mapped_column(ForeignKey("cities.id"))
    target_id: Mapped[int | None] = mapped_column(ForeignKey("cities.id"))
    origin: Mapped[City | None] = relationship(foreign_keys=[origin_id])
    target: Mapped[City | None] = relationship(foreign_keys=[target_id])
    tickets: Mapped[list[Ticket]] = relationship(back_populates="flight", cascade="all, delete-orphan")
    __mapper_args__ = {"version_id_col": "version"}


class Ticket(Base):
    __tablename__ = "tickets"
    id: Mapped[int] = mapped_column(primary_key=True)
    holder: Mapped[str]
    flight_id: Mapped[int] = mapped_column(ForeignKey("flights.id"))
    flight: Mapped[Flight] = relationship(back_populates="tickets")


class Seat(Base):
    __tablename__ = "seats"
    row: Mapped[int] = mapped_column(primary_key=True)
    place: Mapped[str] = mapped_column(primary_key=True)
    note: Mapped[str | None]


class Loop(Base):
    __tablename__ = "loops"
    id: Mapped[int] = mapped_column(primary_key=True)
    next_id: Mapped[int] = mapped_column(ForeignKey("loops.id"))
    next: Mapped[Loop] = relationship(remote_side="Loop.id")


class World:
    """A session, and what the mistakes are made with."""

    def __init__(self, engine: ormkit.ConnectionPool, session: AsyncSession) -> None:
        self.engine = engine
        self.session = session

    async def flight(self) -> Flight:
        return await self.session.get_one(Flight, 1)


class Mistake(NamedTuple):
    cls: type[Exception]
    words: list[str]
    make: Callable[[World, AsyncSession], Any]
    reaches: bool = False


async def anything(what: Any) -> Any:
    return await what if isinstance(what, Awaitable) else what


async def two_tasks(w: World, s: AsyncSession) -> None:
    # Long enough that SQLite does not answer it before the other task runs.
    slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) SELECT count(*) FROM n"
    for ended in await asyncio.gather(s.execute(text(slow)), s.execute(text(slow)), return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended


async def foreign_object(w: World, s: AsyncSession) -> None:
    async with AsyncSession(w.engine) as other:
        s.add(await other.get_one(Flight, 1))


async def deleted_again(w: World, s: AsyncSession) -> None:
    flight = await w.flight()
    await s.delete(flight)
    await s.flush()
    s.add(flight)


async def detached_refreshed(w: World, s: AsyncSession) -> None:
    flight = await w.flight()
    s.expunge(flight)
    await s.refresh(flight)


async def vanished(w: World, s: AsyncSession) -> None:
    flight = await w.flight()
    await s.rollback()
    await w.engine.execute("UPDATE flights SET version = version + 1 WHERE id = 1")
    flight.seats = 3
    await s.commit()


async def refreshed_after_it_went(w: World, s: AsyncSession) -> None:
    city = City(name="gone")
    s.add(city)
    await s.commit()
    await w.engine.execute("DELETE FROM cities WHERE name = 'gone'")
    await s.refresh(city)


async def twice_in_one_flush(w: World, s: AsyncSession) -> None:
    s.add_all([Seat(row=1, place="C"), Seat(row=1, place="C")])
    await s.flush()


async def loops(w: World, s: AsyncSession) -> None:
    one, two = Loop(), Loop()
    one.next, two.next = two, one
    s.add(one)
    await s.flush()


async def not_loaded(w: World, s: AsyncSession) -> None:
    (await w.flight()).tickets  # noqa: B018


async def column_not_loaded(w: World, s: AsyncSession) -> None:
    (await s.query(Flight).only("number").first()).price  # type: ignore[union-attr]  # noqa: B018


async def expired(w: World, s: AsyncSession) -> None:
    flight = await w.flight()
    s.expire(flight)
    flight.number  # noqa: B018


async def appended_unloaded(w: World, s: AsyncSession) -> None:
    flight = await w.flight()
    list(flight.tickets)


async def set_by_wrong_class(w: World, s: AsyncSession) -> None:
    (await w.flight()).origin = await w.flight()  # type: ignore[assignment]


async def autoflush_fails(w: World, s: AsyncSession) -> None:
    s.add(Ticket(holder="nobody"))
    await s.query(City).all()


async def not_awaited(w: World, s: AsyncSession) -> None:
    count = flights(s).count()
    try:
        await flights(s).filter(seats=count).all()
    finally:
        await count


def flights(session: AsyncSession) -> Any:
    return session.query(Flight)


NAIVE = datetime(2024, 1, 1)
AWARE = datetime(2024, 1, 1, tzinfo=timezone.utc)

MISTAKES: dict[str, Mistake] = {
    # Names, with the nearest ones.
    "filter": Mistake(FieldError, ["Flight", "`nubmer`", "`number`"], lambda w, s: flights(s).filter(nubmer="A").all()),
    "filter across": Mistake(
        FieldError, ["City", "`nam`", "`name`"], lambda w, s: flights(s).filter(origin__nam="A").all()
    ),
    "filter lookup": Mistake(
        FieldError, ["startwith", "startswith"], lambda w, s: flights(s).filter(number__startwith="A").all()
    ),
    "filter Q": Mistake(FieldError, ["`seat`", "`seats`"], lambda w, s: flights(s).filter(Q(seat=1) | Q(id=1)).all()),
    "exclude": Mistake(FieldError, ["`seat`", "`seats`"], lambda w, s: flights(s).exclude(seat=1).all()),
    "order_by": Mistake(FieldError, ["`prize`", "`price`"], lambda w, s: flights(s).order_by("-prize").all()),
    "values": Mistake(FieldError, ["`prize`", "`price`"], lambda w, s: flights(s).values("prize").all()),
    "values_list": Mistake(FieldError, ["`prize`", "`price`"], lambda w, s: flights(s).values_list("prize").all()),
    "F": Mistake(FieldError, ["`prize`", "`price`"], lambda w, s: flights(s).filter(seats__gt=F("prize")).all()),
    "annotate": Mistake(FieldError, ["ticket", "`tickets`"], lambda w, s: flights(s).annotate(n=Count("ticket")).all()),
    "aggregate": Mistake(FieldError, ["`seat`", "`seats`"], lambda w, s: flights(s).aggregate(n=Sum("seat"))),
    "only": Mistake(FieldError, ["`numbr`", "`number`"], lambda w, s: flights(s).only("numbr").all()),
    "defer": Mistake(FieldError, ["`numbr`", "`number`"], lambda w, s: flights(s).defer("numbr").all()),
    "update": Mistake(FieldError, ["`seat`", "`seats`"], lambda w, s: flights(s).update(seat=3)),
    "update values": Mistake(FieldError, ["`seat`", "`seats`"], lambda w, s: s.execute(update(Flight).values(seat=3))),
    "insert values": Mistake(FieldError, ["`seat`", "`seats`"], lambda w, s: s.execute(insert(Flight).values(seat=3))),
    "insert rows": Mistake(
        FieldError, ["`hodler`", "`holder`"], lambda w, s: s.execute(insert(Ticket), [{"hodler": "a"}, {"hodler": "b"}])
    ),
    "constructor": Mistake(TypeError, ["Flight", "`numbr`", "`number`"], lambda w, s: Flight(numbr="x")),
    "create": Mistake(AttributeError, ["session.insert"], lambda w, s: flights(s).create(number="x")),
    "get_or_create": Mistake(
        FieldError, ["`nme`", "`name`"], lambda w, s: s.get_or_create(City, nme="x", defaults={"country": "y"})
    ),
    "get_or_create defaults": Mistake(
        FieldError, ["`contry`", "`country`"], lambda w, s: s.get_or_create(City, name="x", defaults={"contry": "y"})
    ),
    "filter_by": Mistake(
        FieldError, ["`numbr`", "`number`"], lambda w, s: s.scalars(select(Flight).filter_by(numbr="x"))
    ),
    "attribute of the class": Mistake(
        AttributeError,
        ["Flight", "numbr", "number"],
        lambda w, s: select(Flight.numbr),  # type: ignore[attr-defined]
    ),
    "attribute of an alias": Mistake(AttributeError, ["numbr", "number"], lambda w, s: select(aliased(Flight).numbr)),
    "select_related": Mistake(
        FieldError, ["`orign`", "`origin`"], lambda w, s: flights(s).select_related("orign").all()
    ),
    "prefetch_related": Mistake(
        FieldError, ["`ticket`", "`tickets`"], lambda w, s: flights(s).prefetch_related("ticket").all()
    ),
    "Prefetch": Mistake(
        FieldError, ["`ticket`", "`tickets`"], lambda w, s: flights(s).prefetch_related(Prefetch("ticket")).all()
    ),
    "option of a column": Mistake(
        OrmkitError, ["Flight.number", "column"], lambda w, s: flights(s).options(selectinload(Flight.number)).all()
    ),
    "option of another class": Mistake(
        OrmkitError, ["Ticket", "Flight"], lambda w, s: flights(s).options(selectinload(Ticket.flight)).all()
    ),
    "load_only of another class": Mistake(
        OrmkitError, ["Ticket", "Flight"], lambda w, s: flights(s).options(load_only(Ticket.holder)).all()
    ),
    "refresh": Mistake(
        FieldError, ["`numbr`", "`number`"], lambda w, s: _then(w, lambda flight: s.refresh(flight, ["numbr"])), True
    ),
    "expire": Mistake(
        FieldError, ["`numbr`", "`number`"], lambda w, s: _then(w, lambda flight: s.expire(flight, ["numbr"])), True
    ),
    "load": Mistake(
        FieldError, ["`ticket`", "`tickets`"], lambda w, s: _then(w, lambda flight: s.load(flight, "ticket")), True
    ),
    "on_conflict": Mistake(
        FieldError,
        ["`nme`", "`name`"],
        lambda w, s: s.execute(insert(City).values(name="a").on_conflict_do_nothing(index_elements=["nme"])),
    ),
    "bindparam": Mistake(
        OrmkitError,
        ['"number"', "execute(statement"],
        lambda w, s: s.scalars(select(Flight).where(Flight.number == bindparam("number")), {"nubmer": "a"}),
    ),
    # Types and ranges, at bind.
    "type in filter": Mistake(
        DataError, ["Flight.seats", "int", "str"], lambda w, s: flights(s).filter(seats="a").all()
    ),
    "type in where": Mistake(
        DataError,
        ["Flight.seats", "int", "str"],
        lambda w, s: s.scalars(select(Flight).where(Flight.seats == "a")),  # type: ignore[arg-type]
    ),
    "type in IN": Mistake(
        DataError, ["Flight.seats", "int", "str"], lambda w, s: flights(s).filter(seats__in=[1, "a"]).all()
    ),
    "type in an object": Mistake(
        DataError,
        ["Flight.seats", "int", "str"],
        lambda w, s: s.insert(Flight(number="A", seats="many")),  # type: ignore[arg-type]
    ),
    "type in update": Mistake(DataError, ["Flight.seats", "int", "str"], lambda w, s: flights(s).update(seats="a")),
    "bool for int": Mistake(DataError, ["Flight.seats", "bool"], lambda w, s: flights(s).filter(seats=True).all()),
    "float for int": Mistake(DataError, ["Flight.seats", "float"], lambda w, s: flights(s).update(seats=1.5)),
    "int for str": Mistake(DataError, ["Flight.number", "str", "int"], lambda w, s: flights(s).filter(number=7).all()),
    "float for Decimal": Mistake(
        DataError, ["Flight.price", "Decimal", "float"], lambda w, s: flights(s).filter(price=1.5).all()
    ),
    "range of int": Mistake(
        DataError, ["Flight.seats", "2147483648"[:0]], lambda w, s: flights(s).filter(seats=2**31).all()
    ),
    "range of the key": Mistake(DataError, ["Flight.id"], lambda w, s: s.get(Flight, 2**80)),
    "digits": Mistake(DataError, ["Flight.price"], lambda w, s: flights(s).update(price=Decimal("12345.67"))),
    "length": Mistake(DataError, ["City.name", "10"], lambda w, s: s.insert(City(name="x" * 11))),
    "naive datetime": Mistake(
        DataError, ["Flight.leaves", "tzinfo"], lambda w, s: flights(s).filter(leaves__gt=NAIVE).all()
    ),
    "unknown member": Mistake(
        DataError,
        ["Flight.level"],
        lambda w, s: s.insert(Flight(number="a", level="medium")),  # type: ignore[arg-type]
    ),
    "NUL": Mistake(DataError, ["City.name"], lambda w, s: s.insert(City(name="a\0b"))),
    "None for NOT NULL": Mistake(
        OrmkitError,
        ["Flight.number"],
        lambda w, s: s.insert(Flight(number=None)),  # type: ignore[arg-type]
    ),
    "required is missing": Mistake(OrmkitError, ["Ticket.holder"], lambda w, s: s.insert(Ticket(flight_id=1))),
    "None in update": Mistake(NotNullViolation, ["number"], lambda w, s: flights(s).update(number=None), True),
    "None in IN": Mistake(
        TypeError,
        ["None", "is_(None)"],
        lambda w, s: s.scalars(select(Flight).where(Flight.seats.in_(None))),  # type: ignore[arg-type]
    ),
    # Keys.
    "key of two parts": Mistake(OrmkitError, ["Seat", "row", "place"], lambda w, s: s.get(Seat, 1)),
    "key of three parts": Mistake(OrmkitError, ["Seat", "row", "place"], lambda w, s: s.get(Seat, (1, "A", 2))),
    "get_one of nothing": Mistake(NoResultFound, ["Flight", "key"], lambda w, s: s.get_one(Flight, 99), True),
    "one of nothing": Mistake(NoResultFound, ["Flight"], lambda w, s: flights(s).filter(id=99).one(), True),
    "one of two": Mistake(MultipleResultsFound, ["Flight"], lambda w, s: flights(s).filter(id__in=[1, 2]).one(), True),
    "get of nothing": Mistake(NoResultFound, ["Flight"], lambda w, s: flights(s).get(id=99), True),
    # Joins and foreign keys.
    "ambiguous join": Mistake(
        AmbiguousForeignKeysError, ["origin", "target"], lambda w, s: s.scalars(select(Flight).join(City))
    ),
    "no join": Mistake(NoForeignKeysError, ["Seat", "condition"], lambda w, s: s.scalars(select(Flight).join(Seat))),
    "join of a column": Mistake(
        TypeError,
        ["Flight.number"],
        lambda w, s: s.scalars(select(Flight).join(Flight.number)),  # type: ignore[arg-type]
    ),
    "cartesian order": Mistake(OrmkitError, ["City"], lambda w, s: s.execute(select(Flight.id).order_by(City.name))),
    # Statements that cannot be meant.
    "limit": Mistake(ValueError, ["limit", "-1"], lambda w, s: s.scalars(select(Flight).limit(-1))),
    "limit of text": Mistake(TypeError, ["limit"], lambda w, s: s.scalars(select(Flight).limit("1"))),  # type: ignore[arg-type]
    "index": Mistake(TypeError, ["first()"], lambda w, s: flights(s)[-1]),
    "contains None": Mistake(
        TypeError, ["None", "number__isnull=True"], lambda w, s: flights(s).filter(number__contains=None).all()
    ),
    "greater than None": Mistake(
        TypeError, ["None", "seats__isnull=True"], lambda w, s: flights(s).filter(seats__gt=None).all()
    ),
    "and of columns": Mistake(
        TypeError, ["&"], lambda w, s: select(Flight).where(Flight.id == 1 and Flight.seats == 2)
    ),
    "in of a text": Mistake(
        TypeError, ["list of values", "one text"], lambda w, s: select(Flight).where(Flight.number.in_("AB"))
    ),
    "delete of objects that are referred to": Mistake(
        ForeignKeyViolation, ["23503"], lambda w, s: flights(s)[:1].delete(), True
    ),
    "update of nothing": Mistake(TypeError, ["attribute"], lambda w, s: flights(s).update()),
    "text with two statements": Mistake(
        ProgrammingError, ["statement"], lambda w, s: s.execute(text("SELECT 1; SELECT 2")), True
    ),
    "text that misses a value": Mistake(
        OrmkitError, ["`name`"], lambda w, s: s.execute(text("SELECT :name"), {"nam": 1})
    ),
    "an operation as a value": Mistake(DataError, ["Flight.seats", "await"], not_awaited, True),
    "a list as an object": Mistake(TypeError, ["add_all"], lambda w, s: s.add([City(name="a")])),  # type: ignore[arg-type]
    "a class as an object": Mistake(TypeError, ["City", "itself"], lambda w, s: s.add(City)),  # type: ignore[arg-type]
    "a query as an object": Mistake(TypeError, ["Query"], lambda w, s: s.delete(flights(s))),
    "not mapped": Mistake(TypeError, ["mapped", "int"], lambda w, s: s.add(7)),  # type: ignore[arg-type]
    "query of a string": Mistake(TypeError, ["class"], lambda w, s: s.query("Flight").all()),  # type: ignore[arg-type]
    "a string as SQL": Mistake(OrmkitError, ["text("], lambda w, s: s.execute("SELECT 1")),  # type: ignore[arg-type]
    "a function that is none": Mistake(
        ProgrammingError, ["no_such"], lambda w, s: s.execute(select(func.no_such(Flight.id))), True
    ),
    # Objects.
    "not loaded relation": Mistake(
        RelationNotLoadedError, ["Flight.tickets", "selectinload", "session.load"], not_loaded, True
    ),
    "unloaded list is read": Mistake(
        RelationNotLoadedError, ["Flight.tickets", "selectinload"], appended_unloaded, True
    ),
    "not loaded column": Mistake(NotLoadedError, ["Flight.price", "undefer", "session.load"], column_not_loaded, True),
    "expired": Mistake(NotLoadedError, ["Flight.number", "session.load"], expired, True),
    "wrong class": Mistake(TypeError, ["Flight.origin", "City", "Flight"], set_by_wrong_class, True),
    "two tasks": Mistake(ConcurrentSessionUse, ["session", "task"], two_tasks, True),
    "of another session": Mistake(InvalidRequestError, ["Flight", "another session"], foreign_object, True),
    "deleted": Mistake(InvalidRequestError, ["deleted"], deleted_again, True),
    "detached": Mistake(DetachedInstanceError, ["Flight"], detached_refreshed, True),
    "changed meanwhile": Mistake(StaleDataError, ["Flight", "changed or deleted"], vanished, True),
    "gone meanwhile": Mistake(OrmkitError, ["City"], refreshed_after_it_went, True),
    "twice in one flush": Mistake(UniqueViolation, ["Seat", "row", "place"], twice_in_one_flush, True),
    "loop": Mistake(CircularDependencyError, ["Loop", "post_update"], loops),
    "autoflush": Mistake(OrmkitError, ["Ticket", "autoflush"], autoflush_fails),
    "duplicate": Mistake(UniqueViolation, ["name"], lambda w, s: s.insert(City(name="Rome")), True),
}


def _then(world: World, act: Callable[[Flight], Any]) -> Any:
    async def run() -> Any:
        return await anything(act(await world.flight()))

    return run()


@pytest_asyncio.fixture
async def world(engine: ormkit.ConnectionPool) -> World:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all(
            [
                Flight(number="A1", price=Decimal("9.50"), origin=City(name="Rome"), tickets=[Ticket(holder="Ada")]),
                Flight(number="B2", origin=City(name="Oslo")),
            ]
        )
        await session.insert(Seat(row=1, place="A"))
    return World(engine, AsyncSession(engine))


async def rows(engine: ormkit.ConnectionPool) -> list[Any]:
    tables = ("cities", "flights", "tickets", "seats", "loops")
    return [(await engine.execute(f"SELECT * FROM {table} ORDER BY 1, 2")).all() for table in tables]


@pytest.mark.parametrize("name", MISTAKES)
async def test_mistake_is_told_and_nothing_is_lost(world: World, name: str) -> None:
    mistake, session = MISTAKES[name], world.session
    before = await rows(world.engine)
    with sent(world.engine) as texts, pytest.raises(Exception) as told:
        await anything(mistake.make(world, session))
    message = str(told.value)
    assert isinstance(told.value, mistake.cls)
    for word in mistake.words:
        assert word in message
    if not mistake.reaches:
        assert texts == []
    await session.rollback()
    assert await session.query(Flight).order_by("id").values_list("number", flat=True) == ["A1", "B2"]
    assert [len(found) for found in await rows(world.engine)] == [len(found) for found in before]
    await session.close()
