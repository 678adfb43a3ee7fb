"""For tests: how many statements a block sends, which line sends the same one again and again, and work that is undone."""

from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import final

from typing_extensions import Self

from ormkit._fixture import ormkit_session as ormkit_session
from ormkit.engine import ConnectionPool
from ormkit.session import AsyncSession

def rolled_back_session(engine: ConnectionPool, *, autoflush: bool = True) -> AbstractAsyncContextManager[AsyncSession]:
    """A session whose work is undone at the end of the block, also what it commits."""

@final
class assert_queries:
    """Count the statements that a block sends; another number than `count` is an `AssertionError` at its end."""

    def __init__(self, count: int, *, engine: ConnectionPool | None = None) -> None: ...
    @property
    def statements(self) -> list[str]: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...

@final
class detect_n_plus_one:
    """Find lines that send the same statement more than `limit` times; there is an `AssertionError` at the block's end."""

    def __init__(self, *, limit: int = 2, engine: ConnectionPool | None = None) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...
