"""Loader options beyond the plain ones: parts of lists, limits per parent, trees, joins of one's own, criteria."""

from __future__ import annotations

import uuid

import pytest
from blog import Base, Folder, Item, Place, Post, PostTag, Profile, Tag, Team, User
from counting import sent

from ormkit import (
    AsyncSession,
    DeclarativeBase,
    FieldError,
    ForeignKey,
    ForeignKeyConstraint,
    Mapped,
    NotSupportedError,
    Prefetch,
    RelationNotLoadedError,
    UniqueConstraint,
    aliased,
    contains_eager,
    func,
    immediateload,
    joinedload,
    lazyload,
    mapped_column,
    raiseload,
    relationship,
    select,
    selectinload,
    subqueryload,
    with_loader_criteria,
)


class Device(Base):
    __tablename__ = "blog_devices"
    __table_args__ = (UniqueConstraint("row", "code"),)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    row: Mapped[int]
    code: Mapped[str]
    readings: Mapped[list[Reading]] = relationship()
    notes: Mapped[list[Note]] = relationship()


class Reading(Base):
    __tablename__ = "blog_readings"
    id: Mapped[int] = mapped_column(primary_key=True)
    device_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("blog_devices.id"))


class Note(Base):
    __tablename__ = "blog_notes"
    __table_args__ = (ForeignKeyConstraint(["row", "code"], ["blog_devices.row", "blog_devices.code"]),)
    id: Mapped[int] = mapped_column(primary_key=True)
    row: Mapped[int]
    code: Mapped[str]


