"""The schema that the revision files of a folder build up, without a database of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, NoReturn

from ormkit._ormkit import ConnectionPool, RecordedSchema, create_engine
from ormkit.exc import OrmkitError
from ormkit.migrations._columns import expression
from ormkit.migrations._drive import Bind
from ormkit.migrations._located import Located
from ormkit.migrations._problem import problem
from ormkit.migrations._steps import BulkInsert, Execute, MigrateOperation
from ormkit.migrations.config import AlembicConfig
from ormkit.migrations.runner import MigrationRunner, for_alembic
from ormkit.migrations.script import MigrationScript, ScriptFolder

__all__ = ["recorded_schema"]


@asynccontextmanager
async def recorded_schema(
    config: AlembicConfig, dialect: str, *, x: Sequence[str] = ()
) -> AsyncIterator[ConnectionPool | RecordedSchema]:
    if dialect == "sqlite":
        async with create_engine("sqlite::memory:") as engine:
            await MigrationRunner(engine, config, x=x).upgrade("heads")
            yield engine
    else:
        yield _replayed(config, dialect, tuple(x))


def _replayed(config: AlembicConfig, dialect: str, x: tuple[str, ...]) -> RecordedSchema:
    """What all revisions say, in the order in which they would run."""
    folder = ScriptFolder(config)
    scripts = [folder.scripts[id] for id, _ in folder.graph.upgrade([], "heads")] if folder.scripts else []
    theirs = for_alembic(scripts, True, dialect)
    runner, schema = MigrationRunner(None, config, x=x), RecordedSchema()
    for script in scripts:
        op = _Replay(dialect, script, schema)
        op._x = x
        runner._write(op, script, True, script.revision in theirs)
    return schema


class _Replay(Located):
    """`op` that puts on record what it is asked for."""

    def __init__(self, dialect: str, script: MigrationScript, schema: RecordedSchema) -> None:
        super().__init__(dialect, script)
        self._schema, self._revision = schema, script

    def _emit(self, operations: list[MigrateOperation]) -> None:
        for operation in operations:
            if isinstance(operation, Execute):
                self.add(expression(operation.sql, self.dialect))
            elif not isinstance(operation, BulkInsert):
                super()._emit([operation])

    def add(self, statement: str) -> None:
        try:
            self._schema.run(statement)
        except OrmkitError as error:
            said = " ".join(statement.split())
            short = said if len(said) <= 100 else f"{said[:99]}…"
            self.refuse(f"`{short}`: {error}", error)

    def refuse(self, text: str, cause: Exception | None = None) -> NoReturn:
        """Stop, and say where."""
        place = f"{self._path}, line {self.line()}"
        way_on = "compare with a database instead, without --offline"
        raise problem(
            f"{place}: {text}: {way_on}", file=self._revision.path, revisions=(self._revision.revision,)
        ) from cause

    def get_bind(self) -> Any:
        return _Bind(self)


class _Bind(Bind):
    """What `op.get_bind()` answers: statements without rows."""

    _op: _Replay

    def execute(self, statement: Any, parameters: Any = None) -> Any:
        self._op.add(expression(statement, self.dialect.name))
        return _Unknown(self._op)

    def has_enum(self, name: str, schema: str | None) -> bool:
        return (name if schema in (None, "public") else f"{schema}.{name}") in self._op._schema.enums

    @contextmanager
    def begin_nested(self) -> Iterator[None]:
        yield


class _Unknown:
    """Rows that nobody has."""

    def __init__(self, op: _Replay) -> None:
        self._op = op

    def close(self) -> None:
        """Nothing was opened."""

    def __getattr__(self, name: str) -> NoReturn:
        self._op.refuse("the revision reads the database by op.get_bind(), and there is none")

    def __iter__(self) -> NoReturn:
        self._op.refuse("the revision reads the database by op.get_bind(), and there is none")
