"""The engine: a pool of connections to one database."""

from collections.abc import AsyncIterable, Awaitable, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from os import PathLike
from types import TracebackType
from typing import Any, Concatenate, Generic, Literal, ParamSpec, Protocol, TypeVar, overload

from typing_extensions import Self, TypedDict, Unpack

_P = ParamSpec("_P")
_T = TypeVar("_T")

class QueryResult:
    """The rows of `engine.execute`, undecoded until they are read; reading is synchronous."""

    @property
    def columns(self) -> tuple[str, ...]: ...
    @property
    def rowcount(self) -> int: ...
    def all(self) -> list[dict[str, Any]]: ...
    def first(self) -> dict[str, Any] | None: ...
    def one(self) -> dict[str, Any]: ...
    def one_or_none(self) -> dict[str, Any] | None: ...
    def tuples(self) -> list[tuple[Any, ...]]: ...
    def column(self, name: str, /) -> list[Any]: ...
    def columns_as_tuples(self, names: Sequence[str], /) -> list[tuple[Any, ...]]: ...
    def scalar(self) -> Any: ...
    def scalars(self) -> list[Any]: ...
    def column_names(self) -> list[str]: ...
    def is_empty(self) -> bool: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[dict[str, Any]]: ...

class PoolHolder:
    """Who has a connection."""

    @property
    def name(self) -> str | None: ...
    @property
    def age(self) -> float: ...
    @property
    def last_statement(self) -> str | None: ...

class PoolCounters:
    """What the pools of an engine have done: of each event loop since it first used the engine, as long as it is open."""

    @property
    def opened(self) -> int: ...
    @property
    def closed(self) -> dict[str, int]: ...
    @property
    def connect_failures(self) -> int: ...
    @property
    def acquires(self) -> int: ...
    @property
    def waits(self) -> int: ...
    @property
    def wait_total(self) -> float: ...
    @property
    def wait_max(self) -> float: ...
    @property
    def timeouts(self) -> int: ...
    @property
    def cancels(self) -> int: ...
    @property
    def refused(self) -> int: ...
    @property
    def cleaned(self) -> int: ...
    @property
    def resets(self) -> int: ...

class PoolStatus:
    """The connections of an engine at one moment, of all event loops together."""

    @property
    def size(self) -> int: ...
    @property
    def idle(self) -> int: ...
    @property
    def in_use(self) -> int: ...
    @property
    def waiting(self) -> int: ...
    @property
    def draining(self) -> int: ...
    @property
    def max(self) -> int: ...
    @property
    def connect_error(self) -> str | None: ...
    @property
    def counters(self) -> PoolCounters: ...
    @property
    def holders(self) -> tuple[PoolHolder, ...]: ...

class query_tags:
    """Have the statements of a block say where they come from, by an SQL comment in the form of sqlcommenter."""

    def __init__(self, **tags: str | int) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...

class TraceEvent:
    """Something that an engine does: what the functions of `add_tracer` are called with. It has no values."""

    @property
    def event(self) -> Literal["connecting", "connected", "acquired", "started", "ended"]: ...
    @property
    def id(self) -> int | None: ...
    @property
    def sql(self) -> str | None: ...
    @property
    def comment(self) -> str | None: ...
    @property
    def duration(self) -> float | None: ...
    @property
    def queue(self) -> float | None: ...
    @property
    def server(self) -> float | None: ...
    @property
    def network(self) -> float | None: ...
    @property
    def hydrate(self) -> float | None: ...
    @property
    def rows(self) -> int | None: ...
    @property
    def affected(self) -> int | None: ...
    @property
    def outcome(self) -> Literal["done", "failed", "skipped", "cancelled"] | None: ...
    @property
    def error(self) -> str | None: ...
    @property
    def sqlstate(self) -> str | None: ...
    @property
    def backend_pid(self) -> int | None: ...

