"""Python values to the database and back: exact on both, or refused by name before anything is sent."""

import enum
import math
import random
import uuid
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal

import pytest

from ormkit import (
    JSON,
    AsyncSession,
    BigInteger,
    DataError,
    DateTime,
    DeclarativeBase,
    Mapped,
    Numeric,
    SmallInteger,
    String,
    mapped_column,
    update,
)


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


class Level(enum.Enum):
    LOW = 1
    HIGH = 2


class Base(DeclarativeBase):
    __abstract__ = True


class Thing(Base):
    __tablename__ = "things"
    id: Mapped[int] = mapped_column(primary_key=True)
    small: Mapped[int | None] = mapped_column(SmallInteger)
    whole: Mapped[int | None]
    big: Mapped[int | None] = mapped_column(BigInteger)
    text: Mapped[str | None]
    short: Mapped[str | None] = mapped_column(String(3))
    real: Mapped[float | None]
    flag: Mapped[bool | None]
    raw: Mapped[bytes | None]
    exact: Mapped[Decimal | None]
    price: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    moment: Mapped[datetime | None]
    local: Mapped[datetime | None] = mapped_column(DateTime(timezone=False))
    day: Mapped[date | None]
    clock: Mapped[time | None]
    span: Mapped[timedelta | None]
    key: Mapped[uuid.UUID | None]
    colour: Mapped[Colour | None]
    level: Mapped[Level | None]
    doc: Mapped[dict | None] = mapped_column(JSON)


@pytest.fixture
async def db(engine):
    await Base.metadata.create_all(engine)
    return engine


async def round_trip(db, **values):
    """The values as another session reads them."""
    async with AsyncSession(db) as session:
        thing = await session.insert(Thing(**values))
    async with AsyncSession(db) as session:
        found = await session.get(Thing, thing.id)
        return {name: getattr(found, name) for name in values}


def same(left, right) -> bool:
    """Equal, of one type, and for floats and decimals digit by digit."""
    return type(left) is type(right) and repr(left) == repr(right)


EDGES = [
    ("small", -32768),
    ("small", 32767),
    ("whole", 2**31 - 1),
    ("whole", -(2**31)),
    ("big", 2**63 - 1),
    ("big", -(2**63)),
    ("text", ""),
    ("text", "grüße 🎉 \\ ' \" \n\x01"),
    ("short", "äöü"),
    ("real", 0.1),
    ("real", 0.0),
    ("real", 5e-324),
    ("real", 1.7976931348623157e308),
    ("flag", True),
    ("flag", False),
    ("raw", b""),
    ("raw", bytes(range(256))),
    ("exact", Decimal("0")),
    ("exact", Decimal("-123456789012345678901234567890.123456789")),
    ("exact", Decimal("1.500")),
    ("exact", Decimal("0.000000000000000000001")),
    ("price", Decimal("99999999.99")),
    ("moment", datetime(1, 1, 1, tzinfo=timezone.utc)),
    ("moment", datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=timezone.utc)),
    ("local", datetime(2024, 2, 29, 12, 30, 1, 5)),
    ("local", datetime(1969, 12, 31, 23, 59, 59, 999999)),
    ("day", date(1, 1, 1)),
    ("day", date(9999, 12, 31)),
    ("clock", time(0)),
    ("clock", time(23, 59, 59, 999999)),
    ("span", timedelta(0)),
    ("span", timedelta(days=-1, microseconds=1)),
    ("span", timedelta(days=100_000, seconds=86399, microseconds=999999)),
    ("key", uuid.UUID(int=0)),
    ("key", uuid.UUID(int=2**128 - 1)),
    ("colour", Colour.GREEN),
    ("level", Level.HIGH),
    ("doc", {}),
    ("doc", {"b": 1, "a": [True, None, 1.5, 'x"\\\n\t\u2028🎉'], "big": 2**70, "-": -(2**64)}),
    ("doc", [1, [2, [3]]]),
    ("doc", "text"),
    ("doc", 1.5e-7),
]


