"""Models beside what the revision files build up, without a database: the same is found as beside a database that has run them."""

from __future__ import annotations

import os
import textwrap
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import revisions
from schema_worlds import Maker, models
from test_migration_schemas import Project as SchemaProject
from test_schema_pairs import Project
from twins import Twins, models as twin_models

from ormkit import (
    JSON,
    CheckConstraint,
    DateTime,
    DeclarativeBase,
    Index,
    InvalidRequestError,
    Mapped,
    MigrationError,
    String,
    mapped_column,
    text,
)
from ormkit.migrations import AlembicConfig, AutogenContext, MigrationRunner, RecordedSchema, recorded_schema

SEEDS = range(int(os.environ.get("ORMKIT_SCHEMA_SEEDS", "12")))


def told(steps: list[Any]) -> list[tuple[Any, ...]]:
    facts = [(one.operation_type, one.table_name or "", one.column_name or "", one.loses_data) for one in steps]
    return sorted(facts)


def config(folder: Path) -> AlembicConfig:
    found = AlembicConfig.detect(folder)
    assert found is not None
    return found


async def offline(folder: Path, dialect: str, classes: Any, **options: Any) -> list[Any]:
    async with recorded_schema(config(folder), dialect) as recorded:
        return await AutogenContext(recorded, classes, **options).diff()


async def write_offline(project: Project, classes: Any) -> str:
    """Writes the revision that leads to the models, as the files alone tell it."""
    before = str(project.number) if project.number else None
    project.number += 1
    async with recorded_schema(config(project.folder), project.engine.dialect) as recorded:
        context = AutogenContext(recorded, classes)
        text = context.render_migration("step", await context.diff(), before, revision=str(project.number))
    (project.versions / f"{project.number}.py").write_text(text)
    return text


@pytest.mark.parametrize("seed", SEEDS)
async def test_the_files_tell_what_the_database_would(engine, url, tmp_path, seed):
    project = Project(engine, url, tmp_path)
    maker = Maker(seed, engine.is_postgres())
    world = maker.world()
    for chapter in range(4):
        classes = models(world)
        live = await project.left(classes)
        assert told(await offline(tmp_path, engine.dialect, classes)) == told(live), project.text
        if chapter % 2:
            text = await write_offline(project, classes)
            await project.run("upgrade", "head")
            assert await project.left(classes) == [], text
        else:
            await project.move(classes)
        assert await offline(tmp_path, engine.dialect, classes) == [], project.text
        world = maker.changed(world)


@pytest.mark.parametrize("seed", SEEDS)
async def test_types_schemas_and_expressions_are_told_from_files(engine, url, tmp_path, seed):
    twins = Twins(seed, engine.is_postgres())
    project = SchemaProject(engine, url, tmp_path, "ormkit")
    world = twins.world()
    options = {"include_schemas": True}
    for _ in range(3):
        classes = twin_models(world)
        live = await AutogenContext(engine, classes, **options).diff()
        assert told(await offline(tmp_path, engine.dialect, classes, **options)) == told(live)
        text = await project.move(classes, **options)
        assert await offline(tmp_path, engine.dialect, classes, **options) == [], text
        world = twins.changed(world)


def tables(steps: list[Any]) -> Any:
    found = {one.table_name: one.columns for one in steps if one.operation_type == "drop_table"}
    return found, sorted(one.to_sql("postgresql") for one in steps if one.operation_type == "drop_index")


async def test_revisions_of_other_projects_come_to_the_same_tables(engine, tmp_path):
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = .\n")
    folder = revisions.write(tmp_path / "versions")
    await MigrationRunner(engine, config(tmp_path)).upgrade("heads")
    live = await AutogenContext(engine, [], include_schemas=True).diff()
    # It reads rows, and writes others by them.
    (folder / "a07_data.py").write_text(revisions.source("a07_data", "a06_enums", "pass"))
    assert tables(await offline(tmp_path, engine.dialect, [], include_schemas=True)) == tables(live)


