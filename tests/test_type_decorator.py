"""`TypeDecorator`: the database has one type, the program another."""

import json
import random
from dataclasses import dataclass
from typing import Any

import pytest

from ormkit import (
    ARRAY,
    JSON,
    AsyncSession,
    DataError,
    DeclarativeBase,
    ForeignKey,
    Integer,
    Mapped,
    Numeric,
    String,
    TypeDecorator,
    Unsupported,
    insert,
    mapped_column,
    relationship,
    select,
    selectinload,
    update,
)
from ormkit.types import Dialect

SEEN: list[tuple[str, Any, str]] = []


@dataclass(frozen=True)
class Code:
    text: str


class CodeType(TypeDecorator):
    impl = String(20)
    cache_ok = True

    def process_bind_param(self, value: Code | None, dialect: Dialect) -> str | None:
        SEEN.append(("bind", value, dialect.name))
        return None if value is None else value.text.upper()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Code | None:
        SEEN.append(("result", value, dialect.name))
        return None if value is None else Code(value.lower())


class Cents(TypeDecorator):
    impl = Numeric

    def __init__(self, factor: int = 100) -> None:
        super().__init__(12, 2)
        self.factor = factor

    def process_bind_param(self, value: int | None, dialect: Dialect) -> Any:
        from decimal import Decimal

        return None if value is None else Decimal(value) / self.factor

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:
        return None if value is None else int(value * self.factor)


