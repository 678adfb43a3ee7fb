"""`ormkit lint` on revision files: findings stand at the lines of the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from revisions import source

from ormkit.cli import main
from ormkit.migrations import _bridge

UP = """
op.create_table("fresh", sa.Column("id", sa.Integer, primary_key=True))
op.create_index("ix_fresh", "fresh", ["id"])
op.create_index(
    "ix_name",
    "users",
    ["name"],
)
op.drop_column("users", "old")
with op.batch_alter_table("users") as batch:
    batch.alter_column("name", existing_type=sa.String(20), nullable=False)
# ormkit: allow table-dropped
op.drop_table("gone")
with op.get_context().autocommit_block():
    op.create_index("ix_age", "users", ["age"], postgresql_concurrently=True)
op.execute("DELETE FROM users")
"""


@pytest.fixture
def lint(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)

    def run(up: str, *arguments: str, code: int = 3, above: str = "") -> str:
        path = tmp_path / "one1.py"
        path.write_text(source("one1", "zero", up, above=above))
        ended = main(["lint", str(path), *arguments])
        printed = capsys.readouterr()
        assert ended == code, printed
        return printed.out if code != 1 else printed.err

    run.path = tmp_path / "one1.py"
    return run


def test_findings_have_the_line_of_the_call_and_the_dialect(lint):
    found = json.loads(lint(UP, "--json"))
    lines = lint.path.read_text().splitlines()
    said = {(one["code"], lines[one["line"] - 1].strip(), *one["dialects"]) for one in found}
    assert said >= {
        ("index-blocks-writes", "op.create_index(", "postgresql"),
        ("column-dropped", 'op.drop_column("users", "old")', "postgresql", "sqlite"),
        ("whole-table-written", 'op.execute("DELETE FROM users")', "postgresql", "sqlite"),
        ("table-rebuilt", 'with op.batch_alter_table("users") as batch:', "sqlite"),
    }, said
    codes = [one["code"] for one in found]
    assert "table-dropped" not in codes and "concurrently-in-transaction" not in codes
    assert not [one for one in found if "fresh" in one["statement"]]
    assert {one["file"] for one in found} == {str(lint.path)}


def test_one_dialect_is_looked_at_where_it_is_said(lint):
    text = lint(UP, "--dialect", "postgresql")
    assert "table-rebuilt" not in text and "(sqlite)" not in text
    assert f"{lint.path}:" in text and "instead: CREATE INDEX CONCURRENTLY" in text
    text = lint(UP)
    assert "table-rebuilt (sqlite): " in text


def test_nothing_unsafe_is_nothing_said(lint):
    assert lint('op.create_table("fresh", sa.Column("id", sa.Integer))', code=0) == ""
    assert json.loads(lint("pass", "--json", code=0)) == []


def test_concurrently_in_the_transaction_is_found(lint):
    found = lint('op.create_index("ix", "users", ["a"], postgresql_concurrently=True)', "--dialect", "postgresql")
    assert "concurrently-in-transaction" in found


def test_what_asks_the_database_is_said_and_the_rest_is_looked_at(lint, capsys):
    up = 'op.drop_table("gone")\nfor row in op.get_bind().execute("SELECT 1").mappings().one():\n    pass'
    assert "table-dropped" in lint(up)
    text = lint('op.get_bind().execute("SELECT 1").one()', code=1)
    assert str(lint.path) in text and "Traceback" not in text


def test_a_file_with_a_mistake_is_said(lint, capsys):
    text = lint("pass", code=1, above="def broken(:")
    assert "one1.py, line" in text and "Traceback" not in text


def test_a_revision_that_alembic_runs_is_written_by_it(lint, monkeypatch):
    up = 'users = sa.table("users", sa.column("id"))\nsa.select(users)\nop.execute(users.delete())\nop.drop_column("users", "old")'
    found = json.loads(lint(up, "--json", "--dialect", "postgresql"))
    lines = lint.path.read_text().splitlines()
    said = {(one["code"], lines[one["line"] - 1].strip()) for one in found}
    assert ("whole-table-written", "op.execute(users.delete())") in said
    assert ("column-dropped", 'op.drop_column("users", "old")') in said
    monkeypatch.setattr(_bridge, "installed", lambda: False)
    assert "pip install ormkit[alembic]" in lint(up, code=1)


def test_types_that_only_widen_write_nothing_anew(lint):
    kinds = [
        ("sa.String(20)", "sa.String(50)"),
        ("sa.String(20)", "sa.Text()"),
        ("sa.Numeric(8, 2)", "sa.Numeric(9, 2)"),
    ]
    kinds += [("sa.String(50)", "sa.String(20)"), ("sa.Integer()", "sa.BigInteger()")]
    up = "".join(f"op.alter_column('t', 'c', existing_type={one}, type_={other})\n" for one, other in kinds)
    found = json.loads(lint(f"op.execute('SET lock_timeout = 2000')\n{up}", "--json", "--dialect", "postgresql"))
    lines = lint.path.read_text().splitlines()
    assert [one["code"] for one in found] == ["type-change-rewrites"] * 2
    assert ["sa.String(20))" in lines[one["line"] - 1] for one in found] == [True, False]


def test_rows_that_are_written_behind_an_alter_table_are_found(lint):
    up = (
        'op.add_column("users", sa.Column("age", sa.Integer))\nop.execute("UPDATE users SET age = 1 WHERE age IS NULL")'
    )
    assert "written-while-locked (postgresql): UPDATE users" in lint(up)
    up = up.replace("op.execute(", "with op.get_context().autocommit_block():\n    op.execute(")
    assert "written-while-locked" not in lint(up)


@pytest.fixture
def project(tmp_path: Path, url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """A folder with two revisions, and a command that is typed in it."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "alembic.ini").write_text(
        f"[alembic]\nscript_location = .\nsqlalchemy.url = {url.replace('%', '%%')}\n"
    )
    (tmp_path / "versions").mkdir()
    users = 'op.create_table("users", sa.Column("id", sa.Integer), sa.Column("old", sa.Integer))\n'
    (tmp_path / "versions" / "one1.py").write_text(source("one1", None, f'{users}op.drop_column("others", "old")'))
    (tmp_path / "versions" / "two2.py").write_text(source("two2", "one1", 'op.drop_column("users", "old")'))

    def typed(*arguments: str, code: int = 0) -> str:
        ended = main(list(arguments))
        printed = capsys.readouterr()
        assert ended == code, printed
        return printed.out if code in (0, 3) else printed.err

    return typed


