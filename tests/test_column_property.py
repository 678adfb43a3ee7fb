"""`column_property`: attributes that SQL computes from the row where it is read."""

from __future__ import annotations

import copy
import pickle
from decimal import Decimal
from typing import Any

import pytest

from ormkit import (
    AsyncSession,
    Connection,
    Count,
    DeclarativeBase,
    Engine,
    FieldError,
    ForeignKey,
    InvalidRequestError,
    Mapped,
    MetaData,
    NotLoadedError,
    NotSupportedError,
    Numeric,
    ProgrammingError,
    String,
    aliased,
    column_property,
    declared_attr,
    exists,
    func,
    insert,
    inspect,
    joinedload,
    load_only,
    mapped_column,
    relationship,
    select,
    selectinload,
    undefer,
    update,
)
from ormkit.testing import assert_queries


class Base(DeclarativeBase):
    pass


class Address(Base):
    __tablename__ = "property_addresses"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("property_users.id"))
    email: Mapped[str]
    user: Mapped[User] = relationship(back_populates="addresses")
    shown: Mapped[str] = column_property(lambda: Address.email + " <" + Address.email + ">")


class User(Base):
    __tablename__ = "property_users"
    id: Mapped[int] = mapped_column(primary_key=True)
    first: Mapped[str] = mapped_column(String(50))
    last: Mapped[str] = mapped_column()
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2), default=Decimal("1.10"))
    full = column_property(first + " " + last)
    address_count = column_property(
        select(func.count(Address.id)).where(Address.user_id == id).scalar_subquery(), deferred=False
    )
    double = column_property(price * Decimal("2.0"))
    length = column_property(func.length(last), deferred=True)
    addresses: Mapped[list[Address]] = relationship(back_populates="user", order_by="Address.id")


async def filled(engine: Engine) -> None:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        ada = User(first="Ada", last="Lovelace", addresses=[Address(email="a@x"), Address(email="b@x")])
        session.add_all([ada, User(first="Bob", last="Low", price=Decimal("2.25"))])
        await session.commit()


async def test_property_is_loaded_with_the_row(engine: Engine) -> None:
    await filled(engine)
    async with AsyncSession(engine) as session:
        ada = await session.get(User, 1)
        assert ada and (ada.full, ada.address_count, ada.double) == ("Ada Lovelace", 2, Decimal("2.2"))
        with pytest.raises(NotLoadedError, match="length"):
            _ = ada.length
        await session.load(ada, User.length)
        assert ada.length == 8
        loaded = await session.get(User, 2, options=[undefer(User.length)])
        assert loaded and loaded.length == 3


async def test_table_has_no_column_for_it(engine: Engine) -> None:
    await filled(engine)
    columns = [column.name for column in await engine.get_columns("property_users")]
    assert columns == ["id", "first", "last", "price"]
    assert list(User.__columns__) == columns == User.__table__.c.keys()
    assert inspect(User).column_attrs.keys() == columns
    async with AsyncSession(engine) as session:
        assert len((await session.execute(select(User.__table__))).first() or ()) == 4


async def test_property_stands_for_its_expression(engine: Engine) -> None:
    await filled(engine)
    async with AsyncSession(engine) as session:
        assert (await session.scalars(select(User.id).where(User.full == "Bob Low"))).all() == [2]
        assert (await session.scalars(select(User.id).where(User.address_count > 1))).all() == [1]
        assert (await session.scalars(select(User.full).order_by(User.address_count))).all() == [
            "Bob Low",
            "Ada Lovelace",
        ]
        assert (await session.scalars(select(User.double).order_by(User.double.desc()))).all() == [
            Decimal("4.50"),
            Decimal("2.2"),
        ]
        assert (await session.scalars(select(User.id).where(User.double == Decimal("4.5")))).all() == [2]
        rows = await session.execute(select(User.full, func.count(User.id)).group_by(User.full).order_by(User.full))
        assert rows.all() == [("Ada Lovelace", 1), ("Bob Low", 1)]
        row = (await session.execute(select(User.full).where(User.id == 1))).mappings().one()
        assert row["full"] == "Ada Lovelace"


