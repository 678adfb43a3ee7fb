"""What mixins declare anew for each class."""

from __future__ import annotations

from typing import Any

import pytest

from ormkit import (
    AsyncSession,
    DeclarativeBase,
    FieldError,
    ForeignKey,
    Index,
    Integer,
    InvalidRequestError,
    Mapped,
    MetaData,
    UniqueConstraint,
    declared_attr,
    mapped_column,
    relationship,
    selectinload,
)


@pytest.fixture
def base() -> Any:
    class Own(DeclarativeBase):
        pass

    return Own


async def test_mixin_with_a_foreign_key_and_a_relation(base, engine):
    class Author(base):
        __tablename__ = "authors"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]

    class Written:
        @declared_attr
        def author_id(cls) -> Mapped[int]:
            return mapped_column(ForeignKey("authors.id"), index=True)

        @declared_attr
        def editor_id(cls) -> Mapped[int | None]:
            return mapped_column(ForeignKey("authors.id"))

        @declared_attr
        def author(cls) -> Mapped[Author]:
            return relationship(foreign_keys=[cls.author_id])

    class Book(Written, base):
        __tablename__ = "books"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Song(Written, base):
        __tablename__ = "songs"
        id: Mapped[int] = mapped_column(primary_key=True)

    assert list(Book.__columns__) == ["id", "author_id", "editor_id"]
    assert (Book.__columns__["author_id"].nullable, Book.__columns__["editor_id"].nullable) == (False, True)
    await base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        author = await session.insert(Author(name="Ada"))
        await session.insert_all([Book(author=author), Song(author=author)])
    async with AsyncSession(engine) as session:
        for model in (Book, Song):
            one = await session.query(model).filter(author__name="Ada").options(selectinload(model.author)).one()
            assert one.author.name == "Ada"


def test_options_are_made_for_each_class(base):
    class Named(base):
        __abstract__ = True

        @declared_attr.directive
        def __tablename__(cls) -> str:
            return f"app_{cls.__name__.lower()}"

        @declared_attr.directive
        def __table_args__(cls) -> Any:
            return (Index(f"ix_{cls.__tablename__}_name", "name"), UniqueConstraint("name"))

        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]

    class User(Named):
        pass

    class Team(Named):
        __tablename__ = "teams"

    assert (User.__tablename__, Team.__tablename__) == ("app_user", "teams")
    assert [table.name for table in base.metadata.tables.values()] == ["app_user", "teams"]


def test_the_stand_in_knows_the_class(base):
    seen = []

    class Mixin:
        kind = "things"

        @classmethod
        def prefix(cls) -> str:
            return f"{cls.kind}_{cls.__name__}"

        @declared_attr
        def code(cls) -> Mapped[str]:
            seen.append(cls)
            return mapped_column(cls.prefix(), default=lambda: cls.__tablename__)

    class Thing(Mixin, base):
        kind = "own"
        id: Mapped[int] = mapped_column(primary_key=True)

    assert Thing.__columns__["code"].name == "own_Thing"
    assert Thing().code == "things"
    assert len(seen) == 1
    assert seen[0].metadata is base.metadata


def test_a_class_may_declare_over_its_mixin(base):
    called = []

    class Mixin:
        @declared_attr
        def size(cls) -> Mapped[int]:
            called.append(cls)
            return mapped_column()

    class Thing(Mixin, base):
        id: Mapped[int] = mapped_column(primary_key=True)
        size: Mapped[str]

    assert Thing.__columns__["size"].sql_type() == "TEXT"
    assert called == []


def test_subclasses_get_their_own_of_what_cascades(base):
    class Mixin:
        @declared_attr.cascading
        def code(cls) -> Mapped[str]:
            return mapped_column(default=cls.__name__)

    class Animal(Mixin, base):
        __tablename__ = "animals"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Dog(Animal):
        pass

    assert (Animal().code, Dog().code) == ("Animal", "Dog")


def test_mistakes_are_found_when_the_class_ends(base):
    class Mixin:
        @declared_attr
        def code(cls) -> Mapped[str]:
            return mapped_column(cls.nothing)

    with pytest.raises(AttributeError, match=r"Thing\.nothing is not known yet"):

        class Thing(Mixin, base):
            id: Mapped[int] = mapped_column(primary_key=True)

    with pytest.raises(TypeError, match="declared_attr"):
        declared_attr(3)

    with pytest.raises(InvalidRequestError, match="needs a type"):

        class Other(base):
            id: Mapped[int] = mapped_column(primary_key=True)

            @declared_attr
            def code(cls):
                return mapped_column()


async def test_two_bases_share_a_mixin_and_no_tables(engine):
    class One(DeclarativeBase):
        pass

    class Two(DeclarativeBase):
        metadata = MetaData(naming_convention={"ix": "idx_%(table_name)s_%(column_0_name)s"})

    class Mixin:
        id: Mapped[int] = mapped_column(primary_key=True)

        @declared_attr
        def code(cls) -> Mapped[str]:
            return mapped_column(index=True)

    class Item(Mixin, One):
        __tablename__ = "items"

    first = Item

    class Item(Mixin, Two):
        __tablename__ = "items2"

    assert list(One.metadata.tables) == ["items"]
    assert list(Two.metadata.tables) == ["items2"]
    await One.metadata.create_all(engine)
    await Two.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all([first(code="a"), Item(code="b")])
        assert [i.code for i in await session.query(Item)] == ["b"]
        with pytest.raises(FieldError, match="code"):
            session.query(Item).filter(cod="b")


def test_columns_stand_in_the_order_of_their_declaration(base):
    class Stamped:
        made: Mapped[int] = mapped_column()

        @declared_attr
        def maker(cls) -> Mapped[str]:
            return mapped_column()

        @declared_attr
        def place(cls):
            return mapped_column(Integer)

        note: Mapped[str] = mapped_column()
        plain: Mapped[int]

    class Thing(Stamped, base):
        __tablename__ = "things"
        id: Mapped[int] = mapped_column(primary_key=True)

        @declared_attr
        def code(cls) -> Mapped[str]:
            return mapped_column()

        name: Mapped[str] = mapped_column()

    assert list(Thing.__columns__) == ["id", "code", "name", "made", "maker", "place", "note", "plain"]
