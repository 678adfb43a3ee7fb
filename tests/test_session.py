"""The law of the session: what verbs and the unit of work do, on both databases."""

import asyncio
import gc
import sys
import warnings
from decimal import Decimal

import pytest
from library import Author, Base, Book, Node, Shelf

from ormkit import (
    AsyncSession,
    ConcurrentSessionUse,
    DataError,
    InvalidRequestError,
    Mapped,
    NotNullViolation,
    NotSupportedError,
    PendingRollbackError,
    UncommittedWarning,
    UniqueViolation,
    async_sessionmaker,
    create_session,
    mapped_column,
    selectinload,
    session_context,
)
from ormkit.testing import assert_queries


@pytest.fixture
async def db(engine):
    await Base.metadata.create_all(engine)
    return engine


async def rows(engine, sql):
    return (await engine.execute(sql)).tuples()


async def test_added_object_is_written_at_commit_and_knows_its_key(db):
    async with AsyncSession(db) as session:
        author = Author(name="Ann")
        session.add(author)
        assert author.id is None
        await session.commit()
        assert author.id == 1
    assert await rows(db, "SELECT id, name FROM authors") == [(1, "Ann")]


async def test_server_default_is_read_back(db):
    async with AsyncSession(db) as session:
        book = Book(title="Dune")
        session.add(book)
        await session.flush()
        assert (book.shelf, book.pages) == ("A", 100)
        await session.commit()


async def test_column_that_was_not_given_reads_none(db):
    async with AsyncSession(db) as session:
        author = Author(name="Ann")
        assert author.born is None
        await session.insert(author)
        assert author.born is None


async def test_one_object_per_key(db):
    async with AsyncSession(db) as session:
        author = await session.insert(Author(name="Ann"))
        assert await session.get(Author, author.id) is author
        assert (await session.query(Author).all())[0] is author


async def test_get_of_a_held_object_sends_nothing(db):
    async with AsyncSession(db) as session:
        author = await session.insert(Author(name="Ann"))
        await db.execute("DELETE FROM authors")
        assert await session.get(Author, author.id) is author


async def test_get_by_composite_key(db):
    async with AsyncSession(db) as session:
        await session.insert_all([Shelf(row=1, place=2, label="x"), Shelf(row=2, place=1, label="y")])
    async with AsyncSession(db) as session:
        assert (await session.get(Shelf, (2, 1))).label == "y"
        assert await session.get(Shelf, (9, 9)) is None
        with pytest.raises(InvalidRequestError, match=r"row, place"):
            await session.get(Shelf, 2)


async def test_changed_object_that_nobody_holds_is_written(db):
    async with AsyncSession(db) as session:
        await session.insert(Author(name="Ann"))
    async with AsyncSession(db) as session:
        (await session.get(Author, 1)).name = "Bea"
        gc.collect()
        await session.commit()
    assert await rows(db, "SELECT name FROM authors") == [("Bea",)]


async def test_only_changed_columns_are_updated(db):
    async with AsyncSession(db) as session:
        await session.insert(Author(name="Ann", born=1900))
    async with AsyncSession(db) as one, AsyncSession(db) as two:
        a, b = await one.get(Author, 1), await two.get(Author, 1)
        a.name = "Bea"
        b.born = 1950
        await one.commit()
        await two.commit()
    assert await rows(db, "SELECT name, born FROM authors") == [("Bea", 1950)]


async def test_assigning_an_equal_value_is_no_change(db):
    async with AsyncSession(db) as session:
        author = await session.insert(Author(name="Ann"))
        author.name = "Ann"
        assert session.dirty == []


async def test_parent_is_written_before_its_children(db):
    async with AsyncSession(db) as session:
        session.add(Book(title="Dune", author=Author(name="Frank")))
        await session.commit()
    assert await rows(db, "SELECT b.title, a.name FROM books b JOIN authors a ON a.id = b.author_id") == [
        ("Dune", "Frank")
    ]


