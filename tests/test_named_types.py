"""Types that only PostgreSQL's catalog knows: equal to what the server and another client say, both ways."""

import copy
import pickle
import random
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum

import psycopg
import pytest
from psycopg.types import TypeInfo
from psycopg.types.composite import CompositeInfo, register_composite
from psycopg.types.enum import EnumInfo, register_enum
from psycopg.types.hstore import register_hstore
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range as OtherRange

from ormkit import DataError, NotSupportedError, Range, Row, create_engine

RANDOM = random.Random(47)
DAY = date(2024, 2, 29)


class Mood(Enum):
    SAD = "sad"
    HAPPY = "hap\"p'y"


@pytest.fixture
async def engine(postgres_url):
    async with create_engine(postgres_url) as engine:
        yield engine


@pytest.fixture
def other(postgres_url):
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("SET timezone = 'UTC'")
        connection.execute(
            """CREATE TYPE mood AS ENUM ('sad', 'hap"p''y');
            CREATE DOMAIN age AS int CHECK (VALUE >= 0);
            CREATE DOMAIN moods AS mood[];
            CREATE TYPE spot AS (x int, y text);
            CREATE TYPE trip AS (id int, "at Start" spot, stops spot[], m mood, days daterange, tags text[]);
            CREATE DOMAIN corner AS spot;
            CREATE TYPE elder AS (a age, c corner);
            CREATE TYPE textrange AS RANGE (subtype = text);"""
        )
        register_enum(EnumInfo.fetch(connection, "mood"), connection, Mood, mapping={mood: mood.value for mood in Mood})
        for name in ("spot", "trip"):
            register_composite(CompositeInfo.fetch(connection, name), connection)
        yield connection


def text() -> str:
    return "".join(RANDOM.choice("aä€😀 \"\\{}()[],'\n\tNULL") for _ in range(RANDOM.randrange(8)))


def maybe(value):
    return None if RANDOM.random() < 0.2 else value()


def spot():
    return (maybe(lambda: RANDOM.randrange(-(2**31), 2**31)), maybe(text))


def many(value):
    return [maybe(value) for _ in range(RANDOM.randrange(4))]


def between(value, discrete=False):
    """A range as PostgreSQL writes it: integers and days as `[)`."""

    def make():
        if RANDOM.random() < 0.1:
            return Range(empty=True)
        lower, upper = sorted([value(), value()])
        if lower == upper:
            return Range(lower, None)
        if discrete:
            lower, upper = maybe(lambda: lower), maybe(lambda: upper)
            return Range(lower, upper)
        return Range(maybe(lambda: lower), maybe(lambda: upper), RANDOM.choice(["[)", "[]", "(]", "()"]))

    return make


def day():
    return DAY + timedelta(days=RANDOM.randrange(-(10**5), 10**5))


def moment():
    return datetime(2024, 2, 29, 1, 2, 3, 4) + timedelta(seconds=RANDOM.randrange(10**9))


def trip():
    stops = maybe(lambda: many(spot))
    days = maybe(between(day, discrete=True))
    return (maybe(lambda: RANDOM.randrange(2**31)), maybe(spot), stops, maybe(mood), days, maybe(lambda: many(text)))


def mood():
    return RANDOM.choice(["sad", "hap\"p'y"])


def spans():
    """Ranges that stay apart, in order."""
    ends = sorted(RANDOM.sample(range(-1000, 1000), 2 * RANDOM.randrange(1, 4)))
    return [Range(lower, upper) for lower, upper in zip(ends[::2], ends[1::2], strict=True)]


VALUES = {
    "mood": mood,
    "spot": spot,
    "trip": trip,
    "int4range": between(lambda: RANDOM.randrange(-(2**31), 2**31), discrete=True),
    "int8range": between(lambda: RANDOM.randrange(-(2**63), 2**63), discrete=True),
    "numrange": between(lambda: Decimal(RANDOM.randrange(-(10**30), 10**30)).scaleb(-7)),
    "daterange": between(day, discrete=True),
    "tsrange": between(moment),
    "tstzrange": between(lambda: moment().replace(tzinfo=timezone.utc)),
    "int4multirange": spans,
}


