"""Lookups of elements of arrays and `F` of what lies within a column."""

import pytest

from ormkit import (
    AsyncSession,
    Count,
    DataError,
    DeclarativeBase,
    F,
    FieldError,
    ForeignKey,
    Mapped,
    Max,
    Min,
    NotSupportedError,
    mapped_column,
    relationship,
)


class Base(DeclarativeBase):
    __abstract__ = True


class Shop(Base):
    __tablename__ = "shops"
    id: Mapped[int] = mapped_column(primary_key=True)
    js: Mapped[dict] = mapped_column(default=dict)
    items: Mapped[list["Item"]] = relationship(back_populates="shop")


class Item(Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    n: Mapped[int] = mapped_column(default=0)
    js: Mapped[dict] = mapped_column(default=dict)
    sizes: Mapped[list[int]] = mapped_column(default=list)
    tags: Mapped[list[str] | None]
    shop_id: Mapped[int | None] = mapped_column(ForeignKey("shops.id"))
    shop: Mapped[Shop | None] = relationship(back_populates="items")


@pytest.fixture
async def session(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        shop = Shop(js={"open": 9})
        await session.insert_all(
            [
                Item(name="a", n=1, sizes=[1, 2, 3], tags=["Red", "big"], js={"q": 1, "in": {"k": "v"}}, shop=shop),
                Item(name="b", n=2, sizes=[2], tags=[], js={"q": 7}),
                Item(name="c", sizes=[]),
            ]
        )
        yield session


async def found(session, **lookups):
    return await session.query(Item).filter(**lookups).order_by("name").values_list("name", flat=True)


async def test_elements_are_counted_from_0(session):
    assert await found(session, sizes__0=1) == ["a"]
    assert await found(session, sizes__0=2) == ["b"]
    assert await found(session, sizes__1=2) == ["a"]
    assert await found(session, sizes__0__gte=1) == ["a", "b"]
    assert await found(session, sizes__0__in=[2, 9]) == ["b"]
    assert await found(session, sizes__0__between=(2, 5)) == ["b"]
    assert await found(session, sizes__0__isnull=True) == ["c"]
    assert await found(session, sizes__2=None) == ["b", "c"]
    assert await found(session, tags__0__istartswith="re") == ["a"]
    assert await found(session, sizes__1=F("n") + 1) == ["a"]
    assert await session.query(Shop).filter(items__sizes__0=1).count() == 1
    assert await session.query(Item).exclude(sizes__0=1).count() == 2


async def test_elements_are_values_by_name(session):
    query = session.query(Item).filter(sizes__0__isnull=False)
    assert await query.order_by("-sizes__0").values_list("name", "sizes__0") == [("b", 2), ("a", 1)]


async def test_parts_of_arrays(session, engine):
    if not engine.is_postgres():
        with pytest.raises(NotSupportedError, match="slice of an array"):
            await found(session, sizes__0_2=[1, 2])
        return
    assert await found(session, sizes__0_2=[1, 2]) == ["a"]
    assert await found(session, sizes__0_1=[2]) == ["b"]
    assert await found(session, sizes__1_3__contains=[3]) == ["a"]
    assert await found(session, tags__0_1__overlap=["Red"]) == ["a"]


@pytest.mark.parametrize("name", ["sizes__x", "sizes__0_", "sizes__0x", "sizes__0_1_2", "sizes__0__1", "name__0"])
async def test_what_is_no_element_is_refused(session, name):
    with pytest.raises(FieldError, match=r"has no lookup"):
        session.query(Item).filter(**{name: 1})


async def test_elements_take_values_of_their_type(session):
    with pytest.raises(DataError, match="expected int"):
        session.query(Item).filter(sizes__0="x")
    with pytest.raises(TypeError, match="takes a value, not None"):
        session.query(Item).filter(sizes__0__gt=None)


async def test_f_reads_within_json(session):
    rows = await session.query(Item).order_by("name").values("name", q=F("js__q"), k=F("js__in__k"))
    assert [(row["q"], row["k"]) for row in rows] == [(1, "v"), (7, None), (None, None)]
    shops = await session.query(Item).order_by("name").annotate(at=F("shop__js__open"))
    assert [item.at for item in shops] == [9, None, None]
    with pytest.raises(FieldError, match="`nope`"):
        await session.query(Item).values(q=F("nope__q"))


async def test_aggregates_of_what_lies_within_a_column(session):
    query = session.query(Item)
    assert await query.aggregate(Max("sizes__0"), low=Min("sizes__1"), size=Max("tags__len")) == {
        "sizes__0__max": 2,
        "low": 2,
        "size": 2,
    }
    shops = await session.query(Shop).annotate(most=Max("items__sizes__0"), sizes=Count("items__sizes__1"))
    assert [(shop.most, shop.sizes) for shop in shops] == [(1, 1)]
