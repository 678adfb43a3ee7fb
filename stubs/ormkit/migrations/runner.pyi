"""Running revisions."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from ormkit.engine import ConnectionPool
from ormkit.migrations.config import AlembicConfig
from ormkit.migrations.script import MigrationScript

class MigrationRunner:
    """Runs revisions on a database.

    Each revision is one transaction with its row in the version table: it is kept whole or not at all. Two runners at once
    queue.

    Args:
        pool: An engine.
        config: Where the revisions are; None: there are none, and ids are taken as given.
        version_table: The table that says where the database is; None: the one that the configuration says.
        version_table_schema: Its schema.
        lock_timeout: PostgreSQL: the longest wait of a statement for a lock, in seconds; the revision is undone then and tried
            again. None: the server's own setting.
        attempts: How often a revision is tried.
        wait: The longest wait for another runner, in seconds; None: as long as it takes.
        on_revision: Called after each revision, with it, whether it went up, and how long it took in seconds.
        x: What `context.get_x_argument()` answers in a file: `["key=value", …]`, the command line's `-x`.

    Cancelling undoes the revision that runs, and waits for the end of its function.
    """

    pool: ConnectionPool
    config: AlembicConfig | None
    def __init__(
        self,
        pool: ConnectionPool,
        config: AlembicConfig | None = None,
        *,
        version_table: str | None = None,
        version_table_schema: str | None = None,
        lock_timeout: float | None = None,
        attempts: int = 5,
        wait: float | None = None,
        on_revision: Callable[[MigrationScript, bool, float], None] | None = None,
        x: Sequence[str] = (),
    ) -> None: ...
    async def get_current_heads(self) -> list[str]:
        """The ids in the version table."""

    async def get_current_revision(self) -> str | None:
        """The id in the version table; None without one.

        Raises:
            MigrationError: There are several.
        """

    async def get_applied_revisions(self) -> list[str]:
        """Those that have run, the first one first; without a configuration those in the version table."""

    async def get_pending_migrations(self) -> list[MigrationScript]:
        """Those that have not run yet, in the order in which they would."""

    async def create_migration(self, message: str, **options: Any) -> MigrationScript:
        """Write a new revision behind the head; options are those of `ScriptFolder.create`."""

    async def upgrade(self, target: str = "head") -> list[str]:
        """Run what leads up to a target; the ids that were run.

        Raises:
            MigrationError: The target is not known; a revision failed, and is undone; an `upgrade()` uses names that only
                Alembic and SQLAlchemy have, which are not installed, and nothing was done.
        """

    async def downgrade(self, target: str = "-1") -> list[str]:
        """Run what leads down to a target."""

    async def run_upgrade(self, script: MigrationScript) -> None:
        """Run one revision, whose parents have run."""

    async def run_downgrade(self, script: MigrationScript) -> None:
        """Undo one revision, which is where the database is."""

    async def stamp(self, revision: str | list[str], *, purge: bool = False) -> None:
        """Say where the database is, and run nothing. `purge`: whatever was said before is forgotten."""

    def sql(
        self,
        target: str = "head",
        *,
        start: str = "base",
        down: bool = False,
        dialect: Literal["postgresql", "sqlite"] = "postgresql",
    ) -> str:
        """The script that leads from one revision to another, for `psql -1 -f`.

        Raises:
            MigrationError: A revision needs the database's answers.
            NotSupportedError: SQLite does a part by a rebuild only.
        """
