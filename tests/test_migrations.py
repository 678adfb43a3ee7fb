"""Running revisions: targets, failures, what is kept, who waits for whom, scripts."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from revisions import source

from ormkit import ConnectionPool, MigrationError, create_engine
from ormkit.migrations import AlembicConfig, MigrationRunner, MigrationScript, _bridge

pytestmark = pytest.mark.asyncio

TABLE = 'op.create_table("{0}", sa.Column("id", sa.Integer, primary_key=True))'
DROP = 'op.drop_table("{0}")'


class Project:
    """A folder with revisions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.versions = folder / "alembic" / "versions"
        self.versions.mkdir(parents=True)
        (folder / "alembic.ini").write_text("[alembic]\nscript_location = alembic\n")

    def write(self, id: str, before: object, up: str, down: str = "pass", above: str = "") -> Path:
        path = self.versions / f"{id}.py"
        path.write_text(source(id, before, up, down, above))
        return path

    def table(self, id: str, before: object) -> Path:
        return self.write(id, before, TABLE.format(id), DROP.format(id))

    def runner(self, engine: ConnectionPool, **options: Any) -> MigrationRunner:
        return MigrationRunner(engine, AlembicConfig.detect(self.folder), **options)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


async def tables(engine: ConnectionPool) -> list[str]:
    return [name for name in await engine.get_tables() if name != "alembic_version"]


async def test_up_down_and_where_it_is(engine: ConnectionPool, project: Project) -> None:
    for id, before in (("one1", None), ("two2", "one1"), ("three3", "two2")):
        project.table(id, before)
    runner = project.runner(engine)
    assert await runner.get_current_revision() is None
    assert [script.revision for script in await runner.get_pending_migrations()] == ["one1", "two2", "three3"]
    assert await runner.upgrade("+2") == ["one1", "two2"]
    assert await runner.get_current_revision() == "two2"
    assert await runner.get_applied_revisions() == ["one1", "two2"]
    assert await runner.upgrade() == ["three3"]
    assert await runner.upgrade() == []
    assert await tables(engine) == ["one1", "three3", "two2"]
    assert await runner.downgrade() == ["three3"]
    assert await runner.downgrade("base") == ["two2", "one1"]
    assert await tables(engine) == []
    await runner.stamp("two2")
    assert await runner.get_current_revision() == "two2"
    assert await tables(engine) == []


async def test_without_a_folder_ids_are_taken_as_given(engine: ConnectionPool, project: Project) -> None:
    one = MigrationScript.load(project.table("one1", None))
    two = MigrationScript.load(project.table("two2", "one1"))
    runner = MigrationRunner(engine)
    await runner.run_upgrade(one)
    await runner.run_upgrade(two)
    assert await runner.get_current_revision() == "two2"
    assert await runner.get_applied_revisions() == ["two2"]
    with pytest.raises(MigrationError, match="has run already"):
        await runner.run_upgrade(two)
    await runner.run_downgrade(two)
    assert await runner.get_current_revision() == "one1"
    await runner.stamp("whatever")
    assert await runner.get_current_revision() == "whatever"
    with pytest.raises(MigrationError, match=r"AlembicConfig\.detect"):
        await runner.upgrade()


async def test_failing_revision_names_itself_and_leaves_nothing(engine: ConnectionPool, project: Project) -> None:
    project.table("one1", None)
    bad = project.write("two2", "one1", f"{TABLE.format('two2')}\nop.execute('SELECT * FROM nowhere')")
    project.table("three3", "two2")
    runner = project.runner(engine)
    with pytest.raises(MigrationError) as raised:
        await runner.upgrade()
    error = raised.value
    line = bad.read_text().splitlines().index("    op.execute('SELECT * FROM nowhere')") + 1
    assert f"upgrade of `two2` ({bad}) failed in line {line}" in str(error)
    assert error.revisions == ("two2",)
    assert error.file == str(bad)
    assert error.statement == "SELECT * FROM nowhere"
    assert "nowhere" in str(error.__cause__)
    assert await runner.get_current_revision() == "one1"
    assert await tables(engine) == ["one1"]
    bad.write_text(bad.read_text().replace("SELECT * FROM nowhere", "SELECT 1"))
    assert await project.runner(engine).upgrade() == ["two2", "three3"]


