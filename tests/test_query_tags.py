"""`query_tags`: what statements say of whoever sends them."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from library import Author, Base, Book

from ormkit import AsyncSession, create_engine, query_tags, select, selectinload


def comments(engine) -> list[tuple[str, str | None]]:
    """Statements that are sent from now on: the first word, and the comment."""
    sent: list[tuple[str, str | None]] = []

    def note(event):
        if event.event == "started":
            sent.append((event.sql.split()[0], event.comment))

    engine.add_tracer(note)
    return sent


HOSTILE = {
    "*/ DROP TABLE authors; --": "*%2F%20DROP".replace("*", "%2A"),
    "it's": "it%27s",
    "a\\'b": "a%5C%27b",
    "/x?y=1&z='": "%2Fx%3Fy%3D1%26z%3D%27",
    "naïve\0\n$1 ? :a %s": "na%C3%AFve%00%0A%241%20%3F%20%3Aa%20%25s",
}


@pytest.mark.parametrize("value", HOSTILE)
async def test_no_value_breaks_out_of_the_comment(engine, value):
    await Base.metadata.create_all(engine)
    sent = comments(engine)
    async with AsyncSession(engine) as session:
        with query_tags(route=value, **{value: "x"}):
            await session.insert(Author(name="Ada"))
            assert await session.scalar(select(Author.name)) == "Ada"
    for _, comment in sent:
        if comment is not None:
            assert f"route='{HOSTILE[value]}" in comment
            assert comment.count("/*") == comment.count("*/") == 1 and comment.count("'") == 4


async def test_tags_are_sorted_nest_and_end_with_their_block(engine):
    sent = comments(engine)
    with query_tags(route="/orders", controller="list", page=2, cached=True):
        await engine.execute("SELECT 1")
        with query_tags(route="/items"):
            await engine.execute("SELECT 1")
        await engine.execute("SELECT 1 -- of my own")
    await engine.execute("SELECT 1")
    assert [comment for _, comment in sent] == [
        "/*cached='true',controller='list',page='2',route='%2Forders'*/",
        "/*cached='true',controller='list',page='2',route='%2Fitems'*/",
        None,
        None,
    ]


async def test_each_task_has_its_own_tags(engine):
    await Base.metadata.create_all(engine)
    sent = comments(engine)

    async def request(route):
        with query_tags(route=route):
            async with AsyncSession(engine) as session, session.begin():
                session.add(Author(name=route, books=[Book(title=route)]))
                await asyncio.sleep(0)
                await session.query(Author).filter(name=route).options(selectinload(Author.books))

    await asyncio.gather(*(request(f"r{number}") for number in range(4)))
    tagged = [comment for word, comment in sent if word in ("INSERT", "SELECT")]
    assert sorted(set(tagged)) == [f"/*route='r{number}'*/" for number in range(4)]
    assert len(tagged) == 12
    assert {comment for word, comment in sent if word in ("BEGIN", "COMMIT")} == {None}


async def test_server_sees_the_comment_and_prepares_no_statement_for_each(postgres_url):
    async with create_engine(postgres_url, max_connections=1) as engine:
        await Base.metadata.create_all(engine)
        async with AsyncSession(engine) as session:
            await session.insert(Author(name="Ada"))
        prepared = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%authors%'"
        async with engine.begin() as connection:
            session = AsyncSession(connection)
            before = (await connection.execute(prepared)).scalar()
            for number in range(50):
                with query_tags(request=number):
                    assert await session.scalar(select(Author.name)) == "Ada"
                    assert (await connection.execute("SELECT name FROM authors WHERE id = $1", [1])).scalar() == "Ada"
            assert (await connection.execute(prepared)).scalar() == before
            await session.scalar(select(Author.name))
            await session.scalar(select(Author.name))
            assert (await connection.execute(prepared)).scalar() == before + 1
            with query_tags(route="/last"):
                await session.scalar(select(Author.name))
                query = "SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()"
                assert (await connection.execute(query)).scalar() == f"{query} /*route='%2Flast'*/"
            await session.close()


async def test_tagged_statement_follows_a_changed_table(postgres_url):
    async with create_engine(postgres_url, max_connections=1) as engine:
        await engine.execute_script("CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
        assert (await engine.execute("SELECT * FROM t")).all() == [{"a": 1}]
        with query_tags(route="x"):
            assert (await engine.execute("SELECT * FROM t")).all() == [{"a": 1}]
            with psycopg.connect(postgres_url, autocommit=True) as other:
                other.execute("ALTER TABLE t ALTER a TYPE text")
            assert (await engine.execute("SELECT * FROM t")).all() == [{"a": "1"}]
        assert (await engine.execute("SELECT * FROM t")).all() == [{"a": "1"}]


async def test_stream_is_tagged_by_the_block_that_began_it(engine):
    await Base.metadata.create_all(engine)
    sent = comments(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all([Book(title=str(number)) for number in range(5)])
        with query_tags(route="s"):
            assert len([book async for book in session.query(Book).stream(batch_size=2)]) == 5
    assert {comment for word, comment in sent if word == "SELECT"} == {"/*route='s'*/"}


async def test_echo_shows_the_comment(url, caplog):
    async with create_engine(url, echo=True) as engine:
        with query_tags(route="/x"):
            await engine.execute("SELECT 1")
    assert caplog.records[-1].getMessage().startswith("SELECT 1 /*route='%2Fx'*/ (")


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: query_tags(), ValueError, "without tags"),
        (lambda: query_tags(route=None), TypeError, "route is a text, an int or a bool, not NoneType"),
        (lambda: query_tags(**{"": "x"}), ValueError, "a tag has a name"),
    ],
)
def test_nonsense_is_refused(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_block_is_entered_once():
    tags = query_tags(route="x")
    with tags, pytest.raises(RuntimeError, match="entered already"):
        tags.__enter__()
    with tags:
        pass
