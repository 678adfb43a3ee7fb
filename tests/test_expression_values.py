"""Attributes that are set to SQL expressions: the statement that writes the object computes them and answers them."""

from __future__ import annotations

import copy
import datetime
import pickle
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy
import sqlalchemy.orm
from counting import sent

from ormkit import (
    JSON,
    AsyncSession,
    ConnectionPool,
    DeclarativeBase,
    F,
    FieldError,
    ForeignKey,
    Mapped,
    NotLoadedError,
    ProgrammingError,
    StaleDataError,
    Unsupported,
    case,
    func,
    inspect,
    mapped_column,
    relationship,
    select,
)


class Base(DeclarativeBase):
    pass


class Shelf(Base):
    __tablename__ = "shelves"
    id: Mapped[int] = mapped_column(primary_key=True)
    room: Mapped[str] = mapped_column(default="hall")
    books: Mapped[list[Volume]] = relationship(back_populates="shelf")


class Volume(Base):
    __tablename__ = "volumes"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str | None]
    copies: Mapped[int] = mapped_column(default=1)
    price: Mapped[Decimal | None]
    bought: Mapped[datetime.datetime | None]
    meta: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    shelf_id: Mapped[int | None] = mapped_column(ForeignKey("shelves.id"))
    shelf: Mapped[Shelf | None] = relationship(back_populates="books")


class Draft(Base):
    __tablename__ = "drafts"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    pages: Mapped[int] = mapped_column(default=0)
    version: Mapped[int] = mapped_column(default=1)
    __mapper_args__ = {"version_id_col": version}


class Code(Base):
    __tablename__ = "codes"
    key: Mapped[str] = mapped_column(primary_key=True)
    uses: Mapped[int] = mapped_column(default=0)


class Animal(Base):
    __tablename__ = "animals"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column()
    age: Mapped[int] = mapped_column(default=0)
    __mapper_args__ = {"polymorphic_on": kind, "polymorphic_identity": "animal"}


class Cat(Animal):
    lives: Mapped[int | None]
    __mapper_args__ = {"polymorphic_identity": "cat"}


class Person(Base):
    __tablename__ = "people"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column()
    age: Mapped[int] = mapped_column(default=0)
    __mapper_args__ = {"polymorphic_on": kind, "polymorphic_identity": "person"}


class Worker(Person):
    __tablename__ = "workers"
    id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    wage: Mapped[int] = mapped_column(default=10)
    __mapper_args__ = {"polymorphic_identity": "worker"}


@pytest_asyncio.fixture
async def session(engine: ConnectionPool) -> AsyncIterator[AsyncSession]:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        yield session
        await session.rollback()


async def test_an_update_computes_the_value_and_reads_it_back(session: AsyncSession, engine: ConnectionPool) -> None:
    book = await session.insert(Volume(title="a", copies=3))
    book.copies = Volume.copies + 1
    with sent(engine) as seen:
        await session.flush()
    assert next(s for s in seen.statements if "UPDATE" in s).startswith("UPDATE volumes SET copies = copies + ")
    assert book.copies == 4
    await session.commit()
    assert await session.scalar(select(Volume.copies)) == 4


async def test_an_insert_computes_the_value_and_reads_it_back(session: AsyncSession) -> None:
    shelf = await session.insert(Shelf(room="attic"))
    book = Volume(title=func.upper("abc"), copies=func.abs(-3), shelf_id=select(func.min(Shelf.id)).scalar_subquery())
    session.add(book)
    await session.flush()
    assert (book.title, book.copies, book.shelf_id) == ("ABC", 3, 1)
    assert book.shelf is shelf


async def test_the_database_s_time_is_a_value(session: AsyncSession) -> None:
    book = await session.insert(Volume(bought=func.now()))
    assert abs(datetime.datetime.now(datetime.timezone.utc) - book.bought) < datetime.timedelta(minutes=5)


async def test_reading_before_the_flush_says_what_to_do(session: AsyncSession) -> None:
    book = await session.insert(Volume(title="a", copies=3))
    book.copies = Volume.copies + 1
    with pytest.raises(NotLoadedError, match=r"Volume\.copies.*flush\(\).*refresh\(obj\)"):
        _ = book.copies
    await session.refresh(book)
    assert book.copies == 3
    assert not inspect(book).modified


