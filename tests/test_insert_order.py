"""Rows are inserted in the order of their objects, by one statement, whatever each of them says of its columns."""

from __future__ import annotations

from typing import Any

import pytest_asyncio

from ormkit import (
    JSON,
    AsyncSession,
    ConnectionPool,
    DeclarativeBase,
    ForeignKey,
    Mapped,
    String,
    TypeDecorator,
    func,
    mapped_column,
    relationship,
    select,
)
from ormkit.testing import assert_queries


class Base(DeclarativeBase):
    pass


class Shown(TypeDecorator):
    """Says what it was given, None too."""

    impl = String

    def process_bind_param(self, value: Any, dialect: Any) -> str:
        return repr(value)


class Person(Base):
    __tablename__ = "order_people"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    age: Mapped[int | None]
    notes: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    boss_id: Mapped[int | None] = mapped_column(ForeignKey("order_people.id"))
    pets: Mapped[list[Pet]] = relationship(back_populates="owner")


class Pet(Base):
    __tablename__ = "order_pets"
    id: Mapped[int] = mapped_column(primary_key=True)
    word: Mapped[str | None]
    rank: Mapped[int | None] = mapped_column(server_default="5")
    shown: Mapped[str | None] = mapped_column(Shown)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("order_people.id"))
    owner: Mapped[Person | None] = relationship(back_populates="pets")


@pytest_asyncio.fixture
async def session(engine: ConnectionPool):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        yield session


async def test_rows_of_several_shapes_are_one_statement_in_order(session):
    people = [
        Person(name="a", age=1),
        Person(name="b"),
        Person(name="c", notes={"x": 1}),
        Person(name="d", age=4),
        Person(name="e"),
    ]
    with assert_queries(1):
        await session.insert_all(people)
    assert [person.id for person in people] == [1, 2, 3, 4, 5]
    assert [(person.age, person.notes) for person in people] == [
        (1, None),
        (None, None),
        (None, {"x": 1}),
        (4, None),
        (None, None),
    ]
    nulls = select(func.count()).select_from(Person).where(Person.notes.is_(None), Person.age.is_(None))
    assert await session.scalar(nulls) == 2


async def test_parents_with_children_and_without_are_in_the_order_of_add(session):
    ann = Person(name="ann", age=3, pets=[Pet(word="x"), Pet(), Pet(word="z")])
    session.add_all([ann, Person(name="bob"), Person(name="cyd", age=7, pets=[Pet(word="w")])])
    with assert_queries(2):
        await session.flush()
    names = (await session.scalars(select(Person.name).order_by(Person.id))).all()
    assert names == ["ann", "bob", "cyd"]
    words = (await session.scalars(select(Pet.word).order_by(Pet.id))).all()
    assert words == ["x", None, "z", "w"]
    await session.commit()


async def test_what_somebody_else_fills_is_left_to_them(session):
    """The database's default, and a type that makes something of None, hold for the rows that say nothing."""
    pets = [Pet(word="a", rank=1), Pet(word="b"), Pet(rank=None), Pet(shown="s")]
    await session.insert_all(pets)
    await session.commit()
    for pet in pets:
        await session.refresh(pet)
    assert [pet.rank for pet in pets] == [1, 5, None, 5]
    assert [pet.shown for pet in pets] == [None, None, None, "'s'"]
