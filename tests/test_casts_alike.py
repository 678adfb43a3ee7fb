"""Casts, texts that are put together, and JSON that is made of values: one answer on both databases."""

from __future__ import annotations

import enum
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from ormkit import (
    JSON,
    AsyncSession,
    BigInteger,
    Boolean,
    DatabaseError,
    DataError,
    Date,
    DateTime,
    DeclarativeBase,
    Engine,
    Float,
    Integer,
    Mapped,
    NotSupportedError,
    Numeric,
    ProgrammingError,
    String,
    Text,
    Time,
    Uuid,
    aggregate_order_by,
    cast,
    func,
    literal,
    mapped_column,
    select,
)


class Base(DeclarativeBase):
    pass


class Mood(enum.Enum):
    GOOD = "good"
    BAD = "bad"


class Thing(Base):
    __tablename__ = "cast_things"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    flag: Mapped[bool | None]
    size: Mapped[float | None]
    price: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    day: Mapped[date | None]
    hour: Mapped[time | None]
    at: Mapped[datetime | None]
    local: Mapped[datetime | None] = mapped_column(DateTime(timezone=False))
    span: Mapped[timedelta | None]
    token: Mapped[UUID | None]
    raw: Mapped[bytes | None]
    mood: Mapped[Mood | None]
    facts: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    marks: Mapped[list[int] | None]


TOKEN = UUID(int=7)


