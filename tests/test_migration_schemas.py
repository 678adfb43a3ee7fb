"""Models in several schemas of PostgreSQL: what is generated makes them, and a second comparison finds nothing."""

from __future__ import annotations

import asyncio
import enum
from pathlib import Path
from typing import Any

import pytest
from alembic_run import alembic, make_folder
from test_autogen import dump, left, ordered

from ormkit import (
    ARRAY,
    CheckConstraint,
    Computed,
    DeclarativeBase,
    Enum,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    InvalidRequestError,
    Mapped,
    MigrationError,
    NotSupportedError,
    UniqueConstraint,
    create_engine,
    create_session,
    mapped_column,
    select,
    text,
)
from ormkit.cli import main
from ormkit.migrations import AlembicConfig, AutogenContext, MigrationRunner

MODELS = """
from ormkit import DeclarativeBase, ForeignKey, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)

class AppUser(Base):
    __tablename__ = "users"
    __table_args__ = {"schema": "app"}
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
"""


def models(stage: int, home: str | None = None) -> list[type[DeclarativeBase]]:
    """Those of a stage; `home` is what they call the default schema."""
    users = "users" if home is None else f"{home}.users"

    class Base(DeclarativeBase):
        pass

    class Mood(enum.Enum):
        SAD = "sad"
        OK = "it's:ok"
        if stage == 2:
            FINE = "fine"

    class Level(enum.Enum):
        LOW = "low"
        HIGH = "high"

    kind, grade = Enum(Mood, name="Mood of", schema="app"), Enum(Level, schema=home)

    class User(Base):
        __tablename__ = "users"
        __table_args__ = {"schema": home}
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column(index=True, unique=True)
        best_id: Mapped[int | None] = mapped_column(ForeignKey("app.users.id", ondelete="SET NULL"))
        mood: Mapped[Mood] = mapped_column(kind, server_default="sad")

    class AppUser(Base):
        __tablename__ = "users"
        __table_args__ = (
            CheckConstraint("""mood <> 'sad'::app."Mood of" OR age > 1""", name="ck_mood"),
            Index("ix_users_age", "age", postgresql_where=text("""mood = 'it''s:ok'::app."Mood of\"""")),
            Index("ix_moods", "moods", postgresql_using="gin"),
            UniqueConstraint("age", "name", name="uq_age"),
            {"schema": "app", "comment": "users of the app"},
        )
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column(index=True, unique=True, comment="its name")
        age: Mapped[int] = mapped_column(server_default="3")
        user_id: Mapped[int | None] = mapped_column(ForeignKey(f"{users}.id"))
        mood: Mapped[Mood | None] = mapped_column(kind)
        moods: Mapped[list[Mood]] = mapped_column(ARRAY(kind), server_default=text("""ARRAY['sad'::app."Mood of"]"""))
        level: Mapped[Level] = mapped_column(grade, server_default="low")
        double: Mapped[int | None] = mapped_column(Computed("age * 2"))

    class Log(Base):
        __tablename__ = "logs" if stage == 1 else "entries"
        __table_args__ = {"schema": "Audit Log", **({} if stage == 1 else {"renamed_from": "logs"})}
        app_id: Mapped[int] = mapped_column(ForeignKey("app.users.id", ondelete="CASCADE"), primary_key=True)
        number: Mapped[int] = mapped_column(primary_key=True)
        level: Mapped[Level] = mapped_column(grade)
        if stage == 1:
            text: Mapped[str]
        else:
            words: Mapped[str] = mapped_column(renamed_from="text", index=True)
            extra: Mapped[int | None] = mapped_column(comment="more")

    class Line(Base):
        __tablename__ = "lines"
        __table_args__ = (
            ForeignKeyConstraint(
                ["app_id", "number"],
                [f"Audit Log.{Log.__tablename__}.app_id", f"Audit Log.{Log.__tablename__}.number"],
                onupdate="CASCADE",
            ),
            {"schema": "app"},
        )
        id: Mapped[int] = mapped_column(primary_key=True)
        app_id: Mapped[int]
        number: Mapped[int]

    if stage == 2:

        class Late(Base):
            __tablename__ = "lates"
            __table_args__ = {"schema": "third"}
            id: Mapped[int] = mapped_column(primary_key=True)
            user_id: Mapped[int] = mapped_column(ForeignKey("app.users.id"))

        return [User, AppUser, Log, Line, Late]
    return [User, AppUser, Log, Line]


