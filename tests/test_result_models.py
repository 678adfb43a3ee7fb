"""Rows of any SQL as objects of a class: `QueryResult.to_models` and `to_model`."""

from __future__ import annotations

import datetime as dt
import enum
import uuid
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple, TypedDict

import pytest
from library import Author, Base as LibraryBase, Book
from pydantic import BaseModel, Field, ValidationError

from ormkit import (
    AsyncSession,
    DataError,
    DeclarativeBase,
    FieldError,
    Mapped,
    NotLoadedError,
    ProgrammingError,
    mapped_column,
)


class Mood(enum.Enum):
    GLAD = "glad"
    SAD = "sad"


@dataclass
class Place:
    city: str
    code: int


@dataclass
class Report:
    name: str
    total: int
    share: float | None = None
    at: dt.datetime | None = None
    day: dt.date | None = None
    ok: bool | None = None
    key: uuid.UUID | None = None
    price: Decimal | None = None
    mood: Mood | None = None
    tags: list[int] | None = None
    meta: dict[str, Any] | None = None
    place: Place | None = None
    anything: Any = None
    seen: list[str] = field(default_factory=list)


class Point(NamedTuple):
    x: int
    y: int = 7


class Pair(TypedDict):
    x: int
    ok: bool


class Item(BaseModel):
    name: str
    count: int = Field(alias="n")
    at: dt.datetime | None = None
    tags: list[str] = []
    place: Place | None = None


class Plain:
    def __init__(self, x, y):
        self.sum = x + y


async def make_library(engine) -> None:
    await LibraryBase.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        session.add(Author(name="Ada", books=[Book(title="Ants"), Book(title="Bees")]))
        await session.commit()


async def test_dataclasses_get_values_of_their_annotations(engine):
    typed = {
        "postgresql": "SELECT 'a' AS name, sum(x) AS total, avg(x) AS share, timestamptz '2024-05-06 07:08:09+02' AS at,"
        " date '2024-05-06' AS day, true AS ok, uuid '00112233-4455-6677-8899-aabbccddeeff' AS key, 1.50::numeric AS price,"
        ' \'sad\' AS mood, ARRAY[1, 2] AS tags, jsonb \'{"a": 1}\' AS meta, json \'{"city": "Bonn", "code": 3}\' AS place'
        " FROM (VALUES (1::bigint), (2)) AS t (x)",
        "sqlite": "SELECT 'a' AS name, sum(x) AS total, avg(x) AS share, '2024-05-06 05:08:09+00:00' AS at,"
        " '2024-05-06' AS day, 1 AS ok, x'00112233445566778899aabbccddeeff' AS key, '1.50' AS price,"
        " 'sad' AS mood, '[1, 2]' AS tags, '{\"a\": 1}' AS meta, '{\"city\": \"Bonn\", \"code\": 3}' AS place"
        " FROM (SELECT 1 AS x UNION ALL SELECT 2)",
    }
    result = await engine.execute(typed[engine.dialect])
    at = dt.datetime(2024, 5, 6, 5, 8, 9, tzinfo=dt.timezone.utc)
    key = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")
    expected = Report(
        "a", 3, 1.5, at, dt.date(2024, 5, 6), True, key, Decimal("1.50"), Mood.SAD, [1, 2], {"a": 1}, Place("Bonn", 3)
    )
    assert result.to_models(Report) == [expected]
    made = result.to_model(Report)
    assert [type(value) for value in (made.total, made.share, made.ok)] == [int, float, bool]


async def test_named_tuples_typed_dicts_and_plain_classes(engine):
    result = await engine.execute("SELECT 1 AS x UNION ALL SELECT 2 ORDER BY 1")
    assert result.to_models(Point) == [Point(1, 7), Point(2, 7)]
    assert (await engine.execute("SELECT 1 AS x, 1 = 1 AS ok")).to_models(Pair) == [{"x": 1, "ok": True}]
    result = await engine.execute("SELECT 1 AS x, 2 AS y")
    assert result.to_model(Plain).sum == 3
    assert result.to_models(dict) == [{"x": 1, "y": 2}]


