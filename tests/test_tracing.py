"""What an engine shows of its work: `echo=`, `slow_query=` and `add_tracer`."""

from __future__ import annotations

import asyncio
import inspect
import logging
import re
import subprocess
import sys

import pytest
from library import Author, Base, Book

import ormkit
from ormkit import create_async_engine, create_engine, selectinload

SLEEP = {
    "postgresql": "SELECT pg_sleep(0.15)",
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000000) SELECT max(i) FROM n",
}


def texts(caplog) -> list[str]:
    """What was logged, without the times."""
    return [record.sql for record in caplog.records if record.name == "ormkit"]


async def test_echo_logs_every_statement(url, caplog):
    async with create_engine(url, echo=True) as engine:
        await Base.metadata.create_all(engine)
        await engine.execute_script("CREATE TABLE a (x int); CREATE TABLE b (x int)")
        caplog.clear()
        await engine.execute("SELECT 1 AS one")
        async with ormkit.AsyncSession(engine) as session:
            async with session.begin():
                session.add(Author(name="Ada", books=[Book(title="Notes")]))
        async with ormkit.AsyncSession(engine) as session:
            await session.query(Author).options(selectinload(Author.books))
        async with engine.begin() as connection:
            await connection.execute_script("DELETE FROM a; DELETE FROM b")
            async for _ in connection.stream("SELECT 2 AS two", batch_size=1):
                pass
            async with connection.begin():
                await connection.execute("SELECT 3 AS three")
        logged = texts(caplog)
        caplog.clear()
        await engine.execute_many(f"INSERT INTO a VALUES ({'$1' if engine.is_postgres() else '?'})", [[1], [2]])
        many = texts(caplog)
    begin = "BEGIN" if url.startswith("postgres") else "BEGIN IMMEDIATE"
    assert [" ".join(text.split()[:3]) for text in logged] == [
        "SELECT 1 AS",
        begin,
        "INSERT INTO authors",
        "INSERT INTO books",
        "COMMIT",
        "SELECT id, name,",
        "SELECT id, title,",
        begin,
        "DELETE FROM a;",
        "SELECT 2 AS",
        "SELECT 2 AS",
        "SAVEPOINT ormkit_1",
        "SELECT 3 AS",
        "COMMIT",
    ]
    assert [text.split()[0] for text in many] == ["BEGIN", "INSERT", "INSERT", "COMMIT"]


async def test_echo_has_time_and_outcome_and_no_values(url, caplog):
    async with create_engine(url, echo=True) as engine:
        await engine.execute("CREATE TABLE t (a text UNIQUE)")
        insert = "INSERT INTO t VALUES (:a)"
        await engine.execute(insert, {"a": "hunter2"})
        with pytest.raises(ormkit.UniqueViolation):
            await engine.execute(insert, {"a": "hunter2"})
    lines = [record.getMessage() for record in caplog.records if record.name == "ormkit"]
    assert "hunter2" not in "".join(lines)
    assert lines[-2].startswith("INSERT INTO t VALUES (") and lines[-2].endswith(" ms, 1 row(s))")
    assert "failed: UniqueViolation, SQLSTATE" in lines[-1]
    record = caplog.records[-1]
    assert (record.levelno, record.outcome) == (logging.INFO, "failed")
    assert 0 < record.duration < 60


async def test_values_are_logged_for_debug_alone(url, caplog):
    async with create_engine(url, echo="debug") as engine:
        select = "SELECT $1::text" if engine.is_postgres() else "SELECT ?"
        await engine.execute(select, ["it's"])
        await engine.execute(select, ["x" * 1000])
    lines = [record.getMessage() for record in caplog.records if record.name == "ormkit"]
    assert lines[0].endswith('["it\'s"]')
    assert lines[1].endswith("x…]") and len(lines[1]) < 300


async def test_copy_is_logged(postgres_url, caplog):
    async with create_engine(postgres_url, echo=True) as engine:
        await engine.execute("CREATE TABLE t (a int)")
        caplog.clear()
        await engine.copy_from("t", [(1,), (2,)])
        assert [row async for row in engine.copy_to("t")] == [(1,), (2,)]
        with pytest.raises(ormkit.DatabaseError):
            await engine.copy_from("missing", [(1,)])
    lines = [record.getMessage() for record in caplog.records if record.name == "ormkit"]
    assert [line.split()[:2] for line in lines] == [["COPY", "t"], ["COPY", "t"], ["COPY", "missing"]]
    assert lines[0].endswith("2 row(s))") and lines[1].endswith("2 row(s))")
    assert "failed: ProgrammingError, SQLSTATE 42P01" in lines[2]


async def test_nothing_is_logged_without_being_asked_for(url, caplog):
    caplog.set_level(logging.DEBUG)
    async with create_engine(url) as engine:
        await engine.execute("SELECT 1")
    assert texts(caplog) == []


async def test_echo_is_checked_and_understood_by_both_functions(caplog):
    with pytest.raises(ValueError, match=r"echo is True, False or \"debug\", not 'info'"):
        create_engine("sqlite::memory:", echo="info")
    with pytest.raises(ValueError, match="slow_query must be a number of seconds"):
        create_engine("sqlite::memory:", slow_query=-1.0)
    async with create_async_engine("sqlite::memory:", echo=True) as engine:
        await engine.execute("SELECT 1")
    assert texts(caplog) == ["SELECT 1"]


