"""`do_orm_execute`: what a listener makes of every statement of a session."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
from sent import sent

from ormkit import (
    AsyncSession,
    DeclarativeBase,
    ForeignKey,
    InvalidRequestError,
    Mapped,
    NotSupportedError,
    async_sessionmaker,
    delete,
    event,
    func,
    insert,
    joinedload,
    mapped_column,
    relationship,
    select,
    selectinload,
    text,
    update,
    with_loader_criteria,
)
from ormkit.event import ORMExecuteState


class Base(DeclarativeBase):
    pass


class OfTenant:
    """What belongs to a tenant."""

    tenant: Mapped[int]


class Shop(OfTenant, Base):
    __tablename__ = "execute_event_shops"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    goods: Mapped[list[Goods]] = relationship(back_populates="shop")


class Goods(OfTenant, Base):
    __tablename__ = "execute_event_goods"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    shop_id: Mapped[int] = mapped_column(ForeignKey("execute_event_shops.id"))
    shop: Mapped[Shop] = relationship(back_populates="goods")


Listen = Callable[[Any, Any], None]


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Listens to statements, until the end of the test."""
    listening: list[tuple[Any, Any]] = []

    def listen(target: Any, fn: Any) -> None:
        event.listen(target, "do_orm_execute", fn)
        listening.append((target, fn))

    yield listen
    for target, fn in listening:
        event.remove(target, "do_orm_execute", fn)


def only_own(state: ORMExecuteState) -> None:
    """Shows a session the rows of its tenant, in the way of SQLAlchemy's recipe."""
    tenant = state.session.info["tenant"]
    if state.is_select and not state.is_column_load and not state.is_relationship_load:
        criteria = with_loader_criteria(OfTenant, lambda cls: cls.tenant == tenant)  # type: ignore[type-var]
        state.statement = state.statement.options(criteria)
    elif state.is_update or state.is_delete:
        assert state.bind_mapper is not None
        state.statement = state.statement.where(state.bind_mapper.class_.tenant == tenant)


@pytest_asyncio.fixture
async def shops(engine: Any) -> AsyncIterator[Any]:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        for tenant, name in ((1, "a"), (2, "b")):
            goods = [Goods(name=f"{name}{of}", tenant=of) for of in (1, 2)]
            session.add(Shop(id=tenant, name=name, tenant=tenant, goods=goods))
        await session.commit()
    yield engine


def maker_of(engine: Any, listen: Listen, tenant: int) -> Callable[[], AsyncSession]:
    maker = async_sessionmaker(engine)
    listen(maker, only_own)

    def make() -> AsyncSession:
        session = maker()
        session.info["tenant"] = tenant
        return session

    return make


async def test_criteria_reach_whatever_reads(shops: Any, listen: Listen) -> None:
    async with maker_of(shops, listen, 1)() as session:
        assert (await session.scalars(select(Shop.name))).all() == ["a"]
        assert [shop.name for shop in await session.query(Shop).all()] == ["a"]
        assert await session.query(Shop).count() == 1
        assert not await session.query(Shop).filter(Shop.name == "b").exists()
        assert await session.scalar(select(func.count()).select_from(Shop)) == 1
        assert await session.get(Shop, 2) is None
        assert await session.get(Shop, 2, options=[selectinload(Shop.goods)]) is None
        assert await session.get(Shop, 2, populate_existing=True) is None
        assert await session.get(Shop, 2, include_deleted=True) is None
        shop = await session.get_one(Shop, 1)
        assert [row.name async for row in session.stream_scalars(select(Shop))] == ["a"]
        assert [found.name for found in (await session.query(Shop).in_bulk([1, 2])).values()] == ["a"]
        assert await session.query(Goods).filter(Goods.shop_id == shop.id).values_list("name", flat=True) == ["a1"]


@pytest.mark.parametrize("load", [selectinload, joinedload])
async def test_criteria_reach_what_is_loaded_along(shops: Any, listen: Listen, load: Any) -> None:
    async with maker_of(shops, listen, 1)() as session:
        shop = (await session.scalars(select(Shop).options(load(Shop.goods)))).unique().one()
        assert [goods.name for goods in shop.goods] == ["a1"]
    async with maker_of(shops, listen, 2)() as session:
        shop = await session.get_one(Shop, 2, options=[load(Shop.goods)])
        assert [goods.name for goods in shop.goods] == ["b2"]
        joined = select(Shop.name, Goods.name).join(Shop.goods)
        assert [tuple(row) for row in await session.execute(joined)] == [("b", "b2")]


async def test_criteria_reach_later_loads(shops: Any, listen: Listen) -> None:
    async with maker_of(shops, listen, 2)() as session:
        shop = await session.get_one(Shop, 2)
        await session.load(shop, Shop.goods)
        assert [goods.name for goods in shop.goods] == ["b2"]
    async with maker_of(shops, listen, 1)() as session:
        goods = (await session.scalars(select(Goods).where(Goods.shop_id == 2))).one()
        await session.load(goods, Goods.shop)
        assert goods.shop is None
        shop = await session.get_one(Shop, 1)
        await session.refresh(shop, ["goods"])
        assert [found.name for found in shop.goods] == ["a1"]


async def test_conditions_reach_what_writes_rows(shops: Any, listen: Listen) -> None:
    async with maker_of(shops, listen, 1)() as session:
        assert (await session.execute(update(Goods).values(name="x"))).rowcount == 2
        assert await session.query(Goods).update(name="y") == 2
        assert (await session.execute(delete(Goods).where(Goods.shop_id == 2))).rowcount == 1
        await session.commit()
    async with AsyncSession(shops) as session:
        names = (await session.scalars(select(Goods.name).order_by(Goods.name))).all()
        assert names == ["a2", "b2", "y"]


