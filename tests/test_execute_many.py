"""`execute_many`: a statement for each set of values, in one flight, of an engine and of a connection."""

from __future__ import annotations

import pytest

import ormkit


@pytest.fixture
async def table(engine):
    await engine.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT UNIQUE)")
    return engine


INSERT = "INSERT INTO t (id, a) VALUES (:id, :a)"


async def rows(engine):
    return (await engine.execute("SELECT id, a FROM t ORDER BY id")).tuples()


async def test_rows_of_all_runs_come_in_the_order_of_the_values(table):
    values = [{"id": number, "a": f"row {number}"} for number in reversed(range(500))]
    result = await table.execute_many(f"{INSERT} RETURNING a, id", values, returning=True)
    assert result.column_names() == ["a", "id"]
    assert result.tuples() == [(each["a"], each["id"]) for each in values]
    assert result.rowcount == 500


async def test_runs_may_return_none_or_several_rows(table):
    await table.execute_many(INSERT, [{"id": number, "a": str(number)} for number in range(6)])
    sql = "DELETE FROM t WHERE id % 3 = :rest RETURNING id"
    result = await table.execute_many(sql, [{"rest": 7}, {"rest": 0}, {"rest": 0}, {"rest": 1}], returning=True)
    assert [sorted(result.scalars()[:2]), sorted(result.scalars()[2:])] == [[0, 3], [1, 4]]
    assert result.rowcount == 4


async def test_count_is_the_answer_unless_rows_are_asked_for(table):
    values = [{"id": 1, "a": "x"}, {"id": 2, "a": "y"}]
    assert await table.execute_many(f"{INSERT} RETURNING id", values) == 2
    assert await table.execute_many(INSERT, []) == 0
    nothing = await table.execute_many(INSERT, [], returning=True)
    assert (nothing.tuples(), nothing.rowcount) == ([], 0)


async def test_all_or_nothing(table):
    with pytest.raises(ormkit.UniqueViolation):
        await table.execute_many(INSERT, [{"id": 1, "a": "x"}, {"id": 2, "a": "x"}], returning=True)
    assert await rows(table) == []


async def test_connection_runs_it_inside_of_its_transaction(table):
    async with table.connect() as connection:
        assert await connection.execute_many(INSERT, [{"id": 1, "a": "x"}, {"id": 2, "a": "y"}]) == 2
        assert connection.in_transaction()
        result = await connection.execute_many(f"{INSERT} RETURNING id", [{"id": 3, "a": "z"}], returning=True)
        assert result.scalars() == [3]
        await connection.rollback()
        assert await rows(table) == []
        assert await connection.execute_many(INSERT, []) == 0
        assert not connection.in_transaction()
        await connection.execute_many(INSERT, [{"id": 4, "a": "x"}])
        await connection.commit()
    assert await rows(table) == [(4, "x")]


async def test_failed_run_fails_the_transaction_of_a_connection(table):
    async with table.connect() as connection:
        with pytest.raises(ormkit.UniqueViolation):
            await connection.execute_many(INSERT, [{"id": 1, "a": "x"}, {"id": 2, "a": "x"}])
        with pytest.raises(ormkit.PendingRollbackError):
            await connection.execute_many(INSERT, [{"id": 3, "a": "z"}])
        await connection.rollback()
    assert await rows(table) == []


async def test_count_is_right_when_the_statements_are_run_again(postgres_url):
    async with ormkit.create_engine(postgres_url, max_connections=1) as engine:
        await engine.execute("CREATE TABLE t (id int, a text)")
        delete = "DELETE FROM t WHERE id = $1 RETURNING *"
        await engine.execute_many(delete, [[1]], returning=True)
        await engine.execute("INSERT INTO t VALUES (1, 'x'), (2, 'y')")
        async with ormkit.create_engine(postgres_url) as other:
            await other.execute("ALTER TABLE t ADD b int")
        result = await engine.execute_many(delete, [[1]], returning=True)
        assert (result.tuples(), result.rowcount) == ([(1, "x", None)], 1)
