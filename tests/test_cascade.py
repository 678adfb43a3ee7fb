"""Who comes into a session and who leaves it because others refer to them, on both databases."""

import asyncio

import pytest
from library import Author, Base, Book, Node

from ormkit import (
    AsyncSession,
    DetachedInstanceError,
    InvalidRequestError,
    UncommittedWarning,
    UniqueViolation,
    joinedload,
    selectinload,
)


@pytest.fixture
async def db(engine):
    await Base.metadata.create_all(engine)
    return engine


async def rows(engine, sql):
    return (await engine.execute(sql)).tuples()


async def author_with_books(session, *titles):
    await session.insert(Author(name="Ann", books=[Book(title=title) for title in titles]))
    return await session.query(Author).options(selectinload(Author.books)).one()


async def node_with_children(session, *names):
    await session.insert(Node(name="root", children=[Node(name=name) for name in names]))
    return await session.query(Node).filter(name="root").options(selectinload(Node.children)).one()


async def test_new_object_in_a_list_of_the_session_is_of_the_session(db):
    async with AsyncSession(db) as session:
        author = await author_with_books(session)
        book = Book(title="new")
        author.books.append(book)
        assert book in session
        assert list(session.new) == [book]
        with pytest.raises(InvalidRequestError, match=r"Book is not written yet: expunge it, or flush first"):
            session.delete(book)
        with pytest.raises(InvalidRequestError, match=r"Book was not added itself.*take it out of that relation"):
            session.expunge(book)
        author.books.remove(book)  # whoever looked has changed nothing
        assert book not in session and list(session.new) == []
        await session.commit()
    assert await rows(db, "SELECT count(*) FROM books") == [(0,)]


async def test_new_object_that_was_taken_out_again_is_not_of_the_session(db):
    async with AsyncSession(db) as session:
        author = await author_with_books(session)
        book = Book(title="new")
        author.books.append(book)
        author.books.remove(book)
        assert book not in session
        await session.commit()
    assert await rows(db, "SELECT count(*) FROM books") == [(0,)]


async def test_new_child_of_a_deleted_parent_is_written_without_it(db):
    async with AsyncSession(db) as session:
        author = await author_with_books(session, "old")
        listed, referring = Book(title="listed"), Book(title="referring", author=author)
        author.books.append(listed)
        session.add(referring)
        session.delete(author)
        await session.commit()
        assert [listed.author, referring.author] == [None, None]
        assert listed in session and referring in session
    found = await rows(db, "SELECT title, author_id FROM books ORDER BY title")
    assert found == [("listed", None), ("old", None), ("referring", None)]
    assert await rows(db, "SELECT count(*) FROM authors") == [(0,)]


@pytest.mark.parametrize("loaded", [True, False])
async def test_new_child_goes_with_a_parent_whose_deletion_cascades(db, loaded):
    async with AsyncSession(db) as session:
        root = await node_with_children(session, "old")
        if not loaded:
            await session.commit()
            session.expunge(root)
            del root
            root = await session.query(Node).filter(name="root").one()
        grandchild = Node(name="grandchild")
        child = Node(name="child", parent=root, children=[grandchild])
        session.add(child)
        session.delete(root)
        await session.commit()
        assert child not in session and grandchild not in session
    assert await rows(db, "SELECT name FROM nodes") == []


async def test_child_that_was_taken_out_of_a_deleted_parent_is_an_orphan(db):
    async with AsyncSession(db) as session:
        root = await node_with_children(session, "one", "two")
        root.children.pop()
        session.delete(root)
        await session.commit()
    assert await rows(db, "SELECT name FROM nodes") == []


async def test_child_that_refers_to_a_deleted_parent_loses_it(db):
    async with AsyncSession(db) as session:
        author = await author_with_books(session, "first")
        other = Author(name="Bea", books=[Book(title="second")])
        await session.insert(other)
        book = other.books[0]
        book.author = author
        session.delete(author)
        await session.commit()
        assert (book.author, book.author_id) == (None, None)
    assert await rows(db, "SELECT author_id FROM books") == [(None,), (None,)]


async def test_deleted_object_leaves_the_lists_that_it_was_in(db):
    async with AsyncSession(db) as session:
        author = await author_with_books(session, "one", "three", "two")
        one, three, two = author.books
        await session.remove(three)
        assert author.books == [one, two]
        session.delete(two)
        assert author.books == [one, two]  # not deleted yet
        await session.flush()
        assert author.books == [one]
        assert list(session.dirty) == []
        await session.rollback()
        assert author.books == [one, two]
        author.name = "Bea"
        await session.commit()
    assert await rows(db, "SELECT title FROM books ORDER BY title") == [("one",), ("two",)]


