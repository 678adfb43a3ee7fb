"""Classes that extend a mapped class share its table."""

from __future__ import annotations

from typing import Any

import pytest

from ormkit import (
    AsyncSession,
    DeclarativeBase,
    ForeignKey,
    Mapped,
    NotSupportedError,
    mapped_column,
    relationship,
    select,
)


@pytest.fixture
def base() -> Any:
    class Own(DeclarativeBase):
        pass

    return Own


@pytest.fixture
def animal(base: Any) -> Any:
    class Animal(base):
        __tablename__ = "animals"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]

    return Animal


async def test_a_chain_of_classes_has_one_table_with_all_columns(engine, base, animal):
    class Dog(animal):
        breed: Mapped[str | None]

    class Puppy(Dog):
        weeks: Mapped[int | None]

    assert [table.name for table in base.metadata.sorted_tables] == ["animals"]
    await base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        session.add_all([animal(name="a"), Dog(name="d", breed="b"), Puppy(name="p", weeks=3)])
        await session.commit()
    async with AsyncSession(engine) as session:
        puppies = (await session.execute(select(Puppy).order_by(Puppy.id))).scalars().all()
        assert [(puppy.name, puppy.breed, puppy.weeks) for puppy in puppies] == [
            ("a", None, None),
            ("d", "b", None),
            ("p", None, 3),
        ]


def test_a_class_beside_another_does_not_take_its_columns_out_of_the_table(base, animal):
    class Dog(animal):
        breed: Mapped[str | None]
        collar: Mapped[int | None]

    with pytest.raises(NotSupportedError, match=r"Cat beside Dog.*`animals`.*\(breed, collar\)"):

        class Cat(animal):
            lives: Mapped[int | None]

    assert [column.name for column in base.metadata.tables["animals"].columns] == ["id", "name", "breed", "collar"]


def test_neither_below_one_that_stands_beside_it(animal):
    class Dog(animal):
        pass

    class Cat(animal):
        lives: Mapped[int | None]

    with pytest.raises(NotSupportedError, match=r"Puppy beside Cat.*\(lives\)"):

        class Puppy(Dog):
            weeks: Mapped[int | None]


def test_classes_side_by_side_without_columns_of_their_own_are_fine(base, animal):
    class Dog(animal):
        pass

    class Cat(animal):
        pass

    assert Dog.__tablename__ == Cat.__tablename__ == "animals"
    assert [column.name for column in base.metadata.tables["animals"].columns] == ["id", "name"]


def test_a_class_that_extends_is_declared_again_with_other_columns(base, animal):
    def make(column: str) -> Any:
        return type(animal)(
            "Dog", (animal,), {"__module__": __name__, "__annotations__": {column: "Mapped[int | None]"}}
        )

    make("size"), make("age")
    assert [column.name for column in base.metadata.tables["animals"].columns] == ["id", "name", "age"]


def test_neither_does_a_class_of_another_hierarchy_with_the_same_table_stand_in_the_way(base, animal):
    class Dog(animal):
        breed: Mapped[str | None]

    class Animal(base):
        __tablename__ = "animals"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Cat(Animal):
        lives: Mapped[int | None]

    assert [column.name for column in base.metadata.tables["animals"].columns] == ["id", "lives"]


async def test_what_refers_to_a_class_is_written_after_one_that_extends_it_later(engine, base):
    class Team(base):
        __tablename__ = "teams"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Animal(base):
        __tablename__ = "animals"
        id: Mapped[int] = mapped_column(primary_key=True)
        toys: Mapped[list[Toy]] = relationship("Toy", back_populates="owner")

    class Toy(base):
        __tablename__ = "toys"
        id: Mapped[int] = mapped_column(primary_key=True)
        owner_id: Mapped[int | None] = mapped_column(ForeignKey("animals.id"))
        owner: Mapped[Animal | None] = relationship(back_populates="toys")

    select(Toy).join(Toy.owner)  # everything is resolved

    class Dog(Animal):
        team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"))
        team: Mapped[Team | None] = relationship()

    await base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        session.add(Toy(id=1, owner=Dog(id=7, team=Team(id=3))))
        session.add(Dog(id=8, toys=[Toy(id=2)]))
        await session.commit()
    assert (await engine.execute("SELECT id, owner_id FROM toys ORDER BY id")).tuples() == [(1, 7), (2, 8)]
    assert (await engine.execute("SELECT id, team_id FROM animals ORDER BY id")).tuples() == [(7, 3), (8, None)]
