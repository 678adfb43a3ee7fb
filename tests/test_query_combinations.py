"""`query | query`, `query & query`, named rows of values, hybrids that an UPDATE sets by their expression, None in lists."""

import pytest
from library import Author, Base, Book

from ormkit import AsyncSession, Count, Mapped, hybrid_property, mapped_column, select, update
from ormkit.testing import assert_queries


class Interval(Base):
    __tablename__ = "intervals"
    id: Mapped[int] = mapped_column(primary_key=True)
    start: Mapped[int]
    end: Mapped[int]

    @hybrid_property
    def length(self):
        return self.end - self.start

    @length.inplace.update_expression
    @classmethod
    def _length_set(cls, value):
        return [(cls.end, cls.start + value)]

    @hybrid_property
    def doubled(self):
        return self.end * 2


@pytest.fixture
async def session(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all(
            [
                Author(id=1, name="ann", born=1900, books=[Book(title="x"), Book(title="y")]),
                Author(id=2, name="bob", born=1950, books=[Book(title="z")]),
                Author(id=3, name="cy"),
            ]
        )
        yield session


async def names(query):
    return [author.name for author in await query]


async def test_either_and_both(session):
    authors = session.query(Author)
    ann, late = authors.filter(name="ann"), authors.filter(born__gt=1920)
    assert await names((ann | late).order_by("name")) == ["ann", "bob"]
    assert await names(ann & late) == []
    assert await names(ann & authors.filter(born=1900)) == ["ann"]
    assert await names((ann | authors).order_by("name")) == ["ann", "bob", "cy"]
    assert await names(authors & ann) == ["ann"]
    assert await names(ann | authors.none()) == ["ann"]
    assert await names(ann & authors.none()) == []
    assert await names(authors.exclude(name="ann") & authors.exclude(born__gt=1920)) == ["cy"]
    assert await (ann | late).count() == 2
    async with session.begin() as block:
        assert await (ann | late).update(born=1) == 2
        await block.rollback()


async def test_combined_across_relations_answers_each_once(session):
    authors = session.query(Author)
    some = authors.filter(books__title="x") | authors.filter(books__title__in=["y", "z"])
    with assert_queries(1):
        assert await names(some.order_by("name")) == ["ann", "bob"]


async def test_order_is_that_of_the_other_where_it_has_one(session):
    books = session.query(Book)
    one, other = books.filter(title="x").order_by("title"), books.filter(title="z").order_by("-author__name")
    assert [book.title for book in await (one | other)] == ["z", "x"]
    assert [book.title for book in await (other | books.filter(title="x"))] == ["z", "x"]


async def test_what_cannot_be_combined_is_refused(session, engine):
    authors = session.query(Author)
    for other, text in [
        (session.query(Book), "one is of Author, the other of Book"),
        (authors.limit(1), "slice"),
        (authors[1:2], "slice"),
        (authors.annotate(n=Count("books")), "computed values"),
        (authors.values("name"), "computed values"),
        (authors.distinct(), "distinct"),
        (AsyncSession(engine).query(Author), "two sessions"),
        (7, "not with a value of type int"),
    ]:
        for combine in (lambda a, b: a | b, lambda a, b: a & b):
            with pytest.raises(TypeError, match=text):
                combine(authors, other)


async def test_values_with_names(session):
    rows = await session.query(Author).order_by("id").values_list("id", "name", named=True)
    assert rows == [(1, "ann"), (2, "bob"), (3, "cy")]
    assert [row.name for row in rows] == ["ann", "bob", "cy"]
    first = await session.query(Book).values_list("author__name", "title", named=True).order_by("id").first()
    assert (first.author__name, first.title) == ("ann", "x")
    with pytest.raises(TypeError, match="not both"):
        session.query(Author).values_list("id", flat=True, named=True)


async def test_update_sets_what_a_hybrid_says(session):
    await session.insert_all([Interval(id=1, start=1, end=3), Interval(id=2, start=5, end=6)])
    held = await session.get(Interval, 1)
    await session.execute(update(Interval).where(Interval.id == 1).values({Interval.length: 10}))
    assert (held.start, held.end) == (1, 11)
    assert await session.query(Interval).update(length=3) == 2
    assert held.end == 4
    await session.execute(update(Interval).values(length=Interval.start))
    assert await session.query(Interval).order_by("-length").values_list("id", "length") == [(2, 5), (1, 1)]
    await session.commit()
    with pytest.raises(TypeError, match="a column or its name"):
        update(Interval).values({Interval.doubled: 10})
    with pytest.raises(TypeError, match="a column or its name"):
        update(Interval).values({Interval.start + 1: 10})


async def test_none_in_a_list_is_neither_equal_nor_different(session):
    async def found(condition):
        return (await session.scalars(select(Author.id).where(condition).order_by(Author.id))).all()

    some = [1900, None]
    assert await found(Author.born.in_(some)) == [1]
    assert await found(Author.born.not_in(some)) == []
    assert await found(~Author.born.in_(some)) == []
    assert await found(~Author.born.not_in(some)) == [1]
    assert await found(Author.born.in_([None])) == []
    assert await found(Author.born.not_in([None])) == []
    assert await found(Author.born.not_in([1900])) == [2]
    # Lookups deny as `exclude` does.
    assert await session.query(Author).filter(born__notin=some).order_by("id").values_list("id", flat=True) == [2, 3]
