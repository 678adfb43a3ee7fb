"""Random schemas, migrated to random others through revision files and back: nothing is left to do, nothing is lost."""

from __future__ import annotations

import enum
import os
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pytest
from alembic_run import alembic, make_folder
from schema_worlds import Maker, inserts, kept, models
from test_autogen import dump, ordered

from ormkit import (
    CheckConstraint,
    Computed,
    ConnectionPool,
    DeclarativeBase,
    ForeignKey,
    Index,
    Mapped,
    String,
    Text,
    mapped_column,
)
from ormkit.migrations import AlembicConfig, AutogenContext, MigrationRunner

SEEDS = range(int(os.environ.get("ORMKIT_SCHEMA_SEEDS", "25")))


def plain(value: Any) -> Any:
    """A text that does not tell a number from its digits, and a day from its midnight."""
    try:
        return str(Decimal(str(int(value) if isinstance(value, bool) else value)).normalize())
    except InvalidOperation:
        return None if value is None else str(value).removesuffix("+00:00").removesuffix(" 00:00:00")


async def rows(engine: ConnectionPool, table: str, columns: list[str]) -> list[tuple[Any, ...]]:
    listed = ", ".join(f'"{column}"' for column in columns)
    found = (await engine.execute(f'SELECT {listed} FROM "{table}" ORDER BY 1')).tuples()
    return [tuple(plain(value) for value in row) for row in found]


async def picture(engine: ConnectionPool, url: str) -> Any:
    """The schema, wherever columns stand, without what may differ: labels stay in their enum, a sequence that is made again is called
    as the table is then, Alembic gives names to keys, and a renamed column loses its quotes."""
    if engine.is_postgres():
        lines = ordered(dump(url))
        return [
            line
            for line in lines
            if line not in ("'large'", "'huge'", "'reviewed'") and not line.startswith("SEQUENCE NAME")
        ]
    found = []
    for name in await engine.get_tables():
        if name != "alembic_version":
            table = await engine.get_table_info(name)
            keys = [part.columns for part in table.constraints if part.constraint_type == "PRIMARY KEY"]
            others = [part for part in table.constraints if part.constraint_type != "PRIMARY KEY"]
            parts = [*table.columns, *table.indexes, *others]
            facts = [[(fact, getattr(part, fact)) for fact in dir(part) if fact[0] != "_"] for part in parts]
            found.append((name, keys, sorted(repr(fact).replace('"', "") for fact in facts)))
    return found


class Project:
    """A database and the revisions that made it."""

    def __init__(self, engine: ConnectionPool, url: str, folder: Path, tool: str = "ormkit") -> None:
        (folder / "alembic.ini").write_text("[alembic]\nscript_location = .\n")
        self.engine, self.url, self.folder, self.tool = engine, url, folder, tool
        self.versions = make_folder(folder)
        self.number, self.text = 0, ""

    async def run(self, command: str, target: str) -> None:
        if self.tool == "alembic":
            alembic(self.folder, self.url, command, target)
            return
        runner = MigrationRunner(self.engine, AlembicConfig.detect(self.folder))
        await (runner.upgrade(target) if command == "upgrade" else runner.downgrade(target))

    async def left(self, classes: list[type[DeclarativeBase]]) -> list[Any]:
        return await AutogenContext(self.engine, classes).diff()

    async def move(self, classes: list[type[DeclarativeBase]]) -> bool:
        """Writes the revision that leads there, runs it, and sees that nothing is left to do."""
        context = AutogenContext(self.engine, classes)
        steps = await context.diff()
        if not steps:
            return False
        before = str(self.number) if self.number else None
        self.number += 1
        self.text = context.render_migration("step", steps, before, revision=str(self.number))
        (self.versions / f"{self.number}.py").write_text(self.text)
        await self.run("upgrade", "head")
        left = await self.left(classes)
        assert left == [], f"{left}\n{self.text}"
        return True


