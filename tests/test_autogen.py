"""Generated revisions: Alembic runs them, and then the database is what the models want; back again, and it is as before."""

from __future__ import annotations

import enum
import re
import subprocess
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from alembic_run import alembic, make_folder

from ormkit import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    Computed,
    DeclarativeBase,
    Enum,
    ExcludeConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Inet,
    InvalidRequestError,
    Mapped,
    MetaData,
    MigrationError,
    NotSupportedError,
    Numeric,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
    create_engine,
    mapped_column,
    relationship,
    text,
)
from ormkit.migrations import AlembicConfig, AutogenContext, MigrationRunner, generate_migration


def strip(text: str) -> str:
    return re.sub(r"Create Date: .*", "", text)


def first(postgres: bool) -> list[type[DeclarativeBase]]:
    class Base(DeclarativeBase):
        pass

    class Mood(enum.Enum):
        SAD = "sad"
        OK = "it's:ok"

    class Team(Base):
        __tablename__ = "teams"
        __table_args__ = (
            CheckConstraint("name <> ':none'", name="ck_named"),
            Index("ix_team_age", text("lower(name)"), "age", postgresql_where=text("age > 3")),
        )
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column(String(40), unique=True)
        age: Mapped[int | None] = mapped_column(index=True)
        mood: Mapped[Mood] = mapped_column(server_default="sad", comment="how it's going: %s")
        price: Mapped[Decimal] = mapped_column(Numeric(10, 2), server_default="0.5")
        at: Mapped[datetime | None] = mapped_column(server_default=text("CURRENT_TIMESTAMP"))
        gone: Mapped[str | None]

    class Member(Base):
        __tablename__ = "Members of"
        __table_args__ = (UniqueConstraint("team_id", "order", name="uq_order"),)
        team_id: Mapped[int] = mapped_column(ForeignKey("teams.id", ondelete="CASCADE"), primary_key=True)
        number: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
        order: Mapped[int] = mapped_column(server_default="1")
        data: Mapped[dict] = mapped_column()
        raw: Mapped[bytes | None]
        score: Mapped[float] = mapped_column(server_default="1.5")
        ok: Mapped[bool]

    Index("ix desc", Member.order.desc(), Member.number)

    class Shift(Base):
        __tablename__ = "shifts"
        __table_args__ = (
            ForeignKeyConstraint(
                ["team_id", "number"],
                ["Members of.team_id", "Members of.number"],
                onupdate="CASCADE",
                deferrable=True,
                initially="DEFERRED",
            ),
        )
        id: Mapped[UUID] = mapped_column(primary_key=True)
        team_id: Mapped[int]
        number: Mapped[int] = mapped_column(SmallInteger)
        day: Mapped[date]
        begins: Mapped[time]
        length: Mapped[timedelta | None]
        tags: Mapped[list[str]]
        double: Mapped[int] = mapped_column(Computed("number * 2"))

    models: list[type[DeclarativeBase]] = [Team, Member, Shift]
    if postgres:

        class Native(Base):
            __tablename__ = "natives"
            __table_args__ = (
                Index("ix_gin", "moods", postgresql_using="gin"),
                Index("ix_more", "ip", postgresql_include=["note"], postgresql_nulls_not_distinct=True, unique=True),
                Index("ix_full", text("naive DESC"), postgresql_with={"fillfactor": 70}),
                UniqueConstraint("note", deferrable=True, name="uq_note"),
                UniqueConstraint("naive", "note", postgresql_nulls_not_distinct=True),
                ExcludeConstraint(
                    ("ip", "&&"),
                    ops={"ip": "inet_ops"},
                    where=text("note <> 'x'"),
                    deferrable=True,
                    initially="deferred",
                ),
                ExcludeConstraint((text("tstzrange(naive, naive)"), "&&"), name="ex odd"),
            )
            id: Mapped[int] = mapped_column(Identity(always=True, start=100), primary_key=True)
            ip: Mapped[Any] = mapped_column(Inet)
            note: Mapped[str | None] = mapped_column(comment="so 'it' is")
            moods: Mapped[list[Mood]] = mapped_column(ARRAY(Enum(Mood)))
            naive: Mapped[datetime] = mapped_column(server_default=text("now() + '1 day'::interval"))

        models.append(Native)
    return models


