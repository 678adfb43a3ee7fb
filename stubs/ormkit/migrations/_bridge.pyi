"""A revision that needs Alembic and SQLAlchemy, run by them. Nothing here is for others."""