async def test_children_of_a_new_parent_get_its_key(db):
    async with AsyncSession(db) as session:
        author = Author(name="Frank", books=[Book(title="Dune"), Book(title="Hellstrom")])
        session.add(author)
        await session.commit()
        assert [book.author_id for book in author.books] == [author.id, author.id]
        assert author.books[0].author is author


async def test_children_of_several_parents_are_inserted_in_their_order(db):
    async with AsyncSession(db) as session:
        for name in ("Lem", "Ende"):
            session.add(Author(name=name, books=[Book(title=f"{name} {n}") for n in (1, 2)]))
        await session.commit()
    assert await rows(db, "SELECT title FROM books ORDER BY id") == [("Lem 1",), ("Lem 2",), ("Ende 1",), ("Ende 2",)]


async def test_moving_a_child_updates_its_key(db):
    async with AsyncSession(db) as session:
        one, two = Author(name="One", books=[Book(title="Dune")]), Author(name="Two")
        session.add_all([one, two])
        await session.commit()
        two.books.append(one.books[0])
        assert one.books == []
        await session.commit()
        assert await rows(db, "SELECT author_id FROM books") == [(two.id,)]


async def test_tree_is_written_from_the_root(db):
    async with AsyncSession(db) as session:
        root = Node(name="root", children=[Node(name="leaf", children=[Node(name="tip")])])
        session.add(root)
        await session.commit()
    found = await rows(db, "SELECT n.name, p.name FROM nodes n LEFT JOIN nodes p ON p.id = n.parent_id ORDER BY n.id")
    assert found == [("root", None), ("leaf", "root"), ("tip", "leaf")]


async def test_deleting_a_tree_deletes_from_the_leaves(db):
    async with AsyncSession(db) as session:
        session.add(Node(name="root", children=[Node(name="leaf", children=[Node(name="tip")])]))
        await session.commit()
    async with AsyncSession(db) as session:
        session.delete(await session.get(Node, 1))
        await session.commit()
    assert await rows(db, "SELECT count(*) FROM nodes") == [(0,)]


async def test_orphan_is_deleted(db):
    async with AsyncSession(db) as session:
        root = Node(name="root", children=[Node(name="a"), Node(name="b")])
        session.add(root)
        await session.commit()
        root.children.pop(0)
        await session.commit()
    assert await rows(db, "SELECT name FROM nodes ORDER BY id") == [("root",), ("b",)]


@pytest.mark.parametrize("how", ["append", "assign", "remove and append", "back again"])
async def test_child_that_moves_to_another_parent_is_no_orphan(db, how):
    async with AsyncSession(db) as session:
        one, two = Node(name="one", children=[Node(name="child")]), Node(name="two")
        session.add_all([one, two])
        await session.commit()
        child = one.children[0]
        if how == "assign":
            child.parent = two
        elif how == "append":
            two.children.append(child)
        else:
            one.children.remove(child)
            (one if how == "back again" else two).children.append(child)
        await session.commit()
        parent = one if how == "back again" else two
        assert (child in session, parent.children) == (True, [child])
    assert await rows(db, "SELECT parent_id FROM nodes WHERE name = 'child'") == [(parent.id,)]


async def test_tree_can_be_rearranged(db):
    async with AsyncSession(db) as session:
        root = Node(name="a", children=[Node(name="b", children=[Node(name="c")])])
        session.add(root)
        await session.commit()
        middle = root.children[0]
        leaf = middle.children[0]
        leaf.parent, middle.parent = root, leaf
        await session.commit()
    names = "SELECT n.name, p.name FROM nodes n LEFT JOIN nodes p ON p.id = n.parent_id ORDER BY n.name"
    assert await rows(db, names) == [("a", None), ("b", "c"), ("c", "a")]


