"""What revisions do: operations, and `op`, which makes them."""

from contextlib import AbstractContextManager
from typing import Any

class ColumnDef:
    """A column.

    Args:
        name: Its name.
        type: A type of `sa`, or the database's own words for one.
        nullable: NULL is allowed.
        primary_key: It is (a part of) the primary key, and then never NULL.
        unique: No two rows have the same value.
        default: A value that is written as the DEFAULT where there is no `server_default`.
        server_default: A value as a text, or SQL made by `sa.text()`.
    """

    nullable: Any
    keys: Any
    constraints: Any
    computed: Any
    identity: Any
    server_default: Any
    def __init__(
        self,
        name: str,
        type: Any = None,
        *args: Any,
        nullable: bool | None = None,
        primary_key: bool = False,
        unique: bool = False,
        default: Any = None,
        server_default: Any = None,
        index: bool = False,
        autoincrement: Any = "auto",
        comment: str | None = None,
        **options: Any,
    ) -> None: ...

Column = ColumnDef

class MigrateOperation:
    """What a revision does to a schema.

    `operation_type` is the name of the function of `op` that makes it.
    """

    operation_type: str
    table_name: str | None
    column_name: str | None
    schema: str | None
    def statements(self, dialect: str) -> list[str]:
        """All statements, without semicolons."""
    def to_sql(self, dialect: str = "postgresql") -> str:
        """The statement, without a semicolon.

        Raises:
            NotSupportedError: On SQLite only a rebuild of the table does it, which is several statements.
        """
    def reverse(self) -> MigrateOperation:
        """The way back.

        Raises:
            MigrationError: It says too little about what there was.
        """

class CreateTable(MigrateOperation):
    """CREATE TABLE."""

    operation_type: str
    columns: Any
    parts: Any
    def __init__(self, table: str, columns: Any = (), *parts: Any, **options: Any) -> None: ...
    def to_sql(self, dialect: str = "postgresql") -> str: ...
    def reverse(self) -> MigrateOperation: ...

class DropTable(MigrateOperation):
    """DROP TABLE."""

    operation_type: str
    def __init__(
        self, table: str, *, schema: str | None = None, if_exists: bool = False, columns: Any = None
    ) -> None: ...
    def reverse(self) -> MigrateOperation: ...

class RenameTable(MigrateOperation):
    """ALTER TABLE … RENAME."""

    operation_type: str
    def __init__(self, table: str, new_name: str, *, schema: str | None = None) -> None: ...
    def reverse(self) -> MigrateOperation: ...

class AddColumn(MigrateOperation):
    """ALTER TABLE … ADD COLUMN."""

    operation_type: str
    def __init__(
        self, table: str, column: ColumnDef, *, schema: str | None = None, if_not_exists: bool | None = False
    ) -> None: ...
    def to_sql(self, dialect: str = "postgresql") -> str: ...
    def reverse(self) -> MigrateOperation: ...

class DropColumn(MigrateOperation):
    """ALTER TABLE … DROP COLUMN."""

    operation_type: str
    def __init__(
        self,
        table: str,
        name: str,
        *,
        schema: str | None = None,
        if_exists: bool = False,
        column: ColumnDef | None = None,
    ) -> None: ...
    def reverse(self) -> MigrateOperation: ...

class AlterColumn(MigrateOperation):
    """ALTER TABLE … ALTER COLUMN. What is not said stays as it is."""

    operation_type: str
    existing: Any
    using: Any
    def __init__(
        self,
        table: str,
        name: str,
        *,
        nullable: bool | None = None,
        server_default: Any = ...,
        type: Any = None,
        type_: Any = None,
        new_column_name: str | None = None,
        comment: Any = ...,
        schema: str | None = None,
        existing_type: Any = None,
        existing_nullable: bool | None = None,
        existing_server_default: Any = ...,
        existing_comment: str | None = None,
        **options: Any,
    ) -> None: ...
    def to_sql(self, dialect: str = "postgresql") -> str: ...
    def reverse(self) -> MigrateOperation: ...

class CreateIndex(MigrateOperation):
    """CREATE INDEX."""

    operation_type: str
    options: Any
    def __init__(
        self,
        name: str | None,
        table: str,
        columns: Any,
        unique: bool = False,
        *,
        schema: str | None = None,
        if_not_exists: bool | None = False,
        **options: Any,
    ) -> None: ...
    def reverse(self) -> MigrateOperation: ...