async def test_deleted_object_leaves_a_list_that_is_being_changed(db):
    async with AsyncSession(db) as session:
        author = await author_with_books(session, "one", "two")
        one, two = author.books
        author.books.append(Book(title="new"))
        await session.remove(one)
        assert [book.title for book in author.books] == ["two", "new"]
        await session.rollback()
        assert author.books == [two]
        author.books.append(Book(title="newer"))
        await session.commit()
    assert await rows(db, "SELECT title, author_id FROM books ORDER BY title") == [("newer", 1), ("two", 1)]


async def test_deletion_that_fails_leaves_the_lists_as_they_were(db):
    async with AsyncSession(db) as session:
        author = await author_with_books(session, "one", "two")
        books = list(author.books)
        async with session.begin() as transaction:
            async with session.begin():
                await session.remove(books[0])
                assert author.books == books[1:]
            await transaction.rollback()
        assert author.books == books
    assert await rows(db, "SELECT count(*) FROM books") == [(2,)]


async def test_deleting_a_reference_to_one_empties_it_on_the_other_side(db):
    async with AsyncSession(db) as session:
        root = await node_with_children(session, "one")
        child = root.children[0]
        await session.remove(child)
        assert root.children == []


async def detached_author(db, *titles):
    async with AsyncSession(db) as session:
        return await author_with_books(session, *titles)


async def test_children_that_were_taken_out_while_detached_are_written(db):
    author = await detached_author(db, "one", "two")
    one, two = author.books
    author.books.remove(one)
    async with AsyncSession(db) as session:
        session.add(author)
        await session.commit()
        assert one in session and two in session
        assert one.author is None and one.author_id is None
    assert await rows(db, "SELECT title, author_id FROM books ORDER BY title") == [("one", None), ("two", 1)]


@pytest.mark.parametrize("way", ["remove", "clear", "parent", "del"])
async def test_new_object_that_came_and_went_is_an_orphan_though_it_was_added(db, way):
    async with AsyncSession(db) as session:
        root = await node_with_children(session, "one")
        new, kept = Node(name="new"), Node(name="kept")
        root.children.append(new)
        session.add_all([new, kept])
        match way:
            case "remove":
                root.children.remove(new)
            case "clear":
                root.children.clear()
            case "parent":
                new.parent = None
            case "del":
                del root.children[1]
        await session.commit()
        assert new not in session
    left = {"root", "kept"} if way == "clear" else {"root", "one", "kept"}
    assert {name for (name,) in await rows(db, "SELECT name FROM nodes")} == left


async def test_new_object_that_went_and_came_again_or_elsewhere_is_written(db):
    async with AsyncSession(db) as session:
        root = await node_with_children(session, "one")
        again, moved = Node(name="again"), Node(name="moved")
        root.children.extend([again, moved])
        session.add_all([again, moved])
        root.children.remove(again)
        root.children.append(again)
        root.children.remove(moved)
        root.children[0].name = "uno"
        moved.parent = again
        await session.commit()
    assert {name for (name,) in await rows(db, "SELECT name FROM nodes")} == {"root", "uno", "again", "moved"}


async def test_orphans_that_were_made_while_detached_are_deleted(db):
    async with AsyncSession(db) as session:
        root = await node_with_children(session, "one", "two")
    root.children.clear()
    async with AsyncSession(db) as session:
        session.add(root)
        await session.commit()
    assert await rows(db, "SELECT name FROM nodes") == [("root",)]


async def test_detached_object_brings_its_relatives_along(db):
    author = await detached_author(db, "one", "two")
    async with AsyncSession(db) as session:
        session.add(author)
        author.books[0].title = "uno"
        await session.commit()
    assert await rows(db, "SELECT title FROM books ORDER BY title") == [("two",), ("uno",)]


async def test_relative_of_a_detached_object_that_the_session_holds_already_is_refused(db):
    author = await detached_author(db, "one")
    async with AsyncSession(db) as session:
        held = await session.query(Book).one()
        with pytest.raises(InvalidRequestError, match="holds another Book of the same key"):
            session.add(author)
        assert author not in session and author.books[0] not in session
        assert held in session


async def test_server_default_that_is_set_while_its_insert_is_on_its_way_is_kept(db):
    async with AsyncSession(db) as session:
        books = [Book(title=f"b{n}") for n in range(20)]
        session.add_all(books)
        flushing = asyncio.ensure_future(session.commit())
        await asyncio.sleep(0)
        for book in books:
            book.shelf = "Z"
        await flushing
        await session.commit()
        assert {book.shelf for book in books} == {"Z"}
    assert await rows(db, "SELECT DISTINCT shelf FROM books") == [("Z",)]


