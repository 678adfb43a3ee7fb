"""Engines: where a database is and how its connections are kept."""

from ormkit._ormkit import ConnectionPool, QueryResult, create_engine

Engine = ConnectionPool

__all__ = ["ConnectionPool", "Engine", "QueryResult", "create_engine"]
