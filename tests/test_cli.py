"""The command line: what it prints, its exit codes, and that errors are sentences."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ormkit import create_engine
from ormkit.cli import main

MODELS = """\
from ormkit import DeclarativeBase, ForeignKey, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)

class Member(Base):
    __tablename__ = "members"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))
"""


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)


@pytest.fixture
def url(url):
    """One that is there: looking at a database makes none."""
    if url.startswith("sqlite"):
        Path(url.removeprefix("sqlite:///")).touch()
    return url


@pytest.fixture
def project(tmp_path, monkeypatch, request):
    """A folder with models in a module of its own name."""
    name = f"models_{abs(hash(request.node.name))}"
    (tmp_path / f"{name}.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return name


def test_ping_says_what_the_database_is(url, capsys):
    assert main(["ping", "--url", url]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("SQLite 3." if url.startswith("sqlite") else "PostgreSQL 1")
    assert "a round trip takes" in printed
    assert main(["ping", "--json", "--url", url]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert set(facts) == {"database", "version", "connected_ms", "round_trip_ms"}


def test_the_url_may_stand_in_the_environment(url, capsys, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", url)
    assert main(["ping"]) == 0
    assert "connected" in capsys.readouterr().out


def test_the_url_may_stand_in_an_ini_file(url, project, capsys, monkeypatch):
    assert main(["migrate", "init", "--url", url]) == 0
    Path("none.sql").write_text("SELECT 1;\n")
    for command in (["ping"], ["inspect"], ["sql", "--models", project], ["lint", "none.sql"]):
        assert main(command) == 0, capsys.readouterr().err
    capsys.readouterr()
    assert main(["sql", "--models", project]) == 0
    assert ("GENERATED" in capsys.readouterr().out) == url.startswith("postgresql")
    assert main(["lint", "--models", project, "--json"]) == 0
    Path("alembic.ini").rename("other.ini")
    assert main(["ping", "-c", "other.ini"]) == 0
    capsys.readouterr()
    assert main(["ping"]) == 2
    assert "say sqlalchemy.url in an alembic.ini" in capsys.readouterr().err
    Path("alembic.ini").write_text("sqlalchemy.url = sqlite://\n")
    assert main(["ping"]) == 1
    assert "alembic.ini cannot be read" in capsys.readouterr().err
    monkeypatch.setenv("DATABASE_URL", url)
    assert main(["ping"]) == 0


async def test_printed_sql_makes_and_drops_the_tables(engine, project, capsys):
    # In a process of its own, as there is a loop around this one.
    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "ormkit", "sql", "--models", project, "--dialect", engine.dialect, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment()).stdout

    await engine.execute_script(run())
    assert await engine.get_tables() == ["members", "teams"]
    for statement in json.loads(run("--drop", "--json")):
        await engine.execute(statement)
    assert await engine.get_tables() == []


def environment() -> dict[str, str]:
    import ormkit

    return {**os.environ, "PYTHONPATH": str(Path(ormkit.__file__).parent.parent)}


def test_models_are_a_module_a_base_or_metadata(project, capsys):
    for name in (project, f"{project}:Base"):
        assert main(["sql", "--models", name, "--dialect", "sqlite"]) == 0
        assert capsys.readouterr().out.count("CREATE TABLE") == 2
    assert main(["sql", "--models", f"{project}:Mapped", "--dialect", "sqlite"]) == 1
    assert "there are no models in" in capsys.readouterr().err


def test_lint_says_what_is_unsafe_why_and_what_to_do(tmp_path, capsys):
    script = tmp_path / "step.sql"
    script.write_text("SET lock_timeout = '2s';\n\nCREATE INDEX ix\n  ON users (email);\n")
    assert main(["lint", str(script), "--dialect", "postgresql"]) == 3
    printed = capsys.readouterr().out
    assert printed.startswith(f"{script}:3: index-blocks-writes: CREATE INDEX ix ON users (email)\n    why: writes to")
    assert "instead: CREATE INDEX CONCURRENTLY" in printed
    assert main(["lint", str(script), "--dialect", "postgresql", "--json"]) == 3
    (finding,) = json.loads(capsys.readouterr().out)
    assert (finding["code"], finding["line"]) == ("index-blocks-writes", 3)
    assert set(finding) == {"code", "file", "line", "statement", "why", "instead"}
    assert main(["lint", str(script), "--dialect", "sqlite"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["lint", str(tmp_path / "none.sql"), "--dialect", "sqlite"]) == 1
    assert "none.sql: No such file" in capsys.readouterr().err


def test_lint_looks_at_what_leads_to_the_models(url, project, capsys):
    def run(script: str) -> None:
        async def go() -> None:
            async with create_engine(url) as engine:
                await engine.execute_script(script)

        asyncio.run(go())

    run("CREATE TABLE members (id INTEGER PRIMARY KEY, old TEXT)")
    assert main(["lint", "--models", project, "--url", url, "--json"]) == 3
    codes = {finding["code"] for finding in json.loads(capsys.readouterr().out)}
    if url.startswith("sqlite"):
        assert codes == {"table-rebuilt", "column-dropped", "not-null-without-default"}
    else:
        assert {"column-dropped", "not-null-without-default", "no-lock-timeout"} <= codes
    script = "DROP TABLE members"
    run(script)
    assert main(["lint", "--models", project, "--url", url]) == 0


def test_lint_knows_what_models_map(project, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    script = tmp_path / "step.sql"
    script.write_text("ALTER TABLE teams DROP COLUMN name; ALTER TABLE teams DROP COLUMN other")
    assert main(["lint", str(script), "--models", project, "--dialect", "sqlite"]) == 3
    printed = capsys.readouterr().out
    assert "mapped-column-dropped: ALTER TABLE teams DROP COLUMN name" in printed
    assert "column-dropped: ALTER TABLE teams DROP COLUMN other" in printed


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["lint"], "lint what?"),
        (["lint", "x.sql"], "which SQL?"),
        ([], "Usage: ormkit"),
        (["nonsense"], "unrecognized subcommand 'nonsense'"),
        (["insepct"], "inspect"),
        (["ping"], "give --url, set DATABASE_URL"),
        (["sql", "--models", "m"], "Give --dialect or --url"),
        (["sql", "--dialect", "sqlite"], "--models"),
        (["sql", "--models", "m", "--dialect", "mysql"], "possible values: postgresql, sqlite"),
    ],
)
def test_wrong_usage_is_two(arguments, text, capsys):
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert text in printed.err
    assert printed.out == ""


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["ping", "--url", "sqlite:////nowhere/at/all.db"], "there is no database /nowhere/at/all.db"),
        (["ping", "--url", "mysql://x"], "mysql"),
        (["ping", "--url", "postgresql://nobody:secret@127.0.0.1:1/x"], "127.0.0.1"),
        (["sql", "--models", "no.such.module", "--dialect", "sqlite"], "ModuleNotFoundError"),
    ],
)
def test_failures_are_sentences(arguments, text, capsys):
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ") and text in said
    assert "Traceback" not in said and "secret" not in said
    with pytest.raises(BaseException, match=r".+"):
        main([*arguments, "--debug"])


def test_help_and_version_are_results(capsys):
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert "inspect" in printed and "Exit codes: 0 done" in printed
    assert main(["inspect", "--help"]) == 0
    assert "--schema <SCHEMA>" in capsys.readouterr().out
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("ormkit 0.")


def test_the_module_is_the_command(url):
    command = [sys.executable, "-m", "ormkit", "ping", "--url", url]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment())
    assert (ran.returncode, ran.stderr) == (0, "")
    ran = subprocess.run(command[:4], capture_output=True, text=True, env=environment())
    assert ran.returncode == 2


def test_colours_are_for_terminals(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert main(["ping"]) == 2
    assert "\x1b[1;31merror:" in capsys.readouterr().err
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["ping"]) == 2
    assert "\x1b" not in capsys.readouterr().err


def test_an_error_of_the_project_says_its_line(project, tmp_path, capsys):
    (tmp_path / "broken_models.py").write_text("import ormkit\n\nclass Kind(ormkit.Enum):\n    A = 'a'\n")
    assert main(["sql", "--dialect", "sqlite", "--models", "broken_models"]) == 1
    said = capsys.readouterr().err
    assert "error: broken_models.py:3: TypeError: Kind derives from ormkit's Enum" in said
    assert "derives from enum.Enum" in said and "Traceback" not in said