def second(postgres: bool) -> list[type[DeclarativeBase]]:
    class Base(DeclarativeBase):
        pass

    class Mood(enum.Enum):
        NEW = "new"
        SAD = "sad"
        OK = "it's:ok"

    class Team(Base):
        __tablename__ = "teams"
        __table_args__ = (
            CheckConstraint("name <> 'none'", name="ck_named"),
            Index("ix_team_age", text("lower(name)"), postgresql_where=text("age > 4")),
        )
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column()
        age: Mapped[int]
        mood: Mapped[Mood | None] = mapped_column(comment="mood")
        price: Mapped[Decimal] = mapped_column(Numeric(12, 3), server_default="0.25")
        at: Mapped[datetime | None]
        boss_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id", ondelete="SET NULL"))
        rank: Mapped[int] = mapped_column(server_default="7")

    class Member(Base):
        __tablename__ = "Members of"
        __table_args__ = (CheckConstraint("score >= 0", name="ck_score"),)
        team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"), primary_key=True)
        number: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
        place: Mapped[int] = mapped_column(primary_key=True, server_default="0")
        order: Mapped[int | None]
        data: Mapped[dict]
        score: Mapped[float] = mapped_column(server_default="2.5")
        ok: Mapped[bool] = mapped_column(server_default=text("TRUE"))
        half: Mapped[int] = mapped_column(Computed("number / 2"))

    class Late(Base):
        __tablename__ = "lates"
        id: Mapped[int] = mapped_column(primary_key=True)
        team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))

    models: list[type[DeclarativeBase]] = [Team, Member, Late]
    if postgres:

        class Native(Base):
            __tablename__ = "natives"
            __table_args__ = (
                Index("ix_full", text("naive DESC"), postgresql_with={"fillfactor": 80}),
                UniqueConstraint("note", deferrable=True, initially="DEFERRED", name="uq_note"),
                ExcludeConstraint(("note", "="), using="btree"),
                ExcludeConstraint((text("tstzrange(naive, naive)"), "&&"), name="ex odd", deferrable=True),
            )
            id: Mapped[int] = mapped_column(primary_key=True)
            ip: Mapped[str]
            note: Mapped[str | None]
            moods: Mapped[list[Mood]] = mapped_column(ARRAY(Enum(Mood)))
            naive: Mapped[datetime]

        models.append(Native)
    return models


def dump(url: str) -> str:
    """PostgreSQL's own account of the schema, without the version table."""
    bindir = subprocess.run(["pg_config", "--bindir"], check=True, capture_output=True, text=True).stdout.strip()
    command = [f"{bindir}/pg_dump", "--schema-only", "--no-owner", "--exclude-table=alembic_version", url]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return "\n".join(line for line in printed.splitlines() if line and not line.startswith(("--", "\\")))


def ordered(dump: str) -> list[str]:
    """Its lines, wherever they stand: a column that comes back comes last."""
    return sorted(line.strip().rstrip(",") for line in dump.splitlines())


async def write(engine, folder: Path, models, number: int, **options: Any) -> str:
    context = AutogenContext(engine, models, **options)
    steps = await context.diff()
    assert steps
    before = str(number - 1) if number > 1 else None
    text = context.render_migration(f"step {number}", steps, before, revision=str(number))
    (make_folder(folder) / f"{number}.py").write_text(text)
    return text


async def left(engine, models) -> list[Any]:
    return await AutogenContext(engine, models).diff()


async def test_alembic_runs_what_is_generated_there_and_back(engine, url, tmp_path):
    postgres = engine.is_postgres()
    before, after = first(postgres), second(postgres)
    await write(engine, tmp_path, before, 1)
    alembic(tmp_path, url, "upgrade", "head")
    assert await left(engine, before) == []
    there = dump(url) if postgres else None
    text = await write(engine, tmp_path, after, 2)
    alembic(tmp_path, url, "upgrade", "head")
    assert await left(engine, after) == [], text
    alembic(tmp_path, url, "downgrade", "1")
    if postgres:  # A label stays in its enum.
        assert ordered(dump(url)) == sorted([*ordered(there), "'new'"])
    else:
        assert await left(engine, before) == [], text
    alembic(tmp_path, url, "upgrade", "head")
    assert await left(engine, after) == []
    alembic(tmp_path, url, "downgrade", "base")
    assert await engine.get_tables() == ["alembic_version"]