@pytest.fixture
async def db(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        teams = [Team(name="red"), Team(name="blue")]
        tags = [Tag(name=name) for name in "abc"]
        for at, name in enumerate(("Ann", "Bea", "Cid")):
            user = User(name=name, age=30 + at, team=teams[at % 2])
            for number in range(4 - at):
                post = Post(title=f"{name}{number}", rating=number, published=number % 2 == 0)
                post.labels = [PostTag(tag=tag, weight=at + 1) for tag in tags[: number + 1]]
                user.posts.append(post)
            session.add(user)
        session.add(User(name="Dan"))
        session.add(Folder(name="1", children=[Folder(name="11", children=[Folder(name="111")]), Folder(name="12")]))
        places = [Place(row=row, column=column) for row in (1, 2) for column in "xy"]
        for place in places[:3]:
            place.items = [Item() for _ in range(place.row + 1)]
        session.add_all(places)
        await session.commit()
    return engine


def titles(users):
    return {user.name: [post.title for post in user.posts] for user in users}


@pytest.mark.parametrize("load", [selectinload, joinedload])
async def test_part_of_a_list_is_what_is_loaded(db, load):
    async with AsyncSession(db) as session:
        option = load(User.posts.and_(Post.published, Post.rating >= 0).and_(Post.title != "Ann2"))
        users = await session.query(User).options(option).order_by("id").all()
        assert titles(users) == {"Ann": ["Ann0"], "Bea": ["Bea0", "Bea2"], "Cid": ["Cid0"], "Dan": []}


@pytest.mark.parametrize("load", [selectinload, joinedload])
async def test_rows_outside_of_a_part_are_not_touched_by_a_flush(db, load):
    await db.execute("DELETE FROM blog_post_tags")
    async with AsyncSession(db) as session:
        ann = await session.query(User).options(load(User.posts.and_(Post.published))).filter(name="Ann").one()
        ann.posts.append(Post(title="new"))
        ann.posts.remove(ann.posts[0])
        await session.commit()
    left = (await db.execute("SELECT title FROM blog_posts WHERE author_id = 1 ORDER BY id")).all()
    assert [row["title"] for row in left] == ["Ann1", "Ann2", "Ann3", "new"]


@pytest.mark.parametrize("changed", [False, True])
async def test_deleting_a_parent_deletes_what_its_part_left_out(db, changed):
    await db.execute("DELETE FROM blog_post_tags")
    async with AsyncSession(db) as session:
        option = selectinload(User.posts.and_(Post.published)).limit(1)
        ann = await session.query(User).options(option).filter(name="Ann").one()
        assert len(ann.posts) == 1
        if changed:
            ann.posts.append(Post(title="new"))
        await session.delete(ann)
        await session.commit()
    assert (await db.execute("SELECT count(*) FROM blog_posts WHERE author_id = 1")).scalar() == 0
    assert (await db.execute("SELECT count(*) FROM blog_posts WHERE author_id IS NULL")).scalar() == 0


async def test_limit_is_of_each_parent_and_one_statement(db):
    async with AsyncSession(db) as session:
        option = selectinload(User.posts).order_by(Post.rating.desc()).limit(2)
        with sent(db) as seen:
            users = await session.query(User).options(option).order_by("id").all()
        assert titles(users) == {"Ann": ["Ann3", "Ann2"], "Bea": ["Bea2", "Bea1"], "Cid": ["Cid1", "Cid0"], "Dan": []}
        assert len(seen) == 2
    async with AsyncSession(db) as session:
        option = selectinload(User.posts).order_by("-rating").limit(2).offset(1).selectinload(Post.labels)
        users = await session.query(User).options(option).order_by("id").all()
        assert titles(users) == {"Ann": ["Ann2", "Ann1"], "Bea": ["Bea1", "Bea0"], "Cid": ["Cid0"], "Dan": []}
        assert [len(post.labels) for post in users[0].posts] == [3, 2]


async def test_limit_with_a_join_below_and_composite_keys(db):
    async with AsyncSession(db) as session:
        option = selectinload(User.posts).limit(1).joinedload(Post.labels).joinedload(PostTag.tag)
        users = await session.query(User).options(option).order_by("id").all()
        assert titles(users) == {"Ann": ["Ann0"], "Bea": ["Bea0"], "Cid": ["Cid0"], "Dan": []}
        assert [label.tag.name for label in users[0].posts[0].labels] == ["a"]
        places = await session.query(Place).options(selectinload(Place.items).limit(2)).order_by("row", "column").all()
        assert [len(place.items) for place in places] == [2, 2, 2, 0]


async def test_limit_needs_a_statement_of_its_own(db):
    async with AsyncSession(db) as session:
        with pytest.raises(NotSupportedError, match="limit for each parent.*selectinload"):
            await session.query(User).options(joinedload(User.posts).limit(1)).all()


@pytest.mark.parametrize("load", [selectinload, joinedload])
async def test_order_of_an_option_takes_the_place_of_the_relations(db, load):
    async with AsyncSession(db) as session:
        option = load(User.posts).order_by(Post.published, "-id")
        ann = await session.query(User).options(option).filter(name="Ann").one()
        assert [post.title for post in ann.posts] == ["Ann3", "Ann1", "Ann2", "Ann0"]


async def test_trees_load_so_many_levels(db):
    async with AsyncSession(db) as session:
        with sent(db) as seen:
            root = await session.query(Folder).options(selectinload(Folder.children, recursion_depth=2)).get(name="1")
        assert [[leaf.name for leaf in child.children] for child in root.children] == [["111"], []]
        assert not hasattr(root.children[0].children[0], "children")
        assert len(seen) == 3
    async with AsyncSession(db) as session:
        with sent(db) as seen:
            root = await session.query(Folder).options(selectinload("children", recursion_depth=-1)).get(name="1")
        assert root.children[0].children[0].children == []
        assert len(seen) == 4
        leaf = root.children[0].children[0]
    async with AsyncSession(db) as session:
        leaf = await session.get(Folder, leaf.id)
        await session.load(leaf, selectinload(Folder.parent, recursion_depth=-1))
        assert leaf.parent.parent.name == "1"
    with pytest.raises(TypeError, match="of a class to itself"):
        select(User).options(selectinload(User.posts, recursion_depth=2))
    with pytest.raises(ValueError, match="recursion_depth"):
        selectinload(Folder.children, recursion_depth=0)


async def test_circle_of_rows_ends(db):
    await db.execute(
        "UPDATE blog_folders SET parent_id = (SELECT id FROM blog_folders WHERE name = '111') WHERE name = '1'"
    )
    async with AsyncSession(db) as session:
        root = await session.query(Folder).options(selectinload("children", recursion_depth=-1)).get(name="1")
        assert root.children[0].children[0].children == [root]


async def test_contains_eager_reads_the_join_of_the_query(db):
    async with AsyncSession(db) as session:
        statement = (
            select(User).join(User.posts).where(Post.rating >= 2).order_by(User.id, Post.rating.desc())
        ).options(contains_eager(User.posts))
        with sent(db) as seen:
            users = (await session.scalars(statement)).all()
        assert titles(users) == {"Ann": ["Ann3", "Ann2"], "Bea": ["Bea2"]}
        assert len(seen) == 1
    async with AsyncSession(db) as session:
        statement = select(Post).join(Post.author).join(User.team).where(Team.name == "blue").order_by(Post.id)
        with sent(db) as seen:
            posts = (
                await session.scalars(statement.options(contains_eager(Post.author).contains_eager(User.team)))
            ).all()
        assert [(post.title, post.author.team.name) for post in posts] == [(f"Bea{at}", "blue") for at in range(3)]
        assert len(seen) == 1


async def test_contains_eager_goes_on_by_other_ways(db):
    async with AsyncSession(db) as session:
        statement = select(User).join(User.posts).where(Post.rating == 1).order_by(User.id)
        option = contains_eager(User.posts).options(selectinload(Post.labels).joinedload(PostTag.tag), "editor")
        users = (await session.scalars(statement.options(option))).all()
        assert [[label.tag.name for label in user.posts[0].labels] for user in users] == [["a", "b"]] * 3
        assert users[0].posts[0].editor is None


async def test_contains_eager_reads_the_alias_that_it_is_told(db):
    async with AsyncSession(db) as session:
        good, bad = aliased(Post), aliased(Post)
        statement = (
            select(User)
            .join(User.posts.of_type(good))
            .join(bad, bad.author_id == User.id)
            .where(good.rating == 1, bad.rating == 0)
            .order_by(User.id)
        )
        option = contains_eager(User.posts.of_type(bad)).selectinload(Post.labels)
        users = (await session.scalars(statement.options(option))).all()
        assert titles(users) == {"Ann": ["Ann0"], "Bea": ["Bea0"], "Cid": ["Cid0"]}
        assert [len(user.posts[0].labels) for user in users] == [1, 1, 1]
        with pytest.raises(TypeError, match="contains_eager"):
            selectinload(User.posts.of_type(good))


async def test_contains_eager_needs_the_join(db):
    async with AsyncSession(db) as session:
        with pytest.raises(NotSupportedError, match=r"contains_eager\(User\.posts\) in a query that does not join it"):
            await session.scalars(select(User).options(contains_eager(User.posts)))


@pytest.mark.parametrize("load", [selectinload, joinedload])
async def test_criteria_hold_for_all_objects_of_a_class(db, load):
    async with AsyncSession(db) as session:
        options = [load(User.posts).selectinload(Post.labels), with_loader_criteria(Post, Post.rating > 0)]
        users = await session.query(User).options(*options, with_loader_criteria(User, lambda cls: cls.age > 30)).all()
        assert titles(users) == {"Bea": ["Bea1", "Bea2"], "Cid": ["Cid1"]}
    async with AsyncSession(db) as session:
        criterion = with_loader_criteria(Post, Post.rating > 1)
        query = session.query(Post).options(criterion)
        assert (await query.count(), len(await query.all())) == (3, 3)
        statement = select(User.name).join(User.posts).distinct().order_by(User.name)
        names = (await session.scalars(select(User).join(User.posts).distinct().options(criterion))).all()
        assert {user.name for user in names} == {"Ann", "Bea"}
        assert (await session.scalars(statement)).all() == ["Ann", "Bea", "Cid"]


async def test_criteria_hold_for_references_that_the_session_holds(db):
    async with AsyncSession(db) as session:
        await session.query(User).all()
        options = [selectinload(Post.author), with_loader_criteria(User, User.name == "Ann")]
        posts = await session.query(Post).options(*options).order_by("id").all()
        assert [post.author and post.author.name for post in posts] == ["Ann"] * 4 + [None] * 5
        assert list(session.dirty) == []


async def test_conditions_with_selects_inside_keep_to_the_loaded_rows(db):
    tagged = select(PostTag).where(PostTag.post_id == Post.id, PostTag.tag_id == 3).exists()
    listed = Post.id.in_(select(PostTag.post_id).where(PostTag.post_id == Post.id, PostTag.tag_id == 3))
    own = Post.rating == select(func.max(Post.rating)).where(Post.author_id == 1).scalar_subquery()
    for load in (selectinload, joinedload):
        for condition in (tagged, listed):
            async with AsyncSession(db) as session:
                users = await session.query(User).options(load(User.posts.and_(condition))).order_by("id").all()
                assert titles(users) == {"Ann": ["Ann2", "Ann3"], "Bea": ["Bea2"], "Cid": [], "Dan": []}, load
        async with AsyncSession(db) as session:
            users = await session.query(User).options(load(User.posts.and_(own))).order_by("id").all()
            assert titles(users) == {"Ann": ["Ann3"], "Bea": [], "Cid": [], "Dan": []}, load


async def test_inner_joins_leave_out_parents_without_a_relative(db):
    async with AsyncSession(db) as session:
        users = await session.query(User).options(joinedload(User.team, innerjoin=True)).all()
        assert [user.name for user in users] == ["Ann", "Bea", "Cid"]
    async with AsyncSession(db) as session:
        option = joinedload(User.posts).joinedload(Post.editor, innerjoin=True)
        users = await session.query(User).options(option).all()
        assert sum(len(user.posts) for user in users) == 9


async def test_relation_whose_objects_are_always_there_is_joined_by_an_inner_join(engine):
    class Root(DeclarativeBase):
        pass

    class Owner(Root):
        __tablename__ = "inner_owners"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Thing(Root):
        __tablename__ = "inner_things"
        id: Mapped[int] = mapped_column(primary_key=True)
        owner_id: Mapped[int] = mapped_column(ForeignKey("inner_owners.id"))
        lender_id: Mapped[int | None] = mapped_column(ForeignKey("inner_owners.id"))
        owner: Mapped[Owner] = relationship(foreign_keys=[owner_id], lazy="joined", innerjoin=True)
        lender: Mapped[Owner | None] = relationship(foreign_keys=[lender_id], innerjoin=True)

    await Root.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all([Owner(id=1), Owner(id=2)])
        await session.insert_all([Thing(id=1, owner_id=1), Thing(id=2, owner_id=2, lender_id=1)])

    async def joins(query):
        async with AsyncSession(engine) as session:
            with sent(engine) as texts:
                things = await query(session)
            assert [thing.owner.id for thing in things] == [1, 2]
            return ["LEFT" not in text and "JOIN" in text for text in texts.statements]

    assert await joins(lambda session: session.query(Thing).order_by("id").all()) == [True]
    lent = joinedload(Thing.lender)
    assert await joins(lambda session: session.query(Thing).options(lent).order_by("id").all()) == [False]
    outer = joinedload(Thing.owner, innerjoin=False)
    assert await joins(lambda session: session.query(Thing).options(outer).order_by("id").all()) == [False]
    narrowed = with_loader_criteria(Owner, Owner.id > 1)
    async with AsyncSession(engine) as session:
        assert [thing.id for thing in await session.query(Thing).options(narrowed).order_by("id")] == [1, 2]


async def test_wildcard_speaks_of_all_other_relations(db):
    async with AsyncSession(db) as session:
        ann = await session.get(User, 1, options=[selectinload(User.posts), raiseload("*")])
        assert len(ann.posts) == 4
        with pytest.raises(RelationNotLoadedError):
            ann.team  # noqa: B018
        with pytest.raises(FieldError):
            select(User).options(selectinload("*"))


@pytest.mark.parametrize("load", [subqueryload, immediateload])
async def test_words_of_sqlalchemy(db, load):
    async with AsyncSession(db) as session:
        users = await session.query(User).options(load(User.posts, Post.labels), lazyload(User.team)).all()
        assert sum(len(post.labels) for user in users for post in user.posts) == 9 + 6 + 3


async def test_options_are_also_relations_and_names(db):
    async with AsyncSession(db) as session:
        ann = await session.query(User).options("posts.labels", User.team, "profile").order_by("id").first()
        assert (len(ann.posts[3].labels), ann.team.name, ann.profile) == (3, "red", None)
        with pytest.raises(FieldError, match="did you mean `posts`"):
            session.query(User).options("post")
        with pytest.raises(TypeError, match="not a int"):
            session.query(User).options(3)


async def test_prefetch_takes_a_query(db):
    async with AsyncSession(db) as session:
        posts = session.query(Post).filter(published=True).order_by("-rating").prefetch_related("labels")[:1]
        with sent(db) as seen:
            users = await session.query(User).prefetch_related(Prefetch("posts", queryset=posts), "team").order_by("id")
        assert titles(users) == {"Ann": ["Ann2"], "Bea": ["Bea2"], "Cid": ["Cid0"], "Dan": []}
        assert [len(user.posts[0].labels) for user in users[:3]] == [3, 3, 1]
        assert [len(flight) for flight in seen.flights] == [1, 2, 1]
        with pytest.raises(TypeError, match="its queryset is of another class"):
            session.query(User).prefetch_related(Prefetch("posts", session.query(User)))
        with pytest.raises(TypeError, match="DISTINCT"):
            Prefetch("posts", session.query(Post).distinct())


async def test_prefetch_goes_to_an_attribute_of_its_own(db):
    async with AsyncSession(db) as session:
        posts = session.query(Post)
        best = Prefetch("posts", posts.order_by("-rating").prefetch_related("labels")[:1], to_attr="best")
        public = Prefetch("posts", posts.filter(published=True).order_by("-title"), to_attr="public")
        with sent(db) as seen:
            users = await session.query(User).prefetch_related(best, public).order_by("id")
        assert [len(flight) for flight in seen.flights] == [1, 2, 1]
        everyone = await session.query(User).options("posts").order_by("id")
        assert everyone == users
        for user in users:
            assert user.best == sorted(user.posts, key=lambda post: -post.rating)[:1]
            assert user.public == sorted([p for p in user.posts if p.published], key=lambda p: p.title, reverse=True)
            assert all(post.author is user for post in user.public)
        assert users[0].best[0].labels is not None
        assert session.dirty == []
        users[0].best.clear()
        assert session.dirty == [] and len(users[0].posts) == 4
        await session.load(users[0], selectinload_best := Prefetch("posts", posts.order_by("rating")[:1], "worst"))
        assert users[0].worst == sorted(users[0].posts, key=lambda post: post.rating)[:1]
        await session.load(users[0], selectinload_best)
        post = await session.query(Post).prefetch_related(Prefetch("author", to_attr="writer")).order_by("id").first()
        assert post.writer is users[0]
        none = Prefetch("author", session.query(User).filter(name="Bea"), to_attr="bea")
        post = await session.query(Post).prefetch_related(none).order_by("id").first()
        assert post.bea is None and post.author is users[0]
        ann = await session.get(User, 1, options=Prefetch("posts", to_attr="again"))
        assert len(ann.again) == 4
        for name, said in [("name", "has an attribute"), ("posts", "has an attribute"), ("_x", "no public name")]:
            with pytest.raises(ValueError, match=said):
                session.query(User).prefetch_related(Prefetch("posts", to_attr=name))


async def test_prefetch_to_an_attribute_leaves_the_relation_unloaded(db):
    async with AsyncSession(db) as session:
        user = await session.query(User).prefetch_related(Prefetch("posts", to_attr="seen")).order_by("id").first()
        with pytest.raises(RelationNotLoadedError):
            _ = user.posts
        user = (
            await session.query(User)
            .prefetch_related(Prefetch("posts", to_attr="seen"), "posts")
            .order_by("id")
            .first()
        )
        assert sorted(user.seen, key=id) == sorted(user.posts, key=id)
        labelled = Prefetch("posts.labels", to_attr="tags")
        user = await session.query(User).prefetch_related(labelled).order_by("id").first()
        assert [len(post.tags) for post in user.posts] == [len(post.tags) for post in user.seen]


async def test_select_related_follows_names(db):
    async with AsyncSession(db) as session:
        with sent(db) as seen:
            post = await session.query(Post).select_related("author__team").order_by("id").first()
        assert post.author.team.name == "red" and len(seen) == 1


@pytest.mark.parametrize("load", [selectinload, joinedload])
async def test_one_to_one_and_association_objects(db, load):
    async with AsyncSession(db) as session:
        session.add(Profile(motto="m", user_id=1))
        await session.commit()
    async with AsyncSession(db) as session:
        users = await session.query(User).options(load(User.profile)).order_by("id").all()
        assert [user.profile and user.profile.motto for user in users] == ["m", None, None, None]
        assert users[0].profile.user is users[0]
        tags = await session.query(Tag).options(load(Tag.labels).options(load(PostTag.post))).order_by("id").all()
        assert [len(tag.labels) for tag in tags] == [9, 6, 3]
        assert {label.post.title for label in tags[2].labels} == {"Ann2", "Ann3", "Bea2"}


async def test_keys_of_many_parents_go_within_the_limits_of_the_database(db):
    owners, ids = range(20_000), [uuid.UUID(int=at) for at in range(20_000)]
    async with AsyncSession(db) as session:
        await session.insert_all([Device(id=id, row=at % 7, code=str(at)) for at, id in zip(owners, ids, strict=True)])
        await session.insert_all([Reading(id=at, device_id=ids[at % 5000]) for at in range(10_000)])
        await session.insert_all([Note(id=at, row=at % 7, code=str(at)) for at in range(10_000)])
        await session.commit()
    async with AsyncSession(db) as session:
        with sent(db) as seen:
            found = await session.query(Device).options("readings", "notes").order_by("id").all()
        assert [len(device.readings) for device in found] == [2] * 5000 + [0] * 15_000
        assert [len(device.notes) for device in found] == [1] * 10_000 + [0] * 10_000
        # One array for each column, or all keys as JSON on SQLite.
        assert [len(flight) for flight in seen.flights] == [1, 2]
