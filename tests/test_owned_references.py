"""References that own what they lead to, by `delete-orphan` on the side that holds the key; on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from ormkit import (
    AsyncSession,
    DeclarativeBase,
    ForeignKey,
    ForeignKeyViolation,
    Mapped,
    mapped_column,
    relationship,
    selectinload,
)
from ormkit.testing import assert_queries


class Base(DeclarativeBase):
    __abstract__ = True


class Photo(Base):
    __tablename__ = "owned_photos"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Person(Base):
    __tablename__ = "owned_people"
    id: Mapped[int] = mapped_column(primary_key=True)
    photo_id: Mapped[int | None] = mapped_column(ForeignKey("owned_photos.id"))
    photo: Mapped[Photo | None] = relationship(cascade="all, delete-orphan", single_parent=True)


@pytest.fixture
async def db(engine: Any) -> Any:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all([Person(id=1, photo=Photo(id=1, name="old")), Person(id=2)])
    return engine


async def rows(engine: Any) -> tuple[list[Any], list[Any]]:
    photos = (await engine.execute("SELECT id FROM owned_photos ORDER BY id")).column("id")
    people = (await engine.execute("SELECT photo_id FROM owned_people ORDER BY id")).column("photo_id")
    return photos, people


@pytest.mark.parametrize("loaded", [True, False])
@pytest.mark.parametrize("new", [True, False])
async def test_what_a_reference_lets_go_of_is_deleted(db: Any, loaded: bool, new: bool) -> None:
    async with AsyncSession(db) as session:
        person = await session.get(Person, 1, options=[selectinload(Person.photo)] if loaded else None)
        person.photo = Photo(id=2, name="new") if new else None
        await session.commit()
    assert await rows(db) == (([2], [2, None]) if new else ([], [None, None]))


@pytest.mark.parametrize("loaded", [True, False])
async def test_what_has_moved_to_another_owner_stays(db: Any, loaded: bool) -> None:
    async with AsyncSession(db) as session:
        person = await session.get(Person, 1, options=[selectinload(Person.photo)] if loaded else None)
        other, photo = await session.get(Person, 2), await session.get(Photo, 1)
        person.photo, other.photo = None, photo
        await session.commit()
    assert await rows(db) == ([1], [None, 1])


async def test_it_goes_with_its_owner_and_one_that_was_never_written_is_not(db: Any) -> None:
    async with AsyncSession(db) as session:
        session.delete(await session.get(Person, 1))
        new = Person(id=3, photo=Photo(id=3, name="never"))
        session.add(new)
        new.photo = None
        await session.commit()
    assert await rows(db) == ([], [None, None])


async def test_one_that_another_owner_has_as_well_is_refused_by_the_database(db: Any) -> None:
    async with AsyncSession(db) as session:
        photo = await session.get(Photo, 1)
        (await session.get(Person, 2)).photo = photo
        await session.commit()
        (await session.get(Person, 1)).photo = None
        with pytest.raises(ForeignKeyViolation, match="deleting Photo id=1"):
            await session.commit()
        await session.rollback()
    assert await rows(db) == ([1], [1, 1])


async def test_nothing_is_asked_where_no_reference_was_set(db: Any) -> None:
    async with AsyncSession(db) as session:
        person = await session.get(Person, 2)
        person.photo = Photo(id=4, name="first")
        with assert_queries(2):
            await session.flush()
        await session.rollback()
