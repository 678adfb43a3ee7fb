"""Related lists and references: both sides in step, with and without a session."""

import copy
import gc
import pickle
import weakref

import library
import pytest

from ormkit import AsyncSession, DetachedInstanceError, RelationNotLoadedError, selectinload
from ormkit._ormkit import Change, ForeignKey, Mapped, mapped_column, relationship
from ormkit.base import Base, DeclarativeBase


class Author(Base):
    __tablename__ = "relation_authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    books: Mapped[list["Book"]] = relationship(back_populates="author")
    profile: Mapped["Profile | None"] = relationship(back_populates="author", uselist=False)


class Book(Base):
    __tablename__ = "relation_books"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int | None] = mapped_column(ForeignKey("relation_authors.id"))
    author: Mapped["Author | None"] = relationship(back_populates="books")


class Profile(Base):
    __tablename__ = "relation_profiles"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int | None] = mapped_column(ForeignKey("relation_authors.id"))
    author: Mapped["Author | None"] = relationship(back_populates="profile")


def test_list_of_a_new_object_is_known_and_empty():
    assert Author().books == []
    assert Book().author is None


def test_appending_sets_the_other_side():
    author, book = Author(), Book()
    author.books.append(book)
    assert book.author is author


def test_assigning_the_other_side_moves_the_object_between_the_lists():
    book = Book()
    first, second = Author(books=[book]), Author()
    book.author = second
    assert (first.books, second.books) == ([], [book])
    book.author = None
    assert second.books == []


def test_appending_to_another_list_takes_the_object_out_of_the_first():
    book = Book()
    first, second = Author(books=[book]), Author()
    second.books.append(book)
    assert (first.books, second.books, book.author) == ([], [book], second)


def test_constructor_keeps_both_sides_in_step():
    author = Author()
    book = Book(author=author)
    assert author.books == [book]


@pytest.mark.parametrize(
    ("edit", "left"),
    [
        (lambda books: books.pop(), [0, 1]),
        (lambda books: books.pop(0), [1, 2]),
        (lambda books: books.remove(books[1]), [0, 2]),
        (lambda books: books.clear(), []),
        (lambda books: books.__delitem__(0), [1, 2]),
        (lambda books: books.__delitem__(slice(0, 3, 2)), [1]),
        (lambda books: books.__setitem__(slice(1, 3), []), [0]),
        (lambda books: books.set([books[2]]), [2]),
        (lambda books: books.sort(key=id), [0, 1, 2]),
    ],
)
def test_objects_that_leave_a_list_lose_their_owner(edit, left):
    all_books = [Book(id=i) for i in range(3)]
    author = Author(books=all_books)
    edit(author.books)
    assert sorted(book.id for book in author.books) == left
    assert [book.author is author for book in all_books] == [i in left for i in range(3)]


@pytest.mark.parametrize(
    "edit",
    [
        lambda books, new: books.extend(new),
        lambda books, new: books.__iadd__(new),
        lambda books, new: books.insert(0, new[0]) or books.append(new[1]),
        lambda books, new: books.__setitem__(slice(0, 0), new),
        lambda books, new: books.add(*new),
    ],
)
def test_objects_that_come_into_a_list_get_its_owner(edit):
    author, new = Author(books=[Book()]), [Book(), Book()]
    edit(author.books, new)
    assert len(author.books) == 3
    assert all(book.author is author for book in author.books)


def test_augmented_assignment_of_the_attribute_keeps_the_list():
    author = Author()
    books = author.books
    author.books += [Book()]
    assert author.books is books and len(books) == 1


def test_assigning_a_list_replaces_the_members():
    old, new = Book(), Book()
    author = Author(books=[old])
    books = author.books
    author.books = [new]
    assert author.books is books and books == [new]
    assert (old.author, new.author) == (None, author)


def test_adding_a_present_object_and_removing_an_absent_one_do_nothing():
    book = Book()
    author = Author(books=[book])
    author.books.add(book)
    author.books.remove(Book())
    assert author.books == [book]