async def test_warning_names_what_is_lost(db):
    async with AsyncSession(db) as session:
        ann, bea = await session.insert_all([Author(name="Ann"), Author(name="Bea")])
        ann.name = "Cid"
        session.delete(bea)
        session.add(Author(name="Dan", books=[Book(title="new")]))
        text = r"4 unflushed object\(s\) were dropped \(new Author, new Book, changed Author 1, deleted Author 2\)"
        with pytest.warns(UncommittedWarning, match=text + ": the session was closed without commit"):
            await session.close()
    async with AsyncSession(db) as session:
        nodes = [Node(name=f"n{n}") for n in range(7)]
        session.add_all(nodes)
        await session.flush()
        await session.insert(Author(name="Dan"))
        text = r"flushed changes were rolled back \(Node 1, Node 2, Node 3, Node 4, Node 5 and 3 more\)"
        with pytest.warns(UncommittedWarning, match=text):
            await session.close()


async def test_awaiting_a_change_of_a_detached_list_names_the_list(db):
    author = await detached_author(db, "one")
    with pytest.raises(DetachedInstanceError, match=r"Author\.books"):
        await author.books.add(Book(title="two"))


async def test_failed_verb_leaves_the_new_objects_of_a_cascade_as_they_were(db):
    async with AsyncSession(db) as session:
        await session.insert(Author(name="Bea"))
        author = await author_with_books_named(session, "Ann")
        book = Book(title="new")
        author.books.append(book)
        author.name = "Bea"
        with pytest.raises(UniqueViolation):
            await session.update(author)
        assert author.books == [book] and book.id is None
        author.name = "Cid"
        await session.commit()
    assert await rows(db, "SELECT title, author_id FROM books") == [("new", 2)]


async def author_with_books_named(session, name):
    await session.insert(Author(name=name))
    return await session.query(Author).filter(name=name).options(selectinload(Author.books)).one()


async def stored_trees(db):
    """`old` with a child, and `new` with none; the session that wrote them is gone."""
    async with AsyncSession(db) as session:
        await session.insert_all([Node(name="old", children=[Node(name="child")]), Node(name="new")])


async def tree(session, name):
    return await session.query(Node).filter(name=name).one()


@pytest.mark.parametrize("autoflush", [True, False])
@pytest.mark.parametrize("way", ["reference", "append", "verb"])
async def test_child_that_moved_away_stays_when_its_old_parent_is_deleted(db, way, autoflush):
    await stored_trees(db)
    async with AsyncSession(db, autoflush=autoflush) as session:
        old, child = await tree(session, "old"), await tree(session, "child")
        new = await session.query(Node).filter(name="new").options(selectinload(Node.children)).one()
        if way == "append":
            new.children.append(child)
        else:
            child.parent = new
        if way == "verb":
            await session.remove(old)
        else:
            session.delete(old)
        await session.commit()
        assert child in session and child.parent is new
    sql = "SELECT child.name, parent.name FROM nodes child LEFT JOIN nodes parent ON parent.id = child.parent_id"
    assert sorted(await rows(db, sql)) == [("child", "new"), ("new", None)]


@pytest.mark.parametrize("load", [selectinload, joinedload])
async def test_list_that_is_loaded_late_shows_what_the_program_has_changed(db, load):
    async with AsyncSession(db) as session:
        await session.insert(Author(name="Ann", books=[Book(title="1"), Book(title="2")]))
    async with AsyncSession(db, autoflush=False) as session:
        author = await session.query(Author).one()
        first = await session.query(Book).filter(title="1").one()
        first.author = None
        new = Book(title="new", author=author)
        session.add(new)
        assert await session.get(Author, author.id, options=[load(Author.books)]) is author
        assert [book.title for book in author.books] == ["2", "new"]
        await session.rollback()
        assert [book.title for book in author.books] == ["1", "2"]
        assert first.author is author
        first.author = None
        session.add(new)
        assert [book.title for book in author.books] == ["2", "new"]
        await session.commit()
        assert [book.title for book in author.books] == ["2", "new"]
        session.delete(author)
        await session.commit()
    assert await rows(db, "SELECT title, author_id FROM books ORDER BY title") == [
        ("1", None),
        ("2", None),
        ("new", None),
    ]


