"""A row that is deleted makes way for one that takes its key, or a value that is unique, in the same flush."""

from __future__ import annotations

import pytest
from sent import sent

from ormkit import (
    AsyncSession,
    DeclarativeBase,
    ForeignKey,
    Index,
    Mapped,
    MetaData,
    UniqueConstraint,
    UniqueViolation,
    mapped_column,
    relationship,
    select,
)


class Base(DeclarativeBase):
    __abstract__ = True
    metadata = MetaData()


class Person(Base):
    __tablename__ = "switch_people"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str | None] = mapped_column(unique=True)
    passport: Mapped[Passport | None] = relationship(back_populates="person", cascade="all, delete-orphan")
    desk: Mapped[Desk | None] = relationship(back_populates="person")


class Passport(Base):
    __tablename__ = "switch_passports"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str]
    person_id: Mapped[int] = mapped_column(ForeignKey("switch_people.id"), unique=True)
    person: Mapped[Person] = relationship(back_populates="passport")


class Desk(Base):
    __tablename__ = "switch_desks"
    id: Mapped[int] = mapped_column(primary_key=True)
    place: Mapped[str]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("switch_people.id"), unique=True)
    person: Mapped[Person | None] = relationship(back_populates="desk")


class Country(Base):
    __tablename__ = "switch_countries"
    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    note: Mapped[str | None]
    towns: Mapped[list[Town]] = relationship(back_populates="country")
    rivers: Mapped[list[River]] = relationship(back_populates="country")
    tongues: Mapped[list[Tongue]] = relationship(secondary="switch_spoken", back_populates="countries")


class Town(Base):
    __tablename__ = "switch_towns"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    code: Mapped[str | None] = mapped_column(ForeignKey("switch_countries.code"))
    country: Mapped[Country | None] = relationship(back_populates="towns")


class River(Base):
    __tablename__ = "switch_rivers"
    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(ForeignKey("switch_countries.code"))
    country: Mapped[Country] = relationship(back_populates="rivers")


class Tongue(Base):
    __tablename__ = "switch_tongues"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    script: Mapped[str]
    countries: Mapped[list[Country]] = relationship(secondary="switch_spoken", back_populates="tongues")
    __table_args__ = (UniqueConstraint("name", "script"),)


class Spoken(Base):
    __tablename__ = "switch_spoken"
    code: Mapped[str] = mapped_column(ForeignKey("switch_countries.code"), primary_key=True)
    tongue_id: Mapped[int] = mapped_column(ForeignKey("switch_tongues.id"), primary_key=True)


class Node(Base):
    __tablename__ = "switch_nodes"
    id: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[str]
    up_id: Mapped[int | None] = mapped_column(ForeignKey("switch_nodes.id"))
    up: Mapped[Node | None] = relationship(back_populates="down", remote_side="Node.id")
    down: Mapped[list[Node]] = relationship(back_populates="up", cascade="all, delete-orphan")
    __table_args__ = (Index("ux_switch_nodes_path", "path", unique=True),)


