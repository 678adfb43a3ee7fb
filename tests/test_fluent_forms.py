"""Arithmetic of aggregates, DISTINCT ON and hybrids by name in fluent queries, on both databases."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ormkit import (
    AsyncSession,
    Avg,
    Count,
    DeclarativeBase,
    F,
    FieldError,
    ForeignKey,
    Mapped,
    Max,
    Min,
    NotSupportedError,
    ProgrammingError,
    Q,
    Sum,
    func,
    hybrid_property,
    mapped_column,
    relationship,
)
from ormkit.testing import assert_queries


class Base(DeclarativeBase):
    __abstract__ = True


class Writer(Base):
    __tablename__ = "writers"
    id: Mapped[int] = mapped_column(primary_key=True)
    first: Mapped[str]
    last: Mapped[str | None]
    books: Mapped[list[Volume]] = relationship(back_populates="writer")

    @hybrid_property
    def full(self) -> str:
        return self.first + " " + self.last


class Volume(Base):
    __tablename__ = "volumes"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    pages: Mapped[int]
    price: Mapped[Decimal]
    shelf: Mapped[str]
    writer_id: Mapped[int | None] = mapped_column(ForeignKey("writers.id"))
    writer: Mapped[Writer | None] = relationship(back_populates="books")

    @hybrid_property
    def thick(self) -> bool:
        return self.pages > 100


@pytest.fixture
async def session(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        ann, bea = Writer(first="Ann", last="Lee"), Writer(first="Bea", last="Cox")
        ann.books = [
            Volume(title="A", pages=100, price=Decimal("1.50"), shelf="x"),
            Volume(title="B", pages=300, price=Decimal("2.50"), shelf="y"),
        ]
        bea.books = [Volume(title="C", pages=50, price=Decimal("4.00"), shelf="x")]
        await session.insert_all(
            [ann, bea, Writer(first="Cid"), Volume(title="D", pages=7, price=Decimal("0.10"), shelf="y")]
        )
    async with AsyncSession(engine) as session:
        yield session


async def test_aggregates_are_calculated_with_on_each_object(session):
    writers = session.query(Writer).order_by("first")

    async def computed(value):
        return [writer.x for writer in await writers.annotate(x=value)]

    assert await computed(Sum("books__pages") / Count("books")) == [200, 50, None]
    assert await computed(Max("books__pages") - Min("books__pages")) == [200, 0, None]
    assert await computed(Count("books") + 1) == [3, 2, 1]
    assert await computed(10 - Count("books")) == [8, 9, 10]
    assert await computed(F("id") * 10 + Count("books")) == [12, 21, 30]
    assert await computed(Count("books") * F("id")) == [2, 2, 0]
    assert await computed(Sum("books__pages") // 7) == [57, 7, None]
    assert await computed(Sum("books__pages") % 7) == [1, 1, None]
    rich = writers.annotate(n=Count("books"), each=Sum("books__price") / Count("books"))
    assert [writer.first for writer in await rich.filter(each__gt=3)] == ["Bea"]
    assert [writer.first for writer in await rich.order_by().order_by("-n", "-id")] == ["Ann", "Bea", "Cid"]
    again = rich.annotate(more=F("n") + F("id"))
    assert [writer.more for writer in await again] == [3, 3, 3]


async def test_aggregates_are_calculated_with_in_groups(session):
    shelves = session.query(Volume).values("shelf").order_by("shelf")
    mean = shelves.annotate(mean=Sum("pages") / Count("id"), span=Max("pages") - Min("pages"))
    assert [(row["shelf"], row["mean"], row["span"]) for row in await mean] == [("x", 75, 50), ("y", 153.5, 293)]
    assert [row["shelf"] for row in await mean.filter(span__gt=100)] == ["y"]
    assert await shelves.annotate(n=Count("id")).annotate(twice=F("n") * Count("id")).values_list("shelf", "twice") == [
        ("x", 4),
        ("y", 4),
    ]
    by_writer = session.query(Volume).values("writer_id").annotate(x=F("writer_id") + Count("id")).order_by("writer_id")
    assert sorted(row["x"] for row in await by_writer.filter(writer_id__isnull=False)) == [3, 3]
    with assert_queries(0), pytest.raises(NotSupportedError, match=r'F\("pages"\) beside aggregates'):
        shelves.annotate(x=F("pages") + Count("id"))


async def test_aggregates_are_calculated_with_over_all_rows(session):
    volumes = session.query(Volume)
    found = await volumes.aggregate(mean=Sum("pages") / Count("*"), span=Max("pages") - Min("pages"), n=Count("id"))
    assert found == {"mean": Decimal("114.25"), "span": 293, "n": 4}
    assert await volumes.filter(shelf="none").aggregate(x=Sum("pages") / Count("*")) == {"x": None}
    with assert_queries(0):
        with pytest.raises(NotSupportedError, match="aggregate it, too"):
            volumes.aggregate(x=F("pages") + Count("id"))
        with pytest.raises(TypeError, match="arithmetic of them"):
            volumes.aggregate(x=F("pages"))
        with pytest.raises(TypeError, match="by a name"):
            volumes.aggregate(Sum("pages") / Count("id"))
        with pytest.raises(TypeError, match="annotate"):
            volumes.filter(pages__gt=Sum("pages") / 2)
        with pytest.raises(NotSupportedError, match="over groups"):
            volumes.group_by("shelf").aggregate(n=Count("id"))


async def test_computed_values_are_aggregated(session):
    writers = session.query(Writer).annotate(n=Count("books"), pages=Sum("books__pages"))
    assert await writers.aggregate(most=Max("n"), all=Sum("pages")) == {"most": 2, "all": 450}
    assert await writers.filter(n__gt=0).aggregate(mean=Avg("n")) == {"mean": 1.5}
    assert await writers.aggregate(Max("n")) == {"n__max": 2}
    assert await writers.max("n") == 2
    assert await writers.aggregate(x=Sum(F("n") * 2)) == {"x": 6}
    with pytest.raises(FieldError):
        writers.aggregate(x=Max("m"))


async def test_distinct_on_keeps_the_first_of_each(session, engine):
    volumes = session.query(Volume)
    longest = volumes.distinct("shelf").order_by("shelf", "-pages")
    if not engine.is_postgres():
        for verb in (longest.all, longest.count, longest.first):
            with pytest.raises(NotSupportedError, match="DISTINCT ON"):
                await verb()
        return
    assert [volume.title for volume in await longest] == ["A", "B"]
    assert await longest.count() == 2
    assert await longest.exists()
    assert (await longest.last()).title == "B"
    assert await longest.sum("pages") == 400
    assert [volume.title for volume in await longest.filter(pages__lt=200)] == ["A", "D"]
    by_writer = volumes.distinct("writer__first").order_by("writer__first", "title")
    assert [volume.title for volume in await by_writer] == ["A", "C", "D"]
    assert [v.title for v in await volumes.distinct(Volume.shelf).order_by(Volume.shelf, Volume.pages)] == ["C", "D"]
    assert await longest.values_list("title", flat=True) == ["A", "B"]
    assert await longest.update(pages=F("pages") + 1000) == 2
    assert await volumes.filter(pages__gt=1000).count() == 2
    with pytest.raises(ProgrammingError, match="sort by these before"):
        await volumes.distinct("shelf").order_by("pages")
    with pytest.raises(FieldError, match="shelf"):
        volumes.distinct("shlef")


async def test_distinct_without_columns_is_each_object_once(session):
    writers = session.query(Writer).filter(books__pages__gt=1).distinct()
    assert [writer.first for writer in await writers.order_by("first")] == ["Ann", "Bea"]


async def test_hybrids_are_named_like_columns(session):
    writers, volumes = session.query(Writer), session.query(Volume)

    async def titles(query):
        return [volume.title for volume in await query.order_by("title")]

    assert [writer.first for writer in await writers.filter(last__isnull=False).order_by("-full")] == ["Bea", "Ann"]
    assert await writers.filter(id=1).values("full") == [{"full": "Ann Lee"}]
    assert await writers.order_by("id").values_list("full", flat=True) == ["Ann Lee", "Bea Cox", None]
    assert await titles(volumes.filter(thick=True)) == ["B"]
    assert await titles(volumes.filter(writer__full="Ann Lee")) == ["A", "B"]
    assert await titles(volumes.filter(writer__full__startswith="B")) == ["C"]
    assert await titles(volumes.filter(writer__full__in=["Bea Cox", "x"])) == ["C"]
    assert await titles(volumes.filter(writer__full__isnull=True)) == ["D"]
    assert await titles(volumes.filter(writer__full__ne="Ann Lee")) == ["C", "D"]
    assert await titles(volumes.exclude(writer__full="Ann Lee")) == ["C", "D"]
    assert await titles(volumes.filter(Q(writer__full="Ann Lee") & ~Q(thick=True))) == ["A"]
    assert [v.title for v in await volumes.order_by(F("writer__full"), "-title").filter(writer__isnull=False)] == [
        "B",
        "A",
        "C",
    ]
    assert [v.title for v in await volumes.order_by("-writer__full", "title").filter(writer__isnull=False)] == [
        "C",
        "A",
        "B",
    ]
    assert await volumes.filter(title="C").values("title", "writer__full") == [
        {"title": "C", "writer__full": "Bea Cox"}
    ]
    assert (await volumes.annotate(by=F("writer__full")).get(title="A")).by == "Ann Lee"
    assert [w.first for w in await writers.annotate(n=Count("books", filter=Q(books__title="B"))).filter(n=1)] == [
        "Ann"
    ]
    shelves = volumes.values("thick").annotate(n=Count("id")).order_by("n")
    assert [(bool(row["thick"]), row["n"]) for row in await shelves] == [(True, 1), (False, 3)]
    assert [w.first for w in await writers.filter(full=func.concat("Ann", " ", "Lee"))] == ["Ann"]
    with assert_queries(0):
        with pytest.raises(FieldError, match="yaer"):
            volumes.filter(writer__full__yaer=3)
        with pytest.raises(NotSupportedError, match="several related objects"):
            writers.filter(books__thick=True)
        with pytest.raises(FieldError):
            volumes.order_by("writer__fulll")


async def test_forms_of_django_mean_what_they_mean_there(session):
    writers, volumes = session.query(Writer), session.query(Volume)
    assert [w.books__count for w in await writers.annotate(Count("books")).order_by("id")] == [2, 1, 0]
    assert await writers.annotate(total=Sum("books__pages", default=0)).order_by("id").values_list(
        "total", flat=True
    ) == [
        400,
        50,
        0,
    ]
    assert await volumes.filter(id=0).aggregate(x=Max("price", default=Decimal("0.5"))) == {"x": Decimal("0.5")}
    found = volumes.annotate(big=Q(pages__gt=60) & Q(shelf="x")).order_by("title")
    assert [(volume.title, bool(volume.big)) for volume in await found] == [
        ("A", True),
        ("B", False),
        ("C", False),
        ("D", False),
    ]
    assert [volume.title for volume in await found.filter(big=True)] == ["A"]
    by = [volume.title for volume in await volumes.order_by(F("writer_id").desc(nulls_last=True), -F("pages"))]
    assert by == ["C", "B", "A", "D"]
    assert [v.title for v in await volumes.order_by(F("writer__first").asc(nulls_first=True), F("pages").desc())] == [
        "D",
        "B",
        "A",
        "C",
    ]
    assert [w.first for w in await writers.filter(full__startswith=F("first")).order_by("id")] == ["Ann", "Bea"]
    assert [v.title for v in await volumes.filter(pages__contains=F("writer_id"))] == ["A"]
    assert [v.title for v in await volumes.filter(title__iexact=F("shelf"))] == []
    with assert_queries(0):
        with pytest.raises(TypeError, match=r"session\.get\(Volume, key\)"):
            volumes.get(7)
        with pytest.raises(TypeError, match=r"session\.get\(Volume, key\)"):
            volumes.get_or_none("7")
        with pytest.raises(NotSupportedError, match=r"func\.random"):
            volumes.order_by("?")
        with pytest.raises(TypeError, match="order_by"):
            volumes.filter(pages=F("pages").desc())
        with pytest.raises(ValueError, match="nulls_first or nulls_last"):
            F("pages").asc(nulls_first=True, nulls_last=True)
        with pytest.raises(TypeError, match="no default"):
            Count("books", default=1)  # type: ignore[call-arg]


async def test_relation_is_set_for_all_rows(session):
    volumes = session.query(Volume)
    bea = await session.query(Writer).get(first="Bea")
    assert await volumes.filter(title="D").update(writer=bea) == 1
    assert await volumes.filter(writer=bea).count() == 2
    assert await volumes.filter(writer=bea).update(writer=1, shelf="z") == 2
    assert await volumes.filter(writer_id=1, shelf="z").count() == 2
    assert await volumes.filter(shelf="z").update(writer=None) == 2
    assert await volumes.filter(writer=None).count() == 2
    with assert_queries(0), pytest.raises(TypeError, match="compared with a Writer"):
        volumes.update(writer=Volume())