def test_echo_writes_to_stdout_where_logging_is_not_set_up():
    code = """if True:
        import asyncio, ormkit
        async def main():
            async with ormkit.create_engine("sqlite::memory:", echo=True) as engine:
                await engine.execute("SELECT 1")
        asyncio.run(main())
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert " INFO ormkit SELECT 1 (" in done.stdout


def line_of(function, text: str) -> str:
    lines, first = inspect.getsourcelines(function)
    at = next(number for number, line in enumerate(lines) if text in line)
    return f"{__file__}:{first + at} in {function.__name__}"


async def begins_slow_statement(engine):
    await engine.execute(SLEEP[engine.dialect])  # the line


def stages_of(message: str) -> dict[str, float]:
    """Where the time of a slow statement went, in seconds: as much as the machine has taken."""
    return {
        stage: float(seconds)
        for stage, seconds in re.findall(r"(queue|server|network|decode|hydrate) ([\d.]+)", message)
    }


async def test_slow_statement_is_logged_with_its_line_and_where_the_time_went(url, caplog):
    async with create_engine(url, slow_query=0.1) as engine:
        await begins_slow_statement(engine)
    record = caplog.records[-1]
    assert record.levelno == logging.WARNING
    message = record.getMessage()
    assert message.startswith(f"slow statement at {line_of(begins_slow_statement, '# the line')} (")
    stages = stages_of(message)
    assert list(stages)[:2] == ["queue", "server"] and {"network", "hydrate"} <= set(stages)
    assert stages["server"] >= 0.1
    assert message.endswith(SLEEP[engine.dialect])


async def test_wait_for_a_connection_counts_as_slow(url, caplog):
    async with create_engine(url, slow_query=0.1, max_connections=1) as engine:
        async with engine.connect() as connection:
            await connection.execute("SELECT 1")
            waiting = asyncio.create_task(engine.execute("SELECT 2"))
            await asyncio.sleep(0.2)
        await waiting
    [record] = [record for record in caplog.records if record.name == "ormkit" and record.sql == "SELECT 2"]
    assert stages_of(record.getMessage())["queue"] >= 0.1


async def test_cancelled_statement_is_logged_as_slow(postgres_url, caplog):
    async with create_engine(postgres_url, slow_query=0.1) as engine:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(engine.execute("SELECT pg_sleep(5)"), 0.2)
    message = caplog.records[0].getMessage()
    assert "cancelled" in message and f"{__file__}:" in message


async def test_level_of_the_logger_decides_on_slow_statements(url, caplog):
    caplog.set_level(logging.ERROR, "ormkit")
    async with create_engine(url, slow_query=0.0) as engine:
        await engine.execute("SELECT 1")
    assert texts(caplog) == []


async def test_tracer_is_told_of_everything_until_it_is_removed(url):
    events = []
    async with create_engine(url, min_connections=0) as engine:
        engine.add_tracer(events.append)
        await engine.execute("SELECT 1 AS one")
        with pytest.raises(ormkit.DatabaseError):
            await engine.execute("SELEC")
        engine.remove_tracer(events.append)
        await engine.execute("SELECT 2")
    assert [event.event for event in events] == [
        "connecting",
        "connected",
        "acquired",
        "started",
        "ended",
        "acquired",
        "started",
        "ended",
    ]
    connected, ended, failed = events[1], events[4], events[7]
    assert (connected.outcome, connected.backend_pid is not None) == ("done", engine.is_postgres())
    assert (ended.id, ended.sql, ended.rows, ended.outcome) == (events[3].id, "SELECT 1 AS one", 1, "done")
    assert ended.duration == pytest.approx(ended.server + ended.network + ended.hydrate)
    assert ended.queue >= 0 and ended.sqlstate is None
    assert (failed.outcome, failed.error, failed.sqlstate) == ("failed", "ProgrammingError", "42601")
    assert repr(ended) == '<TraceEvent ended done "SELECT 1 AS one">'
    with pytest.raises(ValueError, match="was not added"):
        engine.remove_tracer(events.append)
    with pytest.raises(TypeError, match="takes a callable, not int"):
        engine.add_tracer(1)


async def test_failing_tracer_harms_no_statement(url, monkeypatch):
    unraisable = []
    monkeypatch.setattr("sys.unraisablehook", lambda told: unraisable.append(told.exc_type))

    def broken(event):
        raise KeyError(event)

    async with create_engine(url) as engine:
        engine.add_tracer(broken)
        assert (await engine.execute("SELECT 1")).scalar() == 1
        async with engine.begin() as connection:
            await connection.execute("SELECT 1")
    assert set(unraisable) == {KeyError} and len(unraisable) >= 6


async def test_failed_connect_is_told(unused_tcp_port):
    events = []
    engine = create_engine(f"postgresql://nobody:hunter2@127.0.0.1:{unused_tcp_port}/none", min_connections=0)
    engine.add_tracer(events.append)
    with pytest.raises(ormkit.OperationalError):
        await engine.execute("SELECT 1")
    await engine.close()
    told = [(event.event, event.outcome, event.error) for event in events]
    assert told[:2] == [("connecting", None, None), ("connected", "failed", "ConnectionLost")]
    assert told[-1][:2] == ("acquired", "failed")
    assert "hunter2" not in repr(events)
