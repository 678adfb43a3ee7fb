"""Column types, accepted as class or instance; codecs of your own for types of PostgreSQL."""

import enum
from collections.abc import Callable
from typing import Any, Literal, overload

from ormkit._ormkit import (
    JSON as JSON,
    BigInteger as BigInteger,
    Bit as Bit,
    Boolean as Boolean,
    Cidr as Cidr,
    Date as Date,
    DateTime as DateTime,
    Double as Double,
    Float as Float,
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
def unregister_codec(name: str, *, schema: str | None = None) -> None:
    """Take a codec away: values are again what they are without."""

class ARRAY(TypeEngine):
    """`item_type[]`; a JSON array on SQLite. Lists, nested where there are more dimensions, with None for NULL."""

    def __init__(self, item_type: TypeEngine | type[TypeEngine], /) -> None: ...

class Enum(TypeEngine):
    """Stores the members' values, or their names with `by="name"`."""

    def __init__(
        self, class_: type[enum.Enum], /, *, by: Literal["value", "name"] = "value", name: str | None = None
    ) -> None: ...