class Project:
    """A folder of revisions that either tool runs."""

    def __init__(self, engine, url: str, folder: Path, tool: str) -> None:
        (folder / "alembic.ini").write_text("[alembic]\nscript_location = .\n")
        self.engine, self.url, self.folder, self.tool = engine, url, folder, tool
        self.versions, self.number = make_folder(folder), 0

    async def run(self, command: str, target: str) -> None:
        if self.tool == "alembic":
            alembic(self.folder, self.url, command, target)
            return
        runner = MigrationRunner(self.engine, AlembicConfig.detect(self.folder))
        await (runner.upgrade(target) if command == "upgrade" else runner.downgrade(target))

    async def move(self, classes: list[type[DeclarativeBase]], **options: Any) -> str:
        context = AutogenContext(self.engine, classes, **options)
        before = str(self.number) if self.number else None
        self.number += 1
        text = context.render_migration("step", await context.diff(), before, revision=str(self.number))
        (self.versions / f"{self.number}.py").write_text(text)
        await self.run("upgrade", "head")
        assert await AutogenContext(self.engine, classes, **options).diff() == [], text
        return text


@pytest.mark.parametrize("tool", ["alembic", "ormkit"])
async def test_schemas_come_and_go(postgres, postgres_url, tmp_path, tool):
    empty = dump(postgres_url)
    project = Project(postgres, postgres_url, tmp_path, tool)
    text = await project.move(models(1))
    for made in ("app", '"Audit Log"'):
        assert text.count(f"op.execute('CREATE SCHEMA IF NOT EXISTS {made}')") == 1
        assert text.count(f"op.execute('DROP SCHEMA {made}')") == 1
    there = dump(postgres_url)
    text = await project.move(models(2))
    assert "op.rename_table('logs', 'entries', schema='Audit Log')" in text
    assert "op.alter_column('entries', 'text', new_column_name='words', schema='Audit Log')" in text
    assert "CREATE SCHEMA IF NOT EXISTS third" in text
    await project.run("downgrade", "1")
    assert ordered(dump(postgres_url)) == sorted([*ordered(there), "'fine'"])
    await project.run("upgrade", "head")
    assert await left(postgres, models(2)) == []
    await project.run("downgrade", "base")
    assert ordered(dump(postgres_url)) == ordered(empty)


async def test_what_is_inspected_in_several_schemas_leaves_nothing_to_do(postgres, postgres_url, tmp_path, capsys):
    project = Project(postgres, postgres_url, tmp_path, "ormkit")
    await project.move(models(1))
    assert await asyncio.to_thread(main, ["inspect", "--url", postgres_url, "--schemas"]) == 0
    text = capsys.readouterr().out
    assert 'schema="Audit Log"' in text or '"schema": "Audit Log"' in text
    assert 'name="Mood of", schema="app"' in text
    scope: dict[str, Any] = {"__name__": "inspected"}
    exec(compile(text, "inspected", "exec"), scope)
    classes = [one for one in scope.values() if isinstance(one, type) and issubclass(one, scope["Base"])][1:]
    assert len(classes) == 4
    assert await left(postgres, classes) == []
    some = ["inspect", "--url", postgres_url, "--schema", "app"]
    assert await asyncio.to_thread(main, some) == 0
    text = capsys.readouterr().out
    assert '{"schema": "app"}' in text and '"schema": "Audit Log"' not in text
    assert await asyncio.to_thread(main, [*some, "--schemas"]) == 2