async def test_object_that_was_never_stored_cannot_be_updated(db):
    async with AsyncSession(db) as session:
        author = Author(name="Ann")
        with pytest.raises(InvalidRequestError, match="this Author was never stored"):
            await session.update(author, born=1900)
        assert (author in session, author.born) == (False, None)


async def test_detached_object_is_updated_and_back_in_the_session(db):
    async with AsyncSession(db) as session:
        author = await session.insert(Author(name="Ann"))
    async with AsyncSession(db) as session:
        await session.update(author, name="Bea")
        assert author in session
    assert await rows(db, "SELECT name FROM authors") == [("Bea",)]


@pytest.mark.parametrize("committed", [True, False])
async def test_deleted_object_cannot_be_used_again(db, committed):
    async with AsyncSession(db) as session:
        author = await session.insert(Author(name="Ann"))
        session.delete(author)
        await (session.commit() if committed else session.flush())
        with pytest.raises(InvalidRequestError, match="this Author was deleted"):
            session.add(author)
        with pytest.raises(InvalidRequestError, match="this Author was deleted"):
            await session.insert(author)
        with pytest.raises(InvalidRequestError, match="this Author was deleted"):
            await session.update(author, name="Bea")
        await session.rollback()


async def test_children_of_a_deleted_parent_lose_their_key(db):
    async with AsyncSession(db) as session:
        session.add(Author(name="Frank", books=[Book(title="Dune")]))
        await session.commit()
    async with AsyncSession(db) as session:
        await session.remove(await session.get(Author, 1))
    assert await rows(db, "SELECT title, author_id FROM books") == [("Dune", None)]


async def test_verb_without_transaction_is_committed(db):
    async with AsyncSession(db) as session:
        author = await session.insert(Author(name="Ann"))
        assert not session.in_transaction()
        assert await session.update(author, born=1900) is author
        assert await rows(db, "SELECT born FROM authors") == [(1900,)]
        await session.remove(author)
    assert await rows(db, "SELECT count(*) FROM authors") == [(0,)]


async def test_verb_leaves_the_rest_pending(db):
    async with AsyncSession(db, autoflush=False) as session:
        pending = Author(name="Later")
        session.add(pending)
        await session.insert(Author(name="Now"))
        assert await rows(db, "SELECT name FROM authors") == [("Now",)]
        assert session.new == [pending]
        await session.commit()
    assert await rows(db, "SELECT count(*) FROM authors") == [(2,)]


async def test_update_writes_unsaved_changes_too(db):
    async with AsyncSession(db) as session:
        author = await session.insert(Author(name="Ann"))
        author.name = "Bea"
        await session.update(author, born=3)
    assert await rows(db, "SELECT name, born FROM authors") == [("Bea", 3)]


async def test_failed_verb_leaves_objects_as_before(db):
    async with AsyncSession(db) as session:
        await session.insert(Author(name="Ann"))
        other = await session.insert(Author(name="Bea"))
        with pytest.raises(UniqueViolation):
            await session.update(other, name="Ann", born=1)
        assert (other.name, other.born) == ("Bea", None)
        again = Author(name="Ann")
        with pytest.raises(UniqueViolation):
            await session.insert(again)
        again.name = "Cid"
        await session.insert(again)
    assert await rows(db, "SELECT name FROM authors ORDER BY id") == [("Ann",), ("Bea",), ("Cid",)]


async def test_rollback_undoes_memory(db):
    async with AsyncSession(db) as session:
        kept = await session.insert(Author(name="Ann"))
        added = Author(name="Bea")
        session.add(added)
        kept.name = "Changed"
        await session.flush()
        kept.born = 1
        await session.rollback()
        assert (kept.name, kept.born) == ("Ann", None)
        assert added.id is None and added not in session
        session.add(added)
        await session.commit()
    assert await rows(db, "SELECT name FROM authors ORDER BY id") == [("Ann",), ("Bea",)]


