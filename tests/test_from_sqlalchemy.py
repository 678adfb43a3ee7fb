"""The same statements, word for word, in ormkit and in SQLAlchemy: the rows are the same."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import library
import sqlalchemy
import sqlalchemy.orm
from sqlalchemy.orm import Mapped, mapped_column, relationship

import ormkit
from ormkit import AsyncSession

NAMES = "select func union union_all intersect except_ exists literal values column Integer String true text lateral or_ desc case"


class Base(sqlalchemy.orm.DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    born: Mapped[int | None]
    books: Mapped[list[Book]] = relationship(back_populates="author")


class Book(Base):
    __tablename__ = "books"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    pages: Mapped[int]
    author_id: Mapped[int | None] = mapped_column(sqlalchemy.ForeignKey("authors.id"))
    author: Mapped[Author | None] = relationship(back_populates="books")


class Node(Base):
    __tablename__ = "nodes"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    parent_id: Mapped[int | None] = mapped_column(sqlalchemy.ForeignKey("nodes.id"))
    parent: Mapped[Node | None] = relationship(remote_side=[id], back_populates="children")
    children: Mapped[list[Node]] = relationship(back_populates="parent")


def words(module: Any, orm: Any, models: Any) -> SimpleNamespace:
    given = {name: getattr(module, name) for name in NAMES.split()}
    return SimpleNamespace(
        aliased=orm.aliased,
        join=orm.join,
        Author=models.Author,
        Book=models.Book,
        Node=models.Node,
        **given,
    )


OURS = words(ormkit, ormkit, library)
THEIRS = words(sqlalchemy, sqlalchemy.orm, SimpleNamespace(Author=Author, Book=Book, Node=Node))


def alias_in_a_self_join(q):
    parent = q.aliased(q.Node)
    return q.select(q.Node.name, parent.name).join(q.Node.parent.of_type(parent))


def two_aliases(q):
    one, other = q.aliased(q.Book), q.aliased(q.Book, name="other")
    return q.select(one.title, other.title).join(other, other.pages > one.pages)


def alias_from_a_relation(q):
    parent, child = q.aliased(q.Node), q.aliased(q.Node)
    return q.select(parent.name, q.func.count(child.id)).outerjoin(parent.children.of_type(child)).group_by(parent.name)


def join_to_a_subquery(q):
    pages = q.select(q.Book.author_id, q.func.sum(q.Book.pages).label("n")).group_by(q.Book.author_id).subquery()
    return q.select(q.Author.name, pages.c.n).join(pages, pages.c.author_id == q.Author.id)


def join_to_a_subquery_by_its_foreign_key(q):
    thick = q.select(q.Book.author_id, q.Book.title).where(q.Book.pages > 15).subquery()
    return q.select(q.Author.name, thick.c.title).join(thick)


def columns_of_a_subquery(q):
    pairs = q.select(q.Author, q.Book.title).join(q.Author.books).subquery()
    return q.select(pairs.c.name, pairs.c.title).where(pairs.c.id == 1)


def equal_names_in_a_subquery(q):
    pairs = q.select(q.Author.id, q.Book.id).join(q.Book).subquery()
    return q.select(pairs)


def alias_of_a_subquery(q):
    rows = q.select(q.Book).where(q.Book.pages < 35).subquery()
    book = q.aliased(q.Book, rows)
    return q.select(book.title, q.Author.name).join(q.Author, q.Author.id == book.author_id)


def scalar_subquery_correlates(q):
    count = q.select(q.func.count(q.Book.id)).where(q.Book.author_id == q.Author.id).scalar_subquery()
    return q.select(q.Author.name, count.label("n")).where(count > 0)


def only_table_of_a_subquery_does_not_correlate(q):
    youngest = q.select(q.func.max(q.Author.born)).scalar_subquery()
    return q.select(q.Author.name).where(q.Author.born == youngest)


def selected_table_correlates_where_another_is_left(q):
    inner = q.select(q.Author.name).where(q.Author.id == q.Book.author_id, q.Book.pages > 25).correlate(q.Author)
    return q.select(q.Author.name).where(q.exists(inner))


def exists_with_conditions(q):
    return q.select(q.Author.name).where(~q.exists().where(q.Book.author_id == q.Author.id))


def exists_of_a_join_is_its_own(q):
    inner = q.select(q.Author.id).join(q.Author.books).where(q.Book.title == "C")
    return q.select(q.Author.name).where(inner.exists())


def in_a_select(q):
    return q.select(q.Author.name).where(q.Author.id.in_(q.select(q.Book.author_id).where(q.Book.pages > 25)))


def in_a_union(q):
    thin, thick = q.select(q.Book.id).where(q.Book.pages < 15), q.select(q.Book.id).where(q.Book.pages > 35)
    return q.select(q.Book.title).where(q.Book.id.in_(q.union(thin, thick)))


def union_in_order(q):
    both = q.union(q.select(q.Author.name.label("word")), q.select(q.Book.title))
    return both.order_by("word").limit(3).offset(1)


def nested_sets(q):
    titles = q.select(q.Book.title)
    both = q.union_all(titles.where(q.Book.pages < 25), titles.where(q.Book.pages > 15))
    return q.except_(both, titles.where(q.Book.title == "A"))


def intersection_in_a_subquery(q):
    titles = q.select(q.Book.title)
    rows = q.intersect(titles.where(q.Book.pages < 35), titles.where(q.Book.pages > 15)).subquery()
    return q.select(q.func.count()).select_from(rows)


def cte_read_twice(q):
    pages = q.select(q.Book.author_id, q.func.sum(q.Book.pages).label("n")).group_by(q.Book.author_id).cte("pages")
    other = pages.alias()
    return q.select(pages.c.n, other.c.n).join(other, other.c.n > pages.c.n)


def cte_of_a_cte(q):
    thick = q.select(q.Book).where(q.Book.pages > 15).cte("thick")
    wrote = q.select(thick.c.author_id).where(thick.c.title != "C").cte("wrote")
    return q.select(q.Author.name).join(wrote, wrote.c.author_id == q.Author.id)


def recursive_cte(q):
    tree = q.select(q.Node.id, q.Node.name).where(q.Node.parent_id.is_(None)).cte("tree", recursive=True)
    child = q.aliased(q.Node)
    return q.select(tree.union_all(q.select(child.id, child.name).join(tree, child.parent_id == tree.c.id)))


def list_of_rows(q):
    rows = q.values(q.column("name", q.String), q.column("rank", q.Integer), name="v").data([("Ann", 1), ("Zed", 2)])
    return q.select(q.Author.name, rows.c.rank).outerjoin(rows, rows.c.name == q.Author.name)


def select_from_a_join(q):
    return q.select(q.Book.title).select_from(q.join(q.Author, q.Book, q.Author.id == q.Book.author_id))


def join_from_and_full(q):
    return q.select(q.Author.name, q.Book.title).join_from(q.Author, q.Book, full=True)


def join_on_true(q):
    return q.select(q.Author.name, q.Node.name).join(q.Node, q.true())


def any_of_alternatives(q):
    return q.select(q.Author.name).where(q.Author.books.any(q.or_(q.Book.title == "Alone", q.Book.pages == 20)))


def none_of_alternatives(q):
    return q.select(q.Book.title).where(~q.Book.author.has((q.Author.born == 1950) | (q.Author.name == "Cid")))


def set_in_order_of_the_second_of_equal_columns(q):
    titles = q.select(q.Book.pages.label("one"), q.Book.pages.label("other"))
    return q.union_all(titles, q.select(-q.Book.pages, q.Book.pages + 100)).order_by(q.desc("other")).limit(2)


def order_by_a_constant_condition(q):
    return q.select(q.Book.title).order_by(q.Book.id.not_in([]), q.Book.id.in_([]).desc(), q.Book.title).limit(2)


def sum_of_texts_that_are_cases(q):
    kind, size = q.case((q.Book.pages > 15, "thick")), q.case((q.Book.title == "A", q.Book.title))
    return q.select(kind + size, size + kind, q.func.coalesce(kind, "") + q.func.coalesce(size, ""))


STATEMENTS: list[Callable[[Any], Any]] = [
    alias_in_a_self_join,
    two_aliases,
    alias_from_a_relation,
    join_to_a_subquery,
    join_to_a_subquery_by_its_foreign_key,
    columns_of_a_subquery,
    equal_names_in_a_subquery,
    alias_of_a_subquery,
    scalar_subquery_correlates,
    only_table_of_a_subquery_does_not_correlate,
    selected_table_correlates_where_another_is_left,
    exists_with_conditions,
    exists_of_a_join_is_its_own,
    in_a_select,
    in_a_union,
    union_in_order,
    nested_sets,
    intersection_in_a_subquery,
    cte_read_twice,
    cte_of_a_cte,
    recursive_cte,
    list_of_rows,
    select_from_a_join,
    join_from_and_full,
    join_on_true,
    any_of_alternatives,
    none_of_alternatives,
    set_in_order_of_the_second_of_equal_columns,
    order_by_a_constant_condition,
    sum_of_texts_that_are_cases,
]

# What SQLAlchemy writes for these is not what SQLite takes.
NOT_ON_SQLITE = {nested_sets, list_of_rows}


def in_order(rows: Any) -> list[tuple[Any, ...]]:
    return sorted((tuple(row) for row in rows), key=repr)


async def test_rows_are_those_of_sqlalchemy(url):
    ours: dict[str, Any] = {}
    async with ormkit.create_engine(url) as engine:
        await library.Base.metadata.create_all(engine)
        async with AsyncSession(engine) as session:
            books = [library.Book(title="B", pages=10), library.Book(title="A", pages=30)]
            session.add_all([library.Author(name="Ann", born=1950, books=books), library.Author(name="Cid")])
            session.add_all([library.Author(name="Bea", born=1960, books=[library.Book(title="C", pages=20)])])
            session.add(library.Book(title="Alone", pages=40))
            await session.commit()
            leaf = library.Node(name="left", children=[library.Node(name="leaf")])
            session.add(library.Node(name="root", children=[leaf, library.Node(name="right")]))
            await session.commit()
            statements = [one for one in STATEMENTS if engine.is_postgres() or one not in NOT_ON_SQLITE]
            for statement in statements:
                ours[statement.__name__] = in_order(await session.execute(statement(OURS)))
    # The file is closed by now: two libraries of SQLite in one process do not see each other's locks.
    other = sqlalchemy.create_engine(url.replace("postgres://", "postgresql://").replace("ql://", "ql+psycopg://"))
    with sqlalchemy.orm.Session(other) as session:
        theirs = {statement.__name__: in_order(session.execute(statement(THEIRS))) for statement in statements}
    other.dispose()
    assert ours == theirs