async def test_ormkit_runs_what_is_generated_there_and_back(engine, url, tmp_path):
    postgres = engine.is_postgres()
    before, after = first(postgres), second(postgres)
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = .\n")
    runner = MigrationRunner(engine, AlembicConfig.detect(tmp_path))
    await write(engine, tmp_path, before, 1)
    assert await runner.upgrade() == ["1"]
    assert await left(engine, before) == []
    there = dump(url) if postgres else ""
    text = await write(engine, tmp_path, after, 2)
    assert await runner.upgrade() == ["2"]
    assert await left(engine, after) == [], text
    assert await runner.downgrade() == ["2"]
    if postgres:
        assert ordered(dump(url)) == sorted([*ordered(there), "'new'"])
    else:
        assert await left(engine, before) == [], text
    assert await runner.upgrade() == ["2"]
    assert await left(engine, after) == []
    assert await runner.downgrade("base") == ["2", "1"]
    assert await engine.get_tables() == ["alembic_version"]


OLD_POSTGRES = """
CREATE TYPE old_kind AS ENUM ('a', 'b:c');
CREATE TABLE olds (
    id SERIAL PRIMARY KEY,
    number BIGSERIAL,
    kind old_kind NOT NULL DEFAULT 'b:c',
    kinds old_kind[],
    name VARCHAR(7) COLLATE "C" CONSTRAINT uq_old UNIQUE DEFERRABLE,
    code CHAR(3), at TIMESTAMP(3) WITH TIME ZONE, amount NUMERIC(5), bits BIT(4), span TSTZRANGE, wait INTERVAL,
    single REAL, doc JSON, clock TIME(2), odd "char", half INTEGER GENERATED ALWAYS AS (amount / 2) STORED,
    EXCLUDE USING gist (span WITH &&),
    CHECK (name ~ '^\\w+$' OR name LIKE '%x')
);
COMMENT ON TABLE olds IS 'old %s';
CREATE INDEX ix_old ON olds (name COLLATE "POSIX" text_pattern_ops DESC NULLS LAST, (amount + 1)) WITH (fillfactor = 70);
CREATE TABLE parts (old_id INTEGER REFERENCES olds ON UPDATE CASCADE, id BIGINT PRIMARY KEY);
"""

OLD_SQLITE = """
CREATE TABLE olds (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name VARCHAR(7) DEFAULT ('a' || 'b') UNIQUE, amount NUMERIC(5, 2), at DATETIME,
    half INTEGER GENERATED ALWAYS AS (amount / 2) STORED,
    odd DECIMAL COLLATE NOCASE, CHECK (name <> ':x')
);
CREATE INDEX ix_old ON olds (name DESC, amount + 1) WHERE amount > 0;
CREATE TABLE parts (old_id INTEGER REFERENCES olds (id) ON UPDATE CASCADE, id BIGINT PRIMARY KEY NOT NULL) WITHOUT ROWID;
"""


