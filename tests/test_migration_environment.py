"""Projects that Alembic's templates have made: what is read of them, and what is said of that which is not run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ormkit.cli import main

ENV = """\
from alembic import context

def include_object(object, name, kind, reflected, compare_to):
    return True

context.configure(connection=None, {arguments})
"""

MODELS = """\
from ormkit import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
"""


@pytest.fixture
def typed(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("DATABASE_URL", url)
    if url.startswith("sqlite"):
        # Commands that look at a database make none.
        Path(url.removeprefix("sqlite:///")).touch()

    def run(*arguments: str, code: int = 0) -> str:
        capsys.readouterr()
        ended = main(["migrate", *arguments])
        printed = capsys.readouterr()
        assert ended == code, printed
        return printed.out + printed.err

    return run


def project(folder: Path, arguments: str, ini: str = "") -> None:
    (folder / "alembic.ini").write_text(f"[alembic]\nscript_location = alembic\n{ini}")
    (folder / "alembic" / "versions").mkdir(parents=True, exist_ok=True)
    (folder / "alembic" / "env.py").write_text(ENV.format(arguments=arguments))


def template(name: str) -> None:
    command = [sys.executable, "-m", "alembic", "init", "-t", name, "alembic"]
    subprocess.run(command, check=True, capture_output=True)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ('version_table="steps"', "`version_table = steps`"),
        ('version_table_schema="app"', "`version_table_schema = app`"),
        ("version_table=TABLE", "`version_table` with the value of TABLE"),
    ],
)
def test_another_version_table_is_refused_until_the_ini_file_says_it(typed, url, tmp_path, arguments, line):
    project(tmp_path, arguments)
    for command in (["up"], ["status"], ["down"], ["stamp", "head"]):
        said = typed(*command, code=1)
        assert line in said and "env.py, line 6" in said, said
    option = arguments.partition("=")[0]
    schema = "main" if url.startswith("sqlite") else "public"
    value = schema if option.endswith("schema") else "steps"
    project(tmp_path, arguments, ini=f"{option} = {value}\n")
    assert "nothing waits" in typed("status")


def test_the_usual_version_table_may_be_said(typed, tmp_path):
    project(tmp_path, 'version_table="alembic_version", version_table_schema=None')
    assert "nothing waits" in typed("status")


def test_what_env_py_decides_of_a_comparison_is_said(typed, tmp_path):
    (tmp_path / "environment_models.py").write_text(MODELS)
    project(tmp_path, "include_object=include_object, compare_type=True")
    said = typed("check", "--models", "environment_models", code=3)
    assert "note: env.py is not run, include_object=include_object does nothing here: " in said
    assert "[alembic:exclude]" in said and "compare_type" not in said


@pytest.mark.parametrize("name", ["generic", "async", "pyproject", "pyproject_async"])
def test_templates_of_alembic_are_read(typed, tmp_path, monkeypatch, name):
    if name.startswith("pyproject"):
        pytest.importorskip("tomllib")
        (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    template(name)
    made = Path(typed("create", "first").strip())
    assert made.parent == tmp_path / "alembic" / "versions"
    assert "first" in typed("up")
    monkeypatch.delenv("DATABASE_URL")
    assert "there is no database: give --url" in typed("status", code=2)


def test_functions_for_several_databases_are_said(typed, tmp_path):
    template("multidb")
    command = [sys.executable, "-m", "alembic", "revision", "-m", "first"]
    subprocess.run(command, check=True, capture_output=True)
    assert "upgrade(engine_name) is called without arguments" in typed("up", code=1)
