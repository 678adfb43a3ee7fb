"""A function of a revision while it runs: it is synchronous, and the database is asked by the event loop.

The function runs on a thread of its own. What it asks of the database becomes a task of the loop, for whose end the thread
waits: statements run as the function goes, and their rows are there when it goes on.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import namedtuple
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from ormkit._ormkit import quote_literal
from ormkit.exc import MigrationError
from ormkit.migrations._columns import Spec, Text, expression
from ormkit.migrations._op import Dialect, Operations
from ormkit.migrations._steps import BulkInsert, Execute, MigrateOperation

__all__: list[str] = []

_COMMIT = {f"{word}{rest}" for word in ("COMMIT", "END") for rest in ("", " WORK", " TRANSACTION")}
_BEGIN = {f"BEGIN{rest}" for rest in ("", " WORK", " TRANSACTION")} | {"START TRANSACTION"}


class Online(Operations):
    """`op` that does at once what it is asked for."""

    def __init__(self, run: Any, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(run.dialect)
        self._run, self._loop = run, loop
        self._stopped = False
        # The revision has said COMMIT: what comes until BEGIN, or until its end, commits by itself.
        self._paused = False
        # What it has done so far was committed, or a part of it.
        self.parted = False
        self._pending: Future[Any] | None = None
        self.statement: str | None = None

    def stop(self) -> None:
        """Let the function go no further."""
        self._stopped = True
        if self._pending is not None:
            self._pending.cancel()

    def wait(self, call: Callable[..., Any], *args: Any) -> Any:
        """Await a call on the loop."""
        if self._stopped:
            raise asyncio.CancelledError

        async def awaited() -> Any:
            return await call(*args)

        self._pending = asyncio.run_coroutine_threadsafe(awaited(), self._loop)
        return self._pending.result()

    def _emit(self, operations: list[MigrateOperation]) -> None:
        specs: list[Spec] = []
        for operation in operations:
            if isinstance(operation, Execute):
                self._apply(specs)
                self.run(operation.sql)
                continue
            before = operation._before(self.dialect)
            if before:
                self._apply(specs)
            for sql in before:
                self.run(sql)
            if not isinstance(operation, BulkInsert):
                specs += operation._specs(self.dialect)
        self._apply(specs)

    def _apply(self, specs: list[Spec]) -> None:
        if specs:
            self.statement = None
            self.wait(self._run.apply, list(specs))
            specs.clear()

    def run(self, sql: Any) -> None:
        """Run SQL of which nobody wants rows: several statements may be in it."""
        if isinstance(sql, Text) and sql.values:
            Bind(self).execute(sql)
            return
        self.statement = expression(sql, self.dialect)
        if self._ends(self.statement):
            return
        self.wait(self._run.execute_script, self.statement)

    def _ends(self, sql: str) -> bool:
        """COMMIT and BEGIN in a statement of their own are what `autocommit_block()` does."""
        said = " ".join(sql.strip().rstrip(";").upper().split())
        if said in _COMMIT and not self._paused:
            self._pause()
            self._paused = True
        elif said in _BEGIN and self._paused:
            self.finish()
        else:
            return False
        return True

    def finish(self) -> None:
        """Begin the transaction that the row of the version table is written in, where the revision has ended its own."""
        if self._paused:
            self.wait(self._run.resume)
            self._paused = False

    def _pause(self) -> None:
        self.wait(self._run.pause)
        self.parted = True

    def get_bind(self) -> Any:
        return Bind(self)

    @contextmanager
    def _autocommit(self) -> Iterator[None]:
        self.finish()
        self._pause()
        yield
        self.wait(self._run.resume)


class Offline(Operations):
    """`op` that writes down what would be done."""

    _as_sql = True

    def __init__(self, dialect: str) -> None:
        super().__init__(dialect)
        self.script: list[str] = []

    def _emit(self, operations: list[MigrateOperation]) -> None:
        for operation in operations:
            self.script += operation.statements(self.dialect)

    def get_bind(self) -> Any:
        return Bind(self)

    @contextmanager
    def _autocommit(self) -> Iterator[None]:
        self.script.append("COMMIT")
        yield
        self.script.append("BEGIN")


class Bind:
    """What `op.get_bind()` answers: a small synchronous connection inside of the revision's transaction."""

    def __init__(self, op: Online | Offline) -> None:
        self._op = op
        self.dialect = Dialect(op.dialect)

    @property
    def engine(self) -> Bind:
        """Itself: `bind.engine.dialect` is asked for its name."""
        return self

    @property
    def name(self) -> str:
        """That of the dialect, as an engine has it."""
        return self.dialect.name

    def execute(self, statement: Any, parameters: Any = None) -> Rows:
        """Run a statement, with values for its `:name`s; a list of them runs it for each."""
        values = dict(statement.values) if isinstance(statement, Text) else {}
        sql = expression(statement, self.dialect.name)
        if not isinstance(statement, (str, Text)):
            raise MigrationError(f"execute() takes SQL or sa.text(), not {type(statement).__name__}")
        if isinstance(self._op, Offline):
            if values or parameters:
                raise MigrationError("values cannot be written into a script: write them into the SQL")
            self._op.script.append(sql.strip().rstrip(";"))
            return Rows((), [], 0)
        self._op.statement = sql
        if not values and not parameters and self._op._ends(sql):
            return Rows((), [], 0)
        if isinstance(parameters, (list, tuple)) and parameters and isinstance(parameters[0], dict):
            touched = sum(self.execute(statement, one).rowcount for one in parameters)
            return Rows((), [], touched)
        if parameters is not None and not isinstance(parameters, dict):
            given: Any = list(parameters)
        else:
            given = (values | (parameters or {})) or None
        found = self._op.wait(self._op._run.execute, sql, given)
        return Rows(tuple(found.column_names()), found.tuples(), found.rowcount)

    def scalar(self, statement: Any, parameters: Any = None) -> Any:
        """The first value of the first row; None without one."""
        return self.execute(statement, parameters).scalar()

    def has_enum(self, name: str, schema: str | None) -> bool:
        """True where PostgreSQL has a type of that name."""
        where = "pg_type_is_visible(t.oid)" if schema is None else f"n.nspname = {quote_literal(schema)}"
        sql = "SELECT 1 FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE"
        return self.execute(f"{sql} t.typname = {quote_literal(name)} AND {where}").first() is not None

    def exec_driver_sql(self, statement: str, parameters: Any = None) -> Rows:
        """As `execute`."""
        return self.execute(statement, parameters)

    @contextmanager
    def begin_nested(self) -> Iterator[None]:
        """A savepoint around a block."""
        if isinstance(self._op, Offline):
            raise MigrationError("a script has no savepoints")
        run, wait = self._op._run, self._op.wait
        wait(run.savepoint, "begin")
        try:
            yield
        except BaseException:
            wait(run.savepoint, "rollback")
            raise
        wait(run.savepoint, "release")


