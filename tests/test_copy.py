"""`copy_from` and `copy_to` on PostgreSQL: rows and bytes, of an engine and of a connection, on asyncio and uvloop."""

import asyncio
import contextlib
import datetime as dt
import io
import ipaddress
import uuid
from decimal import Decimal
from enum import Enum

import psycopg
import pytest
from library import Author, Base
from psycopg.types.json import Json

from ormkit import (
    ConnectionLost,
    DataError,
    InvalidRequestError,
    NotNullViolation,
    PendingRollbackError,
    ProgrammingError,
    UniqueViolation,
    Unsupported,
    create_engine,
    select,
    text,
)

STEPS = [*range(24), 40, 80, 160]


@pytest.fixture
async def db(postgres_url):
    async with create_engine(postgres_url, max_connections=3) as engine:
        await engine.execute("CREATE TABLE t (n int PRIMARY KEY, word text)")
        yield engine


async def all_rows(engine, table="t"):
    return (await engine.execute(f'SELECT * FROM "{table}" ORDER BY 1')).tuples()


async def collected(copy):
    return [item async for item in copy]


async def streamed(items, pause=False):
    for item in items:
        if pause:
            await asyncio.sleep(0)
        yield item


async def check_whole(engine):
    """All connections can be had at once, and nobody waits for anything."""

    async def ask(number):
        async with engine.begin() as connection:
            return (await connection.execute(f"SELECT {number}")).scalar()

    assert await asyncio.wait_for(asyncio.gather(*(ask(n) for n in range(3))), 20) == [0, 1, 2]


@pytest.mark.parametrize("way", ["list", "generator", "async", "async with pauses", "lists"])
async def test_rows_go_in_and_come_out(db, way):
    rows = [(n, f"word {n}") for n in range(1000)]
    source = {
        "list": rows,
        "generator": (row for row in rows),
        "async": streamed(rows),
        "async with pauses": streamed(rows, pause=True),
        "lists": [list(row) for row in rows],
    }[way]
    assert await db.copy_from("t", source) == 1000
    assert await collected(db.copy_to("t")) == rows
    assert db.status().in_use == 0


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_rows_of_a_million_in_constant_memory(postgres_url, loop):
    def resident():
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * 4096

    async def work():
        async with create_engine(postgres_url) as engine:
            await engine.execute("CREATE UNLOGGED TABLE big (n int, word text)")
            longest, done = 0.0, False

            async def watch():
                nonlocal longest
                loop = asyncio.get_running_loop()
                while not done:
                    before = loop.time()
                    await asyncio.sleep(0.001)
                    longest = max(longest, loop.time() - before)

            watching = asyncio.create_task(watch())
            size, most = resident(), 0
            count = await engine.copy_from("big", ((n, "some text of thirty characters") for n in range(1_000_000)))
            assert count == 1_000_000
            most = max(most, resident() - size)
            total = 0
            async for n, _ in engine.copy_to("big"):
                total += n
            assert total == 499_999_500_000
            most = max(most, resident() - size)
            done = True
            await watching
            assert most < 24 << 20
            assert longest < 0.25

    if loop == "uvloop":
        pytest.importorskip("uvloop").run(work())
    else:
        asyncio.run(work())


class Mood(Enum):
    GLAD = "glad"
    SAD = "sad"


VALUES = (
    True,
    -(2**15),
    2**31 - 1,
    -(2**63),
    0.5,
    0.1,
    "grüße",
    b"\0\xff",
    Decimal("-12345678901234567890.123456789"),
    dt.date(2024, 2, 29),
    dt.time(23, 59, 59, 999999),
    dt.datetime(2024, 2, 29, 12, 0, 0, 1),
    dt.datetime(2024, 2, 29, 12, 0, 0, 1, tzinfo=dt.timezone.utc),
    dt.timedelta(days=-3, microseconds=7),
    uuid.UUID(int=7),
    dt.time(1, 2, 3, tzinfo=dt.timezone(dt.timedelta(hours=-5))),
    ipaddress.ip_address("2001:db8::1"),
    ipaddress.ip_network("10.0.0.0/8"),
    {"a": [1, None, "x"]},
    {"b": 2},
    [1, None, 3],
    ["a", 'b"c'],
    [[1, 2], [3, 4]],
)
TYPES = [
    *("bool", "int2", "int4", "int8", "float4", "float8", "text", "bytea", "numeric", "date", "time", "timestamp"),
    *("timestamptz", "interval", "uuid", "timetz", "inet", "cidr", "json", "jsonb", "int4[]", "text[]", "int4[]"),
]