@pytest.fixture
async def session(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        yield session


async def rows(session, *columns):
    return sorted(tuple(row) for row in (await session.execute(select(*columns))).all())


async def test_another_object_takes_the_key_of_a_deleted_one(session):
    old = Country(code="de", name="old", note="gone")
    await session.insert(old)
    await session.delete(old)
    session.add(new := Country(code="de", name="new"))
    await session.commit()
    assert await rows(session, Country.code, Country.name, Country.note) == [("de", "new", None)]
    assert await session.get(Country, "de") is new
    assert old not in session


async def test_rollback_gives_the_key_back(session):
    old = Country(code="de", name="old")
    session.add(old)
    await session.commit()
    await session.delete(old)
    session.add(new := Country(code="de", name="new"))
    await session.flush()
    await session.rollback()
    assert await session.get(Country, "de") is old
    assert new not in session
    assert await rows(session, Country.name) == [("old",)]


async def test_what_stays_moves_to_the_object_that_takes_the_key(session):
    old = Country(code="de", name="old", towns=[Town(name="Ulm"), Town(name="Ems")])
    session.add(old)
    await session.commit()
    ulm, ems = old.towns
    await session.delete(old)
    session.add(new := Country(code="de", name="new"))
    ulm.country = new
    await session.commit()
    assert await rows(session, Town.name, Town.code) == [("Ems", None), ("Ulm", "de")]
    assert ems.country is None
    assert new.towns == [ulm]


async def test_what_must_not_let_go_keeps_the_order_and_the_error_says_so(session):
    old = Country(code="de", name="old", rivers=[River()])
    session.add(old)
    await session.commit()
    river = old.rivers[0]
    await session.delete(old)
    session.add(new := Country(code="de", name="new"))
    river.country = new
    with pytest.raises(UniqueViolation, match=r"same code is deleted in this flush.*River.code .*NOT NULL"):
        await session.flush()
    await session.rollback()
    assert await rows(session, Country.name) == [("old",)]


async def test_links_of_the_deleted_go_before_it(session):
    german = Tongue(name="German", script="Latin")
    session.add(Country(code="de", name="Germany", tongues=[german]))
    await session.commit()
    country = await session.get(Country, "de")
    await session.delete(german)
    country.tongues.append(Tongue(name="German", script="Latin"))
    await session.commit()
    [(kept,)] = await rows(session, Spoken.tongue_id)
    [tongue] = await session.query(Tongue)
    assert tongue.id == kept
    assert country.tongues == [tongue]


async def test_a_link_taken_out_of_the_deleted_goes_once(session):
    german = Tongue(name="German", script="Latin")
    country = Country(code="de", name="Germany", tongues=[german])
    session.add(country)
    await session.commit()
    country.tongues.remove(german)
    await session.delete(german)
    session.add(Tongue(name="German", script="Latin"))
    await session.commit()
    assert await rows(session, Spoken.code) == []


async def test_a_one_to_one_is_replaced_where_its_key_is_unique(session):
    person = Person(email="a@b", passport=Passport(number="1"))
    session.add(person)
    await session.commit()
    person.passport = Passport(number="2")
    await session.commit()
    assert await rows(session, Passport.number, Passport.person_id) == [("2", person.id)]


async def test_one_that_is_let_go_of_makes_way_for_the_new_one(session):
    person = Person(desk=Desk(place="door"))
    session.add(person)
    await session.commit()
    person.desk = Desk(place="window")
    await session.commit()
    assert await rows(session, Desk.place, Desk.person_id) == [("door", None), ("window", person.id)]


async def test_an_update_takes_a_value_of_a_deleted_row(session):
    gone, stays = Person(email="x"), Person(email="y")
    session.add_all([gone, stays])
    await session.commit()
    await session.delete(gone)
    stays.email = "x"
    await session.commit()
    assert await rows(session, Person.email) == [("x",)]


async def test_a_new_row_takes_a_value_that_another_gives_away(session):
    one = Person(email="x")
    session.add(one)
    await session.commit()
    one.email = "y"
    session.add(Person(email="x"))
    await session.commit()
    assert await rows(session, Person.email) == [("x",), ("y",)]


async def test_what_goes_along_goes_before_it(session):
    root = Node(path="/", down=[Node(path="/a", down=[Node(path="/a/b")]), Node(path="/c")])
    session.add(root)
    await session.commit()
    await session.delete(root.down[0])
    root.down.append(Node(path="/a", down=[Node(path="/a/b")]))
    await session.commit()
    up = {node.id: node.path for node in await session.query(Node)}
    assert sorted((node.path, up.get(node.up_id)) for node in await session.query(Node)) == [
        ("/", None),
        ("/a", "/"),
        ("/a/b", "/a"),
        ("/c", "/"),
    ]


async def test_what_moves_elsewhere_moves_before_it(session):
    root = Node(path="/", down=[Node(path="/a", down=[Node(path="/a/b")]), Node(path="/c")])
    session.add(root)
    await session.commit()
    first, other = root.down
    kept = first.down[0]
    kept.up = other
    await session.delete(first)
    root.down.append(Node(path="/a"))
    await session.commit()
    assert kept.up is other
    assert await rows(session, Node.path) == [("/",), ("/a",), ("/a/b",), ("/c",)]


async def test_values_that_are_not_loaded_are_looked_up(session):
    one = Person(email="x")
    session.add(one)
    await session.commit()
    session.expire(one)
    await session.delete(one)
    session.add(Person(email="x"))
    await session.commit()
    assert await rows(session, Person.email) == [("x",)]


async def test_many_rows_make_way_in_one_statement(engine, session):
    old = [Person(email=f"{at}") for at in range(50)]
    session.add_all(old)
    await session.commit()
    for person in old:
        await session.delete(person)
    session.add_all([Person(email=f"{at}") for at in range(50)])
    with sent(engine) as statements:
        await session.commit()
    assert [sql.split()[0] for sql in statements if "switch_people" in sql][-2:] == ["DELETE", "INSERT"]
    assert len(await rows(session, Person.id)) == 50
