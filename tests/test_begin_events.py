"""`after_begin`: what is run where a transaction begins."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sent import sent

from ormkit import (
    AsyncSession,
    DeclarativeBase,
    InvalidRequestError,
    Mapped,
    PendingRollbackError,
    event,
    func,
    insert,
    mapped_column,
    select,
)


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "begin_event_notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


class Begun(Base):
    __tablename__ = "begin_event_begun"
    id: Mapped[int] = mapped_column(primary_key=True)
    who: Mapped[str]


Listen = Callable[[Any, str, Any], None]


@pytest.fixture
def listen() -> Iterator[Listen]:
    """`event.listen`, undone at the end of the test."""
    listening: list[tuple[Any, str, Any]] = []

    def listen(target: Any, identifier: str, fn: Any) -> None:
        event.listen(target, identifier, fn)
        listening.append((target, identifier, fn))

    yield listen
    for target, identifier, fn in listening:
        event.remove(target, identifier, fn)


async def log(session: AsyncSession, transaction: None, connection: Any) -> None:
    await connection.execute(insert(Begun).values(who=session.info.get("who", "nobody")))


async def count(session: AsyncSession) -> int:
    return int(await session.scalar(select(func.count()).select_from(Begun)))


async def test_a_transaction_begins_once_and_is_told_of_before_its_first_statement(engine: Any, listen: Listen) -> None:
    await Base.metadata.create_all(engine)
    listen(AsyncSession, "after_begin", log)
    async with AsyncSession(engine) as session:
        session.info["who"] = "Ada"
        with sent(engine) as texts:
            assert await count(session) == 1
            assert session.in_transaction()
            session.add(Note(text="a"))
            await session.commit()
            assert await count(session) == 2
            await session.rollback()
            assert await count(session) == 2
            await session.commit()
        assert [text.split(" ")[0] for text in texts] == ["INSERT", "SELECT", "INSERT"] + ["INSERT", "SELECT"] * 2
        assert await session.scalar(select(Begun.who).distinct()) == "Ada"
        await session.commit()


async def test_a_setting_of_a_transaction_is_there_for_all_that_it_reads_and_writes(
    postgres_url: str, listen: Listen
) -> None:
    from ormkit import create_engine, text

    async def set_tenant(session: AsyncSession, transaction: None, connection: Any) -> None:
        await connection.execute(
            text("SELECT set_config('app.tenant', :tenant, true)"), {"tenant": session.info["tenant"]}
        )

    async with create_engine(postgres_url) as engine:
        await Base.metadata.create_all(engine)
        listen(AsyncSession, "after_begin", set_tenant)
        tenant = text("SELECT current_setting('app.tenant')")
        async with AsyncSession(engine) as session:
            session.info["tenant"] = "7"
            assert await session.scalar(tenant) == "7"
            async with session.begin_nested() as nested:
                assert await session.scalar(tenant) == "7"
                await nested.rollback()
            assert await session.scalar(tenant) == "7"
            await session.commit()
            session.info["tenant"] = "8"
            async with session.begin():
                async with session.begin_nested() as nested:
                    assert await session.scalar(tenant) == "8"
                    await nested.rollback()
                assert await session.scalar(tenant) == "8"
            note = await session.insert(Note(text="a"))
            assert await session.get(Note, note.id) is note
            async for row in session.stream(select(func.current_setting("app.tenant"))):
                assert row[0] == "8"
            await session.commit()


async def test_verbs_and_connections_of_a_session_are_told_of(engine: Any, listen: Listen) -> None:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        listen(session, "after_begin", log)
        await session.insert(Note(text="a"))
        assert not session.in_transaction()
        await session.query(Note).update(text="b")
        assert not session.in_transaction()
        connection = await session.connection()
        await connection.execute("SELECT 1")
        await session.commit()
        assert await count(session) == 4
        await session.rollback()
    async with AsyncSession(engine) as other:
        assert await count(other) == 3
        assert not other.in_transaction()


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_listener_that_raises_leaves_what_is_to_be_written(
    engine: Any, listen: Listen, asynchronous: bool
) -> None:
    await Base.metadata.create_all(engine)

    def refuse(session: AsyncSession, transaction: None, connection: Any) -> None:
        raise ValueError("no")

    async def refuse_later(session: AsyncSession, transaction: None, connection: Any) -> None:
        await asyncio.sleep(0)
        raise ValueError("no")

    refusing = refuse_later if asynchronous else refuse
    event.listen(AsyncSession, "after_begin", refusing)
    try:
        async with AsyncSession(engine) as session:
            note = Note(text="a")
            session.add(note)
            with pytest.raises(ValueError, match="no"):
                await session.commit()
            with pytest.raises(PendingRollbackError):
                await session.flush()
            await session.rollback()
            event.remove(AsyncSession, "after_begin", refusing)
            session.add(note)
            await session.commit()
            assert (await session.scalars(select(Note.text))).all() == ["a"]
    finally:
        if event.contains(AsyncSession, "after_begin", refusing):
            event.remove(AsyncSession, "after_begin", refusing)


async def test_the_connection_is_the_listeners_alone(engine: Any, listen: Listen) -> None:
    await Base.metadata.create_all(engine)
    kept: list[Any] = []

    async def keep(session: AsyncSession, transaction: None, connection: Any) -> None:
        with pytest.raises(InvalidRequestError, match="on the connection of a session"):
            await connection.commit()
        kept.append(connection)

    listen(AsyncSession, "after_begin", keep)
    async with AsyncSession(engine) as session:
        assert await count(session) == 0
        with pytest.raises(Exception, match="closed|given back|lost"):
            await kept[0].execute("SELECT 1")
        await session.commit()


async def test_a_cancelled_listener_leaves_a_session_that_can_be_rolled_back(engine: Any, listen: Listen) -> None:
    await Base.metadata.create_all(engine)
    waiting = asyncio.Event()

    async def hang(session: AsyncSession, transaction: None, connection: Any) -> None:
        await log(session, transaction, connection)
        waiting.set()
        await asyncio.sleep(60)

    async with AsyncSession(engine) as session:
        event.listen(session, "after_begin", hang)
        session.add(Note(text="a"))
        task = asyncio.create_task(session.commit())
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        event.remove(session, "after_begin", hang)
        await session.rollback()
        assert await count(session) == 0