class DropIndex(MigrateOperation):
    """DROP INDEX."""

    operation_type: str
    concurrently: Any
    def __init__(
        self,
        name: str,
        table: str | None = None,
        *,
        schema: str | None = None,
        if_exists: bool | None = False,
        index: CreateIndex | None = None,
        **options: Any,
    ) -> None: ...
    def reverse(self) -> MigrateOperation: ...

class _AddConstraint(MigrateOperation):
    """ALTER TABLE … ADD CONSTRAINT."""

    constraint_name: Any
    def __init__(self, table: str, constraint: Any, schema: str | None = None) -> None: ...
    def reverse(self) -> MigrateOperation: ...

class CreateForeignKey(_AddConstraint):
    """ADD FOREIGN KEY."""

    operation_type: str
    def __init__(
        self,
        name: str | None,
        table: str,
        referent_table: str,
        local_cols: Any,
        remote_cols: Any,
        *,
        source_schema: str | None = None,
        referent_schema: str | None = None,
        **options: Any,
    ) -> None: ...

class CreateUniqueConstraint(_AddConstraint):
    """ADD UNIQUE."""

    operation_type: str
    def __init__(
        self, name: str | None, table: str, columns: Any, *, schema: str | None = None, **options: Any
    ) -> None: ...

class CreatePrimaryKey(_AddConstraint):
    """ADD PRIMARY KEY."""

    operation_type: str
    def __init__(self, name: str | None, table: str, columns: Any, *, schema: str | None = None) -> None: ...

class CreateCheckConstraint(_AddConstraint):
    """ADD CHECK."""

    operation_type: str
    def __init__(
        self, name: str | None, table: str, condition: Any, *, schema: str | None = None, **options: Any
    ) -> None: ...

class CreateExcludeConstraint(_AddConstraint):
    """ADD EXCLUDE."""

    operation_type: str
    def __init__(self, name: str, table: str, *elements: Any, schema: str | None = None, **options: Any) -> None: ...

class DropConstraint(MigrateOperation):
    """DROP CONSTRAINT."""

    operation_type: str
    def __init__(
        self,
        name: str,
        table: str,
        type: str | None = None,
        *,
        schema: str | None = None,
        if_exists: bool | None = False,
        constraint: _AddConstraint | None = None,
    ) -> None: ...
    def reverse(self) -> MigrateOperation: ...

class TableComment(MigrateOperation):
    """COMMENT ON TABLE."""

    operation_type: Any
    def __init__(
        self, table: str, comment: str | None, *, existing_comment: str | None = None, schema: str | None = None
    ) -> None: ...
    def reverse(self) -> MigrateOperation: ...

class Execute(MigrateOperation):
    """SQL of the user's own: a text, or what `sa.text` makes, with its values."""

    operation_type: str
    def __init__(self, sql: Any, down: Any = None) -> None: ...
    def reverse(self) -> MigrateOperation: ...

class BulkInsert(MigrateOperation):
    """INSERT of rows."""

    operation_type: str
    def __init__(self, table: Any, rows: Any) -> None: ...