async def test_the_default_schema_may_be_said(postgres, postgres_url, tmp_path):
    class Base(DeclarativeBase):
        pass

    class Mood(enum.Enum):
        SAD = "sad"

    class User(Base):
        __tablename__ = "users"
        __table_args__ = (CheckConstraint("mood = 'sad'::public.mood"), {"schema": "public"})
        id: Mapped[int] = mapped_column(primary_key=True)
        mood: Mapped[Mood] = mapped_column(Enum(Mood, schema="public"), server_default="sad")

    class Note(Base):
        __tablename__ = "notes"
        id: Mapped[int] = mapped_column(primary_key=True)
        user_id: Mapped[int] = mapped_column(ForeignKey("public.users.id"))

    text = await Project(postgres, postgres_url, tmp_path, "alembic").move([User, Note])
    assert "schema='public'" in text and "CREATE SCHEMA" not in text
    assert "op.drop_table('users', schema='public')" in text

    class Person(Base):
        __tablename__ = "people"
        __table_args__ = {"schema": "public", "renamed_from": "users"}
        id: Mapped[int] = mapped_column(primary_key=True)
        mood: Mapped[Mood] = mapped_column(Enum(Mood, schema="public"), server_default="sad")

    steps = await left(postgres, [Person, Note])
    assert (steps[0].operation_type, steps[0].table_name) == ("rename_table", "public.users")

    class Same(Base):
        __tablename__ = "users"
        id: Mapped[int] = mapped_column(primary_key=True)

    with pytest.raises(InvalidRequestError, match=r"`users` and `public\.users` are one table"):
        await left(postgres, [User, Same])


@pytest.mark.parametrize("path", ["app,public", "public,app", "third"])
async def test_a_search_path_changes_nothing_for_models_that_say_their_schemas(postgres, postgres_url, tmp_path, path):
    project = Project(postgres, postgres_url, tmp_path, "ormkit")
    await project.move(models(1))
    await postgres.execute("CREATE SCHEMA third")
    assert await left(postgres, models(1, "public")) == []
    async with create_engine(f"{postgres_url}?options=-csearch_path%3D{path}") as engine:
        assert await left(engine, models(1, "public")) == []
        steps = await left(engine, models(2, "public"))
        assert {step.operation_type for step in steps if step.loses_data} == set()
        assert {step.table_name for step in steps} == {None, "Audit Log.logs", "Audit Log.entries", "third.lates"}


async def test_all_schemas_are_compared_on_demand(postgres, postgres_url, tmp_path, monkeypatch, capsys):
    (tmp_path / "several.py").write_text(MODELS)
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = .\nmodels = several\n")
    (tmp_path / "versions").mkdir()
    await postgres.execute("CREATE SCHEMA other")
    await postgres.execute("CREATE TABLE other.things (id INTEGER)")
    monkeypatch.chdir(tmp_path)

    async def run(*arguments: str) -> int:
        return await asyncio.to_thread(main, ["migrate", *arguments, "--url", postgres_url])

    assert await run("auto", "several", "--schemas") == 1
    assert "drop_table other.things (its values are lost)" in capsys.readouterr().err
    assert await run("auto", "several") == 0
    assert await run("up") == 0
    assert await run("check") == 0
    assert await run("check", "--schemas") == 3
    assert "drop_table other.things" in capsys.readouterr().out
    ini = (tmp_path / "alembic.ini").read_text()
    (tmp_path / "alembic.ini").write_text(f"{ini}include_schemas = true\n")
    assert await run("check") == 3
    (tmp_path / "alembic.ini").write_text(f"{ini}include_schemas = true\n[alembic:exclude]\ntables = other.things\n")
    assert await run("check") == 0
    assert await run("create", "more", "--schemas") == 2


