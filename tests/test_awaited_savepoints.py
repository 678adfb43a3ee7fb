"""Savepoints that are begun by awaiting, and ended by their own methods."""

import pytest
from library import Author, Base, Book

from ormkit import AsyncSession, InvalidRequestError, UniqueViolation, event


@pytest.fixture
async def session(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        yield session
        await session.rollback()


async def names(session):
    return await session.query(Author).order_by("name").values_list("name", flat=True)


async def test_rollback_of_a_savepoint_undoes_rows_and_objects_since(session):
    session.add(Author(name="kept"))
    savepoint = await session.begin_nested()
    assert session.in_transaction()
    lost = Author(name="lost")
    session.add(lost)
    assert await names(session) == ["kept", "lost"]
    await savepoint.rollback()
    assert lost not in session
    assert await names(session) == ["kept"]
    await session.commit()
    assert await names(session) == ["kept"]


async def test_commit_of_a_savepoint_keeps_it_for_the_transaction(session):
    savepoint = await session.begin_nested()
    session.add(Author(name="kept"))
    await savepoint.commit()
    assert session.in_transaction()
    await session.rollback()
    assert await names(session) == []
    savepoint = await session.begin_nested()
    session.add(Author(name="kept"))
    await savepoint.commit()
    await session.commit()
    assert await names(session) == ["kept"]


async def test_savepoint_takes_those_inside_of_it_along(session):
    outer = await session.begin_nested()
    session.add(Author(name="a"))
    middle = await session.begin_nested()
    session.add(Author(name="b"))
    inner = await session.begin_nested()
    session.add(Author(name="c"))
    await middle.rollback()
    assert await names(session) == ["a"]
    again = await session.begin_nested()
    session.add(Author(name="d"))
    for gone in (middle, inner):
        with pytest.raises(InvalidRequestError, match="has ended"):
            await gone.commit()
    await outer.commit()
    for gone in (again, outer):
        with pytest.raises(InvalidRequestError, match="has ended"):
            await gone.rollback()
    await session.commit()
    assert await names(session) == ["a", "d"]


@pytest.mark.parametrize("end", ["commit", "rollback"])
async def test_end_of_the_transaction_ends_its_savepoints(session, end):
    savepoint = await session.begin_nested()
    session.add(Author(name="a"))
    await session.begin_nested()
    await session.flush()
    await getattr(session, end)()
    assert not session.in_transaction()
    with pytest.raises(InvalidRequestError, match="has ended with what is around it"):
        await savepoint.rollback()
    assert await names(session) == (["a"] if end == "commit" else [])


async def test_blocks_and_savepoints_end_from_the_inside(session):
    async with session.begin():
        async with session.begin_nested():
            session.add(Author(name="a"))
            savepoint = await session.begin_nested()
            session.add(Author(name="b"))
        with pytest.raises(InvalidRequestError, match="has ended with what is around it"):
            await savepoint.rollback()
        savepoint = await session.begin_nested()
        async with session.begin_nested():
            with pytest.raises(InvalidRequestError, match="in which a block is open"):
                await savepoint.rollback()
            session.add(Author(name="c"))
        await savepoint.rollback()
    assert await names(session) == ["a", "b"]


async def test_savepoint_brings_a_failed_transaction_back(session):
    await session.insert(Author(name="a"))
    async with session.begin():
        session.add(Author(name="b"))
        savepoint = await session.begin_nested()
        session.add(Author(name="a"))
        with pytest.raises(UniqueViolation):
            await savepoint.commit()
        assert await names(session) == ["a", "b"]
        session.add(Author(name="c"))
    assert await names(session) == ["a", "b", "c"]


async def test_awaited_savepoint_may_be_entered(session):
    async with await session.begin_nested() as nested:
        session.add(Author(name="a"))
        assert nested.session is session
    with pytest.raises(LookupError):
        async with await session.begin_nested():
            session.add(Author(name="b"))
            raise LookupError
    savepoint = await session.begin_nested()
    async with savepoint:
        with pytest.raises(InvalidRequestError, match="a block ends by itself"):
            await savepoint.commit()
    await session.commit()
    assert await names(session) == ["a"]


async def test_listeners_and_callbacks_hear_of_awaited_savepoints(session):
    heard = []
    event.listen(session, "before_flush", lambda *_: heard.append("flush"))
    session.on_commit(lambda: heard.append("kept"))
    session.add(Author(name="a"))
    savepoint = await session.begin_nested()
    session.on_commit(lambda: heard.append("undone"))
    session.add(Author(name="b", books=[Book(title="of b")]))
    await savepoint.rollback()
    await session.commit()
    assert heard == ["flush", "kept"]


async def test_session_names_what_it_was_made_on(engine, session):
    assert session.bind is engine
    assert session.get_bind() is engine
    async with engine.connect() as connection:
        assert AsyncSession(connection).bind is connection
