"""What revisions of other projects do: each comes to what Alembic makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_migrations import Project

from ormkit import ConnectionPool, MigrationError
from ormkit.migrations import MigrationScript, _bridge

pytestmark = pytest.mark.asyncio

KIND = "import enum\n\n\nclass Kind(enum.Enum):\n    ONE = 'first'\n    TWO = 'second'\n"
LABELS = "values_callable=lambda kind: [one.value for one in kind]"
USERS = 'op.create_table("users", sa.Column("id", sa.Integer, primary_key=True), sa.Column("n", sa.Integer))'


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


async def rows(engine: ConnectionPool, sql: str) -> list[tuple[object, ...]]:
    return (await engine.execute(sql)).tuples()


async def test_bulk_insert_has_defaults_of_columns_and_labels_of_members(
    engine: ConnectionPool, project: Project
) -> None:
    up = f"""
    table = op.create_table(
        "t",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("a", sa.String, default="it's \\\\ %"),
        sa.Column("b", sa.Integer, default=lambda: 7),
        sa.Column("c", sa.Integer, default=sa.text("1 + 1")),
        sa.Column("j", sa.JSON),
        sa.Column("k", sa.Enum(Kind)),
        sa.Column("l", sa.Enum(Kind, {LABELS}, name="labelled")),
    )
    op.bulk_insert(table, [{{"id": 1, "j": None, "k": Kind.ONE, "l": Kind.TWO}}, {{"id": 2, "a": None, "k": "TWO"}}])
    """
    project.write("one1", None, up, above=KIND)
    await project.runner(engine).upgrade()
    said = "SELECT id, a, b, c, CAST(j AS text), CAST(k AS text), CAST(l AS text) FROM t ORDER BY id"
    assert await rows(engine, said) == [
        (1, "it's \\ %", 7, 2, "null", "ONE", "second"),
        (2, None, 7, 2, None, "TWO", None),
    ]


async def test_default_of_bulk_insert_that_asks_for_a_context_is_refused(
    engine: ConnectionPool, project: Project
) -> None:
    column = 'sa.Column("b", sa.Integer, default=lambda context: 7)'
    project.write(
        "one1", None, f'op.bulk_insert(op.create_table("t", sa.Column("a", sa.Integer), {column}), [{{"a": 1}}])'
    )
    with pytest.raises(MigrationError, match="asks for a context"):
        await project.runner(engine).upgrade()


async def test_backslash_in_a_default_is_one(engine: ConnectionPool, project: Project) -> None:
    project.write(
        "one1",
        None,
        r"""op.create_table("t", sa.Column("a", sa.String, server_default="c:\\d"), sa.Column("b", sa.Integer))""",
    )
    await project.runner(engine).upgrade()
    await engine.execute("INSERT INTO t (b) VALUES (1)")
    assert await rows(engine, "SELECT a FROM t") == [("c:\\d",)]


async def test_enum_of_a_schema_is_made_in_it(postgres: ConnectionPool, project: Project) -> None:
    up = """
    op.execute("CREATE SCHEMA shop")
    op.create_table("t", sa.Column("k", sa.Enum("a", name="kind", inherit_schema=True)), schema="shop")
    """
    project.write("one1", None, up)
    await project.runner(postgres).upgrade()
    sql = "SELECT nspname FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace WHERE typname = 'kind'"
    assert await rows(postgres, sql) == [("shop",)]


async def test_column_becomes_an_identity_and_none_again(postgres: ConnectionPool, project: Project) -> None:
    up = """
    op.create_table("t", sa.Column("id", sa.Integer, nullable=False), sa.Column("s", sa.Text))
    op.alter_column("t", "id", server_default=sa.Identity(start=10, increment=5))
    op.alter_column("t", "id", existing_server_default=sa.Identity(), server_default=sa.Identity(always=True))
    """
    project.write("one1", None, up)
    down = 'op.alter_column("t", "id", existing_server_default=sa.Identity(), server_default=None)'
    project.write("two2", "one1", "pass", down)
    runner = project.runner(postgres)
    await runner.upgrade()
    await postgres.execute("INSERT INTO t (s) VALUES ('a'), ('b')")
    assert await rows(postgres, "SELECT id FROM t ORDER BY 1") == [(10,), (15,)]
    said = "SELECT is_identity, identity_generation FROM information_schema.columns WHERE table_name = 't' AND column_name = 'id'"
    assert await rows(postgres, said) == [("YES", "ALWAYS")]
    await runner.downgrade()
    assert await rows(postgres, said) == [("NO", None)]


async def test_constraints_are_not_valid_where_they_are_to_be(postgres: ConnectionPool, project: Project) -> None:
    up = f"""
    {USERS}
    op.execute("INSERT INTO users VALUES (1, -5)")
    op.create_check_constraint("ck_n", "users", "n > 0", postgresql_not_valid=True)
    op.create_foreign_key("fk_n", "users", "users", ["n"], ["id"], postgresql_not_valid=True)
    """
    project.write("one1", None, up)
    await project.runner(postgres).upgrade()
    sql = "SELECT conname, convalidated FROM pg_constraint WHERE conrelid = 'users'::regclass AND contype <> 'p' ORDER BY 1"
    assert await rows(postgres, sql) == [("ck_n", False), ("fk_n", False)]


async def test_commit_of_its_own_is_an_autocommit_block(postgres: ConnectionPool, project: Project) -> None:
    up = f"""
    {USERS}
    op.execute("COMMIT")
    op.execute("CREATE INDEX CONCURRENTLY ix_n ON users (n)")
    """
    project.write("one1", None, up, 'op.execute("commit;")\nop.drop_index("ix_n", postgresql_concurrently=True)')
    more = """
    op.get_bind().execute(sa.text("COMMIT"))
    op.execute("VACUUM users")
    op.execute("BEGIN")
    op.add_column("users", sa.Column("z", sa.Integer))
    op.execute("SELECT 1 / 0")
    """
    project.write("two2", "one1", more)
    runner = project.runner(postgres)
    await runner.upgrade("one1")
    assert [index.name for index in await postgres.get_indexes("users")] == ["ix_n"]
    with pytest.raises(MigrationError, match="was kept: look at what is there"):
        await runner.upgrade()
    assert await runner.get_current_revision() == "one1"
    assert [column.name for column in await postgres.get_columns("users")] == ["id", "n"]
    await runner.downgrade()
    assert await postgres.get_indexes("users") == []


async def test_commit_among_other_statements_is_told_as_it_is(engine: ConnectionPool, project: Project) -> None:
    project.write("one1", None, f'{USERS}\nop.execute("UPDATE users SET n = 1; COMMIT; SELECT 1")')
    with pytest.raises(MigrationError) as caught:
        await project.runner(engine).upgrade()
    assert "what it did before a COMMIT was kept" in str(caught.value)
    assert "as it was before" not in str(caught.value)
    assert "users" in await engine.get_tables()


async def test_rows_of_a_bind_are_read_in_every_way(engine: ConnectionPool, project: Project) -> None:
    up = """
    bind = op.get_bind()
    assert bind.name == bind.engine.name == bind.dialect.name

    def ask(sql):
        return bind.execute(sa.text(sql))

    assert ask("SELECT 5").scalar_one() == 5
    assert ask("SELECT 5 WHERE 1 = 0").scalar_one_or_none() is None
    assert ask("SELECT 5 WHERE 1 = 0").one_or_none() is None
    two = ask("SELECT 1 UNION SELECT 2 ORDER BY 1")
    assert [two.fetchmany(1), two.fetchmany(5), two.fetchmany(5)] == [[(1,)], [(2,)], []]
    assert ask("SELECT 1 UNION SELECT 2 ORDER BY 1").first() == (1,)
    """
    project.write("one1", None, up)
    await project.runner(engine).upgrade()


async def test_column_without_a_type_is_named(postgres: ConnectionPool, project: Project) -> None:
    project.write("one1", None, 'op.create_table("t", sa.Column("user_id", sa.ForeignKey("users.id")))')
    with pytest.raises(MigrationError, match="column 'user_id' says no type"):
        await project.runner(postgres).upgrade()


async def test_old_rows_that_refer_to_nothing_are_let_be(sqlite: ConnectionPool, project: Project) -> None:
    """Elsewhere SQLite's foreign keys are off, and such rows are there."""
    up = """
    op.execute("CREATE TABLE p (id INTEGER PRIMARY KEY)")
    op.execute("CREATE TABLE c (p INTEGER REFERENCES p (id))")
    op.execute("CREATE TABLE d (a INTEGER, p INTEGER)")
    op.execute("INSERT INTO c VALUES (7)")
    op.execute("INSERT INTO d VALUES (1, 8)")
    """
    project.write("one1", None, up)
    project.write("two2", "one1", 'op.alter_column("d", "a", nullable=False)\nop.rename_table("c", "e")')
    project.write("three3", "two2", 'op.create_foreign_key("fk", "d", "p", ["p"], ["id"])')
    runner = project.runner(sqlite)
    assert await runner.upgrade("two2") == ["one1", "two2"]
    with pytest.raises(MigrationError, match="1 row.s. of `d` refer to rows of `p`"):
        await runner.upgrade()
    assert await runner.get_current_revision() == "two2"