@pytest.mark.parametrize(("name", "value"), EDGES)
async def test_value_comes_back_as_it_was(db, name, value):
    found = (await round_trip(db, **{name: value}))[name]
    if name == "doc" and isinstance(value, dict):
        # PostgreSQL's jsonb sorts the keys of an object
        assert found == value
    else:
        assert same(found, value)


async def test_random_values_come_back_as_they_were(db):
    chance = random.Random(7)
    for _ in range(30):
        digits = tuple(chance.randrange(10) for _ in range(chance.randrange(1, 40)))
        values = {
            "big": chance.randrange(-(2**63), 2**63),
            "real": chance.uniform(-1, 1) * 10.0 ** chance.randrange(-300, 300),
            "text": "".join(chr(chance.choice([*range(1, 0xD800), 0x1F600])) for _ in range(20)),
            "raw": chance.randbytes(50),
            "exact": Decimal((0, (1, *digits), -chance.randrange(20))),
            "local": datetime(1, 1, 1) + timedelta(microseconds=chance.randrange(315537897600000000)),
            "span": timedelta(microseconds=chance.randrange(-(2**60), 2**60)),
            "key": uuid.UUID(int=chance.getrandbits(128)),
        }
        found = await round_trip(db, **values)
        assert all(same(found[name], value) for name, value in values.items()), (found, values)


async def test_moment_is_read_in_utc(db):
    zone = timezone(timedelta(hours=5, minutes=30))
    found = await round_trip(db, moment=datetime(2024, 1, 1, 3, tzinfo=zone))
    assert same(found["moment"], datetime(2023, 12, 31, 21, 30, tzinfo=timezone.utc))


async def test_keys_of_a_document_keep_their_order_on_sqlite(sqlite_url):
    from ormkit import create_engine

    async with create_engine(sqlite_url) as engine:
        await Base.metadata.create_all(engine)
        found = await round_trip(engine, doc={"b": 1, "a": {"z": 1, "y": 2}})
        assert repr(found["doc"]) == "{'b': 1, 'a': {'z': 1, 'y': 2}}"


async def test_uuid_of_the_database_is_a_whole_one(db):
    key = uuid.uuid4()
    found = (await round_trip(db, key=key))["key"]
    assert (found, hash(found), found.version, found.is_safe) == (key, hash(key), 4, uuid.SafeUUID.unknown)


async def test_value_of_an_enum_member_stands_for_it(db):
    assert (await round_trip(db, colour="red"))["colour"] is Colour.RED


class Other(enum.Enum):
    RED = "red"


REFUSED = [
    ("whole", True, "expected int, got a value of type bool"),
    ("whole", 1.0, "expected int, got a value of type float"),
    ("whole", "1", "expected int, got a value of type str"),
    ("whole", 2**31, "expected an int from -2147483648 to 2147483647"),
    ("small", 40000, "expected an int from -32768 to 32767"),
    ("big", 2**63, "out of range"),
    ("flag", 1, "expected bool, got a value of type int"),
    ("real", "1.5", "expected float, got a value of type str"),
    ("real", 2**53 + 1, "no float holds exactly"),
    ("text", b"x", "expected str, got a value of type bytes"),
    ("text", "a\0b", "NUL"),
    ("text", "\ud800", "lone surrogate"),
    ("short", "abcd", "at most 3 characters"),
    ("raw", "x", "expected bytes, got a value of type str"),
    ("exact", 1.5, "expected Decimal, got a value of type float"),
    ("exact", Decimal("sNaN"), "signalling NaN"),
    ("price", Decimal("1.239"), r"has 2 digit\(s\) behind the point, the value has 3: round it with quantize"),
    ("price", Decimal("123456789"), r"has 8 digit\(s\) before the point, the value has 9"),
    ("price", 10**9, r"has 8 digit\(s\) before the point, the value has 10"),
    ("price", Decimal("Infinity"), "holds no infinity"),
    ("moment", datetime(2024, 1, 1), "naive"),
    ("moment", date(2024, 1, 1), "expected datetime, got a value of type date"),
    ("moment", datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))), "outside of the years"),
    ("local", datetime(2024, 1, 1, tzinfo=timezone.utc), "aware"),
    ("day", datetime(2024, 1, 1), "expected date, got a value of type datetime"),
    ("clock", time(1, tzinfo=timezone.utc), "tzinfo"),
    ("span", timedelta.max, "106,751,991 days"),
    ("key", "00000000-0000-0000-0000-000000000000", "expected UUID, got a value of type str"),
    ("colour", Other.RED, "expected a member of Colour, got a value of type Other"),
    ("colour", "blue", "expected a member of Colour, got a value of type str"),
    ("doc", {1: 2}, "keys of a JSON object are str, got one of type int"),
    ("doc", {"a": {1, 2}}, "JSON has no form for a value of type set"),
    ("doc", [math.nan], "JSON has no form for NaN"),
    ("doc", ["\0"], "NUL"),
]


