"""What SQLite would compute otherwise than PostgreSQL: refused, or the same."""

from __future__ import annotations

import operator
from typing import Any

import pytest

from ormkit import (
    AsyncSession,
    DeclarativeBase,
    Engine,
    Mapped,
    ProgrammingError,
    func,
    mapped_column,
    select,
)


class Base(DeclarativeBase):
    pass


class Measure(Base):
    __tablename__ = "alike_measures"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    raw: Mapped[bytes]
    size: Mapped[float]
    good: Mapped[bool | None]


@pytest.fixture
async def session(engine: Engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        rows = [(0.5, True), (1.5, None), (2.5, True), (-2.5, None)]
        await session.insert_all([Measure(name="12", raw=b"x", size=size, good=good) for size, good in rows])
        yield session


@pytest.mark.parametrize("compute", [operator.mul, operator.sub, operator.truediv, operator.mod])
@pytest.mark.parametrize("column", [Measure.name, Measure.raw])
async def test_texts_and_bytes_are_no_numbers(session: AsyncSession, compute: Any, column: Any) -> None:
    with pytest.raises(ProgrammingError):
        await session.scalars(select(compute(column, Measure.id)))


async def test_halves_are_rounded_to_the_even_number(session: AsyncSession) -> None:
    rounded = select(func.round(Measure.size)).order_by(Measure.id)
    assert (await session.scalars(rounded)).all() == [0.0, 2.0, 2.0, -2.0]


async def test_all_and_any_of_truth_values(session: AsyncSession) -> None:
    found = select(func.bool_and(Measure.good), func.bool_or(Measure.size > 2), func.every(Measure.size > 2))
    assert (await session.execute(found)).all() == [(True, True, False)]
    of_none = select(func.bool_and(Measure.good)).where(Measure.good.is_(None))
    assert await session.scalar(of_none) is None