def write(folder: Path, name: str, up: str, before: Any = None, head: str = "") -> Path:
    (folder / "versions").mkdir(exist_ok=True)
    (folder / "alembic.ini").write_text("[alembic]\nscript_location = .\n")
    path = folder / "versions" / f"{name}.py"
    path.write_text(revisions.source(name, before, up, above=head))
    return path


IN_USE = text("name IN ('a', 'b')")


class Base(DeclarativeBase):
    pass


class Team(Base):
    __tablename__ = "teams"
    __table_args__ = (Index("ix_name", text("lower(name)"), postgresql_where=IN_USE, sqlite_where=IN_USE),)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(20), server_default="it's")


TEAMS = """
    op.create_table("teams", sa.Column("id", sa.Integer, primary_key=True),
                    sa.Column("name", sa.String(20), server_default="it's", nullable=False))
    where = sa.text("name IN ('a', 'b')")
    op.create_index("ix_name", "teams", [sa.text("lower(name)")], postgresql_where=where, sqlite_where=where)
"""


@pytest.mark.parametrize("dialect", ["postgresql", "sqlite"])
async def test_branches_merges_and_dependencies_come_together(tmp_path, dialect):
    write(tmp_path, "base", TEAMS)
    write(tmp_path, "left", "op.add_column('teams', sa.Column('a', sa.Integer))", "base")
    write(tmp_path, "right", "op.drop_column('teams', 'a')", "base")
    path = tmp_path / "versions" / "right.py"
    path.write_text(path.read_text().replace("depends_on = None", "depends_on = 'left'"))
    assert await offline(tmp_path, dialect, [Team]) == []
    write(tmp_path, "merged", "op.add_column('teams', sa.Column('b', sa.Integer))", ("left", "right"))
    write(tmp_path, "other", "op.create_table('others', sa.Column('id', sa.Integer))")
    steps = await offline(tmp_path, dialect, [Team])
    assert [one[:3] for one in told(steps)] == [("drop_column", "teams", "b"), ("drop_table", "others", "")]


@pytest.mark.parametrize("dialect", ["postgresql", "sqlite"])
async def test_statements_of_the_revisions_own_are_followed(tmp_path, dialect):
    up = """
    op.execute("CREATE TABLE teams (id INTEGER NOT NULL PRIMARY KEY, title VARCHAR(20) DEFAULT 'it''s' NOT NULL)")
    op.execute(sa.text("INSERT INTO teams (id, title) VALUES (1, :name)").bindparams(name="x"))
    op.bulk_insert(sa.table("teams", sa.column("id"), sa.column("title")), [{"id": 2, "title": "y"}])
    bind = op.get_bind()
    bind.execute(sa.text("ALTER TABLE teams RENAME COLUMN title TO name"))
    bind.execute(sa.text("UPDATE teams SET name = :name"), {"name": "z"})
    op.execute("CREATE INDEX ix_name ON teams (lower(name)) WHERE name IN ('a', 'b')")
    if bind.dialect.name == "postgresql":
        op.execute("CREATE SEQUENCE teams_id_seq")
        op.execute("ALTER TABLE teams ALTER COLUMN id SET DEFAULT nextval('teams_id_seq')")
        op.execute("ALTER SEQUENCE teams_id_seq OWNED BY public.teams.id")
    """
    write(tmp_path, "base", up)
    assert await offline(tmp_path, dialect, [Team]) == []