async def test_python_error_is_named_and_undone(engine: ConnectionPool, project: Project) -> None:
    project.write("one1", None, f"{TABLE.format('one1')}\n1 / 0")
    with pytest.raises(MigrationError, match="ZeroDivisionError: division by zero") as raised:
        await project.runner(engine).upgrade()
    assert isinstance(raised.value.__cause__, ZeroDivisionError)
    assert await engine.get_tables() == []


@pytest.mark.parametrize(
    ("above", "up", "names"),
    [
        ("from sqlalchemy.orm import Session", "Session(bind=op.get_bind())", ["sqlalchemy.orm"]),
        ("", "sa.inspect(op.get_bind())", ["sa.inspect"]),
        ("", "users = sa.table('users')\nop.execute(users.insert())", ["users.insert"]),
        ("", "op.create_procedure('x')", ["op.create_procedure"]),
        ("import sqlalchemy_utils", "pass", ["sqlalchemy_utils", "Three ways on"]),
        ("from alembic import command", "command.upgrade", ["alembic.command"]),
        ("", "with op.batch_alter_table('x') as batch:\n    batch.nothing()", ["batch.nothing"]),
    ],
)
async def test_foreign_names_stop_before_anything_is_done(
    engine: ConnectionPool, project: Project, monkeypatch: pytest.MonkeyPatch, above: str, up: str, names: list[str]
) -> None:
    monkeypatch.setattr(_bridge, "installed", lambda: False)
    project.table("one1", None)
    project.write("two2", "one1", up, above=above)
    with pytest.raises(MigrationError) as raised:
        await project.runner(engine).upgrade()
    assert all(name in str(raised.value) for name in names), str(raised.value)
    assert await engine.get_tables() == []


async def test_ways_on_are_named(engine: ConnectionPool, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_bridge, "installed", lambda: False)
    project.write("one1", None, "sa.inspect(op.get_bind())")
    with pytest.raises(
        MigrationError, match=r"pip install ormkit\[alembic\].*ormkit migrate stamp one1.*ormkit migrate squash"
    ):
        await project.runner(engine).upgrade()


async def test_file_with_a_mistake_stops_only_who_runs_it(engine: ConnectionPool, project: Project) -> None:
    project.table("one1", None)
    (project.versions / "two2.py").write_text(source("two2", "one1", "pass") + "\ndef broken(:\n")
    project.table("other", None)
    runner = project.runner(engine)
    assert await runner.upgrade("one1") == ["one1"]
    with pytest.raises(MigrationError, match=r"two2\.py, line \d+: "):
        await runner.upgrade("two2")
    assert await runner.upgrade("other") == ["other"]


async def test_unknown_stamped_id_says_what_to_do(engine: ConnectionPool, project: Project) -> None:
    project.table("one1", None)
    await MigrationRunner(engine).stamp("gone")
    runner = project.runner(engine)
    with pytest.raises(MigrationError, match=r"at revision `gone`, which is in no file.*stamp --purge"):
        await runner.upgrade()
    await runner.stamp("base", purge=True)
    assert await runner.upgrade() == ["one1"]


async def test_real_sqlalchemy_and_alembic_are_not_touched(engine: ConnectionPool, project: Project) -> None:
    import alembic
    import sqlalchemy

    up = f"{TABLE.format('one1')}\nimport sqlalchemy as again\nassert again.Column is sa.Column"
    project.write("one1", None, up)
    before = set(sys.modules)
    await project.runner(engine).upgrade()
    assert sys.modules["sqlalchemy"] is sqlalchemy
    assert sys.modules["alembic"] is alembic
    assert not {name for name in set(sys.modules) - before if name.startswith(("sqlalchemy", "alembic", "revision_"))}


