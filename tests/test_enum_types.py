"""`Enum(..)` as SQLAlchemy's users write it: what is stored, in what type."""

from __future__ import annotations

import enum
from typing import Any

import pytest

import ormkit
from ormkit import (
    AsyncSession,
    CheckViolation,
    ConnectionPool,
    DeclarativeBase,
    Enum,
    Mapped,
    MetaData,
    mapped_column,
    select,
)
from ormkit.migrations.autogen import AutogenContext


class Level(enum.Enum):
    LOW = "low"
    HIGH = "very high"


def values(kind: type[enum.Enum]) -> list[str]:
    return [member.value for member in kind]


class Base(DeclarativeBase):
    metadata = MetaData()


class Lamp(Base):
    __tablename__ = "lamps"
    id: Mapped[int] = mapped_column(primary_key=True)
    by_value: Mapped[Level] = mapped_column(Enum(Level, values_callable=values, name="level", create_constraint=True))
    by_name: Mapped[Level] = mapped_column(
        Enum(Level, values_callable=lambda kind: [m.name for m in kind], name="level_name")
    )
    as_text: Mapped[Level | None] = mapped_column(Enum(Level, native_enum=False, length=20, validate_strings=True))
    colour: Mapped[str] = mapped_column(Enum("red", "green", name="colour"), default="red")


async def stored(engine: ConnectionPool) -> tuple[Any, ...]:
    (row,) = (await engine.execute("SELECT by_value, by_name, as_text, colour FROM lamps")).tuples()
    return tuple(str(value) if value is not None else None for value in row)


async def test_words_of_all_kinds_are_stored_read_and_compared(engine: ConnectionPool) -> None:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        session.add(Lamp(by_value=Level.HIGH, by_name=Level.HIGH, as_text=Level.HIGH))
        await session.commit()
    assert await stored(engine) == ("very high", "HIGH", "very high", "red")
    async with AsyncSession(engine) as session:
        for condition in (
            Lamp.by_value == Level.HIGH,
            Lamp.by_name == Level.HIGH,
            Lamp.as_text == Level.HIGH,
            Lamp.as_text.in_([Level.LOW, Level.HIGH]),
            Lamp.colour == "red",
            Lamp.colour.in_(["red", "green"]),
        ):
            lamp = (await session.scalars(select(Lamp).where(condition))).one()
            assert (lamp.by_value, lamp.by_name, lamp.as_text, lamp.colour) == (Level.HIGH,) * 3 + ("red",)
        lamp.as_text, lamp.colour = Level.LOW, "green"
        await session.commit()
        assert await session.query(Lamp).filter(as_text=Level.LOW, colour="green").count() == 1
    assert await stored(engine) == ("very high", "HIGH", "low", "green")


async def test_word_that_is_none_of_them_is_refused(engine: ConnectionPool) -> None:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        session.add(Lamp(by_value=Level.LOW, by_name=Level.LOW, colour="blue"))
        with pytest.raises((ormkit.DataError, CheckViolation)):
            await session.commit()
        await session.rollback()


async def test_models_and_what_they_make_are_the_same(engine: ConnectionPool) -> None:
    await Base.metadata.create_all(engine)
    assert await AutogenContext(engine, [Lamp]).diff() == []
    if engine.is_postgres():
        assert [column.data_type for column in await engine.get_columns("lamps")][3] == "character varying(20)"


@pytest.mark.parametrize(
    ("words", "options", "error", "text"),
    [
        (("a", "b"), {}, TypeError, "needs the name of the type"),
        (("a", "a"), {"name": "x"}, ValueError, '"a" twice'),
        (("a", 1), {"name": "x"}, TypeError, "an Enum class or words, not int"),
        ((), {"name": "x"}, TypeError, "an Enum class or words"),
        ((int,), {}, TypeError, "an Enum class or words, not int"),
        ((Level,), {"by": "size"}, ValueError, '"value" or "name"'),
        ((Level,), {"by": "name", "values_callable": values}, TypeError, "both by and values_callable"),
        ((Level,), {"values_callable": lambda kind: ["l", "h"]}, ormkit.Unsupported, "give the members these values"),
        ((Level,), {"native_enum": False, "length": 3}, ValueError, "of 9 characters"),
        ((Level,), {"inherit_schema": True}, ormkit.Unsupported, "schema="),
        ((Level,), {"nmae": "x"}, TypeError, "did you mean name"),
    ],
)
def test_what_does_not_fit_is_named(words: Any, options: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        Enum(*words, **options)
