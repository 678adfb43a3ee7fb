"""Functions of the program that hear of what is written, of what sessions do and of what attributes are set to."""

from ormkit._ormkit import (
    NO_VALUE,
    ConnectionRecord,
    ExceptionContext,
    ExecutionContext,
    FlushContext,
    ORMExecuteState,
    contains,
    listen,
    listens_for,
    remove,
)

__all__ = [
    "NO_VALUE",
    "ConnectionRecord",
    "ExceptionContext",
    "ExecutionContext",
    "FlushContext",
    "ORMExecuteState",
    "contains",
    "listen",
    "listens_for",
    "remove",
]
