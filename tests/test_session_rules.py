"""The numbered rules of verbs, queries and identity, sentence by sentence, on both databases.

Those of transactions are in test_transaction_rules.py, those of soft deletion in test_soft_delete.py.
"""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from ormkit import (
    JSON,
    AsyncSession,
    CircularDependencyError,
    DeclarativeBase,
    ForeignKey,
    InvalidRequestError,
    Mapped,
    NotLoadedError,
    RelationNotLoadedError,
    StaleDataError,
    UniqueViolation,
    contains_eager,
    defer,
    delete,
    joinedload,
    lazyload,
    load_only,
    mapped_column,
    noload,
    raiseload,
    relationship,
    select,
    selectinload,
    subqueryload,
    undefer,
    update,
    with_loader_criteria,
)
from ormkit.testing import assert_queries


class Base(DeclarativeBase):
    __abstract__ = True


class Author(Base):
    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    born: Mapped[int | None]
    meta: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    books: Mapped[list[Book]] = relationship(back_populates="author", order_by="Book.title")


class Book(Base):
    __tablename__ = "books"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    pages: Mapped[int] = mapped_column(default=100)
    shelf: Mapped[str] = mapped_column(server_default="A")
    author_id: Mapped[int | None] = mapped_column(ForeignKey("authors.id"))
    author: Mapped[Author | None] = relationship(back_populates="books")
    notes: Mapped[list[Note]] = relationship(back_populates="book", cascade="all, delete-orphan")


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    book_id: Mapped[int] = mapped_column(ForeignKey("books.id"))
    book: Mapped[Book] = relationship(back_populates="notes")


class Counter(Base):
    __tablename__ = "counters"
    id: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[int]
    version: Mapped[int]
    __mapper_args__ = {"version_id_col": "version"}


class Hen(Base):
    __tablename__ = "hens"
    id: Mapped[int] = mapped_column(primary_key=True)
    egg_id: Mapped[int | None] = mapped_column(ForeignKey("eggs.id"))
    egg: Mapped[Egg | None] = relationship(foreign_keys="Hen.egg_id")


class Egg(Base):
    __tablename__ = "eggs"
    id: Mapped[int] = mapped_column(primary_key=True)
    hen_id: Mapped[int | None] = mapped_column(ForeignKey("hens.id"))
    hen: Mapped[Hen | None] = relationship(foreign_keys="Egg.hen_id")


@pytest.fixture
async def db(engine):
    await Base.metadata.create_all(engine)
    return engine


@pytest.fixture
async def session(db):
    """A session on Ann with two books, and Bea; it holds none of them."""
    async with AsyncSession(db) as filling:
        books = [Book(title="Atom", notes=[Note(text="n")]), Book(title="Dune")]
        await filling.insert_all([Author(name="Ann", born=1900, books=books), Author(name="Bea")])
    async with AsyncSession(db) as session:
        yield session
        await session.rollback()


async def names(db):
    return (await db.execute("SELECT name FROM authors ORDER BY id")).column("name")


async def born(db, name="Ann"):
    return (await db.execute(f"SELECT born FROM authors WHERE name = '{name}'")).scalar()


# 1. Results.


async def test_object_verbs_return_the_object(session):
    cid = Author(name="Cid")
    assert await session.insert(cid) is cid
    assert await session.update(cid, born=1) is cid
    assert await session.upsert(Author(name="Cid", born=2), "name") is cid
    assert await session.remove(cid) is None


async def test_list_verbs_return_lists_in_input_order(session):
    given = [Author(name=f"{n}") for n in (3, 1, 2)]
    assert await session.insert_all(iter(given)) == given
    assert [author.id for author in given] == sorted(author.id for author in given)
    assert await session.update_all(tuple(reversed(given))) == given[::-1]
    again = [Author(name="2", born=1), Author(name="3", born=1)]
    assert await session.upsert_all(again, "name") == [given[2], given[0]]
    assert await session.remove_all(given) is None
    with assert_queries(0):
        assert [await verb([]) for verb in (session.insert_all, session.update_all)] == [[], []]
        assert (await session.upsert_all([], "name"), await session.remove_all([])) == ([], None)


async def test_set_verbs_return_numbers_and_make_verbs_pairs(session):
    assert await session.query(Author).update(born=1) == 2
    assert await session.bulk_update(Author, {"born": 2}, name="Ann") == 1
    assert await session.query(Note).delete() == 1
    ann, created = await session.get_or_create(Author, name="Ann")
    assert (ann.id, created) == (1, False)
    assert await session.update_or_create(Author, {"born": 3}, name="Ann") == (ann, False)
    assert (await session.get_or_create(Author, name="New"))[1]


