"""Sessions and what they answer."""

from ormkit._ormkit import (
    AsyncSession,
    ExecuteResult,
    MappingResult,
    Row,
    ScalarResult,
    SessionContext,
    Stream,
    Transaction,
    TransactionContext,
    async_sessionmaker,
    create_session,
    session_context,
)

sessionmaker = async_sessionmaker

__all__ = [
    "AsyncSession",
    "ExecuteResult",
    "MappingResult",
    "Row",
    "ScalarResult",
    "SessionContext",
    "Stream",
    "Transaction",
    "TransactionContext",
    "async_sessionmaker",
    "create_session",
    "session_context",
    "sessionmaker",
]
