"""Junctions of a class with itself, and others where it has to be said which keys lead where."""

import pytest

from ormkit import (
    AsyncSession,
    Column,
    Count,
    DeclarativeBase,
    ForeignKey,
    InvalidRequestError,
    Mapped,
    Table,
    aliased,
    association_proxy,
    joinedload,
    mapped_column,
    relationship,
    select,
    selectinload,
)


class Base(DeclarativeBase):
    pass


follows = Table(
    "self_follows",
    Base.metadata,
    Column("follower_id", ForeignKey("self_people.id"), primary_key=True),
    Column("followed_id", ForeignKey("self_people.id"), primary_key=True),
)


class Person(Base):
    __tablename__ = "self_people"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    following: Mapped[list["Person"]] = relationship(
        secondary=follows,
        primaryjoin=id == follows.c.follower_id,
        secondaryjoin=lambda: Person.id == follows.c.followed_id,
        back_populates="followers",
        order_by="Person.name",
    )
    followers: Mapped[list["Person"]] = relationship(
        secondary="self_follows",
        primaryjoin="and_(self_follows.c.followed_id == foreign(Person.id))",
        secondaryjoin=id == follows.c.follower_id,
        back_populates="following",
    )
    friendships: Mapped[list["Friendship"]] = relationship(
        foreign_keys="Friendship.one_id", back_populates="one", cascade="all, delete-orphan"
    )
    friends = association_proxy("friendships", "other", creator=lambda other: Friendship(other=other, since=1))


class Friendship(Base):
    __tablename__ = "self_friendships"
    one_id: Mapped[int] = mapped_column(ForeignKey("self_people.id"), primary_key=True)
    other_id: Mapped[int] = mapped_column(ForeignKey("self_people.id"), primary_key=True)
    since: Mapped[int]
    one: Mapped[Person] = relationship(primaryjoin="Friendship.one_id == Person.id", back_populates="friendships")
    other: Mapped[Person] = relationship(primaryjoin=other_id == Person.id)


@pytest.fixture
async def session(engine):
    """Ann follows Bob and Cid, Bob follows Cid, Cid follows Ann."""
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        ann, bob, cid = (Person(name=name) for name in ("Ann", "Bob", "Cid"))
        session.add_all([ann, bob, cid])
        ann.following, cid.followers = [bob, cid], [ann, bob]
        cid.following.append(ann)
        await session.commit()
    async with AsyncSession(engine) as session:
        yield session
        await session.rollback()


def names(people):
    return sorted(person.name for person in people)


@pytest.mark.parametrize("load", [selectinload, joinedload])
async def test_both_directions_are_loaded(session, load):
    people = await session.query(Person).order_by("id").options(load(Person.following), load(Person.followers))
    assert [names(person.following) for person in people] == [["Bob", "Cid"], ["Cid"], ["Ann"]]
    assert [names(person.followers) for person in people] == [["Cid"], ["Ann"], ["Ann", "Bob"]]


async def test_conditions_and_joins_tell_the_two_apart(session):
    assert names(await session.query(Person).filter(following__name="Cid")) == ["Ann", "Bob"]
    assert names(await session.query(Person).filter(followers__name="Cid")) == ["Ann"]
    assert names(await session.query(Person).filter(following__following__name="Ann")) == ["Ann", "Bob"]
    assert names((await session.execute(select(Person).where(Person.followers.any(name="Bob")))).scalars()) == ["Cid"]
    other = aliased(Person)
    query = select(Person.name, other.name).join(Person.following.of_type(other)).where(other.name == "Cid")
    assert sorted((await session.execute(query)).all()) == [("Ann", "Cid"), ("Bob", "Cid")]
    rows = await session.query(Person).annotate(n=Count("followers")).order_by("id").values_list("n", flat=True)
    assert rows == [1, 1, 2]


async def test_one_can_follow_oneself(session):
    ann = await session.get(Person, 1, options=[selectinload(Person.following), selectinload(Person.followers)])
    ann.following.append(ann)
    assert ann in ann.followers
    await session.commit()
    rows = (await session.execute(select(follows).where(follows.c.follower_id == follows.c.followed_id))).all()
    assert rows == [(1, 1)]
    await session.remove(ann)
    assert (await session.execute(select(follows))).all() == [(2, 3)]


async def test_trees_are_loaded_to_their_ends(session):
    ann = await session.get(Person, 1, options=[selectinload(Person.following, recursion_depth=-1)])
    assert names(ann.following[1].following) == ["Ann"]


async def test_association_objects_have_columns_of_their_own(session):
    people = await session.query(Person).order_by("id").options(selectinload(Person.friendships))
    people[0].friends.append(people[1])
    await session.commit()
    session.expunge_all()
    load = selectinload(Person.friendships).selectinload(Friendship.other)
    ann = await session.get(Person, 1, options=[load])
    assert names(ann.friends) == ["Bob"] and ann.friendships[0].since == 1
    ann.friends.clear()
    await session.commit()
    assert (await session.execute(select(Friendship))).all() == []


def test_what_is_no_equality_of_columns_is_refused():
    class Other(DeclarativeBase):
        pass

    class Page(Other):
        id: Mapped[int] = mapped_column(primary_key=True)
        notes: Mapped[list["Note"]] = relationship(primaryjoin=lambda: Page.id < Note.page_id)

    class Note(Other):
        id: Mapped[int] = mapped_column(primary_key=True)
        page_id: Mapped[int] = mapped_column(ForeignKey("pages.id"))

    with pytest.raises(InvalidRequestError, match=r"Page.notes: relationship\(primaryjoin"):
        Other.metadata.sorted_tables  # noqa: B018

    class Page(Other):  # noqa: F811 the newest is what counts
        id: Mapped[int] = mapped_column(primary_key=True)

    assert Other.metadata.sorted_tables
    with pytest.raises(TypeError, match="needs secondary="):
        relationship(secondaryjoin="a.b == c.d")


def test_without_joins_a_junction_with_itself_is_ambiguous():
    class Other(DeclarativeBase):
        pass

    Table("pairs", Other.metadata, Column("a", ForeignKey("nodes.id")), Column("b", ForeignKey("nodes.id")))

    class Node(Other):
        id: Mapped[int] = mapped_column(primary_key=True)
        others: Mapped[list["Node"]] = relationship(secondary="pairs")

    with pytest.raises(InvalidRequestError, match=r"choose with primaryjoin= and secondaryjoin=: pairs.a, pairs.b"):
        Other.metadata.sorted_tables  # noqa: B018

    class Node(Other):  # noqa: F811 the newest is what counts
        id: Mapped[int] = mapped_column(primary_key=True)

    assert Other.metadata.sorted_tables
