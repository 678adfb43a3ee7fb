"""Column types, accepted as class or instance."""

import enum
from typing import Literal

from ormkit._ormkit import (
    JSON as JSON,
    BigInteger as BigInteger,
    Boolean as Boolean,
    Date as Date,
    DateTime as DateTime,
    Double as Double,
    Float as Float,
    Integer as Integer,
    Interval as Interval,
    LargeBinary as LargeBinary,
    Numeric as Numeric,
    SmallInteger as SmallInteger,
    String as String,
    Text as Text,
    Time as Time,
    TypeEngine as TypeEngine,
    Uuid as Uuid,
)

class Enum(TypeEngine):
    """Stores the members' values, or their names with `by="name"`."""

    def __init__(
        self, class_: type[enum.Enum], /, *, by: Literal["value", "name"] = "value", name: str | None = None
    ) -> None: ...
