"""Sessions inside a connection's transaction, and the connection of a session's transaction, on both databases."""

import asyncio
import gc

import pytest
from library import Author, Base, Book

from ormkit import (
    AsyncSession,
    DatabaseError,
    InvalidRequestError,
    NotLoadedError,
    NotSupportedError,
    PendingRollbackError,
    UncommittedWarning,
    UniqueViolation,
    async_sessionmaker,
    select,
    session_context,
)
from ormkit.testing import ormkit_session, rolled_back_session

__all__ = ["ormkit_session"]


@pytest.fixture
async def db(engine):
    await Base.metadata.create_all(engine)
    return engine


@pytest.fixture
async def ormkit_engine(db):
    return db


async def names(on):
    return (await on.execute("SELECT name FROM authors ORDER BY name")).column("name")


async def test_commit_of_the_session_leaves_its_work_to_the_connection(db):
    async with db.connect() as connection:
        async with AsyncSession(bind=connection) as session:
            session.add(Author(name="Ann"))
            await session.commit()
            session.add(Author(name="Bob"))
            await session.commit()
            assert await names(connection) == ["Ann", "Bob"]
        await connection.rollback()
    assert await names(db) == []


async def test_what_the_connection_commits_is_kept(db):
    async with db.begin() as connection, AsyncSession(connection) as session:
        session.add(Author(name="Ann", books=[Book(title="Notes")]))
        await session.commit()
    assert await names(db) == ["Ann"]


async def test_rollback_of_the_session_undoes_its_own_work_and_no_more(db):
    async with db.begin() as connection:
        await connection.execute("INSERT INTO authors (name) VALUES ('Ann')")
        async with AsyncSession(connection) as session:
            bob = Author(name="Bob")
            session.add(bob)
            await session.flush()
            await session.rollback()
            assert bob.id is None
            await session.insert(Author(name="Cleo"))
    assert await names(db) == ["Ann", "Cleo"]


async def test_session_that_ends_without_commit_undoes_its_work(db):
    async with db.begin() as connection:
        session = AsyncSession(connection)
        session.add(Author(name="Ann"))
        await session.flush()
        await session.reset()
        await connection.execute("INSERT INTO authors (name) VALUES ('Bob')")
    assert await names(db) == ["Bob"]


async def test_failed_flush_is_undone_and_the_session_goes_on(db):
    async with db.begin() as connection, AsyncSession(connection) as session:
        await session.insert(Author(name="Ann"))
        session.add(Author(name="Ann"))
        with pytest.raises(UniqueViolation):
            await session.commit()
        with pytest.raises(PendingRollbackError):
            await session.query(Author).all()
        await session.rollback()
        session.add(Author(name="Bob"))
        await session.commit()
    assert await names(db) == ["Ann", "Bob"]


async def test_failed_verb_leaves_the_transaction_as_it_was(db):
    async with db.begin() as connection, AsyncSession(connection) as session:
        await session.insert(Author(name="Ann"))
        with pytest.raises(UniqueViolation):
            await session.insert(Author(name="Ann"))
        assert await session.query(Author).count() == 1
    assert await names(db) == ["Ann"]


async def test_rollback_goes_behind_savepoints_that_the_session_has_released(db):
    """Its savepoints have other names than the connection's: ROLLBACK TO would find the inner one."""
    async with db.begin() as connection, AsyncSession(connection) as session:
        session.add(Author(name="Ann"))
        await session.flush()
        async with session.begin_nested():
            session.add(Author(name="Bob"))
        await session.rollback()
        await session.insert(Author(name="Cleo"))
    assert await names(db) == ["Cleo"]


async def test_nested_blocks_of_the_session_are_savepoints_inside_of_its_own(db):
    async with db.begin() as connection, AsyncSession(connection) as session:
        async with session.begin():
            session.add(Author(name="Ann"))
            with pytest.raises(UniqueViolation):
                async with session.begin_nested():
                    session.add(Author(name="Ann"))
            session.add(Author(name="Bob"))
    assert await names(db) == ["Ann", "Bob"]


