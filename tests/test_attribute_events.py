"""`set`, `append` and `remove` of attributes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ormkit import (
    AsyncSession,
    DeclarativeBase,
    FieldError,
    ForeignKey,
    InvalidRequestError,
    Mapped,
    NotSupportedError,
    event,
    inspect,
    mapped_column,
    relationship,
    select,
    validates,
)
from ormkit.event import NO_VALUE


class Base(DeclarativeBase):
    pass


class Owner(Base):
    __tablename__ = "attribute_event_owners"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    pets: Mapped[list[Pet]] = relationship(back_populates="owner")


class Pet(Base):
    __tablename__ = "attribute_event_pets"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("attribute_event_owners.id"))
    owner: Mapped[Owner | None] = relationship(back_populates="pets")

    @validates("name")
    def not_empty(self, key: str, value: str) -> str:
        if not value:
            raise ValueError("a name is needed")
        return value


class Puppy(Pet):
    """Of its parent's table."""


Listen = Callable[..., None]


@pytest.fixture
def listen() -> Iterator[Listen]:
    """`event.listen`, undone at the end of the test."""
    listening: list[tuple[Any, str, Any]] = []

    def listen(target: Any, identifier: str, fn: Any, **choices: Any) -> None:
        event.listen(target, identifier, fn, **choices)
        listening.append((target, identifier, fn))

    yield listen
    for target, identifier, fn in listening:
        if event.contains(target, identifier, fn):
            event.remove(target, identifier, fn)


def test_a_value_is_heard_of_with_the_one_before(listen: Listen) -> None:
    heard: list[Any] = []

    def note(target: Owner, value: Any, oldvalue: Any, initiator: Any) -> None:
        heard.append((target.__class__, value, oldvalue, initiator.key))

    listen(Owner.name, "set", note)
    owner = Owner(name="a")
    owner.name = "b"
    assert heard == [(Owner, "a", NO_VALUE, "name"), (Owner, "b", "a", "name")]
    assert not NO_VALUE
    assert repr(NO_VALUE) == "NO_VALUE"
    event.remove(Owner.name, "set", note)
    owner.name = "c"
    assert len(heard) == 2


async def test_what_a_listener_returns_is_stored_where_that_is_asked_for(engine: Any, listen: Listen) -> None:
    await Base.metadata.create_all(engine)
    listen(Owner.name, "set", lambda target, value, oldvalue, initiator: value.strip(), retval=True)
    listen(Owner.name, "set", lambda target, value, oldvalue, initiator: "ignored")
    async with AsyncSession(engine) as session:
        owner = Owner(name="  Ada ")
        session.add(owner)
        await session.commit()
        assert await session.scalar(select(Owner.name)) == "Ada"
        owner.name = " Bob "
        assert owner.name == "Bob"
        assert inspect(owner).modified
        await session.commit()
        assert await session.scalar(select(Owner.name)) == "Bob"


async def test_rows_are_not_heard_of(engine: Any, listen: Listen) -> None:
    await Base.metadata.create_all(engine)
    heard: list[Any] = []
    async with AsyncSession(engine) as session:
        session.add(Owner(name="a", pets=[Pet(name="b")]))
        await session.commit()
    for attribute in (Owner.id, Owner.name, Pet.owner):
        listen(attribute, "set", lambda *given: heard.append(given))
    listen(Owner.pets, "append", lambda *given: heard.append(given))
    async with AsyncSession(engine) as session:
        owner = await session.get_one(Owner, 1, options=[Owner.pets])
        await session.refresh(owner)
        assert [pet.name for pet in owner.pets] == ["b"]
    assert heard == []


def note_all(listen: Listen) -> list[tuple[str, str, Any]]:
    heard: list[tuple[str, str, Any]] = []

    def shown(value: Any) -> Any:
        return getattr(value, "name", value)

    def of(identifier: str) -> Callable[..., None]:
        def note(target: Any, value: Any, *rest: Any) -> None:
            heard.append((identifier, target.name, shown(value)))

        return note

    listen(Owner.pets, "append", of("append"))
    listen(Owner.pets, "remove", of("remove"))
    listen(Pet.owner, "set", of("set"))
    return heard