def test_without_files_the_revisions_of_the_project_are_looked_at(project, url):
    found = json.loads(project("lint", "--json", code=3))
    dialect = "sqlite" if url.startswith("sqlite") else "postgresql"
    dropped = [(Path(one["file"]).name, one["dialects"]) for one in found if one["code"] == "column-dropped"]
    assert sorted(dropped) == [("one1.py", [dialect]), ("two2.py", [dialect])]


def test_only_what_the_database_has_not_run_is_looked_at_where_that_is_said(project, url):
    project("migrate", "stamp", "one1")
    found = json.loads(project("lint", "--pending", "--json", code=3))
    assert {Path(one["file"]).name for one in found} == {"two2.py"}
    project("migrate", "stamp", "two2")
    assert project("lint", "--pending") == ""
    assert "cannot be used with" in project("lint", "--pending", "x.py", code=2)


def test_without_files_and_a_project_there_is_nothing_to_look_at(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert main(["lint"]) == 2
    assert "lint what? There is no alembic.ini here" in capsys.readouterr().err


def test_the_table_of_the_migrations_is_no_step(project, url, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    place = "app" if not url.startswith("sqlite") else None
    with (tmp_path / "alembic.ini").open("a") as file:
        file.write("version_table = versions_of_ours\n" + (f"version_table_schema = {place}\n" if place else ""))
    module = f"linted_{abs(hash(url))}"
    text = "from ormkit import DeclarativeBase, Mapped, mapped_column\n\nclass Base(DeclarativeBase):\n    pass\n"
    for number, schema in enumerate(("app", None) if place else (None,)):
        args = f"    __table_args__ = {{'schema': {schema!r}}}\n"
        text += f"\nclass T{number}(Base):\n    __tablename__ = 't'\n{args}    id: Mapped[int] = mapped_column(primary_key=True)\n"
    (tmp_path / f"{module}.py").write_text(text)
    project("migrate", "stamp", "one1")
    assert project("lint", "--models", module) in ("", "[]\n")