async def test_values_of_every_type_are_exact(db, postgres_url):
    columns = ", ".join(f"c{n} {name}" for n, name in enumerate(TYPES))
    await db.execute(f"CREATE TABLE kinds ({columns})")
    nothing = (None,) * len(VALUES)
    assert await db.copy_from("kinds", [VALUES, nothing]) == 2
    assert sorted(await collected(db.copy_to("kinds")), key=str) == sorted([VALUES, nothing], key=str)
    with psycopg.connect(postgres_url) as other:
        seen = other.execute("SELECT * FROM kinds WHERE c0 IS NOT NULL").fetchone()
        assert seen == VALUES
        other.execute("TRUNCATE kinds")
        with other.cursor().copy("COPY kinds FROM STDIN") as copy:
            plain = [Json(value) if isinstance(value, dict) else value for value in VALUES]
            copy.write_row(plain)
    assert await collected(db.copy_to("kinds")) == [VALUES]


async def test_enums_domains_and_short_texts(db):
    await db.execute("CREATE TYPE mood AS ENUM ('glad', 'sad')")
    await db.execute("CREATE DOMAIN small AS int CHECK (VALUE < 10)")
    await db.execute("CREATE TABLE odd (m mood, s small, v varchar(3), c char(3))")
    assert await db.copy_from("odd", [("sad", 3, "abc", "x"), (Mood.GLAD, None, "ä", None)]) == 2
    assert await collected(db.copy_to("odd")) == [("sad", 3, "abc", "x  "), ("glad", None, "ä", None)]
    with pytest.raises(DataError, match="invalid input value for enum"):
        await db.copy_from("odd", [("angry", 1, "", "")])
    await db.execute("CREATE TABLE places (a point)")
    for copy in [db.copy_from("places", [("(1,2)",)]), collected(db.copy_to("places"))]:
        with pytest.raises(Unsupported, match='column "a"'):
            await copy
    assert await db.copy_from("places", b"(1,2)\n", format="text") == 1
    assert await collected(db.copy_to(text("SELECT a::text FROM places"))) == [("(1,2)",)]
    await check_whole(db)


async def test_tables_schemas_columns_and_classes(db):
    await db.execute('CREATE SCHEMA "My ""Shop"')
    await db.execute('CREATE TABLE "My ""Shop"."user" (id int GENERATED ALWAYS AS IDENTITY, "a b" text, n int)')
    names = {"schema": 'My "Shop', "columns": ["n", "a b"]}
    assert await db.copy_from("user", [(1, "x"), (2, None)], **names) == 2
    assert await collected(db.copy_to("user", **names)) == [(1, "x"), (2, None)]
    await Base.metadata.create_all(db)
    assert await db.copy_from(Author, [("Ann",), ("Bea",)], columns=["name"]) == 2
    assert await collected(db.copy_to(select(Author.name).order_by(Author.name))) == [("Ann",), ("Bea",)]
    assert await collected(db.copy_to(Author, columns=["name"], format="csv")) == [b"Ann\nBea\n"]
    with pytest.raises(Unsupported, match="with values"):
        db.copy_to(select(Author.name).where(Author.name == "Ann"))


CSV = b'n;word\n1;one\n2;"t;wo"\n3;-\n'
LOOK = {"format": "csv", "header": True, "delimiter": ";", "null": "-"}


@pytest.mark.parametrize("kind", ["bytes", "bytearray", "blocks", "async blocks", "file", "path"])
async def test_bytes_go_in_from_anywhere(db, kind, tmp_path):
    path = tmp_path / "data.csv"
    path.write_bytes(CSV)
    source = {
        "bytes": CSV,
        "bytearray": bytearray(CSV),
        "blocks": [CSV[:9], b"", memoryview(CSV)[9:]],
        "async blocks": streamed([CSV[:9], b"", CSV[9:]]),
        "file": io.BytesIO(CSV),
        "path": path,
    }[kind]
    assert await db.copy_from("t", source, **LOOK) == 3
    assert await all_rows(db) == [(1, "one"), (2, "t;wo"), (3, None)]


