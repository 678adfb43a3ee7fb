"""Relations by `primaryjoin`: further conditions, and columns that no foreign key joins."""

from __future__ import annotations

import datetime

import pytest
from sent import sent

from ormkit import (
    AsyncSession,
    DeclarativeBase,
    ForeignKey,
    InvalidRequestError,
    Mapped,
    MetaData,
    and_,
    contains_eager,
    foreign,
    joinedload,
    mapped_column,
    relationship,
    remote,
    select,
    selectinload,
)

DAY = datetime.date(2024, 2, 29)


class Base(DeclarativeBase):
    __abstract__ = True
    metadata = MetaData()


class Person(Base):
    __tablename__ = "pj_people"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    code: Mapped[str | None]
    addresses: Mapped[list[Address]] = relationship(back_populates="person", order_by="desc(Address.id)")
    boston: Mapped[list[Address]] = relationship(
        primaryjoin=lambda: and_(Person.id == Address.person_id, Address.city == "Boston"),
        viewonly=True,
        order_by=lambda: Address.id,
    )
    recent: Mapped[Address | None] = relationship(
        primaryjoin="and_(Person.id == Address.person_id, Address.since >= __import__('datetime').date(2024, 2, 29))",
        viewonly=True,
    )
    homes: Mapped[list[Address]] = relationship(
        primaryjoin="and_(Person.id == Address.person_id, Address.kind.in_(['home', 'flat']))", overlaps="addresses"
    )
    notes: Mapped[list[Note]] = relationship(
        primaryjoin="Person.code == foreign(Note.about)", back_populates="person", order_by="[desc(Note.id), Note.text]"
    )
    tags: Mapped[list[Tag]] = relationship(
        secondary="pj_tagged", secondaryjoin=lambda: and_(Tagged.tag_id == Tag.id, Tag.kind == "open"), viewonly=True
    )


class Address(Base):
    __tablename__ = "pj_addresses"
    id: Mapped[int] = mapped_column(primary_key=True)
    city: Mapped[str]
    kind: Mapped[str] = mapped_column(default="home")
    since: Mapped[datetime.date | None]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("pj_people.id"))
    person: Mapped[Person | None] = relationship(back_populates="addresses")
    namesake: Mapped[Person | None] = relationship(
        primaryjoin=lambda: and_(Address.person_id == Person.id, Person.name == "Ann"), viewonly=True
    )


class Note(Base):
    """Its person is told by a code, and no foreign key says so."""

    __tablename__ = "pj_notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    about: Mapped[str | None]
    person: Mapped[Person | None] = relationship(
        primaryjoin=lambda: foreign(Note.about) == Person.code, back_populates="notes"
    )


class Tag(Base):
    __tablename__ = "pj_tags"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]


class Tagged(Base):
    __tablename__ = "pj_tagged"
    person_id: Mapped[int] = mapped_column(ForeignKey("pj_people.id"), primary_key=True)
    tag_id: Mapped[int] = mapped_column(ForeignKey("pj_tags.id"), primary_key=True)


class Node(Base):
    """Whose parent is told by a path, which no foreign key names."""

    __tablename__ = "pj_nodes"
    id: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[str]
    above: Mapped[str | None]
    kind: Mapped[str] = mapped_column(default="plain")
    parent: Mapped[Node | None] = relationship(
        primaryjoin=lambda: remote(Node.path) == foreign(Node.above), back_populates="children"
    )
    children: Mapped[list[Node]] = relationship(
        primaryjoin="Node.path == remote(foreign(Node.above))", back_populates="parent", order_by="Node.id"
    )
    leaves: Mapped[list[Node]] = relationship(
        primaryjoin="and_(Node.path == remote(foreign(Node.above)), remote(Node.kind) == 'leaf')", viewonly=True
    )


