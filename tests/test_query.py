"""Fluent queries and select(): what they answer, on both databases."""

import pytest
from library import Author, Base, Book

from ormkit import (
    AsyncSession,
    FieldError,
    InterfaceError,
    MultipleResultsFound,
    NoResultFound,
    create_engine,
    func,
    select,
    selectinload,
)


@pytest.fixture
async def session(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        ann = Author(name="Ann", born=1900, books=[Book(title="Dune", pages=500), Book(title="100%", pages=80)])
        await session.insert_all([ann, Author(name="bea", born=1950), Author(name="Cid")])
        yield session


async def names(query):
    return [author.name for author in await query.order_by("id").all()]


@pytest.mark.parametrize(
    ("lookups", "expected"),
    [
        ({"name": "Ann"}, ["Ann"]),
        ({"name__iexact": "BEA"}, ["bea"]),
        ({"name__in": ["Ann", "Cid"]}, ["Ann", "Cid"]),
        ({"name__in": []}, []),
        ({"born": None}, ["Cid"]),
        ({"born__isnull": False}, ["Ann", "bea"]),
        ({"born__gte": 1950}, ["bea"]),
        ({"born__between": (1890, 1910)}, ["Ann"]),
        ({"born__ne": 1900}, ["bea", "Cid"]),
        ({"name__startswith": "A"}, ["Ann"]),
        ({"name__icontains": "E"}, ["bea"]),
        ({"books__title": "Dune"}, ["Ann"]),
        ({"books__title__contains": "0%"}, ["Ann"]),
        ({"books__title__contains": "_une"}, []),
        ({"pk": 2}, ["bea"]),
    ],
)
async def test_lookup(session, lookups, expected):
    assert await names(session.query(Author).filter(**lookups)) == expected


async def test_expressions_filter(session):
    assert await names(session.query(Author).filter((Author.born < 1940) | Author.born.is_(None))) == ["Ann", "Cid"]
    assert await names(session.query(Author).filter(~(Author.name == "Ann"))) == ["bea", "Cid"]
    assert await names(session.query(Author).exclude(name="Ann")) == ["bea", "Cid"]


async def test_lookup_across_many_to_one(session):
    books = await session.query(Book).filter(author__name="Ann").order_by("title").all()
    assert [book.title for book in books] == ["100%", "Dune"]


async def test_order_limit_offset_and_slices(session):
    query = session.query(Author).order_by("-name")
    assert [author.name for author in await query.limit(1).offset(1).all()] == [
        author.name for author in await query[1:2].all()
    ]


async def test_first_one_and_their_errors(session):
    assert (await session.query(Author).order_by("id").first()).name == "Ann"
    assert await session.query(Author).filter(name="Nobody").first() is None
    assert await session.query(Author).filter(name="Nobody").one_or_none() is None
    with pytest.raises(NoResultFound):
        await session.query(Author).filter(name="Nobody").one()
    with pytest.raises(MultipleResultsFound):
        await session.query(Author).one()


async def test_count_and_exists_respect_filters_and_limits(session):
    assert await session.query(Author).count() == 3
    assert await session.query(Author).filter(born__isnull=True).count() == 1
    assert await session.query(Author).limit(2).count() == 2
    assert await session.query(Author).filter(name="Ann").exists()
    assert not await session.query(Author).filter(name="Nobody").exists()


async def test_query_can_be_awaited(session):
    assert len(await session.query(Author)) == 3


async def test_select_of_columns_answers_rows(session):
    result = await session.execute(select(Author.name, Author.born).where(Author.born.is_not(None)).order_by(Author.id))
    rows = result.all()
    assert rows == [("Ann", 1900), ("bea", 1950)]
    assert (rows[0].name, rows[0].born) == ("Ann", 1900)


async def test_select_with_join_and_aggregate(session):
    statement = (
        select(Author.name, func.count(Book.id).label("books"))
        .outerjoin(Book, Book.author_id == Author.id)
        .group_by(Author.name)
        .order_by(Author.name)
    )
    found = {row.name: row.books for row in await session.execute(statement)}
    assert found == {"Ann": 2, "bea": 0, "Cid": 0}


async def test_unknown_names_are_refused_before_any_sql(session):
    with pytest.raises(FieldError, match="did you mean `name`"):
        session.query(Author).filter(nmae="x")
    with pytest.raises(FieldError, match="did you mean `icontains`"):
        session.query(Author).filter(name__icontain="x")
    with pytest.raises(FieldError):
        session.query(Author).order_by("nmae")


async def test_condition_has_no_truth_value(session):
    with pytest.raises(TypeError, match="and_|&"):
        bool(Author.name == "x")


async def test_relation_where_a_column_is_needed_is_called_one(session):
    with pytest.raises(FieldError, match=r"^Author\.books is a relation: a column is needed here"):
        await session.query(Author).order_by("books").all()
    with pytest.raises(FieldError, match=r"^Author\.name is a column: a relation is needed here"):
        await session.query(Author).options(selectinload("name")).all()


async def test_limit_beyond_every_table_is_a_value_error(session):
    with pytest.raises(ValueError, match=r"limit\(\) takes a number of rows from 0 to 9223372036854775807"):
        session.query(Author).limit(2**70)


def test_misspelt_attribute_of_a_class_has_a_near_match():
    with pytest.raises(AttributeError, match="^Author has no attribute `nmae`: did you mean `name`"):
        _ = Author.nmae
    assert getattr(Author, "nmae", None) is None


def test_engine_options_that_cannot_be_are_named():
    with pytest.raises(ValueError, match="min_connections must be a number from 0 up, not -1"):
        create_engine("sqlite::memory:", min_connections=-1)
    with pytest.raises(InterfaceError, match="ormkit has no URL scheme `mysql`"):
        create_engine("mysql://u:secret@h/db")
