"""Which names of `alembic` and `sqlalchemy` a revision needs. Nothing here is for others."""
