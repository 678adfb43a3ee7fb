"""The connection of a run as a driver for SQLAlchemy. Nothing here is for others."""
