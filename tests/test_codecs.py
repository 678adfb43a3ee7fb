"""`register_codec`: functions of the user's for PostgreSQL types, wherever their values stand."""

import json
import re
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from ormkit import (
    AsyncSession,
    Base,
    DataError,
    DateTime,
    Mapped,
    NotSupportedError,
    Range,
    create_engine,
    func,
    mapped_column,
    select,
)
from ormkit.types import register_codec, unregister_codec

TYPES = """
    CREATE TYPE vector;
    CREATE FUNCTION vector_in(cstring) RETURNS vector LANGUAGE internal STRICT IMMUTABLE AS 'textin';
    CREATE FUNCTION vector_out(vector) RETURNS cstring LANGUAGE internal STRICT IMMUTABLE AS 'textout';
    CREATE TYPE vector (INPUT = vector_in, OUTPUT = vector_out);
    CREATE TYPE halfvec;
    CREATE FUNCTION half_in(cstring) RETURNS halfvec LANGUAGE internal STRICT IMMUTABLE AS 'byteain';
    CREATE FUNCTION half_out(halfvec) RETURNS cstring LANGUAGE internal STRICT IMMUTABLE AS 'byteaout';
    CREATE FUNCTION half_recv(internal) RETURNS halfvec LANGUAGE internal STRICT IMMUTABLE AS 'bytearecv';
    CREATE FUNCTION half_send(halfvec) RETURNS bytea LANGUAGE internal STRICT IMMUTABLE AS 'byteasend';
    CREATE TYPE halfvec (INPUT = half_in, OUTPUT = half_out, RECEIVE = half_recv, SEND = half_send);
    CREATE TYPE mood AS ENUM ('sad', 'happy');
    CREATE DOMAIN embedding AS vector;
    CREATE TYPE scored AS (id int, v halfvec, m mood);
    CREATE TYPE named AS (id int, v vector);
"""


@pytest.fixture
async def engine(postgres_url):
    async with create_engine(postgres_url, max_connections=1) as engine:
        await engine.execute_script(TYPES)
        yield engine


@pytest.fixture
def codec():
    """Registers codecs and takes them away."""
    taken = []

    def register(name, decode, encode, **options):
        register_codec(name, decode=decode, encode=encode, **options)
        taken.append((name, options.get("schema")))

    yield register
    for name, schema in set(taken):
        unregister_codec(name, schema=schema)


MOMENT = datetime(2024, 2, 29, 1, 2, 3, 4, tzinfo=timezone.utc)
PAGE = Path(__file__).parent.parent / "docs" / "types.md"


