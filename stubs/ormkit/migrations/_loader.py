"""Loading revision files: `alembic` and `sqlalchemy` are ours in them, and nowhere else.

A file gets builtins of its own, whose `__import__` answers these two names with the modules that are made here. Nothing is
written to `sys.modules`: an installed Alembic or SQLAlchemy is not touched, and other modules that the file imports see it.
"""

from __future__ import annotations

import ast
import builtins
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from ormkit.exc import MigrationError
from ormkit.migrations import _columns as columns, _types as types
from ormkit.migrations._op import BatchOperations, Operations

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

NAMES: dict[str, dict[str, Any]] = {
    "sqlalchemy": {
        **types.TYPES,
        **SQL,
        "Column": columns.SaColumn,
        "ForeignKey": columns.ForeignKey,
        "ForeignKeyConstraint": columns.ForeignKeyConstraint,
        "PrimaryKeyConstraint": columns.PrimaryKeyConstraint,
        "UniqueConstraint": columns.UniqueConstraint,
        "CheckConstraint": columns.CheckConstraint,
        "Index": columns.Index,
        "Computed": columns.Computed,
        "Identity": columns.Identity,
        "Sequence": columns.Sequence,
    },
    "sqlalchemy.types": types.TYPES,
    "sqlalchemy.sql": SQL,
    "sqlalchemy.sql.expression": SQL,
    "sqlalchemy.dialects": {},
    "sqlalchemy.dialects.postgresql": types.POSTGRESQL,
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


def modules(op: Any) -> dict[str, ModuleType]:
    """The modules of one file."""
    made = {name: ModuleType(name) for name in NAMES}
    for name, members in NAMES.items():
        vars(made[name]).update(members)
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(made[parent], last, made[name])
    vars(made["alembic"])["op"] = op
    return made


def load(path: Path, source: str, op: Any) -> dict[str, Any]:
    """Run a file; its names.

    Raises:
        MigrationError: It cannot be read or run.
    """
    ours = modules(op)

    def importer(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        if level == 0 and name.partition(".")[0] in ("alembic", "sqlalchemy"):
            if name not in ours:
                raise ModuleNotFoundError(f"{name} is not there in revision files", name=name)
            return ours[name] if fromlist else ours[name.partition(".")[0]]
        return builtins.__import__(name, globals, locals, fromlist, level)

    names: dict[str, Any] = {
        "__name__": f"revision_{path.stem}",
        "__file__": str(path),
        "__builtins__": {**vars(builtins), "__import__": importer},
    }
    try:
        exec(compile(source, str(path), "exec"), names)
    except MigrationError:
        raise
    except SyntaxError as error:
        raise MigrationError(f"{path}, line {error.lineno}: {error.msg}") from error
    except Exception as error:
        raise MigrationError(f"{path} cannot be loaded: {type(error).__name__}: {error}") from error
    return names


def foreign_names(source: str) -> list[str]:
    """The names of `alembic` and `sqlalchemy` in a file that are not there, as far as can be told without running it."""
    tree = ast.parse(source)
    finder = _Finder(modules(Operations))
    for node in ast.walk(tree):
        finder.imports(node)
    for node in ast.walk(tree):
        finder.assignments(node)
    for node in ast.walk(tree):
        finder.attribute(node)
    return sorted(finder.missing)


_UNKNOWN: Any = object()


class _Finder:
    def __init__(self, ours: dict[str, ModuleType]) -> None:
        self.ours = ours
        self.known: dict[str, Any] = {}
        self.missing: set[str] = set()

    def imports(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if self._is_ours(alias.name):
                    root = alias.name if alias.asname else alias.name.partition(".")[0]
                    self._module(alias.name)
                    self.known[alias.asname or root] = self.ours.get(root, _UNKNOWN)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and self._is_ours(node.module or ""):
            module = self._module(node.module or "")
            for alias in node.names if module is not None else []:
                found = getattr(module, alias.name, _UNKNOWN)
                if found is _UNKNOWN:
                    self.missing.add(f"{node.module}.{alias.name}")
                self.known[alias.asname or alias.name] = found

    @staticmethod
    def _is_ours(name: str) -> bool:
        return name.partition(".")[0] in ("alembic", "sqlalchemy")

    def _module(self, name: str) -> ModuleType | None:
        if name not in self.ours:
            self.missing.add(name)
        return self.ours.get(name)

    def assignments(self, node: ast.AST) -> None:
        """`users = sa.table(…)`, `with op.batch_alter_table(…) as batch`."""
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            if isinstance(node.value, ast.Call):
                made = self._resolve(node.value.func)
                if inspect.isclass(made):
                    self.known.setdefault(node.targets[0].id, made)
        elif isinstance(node, ast.withitem) and isinstance(node.optional_vars, ast.Name):
            call = node.context_expr
            if isinstance(call, ast.Call) and self._resolve(call.func) is Operations.batch_alter_table:
                self.known[node.optional_vars.id] = BatchOperations

    def _resolve(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Name):
            return self.known.get(node.id, _UNKNOWN)
        if isinstance(node, ast.Attribute):
            inner = self._resolve(node.value)
            return _UNKNOWN if inner is _UNKNOWN else getattr(inner, node.attr, _UNKNOWN)
        if isinstance(node, ast.Call):
            made = self._resolve(node.func)
            return made if inspect.isclass(made) else _UNKNOWN
        return _UNKNOWN

    def attribute(self, node: ast.AST) -> None:
        if not isinstance(node, ast.Attribute) or not isinstance(node.ctx, ast.Load):
            return
        inner = self._resolve(node.value)
        known = inspect.isclass(inner) or isinstance(inner, ModuleType)
        # What an instance has of its own is not to be seen in its class.
        own = isinstance(node.value, (ast.Call, ast.Name)) and inspect.isclass(inner) and self._is_instance(node.value)
        if known and not hasattr(inner, node.attr) and not (own and node.attr in _OWN):
            self.missing.add(ast.unparse(node) if len(ast.unparse(node)) < 60 else f"….{node.attr}")

    def _is_instance(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Call) or (isinstance(node, ast.Name) and node.id in self.known)


_OWN = {"name", "type", "columns", "labels", "schema", "text", "values", "unique", "nullable", "length", "enums"}


def files(folders: list[Path], *, deep: bool = False) -> Iterator[Path]:
    """The revision files of folders, in order."""
    for folder in folders:
        found = folder.rglob("*.py") if deep else folder.glob("*.py")
        yield from sorted(path for path in found if not path.name.startswith(("__init__", ".#")))
