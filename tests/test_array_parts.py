"""Elements and parts of arrays: `Post.tags[1]`, `Post.tags[1:2]`."""

from __future__ import annotations

import enum
from datetime import date

import pytest

from ormkit import ARRAY, AsyncSession, Base, Engine, Integer, Mapped, NotSupportedError, mapped_column, select
from ormkit.testing import assert_queries


class Color(enum.Enum):
    RED = "red"


class Shelf(Base):
    __tablename__ = "array_shelves"
    id: Mapped[int] = mapped_column(primary_key=True)
    tags: Mapped[list[str]]
    sizes: Mapped[list[int] | None]
    flags: Mapped[list[bool]]
    days: Mapped[list[date]]
    grid: Mapped[list[list[int]]] = mapped_column(ARRAY(Integer, dimensions=2))
    colors: Mapped[list[Color]]


async def filled(engine: Engine) -> None:
    await Base.metadata.create_all(engine)
    day = date(2020, 1, 2)
    first = Shelf(tags=["a", "b", "c"], sizes=[5, 7], flags=[True, False], days=[day], grid=[[1, 2], [3, 4]], colors=[])
    second = Shelf(tags=["z"], flags=[], days=[], grid=[], colors=[])
    async with AsyncSession(engine) as session:
        await session.insert_all([first, second])


async def test_elements_are_counted_from_one(engine: Engine) -> None:
    await filled(engine)
    async with AsyncSession(engine) as session:
        statement = select(
            Shelf.tags[1], Shelf.sizes[2], Shelf.flags[1], Shelf.grid[2][1], Shelf.tags[0], Shelf.tags[9]
        )
        rows = (await session.execute(statement.order_by(Shelf.id))).all()
        assert rows == [("a", 7, True, 3, None, None), ("z", None, None, None, None, None)]
        assert (await session.scalars(select(Shelf.id).where(Shelf.tags[1] == "z"))).all() == [2]
        assert (await session.scalars(select(Shelf.id).where(Shelf.sizes[1] > 4))).all() == [1]
        assert (await session.scalars(select(Shelf.id).order_by(Shelf.tags[1].desc()))).all() == [2, 1]


async def test_parts_hold_both_ends(engine: Engine) -> None:
    await filled(engine)
    async with AsyncSession(engine) as session:
        statement = select(Shelf.tags[1:2], Shelf.tags[2:], Shelf.days[1]).order_by(Shelf.id)
        if engine.is_sqlite():
            with assert_queries(0), pytest.raises(NotSupportedError, match="slice"):
                await session.execute(statement)
            with assert_queries(0), pytest.raises(NotSupportedError, match="an element of an array of this type"):
                await session.execute(select(Shelf.days[1]))
            return
        rows = (await session.execute(statement)).all()
        assert rows == [(["a", "b"], ["b", "c"], date(2020, 1, 2)), (["z"], [], None)]


def test_mistakes_are_told_before_anything_is_sent() -> None:
    with pytest.raises(TypeError, match="from 1 on"):
        _ = Shelf.tags["a"]
    with pytest.raises(TypeError, match="without a step"):
        _ = Shelf.tags[1:3:2]
    with pytest.raises(NotSupportedError, match="converted"):
        _ = Shelf.colors[1]
    with pytest.raises(NotSupportedError, match="zero_indexes"):
        ARRAY(Integer, zero_indexes=True)
    with pytest.raises(TypeError, match="Book.tags"):
        _ = Shelf.id[1]
