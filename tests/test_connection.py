"""One connection for a block: `engine.connect()`, `begin()`, `transaction()`, and `execute_many`, on both databases."""

import asyncio

import pytest
from library import Author, Base

from ormkit import (
    ConcurrentSessionUse,
    InterfaceError,
    InvalidRequestError,
    PendingRollbackError,
    UniqueViolation,
    create_engine,
    insert,
    select,
    text,
    update,
)


@pytest.fixture
async def db(engine):
    await Base.metadata.create_all(engine)
    return engine


async def names(db):
    return (await db.execute("SELECT name FROM authors ORDER BY name")).scalars()


ADD = "INSERT INTO authors (name) VALUES (:name)"


async def test_what_was_committed_stays_and_the_rest_is_rolled_back(db):
    async with db.connect() as connection:
        await connection.execute(ADD, {"name": "Ann"})
        assert connection.in_transaction()
        assert await names(db) == []
        await connection.commit()
        assert not connection.in_transaction()
        assert await names(db) == ["Ann"]
        await connection.execute(ADD, {"name": "Bea"})
        await connection.rollback()
        await connection.execute(ADD, {"name": "Cid"})
    assert await names(db) == ["Ann"]
    assert db.status().in_use == 0


@pytest.mark.parametrize("way", ["begin", "transaction", "awaited"])
async def test_block_of_begin_commits_or_rolls_back(db, way):
    def opened():
        return db.begin() if way == "begin" else db.transaction()

    async with await opened() if way == "awaited" else opened() as connection:
        await connection.execute(ADD, {"name": "Ann"})
        with pytest.raises(InvalidRequestError, match="its end commits"):
            await connection.commit()
        with pytest.raises(InvalidRequestError, match="an exception rolls back"):
            await connection.rollback()
    with pytest.raises(KeyError):
        async with await opened() if way == "awaited" else opened() as connection:
            await connection.execute(ADD, {"name": "Bea"})
            raise KeyError
    assert await names(db) == ["Ann"]
    assert db.status().in_use == 0


async def test_inner_block_is_a_savepoint(db):
    async with db.begin() as connection:
        await connection.execute(ADD, {"name": "Ann"})
        with pytest.raises(UniqueViolation):
            async with connection.begin():
                await connection.execute(ADD, {"name": "Bea"})
                await connection.execute(ADD, {"name": "Ann"})
        async with connection.begin_nested() as same:
            assert same is connection
            await same.execute(ADD, {"name": "Cid"})
    assert await names(db) == ["Ann", "Cid"]


async def test_block_on_a_connection_is_a_transaction(db):
    async with db.connect() as connection:
        async with connection.begin():
            await connection.execute(ADD, {"name": "Ann"})
        assert not connection.in_transaction()
        with pytest.raises(KeyError):
            async with connection.begin():
                await connection.execute(ADD, {"name": "Bea"})
                raise KeyError
        assert (await connection.execute("SELECT count(*) FROM authors")).scalar() == 1
    assert await names(db) == ["Ann"]


async def test_failed_statement_asks_for_a_rollback(db):
    async with db.connect() as connection:
        await connection.execute(ADD, {"name": "Ann"})
        with pytest.raises(UniqueViolation) as caught:
            await connection.execute(ADD, {"name": "Ann"})
        assert caught.value.constraint_name == "uq_authors_name"
        for refused in (connection.execute("SELECT 1"), connection.commit()):
            with pytest.raises(PendingRollbackError):
                await refused
        await connection.rollback()
        assert (await connection.execute("SELECT 1 AS one")).all() == [{"one": 1}]
    assert await names(db) == []


async def test_statements_and_text_run_as_sql_does(db):
    async with db.begin() as connection:
        await connection.execute(insert(Author).values(name="Ann", born=1900))
        await connection.execute(update(Author).where(Author.name == "Ann").values(born=1901))
        found = await connection.execute(select(Author.name, Author.born).where(Author.born > 1900))
        assert found.tuples() == [("Ann", 1901)]
        found = await connection.execute(text("SELECT name FROM authors WHERE born = :born"), {"born": 1901})
        assert found.scalars() == ["Ann"]
        with pytest.raises(TypeError, match=r"execute\(\) takes SQL, text\(\) or a statement, not int"):
            await connection.execute(1)
        with pytest.raises(TypeError, match="a dict by their names"):
            await connection.execute(select(Author.name), [1])


