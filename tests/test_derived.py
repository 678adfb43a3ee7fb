"""Validators, hybrids and association proxies."""

from __future__ import annotations

from typing import Any

import pytest

from ormkit import (
    AsyncSession,
    DeclarativeBase,
    FieldError,
    ForeignKey,
    Mapped,
    Q,
    association_proxy,
    case,
    func,
    hybrid_method,
    hybrid_property,
    mapped_column,
    relationship,
    select,
    selectinload,
    update,
    validates,
)


class Base(DeclarativeBase):
    pass


class Strange(Exception):
    pass


class IgnoringCase:
    def __init__(self, expression: Any) -> None:
        self.expression = expression

    def __eq__(self, other: object) -> Any:
        return func.lower(self.expression) == str(other).lower()

    __hash__ = None  # type: ignore[assignment]


class Person(Base):
    __tablename__ = "derived_people"
    id: Mapped[int] = mapped_column(primary_key=True)
    first: Mapped[str]
    last: Mapped[str]
    email: Mapped[str | None]
    age: Mapped[int] = mapped_column(default=30)
    links: Mapped[list[Link]] = relationship(back_populates="person", cascade="all, delete-orphan")
    words = association_proxy("links", "word")

    @validates("email", "age")
    def check(self, name: str, value: Any) -> Any:
        if name == "age":
            if value < 0:
                raise Strange(name)
            return value
        return value and value.strip()

    @validates("links")
    def check_link(self, name: str, link: Link) -> Link:
        if link.word == "bad":
            raise Strange(name)
        return link

    @hybrid_property
    def full(self) -> str:
        return self.first + " " + self.last

    @full.setter
    def full(self, value: str) -> None:
        self.first, self.last = value.split()

    @full.update_expression
    def full(cls, value: str) -> Any:
        first, last = value.split()
        return [(cls.first, first), (cls.last, last)]

    @hybrid_property
    def kind(self) -> str:
        return "adult" if self.age >= 18 else "child"

    @kind.inplace.expression
    @classmethod
    def _kind(cls) -> Any:
        return case((cls.age >= 18, "adult"), else_="child")

    @hybrid_property
    def is_adult(self) -> bool:
        return self.age >= 18

    @hybrid_property
    def name(self) -> str:
        return self.first

    @name.comparator
    def name(cls) -> IgnoringCase:
        return IgnoringCase(cls.first)

    @hybrid_method
    def older_than(self, age: int) -> Any:
        return self.age > age


class Link(Base):
    __tablename__ = "derived_links"
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("derived_people.id"))
    word: Mapped[str]
    person: Mapped[Person | None] = relationship(back_populates="links")
    person_email = association_proxy("person", "email")