@pytest.mark.parametrize(
    ("up", "said"),
    [
        (
            "op.execute('DO $$ BEGIN NULL; END $$')",
            "`DO $$ BEGIN NULL; END $$`: what DO does to tables is not to be seen",
        ),
        ("op.get_bind().execute(sa.text('SELECT 1')).scalar()", "reads the database by op.get_bind()"),
        ("for row in op.get_bind().execute(sa.text('SELECT 1')): pass", "reads the database by op.get_bind()"),
        ("op.get_bind().scalar(sa.text('SELECT 1'))", "reads the database by op.get_bind()"),
        ("op.drop_table('nowhere')", "`DROP TABLE nowhere`: there is no table `nowhere`"),
        ("op.drop_constraint('c', 'teams')", "`teams` has no constraint `c`"),
        ("op.execute('SET search_path TO app')", "`search_path`"),
    ],
)
async def test_what_cannot_be_followed_names_its_line(tmp_path, up, said):
    path = write(tmp_path, "base", f"{textwrap.dedent(TEAMS)}\n{up}")
    line = next(number for number, line in enumerate(path.read_text().splitlines(), 1) if up in line)
    with pytest.raises(MigrationError) as raised:
        await offline(tmp_path, "postgresql", [Team])
    assert f"{path}, line {line}: " in str(raised.value) and said in str(raised.value)
    assert "compare with a database instead, without --offline" in str(raised.value)
    assert raised.value.revisions == ("base",)


async def test_models_are_compared_with_a_script():
    schema = RecordedSchema()
    schema.run(
        "CREATE TABLE teams (id SERIAL PRIMARY KEY, name TEXT); CREATE VIEW v AS SELECT 1; GRANT ALL ON teams TO x"
    )
    assert schema.tables == ["teams"]
    context = AutogenContext(schema, [Team])
    assert [one[:3] for one in told(await context.diff())] == [
        ("alter_column", "teams", "name"),
        ("alter_column", "teams", "name"),
        ("alter_column", "teams", "name"),
        ("create_index", "teams", ""),
    ]
    with pytest.raises(InvalidRequestError, match="there is no table `nowhere`"):
        schema.run("ALTER TABLE nowhere ADD a INT")


CONSTANTS = """
CREATE TABLE waits (
    id INTEGER GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    long INTERVAL DEFAULT '01:30:00'::interval, at TIMESTAMP DEFAULT '2020-01-05 00:00:00'::timestamp without time zone,
    day DATE DEFAULT '2020-01-05'::date, far DOUBLE PRECISION DEFAULT '10000000000'::numeric,
    doc JSONB DEFAULT '{"a": [1, 2], "bb": 1}'::jsonb, ok BOOLEAN DEFAULT true, note TEXT DEFAULT 'a\tb'::text,
    CONSTRAINT ck CHECK (((at > '2020-01-01 00:00:00'::timestamp without time zone) AND (doc @> '{"a": 1}'::jsonb)))
)
"""


async def test_constants_that_the_server_writes_anew_are_no_difference(postgres):
    class Base(DeclarativeBase):
        pass

    class Wait(Base):
        __tablename__ = "waits"
        __table_args__ = (CheckConstraint("at > '2020-1-1' AND doc @> '{\"a\":1}'", name="ck"),)
        id: Mapped[int] = mapped_column(primary_key=True)
        long: Mapped[timedelta | None] = mapped_column(server_default=text("interval '90 minutes'"))
        at: Mapped[datetime | None] = mapped_column(DateTime(timezone=False), server_default="2020-01-05")
        day: Mapped[date | None] = mapped_column(server_default=text("date '2020-1-5'"))
        far: Mapped[float | None] = mapped_column(server_default=text("1e10"))
        doc: Mapped[Any | None] = mapped_column(JSON, server_default=text("""'{"bb":1,"a":[1,2]}'"""))
        ok: Mapped[bool | None] = mapped_column(server_default=text("'yes'"))
        note: Mapped[str | None] = mapped_column(server_default=text(r"E'a\tb'"))

    schema = RecordedSchema()
    schema.run(CONSTANTS)
    assert told(await AutogenContext(schema, [Wait]).diff()) == []
    # The server says so, too.
    await postgres.execute_script(CONSTANTS)
    assert await AutogenContext(postgres, [Wait]).diff() == []