@pytest.mark.parametrize("loaded", [True, False])
@pytest.mark.parametrize("way", ["remove", "clear", "reference", "verb"])
async def test_orphan_takes_its_own_children_along(db, way, loaded):
    async with AsyncSession(db) as session:
        leaf = Node(name="leaf", children=[Node(name="last")])
        await session.insert(Node(name="root", children=[Node(name="mid", children=[leaf])]))
    async with AsyncSession(db) as session:
        step = selectinload(Node.children)
        chain = step.selectinload(Node.children) if loaded else step
        root = await session.query(Node).filter(name="root").options(chain).one()
        [mid] = root.children
        if loaded:
            mid.children.append(Node(name="new"))
        if way == "remove":
            root.children.remove(mid)
        elif way == "clear":
            root.children.clear()
        elif way == "reference":
            mid.parent = None
        if way == "verb":
            root.children.remove(mid)
            await session.update(root)
        else:
            await session.commit()
        assert mid not in session
    assert await rows(db, "SELECT name FROM nodes") == [("root",)]


async def test_orphan_whose_child_was_rescued(db):
    async with AsyncSession(db) as session:
        mid = Node(name="mid", children=[Node(name="leaf")])
        root = Node(name="root", children=[mid])
        await session.insert(root)
        [leaf] = mid.children
        root.children.remove(mid)
        root.children.append(leaf)
        await session.commit()
        assert root.children == [leaf] and mid not in session
    assert await rows(db, "SELECT name FROM nodes ORDER BY name") == [("leaf",), ("root",)]


@pytest.mark.parametrize("flushed", [True, False])
async def test_object_that_is_added_again_after_a_rollback_is_in_its_parents_list_again(db, flushed):
    async with AsyncSession(db) as session:
        author = await author_with_books(session)
        book = Book(title="new")
        author.books.append(book)
        session.add(book)
        if flushed:
            await session.flush()
        await session.rollback()
        assert author.books == []
        session.add(book)
        assert author.books == [book] and book.author is author
        await session.commit()
        assert author.books == [book]
    assert await rows(db, "SELECT title, author_id FROM books") == [("new", 1)]


async def test_savepoint_that_is_tried_again(db):
    async with AsyncSession(db) as session, session.begin():
        root = Node(name="root")
        session.add(root)
        await session.flush()
        child = Node(name="child")
        for attempt in range(3):
            try:
                async with session.begin():
                    if attempt == 0:
                        root.children.append(child)
                    else:
                        session.add(child)
                    await session.flush()
                    assert root.children == [child]
                    if attempt < 2:
                        raise KeyError
            except KeyError:
                assert root.children == []
        assert root.children == [child]
    found = await rows(
        db, "SELECT child.name, parent.name FROM nodes child JOIN nodes parent ON parent.id = child.parent_id"
    )
    assert found == [("child", "root")]


async def test_expunged_object_is_not_written(db):
    async with AsyncSession(db) as session:
        book = Book(title="b")
        author = Author(name="Ann", books=[book])
        session.add(author)
        assert list(session.new) == [author, book]
        session.expunge(author)
        assert list(session.new) == [] and author not in session and book not in session
        session.add_all([author, book])
        session.expunge(author)
        assert list(session.new) == [book] and author not in session
        with pytest.raises(
            InvalidRequestError, match=r"Book\.author refers to a new Author that is not of this session"
        ):
            await session.commit()
        await session.rollback()
        assert await rows(db, "SELECT count(*) FROM books") == [(0,)]
        session.add_all([author, book])
        session.expunge(book)
        with pytest.raises(
            InvalidRequestError, match=r"Author\.books refers to a new Book that is not of this session"
        ):
            await session.commit()
        await session.rollback()
        session.add(author)
        author.books.remove(book)
        await session.commit()
        assert author in session and book not in session
    assert await rows(db, "SELECT count(*) FROM authors") == [(1,)]
    assert await rows(db, "SELECT count(*) FROM books") == [(0,)]


async def test_reference_that_is_set_to_nothing_makes_an_orphan_of_an_unloaded_list(db):
    await stored_trees(db)
    async with AsyncSession(db) as session:
        child, new = await tree(session, "child"), await tree(session, "new")
        child.parent = None
        new.parent = None  # it had none
        await session.commit()
        assert child not in session and new in session
    assert sorted(await rows(db, "SELECT name FROM nodes")) == [("new",), ("old",)]