async def test_delete_marks_and_awaiting_it_changes_nothing(session, db):
    bea = await session.get(Author, 2)
    with assert_queries(0):
        await session.delete(bea)
    assert (session.deleted, bea in session) == ([bea], True)
    assert await names(db) == ["Ann", "Bea"]
    session.add(bea)
    assert session.deleted == []
    await session.commit()
    assert await names(db) == ["Ann", "Bea"]
    pending = Author(name="Cid")
    session.add(pending)
    with pytest.raises(InvalidRequestError):
        session.delete(pending)
    assert session.new == [pending]


# 2. Scope of a verb.


async def test_verb_writes_all_of_its_object_in_one_update(session, db):
    ann = await session.get(Author, 1)
    ann.name = "A"
    with assert_queries(1):
        await session.update(ann, born=3)
    assert await names(db) == ["A", "Bea"]
    assert await born(db, "A") == 3
    assert not session.in_transaction()


async def test_verb_writes_the_new_objects_of_its_cascade_parents_first(session, db):
    book = Book(title="Emma", notes=[Note(text="x")], author=Author(name="Jane"))
    with assert_queries(3) as sent:
        await session.insert(book)
    assert [text.split()[2].strip('"') for text in sent.statements] == ["authors", "books", "notes"]
    assert await names(db) == ["Ann", "Bea", "Jane"]


@pytest.mark.parametrize("verb", ["insert", "update", "remove", "upsert", "get_or_create"])
async def test_everything_else_stays_pending(session, db, verb):
    ann, bea, other = await session.get(Author, 1), await session.get(Author, 2), Author(name="Later")
    doomed = await session.get(Book, 2)
    session.add(other)
    session.delete(doomed)
    ann.name = "Changed"
    with session.no_autoflush:
        match verb:
            case "insert":
                await session.insert(Author(name="Cid"))
            case "update":
                await session.update(bea, born=1)
            case "remove":
                await session.remove(bea)
            case "upsert":
                await session.upsert(Author(name="Bea", born=1), "name")
            case _:
                await session.get_or_create(Author, name="Cid")
    assert (session.new, session.dirty, session.deleted) == ([other], [ann], [doomed])
    found = await names(db)
    assert "Ann" in found and "Later" not in found
    assert (await db.execute("SELECT count(*) FROM books")).scalar() == 2
    await session.commit()
    found = await names(db)
    assert found[0] == "Changed" and "Later" in found
    assert (await db.execute("SELECT count(*) FROM books")).scalar() == 1


# 3. Set verbs and reads.


async def test_set_verbs_and_reads_flush_first_and_the_verb_joins(session, db):
    session.add(Author(name="Cid"))
    assert await session.query(Author).update(born=1) == 3
    assert session.in_transaction()
    assert await names(db) == ["Ann", "Bea"]
    await session.commit()
    assert (await names(db), await born(db)) == (["Ann", "Bea", "Cid"], 1)
    session.add(Author(name="Dan"))
    assert len((await session.scalars(select(Author))).all()) == 4
    session.add(Author(name="Eva"))
    assert await session.bulk_update(Author, {"born": 2}) == 5


async def test_without_autoflush_they_do_not(db):
    async with AsyncSession(db, autoflush=False) as session:
        session.add(Author(name="Cid"))
        with assert_queries(2):
            assert await session.query(Author).count() == 0
            assert await session.query(Author).update(born=1) == 0
        await session.rollback()


async def test_get_of_a_held_object_sends_and_flushes_nothing(session):
    ann = await session.get(Author, 1)
    pending = Author(name="Cid")
    session.add(pending)
    with assert_queries(0):
        assert await session.get(Author, 1) is ann
    assert session.new == [pending]
    session.expire(ann)
    with assert_queries(2):
        assert await session.get(Author, 1) is ann
    assert (ann.name, session.new) == ("Ann", [])


# 4. A failed verb.


@pytest.mark.parametrize("alone", [True, False])
async def test_failed_verb_leaves_objects_collections_and_rows(session, db, alone):
    bea = await session.get(Author, 2, options=[selectinload(Author.books)])
    if not alone:
        await session.begin()
    bea.books.append(book := Book(title="New"))
    bea.born = 7
    with pytest.raises(UniqueViolation):
        await session.update(bea, name="Ann")
    assert (bea.name, bea.born, bea.books, book.author) == ("Bea", 7, [book], bea)
    assert (session.dirty, book.id) == ([bea], None)
    if not alone:
        await session.rollback()
        assert (bea.born, bea.books) == (None, [])
    assert (await names(db), await born(db, "Bea")) == (["Ann", "Bea"], None)
    if alone:
        await session.commit()
        assert await born(db, "Bea") == 7


