"""Views beside models: a comparison lets them be, and a revision keeps them, or says that one is in the way."""

from __future__ import annotations

from typing import Any

import pytest
from test_autogen import left, make_folder

from ormkit import BigInteger, DeclarativeBase, Integer, Mapped, MigrationError, mapped_column
from ormkit.migrations import AlembicConfig, AutogenContext, MigrationRunner


def notes(kind: Any, *, with_body: bool = True) -> list[type[DeclarativeBase]]:
    class Base(DeclarativeBase):
        pass

    class Note(Base):
        __tablename__ = "notes"
        id: Mapped[int] = mapped_column(primary_key=True)
        size: Mapped[int | None] = mapped_column(kind)
        if with_body:
            body: Mapped[str | None]

    return [Note]


@pytest.fixture
async def viewed(engine, tmp_path):
    """A table with a row, and a view of it."""
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = .\n")
    await notes(Integer)[0].metadata.create_all(engine)
    await engine.execute("INSERT INTO notes (size, body) VALUES (3, 'x')")
    await engine.execute("CREATE VIEW sizes AS SELECT id, size FROM notes")
    return engine


async def migrated(engine, folder, models) -> None:
    context = AutogenContext(engine, models)
    text = context.render_migration("step", await context.diff(), revision="1")
    (make_folder(folder) / "1.py").write_text(text)
    await MigrationRunner(engine, AlembicConfig.detect(folder)).upgrade()


async def test_views_are_no_difference(viewed):
    assert await left(viewed, notes(Integer)) == []


async def test_a_view_stays_where_another_column_goes(viewed, tmp_path):
    await migrated(viewed, tmp_path, notes(Integer, with_body=False))
    assert await left(viewed, notes(Integer, with_body=False)) == []
    assert (await viewed.execute("SELECT size FROM sizes")).scalar() == 3


async def test_a_view_of_a_column_that_changes_its_type_is_kept_or_the_change_refused(viewed, tmp_path):
    if viewed.is_postgres():
        with pytest.raises(MigrationError, match="view sizes depends on column"):
            await migrated(viewed, tmp_path, notes(BigInteger))
        assert [step.column_name for step in await left(viewed, notes(BigInteger))] == ["size"]
    else:
        await migrated(viewed, tmp_path, notes(BigInteger))
    assert (await viewed.execute("SELECT size FROM sizes")).scalar() == 3


async def test_a_table_with_a_view_stays_on_postgresql(viewed, tmp_path):
    if viewed.is_postgres():
        with pytest.raises(MigrationError, match="view sizes depends on table notes"):
            await migrated(viewed, tmp_path, [])
        assert (await viewed.execute("SELECT size FROM sizes")).scalar() == 3