async def there_and_back(project: Project, seed: int) -> None:
    engine, url = project.engine, project.url
    maker = Maker(seed, engine.is_postgres())
    before = maker.world()
    after = maker.changed(before)
    await project.move(models(before))
    for statement in inserts(before):
        await engine.execute(statement)
    there = await picture(engine, url)
    everything = {name: await rows(engine, name, list(table.columns)) for name, table in before.items()}

    def were(table: str, columns: list[str]) -> list[tuple[Any, ...]]:
        places = [list(before[table].columns).index(column) for column in columns]
        return [tuple(row[place] for place in places) for row in everything[table]]

    if not await project.move(models(after)):
        return
    for old, old_columns, new, new_columns in kept(before, after):
        assert sorted(await rows(engine, new, new_columns)) == sorted(were(old, old_columns)), project.text
    await project.run("downgrade", "1")
    assert await picture(engine, url) == there, project.text
    for old, old_columns, _, _ in kept(before, after):
        assert sorted(await rows(engine, old, old_columns)) == sorted(were(old, old_columns)), project.text
    await project.run("upgrade", "head")
    assert await project.left(models(after)) == [], project.text
    await project.run("downgrade", "base")
    assert await engine.get_tables() == ["alembic_version"]


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_schema_becomes_another_and_comes_back(engine, url, tmp_path, seed):
    await there_and_back(Project(engine, url, tmp_path), seed)


@pytest.mark.parametrize("seed", [1, 40, 137, 196, 203])
async def test_alembic_does_the_same_with_the_files(engine, url, tmp_path, seed):
    await there_and_back(Project(engine, url, tmp_path, "alembic"), seed)


def story(chapter: int) -> list[type[DeclarativeBase]]:
    """The models of a project after so many changes."""

    class Base(DeclarativeBase):
        pass

    class State(enum.Enum):
        DRAFT = "draft"
        if chapter >= 10:
            REVIEWED = "reviewed"
        PUBLIC = "public"

    class User(Base):
        __tablename__ = "users"
        id: Mapped[int] = mapped_column(primary_key=True)
        if chapter < 4:
            name: Mapped[str] = mapped_column(String(20))
        elif chapter < 8:
            full_name: Mapped[str] = mapped_column(String(20), renamed_from="name")
        else:
            full_name: Mapped[str] = mapped_column(Text, renamed_from="name")
            logins: Mapped[int] = mapped_column(server_default="0")
        if chapter >= 2:
            email: Mapped[str | None] = mapped_column(unique=chapter < 10)
        if chapter >= 10:
            twice: Mapped[int | None] = mapped_column(Computed("logins * 2"))

    if chapter < 3:
        return [User]

    class Post(Base):
        __tablename__ = "articles" if chapter >= 7 else "posts"
        __table_args__ = (
            *(
                [CheckConstraint("title <> ''", name="ck_title"), Index("ix_both", "user_id", "title")]
                if chapter >= 6
                else []
            ),
            {"renamed_from": "posts"} if chapter >= 7 else {},
        )
        id: Mapped[int] = mapped_column(primary_key=True)
        user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
        title: Mapped[str]
        if chapter >= 5:
            state: Mapped[State] = mapped_column(server_default="draft")

    if chapter < 9:
        return [User, Post]

    class Tag(Base):
        __tablename__ = "tags"
        article_id: Mapped[int] = mapped_column(ForeignKey("articles.id"), primary_key=True)
        word: Mapped[str] = mapped_column(String(30), primary_key=True)

    return [User, Post, Tag]


async def test_a_project_lives_through_ten_changes_and_twice_down_and_up(engine, url, tmp_path):
    project = Project(engine, url, tmp_path)
    await project.move(story(1))
    await engine.execute("INSERT INTO users (name) VALUES ('Ada'), ('Bob')")
    pictures = {1: await picture(engine, url)}
    for chapter in range(2, 11):
        assert await project.move(story(chapter)), chapter
        pictures[chapter] = await picture(engine, url)
        if chapter == 3:
            await engine.execute("INSERT INTO posts (user_id, title) VALUES (1, 'On engines'), (2, 'On cats')")
    posts = [("Ada", "On engines", "draft"), ("Bob", "On cats", "draft")]
    query = (
        "SELECT full_name, title, CAST(state AS TEXT) FROM users JOIN articles ON user_id = users.id ORDER BY users.id"
    )
    assert (await engine.execute(query)).tuples() == posts
    for lowest, writers in [(3, "posts"), (1, "users")]:
        for chapter in range(9, lowest - 1, -1):
            await project.run("downgrade", str(chapter))
            assert await picture(engine, url) == pictures[chapter], chapter
        assert (await engine.execute("SELECT name FROM users ORDER BY id")).tuples() == [("Ada",), ("Bob",)]
        assert (await engine.execute(f"SELECT count(*) FROM {writers}")).scalar() == 2
        await project.run("upgrade", "head")
        assert await project.left(story(10)) == []
        assert await picture(engine, url) == pictures[10]
    assert (await engine.execute("SELECT full_name FROM users ORDER BY id")).tuples() == [("Ada",), ("Bob",)]
    await project.run("downgrade", "base")
    assert await engine.get_tables() == ["alembic_version"]
