"""What revisions do to a schema: each operation has its SQL, its way back, and what core is told of it."""

from __future__ import annotations

import inspect
import json
from typing import Any

from ormkit._ormkit import quote_identifier, schema_statements
from ormkit.exc import MigrationError
from ormkit.migrations._columns import (
    CheckConstraint,
    ColumnDef,
    ColumnName,
    Computed,
    Constraint,
    ExcludeConstraint,
    ForeignKeyConstraint,
    Identity,
    Index,
    PrimaryKeyConstraint,
    Spec,
    Text,
    UniqueConstraint,
    constant,
    default_of,
    enum_check,
    expression,
    known,
    name_of,
    table_specs,
)
from ormkit.migrations._types import POSTGRESQL, TYPES, Enum, _Variant, text_of

__all__: list[str] = []

_UNSET: Any = False
_JSON = (TYPES["JSON"], POSTGRESQL["JSON"], POSTGRESQL["JSONB"])


class MigrateOperation:
    """What a revision does to a schema.

    `operation_type` is the name of the function of `op` that makes it.
    """

    operation_type = ""
    table_name: str | None = None
    column_name: str | None = None
    schema: str | None = None

    def _specs(self, dialect: str) -> list[Spec]:
        """How it is described to the core."""
        return []

    def _before(self, dialect: str) -> list[str]:
        """Statements that come first."""
        return []

    def statements(self, dialect: str) -> list[str]:
        """All statements, without semicolons."""
        return self._before(dialect) + [
            sql for spec in self._specs(dialect) for sql in schema_statements(dialect, spec)
        ]

    def to_sql(self, dialect: str = "postgresql") -> str:
        """The statement, without a semicolon.

        Raises:
            NotSupportedError: On SQLite only a rebuild of the table does it, which is several statements.
        """
        return self.statements(dialect)[-1]

    def reverse(self) -> MigrateOperation:
        """The way back.

        Raises:
            MigrationError: It says too little about what there was.
        """
        raise MigrationError(f"{self.operation_type} cannot be reversed: what was there before is not known")

    def __repr__(self) -> str:
        names = ".".join(name for name in (self.table_name, self.column_name) if name)
        return f"<{type(self).__name__} {names}>"


class CreateTable(MigrateOperation):
    """CREATE TABLE."""

    operation_type = "create_table"

    def __init__(self, table: str, columns: Any = (), *parts: Any, **options: Any) -> None:
        self.table_name, self.schema, self.options = table, options.get("schema"), options
        self.columns = list(columns)
        self.parts = parts
        for column in self.columns:
            kind = getattr(column, "type", None)
            if isinstance(kind, Enum) and kind.inherit_schema and kind.schema is None:
                kind.schema = self.schema

    def _specs(self, dialect: str) -> list[Spec]:
        return table_specs(self.table_name or "", (*self.columns, *self.parts), dialect, self.options)

    def _before(self, dialect: str) -> list[str]:
        made = [column._enum(dialect) for column in self.columns if isinstance(column, ColumnDef)]
        return list(dict.fromkeys(enum.create_sql() for enum in made if enum is not None))

    def to_sql(self, dialect: str = "postgresql") -> str:
        return schema_statements(dialect, self._specs(dialect)[0])[0]

    def reverse(self) -> MigrateOperation:
        return DropTable(self.table_name or "", schema=self.schema, columns=[*self.columns, *self.parts])


class DropTable(MigrateOperation):
    """DROP TABLE."""

    operation_type = "drop_table"

    def __init__(self, table: str, *, schema: str | None = None, if_exists: bool = False, columns: Any = None) -> None:
        self.table_name, self.schema, self.if_exists, self.columns = table, schema, bool(if_exists), columns

    def _specs(self, dialect: str) -> list[Spec]:
        return [{"op": "drop_table", "table": self.table_name, "schema": self.schema, "if_exists": self.if_exists}]

    def reverse(self) -> MigrateOperation:
        if self.columns is None:
            return super().reverse()
        return CreateTable(self.table_name or "", self.columns, **({"schema": self.schema} if self.schema else {}))


