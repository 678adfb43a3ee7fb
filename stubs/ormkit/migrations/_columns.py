"""Columns, constraints and SQL texts of revision files, and how they are described to the core."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import Any

from ormkit._ormkit import quote_identifier, quote_literal
from ormkit.exc import MigrationError
from ormkit.migrations._types import TYPES, Enum, Type, _Variant, text_of

__all__: list[str] = []

Spec = dict[str, Any]


class Text:
    """SQL of the user's own; values for its `:name`s go along."""

    def __init__(self, text: str, **values: Any) -> None:
        self.text = text
        self.values = values

    def bindparams(self, **values: Any) -> Text:
        """The same with values."""
        return Text(self.text, **(self.values | values))

    def sql(self, dialect: str) -> str:
        return self.text.replace("\\:", ":")

    def __str__(self) -> str:
        return self.text


class Constant(Text):
    """`true`, `false`, `null`."""

    def sql(self, dialect: str) -> str:
        sqlite = {"true": "1", "false": "0"}
        return sqlite.get(self.text, self.text) if dialect == "sqlite" else self.text


class Literal(Text):
    """A value that is written into the SQL."""

    def __init__(self, value: Any, type_: Any = None) -> None:
        super().__init__(str(value))
        self.value = value

    def sql(self, dialect: str) -> str:
        return constant(self.value, dialect)


class Function(Text):
    """A call of a function."""

    def __init__(self, name: str, args: tuple[Any, ...]) -> None:
        super().__init__(name)
        self.args = args

    def sql(self, dialect: str) -> str:
        plain = {"now": "CURRENT_TIMESTAMP"} if dialect == "sqlite" else {}
        bare = ("current_timestamp", "current_date", "current_time", "localtimestamp", "localtime", "current_user")
        if not self.args and self.text.lower() in plain:
            return plain[self.text.lower()]
        if not self.args and self.text.lower() in bare:
            return self.text.upper()
        return f"{self.text}({', '.join(expression(arg, dialect) for arg in self.args)})"


class Functions:
    """`sa.func`."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args: Function(name, args)


class ColumnName(Text):
    """`sa.column("name")`: a column by its name, with a type for `bulk_insert`."""

    def __init__(self, name: str, type_: Any = None, **_options: Any) -> None:
        super().__init__(name)
        self.name, self.type = name, type_


class TableName:
    """`sa.table("name", …)`, or what `op.create_table` answers: a table to insert rows into."""

    def __init__(self, name: str, *columns: Any, schema: str | None = None) -> None:
        self.name, self.columns, self.schema = name, columns, schema


def constant(value: Any, dialect: str) -> str:
    """A Python value as SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return ("true" if value else "false") if dialect == "postgresql" else str(int(value))
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, datetime) and dialect == "sqlite":
        return str(quote_literal(value.isoformat(" ", "microseconds"), dialect=dialect))
    return str(quote_literal(str(value), dialect=dialect))


def expression(value: Any, dialect: str) -> str:
    """A text is SQL, as is what `sa.text` makes; other values are written as constants."""
    if isinstance(value, str):
        value = Text(value)
    return value.sql(dialect) if isinstance(value, Text) else constant(value, dialect)


def default_of(value: Any, dialect: str) -> str | None:
    """A server default: a text is a value, what `sa.text` makes is SQL."""
    if value is None:
        return None
    return value.sql(dialect) if isinstance(value, Text) else constant(str(value), dialect)


class Computed:
    """GENERATED ALWAYS AS (…)."""

    def __init__(self, sqltext: Any, persisted: bool | None = None) -> None:
        self.sqltext, self.persisted = sqltext, persisted


class Identity:
    """GENERATED … AS IDENTITY."""

    def __init__(self, always: bool = False, on_null: bool | None = None, **options: Any) -> None:
        self.always, self.options = always, options

    def words(self) -> list[str]:
        said = {name: value for name, value in self.options.items() if value is not None}
        words = {
            "start": "START WITH", "increment": "INCREMENT BY", "minvalue": "MINVALUE", "maxvalue": "MAXVALUE", "cache": "CACHE",
        }  # fmt: skip
        found = [f"{text} {said[name]}" for name, text in words.items() if name in said]
        return found + (["CYCLE"] if said.get("cycle") else [])