@pytest.mark.parametrize("kind", ["iteration", "file", "raw file", "path"])
async def test_bytes_come_out_to_anywhere(db, kind, tmp_path):
    await db.copy_from("t", [(1, "one"), (2, "t;wo"), (3, None)])
    path = tmp_path / "data.csv"
    if kind == "iteration":
        found = b"".join(await collected(db.copy_to("t", **LOOK)))
    elif kind == "path":
        assert await db.copy_to("t", str(path), **LOOK) == 3
        found = path.read_bytes()
    elif kind == "raw file":
        with io.FileIO(path, "wb") as file:
            assert await db.copy_to("t", file, **LOOK) == 3
        found = path.read_bytes()
    else:
        file = io.BytesIO()
        assert await db.copy_to("t", file, **LOOK) == 3
        found = file.getvalue()
    assert found == CSV


async def test_binary_of_one_table_goes_into_another(db):
    await db.execute("CREATE TABLE u (LIKE t)")
    await db.copy_from("t", [(n, f"word {n}") for n in range(50_000)])
    assert await db.copy_from("u", db.copy_to("t", format="binary"), format="binary") == 50_000
    assert await db.copy_from("u", db.copy_to("t")) == 50_000
    assert (await db.execute("SELECT count(*) FROM u JOIN t USING (n, word)")).scalar() == 100_000


async def test_value_that_does_not_fit_is_named_and_nothing_is_written(db):
    for rows, told in [
        ([(1, "a"), (2**40, "b")], r"n \(row 2\)"),
        ([(1, "a"), ("2", "b")], r"n \(row 2\)"),
        ([(1, "a\0secret")], r"word \(row 1\)"),
        ([(1, object())], r"word \(row 1\)"),
        ([(1, "a"), (2,)], "row 2 has 1 values for 2 columns"),
    ]:
        for source in (rows, streamed(rows)):
            with pytest.raises(DataError, match=told) as raised:
                await db.copy_from("t", source)
            assert "secret" not in str(raised.value)
    for item in ["ab", b"ab", 7, {"n": 1}, None]:
        with pytest.raises(TypeError):
            await db.copy_from("t", [item])
    assert await all_rows(db) == []
    assert db.status().size <= 2
    await check_whole(db)


async def test_error_of_the_source_is_raised_as_it_is(db):
    error = KeyError("mine")

    def failing():
        yield from ((n, "x") for n in range(20_000))
        raise error

    async def failing_later():
        for row in failing():
            await asyncio.sleep(0)
            yield row

    for source in (failing(), failing_later()):
        with pytest.raises(KeyError) as raised:
            await db.copy_from("t", source)
        assert raised.value is error
    assert await all_rows(db) == []
    assert db.status().size == 1


async def test_error_of_the_server_ends_the_copy_at_once(db):
    await db.execute("INSERT INTO t VALUES (70000, 'there')")
    taken = 0

    def rows():
        nonlocal taken
        for n in range(100_000_000):
            taken = n
            yield n, "some text"

    async def later():
        for row in rows():
            yield row

    for source in (rows(), later()):
        with pytest.raises(UniqueViolation) as raised:
            await db.copy_from("t", source)
        assert raised.value.table == "t"
        assert taken < 5_000_000
    await db.execute("ALTER TABLE t ALTER word SET NOT NULL")
    with pytest.raises(NotNullViolation):
        await db.copy_from("t", [(1, None)])
    with pytest.raises(ProgrammingError):
        await db.copy_from("nowhere", [(1, None)])
    with pytest.raises(ProgrammingError):
        await db.copy_from("nowhere", streamed([(1, None)]))
    with pytest.raises(DataError, match="invalid input syntax"):
        await db.copy_from("t", b"x\ty\n", format="text")
    assert db.status().size == 1