async def test_column_takes_along_what_is_made_of_it(engine: ConnectionPool, project: Project) -> None:
    """As PostgreSQL does, and Alembic's batch."""
    up = f"""
    {USERS}
    op.create_table(
        "t",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id"), index=True),
        sa.Column("length", sa.Integer, sa.CheckConstraint("length > 0")),
        sa.Column("s", sa.String(5)),
        sa.UniqueConstraint("length", "s", name="uq"),
        sa.CheckConstraint("length(s) > 1", name="ck"),
    )
    op.create_index("ix_low", "t", [sa.text("(length + 1)")])
    op.execute("INSERT INTO users VALUES (1, 1)")
    op.execute("INSERT INTO t VALUES (1, 1, 1, 'ab')")
    """
    project.write("one1", None, up)
    drop = 'with op.batch_alter_table("t") as b:\n    b.drop_column("user_id")\n    b.drop_column("length")'
    project.write("two2", "one1", drop)
    await project.runner(engine).upgrade()
    assert await rows(engine, "SELECT * FROM t") == [(1, "ab")]
    assert await engine.get_indexes("t") == []
    assert [one.name for one in (await engine.get_table_info("t")).constraints if one.name == "ck"] == ["ck"]


async def test_constraint_may_be_dropped_behind_its_column(sqlite: ConnectionPool, project: Project) -> None:
    project.write(
        "one1",
        None,
        "op.create_table('t', sa.Column('a', sa.Integer), sa.Column('b', sa.Integer), sa.UniqueConstraint('a', name='uq'))\nop.create_index('ix', 't', ['a'])",
    )
    drop = "with op.batch_alter_table('t') as b:\n    b.drop_column('a')\n    b.drop_constraint('uq')\n    b.drop_index('ix')"
    project.write("two2", "one1", drop)
    await project.runner(sqlite).upgrade()
    assert [column.name for column in await sqlite.get_columns("t")] == ["b"]