async def test_property_goes_by_its_name(engine: Engine) -> None:
    await filled(engine)
    async with AsyncSession(engine) as session:
        query = session.query(User)
        assert [user.id for user in await query.filter(full__startswith="Bob")] == [2]
        assert [user.id for user in await query.filter(address_count=2)] == [1]
        assert [user.id for user in await query.order_by("-full")] == [2, 1]
        assert await query.order_by("id").values("full", "address_count") == [
            {"full": "Ada Lovelace", "address_count": 2},
            {"full": "Bob Low", "address_count": 0},
        ]
        assert await query.order_by("id").values_list("double", flat=True) == [Decimal("2.2"), Decimal("4.50")]
        assert await query.sum("address_count") == 2
        assert [a.id for a in await session.query(Address).filter(user__full="Ada Lovelace").order_by("id")] == [1, 2]
        with pytest.raises(FieldError, match="did you mean `full`"):
            query.filter(ful=1)


async def test_property_comes_with_relations(engine: Engine) -> None:
    await filled(engine)
    async with AsyncSession(engine) as session:
        with assert_queries(1):
            address = (await session.scalars(select(Address).options(joinedload(Address.user)).limit(1))).one()
        assert (address.user.full, address.user.address_count) == ("Ada Lovelace", 2)
        assert address.shown == "a@x <a@x>"
    async with AsyncSession(engine) as session:
        user = (await session.scalars(select(User).options(selectinload(User.addresses)).order_by(User.id))).all()[0]
        assert [a.shown for a in user.addresses] == ["a@x <a@x>", "b@x <b@x>"]
    async with AsyncSession(engine) as session:
        statement = select(User).options(joinedload(User.addresses)).order_by(User.full).limit(1)
        user = (await session.scalars(statement)).unique().one()
        assert (user.full, user.address_count, len(user.addresses)) == ("Ada Lovelace", 2, 2)
        statement = select(User).options(joinedload(User.addresses)).order_by(User.id).limit(1).offset(1)
        assert (await session.scalars(statement)).unique().one().double == Decimal("4.50")
    async with AsyncSession(engine) as session:
        limited = selectinload(User.addresses).order_by("-id").limit(1)
        user = (await session.scalars(select(User).options(limited).where(User.id == 1))).one()
        assert [a.shown for a in user.addresses] == ["b@x <b@x>"]


async def test_subquery_sees_the_row_and_nothing_else_of_the_statement(engine: Engine) -> None:
    await filled(engine)
    async with AsyncSession(engine) as session:
        statement = select(Address.id, User.address_count).join(User.addresses).order_by(Address.id)
        assert (await session.execute(statement)).all() == [(1, 2), (2, 2)]
        statement = select(User.id).where(User.addresses.any(Address.email == "a@x"), User.address_count == 2)
        assert (await session.scalars(statement)).all() == [1]


async def test_property_of_an_alias(engine: Engine) -> None:
    await filled(engine)
    async with AsyncSession(engine) as session:
        other = aliased(User)
        statement = select(User.full, other.full).join(other, other.id > User.id).where(other.address_count == 0)
        assert (await session.execute(statement)).all() == [("Ada Lovelace", "Bob Low")]
        assert (await session.scalars(select(other).where(other.full == "Bob Low"))).one().full == "Bob Low"


async def test_property_of_derived_rows(engine: Engine) -> None:
    await filled(engine)
    async with AsyncSession(engine) as session:
        rows = select(User.id, User.full, User.address_count).subquery()
        statement = select(rows.c.full, rows.c.address_count).order_by(rows.c.full)
        assert (await session.execute(statement)).all() == [("Ada Lovelace", 2), ("Bob Low", 0)]
        whole = select(User).where(User.id == 2).subquery()
        assert (await session.scalars(select(aliased(User, whole)))).one().full == "Bob Low"
        union = select(User.full).union(select(Address.shown))
        assert sorted((await session.scalars(union)).all()) == ["Ada Lovelace", "Bob Low", "a@x <a@x>", "b@x <b@x>"]
        cte = select(User.full.label("n")).cte()
        assert (await session.scalars(select(func.count()).select_from(cte))).one() == 2


