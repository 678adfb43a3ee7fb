"""Types of PostgreSQL: what their values are in Python, alone and in arrays, and the same to the server and to psycopg."""

import math
import random
import struct
import uuid
from datetime import datetime, time, timedelta, timezone
from decimal import Context, Decimal
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_interface,
)

import psycopg
import pytest
from psycopg.types.json import Json, Jsonb

from ormkit import DataError, create_engine


@pytest.fixture
async def engine(postgres_url):
    async with create_engine(postgres_url) as engine:
        yield engine


@pytest.fixture
def other(postgres_url):
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        yield connection


ADDRESSES = [
    ("inet", IPv4Address("127.0.0.1")),
    ("inet", IPv4Interface("10.1.2.3/8")),
    ("inet", IPv4Interface("0.0.0.0/0")),
    ("inet", IPv6Address("::1")),
    ("inet", IPv6Address("::ffff:1.2.3.4")),
    ("inet", IPv6Interface("fe80::1/10")),
    ("cidr", IPv4Network("10.0.0.0/8")),
    ("cidr", IPv4Network("10.0.0.1/32")),
    ("cidr", IPv6Network("::/0")),
    ("cidr", IPv6Network("2001:db8::/32")),
]


@pytest.mark.parametrize(("name", "value"), ADDRESSES)
async def test_address_is_what_the_server_and_another_client_say(engine, other, name, value):
    sql = f"SELECT $1::{name} AS value, $1::{name}::text AS text, ARRAY[$1, NULL]::{name}[] AS list"
    for _ in range(2):
        ours = (await engine.execute(sql, [value])).one()
        assert (ours["value"], ours["list"]) == (value, [value, None])
        assert type(ours["value"]) is type(value)
        theirs = other.execute(sql.replace("$1", "%(v)s"), {"v": value}).fetchone()
        assert theirs == (ours["value"], ours["text"], ours["list"])


async def test_address_as_text_is_the_servers_to_read(engine):
    row = (await engine.execute("SELECT $1::inet AS i, $2::cidr AS c", ["10.0.0.1/8", "10.0.0.0/8"])).one()
    assert row == {"i": ip_interface("10.0.0.1/8"), "c": IPv4Network("10.0.0.0/8")}


async def test_address_with_a_scope_is_refused_by_name(engine):
    with pytest.raises(DataError, match=r"parameter 1: .*scope"):
        await engine.execute("SELECT $1::inet", [IPv6Address("fe80::1%eth0")])


TIMES = [
    time(0, tzinfo=timezone.utc),
    time(23, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=5, minutes=30, seconds=7))),
    time(12, 30, tzinfo=timezone(-timedelta(hours=15, minutes=59, seconds=59))),
]


@pytest.mark.parametrize("value", TIMES, ids=str)
async def test_time_in_a_zone_keeps_its_offset(engine, other, value):
    sql = "SELECT $1::timetz AS value, $1::timetz::text AS text, ARRAY[$1, NULL]::timetz[] AS list"
    for _ in range(2):
        ours = (await engine.execute(sql, [value])).one()
        assert (ours["value"], ours["value"].utcoffset()) == (value, value.utcoffset())
        assert [ours["list"][0].utcoffset(), ours["list"][1]] == [value.utcoffset(), None]
        theirs = other.execute(sql.replace("$1", "%(v)s"), {"v": value}).fetchone()
        assert (str(theirs[0]), theirs[1]) == (str(ours["value"]), ours["text"])


# Of each type a few values as text, and what they are in Python.
PLAIN = {
    "oid": {"0": 0, "4294967295": 4294967295},
    "xid": {"0": 0, "4294967295": 4294967295},
    "cid": {"7": 7},
    "xid8": {"0": 0, "9223372036854775807": 2**63 - 1},
    "xml": {"<a>ä &lt; b</a>": "<a>ä &lt; b</a>", '<?xml version="1.0"?><a/>': "<a/>"},
    "jsonpath": {"$.a[*] ? (@ > 1)": '$."a"[*]?(@ > 1)'},
    "refcursor": {"portal 1": "portal 1"},
    "name": {"ä b": "ä b", "x" * 70: "x" * 63},
    "char(3)": {"ä": "ä  ", "abc": "abc", "": "   "},
    '"char"': {"x": "x", "": ""},
    "varchar(5)": {"a  ": "a  "},
}