def examples():
    """What the guide shows of codecs."""
    section = PAGE.read_text().split("## Codecs: PostgreSQL's types in SQL of your own\n")[1].split("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)


def shown(example):
    """The registrations of an example."""
    found = []
    code = example.replace("from ormkit.types import register_codec", "")
    exec(code, {"register_codec": lambda name, **options: found.append((name, options))})
    return found


[(_, text_of_vectors)], [(_, binary_of_vectors)] = [shown(example) for example in examples()[:2]]
to_text = text_of_vectors["encode"]
to_binary, from_binary = binary_of_vectors["encode"], binary_of_vectors["decode"]


class Shout:
    def __init__(self, text):
        self.text = text

    def __eq__(self, other):
        return isinstance(other, Shout) and self.text == other.text


async def scalar(engine, sql, params=None):
    return (await engine.execute(sql, params)).scalar()


async def test_text_codec_reads_and_writes_alone_and_in_arrays(engine, codec):
    codec("vector", json.loads, to_text)
    assert await scalar(engine, "SELECT $1::vector", [[1.5, -2]]) == [1.5, -2]
    assert await scalar(engine, "SELECT $1::vector::text", [(1, 2)]) == "[1, 2]"
    assert await scalar(engine, "SELECT NULL::vector") is None
    assert await scalar(engine, "SELECT $1::vector", [None]) is None
    assert await scalar(engine, "SELECT ARRAY['[1,2]', NULL, '[3]']::vector[]") == [[1, 2], None, [3]]
    assert await scalar(engine, "SELECT ARRAY[ARRAY['[1]'], ARRAY['[2]']]::vector[]") == [[[1]], [[2]]]
    assert await scalar(engine, "SELECT '[4]'::embedding") == [4], "a domain is its base type"


async def test_text_is_decoded_as_the_server_has_it(engine, codec):
    codec("vector", lambda text: text, str)
    for text in ['a"b\\c', "{}", "ä€😀", "", "NULL", "a,b"]:
        assert await scalar(engine, "SELECT $1::vector", [text]) == text
        assert await scalar(engine, "SELECT ARRAY[$1::vector]", [text]) == [text]


async def test_arrays_of_objects_go_element_by_element(engine, codec):
    codec("vector", lambda text: Shout(text), lambda value: value.text)
    values = [Shout('a"b'), None, Shout("{\\}")]
    assert await scalar(engine, "SELECT $1::vector[]", [values]) == values
    codec("halfvec", lambda cell: Shout(cell.decode()), lambda value: value.text.encode(), format="binary")
    assert await scalar(engine, "SELECT $1::halfvec[]", [values]) == values
    assert await scalar(engine, "SELECT $1::halfvec[]", [[[values[0]], [values[2]]]]) == [[values[0]], [values[2]]]


async def test_binary_codec_reads_and_writes_everywhere(engine, codec):
    codec("halfvec", from_binary, to_binary, format="binary")
    assert await scalar(engine, "SELECT $1::halfvec", [[1.5, -2]]) == [1.5, -2]
    assert await scalar(engine, "SELECT encode(half_send($1), 'hex')", [[1.5]]) == "000100003fc00000"
    assert await scalar(engine, "SELECT array_agg(v) FROM unnest(ARRAY[$1::halfvec, NULL, $2]) v", [[1], [2, 3]]) == [
        [1],
        None,
        [2, 3],
    ]
    row = await scalar(engine, "SELECT $1::scored", [(7, [0.5], "sad")])
    assert (row.id, row.v, row.m) == (7, [0.5], "sad")
    assert await scalar(engine, "SELECT $1::scored[]", [[(7, [0.5], None), (8, None, None)]]) == [
        (7, [0.5], None),
        (8, None, None),
    ]
    assert await scalar(engine, "SELECT ROW(1, $1::halfvec)", [[4]]) == (1, [4])


async def test_copy_moves_values_of_codecs(engine, codec):
    codec("halfvec", from_binary, to_binary, format="binary")
    codec("mood", str.upper, str.lower)
    await engine.execute("CREATE TABLE items (id int, v halfvec, m mood)")
    rows = [(1, [1.5], "SAD"), (2, None, None), (3, [2, 3], "HAPPY")]
    assert await engine.copy_from("items", rows) == 3
    assert [row async for row in engine.copy_to("items")] == rows
    assert (await engine.execute("SELECT m::text FROM items WHERE id = 1")).scalar() == "sad"
    with pytest.raises(DataError, match=r"v \(row 1\).*encode of the codec for halfvec raised TypeError"):
        await engine.copy_from("items", [(4, 5, None)])


async def test_text_codec_of_a_composites_field_is_refused_where_it_cannot_be_read(engine, codec):
    codec("vector", json.loads, to_text)
    assert (await scalar(engine, "SELECT ($1::named).v", [(1, [2, 3])])) == [2, 3], "written as text"
    with pytest.raises(NotSupportedError, match='named.*format="binary"'):
        await scalar(engine, "SELECT '(1,\"[2]\")'::named")
    await engine.execute("CREATE TABLE texts (v vector)")
    with pytest.raises(NotSupportedError, match='column "v"'):
        await engine.copy_from("texts", [([1],)])


async def test_errors_name_the_place_and_keep_the_cause(engine, codec):
    codec("vector", json.loads, to_text)
    result = await engine.execute("SELECT 'oops'::vector AS embedding")
    with pytest.raises(DataError, match="^embedding: decode of the codec for vector raised JSONDecodeError") as raised:
        result.scalar()
    assert isinstance(raised.value.__cause__, json.JSONDecodeError)
    assert "oops" not in str(raised.value)
    with pytest.raises(DataError, match="^parameter 2: encode of the codec for vector raised TypeError") as raised:
        await engine.execute("SELECT $1::int, $2::vector", [1, 5])
    assert isinstance(raised.value.__cause__, TypeError)
    assert await scalar(engine, "SELECT 1") == 1


async def test_what_ends_a_program_passes(engine, codec):
    def interrupted(_value):
        raise KeyboardInterrupt

    codec("vector", interrupted, interrupted)
    with pytest.raises(KeyboardInterrupt):
        (await engine.execute("SELECT '[1]'::vector")).scalar()


@pytest.mark.parametrize(("format", "wrong", "found"), [("text", 5, "int, not str"), ("binary", "a", "str, not bytes")])
async def test_encode_of_another_type_is_refused_by_name(engine, codec, format, wrong, found):
    codec("halfvec", lambda cell: cell, lambda value: wrong, format=format)
    with pytest.raises(
        DataError, match=f"parameter 1: encode of the codec for halfvec returned a value of type {found}"
    ):
        await engine.execute("SELECT $1::halfvec", ["x"])
    codec("halfvec", lambda cell: cell, lambda value: "a\0b" if format == "text" else memoryview(b"ab"), format=format)
    if format == "text":
        with pytest.raises(DataError, match="NUL"):
            await engine.execute("SELECT $1::halfvec", ["x"])
    else:
        assert await scalar(engine, "SELECT $1::halfvec", ["x"]) == b"ab"


async def test_object_goes_to_a_codec_and_nowhere_else(engine, codec):
    with pytest.raises(DataError, match="type Shout cannot be bound"):
        await engine.execute("SELECT $1::text", [Shout("a")])
    codec("vector", Shout, lambda value: value.text)
    assert await scalar(engine, "SELECT $1::vector", [Shout("a")]) == Shout("a")
    for sql in ["SELECT $1::text", "SELECT $1::int", "SELECT $1::int[]", "SELECT $1::jsonb", "SELECT $1::mood"]:
        with pytest.raises(DataError, match="parameter 1: a value of type Shout cannot be bound"):
            await engine.execute(sql, [Shout("a")])
    with pytest.raises(DataError, match="type Shout cannot be bound"):
        await engine.execute("SELECT $1::jsonb", [[Shout("a")]])
    async with create_engine("sqlite::memory:") as sqlite:
        with pytest.raises(DataError, match="type Shout cannot be bound"):
            await sqlite.execute("SELECT ?", [Shout("a")])


@pytest.mark.parametrize("prepared", ["named", "unnamed", "never"])
async def test_change_holds_from_the_next_statement_on(postgres_url, engine, prepared):
    async with create_engine(postgres_url, prepared=prepared) as other:
        sql = "SELECT '[1]'::vector, $1::vector"
        assert (await other.execute(sql, ["[2]"])).tuples() == [("[1]", "[2]")]
        before = await other.execute(sql, ["[2]"])
        register_codec("vector", decode=json.loads, encode=to_text)
        try:
            assert (await other.execute(sql, [[2]])).tuples() == [([1], [2])]
            assert before.tuples() == [("[1]", "[2]")]
            register_codec("vector", decode=len, encode=lambda value: "[]")
            assert (await other.execute(sql, [[2]])).tuples() == [(3, 2)]
            after = await other.execute(sql, [[2]])
        finally:
            unregister_codec("vector")
        assert (await other.execute(sql, ["[2]"])).tuples() == [("[1]", "[2]")]
        assert after.tuples() == [(3, 2)]


async def test_types_of_one_name_differ_by_schema(engine, codec):
    await engine.execute_script("CREATE SCHEMA other; CREATE TYPE other.mood AS ENUM ('sad')")
    codec("mood", lambda text: ("other", text), str, schema="other")
    assert await scalar(engine, "SELECT 'sad'::mood") == "sad"
    assert await scalar(engine, "SELECT 'sad'::other.mood") == ("other", "sad")
    codec("mood", lambda text: ("any", text), str)
    assert await scalar(engine, "SELECT 'sad'::mood") == ("any", "sad")
    assert await scalar(engine, "SELECT 'sad'::other.mood") == ("other", "sad")


async def test_built_in_types_can_have_codecs(engine, codec):
    codec("numeric", float, str)
    assert await scalar(engine, "SELECT 1.5") == 1.5
    assert type(await scalar(engine, "SELECT 1.5")) is float
    assert await scalar(engine, "SELECT ARRAY[1.5, NULL]") == [1.5, None]
    assert await scalar(engine, "SELECT $1::numeric + 1", [0.25]) == 1.25
    assert await scalar(engine, "SELECT avg(n) FROM unnest($1::int[]) n", [[1, 2]]) == 1.5
    codec("jsonb", lambda text: json.loads(text, parse_float=Decimal), lambda value: json.dumps(value, default=str))
    assert await scalar(engine, "SELECT '[1.10]'::jsonb") == [Decimal("1.10")]
    assert await scalar(engine, "SELECT $1::jsonb", [{"a": [1]}]) == {"a": [1]}
    assert await scalar(engine, "SELECT ROW($1::jsonb, 2)", [[1]]) == ([1], 2)
    for value in [{"at": [MOMENT]}, [MOMENT], [{"at": MOMENT}], [[1], {"at": MOMENT}]]:
        expected = json.loads(json.dumps(value, default=str))
        assert await scalar(engine, "SELECT $1::jsonb", [value]) == expected
    with pytest.raises(DataError, match="parameter 1: .*JSON"):
        await engine.execute("SELECT $1::json", [{"at": MOMENT}])
    codec("integer", lambda cell: -int.from_bytes(cell, "big"), lambda value: value.to_bytes(4, "big"), format="binary")
    assert await scalar(engine, "SELECT $1::int", [7]) == -7
    assert await scalar(engine, "SELECT int4range(1, 3)") == Range(-1, -3)
    assert await scalar(engine, "SELECT $1::int4range::text", [Range(1, 3)]) == "[1,3)"


@pytest.fixture
def recipe(codec):
    """Registers what an example of the guide registers."""

    def register(at):
        for name, options in shown(examples()[at]):
            codec(name, **options)

    return register


async def test_infinite_and_distant_times_are_what_the_codec_says(engine, recipe):
    first, last = (end.replace(tzinfo=timezone.utc) for end in (datetime.min, datetime.max))
    sql = """SELECT ARRAY['infinity', '-infinity', '2024-02-29 01:02:03.000004+00', '10000-01-01+00', '0001-01-01+00 BC',
        '0001-01-01+00', '9999-12-31 23:59:59.999999+00']::timestamptz[]"""
    with pytest.raises(DataError, match="array.*years 1 to 9999"):
        await scalar(engine, sql)
    recipe(2)
    assert await scalar(engine, sql) == ["infinity", "-infinity", MOMENT, last, first, first, last]
    for value in ["infinity", "-infinity", MOMENT, first, last]:
        assert await scalar(engine, "SELECT $1::timestamptz", [value]) == value
    assert await scalar(engine, "SELECT isfinite($1::timestamptz)", ["infinity"]) is False
    span = await scalar(engine, "SELECT tstzrange($1, 'infinity')", [MOMENT])
    assert (span.lower, span.upper) == (MOMENT, "infinity")


class Event(Base):
    __tablename__ = "codec_events"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


async def test_mapped_columns_are_what_the_model_says(engine, recipe):
    recipe(2)
    await engine.execute("CREATE TABLE codec_events (id int PRIMARY KEY, at timestamptz NOT NULL)")
    async with AsyncSession(engine) as session:
        await session.insert(Event(id=1, at=MOMENT))
        await engine.execute("INSERT INTO codec_events VALUES (2, 'infinity')")
        assert (await session.get(Event, 1)).at == MOMENT
    async with AsyncSession(engine) as session:
        with pytest.raises(DataError, match="at: .*infinite"):
            await session.get(Event, 2)


async def test_values_of_mapped_columns_go_to_no_codec(engine, codec):
    def unasked(value):
        raise AssertionError(value)

    await engine.execute("CREATE TABLE codec_events (id int PRIMARY KEY, at timestamptz NOT NULL)")
    await engine.execute("INSERT INTO codec_events VALUES (1, $1)", [MOMENT])
    codec("timestamptz", unasked, unasked, format="binary")
    async with AsyncSession(engine) as session:
        query = select(Event.at, func.pg_typeof(Event.at)).where(Event.at == MOMENT)
        assert [row[0] for row in await session.execute(query)] == [MOMENT]
        query = select(Event.id, func.abs(Event.id)).where(Event.at.in_([MOMENT]))
        assert (await session.execute(query)).tuples() == [(1, 1)]


async def test_intervals_of_months_are_what_the_codec_says(engine, recipe):
    with pytest.raises(DataError, match="span: .*months"):
        (await engine.execute("SELECT interval '1 month' AS span")).scalar()
    recipe(3)
    span = await scalar(engine, "SELECT interval '1 year 2 months -3 days 4 us'")
    assert (span.months, span.days, span.microseconds) == (14, -3, 4)
    assert await scalar(engine, "SELECT $1::interval::text", [span]) == "1 year 2 mons -3 days +00:00:00.000004"
    assert await scalar(engine, "SELECT date '2024-01-31' + $1::interval", [(1, 0, 0)]) == datetime(2024, 2, 29)


async def test_many_rows_of_values_go_to_codecs(engine, codec):
    codec("vector", lambda text: Shout(text), lambda value: value.text)
    await engine.execute("CREATE TABLE shouts (id int, v vector)")
    await engine.execute_many("INSERT INTO shouts VALUES ($1, $2)", [(1, Shout("a")), (2, None), (3, Shout("b"))])
    assert await scalar(engine, "SELECT array_agg(v ORDER BY id) FROM shouts") == [Shout("a"), None, Shout("b")]
    with pytest.raises(DataError, match="encode of the codec for vector raised AttributeError"):
        await engine.execute_many("INSERT INTO shouts VALUES ($1, $2)", [(4, Shout("c")), (5, 6)])
    assert await scalar(engine, "SELECT count(*) FROM shouts") == 3


async def test_echo_shows_values_on_their_way_to_a_codec(postgres_url, engine, codec, caplog):
    codec("vector", lambda text: text, lambda value: value.text)
    async with create_engine(postgres_url, echo="debug") as loud:
        with caplog.at_level("DEBUG", logger="ormkit"):
            assert await scalar(loud, "SELECT $1::vector", [Shout("a")]) == "a"
    assert "SELECT $1::vector" in caplog.text


async def test_sessions_of_the_engine_keep_working_with_a_bool_codec(postgres_url, codec):
    codec("bool", lambda text: text, str)
    async with create_engine(f"{postgres_url}?target_session_attrs=read-write") as engine:
        assert await scalar(engine, "SELECT true") == "t"


@pytest.mark.parametrize(
    ("name", "problem"),
    [("", "empty"), ("_vector", "array"), ("vector[]", "array"), ("record", "pseudo"), ("anyarray", "pseudo")],
)
def test_names_that_no_value_has_are_refused(name, problem):
    with pytest.raises(ValueError, match=problem):
        register_codec(name, decode=str, encode=str)


def test_functions_and_formats_are_checked():
    async def later(value):
        return value

    with pytest.raises(TypeError, match="decode must be a callable, not str"):
        register_codec("vector", decode="a", encode=str)
    with pytest.raises(TypeError, match="encode must not be async"):
        register_codec("vector", decode=str, encode=later)
    with pytest.raises(ValueError, match='"text" or "binary", not "tuple"'):
        register_codec("vector", decode=str, encode=str, format="tuple")
    with pytest.raises(LookupError, match="no codec is registered for mine.vector"):
        unregister_codec("vector", schema="mine")
