"""What a relationship says of itself: its order, its way of loading, view-only ones; under every strategy."""

from __future__ import annotations

import pytest
from counting import sent

from ormkit import (
    AsyncSession,
    DeclarativeBase,
    ForeignKey,
    Mapped,
    RelationNotLoadedError,
    defaultload,
    joinedload,
    lazyload,
    load_only,
    mapped_column,
    raiseload,
    relationship,
    selectinload,
    with_loader_criteria,
)


class Base(DeclarativeBase):
    __abstract__ = True


class Shop(Base):
    __tablename__ = "option_shops"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    goods: Mapped[list[Good]] = relationship(
        back_populates="shop", order_by="Good.price.desc(), Good.name", lazy="selectin"
    )
    owner: Mapped[Owner | None] = relationship(back_populates="shop", uselist=False, lazy="joined")
    shown: Mapped[list[Good]] = relationship(viewonly=True, order_by=["name", "-id"])


class Owner(Base):
    __tablename__ = "option_owners"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    shop_id: Mapped[int] = mapped_column(ForeignKey("option_shops.id"))
    shop: Mapped[Shop] = relationship(back_populates="owner")


class Good(Base):
    __tablename__ = "option_goods"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    price: Mapped[int]
    shop_id: Mapped[int | None] = mapped_column(ForeignKey("option_shops.id"))
    shop: Mapped[Shop | None] = relationship(back_populates="goods", lazy="raise")


class Step(Base):
    __tablename__ = "option_steps"
    id: Mapped[int] = mapped_column(primary_key=True)
    before_id: Mapped[int | None] = mapped_column(ForeignKey("option_steps.id"))
    before: Mapped[Step | None] = relationship(remote_side="Step.id", back_populates="after")
    after: Mapped[list[Step]] = relationship(back_populates="before", lazy="selectin", order_by="Step.id")


@pytest.fixture
async def db(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        goods = [Good(name="b", price=1), Good(name="a", price=1), Good(name="c", price=3)]
        session.add_all([Shop(name="one", goods=goods, owner=Owner(name="Ann")), Shop(name="two"), Step(id=1)])
        await session.flush()
        session.add_all([Step(id=2, before_id=1), Step(id=3, before_id=2), Step(id=4, before_id=2)])
        await session.commit()
    return engine


def names(goods):
    return [good.name for good in goods]


async def test_relations_load_as_they_say(db):
    async with AsyncSession(db) as session:
        with sent(db) as seen:
            one, two = await session.query(Shop).order_by("id").all()
        assert (names(one.goods), names(two.goods)) == (["c", "a", "b"], [])
        assert (one.owner.name, two.owner) == ("Ann", None)
        assert len(seen) == 2
        assert not hasattr(one, "shown")


async def test_options_overrule_them(db):
    async with AsyncSession(db) as session:
        with sent(db) as seen:
            one = await session.query(Shop).options(raiseload("*")).order_by("id").first()
        assert len(seen) == 1 and "JOIN" not in seen.statements[0]
        with pytest.raises(RelationNotLoadedError):
            one.goods  # noqa: B018
    async with AsyncSession(db) as session:
        one = await session.query(Shop).options(lazyload(Shop.goods)).order_by("id").first()
        assert not hasattr(one, "goods") and one.owner.name == "Ann"
    async with AsyncSession(db) as session:
        good = await session.query(Good).options(joinedload(Good.shop).joinedload(Shop.owner)).order_by("id").first()
        assert good.shop.owner.name == "Ann" and names(good.shop.goods) == ["c", "a", "b"]


async def test_what_loads_by_itself_finds_its_keys(db):
    async with AsyncSession(db) as session:
        one = await session.query(Shop).options(load_only(Shop.name)).order_by("id").first()
        assert names(one.goods) == ["c", "a", "b"] and one.owner.name == "Ann"
    async with AsyncSession(db) as session:
        options = [defaultload(Shop.goods).load_only(Good.name), defaultload(Shop.owner).load_only(Owner.id)]
        one = await session.query(Shop).options(*options).order_by("id").first()
        assert names(one.goods) == ["c", "a", "b"]
        assert not hasattr(one.goods[0], "price") and not hasattr(one.owner, "name")


@pytest.mark.parametrize("load", [selectinload, joinedload])
async def test_view_only_lists_are_loaded_and_never_written(db, load):
    async with AsyncSession(db) as session:
        one = await session.query(Shop).options(load(Shop.shown)).order_by("id").first()
        assert names(one.shown) == ["a", "b", "c"]
        assert sorted(map(id, one.shown)) == sorted(map(id, one.goods))
        one.shown.remove(one.shown[0])
        await session.commit()
    assert (await db.execute("SELECT count(*) FROM option_goods WHERE shop_id = 1")).scalar() == 3


async def test_trees_that_load_by_themselves_load_wholly(db):
    async with AsyncSession(db) as session:
        with sent(db) as seen:
            first = await session.get(Step, 1)
        assert [step.id for step in first.after[0].after] == [3, 4]
        assert first.after[0].after[1].after == []
        assert len(seen) == 4
    await db.execute("UPDATE option_steps SET before_id = 4 WHERE id = 1")
    async with AsyncSession(db) as session:
        first = await session.get(Step, 1)
        assert first.after[0].after[1].after == [first]


async def test_criteria_hold_for_what_loads_by_itself(db):
    async with AsyncSession(db) as session:
        options = [with_loader_criteria(Good, Good.price > 1), with_loader_criteria(Owner, Owner.name == "Bea")]
        one = await session.query(Shop).options(*options).order_by("id").first()
        assert names(one.goods) == ["c"] and one.owner is None
        assert list(session.dirty) == []