# Of each type some values; the server's text of them is what Python gets.
TEXTUAL = {
    "macaddr": ["08:00:2b:01:02:03", "ff-ff-ff-ff-ff-ff"],
    "macaddr8": ["08:00:2b:01:02:03", "08002b0102030405"],
    "bit(3)": ["101", "000"],
    "varbit": ["", "1", "0" * 100 + "1"],
    "pg_lsn": ["0/0", "16/B374D848"],
    "money": ["-12.34", "1000000"],
    "tsvector": ["a fat cat's 'b c':4A", "", "'a\\\\b' '{,}'"],
    "tsquery": ["fat & (rat | !cat:AB)", "'a''b' <-> c"],
    "point": ["(1.5,-2e300)"],
    "lseg": ["[(0,0),(1,1)]"],
    "line": ["{1,-1,0}"],
    "box": ["(1,1),(0,0)"],
    "path": ["[(0,0),(1,1)]", "((0,0),(1,1))"],
    "polygon": ["((0,0),(1,1),(1,0))"],
    "circle": ["<(0,0),2>"],
    "txid_snapshot": ["10:20:10,14,15"],
    "pg_snapshot": ["10:20:10,14,15"],
    "tid": ["(1,2)"],
    "regclass": ["pg_type", '"odd {,} ""name"""'],
    "regtype": ["int4", "timestamp with time zone"],
    "regproc": ["now"],
    "regprocedure": ["sum(int4)"],
    "regoperator": ["+(int4,int4)"],
    "regrole": ["pg_monitor"],
    "regnamespace": ["public"],
    "regconfig": ["english"],
    "regdictionary": ["simple"],
    "regcollation": ['"C"'],
    "int2vector": ["1 2 3"],
    "oidvector": ["1 2"],
}


@pytest.fixture
def odd(other):
    other.execute('CREATE TABLE "odd {,} ""name""" ()')


@pytest.mark.parametrize("name", PLAIN)
async def test_plain_type_alone_and_in_arrays(engine, name):
    for text, value in PLAIN[name].items():
        sql = f"SELECT $1::text::{name} AS one, ARRAY[[$1::text], [NULL]]::{name}[] AS list"
        for _ in range(2):
            assert (await engine.execute(sql, [text])).one() == {"one": value, "list": [[value], [None]]}
        direct = (await engine.execute(f"SELECT $1::{name}", [value])).scalar()
        assert direct == value


@pytest.mark.parametrize("name", TEXTUAL)
async def test_type_without_a_form_in_python_is_the_servers_text(engine, other, odd, name):
    for text in TEXTUAL[name]:
        shown = other.execute(f"SELECT %s::{name}::text", [text]).fetchone()[0]
        sql = f"SELECT $1::{name} AS one, ARRAY[[$1::{name}, NULL], [NULL, $1]] AS list, ARRAY[]::{name}[] AS empty"
        for _ in range(2):
            row = (await engine.execute(sql, [text])).one()
            assert row == {"one": shown, "list": [[shown, None], [None, shown]], "empty": []}
        bounds = f"SELECT array_fill($1::{name}, ARRAY[2, 1], ARRAY[3, -1])"
        assert (await engine.execute(bounds, [text])).scalar() == [[shown], [shown]]


async def test_char_that_is_no_text_is_a_data_error_with_the_columns_name(engine):
    result = await engine.execute("""SELECT '{}'::int[] AS none, (-56)::"char" AS odd""")
    with pytest.raises(DataError, match="odd: .*char"):
        result.all()


async def test_big_xid8_is_a_data_error_with_the_columns_name(engine):
    result = await engine.execute("SELECT '18446744073709551615'::xid8 AS big")
    with pytest.raises(DataError, match="big: .*xid8"):
        result.all()


@pytest.mark.parametrize(("name", "value"), [("oid", -1), ("oid", 2**32), ("xid", 2**32), ("xid8", -1)])
async def test_int_out_of_the_types_range_is_refused(engine, name, value):
    with pytest.raises(DataError):
        await engine.execute(f"SELECT $1::{name}", [value])
    assert (await engine.execute("SELECT 1")).scalar() == 1


CHANCE = random.Random(53)


def some_text() -> str:
    return "".join(chr(CHANCE.choice([*range(1, 0x250), 0x20AC, 0xFFFF, 0x1F600])) for _ in range(CHANCE.randrange(12)))


def some_moment() -> datetime:
    return datetime(1, 1, 1) + timedelta(microseconds=CHANCE.randrange(315_537_897_600_000_000))


def some_offset() -> timezone:
    return timezone(timedelta(seconds=CHANCE.randrange(-57_599, 57_600)))


def some_network(kind):
    wide = CHANCE.random() < 0.5
    bits = 128 if wide else 32
    prefix = CHANCE.randrange(bits + 1)
    address = CHANCE.getrandbits(bits)
    if kind == "Network":
        address = address >> (bits - prefix) << (bits - prefix)
    return (IPv6 if wide else IPv4)[kind]((address, prefix))


