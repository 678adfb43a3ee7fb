"""Events of objects that come to a session, leave it, or go from one state to another."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ormkit import (
    AsyncSession,
    DeclarativeBase,
    ForeignKey,
    Mapped,
    NotSupportedError,
    async_sessionmaker,
    event,
    inspect,
    mapped_column,
    relationship,
    select,
    selectinload,
)

STEPS = [
    "transient_to_pending",
    "pending_to_persistent",
    "pending_to_transient",
    "persistent_to_transient",
    "persistent_to_deleted",
    "deleted_to_persistent",
    "persistent_to_detached",
    "detached_to_persistent",
    "loaded_as_persistent",
]


class Base(DeclarativeBase):
    pass


class Owner(Base):
    __tablename__ = "state_owners"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    pets: Mapped[list[Pet]] = relationship(back_populates="owner", cascade="all, delete-orphan")


class Pet(Base):
    __tablename__ = "state_pets"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("state_owners.id"))
    owner: Mapped[Owner] = relationship(back_populates="pets")


@pytest.fixture
async def session(engine: Any) -> Any:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        yield session
        await session.rollback()


@pytest.fixture
def heard(session: Any) -> list[str]:
    """The steps of the session's objects, in order."""
    heard: list[str] = []
    for name in STEPS:
        event.listen(session, name, lambda session, instance, name=name: heard.append(name))
    return heard


async def test_an_object_that_is_added_written_and_deleted(session: Any, heard: list[str]) -> None:
    ada = Owner(name="Ada")
    session.add(ada)
    assert heard == ["transient_to_pending"]
    await session.flush()
    await session.commit()
    session.delete(ada)
    assert heard[1:] == ["pending_to_persistent"]
    await session.commit()
    assert heard[2:] == ["persistent_to_deleted"]


async def test_what_a_rollback_undoes(session: Any, heard: list[str]) -> None:
    ada = await session.insert(Owner(name="Ada"))
    heard.clear()
    session.add(Owner(name="never written"))
    session.add(Owner(name="written"))
    await session.flush()
    session.add(Owner(name="pending"))
    session.delete(ada)
    await session.flush()
    session.add(Owner(name="pending again"))
    heard.clear()
    await session.rollback()
    assert sorted(heard) == [
        "deleted_to_persistent",
        "pending_to_transient",
        "persistent_to_transient",
        "persistent_to_transient",
        "persistent_to_transient",
    ]
    assert inspect(ada).persistent


async def test_an_object_that_leaves_and_comes_back(session: Any, heard: list[str]) -> None:
    ada = await session.insert(Owner(name="Ada"))
    new = Owner(name="new")
    session.add(new)
    heard.clear()
    session.expunge(ada)
    session.expunge(new)
    session.add(ada)
    assert heard == ["persistent_to_detached", "pending_to_transient", "detached_to_persistent"]
    heard.clear()
    await session.close()
    assert heard == ["persistent_to_detached"]


async def test_an_object_that_is_made_of_a_row(session: Any, heard: list[str]) -> None:
    await session.insert(Owner(name="Ada", pets=[Pet(), Pet()]))
    session.expunge_all()
    heard.clear()
    owners = (await session.scalars(select(Owner).options(selectinload(Owner.pets)))).all()
    assert len(owners[0].pets) == 2
    assert heard == ["loaded_as_persistent"] * 3
    await session.scalars(select(Owner))
    assert len(heard) == 3


async def test_children_are_heard_of_with_their_parents(session: Any, heard: list[str]) -> None:
    ada = Owner(name="Ada", pets=[Pet()])
    session.add(ada)
    await session.commit()
    assert sorted(heard) == ["pending_to_persistent"] * 2 + ["transient_to_pending"] * 2
    heard.clear()
    session.delete(ada)
    await session.commit()
    assert heard == ["persistent_to_deleted"] * 2


async def test_listeners_see_the_state_behind_the_step_and_of_attaching_both(session: Any) -> None:
    seen: list[Any] = []

    def see(name: str) -> Any:
        return lambda session, instance: seen.append((name, inspect(instance).pending, session.info["user"]))

    session.info["user"] = "Ada"
    for name in ("before_attach", "after_attach", "transient_to_pending"):
        event.listen(session, name, see(name))
    session.add(Owner(name="Ada"))
    assert seen == [
        ("before_attach", False, "Ada"),
        ("after_attach", True, "Ada"),
        ("transient_to_pending", True, "Ada"),
    ]
    seen.clear()
    await session.commit()
    assert await session.scalar(select(Owner.name)) == "Ada"
    assert seen == []


async def test_sessions_of_a_maker_and_of_a_class_are_heard_of(engine: Any) -> None:
    await Base.metadata.create_all(engine)

    class Own(AsyncSession):
        pass

    maker, heard = async_sessionmaker(engine, class_=Own), []
    event.listen(maker, "pending_to_persistent", lambda session, instance: heard.append(instance))
    event.listen(Own, "pending_to_persistent", lambda session, instance: heard.append(instance.object), raw=True)
    async with maker() as session:
        ada = await session.insert(Owner(name="Ada"))
    async with AsyncSession(engine) as session:
        await session.insert(Owner(name="Bob"))
    assert heard == [ada, ada]


async def test_a_listener_that_raises_harms_nothing(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[Any] = []
    monkeypatch.setattr("sys.unraisablehook", lambda given: raised.append(given.exc_value))

    def broken(session: Any, instance: Any) -> None:
        raise ValueError("no")

    async def waiting(session: Any, instance: Any) -> None:
        raise AssertionError

    event.listen(session, "transient_to_pending", broken)
    event.listen(session, "pending_to_persistent", waiting)
    session.add(Owner(name="Ada"))
    await session.commit()
    assert [type(error) for error in raised] == [ValueError, TypeError]
    assert await session.scalar(select(Owner.name)) == "Ada"


async def test_load_is_heard_of_once_for_each_object_of_the_class_that_a_row_has_made(session: Any) -> None:
    heard: list[Any] = []

    def loaded(target: Any, context: Any) -> None:
        target._loaded = target.name if isinstance(target, Owner) else target.id
        heard.append(target)

    event.listen(Base, "load", loaded)
    ada = await session.insert(Owner(name="Ada", pets=[Pet()]))
    assert heard == []
    session.expunge_all()
    ada = await session.get(Owner, ada.id, options=selectinload(Owner.pets))
    assert heard == [ada, ada.pets[0]] and ada._loaded == "Ada" and not session.dirty
    await session.refresh(ada)
    copy.copy(ada)
    event.remove(Base, "load", loaded)
    session.expunge_all()
    await session.get(Owner, ada.id)
    assert len(heard) == 2


def test_what_has_another_form_is_refused_with_what_to_type() -> None:
    for name, instead in (("deleted_to_detached", "after_commit"), ("after_soft_rollback", "after_rollback")):
        with pytest.raises(NotSupportedError, match=instead):
            event.listens_for(AsyncSession, name)
    for name, instead in (("refresh_flush", "after_insert"), ("init_failure", "__init__")):
        with pytest.raises(NotSupportedError, match=instead):
            event.listens_for(Owner, name)
