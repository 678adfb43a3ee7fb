"""PgBouncer in transaction mode: each transaction may be given another server."""

import asyncio
import sys
from datetime import date
from pathlib import Path

import pytest

from ormkit import (
    DatabaseError,
    DeclarativeBase,
    Mapped,
    MigrationError,
    QueryCanceled,
    UniqueViolation,
    async_sessionmaker,
    create_engine,
    mapped_column,
)
from ormkit.migrations import AlembicConfig, MigrationRunner

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))
from pgbouncer import PgBouncer


class Own(DeclarativeBase):
    """Apart from the models of other tests."""


class Account(Own):
    __tablename__ = "accounts"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(unique=True)
    cents: Mapped[int]


@pytest.fixture(scope="module")
def pooler(postgres_database):
    with PgBouncer(postgres_database) as pooler:
        yield pooler


@pytest.fixture
async def url(pooler, postgres_url):
    async with create_engine(postgres_url) as engine:
        await Account.metadata.create_all(engine)
    return pooler.url


async def work(engine):
    """Eight tasks over two servers: sessions, transactions and SQL of their own, with the same texts and other values."""
    make = async_sessionmaker(engine)

    async def one(number):
        async with make.begin() as session:
            session.add(Account(owner=f"owner {number}", cents=number))
        for turn in range(10):
            async with make.begin() as session:
                account = await session.query(Account).filter(owner=f"owner {number}").one()
                account.cents += 1
                await session.flush()
            async with engine.begin() as connection:
                text = "SELECT cents, $2::date AS day, $3 AS turn FROM accounts WHERE id = $1"
                for _ in range(2):
                    row = (await connection.execute(text, [account.id, "2024-02-29", str(turn)])).one()
                    assert row == {"cents": number + turn + 1, "day": date(2024, 2, 29), "turn": str(turn)}
            row = (await engine.execute("SELECT owner, cents FROM accounts WHERE id = $1", [account.id])).one()
            assert row == {"owner": f"owner {number}", "cents": number + turn + 1}
        return account.id

    ids = await asyncio.gather(*(one(number) for number in range(8)))
    assert len(set(ids)) == 8


@pytest.mark.parametrize("prepared", ["auto", "unnamed", "never"])
async def test_work_is_right_where_every_transaction_has_another_server(url, prepared):
    async with create_engine(url, prepared=prepared, max_connections=8) as engine:
        await work(engine)
        assert (await engine.execute("SELECT count(*) FROM pg_prepared_statements")).scalar() == 0


REVISION = """
from alembic import op

revision, down_revision = {id!r}, {before!r}


def upgrade():
    op.execute("SELECT pg_sleep(0.2)")
    op.execute("CREATE TABLE {id} (id INTEGER)")


def downgrade():
    op.drop_table({id!r})
"""


async def test_runners_of_migrations_take_turns(url, postgres_url, tmp_path):
    versions = tmp_path / "alembic" / "versions"
    versions.mkdir(parents=True)
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = alembic\n")
    for id, before in (("one1", None), ("two2", "one1"), ("three3", "two2")):
        (versions / f"{id}.py").write_text(REVISION.format(id=id, before=before))

    async def upgrade():
        async with create_engine(url) as engine:
            return await MigrationRunner(engine, AlembicConfig.detect(tmp_path)).upgrade()

    done = await asyncio.gather(upgrade(), upgrade())
    assert sorted(id for ids in done for id in ids) == ["one1", "three3", "two2"]
    async with create_engine(postgres_url) as engine:
        locks = await engine.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
        assert locks.scalar() == 0
        assert await MigrationRunner(engine).get_current_revision() == "three3"
    source = REVISION.format(id="four4", before="three3")
    block = """with op.get_context().autocommit_block():
        op.execute("CREATE INDEX CONCURRENTLY ix_one ON one1 (id)")"""
    (versions / "four4.py").write_text(source.replace('op.execute("SELECT pg_sleep(0.2)")', block))
    with pytest.raises(MigrationError, match="with the URL of the server itself") as raised:
        await upgrade()
    assert raised.value.revisions == ("four4",)
    async with create_engine(postgres_url) as engine:
        assert await engine.get_tables() == ["accounts", "alembic_version", "one1", "three3", "two2"]
        assert await MigrationRunner(engine, AlembicConfig.detect(tmp_path)).upgrade() == ["four4"]


