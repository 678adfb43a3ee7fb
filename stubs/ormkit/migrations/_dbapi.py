"""The connection of a run as a driver for SQLAlchemy (PEP 249): what Alembic does runs in the transaction of the revision.

Nothing connects a second time. So the revision, its row in the version table and the lock are those of the run on both
databases, no other driver is needed, and there is no second SQLite in the process, which would lose locks of the first.
"""

from __future__ import annotations

import decimal
import types
from typing import Any

import sqlalchemy
from sqlalchemy.dialects.postgresql import (
    ARRAY,
    CITEXT,
    ENUM,
    INTERVAL,
    JSON,
    JSONB,
    OID,
    REGCLASS,
    REGCONFIG,
    base as postgresql,
)
from sqlalchemy.dialects.postgresql.pg_catalog import INT2VECTOR, OIDVECTOR
from sqlalchemy.dialects.sqlite import base as sqlite
from sqlalchemy.pool import StaticPool

from ormkit import exc
from ormkit._ormkit import count_statements
from ormkit.migrations._drive import Online

__all__: list[str] = []


class Connection:
    """The connection of a run, while a revision runs."""

    def __init__(self, op: Online) -> None:
        self.op = op
        # What SQLAlchemy asks for to get ready and to take its leave is not the revision's.
        self.in_revision = False
        self.undone = False

    def cursor(self) -> Cursor:
        return Cursor(self)

    def commit(self) -> None:
        if self.in_revision:
            raise exc.MigrationError(
                "a revision is kept whole, with its row of the version table, so it cannot commit:"
                " op.get_context().autocommit_block() is for what must run outside of its transaction"
            )

    def rollback(self) -> None:
        self.undone |= self.in_revision

    def close(self) -> None:
        """The connection is the run's."""

    def savepoint(self, what: str) -> None:
        self.op.wait(self.op._run.savepoint, what)

    def check(self) -> None:
        """Fails where the revision has rolled back the transaction that it runs in."""
        if self.undone:
            raise exc.MigrationError(
                "the revision rolled back its transaction: what may fail alone stands in `begin_nested()`"
            )


class Cursor:
    """Statements and their rows, all of which are read at once."""

    arraysize = 1

    def __init__(self, connection: Connection) -> None:
        self._connection, self._op = connection, connection.op
        self._rows: list[tuple[Any, ...]] = []
        self.description: list[tuple[Any, ...]] | None = None
        self.rowcount = -1

    @property
    def lastrowid(self) -> Any:
        """SQLite: the rowid of the row that was inserted last."""
        found = self._op.wait(self._op._run.execute, "SELECT last_insert_rowid()", None)
        return found.scalar()

    def execute(self, sql: str, parameters: Any = ()) -> None:
        self._connection.check()
        self._op.statement = sql
        self._rows, self.description, self.rowcount = [], None, -1
        if not parameters and count_statements(sql, dialect=self._op.dialect) > 1:
            self._op.wait(self._op._run.execute_script, sql)
            return
        found = self._op.wait(self._op._run.execute, sql, list(parameters) or None)
        self._rows, self.rowcount = found.tuples(), found.rowcount
        if names := found.column_names():
            self.description = [(name, None, None, None, None, None, None) for name in names]

    def executemany(self, sql: str, rows: Any) -> None:
        touched = 0
        for row in rows:
            self.execute(sql, row)
            touched += self.rowcount
        self.rowcount = touched

    def fetchone(self) -> tuple[Any, ...] | None:
        return self._rows.pop(0) if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        size = self.arraysize if size is None else size
        found, self._rows = self._rows[:size], self._rows[size:]
        return found

    def fetchall(self) -> list[tuple[Any, ...]]:
        found, self._rows = self._rows, []
        return found

    def close(self) -> None:
        self._rows = []

    def setinputsizes(self, *sizes: Any) -> None:
        """Types follow from the statement."""

    def setoutputsize(self, *sizes: Any) -> None:
        """Rows are read whole."""


def _module(paramstyle: str, version: tuple[int, ...] = (0,)) -> Any:
    """The module of a driver, as SQLAlchemy asks for one."""
    names = ("DatabaseError", "DataError", "IntegrityError", "InterfaceError", "InternalError", "NotSupportedError")
    return types.SimpleNamespace(
        apilevel="2.0", threadsafety=0, paramstyle=paramstyle, sqlite_version_info=version, Binary=bytes,
        Error=exc.OrmkitError, OperationalError=exc.OperationalError, ProgrammingError=exc.ProgrammingError,
        **{name: getattr(exc, name) for name in names},
    )  # fmt: skip


