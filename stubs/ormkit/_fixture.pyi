"""The pytest fixture of `ormkit.testing`, for whichever plugin runs coroutines."""

from collections.abc import AsyncIterator
from typing import Any

from ormkit.session import AsyncSession

def ormkit_session(ormkit_engine: Any) -> AsyncIterator[AsyncSession]:
    """A session on `ormkit_engine`, a fixture of yours; what a test writes and commits is undone after it."""
