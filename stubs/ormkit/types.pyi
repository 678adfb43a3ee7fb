"""Column types, accepted as class or instance."""

import enum
from typing import Literal

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

class ARRAY(TypeEngine):
    """`item_type[]`; a JSON array on SQLite. Lists, nested where there are more dimensions, with None for NULL."""

    def __init__(self, item_type: TypeEngine | type[TypeEngine], /) -> None: ...

class Enum(TypeEngine):
    """Stores the members' values, or their names with `by="name"`."""

    def __init__(
        self, class_: type[enum.Enum], /, *, by: Literal["value", "name"] = "value", name: str | None = None
    ) -> None: ...
