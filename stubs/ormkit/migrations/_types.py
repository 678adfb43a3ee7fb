"""Column types of revision files: those of SQLAlchemy by name, and what each is called on either database."""

from __future__ import annotations

from enum import Enum as PythonEnum
from typing import Any

from ormkit._ormkit import quote_identifier, quote_literal
from ormkit.exc import MigrationError

__all__: list[str] = []


class Type:
    """A type that has a name on each database, and perhaps arguments."""

    postgresql: str | None = None
    sqlite: str | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        self.args = args
        self.options = options

    def text(self, dialect: str) -> str:
        """The type in the words of a database."""
        name = getattr(self, dialect)
        if name is None:
            raise MigrationError(f"the type {type(self).__name__} is not there on {dialect}")
        return str(name)

    def with_variant(self, other: Any, *dialects: str) -> Type:
        """Another type on some databases."""
        return _Variant(self, other() if isinstance(other, type) else other, dialects)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class _Variant(Type):
    def __init__(self, base: Type, other: Type, dialects: tuple[str, ...]) -> None:
        super().__init__()
        self.base, self.other, self.dialects = base, other, dialects

    def on(self, dialect: str) -> Type:
        found = self.other if dialect in self.dialects else self.base
        return found.on(dialect) if isinstance(found, _Variant) else found

    def text(self, dialect: str) -> str:
        return self.on(dialect).text(dialect)