async def test_flush_makes_it_unloaded_and_refresh_reads_it(engine: Engine) -> None:
    await filled(engine)
    async with AsyncSession(engine) as session:
        new = User(first="Cy", last="Twombly")
        assert new.full is None
        session.add(new)
        await session.flush()
        with pytest.raises(NotLoadedError):
            _ = new.full
        await session.refresh(new)
        assert (new.full, new.address_count) == ("Cy Twombly", 0)
        new.last = "Young"
        await session.flush()
        with pytest.raises(NotLoadedError):
            _ = new.full
        await session.refresh(new, ["full"])
        assert new.full == "Cy Young"
        with assert_queries(0):
            await session.flush()
        await session.commit()
        new.first = "X"
        await session.rollback()
        assert new.full == "Cy Young"


async def test_assignment_is_refused_by_name(engine: Engine) -> None:
    await filled(engine)
    with pytest.raises(AttributeError, match=r"User\.full is a column_property"):
        User(first="a", last="b", full="c")
    async with AsyncSession(engine) as session:
        ada = await session.get_one(User, 1)
        with pytest.raises(AttributeError, match=r"User\.address_count is a column_property"):
            ada.address_count = 3
        assert not session.is_modified(ada)
        for statement in (insert(User).values(first="a", last="b", full="c"), update(User).values(full="c")):
            with pytest.raises(ProgrammingError, match=r"User\.full is written by the database alone"):
                await session.execute(statement)
        with pytest.raises(ProgrammingError, match=r"User\.full is written by the database alone"):
            await session.query(User).update(full="c")


async def test_verbs_and_copies_leave_it_alone(engine: Engine) -> None:
    await filled(engine)
    async with AsyncSession(engine) as session:
        ada = await session.get_one(User, 1)
        assert pickle.loads(pickle.dumps(ada)).full == "Ada Lovelace"
        twin = copy.copy(ada)
        assert twin.full == "Ada Lovelace"
    async with AsyncSession(engine) as session:
        merged = await session.merge(ada)
        assert merged.full == "Ada Lovelace"
        upserted = await session.upsert(User(id=2, first="Rob", last="Low"), "id")
        assert upserted.full == "Rob Low"
        inserted = (await session.scalars(insert(User).values(first="E", last="F").returning(User))).one()
        assert (inserted.full, inserted.address_count) == ("E F", 0)
        await session.update(inserted, last="G")
        await session.refresh(inserted)
        assert inserted.to_dict()["full"] == "E G"
        await session.remove(inserted)
        await session.commit()


async def test_only_what_is_asked_for_is_read(engine: Engine) -> None:
    await filled(engine)
    async with AsyncSession(engine) as session:
        user = (await session.scalars(select(User).options(load_only(User.first)).where(User.id == 1))).one()
        with pytest.raises(NotLoadedError):
            _ = user.full
        assert [u.full for u in await session.query(User).only("full").order_by("id")] == ["Ada Lovelace", "Bob Low"]
        sql, _ = select(User).options(load_only(User.full)).to_sql("postgresql")
        assert "address" not in sql and "last" in sql


async def test_same_statement_again_binds_its_own_values(engine: Engine) -> None:
    await filled(engine)
    async with AsyncSession(engine) as session:
        for _ in range(3):
            for number, name in ((1, "Ada Lovelace"), (2, "Bob Low")):
                statement = select(User.full, User.id).where(User.id == number, User.full != "nobody")
                assert (await session.execute(statement)).one() == (name, number)


async def test_counting_annotations_and_properties_go_together(engine: Engine) -> None:
    await filled(engine)
    async with AsyncSession(engine) as session:
        users = await session.query(User).annotate(n=Count("addresses")).order_by("id")
        assert [(user.full, user.n) for user in users] == [("Ada Lovelace", 2), ("Bob Low", 0)]  # type: ignore[attr-defined]
        assert await session.query(User).filter(full="Ada Lovelace").count() == 1


class Named:
    first: Mapped[str] = mapped_column()
    last: Mapped[str] = mapped_column()
    full = column_property(first + "/" + last)

    @declared_attr
    def shout(cls) -> Any:
        return column_property(func.upper(cls.first))


class Pet(Named, Base):
    __tablename__ = "property_pets"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "pet"}


class Dog(Pet):
    bark: Mapped[str | None] = mapped_column()
    sound = column_property(Pet.first + ":" + bark)
    __mapper_args__ = {"polymorphic_identity": "dog"}


