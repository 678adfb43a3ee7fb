"""For tests: how many statements a block sends, which line sends the same one again and again, and work that is undone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from ormkit._ormkit import AsyncSession, assert_queries, detect_n_plus_one

__all__ = ["assert_queries", "detect_n_plus_one", "rolled_back_session"]


@asynccontextmanager
async def rolled_back_session(engine: Any, *, autoflush: bool = True) -> AsyncIterator[AsyncSession]:
    """A session whose work is undone at the end of the block, also what it commits."""
    async with engine.connect() as connection:
        session = AsyncSession(connection, autoflush=autoflush)
        try:
            yield session
        finally:
            await session.reset()


def __dir__() -> list[str]:
    return sorted([*globals(), "ormkit_session"])


def __getattr__(name: str) -> Any:
    """The pytest fixture is made when it is asked for: nothing else here needs pytest."""
    if name != "ormkit_session":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ormkit._fixture import ormkit_session

    return ormkit_session
