"""What is no condition, no column and no list is refused where it is written, and the error says what to write."""

from __future__ import annotations

from typing import Any

import pytest
from library import Author, Base, Book

import ormkit
from ormkit import (
    ARRAY,
    AsyncSession,
    Count,
    Engine,
    F,
    Integer,
    ProgrammingError,
    String,
    all_,
    and_,
    any_,
    func,
    insert,
    literal,
    not_,
    select,
    text,
    tuple_,
    update,
)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda: select(Author).where(Author.id), r"Author\.id is of type INTEGER: compare it"),
        (lambda: select(Author).where(Author.name), r"Author\.name is of type TEXT"),
        (lambda: and_(Author.id + 1, Author.id == 1), "this expression is of type INTEGER"),
        (lambda: not_(Author.name), r"Author\.name is of type TEXT"),
        (lambda: select(Author).having("id = 1"), r"not a str: SQL of your own is text\(\.\.\)"),
        (lambda: select(Author).where("id = 1"), r"text\(\.\.\)"),
        (lambda: select("id"), r"literal_column\(\.\.\)"),
        (lambda: select(1), r"literal\(\.\.\)"),
        (lambda: select([Author.id]), r"select\(\*columns\)"),
        (lambda: select(Author).join("books"), r"join\(Model\.books\)"),
        (lambda: Author.id.in_(1), "in_.. takes a list of values or a select, not a value of type int"),
        (lambda: Author.id < None, r"is_\(None\)"),
        (lambda: func.count().over(order_by="id"), r"over\(\) takes columns such as User\.age"),
        (lambda: func.count().over(partition_by=F("id")), r"over\(\) takes columns such as User\.age"),
    ],
)
def test_what_is_no_operand_is_refused(made: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        made()


def test_locks_wait_in_one_way() -> None:
    with pytest.raises(ValueError, match="one of nowait and skip_locked"):
        select(Author).with_for_update(nowait=True, skip_locked=True)


@pytest.mark.parametrize(
    ("thing", "word", "words"),
    [
        (select(Author), "whereclause", r"statement\.to_sql\(\)"),
        (select(Author), "column_descriptions", r"statement\.selected_columns\.keys\(\)"),
        (select(Author), "get_final_froms", r"statement\.to_sql\(\)"),
        (select(Author), "c", r"subquery\(\)\.c"),
        (select(Author), "as_scalar", r"scalar_subquery\(\)"),
        (insert(Author), "where", r"on_conflict_do_update"),
        (update(Author), "limit", r"limit\(\.\.\)"),
        (Author.id == 1, "where", "`&` with another condition"),
        (Author.id + 1, "type", r"type_coerce\(\.\., Type\)"),
        (Author.id == 1, "compile", r"select\(\.\.\)\.to_sql"),
        (Author.name, "regexp_replace", r"func\.regexp_replace"),
        (F("id"), "over", r"func\.sum\(Model\.field\)\.over"),
        (Author, "__mapper__", r"inspect\(Author\)"),
        (ormkit, "over", r"func\.name\(\.\.\)\.over"),
        (ormkit, "nullslast", "write nulls_last"),
        (ormkit, "composite", "a property that makes the value of its columns"),
        (ormkit, "ColumnElement", "write Expr"),
        (ormkit, "SQLAlchemyError", "write OrmkitError"),
        (ormkit, "OuterRef", "the column itself"),
        (ormkit, "TextField", r"name: Mapped\[str\]"),
    ],
)
def test_words_that_statements_do_not_have(thing: Any, word: str, words: str) -> None:
    with pytest.raises(AttributeError, match=words):
        getattr(thing, word)
    assert not hasattr(thing, word)


def test_columns_of_a_statement_by_their_other_name() -> None:
    assert select(Author.id, Author.name).exported_columns.keys() == ["id", "name"]


@pytest.fixture
async def session(engine: Engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all([Author(name=name) for name in "abc"])
        await session.insert_all([Book(title=f"t{at}", author_id=at) for at in (1, 1, 2)])
        yield session


async def test_a_select_that_exists_can_be_narrowed_down(session: AsyncSession) -> None:
    some = select(Book.id).exists()
    found = select(Author.name).where(some.where(Book.author_id == Author.id)).order_by(Author.name)
    assert (await session.scalars(found)).all() == ["a", "b"]


async def test_values_beside_values(session: AsyncSession) -> None:
    late = select(Author.name).where(tuple_(Author.id, Author.name) > tuple_(1, "z")).order_by(Author.name)
    assert (await session.scalars(late)).all() == ["b", "c"]
    assert (await session.scalars(select(Author.name).where(tuple_(Author.id, 7) == (2, 7)))).all() == ["b"]


async def test_functions_say_their_type(session: AsyncSession) -> None:
    assert (await session.scalars(select(func.coalesce(None, Author.id, type_=Integer)).order_by(Author.id))).all() == [
        1,
        2,
        3,
    ]
    rank = func.row_number(type_=Integer).over(order_by=Author.id.desc())
    assert (await session.execute(select(Author.name, rank).order_by(Author.name))).all() == [
        ("a", 3),
        ("b", 2),
        ("c", 1),
    ]
    lowered = session.query(Author).annotate(low=func.upper(F("name"), type_=String)).order_by("name")
    assert [author.low for author in await lowered] == ["A", "B", "C"]  # type: ignore[attr-defined]


async def test_flat_values_stay_flat_behind_annotate(session: AsyncSession) -> None:
    names = session.query(Author).values_list("name", flat=True).annotate(n=Count("books"))
    assert await names.filter(n__gt=0).order_by("-n", "name") == ["a", "b"]
    assert await names.order_by("n", "name") == ["c", "b", "a"]


async def test_objects_that_hold_nothing_hold_another(session: AsyncSession) -> None:
    a = await session.get(Author, 1)
    await session.insert(Book(title="none", author_id=None))
    for differs in (Book.author != a, Book.author.is_not(a)):
        found = select(Book.title).where(differs).order_by(Book.title)
        assert (await session.scalars(found)).all() == ["none", "t2"]
    assert (await session.scalars(select(Book.title).where(Book.author != None))).all() == ["t1", "t1", "t2"]  # noqa: E711


async def test_arrays_that_are_written(session: AsyncSession) -> None:
    some = literal([1, 3, 9], ARRAY(Integer))
    found = select(Author.name).where(Author.id == any_(some)).order_by(Author.name)
    assert (await session.scalars(found)).all() == ["a", "c"]
    assert (await session.scalars(select(Author.name).where(Author.id != all_(some)))).all() == ["b"]


async def test_texts_need_their_values(session: AsyncSession, engine: Engine) -> None:
    assert await session.scalar(text("SELECT ':x'")) == ":x"
    for run in (session.execute, session.scalar):
        with pytest.raises(ProgrammingError, match='a value is required for the parameter "x"'):
            await run(text("SELECT id FROM authors WHERE id = :x"))
    async with engine.connect() as connection:
        with pytest.raises(ProgrammingError, match='a value is required for the parameter "x"'):
            await connection.execute(text("SELECT :x"))
