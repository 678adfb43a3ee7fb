"""A revision that needs Alembic and SQLAlchemy, run by them: on the connection of the run, in its transaction.

`env.py` is not run: the connection, the transaction and the version table are the run's. The installed `alembic.op` and
`alembic.context` are those of one revision at a time, for the whole process, so runs that need them take turns.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from ormkit.migrations._drive import Offline, Online
from ormkit.migrations.config import AlembicConfig

__all__: list[str] = []

_TURN = threading.Lock()


def installed() -> bool:
    """True where Alembic and SQLAlchemy can be imported."""
    try:
        # A folder `alembic` of the working directory is found, too, but there is nothing in it.
        return bool(importlib.import_module("alembic.operations") and importlib.import_module("sqlalchemy"))
    except ImportError:
        return False


@asynccontextmanager
async def turn(needed: bool) -> AsyncIterator[None]:
    """Wait until no other run of this process needs Alembic."""
    # Runs of other loops have their turn, too, so it is no lock of asyncio's.
    while needed and not _TURN.acquire(blocking=False):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    try:
        yield
    finally:
        if needed:
            _TURN.release()


def original(error: Exception) -> Exception:
    """The database's error, of which SQLAlchemy has made one of its own."""
    inner = getattr(error, "orig", None)
    return inner if isinstance(inner, Exception) else error


class Surroundings:
    """What a revision finds around it.

    Args:
        config: None without a folder of revisions.
        folder: Where the revision is.
        table: Name and schema of the version table.
        x: What was given as `-x`.
    """

    def __init__(
        self, config: AlembicConfig | None, folder: str, table: tuple[str, str | None], x: tuple[str, ...]
    ) -> None:
        self._config, self._folder, self._table, self._x = config, folder, table, x

    def online(self, op: Online, function: Callable[[], Any]) -> None:
        """Call a function with Alembic's `op` on the run's connection."""
        from ormkit.migrations import _dbapi

        ours = _dbapi.Connection(op)
        engine = _dbapi.engine(ours)
        with engine.connect() as connection:
            connection.begin()
            with self._around(connection=connection) as context:
                context.autocommit_block = op._autocommit
                ours.in_revision = True
                try:
                    function()
                    ours.check()
                finally:
                    ours.in_revision = False

    def offline(self, op: Offline, function: Callable[[], Any]) -> None:
        """Call a function with Alembic's `op`, which writes down what would be done."""
        with self._around(
            dialect_name=op.dialect, as_sql=True, literal_binds=True, transactional_ddl=True, output_buffer=_Script(op)
        ):
            function()

    @contextmanager
    def _around(self, **options: Any) -> Iterator[Any]:
        from alembic.config import Config
        from alembic.operations import Operations
        from alembic.runtime.environment import EnvironmentContext
        from alembic.script import ScriptDirectory

        given = argparse.Namespace(x=list(self._x) or None)
        if self._config is None or self._config.path.suffix == ".toml":
            config = Config(cmd_opts=given)
        else:
            config = Config(str(self._config.path), ini_section=self._config.section, cmd_opts=given)
        folder = self._folder if self._config is None else str(self._config.script_location)
        table, schema = self._table
        with EnvironmentContext(config, ScriptDirectory(folder)) as environment:
            environment.context_opts["as_sql"] = options.pop("as_sql", False)
            environment.configure(version_table=table, version_table_schema=schema, **options)
            context = environment.get_context()
            with Operations.context(context):
                yield context


class _Script:
    """Where Alembic writes statements, one at a time."""

    def __init__(self, op: Offline) -> None:
        self._op = op

    def write(self, text: str) -> None:
        if statement := text.strip().rstrip(";"):
            self._op.script.append(statement)

    def flush(self) -> None:
        """Nothing is held back."""
