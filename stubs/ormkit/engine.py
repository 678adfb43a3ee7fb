"""Engines: where a database is and how its connections are kept."""

from ormkit._ormkit import (
    Connection,
    ConnectionBlock,
    ConnectionContext,
    ConnectionPool,
    CopyOut,
    Listener,
    Notification,
    PoolHolder,
    PoolStatus,
    QueryResult,
    create_engine,
)

Engine = ConnectionPool

__all__ = [
    "Connection",
    "ConnectionBlock",
    "ConnectionContext",
    "ConnectionPool",
    "CopyOut",
    "Engine",
    "Listener",
    "Notification",
    "PoolHolder",
    "PoolStatus",
    "QueryResult",
    "create_engine",
]