async def test_a_new_object_has_no_value_before_the_flush_either(session: AsyncSession) -> None:
    book = Volume(title=func.upper("a"))
    with pytest.raises(NotLoadedError, match="Volume.title"):
        _ = book.title
    assert "title" not in book.to_dict()
    with pytest.raises(NotLoadedError):
        copy.copy(book)
    with pytest.raises(NotLoadedError):
        pickle.dumps(book)


async def test_a_value_set_behind_the_expression_is_written(session: AsyncSession) -> None:
    book = await session.insert(Volume(title="a", copies=3))
    book.copies = Volume.copies + 1
    book.copies = 9
    assert book.copies == 9
    await session.flush()
    await session.refresh(book)
    assert book.copies == 9
    book.copies = 10
    book.copies = Volume.copies + 5
    await session.flush()
    assert book.copies == 14


async def test_rollback_gives_the_old_value_back(session: AsyncSession) -> None:
    book = await session.insert(Volume(title="a", copies=3))
    book.copies = Volume.copies + 1
    await session.rollback()
    assert book.copies == 3
    book.copies = Volume.copies + 1
    await session.flush()
    await session.rollback()
    assert book.copies == 3
    assert not inspect(book).modified


async def test_a_savepoint_gives_the_value_at_its_start_back(session: AsyncSession) -> None:
    book = await session.insert(Volume(title="a", copies=3))
    async with session.begin():
        book.copies = Volume.copies + 1
        await session.flush()
        with pytest.raises(ZeroDivisionError):
            async with session.begin_nested():
                book.copies = Volume.copies * 10
                await session.flush()
                assert book.copies == 40
                raise ZeroDivisionError
        assert book.copies == 4
    assert await session.scalar(select(Volume.copies)) == 4


async def test_an_added_object_that_is_rolled_back_can_be_added_again(session: AsyncSession) -> None:
    book = Volume(title=func.upper("abc"))
    session.add(book)
    await session.flush()
    await session.rollback()
    session.add(book)
    await session.commit()
    assert book.title == "ABC"


async def test_equal_expressions_are_one_statement_and_others_are_not(
    session: AsyncSession, engine: ConnectionPool
) -> None:
    books = await session.insert_all([Volume(title=t, copies=n) for n, t in enumerate("abcde")])
    for book in books[:3]:
        book.copies = Volume.copies + 1
    for book in books[3:]:
        book.copies = Volume.copies + 2
    books[4].title = func.upper(Volume.title)
    with sent(engine) as seen:
        await session.flush()
    assert len([s for s in seen.statements if s.startswith("UPDATE")]) == 3
    assert [book.copies for book in books] == [1, 2, 3, 5, 6]
    assert books[4].title == "E"


async def test_new_rows_with_values_and_expressions_are_one_statement(
    session: AsyncSession, engine: ConnectionPool
) -> None:
    books = [Volume(title=func.upper("x"), copies=n) for n in range(20)]
    with sent(engine) as seen:
        await session.insert_all(books)
    assert len([s for s in seen.statements if s.startswith("INSERT")]) == 1
    assert [book.copies for book in books] == list(range(20))
    assert {book.title for book in books} == {"X"}
    assert [book.id for book in books] == list(range(1, 21))


async def test_rows_of_expressions_alone(session: AsyncSession) -> None:
    codes = [Code(key=func.lower(t), uses=func.abs(-2)) for t in "ABC"]
    await session.insert_all(codes)
    assert [(code.key, code.uses) for code in codes] == [("a", 2), ("b", 2), ("c", 2)]
    assert await session.get(Code, "b") is codes[1]
    alike = [Volume(title=func.upper("q"), copies=func.abs(-1), meta=func.coalesce(None, {"a": 1})) for _ in "ab"]
    await session.insert_all(alike)
    assert [book.title for book in alike] == ["Q", "Q"]


async def test_values_of_lists_are_those_of_their_own_object(session: AsyncSession) -> None:
    books = await session.insert_all([Volume(title=t, copies=0) for t in "abc"])
    for book in books:
        book.copies = case((Volume.title.in_(["a", "b"]), 5), else_=Volume.copies)
    await session.flush()
    assert [book.copies for book in books] == [5, 5, 0]


async def test_the_key_of_a_stored_object_takes_values_alone(session: AsyncSession) -> None:
    code = await session.insert(Code(key="a"))
    code.key = func.upper(Code.key)
    with pytest.raises(ProgrammingError, match="Code.key is part of the key"):
        await session.flush()
    await session.rollback()
    assert code.key == "a"