class ClosedConnection:
    """A connection that an engine has closed."""

    @property
    def reason(self) -> Literal["lost", "lifetime", "idle", "disposed", "unclean", "surplus", "callback"]: ...
    @property
    def age(self) -> float: ...
    @property
    def backend_pid(self) -> int | None: ...

_CopyFormat = Literal["rows", "binary", "text", "csv"]

class _SupportsRead(Protocol):
    def read(self, size: int, /) -> bytes: ...

class _SupportsWrite(Protocol):
    def write(self, data: bytes, /) -> object: ...

_CopyRows = Iterable[Sequence[Any]] | AsyncIterable[Sequence[Any]]
_CopyBytes = (
    bytes | bytearray | memoryview | Iterable[bytes] | AsyncIterable[bytes] | _SupportsRead | str | PathLike[str]
)

class CopyOut(Generic[_T]):
    """A table or query that is read by COPY: tuples for the format "rows", blocks of bytes for the others."""

    def __aiter__(self) -> Self: ...
    async def __anext__(self) -> _T: ...
    async def aclose(self) -> None: ...

class Notification:
    """What somebody told a channel; `missed` is True for the one that each channel gets after a lost connection."""

    @property
    def channel(self) -> str: ...
    @property
    def payload(self) -> str: ...
    @property
    def pid(self) -> int: ...
    @property
    def missed(self) -> bool: ...

class Listener:
    """Channels that are listened to: `async with` connects, `async for` waits for notifications."""

    @property
    def channels(self) -> tuple[str, ...]: ...
    async def close(self) -> None: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
    def __aiter__(self) -> Self: ...
    async def __anext__(self) -> Notification: ...

