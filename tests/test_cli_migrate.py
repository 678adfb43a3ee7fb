"""`ormkit migrate`: a project from nothing through changes of its models, up and down, as typed."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from alembic_run import alembic

from ormkit import create_engine
from ormkit.cli import main, migrate_create, migrate_down, migrate_init, migrate_status, migrate_up
from ormkit.exc import MigrationError

HEAD = """\
from ormkit import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
"""


class Project:
    """A folder in which commands are typed."""

    def __init__(self, folder: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.url, self.capsys = folder, url, capsys
        self.module = f"models_{abs(hash(folder))}"

    def models(self, *columns: str) -> None:
        (self.folder / f"{self.module}.py").write_text(HEAD + "".join(f"    {column}\n" for column in columns))
        sys.modules.pop(self.module, None)

    def type(self, *arguments: str, code: int = 0) -> str:
        """Run a command, and answer what it printed."""
        self.capsys.readouterr()
        ended = main(["migrate", *arguments])
        printed = self.capsys.readouterr()
        assert ended == code, printed
        return printed.out if code in (0, 3) else printed.err

    def compared(self, *arguments: str, code: int = 0) -> str:
        return self.type(*arguments, "--models", self.module, code=code)

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        async def ask() -> list[tuple[object, ...]]:
            async with create_engine(self.url) as engine:
                return (await engine.execute(sql)).tuples()

        return asyncio.run(ask())


@pytest.fixture
def project(tmp_path, url, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    project = Project(tmp_path, url, capsys)
    project.type("init", "--url", url)
    return project


def test_a_project_goes_through_its_changes(project):
    project.models("name: Mapped[str]")
    assert "create_table teams" in project.compared("auto", "first")
    assert "1 revision(s) wait" in project.type("status")
    project.type("up")
    assert "nothing waits" in project.type("status")
    assert "nothing to do" in project.compared("auto", "again")
    assert "as the models want" in project.compared("check")
    project.rows("INSERT INTO teams (name) VALUES ('Reds')")
    project.models("title: Mapped[str]", "age: Mapped[int | None]")
    assert "add_column teams.title" in project.compared("check", code=3)
    assert "--allow-drop" in project.compared("auto", "more", code=1)
    project.compared("auto", "-m", "more", "--rename", "teams.name:title")
    assert json.loads(project.type("up", "--json"))
    assert project.rows("SELECT title, age FROM teams") == [("Reds", None)]
    assert "as the models want" in project.compared("check")
    history = project.type("history", "-i")
    assert [line.rpartition(", ")[2] for line in history.splitlines()] == ["more", "first"]
    assert "(head) (current), more" in history
    project.type("down")
    assert project.rows("SELECT name FROM teams") == [("Reds",)]
    project.type("down", "base")
    assert "the base" in project.type("status")


def test_alembic_goes_on_where_ormkit_stopped(project):
    project.models("name: Mapped[str]")
    project.compared("auto", "first")
    project.type("up")
    project.models("name: Mapped[str]", "age: Mapped[int | None]")
    project.compared("auto", "second")
    alembic(project.folder / "alembic", project.url, "upgrade", "head")
    assert "nothing waits" in project.type("status")
    project.type("down", "-1")
    alembic(project.folder / "alembic", project.url, "downgrade", "base")
    assert "2 revision(s) wait" in project.type("status")


def test_sql_is_printed_for_others_to_run(project):
    project.models("name: Mapped[str]")
    project.compared("auto", "first", "--rev-id", "aaa")
    script = project.type("up", "--sql")
    assert "CREATE TABLE teams" in script and "COMMIT" in script
    assert "DROP TABLE teams" in project.type("down", "aaa:base", "--sql")
    assert "from:to" in project.type("down", "--sql", code=2)


def test_branches_are_made_shown_and_merged(project):
    for id, arguments in {"a": [], "b": [], "c": ["--head", "a", "--splice"]}.items():
        project.type("create", f"step {id}", "--rev-id", id, *arguments)
    assert {line.split()[2] for line in project.type("heads").splitlines()} == {"b", "c"}
    assert "a" in project.type("branches")
    assert "merge" in project.type("up", code=1)
    project.type("merge", "--rev-id", "d")
    project.type("up")
    assert json.loads(project.type("current", "--json"))[0]["revision"] == "d"
    assert "Parent: b, c" in project.type("show", "d") or "Parent: c, b" in project.type("show", "d")
    project.type("stamp", "a")
    assert project.type("current", "--check-heads", code=3)
    assert [one["revision"] for one in json.loads(project.type("history", "-r", "a:b", "--json"))] == ["b", "a"]


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["up", "nothing"], 1, "nothing"),
        (["show", "nothing"], 1, "nothing"),
        (["create"], 2, "Give a message"),
        (["auto", "x"], 2, "which models?"),
        (["auto", "x", "--models", "m", "--rename", "a"], 1, "No module"),
        (["create", "x", "--allow-drop"], 2, "--allow-drop is of `auto`"),
        (["init"], 1, "is there already"),
        (["-c", "none.ini", "up"], 1, "none.ini"),
        (["merge"], 1, "nothing to merge"),
        (["up", "--lock-timeout", "soon"], 2, "a number of seconds"),
        (["up", "--lock-timeout=-1"], 2, "more than 0"),
        (["up", "--lock-timeout=nan"], 2, "more than 0"),
        (["create", "x", "--rev-id", "a@b"], 1, "give it another"),
        (["create", "x", "--rev-id", "head"], 1, "choose another id"),
        (["create", "x", "--rev-id", "../a"], 1, "choose another id"),
        (["create", "x", "--branch-label", "a@b"], 1, "stand around its name"),
        (["create", "x", "--depends-on", "nothing"], 1, "nothing"),
        (["create", "x", "--version-path", "elsewhere"], 1, "is none of the folders of revisions"),
    ],
)
def test_mistakes_are_sentences(project, arguments, code, text):
    said = project.type(*arguments, code=code)
    assert text in said and "Traceback" not in said
    # Nothing was made that later commands would stumble over.
    assert project.type("heads") == ""


@pytest.mark.parametrize("message", ['a """ b', 'says "no"', "back\\slash \\", "two\nlines", 'x"""', '"'])
def test_a_message_is_read_as_it_was_given(project, message):
    project.type("create", message)
    assert json.loads(project.type("heads", "--json"))[0]["message"] == message.partition("\n")[0]
    project.type("up")


def test_a_check_says_what_it_is_about(project):
    project.models("name: Mapped[str]", "age: Mapped[int | None] = mapped_column(index=True)")
    project.compared("auto", "first")
    project.type("up")
    project.models("name: Mapped[str | None]", "age: Mapped[int | None] = mapped_column(unique=True)")
    lines = project.compared("check", code=3).splitlines()
    assert "drop_index teams: index ix_teams_age" in lines and "alter_column teams.name: NULL is allowed" in lines
    facts = json.loads(project.compared("check", "--json", code=3))
    assert {
        "operation": "drop_index",
        "table": "teams",
        "column": None,
        "detail": "index ix_teams_age",
        "loses_data": False,
    } in facts


def test_a_template_for_several_databases_says_what_to_do(project):
    template = next(project.folder.rglob("script.py.mako"))
    template.write_text("<%\nimport re\n%>\n% for name in names:\n% endfor\n")
    said = project.type("create", "x", code=1)
    assert "move it away" in said and "each wants a folder and a section of its own" in said


def test_without_a_folder_it_says_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["migrate", "up"]) == 1
    assert "`ormkit migrate init` makes one" in capsys.readouterr().err


def test_a_column_that_is_only_renamed_is_asked_for_on_a_terminal(project, monkeypatch):
    project.models("name: Mapped[str]")
    project.compared("auto", "first")
    project.type("up")
    project.models("title: Mapped[str]")

    class Terminal:
        isatty = staticmethod(lambda: True)
        readline = staticmethod(lambda: "y\n")

    monkeypatch.setattr(sys, "stdin", Terminal)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    printed = project.compared("auto", "second")
    assert "alter_column teams.name" in printed and "lost" not in printed


def answering(monkeypatch, *answers):
    """A terminal whose user types these lines, and no more."""
    waiting = iter(answers)

    class Terminal:
        isatty = staticmethod(lambda: True)
        readline = staticmethod(lambda: next(waiting))

    monkeypatch.setattr(sys, "stdin", Terminal)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")


def test_tables_are_asked_for_on_a_terminal_and_each_question_once(project, monkeypatch):
    project.models("name: Mapped[str]", "code: Mapped[str]")
    project.compared("auto", "first")
    project.type("up")
    project.rows("INSERT INTO teams (name, code) VALUES ('Reds', 'R')")
    text = (project.folder / f"{project.module}.py").read_text().replace('"teams"', '"clubs"')
    (project.folder / f"{project.module}.py").write_text(text.replace("code:", "sign:"))
    sys.modules.pop(project.module)
    said = project.compared("auto", "second", code=1)
    assert "drop_table teams (its values are lost)" in said and "--rename teams:clubs" in said
    answering(monkeypatch, "y\n", "y\n")
    printed = project.compared("auto", "second")
    assert "rename_table teams" in printed and "alter_column clubs.code" in printed and "lost" not in printed
    project.type("up")
    assert project.rows("SELECT name, sign FROM clubs") == [("Reds", "R")]
    project.models("name: Mapped[str]", "sign: Mapped[str]")
    answering(monkeypatch, "\n")
    assert "drop_table clubs" in project.compared("check", code=3)


def test_tables_without_a_class_are_compared_along(project):
    project.models(
        'links: Mapped[list["Link"]] = relationship(secondary="team_links")',
        "",
    )
    path = project.folder / f"{project.module}.py"
    path.write_text(
        path.read_text().replace("import ", "import Column, ForeignKey, Table, relationship, ", 1)
        + """