async def test_copies_inside_of_a_transaction(db):
    async with db.begin() as connection:
        assert await connection.copy_from("t", [(1, "one")]) == 1
        assert await connection.copy_from("t", streamed([(2, "two")])) == 1
        assert await collected(connection.copy_to("t")) == [(1, "one"), (2, "two")]
        assert await all_rows(db) == []
        file = io.BytesIO()
        assert await connection.copy_to("t", file, format="text") == 2
        with pytest.raises(UniqueViolation):
            async with connection.begin():
                await connection.copy_from("t", [(3, "three"), (1, "again")])
        with pytest.raises(KeyError):
            async with connection.begin_nested():
                await connection.copy_from("t", streamed([(4, "four")]))
                raise KeyError
        await connection.copy_from("t", [(5, "five")])
    assert [n for n, _ in await all_rows(db)] == [1, 2, 5]
    async with db.connect() as connection:
        await connection.copy_from("t", [(6, "six")])
        assert connection.in_transaction()
        with pytest.raises(UniqueViolation):
            await connection.copy_from("t", [(1, "again")])
        with pytest.raises(PendingRollbackError):
            await connection.copy_from("t", [(7, "seven")])
        await connection.rollback()
        await connection.copy_from("t", [(8, "eight")])
        await connection.commit()
    assert [n for n, _ in await all_rows(db)] == [1, 2, 5, 8]
    await check_whole(db)


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("way", ["rows", "async", "slow", "transaction"])
async def test_copy_from_cancelled_at_any_point_is_all_or_nothing(db, steps, way):
    rows = [(n, "x" * 50) for n in range(5000)]

    async def work():
        if way == "transaction":
            async with db.begin() as connection:
                await connection.copy_from("t", rows)
        else:
            await db.copy_from(
                "t", {"rows": rows, "async": streamed(rows), "slow": streamed(rows[:99], pause=True)}[way]
            )

    await cancel_after(steps, work())
    await check_whole(db)
    assert len(await all_rows(db)) in (0, 99, 5000)


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("way", ["rows", "blocks", "sink", "transaction"])
async def test_copy_to_cancelled_at_any_point_leaves_the_pool_whole(db, steps, way):
    query = text("SELECT n, repeat('x', 100) FROM generate_series(1, 100000) n")

    async def work():
        if way == "sink":
            await db.copy_to(query, io.BytesIO(), format="csv")
        elif way == "transaction":
            async with db.begin() as connection:
                await collected(connection.copy_to(query))
        else:
            await collected(db.copy_to(query, format="rows" if way == "rows" else "text"))

    await cancel_after(steps, work())
    await check_whole(db)


async def cancel_after(steps, work):
    task = asyncio.create_task(work)
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


# In the select list a set is made row by row.
ENDLESS = text("SELECT generate_series(1, 1000000000), repeat('x', 100)")


async def test_iteration_that_is_broken_off_gives_the_connection_back(db):
    async for n, _ in db.copy_to(ENDLESS):
        if n == 1000:
            break
    copy = db.copy_to(ENDLESS)
    await anext(copy)
    await copy.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(copy)
    copy = db.copy_to(ENDLESS)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(collected(copy), 0.2)
    del copy
    await check_whole(db)
    async with db.begin() as connection:
        await connection.copy_from("t", [(1, "one")])
        copy = connection.copy_to(text("SELECT generate_series(1, 300000)"))
        assert await anext(copy) == (1,)
        await copy.aclose()
        await connection.copy_from("t", [(2, "two")])
    assert len(await all_rows(db)) == 2


@pytest.mark.parametrize("way", ["exception", "end", "rollback", "inner"])
async def test_block_that_ends_under_a_copy_rolls_back(db, way):
    with pytest.raises((KeyError, PendingRollbackError)) as raised:
        async with db.connect() if way == "rollback" else db.begin() as connection:
            await connection.copy_from("t", [(1, "one")])
            copy = connection.copy_to(ENDLESS)
            assert (await anext(copy))[0] == 1
            if way == "exception":
                raise KeyError
            if way == "inner":
                async with connection.begin():
                    await connection.copy_from("t", [(2, "two")])
            with pytest.raises(PendingRollbackError, match="a copy is under way"):
                await connection.execute("SELECT 1")
            if way == "rollback":
                await connection.rollback()
                raise KeyError
    assert isinstance(raised.value, KeyError) == (way in ("exception", "rollback"))
    # The copy is still held, and its transaction is over all the same.
    with pytest.raises(InvalidRequestError, match="has ended"):
        while True:
            await anext(copy)
    assert await asyncio.wait_for(db.copy_from("t", [(1, "again")]), 20) == 1
    await check_whole(db)
    assert await all_rows(db) == [(1, "again")]


