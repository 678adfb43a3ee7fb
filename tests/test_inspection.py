"""`inspect`: where objects stand, what was changed of them, what classes map."""

from __future__ import annotations

from typing import Any

import pytest
from library import Author, Base, Book, Shelf

from ormkit import (
    AsyncSession,
    DeclarativeBase,
    Mapped,
    NotLoadedError,
    async_sessionmaker,
    create_session,
    inspect,
    mapped_column,
    select,
    selectinload,
)


class Documents(DeclarativeBase):
    pass


class Document(Documents):
    __tablename__ = "inspected_documents"
    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[dict[str, Any]] = mapped_column(default=dict)


def state(thing: Any) -> str:
    found = inspect(thing)
    names = [name for name in ("transient", "pending", "persistent", "deleted", "detached") if getattr(found, name)]
    assert len(names) == 1
    return names[0]


async def test_an_object_stands_where_its_life_has_brought_it(engine: Any) -> None:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        ada = Author(name="Ada")
        assert (state(ada), inspect(ada).session) == ("transient", None)
        session.add(ada)
        assert (state(ada), inspect(ada).session) == ("pending", session)
        await session.flush()
        assert (state(ada), inspect(ada).session) == ("persistent", session)
        await session.commit()
        session.expunge(ada)
        assert (state(ada), inspect(ada).session) == ("detached", None)
        session.add(ada)
        session.delete(ada)
        await session.flush()
        assert (state(ada), inspect(ada).session, inspect(ada).was_deleted) == ("deleted", None, True)
        await session.rollback()
        assert state(ada) == "persistent"


async def test_what_is_loaded_and_what_is_not(engine: Any) -> None:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        ada = Author(name="Ada", books=[Book(title="Notes")])
        assert inspect(ada).unloaded == set()
        session.add(ada)
        await session.commit()
    async with AsyncSession(engine) as session:
        ada = (await session.scalars(select(Author))).one()
        assert inspect(ada).loaded == {"id", "name", "born"}
        assert inspect(ada).unloaded == {"books"}
        assert inspect(ada).dict == {"id": ada.id, "name": "Ada", "born": None}
        await session.load(ada, Author.books)
        assert inspect(ada).unloaded == set()
        assert inspect(ada.books[0]).loaded >= {"author", "author_id"}
        session.expire(ada, ["name"])
        assert inspect(ada).unloaded == {"name"}
        with pytest.raises(NotLoadedError):
            _ = inspect(ada).attrs.name.value


async def test_changes_say_what_came_and_what_went(engine: Any) -> None:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        ada = Author(name="Ada", books=[Book(title="A"), Book(title="B")])
        assert inspect(ada).changes["name"].added == ["Ada"]
        session.add(ada)
        await session.commit()
        assert inspect(ada).changes == {}
        assert not inspect(ada).modified
        a, b = ada.books
        c = Book(title="C")
        ada.name = "Ada L."
        ada.books = [b, c]
        added, unchanged, deleted = inspect(ada).attrs.books.history
        assert (added, unchanged, deleted) == ([c], [b], [a])
        changes = inspect(ada).changes
        assert set(changes) == {"name", "books"}
        assert (changes["name"].added, changes["name"].deleted) == (["Ada L."], ["Ada"])
        assert changes["name"].has_changes()
        assert list(inspect(ada).attrs.born.history) == [[], [None], []]
        assert inspect(a).changes["author"].deleted == [ada]
        await session.commit()
        assert inspect(ada).changes == {}


async def test_a_value_that_was_not_loaded_is_in_no_part_of_the_history(engine: Any) -> None:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        session.add(Author(name="Ada", born=1815))
        await session.commit()
        author = (await session.scalars(select(Author))).one()
        session.expire(author, ["born"])
        assert inspect(author).attrs.born.history.empty()
        author.born = 1816
        assert list(inspect(author).changes["born"]) == [[1816], [], []]
        await session.commit()


