"""Statements as text: what is built, and which mistakes are found before any SQL."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from ormkit._ormkit import (
    DataError,
    F,
    FieldError,
    ForeignKey,
    Integer,
    Mapped,
    Q,
    Query,
    Unsupported,
    and_,
    case,
    cast,
    delete,
    func,
    insert,
    joinedload,
    literal,
    mapped_column,
    not_,
    or_,
    relationship,
    select,
    selectinload,
    text,
    update,
)
from ormkit.base import Base


class Writer(Base):
    __tablename__ = "writers"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    born: Mapped[dt.date | None]
    novels: Mapped[list[Novel]] = relationship(back_populates="writer", order_by="Novel.year")


class Novel(Base):
    __tablename__ = "books"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    year: Mapped[int]
    isbn: Mapped[str | None]
    price: Mapped[Decimal | None]
    writer_id: Mapped[int | None] = mapped_column(ForeignKey("writers.id"))
    writer: Mapped[Writer | None] = relationship(back_populates="novels")


def where(condition: Any, dialect: str = "postgresql") -> str:
    """The text behind WHERE."""
    return select(Novel.id).where(condition).to_sql(dialect)[0].partition(" WHERE ")[2]


def found(query: Any) -> str:
    return str(query).partition(" WHERE ")[2]


@pytest.fixture
def novels() -> Query:
    """A query that no session runs."""
    return Query(Novel)


def test_one_table_has_bare_columns_and_directions_are_spelled_out() -> None:
    statement = (
        select(Novel.id, Novel.title)
        .where(Novel.title == "x", Novel.year >= 1999)
        .order_by(Novel.year.desc())
        .limit(10)
        .offset(20)
    )
    sql = "SELECT id, title FROM books WHERE title = $1 AND year >= $2 ORDER BY year DESC LIMIT 10 OFFSET 20"
    assert statement.to_sql() == (sql, ["x", 1999])
    assert str(statement) == sql
    assert "title = ? AND year >= ?" in statement.to_sql("sqlite")[0]


def test_statements_are_immutable() -> None:
    base = select(Writer)
    base.where(Writer.id == 1).order_by("name").limit(3)
    assert str(base) == "SELECT id, name, born FROM writers"


def test_columns_may_be_given_by_name() -> None:
    assert str(select(Novel.id).order_by("year", "-title")).endswith("ORDER BY year ASC, title DESC")
    assert str(select(Novel.id).order_by("year", desc=True)).endswith("ORDER BY year DESC")


def test_join_follows_a_relation_or_the_only_foreign_key() -> None:
    joined = "FROM books JOIN writers ON writers.id = books.writer_id WHERE writers.name = $1"
    assert str(select(Novel.title).join(Novel.writer).where(Writer.name == "Eco")).endswith(joined)
    by_key = str(select(Novel.title).outerjoin(Writer))
    assert by_key == "SELECT books.title FROM books LEFT OUTER JOIN writers ON books.writer_id = writers.id"


def test_conditions_are_combined_with_signs() -> None:
    assert where((Novel.year == 1) | (Novel.year == 2) & ~(Novel.title == "x")) == (
        "year = $1 OR year = $2 AND title != $3"
    )
    assert where(and_(Novel.year > 1, or_(Novel.year < 5, not_(Novel.isbn.like("x%"))))) == (
        "year > $1 AND (year < $2 OR isbn NOT LIKE $3)"
    )


def test_none_is_null_and_empty_lists_match_nothing() -> None:
    assert where(Novel.isbn == None) == "isbn IS NULL"  # noqa: E711
    assert where(Novel.isbn.is_not(None)) == "isbn IS NOT NULL"
    assert where(Novel.id.in_([])) == "FALSE"
    assert where(Novel.id.in_([1, 2])) == "id IN ($1, $2)"
    assert where(Novel.id.in_(select(Novel.id).where(Novel.year == 1))).startswith("id IN (SELECT")


def test_parts_of_a_text_are_literal_on_both_databases() -> None:
    statement = select(Novel.id).where(Novel.title.contains("50%"))
    assert statement.to_sql() == ("SELECT id FROM books WHERE title LIKE $1", ["%50\\%%"])
    assert statement.to_sql("sqlite") == ("SELECT id FROM books WHERE title GLOB ?", ["*50%*"])


def test_arithmetic_takes_the_type_of_its_value() -> None:
    assert where(Novel.year + 1 == 2000) == "year + $1 = $2"
    assert where(Novel.title + "!" == "a!") == "title || $1 = $2"
    assert where(2 * Novel.price > Decimal("9.5")) == "$1 * price > $2"


def test_aggregates_group_and_have_names() -> None:
    count = func.count(Novel.id)
    statement = select(Novel.year, count.label("n")).group_by(Novel.year).having(count > 1).order_by(count.desc())
    assert str(statement) == (
        "SELECT year, count(id) AS n FROM books GROUP BY year HAVING count(id) > $1 ORDER BY count(id) DESC"
    )
    assert str(select(func.count()).select_from(Novel)) == "SELECT count(*) FROM books"
    assert "count(DISTINCT year) FILTER (WHERE year > $1)" in str(
        select(func.count(Novel.year).distinct().filter(Novel.year > 3))
    )


def test_case_cast_literal_and_own_text() -> None:
    kind = case((Novel.year < 1900, "old"), else_="new")
    assert str(select(kind.label("kind"))) == "SELECT CASE WHEN year < $1 THEN $2 ELSE $3 END AS kind FROM books"
    assert str(select(cast(Novel.isbn, Integer))) == "SELECT CAST(isbn AS INTEGER) FROM books"
    assert select(literal(7)).to_sql() == ("SELECT $1", [7])
    assert where(text("year % 4 = 0")) == "year % 4 = 0"


def test_relations_are_asked_for_objects_and_related_rows() -> None:
    eco = Writer(id=3, name="Eco")
    assert where(Novel.writer == eco) == "writer_id = $1"
    assert where(Novel.writer == None) == "writer_id IS NULL"  # noqa: E711
    related = "EXISTS (SELECT 1 FROM books WHERE books.writer_id = writers.id AND books.year > $1)"
    assert found(select(Writer).where(Writer.novels.any(Novel.year > 1980))) == related
    assert found(select(Writer).where(Writer.novels.any(year__gt=1980))) == related
    with pytest.raises(TypeError, match="compared with a Writer or None, not with a str"):
        Novel.writer == "Eco"  # noqa: B015
    with pytest.raises(TypeError, match="has no Writer.id yet"):
        Novel.writer == Writer(name="new")  # noqa: B015


def test_conditions_have_no_truth_value() -> None:
    with pytest.raises(TypeError, match="`&`, `|` and `~`"):
        bool(Novel.year > 1)
    with pytest.raises(TypeError, match=r"\.in_\("):
        1 in Novel.year  # noqa: B015
    for misuse in (bool, len, list):
        with pytest.raises(TypeError):
            misuse(select(Novel))


def test_equality_of_two_columns_answers_by_identity() -> None:
    assert Novel.year in [Novel.id, Novel.year]
    assert Novel.id != Novel.year
    assert {Novel.id: 1}[Novel.id] == 1


def test_values_are_checked_against_their_columns() -> None:
    with pytest.raises(DataError, match=r"Novel\.year"):
        Novel.year == "1999"  # noqa: B015
    with pytest.raises(DataError, match=r"Novel\.year"):
        Novel.year.in_([1, 2**40])
    with pytest.raises(DataError, match=r"Novel\.title"):
        insert(Novel).values(title=7)


@pytest.mark.parametrize("count", [-1, "3", 2.5, True])
def test_limit_takes_whole_numbers_only(count: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="limit"):
        select(Novel).limit(count)


def test_insert_takes_rows_and_conflicts() -> None:
    rows = insert(Novel).values([{"title": "a", "year": 1}, {"title": "b", "year": 2}]).returning("id")
    assert rows.to_sql() == (
        "INSERT INTO books (title, year) VALUES ($1, $2), ($3, $4) RETURNING id",
        ["a", 1, "b", 2],
    )
    upsert = insert(Novel).values(isbn="i", title="t").on_conflict_do_update(Novel.isbn)
    assert str(upsert) == (
        "INSERT INTO books (isbn, title) VALUES ($1, $2) ON CONFLICT (isbn) DO UPDATE SET title = EXCLUDED.title"
    )
    assert str(insert(Novel).values(title="t").on_conflict_do_nothing()).endswith("ON CONFLICT DO NOTHING")


def test_update_and_delete() -> None:
    assert update(Novel).where(Novel.id == 7).values(title="t").to_sql() == (
        "UPDATE books SET title = $1 WHERE id = $2",
        ["t", 7],
    )
    assert str(update(Novel).values(year=F("year") + 1)) == "UPDATE books SET year = year + $1"
    assert str(delete(Novel).where(Novel.year < 5)) == "DELETE FROM books WHERE year < $1"


def test_joinedload_adds_columns_and_limits_parents() -> None:
    assert "LEFT OUTER JOIN writers AS writers_1" in str(select(Novel).options(joinedload(Novel.writer)))
    limited = str(select(Writer).options(joinedload("novels")).order_by("name").limit(2))
    assert "FROM (SELECT id, name, born FROM writers ORDER BY name ASC LIMIT 2) AS writers" in limited


def test_unknown_names_are_found_before_any_sql(novels: Query) -> None:
    with pytest.raises(FieldError, match="did you mean `title`"):
        novels.filter(titel="x")
    with pytest.raises(FieldError, match="did you mean `name`"):
        novels.filter(writer__nam="x")
    with pytest.raises(FieldError, match="did you mean `contains`"):
        novels.filter(title__contain="x")
    with pytest.raises(FieldError, match="did you mean `writer`"):
        novels.options(selectinload("writter"))
    with pytest.raises(FieldError, match="did you mean `year`"):
        novels.order_by("-yaer")


def test_lookups_cross_relations_by_exists(novels: Query) -> None:
    assert found(novels.filter(writer__name__startswith="E", year__between=(1980, 1990))) == (
        "EXISTS (SELECT 1 FROM writers WHERE writers.id = books.writer_id AND writers.name LIKE $1) "
        "AND year BETWEEN $2 AND $3"
    )
    assert found(novels.filter(writer_id=None, pk__in=[1])) == "writer_id IS NULL AND id IN ($1)"


def test_exclude_keeps_what_is_null(novels: Query) -> None:
    assert found(novels.exclude(isbn="x")) == "isbn IS DISTINCT FROM $1"
    assert found(novels.exclude(year=1)) == "year != $1"


def test_q_and_f(novels: Query) -> None:
    assert found(novels.filter(Q(year=1) | ~Q(title="x"))) == "year = $1 OR title != $2"
    assert found(novels.filter((Novel.year > 3) & Q(title="x"))) == "year > $1 AND title = $2"
    assert found(novels.filter(year__gt=F("id") + 1)) == "year > id + $1"
    with pytest.raises(TypeError, match="no truth value"):
        bool(Q(year=1))


def test_slices_count_within_slices(novels: Query) -> None:
    assert str(novels[10:20][2:5]).endswith("LIMIT 3 OFFSET 12")
    with pytest.raises(TypeError, match=r"query\.first\(\)"):
        novels[0]
    with pytest.raises(TypeError, match="filter before limit"):
        novels.limit(3).filter(year=1)


def test_what_a_dialect_lacks_is_named() -> None:
    named = insert(Novel).values(title="t").on_conflict_do_nothing(constraint="uq")
    with pytest.raises(Unsupported, match="ON CONSTRAINT on sqlite"):
        named.to_sql("sqlite")