class RenameTable(MigrateOperation):
    """ALTER TABLE … RENAME."""

    operation_type = "rename_table"

    def __init__(self, table: str, new_name: str, *, schema: str | None = None) -> None:
        self.table_name, self.new_name, self.schema = table, new_name, schema

    def _specs(self, dialect: str) -> list[Spec]:
        return [{"op": "rename_table", "table": self.table_name, "schema": self.schema, "to": self.new_name}]

    def reverse(self) -> MigrateOperation:
        return RenameTable(self.new_name, self.table_name or "", schema=self.schema)


class AddColumn(MigrateOperation):
    """ALTER TABLE … ADD COLUMN."""

    operation_type = "add_column"

    def __init__(
        self, table: str, column: ColumnDef, *, schema: str | None = None, if_not_exists: bool | None = False
    ) -> None:
        self.table_name, self.column, self.schema = table, column, schema
        self.column_name, self.if_not_exists = column.name, bool(if_not_exists)

    def _specs(self, dialect: str) -> list[Spec]:
        at = {"table": self.table_name, "schema": self.schema}
        column = self.column
        added: Spec = {"op": "add_column", "column": column._spec(dialect), "if_not_exists": self.if_not_exists, **at}
        parts: list[Constraint] = [key.of(column.name) for key in column.keys] + column.constraints
        if column.unique and not column.index:
            parts.append(UniqueConstraint(column.name))
        if column.primary_key:
            parts.insert(0, PrimaryKeyConstraint(column.name))
        parts += enum_check(column, dialect)
        more: list[Spec] = [{"op": "add_constraint", "constraint": part.spec(dialect), **at} for part in parts]
        if column.index:
            index = Index(None, column.name, unique=column.unique).spec(dialect, self.table_name or "")
            more.append({"op": "create_index", "index": index, "concurrently": False, "if_not_exists": False, **at})
        return [added, *more]

    def to_sql(self, dialect: str = "postgresql") -> str:
        return schema_statements(dialect, self._specs(dialect)[0])[0]

    def reverse(self) -> MigrateOperation:
        return DropColumn(self.table_name or "", self.column.name, schema=self.schema, column=self.column)


class DropColumn(MigrateOperation):
    """ALTER TABLE … DROP COLUMN."""

    operation_type = "drop_column"

    def __init__(
        self,
        table: str,
        name: str,
        *,
        schema: str | None = None,
        if_exists: bool = False,
        column: ColumnDef | None = None,
    ) -> None:
        self.table_name, self.column_name, self.schema = table, name, schema
        self.if_exists, self.column = bool(if_exists), column

    def _specs(self, dialect: str) -> list[Spec]:
        at = {"table": self.table_name, "schema": self.schema}
        return [{"op": "drop_column", "column": self.column_name, "if_exists": self.if_exists, **at}]

    def reverse(self) -> MigrateOperation:
        if self.column is None:
            return super().reverse()
        return AddColumn(self.table_name or "", self.column, schema=self.schema)