def test_reference_to_one_from_both_sides_is_exclusive():
    profile, first, second = Profile(), Author(), Author()
    first.profile = profile
    second.profile = profile
    assert (first.profile, profile.author) == (None, second)
    profile.author = first
    assert (first.profile, second.profile) == (profile, None)


@pytest.mark.parametrize("wrong", [Author(), 1, "x", object()])
def test_object_of_another_class_is_refused_by_name(wrong: object):
    author = Author(books=[Book()])
    with pytest.raises(TypeError, match=r"Author\.books takes objects of Book, not of"):
        author.books.append(wrong)
    assert len(author.books) == 1


def test_reference_to_another_class_is_refused_by_name():
    with pytest.raises(TypeError, match=r"Book\.author takes objects of Author, not of Book"):
        Book().author = Book()


def test_none_is_no_list():
    with pytest.raises(TypeError, match=r"Author\.books is a list of Book: assign a list, not None"):
        Author().books = None


def test_wrong_member_among_good_ones_changes_nothing():
    author, good = Author(), Book()
    with pytest.raises(TypeError):
        author.books.extend([good, 1])
    assert author.books == [] and good.author is None


async def test_change_can_be_left_alone_and_awaiting_it_needs_a_session():
    author = Author()
    change = author.books.add(Book())
    assert isinstance(change, Change) and len(author.books) == 1
    with pytest.raises(DetachedInstanceError):
        await change


def test_copies_and_pickles_of_a_list_are_plain_lists():
    author = Author(books=[Book(id=1)])
    for made in (copy.copy(author.books), pickle.loads(pickle.dumps(author.books)), author.books[:]):
        assert type(made) is list and len(made) == 1


def test_owner_and_members_are_collected():
    author = Author(books=[Book(), Book()])
    author.books.pop()
    ref = weakref.ref(author)
    del author
    gc.collect()
    assert ref() is None


@pytest.fixture
async def db(engine):
    await library.Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert(library.Author(name="Ann", books=[library.Book(title="A"), library.Book(title="B")]))
    return engine


async def titles(engine):
    found = await engine.execute("SELECT title, author_id FROM books ORDER BY title")
    return found.tuples()


async def test_awaited_change_is_written_at_once(db):
    async with AsyncSession(db) as session:
        author = await session.get(library.Author, 1, options=[selectinload(library.Author.books)])
        await author.books.add(library.Book(title="C"))
        assert await titles(db) == [("A", 1), ("B", 1), ("C", 1)]
        await author.books.remove(author.books[0])
        assert await titles(db) == [("A", None), ("B", 1), ("C", 1)]


async def test_rollback_gives_both_sides_back(db):
    async with AsyncSession(db) as session:
        author = await session.get(library.Author, 1, options=[selectinload(library.Author.books)])
        first, second = author.books
        author.books.remove(first)
        await session.flush()
        author.books.append(library.Book(title="C"))
        await session.rollback()
        assert author.books == [first, second]
        assert first.author is author


async def test_reference_that_the_session_holds_is_read_without_loading(db):
    async with AsyncSession(db) as session:
        author = await session.get(library.Author, 1)
        book = await session.get(library.Book, 1)
        assert book.author is author


async def test_reference_that_nobody_holds_is_not_loaded(db):
    async with AsyncSession(db) as session:
        book = await session.get(library.Book, 1)
        with pytest.raises(RelationNotLoadedError, match=r"Book\.author is not loaded.*<Book id=1>"):
            book.author  # noqa: B018
        assert not hasattr(book, "author")


async def test_list_that_is_not_loaded_cannot_be_replaced_unseen(db):
    async with AsyncSession(db) as session:
        author = await session.get(library.Author, 1)
        with pytest.raises(RelationNotLoadedError, match=r"selectinload\(Author\.books\)"):
            author.books = []
    assert await titles(db) == [("A", 1), ("B", 1)]


async def test_list_of_a_copied_object_is_tracked_once_it_is_added(db):
    async with AsyncSession(db) as session:
        author = pickle.loads(pickle.dumps(library.Author(name="Bea", books=[library.Book(title="C")])))
        session.add(author)
        author.books.append(library.Book(title="D"))
        await session.commit()
    assert (await titles(db))[2:] == [("C", 2), ("D", 2)]


