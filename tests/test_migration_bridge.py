"""Revisions that need the installed Alembic and SQLAlchemy: run by them on our connection, in our transaction."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from revisions import source
from test_migrations import DROP, TABLE, Project, tables

import ormkit
from ormkit import ConnectionPool, MigrationError
from ormkit.migrations import MigrationRunner, _bridge

pytestmark = pytest.mark.asyncio

ORM = "from sqlalchemy.orm import Session, declarative_base"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


async def test_a_session_of_sqlalchemy_fills_a_table(engine: ConnectionPool, project: Project) -> None:
    above = f"""{ORM}
import datetime, decimal, uuid

Base = declarative_base()

class Thing(Base):
    __tablename__ = "things"
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.String(20), unique=True)
    at = sa.Column(sa.DateTime)
    day = sa.Column(sa.Date)
    price = sa.Column(sa.Numeric(10, 2))
    ratio = sa.Column(sa.Float)
    token = sa.Column(sa.Uuid)
    extra = sa.Column(sa.JSON)
    mood = sa.Column(sa.Enum("sad", "ok", name="mood"))
    good = sa.Column(sa.Boolean)
    raw = sa.Column(sa.LargeBinary)
    span = sa.Column(sa.Interval)
"""
    up = """
    bind = op.get_bind()
    Base.metadata.create_all(bind)
    values = dict(at=datetime.datetime(2020, 1, 2, 3, 4, 5, 6), day=datetime.date(2020, 1, 2), price=decimal.Decimal("1.50"),
                  ratio=0.5, token=uuid.UUID(int=7), extra={"a": [1, "x", None]}, mood="ok", good=True, raw=b"\\x00\\xff",
                  span=datetime.timedelta(days=1, seconds=2))
    with Session(bind=bind) as session:
        session.add_all([Thing(name=f"thing {number}", **values) for number in range(3)])
        session.commit()
    with Session(bind=bind) as session:
        found = session.scalars(sa.select(Thing).where(Thing.name.in_(["thing 1", "thing 2"])).order_by(Thing.id)).all()
        assert [thing.id for thing in found] == [2, 3]
        for name, value in values.items():
            assert getattr(found[0], name) == value, (name, getattr(found[0], name))
        session.execute(sa.update(Thing).where(Thing.id == 1).values(name="first"))
        session.commit()
    try:
        with bind.begin_nested():
            bind.execute(sa.insert(Thing).values(name="first"))
    except sa.exc.IntegrityError as error:
        assert type(error.orig).__name__ == "UniqueViolation"
    else:
        raise AssertionError
    inspector = sa.inspect(bind)
    assert "things" in inspector.get_table_names()
    assert [column["name"] for column in inspector.get_columns("things")][:2] == ["id", "name"]
    assert inspector.get_unique_constraints("things")[0]["column_names"] == ["name"]
    assert inspector.get_pk_constraint("things")["constrained_columns"] == ["id"]
    again = sa.Table("things", sa.MetaData(), autoload_with=bind)
    assert bind.execute(sa.select(sa.func.count()).select_from(again)).scalar() == 3
    """
    project.table("one1", None)
    project.write("two2", "one1", up, "Base.metadata.drop_all(op.get_bind())", above)
    project.table("three3", "two2")
    runner = project.runner(engine)
    assert await runner.upgrade() == ["one1", "two2", "three3"]
    assert await runner.get_current_heads() == ["three3"]
    rows = await engine.execute("SELECT name FROM things ORDER BY id")
    assert rows.scalars() == ["first", "thing 1", "thing 2"]
    assert await runner.downgrade("base") == ["three3", "two2", "one1"]
    assert await tables(engine) == []
    assert await runner.get_current_heads() == []


async def test_a_failure_leaves_nothing_and_names_the_line_and_the_statement(
    engine: ConnectionPool, project: Project
) -> None:
    up = """
    sa.inspect(op.get_bind())
    op.create_table("half", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("INSERT INTO nowhere VALUES (1)")
    """
    path = project.write("one1", None, up)
    with pytest.raises(MigrationError) as raised:
        await project.runner(engine).upgrade()
    line = path.read_text().splitlines().index('    op.execute("INSERT INTO nowhere VALUES (1)")') + 1
    assert raised.value.revisions == ("one1",)
    assert f"in line {line}" in str(raised.value)
    assert raised.value.statement == "INSERT INTO nowhere VALUES (1)"
    assert await tables(engine) == []
    assert await project.runner(engine).get_current_heads() == []


@pytest.mark.parametrize("word", ["commit", "rollback"])
async def test_a_revision_neither_commits_nor_rolls_back(engine: ConnectionPool, project: Project, word: str) -> None:
    project.write("one1", None, f"sa.inspect(op.get_bind())\n{TABLE.format('half')}\nop.get_bind().{word}()")
    with pytest.raises(MigrationError, match="autocommit_block|rolled back its transaction"):
        await project.runner(engine).upgrade()
    assert await tables(engine) == []
    assert await project.runner(engine).get_current_heads() == []


async def test_an_autocommit_block_runs_outside_of_the_transaction(postgres_url: str, project: Project) -> None:
    up = f"""
    sa.inspect(op.get_bind())
    {TABLE.format("things")}
    with op.get_context().autocommit_block():
        op.create_index("ix_things", "things", ["id"], postgresql_concurrently=True)
    assert "ix_things" in [index["name"] for index in sa.inspect(op.get_bind()).get_indexes("things")]
    """
    project.write("one1", None, up)
    async with ormkit.create_engine(postgres_url) as engine:
        assert await project.runner(engine).upgrade() == ["one1"]


async def test_several_statements_in_one_text(engine: ConnectionPool, project: Project) -> None:
    up = """
    sa.inspect(op.get_bind())
    op.execute("CREATE TABLE a (id INTEGER); CREATE TABLE b (id INTEGER); INSERT INTO a VALUES (1)")
    assert op.get_bind().execute(sa.text("SELECT 'a;b', id FROM a")).one() == ("a;b", 1)
    """
    project.write("one1", None, up)
    await project.runner(engine).upgrade()
    assert await tables(engine) == ["a", "b"]


async def test_context_answers_what_was_given(engine: ConnectionPool, project: Project) -> None:
    body = """\
    assert context.get_x_argument(as_dictionary=True) == {"tenant": "a", "dry": ""}, context.get_x_argument()
    assert context.get_x_argument() == ["tenant=a", "dry"]
    assert not context.is_offline_mode()
    """
    project.write("one1", None, body, above="from alembic import context")
    project.write("two2", "one1", f"    sa.inspect(op.get_bind())\n{body}", above="from alembic import context")
    assert len(await project.runner(engine, x=["tenant=a", "dry"]).upgrade()) == 2


async def test_only_the_direction_that_runs_needs_its_names(
    engine: ConnectionPool, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    above = f"{ORM}\n\n\ndef clear(bind: Session):\n    Session(bind).execute(sa.text('DELETE FROM one1'))\n"
    project.write("one1", None, TABLE.format("one1"), f"clear(op.get_bind())\n{DROP.format('one1')}", above)
    monkeypatch.setattr(_bridge, "installed", lambda: False)
    runner = project.runner(engine)
    assert await runner.upgrade() == ["one1"]
    with pytest.raises(MigrationError, match=r"one1\.py \(sqlalchemy\.orm\.Session\).*ormkit\[alembic\]"):
        await runner.downgrade()
    assert await tables(engine) == ["one1"]
    monkeypatch.undo()
    assert await runner.downgrade() == ["one1"]


async def test_a_file_may_ask_for_alembic(engine: ConnectionPool, project: Project) -> None:
    body = "assert type(op.get_bind()).__module__.startswith('sqlalchemy.')"
    project.write("one1", None, body, above="# ormkit: run by alembic")
    assert await project.runner(engine).upgrade() == ["one1"]


async def test_types_of_others_that_are_made_of_sqlalchemy(
    engine: ConnectionPool, project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = "import sqlalchemy\n\n\nclass Short(sqlalchemy.types.TypeDecorator):\n    impl = sqlalchemy.String(7)\n    cache_ok = True\n"
    (tmp_path / "types_of_others.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    up = 'op.create_table("t", sa.Column("a", Short()))'
    project.write("one1", None, up, above="from types_of_others import Short")
    await project.runner(engine).upgrade()
    assert (await engine.get_columns("t"))[0].name == "a"


async def test_two_databases_at_once_take_turns(tmp_path: Path) -> None:
    async def one(name: str) -> list[str]:
        project = Project(tmp_path / name)
        up = f"import time\nsa.inspect(op.get_bind())\ntime.sleep(0.1)\n{TABLE.format(name)}\ntime.sleep(0.1)"
        project.write("one1", None, up)
        async with ormkit.create_engine(f"sqlite:///{tmp_path}/{name}.db") as engine:
            await project.runner(engine).upgrade()
            return await tables(engine)

    assert await asyncio.gather(one("a"), one("b"), one("c")) == [["a"], ["b"], ["c"]]


@pytest.mark.parametrize("dialect", ["postgresql", "sqlite"])
async def test_a_script_has_what_alembic_writes(project: Project, dialect: Any) -> None:
    up = "users = sa.table('users', sa.column('id', sa.Integer))\n" + TABLE.format("users")
    up += "\nop.execute(users.insert().values(id=5))\nop.execute(sa.select(users.c.id))"
    project.write("one1", None, up)
    project.write("two2", "one1", "sa.inspect(op.get_bind())")
    script = MigrationRunner(None, project.runner(None).config).sql("one1", dialect=dialect)
    assert "CREATE TABLE users" in script and "INSERT INTO users (id) VALUES (5);" in script
    assert script.count("BEGIN;") == 1 and script.rstrip().endswith("COMMIT;") and ";;" not in script
    with pytest.raises(MigrationError, match=r"two2\.py, line \d+: .*a script has no database to ask"):
        MigrationRunner(None, project.runner(None).config).sql("two2", dialect=dialect)


async def test_cancelled_run_is_undone(engine: ConnectionPool, project: Project) -> None:
    up = f"import time\nsa.inspect(op.get_bind())\n{TABLE.format('half')}\nfor _ in range(500):\n    time.sleep(0.01)\n    op.execute('SELECT 1')"
    project.write("one1", None, up)
    task = asyncio.create_task(project.runner(engine).upgrade())
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await tables(engine) == []
    project.write("one1", None, TABLE.format("whole"))
    assert await project.runner(engine).upgrade() == ["one1"]


async def test_without_them_nothing_of_it_is_needed(url: str, project: Project) -> None:
    (project.versions / "one1.py").write_text(source("one1", None, TABLE.format("one1")))
    program = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("alembic", "sqlalchemy"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Refuse())
from ormkit.cli import main
sys.exit(main(sys.argv[1:]))
"""
    ini = f"{project.folder}/alembic.ini"
    command = [sys.executable, "-c", program, "migrate", "up", "--url", url, "-c", ini]
    ran = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    project.write("two2", "one1", "sa.inspect(op.get_bind())")
    ran = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 1 and "pip install ormkit[alembic]" in ran.stderr and "Traceback" not in ran.stderr