async def test_constraints_without_a_name_have_that_of_the_convention(sqlite: ConnectionPool, project: Project) -> None:
    up = f"""
    {USERS}
    op.execute("CREATE TABLE t (a INTEGER REFERENCES users (id), b INTEGER, UNIQUE (a, b))")
    """
    project.write("one1", None, up)
    drop = """
    convention = {
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
    with op.batch_alter_table("t", naming_convention=convention) as batch:
        batch.drop_constraint("fk_t_a_users", type_="foreignkey")
        batch.drop_constraint("uq_t_a_b")
    """
    project.write("two2", "one1", drop)
    await project.runner(sqlite).upgrade()
    assert (await sqlite.get_table_info("t")).constraints == []


UNLOGGED = 'op.create_table("t", sa.Column("d", sa.Date), prefixes=["UNLOGGED"], postgresql_partition_by=None)'


async def test_options_of_tables_are_written_by_alembic(
    postgres: ConnectionPool, project: Project, monkeypatch
) -> None:
    project.table("one1", None)
    project.write("two2", "one1", UNLOGGED)
    runner = project.runner(postgres)
    monkeypatch.setattr(_bridge, "installed", lambda: False)
    with pytest.raises(MigrationError, match=r"op\.create_table\(prefixes=…\).*Nothing was changed"):
        await runner.upgrade()
    assert await postgres.get_tables() == []
    monkeypatch.undo()
    await runner.upgrade()
    assert await rows(postgres, "SELECT relpersistence FROM pg_class WHERE relname = 't'") == [("u",)]