async def test_bind_answers_rows_and_has_savepoints(engine: ConnectionPool, project: Project) -> None:
    up = """
    op.create_table("t", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(9), unique=True))
    bind = op.get_bind()
    bind.execute(sa.text("INSERT INTO t (name) VALUES (:n)"), [{"n": "a"}, {"n": "b"}])
    assert bind.execute(sa.text("SELECT name FROM t ORDER BY 1")).scalars().all() == ["a", "b"]
    assert [row.name for row in bind.execute("SELECT * FROM t ORDER BY 1")] == ["a", "b"]
    assert bind.execute("SELECT id, name FROM t ORDER BY 1").mappings().first() == {"id": 1, "name": "a"}
    assert bind.scalar("SELECT count(*) FROM t WHERE name = :n", {"n": "a"}) == 1
    assert bind.execute(sa.text("UPDATE t SET name = 'c' WHERE name = :n").bindparams(n="b")).rowcount == 1
    try:
        with bind.begin_nested():
            bind.execute("INSERT INTO t (name) VALUES ('a')")
    except Exception as error:
        assert "UNIQUE" in str(error).upper(), error
    assert bind.execute("SELECT id FROM t WHERE name = 'x'").fetchone() is None
    """
    project.write("one1", None, up)
    await project.runner(engine).upgrade()
    assert (await engine.execute("SELECT name FROM t ORDER BY 1")).scalars() == ["a", "c"]


async def test_two_runners_in_one_process_queue(engine: ConnectionPool, url: str, project: Project) -> None:
    project.write("one1", None, f"import time\n{TABLE.format('one1')}\ntime.sleep(0.3)")
    project.table("two2", "one1")
    async with create_engine(url) as other:
        ran = await asyncio.gather(project.runner(engine).upgrade(), project.runner(other).upgrade())
    assert sorted(ran, key=len) == [[], ["one1", "two2"]] or sorted(ran) == [["one1"], ["two2"]]
    assert await tables(engine) == ["one1", "two2"]


RUN = """
import asyncio, sys
from ormkit import create_engine
from ormkit.migrations import AlembicConfig, MigrationRunner

async def main():
    async with create_engine(sys.argv[2]) as engine:
        print(await MigrationRunner(engine, AlembicConfig.detect(sys.argv[1])).upgrade())

asyncio.run(main())
"""


