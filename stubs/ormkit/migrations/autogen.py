"""What leads from a database to models, and the revision file that does it."""

from ormkit._ormkit import AutogenContext, RecordedSchema, SchemaStep, generate_migration

__all__ = ["AutogenContext", "RecordedSchema", "SchemaStep", "generate_migration"]