@pytest.fixture
async def session(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        ann = Person(
            name="Ann",
            code="A",
            addresses=[
                Address(city="Boston", kind="home", since=DAY),
                Address(city="Boston", kind="work"),
                Address(city="Ulm", kind="flat"),
            ],
            notes=[Note(text="one"), Note(text="two")],
        )
        bob = Person(name="Bob", code="B", addresses=[Address(city="Rome", kind="work")])
        session.add_all([ann, bob, Tag(id=1, kind="open"), Tag(id=2, kind="shut")])
        await session.flush()
        session.add_all([Tagged(person_id=ann.id, tag_id=1), Tagged(person_id=ann.id, tag_id=2)])
        await session.commit()
    async with AsyncSession(engine) as session:
        yield session


def cities(addresses):
    return sorted(address.city for address in addresses)


@pytest.mark.parametrize("load", [selectinload, joinedload])
async def test_loads_leave_out_what_the_condition_does(session, load):
    everything = [Person.boston, Person.recent, Person.homes, Person.notes, Person.tags, Person.addresses]
    ann, bob = await session.query(Person).order_by("id").options(*map(load, everything))
    assert cities(ann.boston) == ["Boston", "Boston"]
    assert [address.id for address in ann.boston] == sorted(address.id for address in ann.boston)
    assert [address.id for address in ann.addresses] == sorted((a.id for a in ann.addresses), reverse=True)
    assert ann.recent is not None and ann.recent.since == DAY
    assert cities(ann.homes) == ["Boston", "Ulm"]
    assert [note.text for note in ann.notes] == ["two", "one"]
    assert [tag.id for tag in ann.tags] == [1]
    assert (bob.boston, bob.recent, bob.homes, bob.notes, bob.tags) == ([], None, [], [], [])
    assert cities(bob.addresses) == ["Rome"]


async def test_loads_of_loaded_objects(session):
    people = await session.query(Person).order_by("id")
    await session.load(people, Person.boston, Person.tags, Person.notes)
    assert [len(person.boston) for person in people] == [2, 0]
    assert [len(person.tags) for person in people] == [1, 0]
    assert people[0].notes[0].person is people[0]


@pytest.mark.parametrize("load", [selectinload, joinedload])
async def test_a_reference_with_a_condition_may_be_empty(session, load):
    addresses = await session.query(Address).order_by("id").options(load(Address.namesake))
    assert [a.namesake and a.namesake.name for a in addresses] == ["Ann", "Ann", "Ann", None]


async def test_joins_and_conditions(session):
    async def names(statement):
        return sorted((await session.execute(statement)).scalars().all())

    assert await names(select(Person.name).join(Person.boston)) == ["Ann", "Ann"]
    assert await names(select(Person.name).outerjoin(Person.boston)) == ["Ann", "Ann", "Bob"]
    assert await names(select(Person.name).where(Person.homes.any())) == ["Ann"]
    assert await names(select(Person.name).where(~Person.homes.any())) == ["Bob"]
    assert await names(select(Person.name).where(Person.recent.has())) == ["Ann"]
    assert await names(select(Person.name).where(Person.tags.any(Tag.id == 2))) == []
    assert await names(select(Person.name).where(Person.notes.any(text="two"))) == ["Ann"]
    assert await names(select(Person.name).join(Person.tags)) == ["Ann"]
    assert await names(select(Note.text).where(Note.person.has(name="Ann"))) == ["one", "two"]
    assert await names(select(Address.city).where(~Address.namesake.has())) == ["Rome"]


async def test_lookups(session):
    async def names(**lookups):
        return sorted([person.name for person in await session.query(Person).filter(**lookups)])

    assert await names(boston__kind="work") == ["Ann"]
    assert await names(homes__city="Rome") == []
    assert await names(homes__isnull=True) == ["Bob"]
    assert await names(recent__isnull=False) == ["Ann"]
    assert await names(notes__text__startswith="t") == ["Ann"]
    assert await names(tags__id=2) == []
    [ann] = await session.query(Person).filter(name="Ann")
    assert len(await session.query(Address).filter(namesake=ann)) == 3
    assert len(await session.query(Address).filter(namesake__id=ann.id)) == 3
    assert len(await session.query(Address).filter(namesake__isnull=True)) == 1
    [bob] = await session.query(Person).filter(name="Bob")
    assert len(await session.query(Address).filter(namesake=bob)) == 0
    assert len(await session.query(Note).filter(person=ann)) == 2
    assert len(await session.query(Note).filter(person__code="A")) == 2
    assert [
        row async for row in session.query(Person).annotate(n=Person.homes.any()).order_by("id").values_list("n")
    ] == [
        (True,),
        (False,),
    ]


async def test_contains_eager(session):
    query = select(Person).join(Person.boston).options(contains_eager(Person.boston)).order_by(Person.id)
    [ann] = (await session.execute(query)).unique().scalars().all()
    assert cities(ann.boston) == ["Boston", "Boston"]


async def test_keys_are_carried_over_without_a_foreign_key(engine, session):
    cid = Person(name="Cid", code="C")
    note = Note(text="new", person=cid)
    session.add(note)
    await session.commit()
    assert note.about == "C"
    assert cid.notes == [note]
    cid.notes.append(other := Note(text="other"))
    await session.commit()
    assert other.about == "C" and other.person is cid
    cid.notes.remove(note)
    await session.commit()
    assert note.about is None
    await session.delete(cid)
    await session.commit()
    assert other.about is None
    found = (await engine.execute("SELECT count(*) FROM pj_notes WHERE about IS NULL")).scalar()
    assert found == 2


async def test_a_list_with_a_condition_is_written(session):
    [bob] = await session.query(Person).filter(name="Bob").options(selectinload(Person.homes))
    bob.homes.append(flat := Address(city="Ems", kind="flat"))
    await session.commit()
    assert flat.person_id == bob.id
    bob.homes.remove(flat)
    await session.commit()
    assert flat.person_id is None


async def test_a_class_refers_to_itself(engine, session):
    root = Node(path="/", children=[Node(path="/a", kind="leaf"), Node(path="/b", children=[Node(path="/b/c")])])
    session.add(root)
    await session.commit()
    assert [child.above for child in root.children] == ["/", "/"]
    async with AsyncSession(engine) as other:
        options = [selectinload(Node.children), selectinload(Node.leaves), joinedload(Node.parent)]
        nodes = {node.path: node for node in await other.query(Node).options(*options)}
        assert [node.path for node in nodes["/"].children] == ["/a", "/b"]
        assert [node.path for node in nodes["/"].leaves] == ["/a"]
        assert nodes["/b/c"].parent is nodes["/b"]
        assert [n.path for n in await other.query(Node).filter(children__path="/b/c")] == ["/b"]
        assert [n.path for n in await other.query(Node).filter(parent__path="/b")] == ["/b/c"]
        assert [n.path for n in await other.query(Node).filter(leaves__isnull=False)] == ["/"]


async def test_repeated_statements_bind_their_own_values(engine, session):
    day = select(Person.name).where(Person.recent.has(kind="home"), Person.name == "Ann")
    other = select(Person.name).where(Person.recent.has(kind="work"), Person.name == "Ann")
    with sent(engine) as statements:
        assert (await session.execute(day)).scalars().all() == ["Ann"]
        assert (await session.execute(other)).scalars().all() == []
        assert (await session.execute(day)).scalars().all() == ["Ann"]
    assert len(set(statements)) == 1


class Other(DeclarativeBase):
    __abstract__ = True
    metadata = MetaData()


def declare(condition, **options):
    """Declared again a class leaves its mistakes behind."""

    class Far(Other):
        __tablename__ = "fars"
        id: Mapped[int] = mapped_column(primary_key=True)
        near: Mapped[int]
        kind: Mapped[str]

    class Near(Other):
        __tablename__ = "nears"
        id: Mapped[int] = mapped_column(primary_key=True)
        live: Mapped[bool]
        fars = relationship("Far", primaryjoin=condition, uselist=True, **options)

    assert Far
    return str(select(Near).join(Near.fars))


def test_mistakes_say_what_to_type():
    with pytest.raises(InvalidRequestError, match=r"no foreign key between Near and Far.*foreign\("):
        declare("Near.id == Far.near")
    with pytest.raises(InvalidRequestError, match=r"condition on a column of Near.*conditions on columns of Far"):
        declare("and_(Near.id == foreign(Far.near), Near.live)")
    with pytest.raises(InvalidRequestError, match=r"without an equality"):
        declare("Far.kind == 'x'")
    with pytest.raises(InvalidRequestError, match=r"NameError|not defined"):
        declare("and_(Near.id == foreign(Fra.near), Fra.kind == 'x')")
    with pytest.raises(InvalidRequestError, match=r"both of an equality are foreign"):
        declare("foreign(Near.id) == foreign(Far.near)")
    with pytest.raises(TypeError, match=r"foreign\(\) takes a column"):
        foreign(1)
    declare("Near.id == foreign(Far.near)")


def test_foreign_keys_say_which_column_refers():
    assert " ON fars.near = nears.id" in declare("Near.id == Far.near", foreign_keys="Far.near")
    sql = declare("and_(Near.id == Far.near, or_(Far.kind == 'x', Far.kind == 'y'))", foreign_keys="[Far.near]")
    assert sql.endswith("ON fars.near = nears.id AND (fars.kind = 'x' OR fars.kind = 'y')"), sql