async def test_reference_follows_its_foreign_key_once_that_is_written(db):
    async with AsyncSession(db) as session:
        ann, bea = library.Author(name="Cid"), library.Author(name="Dot")
        book = library.Book(title="Emma", author=ann)
        session.add_all([bea, book])
        await session.commit()

        book.author_id = bea.id
        assert book.author is ann
        await session.flush()
        assert book.author is bea  # held by the session
        await session.rollback()
        assert (book.author_id, book.author) == (ann.id, ann)

        book.author_id = bea.id
        await session.commit()
        assert book.author is bea
        book.author_id = None
        await session.commit()
        assert book.author is None
        book.author_id = ann.id
        book.author = bea  # what is assigned decides
        await session.commit()
        assert (book.author_id, book.author) == (bea.id, bea)


async def test_reference_to_what_the_session_does_not_hold_is_unloaded(db):
    async with AsyncSession(db) as session:
        ann = library.Author(name="Cid", books=[library.Book(title="Emma")])
        await session.insert_all([ann, library.Author(name="Dot")])
    async with AsyncSession(db) as session:
        emma = session.query(library.Book).filter(title="Emma").options(selectinload(library.Book.author))
        book = await emma.one()
        assert book.author.name == "Cid"
        await db.execute(
            "UPDATE books SET author_id = (SELECT id FROM authors WHERE name = 'Dot') WHERE title = 'Emma'"
        )
        await session.refresh(book, ["title"])
        assert book.author.name == "Cid"  # its key was not read again
        await session.refresh(book)
        assert book.author_id != ann.id
        with pytest.raises(RelationNotLoadedError):
            book.author  # noqa: B018
        book = await emma.one()
        assert book.author.name == "Dot"
        book.author_id = ann.id
        await session.commit()
        with pytest.raises(RelationNotLoadedError):
            book.author  # noqa: B018


async def test_reference_stays_when_its_key_is_written_as_it_was(db):
    async with AsyncSession(db) as session:
        book = library.Book(title="Emma", author=library.Author(name="Cid"))
        await session.insert(book)
        author, same = book.author, book.author_id
        book.author_id = None
        book.author_id = same
        book.title = "Emma again"
        await session.commit()
        await session.refresh(book)
        assert book.author is author


@pytest.mark.parametrize(
    "again",
    [
        lambda books, book: books.append(book),
        lambda books, book: books.insert(0, book),
        lambda books, book: books.extend([book]),
        lambda books, book: books.__iadd__([book]),
        lambda books, book: books.add(book),
    ],
)
def test_object_that_is_in_the_list_stays_where_it_is(again):
    first, book = Book(), None
    author = Author(books=[first])
    book = Book(author=author)
    again(author.books, book)
    again(author.books, first)
    assert author.books == [first, book]
    author.books.remove(book)
    assert author.books == [first] and book.author is None


async def test_tree_is_written_beside_objects_of_other_classes(engine):
    await library.Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        tree = library.Node(name="root", children=[library.Node(name="leaf")])
        session.add_all([library.Author(name="Ann"), tree])
        await session.commit()
    rows = (await engine.execute("SELECT name, parent_id FROM nodes ORDER BY id")).all()
    assert [(row["name"], row["parent_id"]) for row in rows] == [("root", None), ("leaf", 1)]


def test_a_model_may_be_called_list():
    class Root(DeclarativeBase):
        pass

    class Entry(Root):
        __tablename__ = "list_entries"
        id: Mapped[int] = mapped_column(primary_key=True)
        list_id: Mapped[int] = mapped_column(ForeignKey("lists.id"))
        list: Mapped["List"] = relationship(back_populates="entries")

    class List(Root):
        __tablename__ = "lists"
        id: Mapped[int] = mapped_column(primary_key=True)
        entries: Mapped["List[Entry]"] = relationship(back_populates="list")

    entry = Entry()
    found = List(entries=[entry])
    assert entry.list is found and Entry.__relationships__["list"].target == "List"
