"""Never run: what queries, statements, streams and changes of collections give, to mypy and pyright in strict mode."""

from __future__ import annotations

from typing import Any

from typing_extensions import assert_type

from ormkit import (
    AsyncSession,
    Base,
    Change,
    ForeignKey,
    Mapped,
    QueryResult,
    Row,
    RowQuery,
    ScalarResult,
    Select,
    Stream,
    aliased,
    delete,
    func,
    insert,
    mapped_column,
    relationship,
    select,
    update,
)
from ormkit.query import Attribute, Condition, Expr


class Shelf(Base):
    __tablename__ = "shelves"
    id: Mapped[int] = mapped_column(primary_key=True)
    room: Mapped[str]
    items: Mapped[list[Item]] = relationship(back_populates="shelf")


class Item(Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    weight: Mapped[float | None]
    shelf_id: Mapped[int] = mapped_column(ForeignKey("shelves.id"))
    shelf: Mapped[Shelf] = relationship(back_populates="items")


def relations_are_expressions_of_the_class() -> None:
    assert_type(Shelf.items, Attribute[list[Item]])
    assert_type(Item.shelf, Attribute[Shelf])
    assert_type(Shelf.items.any(Item.title == "A"), Condition)
    assert_type(Item.weight.is_(None), Condition)
    assert_type(Item.id + 1, Expr[int])
    _ = Item.id > "a"  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue]
    Item.id.in_(["a"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]


def rows_have_types_up_to_ten() -> None:
    assert_type(select(Shelf), Select[Shelf])
    assert_type(select(Shelf, Item.title), Select[Shelf, str])
    assert_type(select(Item.id, Item.title, Item.weight, Shelf, Shelf.room), Select[int, str, float | None, Shelf, str])
    i, t = Item.id, Item.title
    assert_type(select(i, t, i, t, i, t, i, t, i, t), Select[int, str, int, str, int, str, int, str, int, str])
    assert_type(select(aliased(Item), aliased(Item).weight), Select[Item, float | None])
    counted = select(Item.shelf_id, func.count(Item.id).label("n")).group_by(Item.shelf_id).subquery()
    assert_type(counted.c.n, Expr[Any])


async def results_of_statements(session: AsyncSession) -> None:
    both = await session.execute(select(Item.id, Item.weight))
    assert_type(both.first(), Row[int, float | None] | None)
    assert_type(both.one(), Row[int, float | None])
    assert_type(both.scalars(), ScalarResult[int])
    number, weight = both.one()
    assert_type(number, int)
    assert_type(weight, float | None)
    assert_type((await session.scalars(select(Item.title))).first(), str | None)
    assert_type((await session.scalars(select(Item.title))).one(), str)
    changed = await session.execute(update(Item).values(title="B").returning(Item.id))
    assert_type(changed.rowcount, int)
    assert_type(changed.scalars().all(), list[Any])
    assert_type((await session.execute(delete(Item))).rowcount, int)
    assert_type((await session.execute(insert(Item).values(title="A"))).inserted_primary_key, tuple[Any, ...] | None)


async def rows_of_queries(session: AsyncSession) -> None:
    query = session.query(Item)
    assert_type(query.values("title"), RowQuery[dict[str, Any]])
    assert_type(await query.values("title"), list[dict[str, Any]])
    assert_type(await query.values_list(Item.title, flat=True), list[str])
    assert_type(await query.values_list("title", flat=True), list[Any])
    assert_type(await query.values_list(Item.id), list[tuple[int]])
    assert_type(await query.values_list(Item.id, Item.weight).first(), tuple[int, float | None] | None)
    assert_type(await query.values_list("id", "title"), list[tuple[Any, ...]])
    assert_type(await query.one_or_none(), Item | None)
    assert_type(await query.get_or_none(id=1), Item | None)
    assert_type(await query.update(title="C"), int)
    assert_type(await query.in_bulk([1]), dict[Any, Item])


async def streams_know_what_they_yield(session: AsyncSession) -> None:
    async for item in session.query(Item):
        assert_type(item, Item)
    assert_type(session.query(Item).stream(), Stream[Item])
    async with session.query(Item).stream(100) as items:
        async for item in items:
            assert_type(item, Item)
    async for row in session.stream(select(Item.id, Item.title)):
        assert_type(row, Row[int, str])
    async for title in await session.stream_scalars(select(Item.title)):
        assert_type(title, str)
    async for title in session.query(Item).values_list(Item.title, flat=True):
        assert_type(title, str)
    async for some in session.query(Item).stream().partitions(10):
        assert_type(some, list[Item])


async def changes_of_collections_may_be_awaited(session: AsyncSession, shelf: Shelf, item: Item) -> None:
    shelf.items.add(item)
    shelf.items.append(item)
    assert_type(shelf.items.add(item), Change)
    assert_type(shelf.items.set([item]), Change)
    await shelf.items.remove(item)
    await shelf.items.clear()
    session.delete(item)
    await session.delete(item)
    shelf.items.add(shelf)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def verbs_give_objects(session: AsyncSession, item: Item) -> None:
    assert_type(await session.get_or_raise(Item, 1), Item)
    assert_type(await session.upsert(item, "id"), Item)
    assert_type(await session.get_or_create(Item, title="A"), tuple[Item, bool])
    assert_type(await session.merge(item), Item)

    async def count(inner: AsyncSession) -> int:
        return await inner.query(Item).count()

    assert_type(await session.run(count), int)
    async with session.transaction() as same:
        assert_type(same, AsyncSession)


def rows_as_objects(result: QueryResult) -> None:
    assert_type(result.to_models(Item), list[Item])
    assert_type(result.to_model(Item), Item | None)


async def a_forgotten_await_is_an_error(session: AsyncSession, item: Item) -> None:
    session.flush()  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    session.insert(item)  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    session.query(Item).delete()  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    _ = session.get(Item, 1).title  # type: ignore[attr-defined]  # pyright: ignore