@pytest.mark.parametrize("tool", ["alembic", "ormkit"])
async def test_what_models_do_not_have_is_dropped_and_comes_back(engine, url, tmp_path, tool):
    for statement in (OLD_POSTGRES if engine.is_postgres() else OLD_SQLITE).split(";\n"):
        if statement.strip():
            await engine.execute(statement)
    before = [await engine.get_table_info(table) for table in ("olds", "parts")]
    there = dump(url) if engine.is_postgres() else None
    await write(engine, tmp_path, [], 1)
    if tool == "alembic":
        alembic(tmp_path, url, "upgrade", "head")
    else:
        (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = .\n")
        runner = MigrationRunner(engine, AlembicConfig.detect(tmp_path))
        await runner.upgrade()
    assert await engine.get_tables() == ["alembic_version"]
    if tool == "alembic":
        alembic(tmp_path, url, "downgrade", "base")
    else:
        await runner.downgrade("base")
    assert [await engine.get_table_info(table) for table in ("olds", "parts")] == before
    if there:
        assert ordered(dump(url)) == ordered(there)


async def test_labels_that_go_make_the_type_anew(engine, url, tmp_path):
    def models(*labels: str) -> list[type[DeclarativeBase]]:
        kind = enum.Enum("Color", {label.upper(): label for label in labels})

        class Base(DeclarativeBase):
            pass

        class Car(Base):
            __tablename__ = "cars"
            id: Mapped[int] = mapped_column(primary_key=True)
            color: Mapped[Any] = mapped_column(Enum(kind), server_default=labels[0])

        return [Car]

    for number, labels in enumerate([("red", "blue"), ("blue", "green")], start=1):
        await write(engine, tmp_path, models(*labels), number)
        alembic(tmp_path, url, "upgrade", "head")
        assert await left(engine, models(*labels)) == []
    alembic(tmp_path, url, "downgrade", "1")
    assert await left(engine, models("red", "blue")) == []


async def test_schemas_and_exclusions(postgres_url, tmp_path):
    class Base(DeclarativeBase):
        metadata = MetaData(schema="shop")

    class Item(Base):
        __tablename__ = "items"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column(index=True, unique=True)
        next_id: Mapped[int | None] = mapped_column(ForeignKey("shop.items.id"))

    async with create_engine(postgres_url) as engine:
        await engine.execute_script("DROP SCHEMA IF EXISTS shop CASCADE; CREATE SCHEMA shop")
        await engine.execute("CREATE TABLE shop.other (id INTEGER)")
        await engine.execute("CREATE TABLE mine (id INTEGER)")
        options = {"exclude": ["mine", "shop.other"]}
        await write(engine, tmp_path, [Item], 1, **options)
        alembic(tmp_path, postgres_url, "upgrade", "head")
        assert await AutogenContext(engine, [Item], **options).diff() == []
        steps = await left(engine, [Item])
        assert {(step.operation_type, step.table_name) for step in steps} == {
            ("drop_table", "mine"),
            ("drop_table", "shop.other"),
        }
        assert all(step.loses_data for step in steps)
        alembic(tmp_path, postgres_url, "downgrade", "base")
        assert await engine.get_tables(schema="shop") == ["other"]
        await engine.execute("DROP SCHEMA shop CASCADE")


async def test_renames_keep_rows(engine, url, tmp_path):
    class Base(DeclarativeBase):
        pass

    class Person(Base):
        __tablename__ = "people"
        id: Mapped[int] = mapped_column(primary_key=True)
        mail: Mapped[str]

    await engine.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL)")
    await engine.execute("INSERT INTO users VALUES (1, 'a@b')")
    renames = {"rename_tables": {"users": "people"}, "rename_columns": {"people.email": "mail"}}
    text = await write(engine, tmp_path, [Person], 1, **renames)
    assert "op.rename_table('users', 'people')" in text
    assert "op.alter_column('people', 'email', new_column_name='mail')" in text
    alembic(tmp_path, url, "upgrade", "head")
    assert (await engine.execute("SELECT mail FROM people")).scalar() == "a@b"
    alembic(tmp_path, url, "downgrade", "base")
    assert (await engine.execute("SELECT email FROM users")).scalar() == "a@b"


async def test_files_are_plain(engine):
    class Base(DeclarativeBase):
        pass

    class Note(Base):
        __tablename__ = "notes"
        id: Mapped[int] = mapped_column(primary_key=True)

    text = await generate_migration(engine, [Note], 'add "notes"', "abc")
    head, _, rest = text.partition("\n\n")
    assert head == '"""add \\"notes\\"'
    assert "down_revision = 'abc'\nbranch_labels = None\ndepends_on = None\n" in rest
    assert "def upgrade():\n    op.create_table(" in rest
    assert "def downgrade():\n    op.drop_table('notes')\n" in rest
    revision = text.partition("revision = '")[2][:13]
    assert len(revision.rstrip("'")) == 12
    empty = AutogenContext(engine, [Note]).render_migration("nothing", [], ("a", "b"))
    assert "down_revision = ('a', 'b')" in empty
    assert "def upgrade():\n    pass\n" in empty


