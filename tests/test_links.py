"""Lists through a junction in the unit of work: what is written, when, and what a rollback puts back."""

import pytest
from guild import Base, Hall, Role, Team, User

import ormkit
from ormkit import (
    AsyncSession,
    DeclarativeBase,
    ForeignKey,
    InvalidRequestError,
    Mapped,
    NotSupportedError,
    StaleDataError,
    UniqueViolation,
    mapped_column,
    relationship,
    select,
    selectinload,
)
from ormkit.testing import assert_queries


@pytest.fixture
async def session(engine):
    """Ann is an admin and a writer, Bob a writer, Cid nothing."""
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        roles = [Role(name=name) for name in ("admin", "writer", "guest")]
        users = [User(name=name) for name in ("Ann", "Bob", "Cid")]
        session.add_all([*roles, *users])
        users[0].roles, users[1].roles = roles[:2], roles[1:2]
        await session.commit()
    async with AsyncSession(engine) as session:
        yield session
        await session.rollback()


async def loaded(session):
    users = await session.query(User).order_by("id").options(selectinload(User.roles))
    roles = await session.query(Role).order_by("id").options(selectinload(Role.users))
    return users, roles


async def links(engine):
    rows = await engine.execute("SELECT user_id, role_id FROM guild_user_roles ORDER BY 1, 2")
    return rows.tuples()


STORED = [(1, 1), (1, 2), (2, 2)]


def names(objects):
    return [one.name for one in objects]


# In memory.


def test_both_sides_are_in_step():
    user, role, other = User(name="a"), Role(name="r"), Role(name="s")
    user.roles.append(role)
    assert role.users == [user]
    other.users.append(user)
    assert user.roles == [role, other]
    user.roles.remove(role)
    assert (role.users, user.roles) == ([], [other])
    user.roles = [role, role]
    assert (user.roles, role.users, other.users) == ([role], [user], [])
    user.roles += [role, other]
    user.roles.append(role)
    assert (user.roles, role.users) == ([role, other], [user])
    user.roles[:] = []
    assert role.users == other.users == []
    assert User(name="b", roles=[role]).roles[0].users[0].name == "b"


# Writing.