class Rows:
    """The rows of a statement, all of them read."""

    def __init__(self, names: tuple[str, ...], rows: list[tuple[Any, ...]], rowcount: int) -> None:
        made: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]
        made._mapping = property(lambda row: dict(zip(names, row, strict=True)))
        self._names = names
        self._rows: list[Any] = [made(*row) for row in rows]
        self._next = 0
        self.rowcount = rowcount

    def keys(self) -> list[str]:
        return list(self._names)

    def fetchall(self) -> list[Any]:
        rows, self._next = self._rows[self._next :], len(self._rows)
        return rows

    all = fetchall

    def fetchone(self) -> Any:
        row = self._rows[self._next] if self._next < len(self._rows) else None
        self._next += row is not None
        return row

    def fetchmany(self, size: int = 1) -> list[Any]:
        rows = self._rows[self._next : self._next + size]
        self._next += len(rows)
        return rows

    def first(self) -> Any:
        row = self.fetchone()
        self.close()
        return row

    def close(self) -> None:
        """Nothing is left to be read."""
        self._next = len(self._rows)

    def one_or_none(self) -> Any:
        rows = self.fetchall()
        if len(rows) > 1:
            raise MigrationError(f"one row was asked for, and there were {len(rows)}")
        return rows[0] if rows else None

    def one(self) -> Any:
        rows = self.fetchall()
        if len(rows) != 1:
            raise MigrationError(f"one row was asked for, and there were {len(rows)}")
        return rows[0]

    def scalar_one(self) -> Any:
        return self.one()[0]

    def scalar_one_or_none(self) -> Any:
        row = self.one_or_none()
        return None if row is None else row[0]

    def scalar(self) -> Any:
        row = self.fetchone()
        return None if row is None else row[0]

    def scalars(self) -> Rows:
        return Values(self)

    def mappings(self) -> Rows:
        return Mappings(self)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchall())


class Values(Rows):
    """The first value of each row."""

    def __init__(self, rows: Rows) -> None:
        self._names, self._next, self.rowcount = rows._names, 0, rows.rowcount
        self._rows = [row[0] for row in rows._rows]


class Mappings(Rows):
    """Rows as dicts."""

    def __init__(self, rows: Rows) -> None:
        self._names, self._next, self.rowcount = rows._names, 0, rows.rowcount
        self._rows = [row._mapping for row in rows._rows]


async def in_thread(function: Callable[[], Any], stop: Callable[[], None]) -> None:
    """Run a function on a thread of its own, and wait for its end.

    Cancelling lets it go no further, and waits until it has ended.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[BaseException | None] = loop.create_future()
    context = contextvars.copy_context()

    def work() -> None:
        raised: BaseException | None = None
        try:
            context.run(function)
        except BaseException as error:
            raised = error
        loop.call_soon_threadsafe(done.set_result, raised)

    threading.Thread(target=work, name="ormkit revision", daemon=True).start()
    try:
        raised = await asyncio.shield(done)
    except asyncio.CancelledError:
        stop()
        await done
        raise
    if raised is not None:
        raise raised
