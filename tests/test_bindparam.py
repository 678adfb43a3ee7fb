"""Values that are given when a statement runs: `bindparam`, names in texts, and several sets of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sent import sent

import ormkit
from ormkit import (
    AsyncSession,
    DeclarativeBase,
    F,
    Integer,
    Mapped,
    bindparam,
    delete,
    func,
    insert,
    mapped_column,
    select,
    text,
    union,
    update,
)

K1, K2 = UUID(int=1), UUID(int=2)
DAY = datetime(2024, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


class Base(DeclarativeBase):
    __abstract__ = True


class Part(Base):
    __tablename__ = "parts"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    price: Mapped[Decimal | None]
    key: Mapped[UUID | None]
    made: Mapped[datetime | None]


@pytest_asyncio.fixture
async def session(engine: ormkit.ConnectionPool) -> AsyncIterator[AsyncSession]:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all(
            [
                Part(id=1, name="a", price=Decimal("1.50"), key=K1, made=DAY),
                Part(id=2, name="b", price=Decimal("2.5"), key=K2),
                Part(id=3, name="c"),
            ]
        )
        yield session
        await session.rollback()


async def ids(session: AsyncSession, statement: Any, params: Any = None) -> list[int]:
    return sorted((await session.scalars(statement, params)).all())


async def test_a_parameter_takes_the_type_of_what_it_stands_beside(session: AsyncSession) -> None:
    part = select(Part.id)
    assert await ids(session, part.where(Part.name == bindparam("n")), {"n": "b"}) == [2]
    assert await ids(session, part.where(Part.price >= bindparam("p")), {"p": Decimal(2)}) == [2]
    assert await ids(session, part.where(Part.key == bindparam("k")), {"k": K1}) == [1]
    assert await ids(session, part.where(Part.made < bindparam("d")), {"d": DAY}) == []
    assert await ids(
        session, part.where(Part.id.between(bindparam("low"), bindparam("high"))), {"low": 2, "high": 9}
    ) == [
        2,
        3,
    ]
    assert await ids(session, part.where(Part.id + bindparam("n", type_=Integer) == 4), {"n": 2}) == [2]
    twice = part.where((Part.id == bindparam("n")) | (Part.name == bindparam("m")), Part.id < bindparam("n") + 1)
    assert await ids(session, twice, {"n": 3, "m": "a"}) == [1, 3]
    with pytest.raises(ormkit.DataError, match=r"Part\.key"):
        await session.execute(part.where(Part.key == bindparam("k")), {"k": "nonsense"})


async def test_one_statement_serves_many_values(session: AsyncSession) -> None:
    statement = select(Part.name).where(Part.id == bindparam("id"))
    assert [await session.scalar(statement, {"id": number}) for number in (1, 2, 3, 4)] == ["a", "b", "c", None]
    inner = select(Part.id).where(Part.name > bindparam("after"))
    for after, expected in [("a", [2, 3]), ("b", [3])]:
        assert await ids(session, select(Part.id).where(Part.id.in_(inner)), {"after": after}) == expected
        rows = inner.subquery()
        assert await ids(session, select(rows.c.id), {"after": after}) == expected
        cte = inner.cte("later")
        assert await ids(session, select(cte.c.id), {"after": after}) == expected
        both = union(inner, select(Part.id).where(Part.id == bindparam("id")))
        assert await ids(session, both, {"after": after, "id": 1}) == [1, *expected]


async def test_lists_are_parameters_of_in(session: AsyncSession) -> None:
    for column, lists in {
        "id": ([1, 2], [3], []),
        "name": (["a", "b"], ["c"], []),
        "key": ([K1, K2], [UUID(int=9)], []),
        "price": ([Decimal("1.5"), Decimal("2.50")], [Decimal(9)], []),
    }.items():
        attribute = getattr(Part, column)
        among = select(Part.id).where(attribute.in_(bindparam("list", expanding=True)))
        others = select(Part.id).where(attribute.not_in(bindparam("list")))
        for values in (*lists, *lists):
            plain = select(Part.id).where(attribute.in_(values))
            assert await ids(session, among, {"list": values}) == await ids(session, plain), (column, values)
            plain = select(Part.id).where(attribute.not_in(values))
            assert await ids(session, others, {"list": values}) == await ids(session, plain), (column, values)
    with pytest.raises(TypeError, match="takes a list"):
        await session.execute(select(Part).where(Part.name.in_(bindparam("list"))), {"list": "abc"})


async def test_a_parameter_may_have_a_value_of_its_own(session: AsyncSession) -> None:
    statement = select(Part.id).where(Part.id >= bindparam("least", 2))
    assert await ids(session, statement) == [2, 3]
    assert await ids(session, statement, {"least": 3}) == [3]
    assert statement.to_sql() == ("SELECT id FROM parts WHERE id >= $1", [2])
    optional = select(func.coalesce(bindparam("x", required=False, type_=Integer), 7))
    assert await session.scalar(optional) == 7
    assert await session.scalar(optional, {"x": 1}) == 1
    none = select(Part.id).where(Part.name == func.coalesce(bindparam("name", None), "c"))
    assert await ids(session, none) == [3]
    with pytest.raises(ormkit.DataError, match=r"Part\.key"):
        Part.key == bindparam("k", "nonsense")  # noqa: B015


async def test_names_are_checked_before_anything_is_sent(session: AsyncSession) -> None:
    session.add(Part(id=9, name="pending"))
    statement = select(Part).where(Part.id == bindparam("number"))
    for wrong, error, message in [
        (None, ormkit.ProgrammingError, 'required for the parameter "number"'),
        ({}, ormkit.ProgrammingError, 'required for the parameter "number"'),
        ({"number": 1, "nummer": 2}, ormkit.FieldError, "did you mean `number`"),
        ([{"number": 1}], TypeError, "a dict by their names"),
        ({"number": Part.id}, TypeError, "plain ones"),
    ]:
        with pytest.raises(error, match=message):
            await session.execute(statement, wrong)
    with pytest.raises(ormkit.FieldError, match="parameter `x`"):
        await session.execute(select(Part), {"x": 1})
    with pytest.raises(ormkit.FieldError, match="did you mean `name`"):
        await session.execute(update(Part).where(Part.id == bindparam("number")), {"number": 1, "nane": "x"})
    with pytest.raises(ormkit.FieldError, match="parameter `name`"):
        await session.execute(delete(Part).where(Part.id == bindparam("number")), {"number": 1, "name": "x"})
    assert session.new  # no flush was due
    for refused in ({"unique": True}, {"callable_": int}, {"literal_execute": True}):
        with pytest.raises(ormkit.Unsupported):
            bindparam("x", **refused)
    with pytest.raises(TypeError, match="no value of its own"):
        bindparam("x", 1, required=True)
    session.expunge_all()


async def test_texts_inside_a_statement_take_values_by_name(session: AsyncSession) -> None:
    statement = select(Part.id).where(text("name = :name AND ':x' <> name"))
    assert await ids(session, statement, {"name": "b"}) == [2]
    assert await ids(session, statement.where(Part.id == bindparam("id")), {"name": "b", "id": 2}) == [2]
    with pytest.raises(ormkit.ProgrammingError, match='"name"'):
        await session.execute(statement.where(Part.id == bindparam("id")), {"id": 2})
    with pytest.raises(ormkit.FieldError, match="did you mean `name`"):
        await session.execute(statement, {"nam": "b"})


async def test_update_and_delete_run_once_for_each_set_of_values(session: AsyncSession) -> None:
    held = await session.get(Part, 2)
    statement = update(Part).where(Part.name == bindparam("old")).values(name=bindparam("new"))
    rename = await session.execute(
        statement, [{"old": "a", "new": "x"}, {"old": "b", "new": "y"}, {"old": "?", "new": "z"}]
    )
    assert rename.rowcount == 2
    assert held is not None and held.name == "y"
    names = select(Part.name).order_by(Part.id)
    assert (await session.scalars(names)).all() == ["x", "y", "c"]
    # what is no parameter is a column
    await session.execute(update(Part).where(Part.id == bindparam("number")), [{"number": 1, "name": "p"}])
    await session.execute(update(Part).where(Part.id == 3), {"name": "q", "price": Decimal(4)})
    assert (await session.scalars(names)).all() == ["p", "y", "q"]
    gone = await session.execute(delete(Part).where(Part.id == bindparam("number")), [{"number": 1}, {"number": 3}])
    assert gone.rowcount == 2
    assert await ids(session, select(Part.id)) == [2]
    assert (await session.execute(delete(Part).where(Part.id == bindparam("number")), [])).rowcount == 0
    with pytest.raises(ormkit.Unsupported, match="RETURNING"):
        await session.execute(statement.returning(Part.id), [{"old": "a", "new": "x"}, {"old": "b", "new": "y"}])


async def test_update_of_many_rows_finds_them_by_their_keys(session: AsyncSession) -> None:
    await session.execute(update(Part), [{"id": 1, "name": "x"}, {"id": 2, "name": "y", "price": None}])
    rows = (await session.execute(select(Part.name, Part.price).order_by(Part.id))).all()
    assert rows == [("x", Decimal("1.50")), ("y", None), ("c", None)]
    with pytest.raises(ormkit.ProgrammingError, match=r"Part\.id"):
        await session.execute(update(Part), [{"name": "all"}])
    await session.execute(update(Part), {"name": "all"})
    assert (await session.scalars(select(Part.name).distinct())).all() == ["all"]
    with pytest.raises(TypeError, match="plain ones"):
        await session.execute(update(Part), {"name": func.upper(Part.name)})
    with pytest.raises(TypeError, match="plain ones"):
        await session.execute(update(Part), {"name": F("name")})


async def test_inserts_take_parameters(session: AsyncSession) -> None:
    statement = insert(Part).values(id=bindparam("number"), name=func.upper(bindparam("word")))
    await session.execute(statement, {"number": 10, "word": "ten"})
    await session.execute(statement, [{"number": 11, "word": "eleven"}, {"number": 12, "word": "twelve"}])
    names = select(Part.name).where(Part.id > 9).order_by(Part.id)
    assert (await session.scalars(names)).all() == ["TEN", "ELEVEN", "TWELVE"]
    with pytest.raises(ormkit.FieldError, match="parameter `price`"):
        await session.execute(statement, {"number": 13, "word": "x", "price": 1})
    upsert = insert(Part).on_conflict_do_update("id", set_={"name": bindparam("again")})
    await session.execute(upsert, {"id": 10, "name": "first", "again": "second"})
    assert await session.scalar(select(Part.name).where(Part.id == 10)) == "second"


async def test_connections_and_streams_take_them_too(session: AsyncSession) -> None:
    statement = select(Part.name).where(Part.id == bindparam("id"))
    assert [name async for name in session.stream_scalars(statement, {"id": 2})] == ["b"]
    connection = await session.connection()
    assert (await connection.execute(statement, {"id": 1})).scalar() == "a"
    change = update(Part).where(Part.id == bindparam("number")).values(name=bindparam("to"))
    changed = await connection.execute(change, [{"number": 1, "to": "x"}, {"number": 2, "to": "y"}])
    assert changed.rowcount == 2
    assert (await connection.execute(select(Part.name).where(text("id = :id")), {"id": 2})).scalar() == "y"
    with pytest.raises(ormkit.ProgrammingError, match='required for the parameter "id"'):
        await connection.execute(statement)
    added = await connection.execute(insert(Part), [{"id": 20, "name": "n"}, {"id": 21, "name": "m"}])
    assert added.rowcount == 2


async def test_values_that_are_given_do_not_change_the_text(
    session: AsyncSession, engine: ormkit.ConnectionPool
) -> None:
    statement = select(Part.name).where(Part.id.in_(bindparam("ids")), Part.name != bindparam("name"))
    with sent(engine) as texts:
        for numbers in ([1], [2, 3], []):
            await session.execute(statement, {"ids": numbers, "name": "x"})
    assert len(texts) == 3 and len(set(texts)) == 1
