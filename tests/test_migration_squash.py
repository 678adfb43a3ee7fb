"""One revision in the place of many: the same schema from nothing, nothing to do for who is there."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
import revisions
from test_migrations import Project

from ormkit import create_engine
from ormkit.cli import main


class Typed:
    def __init__(self, project: Project, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.project, self.url, self.capsys = project, url, capsys

    def __call__(self, *command: str, code: int = 0) -> str:
        self.capsys.readouterr()
        ended = main(["migrate", *command, "--url", self.url])
        printed = self.capsys.readouterr()
        assert ended == code, printed
        return printed.out + printed.err

    def ask(self, *statements: str) -> list[tuple[object, ...]]:
        async def run() -> list[tuple[object, ...]]:
            async with create_engine(self.url) as engine:
                for sql in statements:
                    found = await engine.execute(sql)
                return found.tuples()

        return asyncio.run(run())

    def inspect(self) -> str:
        self.capsys.readouterr()
        assert main(["inspect", "--url", self.url]) == 0
        return self.capsys.readouterr().out

    def empty(self) -> None:
        if self.url.startswith("sqlite"):
            for path in Path(self.url.removeprefix("sqlite:///")).parent.glob("test.db*"):
                path.unlink()
        else:
            self.ask("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")


@pytest.fixture
def typed(tmp_path, url, monkeypatch, capsys):
    project = Project(tmp_path / "project")
    monkeypatch.chdir(project.folder)
    return Typed(project, url, capsys)


def test_the_baseline_of_real_revisions_makes_the_same_schema(typed):
    revisions.write(typed.project.versions)
    typed("up", "a16")
    schema = typed.inspect()
    for path in (
        *typed.project.versions.glob("a17*"),
        *typed.project.versions.glob("a18*"),
        *typed.project.versions.glob("a19*"),
        *typed.project.versions.glob("[bc]*"),
    ):
        path.unlink()
    typed("squash", "--leave-out")
    assert len(list(typed.project.versions.glob("*"))) == 1
    typed.empty()
    typed("up")
    assert typed.inspect() == schema


def test_databases_that_are_there_have_nothing_to_do(typed):
    typed.project.table("one1", None)
    typed.project.write(
        "two2",
        "one1",
        """
        op.create_table(
            "people",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("one", sa.Integer, sa.ForeignKey("one1.id", ondelete="CASCADE", name="fk_one")),
            sa.Column("name", sa.String(20), server_default="x", nullable=False),
            sa.CheckConstraint("id > 0", name="ck_id"),
            sa.UniqueConstraint("name", name="uq_name"),
        )
        op.create_index("ix_people_one", "people", ["one"])
        """,
        'op.drop_table("people")',
    )
    typed.project.write("three3", "two2", "op.execute(\"INSERT INTO people (name) VALUES ('ada')\")")
    typed.project.table("four4", "three3")
    typed("up", "three3")
    schema = typed.inspect()
    said = typed("squash", "three3", "-m", "the beginning")
    assert "three3 ran statements of their own" in said
    assert sorted(path.name for path in typed.project.versions.glob("*")) == ["four4.py", "three3.py"]
    squashed = typed.project.folder / "alembic" / "squashed"
    assert sorted(path.name for path in squashed.glob("*")) == ["one1.py", "three3.py", "two2.py"]
    assert "# three3 ran statements" in (typed.project.versions / "three3.py").read_text()
    assert json.loads(typed("status", "--json")) == {"current": ["three3"], "pending": ["four4"]}
    assert json.loads(typed("up", "--json").splitlines()[0]) == ["four4"]
    assert typed.ask("SELECT name FROM people") == [("ada",)]
    typed.empty()
    typed("up", "three3")
    assert typed.inspect() == schema
    typed("up")
    typed("down", "base")
    assert typed.ask("SELECT count(*) FROM alembic_version") == [(0,)]
    assert "class People" not in typed.inspect()


def test_what_is_no_table_stops_it(typed):
    typed.project.table("one1", None)
    typed.project.write("two2", "one1", 'op.execute("CREATE VIEW seen AS SELECT id FROM one1")')
    typed("up")
    assert "view seen" in typed("squash", code=1)
    assert len(list(typed.project.versions.glob("*"))) == 2
    assert "note: left out: view seen" in typed("squash", "--leave-out")
    assert "# left out: view seen" in (typed.project.versions / "two2.py").read_text()


def test_everything_that_is_no_table_is_named(postgres_url, tmp_path, monkeypatch, capsys):
    project = Project(tmp_path / "project")
    monkeypatch.chdir(project.folder)
    typed = Typed(project, postgres_url, capsys)
    project.table("one1", None)
    project.table("two2", "one1")
    typed("up")
    typed.ask(
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "CREATE TRIGGER t BEFORE INSERT ON one1 FOR EACH ROW EXECUTE FUNCTION f()",
        "CREATE MATERIALIZED VIEW m AS SELECT 1 AS a",
        "CREATE DOMAIN d AS INTEGER",
        "CREATE TYPE e AS ENUM ('a')",
        "CREATE TYPE pair AS (a INTEGER, b INTEGER)",
        "CREATE SEQUENCE s",
        "CREATE TABLE parts (a INTEGER) PARTITION BY LIST (a)",
        "CREATE TABLE child () INHERITS (two2)",
        "CREATE TABLE apart (a INT4RANGE, EXCLUDE USING gist (a WITH &&))",
        "CREATE POLICY p ON one1 USING (true)",
        "CREATE RULE r AS ON DELETE TO one1 DO INSTEAD NOTHING",
    )
    said = typed("squash", code=1)
    for word in (
        "function f()", "trigger t of one1", "materialized view m", "domain d", "enum of no column e", "type pair", "sequence s",
        "partitioned table parts", "inheritance child", "policy p of one1",
        "rule r of one1",
    ):  # fmt: skip
        assert word in said, said
    assert "sequence one1_id_seq" not in said and "exclusion" not in said


def test_what_cannot_be_squashed_is_said(typed):
    typed.project.table("one1", None)
    typed.project.table("two2", "one1")
    typed.project.table("side1", "one1")
    assert "`ormkit migrate up two2` takes it there" in typed("squash", "two2", code=1)
    typed("up", "two2")
    said = typed("squash", "two2", code=1)
    assert "`side1`" in said and "follows a revision that would be gone" in said
    typed("stamp", "one1")
    assert "follows no other revision" in typed("squash", "one1", code=1)
    assert len(list(typed.project.versions.glob("*"))) == 3
