"""Revision files for `ormkit lint`: their statements, each with the line of the file that asks for it."""

from __future__ import annotations

import re
from pathlib import Path

from ormkit._ormkit import keeps_stored_form
from ormkit.exc import NotSupportedError, OrmkitError
from ormkit.migrations._located import Located
from ormkit.migrations._problem import problem
from ormkit.migrations._steps import AlterColumn, CreateTable, MigrateOperation
from ormkit.migrations._types import text_of
from ormkit.migrations.runner import MigrationRunner, for_alembic
from ormkit.migrations.script import MigrationScript

__all__: list[str] = []

Rendered = tuple[str, str, list[tuple[int, str]], list[tuple[int, str]]]

_ALLOWED = re.compile(r"#.*?(ormkit: allow [\w-]+)")


def render(files: list[Path], dialects: list[str]) -> tuple[list[Rendered], list[OrmkitError]]:
    """What the upgrades of files do, in each dialect; and why some could not be looked at to the end."""
    found: list[Rendered] = []
    errors: dict[str, OrmkitError] = {}
    for file in files:
        for dialect in dialects:
            try:
                script = MigrationScript.load(file)
                op = _Statements(dialect, script)
                found.append((str(file), dialect, op.located, op.rebuilt))
                MigrationRunner(None)._write(op, script, True, bool(for_alembic([script], True, op.dialect)))
            except OrmkitError as error:
                text = str(error) if str(file) in str(error) else f"{file}: {error}"
                errors.setdefault(text, problem(text, file=file))
    return found, list(errors.values())


class _Statements(Located):
    """`op` that writes down statements with their lines."""

    def __init__(self, dialect: str, script: MigrationScript) -> None:
        super().__init__(dialect, script)
        self._source = script.render().splitlines()
        self.located: list[tuple[int, str]] = []
        self.rebuilt: list[tuple[int, str]] = []
        self._made: set[str | None] = set()
        # What is known of the operation that writes its statements.
        self._known = ""

    def _emit(self, operations: list[MigrateOperation]) -> None:
        for operation in operations:
            if isinstance(operation, CreateTable):
                self._made.add(operation.table_name)
            self._known = "-- ormkit: allow type-change-rewrites\n" if self._is_free(operation) else ""
            try:
                super()._emit([operation])
            except NotSupportedError:
                if self.dialect != "sqlite":
                    raise
                line = self.line()
                if operation.table_name not in self._made and "table-rebuilt" not in self.allowed(line):
                    place = ".".join(part for part in (operation.table_name, operation.column_name) if part)
                    self.rebuilt.append((line, f"{operation.operation_type} {place}"))

    def _is_free(self, operation: MigrateOperation) -> bool:
        """It changes a type, and says from which, so that the rows stay as they are stored."""
        if not isinstance(operation, AlterColumn) or operation.type is None or operation.existing[0] is None:
            return False
        if self.dialect != "postgresql" or operation.using is not None:
            return False
        kinds = [text_of(kind, self.dialect).lower() for kind in (operation.existing[0], operation.type)]
        return keeps_stored_form(*(kind.replace("varchar", "character varying") for kind in kinds))

    def add(self, statement: str) -> None:
        line = self.line()
        self.located.append((line, f"{self.allowed(line)}{self._known}{statement}"))

    def allowed(self, line: int) -> str:
        """The comments that let a statement pass, on its line and right above it, as SQL has them."""
        first = line - 1
        while first > 0 and self._source[first - 1].lstrip().startswith("#"):
            first -= 1
        found = _ALLOWED.findall("\n".join(self._source[first:line]))
        return "".join(f"-- {one}\n" for one in found)
