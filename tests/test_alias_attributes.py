"""What a class makes of its columns (hybrids, proxies, class methods), asked of an alias: of the alias's rows."""

from __future__ import annotations

from typing import Any

import pytest

from ormkit import (
    AsyncSession,
    DeclarativeBase,
    Engine,
    ForeignKey,
    Mapped,
    aliased,
    association_proxy,
    func,
    hybrid_method,
    hybrid_property,
    mapped_column,
    relationship,
    select,
    synonym,
)


class Base(DeclarativeBase):
    pass


class Mark(Base):
    __tablename__ = "alias_marks"
    id: Mapped[int] = mapped_column(primary_key=True)
    word: Mapped[str]
    span_id: Mapped[int] = mapped_column(ForeignKey("alias_spans.id"))


class Lowered:
    def __init__(self, of: Any) -> None:
        self.of = of

    def __eq__(self, other: object) -> Any:
        return func.lower(self.of) == str(other).lower()

    __hash__ = None  # type: ignore[assignment]


class Span(Base):
    __tablename__ = "alias_spans"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    start: Mapped[int]
    end: Mapped[int]
    title = synonym("name")
    marks: Mapped[list[Mark]] = relationship()
    words = association_proxy("marks", "word")

    @hybrid_property
    def length(self) -> int:
        return self.end - self.start

    @hybrid_property
    def lowered(self) -> str:
        return self.name.lower()

    @lowered.inplace.comparator
    @classmethod
    def _lowered(cls) -> Lowered:
        return Lowered(cls.name)

    @hybrid_method
    def has(self, point: int) -> Any:
        return (self.start <= point) & (point < self.end)

    @classmethod
    def begun(cls, point: int) -> Any:
        return cls.start < point


@pytest.fixture
async def session(engine: Engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all(
            [
                Span(name="A", start=0, end=4, marks=[Mark(word="x")]),
                Span(name="B", start=10, end=14, marks=[Mark(word="y")]),
                Span(name="C", start=3, end=5),
            ]
        )
        yield session


async def test_hybrids_are_those_of_the_alias(session: AsyncSession) -> None:
    other = aliased(Span)
    same = select(Span.name, other.name, other.length).join(other, (other.length == Span.length) & (other.id > Span.id))
    assert (await session.execute(same)).all() == [("A", "B", 4)]
    shorter = select(Span.name).join(other, other.length < Span.length).order_by(Span.name)
    assert (await session.scalars(shorter)).all() == ["A", "B"]
    assert (await session.scalars(select(other.name).where(other.has(3)).order_by(other.name))).all() == ["A", "C"]
    assert (await session.scalars(select(other.title).where(other.lowered == "B"))).all() == ["B"]
    assert (await session.scalars(select(other.name).where(other.begun(1)))).all() == ["A"]


async def test_two_aliases_do_not_meet(session: AsyncSession) -> None:
    one, two = aliased(Span, name="one"), aliased(Span, name="two")
    pairs = select(one.name, two.name).join(two, one.has(two.start) & (one.id != two.id))
    assert (await session.execute(pairs)).all() == [("A", "C")]


async def test_hybrids_of_objects_out_of_a_subquery(session: AsyncSession) -> None:
    long = aliased(Span, select(Span).where(Span.end > 4).subquery())
    found = select(long).where(long.length == 4)
    assert [span.name for span in await session.scalars(found)] == ["B"]


async def test_proxies_are_those_of_the_alias(session: AsyncSession) -> None:
    other = aliased(Span)
    after = (
        select(Span.name, other.name)
        .join(other, other.start > Span.start)
        .where(other.words.contains("y"))
        .order_by(Span.name)
    )
    assert (await session.execute(after)).all() == [("A", "B"), ("C", "B")]
    assert (await session.scalars(select(other.name).where(~other.words.any()))).all() == ["C"]


async def test_rows_of_a_cte_once_more(session: AsyncSession) -> None:
    ends = select(Span.id, Span.end).cte("ends")
    again = aliased(ends, name="again")
    later = select(ends.c.end, again.c.end).join(again, again.c.end > ends.c.end).order_by(ends.c.end, again.c.end)
    assert (await session.execute(later)).all() == [(4, 5), (4, 14), (5, 14)]