async def test_session_of_the_connection_is_kept_and_is_gone_afterwards(postgres_url):
    async with create_engine(postgres_url, max_connections=1) as db:
        async with db.connect() as connection:
            await connection.execute("SET application_name = 'mine'")
            await connection.execute("CREATE TEMPORARY TABLE scratch (a int)")
            await connection.commit()
            assert (await connection.execute("SHOW application_name")).scalar() == "mine"
            assert (await connection.execute("SELECT count(*) FROM scratch")).scalar() == 0
        for _ in range(100):
            if not db.status().draining:
                break
            await asyncio.sleep(0.01)
        assert (await db.execute("SHOW application_name")).scalar() != "mine"
        assert (await db.execute("SELECT to_regclass('scratch')::text")).scalar() is None


async def test_tables_are_created_on_a_connection_too(engine):
    async with engine.connect() as connection:
        await Base.metadata.create_all(connection)
        await connection.rollback()
        await connection.run_sync(Base.metadata.create_all)
        await connection.commit()
        assert await connection.run_sync(lambda connection, a, b: a + b, 1, b=2) == 3
    assert await names(engine) == []
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
    async with engine.begin() as connection:
        await Base.metadata.create_all(connection)
    with pytest.raises(TypeError, match="takes an engine or a connection, not int"):
        await Base.metadata.create_all(1)


async def test_closed_connection_refuses(db):
    connection = await db.connect()
    await connection.execute(ADD, {"name": "Ann"})
    assert db.status().in_use == 1
    await connection.close()
    await connection.close()
    assert (db.status().in_use, await names(db)) == (0, [])
    with pytest.raises(InterfaceError, match="lost, given up with a cancelled statement, or closed"):
        await connection.execute("SELECT 1")


async def test_two_tasks_on_one_connection_are_refused_by_name(postgres_url):
    async with create_engine(postgres_url) as db, db.connect() as connection:
        tasks = [asyncio.create_task(connection.execute("SELECT pg_sleep(0.05)"), name=f"task-{n}") for n in range(2)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        [error] = [result for result in results if isinstance(result, ConcurrentSessionUse)]
        assert "this connection is in use by task" in str(error)
        assert "task-0" in str(error) and "task-1" in str(error)


@pytest.mark.parametrize("steps", range(6))
async def test_cancelled_statement_gives_the_connection_up(db, steps):
    async with db.connect() as connection:

        async def work():
            for n in range(3):
                await connection.execute(ADD, {"name": f"n{n}"})
                await asyncio.sleep(0)
            await connection.commit()

        task = asyncio.create_task(work())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert len(await names(db)) in (0, 3)
    for _ in range(100):
        if not (db.status().in_use or db.status().draining):
            break
        await asyncio.sleep(0.01)
    assert (db.status().in_use, db.status().draining) == (0, 0)


async def test_holder_is_named_while_a_transaction_is_open(db):
    asyncio.current_task().set_name("import")
    async with db.begin() as connection:
        await connection.execute("SELECT 1")
        [holder] = db.status().holders
        assert (holder.name, holder.last_statement) == ('task "import"', "SELECT 1")


async def test_execute_many_is_all_or_nothing(db):
    assert await db.execute_many(ADD, [{"name": f"n{n}"} for n in range(100)]) == 100
    assert len(await names(db)) == 100
    with pytest.raises(UniqueViolation):
        await db.execute_many(ADD, [{"name": "new"}, {"name": "n5"}, {"name": "newer"}])
    assert len(await names(db)) == 100
    assert await db.execute_many(ADD, []) == 0
    placeholder = "$1" if db.is_postgres() else "?"
    sql = f"UPDATE authors SET born = 1 WHERE name < {placeholder}"
    assert await db.execute_many(sql, ([name] for name in ("n1", "n2"))) == 1 + 12
    assert await db.execute_many(f"DELETE FROM authors WHERE name = {placeholder}", [("n1",), ("none",)]) == 1