async def test_steps_of_another_context_are_written_whole(engine):
    await engine.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(20))")

    class Base(DeclarativeBase):
        pass

    class User(Base):
        __tablename__ = "users"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column(String(20), index=True)

    first, second = AutogenContext(engine, [User]), AutogenContext(engine, [])
    steps = await first.diff()
    text = second.render_migration("x", steps, revision="1")
    assert text.count("create_index(") == text.count("drop_index(") == 1
    assert strip(text) == strip(first.render_migration("x", steps, revision="1"))
    later = await second.diff()
    assert "drop_table(" in second.render_migration("x", [*steps, *later])
    await engine.execute("DROP TABLE users")
    with pytest.raises(InvalidRequestError, match="several diffs"):
        second.render_migration("x", [*steps, *(await first.diff())])


async def test_steps_of_another_database_are_refused(sqlite_url, postgres_url):
    class Base(DeclarativeBase):
        pass

    class User(Base):
        id: Mapped[int] = mapped_column(primary_key=True)

    async with create_engine(sqlite_url) as lite, create_engine(postgres_url) as postgres:
        steps = await AutogenContext(lite, [User]).diff()
        with pytest.raises(InvalidRequestError, match="a diff on sqlite, this context is on postgresql"):
            AutogenContext(postgres, [User]).render_migration("x", steps)


async def test_what_alembic_cannot_do_is_refused(engine):
    class Base(DeclarativeBase):
        pass

    class Note(Base):
        __tablename__ = "notes"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column(server_default=":ab:")

    if engine.is_postgres():
        with pytest.raises(NotSupportedError, match="colon"):
            await generate_migration(engine, [Note], "odd")
        return
    await engine.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT ':ab:' UNIQUE)")
    with pytest.raises(NotSupportedError, match="a UNIQUE without a name"):
        await generate_migration(engine, [Note], "odd")


def renamed_people() -> list[type[DeclarativeBase]]:
    class Base(DeclarativeBase):
        pass

    class Person(Base):
        __tablename__ = "people"
        __table_args__ = (UniqueConstraint("mail", name="uq_mail"), {"renamed_from": "users"})
        id: Mapped[int] = mapped_column(primary_key=True)
        mail: Mapped[str] = mapped_column(renamed_from="email", index=True)
        boss_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))

    return [Person]


PEOPLE = """
CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL, boss_id INTEGER REFERENCES users (id), CONSTRAINT uq_mail UNIQUE (email));
CREATE INDEX ix_users_email ON users (email);
INSERT INTO users VALUES (1, 'a@b', NULL), (2, 'c@d', 1)
"""


async def test_models_say_their_former_names(engine, url, tmp_path):
    await engine.execute_script(PEOPLE)
    if engine.is_postgres():
        await engine.execute("ALTER TABLE users ALTER id ADD GENERATED BY DEFAULT AS IDENTITY")
    text = await write(engine, tmp_path, renamed_people(), 1)
    assert "op.rename_table('users', 'people')" in text
    assert "op.alter_column('people', 'email', new_column_name='mail')" in text
    assert "drop" not in text
    alembic(tmp_path, url, "upgrade", "head")
    assert (await engine.execute("SELECT mail FROM people ORDER BY id")).tuples() == [("a@b",), ("c@d",)]
    assert await left(engine, renamed_people()) == []
    alembic(tmp_path, url, "downgrade", "base")
    assert (await engine.execute("SELECT email FROM users ORDER BY id")).tuples() == [("a@b",), ("c@d",)]