async def test_pydantic_models_validate(engine):
    result = await engine.execute(
        "SELECT 'pen' AS name, 3 AS n, '2024-05-06 07:08:09' AS at, '[\"a\"]' AS tags, '{\"city\": \"Bonn\", \"code\": 3}' AS place"
    )
    assert result.to_models(Item) == [
        Item(name="pen", n=3, at=dt.datetime(2024, 5, 6, 7, 8, 9), tags=["a"], place=Place("Bonn", 3))
    ]
    with pytest.raises(ValidationError):
        (await engine.execute("SELECT 'pen' AS name, 'x' AS n")).to_models(Item)


async def test_mapped_classes_are_detached_and_know_what_was_read(engine):
    await make_library(engine)
    result = await engine.execute("SELECT id, title, 1 AS other FROM books ORDER BY id")
    books = result.to_models(Book)
    async with AsyncSession(engine) as session:
        stored = await session.query(Book).order_by("id").all()
        assert [(book.id, book.title) for book in books] == [(book.id, book.title) for book in stored]
        with pytest.raises(NotLoadedError, match="author_id"):
            _ = books[0].author_id
        books[0].title = "Another"
        merged = await session.merge(books[0])
        assert merged is stored[0]
        await session.commit()
    assert (await engine.execute("SELECT title FROM books ORDER BY id")).scalar() == "Another"


async def test_mapped_classes_need_their_key(engine):
    await make_library(engine)
    with pytest.raises(ProgrammingError, match=r"without Author\.id: select it, too"):
        (await engine.execute("SELECT name FROM authors")).to_models(Author)


async def test_rows_are_of_the_class_that_they_say(engine):
    class Zoo(DeclarativeBase):
        pass

    class Animal(Zoo):
        __tablename__ = "animals"
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "animal"}
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]

    class Bird(Animal):
        __mapper_args__ = {"polymorphic_identity": "bird"}
        wings: Mapped[int | None]

    await Zoo.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        session.add_all([Animal(id=1), Bird(id=2, wings=2)])
        await session.commit()
    result = await engine.execute("SELECT * FROM animals ORDER BY id")
    one, bird = result.to_models(Animal)
    assert type(one) is Animal
    assert type(bird) is Bird and bird.wings == 2
    with pytest.raises(DataError, match="kind: the row is neither of Bird nor of a class that extends it"):
        result.to_models(Bird)
    with pytest.raises(ProgrammingError, match=r"without Animal\.kind: select it, too"):
        (await engine.execute("SELECT id FROM animals")).to_models(Animal)


async def test_what_does_not_fit_is_named_before_an_object_is_made(engine):
    result = await engine.execute("SELECT 'a' AS name, 1 AS totl")
    with pytest.raises(FieldError, match=r"Report has no field `totl`: did you mean `total`"):
        result.to_models(Report)
    with pytest.raises(ProgrammingError, match=r"Report\.total has no default"):
        (await engine.execute("SELECT 'a' AS name")).to_model(Report)
    with pytest.raises(DataError, match=r"Report\.total.*NULL.*no `\| None`"):
        (await engine.execute("SELECT 'a' AS name, NULL AS total")).to_models(Report)
    with pytest.raises(DataError, match=r"Report\.total: expected INTEGER"):
        (await engine.execute("SELECT 'a' AS name, 'b' AS total")).to_models(Report)
    with pytest.raises(ProgrammingError, match='several columns of the result are named "x"'):
        (await engine.execute("SELECT 1 AS x, 2 AS x")).to_models(Point)
    with pytest.raises(TypeError, match=r"int has no fields.*scalars\(\)"):
        (await engine.execute("SELECT 1 AS x")).to_models(int)
    with pytest.raises(TypeError, match="a class is expected"):
        (await engine.execute("SELECT 1 AS x")).to_models("Point")


async def test_no_rows(engine):
    result = await engine.execute("SELECT 1 AS x WHERE 1 = 0")
    assert result.to_models(Point) == []
    assert result.to_model(Point) is None
