"""The path that SQLAlchemy's ORM quick start and its asyncio example lead along, call by call, with our imports."""

from __future__ import annotations

from datetime import datetime

import pytest

from ormkit import (
    AsyncSession,
    DateTime,
    DeclarativeBase,
    ForeignKey,
    InvalidRequestError,
    Mapped,
    RelationNotLoadedError,
    String,
    async_sessionmaker,
    create_async_engine,
    func,
    mapped_column,
    relationship,
    select,
    selectinload,
)


class Base(DeclarativeBase):
    pass


class Keeper(Base):
    __tablename__ = "keeper"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(30))
    nickname: Mapped[str | None]
    hives: Mapped[list[Hive]] = relationship(back_populates="keeper", cascade="all, delete-orphan")

    def __repr__(self) -> str:
        return f"Keeper(id={self.id!r}, name={self.name!r})"


class Hive(Base):
    __tablename__ = "hive"

    id: Mapped[int] = mapped_column(primary_key=True)
    place: Mapped[str]
    keeper_id: Mapped[int] = mapped_column(ForeignKey("keeper.id"))
    keeper: Mapped[Keeper] = relationship(back_populates="hives")


class Visit(Base):
    __tablename__ = "visit"

    id: Mapped[int] = mapped_column(primary_key=True)
    note: Mapped[str]
    made: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    finds: Mapped[list[Find]] = relationship(cascade="all, delete-orphan")


class Find(Base):
    __tablename__ = "find"

    id: Mapped[int] = mapped_column(primary_key=True)
    visit_id: Mapped[int] = mapped_column(ForeignKey("visit.id"))
    what: Mapped[str]


async def test_quick_start(url):
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)

    async with AsyncSession(engine) as session:
        ada = Keeper(name="ada", nickname="Ada Loom", hives=[Hive(place="roof")])
        ben = Keeper(name="ben", nickname="Ben Reed", hives=[Hive(place="orchard"), Hive(place="meadow")])
        cleo = Keeper(name="cleo", nickname="Cleo Marsh")
        session.add_all([ada, ben, cleo])
        await session.commit()

    session = AsyncSession(engine)

    statement = select(Keeper).where(Keeper.name.in_(["ada", "ben"]))
    found = list(await session.scalars(statement))
    assert sorted(map(repr, found)) == ["Keeper(id=1, name='ada')", "Keeper(id=2, name='ben')"]

    statement = (
        select(Hive)
        .join(Hive.keeper)
        .where(Keeper.name == "ben")
        .where(Hive.place == "meadow")
        .options(selectinload(Hive.keeper).selectinload(Keeper.hives))
    )
    meadow = (await session.scalars(statement)).one()
    assert meadow.keeper.nickname == "Ben Reed"

    statement = select(Keeper).where(Keeper.name == "cleo").options(selectinload(Keeper.hives))
    cleo = (await session.scalars(statement)).one()
    cleo.hives.append(Hive(place="garden"))
    meadow.place = "south meadow"
    await session.commit()

    ada = await session.get(Keeper, 1, options=[selectinload(Keeper.hives)])
    ada.hives.remove(ada.hives[0])
    await session.flush()
    await session.delete(cleo)
    await session.commit()

    places = await session.scalars(select(Hive.place).order_by(Hive.id))
    assert places.all() == ["orchard", "south meadow"]
    await session.close()
    await engine.dispose()


async def test_asyncio_example(url):
    engine = create_async_engine(url, echo=False)
    session_maker = async_sessionmaker(engine, expire_on_commit=False)

    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)

    async with session_maker() as session, session.begin():
        session.add_all(
            [
                Visit(note="spring", finds=[Find(what="brood"), Find(what="pollen")]),
                Visit(note="summer", finds=[]),
                Visit(note="autumn", finds=[Find(what="honey"), Find(what="wax")]),
            ]
        )

    async with session_maker() as session:
        statement = select(Visit).order_by(Visit.id).options(selectinload(Visit.finds))
        result = await session.execute(statement)
        seen = [(visit.note, [find.what for find in visit.finds]) for visit in result.scalars()]
        assert seen == [("spring", ["brood", "pollen"]), ("summer", []), ("autumn", ["honey", "wax"])]

        result = await session.stream(statement)
        assert [visit.note async for visit in result.scalars()] == ["spring", "summer", "autumn"]
        result = await session.stream(statement)
        assert [row.Visit.note async for row in result] == ["spring", "summer", "autumn"]
        with pytest.raises(InvalidRequestError, match="before rows are read"):
            result.scalars()

        result = await session.execute(select(Visit).order_by(Visit.id))
        visit = result.scalars().first()
        visit.note = "early spring"
        await session.commit()
        assert visit.note == "early spring"
        assert visit.made.tzinfo is not None

        late = (await session.execute(select(Visit).filter_by(note="autumn"))).scalar_one()
        session.expunge_all()
        late = await session.get_one(Visit, late.id)
        with pytest.raises(RelationNotLoadedError, match="selectinload"):
            late.finds  # noqa: B018
        await session.refresh(late, ["finds"])
        assert [find.what for find in late.finds] == ["honey", "wax"]

    async with session_maker.begin() as session:
        await session.delete(await session.get(Visit, 1, options=[selectinload(Visit.finds)]))

    await engine.dispose()
