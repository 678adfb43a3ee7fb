"""Which keywords the functions of `op` take: a mistyped one is found before anything is run."""

from __future__ import annotations

import difflib
import inspect
from typing import Any

from ormkit.migrations._op import BatchOperations, Operations
from ormkit.migrations._steps import AlterColumn, CreateForeignKey, CreateIndex

__all__: list[str] = []

_TIMING = {"deferrable", "initially"}

# What a function takes beside what its own signature says.
_MORE: dict[str, set[str]] = {
    "create_table": {"schema", "comment", "if_not_exists", "info", "keep_existing", "extend_existing"}
    | {f"sqlite_{name}" for name in ("autoincrement", "with_rowid", "strict")},
    "alter_column": {*inspect.signature(AlterColumn).parameters, "postgresql_using", "existing_autoincrement"}
    | {"autoincrement", "insert_before", "insert_after"},
    "add_column": {"if_not_exists"},
    "drop_column": {"if_exists"},
    "create_index": {*inspect.signature(CreateIndex).parameters}
    | {
        f"postgresql_{name}"
        for name in ("where", "using", "ops", "include", "concurrently", "with", "nulls_not_distinct")
    }
    | {f"sqlite_{name}" for name in ("where", "using", "ops", "include", "concurrently", "with", "nulls_not_distinct")},
    "drop_index": {"schema", "if_exists", "unique"},
    "create_foreign_key": {
        *inspect.signature(CreateForeignKey).parameters,
        "onupdate",
        "ondelete",
        "match",
        "use_alter",
    }
    | {*_TIMING, "postgresql_not_valid"},
    "create_unique_constraint": {*_TIMING, "schema", "postgresql_include", "postgresql_nulls_not_distinct"},
    "create_primary_key": {"schema"},
    "create_check_constraint": {*_TIMING, "schema", "table", "postgresql_not_valid"},
    "create_exclude_constraint": {*_TIMING, "schema", "using", "where", "ops"},
    "create_table_comment": {"schema", "existing_comment"},
    "drop_table_comment": {"schema", "existing_comment"},
}

# What other libraries take, and Alembic with them.
_OF_ALEMBIC = {
    "info",
    "quote",
    "comment",
    "prefixes",
    "listeners",
    "inline_references",
    "inline_primary_key",
    "key",
    "if_exists",
}

# What says of a batch how the table is made anew, which ours does from what is there. PostgreSQL makes none anew.
_OF_REBUILDS = {
    "batch_alter_table": {"copy_from", "partial_reordering", "table_kwargs"},
    "add_column": {"insert_before", "insert_after"},
    "alter_column": {"insert_before", "insert_after"},
}

_DIALECTS = ("mysql_", "mariadb_", "mssql_", "oracle_")


def unknown(function: Any, keyword: str, dialect: str | None) -> str | None:
    """None for a keyword that a function takes; "alembic" for one that only Alembic has; for any other a keyword that may be
    meant, or an empty text."""
    owner, _, name = getattr(function, "__qualname__", "").rpartition(".")
    if owner not in (Operations.__name__, BatchOperations.__name__) or keyword.startswith(_DIALECTS):
        return None
    is_of_batch = owner == BatchOperations.__name__ or name == "batch_alter_table"
    if is_of_batch and dialect != "postgresql" and keyword in _OF_REBUILDS.get(name, ()):
        return "alembic"
    parameters = inspect.signature(function).parameters.values()
    takes = {one.name for one in parameters if one.kind is not one.VAR_KEYWORD} | _MORE.get(name, set())
    of_another = (
        dialect is not None and keyword.startswith(("postgresql_", "sqlite_")) and not keyword.startswith(dialect)
    )
    if keyword in takes - {"self"} or (name in ("create_table", "create_index") and of_another):
        return None
    if keyword.startswith(("postgresql_", "sqlite_")):
        return None if name == "drop_index" else "alembic"
    if keyword in _OF_ALEMBIC:
        return "alembic"
    near = difflib.get_close_matches(keyword, sorted(takes), 1)
    return near[0] if near else ""