@pytest.mark.parametrize("schema", ["app", "public", "ver"])
async def test_the_version_table_may_stand_in_a_schema(postgres, postgres_url, tmp_path, monkeypatch, capsys, schema):
    (tmp_path / "several_too.py").write_text(MODELS)
    ini = f"[alembic]\nscript_location = .\nmodels = several_too\nversion_table_schema = {schema}\n"
    (tmp_path / "alembic.ini").write_text(ini)
    (tmp_path / "versions").mkdir()
    monkeypatch.chdir(tmp_path)

    async def run(*arguments: str) -> int:
        return await asyncio.to_thread(main, ["migrate", *arguments, "--url", postgres_url])

    assert await run("auto", "several") == 0
    text = next((tmp_path / "versions").glob("*.py")).read_text()
    assert ("CREATE SCHEMA" in text) == (schema != "app")
    assert await run("up") == 0
    found = await postgres.execute(f"SELECT count(*) FROM {schema}.alembic_version")
    assert found.scalar() == 1
    assert await run("check") == 0
    capsys.readouterr()
    assert await run("up", "--sql") == 0
    script = capsys.readouterr().out
    assert script.startswith(
        f"BEGIN;\n\nCREATE SCHEMA IF NOT EXISTS {schema};\n\nCREATE TABLE {schema}.alembic_version"
    )
    assert await run("down", "base") == 0
    assert (await postgres.execute("SELECT to_regclass('app.users')")).scalar() is None
    assert await run("up") == 0


async def test_a_role_that_makes_no_schemas_migrates_in_those_that_are_there(postgres, postgres_url, tmp_path):
    await postgres.execute("CREATE SCHEMA app")
    name = postgres_url.rpartition("/")[2]
    await postgres.execute(f"REVOKE CREATE ON DATABASE {name} FROM PUBLIC")
    await postgres.execute("GRANT ALL ON SCHEMA app TO trusty")
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = .\nversion_table_schema = app\n")
    make_folder(tmp_path)

    class Base(DeclarativeBase):
        pass

    class User(Base):
        __tablename__ = "users"
        __table_args__ = {"schema": "app"}
        id: Mapped[int] = mapped_column(primary_key=True)

    address = postgres_url.partition("@")[2]
    async with create_engine(f"postgresql://trusty@{address}") as engine:
        context = AutogenContext(engine, [User], version_table="app.alembic_version")
        text = context.render_migration("x", await context.diff(), revision="1")
        (tmp_path / "versions" / "1.py").write_text(text)
        assert await MigrationRunner(engine, AlembicConfig.detect(tmp_path)).upgrade() == ["1"]
        assert await context.diff() == []


async def test_a_schema_that_holds_more_is_not_dropped(postgres, postgres_url, tmp_path):
    project = Project(postgres, postgres_url, tmp_path, "ormkit")
    await project.move(models(1))
    await postgres.execute("CREATE TABLE app.theirs (id INTEGER)")
    with pytest.raises(MigrationError, match="cannot drop schema app because other objects depend on it"):
        await project.run("downgrade", "base")
    assert await postgres.get_tables(schema="app") == ["lines", "theirs", "users"]


async def test_rows_of_an_enum_in_a_schema(postgres, postgres_url):
    classes = models(1)
    user, app_user = classes[:2]
    for schema in ("app", '"Audit Log"'):
        await postgres.execute(f"CREATE SCHEMA {schema}")
    await user.metadata.create_all(postgres)
    await user.metadata.create_all(postgres)
    assert await left(postgres, classes) == []
    async with create_session(postgres) as session:
        one = user(name="a")
        session.add(one)
        await session.flush()
        await session.refresh(one)
        mood = type(one.mood)
        session.add(app_user(name="b", mood=mood.OK, moods=[mood.OK, mood.SAD], user_id=one.id, age=5))
        await session.commit()
    async with create_session(postgres) as session:
        query = select(app_user).where(app_user.mood == mood.OK, app_user.moods.contains([mood.SAD]))
        found = (await session.execute(query)).scalars().one()
        assert found.moods == [mood.OK, mood.SAD]
        found.mood = mood.SAD
        await session.commit()
        again = await session.execute(select(app_user.mood).where(app_user.mood.in_([mood.SAD])))
        assert again.scalars().all() == [mood.SAD]
    await user.metadata.drop_all(postgres)
    kinds = await postgres.execute("SELECT count(*) FROM pg_type WHERE typname = 'Mood of'")
    assert kinds.scalar() == 0


