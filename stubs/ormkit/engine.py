"""Engines: where a database is and how its connections are kept."""

from ormkit._ormkit import (
    ClosedConnection,
    Connection,
    ConnectionBlock,
    ConnectionContext,
    ConnectionPool,
    CopyOut,
    Listener,
    Notification,
    PoolCounters,
    PoolHolder,
    PoolStatus,
    QueryResult,
    RowBatches,
    RowStream,
    TraceEvent,
    create_async_engine,
    create_engine,
    create_pool,
)

Engine = ConnectionPool

__all__ = [
    "ClosedConnection",
    "Connection",
    "ConnectionBlock",
    "ConnectionContext",
    "ConnectionPool",
    "CopyOut",
    "Engine",
    "Listener",
    "Notification",
    "PoolCounters",
    "PoolHolder",
    "PoolStatus",
    "QueryResult",
    "RowBatches",
    "RowStream",
    "TraceEvent",
    "create_async_engine",
    "create_engine",
    "create_pool",
]