async def test_sink_that_raises_loses_no_connection(db):
    class Full(io.RawIOBase):
        def write(self, data):
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        await db.copy_to(ENDLESS, Full(), format="csv")
    await check_whole(db)
    async with db.begin() as connection:
        await connection.copy_from("t", [(1, "one")])
        with pytest.raises(OSError, match="disk full"):
            async with connection.begin():
                await connection.copy_to(text("SELECT generate_series(1, 100000)"), Full(), format="text")
        await connection.copy_from("t", [(2, "two")])
    assert len(await all_rows(db)) == 2


async def test_lost_connection_is_told(db):
    async def rows():
        yield 1, "one"
        await db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY t FROM%'")
        for n in range(2, 1_000_000):
            yield n, "more"

    with pytest.raises(ConnectionLost):
        await db.copy_from("t", rows())
    assert await all_rows(db) == []
    await check_whole(db)


async def test_source_runs_in_the_task_and_context_of_the_caller(db):
    seen = set()

    async def rows():
        async with asyncio.timeout(10) if hasattr(asyncio, "timeout") else contextlib.AsyncExitStack():
            for n in range(30_000):
                if n % 1000 == 0:
                    await asyncio.sleep(0)
                seen.add(asyncio.current_task())
                yield n, "x" * 20

    assert await db.copy_from("t", rows()) == 30_000
    assert seen == {asyncio.current_task()}
    task = asyncio.create_task(db.copy_from("t", streamed([(-1, "x")])))
    assert await task == 1


async def test_wrong_use_is_refused_before_anything_is_sent(db, sqlite_url):
    for options in [
        {"format": "csv", "delimiter": ";;"},
        {"format": "csv", "delimiter": "', HEADER"},
        {"format": "csv", "quote": "''"},
        {"format": "csv", "encoding": "UTF8', FORCE_NULL (n"},
        {"format": "text", "quote": "'"},
        {"format": "text", "null": "a\nb"},
        {"null": ""},
    ]:
        with pytest.raises(ProgrammingError):
            db.copy_from("t", [], **options)
        with pytest.raises(ProgrammingError):
            db.copy_to("t", **options)
    for call in [
        lambda: db.copy_from("t", [], format="xml"),
        lambda: db.copy_from("t", [], columns=[]),
        lambda: db.copy_from("t", [], delimeter=","),
        lambda: db.copy_from("t", "a path"),
        lambda: db.copy_from("t", b"1\tx"),
        lambda: db.copy_from("t", 7),
        lambda: db.copy_from(7, []),
        lambda: db.copy_to("t", io.BytesIO()),
        lambda: db.copy_to(text("SELECT 1"), columns=["a"]),
    ]:
        with pytest.raises((TypeError, ValueError)):
            call()
    with pytest.raises(ProgrammingError):
        db.copy_from(text("SELECT 1"), [])
    with pytest.raises(TypeError, match="bytes, not str"):
        await db.copy_from("t", io.StringIO("1\tx"), format="text")
    with pytest.raises(TypeError, match="async for"):
        await db.copy_to("t")
    with pytest.raises(TypeError, match="awaited"):
        async for _ in db.copy_to("t", io.BytesIO(), format="csv"):
            pass
    with pytest.raises(FileNotFoundError):
        db.copy_from("t", "/no/such/file", format="csv")
    async with create_engine(sqlite_url) as sqlite:
        with pytest.raises(Unsupported, match="copy_from"):
            sqlite.copy_from("t", [])
        async with sqlite.connect() as connection:
            with pytest.raises(Unsupported, match="copy_to"):
                connection.copy_to("t")
    with pytest.raises(Unsupported, match="COPY"):
        await db.execute("COPY t FROM STDIN")
    with pytest.raises(Unsupported, match="COPY"):
        await db.execute("COPY t TO STDOUT")
    await check_whole(db)


async def test_options_are_values_and_never_sql(db):
    odd = {"format": "csv", "delimiter": "'", "null": "\\N", "quote": "|", "escape": "\\"}
    rows = [(1, "a'b"), (2, None), (3, 'c|d\\"')]
    await db.copy_from("t", rows)
    data = b"".join(await collected(db.copy_to("t", **odd)))
    assert data == b"1'|a'b|\n2'\\N\n3'|c\\|d\\\\\"|\n"
    await db.execute("TRUNCATE t")
    await db.copy_from("t", data, **odd)
    assert await all_rows(db) == rows