class _Sized(Type):
    """One with a length."""

    def __init__(self, length: int | None = None, *args: Any, collation: str | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.length = length
        self.collation = collation

    def text(self, dialect: str) -> str:
        name = super().text(dialect)
        text = f"{name}({self.length})" if self.length is not None else name
        return text if self.collation is None else f"{text} COLLATE {quote_identifier(self.collation, dialect=dialect)}"


class _Text(_Sized):
    def text(self, dialect: str) -> str:
        return Type.text(self, dialect) if dialect == "postgresql" else super().text(dialect)


class _Numeric(Type):
    def __init__(self, precision: int | None = None, scale: int | None = None, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.precision, self.scale = precision, scale

    def text(self, dialect: str) -> str:
        name = super().text(dialect)
        if self.precision is None:
            return name
        return f"{name}({self.precision})" if self.scale is None else f"{name}({self.precision}, {self.scale})"


class _Float(Type):
    def __init__(self, precision: int | None = None, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.precision = precision

    def text(self, dialect: str) -> str:
        name = super().text(dialect)
        return name if self.precision is None or dialect == "sqlite" else f"{name}({self.precision})"


class _Time(Type):
    def __init__(self, timezone: bool = False, precision: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.timezone, self.precision = timezone, precision

    def text(self, dialect: str) -> str:
        name = super().text(dialect)
        if dialect == "sqlite":
            return name
        digits = "" if self.precision is None else f"({self.precision})"
        return f"{name}{digits} {'WITH' if self.timezone else 'WITHOUT'} TIME ZONE"


class _Bit(_Sized):
    def __init__(self, length: int | None = None, varying: bool = False, **options: Any) -> None:
        super().__init__(length, **options)
        self.postgresql = "BIT VARYING" if varying else "BIT"
        self.length = length if varying else (length or 1)


class _Interval(Type):
    def __init__(self, *args: Any, precision: int | None = None, fields: str | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.precision, self.fields = precision, fields

    def text(self, dialect: str) -> str:
        name = super().text(dialect)
        if dialect == "sqlite":
            return name
        fields = "" if self.fields is None else f" {self.fields}"
        return f"{name}{fields}" + ("" if self.precision is None else f" ({self.precision})")


class Array(Type):
    """An array of another type, on PostgreSQL."""

    def __init__(self, item_type: Any, as_tuple: bool = False, dimensions: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.item = item_type() if isinstance(item_type, type) else item_type
        self.dimensions = dimensions

    def text(self, dialect: str) -> str:
        if dialect != "postgresql":
            return super().text(dialect)
        return text_of(self.item, dialect) + "[]" * (self.dimensions or 1)


class Enum(Type):
    """A type of some labels: native on PostgreSQL, a text elsewhere."""

    def __init__(
        self,
        *labels: Any,
        name: str | None = None,
        schema: str | None = None,
        native_enum: bool = True,
        create_constraint: bool = False,
        create_type: bool = True,
        length: int | None = None,
        inherit_schema: bool = False,
        values_callable: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        # The labels of members where it is an enum of Python.
        self._members: dict[Any, str] = {}
        if len(labels) == 1 and isinstance(labels[0], type):
            kind: Any = labels[0]
            members = kind.__members__
            labels = tuple(members if values_callable is None else values_callable(kind))
            self._members = {member: str(label) for member, label in zip(members.values(), labels, strict=True)}
            name = kind.__name__.lower() if name is None else name
        self.labels: list[str] = [str(label) for label in labels]
        self.name, self.schema, self.inherit_schema = name, schema, inherit_schema
        self.native_enum, self.create_constraint, self.create_type = native_enum, create_constraint, create_type
        self.length = length

    def is_native(self, dialect: str) -> bool:
        """True where it is a type of its own."""
        return dialect == "postgresql" and self.native_enum

    def of(self, value: Any) -> Any:
        """The label of a member; what is none is a label already."""
        return self._members.get(value, value) if isinstance(value, PythonEnum) else value

    def quoted(self) -> str:
        """The name of the native type."""
        if not self.name:
            raise MigrationError("an enum of PostgreSQL has a name: say `name=`")
        name = quote_identifier(self.name)
        return name if self.schema is None else f"{quote_identifier(self.schema)}.{name}"

    def text(self, dialect: str) -> str:
        if self.is_native(dialect):
            return self.quoted()
        return f"VARCHAR({self.length or max((len(label) for label in self.labels), default=0)})"

    def create_sql(self) -> str:
        """The statement that makes the native type."""
        labels = ", ".join(quote_literal(label) for label in self.labels)
        return f"CREATE TYPE {self.quoted()} AS ENUM ({labels})"

    def create(self, bind: Any, checkfirst: bool = True) -> None:
        """Make the native type; on other databases there is none to be made."""
        if self.is_native(bind.dialect.name) and not (checkfirst and bind.has_enum(self.name or "", self.schema)):
            bind.execute(self.create_sql())

    def drop(self, bind: Any, checkfirst: bool = True) -> None:
        """Drop the native type."""
        if self.is_native(bind.dialect.name) and not (checkfirst and not bind.has_enum(self.name or "", self.schema)):
            bind.execute(f"DROP TYPE {self.quoted()}")


class NamedEnum(Enum):
    """`postgresql.ENUM`: native, and nothing else."""

    def text(self, dialect: str) -> str:
        return Type.text(self, dialect) if dialect != "postgresql" else super().text(dialect)


def text_of(data_type: Any, dialect: str) -> str:
    """A type, its class or a text of the user's own in the words of a database."""
    if isinstance(data_type, str):
        return data_type
    made = data_type() if isinstance(data_type, type) else data_type
    if isinstance(made, Type):
        return made.text(dialect)
    raise MigrationError(f"{data_type!r} is no type of a column: say one of `sa`, or its name as a text")


def _made(name: str, base: type[Type], postgresql: str | None, sqlite: str | None) -> type[Type]:
    return type(name, (base,), {"postgresql": postgresql, "sqlite": sqlite, "__module__": __name__})


def _all() -> dict[str, type[Type]]:
    """By their names in SQLAlchemy. (SQLAlchemy, "Column and Data Types"; what its dialects write for them.)"""
    rows: list[tuple[str, type[Type], str | None, str | None]] = [
        ("String", _Sized, "VARCHAR", "VARCHAR"),
        ("Unicode", _Sized, "VARCHAR", "VARCHAR"),
        ("VARCHAR", _Sized, "VARCHAR", "VARCHAR"),
        ("NVARCHAR", _Sized, "NVARCHAR", "NVARCHAR"),
        ("CHAR", _Sized, "CHAR", "CHAR"),
        ("NCHAR", _Sized, "NCHAR", "NCHAR"),
        ("Text", _Text, "TEXT", "TEXT"),
        ("UnicodeText", _Text, "TEXT", "TEXT"),
        ("TEXT", _Text, "TEXT", "TEXT"),
        ("CLOB", _Text, "CLOB", "CLOB"),
        ("Integer", Type, "INTEGER", "INTEGER"),
        ("INTEGER", Type, "INTEGER", "INTEGER"),
        ("INT", Type, "INTEGER", "INTEGER"),
        ("BigInteger", Type, "BIGINT", "BIGINT"),
        ("BIGINT", Type, "BIGINT", "BIGINT"),
        ("SmallInteger", Type, "SMALLINT", "SMALLINT"),
        ("SMALLINT", Type, "SMALLINT", "SMALLINT"),
        ("Numeric", _Numeric, "NUMERIC", "NUMERIC"),
        ("NUMERIC", _Numeric, "NUMERIC", "NUMERIC"),
        ("DECIMAL", _Numeric, "DECIMAL", "DECIMAL"),
        ("Float", _Float, "FLOAT", "FLOAT"),
        ("FLOAT", _Float, "FLOAT", "FLOAT"),
        ("REAL", Type, "REAL", "REAL"),
        ("Double", Type, "DOUBLE PRECISION", "DOUBLE"),
        ("DOUBLE", Type, "DOUBLE", "DOUBLE"),
        ("DOUBLE_PRECISION", Type, "DOUBLE PRECISION", "DOUBLE PRECISION"),
        ("Boolean", Type, "BOOLEAN", "BOOLEAN"),
        ("BOOLEAN", Type, "BOOLEAN", "BOOLEAN"),
        ("Date", Type, "DATE", "DATE"),
        ("DATE", Type, "DATE", "DATE"),
        ("Time", _Time, "TIME", "TIME"),
        ("TIME", _Time, "TIME", "TIME"),
        ("DateTime", _Time, "TIMESTAMP", "DATETIME"),
        ("DATETIME", _Time, "TIMESTAMP", "DATETIME"),
        ("TIMESTAMP", _Time, "TIMESTAMP", "TIMESTAMP"),
        ("Interval", _Interval, "INTERVAL", "DATETIME"),
        ("LargeBinary", Type, "BYTEA", "BLOB"),
        ("BLOB", Type, "BLOB", "BLOB"),
        ("BINARY", _Sized, "BINARY", "BINARY"),
        ("VARBINARY", _Sized, "VARBINARY", "VARBINARY"),
        ("Uuid", Type, "UUID", "CHAR(32)"),
        ("UUID", Type, "UUID", "CHAR(32)"),
        ("JSON", Type, "JSON", "JSON"),
    ]
    found = {name: _made(name, base, postgresql, sqlite) for name, base, postgresql, sqlite in rows}
    return found | {"Enum": Enum, "ARRAY": Array}


def _postgresql() -> dict[str, type[Type]]:
    plain = (
        "JSONB CITEXT TSVECTOR TSQUERY INET CIDR MACADDR MACADDR8 HSTORE BYTEA OID MONEY NUMRANGE INT4RANGE INT8RANGE"
    )
    ranges = "TSRANGE TSTZRANGE DATERANGE INT4MULTIRANGE INT8MULTIRANGE NUMMULTIRANGE DATEMULTIRANGE TSMULTIRANGE"
    names = f"{plain} {ranges} TSTZMULTIRANGE JSON UUID REGCLASS".split()
    found = {name: _made(name, Type, name, None) for name in names}
    found["TIMESTAMP"] = _made("TIMESTAMP", _Time, "TIMESTAMP", None)
    found["TIME"] = _made("TIME", _Time, "TIME", None)
    found["INTERVAL"] = _made("INTERVAL", _Interval, "INTERVAL", None)
    found["BIT"] = _made("BIT", _Bit, "BIT", None)
    shared = [
        "VARCHAR",
        "CHAR",
        "TEXT",
        "INTEGER",
        "BIGINT",
        "SMALLINT",
        "NUMERIC",
        "FLOAT",
        "REAL",
        "DOUBLE_PRECISION",
        "BOOLEAN",
        "DATE",
        "ARRAY",
    ]
    found |= {name: TYPES[name] for name in shared}
    return found | {"ENUM": NamedEnum}


TYPES = _all()
POSTGRESQL = _postgresql()
SQLITE = {
    name: TYPES[name]
    for name in [
        "BLOB",
        "BOOLEAN",
        "CHAR",
        "DATE",
        "DATETIME",
        "DECIMAL",
        "DOUBLE",
        "DOUBLE_PRECISION",
        "FLOAT",
        "INTEGER",
        "JSON",
        "NUMERIC",
        "REAL",
        "SMALLINT",
        "BIGINT",
        "TEXT",
        "TIME",
        "TIMESTAMP",
        "VARCHAR",
    ]
}
