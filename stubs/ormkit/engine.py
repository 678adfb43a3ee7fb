"""Engines: where a database is and how its connections are kept."""

from ormkit._ormkit import ConnectionPool, PoolHolder, PoolStatus, QueryResult, create_engine

Engine = ConnectionPool

__all__ = ["ConnectionPool", "Engine", "PoolHolder", "PoolStatus", "QueryResult", "create_engine"]
