"""Loading relations: select-in, joined, noload, and what an unloaded attribute says."""

import pytest
from library import Author, Base, Book, Node

from ormkit import (
    AsyncSession,
    FieldError,
    InvalidRequestError,
    RelationNotLoadedError,
    joinedload,
    noload,
    select,
    selectinload,
)


@pytest.fixture
async def db(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        session.add_all(
            [
                Author(name="Ann", books=[Book(title="B"), Book(title="A")]),
                Author(name="Bea", books=[Book(title="C")]),
                Author(name="Cid"),
            ]
        )
        session.add(Book(title="Alone"))
        await session.commit()
    return engine


@pytest.mark.parametrize("load", [selectinload, joinedload])
async def test_lists_are_loaded_in_order(db, load):
    async with AsyncSession(db) as session:
        authors = await session.query(Author).options(load(Author.books)).order_by(Author.name).all()
        assert [author.name for author in authors] == ["Ann", "Bea", "Cid"]
        assert [[book.title for book in author.books] for author in authors] == [["A", "B"], ["C"], []]


@pytest.mark.parametrize("load", [selectinload, joinedload])
async def test_loading_a_list_fills_the_way_back(db, load):
    async with AsyncSession(db) as session:
        authors = await session.query(Author).options(load(Author.books)).all()
        assert all(book.author is author for author in authors for book in author.books)


@pytest.mark.parametrize("load", [selectinload, joinedload])
async def test_parents_are_loaded_once(db, load):
    async with AsyncSession(db) as session:
        books = await session.query(Book).options(load(Book.author)).order_by(Book.title).all()
        assert [book.author and book.author.name for book in books] == ["Ann", None, "Ann", "Bea"]
        assert books[0].author is books[2].author


async def test_joined_list_with_limit_limits_parents(db):
    async with AsyncSession(db) as session:
        query = session.query(Author).options(joinedload(Author.books)).order_by(Author.name).limit(2)
        authors = await query.all()
        assert [(author.name, len(author.books)) for author in authors] == [("Ann", 2), ("Bea", 1)]


async def test_loads_chain(db):
    async with AsyncSession(db) as session:
        query = session.query(Book).options(selectinload(Book.author).selectinload(Author.books))
        book = await query.filter(title="B").one()
        assert [other.title for other in book.author.books] == ["A", "B"]


async def test_dotted_path_loads_the_same(db):
    async with AsyncSession(db) as session:
        book = await session.query(Book).options(selectinload("author.books")).filter(title="B").one()
        assert [other.title for other in book.author.books] == ["A", "B"]


async def test_tree_loads_level_by_level(db):
    async with AsyncSession(db) as session:
        session.add(Node(name="root", children=[Node(name="leaf", children=[Node(name="tip")])]))
        await session.commit()
    async with AsyncSession(db) as session:
        load = selectinload(Node.children).selectinload(Node.children)
        root = await session.query(Node).filter(name="root").options(load).one()
        assert root.children[0].children[0].name == "tip"


async def test_select_takes_the_same_options(db):
    async with AsyncSession(db) as session:
        statement = select(Author).where(Author.name == "Ann").options(selectinload(Author.books))
        author = (await session.scalars(statement)).one()
        assert len(author.books) == 2


async def test_get_takes_options(db):
    async with AsyncSession(db) as session:
        author = await session.get(Author, 1, options=[selectinload(Author.books)])
        assert [book.title for book in author.books] == ["A", "B"]


@pytest.mark.parametrize("load", [selectinload, joinedload])
async def test_object_that_the_session_holds_is_completed_all_the_same(db, load):
    async with AsyncSession(db) as session:
        ann = await session.get(Author, 1)
        assert await session.get(Author, 1, options=[load(Author.books)]) is ann
        assert [book.title for book in ann.books] == ["A", "B"]
        bea = await session.get(Author, 2)
        step = selectinload(Book.author)
        chain = step.joinedload(Author.books) if load is joinedload else step.selectinload(Author.books)
        await session.query(Book).options(chain).all()
        assert [book.title for book in bea.books] == ["C"]


async def test_unloaded_relation_names_itself_and_the_cure(db):
    async with AsyncSession(db) as session:
        author = await session.get(Author, 1)
        with pytest.raises(RelationNotLoadedError, match=r"Author\.books.*not loaded.*selectinload\(Author\.books\)"):
            author.books  # noqa: B018
        assert not hasattr(author, "books")


async def test_parent_that_the_session_holds_is_read_without_io(db):
    async with AsyncSession(db) as session:
        author = await session.get(Author, 1)
        book = await session.query(Book).filter(title="A").one()
        assert book.author is author
        assert (await session.query(Book).filter(title="Alone").one()).author is None


async def test_noload_is_empty_and_read_only(db):
    async with AsyncSession(db) as session:
        author = await session.get(Author, 1, options=[noload(Author.books)])
        assert author.books == []
        with pytest.raises(InvalidRequestError, match="noload"):
            author.books.append(Book(title="X"))
        await session.commit()
    async with AsyncSession(db) as session:
        assert await session.query(Book).filter(author_id=1).count() == 2


async def test_unknown_relation_is_refused_with_a_hint(db):
    async with AsyncSession(db) as session:
        with pytest.raises(FieldError, match="did you mean `books`"):
            await session.query(Author).options(selectinload("boks")).all()


async def test_loaded_list_is_not_replaced(db):
    async with AsyncSession(db) as session:
        author = await session.get(Author, 1, options=[selectinload(Author.books)])
        author.books.append(Book(title="New"))
        again = await session.query(Author).filter(id=1).options(selectinload(Author.books)).one()
        assert again is author and [book.title for book in author.books] == ["A", "B", "New"]
        await session.rollback()
