"""`before_cursor_execute` and `after_cursor_execute` of engines."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ormkit import (
    AsyncSession,
    DeclarativeBase,
    FieldError,
    InvalidRequestError,
    Mapped,
    NotSupportedError,
    OperationalError,
    UniqueViolation,
    create_engine,
    event,
    mapped_column,
    select,
)


class Base(DeclarativeBase):
    pass


class Row(Base):
    __tablename__ = "engine_event_rows"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


async def test_statements_are_heard_of_with_their_duration_and_rows(engine: Any) -> None:
    await Base.metadata.create_all(engine)
    heard: list[Any] = []

    def before(conn: Any, cursor: None, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
        conn.info.setdefault("query_start_time", []).append(time.perf_counter())
        context.note = statement
        assert (context.duration, context.rows, context.rowcount) == (None, None, None)

    def after(conn: Any, cursor: None, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
        assert context.note == statement
        total = time.perf_counter() - conn.info["query_start_time"].pop()
        assert total >= 0
        assert context.duration is not None
        heard.append((statement.split(" ")[0], list(parameters), context.rows, context.rowcount))

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    async with AsyncSession(engine) as session:
        session.add_all([Row(id=1, text="a"), Row(id=2, text="b")])
        await session.commit()
        heard.clear()
        assert (await session.scalars(select(Row.text).where(Row.id > 0))).all() == ["a", "b"]
        assert heard[0][:3] == ("SELECT", [0], 2)
        event.remove(engine, "before_cursor_execute", before)
        event.remove(engine, "after_cursor_execute", after)
        assert not event.contains(engine, "after_cursor_execute", after)
        await session.scalars(select(Row))
    assert len(heard) == 1


async def test_transactions_and_failures_are_no_executed_statements(engine: Any) -> None:
    await Base.metadata.create_all(engine)
    begun: list[str] = []
    done: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda conn, cursor, statement, *rest: begun.append(statement))
    event.listen(engine, "after_cursor_execute", lambda conn, cursor, statement, *rest: done.append(statement))
    async with AsyncSession(engine) as session:
        async with session.begin():
            session.add(Row(id=1, text="a"))
        assert [text.split(" ")[0] for text in begun] == [text.split(" ")[0] for text in done] == ["INSERT"]
        with pytest.raises(Exception, match="nowhere"):
            await session.execute_raw("SELECT * FROM nowhere")
    assert (len(begun), len(done)) == (2, 1)


async def test_a_listener_that_raises_harms_no_statement(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[Any] = []
    monkeypatch.setattr("sys.unraisablehook", lambda unraisable: raised.append(unraisable.exc_value))

    def refuse(*given: Any) -> None:
        raise ValueError("no")

    async def late(*given: Any) -> None:
        raise AssertionError

    event.listen(engine, "before_cursor_execute", refuse, once=True)
    event.listen(engine, "after_cursor_execute", late, once=True)
    async with AsyncSession(engine) as session:
        assert (await session.execute_raw("SELECT 1")).scalar() == 1
        assert (await session.execute_raw("SELECT 1")).scalar() == 1
    assert [type(error) for error in raised] == [ValueError, TypeError]


async def test_other_events_of_engines_are_refused_with_what_to_type(engine: Any) -> None:
    def hear(*given: Any) -> None:
        raise AssertionError

    with pytest.raises(FieldError, match="did you mean `before_cursor_execute`"):
        event.listen(engine, "before_cursor_executes", hear)
    for identifier, instead in (("first_connect", "once=True"), ("reset", "reset="), ("invalidate", "listen to close")):
        with pytest.raises(NotSupportedError, match=instead):
            event.listen(engine, identifier, hear)
    with pytest.raises(NotSupportedError, match="do_orm_execute"):
        event.listen(engine, "before_cursor_execute", hear, retval=True)
    with pytest.raises(InvalidRequestError, match="does not listen"):
        event.remove(engine, "before_cursor_execute", hear)


def heard_by(engine: Any, *names: str) -> list[tuple[str, Any]]:
    """What is told of events, in order."""
    heard: list[tuple[str, Any]] = []
    for name in names:
        event.listen(engine, name, lambda *given, name=name: heard.append((name, given)))
    return heard


async def test_transactions_are_heard_of_where_they_begin_and_end(engine: Any) -> None:
    await Base.metadata.create_all(engine)
    heard = heard_by(engine, "begin", "commit", "rollback")
    async with AsyncSession(engine) as session:
        session.add(Row(id=1, text="a"))
        await session.commit()
        assert [name for name, _ in heard] in (["begin", "commit"], [])  # one statement needs no transaction
        heard.clear()
        async with session.begin():
            await session.scalars(select(Row).with_for_update() if engine.is_postgres() else select(Row))
            await session.insert(Row(id=2, text="b"))
        await session.insert(Row(id=3, text="c"))
        with pytest.raises(ZeroDivisionError):
            async with session.begin():
                await session.insert(Row(id=4, text="d"))
                raise ZeroDivisionError
    assert [name for name, _ in heard if name != "begin"] == ["commit", "rollback"]
    (context,) = next(given for name, given in heard if name == "commit")
    assert context.statement == "COMMIT"


async def test_loans_of_connections_are_heard_of(engine: Any) -> None:
    heard = heard_by(engine, "checkout", "checkin", "close")
    async with engine.connect() as connection:
        assert [name for name, _ in heard] == ["checkout"]
        _, record, _ = heard[0][1]
        record.info["at"] = time.perf_counter()
        assert (record.backend_pid is not None) == engine.is_postgres()
        await connection.execute("SELECT 1")
    assert [name for name, _ in heard] == ["checkout", "checkin"]
    assert heard[1][1][1] is record
    await engine.execute("SELECT 1")
    assert [name for name, _ in heard][2:] == ["checkout", "checkin"]
    assert heard[2][1][1].info is record.info
    await engine.dispose()
    assert [name for name, _ in heard][4:] == ["close"] and heard[4][1][1] is record


async def test_errors_are_heard_of_with_their_statement(engine: Any) -> None:
    await Base.metadata.create_all(engine)
    heard: list[Any] = []
    event.listen(engine, "handle_error", heard.append)
    async with AsyncSession(engine) as session:
        await session.insert(Row(id=1, text="a"))
        with pytest.raises(UniqueViolation) as raised:
            await session.insert(Row(id=1, text="b"))
        assert await session.scalar(select(Row.text)) == "a"
    (context,) = heard
    told = context.original_exception
    assert type(told) is UniqueViolation and told.message == raised.value.message
    assert told.sqlstate == raised.value.sqlstate == "23505"
    assert "INSERT" in context.statement and 1 in [value for value in context.parameters if value == 1]
    assert not context.is_disconnect and context.execution_context.statement == context.statement


async def test_a_connection_that_cannot_be_opened_is_an_error_that_is_heard_of(engine: Any, tmp_path: Any) -> None:
    url = "postgresql://nobody:wrong@127.0.0.1:1/none" if engine.is_postgres() else f"sqlite:///{tmp_path}/no/such.db"
    other = create_engine(url, connect_timeout=1)
    heard: list[Any] = []
    event.listen(other, "handle_error", heard.append)
    with pytest.raises(OperationalError):
        await other.execute("SELECT 1")
    await other.close()
    assert heard and heard[0].is_disconnect and heard[0].statement is None


async def test_new_connections_are_prepared_by_listeners(engine: Any) -> None:
    async def prepare(connection: Any, record: None) -> None:
        await connection.execute("SET application_name = 'heard'")

    if engine.is_sqlite():
        with pytest.raises(NotSupportedError, match="foreign keys"):
            event.listen(engine, "connect", prepare)
        return
    event.listen(engine, "connect", prepare)
    seen: list[Any] = []
    event.listen(engine, "connect", lambda connection, record: seen.append(connection))
    await engine.dispose()
    assert (await engine.execute("SHOW application_name")).scalar() == "heard"
    assert len(seen) == 1
    event.remove(engine, "connect", prepare)
    await engine.dispose()
    assert (await engine.execute("SHOW application_name")).scalar() != "heard"


async def test_listeners_of_connections_follow_init(engine: Any, postgres_url: str) -> None:
    if engine.is_sqlite():
        return
    order: list[str] = []

    async def init(connection: Any) -> None:
        order.append("init")

    async def broken(connection: Any, record: None) -> None:
        order.append("connect")
        raise ValueError("no")

    other = create_engine(postgres_url, init=init)
    event.listen(other, "connect", broken)
    with pytest.raises(ValueError, match="no"):
        await other.execute("SELECT 1")
    assert order == ["init", "connect"]
    event.remove(other, "connect", broken)
    assert (await other.execute("SELECT 1")).scalar() == 1
    await other.close()