class AlterColumn(MigrateOperation):
    """ALTER TABLE … ALTER COLUMN. What is not said stays as it is."""

    operation_type = "alter_column"

    def __init__(
        self,
        table: str,
        name: str,
        *,
        nullable: bool | None = None,
        server_default: Any = _UNSET,
        type: Any = None,
        type_: Any = None,
        new_column_name: str | None = None,
        comment: Any = _UNSET,
        schema: str | None = None,
        existing_type: Any = None,
        existing_nullable: bool | None = None,
        existing_server_default: Any = _UNSET,
        existing_comment: str | None = None,
        **options: Any,
    ) -> None:
        self.table_name, self.column_name, self.schema = table, name, schema
        self.nullable, self.server_default, self.comment = nullable, server_default, comment
        self.type, self.new_column_name = type if type is not None else type_, new_column_name
        self.existing = (existing_type, existing_nullable, existing_server_default, existing_comment)
        self.using = options.pop("postgresql_using", None)
        for said in ("autoincrement", "existing_autoincrement", "insert_before", "insert_after"):
            options.pop(said, None)
        known(options, f"alter_column of {name!r}")

    def _specs(self, dialect: str) -> list[Spec]:
        # False is what was not said.
        said = self.server_default is not False and not self._numbers()
        default = (default_of(self.server_default, dialect),) if said else None
        changes = {
            "nullable": self.nullable, "data_type": None if self.type is None else text_of(self.type, dialect),
            "using": self.using, "default": default, "comment": None if self.comment is False else (self.comment,),
            "rename": self.new_column_name,
        }  # fmt: skip
        at = {"table": self.table_name, "schema": self.schema}
        return [{"op": "alter_column", "column": self.column_name, "changes": changes, **at}]

    def _numbers(self) -> bool:
        """It makes, changes or ends an identity."""
        had = isinstance(self.existing[2], Identity)
        return isinstance(self.server_default, Identity) or (had and self.server_default is None)

    def _before(self, dialect: str) -> list[str]:
        now = self.server_default
        if isinstance(now, Computed):
            raise MigrationError(f"column {self.column_name!r} cannot become a computed one: drop it, and add it anew")
        if not self._numbers():
            return []
        if dialect == "sqlite":
            raise MigrationError(
                f"column {self.column_name!r}: SQLite has no identity, but AUTOINCREMENT of a new table"
            )
        place = ".".join(quote_identifier(name) for name in (self.schema, self.table_name) if name)
        head = f"ALTER TABLE {place} ALTER COLUMN {quote_identifier(self.column_name or '')}"
        if now is None:
            return [f"{head} DROP IDENTITY"]
        words, when = now.words(), "ALWAYS" if now.always else "BY DEFAULT"
        if isinstance(self.existing[2], Identity):
            return [" ".join([head, f"SET GENERATED {when}", *(f"SET {word}" for word in words)])]
        return [f"{head} ADD GENERATED {when} AS IDENTITY" + (f" ({' '.join(words)})" if words else "")]

    def to_sql(self, dialect: str = "postgresql") -> str:
        found = self.statements(dialect)
        if len(found) > 1 and dialect == "postgresql":
            # Actions of one ALTER TABLE; a rename and a comment are statements of their own.
            head = found[0].partition(" ALTER COLUMN ")[0]
            if all(sql.startswith(f"{head} ALTER COLUMN ") for sql in found):
                return head + ",".join(sql[len(head) :] for sql in found)
        return found[-1]

    def reverse(self) -> MigrateOperation:
        kind, nullable, default, comment = self.existing
        missing = (self.type is not None and kind is None) or (self.server_default is not False and default is False)
        if missing:
            return super().reverse()
        back_null = None if self.nullable is None else (not self.nullable if nullable is None else nullable)
        return AlterColumn(
            self.table_name or "",
            self.new_column_name or self.column_name or "",
            schema=self.schema,
            nullable=back_null,
            type=None if self.type is None else kind,
            server_default=_UNSET if self.server_default is False else default,
            comment=_UNSET if self.comment is False else comment,
            new_column_name=self.column_name if self.new_column_name else None,
            existing_type=self.type,
            existing_nullable=self.nullable,
            existing_server_default=self.server_default,
        )


class CreateIndex(MigrateOperation):
    """CREATE INDEX."""

    operation_type = "create_index"

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
    ) -> None:
        self.index_name, self.table_name, self.schema = name, table, schema
        self.columns, self.unique, self.if_not_exists = list(columns), bool(unique), bool(if_not_exists)
        self.options = options

    def _specs(self, dialect: str) -> list[Spec]:
        index = Index(self.index_name, *self.columns, unique=self.unique, **self.options)
        concurrently = dialect == "postgresql" and bool(self.options.get("postgresql_concurrently"))
        said = {"concurrently": concurrently, "if_not_exists": self.if_not_exists}
        at = {"table": self.table_name, "schema": self.schema}
        return [{"op": "create_index", "index": index.spec(dialect, self.table_name or ""), **said, **at}]

    def reverse(self) -> MigrateOperation:
        name = self.index_name or f"ix_{self.table_name}_{name_of(self.columns[0])}"
        return DropIndex(name, self.table_name, schema=self.schema, index=self)