class Constraint:
    """What all constraints have."""

    kind = ""

    # PostgreSQL: rows that are there already are not looked at.
    not_valid = False

    def __init__(self, name: str | None = None, deferrable: bool | None = None, initially: str | None = None) -> None:
        self.name = name
        self.deferrable = bool(deferrable)
        self.deferred = (initially or "").upper() == "DEFERRED"

    def spec(self, dialect: str) -> Spec:
        """How it is described to the core."""
        return {
            "kind": self.kind, "name": self.name, "columns": [], "include": [], "nulls_not_distinct": False,
            "condition": None, "table": None, "schema": None, "referred": [], "on_delete": None, "on_update": None,
            "match_full": False, "deferrable": self.deferrable, "deferred": self.deferred,
        }  # fmt: skip


class _OfColumns(Constraint):
    def __init__(self, *columns: Any, name: str | None = None, **options: Any) -> None:
        super().__init__(name, options.pop("deferrable", None), options.pop("initially", None))
        self.columns = [name_of(column) for column in columns]
        self.include = list(options.pop("postgresql_include", None) or [])
        self.nulls_not_distinct = bool(options.pop("postgresql_nulls_not_distinct", False))
        known(options, "a constraint")

    def spec(self, dialect: str) -> Spec:
        said = {"columns": self.columns, "include": self.include, "nulls_not_distinct": self.nulls_not_distinct}
        return super().spec(dialect) | said


class PrimaryKeyConstraint(_OfColumns):
    kind = "primary"


class UniqueConstraint(_OfColumns):
    kind = "unique"


class CheckConstraint(Constraint):
    kind = "check"

    def __init__(self, sqltext: Any, name: str | None = None, **options: Any) -> None:
        super().__init__(name, options.pop("deferrable", None), options.pop("initially", None))
        self.not_valid = bool(options.pop("postgresql_not_valid", False))
        options.pop("table", None)
        known(options, "a CHECK constraint")
        self.sqltext = sqltext

    def spec(self, dialect: str) -> Spec:
        return super().spec(dialect) | {"condition": expression(self.sqltext, dialect)}


class ExcludeConstraint(Constraint):
    kind = "exclude"

    def __init__(self, *elements: Any, name: str | None = None, using: str = "gist", where: Any = None, **options: Any):
        super().__init__(name, options.pop("deferrable", None), options.pop("initially", None))
        self.elements, self.using, self.where = elements, using, where
        self.classes = dict(options.pop("ops", None) or {})
        known(options, "an EXCLUDE constraint")

    def spec(self, dialect: str) -> Spec:
        parts = ", ".join(f"{self._part(part, dialect)} WITH {operator}" for part, operator in self.elements)
        where = "" if self.where is None else f" WHERE ({expression(self.where, dialect)})"
        timing = " DEFERRABLE" * self.deferrable + " INITIALLY DEFERRED" * self.deferred
        return super().spec(dialect) | {"condition": f"EXCLUDE USING {self.using} ({parts}){where}{timing}"}

    def _part(self, part: Any, dialect: str) -> str:
        name = part if isinstance(part, str) else part.name if isinstance(part, ColumnName) else None
        said = expression(part, dialect) if name is None else quote_identifier(name)
        return f"{said} {self.classes[name]}" if name in self.classes else said