async def test_labels_that_go_make_the_type_of_a_schema_anew(postgres, postgres_url, tmp_path):
    def cars(*labels: str) -> list[type[DeclarativeBase]]:
        kind = enum.Enum("Color", {label.upper(): label for label in labels})

        class Base(DeclarativeBase):
            pass

        class Car(Base):
            __tablename__ = "cars"
            __table_args__ = (CheckConstraint("color <> 'blue'::app.color", name="ck_color"),)
            id: Mapped[int] = mapped_column(primary_key=True)
            color: Mapped[Any] = mapped_column(Enum(kind, schema="app"), server_default=labels[0])
            colors: Mapped[Any] = mapped_column(ARRAY(Enum(kind, schema="app")))

        return [Car]

    project = Project(postgres, postgres_url, tmp_path, "alembic")
    await project.move(cars("red", "blue"))
    await postgres.execute("INSERT INTO cars (color, colors) VALUES ('red', '{blue,red}')")
    await project.move(cars("red", "green", "blue"))
    await postgres.execute("UPDATE cars SET colors = '{blue}'")
    await project.move(cars("blue", "green", "red"))
    await project.run("downgrade", "2")
    assert await left(postgres, cars("red", "green", "blue")) == []


async def test_a_schema_of_sqlite_is_refused(sqlite_url):
    async with create_engine(sqlite_url) as engine:
        with pytest.raises(NotSupportedError, match="the schema `app` in migrations on SQLite"):
            await left(engine, [models(1)[1]])


async def test_a_squash_makes_the_schemas_anew(postgres, postgres_url, tmp_path, monkeypatch):
    project = Project(postgres, postgres_url, tmp_path, "ormkit")
    await project.move(models(1))
    await project.move(models(2))
    there = dump(postgres_url)
    monkeypatch.chdir(tmp_path)
    assert await asyncio.to_thread(main, ["migrate", "squash", "--url", postgres_url]) == 0
    assert [path.name for path in (tmp_path / "versions").glob("*.py")] == ["2.py"]
    for schema in ("app", '"Audit Log"', "third", "public"):
        await postgres.execute(f"DROP SCHEMA {schema} CASCADE")
    await postgres.execute("CREATE SCHEMA public")
    alembic(tmp_path, postgres_url, "upgrade", "head")
    assert ordered(dump(postgres_url)) == ordered(there)
    assert await left(postgres, models(2)) == []
    alembic(tmp_path, postgres_url, "downgrade", "base")
    assert (await postgres.execute("SELECT to_regnamespace('app')")).scalar() is None


async def test_sqlite_says_that_it_has_no_schema_for_the_version_table(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    ini = "[alembic]\nscript_location = .\nversion_table_schema = app\nsqlalchemy.url = sqlite:///x.db\n"
    (tmp_path / "alembic.ini").write_text(ini)
    (tmp_path / "versions").mkdir()
    async with create_engine("sqlite:///x.db") as engine:
        await engine.execute("CREATE TABLE t (id INTEGER)")
    for command in ("current", "up"):
        assert await asyncio.to_thread(main, ["migrate", command]) == 1
        told = capsys.readouterr().err
        assert "SQLite has no schemas" in told and "leave `version_table_schema` out" in told
    (tmp_path / "alembic.ini").write_text(ini.replace("= app", "= main"))
    assert await asyncio.to_thread(main, ["migrate", "current"]) == 0