async def test_verbs_take_expressions(session: AsyncSession) -> None:
    book = await session.insert(Volume(title="a", copies=3))
    await session.update(book, copies=Volume.copies + 5)
    assert book.copies == 8
    await session.update(book, copies=F("copies") + 5, title=F("title") + "!")
    assert (book.copies, book.title) == (13, "a!")
    with pytest.raises(FieldError, match="copies"):
        await session.update(book, copies=F("copis") + 5)
    assert book.copies == 13


async def test_an_upsert_takes_expressions(session: AsyncSession) -> None:
    await session.insert(Code(key="a", uses=1))
    code = await session.upsert(Code(key="a", uses=func.abs(-7)), ["key"])
    assert code.uses == 7


async def test_versions_are_counted_and_checked(session: AsyncSession, engine: ConnectionPool) -> None:
    drafts = await session.insert_all([Draft(text="a"), Draft(text="b")])
    for draft in drafts:
        draft.pages = Draft.pages + 3
    await session.flush()
    assert [(d.pages, d.version) for d in drafts] == [(3, 2), (3, 2)]
    await session.commit()
    async with AsyncSession(engine) as other:
        there = await other.get(Draft, drafts[0].id)
        assert there is not None
        there.pages = Draft.pages + 1
        await other.commit()
    drafts[0].pages = Draft.pages + 1
    with pytest.raises(StaleDataError):
        await session.flush()
    await session.rollback()
    assert drafts[0].pages == 3


async def test_columns_of_other_tables_are_refused(session: AsyncSession) -> None:
    book = await session.insert(Volume(title="a"))
    book.copies = Shelf.id
    with pytest.raises(ProgrammingError, match=r"Volume\.copies is set to columns of another table.*scalar_subquery"):
        await session.flush()
    await session.rollback()
    session.add(Volume(copies=Volume.copies + 1))
    with pytest.raises(ProgrammingError, match=r"Volume\.copies of a new row cannot be made of columns"):
        await session.flush()


async def test_a_subquery_sees_the_row(session: AsyncSession) -> None:
    shelf = await session.insert(Shelf(room="attic"))
    books = await session.insert_all([Volume(title=t, shelf_id=shelf.id) for t in "ab"])
    for book in books:
        room = select(Shelf.room).where(Shelf.id == Volume.shelf_id).scalar_subquery()
        book.title = Volume.title + room
    await session.flush()
    assert [book.title for book in books] == ["aattic", "battic"]


async def test_a_common_table_expression_can_be_read(session: AsyncSession) -> None:
    await session.insert_all([Shelf(), Shelf()])
    count = select(func.count().label("n")).select_from(Shelf).cte("c")
    book = Volume(copies=select(count.c.n).scalar_subquery())
    session.add(book)
    await session.flush()
    assert book.copies == 2
    book.copies = Volume.copies + select(count.c.n).scalar_subquery()
    await session.flush()
    assert book.copies == 4


async def test_a_changed_reference_is_read_anew(session: AsyncSession) -> None:
    one, two = await session.insert_all([Shelf(room="one"), Shelf(room="two")])
    book = Volume(title="a", shelf=one)
    session.add(book)
    await session.flush()
    book.shelf_id = select(func.max(Shelf.id)).scalar_subquery()
    await session.flush()
    assert book.shelf_id == two.id
    assert book.shelf is two


async def test_an_expression_for_a_parent_s_key_gives_way_to_the_relation(session: AsyncSession) -> None:
    shelf = await session.insert(Shelf(room="one"))
    book = Volume(shelf_id=select(func.max(Shelf.id) + 5).scalar_subquery())
    book.shelf = shelf
    session.add(book)
    await session.flush()
    assert book.shelf_id == shelf.id


async def test_json_takes_expressions(session: AsyncSession) -> None:
    book = await session.insert(Volume(meta={"a": 1}))
    assert book.meta == {"a": 1}
    book.meta = func.coalesce(None, {"b": 2})
    await session.flush()
    assert book.meta == {"b": 2}
    book.meta["c"] = 3
    await session.commit()
    assert await session.scalar(select(Volume.meta)) == {"b": 2, "c": 3}


async def test_a_query_leaves_the_expression_alone(session: AsyncSession) -> None:
    book = await session.insert(Volume(title="a", copies=3))
    book.copies = Volume.copies + 1
    with session.no_autoflush:
        assert await session.query(Volume).all() == [book]
    with pytest.raises(NotLoadedError):
        _ = book.copies
    await session.flush()
    assert book.copies == 4


