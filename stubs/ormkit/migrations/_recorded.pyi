"""The schema that the revision files of a folder build up, without a database of their own."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Literal

from ormkit.engine import ConnectionPool
from ormkit.migrations.autogen import RecordedSchema
from ormkit.migrations.config import AlembicConfig

def recorded_schema(
    config: AlembicConfig, dialect: Literal["postgresql", "sqlite"], *, x: Sequence[str] = ()
) -> AbstractAsyncContextManager[ConnectionPool | RecordedSchema]:
    """What all revisions of a folder come to, for `AutogenContext`: no database is asked.

    For PostgreSQL their statements are followed one by one. For SQLite they are run, on an empty database in memory that is closed
    at the end of the block.

    Args:
        config: Where the revisions are.
        dialect: Of which database.
        x: What `context.get_x_argument()` answers.

    Raises:
        MigrationError: A revision that reads the database, or whose SQL cannot be followed: file, line and statement.
    """