IPv4 = {"Interface": IPv4Interface, "Network": IPv4Network}
IPv6 = {"Interface": IPv6Interface, "Network": IPv6Network}


def some_inet():
    found = some_network("Interface")
    return found.ip if found.network.prefixlen == found.max_prefixlen else found


def some_document(depth: int = 0):
    kinds = [None, True, 2**70, -5, 0.1, some_text()]
    if depth < 3 and CHANCE.random() < 0.5:
        return [some_document(depth + 1) for _ in range(CHANCE.randrange(4))]
    if depth < 3 and CHANCE.random() < 0.6:
        return {some_text(): some_document(depth + 1) for _ in range(CHANCE.randrange(4))}
    return CHANCE.choice(kinds)


def float4() -> float:
    found = struct.unpack("f", CHANCE.randbytes(4))[0]
    return found if math.isfinite(found) else float4()


def float8() -> float:
    found = struct.unpack("d", CHANCE.randbytes(8))[0]
    return found if math.isfinite(found) else float8()


RANDOM = {
    "bool": lambda: CHANCE.random() < 0.5,
    "int2": lambda: CHANCE.randrange(-(2**15), 2**15),
    "int4": lambda: CHANCE.randrange(-(2**31), 2**31),
    "int8": lambda: CHANCE.randrange(-(2**63), 2**63),
    "oid": lambda: CHANCE.randrange(2**32),
    "float4": float4,
    "float8": float8,
    "numeric": lambda: Decimal(CHANCE.randrange(-(10**50), 10**50)).scaleb(-CHANCE.randrange(80), Context(prec=100)),
    "text": some_text,
    "varchar": some_text,
    "bytea": lambda: CHANCE.randbytes(CHANCE.randrange(40)),
    "date": lambda: some_moment().date(),
    "time": lambda: some_moment().time(),
    "timetz": lambda: some_moment().timetz().replace(tzinfo=some_offset()),
    "timestamp": some_moment,
    "timestamptz": lambda: some_moment().replace(tzinfo=timezone.utc),
    "interval": lambda: timedelta(microseconds=CHANCE.randrange(-(2**62), 2**62)),
    "uuid": lambda: uuid.UUID(int=CHANCE.getrandbits(128)),
    "jsonb": lambda: {"a": some_document()},
    "json": lambda: {"a": some_document()},
    "inet": some_inet,
    "cidr": lambda: some_network("Network"),
    "macaddr": lambda: CHANCE.randbytes(6).hex(":"),
    "macaddr8": lambda: CHANCE.randbytes(8).hex(":"),
    "varbit": lambda: "".join(CHANCE.choice("01") for _ in range(CHANCE.randrange(40))),
    "pg_lsn": lambda: f"{CHANCE.randrange(1, 2**32):X}/{CHANCE.randrange(2**32):X}",
    "point": lambda: f"({CHANCE.randrange(99)},{CHANCE.randrange(99) / 4:g})",
}


@pytest.mark.parametrize("name", RANDOM)
async def test_random_values_are_the_same_to_us_to_the_server_and_to_another_client(engine, other, name):
    values = [RANDOM[name]() for _ in range(60)]
    sent = [Jsonb(value) if name == "jsonb" else Json(value) if name == "json" else value for value in values]
    other.execute("SET timezone = 'UTC'")
    other.execute(f"CREATE TABLE t (id int, ours {name}, list {name}[], theirs {name})")
    for index, value in enumerate(values):
        await engine.execute(f"INSERT INTO t VALUES ($1, $2, ARRAY[$2, NULL]::{name}[])", [index, value])
        other.execute(f"UPDATE t SET theirs = %s::{name} WHERE id = %s", [sent[index], index])
    # JSON keeps the blanks of whoever wrote it
    shown = "jsonb" if name == "json" else "text"
    same = f"ours::{shown} = theirs::{shown} AND list[1]::{shown} = theirs::{shown} AS same"
    rows = (await engine.execute(f"SELECT ours, list, theirs, {same} FROM t ORDER BY id")).all()
    assert all(row["same"] for row in rows)
    assert [row["ours"] for row in rows] == [row["theirs"] for row in rows] == values
    assert [row["list"] for row in rows] == [[value, None] for value in values]
    # psycopg reads REAL from text as the nearest DOUBLE PRECISION, and has no binary form of others
    read = other.execute("SELECT ours, list FROM t ORDER BY id", binary=name == "float4").fetchall()
    assert read == [(row["ours"], row["list"]) for row in rows]
    told = (await engine.execute("SELECT ours::text AS told FROM t ORDER BY id")).scalars()
    back = f"SELECT $1::text::{name}"
    assert [(await engine.execute(back, [text])).scalar() for text in told] == values
