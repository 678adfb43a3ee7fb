"""Migrations: revision files, as Alembic has them."""

from ormkit.migrations.autogen import (
    AutogenContext as AutogenContext,
    SchemaStep as SchemaStep,
    generate_migration as generate_migration,
)
