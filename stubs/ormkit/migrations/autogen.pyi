"""What leads from a database to models, and the revision file that does it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, final

from ormkit.base import DeclarativeBase, Table
from ormkit.engine import ConnectionPool

@final
class SchemaStep:
    """A step from the database to the models."""

    @property
    def operation_type(self) -> str:
        """The name of Alembic's function for it: `"create_table"`, `"alter_column"`; `"execute"` where there is none."""

    @property
    def table_name(self) -> str | None:
        """The table's name, with its schema where that is not the default one; None for an enum."""

    @property
    def column_name(self) -> str | None:
        """The column's name, of a step that is about a column."""

    @property
    def detail(self) -> str | None:
        """The constraint, index or type that it is about, or what becomes of the column; None where the kind, the table and the
        column say all."""

    @property
    def column_type(self) -> str | None:
        """The type of a column that is added or dropped, in the database's words; None of every other step."""

    @property
    def columns(self) -> dict[str, str]:
        """The types of the columns of a table that is made or dropped, by name; empty of every other step."""

    @property
    def loses_data(self) -> bool:
        """Rows, values, or parts of values are lost."""

    def to_sql(self, dialect: Literal["postgresql", "sqlite"] = "postgresql") -> str:
        """The statement, without a semicolon; what needs a rebuild on SQLite is a `NotSupportedError`."""

@final
class RecordedSchema:
    """The schema that statements of PostgreSQL make, one after the other: no server is asked.

    Args:
        default_schema: The schema that names leave out.
    """

    def __init__(self, *, default_schema: str = "public") -> None: ...
    @property
    def dialect(self) -> Literal["postgresql"]: ...
    @property
    def tables(self) -> list[str]:
        """The names of the tables, with their schema where that is not the default one."""

    @property
    def enums(self) -> list[str]:
        """The names of the enum types, with their schema where that is not the default one."""

    def run(self, script: str) -> None:
        """Do the statements of a script. Those that are about rows, rights, views and functions change nothing.

        Raises:
            InvalidRequestError: A statement that may change tables and cannot be followed, or that is about what is not there.
        """

@final
class AutogenContext:
    """Compares models with a database, or with a schema that was put on record, and writes the revision that makes them the same."""

    def __init__(
        self,
        pool: ConnectionPool | RecordedSchema,
        models: Iterable[type[DeclarativeBase] | Table],
        *,
        exclude: Sequence[str] = (),
        version_table: str = "alembic_version",
        include_schemas: bool = False,
        rename_tables: Mapping[str, str] | None = None,
        rename_columns: Mapping[str, str] | None = None,
    ) -> None: ...
    async def diff(self) -> list[SchemaStep]:
        """The steps from the database to the models; empty where both are the same. Nothing is changed."""

    def render_migration(
        self,
        message: str,
        operations: Sequence[SchemaStep],
        down_revision: str | Sequence[str] | None = None,
        *,
        revision: str | None = None,
    ) -> str:
        """The text of a revision file that does `operations`, and undoes them: a plain file of Alembic.

        Args:
            message: What it does, in words.
            operations: Steps of one `diff()`, of this context or another.
            down_revision: The revision before it; several of them are merged.
            revision: Its id; None: a new one.

        Raises:
            InvalidRequestError: The steps are of several diffs, or of another kind of database.
            NotSupportedError: Alembic cannot do a step on SQLite.
        """

async def generate_migration(
    pool: ConnectionPool | RecordedSchema,
    models: Iterable[type[DeclarativeBase] | Table],
    message: str,
    down_revision: str | Sequence[str] | None = None,
) -> str:
    """The text of the revision file that leads from a database to models."""