async def test_options_of_another_database_do_nothing(sqlite: ConnectionPool, project: Project, monkeypatch) -> None:
    monkeypatch.setattr(_bridge, "installed", lambda: False)
    project.write("one1", None, 'op.create_table("t", sa.Column("d", sa.Date), postgresql_partition_by="RANGE (d)")')
    await project.runner(sqlite).upgrade()
    assert "t" in await sqlite.get_tables()


@pytest.mark.parametrize(
    ("body", "missing"),
    [
        ("bind = op.get_bind()\nbind.begin()", ["bind.begin"]),
        ("found = op.get_bind().execute(sa.text('SELECT 1'))\nfound.freeze()", ["found.freeze"]),
        ("found = op.get_bind()\nfound = {}\nfound.items()", []),
        ("op.get_bind().execute(sa.text('SELECT 1')).mappings().one_or_none()", []),
        ("op.get_context().opts", ["op.get_context().opts"]),
        ("bind = op.get_bind()\nassert bind.dialect.name and bind.engine.name and op.get_context().dialect", []),
    ],
)
async def test_what_functions_answer_is_known_before_anything_is_done(project: Project, body: str, missing) -> None:
    path = project.write("one1", None, body)
    assert MigrationScript.load(path).foreign_names() == missing


TRIGGERS = """
    op.execute("CREATE TABLE a (x INTEGER, y INTEGER)")
    op.execute("CREATE TABLE other (q INTEGER)")
    op.execute("CREATE TRIGGER copied AFTER INSERT ON other BEGIN INSERT INTO a (x, y) VALUES (new.q, 1); END")
    op.execute("CREATE VIEW v AS SELECT x, y AS y FROM a")
    op.execute("CREATE TRIGGER put INSTEAD OF UPDATE ON v BEGIN UPDATE a SET y = new.y WHERE x = old.x; END")
"""


async def test_triggers_elsewhere_say_the_new_name_of_a_column(sqlite: ConnectionPool, project: Project) -> None:
    project.write("one1", None, TRIGGERS)
    change = """
    with op.batch_alter_table("a") as batch:
        batch.alter_column("y", new_column_name="z", nullable=False)
        batch.alter_column("x", type_=sa.BigInteger())
    """
    project.write("two2", "one1", change)
    await project.runner(sqlite).upgrade()
    await sqlite.execute("INSERT INTO other VALUES (5)")
    await sqlite.execute("UPDATE v SET y = 3")
    assert await rows(sqlite, "SELECT x, z FROM a") == [(5, 3)]
    assert (await sqlite.get_columns("a"))[1].nullable is False


