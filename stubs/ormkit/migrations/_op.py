"""`op`: its functions make operations, which are collected, written as SQL, or done at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ormkit.exc import MigrationError
from ormkit.migrations._columns import (
    ColumnDef,
    Constraint,
    Literal,
    TableName,
    known,
)
from ormkit.migrations._steps import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    BulkInsert,
    CreateCheckConstraint,
    CreateExcludeConstraint,
    CreateForeignKey,
    CreateIndex,
    CreatePrimaryKey,
    CreateTable,
    CreateUniqueConstraint,
    DropColumn,
    DropConstraint,
    DropIndex,
    DropTable,
    Execute,
    MigrateOperation,
    RenameTable,
    TableComment,
)

__all__: list[str] = []


class Operations:
    """`op`: collects what its functions ask for.

    Args:
        dialect: `"postgresql"` or `"sqlite"`.
    """

    _as_sql = False
    # What was given as `-x`.
    _x: tuple[str, ...] = ()

    def __init__(self, dialect: str = "postgresql") -> None:
        self.dialect = dialect
        self._operations: list[MigrateOperation] = []

    def get_operations(self) -> list[MigrateOperation]:
        """What was asked for, in order."""
        return list(self._operations)

    def get_sql(self) -> list[str]:
        """The statements, without semicolons.

        Raises:
            NotSupportedError: SQLite does one of them by a rebuild only.
        """
        return [sql for operation in self._operations for sql in operation.statements(self.dialect)]

    def get_reverse_operations(self) -> list[MigrateOperation]:
        """The way back, the last one first.

        Raises:
            MigrationError: One of them says too little about what there was.
        """
        return [operation.reverse() for operation in reversed(self._operations)]

    def invoke(self, operation: MigrateOperation) -> Any:
        """Do an operation."""
        return self._emit([operation])

    def _emit(self, operations: list[MigrateOperation]) -> Any:
        self._operations += operations

    def f(self, name: str) -> str:
        """The name as it is, for no naming convention to change."""
        return name

    def inline_literal(self, value: Any, type_: Any = None) -> Literal:
        """A value that is written into the SQL."""
        return Literal(value, type_)

    def create_table(self, table_name: str, *columns: Any, **options: Any) -> TableName:
        self._emit([CreateTable(table_name, columns, **options)])
        return TableName(table_name, *columns, schema=options.get("schema"))

    def drop_table(self, table_name: str, *, schema: str | None = None, if_exists: bool | None = None) -> None:
        self._emit([DropTable(table_name, schema=schema, if_exists=bool(if_exists))])

    def rename_table(self, old_table_name: str, new_table_name: str, *, schema: str | None = None) -> None:
        self._emit([RenameTable(old_table_name, new_table_name, schema=schema)])

    def add_column(
        self,
        table_name: str,
        column: ColumnDef,
        *,
        schema: str | None = None,
        if_not_exists: bool | None = None,
        inline_references: bool | None = None,
        inline_primary_key: bool | None = None,
    ) -> None:
        self._emit([AddColumn(table_name, column, schema=schema, if_not_exists=if_not_exists)])

    def drop_column(self, table_name: str, column_name: str, *, schema: str | None = None, **options: Any) -> None:
        if_exists = bool(options.pop("if_exists", False))
        known(options, "drop_column")
        self._emit([DropColumn(table_name, column_name, schema=schema, if_exists=if_exists)])

    def alter_column(self, table_name: str, column_name: str, **options: Any) -> None:
        self._emit([AlterColumn(table_name, column_name, **options)])

    def create_index(self, index_name: str | None, table_name: str, columns: Any, **options: Any) -> None:
        self._emit([CreateIndex(index_name, table_name, columns, **options)])

    def drop_index(self, index_name: str, table_name: str | None = None, **options: Any) -> None:
        self._emit([DropIndex(index_name, table_name, **options)])

    def create_foreign_key(
        self, constraint_name: str | None, source_table: str, referent_table: str, local_cols: Any, remote_cols: Any, **options: Any
    ) -> None:  # fmt: skip
        self._emit(
            [CreateForeignKey(constraint_name, source_table, referent_table, local_cols, remote_cols, **options)]
        )

    def create_unique_constraint(
        self, constraint_name: str | None, table_name: str, columns: Any, **options: Any
    ) -> None:
        self._emit([CreateUniqueConstraint(constraint_name, table_name, columns, **options)])

    def create_primary_key(self, constraint_name: str | None, table_name: str, columns: Any, **options: Any) -> None:
        self._emit([CreatePrimaryKey(constraint_name, table_name, columns, **options)])

    def create_check_constraint(
        self, constraint_name: str | None, table_name: str, condition: Any, **options: Any
    ) -> None:
        self._emit([CreateCheckConstraint(constraint_name, table_name, condition, **options)])

    def create_exclude_constraint(self, constraint_name: str, table_name: str, *elements: Any, **options: Any) -> None:
        self._emit([CreateExcludeConstraint(constraint_name, table_name, *elements, **options)])

    def drop_constraint(
        self,
        constraint_name: str,
        table_name: str,
        type_: str | None = None,
        *,
        schema: str | None = None,
        if_exists: bool | None = None,
    ) -> None:
        self._emit([DropConstraint(constraint_name, table_name, type_, schema=schema, if_exists=if_exists)])

    def create_table_comment(self, table_name: str, comment: str | None, **options: Any) -> None:
        self._emit([TableComment(table_name, comment, **options)])

    def drop_table_comment(self, table_name: str, **options: Any) -> None:
        self._emit([TableComment(table_name, None, **options)])

    def execute(self, sqltext: Any, *, execution_options: Any = None) -> None:
        """Run SQL of your own: a text, or what `sa.text` makes."""
        self._emit([Execute(sqltext)])

    def bulk_insert(self, table: Any, rows: Any, *, multiinsert: bool = True) -> None:
        rows = list(rows)
        if rows:
            self._emit([BulkInsert(table, rows)])

    def get_bind(self) -> Any:
        """A connection that answers. There is none where operations are only collected."""
        raise MigrationError("op.get_bind() needs a database: there is none where operations are only collected")

    def get_context(self) -> Any:
        """What a revision may ask of its surroundings: `autocommit_block()`, `dialect`, `bind`."""
        return Context(self)

    def run_async(self, async_function: Any, *args: Any, **options: Any) -> Any:
        """There is no connection of SQLAlchemy for it."""
        raise MigrationError("op.run_async() hands over a connection of SQLAlchemy, which is not there")

    @contextmanager
    def batch_alter_table(
        self,
        table_name: str,
        schema: str | None = None,
        recreate: Any = "auto",
        partial_reordering: Any = None,
        copy_from: Any = None,
        table_args: Any = (),
        table_kwargs: Any = None,
        reflect_args: Any = (),
        reflect_kwargs: Any = None,
        naming_convention: Any = None,
    ) -> Iterator[BatchOperations]:
        """Changes of one table that are done together: on SQLite by one rebuild, which keeps all that is not changed."""
        odd = [part for part in table_args if not isinstance(part, Constraint)]
        for name, given in (("partial_reordering", partial_reordering), ("copy_from", copy_from), ("table_args", odd)):
            if given:
                text = f"batch_alter_table: `{name}` is not known here: a comment `# ormkit: run by alembic` in the file has Alembic do it"
                raise MigrationError(text)
        batch = BatchOperations(self, table_name, schema, naming_convention)
        # They are of the table that is made anew: PostgreSQL makes none, unless it is told to.
        if self.dialect == "sqlite" or recreate == "always":
            for part in table_args:
                batch._add(AddConstraint(table_name, part, schema))
        yield batch
        batch.flush()

    @contextmanager
    def _autocommit(self) -> Iterator[None]:
        yield


class BatchOperations:
    """`with op.batch_alter_table("users") as batch:`: the functions of `op` without the table."""

    def __init__(self, op: Operations, table: str, schema: str | None, convention: Any) -> None:
        self._op, self._table, self._schema = op, table, schema
        said = (convention or {}).items()
        self._conventions = tuple((key, name) for key, name in said if isinstance(key, str) and isinstance(name, str))
        self._waiting: list[MigrateOperation] = []

    def flush(self) -> None:
        """Do what has come so far."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._op._emit(waiting)

    def _add(self, operation: MigrateOperation) -> None:
        self._waiting.append(operation)

    def _check_place(self, *said: Any) -> None:
        # PostgreSQL has columns in the order in which they came, for Alembic, too.
        if any(said) and self._op.dialect == "sqlite":
            raise MigrationError(
                "batch_alter_table: `insert_before` and `insert_after` are not known here: leave them out, and the column"
                " comes last, or have Alembic do it by a comment `# ormkit: run by alembic` in the file"
            )

    def f(self, name: str) -> str:
        return name

    def inline_literal(self, value: Any, type_: Any = None) -> Literal:
        return Literal(value, type_)

    def add_column(
        self, column: ColumnDef, *, insert_before: Any = None, insert_after: Any = None, **options: Any
    ) -> None:
        self._check_place(insert_before, insert_after)
        self._add(AddColumn(self._table, column, schema=self._schema, **options))

    def drop_column(self, column_name: str, **options: Any) -> None:
        self._add(DropColumn(self._table, column_name, schema=self._schema, **options))

    def alter_column(self, column_name: str, **options: Any) -> None:
        self._check_place(options.get("insert_before"), options.get("insert_after"))
        self._add(AlterColumn(self._table, column_name, schema=self._schema, **options))

    def create_index(self, index_name: str | None, columns: Any, **options: Any) -> None:
        self._add(CreateIndex(index_name, self._table, columns, schema=self._schema, **options))

    def drop_index(self, index_name: str, **options: Any) -> None:
        self._add(DropIndex(index_name, self._table, schema=self._schema, **options))

    def create_foreign_key(
        self, constraint_name: str | None, referent_table: str, local_cols: Any, remote_cols: Any, **options: Any
    ) -> None:
        columns = (referent_table, local_cols, remote_cols)
        self._add(CreateForeignKey(constraint_name, self._table, *columns, source_schema=self._schema, **options))

    def create_unique_constraint(self, constraint_name: str | None, columns: Any, **options: Any) -> None:
        self._add(CreateUniqueConstraint(constraint_name, self._table, columns, schema=self._schema, **options))

    def create_primary_key(self, constraint_name: str | None, columns: Any) -> None:
        self._add(CreatePrimaryKey(constraint_name, self._table, columns, schema=self._schema))

    def create_check_constraint(self, constraint_name: str | None, condition: Any, **options: Any) -> None:
        self._add(CreateCheckConstraint(constraint_name, self._table, condition, schema=self._schema, **options))

    def create_exclude_constraint(self, constraint_name: str, *elements: Any, **options: Any) -> None:
        self._add(CreateExcludeConstraint(constraint_name, self._table, *elements, schema=self._schema, **options))

    def drop_constraint(self, constraint_name: str, type_: str | None = None, *, if_exists: bool | None = None) -> None:
        dropped = DropConstraint(constraint_name, self._table, type_, schema=self._schema, if_exists=if_exists)
        dropped._conventions = self._conventions
        self._add(dropped)

    def create_table_comment(self, comment: str | None, **options: Any) -> None:
        self._add(TableComment(self._table, comment, schema=self._schema, **options))

    def drop_table_comment(self, **options: Any) -> None:
        self._add(TableComment(self._table, None, schema=self._schema, **options))

    def execute(self, sqltext: Any, *, execution_options: Any = None) -> None:
        self.flush()
        self._op.execute(sqltext)

    def invoke(self, operation: MigrateOperation) -> None:
        self._add(operation)

    def get_bind(self) -> Any:
        self.flush()
        return self._op.get_bind()

    def get_context(self) -> Any:
        return self._op.get_context()

    def run_async(self, async_function: Any, *args: Any, **options: Any) -> Any:
        return self._op.run_async(async_function)


class Dialect:
    """Which database it is."""

    def __init__(self, name: str) -> None:
        self.name = name


class Context:
    """What `op.get_context()` answers."""

    def __init__(self, op: Operations) -> None:
        self._op = op
        self.as_sql = op._as_sql
        self.dialect = Dialect(op.dialect)

    @property
    def bind(self) -> Any:
        """The connection."""
        return self._op.get_bind()

    connection = bind

    def autocommit_block(self) -> Any:
        """What is in the block runs outside of the transaction; what came before it is committed."""
        return self._op._autocommit()

    def execute(self, sql: Any) -> None:
        """As `op.execute`."""
        self._op.execute(sql)
