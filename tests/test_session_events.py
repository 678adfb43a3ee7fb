"""`ormkit.event`: functions that hear of flushes, commits and rollbacks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ormkit import (
    AsyncSession,
    DeclarativeBase,
    FieldError,
    Mapped,
    NotSupportedError,
    async_sessionmaker,
    event,
    mapped_column,
    select,
    session_context,
)

EVENTS = ["before_commit", "before_flush", "after_flush", "after_flush_postexec", "after_commit", "after_rollback"]


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "session_event_notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


Listen = Callable[[Any, str, Any], None]


@pytest.fixture
def listen() -> Iterator[Listen]:
    """`event.listen`, undone at the end of the test."""
    listening: list[tuple[Any, str, Any]] = []

    def listen(target: Any, identifier: str, fn: Any, **choices: Any) -> None:
        event.listen(target, identifier, fn, **choices)
        listening.append((target, identifier, fn))

    yield listen
    for target, identifier, fn in listening:
        event.remove(target, identifier, fn)


def note_all(listen: Listen, target: Any) -> list[str]:
    heard: list[str] = []
    for identifier in EVENTS:
        listen(target, identifier, lambda *given, identifier=identifier: heard.append(identifier))
    return heard


async def texts(session: AsyncSession) -> list[str]:
    return (await session.scalars(select(Note.text).order_by(Note.id))).all()


async def test_events_of_a_session_come_in_their_order(engine: Any, listen: Listen) -> None:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        heard = note_all(listen, session)
        session.add(Note(text="a"))
        await session.commit()
        assert heard == ["before_commit", "before_flush", "after_flush", "after_flush_postexec", "after_commit"]
        heard.clear()
        session.add(Note(text="b"))
        await session.flush()
        await session.rollback()
        assert heard == ["before_flush", "after_flush", "after_flush_postexec", "after_rollback"]
        heard.clear()
        await session.flush()
        assert heard == []


async def test_a_before_flush_uses_the_session_and_what_it_adds_is_flushed(engine: Any, listen: Listen) -> None:
    await Base.metadata.create_all(engine)
    seen: list[Any] = []

    def before_flush(session: AsyncSession, flush_context: Any, instances: None) -> None:
        seen.append([len(found) for found in (session.new, session.dirty, session.deleted)])
        for note in session.new:
            session.add(Note(text=f"copy of {note.text}"))
        for note in session.dirty:
            note.text += "!"

    def after_flush(session: AsyncSession, flush_context: Any) -> None:
        seen.append([len(found) for found in (flush_context.new, flush_context.dirty, flush_context.deleted)])

    async with AsyncSession(engine) as session:
        listen(session, "before_flush", before_flush)
        listen(session, "after_flush", after_flush)
        first = Note(text="a")
        session.add(first)
        await session.commit()
        assert await texts(session) == ["a", "copy of a"]
        first.text = "b"
        await session.commit()
        assert (await texts(session))[0] == "b!"
        session.delete(first)
        await session.commit()
        assert seen == [[1, 0, 0], [2, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]]


async def test_an_autoflush_is_heard_and_a_pause_of_it_is_not(engine: Any, listen: Listen) -> None:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        heard = note_all(listen, session)
        session.add(Note(text="a"))
        with session.no_autoflush:
            assert await texts(session) == []
        assert heard == []
        assert await session.query(Note).count() == 1
        assert heard == ["before_flush", "after_flush", "after_flush_postexec"]
        await session.rollback()


async def test_listeners_may_be_async_and_use_the_session(engine: Any, listen: Listen) -> None:
    await Base.metadata.create_all(engine)

    async def number(session: AsyncSession, flush_context: Any, instances: None) -> None:
        await asyncio.sleep(0)
        count = await session.query(Note).count()
        for note in session.new:
            note.text = f"{count}: {note.text}"

    async with AsyncSession(engine) as session:
        listen(session, "before_flush", number)
        for text in ("a", "b"):
            with session.no_autoflush:
                session.add(Note(text=text))
                await session.commit()
        assert [text[3:] for text in await texts(session)] == ["a", "b"]


async def test_blocks_makers_and_classes_are_heard_of(engine: Any, listen: Listen) -> None:
    class Own(AsyncSession):
        pass

    await Base.metadata.create_all(engine)
    maker = async_sessionmaker(engine, class_=Own)
    of_maker, of_class, of_all = note_all(listen, maker), note_all(listen, Own), note_all(listen, AsyncSession)
    whole = ["before_commit", "before_flush", "after_flush", "after_flush_postexec", "after_commit"]
    async with maker() as session, session.begin():
        session.add(Note(text="a"))
    assert of_maker == of_class == of_all == whole
    async with maker.begin() as session:
        session.add(Note(text="b"))
    assert of_maker == of_class == of_all == whole * 2
    of_all.clear()
    async with session_context(engine) as session:
        session.add(Note(text="c"))
    assert of_all == whole
    assert of_maker == of_class == whole * 2
    of_all.clear()
    with pytest.raises(ZeroDivisionError):
        async with AsyncSession(engine) as session, session.begin():
            _ = 1 / 0
    assert of_all == ["after_rollback"]
    of_all.clear()

    async def work(session: AsyncSession) -> None:
        session.add(Note(text="d"))

    async with AsyncSession(engine) as session:
        await session.run(work)
    assert of_all == whole


async def test_a_savepoint_is_flushed_and_is_no_commit(engine: Any, listen: Listen) -> None:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        heard = note_all(listen, session)
        async with session.begin():
            session.add(Note(text="a"))
            async with session.begin_nested():
                assert heard == ["before_flush", "after_flush", "after_flush_postexec"]
                session.add(Note(text="b"))
            assert heard == ["before_flush", "after_flush", "after_flush_postexec"] * 2
        assert heard[6:] == ["before_commit", "after_commit"]


@pytest.mark.parametrize("identifier", ["before_commit", "before_flush", "after_flush", "after_flush_postexec"])
@pytest.mark.parametrize("block", [False, True])
async def test_a_listener_that_raises_loses_nothing(engine: Any, listen: Listen, identifier: str, block: bool) -> None:
    await Base.metadata.create_all(engine)
    refusals = [ValueError("no")]

    def refuse(session: AsyncSession, *given: Any) -> None:
        if refusals:
            raise refusals.pop()

    async with AsyncSession(engine) as session:
        listen(session, identifier, refuse)
        note = Note(text="a")
        with pytest.raises(ValueError, match="no"):
            if block:
                async with session.begin():
                    session.add(note)
            else:
                session.add(note)
                await session.commit()
        if not block:
            await session.rollback()
        assert await texts(session) == []
        session.add(note)
        await session.commit()
        assert await texts(session) == ["a"]


async def test_an_after_commit_that_raises_undoes_nothing(engine: Any, listen: Listen) -> None:
    await Base.metadata.create_all(engine)

    def refuse(session: AsyncSession) -> None:
        raise ValueError("late")

    async with AsyncSession(engine) as session:
        listen(session, "after_commit", refuse)
        session.add(Note(text="a"))
        with pytest.raises(ValueError, match="late"):
            await session.commit()
    async with AsyncSession(engine) as session:
        assert await texts(session) == ["a"]


async def test_unknown_events_of_sessions_are_refused_with_what_to_type(engine: Any) -> None:
    with pytest.raises(FieldError, match="did you mean `after_commit`"):
        event.listens_for(AsyncSession, "after_comit")
    with pytest.raises(NotSupportedError, match="after_commit and after_rollback"):
        event.listens_for(async_sessionmaker(engine), "after_transaction_end")
    with pytest.raises(NotSupportedError, match="the verb or the statement"):
        event.listens_for(AsyncSession(engine), "after_bulk_update")