async def test_stream_of_the_session_reads_inside_the_connections_transaction(db):
    async with db.connect() as connection, AsyncSession(connection) as session:
        await session.insert_all([Author(name=str(number)) for number in range(25)])
        assert [author.name async for author in session.query(Author).order_by("id").stream(batch_size=4)] == [
            str(number) for number in range(25)
        ]
        async with session.begin():
            stream = session.stream(select(Author).order_by(Author.id))
            other = connection.stream("SELECT id FROM authors ORDER BY id", batch_size=3)
            pairs = [(row[0].id, plain["id"]) async for row, plain in zipped(await stream, other)]
            assert pairs == [(number, number) for number in range(1, 26)]
            await session.insert(Author(name="last"))


async def zipped(first, second):
    second = second.__aiter__()
    async for item in first:
        yield item, (await second.__anext__())


async def test_two_sessions_of_one_connection_end_in_order(db):
    async with db.connect() as connection:
        first, second = AsyncSession(connection), AsyncSession(connection)
        first.add(Author(name="Ann"))
        await first.flush()
        second.add(Author(name="Bob"))
        await second.flush()
        with pytest.raises(InvalidRequestError, match="began later"):
            async with first.begin_nested():
                first.add(Author(name="Cleo"))
                await first.flush()
        await second.commit()
        assert await names(connection) == ["Ann", "Bob"]
        await first.reset()
        assert await names(connection) == []


async def test_end_of_the_connections_transaction_ends_the_sessions(db):
    async with db.connect() as connection, AsyncSession(connection) as session:
        session.add(Author(name="Ann"))
        await session.flush()
        await connection.rollback()
        with pytest.raises(InvalidRequestError, match="has ended"):
            await session.query(Author).all()
        await session.rollback()
        await session.insert(Author(name="Bob"))
        await connection.commit()
    assert await names(db) == ["Bob"]


async def test_session_dropped_with_work_open_keeps_nothing(db):
    async with db.begin() as connection:
        session = AsyncSession(connection)
        session.add(Author(name="Ann"))
        await session.flush()
        with pytest.warns(UncommittedWarning, match="dropped without close"):
            del session
            gc.collect()
        await asyncio.sleep(0.05)
        await connection.execute("INSERT INTO authors (name) VALUES ('Bob')")
    assert await names(db) == ["Bob"]


async def test_cancelled_statement_of_the_session_breaks_the_connections_transaction(db):
    async with db.connect() as connection, AsyncSession(connection) as session:
        await session.insert(Author(name="Ann"))
        slow = (
            "SELECT pg_sleep(30)"
            if db.is_postgres()
            else (
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000000) SELECT count(*) FROM n"
            )
        )
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(session.execute_raw(slow), 0.1)
        with pytest.raises(PendingRollbackError):
            await connection.execute("SELECT 1")
        await session.rollback()
        await connection.rollback()
    assert await names(db) == []


async def test_makers_and_contexts_take_connections(db):
    async with db.begin() as connection:
        async with session_context(connection) as session:
            session.add(Author(name="Ann"))
        async with async_sessionmaker(connection, autoflush=False).begin() as session:
            session.add(Author(name="Bob"))
    assert await names(db) == ["Ann", "Bob"]


async def test_isolation_is_chosen_where_the_connections_transaction_begins(db):
    async with db.connect() as connection:
        with pytest.raises(NotSupportedError, match="isolation level"):
            AsyncSession(connection, isolation="serializable")
        with pytest.raises(NotSupportedError, match="isolation level"):
            async_sessionmaker(connection, isolation="serializable")
        with pytest.raises(TypeError, match="an engine or a connection, not str"):
            AsyncSession("sqlite://")


