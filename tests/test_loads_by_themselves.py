"""What classes load without being asked, behind joins, beside other objects and when they are refreshed, on both databases."""

from __future__ import annotations

import pytest
import pytest_asyncio

import ormkit
from ormkit import (
    AsyncSession,
    DeclarativeBase,
    ForeignKey,
    Mapped,
    NotSupportedError,
    aliased,
    contains_eager,
    func,
    inspect,
    joinedload,
    lazyload,
    load_only,
    mapped_column,
    relationship,
    select,
    selectinload,
)
from ormkit.testing import assert_queries


class Base(DeclarativeBase):
    __abstract__ = True


class House(Base):
    __tablename__ = "houses"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    rooms: Mapped[list[Room]] = relationship(back_populates="house", lazy="selectin", order_by="Room.id")
    keys: Mapped[list[Key]] = relationship(lazy="joined", order_by="Key.id")
    doors: Mapped[list[Door]] = relationship(order_by="Door.id")


class Room(Base):
    __tablename__ = "rooms"
    id: Mapped[int] = mapped_column(primary_key=True)
    house_id: Mapped[int | None] = mapped_column(ForeignKey("houses.id"))
    house: Mapped[House | None] = relationship(back_populates="rooms")


class Key(Base):
    __tablename__ = "keys"
    id: Mapped[int] = mapped_column(primary_key=True)
    house_id: Mapped[int | None] = mapped_column(ForeignKey("houses.id"))


class Door(Base):
    __tablename__ = "doors"
    id: Mapped[int] = mapped_column(primary_key=True)
    house_id: Mapped[int | None] = mapped_column(ForeignKey("houses.id"))


class Letter(Base):
    __tablename__ = "letters"
    id: Mapped[int] = mapped_column(primary_key=True)
    house_id: Mapped[int | None] = mapped_column(ForeignKey("houses.id"))
    house: Mapped[House | None] = relationship(lazy="joined")


@pytest_asyncio.fixture
async def session(engine: ormkit.ConnectionPool) -> AsyncSession:
    await Base.metadata.create_all(engine)
    session = AsyncSession(engine)
    house = House(name="old", rooms=[Room(), Room()], keys=[Key()], doors=[Door()])
    await session.insert_all([Letter(house=house), Letter(house=house)])
    session.expunge_all()
    return session


def missing(house: House) -> set[str]:
    return set(inspect(house).unloaded)


async def test_what_a_class_loads_is_loaded_behind_a_join(session: AsyncSession) -> None:
    with assert_queries(2):
        letters = await session.query(Letter).order_by("id")
    assert letters[0].house is letters[1].house
    assert letters[0].house is not None and missing(letters[0].house) == {"doors"}
    assert [room.id for room in letters[0].house.rooms] == [1, 2]
    session.expunge_all()
    letter = await session.get(Letter, 1)
    assert letter is not None and letter.house is not None and missing(letter.house) == {"doors"}
    session.expunge_all()
    for option in (joinedload(Letter.house), selectinload(Letter.house), joinedload("house")):
        letter = (await session.scalars(select(Letter).where(Letter.id == 1).options(option))).one()
        assert letter.house is not None and missing(letter.house) == {"doors"}
        session.expunge_all()
    joined = select(Letter).join(Letter.house).options(contains_eager(Letter.house)).where(Letter.id == 1)
    letter = (await session.scalars(joined)).one()
    assert letter.house is not None and "rooms" not in missing(letter.house)
    session.expunge_all()
    bare = select(Letter).where(Letter.id == 1).options(lazyload(Letter.house))
    with assert_queries(1):
        assert "house" in inspect((await session.scalars(bare)).one()).unloaded
    await session.close()


async def test_an_object_that_is_held_is_completed_behind_a_join(session: AsyncSession) -> None:
    house = (await session.scalars(select(House).options(lazyload(House.rooms)))).one()
    assert "rooms" in missing(house)
    await session.get(Letter, 1)
    assert missing(house) == {"doors"}
    await session.close()


