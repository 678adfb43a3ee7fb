"""`ormkit.event`: functions that hear of what a flush or a verb writes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from ormkit import (
    AsyncSession,
    DeclarativeBase,
    FieldError,
    ForeignKey,
    InterfaceError,
    InvalidRequestError,
    Mapped,
    Mapper,
    NotSupportedError,
    PendingRollbackError,
    event,
    insert,
    inspect,
    mapped_column,
    relationship,
    select,
)


class Base(DeclarativeBase):
    pass


class Named:
    """A mixin that is listened to."""


class Owner(Named, Base):
    __tablename__ = "event_owners"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    slug: Mapped[str | None]
    pets: Mapped[list[Pet]] = relationship(back_populates="owner", cascade="all, delete-orphan")


class Pet(Base):
    __tablename__ = "event_pets"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("event_owners.id"))
    owner: Mapped[Owner | None] = relationship(back_populates="pets")


class Entry(Base):
    __tablename__ = "event_entries"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


EVENTS = ["before_insert", "after_insert", "before_update", "after_update", "before_delete", "after_delete"]


class Ears:
    """Listeners that are taken out at the end of the test."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.listening: list[tuple[Any, str, Any]] = []

    def listen(self, target: Any, identifier: str, fn: Any, **choices: Any) -> None:
        event.listen(target, identifier, fn, **choices)
        self.listening.append((target, identifier, fn))

    def note(self, target: Any, *identifiers: str, **choices: Any) -> None:
        for identifier in identifiers:

            def hear(mapper: Any, connection: Any, target: Any, identifier: str = identifier) -> None:
                self.heard.append((identifier, target.name))

            self.listen(target, identifier, hear, **choices)


@pytest.fixture
def ears() -> Iterator[Ears]:
    ears = Ears()
    yield ears
    for target, identifier, fn in ears.listening:
        if event.contains(target, identifier, fn):
            event.remove(target, identifier, fn)


async def test_what_before_insert_and_before_update_set_is_part_of_the_statement(engine: Any, ears: Ears) -> None:
    def slugify(mapper: Any, connection: Any, target: Owner) -> None:
        target.slug = target.name.lower()

    ears.listen(Owner, "before_insert", slugify)
    ears.listen(Owner, "before_update", slugify)
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        ada = Owner(name="Ada")
        session.add(ada)
        await session.commit()
        assert not inspect(ada).modified
        assert await session.scalar(select(Owner.slug)) == "ada"
        ada.name = "Bob"
        await session.commit()
        assert await session.scalar(select(Owner.slug)) == "bob"


async def test_events_come_in_the_order_of_writing_for_flush_and_verbs(engine: Any, ears: Ears) -> None:
    ears.note(Base, *EVENTS)
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        ada = Owner(name="Ada", pets=[Pet(name="Rex")])
        session.add(ada)
        await session.flush()
        inserted = [
            ("before_insert", "Ada"),
            ("after_insert", "Ada"),
            ("before_insert", "Rex"),
            ("after_insert", "Rex"),
        ]
        assert ears.heard == inserted
        ears.heard.clear()
        ada.name = "Ada L."
        await session.commit()
        assert ears.heard == [("before_update", "Ada L."), ("after_update", "Ada L.")]
        ears.heard.clear()
        bob = await session.insert(Owner(name="Bob"))
        await session.update(bob, name="Rob")
        await session.remove(bob)
        names = ["Bob", "Bob", "Rob", "Rob", "Rob", "Rob"]
        assert ears.heard == list(zip(EVENTS, names, strict=True))
        ears.heard.clear()
        session.delete(ada)
        await session.commit()
        deleted = [
            ("before_delete", "Rex"),
            ("after_delete", "Rex"),
            ("before_delete", "Ada L."),
            ("after_delete", "Ada L."),
        ]
        assert ears.heard == deleted


async def test_an_unchanged_object_is_not_heard_of(engine: Any, ears: Ears) -> None:
    ears.note(Owner, "before_update")
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        ada = Owner(name="Ada")
        session.add(ada)
        await session.commit()
        ada.name = "Bob"
        ada.name = "Ada"
        await session.commit()
        assert ears.heard in ([], [("before_update", "Ada")])


