"""What revisions do: operations, and `op`, which makes them."""

from __future__ import annotations

from ormkit.migrations._columns import ColumnDef
from ormkit.migrations._op import BatchOperations, Operations
from ormkit.migrations._steps import (
    AddColumn,
    AlterColumn,
    BulkInsert,
    CreateCheckConstraint,
    CreateExcludeConstraint,
    CreateForeignKey,
    CreateIndex,
    CreatePrimaryKey,
    CreateTable,
    CreateUniqueConstraint,
    DropColumn,
    DropConstraint,
    DropIndex,
    DropTable,
    Execute,
    MigrateOperation,
    RenameTable,
    TableComment,
)

Column = ColumnDef

__all__ = [
    "AddColumn",
    "AlterColumn",
    "BatchOperations",
    "BulkInsert",
    "Column",
    "ColumnDef",
    "CreateCheckConstraint",
    "CreateExcludeConstraint",
    "CreateForeignKey",
    "CreateIndex",
    "CreatePrimaryKey",
    "CreateTable",
    "CreateUniqueConstraint",
    "DropColumn",
    "DropConstraint",
    "DropIndex",
    "DropTable",
    "Execute",
    "MigrateOperation",
    "Operations",
    "RenameTable",
    "TableComment",
]
