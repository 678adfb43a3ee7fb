"""`QueryResult.__arrow_c_stream__`: rows as an Arrow stream, read by pyarrow, which ormkit itself does not need."""

from __future__ import annotations

import datetime as dt
import gc
from decimal import Decimal

import pyarrow as pa
import pytest
import pytest_asyncio

from ormkit import DataError, Unsupported, create_engine

UTC = dt.timezone.utc


@pytest_asyncio.fixture
async def sqlite():
    async with create_engine("sqlite::memory:") as engine:
        yield engine


async def table(engine, sql: str) -> pa.Table:
    return pa.table(await engine.execute(sql))


async def test_types_of_postgresql(postgres):
    read = await table(
        postgres,
        "SELECT * FROM (VALUES (1::smallint, 2, 3::bigint, 0.5::real, 0.25::float8, 'aé'::text, 'v'::varchar(9), true,"
        " '\\x00ff'::bytea, date '1969-12-31', time '12:34:56.000001', timestamptz '2024-05-06 07:08:09.5+02',"
        " timestamp '2024-05-06 07:08:09', 12.50::numeric, interval '1 month 2 days 3 s',"
        " uuid '00112233-4455-6677-8899-aabbccddeeff', jsonb '{\"a\": 1}'), (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,"
        " NULL, NULL, NULL, NULL, NULL, -0.125, NULL, NULL, NULL))"
        " AS t (i2, i4, i8, f4, f8, t, v, b, by, d, ti, tz, ts, n, iv, u, j)",
    )
    types = {name: str(read.schema.field(name).type) for name in read.schema.names}
    uuid_type = types.pop("u")
    assert "uuid" in uuid_type or uuid_type == "fixed_size_binary[16]"
    assert types == {
        "i2": "int16",
        "i4": "int32",
        "i8": "int64",
        "f4": "float",
        "f8": "double",
        "t": "string",
        "v": "string",
        "b": "bool",
        "by": "binary",
        "d": "date32[day]",
        "ti": "time64[us]",
        "tz": "timestamp[us, tz=UTC]",
        "ts": "timestamp[us]",
        "n": "decimal128(38, 3)",
        "iv": "month_day_nano_interval",
        "j": "string",
    }
    first, second = read.drop_columns(["u"]).to_pylist()
    assert first == {
        "i2": 1,
        "i4": 2,
        "i8": 3,
        "f4": 0.5,
        "f8": 0.25,
        "t": "aé",
        "v": "v",
        "b": True,
        "by": b"\x00\xff",
        "d": dt.date(1969, 12, 31),
        "ti": dt.time(12, 34, 56, 1),
        "tz": dt.datetime(2024, 5, 6, 5, 8, 9, 500000, tzinfo=UTC),
        "ts": dt.datetime(2024, 5, 6, 7, 8, 9),
        "n": Decimal("12.500"),
        "iv": (1, 2, 3_000_000_000),
        "j": '{"a": 1}',
    }
    assert {name for name, value in second.items() if value is not None} == {"n"}
    assert second["n"] == Decimal("-0.125")
    ids = read.column("u").combine_chunks()
    stored = getattr(ids, "storage", ids).to_pylist()
    assert stored == [bytes.fromhex("00112233445566778899aabbccddeeff"), None]


async def test_values_say_the_types_on_sqlite(sqlite):
    read = await table(
        sqlite,
        "SELECT 1 AS i, 0.5 AS f, 'a' AS t, x'00ff' AS b, NULL AS n, 1 AS mixed UNION ALL"
        " SELECT NULL, NULL, NULL, NULL, NULL, 0.5",
    )
    types = [str(field.type) for field in read.schema]
    assert types == ["int64", "double", "string", "binary", "null", "double"]
    assert read.to_pylist() == [
        {"i": 1, "f": 0.5, "t": "a", "b": b"\x00\xff", "n": None, "mixed": 1.0},
        {"i": None, "f": None, "t": None, "b": None, "n": None, "mixed": 0.5},
    ]


async def test_rows_of_any_number(engine):
    numbers = {
        "sqlite": "WITH RECURSIVE t (x) AS (SELECT 0 UNION ALL SELECT x + 1 FROM t WHERE x < 9999) SELECT x, 'n' || x AS t FROM t",
        "postgresql": "SELECT x, 'n' || x AS t FROM generate_series(0, 9999) AS t (x)",
    }
    read = await table(engine, numbers[engine.dialect])
    read.validate(full=True)
    assert read.column("x").to_pylist() == list(range(10_000))
    assert read.column("t")[9_999].as_py() == "n9999"


async def test_no_rows_and_no_columns(engine):
    read = await table(engine, "SELECT 1 AS x, 'a' AS t WHERE 1 = 0")
    assert read.num_rows == 0
    assert read.schema.names == ["x", "t"]
    await engine.execute("CREATE TABLE arrows (x INTEGER)")
    read = await table(engine, "INSERT INTO arrows VALUES (1)")
    assert read.schema.names == []


async def test_bools_across_a_byte_with_nulls(postgres):
    read = await table(
        postgres,
        "SELECT CASE x % 3 WHEN 0 THEN true WHEN 1 THEN false END AS b FROM generate_series(0, 20) AS t (x)",
    )
    assert read.column("b").to_pylist() == [{0: True, 1: False}.get(x % 3) for x in range(21)]


async def test_stream_can_be_taken_again_and_outlives_its_result(engine):
    result = await engine.execute("SELECT 1 AS x, 'a' AS t")
    result.__arrow_c_stream__()  # never read
    reader = pa.RecordBatchReader.from_stream(result)
    assert pa.table(result).num_rows == 1
    del result
    gc.collect()
    kept = reader.read_all()
    del reader
    gc.collect()
    assert kept.to_pylist() == [{"x": 1, "t": "a"}]


async def test_one_column_has_one_type(sqlite):
    with pytest.raises(DataError, match=r"x.*one type, this one holds int and text: cast it"):
        pa.table(await sqlite.execute("SELECT 1 AS x UNION ALL SELECT 'secret'"))


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        ("'NaN'::numeric", DataError, "x.*NaN.*cast the column"),
        ("1e40::numeric", DataError, "x.*41 digits.*cast the column to text"),
        ("'infinity'::timestamptz", DataError, "x.*infinite timestamp.*cast the column to text"),
        ("'-infinity'::date", DataError, "x.*infinite date"),
        ("ARRAY[1]", Unsupported, "x.*Arrow stream|Arrow stream.*cast it to text"),
        ("int4range(1, 2)", Unsupported, "Arrow stream.*cast it to text"),
        ("'10.0.0.1'::inet", Unsupported, "Arrow stream.*cast it to text"),
    ],
)
async def test_what_arrow_cannot_hold_is_named(postgres, value, error, text):
    result = await postgres.execute(f"SELECT {value} AS x")
    with pytest.raises(error, match=text):
        pa.table(result)