async def test_a_listener_sees_what_runs(shops: Any, listen: Listen) -> None:
    seen: list[str] = []

    def see(state: ORMExecuteState) -> None:
        kinds = ("select", "insert", "update", "delete")
        seen.extend(kind for kind in kinds if getattr(state, f"is_{kind}"))
        assert state.is_orm_statement
        assert [mapper.class_ for mapper in state.all_mappers] == [Shop]
        seen.append(str(state.execution_options))
        with pytest.raises(NotSupportedError, match="part of the statement"):
            _ = state.parameters
        with pytest.raises(NotSupportedError, match="set `statement`"):
            state.invoke_statement()

    async with AsyncSession(shops) as session:
        listen(session, see)
        await session.execute(select(Shop).execution_options(include_deleted=True))
        await session.execute(insert(Shop).values(id=3, name="c", tenant=1))
        await session.execute(update(Shop).where(Shop.id == 3).values(name="d"))
        await session.execute(delete(Shop).where(Shop.id == 3))
        await session.execute(text("SELECT 1"))
        session.add(Shop(id=4, name="e", tenant=1))
        await session.commit()
    options = ["{'include_deleted': True}", "{}", "{}", "{}"]
    assert seen == [
        part for pair in zip(["select", "insert", "update", "delete"], options, strict=True) for part in pair
    ]


async def test_values_of_parameters_stay_with_the_statement(shops: Any, listen: Listen) -> None:
    from ormkit import bindparam

    statement = select(Shop.name).where(Shop.id == bindparam("id"))
    async with maker_of(shops, listen, 2)() as session:
        assert await session.scalar(statement, {"id": 2}) == "b"
        assert await session.scalar(statement, {"id": 1}) is None


async def test_the_plan_of_a_changed_statement_is_not_that_of_the_statement(shops: Any, listen: Listen) -> None:
    statement = select(Shop.name).order_by(Shop.id)
    heard, deaf = maker_of(shops, listen, 1), AsyncSession(shops)
    for _ in range(2):
        async with heard() as session:
            assert (await session.scalars(statement)).all() == ["a"]
        assert (await deaf.scalars(statement)).all() == ["a", "b"]
    with sent(shops) as texts:
        for tenant in (1, 2):
            async with maker_of(shops, listen, tenant)() as session:
                assert (await session.scalars(statement)).all() == [{1: "a", 2: "b"}[tenant]]
    assert len(set(texts)) == 1
    await deaf.close()


async def test_a_listener_that_raises_stops_the_statement(shops: Any, listen: Listen) -> None:
    def refuse(state: ORMExecuteState) -> None:
        raise ValueError("no")

    async with AsyncSession(shops) as session:
        shop = await session.get_one(Shop, 1)
        listen(session, refuse)
        with sent(shops) as texts, pytest.raises(ValueError, match="no"):
            await session.execute(select(Shop))
        with sent(shops) as more, pytest.raises(ValueError, match="no"):
            await session.execute(update(Shop).values(name="x"))
        assert texts == more == []
        shop.name = "z"
        await session.commit()


async def test_what_a_listener_cannot_do_is_refused(shops: Any, listen: Listen) -> None:
    async def late(state: ORMExecuteState) -> None:
        raise AssertionError

    def answer(state: ORMExecuteState) -> Any:
        return [1]

    def other(state: ORMExecuteState) -> None:
        state.statement = select(Goods)

    def kind(state: ORMExecuteState) -> None:
        state.statement = update(Shop)

    refusals = [
        (late, TypeError, "cannot be async"),
        (answer, NotSupportedError, "set `statement`"),
        (other, InvalidRequestError, "what a query answers"),
        (kind, TypeError, "as it was"),
    ]
    for function, error, match in refusals:
        async with AsyncSession(shops) as session:
            listen(session, function)
            with pytest.raises(error, match=match):
                await session.execute(select(Shop))


@pytest.mark.parametrize("again", [False, True])
async def test_criteria_reach_statements_inside_of_a_statement(shops: Any, listen: Listen, again: bool) -> None:
    inner = select(Goods.shop_id).where(Goods.name.like("a%"))
    tree = select(Goods.id, Goods.name).cte("tree")
    counted = select(func.count()).select_from(select(Goods.id).where(Goods.id > 0).subquery())
    full = select(Shop.name, Goods.name).join(Goods, Goods.shop_id == Shop.id, full=True).order_by(Goods.name)

    async def see(tenant: int) -> list[Any]:
        async with maker_of(shops, listen, tenant)() as session:
            return [
                (await session.scalars(select(Shop.name).where(Shop.id.in_(inner)))).all(),
                await session.scalar(counted),
                (await session.scalars(select(tree.c.name).order_by(tree.c.name))).all(),
                sorted((await session.scalars(select(Shop.name).union(select(Goods.name)))).all()),
                (await session.scalars(select(Shop.name).where(Shop.goods.any(Goods.name == "b1")))).all(),
                await session.query(Shop).filter(goods__name="b1").count(),
                await session.query(Shop).filter(goods__name="b2").count(),
                [tuple(row) for row in await session.execute(full)],
            ]

    if again:
        # The plans are there: only values are written.
        await see(1)
    assert await see(2) == [[], 2, ["a2", "b2"], ["a2", "b", "b2"], [], 0, 1, [(None, "a2"), ("b", "b2")]]