async def test_rollback_brings_deleted_objects_back(db):
    async with AsyncSession(db) as session:
        author = await session.insert(Author(name="Ann"))
        session.delete(author)
        await session.flush()
        assert await session.get(Author, 1) is None
        await session.rollback()
        assert await session.get(Author, 1) is author


async def test_failed_flush_loses_nothing(db):
    async with AsyncSession(db) as session:
        await session.insert(Author(name="Ann"))
        good, bad = Author(name="Bea"), Author(name="Ann")
        session.add_all([good, bad])
        with pytest.raises(UniqueViolation) as caught:
            await session.flush()
        assert (caught.value.table, caught.value.columns) == ("authors", ("name",))
        with pytest.raises(PendingRollbackError, match="rollback"):
            await session.query(Author).all()
        await session.rollback()
        bad.name = "Cid"
        session.add_all([good, bad])
        await session.commit()
    assert await rows(db, "SELECT name FROM authors ORDER BY name") == [("Ann",), ("Bea",), ("Cid",)]


async def test_missing_value_is_found_before_anything_is_sent(db):
    async with AsyncSession(db) as session:
        session.add(Author(born=1))
        with pytest.raises(NotNullViolation, match=r"Author\.name"):
            await session.flush()
        await session.rollback()


async def test_value_of_another_type_names_the_attribute(db):
    async with AsyncSession(db) as session:
        session.add(Author(name="Ann", born="secret"))
        with pytest.raises(DataError, match=r"Author\.born.*str") as caught:
            await session.flush()
        assert "secret" not in str(caught.value)
        await session.rollback()
        session.add(Author(name="Ann", born=2**40))
        with pytest.raises(DataError, match=r"Author\.born"):
            await session.flush()
        await session.rollback()


