"""Aggregates, computed values and rows of fluent queries, on both databases."""

from decimal import Decimal

import pytest
from library import Author, Base, Book, Shelf

from ormkit import (
    AsyncSession,
    Count,
    F,
    FieldError,
    Max,
    Min,
    NotLoadedError,
    NotSupportedError,
    Q,
    Sum,
    func,
)


@pytest.fixture
async def session(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as filling:
        ann = Author(name="Ann", born=1900, books=[Book(title="Dune", pages=500), Book(title="Atom", pages=80)])
        bea = Author(name="Bea", born=1950, books=[Book(title="Bees", pages=80, shelf="B")])
        await filling.insert_all([ann, bea, Author(name="Cid"), Book(title="Lost", pages=10)])
    async with AsyncSession(engine) as session:
        yield session


async def counted(session, query, name="n"):
    return {author.name: getattr(author, name) for author in await query.order_by("name")}


async def test_related_objects_are_counted_on_each_object(session, engine):
    authors = session.query(Author).annotate(n=Count("books"), pages=Sum("books__pages"))
    assert await counted(session, authors) == {"Ann": 2, "Bea": 1, "Cid": 0}
    assert await counted(session, authors, "pages") == {"Ann": 580, "Bea": 80, "Cid": None}
    assert session.dirty == []
    assert [author.name for author in await authors.order_by("-n", "name")] == ["Ann", "Bea", "Cid"]
    assert [author.name for author in await authors.filter(n__gt=1)] == ["Ann"]
    assert [author.name for author in await authors.filter(Q(n=0) | Q(pages__lt=100)).order_by("name")] == [
        "Bea",
        "Cid",
    ]
    assert [author.name for author in await authors.exclude(n__in=[1, 2])] == ["Cid"]
    assert await authors.filter(n__gte=1).count() == 2
    assert await authors.filter(pages__isnull=True).exists()


async def test_several_lists_do_not_multiply(session):
    ann = (
        await session.query(Author)
        .annotate(n=Count("books"), least=Min("books__pages"), all=Count("books__id"))
        .get(name="Ann")
    )
    assert (ann.n, ann.least, ann.all) == (2, 80, 2)


async def test_aggregates_take_filters_and_distinct(session):
    authors = session.query(Author)
    long = authors.annotate(n=Count("books", filter=Q(books__pages__gt=100)))
    assert await counted(session, long) == {"Ann": 1, "Bea": 0, "Cid": 0}
    plain = authors.annotate(n=Count("books", filter=(Book.pages > 100)))
    assert await counted(session, plain) == {"Ann": 1, "Bea": 0, "Cid": 0}
    denied = authors.annotate(n=Count("books", filter=~Q(books__title="Dune")))
    assert await counted(session, denied) == {"Ann": 1, "Bea": 1, "Cid": 0}
    shelves = authors.annotate(n=Count("books__shelf", distinct=True))
    assert await counted(session, shelves) == {"Ann": 1, "Bea": 1, "Cid": 0}
    computed = authors.annotate(n=Sum(F("books__pages") * 2))
    assert await counted(session, computed) == {"Ann": 1160, "Bea": 160, "Cid": None}


async def test_f_computes_and_crosses_relations(session):
    books = session.query(Book)
    assert [book.title for book in await books.filter(pages__gt=F("author__born") / 10)] == ["Dune"]
    found = await books.annotate(double=F("pages") * 2, by=F("author__name")).order_by("title")
    assert [(book.title, book.double, book.by) for book in found] == [
        ("Atom", 160, "Ann"),
        ("Bees", 160, "Bea"),
        ("Dune", 1000, "Ann"),
        ("Lost", 20, None),
    ]
    assert [book.title for book in await books.order_by("-author__name", "title").filter(author__isnull=False)] == [
        "Bees",
        "Atom",
        "Dune",
    ]
    assert (await books.annotate(double=F("pages") * 2).annotate(more=F("double") + 1).get(title="Lost")).more == 21
    assert [book.title for book in await books.annotate(t=func.lower(Book.title)).filter(t__startswith="d")] == ["Dune"]


async def test_names_are_checked_before_any_sql(session):
    for wrong in (
        lambda q: q.annotate(n=Count("bokos")),
        lambda q: q.order_by("-naem"),
        lambda q: q.values("nmae"),
        lambda q: q.annotate(n=Count("books")).filter(n__gtt=3),
        lambda q: q.filter(name=F("bron")),
        lambda q: q.only("books"),
        lambda q: q.values("books__titel"),
    ):
        with pytest.raises(FieldError):
            wrong(session.query(Author))
    with pytest.raises(ValueError, match="has an attribute"):
        session.query(Author).annotate(name=Count("books"))
    with pytest.raises(NotSupportedError, match="aggregate"):
        session.query(Author).annotate(title=F("books__title"))
    with pytest.raises(NotSupportedError, match="values"):
        session.query(Author).annotate(n=Count("id"))
    with pytest.raises(NotSupportedError):
        session.query(Author).order_by("books__title")


async def test_values_are_dicts_and_tuples(session):
    books = session.query(Book).order_by("title")
    assert await books.values("title", "author__name")[:2] == [
        {"title": "Atom", "author__name": "Ann"},
        {"title": "Bees", "author__name": "Bea"},
    ]
    assert await books.values_list("title", Book.pages).filter(pages__gt=80) == [("Dune", 500)]
    assert await books.values_list("title", flat=True) == ["Atom", "Bees", "Dune", "Lost"]
    assert await books.values_list("author", flat=True).filter(author__isnull=True) == [None]
    assert await session.query(Author).filter(name="Cid").values() == [{"id": 3, "name": "Cid", "born": None}]
    assert await session.query(Author).annotate(n=Count("books")).values("name", "n").order_by("name").first() == {
        "name": "Ann",
        "n": 2,
    }
    assert await session.query(Author).values("name", "books__title").filter(name="Ann").order_by("books__title") == [
        {"name": "Ann", "books__title": "Atom"},
        {"name": "Ann", "books__title": "Dune"},
    ]
    assert await books.values("shelf").distinct().order_by().order_by("shelf") == [{"shelf": "A"}, {"shelf": "B"}]
    assert await books.values("title").last() == {"title": "Lost"}
    assert (
        await session.query(Author)
        .filter(id__in=session.query(Book).filter(pages=500).values_list("author_id"))
        .count()
        == 1
    )
    with pytest.raises(TypeError, match="one column"):
        books.values_list("title", "pages", flat=True)


async def test_values_group(session):
    books = session.query(Book)
    by_shelf = books.values("shelf").annotate(n=Count("id"), pages=Sum("pages")).order_by("shelf")
    assert await by_shelf == [{"shelf": "A", "n": 3, "pages": 590}, {"shelf": "B", "n": 1, "pages": 80}]
    assert await by_shelf.filter(n__gt=1) == [{"shelf": "A", "n": 3, "pages": 590}]
    assert await by_shelf.having(n__lt=2).count() == 1
    assert await by_shelf.filter(Q(n=1) | Q(pages__gt=1000)).values_list("shelf", flat=True) == ["B"]
    assert await by_shelf.exclude(n=1) == [{"shelf": "A", "n": 3, "pages": 590}]
    assert await books.values("author__name", n=Count("*")).order_by("-n", "author__name").filter(
        author__isnull=False
    ) == [{"author__name": "Ann", "n": 2}, {"author__name": "Bea", "n": 1}]
    few = books.annotate(thick=F("pages") // 100).values("thick").annotate(n=Count("*")).order_by("thick")
    assert await few == [{"thick": 0, "n": 3}, {"thick": 5, "n": 1}]
    grouped = books.group_by("shelf").values_list("shelf").annotate(n=Count("*", filter=Q(pages__gt=50)))
    assert sorted(await grouped) == [("A", 2), ("B", 1)]
    authors = session.query(Author).values("name").annotate(n=Count("books"), most=Max("books__pages")).order_by("name")
    assert await authors == [
        {"name": "Ann", "n": 2, "most": 500},
        {"name": "Bea", "n": 1, "most": 80},
        {"name": "Cid", "n": 0, "most": None},
    ]
    with pytest.raises(NotSupportedError, match="multiply"):
        session.query(Author).values("name").annotate(n=Count("books"), born=Sum("born"))


async def test_aggregates_respect_filters_limits_and_distinct(session):
    books = session.query(Book)
    assert await books.aggregate(n=Count("*"), pages=Sum("pages"), most=Max("pages")) == {
        "n": 4,
        "pages": 670,
        "most": 500,
    }
    assert await books.filter(author__name="Ann").sum("pages") == 580
    assert await books.order_by("-pages")[:2].sum("pages") == 580
    assert await books.order_by("-pages").limit(1).aggregate(Min("pages")) == {"pages__min": 500}
    assert await books.aggregate(Count("shelf", distinct=True)) == {"shelf__count": 2}
    assert await books.none().aggregate(Sum("pages"), n=Count("*")) == {"pages__sum": None, "n": 0}
    assert Decimal(await books.filter(author__name="Ann").avg("pages")) == 290
    assert (await books.min("title"), await books.max(Book.title)) == ("Atom", "Lost")
    assert await session.query(Author).aggregate(n=Count("books")) == {"n": 3}
    assert await books.aggregate(n=Count("author__name", distinct=True)) == {"n": 2}
    with pytest.raises(NotSupportedError, match="multiply"):
        session.query(Author).aggregate(n=Count("books"), born=Sum("born"))
    with pytest.raises(TypeError, match="Count"):
        await books.aggregate(n="pages")
    assert await books.order_by("title")[1:3].count() == 2


async def test_ends_of_a_query(session):
    books = session.query(Book).order_by("title")
    assert (await books.last()).title == "Lost"
    assert (await books[:2].last()).title == "Bees"
    assert (await session.query(Author).last()).name == "Cid"
    assert await books.none().last() is None
    found = await session.query(Author).in_bulk([1, 3, 99])
    assert {key: author.name for key, author in found.items()} == {1: "Ann", 3: "Cid"}
    named = await session.query(Author).in_bulk(["Ann"], field_name="name")
    assert named["Ann"] is found[1]
    assert len(await session.query(Author).in_bulk()) == 3
    assert "books" in (await books.explain()).lower()


async def test_only_and_defer_leave_columns_unloaded(session):
    book = await session.query(Book).only("title").get(title="Dune")
    assert (book.title, book.id) == ("Dune", book.id)
    with pytest.raises(NotLoadedError):
        _ = book.pages
    other = await session.query(Book).defer("shelf", Book.pages).get(title="Lost")
    assert other.author_id is None
    with pytest.raises(NotLoadedError):
        _ = other.shelf
    assert (await session.query(Book).get(title="Dune")).pages == 500
    assert book.pages == 500


async def test_keys_of_several_columns(session):
    await session.insert_all([Shelf(row=1, place=1), Shelf(row=1, place=2, label="x")])
    assert await session.query(Shelf).values("row", n=Count("*")) == [{"row": 1, "n": 2}]
    assert (await session.query(Shelf).last()).place == 2
