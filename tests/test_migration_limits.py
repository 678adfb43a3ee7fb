"""What a revision leaves behind, breaks elsewhere, or calls by names that are too long."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

import pytest
from test_migrations import TABLE, Project, tables

from ormkit import (
    CheckConstraint,
    ConnectionPool,
    DeclarativeBase,
    ForeignKey,
    Index,
    InvalidRequestError,
    Mapped,
    MigrationError,
    ProgrammingError,
    UniqueConstraint,
    create_engine,
    mapped_column,
    text,
)
from ormkit.migrations import AutogenContext, CreateTable

pytestmark = pytest.mark.asyncio

LONG = "a" * 64


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


@pytest.mark.parametrize(
    ("up", "what"),
    [
        (f"op.create_table('{LONG}', sa.Column('id', sa.Integer))", "a table"),
        (f"op.create_table('u', sa.Column('{LONG}', sa.Integer))", "a column of table `u`"),
        (f"op.create_table('u', sa.Column('a', sa.Enum('x', name='{LONG}')))", ""),
        (f"op.rename_table('t', '{LONG}')", "a table"),
        (f"op.add_column('t', sa.Column('{LONG}', sa.Integer))", "a column of table `t`"),
        (f"op.alter_column('t', 'id', new_column_name='{LONG}')", "a column of table `t`"),
        (f"op.create_index('{LONG}', 't', ['id'])", "an index of table `t`"),
        (f"op.create_unique_constraint('{LONG}', 't', ['id'])", "a UNIQUE of table `t`"),
        (f"op.create_check_constraint('{LONG}', 't', 'id > 0')", "a CHECK of table `t`"),
        (f"op.create_foreign_key('{LONG}', 't', 't', ['id'], ['id'])", "a FOREIGN KEY of table `t`"),
    ],
)
async def test_a_name_that_postgres_would_cut_stops_the_revision(postgres, project, up, what):
    project.write("one1", None, f"{TABLE.format('t')}\n{up}")
    with pytest.raises(MigrationError) as raised:
        await project.runner(postgres).upgrade()
    assert "63" in str(raised.value) and "one1.py" in str(raised.value)
    if what:
        assert f"the name `{LONG}` of {what} has 64 bytes" in str(raised.value)
    assert await tables(postgres) == []


async def test_a_name_is_as_long_as_its_bytes(postgres, sqlite, project):
    project.write("one1", None, f"op.create_table('{'ä' * 32}', sa.Column('id', sa.Integer))")
    with pytest.raises(MigrationError, match="has 64 bytes"):
        await project.runner(postgres).upgrade()
    assert await project.runner(sqlite).upgrade() == ["one1"]


async def test_an_index_without_a_name_has_the_one_that_sqlalchemy_makes(engine: ConnectionPool, project: Project):
    column = "b" * 40
    project.write("one1", None, f"op.create_table('{'a' * 30}', sa.Column('{column}', sa.Integer, index=True))")
    await project.runner(engine).upgrade()
    found = (await engine.get_table_info("a" * 30)).indexes[0].name
    whole = f"ix_{'a' * 30}_{column}"
    assert found == (f"{whole[:55]}_21be" if engine.is_postgres() else whole)


def long_names():
    for kind in range(5):

        class Base(DeclarativeBase):
            pass

        class T(Base):
            __tablename__ = LONG if kind == 0 else "t"
            __table_args__ = [
                (),
                (),
                (Index(LONG, "a"),),
                (UniqueConstraint("a", name=LONG),),
                (CheckConstraint("a > 0", name=LONG),),
            ][kind]
            id: Mapped[int] = mapped_column(primary_key=True)
            a: Mapped[int] = mapped_column(LONG if kind == 1 else "a")

        yield T, Base


async def test_models_with_names_that_postgres_would_cut_are_refused_before_anything_is_sent(postgres, sqlite):
    for model, base in long_names():
        with pytest.raises(InvalidRequestError, match=f"the name `{LONG}` of .* has 64 bytes"):
            await AutogenContext(postgres, [model]).diff()
        with pytest.raises(InvalidRequestError, match=f"the name `{LONG}` of .* has 64 bytes"):
            await base.metadata.create_all(postgres)
        await base.metadata.create_all(sqlite)
        await base.metadata.drop_all(sqlite)
    with pytest.raises(InvalidRequestError, match="64 bytes"):
        CreateTable(LONG, []).to_sql("postgresql")


async def test_what_a_revision_has_set_ends_with_it(postgres, project):
    project.write(
        "one1", None, "op.execute('CREATE SCHEMA app')\nop.execute('SET search_path TO app')\n" + TABLE.format("t")
    )
    project.table("two2", "one1")
    assert await project.runner(postgres).upgrade() == ["one1", "two2"]
    found = await postgres.execute(
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('app', 'public') ORDER BY 1, 2"
    )
    assert found.tuples() == [("app", "t"), ("public", "alembic_version"), ("public", "two2")]


async def test_a_role_that_a_revision_takes_is_its_own(postgres_url, project):
    role = f"half_{uuid.uuid4().hex[:12]}"
    async with create_engine(postgres_url, min_connections=0) as engine:
        await engine.execute_script(f"CREATE ROLE {role}; GRANT ALL ON SCHEMA public TO {role}")
        try:
            project.write("one1", None, f"op.execute('SET ROLE {role}')\n{TABLE.format('t')}")
            project.write("two2", "one1", f"op.execute('SET SESSION AUTHORIZATION {role}')\n{TABLE.format('u')}")
            project.table("v", "two2")
            assert await project.runner(engine).upgrade() == ["one1", "two2", "v"]
            found = await engine.execute(
                "SELECT tablename, tableowner = current_user FROM pg_tables WHERE schemaname = 'public'"
            )
            assert sorted(found.tuples()) == [("alembic_version", True), ("t", False), ("u", False), ("v", True)]
        finally:
            await engine.execute_script(f"DROP OWNED BY {role}; DROP ROLE {role}")


async def test_a_run_goes_on_as_its_connections_were_opened(postgres_url, project):
    role = f"owner_{uuid.uuid4().hex[:12]}"

    async def take_the_role(connection):
        await connection.execute(f"SET ROLE {role}")
        await connection.execute("SET search_path TO app")

    async with create_engine(postgres_url, min_connections=0) as engine:
        await engine.execute_script(f"CREATE ROLE {role}; CREATE SCHEMA app AUTHORIZATION {role}")
    project.table("one1", None)
    project.table("two2", "one1")
    try:
        async with create_engine(postgres_url, min_connections=0, init=take_the_role) as engine:
            assert await project.runner(engine).upgrade() == ["one1", "two2"]
            sql = "SELECT tablename, tableowner FROM pg_tables WHERE schemaname = 'app' ORDER BY 1"
            tables = ("alembic_version", "one1", "two2")
            assert (await engine.execute(sql)).tuples() == [(name, role) for name in tables]
    finally:
        async with create_engine(postgres_url, min_connections=0) as engine:
            await engine.execute_script(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")


async def test_a_script_resets_what_its_revisions_set(project):
    project.write("one1", None, "op.execute('-- mine\\nSET search_path TO app')")
    project.write("two2", "one1", 'op.execute("UPDATE t SET a = 1"); op.execute("SET CONSTRAINTS ALL DEFERRED")')
    project.write("three3", "two2", 'op.execute("DO $$ BEGIN SET ROLE x; END $$")')
    steps = project.runner(None).sql().split("-- upgrade")
    reset = "RESET SESSION AUTHORIZATION;\n\nRESET ROLE;\n\nRESET ALL;\n\n"
    assert [step.count(f"{reset}INSERT INTO alembic_version") for step in steps] == [0, 1, 0, 0]
    assert [step.count(f"{reset}UPDATE alembic_version") for step in steps] == [0, 0, 0, 1]
    assert "RESET" not in project.runner(None).sql(dialect="sqlite")


async def test_what_a_revision_has_set_is_not_lent_on(postgres_url, project):
    project.write(
        "one1", None, "op.execute('CREATE SCHEMA app')\nop.execute('SET search_path TO app')\nop.execute('SELECT 1/0')"
    )
    project.write(
        "two2", None, "with op.get_context().autocommit_block():\n    op.execute('SET search_path TO nowhere')"
    )
    async with create_engine(postgres_url, min_connections=0, max_connections=1) as engine:
        with pytest.raises(MigrationError, match="division by zero"):
            await project.runner(engine).upgrade("one1")
        assert (await engine.execute("SHOW search_path")).scalar() == '"$user", public'
        await project.runner(engine).upgrade("two2")
        assert (await engine.execute("SHOW search_path")).scalar() == '"$user", public'


MISFIT = "CREATE TABLE p (a INTEGER); CREATE TABLE q (a INTEGER REFERENCES p (a)); INSERT INTO q VALUES (1)"


async def test_a_misfit_elsewhere_does_not_hold_up_a_rebuild(sqlite, project):
    project.write("one1", None, f"{TABLE.format('t')}\nop.execute('{MISFIT}')")
    project.write("two2", "one1", "op.alter_column('t', 'id', existing_type=sa.Integer, type_=sa.BigInteger)")
    assert await project.runner(sqlite).upgrade() == ["one1", "two2"]


async def test_rows_are_still_checked_beside_a_misfit(sqlite, project):
    project.write("one1", None, f"{TABLE.format('t')}\nop.execute('{MISFIT}')")
    up = """
    op.execute("CREATE TABLE c (t INTEGER REFERENCES t (id))")
    op.alter_column("t", "id", existing_type=sa.Integer, type_=sa.BigInteger)
    op.execute("INSERT INTO c VALUES (7)")
    """
    project.write("two2", "one1", up)
    with pytest.raises(MigrationError, match="1 row.s. of `c` refer to rows of `t` that are not there"):
        await project.runner(sqlite).upgrade()


async def test_a_rebuild_that_takes_a_key_from_under_others_says_whose(sqlite, project):
    project.write("one1", None, "op.create_table('p', sa.Column('a', sa.Integer), sa.UniqueConstraint('a', name='u'))")
    project.write(
        "two2",
        "one1",
        "op.create_table('c', sa.Column('a', sa.Integer, sa.ForeignKey('p.a')))\nop.drop_constraint('u', 'p')",
    )
    with pytest.raises(MigrationError) as raised:
        await project.runner(sqlite).upgrade()
    said = "a foreign key of `c` leads to columns that are neither the key nor UNIQUE"
    assert said in str(raised.value) and 'referencing "p"' in str(raised.value)
    assert await tables(sqlite) == ["p"]


@pytest.mark.parametrize(
    ("up", "call", "meant"),
    [
        ("op.alter_column('t', 'id', nullible=False)", "op.alter_column(nullible=…)", "nullable"),
        ("op.create_index('i', 't', ['id'], uniqe=True)", "op.create_index(uniqe=…)", "unique"),
        ("op.drop_index('i', tablename='t')", "op.drop_index(tablename=…)", "table_name"),
        (
            "op.create_foreign_key('k', 't', 't', ['id'], ['id'], on_delete='CASCADE')",
            "op.create_foreign_key(on_delete=…)",
            "ondelete",
        ),
        ("op.create_unique_constraint('u', 't', ['id'], xyz=1)", "op.create_unique_constraint(xyz=…)", None),
        (
            "with op.batch_alter_table('t') as batch:\n    batch.alter_column('id', type=1, nullabel=1)",
            "batch.alter_column(nullabel=…)",
            "nullable",
        ),
        ("op.create_table('u', sa.Column('a', sa.Integer), schem='x')", "op.create_table(schem=…)", "schema"),
    ],
)
async def test_a_keyword_that_nobody_knows_is_found_before_anything_is_done(engine, project, up, call, meant):
    project.table("one1", None)
    path = project.write("two2", "one1", f"{TABLE.format('t')}\n{up}")
    line = next(
        n
        for n, text in enumerate(path.read_text().splitlines(), 1)
        if call.partition("(")[0] in text and "create_table('t'" not in text and 'create_table("t"' not in text
    )
    with pytest.raises(MigrationError) as raised:
        await project.runner(engine).upgrade()
    assert f"{path}:{line}: {call}" in str(raised.value)
    assert meant is None or f"`{meant}=` may be meant" in str(raised.value)
    assert "Nothing was changed" in str(raised.value) and raised.value.revisions == ("two2",)
    assert await tables(engine) == []


async def test_keywords_that_functions_take_are_let_be(engine, project):
    up = f"""
    {TABLE.format("t")}
    op.create_index("i", "t", ["id"], unique=True, postgresql_where=sa.text("id > 0"), sqlite_where=sa.text("id > 0"), mysql_length=3)
    op.drop_index("i", table_name="t", postgresql_where=sa.text("id > 0"), if_exists=True)
    op.alter_column("t", "id", existing_type=sa.Integer(), existing_nullable=False, nullable=False, existing_comment=None)
    options = {{"nullable": True}}
    op.add_column("t", sa.Column("a", sa.Integer), if_not_exists=True)
    op.alter_column("t", "a", existing_type=sa.Integer(), **options)
    op.execute("SELECT 1", execution_options={{}})
    """
    project.write("one1", None, up)
    assert await project.runner(engine).upgrade() == ["one1"]


async def test_an_expression_that_the_database_does_not_take_names_table_model_and_piece(engine, project):
    class Base(DeclarativeBase):
        pass

    class Cat(Base):
        __tablename__ = "cats"
        __table_args__ = (CheckConstraint("lives > 0", name="ck_lives"),)
        id: Mapped[int] = mapped_column(primary_key=True)

    table, piece = "in the table `cats`", ": `CONSTRAINT ck_lives CHECK (lives > 0)`"
    with pytest.raises(ProgrammingError, match=re.escape(f"; {table} of Cat{piece}")):
        await Base.metadata.create_all(engine)
    if engine.is_postgres():
        with pytest.raises(ProgrammingError, match=re.escape(f"; {table} of Cat{piece}")):
            await AutogenContext(engine, [Cat]).diff()
    check = "sa.CheckConstraint('lives > 0', name='ck_lives')"
    project.write("one1", None, f"op.create_table('cats', sa.Column('id', sa.Integer, primary_key=True), {check})")
    with pytest.raises(MigrationError, match=re.escape(f"; {table}{piece}")):
        await project.runner(engine).upgrade()
    project.write("one1", None, TABLE.format("cats"))
    project.write(
        "two2", "one1", "with op.batch_alter_table('cats') as b:\n    b.create_check_constraint('ck', 'lives > 0')"
    )
    with pytest.raises(MigrationError, match=re.escape(f"; {table}")):
        await project.runner(engine).upgrade()


async def test_an_index_that_the_database_does_not_take_names_its_table(engine):
    class Base(DeclarativeBase):
        pass

    class Dog(Base):
        __tablename__ = "dogs"
        __table_args__ = (Index("ix_bark", text("lower(bark)")),)
        id: Mapped[int] = mapped_column(primary_key=True)

    with pytest.raises(ProgrammingError, match="in the table `dogs` of Dog"):
        await Base.metadata.create_all(engine)


async def test_match_full_of_one_column_is_no_difference(postgres):
    class Base(DeclarativeBase):
        pass

    class Node(Base):
        __tablename__ = "nodes"
        id: Mapped[int] = mapped_column(primary_key=True)
        up: Mapped[int | None] = mapped_column(ForeignKey("nodes.id", match="FULL"))

    await Base.metadata.create_all(postgres)
    assert await AutogenContext(postgres, [Node]).diff() == []
    await postgres.execute("ALTER TABLE nodes DROP CONSTRAINT fk_nodes_up_nodes")
    await postgres.execute("ALTER TABLE nodes ADD CONSTRAINT fk_nodes_up_nodes FOREIGN KEY (up) REFERENCES nodes (id)")
    assert await AutogenContext(postgres, [Node]).diff() == []


async def test_an_id_that_the_version_table_does_not_take_says_so(postgres, project):
    project.table("a" * 33, None)
    with pytest.raises(MigrationError, match="the id has more characters than the column `version_num` takes"):
        await project.runner(postgres).upgrade()
