"""Values that do not come from the program: read back after each write, so that no attribute is stale."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from ormkit import (
    AsyncSession,
    BigInteger,
    Computed,
    DeclarativeBase,
    FetchedValue,
    Identity,
    InvalidRequestError,
    Mapped,
    NotLoadedError,
    NotSupportedError,
    ProgrammingError,
    func,
    insert,
    mapped_column,
    text,
    update,
)


@pytest.fixture
def base() -> Any:
    class Own(DeclarativeBase):
        pass

    return Own


async def test_computed_columns_are_read_back(base, engine):
    class Box(base):
        __tablename__ = "boxes"
        id: Mapped[int] = mapped_column(primary_key=True)
        side: Mapped[int]
        area: Mapped[int] = mapped_column(Computed("side * side"))

    await base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        box = await session.insert(Box(side=3))
        assert box.area == 9
        await session.update(box, side=4)
        assert box.area == 16
        boxes = await session.insert_all([Box(side=side) for side in range(5)])
        for one in boxes:
            one.side += 10
        await session.flush()
        assert [one.area for one in boxes] == [100, 121, 144, 169, 196]
        await session.commit()
        assert await session.query(Box).filter(area=196).count() == 1


async def test_a_computed_column_is_not_written(base, engine):
    class Box(base):
        __tablename__ = "boxes"
        id: Mapped[int] = mapped_column(primary_key=True)
        side: Mapped[int]
        area: Mapped[int] = mapped_column(Computed("side * side", persisted=True))

    await base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        with pytest.raises(InvalidRequestError, match=r"Box\.area is computed"):
            await session.insert(Box(side=1, area=1))
        box = await session.insert(Box(side=1))
        with pytest.raises(InvalidRequestError, match=r"Box\.area is computed"):
            await session.update(box, area=7)
        with pytest.raises(ProgrammingError, match=r"Box\.area"):
            update(Box).values(area=7).to_sql()
        with pytest.raises(ProgrammingError, match=r"Box\.area"):
            insert(Box).values(side=2, area=7).to_sql()
        await session.refresh(box)
        assert (box.side, box.area) == (1, 1)


async def test_identity(base, engine):
    class Ticket(base):
        __tablename__ = "tickets"
        id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
        what: Mapped[str]

    await base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        tickets = await session.insert_all([Ticket(what="a"), Ticket(what="b")])
        assert [ticket.id for ticket in tickets] == [1, 2]
        with pytest.raises(InvalidRequestError, match=r"Ticket\.id is numbered by the database alone"):
            await session.insert(Ticket(id=7, what="c"))


async def test_options_of_identity(base, engine):
    class Ticket(base):
        __tablename__ = "tickets"
        id: Mapped[int] = mapped_column(Identity(start=100, increment=5), primary_key=True)

    if not engine.is_postgres():
        with pytest.raises(NotSupportedError, match="Identity"):
            await base.metadata.create_all(engine)
        return
    await base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        assert [ticket.id for ticket in await session.insert_all([Ticket(), Ticket()])] == [100, 105]


async def test_expressions_that_insert_and_update_write(base, engine):
    class Note(base):
        __tablename__ = "notes"
        id: Mapped[int] = mapped_column(primary_key=True)
        text: Mapped[str | None]
        made: Mapped[str] = mapped_column(default=func.lower("MADE"))
        changed: Mapped[str | None] = mapped_column(onupdate=func.lower("CHANGED"))
        state: Mapped[str] = mapped_column(server_default="new")

    await base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        note = await session.insert(Note(text="a"))
        assert (note.made, note.changed, note.state) == ("made", None, "new")
        await session.update(note, text="b")
        assert (note.made, note.changed) == ("made", "changed")
        await session.update(note, text="c", changed="mine")
        assert note.changed == "mine"
        notes = await session.insert_all([Note(), Note(made="given"), Note()])
        assert [one.made for one in notes] == ["made", "given", "made"]
        for one in notes:
            one.text = "x"
        await session.flush()
        assert [one.changed for one in notes] == ["changed"] * 3
        await session.commit()
    assert "changed = lower('CHANGED')" in str(update(Note).values(text="z"))
    assert "lower(" not in str(update(Note).values(changed="z"))
    assert "lower('MADE')" in str(insert(Note).values(text="core"))


async def test_values_that_update_gives(base, engine):
    numbers = itertools.count(1)

    class Note(base):
        __tablename__ = "notes"
        id: Mapped[int] = mapped_column(primary_key=True)
        text: Mapped[str]
        revision: Mapped[int | None] = mapped_column(onupdate=lambda: next(numbers))
        state: Mapped[str] = mapped_column(default="new", onupdate="changed")

    await base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        note = await session.insert(Note(text="a"))
        assert (note.revision, note.state) == (None, "new")
        await session.update(note, text="b")
        assert (note.revision, note.state) == (1, "changed")
        await session.flush()
        assert note.revision == 1
        await session.commit()
        note.text = "c"
        await session.flush()
        assert note.revision == 2
        await session.rollback()
        assert (note.text, note.revision) == ("b", 1)
        await session.refresh(note)
        assert (note.text, note.revision) == ("b", 1)


async def test_values_of_triggers_are_fetched(base, engine):
    class Note(base):
        __tablename__ = "notes"
        id: Mapped[int] = mapped_column(primary_key=True)
        text: Mapped[str | None]
        size: Mapped[int | None] = mapped_column(server_default=FetchedValue(), server_onupdate=FetchedValue())

    await base.metadata.create_all(engine)
    if not engine.is_postgres():
        # RETURNING of SQLite answers what the statement wrote, before the triggers: the value has to be asked for.
        await engine.execute(
            "CREATE TRIGGER measure AFTER INSERT ON notes "
            "BEGIN UPDATE notes SET size = length(NEW.text) WHERE id = NEW.id; END"
        )
        async with AsyncSession(engine) as session:
            note = await session.insert(Note(text="abc"))
            with pytest.raises(NotLoadedError, match=r"Note\.size"):
                note.size  # noqa: B018
            await session.refresh(note)
            assert note.size == 3
        return
    await engine.execute(
        "CREATE FUNCTION measure() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN NEW.size = length(NEW.text); RETURN NEW; END'"
    )
    await engine.execute(
        "CREATE TRIGGER measure BEFORE INSERT OR UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION measure()"
    )
    async with AsyncSession(engine) as session:
        note = await session.insert(Note(text="abc"))
        assert note.size == 3
        await session.update(note, text="abcde")
        assert note.size == 5


def test_contradictions_are_found_when_the_class_ends(base):
    for column in [
        lambda: mapped_column(Computed("1"), default=1),
        lambda: mapped_column(Computed("1"), onupdate=1),
        lambda: mapped_column(Identity(), server_default="1"),
    ]:
        with pytest.raises(InvalidRequestError, match=r"Thing\.size"):

            class Thing(base):
                id: Mapped[int] = mapped_column(primary_key=True)
                size: Mapped[int] = column()

    with pytest.raises(InvalidRequestError, match="part of the key"):

        class Keyed(base):
            id: Mapped[int] = mapped_column(Computed("1"), primary_key=True)

    with pytest.raises(TypeError, match="FetchedValue"):
        mapped_column(server_onupdate=text("1"))
    with pytest.raises(TypeError, match="one of onupdate"):
        mapped_column(onupdate=1, server_onupdate=FetchedValue())
    with pytest.raises(ValueError, match="increment"):
        Identity(increment=0)
