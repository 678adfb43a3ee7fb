"""Configurations, revision files and operations by themselves: no database."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ormkit import MigrationError, NotSupportedError
from ormkit.migrations import (
    AddColumn,
    AlembicConfig,
    AlterColumn,
    ColumnDef,
    CreateCheckConstraint,
    CreateForeignKey,
    CreateIndex,
    CreateTable,
    CreateUniqueConstraint,
    DropColumn,
    DropConstraint,
    DropIndex,
    DropTable,
    Execute,
    MigrateOperation,
    MigrationScript,
    Operations,
    RenameTable,
    ScriptFolder,
)


def ini(folder: Path, text: str) -> AlembicConfig:
    (folder / "alembic.ini").write_text(f"[alembic]\n{text}")
    return AlembicConfig.from_ini(folder / "alembic.ini")


def test_ini_is_read_from_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    config = ini(tmp_path, "script_location = db/alembic\nsqlalchemy.url = sqlite:///%(here)s/a.db\n")
    assert config.script_location == tmp_path / "db" / "alembic"
    assert config.versions_dir == tmp_path / "db" / "alembic" / "versions"
    assert config.sqlalchemy_url == f"sqlite:///{tmp_path.as_posix()}/a.db"
    assert config.get_url() == config.sqlalchemy_url
    assert config.get_url("sqlite://") == "sqlite://"
    assert config.version_table == "alembic_version"
    assert (config.file_template, config.truncate_slug_length) == ("%(rev)s_%(slug)s", 40)


@pytest.mark.parametrize(
    ("separator", "said"),
    [("", "one two"), ("path_separator = space", "one two"), ("path_separator = os", f"one{os.pathsep}two"),
     ("path_separator = newline", "one\n    two"), ("path_separator = ;", "one;two"),
     ("version_path_separator = :", "one:two")],
)  # fmt: skip
def test_version_locations_are_split(tmp_path: Path, separator: str, said: str) -> None:
    config = ini(tmp_path, f"script_location = a\n{separator}\nversion_locations = {said}\n")
    assert config.version_locations == [tmp_path / "one", tmp_path / "two"]


def test_what_is_wrong_with_a_configuration_is_said(tmp_path: Path) -> None:
    assert AlembicConfig.detect(tmp_path) is None
    with pytest.raises(MigrationError, match="migrate init"):
        AlembicConfig.from_ini(tmp_path / "alembic.ini")
    with pytest.raises(MigrationError, match="no script_location"):
        _ = ini(tmp_path, "").script_location
    with pytest.raises(MigrationError, match="path_separator"):
        _ = ini(tmp_path, "script_location = a\npath_separator = x\nversion_locations = b").version_locations
    (tmp_path / "alembic.ini").write_text("[other]\n")
    with pytest.raises(MigrationError, match=r"no section \[alembic\]"):
        AlembicConfig.from_ini(tmp_path / "alembic.ini")
    (tmp_path / "alembic.ini").write_text("nonsense")
    with pytest.raises(MigrationError, match="cannot be read"):
        AlembicConfig.from_ini(tmp_path / "alembic.ini")


def test_excluded_tables_are_listed(tmp_path: Path) -> None:
    config = ini(tmp_path, "script_location = a\n[alembic:exclude]\ntables = one, two\n")
    assert config.exclude_tables == ["one", "two"]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 reads no TOML")
def test_pyproject_is_read(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.alembic]\nscript_location = "%(here)s/alembic"\nversion_locations = ["a", "%(here)s/b"]\n'
    )
    config = AlembicConfig.detect(tmp_path)
    assert config is not None
    assert config.script_location == tmp_path / "alembic"
    assert config.version_locations == [tmp_path / "a", tmp_path / "b"]


def written(folder: Path, text: str) -> Path:
    path = folder / "file.py"
    path.write_text(text)
    return path


def test_values_are_as_in_the_file(tmp_path: Path) -> None:
    text = '''"""Add it