async def test_expire_drops_the_expression(session: AsyncSession) -> None:
    book = await session.insert(Volume(title="a", copies=3))
    book.copies = Volume.copies + 1
    session.expire(book, ["copies"])
    await session.flush()
    await session.refresh(book)
    assert book.copies == 3


async def test_history_shows_the_expression(session: AsyncSession) -> None:
    book = await session.insert(Volume(title="a", copies=3))
    expression = Volume.copies + 1
    book.copies = expression
    history = inspect(book).changes["copies"]
    assert history.added[0] is expression and history.deleted == [3]


async def test_merge_takes_the_expression_over(session: AsyncSession, engine: ConnectionPool) -> None:
    book = await session.insert(Volume(title="a", copies=3))
    await session.commit()
    merged = await session.merge(Volume(id=book.id, copies=Volume.copies + 4))
    assert merged is book
    await session.commit()
    assert book.copies == 7


async def test_classes_of_one_table_share_their_columns(session: AsyncSession) -> None:
    cats = await session.insert_all([Cat(age=1, lives=9), Cat(age=2, lives=8)])
    for cat in cats:
        cat.age = Animal.age + 1
        cat.lives = Cat.lives - 1
    await session.flush()
    assert [(cat.age, cat.lives) for cat in cats] == [(2, 8), (3, 7)]


async def test_classes_of_several_tables_write_each(session: AsyncSession) -> None:
    workers = await session.insert_all([Worker(age=20, wage=func.abs(-5)), Worker(age=30, wage=func.abs(-5))])
    assert [worker.wage for worker in workers] == [5, 5]
    for worker in workers:
        worker.age = Person.age + 1
        worker.wage = Worker.wage * 2
    await session.flush()
    assert [(w.age, w.wage) for w in workers] == [(21, 10), (31, 10)]
    workers[0].wage = Worker.wage + Person.age
    with pytest.raises(Unsupported, match=r"Person\.age in an expression for a column of another table"):
        await session.flush()


async def test_many_objects_with_expressions_of_their_own(session: AsyncSession) -> None:
    books = await session.insert_all([Volume(title="t", copies=n) for n in range(300)])
    for book in books:
        book.copies = Volume.copies + book.id
    await session.commit()
    assert [book.copies for book in books] == [n + n + 1 for n in range(300)]


def lasting(orm: Any, module: Any) -> list[tuple[Any, ...]]:
    """What a program of expressions leaves in SQLAlchemy's database."""
    base = type("Base", (orm.DeclarativeBase,), {})

    class Row(base):  # type: ignore[misc, valid-type]
        __tablename__ = "rows"
        id = orm.mapped_column(module.Integer, primary_key=True)
        name = orm.mapped_column(module.String)
        number = orm.mapped_column(module.Integer, default=5)

    database = module.create_engine("sqlite://")
    base.metadata.create_all(database)
    with orm.Session(database) as session:
        one, two = Row(name=module.func.upper("one")), Row(name="two", number=module.func.abs(-9))
        session.add_all([one, two])
        session.flush()
        one.number = Row.number + Row.id
        two.number = module.select(module.func.max(Row.number)).scalar_subquery()
        two.name = Row.name + "!"
        session.flush()
        two.number = Row.number * 2
        two.number = 3
        one.name = module.case((Row.name == "ONE", "first"), else_="other")
        session.commit()
        return [tuple(row) for row in session.execute(module.select(Row.id, Row.name, Row.number).order_by(Row.id))]


async def test_rows_are_those_of_sqlalchemy(session: AsyncSession) -> None:
    one, two = Volume(title=func.upper("one"), copies=5), Volume(title="two", copies=func.abs(-9))
    session.add_all([one, two])
    await session.flush()
    one.copies = Volume.copies + Volume.id
    two.copies = select(func.max(Volume.copies)).scalar_subquery()
    two.title = Volume.title + "!"
    await session.flush()
    two.copies = Volume.copies * 2
    two.copies = 3
    one.title = case((Volume.title == "ONE", "first"), else_="other")
    await session.commit()
    rows = (await session.execute(select(Volume.id, Volume.title, Volume.copies).order_by(Volume.id))).all()
    assert [tuple(row) for row in rows] == lasting(sqlalchemy.orm, sqlalchemy)
