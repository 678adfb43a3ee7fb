"""`AsyncAttrs`: attributes that are awaited, and loaded where they are not."""

from __future__ import annotations

import pytest

from ormkit import (
    AsyncAttrs,
    AsyncSession,
    DeclarativeBase,
    DetachedInstanceError,
    ForeignKey,
    Mapped,
    mapped_column,
    relationship,
)
from ormkit.testing import assert_queries


class Base(AsyncAttrs, DeclarativeBase):
    __abstract__ = True


class Owner(Base):
    __tablename__ = "owners"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(deferred=True)
    things: Mapped[list[Thing]] = relationship(back_populates="owner", order_by="Thing.id")


class Thing(Base):
    __tablename__ = "things"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("owners.id"))
    owner: Mapped[Owner | None] = relationship(back_populates="things")


@pytest.fixture
async def db(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        session.add(Owner(id=1, name="Ada", things=[Thing(id=1), Thing(id=2)]))
        await session.commit()
    return engine


async def test_what_is_not_loaded_is_loaded_once(db):
    async with AsyncSession(db) as session:
        owner = await session.get_one(Owner, 1)
        with assert_queries(1):
            things = await owner.awaitable_attrs.things
            assert await owner.awaitable_attrs.things is things is owner.things
        assert [thing.id for thing in things] == [1, 2]
        assert await things[0].awaitable_attrs.owner is owner
        with assert_queries(1):
            assert await owner.awaitable_attrs.name == "Ada"
            assert await owner.awaitable_attrs.id == 1


async def test_objects_without_a_session(db):
    async with AsyncSession(db) as session:
        owner = await session.get_one(Owner, 1)
    with pytest.raises(DetachedInstanceError, match="things is not loaded, and <Owner id=1> belongs to no session"):
        await owner.awaitable_attrs.things
    assert await Thing(id=7).awaitable_attrs.id == 7


async def test_unknown_attributes_are_named(db):
    async with AsyncSession(db) as session:
        owner = await session.get_one(Owner, 1)
        with pytest.raises(AttributeError, match="Owner has no attribute `thing`: did you mean `things`"):
            await owner.awaitable_attrs.thing
