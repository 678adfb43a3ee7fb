"""Migrations: revision files, as Alembic has them."""

from ormkit.migrations.autogen import AutogenContext, SchemaStep, generate_migration

__all__ = ["AutogenContext", "SchemaStep", "generate_migration"]
