"""For those who keep Alembic: models as SQLAlchemy's metadata. Needs `pip install ormkit[alembic]`."""

from typing import Any, Literal

from ormkit.base import DeclarativeBase

def metadata(base: type[DeclarativeBase], *, dialect: Literal["postgresql", "sqlite"] = "postgresql") -> Any:
    """The tables of the models under `base`, as SQLAlchemy's `MetaData`: `target_metadata` of an `env.py`.

    Args:
        base: A base of models, or a model.
        dialect: The database that they are for: types and expressions are in its words.

    Raises:
        ImportError: SQLAlchemy is not installed.
        NotSupportedError: The database lacks a type or an option of a model, or SQLAlchemy has no word for it.
    """
