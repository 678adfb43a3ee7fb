"""Columns of relations that callables name, and `single_parent=`."""

from __future__ import annotations

import pytest

from ormkit import (
    AsyncSession,
    DeclarativeBase,
    ForeignKey,
    InvalidRequestError,
    Mapped,
    UniqueConstraint,
    Unsupported,
    mapped_column,
    relationship,
    select,
    selectinload,
)


class Base(DeclarativeBase):
    __abstract__ = True


class Person(Base):
    __tablename__ = "persons"
    id: Mapped[int] = mapped_column(primary_key=True)
    sent: Mapped[list[Letter]] = relationship(
        back_populates="sender",
        foreign_keys=lambda: [Letter.sender_id],
        order_by=lambda: [Letter.weight.desc(), Letter.id],
        cascade="all, delete-orphan",
        single_parent=True,
    )
    got: Mapped[list[Letter]] = relationship(
        back_populates="receiver", foreign_keys="[Letter.receiver_id]", order_by=lambda: "-Letter.id"
    )


class Letter(Base):
    __tablename__ = "letters"
    id: Mapped[int] = mapped_column(primary_key=True)
    weight: Mapped[int]
    sender_id: Mapped[int] = mapped_column(ForeignKey("persons.id"))
    receiver_id: Mapped[int] = mapped_column(ForeignKey("persons.id"))
    desk_id: Mapped[int | None] = mapped_column(ForeignKey("desks.id"))
    sender: Mapped[Person] = relationship(back_populates="sent", foreign_keys=lambda: Letter.sender_id)
    receiver: Mapped[Person] = relationship(back_populates="got", foreign_keys=[receiver_id])


class Desk(Base):
    __tablename__ = "desks"
    id: Mapped[int] = mapped_column(primary_key=True)
    letters: Mapped[list[Letter]] = relationship(order_by=Letter.weight.desc())


class Place(Base):
    __tablename__ = "places"
    id: Mapped[int] = mapped_column(primary_key=True)
    within_id: Mapped[int | None] = mapped_column(ForeignKey("places.id"))
    within: Mapped[Place | None] = relationship(remote_side=lambda: Place.id, back_populates="parts")
    parts: Mapped[list[Place]] = relationship(back_populates="within", order_by=lambda: Place.id.desc())


async def test_callables_say_keys_and_order(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        one, other = Person(id=1), Person(id=2)
        session.add_all([one, other])
        for number, weight in [(1, 5), (2, 9), (3, 5)]:
            session.add(Letter(id=number, weight=weight, sender=one, receiver=other))
        await session.commit()
    async with AsyncSession(engine) as session:
        options = [selectinload(Person.sent), selectinload(Person.got)]
        one, other = await session.query(Person).options(*options).order_by("id").all()
        assert [letter.id for letter in one.sent] == [2, 1, 3]
        assert [letter.id for letter in other.got] == [3, 2, 1]
        assert one.got == [] and other.sent == []
        one.sent.remove(one.sent[0])
        await session.commit()
    assert (await engine.execute("SELECT id FROM letters ORDER BY id")).scalars() == [1, 3]


async def test_remote_side_of_a_tree(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        session.add(Place(id=1, parts=[Place(id=2), Place(id=3)]))
        await session.commit()
    async with AsyncSession(engine) as session:
        place = await session.get_one(Place, 1, options=[selectinload(Place.parts)])
        assert [part.id for part in place.parts] == [3, 2]
        assert place.parts[0].within is place


async def test_order_of_an_attribute_that_is_there(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        people = [Person(id=1), Person(id=2)]
        letters = [Letter(id=number, weight=number, sender=people[0], receiver=people[1]) for number in (1, 2)]
        session.add(Desk(id=1, letters=letters))
        await session.commit()
    async with AsyncSession(engine) as session:
        desk = await session.get_one(Desk, 1, options=[selectinload(Desk.letters)])
        assert [letter.id for letter in desk.letters] == [2, 1]


@pytest.mark.parametrize("answer", [lambda: 7, lambda: mapped_column()])
async def test_other_answers_are_refused(engine, answer):
    class Tree(DeclarativeBase):
        __abstract__ = True

    class Wood(Tree):
        __tablename__ = "woods"
        id: Mapped[int] = mapped_column(primary_key=True)
        leaves: Mapped[list[Leaf]] = relationship(order_by=answer)

    class Leaf(Tree):
        __tablename__ = "leaves"
        id: Mapped[int] = mapped_column(primary_key=True)
        wood_id: Mapped[int] = mapped_column(ForeignKey("woods.id"))

    try:
        with pytest.raises(InvalidRequestError, match=r"Wood\.leaves: TypeError: relationship\(order_by=\.\.\)"):
            await Tree.metadata.create_all(engine)
    finally:

        class Wood(Tree):  # the class with the mistake is replaced
            __tablename__ = "woods"
            id: Mapped[int] = mapped_column(primary_key=True)

        await Tree.metadata.create_all(engine)


def test_single_parent_of_a_junction():
    """Nothing keeps a member of one from a second parent."""
    with pytest.raises(Unsupported, match=r"single_parent=True.*instead of a junction"):

        class Stamp(Base):
            __tablename__ = "stamps"
            id: Mapped[int] = mapped_column(primary_key=True)
            letters: Mapped[list[Letter]] = relationship(secondary="stamp_letters", single_parent=True)


def test_single_parent_where_the_key_is_unique():
    """As SQLAlchemy's guide writes one-to-one."""

    class Parent(Base):
        __tablename__ = "single_parents"
        id: Mapped[int] = mapped_column(primary_key=True)
        child: Mapped[Child | None] = relationship(back_populates="parent")

    class Child(Base):
        __tablename__ = "single_children"
        id: Mapped[int] = mapped_column(primary_key=True)
        parent_id: Mapped[int] = mapped_column(ForeignKey("single_parents.id"))
        other_id: Mapped[int | None] = mapped_column(ForeignKey("letters.id"), unique=True)
        parent: Mapped[Parent] = relationship(back_populates="child", single_parent=True)
        other: Mapped[Letter | None] = relationship(single_parent=True)
        __table_args__ = (UniqueConstraint("parent_id"),)

    first, child = Parent(), Child()
    first.child = child
    second = Parent(child=child)
    assert child.parent is second and first.child is None


def test_single_parent_that_nothing_keeps_single():
    class Twig(Base):
        __tablename__ = "single_twigs"
        id: Mapped[int] = mapped_column(primary_key=True)
        letter_id: Mapped[int] = mapped_column(ForeignKey("letters.id"))
        letter: Mapped[Letter] = relationship(single_parent=True)

    with pytest.raises(InvalidRequestError, match=r"Twig\.letter.*single_parent=True.*unique=True"):
        select(Twig).to_sql()
