"""Functions of the program that hear of what is written, of what sessions do and of what attributes are set to."""

from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeVar

from ormkit.exc import OrmkitError
from ormkit.inspection import Mapper
from ormkit.session import AsyncSession

_F = TypeVar("_F", bound=Callable[..., Any])

NO_VALUE: Final[Any]

class ConnectionRecord:
    """A connection of the pool. Its events are given the same one, in whose `info` notes may be left while it is open."""

    @property
    def id(self) -> int: ...
    @property
    def backend_pid(self) -> int | None: ...
    @property
    def info(self) -> dict[Any, Any]: ...

class ExceptionContext:
    """An error of the database or of a connection."""

    @property
    def original_exception(self) -> OrmkitError: ...
    @property
    def is_disconnect(self) -> bool: ...
    @property
    def execution_context(self) -> ExecutionContext | None: ...
    @property
    def statement(self) -> str | None: ...
    @property
    def parameters(self) -> list[Any] | None: ...

class ExecutionContext:
    """A statement that is run. Both events of it are given the same one, on which attributes may be set."""

    @property
    def statement(self) -> str: ...
    @property
    def parameters(self) -> list[Any]: ...
    @property
    def info(self) -> dict[Any, Any]: ...
    @property
    def duration(self) -> float | None: ...
    @property
    def rows(self) -> int | None: ...
    @property
    def rowcount(self) -> int | None: ...

class FlushContext:
    """What a flush writes."""

    @property
    def new(self) -> list[Any]: ...
    @property
    def dirty(self) -> list[Any]: ...
    @property
    def deleted(self) -> list[Any]: ...

class ORMExecuteState:
    """A statement that a session is going to run. What is set to `statement` runs in its place."""

    statement: Any
    @property
    def session(self) -> AsyncSession: ...
    @property
    def is_select(self) -> bool: ...
    @property
    def is_insert(self) -> bool: ...
    @property
    def is_update(self) -> bool: ...
    @property
    def is_delete(self) -> bool: ...
    @property
    def is_orm_statement(self) -> bool: ...
    @property
    def is_column_load(self) -> bool: ...
    @property
    def is_relationship_load(self) -> bool: ...
    @property
    def execution_options(self) -> dict[str, Any]: ...
    @property
    def bind_mapper(self) -> Mapper[Any] | None: ...
    @property
    def all_mappers(self) -> list[Mapper[Any]]: ...
    @property
    def parameters(self) -> NoReturn: ...
    def update_execution_options(self, **options: Any) -> None: ...
    def invoke_statement(self) -> NoReturn: ...

def listen(
    target: Any,
    identifier: str,
    fn: Callable[..., Any],
    *,
    once: bool = False,
    named: bool = False,
    propagate: bool = True,
    raw: bool = False,
    insert: bool = False,
    retval: bool = False,
) -> None:
    """Let a function hear of an event."""

def listens_for(
    target: Any,
    identifier: str,
    *,
    once: bool = False,
    named: bool = False,
    propagate: bool = True,
    raw: bool = False,
    insert: bool = False,
    retval: bool = False,
) -> Callable[[_F], _F]:
    """The same as a decorator: `@listens_for(User, "before_insert")`."""

def remove(target: Any, identifier: str, fn: Callable[..., Any]) -> None:
    """Let a function hear no more of an event."""

def contains(target: Any, identifier: str, fn: Callable[..., Any]) -> bool:
    """True where a function listens to an event of just this target."""
