"""Arrays of PostgreSQL as nested lists, both ways: equal to what the server and another client say."""

import json
import random
import uuid
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum

import psycopg
import pytest

from ormkit import DataError, create_engine

RANDOM = random.Random(31)
DAY = datetime(2024, 2, 29, 12, 30, 15, 123_456)


def seconds() -> timedelta:
    return timedelta(seconds=RANDOM.randrange(10**9), microseconds=RANDOM.randrange(10**6))


def text() -> str:
    return "".join(RANDOM.choice("aä€😀 \"\\{},'\n\tNULL") for _ in range(RANDOM.randrange(8)))


VALUES = {
    "bool": lambda: RANDOM.random() < 0.5,
    "int2": lambda: RANDOM.randrange(-(2**15), 2**15),
    "int4": lambda: RANDOM.randrange(-(2**31), 2**31),
    "int8": lambda: RANDOM.randrange(-(2**63), 2**63),
    "oid": lambda: RANDOM.randrange(2**32),
    "float4": lambda: RANDOM.choice([0.5, -2.25, float("inf"), 1e10]),
    "float8": lambda: RANDOM.choice([RANDOM.random(), -1e-300, float("-inf"), 1e300]),
    "numeric": lambda: Decimal(RANDOM.randrange(-(10**40), 10**40)).scaleb(-RANDOM.randrange(60)),
    "text": text,
    "varchar": text,
    "name": text,
    "bytea": lambda: RANDOM.randbytes(RANDOM.randrange(6)),
    "date": lambda: (DAY - seconds()).date(),
    "time": lambda: (DAY + seconds()).time(),
    "timestamp": lambda: DAY - seconds(),
    "timestamptz": lambda: (DAY + seconds()).replace(tzinfo=timezone.utc),
    "interval": seconds,
    "uuid": lambda: uuid.UUID(int=RANDOM.getrandbits(128)),
}


@pytest.fixture
async def engine(postgres_url):
    async with create_engine(postgres_url) as engine:
        yield engine


@pytest.fixture
def other(postgres_url):
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("SET timezone = 'UTC'")
        yield connection


def nested(sizes: list[int], value) -> object:
    if sizes:
        return [nested(sizes[1:], value) for _ in range(sizes[0])]
    return None if RANDOM.random() < 0.2 else value()


@pytest.mark.parametrize("name", VALUES)
async def test_arrays_are_the_lists_that_another_client_wrote_and_reads(engine, other, name):
    other.execute(f"CREATE TABLE arrays (id int, a {name}[])")
    lists = [[]]
    for _ in range(25):
        sizes = [RANDOM.randrange(1, 4) for _ in range(RANDOM.randrange(1, 4))]
        lists.append(nested(sizes, VALUES[name]))
    for index, value in enumerate(lists):
        other.execute(f"INSERT INTO arrays VALUES (%s, %s::{name}[])", [index, value])
    theirs = [row[0] for row in other.execute("SELECT a FROM arrays ORDER BY id")]
    for _ in range(2):
        ours = (await engine.execute("SELECT a FROM arrays ORDER BY id")).scalars()
        assert ours == theirs == lists
    told = other.execute("SELECT array_to_json(a)::text FROM arrays WHERE id > 0 ORDER BY id").fetchall()
    assert [shape(json.loads(row[0])) for row in told] == [shape(value) for value in ours[1:]]


def shape(value) -> object:
    """The lists of a value and where it has NULLs."""
    return [shape(item) for item in value] if isinstance(value, list) else value is None


async def test_json_and_null_arrays_and_lower_bounds(engine):
    sql = """SELECT ARRAY['{"a": [1]}', 'null']::jsonb[] AS j, ARRAY['[2]']::json[] AS k, NULL::int[] AS n,
        '[7:8]={1,2}'::int[] AS b, '{}'::text[] AS e, ARRAY['ab']::char(3)[] AS c"""
    row = (await engine.execute(sql)).one()
    assert row == {"j": [{"a": [1]}, None], "k": [[2]], "n": None, "b": [1, 2], "e": [], "c": ["ab "]}


@pytest.mark.parametrize(
    "value",
    [
        "'{2024-01-01,infinity}'::date[]",
        "'{-infinity}'::timestamp[]",
        "'{0044-03-15 BC}'::timestamptz[]",
        "'{{10000-01-01}}'::date[]",
        "'{24:00}'::time[]",
        "'{1 month}'::interval[]",
    ],
)
async def test_element_that_python_cannot_hold_is_a_data_error_with_the_columns_name(engine, value):
    result = await engine.execute(f"SELECT 1 AS one, {value} AS moments")
    with pytest.raises(DataError, match="moments"):
        result.all()
    assert (await engine.execute("SELECT 1")).scalar() == 1


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


