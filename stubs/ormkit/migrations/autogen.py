"""What leads from a database to models, and the revision file that does it."""

from ormkit._ormkit import AutogenContext, SchemaStep, generate_migration

__all__ = ["AutogenContext", "SchemaStep", "generate_migration"]
