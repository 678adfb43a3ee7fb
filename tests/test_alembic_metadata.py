"""`ormkit.alembic.metadata`: Alembic finds no difference between it and the tables that `create_all` makes."""

from __future__ import annotations

import subprocess
import sys
import warnings

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from test_autogen import first, second

from ormkit import DeclarativeBase, Mapped, NotSupportedError, Tsvector, mapped_column
from ormkit.alembic import metadata

MODELS = {"first": first, "second": second}


def differences(url: str, name: str) -> list[object]:
    """What Alembic's own autogenerate finds, with every comparison that it has."""
    base = MODELS[name](not url.startswith("sqlite"))[0]
    target = metadata(base, dialect="sqlite" if url.startswith("sqlite") else "postgresql")
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True, "target_metadata": target}
        answer = compare_metadata(MigrationContext.configure(connection, opts=options), target)
    engine.dispose()
    return list(answer)


def found(url: str, name: str) -> str:
    """The differences, by a process of its own: two copies of SQLite in one process on one file lose data."""
    command = [sys.executable, __file__, url, name]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


@pytest.mark.parametrize("name", MODELS)
async def test_alembic_finds_no_difference(engine, url, name):
    await MODELS[name](engine.is_postgres())[0].metadata.create_all(engine)
    assert found(url, name) == "[]"


@pytest.mark.parametrize("name", MODELS)
async def test_alembic_sees_what_is_not_there(engine, url, name):
    assert found(url, name).count("'add_table'") == len(MODELS[name](engine.is_postgres()))


def test_what_the_database_lacks_is_refused():
    class Base(DeclarativeBase):
        pass

    class Page(Base):
        __tablename__ = "pages"
        id: Mapped[int] = mapped_column(primary_key=True)
        words: Mapped[str] = mapped_column(Tsvector)

    assert list(metadata(Base).tables) == ["pages"]
    with pytest.raises(NotSupportedError, match=r"Page\.words"):
        metadata(Base, dialect="sqlite")
    with pytest.raises(ValueError, match="mysql"):
        metadata(Base, dialect="mysql")


def test_without_sqlalchemy_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(ImportError, match=r"pip install ormkit\[alembic\]"):
        metadata(DeclarativeBase)


if __name__ == "__main__":
    warnings.simplefilter("error")
    # SQLite's expressions, which SQLAlchemy does not read.
    warnings.filterwarnings("ignore", message="Skipped unsupported reflection")
    warnings.filterwarnings("ignore", message="autogenerate skipping metadata-specified expression-based index")
    print(differences(*sys.argv[1:]))