async def test_keys_are_known_when_an_event_comes(engine: Any, ears: Ears) -> None:
    seen: list[Any] = []

    @event.listens_for(Pet, "before_insert")
    def before(mapper: Any, connection: Any, target: Pet) -> None:
        seen.append((mapper is not None and mapper.class_ is Pet, target.id, target.owner_id))

    @event.listens_for(Pet, "after_insert")
    def after(mapper: Any, connection: Any, target: Pet) -> None:
        seen.append((inspect(target).persistent, target.id, target.owner_id))

    ears.listening += [(Pet, "before_insert", before), (Pet, "after_insert", after)]
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        ada = Owner(name="Ada", pets=[Pet(name="Rex")])
        session.add(ada)
        await session.commit()
        assert seen == [(True, None, ada.id), (True, ada.pets[0].id, ada.id)]


async def test_an_async_listener_writes_by_the_connection_of_the_flush(engine: Any, ears: Ears) -> None:
    async def audit(mapper: Any, connection: Any, target: Owner) -> None:
        await asyncio.sleep(0)
        await connection.execute(insert(Entry).values(text=f"{mapper.class_.__name__} {target.id}"))

    ears.listen(Owner, "after_insert", audit)
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        ada = Owner(name="Ada")
        session.add(ada)
        await session.flush()
        await session.rollback()
        assert (await session.scalars(select(Entry.text))).all() == []
        session.add(ada)
        await session.commit()
        assert (await session.scalars(select(Entry.text))).all() == [f"Owner {ada.id}"]
        async with session.begin_nested():
            bob = await session.insert(Owner(name="Bob"))
        await session.commit()
        assert (await session.scalars(select(Entry.text).order_by(Entry.id))).all()[1:] == [f"Owner {bob.id}"]


@pytest.mark.parametrize("identifier", ["before_insert", "after_insert"])
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_listener_that_raises_loses_nothing(
    engine: Any, ears: Ears, identifier: str, asynchronous: bool
) -> None:
    def refuse(mapper: Any, connection: Any, target: Owner) -> None:
        raise ValueError(target.name)

    async def refuse_later(mapper: Any, connection: Any, target: Owner) -> None:
        await asyncio.sleep(0)
        raise ValueError(target.name)

    refusing = refuse_later if asynchronous else refuse
    ears.listen(Owner, identifier, refusing)
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        ada = Owner(name="Ada", pets=[Pet(name="Rex")])
        session.add(ada)
        with pytest.raises(ValueError, match="Ada"):
            await session.commit()
        with pytest.raises(PendingRollbackError):
            await session.scalars(select(Owner))
        await session.rollback()
        with pytest.raises(ValueError, match="Bob"):
            await session.insert(Owner(name="Bob"))
        assert (await session.scalars(select(Owner))).all() == []
        event.remove(Owner, identifier, refusing)
        session.add(ada)
        await session.commit()
        assert [pet.name for pet in (await session.scalars(select(Pet))).all()] == ["Rex"]


async def test_a_verb_that_a_listener_refuses_inside_a_transaction_waits_for_the_rollback(
    engine: Any, ears: Ears
) -> None:
    def refuse(mapper: Any, connection: Any, target: Pet) -> None:
        raise ValueError(target.name)

    ears.listen(Pet, "before_insert", refuse)
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.begin()
        with pytest.raises(ValueError, match="Rex"):
            await session.insert(Owner(name="Ada", pets=[Pet(name="Rex")]))
        with pytest.raises(PendingRollbackError):
            await session.commit()
        await session.rollback()
        assert (await session.scalars(select(Owner))).all() == []


async def test_relations_cannot_be_changed_by_a_listener_of_the_flush(engine: Any, ears: Ears) -> None:
    def adopt(mapper: Any, connection: Any, target: Owner) -> None:
        target.pets.append(Pet(name="Stray"))

    ears.listen(Owner, "before_insert", adopt)
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        session.add(Owner(name="Ada"))
        with pytest.raises(InvalidRequestError, match="changed relations of a Owner"):
            await session.flush()
        await session.rollback()