class Cat(Pet):
    __tablename__ = "property_cats"
    id: Mapped[int] = mapped_column(ForeignKey("property_pets.id"), primary_key=True)
    lives: Mapped[int] = mapped_column(default=9)
    left = column_property(lives - 1)
    sign = column_property(Pet.first + "=" + Pet.last)
    __mapper_args__ = {"polymorphic_identity": "cat"}


async def test_mixins_and_families_hand_it_on(engine: Engine) -> None:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        session.add_all(
            [
                Pet(first="P", last="p"),
                Dog(first="D", last="d", bark="wuff"),
                Cat(first="C", last="c", lives=7),
            ]
        )
        await session.commit()
    async with AsyncSession(engine) as session:
        pets = (await session.scalars(select(Pet).order_by(Pet.id))).all()
        assert [pet.full for pet in pets] == ["P/p", "D/d", "C/c"]
        assert [pet.shout for pet in pets] == ["P", "D", "C"]
        assert isinstance(pets[1], Dog) and pets[1].sound == "D:wuff"
    async with AsyncSession(engine) as session:
        cat = (await session.scalars(select(Cat).where(Cat.left == 6, Cat.full == "C/c"))).one()
        assert (cat.left, cat.sign, cat.shout) == (6, "C=c", "C")
        dog = (await session.scalars(select(Dog).where(Dog.sound == "D:wuff"))).one()
        assert dog.full == "D/d"
        cat.lives = 5
        await session.commit()
        await session.refresh(cat)
        assert cat.left == 4


def test_mistakes_say_what_to_write() -> None:
    with pytest.raises(TypeError, match="mapped_column"):
        column_property(mapped_column(String))
    with pytest.raises(TypeError, match="an expression"):
        column_property("name")
    with pytest.raises(NotSupportedError, match=r"column_property\(expire_on_flush=\.\.\)"):
        column_property(func.now(), expire_on_flush=False)
    with pytest.raises(InvalidRequestError, match=r"User\.late: .*column_property\(lambda: \.\.\)"):
        User.late = column_property(User.first + User.last)  # type: ignore[attr-defined]
    with pytest.raises(InvalidRequestError, match=r"Odd\.n: the type .* annotate it"):

        class Odd(Base):
            __tablename__ = "property_odd"
            id: Mapped[int] = mapped_column(primary_key=True)
            n = column_property(lambda: Odd.id)


async def test_declaration_in_a_statement_is_an_error(engine: Engine | Connection) -> None:
    await filled(engine)  # type: ignore[arg-type]
    stray = mapped_column(String)
    async with AsyncSession(engine) as session:
        with pytest.raises(ProgrammingError, match="of a class body"):
            await session.execute(select(User).where(User.first == stray))


async def test_subquery_may_name_the_tables_that_are_its_own(engine):
    class Base(DeclarativeBase):
        metadata = MetaData()

    class Shelf(Base):
        __tablename__ = "own_shelves"
        id: Mapped[int] = mapped_column(primary_key=True)
        books: Mapped[int] = column_property(
            lambda: (
                select(func.count(Volume.id))
                .where(Volume.shelf_id == Shelf.id)
                .correlate_except(Volume)
                .scalar_subquery()
            )
        )

    class Volume(Base):
        __tablename__ = "own_volumes"
        id: Mapped[int] = mapped_column(primary_key=True)
        shelf_id: Mapped[int] = mapped_column(ForeignKey("own_shelves.id"))

    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session, session.begin():
        session.add_all([Shelf(id=1), Shelf(id=2), Volume(shelf_id=1), Volume(shelf_id=1)])
        await session.flush()
        counts = select(Shelf.id, Shelf.books).order_by(Shelf.id)
        assert (await session.execute(counts)).all() == [(1, 2), (2, 0)]
        # The join reads volumes as well: those of the property are its own all the same.
        joined = select(Shelf.id, Shelf.books).join(Volume, Volume.shelf_id == Shelf.id).distinct()
        assert (await session.execute(joined)).all() == [(1, 2)]
        there = exists().where(Volume.shelf_id == Shelf.id).correlate_except(Volume)
        assert (await session.scalars(select(Shelf.id).join(Volume, Volume.id == Shelf.id).where(there))).all() == [1]
