"""What statements answer: rows that are read without await."""

import pickle

import pytest
from library import Author, Base, Book

from ormkit import (
    AsyncSession,
    DataError,
    FieldError,
    MultipleResultsFound,
    NoResultFound,
    select,
)


@pytest.fixture
async def db(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all([Author(name="Ann", born=1950), Author(name="Bob")])
    return engine


BOTH = "SELECT id, name FROM authors ORDER BY id"


async def test_rows_are_read_in_every_form(db):
    result = await db.execute(BOTH)
    assert result.all() == [{"id": 1, "name": "Ann"}, {"id": 2, "name": "Bob"}]
    assert result.tuples() == [(1, "Ann"), (2, "Bob")]
    assert result.first() == {"id": 1, "name": "Ann"}
    assert result.column("name") == ["Ann", "Bob"]
    assert result.columns_as_tuples(["name", "id"]) == [("Ann", 1), ("Bob", 2)]
    assert (result.scalar(), result.scalars()) == (1, [1, 2])
    assert (result.columns, result.column_names()) == (("id", "name"), ["id", "name"])
    assert (len(result), result.rowcount, result.is_empty(), bool(result)) == (2, 2, False, True)
    assert [row["id"] for row in result] == [1, 2]


@pytest.mark.parametrize("sql", ["", "  ", "-- nothing", "/* nothing */;"])
async def test_text_without_a_statement_answers_nothing(db, sql):
    result = await db.execute(sql)
    assert result.is_empty() and result.columns == ()
    assert (await db.execute("SELECT 1")).scalar() == 1


async def test_sql_with_a_lone_surrogate_is_a_data_error(db):
    with pytest.raises(DataError, match="lone surrogate"):
        await db.execute("SELECT '\ud800'")


async def test_result_without_rows_is_empty(db):
    result = await db.execute("SELECT id FROM authors WHERE id < 0")
    assert (result.all(), result.first(), result.scalar(), result.one_or_none()) == ([], None, None, None)
    assert result.is_empty() and not result and result.rowcount == 0
    with pytest.raises(NoResultFound):
        result.one()


async def test_more_rows_than_one_are_refused(db):
    result = await db.execute(BOTH)
    with pytest.raises(MultipleResultsFound, match="there are 2"):
        result.one()
    with pytest.raises(MultipleResultsFound):
        result.one_or_none()


async def test_unknown_column_names_the_near_one(db):
    with pytest.raises(FieldError, match="did you mean `name`"):
        (await db.execute(BOTH)).column("nmae")


async def test_rowcount_of_a_write_is_the_rows_written(db):
    result = await db.execute("UPDATE authors SET born = 1")
    assert (result.rowcount, len(result), result.columns) == (2, 0, ())


async def test_rows_have_attributes(db):
    async with AsyncSession(db) as session:
        result = await session.execute(select(Author.id, Author.name).order_by(Author.id))
        row = result.first()
        assert row == (1, "Ann") and isinstance(row, tuple)
        assert (row.id, row.name) == (1, "Ann")
        assert row._mapping == row._asdict() == {"id": 1, "name": "Ann"}
        assert pickle.loads(pickle.dumps(row)).name == "Ann"
        with pytest.raises(AttributeError):
            row.other  # noqa: B018
        assert result.mappings().all() == [{"id": 1, "name": "Ann"}, {"id": 2, "name": "Bob"}]
        assert [type(row) for row in result.tuples()] == [tuple, tuple]
        assert [len(part) for part in result.partitions(1)] == [1, 1]


async def test_scalars_are_the_first_column(db):
    async with AsyncSession(db) as session:
        scalars = (await session.execute(select(Author).order_by(Author.id))).scalars()
        assert [author.name for author in scalars] == ["Ann", "Bob"]
        assert scalars.first() is scalars.all()[0]
        with pytest.raises(MultipleResultsFound):
            scalars.one()
        one = await session.execute(select(Author.name).where(Author.id == 2))
        assert (one.scalar(), one.scalar_one(), one.scalar_one_or_none(), one.scalars().one()) == ("Bob",) * 4
        none = await session.execute(select(Book))
        assert (none.scalar(), none.scalar_one_or_none(), none.first()) == (None, None, None)
        with pytest.raises(NoResultFound):
            none.scalar_one()


@pytest.mark.parametrize(
    "use", [len, bool, lambda result: 1 in result, lambda result: result[0]], ids=["len", "bool", "in", "index"]
)
async def test_result_is_no_list_and_says_how_to_get_one(db, use):
    async with AsyncSession(db) as session:
        result = await session.execute(select(Author))
        for one in (result, result.scalars()):
            with pytest.raises(TypeError, match=r"\.all\(\)"):
                use(one)


async def test_columns_of_one_name_are_told_apart(db):
    async with AsyncSession(db) as session:
        await session.insert(Book(id=7, title="T", author_id=1))
        statement = select(Author.id, Book.id, Book.title).join(Book.author)
        row = (await session.execute(statement)).one()
        assert row == (1, 7, "T")
        assert (row.id, row.id_1) == (1, 7)
        assert row._asdict() == {"id": 1, "id_1": 7, "title": "T"}
        assert pickle.loads(pickle.dumps(row)).id_1 == 7
        result = await session.execute(statement)
        assert result.keys() == ["id", "id_1", "title"]
        assert result.mappings().one() == {"id": 1, "id_1": 7, "title": "T"}
        names = select(Author.id.label("id_1"), Author.id, Book.id).join(Book.author)
        assert (await session.execute(names)).keys() == ["id_1", "id", "id_2"]