class DropIndex(MigrateOperation):
    """DROP INDEX."""

    operation_type = "drop_index"

    def __init__(
        self,
        name: str,
        table: str | None = None,
        *,
        schema: str | None = None,
        if_exists: bool | None = False,
        index: CreateIndex | None = None,
        **options: Any,
    ) -> None:
        self.index_name, self.table_name, self.schema = name, table, schema
        self.if_exists, self.index = bool(if_exists), index
        self.concurrently = bool(options.get("postgresql_concurrently"))

    def _specs(self, dialect: str) -> list[Spec]:
        said = {"concurrently": self.concurrently and dialect == "postgresql", "if_exists": self.if_exists}
        at = {"table": self.table_name, "schema": self.schema, "name": self.index_name}
        return [{"op": "drop_index", **said, **at}]

    def reverse(self) -> MigrateOperation:
        return super().reverse() if self.index is None else self.index


class AddConstraint(MigrateOperation):
    """ALTER TABLE … ADD CONSTRAINT."""

    operation_type = "create_constraint"

    def __init__(self, table: str, constraint: Constraint, schema: str | None = None) -> None:
        self.table_name, self.constraint, self.schema = table, constraint, schema
        self.constraint_name = constraint.name

    def _specs(self, dialect: str) -> list[Spec]:
        return [] if self._is_not_valid(dialect) else [self._spec(dialect)]

    def _before(self, dialect: str) -> list[str]:
        if not self._is_not_valid(dialect):
            return []
        return [f"{sql} NOT VALID" for sql in schema_statements(dialect, self._spec(dialect))]

    def _is_not_valid(self, dialect: str) -> bool:
        return self.constraint.not_valid and dialect == "postgresql"

    def _spec(self, dialect: str) -> Spec:
        at = {"table": self.table_name, "schema": self.schema}
        return {"op": "add_constraint", "constraint": self.constraint.spec(dialect), **at}

    def reverse(self) -> MigrateOperation:
        if self.constraint_name is None:
            return super().reverse()
        kind = self.constraint.kind
        return DropConstraint(self.constraint_name, self.table_name or "", kind, schema=self.schema, constraint=self)


class CreateForeignKey(AddConstraint):
    """ADD FOREIGN KEY."""

    operation_type = "create_foreign_key"

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
    ) -> None:
        place = referent_table if referent_schema is None else f"{referent_schema}.{referent_table}"
        remote = [f"{place}.{name_of(column)}" for column in remote_cols]
        super().__init__(table, ForeignKeyConstraint(local_cols, remote, name=name, **options), source_schema)


class CreateUniqueConstraint(AddConstraint):
    """ADD UNIQUE."""

    operation_type = "create_unique_constraint"

    def __init__(
        self, name: str | None, table: str, columns: Any, *, schema: str | None = None, **options: Any
    ) -> None:
        super().__init__(table, UniqueConstraint(*columns, name=name, **options), schema)


class CreatePrimaryKey(AddConstraint):
    """ADD PRIMARY KEY."""

    operation_type = "create_primary_key"

    def __init__(self, name: str | None, table: str, columns: Any, *, schema: str | None = None) -> None:
        super().__init__(table, PrimaryKeyConstraint(*columns, name=name), schema)


class CreateCheckConstraint(AddConstraint):
    """ADD CHECK."""

    operation_type = "create_check_constraint"

    def __init__(
        self, name: str | None, table: str, condition: Any, *, schema: str | None = None, **options: Any
    ) -> None:
        super().__init__(table, CheckConstraint(condition, name=name, **options), schema)


class CreateExcludeConstraint(AddConstraint):
    """ADD EXCLUDE."""

    operation_type = "create_exclude_constraint"

    def __init__(self, name: str, table: str, *elements: Any, schema: str | None = None, **options: Any) -> None:
        super().__init__(table, ExcludeConstraint(*elements, name=name, **options), schema)


class DropConstraint(MigrateOperation):
    """DROP CONSTRAINT."""

    operation_type = "drop_constraint"
    # What constraints without names are called: kinds and templates.
    _conventions: tuple[tuple[str, str], ...] = ()

    def __init__(
        self,
        name: str,
        table: str,
        type: str | None = None,
        *,
        schema: str | None = None,
        if_exists: bool | None = False,
        constraint: AddConstraint | None = None,
    ) -> None:
        self.constraint_name, self.table_name, self.schema = name, table, schema
        self.kind, self.if_exists, self.constraint = type, bool(if_exists), constraint

    def _specs(self, dialect: str) -> list[Spec]:
        at = {"table": self.table_name, "schema": self.schema, "name": self.constraint_name}
        said = {"kind": self.kind, "if_exists": self.if_exists, "conventions": list(self._conventions)}
        return [{"op": "drop_constraint", **said, **at}]

    def reverse(self) -> MigrateOperation:
        return super().reverse() if self.constraint is None else self.constraint