class Operations:
    """`op`: collects what its functions ask for.

    Args:
        dialect: `"postgresql"` or `"sqlite"`.
    """

    dialect: Any
    def __init__(self, dialect: str = "postgresql") -> None: ...
    def get_operations(self) -> list[MigrateOperation]:
        """What was asked for, in order."""
    def get_sql(self) -> list[str]:
        """The statements, without semicolons.

        Raises:
            NotSupportedError: SQLite does one of them by a rebuild only.
        """
    def get_reverse_operations(self) -> list[MigrateOperation]:
        """The way back, the last one first.

        Raises:
            MigrationError: One of them says too little about what there was.
        """
    def invoke(self, operation: MigrateOperation) -> Any:
        """Do an operation."""
    def f(self, name: str) -> str:
        """The name as it is, for no naming convention to change."""
    def inline_literal(self, value: Any, type_: Any = None) -> Any:
        """A value that is written into the SQL."""
    def create_table(self, table_name: str, *columns: Any, **options: Any) -> Any: ...
    def drop_table(self, table_name: str, *, schema: str | None = None, if_exists: bool | None = None) -> None: ...
    def rename_table(self, old_table_name: str, new_table_name: str, *, schema: str | None = None) -> None: ...
    def add_column(
        self,
        table_name: str,
        column: ColumnDef,
        *,
        schema: str | None = None,
        if_not_exists: bool | None = None,
        inline_references: bool | None = None,
        inline_primary_key: bool | None = None,
    ) -> None: ...
    def drop_column(self, table_name: str, column_name: str, *, schema: str | None = None, **options: Any) -> None: ...
    def alter_column(self, table_name: str, column_name: str, **options: Any) -> None: ...
    def create_index(self, index_name: str | None, table_name: str, columns: Any, **options: Any) -> None: ...
    def drop_index(self, index_name: str, table_name: str | None = None, **options: Any) -> None: ...
    def create_foreign_key(
        self,
        constraint_name: str | None,
        source_table: str,
        referent_table: str,
        local_cols: Any,
        remote_cols: Any,
        **options: Any,
    ) -> None: ...
    def create_unique_constraint(
        self, constraint_name: str | None, table_name: str, columns: Any, **options: Any
    ) -> None: ...
    def create_primary_key(
        self, constraint_name: str | None, table_name: str, columns: Any, **options: Any
    ) -> None: ...
    def create_check_constraint(
        self, constraint_name: str | None, table_name: str, condition: Any, **options: Any
    ) -> None: ...
    def create_exclude_constraint(
        self, constraint_name: str, table_name: str, *elements: Any, **options: Any
    ) -> None: ...
    def drop_constraint(
        self,
        constraint_name: str,
        table_name: str,
        type_: str | None = None,
        *,
        schema: str | None = None,
        if_exists: bool | None = None,
    ) -> None: ...
    def create_table_comment(self, table_name: str, comment: str | None, **options: Any) -> None: ...
    def drop_table_comment(self, table_name: str, **options: Any) -> None: ...
    def execute(self, sqltext: Any, *, execution_options: Any = None) -> None:
        """Run SQL of your own: a text, or what `sa.text` makes."""
    def bulk_insert(self, table: Any, rows: Any, *, multiinsert: bool = True) -> None: ...
    def get_bind(self) -> Any:
        """A connection that answers. There is none where operations are only collected."""
    def get_context(self) -> Any:
        """What a revision may ask of its surroundings: `autocommit_block()`, `dialect`, `bind`."""
    def run_async(self, async_function: Any, *args: Any, **options: Any) -> Any:
        """There is no connection of SQLAlchemy for it."""
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
    ) -> AbstractContextManager[BatchOperations]:
        """Changes of one table that are done together: on SQLite by one rebuild, which keeps all that is not changed."""

class BatchOperations:
    """`with op.batch_alter_table("users") as batch:`: the functions of `op` without the table."""
    def __init__(self, op: Operations, table: str, schema: str | None, convention: Any) -> None: ...
    def flush(self) -> None:
        """Do what has come so far."""
    def f(self, name: str) -> str: ...
    def inline_literal(self, value: Any, type_: Any = None) -> Any: ...
    def add_column(
        self, column: ColumnDef, *, insert_before: Any = None, insert_after: Any = None, **options: Any
    ) -> None: ...
    def drop_column(self, column_name: str, **options: Any) -> None: ...
    def alter_column(self, column_name: str, **options: Any) -> None: ...
    def create_index(self, index_name: str | None, columns: Any, **options: Any) -> None: ...
    def drop_index(self, index_name: str, **options: Any) -> None: ...
    def create_foreign_key(
        self, constraint_name: str | None, referent_table: str, local_cols: Any, remote_cols: Any, **options: Any
    ) -> None: ...
    def create_unique_constraint(self, constraint_name: str | None, columns: Any, **options: Any) -> None: ...
    def create_primary_key(self, constraint_name: str | None, columns: Any) -> None: ...
    def create_check_constraint(self, constraint_name: str | None, condition: Any, **options: Any) -> None: ...
    def create_exclude_constraint(self, constraint_name: str, *elements: Any, **options: Any) -> None: ...
    def drop_constraint(
        self, constraint_name: str, type_: str | None = None, *, if_exists: bool | None = None
    ) -> None: ...
    def create_table_comment(self, comment: str | None, **options: Any) -> None: ...
    def drop_table_comment(self, **options: Any) -> None: ...
    def execute(self, sqltext: Any, *, execution_options: Any = None) -> None: ...
    def invoke(self, operation: MigrateOperation) -> None: ...
    def get_bind(self) -> Any: ...
    def get_context(self) -> Any: ...
    def run_async(self, async_function: Any, *args: Any, **options: Any) -> Any: ...
