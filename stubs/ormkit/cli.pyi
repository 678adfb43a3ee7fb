"""The command line: `ormkit`, `python -m ormkit`."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, TypedDict

from ormkit.engine import ConnectionPool

class _Status(TypedDict):
    current_revision: str | None
    pending: list[str]

def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the answer is the exit code: 0 done, 1 failed, 2 wrong usage, 3 a check found something.

    It runs a loop of its own, so there must be none around it.
    """

def entry() -> NoReturn:
    """What the script `ormkit` calls."""

def migrate_init(folder: str | os.PathLike[str], url: str | None = None) -> None:
    """Make `alembic.ini` and `alembic/{env.py,script.py.mako,versions/}` in a folder. What is there already is an error."""

def migrate_create(folder: str | os.PathLike[str], message: str) -> Path:
    """Make an empty revision behind the head; the answer is its file."""

async def migrate_up(pool: ConnectionPool, folder: str | os.PathLike[str], target: str = "head") -> list[str]:
    """Run the revisions up to a target; the answer is the ids of those that ran."""

async def migrate_down(pool: ConnectionPool, folder: str | os.PathLike[str], target: str = "-1") -> list[str]:
    """Undo the revisions down to a target; the answer is the ids of those that were undone."""

async def migrate_status(pool: ConnectionPool, folder: str | os.PathLike[str]) -> _Status:
    """Where the database stands: the revision, None at the base, and the ids of those that wait."""