More words.
"""
from typing import Sequence, Union
revision: str = "abc"
down_revision: Union[str, Sequence[str], None] = (
    "one",
    "two",
)
branch_labels = None
depends_on = "other"
'''
    script = MigrationScript.load(written(tmp_path, text))
    assert (script.revision, script.down_revision) == ("abc", ("one", "two"))
    assert (script.branch_labels, script.depends_on, script.message) == (None, "other", "Add it")
    assert script.render() == text


def test_computed_heads_are_run(tmp_path: Path) -> None:
    script = MigrationScript.load(written(tmp_path, "number = 7\nrevision = f'r{number}'\ndown_revision = None\n"))
    assert script.revision == "r7"
    with pytest.raises(MigrationError, match="says no `revision`"):
        MigrationScript.load(written(tmp_path, "x = 1\n"))
    with pytest.raises(MigrationError, match="there is no file"):
        MigrationScript.load(tmp_path / "nowhere.py")


def test_new_script_renders_a_plain_file_that_loads(tmp_path: Path) -> None:
    script = MigrationScript("abcd", "Say it", ("one", "two"))
    text = script.render()
    assert "revision = 'abcd'\ndown_revision = ('one', 'two')\nbranch_labels = None\n" in text
    assert "def upgrade():\n    pass\n" in text
    loaded = MigrationScript.load(written(tmp_path, text))
    assert (loaded.revision, loaded.down_revision, loaded.message) == ("abcd", ("one", "two"), "Say it")
    loaded.upgrade(Operations("sqlite"))


def test_functions_of_a_file_are_called_with_the_op_given(tmp_path: Path) -> None:
    text = (
        "from alembic import op\nimport sqlalchemy as sa\nrevision = 'a1'\ndown_revision = None\n"
        "def upgrade():\n    op.create_table('t', sa.Column('id', sa.Integer(), primary_key=True))\n"
        "def downgrade():\n    op.drop_table('t')\n"
    )
    script, op = MigrationScript.load(written(tmp_path, text)), Operations("postgresql")
    script.upgrade(op)
    script.downgrade(op)
    assert [one.operation_type for one in op.get_operations()] == ["create_table", "drop_table"]
    assert op.get_sql() == ["CREATE TABLE t (\n    id SERIAL NOT NULL,\n    PRIMARY KEY (id)\n)", "DROP TABLE t"]


def test_folder_with_two_heads_says_so(tmp_path: Path) -> None:
    config = ini(tmp_path, "script_location = a\n")
    with pytest.raises(MigrationError, match="no folder"):
        _ = ScriptFolder(config).graph
    config.versions_dir.mkdir(parents=True)
    folder = ScriptFolder(config)
    first = folder.create("first")
    folder.create("left")
    folder.create("right", head=first.revision, splice=True)
    with pytest.raises(MigrationError, match=r"there are 2.*migrate merge heads"):
        folder.create("more")
    with pytest.raises(MigrationError, match="--splice"):
        folder.create("more", head=first.revision)
    merged = folder.create("merge", head="heads")
    assert len(merged.down_revision or ()) == 2
    assert folder.graph.heads() == [merged.revision]


USERS = [ColumnDef("id", "INTEGER", primary_key=True), ColumnDef("name", "VARCHAR(50)", nullable=False, unique=True)]


@pytest.mark.parametrize(
    ("operation", "sql", "back"),
    [
        (
            CreateTable("users", USERS),
            "CREATE TABLE users (\n    id INTEGER NOT NULL,\n    name VARCHAR(50) NOT NULL,\n    PRIMARY KEY (id),\n    UNIQUE (name)\n)",
            "DROP TABLE users",
        ),
        (AddColumn("users", ColumnDef("age", "INTEGER")), "ALTER TABLE users ADD COLUMN age INTEGER", "ALTER TABLE users DROP COLUMN age"),
        (RenameTable("a", "b"), "ALTER TABLE a RENAME TO b", "ALTER TABLE b RENAME TO a"),
        (CreateIndex("ix", "users", ["name"], unique=True), "CREATE UNIQUE INDEX ix ON users (name)", "DROP INDEX ix"),
        (CreateUniqueConstraint("uq", "users", ["name"]), "ALTER TABLE users ADD CONSTRAINT uq UNIQUE (name)", "ALTER TABLE users DROP CONSTRAINT uq"),
        (CreateCheckConstraint("ck", "users", "age > 0"), "ALTER TABLE users ADD CONSTRAINT ck CHECK (age > 0)", "ALTER TABLE users DROP CONSTRAINT ck"),
        (
            CreateForeignKey("fk", "posts", "users", ["user_id"], ["id"], ondelete="cascade"),
            "ALTER TABLE posts ADD CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE",
            "ALTER TABLE posts DROP CONSTRAINT fk",
        ),
        (
            AlterColumn("users", "name", nullable=True),
            "ALTER TABLE users ALTER COLUMN name DROP NOT NULL",
            "ALTER TABLE users ALTER COLUMN name SET NOT NULL",
        ),
        (
            AlterColumn("users", "name", type="TEXT", existing_type="VARCHAR(50)", server_default="x", existing_server_default=None),
            "ALTER TABLE users ALTER COLUMN name SET DEFAULT 'x', ALTER COLUMN name TYPE TEXT",
            "ALTER TABLE users ALTER COLUMN name DROP DEFAULT, ALTER COLUMN name TYPE VARCHAR(50)",
        ),
        (Execute("UPDATE users SET name = ''", "SELECT 1"), "UPDATE users SET name = ''", "SELECT 1"),
        (DropTable("users", columns=USERS[:1]), "DROP TABLE users", "CREATE TABLE users (\n    id INTEGER NOT NULL,\n    PRIMARY KEY (id)\n)"),
    ],
)  # fmt: skip
def test_operations_have_sql_and_a_way_back(operation: MigrateOperation, sql: str, back: str) -> None:
    assert operation.to_sql("postgresql") == sql
    assert operation.reverse().to_sql("postgresql") == back


@pytest.mark.parametrize(
    "operation", [DropTable("t"), DropColumn("t", "c"), DropIndex("i"), DropConstraint("c", "t"), Execute("x")]
)
def test_what_is_not_known_cannot_be_reversed(operation: MigrateOperation) -> None:
    with pytest.raises(MigrationError, match="cannot be reversed"):
        operation.reverse()


def test_names_of_operations_are_those_of_op() -> None:
    op = Operations("sqlite")
    op.add_column("t", ColumnDef("c", "TEXT"))
    op.alter_column("t", "c", nullable=False)
    op.create_index(op.f("ix"), "t", ["c"])
    op.drop_index("ix", "t")
    op.drop_column("t", "c")
    op.execute("SELECT 1;")
    found = [(one.operation_type, one.table_name, one.column_name) for one in op.get_operations()]
    assert found == [
        ("add_column", "t", "c"), ("alter_column", "t", "c"), ("create_index", "t", None), ("drop_index", "t", None),
        ("drop_column", "t", "c"), ("execute", None, None),
    ]  # fmt: skip
    assert op.get_operations()[0].to_sql("sqlite") == "ALTER TABLE t ADD COLUMN c TEXT"
    assert op.get_operations()[5].to_sql("sqlite") == "SELECT 1"
    assert op.get_operations()[4].to_sql("sqlite") == "ALTER TABLE t DROP COLUMN c"
    counted = AddColumn("t", ColumnDef("n", "INTEGER", nullable=False, server_default="0"))
    assert counted.to_sql("sqlite") == "ALTER TABLE t ADD COLUMN n INTEGER NOT NULL DEFAULT '0'"
    with pytest.raises(NotSupportedError, match="rebuild"):
        op.get_operations()[1].to_sql("sqlite")
    with pytest.raises(MigrationError, match="needs a database"):
        op.get_bind()


@pytest.mark.parametrize(
    "call",
    [
        lambda op: op.alter_column("t", "c", nonsense=1),
        lambda op: op.create_index("i", "t", ["c"], postgresql_nonsense=1),
        lambda op: op.create_table("t", ColumnDef("c", "TEXT", nonsense=1)),
        lambda op: op.create_table("t", nonsense=1),
        lambda op: op.create_table("t", ColumnDef("c", 7)),
    ],
)
def test_what_is_not_known_is_refused(call: Any) -> None:
    op = Operations("postgresql")
    with pytest.raises(MigrationError):
        call(op)
        op.get_sql()


@pytest.mark.parametrize("place", ["insert_before", "insert_after"])
def test_the_place_of_a_column_is_refused_where_it_would_be_another(place: str) -> None:
    changes: list[Callable[[Any], None]] = [
        lambda batch: batch.add_column(ColumnDef("c", "TEXT"), **{place: "id"}),
        lambda batch: batch.alter_column("c", nullable=False, existing_type="TEXT", **{place: "id"}),
    ]
    for change in changes:
        with pytest.raises(MigrationError, match=place), Operations("sqlite").batch_alter_table("t") as batch:
            change(batch)
        op = Operations("postgresql")
        with op.batch_alter_table("t") as batch:
            change(batch)
        assert len(op.get_operations()) == 1


def test_heads_of_several_names_at_once_are_read(tmp_path: Path) -> None:
    path = tmp_path / "one.py"
    path.write_text("revision, down_revision = 'one1', ('a', 'b')\n")
    script = MigrationScript.load(path)
    assert (script.revision, script.down_revision) == ("one1", ("a", "b"))


def test_files_are_named_as_the_template_says(tmp_path: Path) -> None:
    ini = tmp_path / "alembic.ini"
    text = "[alembic]\nscript_location = alembic\ntruncate_slug_length = 10\nfile_template = %%(year)d_%%(month).2d-%%(rev)s_%%(slug)s\n"
    ini.write_text(text)
    folder = tmp_path / "alembic" / "versions"
    folder.mkdir(parents=True)
    path = ScriptFolder(AlembicConfig.from_ini(ini)).create("Add: the Ärzte, now", revision="one1").path
    assert path is not None and re.fullmatch(r"\d{4}_\d\d-one1_add_the_\.py", path.name), path
    ini.write_text("[alembic]\nscript_location = alembic\nfile_template = %%(nothing)s\n")
    with pytest.raises(MigrationError, match=r"alembic\.ini: file_template .*nothing"):
        ScriptFolder(AlembicConfig.from_ini(ini)).create("x", head="one1")
