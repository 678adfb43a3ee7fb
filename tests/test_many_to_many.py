"""Lists through a junction: declared, queried and loaded."""

import pytest
from guild import Base, Hall, Membership, Role, Team, User

from ormkit import (
    AsyncSession,
    Count,
    DeclarativeBase,
    ForeignKey,
    InvalidRequestError,
    Mapped,
    MetaData,
    NotSupportedError,
    RelationNotLoadedError,
    aliased,
    contains_eager,
    func,
    joinedload,
    mapped_column,
    relationship,
    select,
    selectinload,
    with_loader_criteria,
)
from ormkit.testing import assert_queries


@pytest.fixture
async def session(engine):
    """Ann is an admin and a writer, Bob a writer, Cid nothing."""
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        admin, writer, guest = (Role(name=name) for name in ("admin", "writer", "guest"))
        one, two = Team(land="de", number=1), Team(land="de", number=2)
        session.add_all([admin, writer, guest, one, two])
        ann, bob, cid = (User(name=name) for name in ("Ann", "Bob", "Cid"))
        ann.roles, bob.roles = [writer, admin], [writer]
        ann.teams, bob.teams = [one, two], [two]
        session.add_all([ann, bob, cid])
        await session.commit()
    async with AsyncSession(engine) as session:
        yield session


def names(objects):
    return [one.name for one in objects]


# Declaring.


def test_relations_say_what_they_go_through():
    info = User.__relationships__["roles"]
    assert (info.secondary, info.is_many_to_many, info.uselist) == ("guild_user_roles", True, True)
    assert User.__relationships__["teams"].secondary == "guild_memberships"
    assert not User.__relationships__["memberships"].is_many_to_many


def test_junctions_that_nobody_declares_are_tables_of_the_metadata():
    table = Base.metadata.tables["guild_user_roles"]
    assert [column.name for column in table.columns] == ["user_id", "role_id"]
    assert table.primary_key == ("user_id", "role_id")
    assert [column.foreign_key.ondelete for column in table.columns] == ["CASCADE", "CASCADE"]
    assert [table.name for table in Base.metadata.sorted_tables].index("guild_user_roles") > 1
    composite = Base.metadata.tables["guild_halls_of_teams"]
    assert [column.name for column in composite.columns] == ["team_land", "team_number", "hall_id"]


async def test_create_all_makes_them_and_drop_all_drops_them(engine):
    await Base.metadata.create_all(engine)
    assert {"guild_user_roles", "guild_halls_of_teams", "guild_memberships"} <= set(await engine.get_tables())
    keys = {
        constraint.references_table
        for constraint in await engine.get_constraints("guild_user_roles")
        if constraint.references_table
    }
    assert keys == {"guild_users", "guild_roles"}
    await Base.metadata.drop_all(engine)
    assert not await engine.get_tables()


async def test_naming_convention_and_schema_hold_for_them(postgres_url):
    class Named(DeclarativeBase):
        metadata = MetaData(naming_convention={"fk": "key_%(table_name)s_%(column_0_name)s"}, schema="apart")

    class Owner(Named):
        id: Mapped[int] = mapped_column(primary_key=True)
        pets: Mapped[list["Pet"]] = relationship(secondary="ownerships")

    class Pet(Named):
        id: Mapped[int] = mapped_column(primary_key=True)

    import ormkit

    async with ormkit.create_engine(postgres_url) as engine:
        await engine.execute("CREATE SCHEMA apart")
        await Named.metadata.create_all(engine)
        found = await engine.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = 'apart.ownerships'::regclass AND contype = 'f' ORDER BY 1"
        )
        assert found.column("conname") == ["key_ownerships_owner_id", "key_ownerships_pet_id"]
    assert Owner and Pet


def mistake(base, **options):
    class Left(base):
        id: Mapped[int] = mapped_column(primary_key=True)
        rights: Mapped[list["Right"]] = relationship(**options)

    class Right(base):
        id: Mapped[int] = mapped_column(primary_key=True)

    class Link(base):
        id: Mapped[int] = mapped_column(primary_key=True)
        left_id: Mapped[int] = mapped_column(ForeignKey("lefts.id"))
        right_id: Mapped[int] = mapped_column(ForeignKey("rights.id"))
        other_id: Mapped[int] = mapped_column(ForeignKey("rights.id"))

    with pytest.raises(InvalidRequestError) as caught:
        base.metadata.sorted_tables  # noqa: B018

    class Left(base):  # noqa: F811 the newest is what counts
        id: Mapped[int] = mapped_column(primary_key=True)

    return str(caught.value)