async def test_links_are_written_in_one_statement_behind_their_ends(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        roles = [Role(name=str(number)) for number in range(5)]
        session.add_all([User(name=str(number), roles=roles) for number in range(7)])
        with assert_queries(3) as sent:
            await session.flush()
        assert "guild_user_roles" in sent.statements[-1]
        await session.commit()
    assert len(await links(engine)) == 35


async def test_changes_are_written_in_one_statement_each(engine, session):
    users, roles = await loaded(session)
    users[0].roles = [roles[2]]
    users[1].roles.append(roles[0])
    roles[2].users.append(users[2])
    with assert_queries(2) as sent:
        await session.flush()
    assert [statement.split()[0] for statement in sent.statements] == ["DELETE", "INSERT"]
    await session.commit()
    assert await links(engine) == [(1, 3), (2, 1), (2, 2), (3, 3)]


async def test_nothing_is_written_where_nothing_changed(engine, session):
    users, _ = await loaded(session)
    members = list(users[0].roles)
    users[0].roles.clear()
    users[0].roles = members
    users[1].roles.append(users[1].roles.pop())
    with assert_queries(0):
        await session.flush()
    assert await links(engine) == STORED


async def test_unloaded_other_side_is_no_hindrance(engine, session):
    user = await session.get(User, 3, options=[selectinload(User.roles)])
    role = await session.get(Role, 3)
    user.roles.append(role)
    with session.no_autoflush:
        await session.load(role, Role.users)
    assert role.users == [user]
    await session.commit()
    assert (3, 3) in await links(engine) and role.users == [user]


async def test_new_objects_come_along_with_the_list(engine, session):
    users, _ = await loaded(session)
    users[2].roles.append(Role(name="new"))
    await session.commit()
    assert (3, 4) in await links(engine)


async def test_member_that_is_deleted_is_not_linked(engine, session):
    users, roles = await loaded(session)
    users[2].roles.append(roles[0])
    session.delete(roles[0])
    await session.commit()
    assert await links(engine) == [(1, 2), (2, 2)]
    assert (users[2].roles, names(users[0].roles)) == ([], ["writer"])


async def test_link_that_is_there_already_is_an_error_of_the_database(engine, session):
    user = await session.get(User, 2, options=[selectinload(User.roles.and_(Role.name == "admin"))])
    role = await session.get(Role, 2)
    user.roles.append(role)
    with pytest.raises(UniqueViolation) as caught:
        await session.flush()
    assert caught.value.table == "guild_user_roles"
    await session.rollback()
    assert user.roles == []


async def test_link_that_a_partial_list_does_not_show_is_known_from_the_other_side(engine, session):
    role = await session.get(Role, 2, options=[selectinload(Role.users)])
    user = await session.get(User, 2, options=[selectinload(User.roles.and_(Role.name == "admin"))])
    user.roles.append(role)
    await session.commit()
    assert await links(engine) == STORED


async def test_link_that_is_gone_is_stale(engine, session):
    users, _ = await loaded(session)
    await engine.execute("DELETE FROM guild_user_roles WHERE user_id = 1 AND role_id = 1")
    users[0].roles.clear()
    with pytest.raises(StaleDataError, match="guild_user_roles"):
        await session.flush()
    await session.rollback()
    assert names(users[0].roles) == ["admin", "writer"]


async def test_set_verbs_write_what_lists_ask_for_first(engine, session):
    users, roles = await loaded(session)
    users[2].roles.append(roles[0])
    assert await session.query(User).filter(roles__name="admin").update(name="boss") == 2
    assert names(users) == ["boss", "Bob", "boss"]


# Deleting.


@pytest.mark.parametrize("load", [True, False])
async def test_database_deletes_the_links_of_a_deleted_end(engine, session, load):
    if load:
        await loaded(session)
    session.delete(await session.get(Role, 2))
    with assert_queries(1):
        await session.flush()
    await session.commit()
    assert await links(engine) == [(1, 1)]
    await session.remove(await session.get(User, 1))
    assert await links(engine) == []


async def test_links_without_cascade_are_deleted_first_in_one_statement(engine, session):
    teams = [Team(land="de", number=number) for number in range(3)]
    users = await session.query(User).order_by("id").options(selectinload(User.teams))
    users[0].teams, users[1].teams = teams, teams[:1]
    await session.commit()
    session.delete(teams[0])
    session.delete(teams[1])
    with assert_queries(2) as sent:
        await session.flush()
    assert "guild_memberships" in sent.statements[0]
    assert (users[0].teams, users[1].teams) == (teams[2:], [])
    await session.rollback()
    assert (users[0].teams, users[1].teams) == (teams, teams[:1])
    fresh = await session.get(User, 1)
    session.expunge_all()
    await session.remove(await session.get(User, 1))
    assert fresh and (await engine.execute("SELECT count(*) FROM guild_memberships")).scalar() == 1


async def test_deletion_passes_on_where_the_cascade_says_so(engine):
    class Other(DeclarativeBase):
        pass

    class Page(Other):
        id: Mapped[int] = mapped_column(primary_key=True)
        notes: Mapped[list["Note"]] = relationship(
            secondary="page_notes", cascade="all, delete", back_populates="pages"
        )

    class Note(Other):
        id: Mapped[int] = mapped_column(primary_key=True)
        pages: Mapped[list["Page"]] = relationship(secondary="page_notes", back_populates="notes")

    await Other.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        note = Note()
        session.add_all([Page(notes=[note, Note()]), Page(notes=[note])])
        await session.commit()
        await session.remove(await session.get(Page, 1))
    for table, expected in [("notes", 0), ("page_notes", 0), ("pages", 1)]:
        assert (await engine.execute(f"SELECT count(*) FROM {table}")).scalar() == expected


def test_delete_orphan_is_refused():
    class Other(DeclarativeBase):
        pass

    class Page(Other):
        id: Mapped[int] = mapped_column(primary_key=True)
        notes: Mapped[list["Note"]] = relationship(secondary="page_notes", cascade="all, delete-orphan")

    class Note(Other):
        id: Mapped[int] = mapped_column(primary_key=True)

    with pytest.raises(InvalidRequestError, match=r"Page.notes: the cascade \"delete-orphan\""):
        Other.metadata.sorted_tables  # noqa: B018

    class Page(Other):  # noqa: F811 the newest is what counts
        id: Mapped[int] = mapped_column(primary_key=True)

    assert Note


# Undoing.


async def test_rollback_puts_both_sides_back(engine, session):
    users, roles = await loaded(session)
    users[0].roles.remove(roles[0])
    users[2].roles.append(roles[2])
    new = Role(name="new", users=[users[1]])
    await session.flush()
    await session.rollback()
    assert [names(user.roles) for user in users] == [["admin", "writer"], ["writer"], []]
    assert [names(role.users) for role in roles] == [["Ann"], ["Ann", "Bob"], []]
    await session.commit()
    assert await links(engine) == STORED
    session.add(new)
    await session.commit()
    assert await links(engine) == [*STORED, (2, new.id)]


async def test_unflushed_changes_are_undone_as_well(engine, session):
    users, roles = await loaded(session)
    users[0].roles.clear()
    await session.rollback()
    assert (names(users[0].roles), names(roles[0].users)) == (["admin", "writer"], ["Ann"])


async def test_savepoint_puts_back_what_was_done_in_it(engine, session):
    users, roles = await loaded(session)
    users[2].roles.append(roles[2])
    async with session.begin_nested() as savepoint:
        users[2].roles.append(roles[0])
        users[0].roles.clear()
        await session.flush()
        await savepoint.rollback()
    assert [names(user.roles) for user in users] == [["admin", "writer"], ["writer"], ["guest"]]
    await session.commit()
    assert await links(engine) == [*STORED, (3, 3)]


async def test_lists_that_are_loaded_in_between_are_put_right(engine, session):
    users = await session.query(User).order_by("id").options(selectinload(User.roles))
    roles = await session.query(Role).order_by("id")
    users[2].roles.append(roles[0])
    users[0].roles.remove(roles[0])
    await session.flush()
    await session.load(roles, Role.users)
    assert names(roles[0].users) == ["Cid"]
    await session.rollback()
    assert names(roles[0].users) == ["Ann"]


async def test_raw_writes_of_the_junction_unload_lists_at_a_rollback(engine, session):
    await session.execute(ormkit.text("INSERT INTO guild_user_roles (user_id, role_id) VALUES (3, 1)"))
    user = await session.get(User, 3, options=[selectinload(User.roles)])
    assert names(user.roles) == ["admin"]
    await session.rollback()
    with pytest.raises(ormkit.RelationNotLoadedError):
        user.roles  # noqa: B018


# Verbs.


async def test_verbs_write_at_once(engine, session):
    users, roles = await loaded(session)
    pending = users[1].roles.append(roles[0])
    with assert_queries(1):
        await users[2].roles.add(roles[0], roles[1])
    assert await links(engine) == [*STORED, (3, 1), (3, 2)]
    with assert_queries(0):
        await users[2].roles.add(roles[0])
    await users[2].roles.remove(roles[0])
    assert await links(engine) == [*STORED, (3, 2)]
    await users[2].roles.set([roles[2], Role(name="new")])
    assert await links(engine) == [*STORED, (3, 3), (3, 4)]
    await users[2].roles.clear()
    assert await links(engine) == STORED
    assert (pending, roles[0].users) == (None, [users[0], users[1]])
    await session.commit()
    assert await links(engine) == [(1, 1), (1, 2), (2, 1), (2, 2)]


async def test_verb_on_one_side_leaves_nothing_to_the_other(engine, session):
    users, roles = await loaded(session)
    await session.update(users[2], name="Cyd")
    users[2].roles.append(roles[0])
    await session.update(roles[0], name="chief")
    assert await links(engine) == [(1, 1), (1, 2), (2, 2), (3, 1)]
    with assert_queries(0):
        await session.flush()
    await session.commit()


async def test_failed_verb_leaves_lists_as_they_were(engine, session):
    users, roles = await loaded(session)
    await engine.execute("INSERT INTO guild_user_roles (user_id, role_id) VALUES (3, 1)")
    with pytest.raises(UniqueViolation):
        await users[2].roles.add(roles[0])
    assert users[2].roles == [roles[0]]
    users[2].roles.remove(roles[0])
    await session.commit()
    assert roles[0].users == [users[0]]


# Other ways into a list.


async def test_merge_takes_a_list_over(engine, session):
    users, roles = await loaded(session)
    session.expunge_all()
    users[0].roles = [roles[2]]
    merged = await session.merge(users[0])
    await session.commit()
    assert await links(engine) == [(1, 3), (2, 2)] and names(merged.roles) == ["guest"]


async def test_refresh_and_expire_read_a_list_again(engine, session):
    users, _ = await loaded(session)
    await engine.execute("DELETE FROM guild_user_roles WHERE user_id = 1 AND role_id = 1")
    await session.refresh(users[0], ["roles"])
    assert names(users[0].roles) == ["writer"]
    session.expire(users[1], ["roles"])
    await session.load(users[1], User.roles)
    assert names(users[1].roles) == ["writer"]


async def test_expunged_member_is_refused_when_it_is_linked(engine, session):
    users, roles = await loaded(session)
    session.expunge(roles[2])
    users[2].roles.append(roles[2])
    with pytest.raises(InvalidRequestError, match="User.roles refers to a Role"):
        await session.flush()


async def test_viewonly_list_is_not_written(engine):
    class Other(DeclarativeBase):
        pass

    class Sheet(Other):
        id: Mapped[int] = mapped_column(primary_key=True)
        marks: Mapped[list["Mark"]] = relationship(secondary="sheet_marks", viewonly=True)

    class Mark(Other):
        id: Mapped[int] = mapped_column(primary_key=True)

    await Other.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        session.add_all([Sheet(marks=[]), Mark()])
        await session.commit()
        await engine.execute("INSERT INTO sheet_marks VALUES (1, 1)")
        sheet = await session.get(Sheet, 1)
        await session.refresh(sheet, ["marks"])
        assert len(sheet.marks) == 1
        sheet.marks.clear()
        await session.commit()
    assert (await engine.execute("SELECT count(*) FROM sheet_marks")).scalar() == 1


async def test_junction_whose_columns_a_link_does_not_fill_is_refused(engine):
    class Other(DeclarativeBase):
        pass

    class Order(Other):
        id: Mapped[int] = mapped_column(primary_key=True)
        wares: Mapped[list["Ware"]] = relationship(secondary="order_lines")

    class Ware(Other):
        id: Mapped[int] = mapped_column(primary_key=True)

    class OrderLine(Other):
        __tablename__ = "order_lines"
        order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True)
        ware_id: Mapped[int] = mapped_column(ForeignKey("wares.id"), primary_key=True)
        amount: Mapped[int]

    await Other.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        session.add(Order(wares=[Ware()]))
        with pytest.raises(NotSupportedError, match=r"OrderLine.amount"):
            await session.flush()
        await session.rollback()
        assert OrderLine


async def test_keys_of_several_columns_are_linked(engine, session):
    team = Team(land="de", number=1, halls=[Hall(name="big"), Hall(name="small")])
    session.add(team)
    await session.commit()
    rows = await engine.execute("SELECT team_land, team_number, hall_id FROM guild_halls_of_teams ORDER BY 3")
    assert rows.tuples() == [("de", 1, 1), ("de", 1, 2)]
    await team.halls.clear()
    assert (await engine.execute("SELECT count(*) FROM guild_halls_of_teams")).scalar() == 0
    assert (await session.execute(select(Team).where(Team.halls.any()))).all() == []