async def test_a_cancelled_listener_leaves_a_session_that_can_be_rolled_back(engine: Any, ears: Ears) -> None:
    waiting = asyncio.Event()

    async def hang(mapper: Any, connection: Any, target: Owner) -> None:
        await connection.execute(insert(Entry).values(text="lost"))
        waiting.set()
        await asyncio.sleep(60)

    ears.listen(Owner, "after_insert", hang)
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        ada = Owner(name="Ada")
        session.add(ada)
        task = asyncio.create_task(session.commit())
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(PendingRollbackError):
            await session.scalars(select(Owner))
        await session.rollback()
        assert inspect(ada).transient
        event.remove(Owner, "after_insert", hang)
        session.add(ada)
        await session.commit()
        assert (await session.scalars(select(Entry.text))).all() == []
        assert (await session.scalars(select(Owner.name))).all() == ["Ada"]


async def test_the_connection_of_a_flush_is_only_for_its_listeners(engine: Any, ears: Ears) -> None:
    kept: list[Any] = []

    async def keep(mapper: Any, connection: Any, target: Owner) -> None:
        kept.append(connection)
        with pytest.raises(InvalidRequestError, match="on the connection of a session"):
            await connection.commit()

    ears.listen(Owner, "before_insert", keep)
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert(Owner(name="Ada"))
        with pytest.raises(InterfaceError):
            await kept[0].execute("SELECT 1")


async def test_bases_mixins_and_all_classes_can_be_listened_to(engine: Any, ears: Ears) -> None:
    ears.note(Base, "before_insert")
    ears.note(Named, "after_insert")
    ears.note(Mapper, "before_update")
    ears.note(Base, "after_update", propagate=False)
    ears.note(inspect(Pet), "before_delete")
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        ada = await session.insert(Owner(name="Ada"))
        rex = await session.insert(Pet(name="Rex"))
        await session.update(ada, name="Eve")
        await session.remove(rex)
        heard = [("before_insert", "Ada"), ("after_insert", "Ada"), ("before_insert", "Rex")]
        assert ears.heard == [*heard, ("before_update", "Eve"), ("before_delete", "Rex")]


async def test_choices_of_a_listener(engine: Any, ears: Ears) -> None:
    order: list[str] = []
    ears.listen(Owner, "before_insert", lambda mapper, connection, target: order.append("first"))
    ears.listen(Owner, "before_insert", lambda mapper, connection, target: order.append("once"), once=True)
    ears.listen(Owner, "before_insert", lambda **given: order.append(" ".join(given)), named=True)
    ears.listen(Owner, "before_insert", lambda mapper, connection, state: order.append(repr(state)), raw=True)
    ears.listen(Owner, "before_insert", lambda mapper, connection, target: order.append("front"), insert=True)
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert(Owner(name="Ada"))
        assert order == ["front", "first", "once", "mapper connection target", "<pending Owner>"]
        await session.insert(Owner(name="Bob"))
        assert order.count("once") == 1


async def test_a_function_that_listens_twice_is_called_once(engine: Any, ears: Ears) -> None:
    heard: list[str] = []

    def hear(mapper: Any, connection: Any, target: Owner) -> None:
        heard.append(target.name)

    for target in (Owner, Owner, Base):
        ears.listen(target, "before_insert", hear)
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert(Owner(name="Ada"))
        assert heard == ["Ada"]
        event.remove(Owner, "before_insert", hear)
        event.remove(Base, "before_insert", hear)
        assert not event.contains(Owner, "before_insert", hear)
        await session.insert(Owner(name="Bob"))
        assert heard == ["Ada"]
        with pytest.raises(InvalidRequestError, match="does not listen"):
            event.remove(Owner, "before_insert", hear)


def test_unknown_events_and_targets_are_refused_with_what_to_type() -> None:
    def hear(*given: Any) -> None:
        raise AssertionError

    with pytest.raises(FieldError, match="did you mean `before_insert`"):
        event.listen(Owner, "before_inserts", hear)
    with pytest.raises(NotSupportedError, match="__init__"):
        event.listens_for(Owner, "init_failure")
    with pytest.raises(TypeError, match="a target is"):
        event.listen(7, "before_insert", hear)
    with pytest.raises(TypeError, match="a target is"):
        event.listen(int, "before_insert", hear)
    with pytest.raises(TypeError, match="a listener is a function"):
        event.listen(Owner, "before_insert", 7)  # type: ignore[arg-type]


async def test_engines_have_words_of_their_own(engine: Any) -> None:
    with pytest.raises(NotSupportedError, match="password="):
        event.listens_for(engine, "do_connect")
