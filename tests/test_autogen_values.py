"""What becomes of values and numbers when the type of a column changes, on the way there and back."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from alembic_run import alembic, make_folder

from ormkit import ConnectionPool, DateTime, DeclarativeBase, Identity, Mapped, create_engine, mapped_column
from ormkit.migrations import AlembicConfig, AutogenContext, MigrationRunner


async def migrate(engine: ConnectionPool, folder: Path, models: list[Any]) -> MigrationRunner:
    """Write the revision that leads to the models, and answer who runs it."""
    context = AutogenContext(engine, models)
    text = context.render_migration("changes", await context.diff(), revision="1")
    (folder / "alembic.ini").write_text("[alembic]\nscript_location = .\n")
    (make_folder(folder) / "1.py").write_text(text)
    return MigrationRunner(engine, AlembicConfig.detect(folder))


@pytest.mark.parametrize("tool", ["alembic", "ormkit"])
@pytest.mark.parametrize("aware", [True, False])
async def test_times_change_their_zone_in_utc_whatever_the_servers_is(postgres_url, tmp_path, tool, aware):
    class Base(DeclarativeBase):
        pass

    class Visit(Base):
        __tablename__ = "visits"
        id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
        at: Mapped[datetime] = mapped_column(DateTime(timezone=aware))

    async with create_engine(postgres_url) as engine:
        kind = "TIMESTAMP" if aware else "TIMESTAMPTZ"
        await engine.execute(f"CREATE TABLE visits (id INTEGER PRIMARY KEY, at {kind} NOT NULL)")
        await engine.execute("INSERT INTO visits VALUES (1, '2024-07-01 12:00:00+00')")
    url = postgres_url + ("&" if "?" in postgres_url else "?") + "options=-c%20timezone%3DAsia/Tokyo"
    noon = datetime(2024, 7, 1, 12, tzinfo=timezone.utc if aware else None)
    async with create_engine(url) as engine:
        runner = await migrate(engine, tmp_path, [Visit])
        if tool == "alembic":
            alembic(tmp_path, url, "upgrade", "head")
        else:
            await runner.upgrade()
        assert (await engine.execute("SELECT at FROM visits")).scalar() == noon
        await runner.downgrade()
        back = datetime(2024, 7, 1, 12, tzinfo=None if aware else timezone.utc)
        assert (await engine.execute("SELECT at FROM visits")).scalar() == back


async def test_numbers_go_on_behind_the_highest_where_a_column_is_numbered_again(postgres_url, tmp_path):
    class Base(DeclarativeBase):
        pass

    class Plain(Base):
        __tablename__ = "plains"
        id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
        name: Mapped[str]

    async with create_engine(postgres_url) as engine:
        await engine.execute("CREATE TABLE plains (id SERIAL PRIMARY KEY, name TEXT NOT NULL)")
        await engine.execute("INSERT INTO plains (name) VALUES ('a'), ('b')")
        runner = await migrate(engine, tmp_path, [Plain])
        await runner.upgrade()
        await engine.execute("INSERT INTO plains VALUES (7, 'c')")
        await runner.downgrade()
        assert (await engine.execute("INSERT INTO plains (name) VALUES ('d') RETURNING id")).scalar() == 8


async def test_a_serial_with_rows_becomes_an_identity_that_goes_on_behind_them(postgres_url, tmp_path):
    class Base(DeclarativeBase):
        pass

    class Counted(Base):
        __tablename__ = "counted"
        id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
        name: Mapped[str]

    async with create_engine(postgres_url) as engine:
        await engine.execute("CREATE TABLE counted (id SERIAL PRIMARY KEY, name TEXT NOT NULL)")
        await engine.execute("INSERT INTO counted (name) VALUES ('a'), ('b')")
        runner = await migrate(engine, tmp_path, [Counted])
        await runner.upgrade()
        assert (await engine.execute("INSERT INTO counted (name) VALUES ('c') RETURNING id")).scalar() == 3


async def test_a_type_that_sqlite_converts_nothing_to_is_said_to_lose_values(sqlite_url):
    class Base(DeclarativeBase):
        pass

    class Item(Base):
        __tablename__ = "items"
        id: Mapped[UUID] = mapped_column(primary_key=True)
        name: Mapped[str]

    async with create_engine(sqlite_url) as engine:
        await engine.execute("CREATE TABLE items (id INTEGER PRIMARY KEY NOT NULL, name INTEGER NOT NULL)")
        steps = await AutogenContext(engine, [Item]).diff()
    assert {step.column_name: step.loses_data for step in steps} == {"id": True, "name": False}
