"""Set verbs and statements that write through a session: rows, held objects, what a rollback undoes, on both databases."""

import pytest
from library import Author, Base, Book, Shelf

from ormkit import (
    AsyncSession,
    F,
    FieldError,
    InvalidRequestError,
    NotLoadedError,
    NotSupportedError,
    PendingRollbackError,
    UniqueViolation,
    delete,
    func,
    insert,
    select,
    selectinload,
    text,
    update,
)


@pytest.fixture
async def session(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as filling:
        ann = Author(name="Ann", born=1900, books=[Book(title="Dune", pages=500), Book(title="Atom", pages=80)])
        await filling.insert_all([ann, Author(name="Bea", born=1950), Author(name="Cid")])
    async with AsyncSession(engine) as session:
        yield session
        await session.rollback()


async def stored(engine, what="name"):
    rows = await engine.execute(f"SELECT {what} FROM authors ORDER BY id")
    return rows.column(what)


async def test_update_writes_at_once_and_tells_held_objects(session, engine):
    ann = await session.get(Author, 1)
    assert await session.query(Author).filter(born__isnull=False).update(born=F("born") + 1) == 2
    assert not session.in_transaction()
    assert await stored(engine, "born") == [1901, 1951, None]
    assert ann.born == 1901
    assert session.dirty == []
    assert await session.query(Author).none().update(born=1) == 0


async def test_update_respects_limits_orders_and_relations(session, engine):
    assert await session.query(Author).order_by("-id")[:1].update(name="Zoe") == 1
    assert await session.query(Author).filter(books__title="Dune").update(name=func.upper(Author.name)) == 1
    assert await session.query(Book).filter(author__name="ANN").update(title=F("author__name") + "'s") == 2
    assert await stored(engine) == ["ANN", "Bea", "Zoe"]
    assert await session.query(Book).values_list("title", flat=True) == ["ANN's", "ANN's"]
    await session.insert_all([Shelf(row=1, place=1), Shelf(row=1, place=2)])
    with pytest.raises(NotSupportedError, match="several columns"):
        session.query(Shelf).limit(1).update(label="x")
    assert await session.query(Shelf).filter(place=2).update(label="x") == 1


async def test_delete_takes_held_objects_out_of_session_and_lists(session, engine):
    ann = await session.query(Author).options(selectinload(Author.books)).get(name="Ann")
    atom, dune = ann.books
    assert await session.query(Book).filter(title="Atom").delete() == 1
    assert atom not in session
    assert ann.books == [dune]
    assert await session.get(Book, atom.id) is None
    assert (await engine.execute("SELECT count(*) FROM books")).scalar() == 1
    assert await session.query(Book).order_by("id").limit(5).delete() == 1
    assert await session.query(Book).delete() == 0


async def test_set_verbs_flush_first_and_join_the_transaction(session, engine):
    session.add(Author(name="Dan", born=2000))
    assert await session.query(Author).filter(born__gte=1950).update(born=7) == 2
    assert session.in_transaction()
    assert await stored(engine, "born") == [1900, 1950, None]
    await session.commit()
    assert await stored(engine, "born") == [1900, 7, None, 7]


async def test_rollback_undoes_set_verbs_in_memory(session, engine):
    ann, bea = await session.query(Author).order_by("id")[:2]
    async with session.begin() as transaction:
        await session.query(Author).filter(name="Ann").update(name="Eva")
        await session.query(Book).delete()
        await session.query(Author).filter(name="Bea").delete()
        assert ann.name == "Eva"
        assert bea not in session
        await transaction.rollback()
    assert bea in session
    with pytest.raises(NotLoadedError):
        _ = ann.name
    await session.refresh(ann)
    assert (ann.id, ann.name) == (1, "Ann")
    assert [author.name for author in await session.query(Author).order_by("id")] == ["Ann", "Bea", "Cid"]
    assert bea.name == "Bea"
    assert await stored(engine) == ["Ann", "Bea", "Cid"]


async def test_rolled_back_savepoint_undoes_its_own_set_verbs(session):
    cid = await session.get(Author, 3)
    book = await session.get(Book, 1)
    async with session.begin() as transaction:
        await session.query(Author).filter(id=3).update(born=1)
        with pytest.raises(ZeroDivisionError):
            async with session.begin_nested():
                await session.query(Book).filter(id=1).update(pages=1)
                raise ZeroDivisionError
        assert cid.born == 1
        with pytest.raises(NotLoadedError):
            _ = book.pages
        await session.refresh(book)
        assert book.pages == 500
        await transaction.rollback()


async def test_failed_set_verb_leaves_rows_and_objects(session, engine):
    ann, bea = await session.query(Author).order_by("id")[:2]
    with pytest.raises(UniqueViolation):
        await session.query(Author).order_by("id").update(name="Same")
    assert (ann.name, bea.name) == ("Ann", "Bea")
    assert not session.in_transaction()
    assert await stored(engine) == ["Ann", "Bea", "Cid"]
    with pytest.raises(UniqueViolation):
        await session.execute(update(Author).values(name="Same"))
    assert (ann.name, bea.name) == ("Ann", "Bea")
    with pytest.raises(PendingRollbackError):
        await session.query(Author).update(born=1)


async def test_wrong_set_verbs_are_refused_before_any_sql(session):
    with pytest.raises(FieldError):
        session.query(Author).update(nmae="x")
    with pytest.raises(TypeError):
        session.query(Author).update()
    with pytest.raises(TypeError):
        session.query(Author).values("name").delete()
    with pytest.raises(NotSupportedError, match="key"):
        await session.query(Author).update(id=7)


async def test_read_only_sessions_write_nothing(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine, read_only=True) as session:
        for wrong in (session.query(Author).delete(), session.execute(insert(Author).values(name="x"))):
            with pytest.raises(InvalidRequestError, match="read-only"):
                await wrong


async def test_bulk_update(session, engine):
    ann = await session.get(Author, 1)
    assert await session.bulk_update(Author, {"born": 5}, Author.id < 3) == 2
    assert await session.bulk_update(Author, {"born": F("born") * 2}, born=5, name="Ann") == 1
    assert ann.born == 10
    assert await stored(engine, "born") == [10, 5, None]
    assert await session.bulk_update(Book, {"pages": 1}) == 2


async def test_execute_writes_inside_a_transaction(session, engine):
    ann = await session.get(Author, 1)
    result = await session.execute(update(Author).where(Author.id < 3).values(born=1).returning(Author))
    assert result.rowcount == 2
    objects = result.scalars().all()
    assert ann in objects
    assert [author.born for author in objects] == [1, 1]
    assert session.in_transaction()
    assert await stored(engine, "born") == [1900, 1950, None]
    await session.commit()
    assert await stored(engine, "born") == [1, 1, None]


async def test_execute_inserts(session, engine):
    result = await session.execute(insert(Author).values(name="Dan"))
    assert (result.rowcount, result.inserted_primary_key, result.all()) == (1, (4,), [])
    many = await session.execute(insert(Author), [{"name": "Eva"}, {"name": "Fay"}])
    assert (many.rowcount, many.inserted_primary_key) == (2, None)
    made = (await session.execute(insert(Author).values(name="Gil").returning(Author))).scalar_one()
    assert made is await session.get(Author, made.id)
    await session.rollback()
    assert await stored(engine) == ["Ann", "Bea", "Cid"]
    with pytest.raises(NotLoadedError):
        _ = made.name


async def test_execute_upserts_and_held_objects_follow(session):
    ann = await session.get(Author, 1)
    statement = insert(Author).values(name="Ann", born=3).on_conflict_do_update("name")
    result = await session.execute(statement)
    assert (result.rowcount, result.inserted_primary_key, ann.born) == (1, (1,), 3)
    nothing = await session.execute(insert(Author).values(name="Ann").on_conflict_do_nothing())
    assert (nothing.rowcount, nothing.inserted_primary_key) == (0, None)


async def test_execute_deletes_and_returns(session):
    book = await session.get(Book, 1)
    result = await session.execute(delete(Book).where(Book.id == 1).returning(Book.title, Book.pages))
    assert result.all() == [("Dune", 500)]
    assert book not in session
    await session.rollback()
    assert book in session


async def test_execute_takes_text(session, engine):
    result = await session.execute(text("SELECT name, born FROM authors WHERE born > :year"), {"year": 1910})
    assert [(row.name, row.born) for row in result] == [("Bea", 1950)]
    assert session.in_transaction()
    assert await session.scalar(text("SELECT count(*) FROM authors")) == 3
    assert (await session.scalars(text("SELECT name FROM authors ORDER BY id"))).all() == ["Ann", "Bea", "Cid"]
    cid = await session.get(Author, 3)
    assert (await session.execute(text("UPDATE authors SET born = 1"))).rowcount == 3
    await session.rollback()
    assert await stored(engine, "born") == [1900, 1950, None]
    with pytest.raises(NotLoadedError):
        _ = cid.born
    with pytest.raises(TypeError, match="no parameter `a`"):
        await session.execute(select(Author), {"a": 1})


async def test_execute_raw_writes_at_once(session, engine):
    one = "$1" if engine.is_postgres() else "?"
    result = await session.execute_raw(f"UPDATE authors SET born = 2 WHERE id = {one}", [1])
    assert result.rowcount == 1
    assert not session.in_transaction()
    assert await stored(engine, "born") == [2, 1950, None]
    rows = await session.execute_raw("SELECT name FROM authors WHERE born = :born", {"born": 2})
    assert rows.all() == [{"name": "Ann"}]


async def test_a_set_verb_is_one_statement_and_asks_for_rows_only_where_objects_are_held(session, engine):
    events = []
    engine.add_tracer(events.append)
    await session.query(Author).filter(id=1).update(born=3)
    ann = await session.get(Author, 1)
    await session.query(Author).filter(id=1).update(born=4)
    engine.remove_tracer(events.append)
    first, _, second = [
        event.sql for event in events if event.event == "ended" and event.sql.startswith(("UPD", "SEL"))
    ]
    assert ("RETURNING" in first, "RETURNING" in second) == (False, True)
    assert ann.born == 4
