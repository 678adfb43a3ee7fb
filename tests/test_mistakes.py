"""Mistakes between classes stop those who use the class, and nobody else."""

import pytest

from ormkit import (
    AsyncSession,
    DeclarativeBase,
    ForeignKey,
    InvalidRequestError,
    Mapped,
    insert,
    mapped_column,
    relationship,
    select,
    selectinload,
)


class Base(DeclarativeBase):
    pass


class Sound(Base):
    __tablename__ = "sound_ones"
    id: Mapped[int] = mapped_column(primary_key=True)
    notes: Mapped[list["SoundNote"]] = relationship(back_populates="sound")


class SoundNote(Base):
    __tablename__ = "sound_notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    sound_id: Mapped[int] = mapped_column(ForeignKey("sound_ones.id"))
    sound: Mapped["Sound"] = relationship(back_populates="notes")


class BrokenBase(DeclarativeBase):
    pass


class Broken(BrokenBase):
    __tablename__ = "broken_ones"
    id: Mapped[int] = mapped_column(primary_key=True)
    missing_id: Mapped[int | None]
    missing: Mapped["NeverImported"] = relationship()  # type: ignore[name-defined]  # noqa: F821


class LeadsThere(BrokenBase):
    __tablename__ = "lead_there"
    id: Mapped[int] = mapped_column(primary_key=True)
    broken_id: Mapped[int | None] = mapped_column(ForeignKey("broken_ones.id"))
    broken: Mapped["Broken | None"] = relationship()


class Apart(BrokenBase):
    __tablename__ = "apart_ones"
    id: Mapped[int] = mapped_column(primary_key=True)


class RaisesLate(BrokenBase):
    __tablename__ = "raise_late"
    id: Mapped[int] = mapped_column(primary_key=True)
    apart_id: Mapped[int | None] = mapped_column(ForeignKey("apart_ones.id"))
    apart: Mapped["Apart"] = relationship(order_by=lambda: nowhere)  # noqa: F821


BROKEN = r"Broken\.missing: the target `NeverImported` is not a mapped class"


async def test_a_broken_class_stops_no_other_base(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        session.add(Sound(notes=[SoundNote()]))
        await session.commit()
        (sound,) = (await session.scalars(select(Sound).options(selectinload(Sound.notes)))).all()
        assert len(sound.notes) == 1


async def test_a_broken_class_stops_no_class_that_does_not_lead_to_it(engine):
    await engine.execute("CREATE TABLE apart_ones (id INTEGER PRIMARY KEY)")
    async with AsyncSession(engine) as session:
        session.add(Apart(id=3))
        await session.commit()
        assert [apart.id for apart in await session.query(Apart)] == [3]


@pytest.mark.parametrize(
    "use",
    [
        lambda session: session.scalars(select(Broken)),
        lambda session: session.scalars(select(Broken.id)),
        lambda session: session.query(Broken).filter(missing__id=1).all(),
        lambda session: session.query(LeadsThere).all(),
        lambda session: session.get(Broken, 1),
        lambda session: session.insert(Broken(id=1)),
        lambda session: session.query(LeadsThere).filter(broken__missing=None).all(),
        lambda session: session.scalars(select(LeadsThere).join(LeadsThere.broken)),
        lambda session: session.scalars(select(LeadsThere).options(selectinload(LeadsThere.broken))),
        lambda session: session.execute(insert(Broken).values(id=1)),
        lambda session: session.bulk_update(Broken, {"missing_id": 1}),
        lambda session: session.insert(LeadsThere(broken=Broken())),
    ],
)
async def test_who_uses_a_broken_class_is_told_the_mistake(engine, use):
    async with AsyncSession(engine) as session:
        with pytest.raises(InvalidRequestError, match=BROKEN):
            await use(session)


async def test_what_a_callable_raises_is_told_with_its_attribute(engine):
    async with AsyncSession(engine) as session:
        with pytest.raises(InvalidRequestError, match=r"RaisesLate\.apart: NameError: .*nowhere"):
            await session.query(RaisesLate)


async def test_tables_of_a_base_with_a_broken_class_are_not_created(engine):
    with pytest.raises(InvalidRequestError, match=BROKEN):
        await BrokenBase.metadata.create_all(engine)
    with pytest.raises(InvalidRequestError, match=BROKEN):
        await BrokenBase.metadata.drop_all(engine)


async def test_a_class_is_whole_once_its_target_is_imported(engine):
    class Late(DeclarativeBase):
        pass

    class Owner(Late):
        __tablename__ = "late_owners"
        id: Mapped[int] = mapped_column(primary_key=True)
        things: Mapped[list["LateThing"]] = relationship(back_populates="owner")

    async with AsyncSession(engine) as session:
        with pytest.raises(InvalidRequestError, match=r"Owner\.things: the target `LateThing`"):
            await session.query(Owner)

    class LateThing(Late):
        __tablename__ = "late_things"
        id: Mapped[int] = mapped_column(primary_key=True)
        owner_id: Mapped[int] = mapped_column(ForeignKey("late_owners.id"))
        owner: Mapped["Owner"] = relationship(back_populates="things")

    await Late.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        session.add(Owner(things=[LateThing()]))
        await session.commit()
        assert len((await session.query(Owner).options(selectinload(Owner.things)).one()).things) == 1


async def test_a_broken_subclass_stops_its_family(engine):
    class Kin(DeclarativeBase):
        pass

    class Animal(Kin):
        __tablename__ = "kin_animals"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "animal"}

    await Kin.metadata.create_all(engine)

    class Dog(Animal):
        owner_id: Mapped[int | None]
        owner: Mapped["NoSuchOwner"] = relationship()  # type: ignore[name-defined]  # noqa: F821
        __mapper_args__ = {"polymorphic_identity": "dog"}

    async with AsyncSession(engine) as session:
        with pytest.raises(InvalidRequestError, match=r"Dog\.owner: the target `NoSuchOwner`"):
            await session.query(Animal)
