"""A JSON value that the program has keeps its object: what is changed in it is written."""

import gc
from typing import Any

import pytest

from ormkit import JSON, AsyncSession, DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Page(Base):
    __tablename__ = "read_pages"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str | None]
    meta: Mapped[dict[str, Any]] = mapped_column(JSON)
    tags: Mapped[list[str]]


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