def process(project: Project, url: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", RUN, str(project.folder), url]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


async def test_two_processes_run_each_revision_once(engine: ConnectionPool, url: str, project: Project) -> None:
    before = None
    for index in range(6):
        id = f"rev{index}"
        project.write(id, before, f"import time\n{TABLE.format(id)}\ntime.sleep(0.05)", DROP.format(id))
        before = id
    both = [process(project, url) for _ in range(2)]
    said = [one.communicate(timeout=60)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    ran = [id for one in said for id in eval(one)]
    assert sorted(ran) == [f"rev{index}" for index in range(6)], said
    assert await tables(engine) == sorted(ran)


async def test_killed_run_is_taken_to_the_end(
    engine: ConnectionPool, url: str, project: Project, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    wait = f"import pathlib, time\npathlib.Path({str(mark)!r}).touch()\ntime.sleep(60)"
    project.table("one1", None)
    slow = project.write("two2", "one1", f"{TABLE.format('two2')}\nop.execute('DROP TABLE one1')\n{wait}")
    running = process(project, url)
    deadline = time.monotonic() + 30
    while not mark.exists() and time.monotonic() < deadline:
        time.sleep(0.05)  # noqa: ASYNC251 # nothing else runs here
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    runner = project.runner(engine)
    assert await runner.get_current_revision() == "one1"
    assert await tables(engine) == ["one1"]
    slow.write_text(source("two2", "one1", f"{TABLE.format('two2')}\nop.execute('DROP TABLE one1')"))
    assert await project.runner(engine).upgrade() == ["two2"]
    assert await tables(engine) == ["two2"]


async def test_cancelled_run_leaves_nothing(engine: ConnectionPool, project: Project) -> None:
    project.write("one1", None, f"import time\n{TABLE.format('one1')}\ntime.sleep(0.3)\n{TABLE.format('more')}")
    task = asyncio.create_task(project.runner(engine).upgrade())
    await asyncio.sleep(0.15)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await engine.get_tables() == []
    assert len(await asyncio.wait_for(project.runner(engine).upgrade(), 20)) == 1


@pytest.mark.parametrize("runs_it", ["op.get_bind()", "sa.inspect(op.get_bind())"], ids=["ormkit", "Alembic"])
async def test_lock_of_somebody_else_is_waited_for_and_tried_again(
    postgres_url: str, project: Project, runs_it: str
) -> None:
    project.table("one1", None)
    project.write("two2", "one1", f'{runs_it}\nop.add_column("one1", sa.Column("x", sa.Integer))')
    async with create_engine(postgres_url) as engine:
        await project.runner(engine).upgrade("one1")
        with psycopg.connect(postgres_url) as holder:
            holder.execute("LOCK TABLE one1")
            with pytest.raises(MigrationError, match="two2.*lock timeout"):
                await project.runner(engine, lock_timeout=0.05, attempts=2).upgrade()
            task = asyncio.create_task(project.runner(engine, lock_timeout=0.05, attempts=50).upgrade())
            await asyncio.sleep(0.4)
        assert await asyncio.wait_for(task, 20) == ["two2"]


async def test_run_that_may_not_wait_gives_up(postgres_url: str, project: Project) -> None:
    project.write("one1", None, "import time\ntime.sleep(0.8)")
    async with create_engine(postgres_url) as one, create_engine(postgres_url) as two:
        first = asyncio.create_task(project.runner(one).upgrade())
        await asyncio.sleep(0.3)
        with pytest.raises(MigrationError, match="another run has held the database"):
            await project.runner(two, wait=0.1).upgrade()
        assert await first == ["one1"]


HOLD = """
import sqlite3, sys, time
with sqlite3.connect(sys.argv[1], isolation_level=None) as connection:
    connection.execute("BEGIN IMMEDIATE")
    print("held", flush=True)
    time.sleep(6)
    connection.execute("COMMIT")
"""


async def test_writer_of_sqlite_is_waited_for_longer_than_a_statement_would(sqlite_url: str, project: Project) -> None:
    project.table("one1", None)
    async with create_engine(sqlite_url) as engine:
        await engine.execute("CREATE TABLE t (id INTEGER)")
        command = [sys.executable, "-c", HOLD, sqlite_url.removeprefix("sqlite:///")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:  # noqa: ASYNC220
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            assert await project.runner(engine).upgrade() == ["one1"]


async def test_lost_connection_names_the_revision(postgres_url: str, project: Project) -> None:
    project.table("one1", None)
    end = "op.execute('SELECT pg_terminate_backend(pg_backend_pid())')"
    project.write("two2", "one1", f"{TABLE.format('two2')}\n{end}")
    async with create_engine(postgres_url) as engine:
        runner = project.runner(engine)
        with pytest.raises(MigrationError, match="upgrade of `two2`"):
            await runner.upgrade()
        assert await runner.get_current_revision() == "one1"
        assert await tables(engine) == ["one1"]


async def test_read_only_database_is_named(url: str, project: Project, tmp_path: Path) -> None:
    project.table("one1", None)
    if url.startswith("sqlite"):
        async with create_engine(url) as engine:
            await engine.execute("CREATE TABLE t (id INTEGER)")
        url += "?mode=ro"
    else:
        url += ("&" if "?" in url else "?") + "options=-c%20default_transaction_read_only%3Don"
    async with create_engine(url) as engine:
        with pytest.raises(MigrationError, match=r"upgrade of `one1`.*read-?only"):
            await project.runner(engine).upgrade()


def psql(url: str, script: str) -> None:
    bindir = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=True).stdout.strip()
    command = [f"{bindir}/psql", "-1", "-v", "ON_ERROR_STOP=1", "-f", "-", url]
    ran = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


async def test_script_is_applied_by_psql(postgres_url: str, project: Project) -> None:
    project.table("one1", None)
    project.write("two2", "one1", 'op.add_column("one1", sa.Column("x", sa.String(9), server_default="it\'s; so"))')
    async with create_engine(postgres_url) as engine:
        script = project.runner(engine).sql("head")
        psql(postgres_url, script)
        assert await project.runner(engine).get_current_revision() == "two2"
        assert [column.default for column in await engine.get_columns("one1")][1] == "'it''s; so'::character varying"


async def test_sqlite_loses_nothing_in_a_batch(sqlite_url: str, project: Project) -> None:
    up = """
    op.execute("CREATE TABLE p (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT NOT NULL UNIQUE, b TEXT)")
    op.execute("CREATE TABLE k (p INTEGER REFERENCES p (id) ON DELETE CASCADE)")
    op.execute("CREATE INDEX ix_low ON p (lower(a)) WHERE b IS NOT NULL")
    op.execute("CREATE TRIGGER tr AFTER INSERT ON p BEGIN INSERT INTO k VALUES (new.id); END")
    op.execute("INSERT INTO p (id, a) VALUES (7, 'x')")
    with op.batch_alter_table("p") as batch:
        batch.alter_column("b", new_column_name="c", existing_type=sa.Text())
        batch.add_column(sa.Column("d", sa.Integer, server_default="3", nullable=False))
    op.rename_table("p", "parents")
    """
    project.write("one1", None, up)
    async with create_engine(sqlite_url) as engine:
        await project.runner(engine).upgrade()
        assert (await engine.execute("SELECT * FROM parents")).tuples() == [(7, "x", None, 3)]
        assert (await engine.execute("SELECT p FROM k")).tuples() == [(7,)]
        await engine.execute("INSERT INTO parents (a) VALUES ('y')")
        assert (await engine.execute("SELECT max(id) FROM parents")).scalar() == 8
        keys = (await engine.get_table_info("k")).constraints
        assert [key.references_table for key in keys] == ["parents"]
        assert [index.where for index in await engine.get_indexes("parents")] == ["c IS NOT NULL"]


async def test_create_makes_a_file_that_runs(engine: ConnectionPool, project: Project) -> None:
    runner = project.runner(engine)
    one = await runner.create_migration("Add the users!")
    assert one.path is not None
    assert one.path.name == f"{one.revision}_add_the_users.py"
    assert one.down_revision is None
    two = await runner.create_migration("two", revision="abcd")
    assert two.down_revision == one.revision
    assert await runner.upgrade() == [one.revision, "abcd"]
    template = '"""${message}"""\nrevision = ${repr(up_revision)}\ndown_revision = ${repr(down_revision)}\n'
    (project.folder / "alembic" / "script.py.mako").write_text(template + "# mine\n")
    three = await runner.create_migration("three")
    assert "# mine" in three.render()
    assert (three.message, three.down_revision) == ("three", "abcd")


async def test_two_thousand_files_load(project: Project, engine: ConnectionPool) -> None:
    before = None
    for index in range(2000):
        project.table(f"rev{index:04}", before)
        before = f"rev{index:04}"
    pending = await project.runner(engine).get_pending_migrations()
    assert [script.revision for script in pending[:2]] == ["rev0000", "rev0001"]
    assert len(pending) == 2000


async def test_a_connection_that_is_lost_between_revisions_ends_the_run(postgres_url: str, project: Project) -> None:
    for id, before in (("one1", None), ("two2", "one1"), ("three3", "two2")):
        project.table(id, before)
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"

    def kill(script: MigrationScript, up: bool, seconds: float) -> None:
        if script.revision == "two2":
            with psycopg.connect(postgres_url, autocommit=True) as connection:
                connection.execute(end)

    async with create_engine(postgres_url) as engine:
        with pytest.raises(MigrationError, match="`ormkit migrate up` tries again") as raised:
            await project.runner(engine, on_revision=kill).upgrade()
        assert raised.value.revisions == ("three3",) and Path(str(raised.value.file)).name == "three3.py"
        assert await tables(engine) == ["one1", "two2"]
        assert await project.runner(engine).get_current_revision() == "two2"
        assert await project.runner(engine).upgrade() == ["three3"]