def theirs(value):
    """A value as the other client knows it."""
    if isinstance(value, Range):
        if value.isempty:
            return OtherRange(empty=True)
        return OtherRange(value.lower, value.upper, value.bounds)
    if isinstance(value, (list, tuple)):
        return type(value)(theirs(item) for item in value)
    return value


def ours(value):
    """A value of the other client as we know it."""
    if isinstance(value, Mood):
        return value.value
    if isinstance(value, Multirange):
        return [ours(item) for item in value]
    if isinstance(value, OtherRange):
        return Range(empty=True) if value.isempty else Range(value.lower, value.upper, value.bounds)
    if isinstance(value, list):
        return [ours(item) for item in value]
    return tuple(ours(item) for item in value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("name", VALUES)
async def test_values_are_those_that_another_client_writes_and_reads(engine, other, name):
    other.execute(f"CREATE TABLE kept (id int, one {name}, many {name}[], said text)")
    values = [(maybe(VALUES[name]), many(VALUES[name])) for _ in range(40)]
    for index, (one, many_) in enumerate(values):
        sql = f"INSERT INTO kept VALUES ($1, $2, $3, $4::{name}::text)"
        await engine.execute(sql, [index, one, many_, one])
    read = (await engine.execute("SELECT one, many FROM kept ORDER BY id")).tuples()
    assert read == values
    for binary in (False, True):
        cursor = other.cursor(binary=binary)
        told = cursor.execute("SELECT one, many FROM kept ORDER BY id").fetchall()
        assert [ours(row) for row in told] == values
    assert other.execute("SELECT count(*) FROM kept WHERE one::text IS DISTINCT FROM said").fetchone() == (0,)


async def test_what_another_client_wrote_is_read(engine, other):
    other.execute("CREATE TABLE written (id int, t trip, r numrange, m moods)")
    values = [(trip(), maybe(VALUES["numrange"]), maybe(lambda: many(mood))) for _ in range(40)]
    for index, row in enumerate(values):
        sql = "INSERT INTO written VALUES (%s, %s::text::trip, %s, %s)"
        other.execute(
            sql.replace("%s::text::trip", "ROW(%s,%s::spot,%s::spot[],%s::mood,%s::daterange,%s::text[])::trip"),
            [index, *theirs(row[0]), *theirs(row[1:])],
        )
    assert (await engine.execute("SELECT t, r, m FROM written ORDER BY id")).tuples() == values


async def test_composites_have_names_and_records_have_none(engine, other):
    sql = """SELECT (1, (2, 'a'), NULL, 'sad', NULL, '{}')::trip AS t, ROW(1, 'x'::text, ROW(2)) AS r,
        ARRAY[(3, 'b')::spot]::corner[] AS c, ARRAY[ROW(1, true)] AS rs"""
    row = (await engine.execute(sql)).one()
    trip = row["t"]
    assert isinstance(trip, Row) and trip._fields == ("id", "at Start", "stops", "m", "days", "tags")
    assert (trip.id, getattr(trip, "at Start").y, trip.m, trip.tags) == (1, "a", "sad", [])
    assert pickle.loads(pickle.dumps(trip)) == trip
    assert row["r"] == (1, "x", (2,)) and type(row["r"]) is tuple
    elder = (await engine.execute("SELECT $1::elder", [(7, (1, "x"))])).scalar()
    assert (elder.a, elder.c.y) == (7, "x")
    assert (row["c"], row["rs"]) == ([(3, "b")], [(1, True)])
    assert (await engine.execute("SELECT $1::trip", [trip])).scalar() == trip


async def test_parameters_take_what_stands_for_their_type(engine, other):
    for sql, value, expected in [
        ("SELECT $1::mood", Mood.HAPPY, "hap\"p'y"),
        ("SELECT $1::mood[]", [Mood.SAD, "sad", None], ["sad", "sad", None]),
        ("SELECT $1::moods", ["sad"], ["sad"]),
        ("SELECT $1::age[]", ((1, 2), (3, 4)), [[1, 2], [3, 4]]),
        ("SELECT $1::spot", ("7", 5), (7, "5")),
        ("SELECT $1::spot", "(7,x)", (7, "x")),
        ("SELECT $1::spot[]", ((1, "a"), (2, "b")), [(1, "a"), (2, "b")]),
        ("SELECT $1::spot[]", [[(1, "a")], [(2, None)]], [[(1, "a")], [(2, None)]]),
        ("SELECT $1::numrange", Range(1, 2**70), Range(Decimal(1), Decimal(2**70))),
        ("SELECT $1::daterange", Range("2024-01-01", None), Range(date(2024, 1, 1), None)),
        ("SELECT $1::textrange", Range('a"', "b\\"), Range('a"', "b\\")),
        ("SELECT $1::int4range", Range(1, 3, "[]"), Range(1, 4)),
        ("SELECT $1::int4range", "empty", Range(empty=True)),
        ("SELECT $1::nummultirange", [Range(1, "2.5")], [Range(Decimal(1), Decimal("2.5"))]),
        ("SELECT $1::int4multirange", [], []),
        ("SELECT $1::int4multirange[]", [[Range(1, 2)], [], None], [[Range(1, 2)], [], None]),
        ("SELECT $1::int4range[]", [[Range(1, 2)], [Range(3, 4)]], [[Range(1, 2)], [Range(3, 4)]]),
        ("SELECT $1::point", "(1,2)", "(1,2)"),
        ("SELECT $1::jsonb", ("a", (1, [None])), ["a", [1, [None]]]),
        ("SELECT 5 <@ $1::int4range", Range(1, None), True),
        ("SELECT $1::mood = ANY($2)", "sad", None),
    ]:
        params = [value] if expected is not None else [value, ["sad"]]
        found = (await engine.execute(sql, params)).scalar()
        assert found == (True if expected is None else expected), sql


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("SELECT $1::spot", (1,)),
        ("SELECT $1::spot", [1, "a"]),
        ("SELECT $1::spot", {"x": 1}),
        ("SELECT $1::spot[]", (1, "a")),
        ("SELECT $1::mood", ["sad"]),
        ("SELECT $1::int4range", (1, 2)),
        ("SELECT $1::int4range", Range(1, 2**40)),
        ("SELECT $1::int4range", Range(Range(1, 2), None)),
        ("SELECT $1::int4multirange", [1]),
        ("SELECT $1::int", Range(1, 2)),
        ("SELECT $1::text", (1, 2)),
        ("SELECT $1::jsonb", [Range(1, 2)]),
        ("SELECT $1::point", (1, 2)),
        ("SELECT $1::spot", (1, "\0")),
    ],
)
async def test_value_of_another_kind_is_a_data_error_with_the_parameters_name(engine, other, sql, value):
    with pytest.raises(DataError, match="parameter 1"):
        await engine.execute(sql, [value])
    assert (await engine.execute("SELECT 1")).scalar() == 1


