"""The base of models and what it knows about them."""

from collections.abc import Coroutine, Iterable, Iterator
from typing import Any, ClassVar, Literal

from typing_extensions import Self, dataclass_transform

from ormkit.engine import Connection, ConnectionPool
from ormkit.fields import ColumnInfo, mapped_column
from ormkit.inspection import NamedItems
from ormkit.query import Attribute
from ormkit.relationships import RelationshipInfo, relationship

class TableColumns:
    """The columns of a table as expressions, by name."""

    def __getattr__(self, name: str) -> Attribute[Any]: ...
    def __getitem__(self, name: str, /) -> Attribute[Any]: ...
    def __contains__(self, name: str, /) -> bool: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Attribute[Any]]: ...
    def keys(self) -> list[str]: ...

class Table:
    """A table, of a mapped class or without one: `Table("links", Base.metadata, Column("id", Integer, primary_key=True))`."""

    def __init__(
        self,
        name: str,
        metadata: MetaData,
        *items: Any,
        schema: str | None = None,
        comment: str | None = None,
        extend_existing: bool = False,
        keep_existing: bool = False,
        renamed_from: str | None = None,
        info: dict[Any, Any] | None = None,
    ) -> None: ...
    @property
    def c(self) -> TableColumns: ...
    def alias(self, name: str | None = None) -> Table: ...
    @property
    def name(self) -> str: ...
    @property
    def schema(self) -> str | None: ...
    @property
    def fullname(self) -> str: ...
    @property
    def info(self) -> dict[Any, Any]: ...
    @property
    def columns(self) -> NamedItems[ColumnInfo]: ...
    @property
    def primary_key(self) -> tuple[str, ...]: ...

class MetaData:
    """The tables of a base: `naming_convention` has templates for `ix`, `uq`, `ck`, `fk` and `pk`."""

    def __init__(
        self,
        *,
        naming_convention: dict[str, str] | None = None,
        schema: str | None = None,
        info: dict[Any, Any] | None = None,
    ) -> None: ...
    @property
    def info(self) -> dict[Any, Any]: ...
    @property
    def schema(self) -> str | None: ...
    @property
    def tables(self) -> dict[str, Table]: ...
    @property
    def sorted_tables(self) -> list[Table]: ...
    async def create_all(
        self,
        engine: ConnectionPool | Connection | None = None,
        tables: Iterable[Table | type[DeclarativeBase]] | None = None,
        checkfirst: Literal[True] = True,
        *,
        bind: ConnectionPool | Connection | None = None,
    ) -> None: ...
    async def drop_all(
        self,
        engine: ConnectionPool | Connection | None = None,
        tables: Iterable[Table | type[DeclarativeBase]] | None = None,
        checkfirst: Literal[True] = True,
        *,
        bind: ConnectionPool | Connection | None = None,
    ) -> None: ...

class ModelMeta(type):
    """The metaclass of models: registers a class body and lays out its instances."""

    @property
    def metadata(cls) -> MetaData: ...
    __columns__: dict[str, ColumnInfo]
    __relationships__: dict[str, RelationshipInfo]
    __primary_key__: str | None
    __soft_delete__: str | None
    __table__: Table

class _AwaitableAttributes:
    def __getattr__(self, name: str) -> Coroutine[Any, Any, Any]: ...

class AsyncAttrs:
    """Gives objects `awaitable_attrs`: `class Base(AsyncAttrs, DeclarativeBase)`, then `await user.awaitable_attrs.posts`."""

    @property
    def awaitable_attrs(self) -> _AwaitableAttributes: ...

@dataclass_transform(kw_only_default=True, field_specifiers=(mapped_column, relationship))
class MappedAsDataclass:
    """Makes mapped classes dataclasses: `class Base(MappedAsDataclass, DeclarativeBase)`, or one class alone."""

    def __init_subclass__(
        cls,
        *,
        init: bool = True,
        repr: bool = True,
        eq: bool = True,
        order: bool = False,
        unsafe_hash: bool = False,
        match_args: bool = True,
        kw_only: bool = False,
    ) -> None: ...

class DeclarativeBase(metaclass=ModelMeta):
    """The root of an own base: `class Base(DeclarativeBase): …`."""

    __tablename__: ClassVar[str]
    __table_args__: ClassVar[Any]
    __abstract__: ClassVar[bool]
    def __init__(self, **values: Any) -> None: ...
    def to_dict(self, include_relationships: bool = False) -> dict[str, Any]: ...
    @classmethod
    def from_dict(cls, values: dict[str, Any], /) -> Self: ...

class Base(DeclarativeBase):
    """A base that is ready to use."""
