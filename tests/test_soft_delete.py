"""Rows that count as deleted and stay, on both databases."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from sent import sent

from ormkit import (
    AsyncSession,
    Count,
    DateTime,
    DeclarativeBase,
    ForeignKey,
    InvalidRequestError,
    Mapped,
    RelationNotLoadedError,
    SoftDeleteMixin,
    Sum,
    UniqueViolation,
    aliased,
    contains_eager,
    delete,
    func,
    joinedload,
    load_only,
    mapped_column,
    relationship,
    select,
    selectinload,
    update,
    with_loader_criteria,
)


class Base(DeclarativeBase):
    __abstract__ = True


class User(SoftDeleteMixin, Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    posts: Mapped[list[Post]] = relationship(back_populates="user", cascade="all, delete-orphan", order_by="Post.id")
    labels: Mapped[list[Label]] = relationship(secondary="user_labels", order_by="Label.id")


class Post(SoftDeleteMixin, Base):
    __tablename__ = "posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    stars: Mapped[int] = mapped_column(default=1)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    user: Mapped[User | None] = relationship(back_populates="posts")


class Label(SoftDeleteMixin, Base):
    __tablename__ = "labels"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


class Plain(Base):
    __tablename__ = "plains"
    id: Mapped[int] = mapped_column(primary_key=True)


@pytest.fixture
async def db(engine):
    """Ann has the posts a, b and gone, Bob is gone and has c; gone posts and labels are marked."""
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        labels = [Label(text="x"), Label(text="gone")]
        ann = User(name="Ann", posts=[Post(title="a"), Post(title="b"), Post(title="gone")], labels=labels)
        bob = User(name="Bob", posts=[Post(title="c")])
        await session.insert_all([ann, bob])
        for marked in (ann.posts[2], bob, labels[1]):
            await session.soft_delete(marked)
    return engine


def titles(posts):
    return [post.title for post in posts]


async def test_marked_rows_are_left_out_of_queries(db):
    async with AsyncSession(db) as session:
        assert [user.name for user in await session.query(User).all()] == ["Ann"]
        assert [user.name for user in await session.query(User).with_deleted().order_by("name")] == ["Ann", "Bob"]
        assert [user.name for user in await session.query(User).only_deleted().all()] == ["Bob"]
        assert await session.query(User).count() == 1
        assert await session.query(User).limit(5).count() == 1
        assert await session.query(User).with_deleted().count() == 2
        assert await session.query(User).only_deleted().limit(5).count() == 1
        assert not await session.query(User).filter(name="Bob").exists()
        assert await session.query(User).only_deleted().exists()
        assert await session.query(User).filter(name="Bob").first() is None
        assert await session.query(Post).values_list("title", flat=True).order_by("title") == ["a", "b", "c"]
        found = await session.scalars(select(User.name).order_by(User.name).execution_options(include_deleted=True))
        assert found.all() == ["Ann", "Bob"]


async def test_joins_leave_them_out(db):
    async with AsyncSession(db) as session:

        async def pairs(statement):
            return [tuple(row) for row in (await session.execute(statement)).all()]

        both = select(Post.title, User.name).order_by(Post.title)
        assert await pairs(both.join(Post.user)) == [("a", "Ann"), ("b", "Ann")]
        assert await pairs(both.outerjoin(Post.user)) == [("a", "Ann"), ("b", "Ann"), ("c", None)]
        assert await pairs(both.join(User, (User.id == Post.user_id) | (User.id == -1))) == [("a", "Ann"), ("b", "Ann")]
        assert await pairs(both.where(User.id == Post.user_id)) == [("a", "Ann"), ("b", "Ann")]
        other = aliased(User)
        assert await pairs(select(other.name)) == [("Ann",)]
        everything = both.join(Post.user).execution_options(include_deleted=True)
        assert len(await pairs(everything)) == 4
        labelled = select(User.name, Label.text).outerjoin(User.labels)
        assert await pairs(labelled) == [("Ann", "x")]


async def test_full_join_knows_neither_side_of_them(db):
    async with AsyncSession(db) as session:
        full = select(User.name, Post.title).join(Post, Post.user_id == User.id, full=True).order_by(Post.title)
        assert [tuple(row) for row in (await session.execute(full)).all()] == [
            ("Ann", "a"),
            ("Ann", "b"),
            (None, "c"),
        ]
        along = select(User.name, Post.title).outerjoin(User.posts, full=True).order_by(Post.title)
        assert len((await session.execute(along)).all()) == 3
        assert len((await session.execute(along.execution_options(include_deleted=True))).all()) == 4


async def test_lookups_leave_them_out(db):
    async with AsyncSession(db) as session:
        assert await session.query(Post).filter(user__name="Bob").all() == []
        assert await session.query(User).filter(posts__title="gone").all() == []
        assert await session.query(User).filter(posts__title="a").count() == 1
        assert await session.query(User).filter(labels__text="gone").all() == []
        assert await session.query(User).filter(User.posts.any(Post.title == "gone")).all() == []
        assert await session.query(Post).filter(Post.user.has()).count() == 2
        assert titles(await session.query(Post).order_by("user__name", "title").with_deleted()) == [
            "a",
            "b",
            "gone",
            "c",
        ]
        # The scope of a query is that of its lookups; a subquery has its own.
        assert await session.query(Post).with_deleted().filter(user__name="Bob").count() == 1
        inner = select(User.id)
        assert await session.query(Post).with_deleted().filter(Post.user_id.in_(inner)).count() == 3
        assert await session.query(Post).filter(user_id__in=session.query(User).with_deleted()).count() == 3


@pytest.mark.parametrize("load", [selectinload, joinedload])
async def test_they_are_not_loaded_along(db, load):
    async with AsyncSession(db) as session:
        [ann] = await session.query(User).options(load(User.posts), load(User.labels)).all()
        assert titles(ann.posts) == ["a", "b"]
        assert [label.text for label in ann.labels] == ["x"]
    async with AsyncSession(db) as session:
        posts = await session.query(Post).options(load(Post.user)).order_by("title").all()
        assert [post.user and post.user.name for post in posts] == ["Ann", "Ann", None]
        assert posts[2].user_id is not None
    async with AsyncSession(db) as session:
        posts = await session.query(Post).with_deleted().options(load(Post.user)).order_by("title").all()
        assert [post.user.name for post in posts] == ["Ann", "Ann", "Bob", "Ann"]
    async with AsyncSession(db) as session:
        [gone] = await session.query(Post).only_deleted().options(load(Post.user)).all()
        assert gone.user.name == "Ann"
        ann = await session.get(User, gone.user_id, options=[load(User.posts)])
        assert titles(ann.posts) == ["a", "b"]


async def test_limited_and_streamed_loads_leave_them_out(db):
    async with AsyncSession(db) as session:
        last = selectinload(User.posts).order_by(Post.id.desc()).limit(1)
        [ann] = await session.query(User).options(last).all()
        assert titles(ann.posts) == ["b"]
    async with AsyncSession(db) as session:
        found = [user async for user in session.query(User).options(selectinload(User.posts)).stream()]
        assert [titles(user.posts) for user in found] == [["a", "b"]]
    async with AsyncSession(db) as session:
        stream = session.query(User).with_deleted().order_by("id").options(selectinload(User.posts)).stream()
        assert [titles(user.posts) async for user in stream] == [["a", "b", "gone"], ["c"]]
    async with AsyncSession(db) as session:
        [ann] = await session.query(User).options(joinedload(User.posts)).limit(3).all()
        assert titles(ann.posts) == ["a", "b"]


async def test_criteria_of_a_program_hold_beside_it(db):
    async with AsyncSession(db) as session:
        narrow = with_loader_criteria(Post, Post.title != "a")
        [ann] = await session.query(User).options(selectinload(User.posts), narrow).all()
        assert titles(ann.posts) == ["b"]
    async with AsyncSession(db) as session:
        joined = session.query(User).options(joinedload(User.posts), with_loader_criteria(Post, Post.title != "a"))
        [ann] = await joined.all()
        assert titles(ann.posts) == ["b"]
    async with AsyncSession(db) as session:
        own = select(User).join(User.posts).options(contains_eager(User.posts)).order_by(Post.id)
        [ann] = (await session.scalars(own)).unique().all()
        assert titles(ann.posts) == ["a", "b"]


async def test_aggregates_leave_them_out(db):
    async with AsyncSession(db) as session:
        assert await session.query(Post).sum("stars") == 3
        assert await session.query(Post).with_deleted().sum("stars") == 4
        assert await session.query(Post).only_deleted().sum("stars") == 1
        assert await session.query(User).aggregate(n=Count("posts")) == {"n": 2}
        assert await session.query(User).with_deleted().aggregate(n=Count("posts")) == {"n": 4}
        [ann] = await session.query(User).annotate(n=Count("posts"), stars=Sum("posts__stars")).all()
        assert (ann.n, ann.stars) == (2, 2)
        counts = session.query(User).with_deleted().annotate(n=Count("posts")).order_by("name")
        assert [user.n for user in await counts] == [3, 1]
        [bob] = await session.query(User).only_deleted().annotate(n=Count("posts"), stars=Sum("posts__stars")).all()
        assert (bob.n, bob.stars) == (1, 1)
        grouped = session.query(Post).values("user__name").annotate(n=Count("id")).order_by("user__name")
        assert sorted((row["user__name"] or "", row["n"]) for row in await grouped) == [("", 1), ("Ann", 2)]
        assert await session.scalar(select(func.count()).select_from(Post)) == 3


async def test_subqueries_and_set_operations_say_it_themselves(db):
    async with AsyncSession(db) as session:
        rows = select(User.name).subquery()
        assert (await session.scalars(select(rows.c.name).execution_options(include_deleted=True))).all() == ["Ann"]
        everyone = select(User.name).execution_options(include_deleted=True).cte("everyone")
        assert len((await session.scalars(select(everyone.c.name))).all()) == 2
        both = select(User.name).union_all(select(User.name).execution_options(include_deleted=True))
        assert sorted((await session.scalars(both)).all()) == ["Ann", "Ann", "Bob"]
        with pytest.raises(TypeError, match="of their parts"):
            both.execution_options(include_deleted=True)
        count = select(func.count(Post.id)).where(Post.user_id == User.id).scalar_subquery()
        assert (await session.execute(select(User.name, count))).all() == [("Ann", 2)]


async def test_set_verbs_leave_them_out(db):
    async with AsyncSession(db) as session:
        assert await session.query(Post).update(stars=2) == 3
        assert await session.query(Post).with_deleted().update(stars=3) == 4
        assert await session.query(Post).only_deleted().update(stars=4) == 1
        assert await session.bulk_update(Post, {"stars": 5}, user__name="Ann") == 2
        assert (await session.execute(update(Post).values(stars=6))).rowcount == 3
        everything = update(Post).values(stars=7).execution_options(include_deleted=True)
        assert (await session.execute(everything)).rowcount == 4
        from_users = update(Post).values(title=User.name).where(User.id == Post.user_id)
        assert (await session.execute(from_users)).rowcount == 2
        assert (await session.execute(delete(Post).where(User.id == Post.user_id, User.name == "Bob"))).rowcount == 0
        assert await session.query(Post).order_by("id").limit(1).delete() == 1
        assert await session.query(Post).delete() == 2
        assert await session.query(Post).only_deleted().update(deleted_at=None) == 1
        assert await session.query(Post).count() == 1
        await session.commit()


async def test_get_answers_none_also_when_it_is_held(db):
    async with AsyncSession(db) as session:
        assert await session.get(User, 2) is None
        bob = await session.get(User, 2, include_deleted=True)
        assert bob.is_deleted
        assert bob.deleted_at.tzinfo is not None
        assert abs(datetime.now(timezone.utc) - bob.deleted_at) < timedelta(minutes=5)
        with sent(db) as texts:
            assert await session.get(User, 2) is None
            assert await session.get(User, 2, include_deleted=True) is bob
        assert texts == []
        assert await session.get(User, 2, populate_existing=True) is None
        assert await session.get(User, 2, populate_existing=True, include_deleted=True) is bob
        session.expire(bob)
        assert await session.get(User, 2) is None
        session.expire(bob)
        assert await session.get(User, 2, include_deleted=True) is bob
        post = await session.query(Post).filter(title="c").one()
        assert post.user is None
        with_posts = await session.get(User, 1, options=[selectinload(User.posts)], include_deleted=True)
        assert titles(with_posts.posts) == ["a", "b", "gone"]


async def test_held_object_that_does_not_tell_is_asked_for(db):
    async with AsyncSession(db) as session:
        bob = await session.query(User).with_deleted().options(load_only(User.name)).filter(name="Bob").one()
        assert await session.get(User, 2) is None
        session.expire(bob, ["deleted_at"])
        post = await session.query(Post).filter(title="c").one()
        with pytest.raises(RelationNotLoadedError):
            assert post.user
        await session.load(post, Post.user)
        assert post.user is None
        await session.refresh(bob)
        assert bob.is_deleted


async def test_verbs_may_be_repeated_and_keep_the_first_time(db):
    async with AsyncSession(db) as session:
        bob = await session.get(User, 2, include_deleted=True)
        marked = bob.deleted_at
        assert await session.soft_delete(bob) is bob
        assert bob.deleted_at == marked
        assert await session.restore(await session.restore(bob)) is bob
        assert await session.get(User, 2) is bob
        bob.name = "Bobby"
        await session.soft_delete(bob)
        assert (await db.execute("SELECT name FROM users WHERE deleted_at IS NOT NULL")).scalar() == "Bobby"
        new = User(name="new")
        with pytest.raises(InvalidRequestError):
            await session.soft_delete(new)
        assert not new.is_deleted


async def test_marks_are_a_unit_of_work_too(db):
    async with AsyncSession(db) as session:
        ann = await session.get(User, 1)
        ann.mark_deleted()
        first = ann.deleted_at
        ann.mark_deleted()
        assert ann.deleted_at == first
        assert await session.get(User, 1) is None
        assert await session.query(User).count() == 0  # flushed
        await session.rollback()
        assert not ann.is_deleted
        assert await session.get(User, 1) is ann
        ann.mark_deleted()
        await session.refresh(ann)
        ann.mark_restored()
        await session.commit()
        assert await session.query(User).count() == 1


async def test_refresh_load_and_merge_find_a_marked_row(db):
    async with AsyncSession(db) as session:
        bob = await session.get(User, 2, include_deleted=True)
        await session.refresh(bob)
        session.expire(bob, ["name"])
        await session.load(bob, User.name)
        assert bob.name == "Bob"
        await session.load(bob, User.posts)
        assert titles(bob.posts) == ["c"]
    async with AsyncSession(db) as session:
        merged = await session.merge(User(id=2, name="Bert"))
        assert merged.is_deleted
        await session.commit()
    assert (await db.execute("SELECT count(*) FROM users")).scalar() == 2


async def test_deleting_a_row_sees_to_its_marked_children(db):
    async with AsyncSession(db) as session:
        await session.force_delete(await session.get(User, 1))
    assert (await db.execute("SELECT title FROM posts")).tuples() == [("c",)]
    async with AsyncSession(db) as session:
        # One whose list was loaded without them, and that has changed.
        bob = await session.restore(await session.get(User, 2, include_deleted=True))
        await session.load(bob, User.posts)
        await session.soft_delete(bob.posts[0])
        session.expire(bob, ["posts"])
        await session.load(bob, User.posts)
        assert bob.posts == []
        bob.posts.append(Post(title="e"))
        session.delete(bob)
        await session.commit()
    assert (await db.execute("SELECT count(*) FROM posts")).scalar() == 0


async def test_upsert_writes_a_marked_row_and_leaves_the_mark(db):
    async with AsyncSession(db) as session:
        found = await session.upsert(User(name="Bob"), "name", do_nothing=True)
        assert (found.id, found.is_deleted) == (2, True)
        again = await session.upsert(User(name="Bob"), "name")
        assert again.is_deleted
        back = await session.upsert(User(name="Bob", deleted_at=None), "name", update_fields=["deleted_at"])
        assert not back.is_deleted
        await session.soft_delete(back)
        with pytest.raises(UniqueViolation):
            await session.get_or_create(User, name="Bob")


async def test_shapes_are_told_apart_by_what_they_leave_out(db):
    async with AsyncSession(db) as session:
        for _ in range(3):
            assert await session.query(User).count() == 1
            assert await session.query(User).with_deleted().count() == 2
            assert await session.query(User).only_deleted().count() == 1
            assert (await session.execute(update(Label).values(text="y"))).rowcount == 1
            anyway = update(Label).values(text="y").execution_options(include_deleted=True)
            assert (await session.execute(anyway)).rowcount == 2
        await session.commit()


def test_text_is_that_of_a_person():
    assert str(select(User.name).where(User.id == 1)) == "SELECT name FROM users WHERE id = $1 AND deleted_at IS NULL"
    either = select(User.name).where((User.id == 1) | (User.id == 2))
    assert str(either) == "SELECT name FROM users WHERE (id = $1 OR id = $2) AND deleted_at IS NULL"
    assert str(select(Plain.id)) == "SELECT id FROM plains"
    assert str(update(Post).values(stars=1)) == "UPDATE posts SET stars = $1 WHERE deleted_at IS NULL"


async def test_class_without_the_mark_is_refused(db):
    async with AsyncSession(db) as session:
        plain = await session.insert(Plain())
        with pytest.raises(TypeError, match="SoftDeleteMixin"):
            session.soft_delete(plain)
        with pytest.raises(TypeError, match="SoftDeleteMixin"):
            session.restore(plain)
        with pytest.raises(TypeError, match="SoftDeleteMixin"):
            session.query(Plain).only_deleted()
        assert await session.query(Plain).with_deleted().count() == 1
        assert await session.get(Plain, plain.id, include_deleted=True) is plain
        await session.force_delete(plain)
    assert User.__soft_delete__ == "deleted_at"
    assert Plain.__soft_delete__ is None


def test_mistakes_in_the_option_are_named():
    class Own(DeclarativeBase):
        __abstract__ = True

    with pytest.raises(Exception, match="removed_at"):

        class One(Own):
            __soft_delete__ = "remved_at"
            id: Mapped[int] = mapped_column(primary_key=True)
            removed_at: Mapped[datetime | None]

    with pytest.raises(Exception, match="allows NULL"):

        class Two(Own):
            __soft_delete__ = "removed_at"
            id: Mapped[int] = mapped_column(primary_key=True)
            removed_at: Mapped[datetime]

    with pytest.raises(Exception, match="timezone=True"):

        class Three(Own):
            __soft_delete__ = "removed_at"
            id: Mapped[int] = mapped_column(primary_key=True)
            removed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=False))

    class Four(SoftDeleteMixin, Own):
        __soft_delete__ = None
        id: Mapped[int] = mapped_column(primary_key=True)

    assert Four.__soft_delete__ is None
    assert str(select(Four.id)) == "SELECT id FROM fours"


async def test_marked_links_of_a_mapped_junction_are_left_out(engine):
    class Own(DeclarativeBase):
        __abstract__ = True

    class Membership(SoftDeleteMixin, Own):
        __tablename__ = "memberships"
        club_id: Mapped[int] = mapped_column(ForeignKey("clubs.id"), primary_key=True)
        person_id: Mapped[int] = mapped_column(ForeignKey("persons.id"), primary_key=True)

    class Person(Own):
        __tablename__ = "persons"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Club(Own):
        __tablename__ = "clubs"
        id: Mapped[int] = mapped_column(primary_key=True)
        persons: Mapped[list[Person]] = relationship(secondary=Membership, order_by=Person.id)

    await Own.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        club = await session.insert(Club(persons=[Person(), Person()]))
        await session.soft_delete(await session.get(Membership, (club.id, 2)))
    for load in (selectinload, joinedload):
        async with AsyncSession(engine) as session:
            [club] = await session.query(Club).options(load(Club.persons)).all()
            assert [person.id for person in club.persons] == [1]
            assert await session.query(Club).filter(persons__id=2).count() == 0
            assert await session.query(Club).with_deleted().filter(persons__id=2).count() == 1
            joined = select(Person.id).select_from(Club).outerjoin(Club.persons)
            assert (await session.scalars(joined)).all() == [1]
            [counted] = await session.query(Club).annotate(n=Count("persons")).all()
            assert counted.n == 1


async def test_reference_to_a_marked_row_is_let_go_by_its_key(db):
    async with AsyncSession(db) as session:
        post = await session.query(Post).filter(title="c").options(selectinload(Post.user)).one()
        assert post.user is None
        post.title = "changed"
        await session.commit()
        assert post.user_id == 2
        post.user = None
        await session.commit()
        assert post.user_id == 2
        assert await session.query(Post).filter(user__isnull=False).count() == 3
        post.user_id = None
        await session.commit()
        assert await session.query(Post).filter(user__isnull=False).count() == 2


async def test_rolled_back_marks_are_taken_back(db):
    async with AsyncSession(db) as session:
        ann = await session.get(User, 1)
        async with session.begin() as tx:
            await session.soft_delete(ann)
            assert await session.get(User, 1) is None
            await tx.rollback()
        assert not ann.is_deleted
        assert await session.get(User, 1) is ann
