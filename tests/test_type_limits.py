"""The ends of PostgreSQL's types: what Python holds is exact both ways, what it does not hold is a DataError by name."""

import math
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from ormkit import DataError, create_engine


@pytest.fixture
async def engine(postgres_url):
    async with create_engine(postgres_url) as engine:
        yield engine


OUTSIDE = {
    "'infinity'::date": "infinite",
    "'-infinity'::date": "infinite",
    "'infinity'::timestamp": "infinite",
    "'-infinity'::timestamptz": "infinite",
    "'0001-12-31 BC'::date": "years 1 to 9999",
    "'0001-12-31 23:59:59.999999 BC'::timestamp": "years 1 to 9999",
    "'10000-01-01'::date": "years 1 to 9999",
    "'10000-01-01 00:00+00'::timestamptz": "years 1 to 9999",
    "'24:00'::time": "24:00",
    "'24:00+02'::timetz": "24:00",
    "'1 month'::interval": "months",
    "'-1 year 365 days'::interval": "months",
    "'1000000000 days'::interval": "longer",
}


@pytest.mark.parametrize("value", OUTSIDE)
async def test_value_that_python_cannot_hold_is_a_data_error_with_the_columns_name(engine, value):
    for sql in [f"SELECT 1 AS one, {value} AS odd", f"SELECT 1 AS one, ARRAY[[NULL, {value}]] AS odd"]:
        result = await engine.execute(sql)
        with pytest.raises(DataError, match=rf"^odd: .*{OUTSIDE[value]}"):
            result.all()
    assert (await engine.execute("SELECT 1")).scalar() == 1


EXACT = {
    "numeric": [
        Decimal("9" * 131_072 + "." + "1" * 16_383),
        Decimal("-0." + "0" * 16_382 + "1"),
        Decimal("0.00"),
        Decimal("Infinity"),
        Decimal("-Infinity"),
    ],
    "float8": [math.inf, -math.inf, 5e-324, -1.7976931348623157e308, 0.1, 2.0**53],
    "float4": [math.inf, -math.inf, 1.401298464324817e-45, 3.4028234663852886e38],
    "int2": [-(2**15), 2**15 - 1],
    "int4": [-(2**31), 2**31 - 1],
    "int8": [-(2**63), 2**63 - 1],
    "bytea": [b"", bytes(range(256)), b"\\x00"],
    "jsonb": [{"a": 2**200, "b": [-(2**64), 1.5, None, True, "ä😀\x01"]}, {}],
    "json": [{"b": 2**200, "a": [[]]}],
    "date": [date.min, date.max],
    "timestamp": [datetime.min, datetime.max],
    "timestamptz": [instant.replace(tzinfo=timezone.utc) for instant in (datetime.min, datetime.max)],
    "interval": [timedelta(days=106_751_991), timedelta(microseconds=-1), timedelta(days=-1, seconds=1)],
    "text": ["", "\x01\x7f\ue000\uffff😀\u0301", "x" * 100_000],
}


@pytest.mark.parametrize("name", EXACT)
async def test_value_at_the_end_of_its_type_is_exact_both_ways(engine, name):
    for value in EXACT[name]:
        sql = f"SELECT $1::{name} AS one, ARRAY[$1::{name}, NULL] AS list, $1::{name}::text::{name} AS told"
        row = (await engine.execute(sql, [value])).one()
        assert row == {"one": value, "list": [value, None], "told": value}
        assert repr(row["one"]) == repr(value)


async def test_nan_and_negative_zero_stay_what_they_are(engine):
    for name, zero in [("float8", -0.0), ("float4", -0.0)]:
        row = (await engine.execute(f"SELECT $1::{name} AS nan, $2::{name} AS zero", [math.nan, zero])).one()
        assert math.isnan(row["nan"]) and math.copysign(1, row["zero"]) == -1
    nan = (await engine.execute("SELECT ARRAY[$1::numeric] AS nan", [Decimal("-NaN7")])).scalar()
    assert nan[0].is_qnan()


REFUSED = [
    ("int2", 2**15, "SMALLINT"),
    ("int4", -(2**31) - 1, "INTEGER"),
    ("int8", 2**63, "out of range"),
    ("float4", 1e39, "REAL"),
    ("float8", 2**53 + 1, "exactly"),
    ("numeric", Decimal("1e131072"), "131,072 digits"),
    ("numeric", Decimal("1e-16384"), "16,383 behind"),
    ("numeric", Decimal("sNaN"), "signalling"),
    ("interval", timedelta.max, "106,751,991 days"),
    ("timestamptz", datetime.min.replace(tzinfo=timezone(timedelta(hours=1))), "years 1 to 9999"),
    ("text", "a\0", "NUL"),
    ("text", "\ud800", "lone surrogate"),
    ("jsonb", {"a\0": 1}, "NUL"),
    ("jsonb", {"a": "\udfff"}, "lone surrogate"),
    ("jsonb", {"a": math.inf}, "JSON has no form"),
]


@pytest.mark.parametrize(("name", "value", "problem"), REFUSED)
async def test_value_that_the_type_cannot_hold_is_refused_by_the_parameters_name(engine, name, value, problem):
    with pytest.raises(DataError, match=rf"^parameter 2: .*{problem}"):
        await engine.execute(f"SELECT $1::int, $2::{name}", [1, value])
    with pytest.raises(DataError, match=rf"(:odd|parameter 1): .*{problem}"):
        await engine.execute(f"SELECT :odd ::{name}", {"odd": value})
    assert (await engine.execute("SELECT 1")).scalar() == 1
