"""`Mapped[Literal["a", "b"]]`: text that a CHECK of the table holds to the words."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from ormkit import AsyncSession, CheckViolation, DeclarativeBase, InvalidRequestError, Mapped, MetaData, mapped_column
from ormkit.migrations.autogen import AutogenContext

Colour = Literal["red", "deep 'blue'"]


class Base(DeclarativeBase):
    __abstract__ = True
    metadata = MetaData()


class Cup(Base):
    __tablename__ = "literal_cups"
    id: Mapped[int] = mapped_column(primary_key=True)
    colour: Mapped[Colour]
    order: Mapped[Literal["a", "b"] | None] = mapped_column(default="a")


async def test_words_are_stored_and_others_refused(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        session.add_all([Cup(colour="red"), Cup(colour="deep 'blue'", order=None)])
        await session.commit()
        assert await session.query(Cup).filter(colour="deep 'blue'").values_list("order", flat=True) == [None]
        assert await session.query(Cup).filter(order__in=["a", "b"]).count() == 1
        wrong: Any = "green"
        session.add(Cup(colour=wrong))
        with pytest.raises(CheckViolation):
            await session.commit()
        await session.rollback()


async def test_a_schema_of_them_has_no_differences(engine):
    await Base.metadata.create_all(engine)
    assert await AutogenContext(engine, [Cup]).diff() == []


def test_anything_else_than_text_is_refused():
    class Other(DeclarativeBase):
        metadata = MetaData()

    with pytest.raises(InvalidRequestError, match=r"Box.size: a column of a Literal holds texts, not 1"):

        class Box(Other):
            id: Mapped[int] = mapped_column(primary_key=True)
            size: Mapped[Literal[1, 2]]