async def test_failed_insert_all_leaves_none_of_its_objects(session, db):
    good, bad = Author(name="Cid", books=[Book(title="c")]), Author(name="Ann")
    with pytest.raises(UniqueViolation):
        await session.insert_all([good, bad])
    assert (good in session, good.id, good.books[0].id, good.books[0].author_id) == (False, None, None, None)
    assert not session.in_transaction()
    bad.name = "Dan"
    assert await session.insert_all([good, bad]) == [good, bad]
    assert await names(db) == ["Ann", "Bea", "Cid", "Dan"]


# 11. Queries return the session's object.


async def test_queries_fill_what_is_not_loaded_and_leave_the_rest(session, db):
    ann = (await session.scalars(select(Author).options(load_only(Author.name)))).first()
    ann.name = "Mine"
    await db.execute("UPDATE authors SET name = 'Theirs', born = 5 WHERE id = 1")
    with session.no_autoflush:
        assert await session.query(Author).filter(id=1).one() is ann
        assert (ann.name, ann.born, session.dirty) == ("Mine", 5, [ann])
        await db.execute("UPDATE authors SET born = 6 WHERE id = 1")
        await session.query(Author).all()
        assert ann.born == 5
        assert await session.get(Author, 1, populate_existing=True) is ann
    assert ann.born == 6


@pytest.mark.parametrize("fill", ["refresh", "load", "get", "query"])
async def test_expired_attributes_are_unloaded_until_they_are_filled(session, db, fill):
    ann = await session.get(Author, 1)
    ann.born = 77
    session.expire(ann)
    assert (ann.id, session.dirty) == (1, [])
    with assert_queries(0), pytest.raises(NotLoadedError):
        _ = ann.born
    match fill:
        case "refresh":
            await session.refresh(ann)
        case "load":
            await session.load(ann, Author.born)
        case "get":
            await session.get(Author, 1)
        case _:
            await session.query(Author).all()
    assert ann.born == 1900
    await session.commit()
    assert await born(db) == 1900


# 12. Synchronising.


@pytest.mark.parametrize("way", ["set verb", "execute"])
async def test_held_objects_get_new_values_and_deleted_ones_are_detached(session, way):
    ann, bea = await session.get(Author, 1), await session.get(Author, 2)
    dune = await session.get(Book, 2)
    with assert_queries(1):
        if way == "set verb":
            await session.query(Author).update(born=Author.id + 1)
        else:
            await session.execute(update(Author).values(born=Author.id + 1))
    assert (ann.born, bea.born, session.dirty) == (2, 3, [])
    if way == "set verb":
        await session.query(Book).filter(title="Dune").delete()
    else:
        await session.execute(delete(Book).where(Book.title == "Dune"))
    assert dune not in session
    assert await session.get(Book, 2) is None
    await session.commit()
    assert dune.title == "Dune"


# 13. Identity map.


async def test_clean_objects_are_let_go_and_the_others_kept(session, db):
    ann, bea = await session.get(Author, 1), await session.get(Author, 2)
    assert await session.query(Author).filter(name="Ann").one() is ann
    refs = weakref.ref(ann), weakref.ref(bea)
    session.delete(await session.get(Book, 2))
    ann.born = 5
    session.add(Author(name="Cid"))
    del ann, bea
    gc.collect()
    assert refs[0]() is not None and refs[1]() is None
    assert [len(held) for held in (session.new, session.dirty, session.deleted)] == [1, 1, 1]
    await session.commit()
    gc.collect()
    assert refs[0]() is None
    assert (await names(db), await born(db)) == (["Ann", "Bea", "Cid"], 5)


async def test_object_whose_json_was_read_is_kept_until_the_next_flush(session, db):
    await db.execute("""UPDATE authors SET meta = '{"a": 1}' WHERE id = 1""")
    (await session.get(Author, 1)).meta["a"] = 2
    gc.collect()
    await session.commit()
    assert (await session.get(Author, 1)).meta == {"a": 2}
    ref = weakref.ref(await session.get(Author, 1))
    gc.collect()
    await session.commit()
    gc.collect()
    assert ref() is None


# 14. Upsert.


async def test_upsert_returns_the_sessions_object_refreshed(session, db):
    ann = await session.get(Author, 1)
    await db.execute("UPDATE authors SET born = 3 WHERE id = 1")
    other = Author(name="Ann", meta={"k": 1})
    assert await session.upsert(other, "name") is ann
    assert (ann.born, ann.meta, other in session, other.id) == (3, {"k": 1}, False, None)


