"""The pytest fixture of `ormkit.testing`, for whichever plugin runs coroutines."""

from collections.abc import AsyncIterator
from importlib.util import find_spec
from typing import Any

from ormkit import testing

__all__ = ["ormkit_session"]

if find_spec("pytest_asyncio"):
    from pytest_asyncio import fixture
else:
    import pytest

    # Fixtures that are coroutines are run by anyio's plugin.
    fixture = pytest.fixture


@fixture
async def ormkit_session(ormkit_engine: Any) -> AsyncIterator[Any]:
    """A session on `ormkit_engine`, a fixture of yours; what a test writes and commits is undone after it."""
    async with testing.rolled_back_session(ormkit_engine) as session:
        yield session