class _Dialect:
    """What both dialects have: savepoints are the run's, and levels of isolation are not changed in a revision."""

    driver = "ormkit"
    supports_statement_cache = True

    def do_savepoint(self, connection: Any, name: str) -> None:
        connection.connection.dbapi_connection.savepoint("begin")

    def do_rollback_to_savepoint(self, connection: Any, name: str) -> None:
        connection.connection.dbapi_connection.savepoint("rollback")

    def do_release_savepoint(self, connection: Any, name: str) -> None:
        connection.connection.dbapi_connection.savepoint("release")

    def set_isolation_level(self, dbapi_connection: Any, level: str) -> None:
        raise exc.MigrationError(
            f"the isolation level {level} cannot be had in a revision: op.get_context().autocommit_block() is for what must"
            " run outside of its transaction"
        )

    def detect_autocommit_setting(self, dbapi_connection: Any) -> bool:
        return False


def _cast(kind: Any) -> Any:
    """The type, whose values say in the statement of which type they are: the server is not to guess."""
    return type(kind.__name__, (kind,), {"render_bind_cast": True})


class _Interval(INTERVAL):
    render_bind_cast = True

    @classmethod
    def adapt_emulated_to_native(cls, interval: Any, **options: Any) -> Any:
        return cls(precision=interval.second_precision)


class _Exact:
    """Numbers: a decimal is one already."""

    render_bind_cast = True
    asdecimal: bool

    def bind_processor(self, dialect: Any) -> Any:
        return None

    def result_processor(self, dialect: Any, coltype: Any) -> Any:
        if not self.asdecimal:
            return lambda value: None if value is None else float(value)
        exact = decimal.Decimal
        return lambda value: value if value is None or isinstance(value, exact) else exact(str(value))


class _Numeric(_Exact, sqlalchemy.Numeric):  # type: ignore[type-arg]
    pass


class _Float(_Exact, sqlalchemy.Float):  # type: ignore[type-arg]
    pass


class _Parsed:
    """JSON comes parsed."""

    def result_processor(self, dialect: Any, coltype: Any) -> Any:
        return None


class _Json(_Parsed, JSON):
    pass


class _Jsonb(_Parsed, JSONB):
    pass


class _Vector:
    """`int2vector` and `oidvector` of the catalog, which come as text."""

    def result_processor(self, dialect: Any, coltype: Any) -> Any:
        return lambda value: None if value is None else [int(part) for part in value.split()]


class _Int2Vector(_Vector, INT2VECTOR):
    cache_ok = True


class _OidVector(_Vector, OIDVECTOR):
    cache_ok = True


class Postgres(_Dialect, postgresql.PGDialect):
    """PostgreSQL over a run."""

    default_paramstyle = "numeric_dollar"
    render_bind_cast = True
    supports_statement_cache = True
    supports_native_json_deserialization = True
    colspecs = postgresql.PGDialect.colspecs | {
        **{
            kind: _cast(kind)
            for kind in (
                sqlalchemy.String, sqlalchemy.Time, sqlalchemy.Date, sqlalchemy.DateTime, sqlalchemy.Boolean,
                sqlalchemy.Integer, sqlalchemy.SmallInteger, sqlalchemy.BigInteger, sqlalchemy.CHAR, OID, REGCLASS,
                REGCONFIG,
            )
        },
        CITEXT: CITEXT,
        sqlalchemy.ARRAY: _cast(ARRAY),
        sqlalchemy.Enum: _cast(ENUM),
        sqlalchemy.LargeBinary: _cast(postgresql.BYTEA),
        sqlalchemy.Interval: _Interval,
        INTERVAL: _Interval,
        sqlalchemy.Numeric: _Numeric,
        sqlalchemy.JSON: _Json,
        JSONB: _Jsonb,
        INT2VECTOR: _Int2Vector,
        OIDVECTOR: _OidVector,
        sqlalchemy.Float: _Float,
    }  # fmt: skip

    @classmethod
    def import_dbapi(cls) -> Any:
        return _module("numeric_dollar")


class Sqlite(_Dialect, sqlite.SQLiteDialect):
    """SQLite over a run."""

    default_paramstyle = "qmark"
    supports_statement_cache = True

    def _get_server_version_info(self, connection: Any) -> tuple[int, ...]:
        return tuple(self.dbapi.sqlite_version_info)  # type: ignore[union-attr]


sqlalchemy.dialects.registry.register("postgresql.ormkit", __name__, "Postgres")
sqlalchemy.dialects.registry.register("sqlite.ormkit", __name__, "Sqlite")


def engine(connection: Connection) -> Any:
    """SQLAlchemy's engine over a run."""
    op, module = connection.op, None
    if op.dialect == "sqlite":
        version = op.wait(op._run.execute, "SELECT sqlite_version()", None).scalar()
        module = _module("qmark", tuple(int(part) for part in version.split(".")))
    return sqlalchemy.create_engine(
        f"{op.dialect}+ormkit://",
        creator=lambda: connection,
        poolclass=StaticPool,
        pool_reset_on_return=None,
        module=module or _module("numeric_dollar"),
    )