class ForeignKeyConstraint(Constraint):
    kind = "foreignkey"

    def __init__(self, columns: Any, refcolumns: Any, name: str | None = None, **options: Any) -> None:
        super().__init__(name, options.pop("deferrable", None), options.pop("initially", None))
        self.columns = [name_of(column) for column in columns]
        self.on_delete, self.on_update = options.pop("ondelete", None), options.pop("onupdate", None)
        self.match = options.pop("match", None)
        self.not_valid = bool(options.pop("postgresql_not_valid", False))
        options.pop("use_alter", None)
        known(options, "a foreign key")
        targets = [str(target).rsplit(".", 1) for target in refcolumns]
        self.referred = [target[1] for target in targets if len(target) == 2]
        place = targets[0][0] if targets else ""
        self.schema, _, self.table = place.rpartition(".") if "." in place else (None, "", place)

    def spec(self, dialect: str) -> Spec:
        said = {"columns": self.columns, "table": self.table, "schema": self.schema, "referred": self.referred}
        actions = {name: _action(getattr(self, name)) for name in ("on_delete", "on_update")}
        return super().spec(dialect) | said | actions | {"match_full": (self.match or "").upper() == "FULL"}


def _action(words: str | None) -> str | None:
    return None if words is None or words.upper() == "NO ACTION" else words.upper()


class ForeignKey:
    """A foreign key of one column."""

    def __init__(self, column: str, name: str | None = None, **options: Any) -> None:
        self.column, self.name, self.options = column, name, options
        self.options.pop("_constraint", None)

    def of(self, column: str) -> ForeignKeyConstraint:
        return ForeignKeyConstraint([column], [self.column], name=self.name, **self.options)


class Index:
    """An index: columns by name, SQL by `sa.text`."""

    def __init__(self, name: str | None, *columns: Any, unique: bool = False, **options: Any) -> None:
        self.name, self.columns, self.unique, self.options = name, columns, unique, options

    def spec(self, dialect: str, table: str) -> Spec:
        """How it is described to the core."""
        said = dict(self.options)
        mine = {name.partition("_")[2]: said.pop(name) for name in list(said) if name.startswith(f"{dialect}_")}
        for name in [
            name for name in said if name.startswith(("postgresql_", "sqlite_", "mysql_", "mssql_", "oracle_"))
        ]:
            said.pop(name)
        known(said, "an index")
        classes = mine.pop("ops", None) or {}
        mine.pop("concurrently", None)
        parts = []
        for column in self.columns:
            parts.append(_part(column, classes, dialect))
        where = mine.pop("where", None)
        storage = [f"{name}={value}" for name, value in (mine.pop("with", None) or {}).items()]
        found = {
            "name": self.name or _made_name(f"ix_{table}_{parts[0][0]}", dialect), "unique": self.unique, "parts": parts,
            "include": [name_of(column) for column in mine.pop("include", None) or []], "method": mine.pop("using", None),
            "predicate": None if where is None else expression(where, dialect),
            "nulls_not_distinct": bool(mine.pop("nulls_not_distinct", False)), "storage": storage,
        }  # fmt: skip
        known(mine, "an index")
        return found


def _made_name(whole: str, dialect: str) -> str:
    """A name that nobody has said: where PostgreSQL would cut it, its beginning and a hash of the whole, as SQLAlchemy has it."""
    if dialect == "sqlite" or len(whole) <= 63:
        return whole
    return f"{whole[:55]}_{hashlib.md5(whole.encode(), usedforsecurity=False).hexdigest()[-4:]}"


