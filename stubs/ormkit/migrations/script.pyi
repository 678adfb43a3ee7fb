"""Revision files."""

import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, final

from ormkit.migrations.config import AlembicConfig
from ormkit.migrations.operations import Operations

@final
class RevisionGraph:
    """Revisions and how they follow one another, as Alembic understands them.

    Args:
        revisions: Id, `down_revision`, `branch_labels`, `depends_on`, message and file of each.

    Raises:
        MigrationError: An id is there twice, a parent is missing, they go round in a circle.
    """

    def __new__(
        cls, revisions: Iterable[tuple[str, list[str], list[str], list[str], str, str | None]]
    ) -> RevisionGraph: ...
    def walk(self) -> list[str]:
        """All ids, each behind those that it needs."""

    def heads(self) -> list[str]:
        """Those that nothing follows."""

    def bases(self) -> list[str]:
        """Those that follow nothing."""

    def branch_points(self) -> list[str]:
        """Those that several follow."""

    def next_of(self, id: str) -> list[str]:
        """Those that follow a revision."""

    def labels_of(self, id: str) -> list[str]:
        """The branch labels that hold at a revision."""

    def find(self, target: str, current: list[str] = ...) -> list[str]:
        """The ids that a word means: an id or the beginning of it, `head`, `heads`, `base`, `current`, `label@head`, `+1`."""

    def range(self, range: str, current: list[str] = ...) -> list[str]:
        """The ids from one to another, `"a:b"`, the later ones first."""

    def applied(self, current: list[str]) -> list[str]:
        """Those that a database with these heads has run."""

    def upgrade(self, current: list[str], target: str) -> list[tuple[str, list[tuple[str | None, str | None]]]]:
        """What leads up to a target from these heads: each id, and the rows of the version table that go and come then."""

    def downgrade(self, current: list[str], target: str) -> list[tuple[str, list[tuple[str | None, str | None]]]]:
        """What leads down to a target."""

    def stamp(self, current: list[str], targets: list[str], purge: bool = False) -> list[tuple[str | None, str | None]]:
        """The rows of the version table that go and come, to be at these targets."""

    def __len__(self) -> int: ...
    def __contains__(self, id: str) -> bool: ...

class MigrationScript:
    """A revision: its file, or what will be one."""

    revision: str
    message: str
    down_revision: str | tuple[str, ...] | None
    branch_labels: Any
    depends_on: Any
    path: Path | None
    def __init__(
        self,
        revision: str,
        message: str = "",
        down_revision: str | tuple[str, ...] | None = None,
        *,
        branch_labels: Any = None,
        depends_on: Any = None,
        path: str | os.PathLike[str] | None = None,
        source: str | None = None,
    ) -> None: ...
    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> MigrationScript:
        """Read a file. Its functions are not run, and where its head is plain values neither is it.

        Raises:
            MigrationError: There is no such file, it is not UTF-8, or it says no `revision`.
        """

    def render(self) -> str:
        """The text of the file; of one that is not written yet, from the built-in template."""

    def render_as(self, template: str, *, created: datetime | None = None, where: str = "the template") -> str:
        """The text from a template of Mako's form, of which `${…}` is filled in.

        Raises:
            MigrationError: The template has more of Mako in it.
        """

    def upgrade(self, op: Operations) -> None:
        """Call the file's `upgrade()`, with `op` in the place of Alembic's."""

    def downgrade(self, op: Operations) -> None:
        """Call the file's `downgrade()`."""

    def foreign_names(self, *, up: bool = True) -> list[str]:
        """The names of Alembic and SQLAlchemy that `upgrade()` needs, or `downgrade()`, and that only the installed ones have."""

class ScriptFolder:
    """The revision files of a configuration; read when they are first asked for."""

    config: AlembicConfig
    def __init__(self, config: AlembicConfig) -> None: ...
    @property
    def scripts(self) -> dict[str, MigrationScript]:
        """By their ids."""

    @property
    def graph(self) -> RevisionGraph:
        """How they follow one another."""

    def create(
        self,
        message: str,
        *,
        head: str | list[str] = "head",
        revision: str | None = None,
        splice: bool = False,
        branch_label: str | None = None,
        depends_on: Any = None,
        version_path: str | os.PathLike[str] | None = None,
        source: str | None = None,
    ) -> MigrationScript:
        """Write a new file.

        Args:
            message: What it does, in words.
            head: What it follows; several make it a merge, `"base"` makes it a base.
            revision: Its id; None: a new one.
            splice: What it follows need not be a head.
            branch_label: The name of the branch that begins with it.
            depends_on: Revisions of other branches that come before it.
            version_path: Its folder; None: `versions_dir`.
            source: Its text; None: from `script.py.mako`, or the built-in template where there is none.
        """