def test_several_keys_are_listed():
    class Other(DeclarativeBase):
        pass

    text = mistake(Other, secondary="links")
    assert "Left.rights: several foreign keys of Link fit" in text
    assert "Link.right_id, Link.other_id for Right" in text


# Loading.


@pytest.mark.parametrize("load", [selectinload, joinedload])
async def test_lists_come_along_in_their_order(session, load):
    with assert_queries(2 if load is selectinload else 1):
        users = (
            (await session.execute(select(User).order_by(User.id).options(load(User.roles)))).scalars().unique().all()
        )
    assert [names(user.roles) for user in users] == [["admin", "writer"], ["writer"], []]


@pytest.mark.parametrize("load", [selectinload, joinedload])
async def test_keys_of_several_columns_and_mapped_junctions_work(session, load):
    users = await session.query(User).order_by("id").options(load(User.teams))
    assert [sorted(team.number for team in user.teams) for user in users] == [[1, 2], [2], []]
    team = await session.get(Team, ("de", 2), options=[load(Team.users)])
    assert sorted(names(team.users)) == ["Ann", "Bob"]


async def test_a_list_is_one_statement_for_all_parents(session):
    users = await session.query(User).order_by("id")
    with pytest.raises(RelationNotLoadedError, match=r"User.roles"):
        users[0].roles  # noqa: B018
    with assert_queries(1):
        await session.load(users, User.roles)
    assert [len(user.roles) for user in users] == [2, 1, 0]
    with assert_queries(0):
        await session.load(users, User.roles)


async def test_get_asks_for_a_list_in_the_same_flight(session):
    with assert_queries(3):
        user = await session.get(User, 1, options=[selectinload(User.roles).selectinload(Role.users)])
    assert [(role.name, sorted(names(role.users))) for role in user.roles] == [
        ("admin", ["Ann"]),
        ("writer", ["Ann", "Bob"]),
    ]


async def test_loads_go_on_behind_a_junction(session):
    users = await session.query(User).order_by("id").options(selectinload(User.roles).joinedload(Role.users))
    assert [names(user.roles) for user in users] == [["admin", "writer"], ["writer"], []]
    assert [sorted(names(role.users)) for role in users[0].roles] == [["Ann"], ["Ann", "Bob"]]


async def test_limits_conditions_and_orders_are_of_each_parent(session):
    load = selectinload(User.roles).order_by(Role.name.desc()).limit(1)
    users = await session.query(User).order_by("id").options(load)
    assert [names(user.roles) for user in users] == [["writer"], ["writer"], []]
    session.expunge_all()
    load = selectinload(User.roles.and_(Role.name == "admin"))
    users = await session.query(User).order_by("id").options(load)
    assert [names(user.roles) for user in users] == [["admin"], [], []]
    session.expunge_all()
    criteria = with_loader_criteria(Role, Role.name != "admin")
    for load in (selectinload, joinedload):
        users = await session.query(User).order_by("id").options(load(User.roles), criteria)
        assert [names(user.roles) for user in users] == [["writer"], ["writer"], []]
        session.expunge_all()


async def test_joined_list_with_limit_limits_parents(session):
    users = await session.query(User).order_by("id").options(joinedload(User.roles)).limit(2)
    assert [names(user.roles) for user in users] == [["admin", "writer"], ["writer"]]


async def test_contained_list_is_read_from_the_join(session):
    query = select(User).join(User.roles).where(Role.name == "admin").options(contains_eager(User.roles))
    with assert_queries(1):
        user = (await session.execute(query)).scalars().unique().one()
    assert (user.name, names(user.roles)) == ("Ann", ["admin"])


# Querying.


async def test_join_goes_through_the_junction(session):
    query = select(User.name, Role.name).join(User.roles).order_by(User.id, Role.id)
    assert (await session.execute(query)).all() == [("Ann", "admin"), ("Ann", "writer"), ("Bob", "writer")]
    sql = "SELECT guild_users.name, guild_roles.name FROM guild_users"
    sql += " JOIN guild_user_roles AS guild_user_roles_1 ON guild_user_roles_1.user_id = guild_users.id"
    sql += " JOIN guild_roles ON guild_user_roles_1.role_id = guild_roles.id"
    assert select(User.name, Role.name).join(User.roles).to_sql("sqlite")[0] == sql