def _part(column: Any, classes: dict[str, str], dialect: str) -> tuple[str, bool, str | None, bool, bool]:
    """Text, whether it is a column, operator class, descending, NULLs first."""
    if isinstance(column, (str, ColumnName, ColumnDef)):
        return (name_of(column), True, classes.get(name_of(column)), False, False)
    text = expression(column, dialect).strip()
    nulls = re.search(r"\s+NULLS\s+(FIRST|LAST)$", text, re.IGNORECASE)
    text = text[: nulls.start()] if nulls else text
    order = re.search(r"\s+(ASC|DESC)$", text, re.IGNORECASE)
    text = text[: order.start()] if order else text
    descending = order is not None and order[1].upper() == "DESC"
    first = descending if nulls is None else nulls[1].upper() == "FIRST"
    named = re.fullmatch(r"(.+?)\s+(\w+_ops)", text)
    text, given = (named[1], named[2]) if named else (text, classes.get(text))
    return (text.strip('"'), True, given, descending, first) if re.fullmatch(r'\w+|"[^"]+"', text) else (
        text, False, given, descending, first)  # fmt: skip


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

    _writes_default = True

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
    ) -> None:
        options = {
            name: value for name, value in options.items() if name not in ("onupdate", "key", "doc", "info", "quote")
        }
        for ignored in ("system", "server_onupdate", "sort_order", "insert_default"):
            options.pop(ignored, None)
        known(options, f"column {name!r}")
        parts = list(args)
        if isinstance(type, (ForeignKey, Constraint, Computed, Identity)) or hasattr(type, "next_value"):
            parts.insert(0, type)
            type = None
        self.name, self.type = name, type
        self.nullable = (not primary_key) if nullable is None else nullable
        self.primary_key, self.unique, self.index = primary_key, unique, index
        self.default, self.server_default = default, server_default
        self.autoincrement, self.comment = autoincrement, comment
        generated = server_default if isinstance(server_default, (Computed, Identity)) else None
        self.keys = [part for part in parts if isinstance(part, ForeignKey)]
        self.constraints = [part for part in parts if isinstance(part, Constraint)]
        self.computed = next((part for part in [*parts, generated] if isinstance(part, Computed)), None)
        self.identity = next((part for part in [*parts, generated] if isinstance(part, Identity)), None)
        # A sequence that is not optional numbers in Python, by SQLAlchemy: the database has no default then.
        self.numbered_elsewhere = any(hasattr(part, "next_value") and not part.optional for part in parts)
        if generated is not None:
            self.server_default = None

    def __repr__(self) -> str:
        return f"Column({self.name!r}, {self.type!r})"

    def _enum(self, dialect: str) -> Enum | None:
        """The native type that has to be made before it."""
        made = self.type() if isinstance(self.type, type) else self.type
        made = made.on(dialect) if isinstance(made, _Variant) else made
        made = getattr(made, "item", made)
        return made if isinstance(made, Enum) and made.is_native(dialect) and made.create_type else None

    def _is_integer(self, dialect: str) -> bool:
        made = self.type() if isinstance(self.type, type) else self.type
        made = made.on(dialect) if isinstance(made, _Variant) else made
        return isinstance(made, Type) and made.text(dialect) in ("INTEGER", "BIGINT", "SMALLINT")

    def _type_text(self, dialect: str) -> str:
        if self.type is None and dialect == "postgresql":
            raise MigrationError(
                f"column {self.name!r} says no type: a revision does not look it up where a key refers to"
            )
        return "" if self.type is None else text_of(self.type, dialect)

    def _spec(self, dialect: str, *, sole_key: bool = False) -> Spec:
        """How it is described to the core. `sole_key`: it is the whole primary key."""
        numbered = (
            self.autoincrement is True
            or (self.autoincrement == "auto" and sole_key and not self.keys)
            or (self.autoincrement == "ignore_fk" and sole_key)
        )
        free = self.server_default is None and self.identity is None and self.computed is None
        free = free and not self.numbered_elsewhere
        serial = dialect == "postgresql" and bool(numbered) and free and self._is_integer(dialect)
        data_type = self._type_text(dialect)
        server_default = self.server_default
        if server_default is None and self._writes_default and self.default is not None and not callable(self.default):
            server_default = self.default if isinstance(self.default, Text) else Literal(self.default)
        identity = self.identity if dialect == "postgresql" else None
        computed = self.computed
        return {
            "name": self.name, "data_type": data_type.lower() if serial else data_type,
            "nullable": self.nullable and not self.primary_key and self.identity is None,
            "default": default_of(server_default, dialect), "comment": self.comment, "collation": None, "serial": serial,
            "autoincrement": False, "identity": None if identity is None else (identity.always, identity.words()),
            "computed": None if computed is None else
                (expression(computed.sqltext, dialect), dialect == "postgresql" or bool(computed.persisted)),
        }  # fmt: skip


