"""For those who keep Alembic: models as SQLAlchemy's metadata. Needs `pip install ormkit[alembic]`."""

from ormkit._ormkit import sqlalchemy_tables

__all__ = ["metadata"]


def metadata(base, *, dialect="postgresql"):
    """The tables of the models under `base`, as SQLAlchemy's `MetaData`: `target_metadata` of an `env.py`.

    Args:
        base: A base of models, or a model.
        dialect: The database that they are for, `"postgresql"` or `"sqlite"`: types and expressions are in its words.

    Raises:
        ImportError: SQLAlchemy is not installed.
        NotSupportedError: The database lacks a type or an option of a model, or SQLAlchemy has no word for it.
    """
    try:
        import sqlalchemy
        from sqlalchemy.dialects import postgresql
    except ImportError as error:
        raise ImportError("ormkit.alembic needs SQLAlchemy: pip install ormkit[alembic]") from error
    made = sqlalchemy.MetaData()
    names = {"sa": sqlalchemy, "postgresql": postgresql, "metadata": made, "op": _Final, "add_index": _index}
    exec(sqlalchemy_tables(base, dialect), names)
    return made


class _Final:
    """Stands in for Alembic's `op`: names that no naming convention changes."""

    @staticmethod
    def f(name):
        from sqlalchemy.sql.elements import conv

        return conv(name)


def _index(name, parts, **options):
    import sqlalchemy

    return sqlalchemy.Index(_Final.f(name), *parts, **options)