async def test_reading_session_writes_nothing(db):
    async with db.begin() as connection:
        async with AsyncSession(connection, read_only=True) as session:
            with pytest.raises(InvalidRequestError):
                await session.insert(Author(name="Ann"))
            async with session.begin():
                assert await session.query(Author).all() == []
            with pytest.raises(DatabaseError):
                async with session.begin():
                    await session.connection().execute("INSERT INTO authors (name) VALUES ('Ann')")
        await connection.execute("INSERT INTO authors (name) VALUES ('Bob')")
    assert await names(db) == ["Bob"]


async def test_connection_of_a_session_is_its_transaction(db):
    async with AsyncSession(db) as session:
        session.add(Author(name="Ann"))
        await session.flush()
        connection = session.connection()
        await connection.execute("INSERT INTO authors (name) VALUES ('Bob')")
        assert await names(connection) == ["Ann", "Bob"]
        assert session.in_transaction() and connection.in_transaction()
        await session.rollback()
        await (await session.connection()).execute("INSERT INTO authors (name) VALUES ('Cleo')")
        await session.commit()
    assert await names(db) == ["Cleo"]


async def test_connection_of_a_session_makes_tables(engine):
    async with AsyncSession(engine) as session:
        await session.connection().run_sync(Base.metadata.create_all)
        await session.insert(Author(name="Ann"))
        await Base.metadata.drop_all(session.connection())
        await session.rollback()
    assert await engine.get_tables() == []


async def test_ends_of_a_sessions_transaction_are_the_sessions(db):
    async with AsyncSession(db) as session:
        connection = session.connection()
        for refused in (connection.commit, connection.rollback, connection.begin, connection.begin_nested):
            with pytest.raises(InvalidRequestError, match="on the session"):
                refused()
        async with connection:
            await connection.execute("SELECT 1")
        await connection.close()
        await connection.execute("SELECT 1")
        await session.rollback()


async def test_failed_statement_on_a_sessions_connection_waits_for_the_sessions_rollback(db):
    async with AsyncSession(db) as session:
        await session.insert(Author(name="Ann"))
        with pytest.raises(UniqueViolation):
            await session.connection().execute("INSERT INTO authors (name) VALUES ('Ann')")
        with pytest.raises(PendingRollbackError):
            await session.query(Author).all()
        await session.rollback()
        assert await session.query(Author).count() == 1


async def test_rollback_unloads_what_sql_on_the_connection_may_have_changed(db):
    async with AsyncSession(db) as session:
        ann = await session.insert(Author(name="Ann"))
        await session.connection().execute("UPDATE authors SET name = 'Bob'")
        await session.refresh(ann)
        assert ann.name == "Bob"
        await session.rollback()
        with pytest.raises(NotLoadedError):
            _ = ann.name
        await session.refresh(ann)
        assert ann.name == "Ann"


async def test_session_on_the_connection_of_a_session(db):
    async with AsyncSession(db) as outer:
        outer.add(Author(name="Ann"))
        await outer.flush()
        async with AsyncSession(outer.connection()) as inner:
            assert await inner.query(Author).count() == 1
            inner.add(Author(name="Bob"))
            await inner.flush()
            async with inner.begin_nested():
                inner.add(Author(name="Cleo"))
            await inner.rollback()
            await inner.insert(Author(name="Dora"))
        await outer.commit()
    assert await names(db) == ["Ann", "Dora"]


async def test_fixture_undoes_what_a_test_commits(ormkit_session, db):
    ormkit_session.add(Author(name="Ann"))
    await ormkit_session.commit()
    assert await ormkit_session.query(Author).count() == 1
    async with AsyncSession(db) as other:
        assert await other.query(Author).count() == 0


async def test_rolled_back_session_leaves_nothing_and_warns_of_nothing(db):
    async with rolled_back_session(db) as session:
        session.add(Author(name="Ann"))
        await session.commit()
        session.add(Author(name="Bob"))
    with pytest.raises(UniqueViolation):
        async with rolled_back_session(db) as session:
            await session.insert_all([Author(name="Ann"), Author(name="Ann")])
    assert await names(db) == []