async def test_exception_in_a_default_comes_out_unchanged(db):
    from ormkit import DeclarativeBase, Mapped, mapped_column

    class Own(DeclarativeBase):
        __abstract__ = True

    class Fails(Own):
        id: Mapped[int] = mapped_column(primary_key=True)
        value: Mapped[int] = mapped_column(default=lambda: 1 // 0)

    with pytest.raises(ZeroDivisionError):
        Fails()


async def test_block_commits_at_its_end_and_rolls_back_on_an_exception(db):
    async with AsyncSession(db) as session:
        async with session.begin() as tx:
            tx.add(Author(name="Ann"))
        with pytest.raises(KeyError):
            async with session.begin() as tx:
                tx.add(Author(name="Bea"))
                await session.flush()
                raise KeyError
        assert not session.in_transaction()
    assert await rows(db, "SELECT name FROM authors") == [("Ann",)]


async def test_inner_block_is_a_savepoint(db):
    async with AsyncSession(db) as session:
        async with session.begin():
            kept = Author(name="Ann")
            session.add(kept)
            with pytest.raises(UniqueViolation):
                async with session.begin():
                    session.add(Author(name="Ann"))
            kept.born = 5
    assert await rows(db, "SELECT name, born FROM authors") == [("Ann", 5)]


async def test_commit_inside_a_block_is_refused(db):
    async with AsyncSession(db) as session:
        async with session.begin():
            with pytest.raises(InvalidRequestError, match="begin"):
                await session.commit()


async def test_verb_joins_the_open_transaction(db):
    async with AsyncSession(db) as session:
        with pytest.raises(KeyError):
            async with session.begin():
                await session.insert(Author(name="Ann"))
                raise KeyError
    assert await rows(db, "SELECT count(*) FROM authors") == [(0,)]


async def test_session_context_undoes_verbs_too(db):
    with pytest.raises(KeyError):
        async with session_context(db) as session:
            await session.insert(Author(name="Ann"))
            raise KeyError
    async with session_context(db) as session:
        await session.insert(Author(name="Bea"))
    assert await rows(db, "SELECT name FROM authors") == [("Bea",)]


async def test_leaving_with_unsaved_work_warns(db):
    with pytest.warns(UncommittedWarning, match="1 unflushed"):
        async with AsyncSession(db) as session:
            session.add(Author(name="Ann"))
    with pytest.warns(UncommittedWarning, match="flushed changes"):
        async with AsyncSession(db) as session:
            session.add(Author(name="Ann"))
            await session.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        async with AsyncSession(db) as session:
            await session.query(Author).all()
    assert await rows(db, "SELECT count(*) FROM authors") == [(0,)]


async def test_two_tasks_in_one_session_are_refused_by_name(db):
    async with AsyncSession(db) as session:
        await session.insert(Author(name="Ann"))

        async def read(name):
            asyncio.current_task().set_name(name)
            for _ in range(50):
                await session.query(Author).all()
                await asyncio.sleep(0)

        results = await asyncio.gather(*(read(f"reader-{n}") for n in range(2)), return_exceptions=True)
        if db.is_postgres():
            errors = [result for result in results if isinstance(result, ConcurrentSessionUse)]
            assert len(errors) == 1
            assert "reader-0" in str(errors[0]) and "reader-1" in str(errors[0])


async def test_refresh_reads_the_row_again(db):
    async with AsyncSession(db) as session:
        author = await session.insert(Author(name="Ann"))
        await db.execute("UPDATE authors SET name = 'Bea', born = 4")
        author.name, author.born = "dropped", 9
        await session.refresh(author)
        assert (author.name, author.born) == ("Bea", 4)
        author.born = 9
        await session.refresh(author, ["name"])
        assert (author.name, author.born) == ("Bea", 9) and not session.dirty
        await session.rollback()
        await db.execute("DELETE FROM authors")
        with pytest.raises(InvalidRequestError, match="gone"):
            await session.refresh(author)


async def test_query_sees_pending_changes(db):
    async with AsyncSession(db) as session:
        session.add(Author(name="Ann"))
        assert await session.query(Author).count() == 1
        assert session.in_transaction()
        await session.rollback()


async def test_query_leaves_unsaved_changes_alone(db):
    async with AsyncSession(db, autoflush=False) as session:
        author = await session.insert(Author(name="Ann"))
        author.name = "Mine"
        await db.execute("UPDATE authors SET name = 'Theirs'")
        assert (await session.query(Author).one()).name == "Mine"
        await session.rollback()


async def test_object_of_another_session_is_refused(db):
    async with AsyncSession(db) as one, AsyncSession(db) as two:
        author = await one.insert(Author(name="Ann"))
        with pytest.raises(InvalidRequestError, match="another session"):
            two.add(author)


async def test_five_thousand_objects_are_inserted_in_order(db):
    async with AsyncSession(db) as session:
        authors = [Author(name=f"n{number}") for number in range(5000)]
        assert await session.insert_all(authors) == authors
        assert [author.id for author in authors] == list(range(authors[0].id, authors[0].id + 5000))
    assert await rows(db, "SELECT count(*) FROM authors") == [(5000,)]
    assert await rows(db, f"SELECT name FROM authors WHERE id = {authors[4321].id}") == [("n4321",)]


async def test_inserting_nothing_does_nothing(db):
    async with AsyncSession(db) as session:
        assert await session.insert_all([]) == []


async def test_sessions_are_made_as_sqlalchemy_users_type_it(db):
    class Mine(AsyncSession):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.tag = "mine"

    maker = async_sessionmaker(bind=db, class_=Mine, expire_on_commit=False, autoflush=False)
    async with maker() as session:
        assert type(session) is Mine and session.tag == "mine"
        session.add(Author(name="Ann"))
        assert await session.query(Author).count() == 0  # autoflush is off
        await session.commit()
    async with maker.begin() as session:
        assert type(session) is Mine
        (await session.query(Author).one()).name = "Bea"
    async with AsyncSession(bind=db, expire_on_commit=False) as session:
        assert (await session.query(Author).one()).name == "Bea"
    async with session_context(bind=db) as session, create_session(bind=db) as other:
        assert await session.query(Author).count() == await other.query(Author).count() == 1


@pytest.mark.parametrize("make", [AsyncSession, async_sessionmaker, create_session, session_context])
async def test_session_arguments_that_do_not_fit_are_refused(make, db):
    with pytest.raises(TypeError, match="needs an engine"):
        async_sessionmaker()() if make is async_sessionmaker else make()
    with pytest.raises(TypeError, match="another name of `engine`"):
        make(db, bind=db)
    with pytest.raises(NotSupportedError, match="expire_on_commit=True.*refresh"):
        make(db, expire_on_commit=True)
    with pytest.raises(TypeError, match="class_ takes AsyncSession"):
        async_sessionmaker(db, class_=int)


async def test_what_is_no_mapped_class_is_named(db):
    async with AsyncSession(db) as session:
        for wrong in (int, "Author", Author(name="Ann"), None):
            with pytest.raises(TypeError, match="a mapped class is expected here, not"):
                session.query(wrong)
            with pytest.raises(TypeError, match="a mapped class is expected here, not"):
                session.get(wrong, 1)


@pytest.mark.parametrize("names", ["name", 5, [5]])
async def test_names_for_refresh_are_a_list(names, db):
    async with AsyncSession(db) as session:
        author = await session.insert(Author(name="Ann"))
        with pytest.raises(TypeError, match=r"refresh\(\) takes a list of attribute names"):
            await session.refresh(author, names)


async def append(session, author):
    author.books.append(Book(title="new"))


async def construct(session, author):
    session.add(Book(title="new", author=author))


async def assign(session, author):
    book = Book(title="new")
    session.add(book)
    book.author = author


async def append_and_remove(session, author):
    book = Book(title="new")
    author.books.append(book)
    author.books.remove(book)


async def take_out(session, author):
    author.books.clear()


async def move(session, author):
    author.books[0].author = await session.query(Author).filter(name="Bea").one()


@pytest.mark.parametrize("change", [append, construct, assign, append_and_remove, take_out, move])
@pytest.mark.parametrize("end", ["commit", "flush"])
async def test_parent_whose_relation_was_written_reports_its_next_change(change, end, db):
    async with AsyncSession(db) as session:
        await session.insert_all([Author(name="Ann", books=[Book(title="old")]), Author(name="Bea")])
    async with AsyncSession(db) as session:
        author = await session.query(Author).filter(name="Ann").options(selectinload(Author.books)).one()
        book = author.books[0]
        await change(session, author)
        await getattr(session, end)()
        assert list(session.dirty) == []
        author.name, book.title = "changed", "changed too"
        assert list(session.dirty) == [author, book]
        await session.commit()
    assert ("changed",) in await rows(db, "SELECT name FROM authors")
    assert ("changed too",) in await rows(db, "SELECT title FROM books")


async def test_rollback_gives_back_a_relation_that_was_flushed_alone(db):
    async with AsyncSession(db) as session:
        await session.insert(Author(name="Ann", books=[Book(title="old")]))
        author = await session.query(Author).options(selectinload(Author.books)).one()
        old = author.books[0]
        new = Book(title="new")
        author.books.append(new)
        await session.flush()
        await session.rollback()
        assert author.books == [old]
        author.name = "Bea"
        await session.commit()
        assert await rows(db, "SELECT title FROM books") == [("old",)]
        session.add(new)  # transient again, with what it was given
        await session.commit()
        assert new.author is author
    assert await rows(db, "SELECT name FROM authors") == [("Bea",)]
    assert await rows(db, "SELECT title, author_id FROM books ORDER BY id") == [("old", 1), ("new", 1)]


async def test_object_that_comes_back_with_a_changed_relation_reports_its_next_change(db):
    async with AsyncSession(db) as session:
        await session.insert(Author(name="Ann", books=[Book(title="old")]))
        author = await session.query(Author).options(selectinload(Author.books)).one()
        author.books.append(Book(title="new"))
        session.expunge(author)
        session.add(author)
        author.name = "Bea"
        await session.commit()
    assert await rows(db, "SELECT name FROM authors") == [("Bea",)]
    assert await rows(db, "SELECT title, author_id FROM books ORDER BY id") == [("old", 1), ("new", 1)]


async def test_closing_with_unsaved_work_warns(db):
    session = AsyncSession(db)
    session.add(Author(name="Ann"))
    with pytest.warns(UncommittedWarning, match="1 unflushed.*closed without commit"):
        await session.close()
    await session.insert(Author(name="Ann"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        await session.close()
        await session.close()
    async with AsyncSession(db) as session:
        (await session.query(Author).one()).name = "Bea"
        await session.flush()
        with pytest.warns(UncommittedWarning, match="flushed changes"):
            await session.close()
    assert await rows(db, "SELECT name FROM authors") == [("Ann",)]


async def test_change_that_comes_while_an_update_is_on_its_way_is_written_by_the_next_flush(db):
    async with AsyncSession(db) as session:
        authors = await session.insert_all([Author(name=f"a{n}", born=0) for n in range(20)])
        for author in authors:
            author.born = 1
        flushing = asyncio.ensure_future(session.commit())
        await asyncio.sleep(0)
        for author in authors:
            author.born = 2
        await flushing
        await session.commit()
        assert {author.born for author in authors} == {2}
    assert await rows(db, "SELECT DISTINCT born FROM authors") == [(2,)]


async def test_update_that_fails_gives_its_objects_their_marks_back(db):
    async with AsyncSession(db) as session:
        await session.insert_all([Author(name="Ann"), Author(name="Bea", books=[Book(title="old")])])
        bea = await session.query(Author).filter(name="Bea").options(selectinload(Author.books)).one()
        bea.name = "Ann"
        with pytest.raises(UniqueViolation):
            await session.update(bea)
        assert bea.name == "Ann" and list(session.dirty) == [bea]
        bea.name = "Cid"
        bea.books.append(Book(title="new"))
        await session.commit()
    assert await rows(db, "SELECT name FROM authors ORDER BY id") == [("Ann",), ("Cid",)]
    assert await rows(db, "SELECT title, author_id FROM books ORDER BY id") == [("old", 2), ("new", 2)]


async def test_change_that_comes_while_an_insert_is_on_its_way_is_written_by_the_next_flush(db):
    async with AsyncSession(db) as session:
        authors = [Author(name=f"a{n}") for n in range(20)]
        session.add_all(authors)
        flushing = asyncio.ensure_future(session.commit())
        await asyncio.sleep(0)
        for n, author in enumerate(authors):
            author.born, author.name = 2, f"b{n}"
        await flushing
        await session.commit()
        assert {author.born for author in authors} == {2}
    assert await rows(db, "SELECT DISTINCT born FROM authors") == [(2,)]
    assert await rows(db, "SELECT count(*) FROM authors WHERE name LIKE 'b%'") == [(20,)]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="asyncio has eager tasks from 3.12 on")
async def test_eager_tasks_work_and_collide_by_name(db):
    loop = asyncio.get_running_loop()
    loop.set_task_factory(asyncio.eager_task_factory)
    async with AsyncSession(db) as session:
        await session.insert_all([Author(name=f"a{n}") for n in range(5)])

        async def read():
            return [author.name for author in await session.query(Author).all()]

        names = await asyncio.create_task(read())
        assert sorted(names) == [f"a{n}" for n in range(5)]
        tasks = [asyncio.create_task(read(), name=f"reader-{n}") for n in range(2)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        if db.is_postgres():
            [error] = [result for result in results if isinstance(result, ConcurrentSessionUse)]
            # asyncio names an eager task after its first step.
            assert 'in use by task "reader-0"; task "' in str(error)
        else:
            assert results == [names, names]


class Measure(Base):
    __tablename__ = "session_measures"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    level: Mapped[float | None]
    amount: Mapped[Decimal | None]


@pytest.mark.parametrize("names", ["a", "ab"])
async def test_value_that_only_the_driver_refuses_is_named_by_its_attribute(db, names):
    attribute, value = ("amount", Decimal("1E+131072")) if db.is_postgres() else ("level", float("nan"))
    async with AsyncSession(db) as session:
        with pytest.raises(DataError, match=rf"^Measure\.{attribute}: "):
            await session.insert_all([Measure(name=name, **{attribute: value}) for name in names])
        measure = await session.insert(Measure(name="a"))
        setattr(measure, attribute, value)
        with pytest.raises(DataError, match=rf"^Measure\.{attribute}: "):
            await session.commit()
        await session.rollback()
    with pytest.raises(DataError, match="^parameter 1: "):
        await db.execute("SELECT $1::numeric" if db.is_postgres() else "SELECT ?", [value])


async def test_update_all_writes_the_changes_of_its_objects_alone(db):
    async with AsyncSession(db) as session:
        authors = await session.insert_all([Author(name=name) for name in ("a", "b", "c", "d")])
        for number, author in enumerate(authors):
            author.born = 1900 + number
        session.add(Author(name="waits"))
        with assert_queries(1):
            assert await session.update_all(iter(authors[2::-1])) == authors[2::-1]
        with assert_queries(0):
            assert await session.update_all([]) == []
            assert await session.update_all(authors[:1]) == authors[:1]
        assert await rows(db, "SELECT name, born FROM authors ORDER BY id") == [
            ("a", 1900),
            ("b", 1901),
            ("c", 1902),
            ("d", None),
        ]
        assert [author.name for author in session.new] == ["waits"] and list(session.dirty) == authors[3:]
        with pytest.raises(InvalidRequestError):
            await session.update_all([Author(name="never stored")])
        await session.rollback()


async def test_failed_update_all_leaves_objects_and_rows(db):
    async with AsyncSession(db) as session:
        shelves = await session.insert_all([Shelf(row=1, place=n, label="x") for n in (1, 2)])
        shelves[0].label = "new"
        shelves[1].place = 1
        with pytest.raises(UniqueViolation):
            await session.update_all(shelves)
        assert (shelves[0].label, shelves[1].place, set(session.dirty)) == ("new", 1, set(shelves))
        assert sorted(await rows(db, "SELECT place, label FROM shelves")) == [(1, "x"), (2, "x")]
        shelves[1].place = 2
        await session.update_all(shelves)
        assert sorted(await rows(db, "SELECT place, label FROM shelves")) == [(1, "new"), (2, "x")]


async def test_transaction_is_a_block_that_is_given_the_session(db):
    async with AsyncSession(db) as session:
        async with session.transaction() as same:
            assert same is session
            session.add(Author(name="kept"))
            with pytest.raises(ZeroDivisionError):
                async with session.transaction():
                    session.add(Author(name="undone"))
                    await session.flush()
                    raise ZeroDivisionError
        assert await rows(db, "SELECT name FROM authors") == [("kept",)]
        with pytest.raises(ZeroDivisionError):
            async with session.transaction(isolation="serializable"):
                await session.insert(Author(name="undone"))
                raise ZeroDivisionError
        assert await rows(db, "SELECT name FROM authors") == [("kept",)]
        with pytest.raises(InvalidRequestError):
            session.transaction(isolation="sometimes")


async def test_mark_without_a_change_opens_no_transaction(db):
    async with AsyncSession(db) as session:
        ann = await session.insert(Author(name="Ann", books=[]))
        await session.insert(Book(title="Dune", author=ann))
        await session.query(Author).all()
        assert not session.in_transaction()
        # A verb that follows is kept at once, as ever.
        await session.insert(Author(name="Bea"))
        assert await rows(db, "SELECT name FROM authors ORDER BY id") == [("Ann",), ("Bea",)]
        assert ann not in session.dirty