@pytest.mark.parametrize("prepared", ["auto", "never"])
async def test_types_of_the_catalog_are_looked_up_and_no_name_stays(url, prepared):
    async with create_engine(url, prepared=prepared, max_connections=4) as engine:
        name = f"pair_{prepared}"
        await engine.execute(f"CREATE TYPE {name} AS (a int, b text)")
        sql = f"SELECT (1, 'x')::{name} AS one, $1::{name}[] AS many"
        for _ in range(3):
            rows = await asyncio.gather(*(engine.execute(sql, [[(number, "y"), None]]) for number in range(8)))
            assert [row.one() for row in rows] == [{"one": (1, "x"), "many": [(n, "y"), None]} for n in range(8)]
            await engine.execute(f"ALTER TYPE {name} RENAME ATTRIBUTE b TO c")
            await engine.execute(f"ALTER TYPE {name} RENAME ATTRIBUTE c TO b")
        assert (await engine.execute("SELECT count(*) FROM pg_prepared_statements")).scalar() == 0


async def test_two_programs_never_run_each_others_statements(url):
    """With names, which this pooler does not know: errors, though never the answer to another question."""

    async def ask(engine, number):
        answers = 0
        for turn in range(30):
            try:
                answer = (await engine.execute(f"SELECT {number}::int8 * $1", [turn])).scalar()
            except DatabaseError as error:
                failures.append(error.sqlstate)
            else:
                assert answer == number * turn
                answers += 1
        return answers

    failures = []
    engines = [create_engine(url, prepared="named", max_connections=2) for _ in range(4)]
    answers = await asyncio.gather(*(ask(engine, number) for number, engine in enumerate(engines, 1)))
    assert all(answers)
    assert set(failures) <= {"26000", "42P05"}
    for engine in engines:
        await engine.close()


async def test_errors_cancelling_and_many_rows_as_without_it(url):
    async with create_engine(url, max_connections=4) as engine:
        await engine.execute("INSERT INTO accounts (owner, cents) VALUES ('a', 1)")
        with pytest.raises(UniqueViolation):
            await engine.execute("INSERT INTO accounts (owner, cents) VALUES ('a', 1)")
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(engine.execute("SELECT pg_sleep(30)"), 0.2)
        assert (await engine.execute("SELECT 1 AS a")).scalar() == 1
        counted = await engine.execute_many(
            "INSERT INTO accounts (owner, cents) VALUES ($1, $2)", [[f"many {i}", i] for i in range(2000)]
        )
        assert counted == 2000
        rows = (await engine.execute("SELECT owner, cents FROM accounts WHERE cents >= $1", [0])).tuples()
        assert len(rows) == 2001
        with pytest.raises(QueryCanceled):
            async with engine.begin() as connection:
                await connection.execute("SET LOCAL statement_timeout = 50")
                await connection.execute("SELECT pg_sleep(30)")


async def test_cancelled_transactions_leave_nothing_open(url):
    async with create_engine(url, max_connections=4) as engine:

        async def hold(number):
            async with engine.begin() as connection:
                await connection.execute(f"INSERT INTO accounts (owner, cents) VALUES ('held {number}', 0)")
                await connection.execute("SELECT pg_sleep(30)")

        tasks = [asyncio.ensure_future(hold(number)) for number in range(2)]
        await asyncio.sleep(0.3)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (await engine.execute("SELECT count(*) FROM accounts")).scalar() == 0