@pytest.fixture
async def session(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all([Person(first="Ada", last="Byron"), Person(first="Bea", last="Cee", age=7)])
        yield session


# ------------------------------------------------------------------ validates


def test_values_are_seen_by_the_constructor_and_afterwards():
    person = Person(first="A", last="B", email=" a@b ")
    assert person.email == "a@b"
    person.email = " c "
    assert person.email == "c"
    with pytest.raises(Strange, match="age"):
        Person(first="A", last="B", age=-1)
    with pytest.raises(Strange, match="age"):
        person.age = -1
    assert person.age == 30


def test_members_are_seen_whichever_way_they_come_in():
    good, bad = Link(word="good"), Link(word="bad")
    person = Person(first="A", last="B", links=[good])
    for attempt in [
        lambda: person.links.append(bad),
        lambda: person.links.extend([Link(word="fine"), bad]),
        lambda: setattr(person, "links", [bad]),
        lambda: setattr(bad, "person", person),
        lambda: Person(first="A", last="B", links=[bad]),
    ]:
        with pytest.raises(Strange, match="links"):
            attempt()
        assert person.links == [good]
        assert bad.person is None


async def test_rows_are_not_validated(session):
    await session.query(Person).count()
    person = await session.query(Person).filter(first="Ada").one()
    assert person.email is None
    await session.update(person, email=" x ")
    assert person.email == "x"


def test_a_validator_of_nothing_is_refused():
    with pytest.raises(FieldError, match="email"):

        class Wrong(DeclarativeBase.__class__("Own", (DeclarativeBase,), {})):
            id: Mapped[int] = mapped_column(primary_key=True)
            email: Mapped[str]

            @validates("emial")
            def check(self, name: str, value: Any) -> Any:
                return value

    with pytest.raises(TypeError, match="names of attributes"):
        validates()


# ------------------------------------------------------------------ hybrids


async def test_a_hybrid_is_a_value_and_an_expression(session):
    ada = await session.query(Person).filter(Person.full == "Ada Byron").one()
    assert (ada.full, ada.kind, ada.is_adult) == ("Ada Byron", "adult", True)
    ada.full = "Ann Other"
    assert (ada.first, ada.last) == ("Ann", "Other")
    await session.rollback()
    rows = (await session.execute(select(Person.full, Person.kind).order_by(Person.full.desc()))).all()
    assert rows == [("Bea Cee", "child"), ("Ada Byron", "adult")]
    assert rows[0].full == "Bea Cee"
    with pytest.raises(AttributeError, match=r"Person\.kind cannot be set"):
        ada.kind = "x"


async def test_hybrids_in_lookups(session):
    async def firsts(*conditions: Any, **lookups: Any) -> list[str]:
        return [p.first for p in await session.query(Person).filter(*conditions, **lookups).order_by("id")]

    assert await firsts(full="Ada Byron") == ["Ada"]
    assert await firsts(full__startswith="B") == ["Bea"]
    assert await firsts(full__in=["Bea Cee", "x"], age=7) == ["Bea"]
    assert await firsts(Q(kind="child") | Q(full="Ada Byron")) == ["Ada", "Bea"]
    assert await firsts(~Person.is_adult) == ["Bea"]
    assert await firsts(Person.older_than(20)) == ["Ada"]
    assert await firsts(Person.name == "ADA") == ["Ada"]
    assert await firsts(name="bEA") == ["Bea"]
    assert await firsts(full__isnull=True) == []
    with pytest.raises(TypeError, match="year"):
        await firsts(full__year=1)


def test_a_hybrid_in_an_update():
    sql, params = update(Person).where(Person.age > 1).values(full="New Name").to_sql()
    assert sql == "UPDATE derived_people SET first = $1, last = $2 WHERE age > $3"
    assert params == ["New", "Name", 1]
    assert Person(first="A", last="B").older_than(3) is True


# ------------------------------------------------------------------ association proxies


async def test_a_proxy_of_a_list(session):
    ada = await session.query(Person).filter(first="Ada").options(selectinload(Person.links)).one()
    assert list(ada.words) == []
    ada.words.append("one")
    ada.words.extend(["two", "three"])
    assert (ada.words, len(ada.words), "two" in ada.words, ada.words[-1]) == (["one", "two", "three"], 3, True, "three")
    await session.commit()
    kept = ada.links[1]
    ada.words.remove("one")
    ada.words = ["two", "four"]
    assert ada.links[0] is kept
    await session.commit()
    assert [link.word for link in await session.query(Link).order_by("id")] == ["two", "four"]
    with pytest.raises(ValueError, match="not in the list"):
        ada.words.remove("one")
    with pytest.raises(Strange):
        ada.words.append("bad")


async def test_a_proxy_on_the_class(session):
    ada = await session.query(Person).filter(first="Ada").options(selectinload(Person.links)).one()
    ada.words.append("one")
    ada.email = "a"
    await session.commit()
    for condition in [Person.words.contains("one"), Person.words == "one", Person.words.any(word="one")]:
        assert [p.first for p in await session.query(Person).filter(condition)] == ["Ada"]
    assert await session.query(Person).filter(Person.words.contains("two")).count() == 0
    assert [link.word for link in await session.query(Link).filter(Link.person_email == "a")] == ["one"]


async def test_conditions_on_a_proxy(session):
    ada, bea = await session.query(Person).order_by("id").options(selectinload(Person.links))
    ada.words += ["one", "two"]
    ada.email = "a"
    bea.words = ["three"]
    session.add(Link(word="alone"))
    await session.commit()
    assert ada.words == ["one", "two"]
    for condition in [
        Person.words.in_(["two", "five"]),
        Person.words.like("o%"),
        Person.words.startswith("tw"),
        Person.words.between("one", "ono"),
        Person.words < "p",
    ]:
        assert [person.first for person in await session.query(Person).filter(condition)] == ["Ada"]
    links = session.query(Link).order_by("id")
    assert {link.word for link in await links.filter(Link.person_email == None)} == {"three", "alone"}  # noqa: E711
    assert [link.word for link in await links.filter(Link.person_email != None)] == ["one", "two"]  # noqa: E711
    with pytest.raises(AttributeError, match="any"):
        Person.words.strip  # noqa: B018


async def test_members_of_a_proxy_are_set_and_deleted_by_index(session):
    ada = await session.query(Person).filter(first="Ada").options(selectinload(Person.links)).one()
    ada.words = ["one", "two", "three"]
    await session.commit()
    kept = ada.links[0]
    ada.words[0] = "uno"
    del ada.words[1]
    assert ada.words == ["uno", "three"] and ada.links[0] is kept
    ada.words[1:] = ["four", "five"]
    await session.commit()
    assert await session.query(Link).order_by("id").values_list("word", flat=True) == ["uno", "four", "five"]


def test_a_proxy_of_one_object():
    person = Person(first="A", last="B", email="x")
    link = Link(word="w", person=person)
    assert link.person_email == "x"
    link.person_email = "y"
    assert person.email == "y"
    assert Link(word="w").person_email is None


async def test_none_through_a_proxy_is_the_value_of_its_object(session):
    link = Link(word="w", person=Person(first="A", last="B", email="x"))
    await session.insert(link)
    link.person_email = None
    await session.commit()
    assert link.person is not None and link.person.email is None
    assert await session.query(Person).filter(first="A").values_list("email", flat=True) == [None]
    alone = Link(word="alone")
    alone.person_email = None
    assert alone.person is None


def test_a_creator_makes_the_objects():
    base = DeclarativeBase.__class__("Own", (DeclarativeBase,), {"__module__": __name__})

    class Tag(base):
        id: Mapped[int] = mapped_column(primary_key=True)
        post_id: Mapped[int | None] = mapped_column(ForeignKey("posts.id"))
        name: Mapped[str]

    class Post(base):
        id: Mapped[int] = mapped_column(primary_key=True)
        tags = relationship(Tag)
        names = association_proxy("tags", "name", creator=lambda name: Tag(name=name.upper()))

    post = Post()
    post.names.append("a")
    assert [tag.name for tag in post.tags] == ["A"]
    assert repr(post.names) == "['A']"