async def test_upsert_writes_what_was_set_but_for_key_and_target(session, db):
    await db.execute("UPDATE books SET pages = 7, shelf = 'Z' WHERE id = 1")
    book = await session.upsert(Book(id=1, title="New"), "id")
    assert (book.title, book.pages, book.shelf, book.author_id) == ("New", 7, "Z", 1)
    ann = await session.upsert(Author(id=99, name="Ann", born=4), "name")
    assert (ann.id, ann.born) == (1, 4)
    assert await session.upsert(Author(name="Ann", born=5), "name", do_nothing=True) is ann
    assert (ann.born, await born(db)) == (4, 4)


# Flush.


async def test_flush_is_one_statement_per_table_and_kind(session, db):
    authors = [Author(name=f"a{n}", books=[Book(title=f"b{n}{m}") for m in range(3)]) for n in range(4)]
    session.add_all(authors)
    with assert_queries(2):
        await session.flush()
    assert {book.shelf for author in authors for book in author.books} == {"A"}
    assert all(author.id and book.author_id == author.id for author in authors for book in author.books)
    for author in authors:
        author.born = 1
    with assert_queries(1) as sent:
        await session.flush()
    assert "name" not in sent.statements[0].split("WHERE")[0]
    for author in authors:
        for book in author.books:
            session.delete(book)
        session.delete(author)
    with assert_queries(2):
        await session.flush()
    await session.commit()
    assert await names(db) == ["Ann", "Bea"]


async def test_version_that_was_changed_by_another_is_stale(session, db):
    counter = await session.insert(Counter(id=1, value=1))
    assert counter.version == 1
    await session.update(counter, value=2)
    assert counter.version == 2
    await db.execute("UPDATE counters SET version = 9")
    counter.value = 3
    with pytest.raises(StaleDataError):
        await session.flush()
    await session.rollback()


async def test_cycle_names_its_relations(session):
    hen, egg = Hen(), Egg()
    hen.egg, egg.hen = egg, hen
    session.add(hen)
    with pytest.raises(CircularDependencyError, match=r"Hen\.egg.*Egg\.hen|Egg\.hen.*Hen\.egg"):
        await session.flush()
    await session.rollback()


# Loading.


@pytest.mark.parametrize("loader", [selectinload, joinedload, subqueryload])
@pytest.mark.parametrize("form", ["chain", "dotted"])
async def test_loaders_of_paths(session, loader, form):
    option = loader(Author.books).selectinload(Book.notes) if form == "chain" else loader("books.notes")
    with assert_queries({"chain": 2, "dotted": 1}[form] if loader is joinedload else 3):
        ann = await session.query(Author).filter(id=1).options(option).one()
    assert [[note.text for note in book.notes] for book in ann.books] == [["n"], []]
    assert all(book.author is ann for book in ann.books)


async def test_joined_lists_limit_parents(session):
    found = await session.query(Author).options(joinedload(Author.books)).order_by("id").limit(2).all()
    assert [(author.name, len(author.books)) for author in found] == [("Ann", 2), ("Bea", 0)]


@pytest.mark.parametrize("loader", [lazyload, raiseload])
async def test_what_is_left_unloaded_does_no_io(session, loader):
    ann = await session.query(Author).options(loader(Author.books)).filter(id=1).one()
    with assert_queries(0), pytest.raises(RelationNotLoadedError, match=r"Author\.books"):
        _ = ann.books


async def test_noload_is_empty_and_never_flushed(session, db):
    ann = await session.query(Author).options(noload(Author.books)).filter(id=1).one()
    assert ann.books == []
    with pytest.raises(InvalidRequestError):
        ann.books.append(Book(title="x"))
    await session.commit()
    assert (await db.execute("SELECT count(*) FROM books WHERE author_id = 1")).scalar() == 2


async def test_columns_that_are_loaded_and_left_out(session):
    ann = await session.query(Author).options(defer(Author.born)).filter(id=1).one()
    with pytest.raises(NotLoadedError):
        _ = ann.born
    await session.query(Author).options(undefer(Author.born)).all()
    assert ann.born == 1900


async def test_rows_of_a_join_fill_lists_and_criteria_narrow_them(session):
    statement = select(Author).join(Author.books).where(Book.title == "Dune").options(contains_eager(Author.books))
    ann = (await session.scalars(statement)).unique().one()
    assert [book.title for book in ann.books] == ["Dune"]
    session.expunge_all()
    narrow = with_loader_criteria(Book, Book.title == "Atom")
    ann = await session.query(Author).options(selectinload(Author.books), narrow).filter(id=1).one()
    assert [book.title for book in ann.books] == ["Atom"]
