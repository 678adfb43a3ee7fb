"""What a class body is made of."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, Literal, TypeVar, overload

from ormkit._ormkit import (
    CheckConstraint as CheckConstraint,
    ColumnInfo as ColumnInfo,
    Computed as Computed,
    FetchedValue as FetchedValue,
    ForeignKey as ForeignKey,
    ForeignKeyConstraint as ForeignKeyConstraint,
    Identity as Identity,
    Index as Index,
    Sequence as Sequence,
)
from ormkit.base import DeclarativeBase
from ormkit.query import Attribute, Expr, F, Select
from ormkit.relationships import RelatedList, WriteOnlyCollection
from ormkit.types import (
    ARRAY as ARRAY,
    DATEMULTIRANGE as DATEMULTIRANGE,
    DATERANGE as DATERANGE,
    INT4MULTIRANGE as INT4MULTIRANGE,
    INT4RANGE as INT4RANGE,
    INT8MULTIRANGE as INT8MULTIRANGE,
    INT8RANGE as INT8RANGE,
    JSON as JSON,
    JSONB as JSONB,
    NUMMULTIRANGE as NUMMULTIRANGE,
    NUMRANGE as NUMRANGE,
    TIMESTAMP as TIMESTAMP,
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
    Dialect as Dialect,
    Double as Double,
    Enum as Enum,
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
    TypeDecorator as TypeDecorator,
    TypeEngine as TypeEngine,
    Unicode as Unicode,
    UnicodeText as UnicodeText,
    Uuid as Uuid,
    Vector as Vector,
    uuid7 as uuid7,
)

_T = TypeVar("_T")
_V = TypeVar("_V")
_E = TypeVar("_E", bound=DeclarativeBase)

class Mapped(Expr[_T]):
    """The annotation of a mapped attribute: an expression on the class and in its body, a plain value on an instance."""

    @overload
    def __get__(self, instance: None, owner: Any, /) -> Attribute[_T]: ...
    @overload
    def __get__(self: Mapped[list[_E]], instance: object, owner: Any, /) -> RelatedList[_E]: ...
    @overload
    def __get__(self, instance: object, owner: Any, /) -> _T: ...
    def __set__(self, instance: Any, value: _T | Expr[_T] | F | Select[Any], /) -> None: ...

class WriteOnlyMapped(Expr[list[_E]]):
    """The annotation of a list that is never loaded: `posts: WriteOnlyMapped["Post"] = relationship()`."""

    @overload
    def __get__(self, instance: None, owner: Any, /) -> Attribute[list[_E]]: ...
    @overload
    def __get__(self, instance: object, owner: Any, /) -> WriteOnlyCollection[_E]: ...
    def __set__(self, instance: Any, value: Iterable[_E], /) -> None: ...

def mapped_column(
    *args: Any,
    primary_key: bool = False,
    nullable: bool | None = None,
    unique: bool = False,
    index: bool = False,
    default: Any = ...,
    default_factory: Callable[[], Any] = ...,
    insert_default: Any = None,
    server_default: Any = None,
    onupdate: Any = None,
    server_onupdate: Any = None,
    max_length: int | None = None,
    autoincrement: Any = None,
    name: str | None = None,
    comment: str | None = None,
    deferred: bool = False,
    deferred_group: str | None = None,
    sort_order: int = 0,
    renamed_from: str | None = None,
    type_: Any = None,
    info: dict[Any, Any] | None = None,
    doc: str | None = None,
    key: None = None,
    use_existing_column: bool = False,
    active_history: Literal[False] = ...,
    deferred_raiseload: Literal[True] | None = None,
    init: bool = ...,
    repr: bool = ...,
    compare: bool = ...,
    kw_only: bool = ...,
) -> Any:
    """A column. `args`: its name, its type, `ForeignKey`, constraints, in this order."""

Column = mapped_column

class PrimaryKeyConstraint:
    """PRIMARY KEY over columns, by name or declaration."""

    def __init__(self, *columns: Any, name: str | None = None) -> None: ...

class UniqueConstraint:
    """UNIQUE over columns, by name or declaration."""

    def __init__(
        self,
        *columns: Any,
        name: str | None = None,
        deferrable: bool | None = None,
        initially: str | None = None,
        postgresql_nulls_not_distinct: bool = False,
    ) -> None: ...

class ExcludeConstraint:
    """EXCLUDE of PostgreSQL: no two rows are alike in all parts, each as its operator says.

    `ExcludeConstraint(("room", "="), ("during", "&&"))`: columns by name or declaration, or expressions, and operators.
    `where=` is the rows that it covers, `ops=` operator classes by column. SQLite has none: `NotSupportedError`.
    """

    def __init__(
        self,
        *elements: tuple[Any, str],
        name: str | None = None,
        deferrable: bool | None = None,
        initially: str | None = None,
        using: str = "gist",
        where: Any = None,
        ops: Mapping[str, str] | None = None,
    ) -> None: ...

class declared_attr(Generic[_T]):
    """A method of a mixin that answers a column, a relation or an option for each class that is mapped with it."""

    def __init__(self, function: Callable[[Any], _T], /) -> None: ...
    @overload
    def __get__(self: declared_attr[Mapped[_V]], instance: None, owner: Any, /) -> Attribute[_V]: ...
    @overload
    def __get__(self, instance: None, owner: Any, /) -> _T: ...
    @overload
    def __get__(self: declared_attr[Mapped[list[_E]]], instance: object, owner: Any, /) -> RelatedList[_E]: ...
    @overload
    def __get__(self: declared_attr[Mapped[_V]], instance: object, owner: Any, /) -> _V: ...
    @overload
    def __get__(self, instance: object, owner: Any, /) -> _T: ...
    @staticmethod
    def directive(function: Callable[[Any], _T], /) -> declared_attr[_T]:
        """For options such as `__tablename__`."""

    @staticmethod
    def cascading(function: Callable[[Any], _T], /) -> declared_attr[_T]:
        """Subclasses of a mapped class get their own."""