async def test_tuples_that_hold_themselves_are_refused(engine, other):
    inner: list = []
    inner.append((1, inner))
    with pytest.raises(DataError, match="holds itself"):
        await engine.execute("SELECT $1::spot", [inner])
    with pytest.raises(NotSupportedError, match="cast"):
        await engine.execute("SELECT $1 = ROW(1, 2)", [(1, 2)])


@pytest.mark.parametrize(
    "value",
    [
        "'[2024-01-01,infinity)'::daterange",
        "ARRAY['(,infinity]']::tsrange[]",
        "'{[2024-01-01,infinity)}'::datemultirange",
        "ROW(1, '24:00'::time)",
        "ARRAY[ROW('infinity'::timestamptz)]",
        "(1, NULL, NULL, 'sad', '[0044-03-15 BC,2024-01-01)', NULL)::trip",
    ],
)
async def test_part_that_python_cannot_hold_is_a_data_error_with_the_columns_name(engine, other, value):
    result = await engine.execute(f"SELECT 1 AS one, {value} AS moments")
    with pytest.raises(DataError, match="moments"):
        result.all()
    assert (await engine.execute("SELECT 1")).scalar() == 1


async def test_extensions_types_are_texts_and_dicts(engine, other):
    other.execute("CREATE EXTENSION IF NOT EXISTS hstore; CREATE EXTENSION IF NOT EXISTS citext")
    register_hstore(TypeInfo.fetch(other, "hstore"), other)
    for _ in range(40):
        tags = {text(): maybe(text) for _ in range(RANDOM.randrange(4))}
        sql = "SELECT $1::hstore AS one, $2::hstore[] AS many, $3::hstore::text AS said"
        row = (await engine.execute(sql, [tags, [tags, None], tags])).one()
        assert (row["one"], row["many"]) == (tags, [tags, None])
        assert other.execute("SELECT %s::text::hstore, %s::hstore", [row["said"], tags]).fetchone() == (tags, tags)
    row = (await engine.execute("SELECT $1::citext AS c, $2::citext[] AS cs", ["Ab", ["Cd"]])).one()
    assert row == {"c": "Ab", "cs": ["Cd"]}
    with pytest.raises(DataError, match="parameter 1"):
        await engine.execute("SELECT $1::hstore", [{"a": 1}])