class Link(Base):
    __tablename__ = "links"
    id: Mapped[int] = mapped_column(primary_key=True)

Table(
    "team_links",
    Base.metadata,
    Column("team_id", ForeignKey("teams.id"), primary_key=True),
    Column("link_id", ForeignKey("links.id"), primary_key=True),
)
Table("logs", Base.metadata, Column("id", ForeignKey("links.id"), primary_key=True))
"""
    )
    assert "create_table team_links" in project.compared("auto", "first")
    project.type("up")
    assert "as the models want" in project.compared("check")
    assert project.rows("SELECT * FROM team_links") == project.rows("SELECT * FROM logs") == []


def test_a_table_is_renamed_by_the_flag(project):
    project.models("name: Mapped[str]")
    project.compared("auto", "first")
    project.type("up")
    project.rows("INSERT INTO teams (name) VALUES ('Reds')")
    path = project.folder / f"{project.module}.py"
    path.write_text(path.read_text().replace('"teams"', '"clubs"').replace("name:", "title:"))
    sys.modules.pop(project.module)
    project.compared("auto", "second", "--rename", "teams:clubs", "--rename", "teams.name:title")
    project.type("up")
    assert project.rows("SELECT title FROM clubs") == [("Reds",)]
    assert "a.b:c.d" in project.compared("check", "--rename", "a.b:c.d", code=2)


def test_init_makes_what_alembic_makes(tmp_path, url, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    project = Project(tmp_path, url, capsys)
    project.type("init", "migrations", "--url", url)
    made = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert made == {"alembic.ini", *(f"migrations{name}" for name in ("", "/env.py", "/script.py.mako", "/versions"))}
    project.type("revision", "-m", "first")
    assert json.loads(project.type("upgrade", "head", "--json"))
    assert "is there already" in project.type("init", "other", code=1)
    assert "is not empty" in project.type("-c", "other.ini", "init", "migrations", code=1)
    assert not (tmp_path / "other.ini").exists() and not (tmp_path / "other").exists()
    project.type("-c", "etc/100%.ini", "-n", "side", "init", "elsewhere", "--url", url)
    monkeypatch.setenv("ALEMBIC_CONFIG", "etc/100%.ini")
    made = Path(project.type("-n", "side", "revision", "-m", "a side").strip())
    assert made.parent == tmp_path / "elsewhere" / "versions"
    assert "etc/100%.ini has no section [alembic]" in project.type("status", code=1)
    assert "init makes an ini file" in project.type("init", "x", "-c", "pyproject.toml", code=2)


def test_alembic_runs_what_init_has_made(tmp_path, sqlite_url, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Project(tmp_path, sqlite_url, capsys).type("init", "alembic", "--url", sqlite_url)
    for command in (["revision", "-m", "first"], ["upgrade", "head"], ["current"]):
        ran = subprocess.run([sys.executable, "-m", "alembic", *command], capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
    assert "(head)" in ran.stdout
    assert main(["migrate", "status"]) == 0
    assert "nothing waits" in capsys.readouterr().out


async def test_the_helpers_use_the_pool_that_they_are_given(engine, tmp_path):
    migrate_init(tmp_path, "sqlite:///elsewhere.db")
    path = migrate_create(tmp_path, "make notes")
    text = path.read_text().replace("pass", "op.execute('CREATE TABLE notes (id INTEGER)')", 1)
    path.write_text(text.replace("    pass", "    op.drop_table('notes')"))
    status = await migrate_status(engine, tmp_path)
    assert status["current_revision"] is None and len(status["pending"]) == 1
    assert await migrate_up(engine, tmp_path) == status["pending"]
    assert "notes" in await engine.get_tables()
    assert (await migrate_status(engine, tmp_path))["pending"] == []
    await migrate_down(engine, tmp_path)
    assert "notes" not in await engine.get_tables()
    assert not (tmp_path / "elsewhere.db").exists()
    with pytest.raises(MigrationError, match="is there already"):
        migrate_init(tmp_path)
    with pytest.raises(MigrationError, match="migrate_init"):
        migrate_create(tmp_path / "alembic", "x")


def test_x_is_what_a_revision_asks_for(project):
    path = Path(project.type("create", "asks", "--rev-id", "c0ffee01").strip())
    source = path.read_text().replace("from alembic import op\n", "from alembic import context, op\n")
    ask = 'op.create_table(context.get_x_argument(as_dictionary=True)["table"], sa.Column("id", sa.Integer))'
    path.write_text(source.replace("    pass", f"    {ask}", 1))
    assert "CREATE TABLE named" in project.type("up", "--sql", "-x", "table=named", "--dialect", "sqlite")
    project.type("up", "-x", "table=a", "-x", "table=named")
    assert project.rows("SELECT count(*) FROM named") == [(0,)]


def test_an_upgrade_says_what_only_going_down_needs(project, monkeypatch):
    monkeypatch.setattr("ormkit.migrations._bridge.installed", lambda: False)
    path = Path(project.type("create", "goes up", "--rev-id", "c0ffee01").strip())
    source = path.read_text()
    path.write_text(source.replace("def downgrade():\n    pass", "def downgrade():\n    sa.inspect(op.get_bind())"))
    assert main(["migrate", "up"]) == 0
    said = project.capsys.readouterr().err
    assert "note: downgrade() of c0ffee01 needs `pip install ormkit[alembic]`: sa.inspect" in said
    assert "Three ways on" in project.type("down", code=1)


def test_models_are_compared_with_the_files_alone(project):
    project.models("name: Mapped[str]")
    assert "create_table teams" in project.compared("check", "--offline", code=3)
    assert "create_table teams" in project.compared("auto", "first", "--offline")
    assert "what the files build up is as the models want it" in project.compared("check", "--offline")
    assert "nothing to do" in project.compared("auto", "again", "--offline")
    project.models("name: Mapped[str]", "age: Mapped[int | None]")
    assert "add_column teams.age" in project.compared("auto", "ages", "--offline")
    # No database was asked, and none made.
    if project.url.startswith("sqlite"):
        assert "there is no database" in project.type("status", code=1)
    else:
        assert "2 revision(s) wait" in project.type("status")
    project.type("up")
    assert "as the models want" in project.compared("check")
    project.models("age: Mapped[int | None]")
    assert "values would be lost" in project.compared("auto", "gone", "--offline", code=1)


@pytest.mark.parametrize("dialect", ["postgresql", "sqlite"])
def test_the_files_are_compared_in_the_dialect_that_is_said(project, monkeypatch, dialect):
    (project.folder / "alembic.ini").write_text("[alembic]\nscript_location = alembic\n")
    project.models("name: Mapped[str]")
    assert "which SQL?" in project.compared("check", "--offline", code=2)
    assert "create_table teams" in project.compared("auto", "first", "--offline", "--dialect", dialect)
    assert "as the models want it" in project.compared("check", "--offline", "--dialect", dialect)


def test_a_revision_that_cannot_be_followed_names_file_and_line(project):
    if project.url.startswith("sqlite"):
        return
    project.models()
    project.type("create", "rows", "--rev-id", "c0ffee01")
    path = next(project.folder.glob("alembic/versions/*.py"))
    path.write_text(path.read_text().replace("pass", "op.execute('DO $$ BEGIN NULL; END $$')", 1))
    said = project.compared("check", "--offline", code=1)
    assert f"{path}, line " in said and "compare with a database instead, without --offline" in said


@pytest.mark.parametrize(
    "command",
    [
        ["migrate", "status"],
        ["migrate", "current"],
        ["migrate", "history", "-i"],
        ["migrate", "check", "--models", "MODULE"],
        ["inspect"],
        ["ping"],
        ["lint", "--models", "MODULE"],
        ["lint", "--pending"],
    ],
)
def test_looking_at_a_database_makes_none(project, command):
    project.models()
    project.type("create", "first")
    file = project.folder / "nowhere.db"
    project.capsys.readouterr()
    arguments = [project.module if word == "MODULE" else word for word in command]
    assert main([*arguments, "--url", f"sqlite:///{file}"]) == 1
    said = project.capsys.readouterr().err
    assert f"there is no database {file}" in said and not file.exists()
    assert project.type("history", "--url", f"sqlite:///{file}") != ""
    project.type("up", "--url", f"sqlite:///{file}")
    assert main(["ping", "--url", f"sqlite:///{file}"]) == 0