@pytest.fixture
async def session(engine: Engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all(
            [
                Thing(
                    id=1,
                    name='é"x',
                    flag=True,
                    size=2.0,
                    price=Decimal("1.50"),
                    day=date(2024, 1, 2),
                    hour=time(1, 2, 3),
                    at=datetime(2024, 1, 2, 3, 4, 5, 6000, tzinfo=timezone.utc),
                    local=datetime(2024, 1, 2, 3, 4, 5),
                    span=timedelta(days=1, seconds=5),
                    token=TOKEN,
                    raw=b"\x00\xff",
                    mood=Mood.GOOD,
                    facts={"b": [1, None, "x"]},
                    marks=[1, 2],
                ),
                Thing(id=2),
            ]
        )
        yield session


JSON_FORMS: list[tuple[str, Any]] = [
    ("id", 1),
    ("name", 'é"x'),
    ("flag", True),
    ("size", 2),
    ("price", 1.5),
    ("day", "2024-01-02"),
    ("hour", "01:02:03"),
    ("at", "2024-01-02T03:04:05.006+00:00"),
    ("local", "2024-01-02T03:04:05"),
    ("token", "00000000-0000-0000-0000-000000000007"),
    ("raw", "\\x00ff"),
    ("mood", "good"),
    ("facts", {"b": [1, None, "x"]}),
    ("marks", [1, 2]),
]


@pytest.mark.parametrize(("name", "form"), JSON_FORMS)
async def test_values_in_json(session: AsyncSession, name: str, form: Any) -> None:
    column = getattr(Thing, name)
    empty = 2 if name == "id" else None
    made = select(
        func.json_build_object("k", column),
        func.json_build_array(column, 1),
        func.jsonb_build_object("k", column, "l", func.json_build_array(column)),
        func.to_json(column),
    ).order_by(Thing.id)
    assert (await session.execute(made)).all() == [
        ({"k": form}, [form, 1], {"k": form, "l": [form]}, form),
        ({"k": empty}, [empty, 1], {"k": empty, "l": [empty]}, empty),
    ]
    down = aggregate_order_by(column, Thing.id.desc())
    gathered = select(
        func.json_agg(down),
        func.jsonb_agg(down),
        func.json_object_agg(Thing.id, column),
        func.json_agg(down).filter(False),
    )
    assert (await session.execute(gathered)).all() == [([empty, form], [empty, form], {"1": form, "2": empty}, None)]
    # JSON in JSON, of rows and of groups.
    rows = func.json_agg(func.json_build_object("v", column))
    nested = select(func.json_build_object("all", rows)).where(Thing.id == 1)
    assert await session.scalar(nested) == {"all": [{"v": form}]}


@pytest.mark.parametrize(
    "name", ["id", "name", "flag", "size", "price", "day", "hour", "at", "local", "span", "token", "raw", "mood"]
)
async def test_lists_of_values(session: AsyncSession, name: str) -> None:
    column = getattr(Thing, name)
    values = [getattr(thing, name) for thing in await session.query(Thing).order_by("id")]
    gathered = func.array_agg(aggregate_order_by(column, Thing.id))
    assert await session.scalar(select(gathered)) == values
    assert await session.scalar(select(func.array_agg(column)).where(Thing.id > 9)) is None
    assert await session.scalar(select(func.cardinality(gathered))) == 2


async def test_keys_of_json_are_texts(session: AsyncSession) -> None:
    for name, key in [("id", "1"), ("flag", "true"), ("token", str(TOKEN)), ("local", "2024-01-02T03:04:05")]:
        column = getattr(Thing, name)
        made = select(func.json_build_object(column, 1), func.json_object_agg(column, 2)).where(Thing.id == 1)
        assert (await session.execute(made.group_by(column))).all() == [({key: 1}, {key: 2})]
    with pytest.raises(DatabaseError, match="(?i)null"):
        await session.scalar(select(func.json_build_object(Thing.name, 1)).where(Thing.id == 2))


TEXTS = [
    ("id", "1"),
    ("name", 'é"x'),
    ("flag", "true"),
    ("size", "2"),
    ("price", "1.50"),
    ("day", "2024-01-02"),
    ("hour", "01:02:03"),
    ("at", "2024-01-02 03:04:05.006+00"),
    ("local", "2024-01-02 03:04:05"),
    ("token", "00000000-0000-0000-0000-000000000007"),
    ("raw", "\\x00ff"),
    ("mood", "good"),
    ("facts", '{"b": [1, null, "x"]}'),
]


@pytest.mark.parametrize(("name", "form"), TEXTS)
async def test_values_as_texts(session: AsyncSession, name: str, form: str) -> None:
    column = getattr(Thing, name)
    in_concat = {"true": "t"}.get(form, form)
    texts = select(
        cast(column, Text),
        cast(column, String(3)),
        func.concat(column, "-", None),
        func.concat_ws("-", column, "x"),
        literal("<") + cast(column, String),
        Thing.mood.cast(String) + column,
    ).where(Thing.id == 1)
    assert (await session.execute(texts)).all() == [
        (form, form[:3], f"{in_concat}-", f"{in_concat}-x", f"<{form}", f"good{form}")
    ]
    assert await session.scalar(select(cast(column, Text)).where(Thing.id == 2)) == ("2" if name == "id" else None)


CASTS: list[tuple[Any, Any, Any]] = [
    ("12", Integer, 12),
    (" 7 ", BigInteger, 7),
    ("1.5", Float, 1.5),
    ("1.50", Numeric, Decimal("1.50")),
    ("yes", Boolean, True),
    ("OFF", Boolean, False),
    ("2024-02-03", Date, date(2024, 2, 3)),
    ("2024-02-03 04:05:06", Date, date(2024, 2, 3)),
    ("04:05", Time, time(4, 5)),
    ("2024-02-03T04:05:06", DateTime(timezone=False), datetime(2024, 2, 3, 4, 5, 6)),
    ("2024-02-03 04:05:06+02", DateTime(timezone=True), datetime(2024, 2, 3, 2, 5, 6, tzinfo=timezone.utc)),
    (str(TOKEN), Uuid, TOKEN),
    ("{" + TOKEN.hex.upper() + "}", Uuid, TOKEN),
    ('{"a": 1}', JSON, {"a": 1}),
    (2.5, Integer, 2),
    (3.5, Integer, 4),
    (-1.7, Integer, -2),
    (7, Boolean, True),
    (0, Boolean, False),
    (True, Integer, 1),
    (date(2024, 1, 2), DateTime(timezone=False), datetime(2024, 1, 2)),
    (datetime(2024, 1, 2, 3, tzinfo=timezone.utc), DateTime(timezone=False), datetime(2024, 1, 2, 3)),
    (datetime(2024, 1, 2, 3, tzinfo=timezone.utc), Date, date(2024, 1, 2)),
    (None, Uuid, None),
]


@pytest.mark.parametrize(("value", "to", "answer"), CASTS)
async def test_casts_of_values(session: AsyncSession, value: Any, to: Any, answer: Any) -> None:
    found = await session.scalar(select(cast(literal(value), to)))
    assert (found, type(found)) == (answer, type(answer))


async def test_casts_compare_as_what_they_are(session: AsyncSession) -> None:
    assert (
        await session.scalar(select(Thing.id).where(cast(Thing.day, DateTime(timezone=False)) == datetime(2024, 1, 2)))
        == 1
    )
    assert await session.scalar(select(Thing.id).where(Thing.token == cast(str(TOKEN), Uuid))) == 1
    assert await session.scalar(select(Thing.id).where(cast(Thing.token, String).endswith("07"))) == 1
    assert await session.scalar(select(Thing.id).where(cast(Thing.facts["b"][0], Integer) == 1)) == 1


@pytest.mark.parametrize(
    ("text", "to"), [("12x", Integer), ("1.5", Integer), ("maybe", Boolean), ("o", Boolean), ("12", Uuid), ("x", Float)]
)
async def test_texts_that_are_no_such_values(session: AsyncSession, text: str, to: Any) -> None:
    with pytest.raises(DataError, match="invalid input syntax"):
        await session.scalar(select(cast(literal(text), to)))


@pytest.mark.parametrize(
    ("column", "to"),
    [(Thing.token, Integer), (Thing.day, Integer), (Thing.span, Integer), (Thing.id, JSON), (Thing.flag, Date)],
)
async def test_casts_that_there_are_not(session: AsyncSession, column: Any, to: Any) -> None:
    with pytest.raises(ProgrammingError, match="cast"):
        await session.scalar(select(cast(column, to)))


async def test_what_has_no_text_on_sqlite_is_refused(engine: Engine, session: AsyncSession) -> None:
    made = [
        cast(Thing.span, String),
        func.concat(Thing.marks, "x"),
        func.json_agg(Thing.span),
        func.array_agg(Thing.facts),
        func.array_agg(Thing.marks),
    ]
    for expression in made:
        if engine.dialect == "sqlite":
            with pytest.raises(NotSupportedError, match="on sqlite"):
                await session.scalar(select(expression).where(Thing.id == 1))
        else:
            assert await session.scalar(select(expression).where(Thing.id == 1)) is not None