class Tags(TypeDecorator):
    impl = JSON

    def process_bind_param(self, value: set[str] | None, dialect: Dialect) -> Any:
        return None if value is None else sorted(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> set[str]:
        return set(value or ())


class Points(TypeDecorator):
    impl = ARRAY(Integer)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else [it * 10 for it in value]

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else [it // 10 for it in value]


class Base(DeclarativeBase):
    __abstract__ = True


class Shop(Base):
    __tablename__ = "shops"
    code: Mapped[Code] = mapped_column(CodeType, primary_key=True)
    label: Mapped[Code | None] = mapped_column(CodeType())
    given: Mapped[Code | None] = mapped_column(CodeType, default=Code("new"))
    cents: Mapped[int | None] = mapped_column(Cents)
    tags: Mapped[set[str] | None] = mapped_column(Tags)
    points: Mapped[list[int] | None] = mapped_column(Points)
    items: Mapped[list["Item"]] = relationship(back_populates="shop")


class Item(Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    shop_code: Mapped[Code | None] = mapped_column(CodeType, ForeignKey("shops.code"))
    shop: Mapped["Shop | None"] = relationship(back_populates="items")


@pytest.fixture
async def db(engine):
    await Base.metadata.create_all(engine)
    SEEN.clear()
    return engine


async def raw(db, column: str) -> list[Any]:
    return (await db.execute(f"SELECT {column} FROM shops ORDER BY code")).scalars()


async def test_values_are_converted_both_ways(db):
    async with AsyncSession(db) as session:
        shop = Shop(code=Code("a"), label=Code("x"), cents=150, tags={"b", "a"}, points=[10, 20])
        session.add(shop)
        await session.commit()
        assert shop.code == Code("a")
        assert (shop.given, shop.cents) == (Code("new"), 150)
    assert await raw(db, "code") == ["A"]
    assert await raw(db, "given") == ["NEW"]
    async with AsyncSession(db) as session:
        found = await session.get(Shop, Code("a"))
        assert (found.code, found.label, found.given) == (Code("a"), Code("x"), Code("new"))
        assert (found.cents, found.tags, found.points) == (150, {"a", "b"}, [10, 20])
    assert {dialect for _, _, dialect in SEEN} == {"postgresql" if db.is_postgres() else "sqlite"}


async def test_none_comes_to_both_methods(db):
    async with AsyncSession(db) as session:
        session.add(Shop(code=Code("a"), given=None))
        await session.commit()
    assert ("bind", None, "postgresql" if db.is_postgres() else "sqlite") in SEEN
    async with AsyncSession(db) as session:
        found = await session.get(Shop, Code("a"))
        assert (found.label, found.tags) == (None, set())
    assert ("result", None, "postgresql" if db.is_postgres() else "sqlite") in SEEN


async def test_the_identity_map_is_keyed_by_the_databases_value(db):
    async with AsyncSession(db) as session:
        shop = Shop(code=Code("Ab"))
        session.add(shop)
        await session.commit()
        assert await session.get(Shop, Code("aB")) is shop
        assert (await session.execute(select(Shop))).scalars().all() == [shop]


async def test_conditions_are_converted(db):
    async with AsyncSession(db) as session:
        session.add_all([Shop(code=Code(it), label=Code(it), cents=n) for n, it in enumerate("abc")])
        await session.commit()

        async def codes(*conditions: Any) -> list[str]:
            rows = await session.execute(select(Shop.code).where(*conditions).order_by("code"))
            return [code.text for code in rows.scalars().all()]

        assert await codes(Shop.label == Code("b")) == ["b"]
        assert await codes(Shop.label != Code("b")) == ["a", "c"]
        assert await codes(Shop.label.in_([Code("a"), Code("c"), Code("z")])) == ["a", "c"]
        assert await codes(Shop.label.not_in([Code("a")])) == ["b", "c"]
        assert await codes(Shop.label.between(Code("b"), Code("c"))) == ["b", "c"]
        assert await codes(Shop.cents >= 1) == ["b", "c"]
        assert await codes(Shop.cents.in_([0, 2])) == ["a", "c"]
        assert await codes(Shop.label == None) == []  # noqa: E711
        assert [it.code.text for it in await session.query(Shop).filter(label=Code("a")).all()] == ["a"]
        assert [it.code.text for it in await session.query(Shop).filter(label__in=[Code("a")]).all()] == ["a"]


async def test_one_statement_serves_both_dialects():
    statement = select(Shop.code).where(Shop.label == Code("b"))
    SEEN.clear()
    for dialect in ("postgresql", "sqlite"):
        assert statement.to_sql(dialect)[1] == ["B"]
    assert [dialect for _, _, dialect in SEEN] == ["postgresql", "sqlite"]


async def test_what_a_column_is_set_to_is_converted():
    SEEN.clear()
    _, params = update(Shop).values(label=Code("q"), given=None).to_sql()
    assert params == ["Q", None]
    assert ("bind", None, "postgresql") in SEEN
    assert insert(Shop).values(code=Code("q")).to_sql()[1] == ["Q", "NEW"]


async def test_relations_follow_converted_keys(db):
    async with AsyncSession(db) as session:
        session.add(Shop(code=Code("a"), items=[Item(), Item()]))
        await session.commit()
    async with AsyncSession(db) as session:
        shop = (await session.execute(select(Shop).options(selectinload(Shop.items)))).scalars().one()
        assert [item.shop_code for item in shop.items] == [Code("a")] * 2
    async with AsyncSession(db) as session:
        shop = await session.get(Shop, Code("a"))
        item = await session.get(Item, 1)
        assert item.shop is shop  # found by its key, without a statement
        found = await session.execute(select(Item).where(Item.shop == shop))
        assert len(found.scalars().all()) == 2


async def test_equal_values_are_no_change_and_others_are(db):
    async with AsyncSession(db) as session:
        shop = Shop(code=Code("a"), label=Code("x"), tags={"a"}, points=[10])
        session.add(shop)
        await session.commit()
        shop.label, shop.tags, shop.points = Code("x"), {"a"}, [10]
        assert shop not in session.dirty
        shop.tags.add("b")
        shop.points.append(20)
        shop.label = Code("y")
        await session.commit()
    async with AsyncSession(db) as session:
        shop = await session.get(Shop, Code("a"))
        assert (shop.label, shop.tags, shop.points) == (Code("y"), {"a", "b"}, [10, 20])


async def test_random_documents_come_back(db):
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    sets = [{chr(chance.randrange(32, 0x3000)) for _ in range(chance.randrange(6))} for _ in range(50)]
    async with AsyncSession(db) as session:
        session.add_all([Shop(code=Code(str(n)), tags=tags, cents=n * 7) for n, tags in enumerate(sets)])
        await session.commit()
    async with AsyncSession(db) as session:
        for n, tags in enumerate(sets):
            shop = await session.get(Shop, Code(str(n)))
            assert (shop.tags, shop.cents) == (tags, n * 7), seed


class Failing(TypeDecorator):
    impl = String

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        if value == "bad":
            raise ValueError("secret")
        return value

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        raise LookupError("secret")


class Fails(Base):
    __tablename__ = "fails"
    id: Mapped[int] = mapped_column(primary_key=True)
    it: Mapped[Any] = mapped_column(Failing)


async def test_what_a_method_raises_is_the_cause(db):
    async with AsyncSession(db) as session:
        session.add(Fails(it="bad"))
        with pytest.raises(DataError, match=r"Fails\.it: process_bind_param of Failing raised ValueError") as caught:
            await session.flush()
        assert isinstance(caught.value.__cause__, ValueError)
        assert "secret" not in str(caught.value)
        await session.rollback()
        with pytest.raises(DataError, match=r"Fails\.it: process_bind_param"):
            await session.execute(select(Fails.id).where(Fails.it == "bad"))
        session.add(Fails(it=7))
        with pytest.raises(DataError, match=r"Fails\.it: expected str"):
            await session.flush()
        await session.rollback()
        await session.insert(Fails(it="good"))
    async with AsyncSession(db) as session:
        with pytest.raises(DataError, match=r"Fails\.it: process_result_value of Failing raised LookupError"):
            await session.get(Fails, 1)
        with pytest.raises(DataError, match=r"Fails\.it: process_result_value"):
            await session.execute(select(Fails.it))


@pytest.mark.parametrize(
    "method",
    ["load_dialect_impl", "process_literal_param", "coerce_compared_value", "bind_expression", "compare_values"],
)
def test_methods_that_nothing_would_call_are_refused(method):
    with pytest.raises(Unsupported, match=rf"Odd\.{method}\(\)"):
        type("Odd", (TypeDecorator,), {"impl": String, method: lambda *_: None})


def test_mistakes_of_a_decorator_are_told():
    class Bare(TypeDecorator):
        pass

    class Wrong(TypeDecorator):
        impl = int

    with pytest.raises(TypeError, match="Bare needs an `impl`"):
        mapped_column(Bare)
    with pytest.raises(TypeError, match=r"Wrong\.impl is a column type"):
        mapped_column(Wrong)
    with pytest.raises(TypeError, match="takes no arguments"):
        CodeType(7)
    with pytest.raises(TypeError, match="must not be async"):

        class Late(TypeDecorator):
            impl = String

            async def process_bind_param(self, value: Any, dialect: Dialect) -> Any: ...

    with pytest.raises(TypeError, match="TypeDecorator over ARRAY"):
        ARRAY(CodeType)


def test_annotations_may_stand_for_a_decorator():
    class Own(DeclarativeBase):
        type_annotation_map = {Code: CodeType}

    class Thing(Own):
        code: Mapped[Code] = mapped_column(primary_key=True)

    assert Thing.__columns__["code"].sql_type() == "VARCHAR(20)"
    assert json.dumps(select(Thing).where(Thing.code == Code("b")).to_sql()[1]) == '["B"]'


class Lower(TypeDecorator):
    impl = String(20)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else value.lower()


async def test_parts_of_texts_go_through_the_type(engine):
    class Local(DeclarativeBase):
        pass

    class Tag(Local):
        __tablename__ = "lower_tags"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column(Lower)

    await Local.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all([Tag(id=1, name="HIGH"), Tag(id=2, name="Low")])
        for condition in (
            Tag.name.like("HI%"),
            Tag.name.contains("IG"),
            Tag.name.startswith("HI"),
            Tag.name.endswith("GH"),
            Tag.name.icontains("IG"),
        ):
            assert (await session.scalars(select(Tag.id).where(condition))).all() == [1]
        for lookup in ("name__contains", "name__icontains"):
            assert await session.query(Tag).filter(**{lookup: "IG"}).values_list("id", flat=True) == [1]
        assert await session.query(Tag).filter(name__startswith="HI").count() == 1
        assert await session.query(Tag).filter(name__regex="^HI").count() == 0
        assert (await session.scalars(select(Tag.id).where(Tag.name.not_like("HI%")))).all() == [2]
