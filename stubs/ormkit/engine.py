"""Engines: where a database is and how its connections are kept."""

from ormkit._ormkit import (
    Connection,
    ConnectionBlock,
    ConnectionContext,
    ConnectionPool,
    PoolHolder,
    PoolStatus,
    QueryResult,
    RowBatches,
    RowStream,
    create_engine,
)

Engine = ConnectionPool

__all__ = [
    "Connection",
    "ConnectionBlock",
    "ConnectionContext",
    "ConnectionPool",
    "Engine",
    "PoolHolder",
    "PoolStatus",
    "QueryResult",
    "RowBatches",
    "RowStream",
    "create_engine",
]