async def test_further_objects_of_a_row_load_what_theirs_do(session: AsyncSession) -> None:
    with assert_queries(3):
        rows = (await session.execute(select(Room, House).join(Room.house).order_by(Room.id))).all()
    assert len(rows) == 2 and rows[0].House is rows[1].House
    assert missing(rows[0].House) == {"doors"}
    await session.close()


async def test_options_speak_of_the_objects_of_their_class(session: AsyncSession) -> None:
    rows = select(Room, House).join(Room.house).order_by(Room.id)
    by_name = ormkit.Load(House).selectinload("doors")
    for option in (selectinload(House.doors), joinedload(House.doors), House.doors, by_name):
        row = (await session.execute(rows.options(option))).all()[0]
        assert missing(row.House) == set()
        session.expunge_all()
    row = (await session.execute(rows.options(load_only(House.id), selectinload(House.doors)))).all()[0]
    assert missing(row.House) == {"name"} and inspect(row.Room).unloaded == set()
    session.expunge_all()
    other = aliased(House)
    pairs = select(House, other).join(other, other.id == House.id).options(selectinload(other.doors))
    first, second = (await session.execute(pairs)).one()
    assert first is second and missing(first) == set()
    session.expunge_all()
    async for row in session.stream(rows.options(selectinload(House.doors)), batch_size=1):
        assert missing(row.House) == set()
    with pytest.raises(NotSupportedError, match="name its class first"):
        rows.options(contains_eager(House.doors))
    await session.close()


async def test_refresh_reads_what_the_class_loads(engine: ormkit.ConnectionPool, session: AsyncSession) -> None:
    house = await session.get(House, 1, options=[selectinload(House.doors)])
    assert house is not None
    async with AsyncSession(engine) as other:
        await other.insert_all([Room(house_id=1), Key(house_id=1), Door(house_id=1)])
    with assert_queries(2):
        await session.refresh(house)
    assert [len(house.rooms), len(house.keys), len(house.doors)] == [3, 2, 1]
    await session.refresh(house, ["doors"])
    assert len(house.doors) == 2
    await session.close()


async def test_lists_that_join_by_themselves_do_not_where_rows_must_not_be_multiplied(session: AsyncSession) -> None:
    (name, house) = (await session.execute(select(House.name, House))).one()
    assert name == "old" and missing(house) == {"doors"}
    session.expunge_all()
    counted = select(House, func.count(Room.id)).join(House.rooms).group_by(House.id)
    (house, count) = (await session.execute(counted)).one()
    assert count == 2 and missing(house) == {"doors"}
    session.expunge_all()
    assert [missing(house) async for house in session.query(House).stream(batch_size=1)] == [{"doors"}]
    with pytest.raises(NotSupportedError, match="joinedload of a list"):
        await session.execute(select(House.name, House).options(joinedload(House.keys)))
    await session.close()


async def test_a_list_is_loaded_by_a_reference_that_is_deferred(engine: ormkit.ConnectionPool) -> None:
    class Own(DeclarativeBase):
        pass

    class Shelf(Own):
        __tablename__ = "shelves"
        id: Mapped[int] = mapped_column(primary_key=True)
        boxes = relationship("Box", back_populates="shelf", order_by="Box.id", uselist=True)

    class Box(Own):
        __tablename__ = "boxes"
        id: Mapped[int] = mapped_column(primary_key=True)
        note: Mapped[str | None] = mapped_column(deferred=True)
        shelf_id: Mapped[int | None] = mapped_column(ForeignKey("shelves.id"), deferred=True)
        shelf = relationship("Shelf", back_populates="boxes")

    await Own.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert(Shelf(id=1, boxes=[Box(id=1), Box(id=2)]))
        for held in (None, 1):
            session.expunge_all()
            box = held and await session.get(Box, held)
            (shelf,) = await session.query(Shelf).options(selectinload(Shelf.boxes))
            assert [box.id for box in shelf.boxes] == [1, 2] and box in (None, shelf.boxes[0])
            assert inspect(shelf.boxes[1]).unloaded == {"note"}
