"""A JSON value that the program has keeps its object: what is changed in it is written."""

import enum
import gc
import uuid
from dataclasses import dataclass, field
from typing import Any

import pytest

from ormkit import JSON, AsyncSession, DeclarativeBase, Mapped, mapped_column


class Level(enum.Enum):
    LOW = "low"


@dataclass
class Size:
    width: int
    marks: list[str] = field(default_factory=list)


@dataclass
class Settings:
    size: Size
    level: Level = Level.LOW
    key: uuid.UUID | None = None
    sizes: list[Size] = field(default_factory=list)


class Base(DeclarativeBase):
    pass


class Page(Base):
    __tablename__ = "read_pages"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str | None]
    meta: Mapped[dict[str, Any]] = mapped_column(JSON)
    tags: Mapped[list[str]]
    settings: Mapped[Settings | None] = mapped_column(JSON)


@pytest.fixture
async def session(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert(Page(id=1, meta={"a": 1}, tags=["x"]))
    async with AsyncSession(engine) as session:
        yield session


async def stored(engine):
    async with AsyncSession(engine) as session:
        page = await session.get(Page, 1)
        return page.meta, page.tags


@pytest.mark.parametrize("renamed", [False, True])
async def test_a_value_that_was_read_before_a_commit_is_written_by_the_next_one(session, engine, renamed):
    page = await session.get(Page, 1)
    meta, tags = page.meta, page.tags
    page.title = "new" if renamed else page.title
    await session.commit()
    del page
    gc.collect()
    meta["b"] = 2
    tags.append("y")
    await session.commit()
    assert await stored(engine) == ({"a": 1, "b": 2}, ["x", "y"])


async def test_an_object_whose_value_nobody_has_is_let_go(session):
    page = await session.get(Page, 1)
    assert page.meta == {"a": 1}
    await session.commit()
    del page
    gc.collect()
    assert len(session.identity_map) == 0


@pytest.mark.parametrize(
    ("column", "value", "part", "change", "then"),
    [
        ("meta", {"a": {"b": [1]}}, lambda it: it["a"], lambda it: it.update(c=2), {"a": {"b": [1], "c": 2}}),
        ("meta", {"a": {"b": [1]}}, lambda it: it["a"]["b"], lambda it: it.append(2), {"a": {"b": [1, 2]}}),
        ("meta", {"a": [[{}]]}, lambda it: it["a"][0][0], lambda it: it.update(b=1), {"a": [[{"b": 1}]]}),
        ("settings", Settings(Size(1)), lambda it: it.size, lambda it: setattr(it, "width", 2), Settings(Size(2))),
        (
            "settings",
            Settings(Size(1)),
            lambda it: it.size.marks,
            lambda it: it.append("x"),
            Settings(Size(1, ["x"])),
        ),
        (
            "settings",
            Settings(Size(1), sizes=[Size(2)]),
            lambda it: it.sizes[0],
            lambda it: setattr(it, "width", 3),
            Settings(Size(1), sizes=[Size(3)]),
        ),
    ],
)
async def test_a_part_of_a_value_keeps_its_object_as_well(session, engine, column, value, part, change, then):
    session.add(Page(id=2, **{"meta": {}, "tags": [], column: value}))
    await session.commit()
    session.expunge_all()
    page = await session.get(Page, 2)
    held = part(getattr(page, column))
    await session.commit()
    del page
    gc.collect()
    change(held)
    await session.commit()
    async with AsyncSession(engine) as other:
        assert getattr(await other.get(Page, 2), column) == then


async def test_values_that_everybody_shares_keep_no_object(session):
    everything = {"a": [None, True, 1, 0.5, "text", [], {}, {"b": {}}]}
    settings = Settings(Size(1), key=uuid.uuid4(), sizes=[Size(2), Size(3)])
    session.add(Page(id=2, meta=everything, tags=["x"], settings=settings))
    await session.commit()
    session.expunge_all()
    page = await session.get(Page, 2)
    assert (page.meta, page.tags, page.settings) == (everything, ["x"], settings)
    await session.commit()
    del page
    gc.collect()
    assert len(session.identity_map) == 0
