"""Column types, accepted as class or instance; codecs of your own for types of PostgreSQL."""

import enum
import uuid
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Literal, TypeVar, overload

from ormkit._ormkit import (
    DATEMULTIRANGE as DATEMULTIRANGE,
    DATERANGE as DATERANGE,
    INT4MULTIRANGE as INT4MULTIRANGE,
    INT4RANGE as INT4RANGE,
    INT8MULTIRANGE as INT8MULTIRANGE,
    INT8RANGE as INT8RANGE,
    JSON as JSON,
    NUMMULTIRANGE as NUMMULTIRANGE,
    NUMRANGE as NUMRANGE,
    TSMULTIRANGE as TSMULTIRANGE,
    TSRANGE as TSRANGE,
    TSTZMULTIRANGE as TSTZMULTIRANGE,
    TSTZRANGE as TSTZRANGE,
    BigInteger as BigInteger,
    Bit as Bit,
    Boolean as Boolean,
    Cidr as Cidr,
    Citext as Citext,
    Date as Date,
    DateTime as DateTime,
    Double as Double,
    Float as Float,
    Hstore as Hstore,
    Inet as Inet,
    Integer as Integer,
    Interval as Interval,
    LargeBinary as LargeBinary,
    MacAddr as MacAddr,
    MacAddr8 as MacAddr8,
    Numeric as Numeric,
    SmallInteger as SmallInteger,
    String as String,
    Text as Text,
    Time as Time,
    Tsvector as Tsvector,
    TypeEngine as TypeEngine,
    Uuid as Uuid,
    Vector as Vector,
)

@overload
def register_codec(
    name: str,
    *,
    decode: Callable[[str], Any],
    encode: Callable[[Any], str],
    format: Literal["text"] = "text",
    schema: str | None = None,
) -> None:
    """Read and write the values of a PostgreSQL type with functions of your own, in all databases of this process."""

@overload
def register_codec(
    name: str,
    *,
    decode: Callable[[bytes], Any],
    encode: Callable[[Any], bytes | bytearray | memoryview],
    format: Literal["binary"],
    schema: str | None = None,
) -> None: ...
def uuid7() -> uuid.UUID:
    """A UUID of version 7 (RFC 9562), greater than those that this process made before."""

def unregister_codec(name: str, *, schema: str | None = None) -> None:
    """Take a codec away: values are again what they are without."""

_E = TypeVar("_E", bound=enum.Enum)

class ARRAY(TypeEngine):
    """`item_type[]`; a JSON array on SQLite. Lists, nested where there are more dimensions, with None for NULL."""

    def __init__(self, item_type: TypeEngine | type[TypeEngine], /, *, dimensions: int | None = None) -> None: ...

class Enum(TypeEngine):
    """Stores the members' values, or their names with `by="name"`; or one of a few words. The native type is made in the default
    schema, or in `schema`; with `native_enum=False` the column is VARCHAR."""

    @overload
    def __init__(
        self,
        class_: type[_E],
        /,
        *,
        by: Literal["value", "name"] = "value",
        name: str | None = None,
        schema: str | None = None,
        native_enum: bool = True,
        values_callable: Callable[[type[_E]], Iterable[str]] | None = None,
        length: int | None = None,
        create_constraint: bool = ...,
        validate_strings: bool = ...,
    ) -> None: ...
    @overload
    def __init__(
        self,
        word: str,
        /,
        *words: str,
        name: str,
        schema: str | None = None,
        native_enum: bool = True,
        length: int | None = None,
        create_constraint: bool = ...,
        validate_strings: bool = ...,
    ) -> None: ...

JSONB = JSON
TIMESTAMP = DateTime
Unicode = String
UnicodeText = Text

class Dialect:
    """The database, as the methods of a `TypeDecorator` see it."""

    @property
    def name(self) -> str:
        """ "postgresql" or "sqlite"."""

class TypeDecorator:
    """A column type of your own: the database has `impl`, the program other values.

    A subclass names `impl`, a column type (as a class, which then takes the arguments of the subclass, or an instance), and has
    `process_bind_param(self, value, dialect)`, which makes the value that `impl` takes, `process_result_value(self, value,
    dialect)`, which makes the program's value of the one that `impl` reads, or both. None comes to both of them.
    `cache_ok` is understood and changes nothing.
    """

    impl: ClassVar[Any]
    cache_ok: ClassVar[bool | None]
    def __init__(self, *args: Any, **options: Any) -> None: ...
    @property
    def impl_instance(self) -> TypeEngine:
        """The type that the database has."""