async def test_name_may_be_that_of_a_column_that_goes(sqlite: ConnectionPool, project: Project) -> None:
    project.write(
        "one1",
        None,
        'op.create_table("t", sa.Column("a", sa.Integer), sa.Column("b", sa.Integer))\nop.execute("INSERT INTO t VALUES (1, 2)")',
    )
    change = """
    with op.batch_alter_table("t") as batch:
        batch.drop_column("a")
        batch.alter_column("b", new_column_name="a", nullable=False)
        batch.add_column(sa.Column("b", sa.Integer))
    """
    project.write("two2", "one1", change)
    await project.runner(sqlite).upgrade()
    assert await rows(sqlite, "SELECT a, b FROM t") == [(2, None)]


@pytest.mark.parametrize("column", ["x", "y"])
async def test_column_that_a_trigger_elsewhere_names_is_not_dropped_under_it(
    sqlite: ConnectionPool, project: Project, column: str
) -> None:
    project.write("one1", None, TRIGGERS)
    project.write("two2", "one1", f'op.execute("DROP VIEW v")\nop.drop_column("a", "{column}")')
    with pytest.raises(MigrationError, match=f"no column named {column}"):
        await project.runner(sqlite).upgrade()
    await sqlite.execute("INSERT INTO other VALUES (5)")
    assert await rows(sqlite, "SELECT x, y FROM a") == [(5, 1)]


async def test_delete_in_a_revision_takes_nothing_along(sqlite: ConnectionPool, project: Project) -> None:
    """Nor does DROP TABLE, or a rebuild."""
    up = """
    op.execute("CREATE TABLE p (id INTEGER PRIMARY KEY, a INTEGER)")
    op.execute("CREATE TABLE c (p INTEGER REFERENCES p (id) ON DELETE CASCADE)")
    op.execute("INSERT INTO p VALUES (1, 1), (2, 2)")
    op.execute("INSERT INTO c VALUES (1), (2)")
    """
    project.write("one1", None, up)
    project.write("two2", "one1", "op.alter_column('p', 'a', nullable=False)")
    project.write("three3", "two2", "op.execute('DELETE FROM p WHERE id = 1')")
    project.write("four4", "three3", "op.execute('CREATE VIEW v AS SELECT a FROM p')\nop.drop_table('p')")
    runner = project.runner(sqlite)
    for revision in ("two2", "three3", "four4"):
        await runner.upgrade(revision)
        assert await rows(sqlite, "SELECT p FROM c ORDER BY 1") == [(1,), (2,)]


async def test_a_batch_has_the_arguments_of_its_new_table(engine: ConnectionPool, project: Project) -> None:
    checks = "sa.CheckConstraint('id > 0', name='ck'), sa.UniqueConstraint('n', name='uq')"
    project.write(
        "one1", None, f"{USERS}\nop.create_check_constraint('ck', 'users', 'id > 0')" if engine.is_postgres() else USERS
    )
    up = f"""
    with op.batch_alter_table("users", table_args=({checks})) as batch:
        batch.alter_column("n", existing_type=sa.Integer, nullable=False)
    """
    project.write("two2", "one1", up)
    await project.runner(engine).upgrade()
    found = {constraint.name for constraint in (await engine.get_table_info("users")).constraints}
    # PostgreSQL makes no table anew for it.
    assert found & {"ck", "uq"} == ({"ck"} if engine.is_postgres() else {"ck", "uq"})


@pytest.mark.parametrize(
    "what", ["copy_from=users", "table_kwargs={'sqlite_autoincrement': True}", "partial_reordering=[('n', 'id')]"]
)
async def test_how_a_batch_makes_its_table_anew_is_not_ignored(
    sqlite: ConnectionPool, project: Project, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    project.write("one1", None, USERS)
    up = f"""
    users = sa.table("users")
    with op.batch_alter_table("users", recreate="always", {what}) as batch:
        batch.add_column(sa.Column("z", sa.Integer))
    """
    project.write("two2", "one1", up)
    monkeypatch.setattr(_bridge, "installed", lambda: False)
    with pytest.raises(MigrationError, match=r"op\.batch_alter_table\(.*=…\).*Nothing was changed"):
        await project.runner(sqlite).upgrade()
    assert await sqlite.get_tables() == []
