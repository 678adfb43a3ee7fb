"""Migrations: revision files, as Alembic has them."""

from ormkit.migrations._recorded import recorded_schema as recorded_schema
from ormkit.migrations.autogen import (
    AutogenContext as AutogenContext,
    RecordedSchema as RecordedSchema,
    SchemaStep as SchemaStep,
    generate_migration as generate_migration,
)
from ormkit.migrations.config import AlembicConfig as AlembicConfig
from ormkit.migrations.operations import (
    AddColumn as AddColumn,
    AlterColumn as AlterColumn,
    BatchOperations as BatchOperations,
    BulkInsert as BulkInsert,
    Column as Column,
    ColumnDef as ColumnDef,
    CreateCheckConstraint as CreateCheckConstraint,
    CreateExcludeConstraint as CreateExcludeConstraint,
    CreateForeignKey as CreateForeignKey,
    CreateIndex as CreateIndex,
    CreatePrimaryKey as CreatePrimaryKey,
    CreateTable as CreateTable,
    CreateUniqueConstraint as CreateUniqueConstraint,
    DropColumn as DropColumn,
    DropConstraint as DropConstraint,
    DropIndex as DropIndex,
    DropTable as DropTable,
    Execute as Execute,
    MigrateOperation as MigrateOperation,
    Operations as Operations,
    RenameTable as RenameTable,
    TableComment as TableComment,
)
from ormkit.migrations.runner import MigrationRunner as MigrationRunner
from ormkit.migrations.script import MigrationScript as MigrationScript, ScriptFolder as ScriptFolder