async def test_types_are_learned_in_transactions_and_sessions(engine, other):
    async with engine.connect() as connection:
        await connection.execute("CREATE TYPE pair AS (a int, b mood)")
        assert (await connection.execute("SELECT (1, 'sad')::pair")).scalar() == (1, "sad")
        await connection.execute("ALTER TYPE pair ADD ATTRIBUTE c text")
        assert (await connection.execute("SELECT (1, 'sad', 'x')::pair")).scalar().c == "x"
        await connection.rollback()


def test_range_is_a_value():
    span = Range(1, 5)
    assert (span.lower, span.upper, span.bounds, span.isempty) == (1, 5, "[)", False)
    assert (span.lower_inc, span.upper_inc, span.lower_inf, span.upper_inf) == (True, False, False, False)
    assert 1 in span and 4.5 in span and 5 not in span and 0 not in span
    assert 5 in Range(1, 5, "(]") and 1 not in Range(1, 5, "(]")
    assert 10**100 in Range() and Range().bounds == "()" and Range().lower_inf and Range().upper_inf
    assert Range(None, 5, "[]") == Range(None, 5, "(]") and Range(None, 5, "[]").lower_inc is False
    empty = Range(empty=True)
    assert 1 not in empty and not empty.lower_inf and empty != Range()
    assert span == Range(1, 5, "[)") != Range(1, 5, "[]") and span != (1, 5) and hash(span) == hash(Range(1, 5))
    assert (repr(span), repr(Range("a", None, "()")), repr(empty)) == (
        "Range(1, 5, '[)')",
        "Range('a', None, '()')",
        "Range(empty=True)",
    )
    for value in (span, empty, Range()):
        assert pickle.loads(pickle.dumps(value)) == copy.deepcopy(value) == value
    for arguments in ((1, 2, "[["), (1, None, "[)", True)):
        with pytest.raises(ValueError):
            Range(*arguments)
    with pytest.raises(AttributeError):
        span.lower = 2
    with pytest.raises(TypeError):
        _ = span < Range(2, 3)
    with pytest.raises(TypeError):
        _ = "x" in span
    assert Range[int].__origin__ is Range


async def test_ranges_are_refused_on_sqlite():
    async with create_engine("sqlite://") as engine:
        with pytest.raises(DataError, match="SQLite"):
            await engine.execute("SELECT ?", [Range(1, 2)])
        assert (await engine.execute("SELECT ?", [(1, ("a", None))])).scalar() == '[1,["a",null]]'
