"""Loading revision files: `alembic` and `sqlalchemy` are ours in them, and nowhere else.

A file gets builtins of its own, whose `__import__` answers these two names with the modules that are made here. Nothing is
written to `sys.modules`: an installed Alembic or SQLAlchemy is not touched, and other modules that the file imports see it.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from ormkit.exc import MigrationError
from ormkit.migrations import _columns as columns, _ddl as ddl, _types as types
from ormkit.migrations._op import Operations
from ormkit.migrations._problem import mistake, problem

__all__: list[str] = []

SQL: dict[str, Any] = {
    "text": columns.Text,
    "func": columns.Functions(),
    "column": columns.ColumnName,
    "table": columns.TableName,
    "literal": columns.Literal,
    "literal_column": columns.Text,
    "true": lambda: columns.Constant("true"),
    "false": lambda: columns.Constant("false"),
    "null": lambda: columns.Constant("NULL"),
}

PARTS: dict[str, Any] = {
    "Column": columns.SaColumn,
    "ForeignKey": columns.ForeignKey,
    "ForeignKeyConstraint": columns.ForeignKeyConstraint,
    "PrimaryKeyConstraint": columns.PrimaryKeyConstraint,
    "UniqueConstraint": columns.UniqueConstraint,
    "CheckConstraint": columns.CheckConstraint,
    "Index": columns.Index,
    "Computed": columns.Computed,
    "Identity": columns.Identity,
    "Sequence": ddl.Sequence,
}

STATEMENTS: dict[str, Any] = {
    "CreateSequence": ddl.CreateSequence,
    "DropSequence": ddl.DropSequence,
    "CreateSchema": ddl.CreateSchema,
    "DropSchema": ddl.DropSchema,
}

NAMES: dict[str, dict[str, Any]] = {
    "sqlalchemy": {**types.TYPES, **SQL, **PARTS},
    "sqlalchemy.schema": PARTS | STATEMENTS,
    "sqlalchemy.types": types.TYPES,
    "sqlalchemy.sql": SQL,
    "sqlalchemy.sql.ddl": STATEMENTS,
    "sqlalchemy.sql.schema": PARTS,
    "sqlalchemy.sql.expression": SQL,
    "sqlalchemy.dialects": {},
    "sqlalchemy.dialects.postgresql": types.POSTGRESQL | {"ExcludeConstraint": columns.ExcludeConstraint},
    "sqlalchemy.dialects.sqlite": types.SQLITE,
    "alembic": {},
}


class Proxy:
    """`op` of one file: whichever is there while a function of the file runs."""

    def __init__(self) -> None:
        self.op: Operations | None = None

    def __getattr__(self, name: str) -> Any:
        if self.op is None:
            raise MigrationError(f"op.{name} outside of upgrade() and downgrade()")
        return getattr(self.op, name)


class ContextModule:
    """`alembic.context` in a revision: what `env.py` sees of it is not there."""

    def __init__(self, op: Any) -> None:
        self._op = op

    def get_x_argument(self, as_dictionary: bool = False) -> Any:
        """What was given as `-x`, in order; as a dictionary what stands before and behind `=`, of the last one of a name."""
        given = list(self._op._x)
        return dict(one.partition("=")[::2] for one in given) if as_dictionary else given

    def is_offline_mode(self) -> bool:
        """Statements are written down only."""
        return bool(self._op._as_sql)

    def get_context(self) -> Any:
        """As `op.get_context`."""
        return self._op.get_context()

    def get_bind(self) -> Any:
        """As `op.get_bind`."""
        return self._op.get_bind()

    def execute(self, sql: Any, execution_options: Any = None) -> None:
        """As `op.execute`."""
        self._op.execute(sql, execution_options=execution_options)


class Missing:
    """A name that is imported and not there: nothing can be done with it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Missing:
        if name.startswith("__"):
            raise AttributeError(name)
        return Missing(f"{self._name}.{name}")

    def __call__(self, *args: Any, **options: Any) -> Any:
        raise MigrationError(f"{self._name} is run by Alembic and SQLAlchemy only: pip install ormkit[alembic]")

    def __or__(self, other: Any) -> Missing:
        return self

    __ror__ = __getitem__ = __or__


def modules(op: Any) -> dict[str, ModuleType]:
    """The modules of one file."""
    made = {name: ModuleType(name) for name in NAMES}
    for name, members in NAMES.items():
        vars(made[name]).update(members)
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(made[parent], last, made[name])
    vars(made["alembic"]).update(op=op, context=ContextModule if op is Operations else ContextModule(op))
    return made


def _stand_in(name: str) -> Any:
    """What a module answers for a name that it lacks: a function of the file that is not run may name it."""

    def missing(member: str) -> Missing:
        if member.startswith("__"):
            raise AttributeError(member)
        return Missing(f"{name}.{member}")

    return missing


def load(path: Path, source: str, op: Any, revisions: tuple[str, ...] = ()) -> dict[str, Any]:
    """Run a file; its names. Without `op` it sees the installed Alembic and SQLAlchemy.

    Raises:
        MigrationError: It cannot be read or run.
    """
    if op is None:
        return _run(path, source, vars(builtins), revisions)
    ours = modules(op)
    for name, module in ours.items():
        vars(module)["__getattr__"] = _stand_in(name)

    def importer(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        if level == 0 and name.partition(".")[0] in ("alembic", "sqlalchemy"):
            if name not in ours:
                ours[name] = ModuleType(name)
                vars(ours[name])["__getattr__"] = _stand_in(name)
            return ours[name] if fromlist else ours[name.partition(".")[0]]
        return builtins.__import__(name, globals, locals, fromlist, level)

    return _run(path, source, {**vars(builtins), "__import__": importer}, revisions)


def _run(path: Path, source: str, names_of_python: dict[str, Any], revisions: tuple[str, ...]) -> dict[str, Any]:
    names: dict[str, Any] = {
        "__name__": f"revision_{path.stem}",
        "__file__": str(path),
        "__builtins__": names_of_python,
    }
    try:
        exec(compile(source, str(path), "exec"), names)
    except MigrationError:
        raise
    except SyntaxError as error:
        raise mistake(path, error, revisions) from error
    except Exception as error:
        text = f"{path} cannot be loaded: {type(error).__name__}: {error}: `ormkit migrate status` says what waits"
        raise problem(text, file=path, revisions=revisions) from error
    return names


def files(folders: list[Path], *, deep: bool = False) -> Iterator[Path]:
    """The revision files of folders, in order."""
    for folder in folders:
        found = folder.rglob("*.py") if deep else folder.glob("*.py")
        yield from sorted(path for path in found if not path.name.startswith(("__init__", ".#")))
