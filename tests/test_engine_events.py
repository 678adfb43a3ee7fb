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
    for identifier, instead in (("connect", "init="), ("checkin", "reset="), ("handle_error", "add_tracer")):
        with pytest.raises(NotSupportedError, match=instead):
            event.listen(engine, identifier, hear)
    with pytest.raises(NotSupportedError, match="do_orm_execute"):
        event.listen(engine, "before_cursor_execute", hear, retval=True)
    with pytest.raises(InvalidRequestError, match="does not listen"):
        event.remove(engine, "before_cursor_execute", hear)