async def test_what_takes_an_old_name_finds_it_free(engine, url, tmp_path):
    class Base(DeclarativeBase):
        pass

    class Person(Base):
        __tablename__ = "people"
        __table_args__ = {"renamed_from": "users"}
        id: Mapped[int] = mapped_column(primary_key=True)
        mail: Mapped[str] = mapped_column(renamed_from="email", index=True)
        email: Mapped[str | None] = mapped_column(index=True)

    class User(Base):
        __tablename__ = "users"
        id: Mapped[int] = mapped_column(primary_key=True)
        email: Mapped[str] = mapped_column(index=True)

    await engine.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL)")
    await engine.execute("CREATE INDEX ix_users_email ON users (email)")
    await engine.execute("CREATE INDEX ix_people_email ON users (email)")
    await engine.execute("INSERT INTO users VALUES (1, 'a@b')")
    text = await write(engine, tmp_path, [Person, User], 1)
    alembic(tmp_path, url, "upgrade", "head")
    assert await left(engine, [Person, User]) == [], text
    assert (await engine.execute("SELECT id, mail, email FROM people")).tuples() == [(1, "a@b", None)]
    alembic(tmp_path, url, "downgrade", "base")
    assert (await engine.execute("SELECT id, email FROM users")).tuples() == [(1, "a@b")]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rename_tables": {"nobody": "people"}}, "rename of `nobody` to `people`: the database has no such table"),
        ({"rename_tables": {"users": "folks"}}, "rename of `users` to `folks`: no model has a table"),
        ({"rename_tables": {"users": "taken"}}, "the database has a table of the new name already"),
        ({"rename_columns": {"people.nothing": "mail"}}, "`people.nothing` to `mail`: the database has no such column"),
        ({"rename_columns": {"people.email": "letters"}}, "no model has a column"),
        ({"rename_columns": {"people.email": "boss_id"}}, "the table has a column of the new name already"),
        ({"rename_columns": {"people.email": "more"}}, "`people.email` cannot be renamed both to `more` and to `mail`"),
    ],
)
async def test_renames_that_cannot_be_are_refused(engine, options, said):
    class Base(DeclarativeBase):
        pass

    class Person(Base):
        __tablename__ = "people"
        __table_args__ = {"renamed_from": "users"}
        id: Mapped[int] = mapped_column(primary_key=True)
        mail: Mapped[str] = mapped_column(renamed_from="email")
        more: Mapped[str | None]
        boss_id: Mapped[int | None]

    await engine.execute_script(PEOPLE)
    await engine.execute("CREATE TABLE taken (id INTEGER PRIMARY KEY)")
    with pytest.raises(InvalidRequestError, match=re.escape(said)):
        await AutogenContext(engine, [Person], **options).diff()


async def test_values_that_are_too_long_for_a_new_type_are_refused(engine, url, tmp_path):
    class Base(DeclarativeBase):
        pass

    class Note(Base):
        __tablename__ = "notes"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column(String(3))
        price: Mapped[Decimal] = mapped_column(Numeric(5, 1))

    if not engine.is_postgres():
        pytest.skip("SQLite keeps whatever fits into no column")
    await engine.execute("CREATE TABLE notes (id INT PRIMARY KEY, name TEXT NOT NULL, price NUMERIC(5, 2) NOT NULL)")
    await engine.execute("INSERT INTO notes VALUES (1, 'four', 1.25)")
    steps = await left(engine, [Note])
    assert [step.column_name for step in steps if step.loses_data] == ["price"]
    text = AutogenContext(engine, [Note]).render_migration("short", steps, revision="1")
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = .\n")
    (make_folder(tmp_path) / "1.py").write_text(text)
    with pytest.raises(MigrationError, match="value too long for type character varying"):
        await MigrationRunner(engine, AlembicConfig.detect(tmp_path)).upgrade()
    assert (await engine.execute("SELECT name FROM notes")).scalar() == "four"


def linked() -> tuple[Any, list[Any]]:
    class Base(DeclarativeBase):
        pass

    links = Table(
        "links",
        Base.metadata,
        Column("post_id", ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True),
        Column("tag_id", ForeignKey("tags.id"), primary_key=True),
        Index("ix_links", "tag_id"),
    )

    class Post(Base):
        __tablename__ = "posts"
        id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
        tags: Mapped[list[Tag]] = relationship(secondary=links)

    class Tag(Base):
        __tablename__ = "tags"
        id: Mapped[int] = mapped_column(primary_key=True)

    return links, [Post, Tag]


async def test_a_junction_without_a_class_is_compared_along(engine):
    links, classes = linked()
    assert [step.table_name for step in await left(engine, classes)].count("links") == 2
    await classes[0].metadata.create_all(engine)
    assert await left(engine, classes) == await left(engine, [*classes, links]) == []
    assert await left(engine, [links, *classes]) == []
    steps = await left(engine, classes[:1])
    assert {step.table_name for step in steps if step.operation_type == "drop_table"} == {"links", "tags"}
    await engine.execute("DROP TABLE links")
    assert {step.operation_type for step in await left(engine, classes)} >= {"create_table", "create_index"}
    with pytest.raises(TypeError, match="a mapped class is expected"):
        AutogenContext(engine, [3])
