"""What once answered wrongly, on both databases."""

from __future__ import annotations

import pytest
import pytest_asyncio

import ormkit
from ormkit import AsyncSession, DeclarativeBase, F, Mapped, Prefetch, Q, case, func, mapped_column, select, text, true
from ormkit.exc import FieldError, InvalidRequestError, NotSupportedError, StaleDataError
from ormkit.testing import assert_queries


class Base(DeclarativeBase):
    __abstract__ = True


class Item(Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    n: Mapped[int] = mapped_column(default=0)
    extra: Mapped[dict[str, int]] = mapped_column(default=dict)


class Counted(Base):
    __tablename__ = "counted"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    n: Mapped[int] = mapped_column(default=0)
    version: Mapped[int]
    __mapper_args__ = {"version_id_col": "version"}


@pytest_asyncio.fixture
async def session(engine: ormkit.ConnectionPool) -> AsyncSession:
    await Base.metadata.create_all(engine)
    session = AsyncSession(engine)
    await session.insert_all([Item(name=name, n=n) for n, name in enumerate("abc")])
    return session


async def test_conditions_that_say_nothing_are_neutral(session: AsyncSession) -> None:
    either = Q()
    for name in ("a", "b"):
        either |= Q(name=name)
    query = session.query(Item)
    assert await query.filter(either).count() == 2
    assert await query.filter(Q() | Q(Q()) | Q(name="a")).count() == 1
    assert await query.filter(Q(name="a") & Q()).count() == 1
    assert await query.filter(~Q()).count() == await query.filter(~(Q() | Q())).count() == 3
    assert await query.exclude().count() == await query.exclude(Q()).count() == 3
    # What says something and is true of all rows denies all of them.
    assert await query.exclude(true()).count() == await query.exclude(id__notin=[]).count() == 0
    await session.close()


async def test_values_that_are_computed_are_answered_alone(session: AsyncSession) -> None:
    rows = await session.query(Item).order_by("id").values(called=F("name"))
    assert rows == [{"called": "a"}, {"called": "b"}, {"called": "c"}]
    await session.close()


async def test_groups_of_values_with_parameters(session: AsyncSession) -> None:
    for value in (case((Item.n == 1, "x"), else_="y"), func.coalesce(Item.n, 7) % 2, Item.n + 5):
        rows = (await session.execute(select(value, func.count()).group_by(value))).tuples()
        assert sum(number for _, number in rows) == 3
    grouped = select(Item.id, (Item.n + 5).label("more")).group_by(Item.id, Item.n + 5).order_by(Item.id)
    assert (await session.execute(grouped)).tuples() == [(1, 5), (2, 6), (3, 7)]
    await session.close()


async def test_texts_in_order_by_say_their_direction(session: AsyncSession) -> None:
    assert (await session.scalars(select(Item.name).order_by(text("id desc")))).all() == ["c", "b", "a"]
    await session.close()


async def test_merge_leaves_alone_what_was_not_given(session: AsyncSession) -> None:
    item = await session.insert(Item(name="m", n=42, extra={"z": 1}))
    assert await session.merge(Item(id=item.id, name="other")) is item
    await session.commit()
    await session.refresh(item)
    assert (item.name, item.n, item.extra) == ("other", 42, {"z": 1})
    await session.close()


async def test_upserts_count_versions(session: AsyncSession, engine: ormkit.ConnectionPool) -> None:
    first = await session.insert(Counted(name="x"))
    async with AsyncSession(engine) as other:
        again = await other.upsert(Counted(name="x", n=5), conflict_target="name")
        assert (again.version, again.n) == (2, 5)
        statement = ormkit.insert(Counted).values(name="x", n=6, version=1).on_conflict_do_update("name")
        await other.execute(statement)
        await other.commit()
        await other.refresh(again)
        assert (again.version, again.n) == (3, 6)
    first.n = 9
    with pytest.raises(StaleDataError):
        await session.commit()
    await session.rollback()
    await session.close()


def test_star_import_leaves_builtins_alone() -> None:
    space: dict[str, object] = {}
    exec("from ormkit import *", space)
    assert space.get("range", range) is range
    assert "Range" in space
    builtins = vars(__import__("builtins"))
    assert not [name for name in ormkit.__all__ if name in builtins]


def test_generic_classes_are_subscripted() -> None:
    for name in [
        "async_sessionmaker",
        "AsyncSession",
        "Query",
        "Select",
        "ScalarResult",
        "ExecuteResult",
        "Attribute",
        "Expr",
        "Change",
        "Stream",
        "RowQuery",
        "Insert",
        "Update",
        "Delete",
        "CTE",
        "Subquery",
        "Prefetch",
        "Page",
        "MappingResult",
        "RelationPart",
        "hybrid_property",
        "AssociationProxy",
        "CopyOut",
        "WriteOnlyCollection",
    ]:
        generic = getattr(ormkit, name)
        assert generic[int].__origin__ is generic


def test_a_prefetch_does_not_leave_out_what_its_query_says(engine: ormkit.ConnectionPool) -> None:
    query = AsyncSession(engine).query(Item).with_deleted()
    with pytest.raises(NotSupportedError, match="with_deleted"):
        Prefetch("parts", query)


async def test_texts_run_once_for_each_set_of_values(session: AsyncSession, engine: ormkit.ConnectionPool) -> None:
    insert = "INSERT INTO items (id, name, n, extra) VALUES (:id, :name, 0, '{}')"
    rows = [{"id": 11, "name": "x"}, {"id": 12, "name": "y"}]
    assert (await session.execute(text(insert), rows)).rowcount == 2
    await session.commit()
    async with engine.begin() as connection:
        assert (
            await connection.execute(text(insert), [{"id": 13, "name": "z"}, {"id": 14, "name": "w"}])
        ).rowcount == 2
    found = await session.scalars(select(Item.name).where(Item.id > 10).order_by(Item.id))
    assert found.all() == ["x", "y", "z", "w"]
    for run in (engine.execute, session.execute_raw):
        with pytest.raises(ormkit.exc.ProgrammingError, match="execute_many"):
            await run(insert, rows)
    await session.close()


async def test_flushes_change_nothing_of_a_stream_that_is_open(
    session: AsyncSession, engine: ormkit.ConnectionPool
) -> None:
    await engine.execute("CREATE INDEX ix_items_n ON items (n)")
    async with session.begin():
        seen = []
        async for item in session.query(Item).order_by("n").stream(batch_size=1):
            seen.append(item.name)
            item.n += 10
            session.add(Item(name=f"new {item.name}", n=item.n))
            await session.flush()
        assert seen == ["a", "b", "c"]
    assert await session.query(Item).order_by("n", "name").values_list("n", flat=True) == [10, 10, 11, 11, 12, 12]
    await session.close()


async def test_filter_by_speaks_of_what_was_joined_last(session: AsyncSession) -> None:
    await session.insert_all([Counted(name="a", n=7), Counted(name="b", n=8)])
    statement = select(Item.name).join(Counted, Counted.name == Item.name)
    assert (await session.scalars(statement.filter_by(n=8))).all() == ["b"]
    assert (await session.scalars(select(Item.name).filter_by(n=1).join(Counted, true()).filter_by(n=7))).all() == ["b"]
    with pytest.raises(FieldError, match="Counted has no attribute `extra`"):
        statement.filter_by(extra={})
    with pytest.raises(TypeError, match="subquery"):
        rows = select(Counted.name).subquery()
        select(Item).join(rows, rows.c.name == Item.name).filter_by(n=1)
    await session.close()


async def test_transactions_that_are_begun_by_awaiting_end_by_their_own_methods(session: AsyncSession) -> None:
    transaction = await session.begin()
    session.add(Item(name="kept"))
    await transaction.commit()
    assert not session.in_transaction()
    with pytest.raises(InvalidRequestError, match="has ended"):
        await transaction.rollback()
    transaction = await session.begin()
    session.add(Item(name="undone"))
    await session.flush()
    await transaction.rollback()
    assert await session.query(Item).filter(name__in=["kept", "undone"]).values_list("name", flat=True) == ["kept"]
    block = session.begin()
    async with block:
        with pytest.raises(InvalidRequestError, match="a block ends by itself"):
            await block.commit()
    await session.close()


async def test_a_column_that_has_its_first_value_again_is_not_written(session: AsyncSession) -> None:
    counted = await session.insert(Counted(name="a", n=1))
    first = counted.version
    counted.n = 2
    counted.n = 1
    assert not session.is_modified(counted) and list(session.dirty) == []
    with assert_queries(0):
        await session.flush()
    counted.n = 2
    await session.flush()
    # The row has 2 by now: 1 is a change.
    counted.n = 3
    counted.n = 1
    await session.commit()
    assert counted.version == first + 2
    assert await session.query(Counted).values_list("n", flat=True) == [1]
    counted.n, counted.name = 5, "b"
    counted.n = 1
    await session.rollback()
    assert (counted.n, counted.name) == (1, "a")
    counted.n = 5
    async with session.begin_nested():
        counted.n = 1
    await session.commit()
    assert await session.query(Counted).values_list("n", flat=True) == [1]
    await session.close()
