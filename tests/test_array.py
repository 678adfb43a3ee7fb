"""Arrays that PostgreSQL answers: nested lists, equal to what the server and another client say."""

import json
import random
import uuid
from datetime import datetime, timedelta, timezone
from decimal import Decimal

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