def test_both_sides_of_a_relation_are_heard_of(listen: Listen) -> None:
    heard = note_all(listen)
    ada, bob = Owner(name="Ada"), Owner(name="Bob")
    rex = Pet(name="Rex")
    ada.pets.append(rex)
    assert sorted(heard) == [("append", "Ada", "Rex"), ("set", "Rex", "Ada")]
    heard.clear()
    rex.owner = bob
    assert sorted(heard, key=str) == [("append", "Bob", "Rex"), ("remove", "Ada", "Rex"), ("set", "Rex", "Bob")]
    heard.clear()
    bob.pets.remove(rex)
    assert sorted(heard, key=str) == [("remove", "Bob", "Rex"), ("set", "Rex", None)]
    assert rex.owner is None
    heard.clear()
    ada.pets = [rex]
    bob.pets.append(rex)
    assert ("remove", "Ada", "Rex") in heard
    assert (ada.pets, bob.pets, rex.owner) == ([], [rex], bob)


@pytest.mark.parametrize(("identifier", "attribute"), [("append", Owner.pets), ("set", Pet.owner)])
def test_a_listener_that_raises_changes_nothing(listen: Listen, identifier: str, attribute: Any) -> None:
    def refuse(*given: Any) -> None:
        raise ValueError("no")

    ada, rex = Owner(name="Ada"), Pet(name="Rex")
    listen(attribute, identifier, refuse)
    with pytest.raises(ValueError, match="no"):
        ada.pets.append(rex)
    with pytest.raises(ValueError, match="no"):
        rex.owner = ada
    assert (ada.pets, rex.owner) == ([], None)


def test_a_refused_removal_changes_nothing(listen: Listen) -> None:
    def refuse(*given: Any) -> None:
        raise ValueError("no")

    ada, rex = Owner(name="Ada"), Pet(name="Rex")
    ada.pets.append(rex)
    listen(Owner.pets, "remove", refuse)
    for change in (lambda: ada.pets.remove(rex), lambda: setattr(rex, "owner", None), lambda: ada.pets.clear()):
        with pytest.raises(ValueError, match="no"):
            change()
        assert (ada.pets, rex.owner) == ([rex], ada)


def test_a_validator_is_first_and_derived_classes_are_meant(listen: Listen) -> None:
    heard: list[Any] = []
    listen(Pet.name, "set", lambda target, value, oldvalue, initiator: heard.append(type(target)))
    with pytest.raises(ValueError, match="is needed"):
        Pet(name="")
    assert heard == []
    Pet(name="a")
    Puppy(name="b")
    assert heard == [Pet, Puppy]
    listen(Pet.owner_id, "set", lambda *given: heard.append("own"), propagate=False)
    Puppy(name="c", owner_id=1)
    assert heard == [Pet, Puppy, Puppy]


def test_a_class_that_is_declared_later_is_heard_of(listen: Listen) -> None:
    heard: list[Any] = []
    listen(Owner.name, "set", lambda target, value, oldvalue, initiator: heard.append(value))

    class Landlord(Owner):
        pass

    Landlord(name="a")
    assert heard == ["a"]


def test_choices_of_a_listener(listen: Listen) -> None:
    heard: list[Any] = []
    listen(Owner.name, "set", lambda **given: heard.append(sorted(given)), named=True)
    listen(Owner.name, "set", lambda *given: heard.append("once"), once=True)
    listen(Owner.name, "set", lambda state, *given: heard.append(repr(state)), raw=True)
    listen(Owner.name, "set", lambda *given: heard.append("first"), insert=True)
    Owner(name="a")
    Owner(name="b")
    names = ["initiator", "oldvalue", "target", "value"]
    assert heard == ["first", names, "once", "<transient Owner>", "first", names, "<transient Owner>"]


def test_what_an_attribute_does_not_tell_is_refused() -> None:
    def hear(*given: Any) -> None:
        raise AssertionError

    with pytest.raises(FieldError, match="did you mean `set`"):
        event.listen(Owner.name, "sets", hear)
    with pytest.raises(NotSupportedError, match="listen to set"):
        event.listen(Owner.name, "append", hear)
    with pytest.raises(NotSupportedError, match="listen to append and remove"):
        event.listen(Owner.pets, "set", hear)
    with pytest.raises(NotSupportedError, match="default="):
        event.listens_for(Owner.name, "init_scalar")
    with pytest.raises(NotSupportedError, match="change the object"):
        event.listen(Owner, "before_insert", hear, retval=True)
    with pytest.raises(InvalidRequestError, match="does not listen"):
        event.remove(Owner.name, "set", hear)

    async def late(*given: Any) -> None:
        raise AssertionError

    event.listen(Owner.name, "set", late)
    try:
        with pytest.raises(TypeError, match="cannot be async"):
            Owner(name="a")
    finally:
        event.remove(Owner.name, "set", late)
