"""Types of PostgreSQL: what their values are in Python, alone and in arrays, and the same to the server and to psycopg."""

from datetime import time, timedelta, timezone
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
