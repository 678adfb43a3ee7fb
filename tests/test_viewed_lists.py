"""What a viewonly relation of a new object leads to is known to the database alone."""

import pytest

from ormkit import (
    AsyncSession,
    DeclarativeBase,
    ForeignKey,
    Mapped,
    RelationNotLoadedError,
    mapped_column,
    relationship,
)


class Base(DeclarativeBase):
    pass


class Owner(Base):
    __tablename__ = "viewing_owners"
    id: Mapped[int] = mapped_column(primary_key=True)
    things: Mapped[list["Thing"]] = relationship(back_populates="owner")
    seen: Mapped[list["Thing"]] = relationship(viewonly=True)


class Thing(Base):
    __tablename__ = "viewed_things"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("viewing_owners.id"))
    owner: Mapped["Owner"] = relationship(back_populates="things")


@pytest.mark.parametrize("read_before", [False, True])
async def test_a_viewonly_list_is_not_loaded_once_its_object_is_written(engine, read_before):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        owner = Owner(things=[Thing(), Thing()])
        if read_before:
            assert list(owner.seen) == []
        session.add(owner)
        await session.flush()
        with pytest.raises(RelationNotLoadedError, match=r"Owner\.seen"):
            len(owner.seen)
        await session.load(owner, Owner.seen)
        assert set(owner.seen) == set(owner.things)
        await session.rollback()
        assert list(owner.seen) == []


async def test_inserting_verbs_leave_viewonly_lists_unloaded(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        owner = await session.insert(Owner(things=[Thing()]))
        with pytest.raises(RelationNotLoadedError, match=r"Owner\.seen"):
            len(owner.seen)
