"""Which columns queries read: load_only, defer, undefer, deferred columns; and what completes an object."""

import pytest
from blog import Base, Post, Profile, Team, User
from counting import sent

from ormkit import (
    AsyncSession,
    FieldError,
    Load,
    NotLoadedError,
    defaultload,
    defer,
    joinedload,
    load_only,
    select,
    selectinload,
    undefer,
    undefer_group,
)


@pytest.fixture
async def db(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        red = Team(name="red")
        ann = User(name="Ann", age=30, bio="long", photo=b"p", sound=b"s", team=red, profile=Profile(motto="on"))
        ann.posts = [Post(title="one", body="1", rating=1), Post(title="two", body="2", rating=2)]
        session.add_all([ann, User(name="Bea", age=40, bio="short", team=red)])
        await session.commit()
    return engine


def loaded(found):
    """The names of the columns that an object has."""
    names = ("id", "name", "age", "bio", "photo", "sound", "team_id")
    return {name for name in names if hasattr(found, name)}


async def test_load_only_reads_these_columns_and_the_key(db):
    async with AsyncSession(db) as session:
        with sent(db) as seen:
            ann = (await session.scalars(select(User).options(load_only(User.name)).order_by(User.id))).first()
        assert seen.statements[0].startswith("SELECT id, name FROM blog_users")
        assert (ann.id, ann.name) == (1, "Ann")
        with pytest.raises(
            NotLoadedError, match=r"User\.age is not loaded.*undefer\(User\.age\).*session\.load\(obj, User\.age\)"
        ):
            ann.age  # noqa: B018


async def test_later_query_completes_the_object(db):
    async with AsyncSession(db) as session:
        ann = await session.query(User).options(load_only(User.name)).filter(name="Ann").one()
        ann.name = "Anna"
        assert await session.query(User).filter(id=1).one() is ann
        assert (ann.age, ann.name) == (30, "Anna")
        await session.rollback()


async def test_deferred_columns_are_left_out_until_asked_for(db):
    async with AsyncSession(db) as session:
        ann = await session.get(User, 1)
        assert loaded(ann) == {"id", "name", "age", "team_id"}
        await session.query(User).options(undefer(User.bio)).all()
        assert ann.bio == "long" and not hasattr(ann, "photo")
        await session.query(User).options(undefer_group("media")).all()
        assert (ann.photo, ann.sound) == (b"p", b"s")


async def test_options_add_up_in_their_order(db):
    async with AsyncSession(db) as session:
        query = session.query(User).filter(id=1)
        ann = await query.options(defer(User.age), defer("name"), undefer("bio")).one()
        assert loaded(ann) == {"id", "bio", "team_id"}
    async with AsyncSession(db) as session:
        query = session.query(User).filter(id=1)
        ann = await query.options(load_only(User.name)).options(undefer("*"), defer("photo", "sound")).one()
        assert loaded(ann) == {"id", "name", "age", "bio", "team_id"}
    async with AsyncSession(db) as session:
        ann = await session.query(User).filter(id=1).options(Load(User).defer("*").load_only(User.age)).one()
        assert loaded(ann) == {"id", "age"}


@pytest.mark.parametrize("load", [selectinload, joinedload])
async def test_columns_below_a_relation(db, load):
    async with AsyncSession(db) as session:
        query = session.query(User).options(load_only(User.name), load(User.posts).load_only(Post.title))
        ann = await query.filter(name="Ann").one()
        assert [post.title for post in ann.posts] == ["one", "two"]
        assert not hasattr(ann.posts[0], "rating") and not hasattr(ann.posts[0], "body")
        assert all(post.author is ann for post in ann.posts)


@pytest.mark.parametrize("load", [selectinload, joinedload])
async def test_columns_of_a_reference_and_of_what_is_below(db, load):
    async with AsyncSession(db) as session:
        below = load(Post.author).options(load_only(User.age, User.bio), load(User.team).load_only("name"))
        post = await session.query(Post).options(load_only(Post.title), below).filter(title="two").one()
        assert (post.author.age, post.author.bio, post.author.team.name) == (30, "long", "red")
        assert not hasattr(post.author, "name") and not hasattr(post, "rating")


async def test_defaultload_speaks_of_objects_and_not_of_loading(db):
    async with AsyncSession(db) as session:
        options = [selectinload(User.posts), defaultload(User.posts).undefer(Post.body)]
        ann = await session.get(User, 1, options=options)
        assert [post.body for post in ann.posts] == ["1", "2"]


async def test_get_takes_columns(db):
    async with AsyncSession(db) as session:
        ann = await session.get(User, 1, options=[load_only(User.name)])
        assert loaded(ann) == {"id", "name"}
        with sent(db) as seen:
            assert await session.get(User, 1, options=[undefer(User.bio), selectinload(User.posts)]) is ann
        assert (ann.bio, ann.age, len(ann.posts)) == ("long", 30, 2)
        assert len(seen) == 2
        with sent(db) as seen:
            assert await session.get(User, 1, options=undefer(User.bio)) is ann
        assert len(seen) == 0
        assert await session.get(User, 99, options=[load_only(User.name)]) is None


async def test_partly_loaded_object_is_written_by_what_changed(db):
    async with AsyncSession(db) as session:
        ann = await session.query(User).options(load_only(User.name)).filter(id=1).one()
        ann.age = 31
        with sent(db) as seen:
            await session.flush()
        assert [sql for sql in seen.statements if "UPDATE" in sql] and "name" not in seen.statements[-1]
        await session.commit()
    async with AsyncSession(db) as session:
        ann = await session.get(User, 1, options=[undefer("*")])
        assert (ann.name, ann.age, ann.bio, ann.team_id) == ("Ann", 31, "long", 1)


async def test_reference_without_its_key_is_loaded_all_the_same(db):
    async with AsyncSession(db) as session:
        users = await session.query(User).options(load_only(User.name)).order_by("id").all()
        with sent(db) as seen:
            await session.load(users, User.team)
        assert [user.team.name for user in users] == ["red", "red"]
        assert len(seen) == 2


async def test_wrong_names_are_refused(db):
    async with AsyncSession(db) as session:
        query = session.query(User)
        with pytest.raises(FieldError, match="did you mean `name`"):
            query.options(load_only("nmae"))
        with pytest.raises(FieldError, match=r"User has no deferred group `medja`: did you mean `media`"):
            query.options(undefer_group("medja"))
        with pytest.raises(FieldError, match=r"Post\.title"):
            query.options(load_only(Post.title))
        with pytest.raises(FieldError, match=r"User\.posts is a relation"):
            query.options(defer(User.posts))
        with pytest.raises(TypeError, match="takes columns"):
            load_only()
        with pytest.raises(TypeError, match="not a value of type int"):
            defer(1)
