"""`quote_identifier` and `quote_literal`: what is quoted is read by the server as what it was."""

from __future__ import annotations

import datetime as dt
import ipaddress
import math
import random
import struct
import uuid
from decimal import Decimal

import psycopg
import pytest

import ormkit
from ormkit import quote_identifier, quote_literal

LETTERS = "'\\\"-;/*$E e\n?:x%é😀\x01\x7f"


def some_text(random: random.Random) -> str:
    return "".join(random.choice(LETTERS) for _ in range(random.randrange(12)))


def some_float(random: random.Random) -> float:
    [number] = struct.unpack("d", random.randbytes(8))
    return random.choice([random.uniform(-10, 10), 0.0 if math.isnan(number) else number])


def some_int(random: random.Random) -> int:
    return random.choice([random.randrange(-3, 3), random.randrange(-(2**63), 2**63), -(2**63), 2**63 - 1, 2**31])


def some_moment(random: random.Random) -> dt.datetime:
    return dt.datetime.min + dt.timedelta(microseconds=random.randrange(9998 * 365 * 86400 * 10**6))


BOTH = [
    lambda random: None,
    lambda random: random.random() < 0.5,
    some_int,
    some_text,
    some_float,
    lambda random: random.randbytes(random.randrange(20)),
]
POSTGRES = [
    *BOTH,
    lambda random: Decimal(some_int(random)).scaleb(random.randrange(-30, 5)),
    lambda random: uuid.UUID(bytes=random.randbytes(16)),
    some_moment,
    lambda random: some_moment(random).replace(tzinfo=dt.timezone.utc),
    lambda random: some_moment(random).date(),
    lambda random: some_moment(random).time(),
    lambda random: dt.timedelta(microseconds=random.randrange(-(10**15), 10**15)),
    lambda random: {some_text(random): random.randrange(-9, 9)},
    lambda random: ipaddress.IPv4Address(random.randbytes(4)),
    lambda random: ipaddress.IPv6Address(random.randbytes(16)),
]


async def read_all(engine, values):
    """The values as the server reads their literals: in statements of many, for speed."""
    texts = [quote_literal(value, dialect=engine.dialect) for value in values]
    columns = ", ".join(f"{text} AS c{at}" for at, text in enumerate(texts))
    return (await engine.execute(f"SELECT {columns}")).tuples()[0]


def same(read, value):
    if isinstance(value, float) and math.isnan(value):
        return math.isnan(read)
    if isinstance(value, bool):
        return read == value
    if isinstance(value, float):
        return (read, math.copysign(1, read)) == (value, math.copysign(1, value)) and type(read) is float
    if isinstance(value, (ipaddress.IPv4Address, ipaddress.IPv6Address)):
        return str(read).split("/")[0] == str(value)
    return read == value


async def test_literals_are_read_as_the_values(engine):
    seed = random.randrange(2**32)
    source = random.Random(seed)
    for _ in range(100):
        kinds = POSTGRES if engine.is_postgres() else BOTH
        values = [source.choice(kinds)(source) for _ in range(20)]
        for read, value in zip(await read_all(engine, values), values, strict=True):
            assert same(read, value), (seed, quote_literal(value, dialect=engine.dialect), read, value)


async def test_special_numbers_of_postgresql(postgres_url):
    values = [math.nan, math.inf, -math.inf, -0.0, Decimal("-1.50"), -(2**63)]
    async with ormkit.create_engine(postgres_url) as engine:
        read = await read_all(engine, values)
        assert all(map(same, read, values))
        assert str(read[4]) == "-1.50"


@pytest.mark.parametrize("value", [-1, -(2**63), -0.5, -math.inf])
async def test_sign_in_front_of_a_negative_number_begins_no_comment(engine, value):
    literal = quote_literal(value, dialect=engine.dialect)
    # CVE-2024-1597: `-` before `-1` made the rest of the line a comment, and the text behind it SQL.
    sql = f"SELECT 0-{literal}, {quote_literal(chr(10) + ', 1/0 --', dialect=engine.dialect)}"
    if value == -(2**63):
        sql = sql.replace("0-", "1-1+")
        value = -value
    assert (await engine.execute(sql)).tuples() == [(-value, "\n, 1/0 --")]


async def test_backslashes_are_safe_whatever_the_server_makes_of_them(postgres_url, postgres_admin):
    with psycopg.connect(postgres_url, options="-c standard_conforming_strings=off") as other:
        for value in ["\\'; DROP TABLE x; --", "a\\", b"\0\\'"]:
            assert other.execute(f"SELECT{quote_literal(value)}").fetchone()[0] == value


async def test_identifiers_name_what_they_are(engine):
    for name in ["plain", "two words", 'q"q', "select", "Upper", "sémi;--", "a.b"]:
        quoted = quote_identifier(name, dialect=engine.dialect)
        result = await engine.execute(f"SELECT 1 AS {quoted}")
        assert result.columns == (name,)
    assert quote_identifier("shop", "a b") == 'shop."a b"'


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([""], ormkit.InterfaceError),
        (["a", "b\0"], ormkit.InterfaceError),
        (["x" * 64], ormkit.InterfaceError),
        (["\ud800"], ormkit.DataError),
        ([1], TypeError),
    ],
)
def test_wrong_names_are_refused(arguments, error):
    with pytest.raises(error):
        quote_identifier(*arguments)


@pytest.mark.parametrize(
    ("value", "dialect", "error"),
    [
        ("a\0b", "postgresql", ormkit.DataError),
        ("a\0b", "sqlite", ormkit.DataError),
        ("\ud800", "postgresql", ormkit.DataError),
        (2**63, "postgresql", ormkit.DataError),
        ([1], "postgresql", ormkit.NotSupportedError),
        ([1], "sqlite", ormkit.NotSupportedError),
        (math.nan, "sqlite", ormkit.DataError),
        (dt.date(2024, 1, 1), "sqlite", ormkit.NotSupportedError),
        (Decimal(1), "sqlite", ormkit.NotSupportedError),
        (uuid.UUID(int=1), "sqlite", ormkit.NotSupportedError),
        (object(), "sqlite", ormkit.DataError),
        (1, "mysql", ValueError),
    ],
)
def test_values_without_a_literal_are_refused(value, dialect, error):
    with pytest.raises(error):
        quote_literal(value, dialect=dialect)