@pytest.mark.parametrize(("name", "value", "problem"), REFUSED)
async def test_value_that_does_not_fit_is_refused_by_name(db, name, value, problem):
    async with AsyncSession(db) as session:
        with pytest.raises(DataError, match=rf"^Thing\.{name}: .*{problem}"):
            await session.insert(Thing(**{name: value}))


async def test_decimal_too_long_for_its_column_is_refused_in_values_and_fine_in_conditions(db):
    async with AsyncSession(db) as session:
        await session.insert(Thing(price=Decimal("1.2300")))
        assert (
            await session.query(Thing).filter(Thing.price < Decimal("1.239"), price__gt=Decimal("1.2299")).count() == 1
        )
    with pytest.raises(DataError, match=r"^Thing\.price: .*quantize"):
        update(Thing).values(price=Decimal("1.239"))


async def test_document_that_holds_itself_is_refused(db):
    document: dict = {}
    document["self"] = document
    async with AsyncSession(db) as session:
        with pytest.raises(DataError, match=r"Thing\.doc: .*holds itself"):
            await session.insert(Thing(doc=document))


async def test_document_changed_in_place_is_written(db):
    async with AsyncSession(db) as session:
        thing = await session.insert(Thing(doc={"a": [1]}))
    async with AsyncSession(db) as session:
        (await session.get(Thing, thing.id)).doc["a"].append(2)
        await session.commit()
    async with AsyncSession(db) as session:
        assert (await session.get(Thing, thing.id)).doc == {"a": [1, 2]}


async def test_document_changed_in_place_to_what_is_no_json_is_refused_by_name(db):
    async with AsyncSession(db) as session:
        thing = await session.insert(Thing(doc={"a": 1}))
        thing.doc["when"] = date(2024, 1, 1)
        assert session.dirty == [thing]
        with pytest.raises(DataError, match=r"Thing\.doc: JSON has no form for a value of type date"):
            await session.commit()
        await session.rollback()


async def test_document_changed_in_place_after_a_flush_is_written(db):
    async with AsyncSession(db) as session:
        thing = Thing(doc={"a": 1})
        session.add(thing)
        await session.commit()
        thing.doc["a"] = 2
        await session.commit()
    async with AsyncSession(db) as session:
        assert (await session.get(Thing, thing.id)).doc == {"a": 2}


@pytest.mark.parametrize("text", ["2024-01-01 00:00:00", "-infinity", "infinity"])
async def test_infinite_date_of_postgres_is_refused_by_name(postgres_url, text):
    from ormkit import create_engine

    async with create_engine(postgres_url) as engine:
        await Base.metadata.create_all(engine)
        await engine.execute(f"INSERT INTO things (id, day) VALUES (1, '{text}')")
        async with AsyncSession(engine) as session:
            if "infinity" in text:
                with pytest.raises(DataError, match="day: .*infinite"):
                    await session.get(Thing, 1)
            else:
                assert (await session.get(Thing, 1)).day == date(2024, 1, 1)
