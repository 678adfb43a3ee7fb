"""Modes of transactions: isolation, read-only, deferrable, on both databases."""

import asyncio

import pytest
from library import Author, Base

from ormkit import (
    AsyncSession,
    InvalidRequestError,
    SerializationFailure,
    async_sessionmaker,
    create_engine,
    create_session,
    func,
    select,
    session_context,
)


@pytest.fixture
async def db(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert(Author(name="Ann"))
    return engine


async def count(db):
    return (await db.execute("SELECT count(*) FROM authors")).scalar()


async def level(session):
    return await session.scalar(select(func.current_setting("transaction_isolation")))


async def insert(db, name):
    async with AsyncSession(db) as session:
        await session.insert(Author(name=name))


async def test_read_only_transaction_sees_one_state_and_holds_up_nobody(db):
    async with AsyncSession(db) as session:
        async with session.begin(isolation="repeatable read", read_only=True):
            assert await session.query(Author).count() == 1
            await asyncio.wait_for(insert(db, "Bea"), 4)
            assert await session.query(Author).count() == 1
            assert [author.name for author in await session.query(Author).all()] == ["Ann"]
        assert await session.query(Author).count() == 2


@pytest.mark.parametrize("spelling", ["serializable", "SERIALIZABLE", "Serializable"])
async def test_level_is_the_transactions(db, spelling):
    async with AsyncSession(db) as session:
        async with session.begin(isolation=spelling):
            if db.is_postgres():
                assert await level(session) == "serializable"
            session.add(Author(name="Bea"))
        if db.is_postgres():
            assert await level(session) == "read committed"
    assert await count(db) == 2


async def test_read_committed_sees_what_others_commit(db):
    async with AsyncSession(db) as session:
        async with session.begin(isolation="read_committed", read_only=True):
            assert await session.query(Author).count() == 1
            await insert(db, "Bea")
            # SQLite has nothing less than serializable.
            assert await session.query(Author).count() == (2 if db.is_postgres() else 1)


async def test_read_only_transaction_refuses_writes_before_anything_is_sent(db):
    async with AsyncSession(db) as session:
        with pytest.raises(InvalidRequestError, match="this transaction is read-only"):
            async with session.begin(read_only=True) as transaction:
                assert await session.query(Author).count() == 1
                transaction.add(Author(name="Bea"))
        author = await session.query(Author).one()
        async with session.begin(read_only=True) as transaction:
            with pytest.raises(InvalidRequestError, match="this transaction is read-only"):
                await session.update(author, name="Cid")
            await transaction.rollback()
        assert author.name == "Ann"
        await session.insert(Author(name="Dan"))
    assert await count(db) == 2


async def test_read_only_session_writes_nothing(db):
    async with AsyncSession(db, read_only=True) as session:
        author = await session.query(Author).one()
        for write in (session.insert(Author(name="Bea")), session.update(author, name="Cid"), session.remove(author)):
            with pytest.raises(InvalidRequestError, match="this session is read-only"):
                await write
        assert author.name == "Ann"
        assert not session.in_transaction()
        session.add(Author(name="Bea"))
        with pytest.raises(InvalidRequestError, match="is read-only"):
            await session.commit()
        await session.rollback()
        async with session.begin():
            if db.is_postgres():
                assert await session.scalar(select(func.current_setting("transaction_read_only"))) == "on"
    assert await count(db) == 1


async def test_session_with_a_level_reads_inside_of_a_transaction(db):
    async with AsyncSession(db, isolation="repeatable read", read_only=True) as session:
        assert not session.in_transaction()
        assert await session.query(Author).count() == 1
        assert session.in_transaction()
        await insert(db, "Bea")
        assert await session.query(Author).filter(name="Bea").exists() is False
        assert await session.get(Author, 2) is None
        await session.commit()
        assert not session.in_transaction()
        assert (await session.get(Author, 2)).name == "Bea"
        assert session.in_transaction()


@pytest.mark.parametrize("make", [AsyncSession, create_session, lambda db, **kw: async_sessionmaker(db, **kw)()])
async def test_level_of_a_session_is_that_of_its_blocks(db, make):
    async with make(db, isolation="serializable") as session:
        async with session.begin():
            if db.is_postgres():
                assert await level(session) == "serializable"
            session.add(Author(name="Bea"))
        async with session.begin(isolation="repeatable read"):
            if db.is_postgres():
                assert await level(session) == "repeatable read"
    assert await count(db) == 2


async def test_session_context_takes_a_mode(db):
    async with session_context(db, isolation="serializable", read_only=True) as session:
        assert await session.query(Author).count() == 1
        if db.is_postgres():
            assert await level(session) == "serializable"


async def test_deferrable_transaction(db):
    async with AsyncSession(db) as session:
        async with session.begin(isolation="serializable", read_only=True, deferrable=True):
            if db.is_postgres():
                assert await session.scalar(select(func.current_setting("transaction_deferrable"))) == "on"
            assert await session.query(Author).count() == 1


async def test_mode_that_makes_no_sense_is_refused(db):
    session = AsyncSession(db)
    with pytest.raises(InvalidRequestError, match=r'unknown isolation level "snapshot".*"repeatable read"'):
        session.begin(isolation="snapshot")
    with pytest.raises(InvalidRequestError, match="AUTOCOMMIT.*begin none"):
        AsyncSession(db, isolation="AUTOCOMMIT")
    with pytest.raises(InvalidRequestError, match=r"deferrable=True is for transactions"):
        session.begin(deferrable=True)
    with pytest.raises(InvalidRequestError, match=r"deferrable=True is for transactions"):
        session.begin(isolation="serializable", deferrable=True)
    assert not session.in_transaction()


async def test_mode_of_an_open_transaction_cannot_be_changed(db):
    async with AsyncSession(db) as session:
        async with session.begin():
            with pytest.raises(InvalidRequestError, match="a transaction is open already, and keeps its mode"):
                async with session.begin(isolation="serializable"):
                    raise AssertionError
            session.add(Author(name="Bea"))
    assert await count(db) == 2


async def test_serializable_transactions_that_contradict_fail_with_their_sqlstate(postgres_url):
    async with create_engine(postgres_url) as db:
        await Base.metadata.create_all(db)
        first, second = AsyncSession(db), AsyncSession(db)
        with pytest.raises(SerializationFailure) as caught:
            async with first.begin(isolation="serializable"):
                async with second.begin(isolation="serializable"):
                    assert await first.query(Author).count() + await second.query(Author).count() == 0
                    first.add(Author(name="Ann"))
                    second.add(Author(name="Bea"))
        assert caught.value.sqlstate == "40001"
        await first.close()
        await second.close()
        assert await count(db) == 1


@pytest.mark.parametrize("statement", ["INSERT INTO authors (name) VALUES ('x')", "DROP TABLE books"])
async def test_cancelled_read_only_transaction_gives_its_connection_back(db, statement):
    async def read():
        async with AsyncSession(db) as session, session.begin(read_only=True):
            await session.query(Author).count()
            await asyncio.sleep(60)

    tasks = [asyncio.create_task(read()) for _ in range(5)]
    await asyncio.sleep(0.05)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await db.execute(statement)  # nobody is in the way, and no connection is read-only