class Connection:
    """One connection for a block: the first statement begins a transaction, `commit()` keeps it."""

    async def execute(self, statement: Any, params: Sequence[Any] | Mapping[str, Any] | None = None) -> QueryResult: ...
    @overload
    async def execute_many(
        self, sql: str, params: Iterable[Sequence[Any] | Mapping[str, Any]], *, returning: Literal[False] = False
    ) -> int: ...
    @overload
    async def execute_many(
        self, sql: str, params: Iterable[Sequence[Any] | Mapping[str, Any]], *, returning: Literal[True]
    ) -> QueryResult: ...
    async def explain(
        self, statement: Any, params: Sequence[Any] | Mapping[str, Any] | None = None, *, analyze: bool = False
    ) -> str: ...
    def server_setting(self, name: str) -> str | None: ...
    async def execute_script(self, script: str) -> None: ...
    async def get_tables(self, *, schema: str | None = None) -> list[str]: ...
    async def get_columns(self, table: str, *, schema: str | None = None) -> list[RustColumnInfo]: ...
    async def get_indexes(self, table: str, *, schema: str | None = None) -> list[RustIndexInfo]: ...
    async def get_constraints(self, table: str, *, schema: str | None = None) -> list[RustConstraintInfo]: ...
    async def get_table_info(self, table: str, *, schema: str | None = None) -> RustTableInfo: ...
    def stream(
        self,
        statement: Any,
        params: Sequence[Any] | Mapping[str, Any] | None = None,
        *,
        batch_size: int = 1000,
    ) -> RowStream: ...
    async def copy_from(
        self,
        target: str | type[Any],
        source: _CopyRows | _CopyBytes,
        *,
        columns: Sequence[str] | None = None,
        schema: str | None = None,
        format: _CopyFormat = "rows",
        delimiter: str | None = None,
        null: str | None = None,
        header: bool | None = None,
        quote: str | None = None,
        escape: str | None = None,
        encoding: str | None = None,
    ) -> int: ...
    @overload
    def copy_to(
        self,
        target: Any,
        sink: None = None,
        *,
        columns: Sequence[str] | None = None,
        schema: str | None = None,
        format: Literal["rows"] = "rows",
    ) -> CopyOut[tuple[Any, ...]]: ...
    @overload
    def copy_to(
        self,
        target: Any,
        sink: None = None,
        *,
        columns: Sequence[str] | None = None,
        schema: str | None = None,
        format: Literal["binary", "text", "csv"],
        delimiter: str | None = None,
        null: str | None = None,
        header: bool | None = None,
        quote: str | None = None,
        escape: str | None = None,
        encoding: str | None = None,
    ) -> CopyOut[bytes]: ...
    @overload
    def copy_to(
        self,
        target: Any,
        sink: _SupportsWrite | str | PathLike[str],
        *,
        columns: Sequence[str] | None = None,
        schema: str | None = None,
        format: Literal["binary", "text", "csv"],
        delimiter: str | None = None,
        null: str | None = None,
        header: bool | None = None,
        quote: str | None = None,
        escape: str | None = None,
        encoding: str | None = None,
    ) -> Awaitable[int]: ...
    async def commit(self) -> None: ...
    async def rollback(self) -> None: ...
    def in_transaction(self) -> bool: ...
    def begin(self) -> ConnectionBlock: ...
    def begin_nested(self) -> ConnectionBlock: ...
    @overload
    async def run_sync(
        self, function: Callable[Concatenate[Connection, _P], Awaitable[_T]], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> _T: ...
    @overload
    async def run_sync(
        self, function: Callable[Concatenate[Connection, _P], _T], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> _T: ...
    async def close(self) -> None: ...
    def __await__(self) -> Generator[Any, None, Self]: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...

class ConnectionBlock:
    """What `connection.begin()` returns: to be entered."""

    async def __aenter__(self) -> Connection: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...

class ConnectionContext:
    """What `engine.connect()`, `begin()` and `transaction()` return: to be awaited or entered."""

    def __await__(self) -> Generator[Any, None, Connection]: ...
    async def __aenter__(self) -> Connection: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...

class RustColumnInfo:
    """A column of a table, as the database has it."""

    @property
    def name(self) -> str: ...
    @property
    def data_type(self) -> str: ...
    @property
    def nullable(self) -> bool: ...
    @property
    def default(self) -> str | None: ...
    @property
    def is_primary_key(self) -> bool: ...
    @property
    def numbering(self) -> Literal["always", "by default", "serial", "autoincrement"] | None: ...
    @property
    def computed(self) -> str | None: ...
    @property
    def collation(self) -> str | None: ...
    @property
    def comment(self) -> str | None: ...

class RustIndexInfo:
    """An index of a table that is not part of a constraint."""

    @property
    def name(self) -> str: ...
    @property
    def columns(self) -> list[str]: ...
    @property
    def unique(self) -> bool: ...
    @property
    def where(self) -> str | None: ...
    @property
    def method(self) -> str: ...
    @property
    def include(self) -> list[str]: ...

class RustConstraintInfo:
    """A constraint of a table."""

    @property
    def name(self) -> str | None: ...
    @property
    def constraint_type(self) -> Literal["PRIMARY KEY", "UNIQUE", "CHECK", "FOREIGN KEY", "EXCLUDE"]: ...
    @property
    def columns(self) -> list[str]: ...
    @property
    def expression(self) -> str | None: ...
    @property
    def references_table(self) -> str | None: ...
    @property
    def references_column(self) -> str | None: ...
    @property
    def references_columns(self) -> list[str]: ...
    @property
    def on_delete(self) -> str | None: ...
    @property
    def on_update(self) -> str | None: ...
    @property
    def deferrable(self) -> bool: ...

class RustTableInfo:
    """A table with its columns, indexes and constraints."""

    @property
    def name(self) -> str: ...
    @property
    def schema(self) -> str | None: ...
    @property
    def columns(self) -> list[RustColumnInfo]: ...
    @property
    def indexes(self) -> list[RustIndexInfo]: ...
    @property
    def constraints(self) -> list[RustConstraintInfo]: ...
    @property
    def comment(self) -> str | None: ...

class RowStream:
    """Rows that are read in pieces: `async for row in stream`, or in batches."""

    def __aiter__(self) -> Self: ...
    async def __anext__(self) -> dict[str, Any]: ...
    def batches(self) -> RowBatches: ...
    async def close(self) -> None: ...
    def __await__(self) -> Generator[Any, None, Self]: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...

class RowBatches:
    """What `RowStream.batches()` returns, for `async for`."""

    def __aiter__(self) -> Self: ...
    async def __anext__(self) -> QueryResult: ...

class ConnectionPool:
    """What `create_engine` returns. Opens on first use, or when it is awaited or entered."""

    def __await__(self) -> Generator[Any, None, Self]: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
    async def execute(self, sql: str, params: Sequence[Any] | Mapping[str, Any] | None = None) -> QueryResult: ...
    @overload
    async def execute_many(
        self, sql: str, params: Iterable[Sequence[Any] | Mapping[str, Any]], *, returning: Literal[False] = False
    ) -> int: ...
    @overload
    async def execute_many(
        self, sql: str, params: Iterable[Sequence[Any] | Mapping[str, Any]], *, returning: Literal[True]
    ) -> QueryResult: ...
    async def explain(
        self, sql: str, params: Sequence[Any] | Mapping[str, Any] | None = None, *, analyze: bool = False
    ) -> str: ...
    async def server_setting(self, name: str) -> str | None: ...
    async def execute_script(self, script: str) -> None: ...
    async def get_tables(self, *, schema: str | None = None) -> list[str]: ...
    async def get_columns(self, table: str, *, schema: str | None = None) -> list[RustColumnInfo]: ...
    async def get_indexes(self, table: str, *, schema: str | None = None) -> list[RustIndexInfo]: ...
    async def get_constraints(self, table: str, *, schema: str | None = None) -> list[RustConstraintInfo]: ...
    async def get_table_info(self, table: str, *, schema: str | None = None) -> RustTableInfo: ...
    def stream(
        self,
        sql: str,
        params: Sequence[Any] | Mapping[str, Any] | None = None,
        *,
        batch_size: int = 1000,
    ) -> RowStream: ...
    async def copy_from(
        self,
        target: str | type[Any],
        source: _CopyRows | _CopyBytes,
        *,
        columns: Sequence[str] | None = None,
        schema: str | None = None,
        format: _CopyFormat = "rows",
        delimiter: str | None = None,
        null: str | None = None,
        header: bool | None = None,
        quote: str | None = None,
        escape: str | None = None,
        encoding: str | None = None,
    ) -> int: ...
    @overload
    def copy_to(
        self,
        target: Any,
        sink: None = None,
        *,
        columns: Sequence[str] | None = None,
        schema: str | None = None,
        format: Literal["rows"] = "rows",
    ) -> CopyOut[tuple[Any, ...]]: ...
    @overload
    def copy_to(
        self,
        target: Any,
        sink: None = None,
        *,
        columns: Sequence[str] | None = None,
        schema: str | None = None,
        format: Literal["binary", "text", "csv"],
        delimiter: str | None = None,
        null: str | None = None,
        header: bool | None = None,
        quote: str | None = None,
        escape: str | None = None,
        encoding: str | None = None,
    ) -> CopyOut[bytes]: ...
    @overload
    def copy_to(
        self,
        target: Any,
        sink: _SupportsWrite | str | PathLike[str],
        *,
        columns: Sequence[str] | None = None,
        schema: str | None = None,
        format: Literal["binary", "text", "csv"],
        delimiter: str | None = None,
        null: str | None = None,
        header: bool | None = None,
        quote: str | None = None,
        escape: str | None = None,
        encoding: str | None = None,
    ) -> Awaitable[int]: ...
    def connect(self) -> ConnectionContext: ...
    def begin(self) -> ConnectionContext: ...
    def transaction(self) -> ConnectionContext: ...
    def listen(self, channel: str, /, *more: str) -> Listener: ...
    def status(self) -> PoolStatus: ...
    def add_tracer(self, function: Callable[[TraceEvent], object]) -> None: ...
    def remove_tracer(self, function: Callable[[TraceEvent], object]) -> None: ...
    async def close(self, *, timeout: float = 30.0) -> None: ...
    async def dispose(self) -> None: ...
    @property
    def url(self) -> str: ...
    @property
    def dialect(self) -> Literal["postgresql", "sqlite"]: ...
    def is_postgres(self) -> bool: ...
    def is_sqlite(self) -> bool: ...

Engine = ConnectionPool

class _Options(TypedDict, total=False):
    acquire_timeout: float | None
    max_waiting: int | None
    idle_timeout: float | None
    max_lifetime: float | None
    ping_after: float | None
    connect_timeout: float | None
    statement_cache_size: int | None
    statement_timeout: float | None
    prepared: Literal["auto", "named", "unnamed", "never"] | None
    echo: bool | Literal["debug"]
    slow_query: float | None
    json_dumps: Callable[[Any], str | bytes] | None
    json_loads: Callable[[str], Any] | None
    connect_args: Mapping[str, str | int | bool] | None
    settings: Mapping[str, str] | None
    password: str | Callable[[], str] | Callable[[], Awaitable[str]] | None
    init: Callable[[Connection], object] | None
    reset: Callable[[Connection], object] | None
    close: Callable[[ClosedConnection], object] | None

def create_engine(
    url: str,
    *,
    min_connections: int = 1,
    max_connections: int = 10,
    acquire_timeout: float | None = 30.0,
    max_waiting: int | None = None,
    idle_timeout: float | None = 600.0,
    max_lifetime: float | None = 3600.0,
    ping_after: float | None = 30.0,
    connect_timeout: float | None = None,
    statement_cache_size: int | None = None,
    statement_timeout: float | None = None,
    prepared: Literal["auto", "named", "unnamed", "never"] | None = None,
    echo: bool | Literal["debug"] = False,
    slow_query: float | None = None,
    json_dumps: Callable[[Any], str | bytes] | None = None,
    json_loads: Callable[[str], Any] | None = None,
    connect_args: Mapping[str, str | int | bool] | None = None,
    settings: Mapping[str, str] | None = None,
    password: str | Callable[[], str] | Callable[[], Awaitable[str]] | None = None,
    init: Callable[[Connection], object] | None = None,
    reset: Callable[[Connection], object] | None = None,
    close: Callable[[ClosedConnection], object] | None = None,
) -> ConnectionPool:
    """An engine for `postgresql://…` or `sqlite:///…`. Times are seconds."""

def create_pool(
    url: str, min_connections: int = 1, max_connections: int = 10, **options: Unpack[_Options]
) -> ConnectionPool:
    """The same, with the sizes of its pool by position."""

class _AsyncOptions(_Options, total=False):
    min_connections: int
    max_connections: int

def create_async_engine(
    url: Any,
    *,
    pool_size: int = 5,
    max_overflow: int = 10,
    pool_timeout: float | None = 30.0,
    pool_recycle: float = 3600.0,
    pool_pre_ping: bool | None = None,
    poolclass: type | None = None,
    json_serializer: Callable[[Any], str | bytes] | None = None,
    json_deserializer: Callable[[str], Any] | None = None,
    future: Literal[True] = True,
    **options: Unpack[_AsyncOptions],
) -> ConnectionPool:
    """`create_engine` in SQLAlchemy's words."""

def quote_identifier(name: str, /, *more: str, dialect: Literal["postgresql", "sqlite"] = "postgresql") -> str:
    """A name, or the parts of a qualified one, as a part of SQL."""

def quote_literal(value: Any, /, *, dialect: Literal["postgresql", "sqlite"] = "postgresql") -> str:
    """A value as a literal, for statements that take no parameters."""
