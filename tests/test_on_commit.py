"""Callbacks after COMMIT, functions that are tried again, and errors of an autoflush, on both databases."""

import asyncio

import pytest
from library import Author, Base, Book

from ormkit import (
    AsyncSession,
    InvalidRequestError,
    PendingRollbackError,
    SerializationFailure,
    UniqueViolation,
    session_context,
)


@pytest.fixture
async def db(engine):
    await Base.metadata.create_all(engine)
    return engine


async def names(db):
    return [name for (name,) in (await db.execute("SELECT name FROM authors ORDER BY name")).tuples()]


async def test_callbacks_run_after_commit_in_the_order_of_asking(db):
    async with AsyncSession(db) as session:
        seen = []

        async def late():
            await asyncio.sleep(0)
            seen.append(await names(db))

        session.on_commit(lambda: seen.append("first"))
        session.on_commit(late)
        session.add(Author(name="Ann"))
        await session.flush()
        assert seen == []
        await session.commit()
        assert seen == ["first", ["Ann"]]
        await session.commit()
        assert len(seen) == 2


async def test_callbacks_wait_for_the_outermost_block(db):
    async with AsyncSession(db) as session:
        seen = []
        async with session.begin() as tx:
            tx.on_commit(lambda: seen.append("outer"))
            async with session.begin() as inner:
                inner.on_commit(lambda: seen.append("kept"))
            async with session.begin_nested() as inner:
                inner.on_commit(lambda: seen.append("undone"))
                await inner.rollback()
            assert seen == []
        assert seen == ["outer", "kept"]
    async with session_context(db) as session:
        session.on_commit(lambda: seen.append("context"))
    assert seen[2:] == ["context"]


async def test_rollback_drops_callbacks(db):
    seen = []
    async with AsyncSession(db) as session:
        session.on_commit(lambda: seen.append(1))
        await session.rollback()
        await session.commit()
        with pytest.raises(ZeroDivisionError):
            async with session.begin() as tx:
                tx.on_commit(lambda: seen.append(2))
                raise ZeroDivisionError
        await session.commit()
        session.on_commit(lambda: seen.append(3))
    assert seen == []


async def test_exception_of_a_callback_comes_out_when_all_were_called(db, monkeypatch):
    unraisable = []
    monkeypatch.setattr("sys.unraisablehook", lambda told: unraisable.append(told.exc_type))
    async with AsyncSession(db) as session:
        seen = []

        async def fail():
            raise KeyError

        author = Author(name="Ann")
        session.add(author)
        session.on_commit(lambda: 1 / 0)
        session.on_commit(fail)
        session.on_commit(lambda: seen.append(author in session))
        with pytest.raises(ZeroDivisionError):
            await session.commit()
        assert (seen, unraisable) == ([True], [KeyError])
        assert not session.in_transaction()
        with pytest.raises(TypeError, match="takes a callable, not int"):
            session.on_commit(1)
    assert await names(db) == ["Ann"]


class Refused(SerializationFailure):
    sqlstate = "40001"


async def test_function_is_tried_again_with_fresh_objects(db):
    async with AsyncSession(db) as session:
        await session.insert(Author(name="Ann"))
        held = await session.get(Author, 1)
        seen, committed = [], []

        async def work(same):
            assert same is session
            author = await session.get(Author, 1)
            seen.append(author)
            author.born = 1900 + len(seen)
            session.on_commit(lambda: committed.append(len(seen)))
            await session.flush()
            if len(seen) < 3:
                raise Refused("another was first")
            return author.born

        assert await session.run(work) == 1903
        assert committed == [3]
        assert seen[0] is held
        assert len({id(author) for author in seen}) == 3
        assert not session.in_transaction()
    assert (await db.execute("SELECT born FROM authors")).scalar() == 1903


async def test_function_that_always_collides_fails_in_the_end(db):
    async with AsyncSession(db) as session:
        tried = []

        async def work(session):
            tried.append(await session.insert(Author(name="Ann")))
            raise Refused

        with pytest.raises(SerializationFailure):
            await session.run(work, retry=1)
        assert len(tried) == 2
        assert await names(db) == []


async def test_other_exceptions_roll_back_and_are_not_retried(db):
    async with AsyncSession(db) as session:
        tried = []

        async def work(session):
            tried.append(await session.insert(Author(name="Ann")))
            with pytest.raises(InvalidRequestError, match="inside a begin"):
                await session.commit()
            raise KeyError

        with pytest.raises(KeyError):
            await session.run(work)
        assert len(tried) == 1
        assert not session.in_transaction()
        with pytest.raises(ValueError, match="retry"):
            session.run(work, retry=-1)
        with pytest.raises(TypeError, match="async function"):
            session.run(1)
        session.add(Author(name="Bea"))
        with pytest.raises(InvalidRequestError, match="without pending objects"):
            await session.run(work)
        session.expunge_all()
    assert await names(db) == []


async def test_two_transactions_that_cannot_both_be_right(postgres_url):
    """Write skew (PostgreSQL 15, 13.2.3): one of the two is tried again by itself."""
    from ormkit import create_engine

    async with create_engine(postgres_url) as db:
        await Base.metadata.create_all(db)
        both = asyncio.Barrier(2) if hasattr(asyncio, "Barrier") else pytest.skip("CPython 3.10 has no barrier")
        tries = []

        async def add(name):
            async with AsyncSession(db) as session:

                async def work(session):
                    tries.append(name)
                    count = await session.query(Author).count()
                    if len(tries) <= 2:
                        await both.wait()
                    await session.insert(Author(name=f"{name}{count}"))

                await session.run(work, isolation="serializable")

        await asyncio.gather(add("a"), add("b"))
        assert len(tries) == 3
        assert sorted(name[1:] for name in await names(db)) == ["0", "1"]


async def test_autoflush_says_what_it_wrote_and_what_it_came_before(db):
    async with AsyncSession(db) as session:
        await session.insert(Author(name="Ann"))
        session.add(Author(name="Ann"))
        with pytest.raises(
            UniqueViolation, match=r"inserting one Author; .*autoflush before a query of Book: .*no_autoflush"
        ):
            await session.query(Book).all()
        with pytest.raises(PendingRollbackError):
            await session.query(Book).all()
        await session.rollback()
        session.add(Author(id=7, name="Ann"))
        with pytest.raises(UniqueViolation, match=r"inserting Author id=7; .*autoflush before a query of Book"):
            await session.query(Book).all()
        await session.rollback()
        session.add_all([Author(id=place, name="x") for place in range(7, 14)])
        with pytest.raises(UniqueViolation, match=r"inserting 7 Author objects \(id=7, id=8, id=9, id=10, id=11, …\)"):
            await session.query(Book).all()
        await session.rollback()
        session.add_all([Author(name="x"), Author(name="x")])
        with pytest.raises(UniqueViolation, match=r"inserting 2 Author objects.*autoflush before get\(Book\)"):
            await session.get(Book, 1)
        await session.rollback()