@pytest.mark.parametrize("load", [selectinload, joinedload])
async def test_list_that_was_loaded_in_a_transaction_is_put_right_by_its_rollback(db, load):
    async with AsyncSession(db) as session:
        await session.insert_all([Author(name="Ann", books=[Book(title="1"), Book(title="2")]), Author(name="Bea")])
    async with AsyncSession(db) as session:
        first = await session.query(Book).filter(title="1").one()
        second = await session.query(Book).filter(title="2").one()
        new = Book(title="new", author_id=1)
        session.add(new)
        first.author_id = 2
        await session.flush()
        await session.remove(second)
        ann, bea = await session.query(Author).options(load(Author.books)).order_by(Author.name).all()
        assert (ann.books, bea.books) == ([new], [first])
        await session.rollback()
        assert (sorted(book.title for book in ann.books), bea.books) == (["1", "2"], [])
        assert list(session.dirty) == [] and new not in session
        ann.name = "Cid"
        await session.commit()
    assert await rows(db, "SELECT title, author_id FROM books ORDER BY title") == [("1", 1), ("2", 1)]


async def test_two_detached_objects_of_one_row_do_not_come_back_together(db):
    first = await detached_author(db, "one")
    async with AsyncSession(db) as session:
        twin = await session.query(Book).one()
    first.books.append(twin)
    async with AsyncSession(db) as session:
        with pytest.raises(InvalidRequestError, match="two objects that come back together are Book of the same key"):
            session.add(first)
        assert first not in session and twin not in session


async def test_rows_are_inserted_in_the_order_in_which_they_were_added(db):
    async with AsyncSession(db) as session:
        nodes = [
            Node(name="a", children=[Node(name="below")]),
            Node(name="b"),
            Node(name="c", children=[]),
            Node(name="d"),
        ]
        session.add_all(nodes)
        await session.commit()
        assert [node.id for node in nodes] == [1, 2, 3, 4]


async def test_object_of_another_session_in_a_relation_is_refused(db):
    async with AsyncSession(db) as session, AsyncSession(db) as other:
        author = await author_with_books(session, "A")
        theirs = await other.get(Author, author.id)
        new = await other.insert(Book(title="theirs"))
        author.books.append(new)
        with pytest.raises(
            InvalidRequestError, match=r"Author\.books holds an object of Book that belongs to another session"
        ):
            await session.flush()
        await session.rollback()
        author.books[0].author = theirs
        with pytest.raises(
            InvalidRequestError, match=r"Book\.author holds an object of Author that belongs to another"
        ):
            await session.flush()
        await session.rollback()
        author.books.append(await session.merge(new))
        await session.commit()
        await other.rollback()
        assert await rows(db, "SELECT author_id FROM books") == [(author.id,)] * 2


async def test_deleted_object_in_a_relation_is_refused(db):
    async with AsyncSession(db) as session:
        author = await author_with_books(session, "A")
        other = Author(name="gone")
        session.add(other)
        await session.flush()
        session.delete(other)
        await session.flush()
        author.books[0].author = other
        with pytest.raises(InvalidRequestError, match=r"Book\.author holds an object of Author that was deleted"):
            await session.flush()
        await session.rollback()
        assert await rows(db, "SELECT author_id FROM books") == [(author.id,)]


@pytest.mark.parametrize("names", [None, ["parent"], ["parent", "parent_id"]])
async def test_expired_move_makes_no_orphan(db, names):
    async with AsyncSession(db) as session:
        root = await node_with_children(session, "a", "b")
        await session.insert(Node(id=90, name="elsewhere"))
        child = root.children[0]
        session.expunge(await session.get(Node, 90))
        child.parent = await session.get(Node, 90)
        session.expire(child, names)
        assert child in root.children
        await session.commit()
        found = await rows(db, "SELECT name, parent_id FROM nodes WHERE parent_id IS NOT NULL ORDER BY name")
        assert found == [("a", root.id), ("b", root.id)]


@pytest.mark.parametrize("deep", [False, True])
async def test_list_that_was_loaded_and_changed_in_a_transaction_is_put_right_by_its_rollback(db, deep):
    async with AsyncSession(db) as session:
        await session.insert_all([Author(id=1, name="Ann"), Book(id=1, title="A"), Book(id=2, title="B")])
        author, book = await session.get(Author, 1), await session.get(Book, 1)
        savepoint = await session.begin_nested() if deep else None
        book.author = author
        await session.flush()
        await session.load(author, Author.books)
        author.books.remove(book)
        await session.flush()
        await (savepoint.rollback() if savepoint else session.rollback())
        assert author.books == [] and (book.author_id, book.author) == (None, None)
        author.books.append(await session.get(Book, 2))
        await session.commit()
        assert await rows(db, "SELECT id, author_id FROM books ORDER BY id") == [(1, None), (2, 1)]
