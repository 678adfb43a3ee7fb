"""An async ORM for PostgreSQL and SQLite."""
