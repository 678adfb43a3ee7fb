"""Expiring and reading again, on both databases."""

import pytest
from library import Author, Base, Book, Node
from sent import sent

from ormkit import AsyncSession, FieldError, InvalidRequestError, NotLoadedError, RelationNotLoadedError, selectinload


@pytest.fixture
async def db(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert(Author(name="Ann", born=1900, books=[Book(title="Dune")]))
    return engine


async def test_expired_attribute_raises_until_a_get_has_filled_it(db):
    async with AsyncSession(db) as session:
        author = await session.get(Author, 1)
        await db.execute("UPDATE authors SET name = 'Bea'")
        session.expire(author)
        assert author.id == 1
        with pytest.raises(NotLoadedError, match=r"Author\.name is not loaded.*session\.load"):
            _ = author.name
        with sent(db) as texts:
            assert await session.get(Author, 1) is author
            assert await session.get(Author, 1) is author
        assert len(texts) == 1
        assert author.name == "Bea"


async def test_any_query_that_returns_the_row_fills_what_is_expired(db):
    async with AsyncSession(db) as session:
        author = await session.get(Author, 1)
        session.expire(author, ["name"])
        assert author.born == 1900
        [found] = await session.query(Author).all()
        assert found is author
        assert author.name == "Ann"
        with sent(db) as texts:
            await session.get(Author, 1)
        assert texts == []


async def test_unsaved_changes_of_expired_attributes_are_dropped(db):
    async with AsyncSession(db) as session:
        author = await session.get(Author, 1)
        author.name, author.born = "Bea", 1950
        session.expire(author, ["name"])
        assert session.is_modified(author)
        await session.commit()
        session.expire(author)
        author.born = 1
        session.expire(author)
        assert session.dirty == []
        await session.commit()
    assert (await db.execute("SELECT name, born FROM authors")).tuples() == [("Ann", 1950)]


async def test_change_after_an_expiry_is_written(db):
    async with AsyncSession(db) as session:
        author = await session.get(Author, 1)
        session.expire(author)
        author.born = 2000
        with sent(db) as texts:
            await session.commit()
        assert len(texts) == 1
        with pytest.raises(NotLoadedError):
            _ = author.name
        await session.refresh(author)
        assert (author.name, author.born) == ("Ann", 2000)


async def test_all_objects_are_expired(db):
    async with AsyncSession(db) as session:
        author = await session.get(Author, 1, options=[selectinload(Author.books)])
        [book] = author.books
        session.expire_all()
        with pytest.raises(RelationNotLoadedError):
            _ = author.books
        with pytest.raises(NotLoadedError):
            _ = book.title
        [again] = await session.query(Author).options(selectinload(Author.books)).all()
        assert again is author
        assert author.books == [book]
        assert book.title == "Dune"


async def test_list_of_an_object_that_was_made_here_is_expired_alone(db):
    async with AsyncSession(db) as session:
        author = await session.insert(Author(name="Cid"))
        assert author.books == []
        session.expire(author, ["name"])
        assert author.books == []
        session.expire(author, ["books"])
        with pytest.raises(RelationNotLoadedError):
            _ = author.books
        await session.refresh(author, ["books", "name"])
        assert (author.name, author.books) == ("Cid", [])


async def test_expiring_and_refreshing_pass_on_by_their_cascade(db):
    async with AsyncSession(db) as session:
        root = await session.insert(Node(name="root", children=[Node(name="a", children=[Node(name="b")])]))
        a = root.children[0]
        b = a.children[0]
        late = Node(name="late")
        root.children.append(late)
        session.expire(root)
        for node in (root, a, b):
            with pytest.raises(NotLoadedError):
                _ = node.name
        await session.refresh(root)
        assert root.name == "root"
        await session.get(Node, root.id, options=[selectinload(Node.children).selectinload(Node.children)])
        await db.execute("UPDATE nodes SET name = name || '!'")
        a.name = "mine"
        with sent(db) as texts:
            await session.refresh(root)
        assert len(texts) == 2
        assert [node.name for node in (root, a, b)] == ["root!", "a!", "b!"]
        assert (root.children, a.children) == ([a], [b])


async def test_object_whose_row_is_gone(db):
    async with AsyncSession(db) as session:
        author = await session.get(Author, 1)
        await db.execute("DELETE FROM books")
        await db.execute("DELETE FROM authors")
        session.expire(author)
        assert await session.get(Author, 1) is None
        with pytest.raises(InvalidRequestError, match="row of this Author is gone"):
            await session.refresh(author)


async def test_rollback_brings_expired_attributes_back_that_the_transaction_wrote(db):
    async with AsyncSession(db) as session:
        author = await session.get(Author, 1)
        author.name = "Bea"
        await session.flush()
        session.expire(author)
        await session.rollback()
        assert author.name == "Ann"


async def test_expired_objects_are_deleted_in_their_order(db):
    async with AsyncSession(db) as session:
        root = await session.insert(Node(name="root", children=[Node(name="a", children=[Node(name="b")])]))
        a = root.children[0]
        session.expire_all()
        session.delete(a)
        session.delete(root)
        await session.commit()
    assert (await db.execute("SELECT count(*) FROM nodes")).scalar() == 0


async def test_get_reads_a_held_object_again_where_it_is_asked_to(db):
    async with AsyncSession(db) as session:
        author = await session.get(Author, 1)
        await db.execute("UPDATE authors SET name = 'Bea'")
        assert (await session.get(Author, 1)).name == "Ann"
        author.born = 1950
        assert await session.get(Author, 1, populate_existing=True) is author
        assert (author.name, author.born) == ("Bea", 1950)
        await session.commit()
    assert (await db.execute("SELECT name, born FROM authors")).tuples() == [("Bea", 1950)]


async def test_get_for_update_opens_a_transaction(db):
    async with AsyncSession(db) as session:
        with sent(db) as texts:
            author = await session.get(Author, 1, with_for_update={"nowait": True})
        assert author.name == "Ann"
        assert session.in_transaction()
        assert texts[0].endswith("FOR UPDATE NOWAIT") == db.is_postgres()
        with pytest.raises(TypeError, match="knows nowait"):
            await session.get(Author, 1, with_for_update={"now": True})
        with pytest.raises(InvalidRequestError, match="contradict"):
            await session.refresh(author, with_for_update={"nowait": True, "skip_locked": True})
        await session.refresh(author, with_for_update=True)
        await session.rollback()


async def test_get_of_an_object_that_waits_for_its_insert_finds_it(db):
    async with AsyncSession(db) as session:
        author = Author(id=9, name="Cid")
        session.add(author)
        with session.no_autoflush as same:
            assert same is session
            assert await session.get(Author, 9) is None
        assert await session.get(Author, 9) is author
        await session.rollback()


async def test_block_without_autoflush(db):
    async with AsyncSession(db) as session:
        session.add(Author(name="Cid"))
        with session.no_autoflush:
            assert await session.query(Author).count() == 1
        assert await session.query(Author).count() == 2
        await session.rollback()


async def test_objects_are_let_go(db):
    async with AsyncSession(db) as session:
        author = await session.get(Author, 1)
        new = Author(name="Cid")
        session.add(new)
        author.name = "Bea"
        session.expunge_all()
        assert author not in session
        assert new not in session
        await session.commit()
        assert await session.get(Author, 1) is not author
    assert (await db.execute("SELECT name FROM authors")).tuples() == [("Ann",)]


async def test_expunging_passes_on_by_its_cascade(db):
    async with AsyncSession(db) as session:
        root = await session.insert(Node(name="root", children=[Node(name="a")]))
        session.expunge(root)
        assert root not in session
        assert root.children[0] not in session
        author = await session.get(Author, 1, options=[selectinload(Author.books)])
        session.expunge(author)
        assert author.books[0] in session


async def test_identity_map_shows_what_is_held(db):
    async with AsyncSession(db) as session:
        author = await session.get(Author, 1)
        assert session.identity_map == {(Author, (1,)): author}
        session.info["tenant"] = 7
        assert session.info == {"tenant": 7}


async def test_what_is_modified(db):
    async with AsyncSession(db) as session:
        author = await session.get(Author, 1)
        assert not session.is_modified(author)
        author.name = "Bea"
        assert session.is_modified(author)
        assert session.is_modified(Author(name="Cid"))
        await session.rollback()


async def test_reset_makes_a_session_as_new(db):
    session = AsyncSession(db)
    author = await session.get(Author, 1)
    author.name = "Bea"
    await session.flush()
    await session.reset()
    assert not session.in_transaction()
    assert session.identity_map == {}
    assert (await session.get(Author, 1)).name == "Ann"
    await session.close()


async def test_what_cannot_be_expired_is_refused(db):
    async with AsyncSession(db) as session, AsyncSession(db) as other:
        with pytest.raises(InvalidRequestError, match="only a stored Author of this session can be expired"):
            session.expire(Author(name="Cid"))
        with pytest.raises(InvalidRequestError, match="only a stored Author of this session can be expired"):
            session.expire(await other.get(Author, 1))
        author = await session.get(Author, 1)
        with pytest.raises(FieldError, match="name"):
            session.expire(author, ["nam"])
        with pytest.raises(TypeError, match="list of attribute names"):
            session.expire(author, "name")


@pytest.mark.parametrize("what", ["all", "named", "session"])
async def test_new_members_of_what_is_expired_are_written(db, what):
    async with AsyncSession(db) as session:
        author = await session.query(Author).options(selectinload(Author.books)).one()
        book = Book(title="Emma")
        author.books.append(book)
        match what:
            case "all":
                session.expire(author)
            case "named":
                session.expire(author, ["books"])
            case "session":
                session.expire_all()
        assert book in session.new
        await session.commit()
        await session.refresh(author, ["books"])
        assert [book.title for book in author.books] == ["Dune", "Emma"]
