"""Where revisions are and how they are written: `alembic.ini`, or `[tool.alembic]` of `pyproject.toml`."""

import os
from pathlib import Path
from typing import Any

class AlembicConfig:
    """What `alembic.ini` says. Folders that are not absolute count from the folder of that file."""

    path: Path
    section: str
    options: dict[str, Any]
    exclude_tables: list[str]
    def __init__(self, path: str | os.PathLike[str], options: dict[str, Any], section: str = "alembic") -> None: ...
    @classmethod
    def from_ini(cls, path: str | os.PathLike[str], section: str = "alembic") -> AlembicConfig:
        """Read an ini file, with `%(here)s` for its folder.

        Raises:
            MigrationError: It is not there, cannot be read, or has no such section.
        """

    @classmethod
    def from_pyproject(cls, path: str | os.PathLike[str]) -> AlembicConfig:
        """Read the table `[tool.alembic]`, on Python 3.11 and newer."""

    @classmethod
    def detect(cls, folder: str | os.PathLike[str] = ".") -> AlembicConfig | None:
        """The configuration in a folder; None where there is none."""

    @classmethod
    def auto_detect(cls, folder: str | os.PathLike[str] = ".") -> AlembicConfig | None:
        """The same as `detect`."""

    @property
    def script_location(self) -> Path:
        """The folder of `env.py`; `package:folder` is a folder of an installed package."""

    @property
    def versions_dir(self) -> Path:
        """Where new revisions are written: the first of `version_locations`."""

    @property
    def version_locations(self) -> list[Path]:
        """The folders of revisions; `versions` in `script_location` unless the file says others."""

    @property
    def recursive_version_locations(self) -> bool:
        """Revisions are also in folders of these folders."""

    @property
    def sqlalchemy_url(self) -> str | None:
        """The database, as the file says it."""

    def get_url(self, override: str | None = None) -> str | None:
        """`override`, or else `sqlalchemy_url`."""

    @property
    def version_table(self) -> str:
        """The table that says where a database is; `alembic_version` unless the file says another."""

    @property
    def version_table_schema(self) -> str | None:
        """Its schema; None for the default one."""

    @property
    def version_place(self) -> str:
        """The version table, with its schema where that is said."""

    @property
    def include_schemas(self) -> bool:
        """All schemas of PostgreSQL are compared, also those that no model names: an option of ormkit's own."""

    @property
    def version_table_pk(self) -> bool:
        """It has a primary key."""

    @property
    def file_template(self) -> str:
        """The name of a new file, without `.py`."""

    @property
    def truncate_slug_length(self) -> int:
        """The longest message in it, in characters."""

    @property
    def timezone(self) -> str | None:
        """The zone of the dates in new files; None for the machine's own."""

def named_file(path: str | None) -> str | None:
    """The file that a command line names by `-c`, or else `ALEMBIC_CONFIG` of the environment; None where neither does."""

def configured(path: str | None = None, section: str | None = None) -> AlembicConfig | None:
    """What a command line means: the file that is named, or else the one of the working directory; None where there is none.

    Raises:
        MigrationError: It is not there, cannot be read, or has no such section.
    """
