"""What a statement reads from: aliases, subqueries, set operations, CTEs, functions, lists of rows."""

from __future__ import annotations

import pytest
from library import Author, Base, Book, Node

from ormkit import (
    AsyncSession,
    FieldError,
    Integer,
    ProgrammingError,
    String,
    Unsupported,
    aliased,
    column,
    delete,
    except_,
    exists,
    func,
    insert,
    intersect,
    join,
    lateral,
    literal,
    select,
    selectinload,
    text,
    true,
    union,
    union_all,
    update,
    values,
)


@pytest.fixture
async def db(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        session.add_all(
            [
                Author(name="Ann", born=1950, books=[Book(title="B", pages=10), Book(title="A", pages=30)]),
                Author(name="Bea", born=1960, books=[Book(title="C", pages=20)]),
                Author(name="Cid"),
                Book(title="Alone", pages=40),
            ]
        )
        await session.commit()
        session.add(Node(name="root", children=[Node(name="left", children=[Node(name="leaf")]), Node(name="right")]))
        await session.commit()
    return engine


@pytest.fixture
async def session(db):
    async with AsyncSession(db) as session:
        yield session


@pytest.fixture
def sent(db):
    """The statements that the engine has sent since."""
    texts: list[str] = []

    def note(event):
        if event.event == "ended":
            texts.append(event.sql)

    db.add_tracer(note)
    yield texts
    db.remove_tracer(note)


async def rows(session, statement) -> list[tuple]:
    return [tuple(row) for row in await session.execute(statement)]


async def test_class_joins_itself_by_an_alias(session):
    parent = aliased(Node)
    pairs = select(Node.name, parent.name).join(Node.parent.of_type(parent)).order_by(Node.name)
    assert await rows(session, pairs) == [("leaf", "left"), ("left", "root"), ("right", "root")]
    by_condition = select(Node.name).join(parent, Node.parent_id == parent.id).where(parent.name == "left")
    assert await rows(session, by_condition) == [("leaf",)]
    from_alias = select(parent.name).join(parent.children).order_by(Node.name)
    assert await rows(session, from_alias) == [("left",), ("root",), ("root",)]
    grown = select(Node.name).where(Node.parent.of_type(parent).has(parent.name == "root")).order_by("name")
    assert await rows(session, grown) == [("left",), ("right",)]


async def test_alias_answers_the_sessions_objects(session, sent):
    ann = (await session.scalars(select(Author).where(Author.name == "Ann"))).one()
    other = aliased(Author, name="other")
    statement = select(Author, other).join(other, other.born > Author.born)
    sent.clear()
    (row,) = (await session.execute(statement)).all()
    assert row[0] is ann and row[1].name == "Bea"
    assert len(sent) == 1 and "AS other ON other.born > authors.born" in sent[0]
    loaded = select(other).options(selectinload(other.books)).where(other.books.any(title="C")).order_by(other.id)
    (bea,) = (await session.scalars(loaded)).all()
    assert bea is row[1] and [book.title for book in bea.books] == ["C"]
    assert [author.name for author in await session.scalars(select(other).filter_by(name="Cid"))] == ["Cid"]


async def test_alias_made_anew_is_planned_once(db):
    def statement():
        one, other = aliased(Node), aliased(Node)
        return select(one.name).join(other, other.parent_id == one.id).where(other.name == "leaf")

    assert str(statement()) == str(statement())
    async with AsyncSession(db) as session:
        assert await rows(session, statement()) == await rows(session, statement()) == [("left",)]


async def test_subquery_is_read_like_a_table(session):
    pages = select(Book.author_id, func.sum(Book.pages).label("total")).group_by(Book.author_id).subquery("pages")
    statement = (
        select(Author.name, pages.c.total)
        .outerjoin(pages, pages.c.author_id == Author.id)
        .where(Author.born.is_not(None))
        .order_by(pages.c.total.desc())
    )
    assert await rows(session, statement) == [("Ann", 40), ("Bea", 20)]
    assert await rows(session, select(pages.c.total).where(pages.c.author_id == 1)) == [(40,)]
    assert sorted(pages.c.keys()) == ["author_id", "total"] and "total" in pages.c
    assert await rows(session, select(pages).where(pages.c["total"] == 20)) == [(2, 20)]
    inferred = select(Author.name).join(pages).order_by(Author.name)
    assert await rows(session, inferred) == [("Ann",), ("Bea",)]
    with pytest.raises(AttributeError, match="total"):
        pages.c.totla  # noqa: B018


async def test_objects_come_out_of_a_subquery(session):
    longest = select(Book).order_by(Book.pages.desc()).limit(2).subquery()
    book = aliased(Book, longest)
    held = (await session.scalars(select(Book).where(Book.title == "A"))).one()
    found = (await session.scalars(select(book).options(selectinload(book.author)).order_by(book.title))).all()
    assert [one.title for one in found] == ["A", "Alone"] and found[0] is held
    assert found[0].author.name == "Ann" and found[1].author is None
    joined = select(Author.name, book).join(book, book.author_id == Author.id)
    assert [(name, one.title) for name, one in await session.execute(joined)] == [("Ann", "A")]
    assert await rows(session, select(Author.name).join(Author.books.of_type(book))) == [("Ann",)]
    with pytest.raises(ProgrammingError, match=r"without Book\.id"):
        aliased(Book, select(Book.title).subquery())
    with pytest.raises(Unsupported, match="join the other class on a condition"):
        select(book).where(book.author.has(name="Ann"))


async def test_subqueries_correlate_as_in_sqlalchemy(session):
    count = select(func.count(Book.id)).where(Book.author_id == Author.id).scalar_subquery()
    assert await rows(session, select(Author.name, count).order_by(Author.name)) == [
        ("Ann", 2),
        ("Bea", 1),
        ("Cid", 0),
    ]
    wrote = exists().where(Book.author_id == Author.id)
    assert await rows(session, select(Author.name).where(~wrote)) == [("Cid",)]
    assert await rows(session, select(Author.name).where(exists(Book.id).where(Book.pages == 20)).limit(1))
    thick = select(Book.author_id).where(Book.pages > 25)
    assert await rows(session, select(Author.name).where(Author.id.in_(thick))) == [("Ann",)]
    assert await rows(session, select(Author.name).where(Author.id.in_(thick.subquery()))) == [("Ann",)]
    alone = select(func.count(Author.id)).where(Author.born > 1900).scalar_subquery()
    assert await rows(session, select(Author.name).where(alone == 2).order_by("name").limit(1)) == [("Ann",)]
    apart = select(func.count(Book.id)).where(Book.author_id == Author.id).correlate(None).scalar_subquery()
    assert await rows(session, select(Author.name).where(apart == 3).order_by("name").limit(1)) == [("Ann",)]
    with pytest.raises(TypeError, match="selects 4 columns|selects 5 columns"):
        select(Book).scalar_subquery()


async def test_set_operations_are_sorted_and_limited_as_a_whole(session):
    ann, thick = select(Book.title).where(Book.author_id == 1), select(Book.title).where(Book.pages >= 30)
    assert await rows(session, union(ann, thick).order_by("title")) == [("A",), ("Alone",), ("B",)]
    assert await rows(session, union_all(ann, thick).order_by("-title").limit(2)) == [("B",), ("Alone",)]
    assert await rows(session, intersect(ann, thick)) == [("A",)]
    assert await rows(session, ann.except_(thick)) == [("B",)]
    nested = except_(union(ann, thick), select(Book.title).where(Book.title == "A").limit(1)).order_by("title")
    assert await rows(session, nested) == [("Alone",), ("B",)]
    both = union(ann, thick)
    assert await rows(session, both.order_by(both.selected_columns.title).offset(2)) == [("B",)]
    titles = union(ann, thick).subquery()
    assert await rows(session, select(func.count()).select_from(titles)) == [(3,)]
    assert await rows(session, select(Author.name).where(literal("B").in_(ann)).order_by("name").limit(1))
    with pytest.raises(TypeError, match="say it of their parts"):
        both.where(Book.id == 1)
    with pytest.raises(ProgrammingError, match="as many columns as the first: 1 and not"):
        union(ann, select(Book))
    with pytest.raises(FieldError, match="did you mean `title`"):
        both.order_by("titel")


async def test_objects_are_read_from_another_statement(session):
    held = (await session.scalars(select(Book).where(Book.title == "A"))).one()
    thin, thick = select(Book).where(Book.pages < 15), select(Book).where(Book.pages > 25)
    books = select(Book).options(selectinload(Book.author)).from_statement(union_all(thin, thick).order_by("title"))
    found = (await session.scalars(books)).all()
    assert [book.title for book in found] == ["A", "Alone", "B"] and found[0] is held
    assert found[2].author.name == "Ann"
    ordered = select(Book).from_statement(select(Book).order_by(Book.pages.desc()).limit(1))
    assert [book.title for book in await session.scalars(ordered)] == ["Alone"]
    raw = select(Book).from_statement(text("SELECT * FROM books WHERE pages = 20"))
    assert [book.title for book in await session.scalars(raw)] == ["C"]
    with pytest.raises(ProgrammingError, match="select its own columns"):
        await session.scalars(select(Book).from_statement(select(Author)))


async def test_recursive_cte_walks_a_tree(session):
    tree = select(Node.id, Node.name, literal(0).label("depth")).where(Node.name == "root").cte("tree", recursive=True)
    below = select(Node.id, Node.name, tree.c.depth + 1).join(tree, Node.parent_id == tree.c.id)
    tree = tree.union_all(below)
    assert await rows(session, select(tree.c.name, tree.c.depth).order_by(tree.c.depth, tree.c.name)) == [
        ("root", 0),
        ("left", 1),
        ("right", 1),
        ("leaf", 2),
    ]
    deep = select(Node).join(tree, tree.c.id == Node.id).where(tree.c.depth == 2)
    assert [node.name for node in await session.scalars(deep)] == ["leaf"]


async def test_ctes_read_from_each_other_and_are_written_once(session):
    pages = select(Book.author_id, func.sum(Book.pages).label("total")).group_by(Book.author_id).cte("pages")
    most = select(func.max(pages.c.total).label("most")).where(pages.c.author_id.is_not(None)).cte("most")
    other = pages.alias("other")
    statement = (
        select(pages.c.author_id, other.c.total)
        .join(other, other.c.author_id == pages.c.author_id)
        .where(pages.c.total == select(most.c.most).scalar_subquery())
    )
    assert await rows(session, statement) == [(1, 40)]
    assert str(statement).count("GROUP BY") == 1
    assert str(statement).startswith("WITH pages AS (") and ", most AS (SELECT max(total)" in str(statement)
    assert "AS MATERIALIZED (" in str(select(select(Book.id).cte("b", materialized=True).c.id))
    again = select(Book.id).cte("books")
    with pytest.raises(ProgrammingError, match="both called `books`"):
        str(select(again.c.id, Book.title).join(Book, Book.id == again.c.id))


async def test_cte_may_write(db):
    gone = delete(Book).where(Book.pages > 25).returning(Book.title, Book.pages).cte("gone")
    statement = select(gone.c.title).order_by(gone.c.pages)
    async with AsyncSession(db) as session:
        if not db.is_postgres():
            with pytest.raises(Unsupported, match="run the statement by itself"):
                await session.execute(statement)
            return
        assert await rows(session, statement) == [("A",), ("Alone",)]
        assert session.in_transaction()
        await session.rollback()
        assert await session.query(Book).count() == 4
    with pytest.raises(ProgrammingError, match="needs returning"):
        delete(Book).cte()


async def test_rows_of_a_function(db):
    async with AsyncSession(db) as session:
        items = func.json_each(text("""'{"a": 1, "b": 2}'""")).table_valued("key", "value")
        assert [key for (key,) in await rows(session, select(items.c.key).order_by(items.c.key))] == ["a", "b"]
        if db.is_postgres():
            numbers = func.generate_series(1, 3).alias("n")
            assert await rows(session, select(numbers.column)) == [(1,), (2,), (3,)]
            one = func.generate_series(1, 2).column_valued("one")
            pairs = select(Author.name, one).where(Author.name == "Ann")
            assert await rows(session, pairs) == [("Ann", 1), ("Ann", 2)]


async def test_list_of_rows_is_joined(session):
    wanted = values(column("name", String), column("rank", Integer), name="wanted")
    wanted = wanted.data([("Bea", 1), ("Ann", 2), (None, None)])
    ranked = select(Author.name, wanted.c.rank).join(wanted, wanted.c.name == Author.name).order_by(wanted.c.rank)
    assert await rows(session, ranked) == [("Bea", 1), ("Ann", 2)]
    with pytest.raises(ProgrammingError, match=r"has none: give it some with data"):
        str(select(values(column("name", String))))
    with pytest.raises(TypeError, match="2 columns, a row has 1"):
        wanted.data([("Cid",)])


async def test_lateral_rows_see_what_stands_before_them(db):
    longest = (
        select(Book.title).where(Book.author_id == Author.id).order_by(Book.pages.desc()).limit(1).lateral("longest")
    )
    statement = select(Author.name, longest.c.title).outerjoin(longest, true()).order_by(Author.name)
    async with AsyncSession(db) as session:
        if not db.is_postgres():
            with pytest.raises(Unsupported, match="LATERAL on sqlite"):
                await session.execute(statement)
            return
        assert await rows(session, statement) == [("Ann", "A"), ("Bea", "C"), ("Cid", None)]
        pages = lateral(select(func.sum(Book.pages).label("total")).where(Book.author_id == Author.id))
        both = select(Author.name, pages.c.total).where(pages.c.total > 20)
        assert await rows(session, both) == [("Ann", 40)]


async def test_joins_of_every_kind(session):
    full = select(Author.name, Book.title).join(Book, Book.author_id == Author.id, full=True)
    found = {*await rows(session, full)}
    assert ("Cid", None) in found and (None, "Alone") in found and len(found) == 5
    start = select(Book.title).join_from(Author, Book).where(Author.name == "Bea")
    assert await rows(session, start) == [("C",)]
    by_function = select(Book.title).select_from(join(Author, Book, Author.id == Book.author_id)).order_by("title")
    assert await rows(session, by_function) == [("A",), ("B",), ("C",)]
    other = aliased(Book)
    two = select(Author.name, Book.title, other.title).join(Book).join(other, other.author_id == Author.id)
    assert len(await rows(session, two)) == 5
    with pytest.raises(Unsupported, match="aliased"):
        select(Author).join(Author.books).join(Author.books)


async def test_tables_that_nothing_links_are_refused(session):
    with pytest.raises(ProgrammingError, match="no condition links Author and Book"):
        await session.execute(select(Author.name, Book.title))
    asked = select(Author.name, Book.title).join(Book, true())
    assert len(await rows(session, select(Author.name, Book.title).select_from(Author).join(Book, true()))) == 12
    assert "CROSS" not in str(asked)


async def test_first_row_of_each_group(db):
    statement = select(Book.author_id, Book.title).distinct(Book.author_id).order_by(Book.author_id, Book.title)
    async with AsyncSession(db) as session:
        if not db.is_postgres():
            with pytest.raises(Unsupported, match="DISTINCT ON on sqlite"):
                await session.execute(statement)
            return
        assert await rows(session, statement) == [(1, "A"), (2, "C"), (None, "Alone")]
        locked = select(Book).join(Author).with_for_update(of=Author)
        assert str(locked).endswith("FOR UPDATE OF authors")
        await session.execute(locked)


async def test_statements_that_write_read_from_other_tables(db):
    async with db.connect() as connection:
        change = update(Book).values(title=Author.name).where(Book.author_id == Author.id, Author.born > 1955)
        assert (await connection.execute(change)).rowcount == 1
        gone = delete(Book).where(Book.author_id == Author.id, Author.name == "Ann")
        assert (await connection.execute(gone.returning(Book.title))).tuples() == [("B",), ("A",)]
        copied = insert(Node).from_select(["name", Node.parent_id], select(Book.title, literal(1)))
        assert (await connection.execute(copied)).rowcount == 2
        assert (await connection.execute(select(func.count(Node.id)))).scalar() == 6
        with pytest.raises(ProgrammingError, match="no condition links Book and Author"):
            str(update(Book).values(title=Author.name))
        with pytest.raises(ProgrammingError, match="2 column"):
            insert(Node).from_select(["name", "parent_id"], select(Book.title))
        with pytest.raises(FieldError, match="did you mean `name`"):
            insert(Node).from_select(["nam"], select(Book.title))