@pytest.mark.parametrize("name", VALUES)
async def test_lists_are_arrays_where_the_server_asks_for_one(engine, other, name):
    other.execute("CREATE TABLE bound (id int, a text)")
    lists = [[]]
    for _ in range(25):
        sizes = [RANDOM.randrange(1, 4) for _ in range(RANDOM.randrange(1, 4))]
        lists.append(nested(sizes, VALUES[name]))
    for index, value in enumerate(lists):
        ours = (await engine.execute(f"SELECT $1::{name}[]", [value])).scalar()
        await engine.execute(f"INSERT INTO bound VALUES ($1, $2::{name}[]::text)", [index, value])
        assert ours == value
    told = other.execute(f"SELECT a, a::{name}[] FROM bound ORDER BY id").fetchall()
    assert [row[1] for row in told] == lists
    for text, value in told:
        assert other.execute(f"SELECT %s::{name}[] = %s::{name}[]", [text, value]).fetchone() == (True,)


@pytest.mark.parametrize("name", ["int4", "text", "uuid", "timestamptz", "numeric", "bytea"])
async def test_any_of_a_list_finds_its_elements(engine, name):
    values = [VALUES[name]() for _ in range(5)]
    sql = f"SELECT count(*) FROM unnest($1::{name}[]) u WHERE u = ANY($2)"
    assert (await engine.execute(sql, [values, (*values, None)])).scalar() == len(values)
    named = f"SELECT u = ALL(:none) FROM unnest(CAST(:all AS {name}[])) u"
    assert (await engine.execute(named, {"none": [], "all": values})).scalars() == [True] * len(values)


async def test_elements_of_other_types_are_read_by_the_server(engine):
    for sql, value, expected in [
        ("SELECT $1::text[]", [1, None, Decimal("1.50")], ["1", None, "1.50"]),
        ("SELECT $1::date[]", ["2024-02-29"], [date(2024, 2, 29)]),
        ("SELECT $1::numeric[]", [1, 2**70, 0.5], [Decimal(1), Decimal(2**70), Decimal("0.5")]),
        ("SELECT $1::int[]", ["7", 8], [7, 8]),
        ("SELECT $1::text[]", [Size.SMALL, "x"], ["small", "x"]),
        ("SELECT $1::jsonb[]", [{"a": 2**70}, None], [{"a": 2**70}, None]),
        ("SELECT $1::int[]", ((1, 2), [3, 4]), [[1, 2], [3, 4]]),
        ("SELECT $1::text", Size.LARGE, "large"),
    ]:
        assert (await engine.execute(sql, [value])).scalar() == expected


@pytest.mark.parametrize(
    "value", [[], [1, [2]], [[], []], [[1], [2, 3]], [[[[[[[2**70, {"a": [None]}]]]]]]], ['é"\n', 1.0, True]]
)
async def test_list_is_json_where_the_server_asks_for_json(engine, value):
    row = (await engine.execute("SELECT $1::jsonb AS b, ($2::json)::text AS t", [value, value])).one()
    assert (row["b"], row["t"]) == (value, json.dumps(value, separators=(",", ":"), ensure_ascii=False))


@pytest.mark.parametrize("value", [[Decimal(1)], [Size.SMALL], [b"x"], [float("nan")], [object()], [{1: 2}], ["\0"]])
async def test_list_that_json_cannot_hold_is_refused_with_the_parameters_name(engine, value):
    with pytest.raises(DataError, match="parameter 2"):
        await engine.execute("SELECT $1::int, $2::json", (1, value))


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("SELECT $1::int", [1]),
        ("SELECT $1::uuid", [[1]]),
        ("SELECT $1::int[]", 1),
        ("SELECT $1::int[]", [[1], [2, 3]]),
        ("SELECT $1::int[]", [[], []]),
        ("SELECT $1::int[]", [2**31]),
        ("SELECT $1::text[]", {"a": 1}),
        ("SELECT $1::timestamp[]", [datetime.now(timezone.utc)]),
    ],
)
async def test_value_that_is_not_of_the_parameters_kind_is_a_data_error_with_its_name(engine, sql, value):
    with pytest.raises(DataError, match="parameter 1"):
        await engine.execute(sql, [value])
    assert (await engine.execute("SELECT 1")).scalar() == 1


async def test_lists_are_json_on_sqlite():
    async with create_engine("sqlite://") as engine:
        sql = "SELECT group_concat(value) FROM json_each(?)"
        for value in ([1, 2], (1, 2)):
            assert (await engine.execute(sql, [value])).scalar() == "1,2"
        with pytest.raises(DataError, match="parameter 1"):
            await engine.execute(sql, [[Decimal(1)]])