async def test_outer_join_keeps_those_without(session):
    query = select(User.name, Role.name).outerjoin(User.roles).order_by(User.id, Role.id)
    found = (await session.execute(query)).all()
    assert found == [("Ann", "admin"), ("Ann", "writer"), ("Bob", "writer"), ("Cid", None)]
    boss = aliased(Role)
    query = select(User.name, boss.name).outerjoin(User.roles.of_type(boss)).where(boss.name == "admin")
    assert (await session.execute(query)).all() == [("Ann", "admin")]


async def test_join_back_and_forth(session):
    other = aliased(User)
    query = select(User.name, other.name).join(User.roles).join(Role.users.of_type(other)).where(User.id != other.id)
    assert sorted((await session.execute(query)).all()) == [("Ann", "Bob"), ("Bob", "Ann")]


async def test_any_contains_and_their_negation(session):
    writer = await session.query(Role).get(name="writer")
    for condition, expected in [
        (User.roles.any(), ["Ann", "Bob"]),
        (~User.roles.any(), ["Cid"]),
        (User.roles.any(Role.name == "admin"), ["Ann"]),
        (User.roles.any(name="admin"), ["Ann"]),
        (User.roles.contains(writer), ["Ann", "Bob"]),
        (~User.roles.contains(writer), ["Cid"]),
        (User.teams.any(Team.number == 1), ["Ann"]),
    ]:
        found = (await session.execute(select(User.name).where(condition).order_by(User.id))).scalars().all()
        assert found == expected


async def test_lookups_cross_junctions(session):
    writer = await session.query(Role).get(name="writer")
    for lookups, expected in [
        ({"roles__name": "admin"}, ["Ann"]),
        ({"roles": writer}, ["Ann", "Bob"]),
        ({"roles__in": [writer]}, ["Ann", "Bob"]),
        ({"roles__isnull": True}, ["Cid"]),
        ({"roles__name__ne": "admin"}, ["Bob", "Cid"]),
        ({"roles__users__name": "Bob"}, ["Ann", "Bob"]),
        ({"teams__number__gt": 1, "roles__name": "writer"}, ["Ann", "Bob"]),
    ]:
        assert names(await session.query(User).filter(**lookups).order_by("id")) == expected
    assert names(await session.query(User).exclude(roles__name="admin").order_by("id")) == ["Bob", "Cid"]


async def test_aggregates_cross_junctions(session):
    rows = await session.query(User).annotate(count=Count("roles")).order_by("id").values_list("name", "count")
    assert rows == [("Ann", 2), ("Bob", 1), ("Cid", 0)]
    rows = await session.query(Role).annotate(count=Count("users__teams")).order_by("id").values_list("name", "count")
    assert rows == [("admin", 2), ("writer", 3), ("guest", 0)]
    rows = await session.query(User).values("name").annotate(count=Count("roles")).order_by("name")
    assert [row["count"] for row in rows] == [2, 1, 0]
    assert await session.query(User).aggregate(count=Count("roles", distinct=True)) == {"count": 2}
    query = select(Role.name, func.count(User.id)).outerjoin(Role.users).group_by(Role.name).order_by(Role.name)
    assert (await session.execute(query)).all() == [("admin", 1), ("guest", 0), ("writer", 2)]


async def test_set_verbs_take_conditions_across_junctions(session):
    assert await session.query(User).filter(roles__name="admin").update(name="Anna") == 1
    assert await session.query(User).filter(roles__isnull=True).delete() == 1
    assert names(await session.query(User).order_by("id")) == ["Anna", "Bob"]


async def test_subqueries_are_not_joined_along_a_junction(session):
    rows = select(Role).subquery()
    with pytest.raises(NotSupportedError, match="User.roles"):
        select(User).join(rows, User.roles)


async def test_junction_that_is_a_class_is_read_by_itself(session):
    users = await session.query(User).order_by("id").options(selectinload(User.memberships))
    assert [[one.since for one in user.memberships] for user in users] == [["always"] * 2, ["always"], []]
    assert Membership and Hall
