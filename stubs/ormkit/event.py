"""Functions of the program that hear of what is written and of what sessions do."""

from ormkit._ormkit import FlushContext, ORMExecuteState, contains, listen, listens_for, remove

__all__ = ["FlushContext", "ORMExecuteState", "contains", "listen", "listens_for", "remove"]