class TableComment(MigrateOperation):
    """COMMENT ON TABLE."""

    def __init__(
        self, table: str, comment: str | None, *, existing_comment: str | None = None, schema: str | None = None
    ) -> None:
        self.operation_type = "drop_table_comment" if comment is None else "create_table_comment"
        self.table_name, self.comment, self.existing, self.schema = table, comment, existing_comment, schema

    def _specs(self, dialect: str) -> list[Spec]:
        return [{"op": "table_comment", "table": self.table_name, "schema": self.schema, "comment": self.comment}]

    def reverse(self) -> MigrateOperation:
        return TableComment(self.table_name or "", self.existing, existing_comment=self.comment, schema=self.schema)


class Execute(MigrateOperation):
    """SQL of the user's own: a text, or what `sa.text` makes, with its values."""

    operation_type = "execute"

    def __init__(self, sql: Any, down: Any = None) -> None:
        self.sql, self.down = sql, down

    def _before(self, dialect: str) -> list[str]:
        values = self.sql.values if isinstance(self.sql, Text) else {}
        if values:
            raise MigrationError("a statement with values has no text of its own: write them into the SQL")
        return [expression(self.sql, dialect).strip().rstrip(";")]

    def reverse(self) -> MigrateOperation:
        return super().reverse() if self.down is None else Execute(self.down, self.sql)


class BulkInsert(MigrateOperation):
    """INSERT of rows."""

    operation_type = "bulk_insert"

    def __init__(self, table: Any, rows: Any) -> None:
        self.table, self.rows = table, [dict(row) for row in rows]
        self.table_name, self.schema = table.name, table.schema

    def _before(self, dialect: str) -> list[str]:
        place = quote_identifier(self.table_name or "", dialect=dialect)
        if self.schema:
            place = f"{quote_identifier(self.schema, dialect=dialect)}.{place}"
        columns = {column.name: column for column in self.table.columns if isinstance(column, (ColumnDef, ColumnName))}
        found = []
        for row in self.rows:
            whole = row | {
                name: _made(column) for name, column in columns.items() if name not in row and _makes(column)
            }
            names = ", ".join(quote_identifier(name, dialect=dialect) for name in whole)
            kinds = {name: _kind(columns[name], dialect) for name in whole if name in columns}
            values = ", ".join(_value(value, kinds.get(name), dialect) for name, value in whole.items())
            found.append(f"INSERT INTO {place} ({names}) VALUES ({values})")
        return found


def _makes(column: ColumnDef | ColumnName) -> bool:
    """True where Python makes the value that a row does not say."""
    return getattr(column, "default", None) is not None


def _made(column: Any) -> Any:
    made = column.default
    if not callable(made):
        return made
    # SQLAlchemy hands over a context to functions that take one.
    takes = inspect.isfunction(made) and any(
        parameter.default is parameter.empty for parameter in inspect.signature(made).parameters.values()
    )
    if takes:
        raise MigrationError(f"the default of column {column.name!r} asks for a context: give the value in the rows")
    return made()


def _kind(column: ColumnDef | ColumnName, dialect: str) -> Any:
    kind = column.type() if isinstance(column.type, type) else column.type
    return kind.on(dialect) if isinstance(kind, _Variant) else kind


def _value(value: Any, kind: Any, dialect: str) -> str:
    """A value of a row, for a column of this type."""
    if isinstance(kind, Enum):
        value = kind.of(value)
    if (
        isinstance(kind, _JSON)
        and not isinstance(value, Text)
        and not (value is None and kind.options.get("none_as_null"))
    ):
        return constant(json.dumps(value), dialect)
    if isinstance(value, Text):
        return value.sql(dialect)
    if isinstance(value, (bytes, bytearray)):
        return f"'\\x{value.hex()}'" if dialect == "postgresql" else f"x'{value.hex()}'"
    if isinstance(value, (dict, list)):
        return constant(json.dumps(value), dialect)
    return constant(getattr(value, "value", value) if hasattr(type(value), "__members__") else value, dialect)