class SaColumn(ColumnDef):
    """`sa.Column`: its `default` is for Python, and the database does not learn of it."""

    _writes_default = False

    def __init__(self, *args: Any, **options: Any) -> None:
        name = args[0] if args and isinstance(args[0], str) else options.pop("name", "")
        rest = args[1:] if args and isinstance(args[0], str) else args
        kind = options.pop("type_", None)
        if kind is not None:
            rest = (kind, *rest)
        super().__init__(name, *rest, **options)


def name_of(column: Any) -> str:
    """A column's name, from itself or a text."""
    return str(getattr(column, "name", column))


def known(options: dict[str, Any], what: str) -> None:
    """Refuses what nobody has read."""
    left = [name for name in options if not name.startswith(("mysql_", "mariadb_", "mssql_", "oracle_"))]
    if left:
        raise MigrationError(f"{what}: the option `{left[0]}` is not known")


def table_specs(name: str, parts: tuple[Any, ...], dialect: str, options: dict[str, Any]) -> list[Spec]:
    """CREATE TABLE with all that belongs to it, as described to the core."""
    columns = [part for part in parts if isinstance(part, ColumnDef)]
    constraints = [part for part in parts if isinstance(part, Constraint)]
    indexes = [part for part in parts if isinstance(part, Index)]
    options = dict(options)
    found: Spec = {
        "op": "create_table", "table": name, "schema": options.pop("schema", None),
        "comment": options.pop("comment", None), "if_not_exists": bool(options.pop("if_not_exists", False)),
        "without_rowid": False, "strict": False,
    }  # fmt: skip
    counted = bool(options.pop("sqlite_autoincrement", False)) and dialect == "sqlite"
    if dialect == "sqlite":
        found["without_rowid"] = options.pop("sqlite_with_rowid", True) is False
        found["strict"] = bool(options.pop("sqlite_strict", False))
    for other in [
        name for name in options if name.startswith(("sqlite_", "postgresql_")) and not name.startswith(dialect)
    ]:
        options.pop(other)
    for plain in ("info", "keep_existing", "extend_existing"):
        options.pop(plain, None)
    known(options, f"table {name!r}")
    keyed = [column.name for column in columns if column.primary_key]
    explicit = next((part for part in constraints if isinstance(part, PrimaryKeyConstraint)), None)
    key = explicit.columns if explicit is not None else keyed
    if key and explicit is None:
        constraints.insert(0, PrimaryKeyConstraint(*key))
    specs = []
    for column in columns:
        spec = column._spec(dialect, sole_key=key == [column.name])
        spec["nullable"] = spec["nullable"] and column.name not in key
        spec["autoincrement"] = counted and key == [column.name]
        specs.append(spec)
        constraints += [foreign.of(column.name) for foreign in column.keys] + column.constraints
        if column.unique and not column.index:
            constraints.append(UniqueConstraint(column.name))
        if column.index:
            indexes.append(Index(None, column.name, unique=column.unique))
        constraints += enum_check(column, dialect)
    found["columns"] = specs
    found["constraints"] = [constraint.spec(dialect) for constraint in constraints]
    found["indexes"] = [index.spec(dialect, name) for index in indexes]
    return [found]


def enum_check(column: ColumnDef, dialect: str) -> list[Constraint]:
    """The CHECK of a type that asks for one where the database does not know its values."""
    made = column.type
    if isinstance(made, Enum) and made.create_constraint and not made.is_native(dialect):
        labels = ", ".join(quote_literal(label, dialect=dialect) for label in made.labels)
        return [CheckConstraint(f"{column.name} IN ({labels})", name=made.name)]
    if isinstance(made, TYPES["Boolean"]) and made.options.get("create_constraint") and dialect == "sqlite":
        return [CheckConstraint(f"{column.name} IN (0, 1)", name=made.options.get("name"))]
    return []
