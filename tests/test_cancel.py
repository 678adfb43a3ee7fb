"""A task cancelled at any point of a query, a flush or a commit leaves the pool whole and nothing half done."""

import asyncio

import pytest
from library import Author, Base

from ormkit import AsyncSession, InvalidRequestError, create_engine

STEPS = [*range(24), 40, 80, 160]


@pytest.fixture
async def db(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert(Author(name="Ann"))
    return engine


async def cancel_after(steps, work):
    """Runs `work` in a task that is cancelled after so many turns of the loop; True when it was cancelled."""
    task = asyncio.create_task(work)
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return True
    return False


async def check_whole(engine):
    """Every connection of the pool can be had at once and answers its own query."""

    async def ask(number):
        async with AsyncSession(engine) as session, session.begin():
            assert (await engine.execute(f"SELECT {number}")).scalar() == number
            return await session.query(Author).filter(name="Ann").count()

    assert await asyncio.gather(*(ask(number) for number in range(3))) == [1, 1, 1]


@pytest.mark.parametrize("steps", STEPS)
async def test_query_cancelled_at_any_point(db, steps):
    async def work():
        async with AsyncSession(db) as session:
            await session.query(Author).all()

    await cancel_after(steps, work())
    await check_whole(db)


@pytest.mark.parametrize("steps", STEPS)
async def test_flush_cancelled_at_any_point_can_be_tried_again(db, steps):
    async with AsyncSession(db) as session:
        author = Author(name="Bea")

        async def work():
            session.add(author)
            await session.flush()

        await cancel_after(steps, work())
        await session.rollback()
        session.add(author)
        await session.commit()
    assert (await db.execute("SELECT count(*) FROM authors WHERE name = 'Bea'")).scalar() == 1
    await check_whole(db)


@pytest.mark.parametrize("steps", STEPS)
async def test_commit_cancelled_at_any_point_writes_once_or_not_at_all(db, steps):
    async def work():
        async with AsyncSession(db) as session:
            session.add_all([Author(name="Bea"), Author(name="Cid")])
            await session.commit()

    await cancel_after(steps, work())
    await check_whole(db)
    assert (await db.execute("SELECT count(*) FROM authors")).scalar() in (1, 3)


@pytest.mark.parametrize("steps", STEPS)
async def test_block_cancelled_at_any_point_is_all_or_nothing(db, steps):
    async def work():
        async with AsyncSession(db) as session, session.begin():
            await session.insert(Author(name="Bea"))
            await session.insert(Author(name="Cid"))

    await cancel_after(steps, work())
    await check_whole(db)
    assert (await db.execute("SELECT count(*) FROM authors")).scalar() in (1, 3)


@pytest.mark.parametrize("verb", ["commit", "insert"])
@pytest.mark.parametrize("steps", STEPS)
async def test_object_whose_insert_was_cancelled_is_never_lost_in_silence(db, steps, verb):
    """Written, or written when it is added again, or refused because nobody knows: never taken in and forgotten."""
    author = Author(name="Bea")
    async with AsyncSession(db) as session:

        async def work():
            if verb == "insert":
                await session.insert(author)
            else:
                session.add(author)
                await session.commit()

        if await cancel_after(steps, work()):
            await session.rollback()
            try:
                session.add(author)
            except InvalidRequestError as error:
                said = str(error)
            else:
                said = None
                await session.commit()
            if said is not None:
                assert "an interrupted write of it may have been kept or not" in said
                assert author not in session
            else:
                assert (await db.execute("SELECT id FROM authors WHERE name = 'Bea'")).scalars() == [author.id]
    await check_whole(db)


@pytest.mark.parametrize("steps", STEPS)
async def test_verb_cancelled_at_any_point_writes_once_or_not_at_all(db, steps):
    async with AsyncSession(db) as session:
        author = Author(name="Bea")
        await cancel_after(steps, session.insert(author))
        await session.rollback()
        assert await session.query(Author).filter(name="Ann").count() == 1
    await check_whole(db)
    assert (await db.execute("SELECT count(*) FROM authors WHERE name = 'Bea'")).scalar() in (0, 1)


SLOW = {
    "postgresql": "SELECT count(*) FROM pg_sleep(30)",
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
}


async def test_long_statement_is_stopped_in_the_database(db):
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(db.execute(SLOW[db.dialect]), 0.2)
    await asyncio.wait_for(check_whole(db), 10)


async def test_nobody_waits_behind_a_cancelled_statement(url):
    async with create_engine(url, max_connections=1) as engine:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(engine.execute(SLOW[engine.dialect]), 0.1)
        assert (await asyncio.wait_for(engine.execute("SELECT 1"), 10)).scalar() == 1
