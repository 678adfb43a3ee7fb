"""Which names of `alembic` and `sqlalchemy` a revision needs, found without running it."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from ormkit.migrations._drive import Bind, Mappings, Rows, Values
from ormkit.migrations._keywords import unknown
from ormkit.migrations._loader import modules
from ormkit.migrations._op import BatchOperations, Context, Operations

__all__: list[str] = []

_Function = (ast.FunctionDef, ast.AsyncFunctionDef)

# Stands in a file that Alembic is to run, whatever its names are.
_ASKED = re.compile(r"^#\s*ormkit:\s*run by alembic\s*$", re.MULTILINE | re.IGNORECASE)


def foreign_names(source: str, function: str, dialect: str | None = None) -> list[str]:
    """The names that `upgrade` or `downgrade` of a file needs and that are not there: those of what is run when the file is
    loaded, of the function, and of the functions of the file that it names. `dialect`: options of another one do nothing."""
    return sorted(_looked_at(source, function, dialect).missing)


def mistyped(source: str, function: str, dialect: str | None = None) -> list[tuple[int, str]]:
    """The keywords of functions of `op` that nobody knows, each with its line."""
    return sorted(_looked_at(source, function, dialect).mistyped)


def _looked_at(source: str, function: str, dialect: str | None) -> _Finder:
    tree = ast.parse(source)
    finder = _Finder(modules(Operations), dialect)
    if asked := _ASKED.search(source):
        finder.missing.add(asked[0].lstrip("# "))
    for node in ast.walk(tree):
        finder.imports(node)
    for node in ast.walk(tree):
        finder.assignments(node)
    for node in _reached(tree, function):
        finder.used(node)
    return finder


def made_of_sqlalchemy(source: str) -> list[str]:
    """What a loaded file imports from elsewhere and that is made of the real SQLAlchemy: its types are none of ours."""
    if "sqlalchemy" not in sys.modules:
        return []
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if _is_theirs(sys.modules.get(alias.name))]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            module = sys.modules.get(node.module or "")
            names = [alias.name for alias in node.names]
            found += [f"{node.module}.{name}" for name in names if _is_theirs(getattr(module, name, None))]
    return sorted({name for name in found if not _is_ours(name)})


def _is_theirs(value: Any) -> bool:
    if isinstance(value, ModuleType):
        members = vars(value).values()
        return any(one is sys.modules["sqlalchemy"] or _is_of(one, "sqlalchemy") for one in members)
    kinds = value.__mro__ if inspect.isclass(value) else type(value).__mro__
    return any(_is_of(kind, "sqlalchemy") for kind in kinds)


def _is_of(value: Any, package: str) -> bool:
    return str(getattr(value, "__module__", "")).partition(".")[0] == package


def _is_ours(name: str) -> bool:
    return name.partition(".")[0] in ("alembic", "sqlalchemy")


def _reached(tree: ast.Module, function: str) -> Iterator[ast.AST]:
    """The nodes that are run when a function of the file is."""
    functions = {node.name: node for node in tree.body if isinstance(node, _Function)}
    waiting: list[ast.AST] = [functions.pop(function)] if function in functions else []
    for node in tree.body:
        # Of a function that nobody has called only this is run.
        waiting += [*node.decorator_list, node.args] if isinstance(node, _Function) else [node]
    while waiting:
        for node in _without_annotations(waiting.pop()):
            yield node
            if isinstance(node, ast.Name) and node.id in functions:
                waiting.append(functions.pop(node.id))


def _without_annotations(top: ast.AST) -> Iterator[ast.AST]:
    left = [top]
    while left:
        node = left.pop()
        yield node
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns"):
                continue
            left += [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, ast.AST)]


_UNKNOWN: Any = object()


class _Finder:
    def __init__(self, ours: dict[str, ModuleType], dialect: str | None) -> None:
        self.ours, self.dialect = ours, dialect
        self.known: dict[str, Any] = {}
        self.absent: dict[str, str] = {}
        self.missing: set[str] = set()
        self.mistyped: set[tuple[int, str]] = set()

    def imports(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if not _is_ours(alias.name):
                    continue
                root = alias.name.partition(".")[0]
                if alias.asname and alias.name not in self.ours:
                    self.absent[alias.asname] = alias.name
                self.known[alias.asname or root] = self.ours.get(alias.name if alias.asname else root, _UNKNOWN)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and _is_ours(node.module or ""):
            module = self.ours.get(node.module or "")
            for alias in node.names:
                found = getattr(module, alias.name, _UNKNOWN)
                if alias.name == "*":
                    self.missing |= {f"{node.module}.*"}
                elif found is _UNKNOWN:
                    self.absent[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                self.known[alias.asname or alias.name] = found

    def assignments(self, node: ast.AST) -> None:
        """`users = sa.table(…)`, `with op.batch_alter_table(…) as batch`."""
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            name, made = node.targets[0].id, self._resolve(node.value)
            if inspect.isclass(made) and isinstance(node.value, ast.Call):
                # A name that stands for several things is not followed.
                self.known[name] = made if self.known.get(name, made) is made else _UNKNOWN
            elif inspect.isclass(self.known.get(name)):
                self.known[name] = _UNKNOWN
        elif isinstance(node, ast.withitem) and isinstance(node.optional_vars, ast.Name):
            call = node.context_expr
            if isinstance(call, ast.Call) and self._resolve(call.func) is Operations.batch_alter_table:
                self.known[node.optional_vars.id] = BatchOperations

    def used(self, node: ast.AST) -> None:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in self.absent:
            self.missing.add(self.absent[node.id])
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            self._attribute(node)
        elif isinstance(node, ast.Call):
            self._keywords(node)

    def _keywords(self, node: ast.Call) -> None:
        """Options that we do not know: those of Alembic it does itself."""
        function = self._resolve(node.func)
        for keyword in node.keywords:
            if keyword.arg is None or (said := unknown(function, keyword.arg, self.dialect)) is None:
                continue
            call = f"{ast.unparse(node.func)}({keyword.arg}=…)"
            if said == "alembic":
                self.missing.add(call)
            else:
                self.mistyped.add((keyword.lineno, call + (f", `{said}=` may be meant" if said else "")))

    def _attribute(self, node: ast.Attribute) -> None:
        inner = self._resolve(node.value)
        known = inspect.isclass(inner) or isinstance(inner, ModuleType)
        # What an instance has of its own is not to be seen in its class.
        own = isinstance(node.value, (ast.Call, ast.Name)) and inspect.isclass(inner) and self._is_instance(node.value)
        if known and not hasattr(inner, node.attr) and not (own and node.attr in _OWN):
            self.missing.add(ast.unparse(node) if len(ast.unparse(node)) < 60 else f"….{node.attr}")

    def _is_instance(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Call) or (isinstance(node, ast.Name) and node.id in self.known)

    def _resolve(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Name):
            return self.known.get(node.id, _UNKNOWN)
        if isinstance(node, ast.Attribute):
            inner = self._resolve(node.value)
            return _UNKNOWN if inner is _UNKNOWN else getattr(inner, node.attr, _UNKNOWN)
        if isinstance(node, ast.Call):
            made = self._resolve(node.func)
            return made if inspect.isclass(made) else _ANSWERS.get(made, _UNKNOWN) if callable(made) else _UNKNOWN
        return _UNKNOWN


# What functions answer.
_ANSWERS: dict[Any, Any] = {
    Operations.get_bind: Bind,
    Operations.get_context: Context,
    Bind.execute: Rows,
    Bind.exec_driver_sql: Rows,
    Rows.scalars: Values,
    Rows.mappings: Mappings,
}

_OWN = {
    "as_sql",
    "dialect",
    "rowcount",
    "name",
    "type",
    "columns",
    "labels",
    "schema",
    "text",
    "values",
    "unique",
    "nullable",
    "length",
    "enums",
}