async def test_json_that_was_changed_in_place_is_a_change(engine: Any) -> None:
    await Documents.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        session.add(Document(id=1, body={"a": 1}))
        await session.commit()
    async with AsyncSession(engine) as session:
        document = await session.get(Document, 1)
        assert document is not None
        assert "body" in inspect(document).loaded
        document.body["a"] = 2
        assert inspect(document).modified
        history = inspect(document).changes["body"]
        assert (history.added, history.deleted) == ([{"a": 2}], [{"a": 1}])
        await session.commit()


async def test_identity_is_the_key_of_the_row(engine: Any) -> None:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        shelf = Shelf(row=1, place=2)
        assert inspect(shelf).identity is None
        assert inspect(shelf).identity_key is None
        session.add(shelf)
        await session.commit()
        shelf.place = 3
        assert inspect(shelf).identity == (1, 2)
        assert inspect(shelf).identity_key == (Shelf, (1, 2))
        assert inspect(shelf).has_identity
        await session.commit()
        assert inspect(shelf).identity == (1, 3)


async def test_every_way_to_a_session_is_known_to_its_objects(engine: Any) -> None:
    class Own(AsyncSession):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)

    await Base.metadata.create_all(engine)
    makers: list[Any] = [
        AsyncSession,
        Own,
        create_session,
        async_sessionmaker(engine),
        async_sessionmaker(engine, class_=Own),
    ]
    for make in makers:
        async with make() if isinstance(make, async_sessionmaker) else make(engine) as session:
            author = Author(name="Ada")
            session.add(author)
            assert inspect(author).session is session
            session.expunge(author)


def test_a_class_shows_what_it_maps() -> None:
    mapper = inspect(Book)
    assert mapper.class_ is Book
    assert mapper == inspect(Book(title="x")).mapper
    assert mapper.columns.keys() == ["id", "title", "pages", "shelf", "author_id"]
    assert [column.key for column in mapper.column_attrs] == mapper.c.keys()
    assert mapper.columns.title.nullable is False
    assert mapper.columns["title"] is Book.__columns__["title"]
    assert "author" in mapper.relationships
    assert mapper.relationships.author.target == "Author"
    assert mapper.attrs.keys() == [*mapper.columns.keys(), "author"]
    assert [column.name for column in inspect(Shelf).primary_key] == ["row", "place"]
    assert mapper.local_table is Book.__table__
    assert mapper.primary_key_from_instance(Book(id=7, title="x")) == [7]


@pytest.mark.parametrize(
    ("subject", "instead"),
    [
        (7, "no instance of a mapped class"),
        (int, "the class is not mapped"),
        (Base, "the class is abstract"),
        (Book.title, 'inspect\\(Model\\).columns\\["name"\\]'),
        (Book.__table__, "a table has name"),
    ],
)
def test_anything_else_is_refused_with_what_to_type(subject: Any, instead: str) -> None:
    with pytest.raises(TypeError, match=instead):
        inspect(subject)


async def test_engines_and_sessions_are_refused_with_what_to_type(engine: Any) -> None:
    with pytest.raises(TypeError, match="await engine.get_tables"):
        inspect(engine)
    async with AsyncSession(engine) as session:
        with pytest.raises(TypeError, match=r"session\.new"):
            inspect(session)


def test_unknown_names_say_what_there_is() -> None:
    with pytest.raises(AttributeError, match="did you mean `title`"):
        _ = inspect(Book).columns.titel
    with pytest.raises(KeyError, match="did you mean `title`"):
        _ = inspect(Book).columns["titel"]
    with pytest.raises(AttributeError, match="write unloaded"):
        _ = inspect(Book(title="x")).expired_attributes  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="write value"):
        _ = inspect(Book(title="x")).attrs.title.loaded_value  # type: ignore[attr-defined]


async def test_loaded_members_are_unchanged_in_a_history(engine: Any) -> None:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        session.add(Author(name="Ada", books=[Book(title="A")]))
        await session.commit()
    async with AsyncSession(engine) as session:
        ada = (await session.scalars(select(Author).options(selectinload(Author.books)))).one()
        history = inspect(ada).attrs.books.history
        assert history.unchanged == ada.books
        assert history.non_added() == history.non_deleted() == history.sum() == ada.books
        assert not history.has_changes()
